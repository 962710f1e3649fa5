package page_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli/page"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// hostile are texts that would be something else in HTML, in SVG or in Markdown.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</style><script>1</script>`, `</title><b>x</b>`,
	`</svg><iframe src=//evil>`, `[x](javascript:alert(1))`, `![x](http://evil/a.png)`, `<http://evil>`, "&lt;script&gt;", "]]>", "<!-- x",
	"`<i>x</i>`", "# Forged", "a\n\n<div>", "x\x1b[31m", "\u202egpj.exe", "| a | b |\n|---|---|\n| <b> | ![x](http://evil) |", "{{.CSS}}",
}

const secret = "Correct-Horse-7-Battery"

// book has every kind of text that a page shows, and bad in each of them.
func book(bad string) *evenkeel.Runbook {
	look := evenkeel.Look("look", bad, "cat", bad).Expecting(bad, func(evenkeel.Observed) error { return nil })
	again := look.On(bad).AsPrecondition()
	again.ID = "again"
	change := evenkeel.Disrupt("move", bad, "move", bad).Noting(bad).From(bad).
		Probed(evenkeel.Probe{Cmd: sshexec.Command(evenkeel.ReadOnly, "look", bad), Text: bad,
			Read: func(evenkeel.Observed) (evenkeel.ProbeResult, error) { return evenkeel.Done, nil }})
	change.Cmd.Stdin, change.Cmd.Mask = sshexec.SecretText(secret), []sshexec.Secret{secret}
	return &evenkeel.Runbook{
		Name: "n", Title: bad, Intro: bad, Version: bad, Dropped: []string{bad + secret}, Inputs: []evenkeel.Input{{Name: bad, SHA256: bad}},
		Secrets:    []sshexec.Secret{secret},
		Functions:  bad,
		Invariants: []evenkeel.Invariant{{ID: "served", Title: bad + secret, Check: func(context.Context, evenkeel.Site) error { return nil }}},
		Absences:   []evenkeel.Absence{{What: bad, From: "one", Until: "two", Ref: bad}},
		Steps: []evenkeel.Step{
			{ID: "one", Title: bad, Host: "h" + bad, Ref: bad, Why: bad + secret, Actions: []evenkeel.Action{look, again, change},
				Verify: []evenkeel.Action{evenkeel.Look("v", bad, "true")}, Undo: []evenkeel.Action{evenkeel.Do("u", bad, "undo", bad)}, Remains: bad,
				Opens: []evenkeel.Window{{ID: "w" + bad, Invariant: "served", Reason: bad, Limit: time.Minute, Stop: evenkeel.StopAtClose,
					Completion: []evenkeel.Action{evenkeel.Do("c", bad, "complete", bad)}}}, Closes: []string{"w" + bad}},
			{ID: "two", Title: bad, Host: "h", Irreversible: bad, Actions: []evenkeel.Action{evenkeel.ByHand("m", bad, bad),
				evenkeel.Do("d", bad, "true", bad)}},
			{ID: "three", Title: "Rest", Host: "h", Harmless: bad, Actions: []evenkeel.Action{evenkeel.Do("d", "Tidy up", "true")}},
		},
	}
}

func options(bad string) page.Options {
	return page.Options{Banner: bad, Why: bad, SheetOptions: evenkeel.SheetOptions{Digest: bad, Signed: bad, Made: bad, User: bad,
		Findings: []string{bad}, Outages: []string{bad}},
		Walk: &page.Walk{World: bad, Targets: []string{"t" + bad, "u"}, Outages: []string{bad}, Moments: []page.Moment{
			{Step: "one", Where: []string{"a" + bad, "b"}}, {Step: "one", Where: []string{"", "b"}}, {Step: "two", Where: []string{"b" + bad, "b"}},
		}}}
}

func written(t *testing.T, rb *evenkeel.Runbook, o page.Options) (string, *html.Node) {
	t.Helper()
	var b strings.Builder
	require.NoError(t, page.Write(&b, rb, o))
	root, err := html.Parse(strings.NewReader(b.String()))
	require.NoError(t, err)
	return b.String(), root
}

// all are the elements of a page.
func all(root *html.Node) (list []*html.Node) {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			list = append(list, n)
		}
	}
	return list
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// inside is the text of a node.
func inside(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// elements are how often each element stands in a page: what a hostile text must not change.
func elements(root *html.Node) map[string]int {
	count := map[string]int{}
	for _, n := range all(root) {
		count[n.Data]++
	}
	return count
}

// allowed are the elements that a page is made of.
var allowed = strings.Fields(`html head meta title style body a header h1 p strong main section h2 h3 h4 nav ul li ol
	details summary div table thead tbody tr th td figure figcaption pre code span svg desc defs pattern rect path circle text em time`)

// reaching are attributes that reach outside, or bring a style that the policy does not know.
var reaching = []string{"src", "srcset", "style", "xlink:href", "action", "formaction", "background", "poster", "data"}

// structure are the elements that a page has as many of, whatever its texts are.
var structure = strings.Fields("html head body style title section h1 h2 h3 svg pre details nav main")

// Nothing that comes from a file or a machine makes an element, an attribute or a link to the outside.
func TestHostileTextsInject(t *testing.T) {
	harmless := elements(func() *html.Node { _, root := written(t, book("word"), options("word")); return root }())
	for _, bad := range hostile {
		text, root := written(t, book(bad), options(bad))
		got := elements(root)
		for _, n := range all(root) {
			require.Contains(t, allowed, n.Data, "%q", bad)
			for _, a := range n.Attr {
				require.False(t, strings.HasPrefix(a.Key, "on"), "%q: %s", bad, a.Key)
				require.NotContains(t, reaching, a.Key, "%q", bad)
				if a.Key == "href" {
					require.Regexp(t, `^#[a-z0-9-]+$`, a.Val, "%q", bad)
				}
				if a.Key == "fill" {
					require.Regexp(t, `^url\(#[a-z0-9]+\)$`, a.Val, "%q", bad)
				}
			}
		}
		for _, name := range structure {
			require.Equal(t, harmless[name], got[name], "%q: %s", bad, name)
		}
		for _, r := range []string{"\x1b", "\u202e"} {
			require.NotContains(t, text, r)
		}
		require.NotContains(t, text, secret, "%q", bad)
	}
}

// A page needs nothing from outside, and no browser would fetch or run anything: the policy says so, and its hash is that of the style.
func TestPolicy(t *testing.T) {
	text, root := written(t, book("word"), options("word"))
	var policy, style string
	for _, n := range all(root) {
		switch {
		case n.Data == "meta" && attr(n, "http-equiv") == "Content-Security-Policy":
			policy = attr(n, "content")
		case n.Data == "style":
			style = inside(n)
		}
	}
	sum := sha256.Sum256([]byte(style))
	require.Equal(t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; base-uri 'none'; form-action 'none'", policy)
	require.NotRegexp(t, `(?i)https?:|@import|url\((?:[^#])|//`, regexp.MustCompile(`(?s)<pre.*?</pre>`).ReplaceAllString(text, ""))
	require.Less(t, strings.Index(text, "Content-Security-Policy"), strings.Index(text, "<style"), "the policy stands before what it is about")
}

// Who does not see the page finds the way: landmarks, headings in order, heads of tables, names, ids that are there once.
func TestWhoHearsThePage(t *testing.T) {
	_, root := written(t, book("word"), options("word"))
	ids, level := map[string]bool{}, 0
	for _, n := range all(root) {
		if id := attr(n, "id"); id != "" {
			require.False(t, ids[id], "id %s stands twice", id)
			ids[id] = true
		}
	}
	landmarks := []string{}
	for _, n := range all(root) {
		if ref := attr(n, "href"); ref != "" {
			require.True(t, ids[ref[1:]], "%s leads nowhere", ref)
		}
		for _, id := range strings.Fields(attr(n, "aria-labelledby")) {
			require.True(t, ids[id], "%s names nothing", id)
		}
		if m := regexp.MustCompile(`^h([1-6])$`).FindStringSubmatch(n.Data); m != nil {
			h := int(m[1][0] - '0')
			require.LessOrEqual(t, h, level+1, "heading %q skips a level", inside(n))
			level = h
		}
		switch n.Data {
		case "html":
			require.Equal(t, "en", attr(n, "lang"))
		case "th":
			require.Contains(t, []string{"row", "col", ""}, attr(n, "scope"))
		case "header", "main", "nav":
			landmarks = append(landmarks, n.Data)
		case "section", "nav ":
			require.NotEmpty(t, attr(n, "aria-labelledby"))
		case "svg":
			require.True(t, attr(n, "aria-hidden") == "true" || attr(n, "role") == "img" && attr(n, "aria-labelledby") != "")
		case "details":
			require.Equal(t, "summary", firstElement(n).Data)
		}
	}
	require.Equal(t, []string{"header", "main", "nav"}, landmarks)
}

func firstElement(n *html.Node) *html.Node {
	for c := range n.ChildNodes() {
		if c.Type == html.ElementNode {
			return c
		}
	}
	return &html.Node{}
}

// The summary is what is read first, and the same chapters stand in the page, in Markdown and in the text, in one order.
func TestOneOrder(t *testing.T) {
	rb, o := book("word"), options("word")
	require.NoError(t, rb.Validate())
	sheet, err := rb.Sheet(o.SheetOptions)
	require.NoError(t, err)
	var titles []string
	for _, c := range sheet.Chapters {
		titles = append(titles, c.Title)
	}
	require.Equal(t, "Summary", titles[0])
	require.Equal(t, []string{"What is served when", "Risks, and what guards against them", "Points of no return", "Rollback", "Sign-off"},
		slices.DeleteFunc(slices.Clone(titles), func(s string) bool {
			return slices.Contains([]string{"Summary", "Findings", "What it does", "Not carried over", "Made from",
				"How to read it, and how to follow it by hand"}, s)
		}))
	_, root := written(t, rb, o)
	var shown []string
	for _, n := range all(root) {
		if n.Data == "h2" && inside(n) != "Contents" && inside(n) != "The steps" {
			shown = append(shown, inside(n))
		}
	}
	require.Equal(t, titles, shown)
	var md strings.Builder
	require.NoError(t, sheet.Markdown(&md))
	at := 0
	for _, title := range titles {
		i := strings.Index(md.String()[at:], "\n## "+title+"\n")
		require.GreaterOrEqual(t, i, 0, "%s does not stand in Markdown, or not there", title)
		at += i
	}
}

// Changes are always seen; looks are one line; what an action needs beside its command is folded.
func TestChangesAreSeen(t *testing.T) {
	_, root := written(t, book("word"), options("word"))
	for _, n := range all(root) {
		id := attr(n, "id")
		if !strings.HasPrefix(id, "a-") {
			continue
		}
		folded := false
		for p := n.Parent; p != nil; p = p.Parent {
			folded = folded || p.Data == "details"
		}
		require.Equal(t, !slices.Contains([]string{"a-1.3", "a-2.1", "a-2.2", "a-3.1"}, id), folded, id)
	}
	text, _ := written(t, book("word"), options("word"))
	require.Contains(t, text, "<summary>Checks 2 conditions, 1 immediately before what follows</summary>")
	require.Contains(t, text, `<span class="tag">as word</span>`)
	require.Contains(t, text, "“word[redacted]” is suspended for at most 1 m: word", "a window, in the words of people")
	require.NotContains(t, text, "1m0s", "a duration as Go prints it")
}

// The picture shows where each target is served, gaps, windows, work by hand and points of no return, and says it in words.
func TestPicture(t *testing.T) {
	_, root := written(t, book("word"), options("word"))
	count, titles := map[string]int{}, []string{}
	for _, n := range all(root) {
		if n.Parent != nil && n.Data == "title" && n.Parent.Data != "head" {
			titles = append(titles, inside(n))
		}
		count[n.Data+"."+attr(n, "class")]++
	}
	require.Contains(t, titles, "tword on aword, in step 1")
	require.Contains(t, titles, "tword is DOWN, in step 1")
	require.Contains(t, titles, "tword on bword, steps 2 to 3")
	require.Contains(t, titles, "u on b, steps 1 to 3")
	require.Contains(t, titles, "point of no return: step 1", "its undo does not take all back")
	require.Contains(t, titles, "point of no return: step 2")
	require.Contains(t, titles, "step 2 by hand: word")
	require.Contains(t, titles, "outage window wword, in step 1: “word[redacted]” is suspended for at most 1 m: word")
	require.Equal(t, 1, count["rect.down"])
	require.Equal(t, 3+2+3, count["rect.bar"]+count["rect.bar place0"], "3 bars, a sign for each place, and one with a gap: %v", count)
	_, root = written(t, book("word"), page.Options{Why: "the world is flat"})
	text := inside(root)
	require.Contains(t, text, "what the runbook itself declares")
	require.Contains(t, text, "It was not run in a simulated world: the world is flat.")
}

// A journal laid over the plan makes the page a report: what was done, when, how it ended. One of another plan is refused.
func TestReport(t *testing.T) {
	rb := book("word")
	rb.Steps[0].Opens[0].ID, rb.Steps[0].Closes[0] = "w", "w"
	info := &evenkeel.RunInfo{ID: "r1", Runbook: "n", Digest: rb.Digest(), Steps: []string{"one", "two", "three"}, Simulated: true}
	at, exited := time.Date(2026, 11, 30, 1, 0, 0, 0, time.UTC), evenkeel.Exited
	records := []evenkeel.Record{
		{Time: at, Kind: evenkeel.KindBegin, Run: info},
		{Time: at.Add(time.Second), Kind: evenkeel.KindStep, Step: "one", Opens: rb.Steps[0].Opens},
		{Time: at.Add(2 * time.Second), Kind: evenkeel.KindStart, Step: "one", Action: "move", Effect: "disruptive"},
		{Time: at.Add(6 * time.Second), Kind: evenkeel.KindEnd, Step: "one", Action: "move", Outcome: &exited, Looks: 3,
			Output: "seen by <b>Ann</b> " + secret, Notes: []string{"it is slow"}},
		{Time: at.Add(90 * time.Second), Kind: evenkeel.KindStepDone, Step: "one", Closes: []string{"w"}},
		{Time: at.Add(91 * time.Second), Kind: evenkeel.KindStart, Step: "two", Action: "d", Effect: "mutating"},
		{Time: at.Add(92 * time.Second), Kind: evenkeel.KindEnd, Step: "two", Action: "d", Outcome: &exited, Exit: 4, Error: "no space"},
	}
	o := page.Options{SheetOptions: evenkeel.SheetOptions{Records: records}}
	text, root := written(t, rb, o)
	said := inside(root)
	for _, want := range []string{
		"not finished", "this is no evidence of a run on real ones", "LONGER THAN ITS LIMIT", "1 of 3", "Done in 1 m 29 s",
		"Result: done in 4 s, after 3 looks; the operator: seen by <b>Ann</b>", "Result: failed in 1 s, exit status 4; error: no space",
		"Not reached", "it is slow",
	} {
		require.Contains(t, said, want)
	}
	require.NotContains(t, text, secret)
	var md strings.Builder
	sheet, err := rb.Sheet(o.SheetOptions)
	require.NoError(t, err)
	require.NoError(t, sheet.Markdown(&md))
	require.Contains(t, md.String(), "> Result: failed in 1 s, exit status 4; error: no space")
	require.Equal(t, []string{"Outcome", "not finished. The machines were simulated"}, sheet.Chapters[0].Rows[0], "before all else")
	info.Digest = "another"
	require.ErrorIs(t, page.Write(&strings.Builder{}, rb, o), evenkeel.ErrJournalOther)
}

// Example of a page for a runbook of one's own.
func ExampleWrite() {
	update := evenkeel.Do("yum", "Update httpd", "yum", "-y", "update", "httpd")
	rb := &evenkeel.Runbook{Name: "patch", Title: "Patch the web server", Steps: []evenkeel.Step{{ID: "patch", Title: "Patch web1",
		Host: "web1", Harmless: "the old package may come back by hand", Actions: []evenkeel.Action{update}}}}
	var b strings.Builder
	err := page.Write(&b, rb, page.Options{SheetOptions: evenkeel.SheetOptions{Digest: rb.Digest(), User: "admin"}})
	fmt.Println(err, strings.Contains(b.String(), "<h1>Patch the web server</h1>"), strings.Contains(b.String(), "<script"))
	// Output: <nil> true false
}

// The timeline is wider than a telephone: it can be scrolled by keyboard, and headings leave no level out.
func TestThePageByKeyboard(t *testing.T) {
	text, _ := written(t, book("word"), options("word"))
	require.Contains(t, text, `role="group" aria-label="Timeline" tabindex="0">`)
	require.Contains(t, text, "[tabindex]:focus-visible")
	last := byte('0')
	for _, m := range regexp.MustCompile(`<h([1-6])`).FindAllStringSubmatch(text, -1) {
		require.LessOrEqual(t, m[1][0], last+1, "h%s after h%c", m[1], last)
		last = m[1][0]
	}
}
