package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// text is where a run stands, for the reader: a line for each thing, and then the steps.
func (s *Standing) text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-8s %s\n", name, printable.Line(fmt.Sprintf(format, args...)))
	}
	b.WriteString(printable.Line(s.head()) + "\n")
	what := ""
	if s.Rollback {
		what = ", in a rollback"
	}
	line("run", "%s (%s), begun %s, last record %s%s%s", s.Title, s.Run, s.Begun.Format(time.RFC3339), s.Last.Format(time.RFC3339),
		times(s.Resumed), what)
	for _, d := range s.Now {
		line("now", "%s%s", d.words(), d.lasts())
	}
	if s.Failed != nil {
		line("failed", "step %s: %s", s.Failed.named(), s.Failed.What)
	}
	if s.Paused != nil {
		line("paused", "at step %s, action %s: %s", s.Paused.named(), s.Paused.Action, s.Paused.What)
	}
	for _, d := range s.Unsettled {
		line("unknown", "%s began at %s. How it ended is not known, and is checked before anything else is done",
			d.words(), d.Since.Format(time.RFC3339))
	}
	for _, w := range s.Windows {
		line("window", "%s", w.words())
	}
	for _, one := range servedText(s.Serving) {
		line("serving", "%s", one)
	}
	for _, p := range s.Passed {
		line("passed", "the point of no return of %s: %s", p.named(), p.Why)
	}
	line("back", "%s", s.backShort().words())
	if s.Lease != nil && s.State != stateFinished { // it is given back at the end
		line("lease", "%s", s.Lease.words(s.Process))
	}
	for _, n := range s.Notes {
		line("note", "of %s/%s: %s", n.Step, n.Action, n.What)
	}
	for _, d := range s.Differs {
		line("differs", "from the state before the run: %s", d)
	}
	for _, n := range s.Next {
		fmt.Fprintf(&b, "  %-8s %s    (%s)\n", "next", n.Name, printable.Line(n.Value))
	}
	if s.Warning != "" {
		line("warning", "%s", s.Warning)
	}
	for i, one := range s.Steps {
		fmt.Fprintf(&b, "  %2d  %-20s %s\n", i+1, one.ID, printable.Line(one.words()))
	}
	return b.String()
}

// head is the first line: what the run is doing, and how far it is.
func (s *Standing) head() string {
	state := s.State
	switch {
	case s.State == stateRunning && s.Process != nil:
		state += fmt.Sprintf(" (pid %d of %s, last record %s ago)", s.Process.PID, s.Process.Holder, spoken(s.Silent))
	case s.State == stateRunning:
		state += fmt.Sprintf(" (last record %s ago)", spoken(s.Silent))
	case s.State == stateStopped && len(s.Unsettled) > 0:
		state += " in the middle of a change (the tool was killed, or lost the machine)"
	case s.State == stateStopped:
		state += " (no tool works on it)"
	}
	head := s.Journal + ": " + state
	if s.At > 0 && s.State != stateFinished {
		head += fmt.Sprintf(", step %d of %d", s.At, len(s.Steps))
	}
	return head + fmt.Sprintf(", %d done, %s", s.Done, spoken(seconds(s.Last.Sub(s.Begun))))
}

func (d Deed) words() string {
	text := cmp.Or(d.Title, d.Step+"/"+d.Action)
	if d.Host != "" && !strings.Contains(text, d.Host) {
		text += " on " + d.Host
	}
	return text
}

// lasts is for how long it goes on; nothing where that is no time yet.
func (d Deed) lasts() string {
	if d.For == 0 {
		return ""
	}
	return ", for " + spoken(d.For)
}

func (t Trouble) named() string {
	if t.Title == "" {
		return t.Step
	}
	return fmt.Sprintf("%s (%s)", t.Step, t.Title)
}

func (p NoReturn) named() string {
	if p.First == p.Last {
		return "step " + p.First
	}
	return "the steps " + p.First + " to " + p.Last
}

func (w StandingWindow) words() string {
	left := spoken(w.Left) + " left"
	if w.Left < 0 {
		left = "OVERDUE by " + spoken(-w.Left)
	}
	rule := "an outage: a stop waits for its close"
	if !w.Outage {
		rule = "reduced redundancy"
		if !strings.HasPrefix(w.ID, undoing) {
			rule += ": resume --extend-window " + w.ID + "=DURATION gives it more time"
		}
	}
	return fmt.Sprintf("%s is open for %s of at most %s, %s: %s (%s)", w.ID, spoken(w.Open), spoken(w.Limit), left, w.Reason, rule)
}

// backShort is where a rollback leads. A reason that stands under passed already is not said twice.
func (s *Standing) backShort() Back {
	b := s.Back
	for _, p := range s.Passed {
		if p.Why == b.Why {
			b.Why = "the point of no return of " + p.named() + " is passed"
		}
	}
	return b
}

func (b Back) words() string {
	switch {
	case b.Possible && b.Why != "":
		return fmt.Sprintf("a rollback leads to %s, and no further: %s", b.To, b.Why)
	case b.Possible:
		return "a rollback leads to " + b.To
	case b.Unknown:
		return "unknown: " + b.Why
	}
	return "no rollback: " + b.Why
}

func (l StandingLease) words(p *evenkeel.Process) string {
	text := fmt.Sprintf("epoch %d on %s", l.Epoch, strings.Join(l.Hosts, ", "))
	if p != nil {
		text += ": " + p.Holder
	}
	if len(l.Missing) > 0 {
		text += "; not yet on " + strings.Join(l.Missing, ", ")
	}
	if l.Forced != "" {
		text += "; FORCED: " + l.Forced
	}
	return text
}

func (one StandingStep) words() string {
	text := string(one.Progress)
	if one.Progress == evenkeel.Did {
		text += " in " + spoken(one.Took)
	} else if one.Why != "" {
		text += ", it failed: " + one.Why
	}
	if one.Title != "" {
		text = fmt.Sprintf("%-20s  %s", text, one.Title)
	}
	return text
}

// spoken is a number of seconds in words, its two greatest units: "4 s", "31 m 5 s", "1 h 20 m", "2 d 3 h".
func spoken(n int) string {
	units := []struct {
		size int
		name string
	}{{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}}
	for i, u := range units {
		if n < u.size {
			continue
		}
		text := fmt.Sprintf("%d %s", n/u.size, u.name)
		if i+1 < len(units) {
			if rest := n % u.size / units[i+1].size; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "0 s"
}
