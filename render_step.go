package evenkeel

import (
	"strings"
)

// step writes a step in Markdown.
func (p *printer) step(s *StepSheet) {
	p.line("\n## %d. %s", s.Number, inline(s.Title))
	var facts []string
	if s.Host != "" {
		facts = append(facts, "on "+code(s.Host))
	}
	if s.Ref != "" {
		facts = append(facts, "guide: "+inline(s.Ref))
	}
	if s.Group != "" {
		facts = append(facts, "at the same time as its neighbours of group "+inline(s.Group)+", from another terminal")
	}
	if len(facts) > 0 {
		p.line("\n%s", strings.Join(facts, "; "))
	}
	p.ran(s.Ran)
	if s.Why != "" {
		p.line("\n%s", s.Why)
	}
	for _, w := range s.Opens {
		p.line("\n> **Window %s opens**: %s is suspended for at most %s: %s",
			inline(w.ID), inline(w.Suspends), inWords(w.Limit), inline(w.Reason))
	}
	p.line("")
	p.actions(s.Do)
	if len(s.Verify) > 0 {
		p.line("Then verify:\n")
		p.actions(s.Verify)
	}
	for _, id := range s.Closes {
		p.line("> **Window %s closes** when what it suspended is seen to hold again.\n", inline(id))
	}
	for _, w := range s.Opens {
		if len(w.Completion) > 0 {
			p.line("<details><summary>To end window %s when a step inside it fails</summary>\n", inline(w.ID))
			p.actions(w.Completion)
			p.line("</details>\n")
		}
	}
	switch {
	case s.NoReturn != "":
		p.line("Irreversible: %s.\n", s.NoReturn)
	case s.Harmless != "":
		p.line("Nothing to undo: %s.\n", s.Harmless)
	case len(s.Undo) > 0:
		if s.Remains != "" {
			p.line("What stays after the undo: %s.\n", s.Remains)
		}
		p.line("<details><summary>To undo it</summary>\n")
		p.actions(s.Undo)
		p.line("</details>\n")
	}
}

// ran says what became of a step, where a journal tells it.
func (p *printer) ran(r *Ran) {
	if r == nil {
		return
	}
	began := ""
	if !r.Begun.IsZero() {
		began = ", begun " + r.Begun.Format("2006-01-02 15:04:05 MST")
	}
	p.line("\n**%s**%s%s", inline(strings.ToUpper(r.Words()[:1])+r.Words()[1:]), began, in(": ", inline(r.Error), ""))
}

func (p *printer) actions(list []ActionSheet) {
	for i := range list {
		a := &list[i]
		what := make([]string, len(a.What))
		for j, w := range a.What {
			what[j] = inline(w)
		}
		where := ""
		if a.Elsewhere {
			where = " — " + code(a.Host)
		}
		p.line("**%s** %s%s (%s)\n", a.Number, inline(a.Title), where, strings.Join(what, "; "))
		if a.Ran != nil {
			p.line("> %s\n", inline(strings.Join(a.Ran.Lines(), "; ")))
		}
		p.passages(a.Passages)
	}
}

// Lines are what became of it, one fact a line: what came of it first.
func (r *Ran) Lines() []string {
	list := []string{"Result: " + r.Words()}
	if r.Attested != "" {
		list = append(list, "the operator: "+r.Attested)
	}
	if r.Error != "" {
		list = append(list, "error: "+r.Error)
	}
	return append(append(list, r.Notes...), r.Facts...)
}

func (p *printer) passages(list []Passage) {
	for _, passage := range list {
		if passage.Prose != "" {
			p.line("%s\n", passage.Prose)
		}
		if passage.Code != nil {
			p.line("%s", fenced(passage.Code.Language, passage.Code.Text))
		}
		if len(passage.Aside) > 0 {
			p.aside(passage.Aside)
		}
	}
}

// aside writes a quotation.
func (p *printer) aside(list []Passage) {
	var b strings.Builder
	inner := &printer{w: &b, redact: p.redact}
	inner.passages(list)
	text := strings.TrimSuffix(b.String(), "\n")
	if len(list) == 1 {
		text = strings.TrimRight(text, "\n")
	}
	p.line("> %s\n", strings.ReplaceAll(text, "\n", "\n> "))
}
