package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

var background = context.Background()

// progress prints what happens, a line each: elapsed time, step, host, what, and after each step what serves where.
type progress struct {
	w       io.Writer
	verbose bool
	serving func() string // empty where nobody knows

	mu              sync.Mutex
	waiting, asking string // the keys of what was last said of these: a poll that waits for the same says nothing
}

// Event prints an event.
func (p *progress) Event(e evenkeel.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	host, _, _ := strings.Cut(printable.Line(e.Host), ".")
	e.Text = strings.ReplaceAll(e.Text, "\n", "\n"+strings.Repeat(" ", 31)+"| ") // no line of it looks like one of ours
	print := func(mark, text string) {
		_, _ = fmt.Fprintf(p.w, "%9s  %2d/%d  %-12s %s %s\n", elapsed(e.Elapsed), e.Number, e.Total, host, mark, text)
	}
	switch e.Kind {
	case evenkeel.EventStep:
		_, _ = fmt.Fprintf(p.w, "%9s  %2d/%d  == %s\n", elapsed(e.Elapsed), e.Number, e.Total, e.Text)
	case evenkeel.EventAction:
		print(mark(e.Action), e.Text)
	case evenkeel.EventAlready:
		print("=", e.Text+" (done already)")
	case evenkeel.EventWait:
		if e.Key != p.waiting {
			print("~", "waiting: "+e.Text)
		}
		p.waiting = e.Key
	case evenkeel.EventAsk:
		if e.Key != p.asking {
			print("?", "BY HAND: "+e.Text)
		}
		p.asking = e.Key
	case evenkeel.EventHold:
		print("?", "HELD: "+e.Text)
	case evenkeel.EventFailed:
		print("x", "FAILED: "+e.Text)
	case evenkeel.EventUnknown:
		print("x", "outcome unknown: "+e.Text)
	case evenkeel.EventUndo:
		print("<", "undoing: "+e.Text)
	case evenkeel.EventWindow:
		print("[", "window opens: "+e.Text)
	case evenkeel.EventClosed:
		print("]", "window closes: "+e.Text)
	case evenkeel.EventAlarm:
		print("!", "ALARM: "+e.Text)
	case evenkeel.EventUnseen:
		if p.verbose {
			print("o", "cannot be observed: "+e.Text)
		}
	case evenkeel.EventLease:
		_, _ = fmt.Fprintf(p.w, "%9s  lease: %s\n", elapsed(e.Elapsed), e.Text)
	case evenkeel.EventStepDone:
		if text := p.serving(); text != "" {
			_, _ = fmt.Fprintf(p.w, "%9s  %2d/%d     done; serving: %s\n", elapsed(e.Elapsed), e.Number, e.Total, text)
		}
	case evenkeel.EventDone:
	}
}

// mark tells how grave an action is.
func mark(a *evenkeel.Action) string {
	switch {
	case a.Manual != "":
		return "?"
	case a.Op != nil && a.Op.Effect == evenkeel.Disruptive, a.Cmd.Effect == evenkeel.Disruptive:
		return "!"
	case a.Op != nil && a.Op.Effect == evenkeel.Mutating, a.Cmd.Effect == evenkeel.Mutating:
		return "+"
	}
	return " "
}

// elapsed prints a duration as hours, minutes and seconds.
func elapsed(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// attendant is the person: what the configuration attests, and for everything else waiting until the evidence is there. In a simulated world the person may also
// do what is to be done.
type attendant struct {
	cfg    *Config
	clock  evenkeel.Clock
	noWait bool
	person func(ctx context.Context, ask evenkeel.Ask) error
}

func (a *App) attendant(cfg *Config, hosts evenkeel.Hosts, clock evenkeel.Clock, noWait bool) attendant {
	at := attendant{cfg: cfg, clock: clock, noWait: noWait}
	if cfg.World != "" && a.Person != nil {
		at.person = func(ctx context.Context, ask evenkeel.Ask) error { return a.Person(ctx, hosts, ask) }
	}
	return at
}

// manualPoll is how often the evidence of a manual action is looked at.
const manualPoll = 30 * time.Second

// Attend answers for a manual action.
func (at attendant) Attend(ctx context.Context, ask evenkeel.Ask) (string, error) {
	name := attestName(ask.Step, ask.Action)
	if ask.Why == "" {
		if text := at.cfg.Attest[name]; text != "" {
			return "attested in the configuration: " + text, nil
		}
		if at.cfg.World != "" {
			return "attested by the operator of a simulated world", nil
		}
		return "", evenkeel.NeedsPerson("%s Then state it in the configuration, under attest, as %s: who and when; and resume", ask.Instruction, name)
	}
	if at.person != nil {
		if err := at.person(ctx, ask); err != nil {
			return "", err
		}
	}
	if at.noWait {
		return "", evenkeel.NeedsPerson("%s (not there yet: %s)", ask.Instruction, ask.Why)
	}
	return "", at.clock.Sleep(ctx, manualPoll)
}

func attestName(s *evenkeel.Step, a *evenkeel.Action) string { return s.ID + "/" + a.ID }

// explain says what to do after a run, or a way back, ended before its end.
func (s session) explain(err error) {
	var hold *evenkeel.Hold
	var lease *evenkeel.LeaseHeldError
	w := s.app.Stdout
	again := func(verb string) string { return fmt.Sprintf("%s %s -config %s", s.app.Name, verb, s.config) }
	on := again("resume")
	if s.back {
		on = again("rollback") // the run itself is not resumed before the way back is at its end
	}
	switch {
	case err == nil:
	case errors.As(err, &hold):
		_, _ = fmt.Fprintf(w, "\nA person is needed, at step %s, action %s:\n  %s\nThen: %s\n", hold.Step, hold.Action, hold.Reason, on)
	case errors.Is(err, evenkeel.ErrStopped):
		_, _ = fmt.Fprintf(w, "\nStopped after the current action. To go on: %s\n", on)
	case errors.As(err, &lease):
	case s.back:
		_, _ = fmt.Fprintf(w, "\nIt stopped there, on the way back; nothing is repeated by itself. When the cause is mended: %s\n", on)
	default:
		_, _ = fmt.Fprintf(w, "\nIt stopped there; nothing is repeated by itself. When the cause is mended: %s\nOr, where there is a way back: %s\n", on, again("rollback"))
	}
}

// announce says how far a way back leads, before anything is done.
func (s session) announce(back *evenkeel.Runbook) {
	intro := back.Intro
	if len(back.Steps) == 0 {
		intro = "Nothing that changes anything was done: there is nothing to take back."
	}
	_, _ = fmt.Fprintf(s.app.Stdout, "%s\n%s\n\n", back.Title, intro)
}

// arrived says where a way back has led to, and what can be done from there. st is the run's own state, which knows of it.
func (s session) arrived(rb *evenkeel.Runbook, st *evenkeel.State) {
	w := s.app.Stdout
	last, next := "", ""
	for i := range rb.Steps {
		switch step := &rb.Steps[i]; {
		case st.Step(step.ID).Progress == evenkeel.Did:
			last = step.ID
		case next == "":
			next = step.ID
		}
	}
	if last == "" {
		last = "none, the run is back at its beginning"
	}
	_, _ = fmt.Fprintf(w, "\nThe way back is at its end. The last step that is still done: %s.\n", last)
	if next != "" {
		_, _ = fmt.Fprintf(w, "To go forward again, from step %s: %s resume -config %s\n", next, s.app.Name, s.config)
	}
}
