package evenkeel

import (
	"fmt"
	"io"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Markdown writes the runbook for the operator who reviews it, signs it, and could follow it by hand: a summary, what is
// served when, risks, rollback and sign-off; then every command as one would type it, where, what must be seen, and the
// place in the guide. A fact found out on the way stands as a shell variable. Secrets never appear.
func (rb *Runbook) Markdown(w io.Writer) error {
	sh, err := rb.Sheet(SheetOptions{})
	if err != nil {
		return err
	}
	return sh.Markdown(w)
}

// printer writes lines and keeps the first error.
type printer struct {
	w      io.Writer
	redact sshexec.Redaction // what nothing may show
	err    error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, p.redact.Own(fmt.Sprintf(format+"\n", args...)))
	}
}

func in(before, text, after string) string {
	if text == "" {
		return ""
	}
	return before + text + after
}

// Markdown writes the document in Markdown, with a table of contents.
func (sh *Sheet) Markdown(w io.Writer) error {
	p := &printer{w: w, redact: sh.rb.redaction()}
	p.line("# %s\n", inline(sh.Title))
	for i := range sh.Chapters {
		p.chapter(&sh.Chapters[i])
		if i == 0 {
			p.contents(sh)
		}
	}
	for i := range sh.Steps {
		p.step(&sh.Steps[i])
	}
	return p.err
}

func (p *printer) contents(sh *Sheet) {
	p.line("## Contents\n")
	for _, c := range sh.Chapters[1:] {
		p.line("- [%s](#%s)", inline(c.Title), slug(c.Title))
	}
	for _, s := range sh.Steps {
		title := fmt.Sprintf("%d. %s", s.Number, s.Title)
		p.line("- [%s](#%s)", inline(title), slug(title))
	}
	p.line("")
}

// slug is the anchor that GitHub and others make of a heading.
func slug(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_', r >= 0x80:
			return r
		}
		return -1
	}, title)
}

func (p *printer) chapter(c *Chapter) {
	p.line("## %s\n", inline(c.Title))
	if c.Prose != "" {
		p.line("%s\n", c.Prose)
	}
	for _, para := range c.Paras {
		p.line("%s\n", inline(para))
	}
	if len(c.Rows) > 0 {
		head := c.Head
		if head == nil {
			head = make([]string, len(c.Rows[0]))
		}
		p.line("%s\n|%s", row(head), strings.Repeat("---|", len(head)))
		for _, r := range c.Rows {
			p.line("%s", row(r))
		}
		p.line("")
	}
	for _, item := range c.List {
		p.line("- %s", inline(item))
	}
	if len(c.List) > 0 {
		p.line("")
	}
	if c.Code != nil {
		p.line("%s", fenced(c.Code.Language, c.Code.Text))
	}
}

// row is a line of a table.
func row(cells []string) string {
	var b strings.Builder
	b.WriteString("|")
	for _, c := range cells {
		b.WriteString(in(" ", cell(c), "") + " |")
	}
	return b.String()
}

// pointOfNoReturn is a run of steps that a rollback cannot go back over.
type pointOfNoReturn struct {
	from, to   int // numbers of steps, as shown
	title, why string
}

// pointsOfNoReturn tells where a rollback ends, the first of each run of steps that cannot be undone; and which steps leave something
// that stay after their undo.
func (rb *Runbook) pointsOfNoReturn() []pointOfNoReturn {
	var points []pointOfNoReturn
	for i := 0; i < len(rb.Steps); i++ {
		s := &rb.Steps[i]
		if s.Remains != "" {
			points = append(points, pointOfNoReturn{i + 1, i + 1, s.Title, s.Remains})
		}
		if s.Irreversible == "" {
			continue
		}
		last := i
		for last+1 < len(rb.Steps) && rb.Steps[last+1].Irreversible != "" {
			last++
		}
		points = append(points, pointOfNoReturn{i + 1, last + 1, s.Title, s.Irreversible})
		i = last
	}
	return points
}

// closes is the index of the step that closes a window; the last one where it stays open.
func (rb *Runbook) closes(id string, from int) int {
	for i := from; i < len(rb.Steps); i++ {
		for _, c := range rb.Steps[i].Closes {
			if c == id {
				return i
			}
		}
	}
	return len(rb.Steps) - 1
}
