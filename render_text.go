package evenkeel

import (
	"io"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// Text writes the runbook in short, a line an action, for a terminal.
func (rb *Runbook) Text(w io.Writer) error {
	p := &printer{w: w, redact: rb.redaction()}
	p.line("%s: %s", plain(rb.Title), printable.Count(len(rb.Steps), "step"))
	if points := rb.pointsOfNoReturn(); len(points) > 0 {
		p.line("\nPoints of no return:")
		for _, point := range points {
			p.line("  %s", point.line(plain))
		}
	}
	for i := range rb.Steps {
		s := &rb.Steps[i]
		p.line("")
		p.line("%2d  %-24s %s%s", i+1, s.ID, plain(s.Title), in(" [", plain(s.Ref), "]"))
		for _, win := range s.Opens {
			p.line("      window opens: %s, at most %s; a stop is taken %s: %s", plain(win.ID), win.Limit, win.Stop.words(), plain(win.Reason))
		}
		for j := range s.Actions {
			p.short(s, &s.Actions[j], "")
		}
		for j := range s.Verify {
			p.short(s, &s.Verify[j], "verify: ")
		}
		if len(s.Closes) > 0 {
			p.line("      window closes: %s", plain(strings.Join(s.Closes, ", ")))
		}
	}
	return p.err
}

func (p *printer) short(s *Step, a *Action, prefix string) {
	mark := map[Effect]string{ReadOnly: " ", Mutating: "+", Disruptive: "!"}[a.effect()]
	what := withVariables(a.Manual)
	switch {
	case a.Manual != "":
		mark = "?"
	case a.Op != nil:
		what = withVariables(a.Op.Text)
	default:
		what = Typed(a.Cmd)
	}
	if i := strings.IndexByte(what, '\n'); i >= 0 {
		what = a.Title + ": " + what[:i] + " …" // a script says little by its first line
	}
	p.line("    %s %s%s: %s", mark, prefix, plain(a.host(s)), plain(what))
}
