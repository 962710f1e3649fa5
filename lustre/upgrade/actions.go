package upgrade

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The words from which the steps are put together.

func look(id, title string, argv ...string) evenkeel.Action {
	return evenkeel.Action{ID: id, Title: title, Cmd: sshexec.Command(sshexec.ReadOnly, argv...)}
}

func change(id, title string, argv ...string) evenkeel.Action {
	return evenkeel.Action{ID: id, Title: title, Cmd: sshexec.Command(sshexec.Mutating, argv...), Repeat: evenkeel.Safe}
}

func disrupt(id, title string, argv ...string) evenkeel.Action {
	return evenkeel.Action{ID: id, Title: title, Cmd: sshexec.Command(sshexec.Disruptive, argv...), Repeat: evenkeel.Safe}
}

// from names the place in the guide.
func from(ref string, a evenkeel.Action) evenkeel.Action {
	a.Ref = ref
	return a
}

func at(host string, a evenkeel.Action) evenkeel.Action {
	a.Host = host
	return a
}

func note(text string, a evenkeel.Action) evenkeel.Action {
	a.Note = text
	return a
}

// expect adds what must be seen.
func expect(a evenkeel.Action, text string, check func(evenkeel.Observed) error) evenkeel.Action {
	a.Expect = evenkeel.Expect{Text: text, Check: check}
	return a
}

// within bounds how long a check may look again.
func within(limit time.Duration, a evenkeel.Action) evenkeel.Action {
	a.Within = limit
	return a
}

// until is expect for something that takes its time.
func until(a evenkeel.Action, limit time.Duration, text string, check func(evenkeel.Observed) error) evenkeel.Action {
	return within(limit, expect(a, text, check))
}

// guard marks what is read again whenever its step is taken up anew.
func guard(a evenkeel.Action) evenkeel.Action {
	a.Guard = true
	return a
}

// guardAt is a guard on a host.
func guardAt(host string, a evenkeel.Action) evenkeel.Action { return guard(at(host, a)) }

// exited refuses an output that came with another exit status than 0.
func exited(check func(evenkeel.Observed) error) func(evenkeel.Observed) error {
	return func(o evenkeel.Observed) error {
		if o.ExitCode != 0 {
			return fmt.Errorf("exit status %d: %s", o.ExitCode, strings.TrimSpace(string(o.Stderr)))
		}
		return check(o)
	}
}

// says wants the output to be one of the texts, exactly.
func says(texts ...string) func(evenkeel.Observed) error {
	return exited(func(o evenkeel.Observed) error {
		if !slices.Contains(texts, o.Text()) {
			return fmt.Errorf("it says %q, not %q", o.Text(), texts[0])
		}
		return nil
	})
}

// contains wants a text in the output.
func contains(text string) func(evenkeel.Observed) error {
	return exited(func(o evenkeel.Observed) error {
		if !strings.Contains(string(o.Stdout), text) {
			return fmt.Errorf("it does not say %q: %q", text, o.Text())
		}
		return nil
	})
}

// probed gives an action a probe and makes it one that looks first.
func probed(a evenkeel.Action, probe evenkeel.Probe) evenkeel.Action {
	a.Repeat, a.Probe = evenkeel.ProbeFirst, &probe
	return a
}

// exitProbe is a probe whose exit status tells: 0 done, 1 absent.
func exitProbe(text string, cmd sshexec.Cmd) evenkeel.Probe {
	return evenkeel.Probe{Cmd: cmd, Text: text, Paper: []evenkeel.Block{{Script: evenkeel.Typed(cmd) + " && echo it ran", Shows: []string{"it ran"}}}, Read: func(o evenkeel.Observed) (evenkeel.Trace, error) {
		switch o.ExitCode {
		case 0:
			return evenkeel.Done, nil
		case 1:
			return evenkeel.Absent, nil
		}
		return evenkeel.Undecided, fmt.Errorf("exit status %d: %s", o.ExitCode, strings.TrimSpace(string(o.Stderr)))
	}}
}

// planned turns operations of the rebuild into actions: with a probe for those that need one, and the password where one is asked for.
func (p *Pair) planned(parts ...[]pcs.Operation) ([]evenkeel.Action, error) {
	ops := slices.Concat(parts...)
	actions := make([]evenkeel.Action, 0, len(ops))
	for _, o := range ops {
		run := o.Runs()
		if len(run.Secret) > 0 {
			return nil, fmt.Errorf("%s would put a secret into the arguments of a command", o)
		}
		a := evenkeel.Action{ID: strings.ReplaceAll(o.Name, " ", "-"), Title: o.Name, Host: o.Node, Ref: o.Ref, Note: o.Why, Cmd: o.Cmd(p.Config.Password), Repeat: o.Repeat}
		if o.Effect != evenkeel.ReadOnly && o.Repeat != evenkeel.Safe {
			probe, ok := p.probeFor(o)
			if !ok {
				return nil, fmt.Errorf("there is no way to tell whether %q ran", o)
			}
			a.Probe = &probe
		}
		if slices.ContainsFunc(actions, func(before evenkeel.Action) bool { return before.ID == a.ID }) {
			a.ID += "-there" // the same on the other node
		}
		actions = append(actions, a)
		if o.Repeat == evenkeel.Never {
			actions = append(actions, p.showsConf(seeDone(a)))
		}
	}
	return actions, nil
}

// seeDone looks at once whether an action that cannot simply be repeated has had its effect: exit status 0 alone proves nothing (H4), and what follows builds on it.
func seeDone(a evenkeel.Action) evenkeel.Action {
	return at(a.Probe.Host, expect(evenkeel.Action{ID: a.ID + "-done", Title: "It is done: " + a.Title, Cmd: a.Probe.Cmd}, a.Probe.Text, func(o evenkeel.Observed) error {
		trace, err := a.Probe.Read(o)
		if err == nil && trace != evenkeel.Done {
			err = fmt.Errorf("exit status 0, and yet it is %s (H4)", trace)
		}
		return err
	}))
}

// restoreActions turns the operations of a restore into actions.
func restoreActions(ops []backup.Operation, keep func(backup.Group) bool) []evenkeel.Action {
	var actions []evenkeel.Action
	for i, o := range ops {
		if !keep(o.Group) {
			continue
		}
		a := evenkeel.Action{ID: fmt.Sprintf("%s-%d", o.Group, i+1), Title: o.Title, Ref: o.Ref, Note: o.Note, Cmd: o.Cmd, Repeat: o.Repeat}
		if o.Probe != nil {
			p := exitProbe(o.ProbeMeans, *o.Probe)
			a.Probe = &p
		}
		actions = append(actions, a)
	}
	return actions
}
