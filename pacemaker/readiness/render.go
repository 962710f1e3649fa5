package readiness

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// Summary is the report in a sentence. It never says more than what was checked.
func (r *Report) Summary() string {
	word := "ready as far as it was checked"
	if !r.Ready() {
		word = "not ready"
	}
	return fmt.Sprintf("%s for %s (%s): %s, %s, %s; %s not checked", word, r.Target.Name, r.Target.Title,
		printable.Count(r.Count(Blocker), "blocker"), printable.Count(r.Count(Warning), "warning"), printable.Count(r.Count(Note), "note"),
		printable.Count(len(r.NotChecked), "thing"))
}

// head is what a finding is about, in a line.
func (f Finding) head() string {
	object := ""
	if f.Object != "" && !strings.Contains(f.Found, f.Object) {
		object = f.Object + ": "
	}
	return printable.Line(object + f.Found)
}

// Text is the report for people.
func (r *Report) Text() string {
	var b strings.Builder
	line := printable.Line
	for _, f := range r.Findings {
		where := ""
		if f.Where != "" {
			where = line(f.Where) + ": "
		}
		fmt.Fprintf(&b, "%-8s %s%s\n         why:  %s\n         next: %s\n         see:  %s\n", strings.ToUpper(string(f.Level)), where, f.head(),
			line(f.Why), line(f.Next), line(f.Source.text()))
	}
	for _, g := range r.NotChecked {
		fmt.Fprintf(&b, "not checked: %s\n         needs: %s\n", line(g.What), line(g.Needs))
	}
	for _, w := range r.Ways {
		fmt.Fprintf(&b, "way %s: %s\n", w.Name, w.word())
		for _, reason := range w.Reasons {
			fmt.Fprintf(&b, "         %s\n         see:  %s\n", line(reason.Why), line(reason.Source.text()))
		}
	}
	b.WriteString(line(r.Summary()) + "\n")
	return b.String()
}

// Markdown is the report for a change request.
func (r *Report) Markdown() string {
	var b strings.Builder
	cell := func(s string) string { return strings.ReplaceAll(printable.Line(s), "|", `\|`) }
	fmt.Fprintf(&b, "# Readiness for %s\n\n%s.\n", cell(r.Target.Title), cell(r.Summary()))
	if len(r.Findings) > 0 {
		b.WriteString("\n| level | where | found | why | next | source |\n|---|---|---|---|---|---|\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", f.Level, cell(f.Where), cell(f.head()),
			cell(f.Why), cell(f.Next), cell(f.Source.link()))
	}
	if len(r.NotChecked) > 0 {
		b.WriteString("\n## Not checked\n\n")
	}
	for _, g := range r.NotChecked {
		fmt.Fprintf(&b, "- %s. It needs %s.\n", cell(g.What), cell(g.Needs))
	}
	b.WriteString("\n## Ways\n\n| way | | why |\n|---|---|---|\n")
	for _, w := range r.Ways {
		var why []string
		for _, reason := range w.Reasons {
			why = append(why, cell(reason.Why)+" ("+cell(reason.Source.link())+")")
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", w.Name, w.word(), strings.Join(why, "; "))
	}
	return b.String()
}

func (w Way) word() string {
	if w.Possible {
		return "possible"
	}
	return "not possible"
}

// text is the source in a line.
func (s Source) text() string {
	if s.Address == "" {
		return s.Title
	}
	return s.String()
}

// link is the source as Markdown.
func (s Source) link() string {
	if s.Address == "" {
		return s.Title
	}
	return "[" + s.Title + "](" + s.Address + ")"
}
