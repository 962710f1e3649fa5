// Package page writes a runbook as one HTML file that a change board reads and signs: summary, a picture of what is served
// when, risks, rollback, sign-off, and the steps with their commands. The file needs nothing from outside, runs no
// script, and is readable in print and in black and white. The journal of a run can be laid over the plan: then the page
// is the report of that run.
//
//	err := page.Write(w, runbook, page.Options{SheetOptions: evenkeel.SheetOptions{Digest: runbook.Digest()}})
package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// Options are what a page shows beside the runbook.
type Options struct {
	evenkeel.SheetOptions
	Banner string // what the reader must know before all else; may be empty
	Walk   *Walk  // what is served where at each step; nil where nobody has walked the runbook
	Why    string // why there is none
}

//go:embed page.html
var pageHTML string

// headHTML is the template "head": what every page begins with.
//
//go:embed head.html
var headHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"md":      render,
	"join":    strings.Join,
	"groups":  groups,
	"checks":  checks,
	"lasts":   printable.Duration,
	"stamp":   func(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") },
	"machine": func(t time.Time) string { return t.Format(time.RFC3339) },
	"title":   func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
}).Parse(headHTML + pageHTML))

// view is what the template sees.
type view struct {
	*evenkeel.Sheet
	Banner  string
	CSS     template.CSS
	Policy  string
	Picture template.HTML
	Legend  []swatch
	Source  string
	Walked  *table
	Outages []string
	Report  bool // a journal is laid over the plan
}

// Write writes the page.
func Write(w io.Writer, rb *evenkeel.Runbook, o Options) error {
	sheet, err := rb.Sheet(o.SheetOptions)
	if err != nil {
		return err
	}
	p := newPicture(sheet, o.Walk)
	v := view{Sheet: sheet, Banner: printable.Line(o.Banner), CSS: template.CSS(pageCSS), //nolint:gosec // our own
		Policy:  policy(),
		Picture: p.draw(), Legend: p.legend(), Walked: p.table(), Report: len(o.Records) > 0,
		Source: "The picture shows what the runbook itself declares: windows, work by hand, points of no return. " +
			"It was not run in a simulated world" +
			in(": ", printable.Line(o.Why)) + "."}
	if o.Walk != nil {
		v.Source, v.Outages = "Who serves what comes from running this very runbook on "+printable.Line(o.Walk.World)+
			". It is no promise about the real "+
			"machines. What is down only within one command shows as no gap: see the outages below.", lines(o.Walk.Outages)
	}
	return pageTemplate.Execute(w, v)
}

// policy forbids a browser all but the page's own style.
func policy() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

func in(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

func lines(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = printable.Line(t)
	}
	return out
}

// group is actions that stand together: one that changes something, or all the looks up to the next one.
type group struct {
	Looks   bool
	Actions []evenkeel.ActionSheet
}

// groups takes the looks together that follow each other.
func groups(list []evenkeel.ActionSheet) (out []group) {
	for i := range list {
		looks := list[i].Looks()
		if n := len(out); looks && n > 0 && out[n-1].Looks {
			out[n-1].Actions = append(out[n-1].Actions, list[i])
			continue
		}
		out = append(out, group{looks, list[i : i+1 : i+1]})
	}
	return out
}

// checks says what a group of looks does, in one line.
func checks(g group) string {
	preconditions, failed, titles := 0, 0, []string{}
	for i := range g.Actions {
		a := &g.Actions[i]
		if a.Precondition {
			preconditions++
		}
		if a.Ran != nil && a.Ran.Progress == evenkeel.Failed {
			failed++
		}
		titles = append(titles, a.Title)
	}
	text := "Checks " + printable.Count(len(g.Actions), "condition")
	if preconditions > 0 {
		text += fmt.Sprintf(", %d immediately before what follows", preconditions)
	}
	if failed > 0 {
		text += fmt.Sprintf(", of which %d FAILED", failed)
	}
	if len(titles) == 1 {
		text += ": " + titles[0]
	}
	return text
}
