package evenkeel

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The words from which the steps of a runbook are put together. Each makes an Action, or a changed copy of one: the
// Action itself stays as it is. What they leave out, the fields of Action say.

// Look is an action that reads.
func Look(id, title string, argv ...string) Action {
	return Action{ID: id, Change: Change{Title: title, Cmd: sshexec.Command(ReadOnly, argv...)}}
}

// Do is an action that changes something, and is harmless where there is nothing to change: it may be repeated.
func Do(id, title string, argv ...string) Action {
	return Action{ID: id, Change: Change{Title: title, Cmd: sshexec.Command(Mutating, argv...), Repeat: Idempotent}}
}

// Disrupt is a Do that users feel.
func Disrupt(id, title string, argv ...string) Action {
	return Action{ID: id, Change: Change{Title: title, Cmd: sshexec.Command(Disruptive, argv...), Repeat: Idempotent}}
}

// ByHand is an action of the operator that no command can show: the operator confirms it.
func ByHand(id, title, instruction string) Action {
	return Action{ID: id, Manual: instruction, Change: Change{Title: title}}
}

// Rest is a pause of d, on the clock of the run: for what takes its time and shows nowhere. The text says what it waits for.
func Rest(id, title string, d time.Duration) Action {
	a := Action{ID: id, Takes: Estimate{Most: d, From: "the pauses themselves"}}
	a.Paper = []Block{{Script: fmt.Sprintf("sleep %d", int(d.Seconds()))}}
	a.Change = Change{Title: title, Limit: d, Op: &Op{
		Effect: ReadOnly, Text: "Wait " + printable.Duration(d) + ".",
		Do: func(ctx context.Context, at Site) (sshexec.Result, error) { return sshexec.Result{}, at.Sleep(ctx, d) },
	}}
	return a
}

// Prove is a look for a proof, once: what is not there is an error.
func Prove(id, title string, p Proof) Action {
	return Action{ID: id, Change: Change{Title: title, Host: p.Host, Cmd: p.Cmd, Op: p.Op, Expect: p.AtOnce()}}
}

// Await is a look for a proof until it is there, for so long at most; DefaultLimit when zero.
func Await(limit time.Duration, id, title string, p Proof) Action {
	return Action{ID: id, Change: Change{Title: title, Host: p.Host, Cmd: p.Cmd, Op: p.Op, Expect: p.InTime(), Limit: limit}}
}

// Actions are a change with all that belongs to it: what it needs, each looked for once, before it (the change makes
// some of it false, so it is no precondition); the change, which its first proof probes where it may not simply run
// again; and its proofs, each waited for. The action of the change has the ID, the others ID-needs-1 and ID-proof-1 and
// so on.
func Actions(id string, c Change) []Action {
	var list []Action
	for i, p := range c.Needs {
		p.Host = cmp.Or(p.Host, c.Host)
		list = append(list, Prove(fmt.Sprintf("%s-needs-%d", id, i+1), "Verify before it: "+p.Text, p))
	}
	proofs := slices.Clone(c.Proof)
	for i := range proofs {
		proofs[i].Host = cmp.Or(proofs[i].Host, c.Host)
	}
	limit := cmp.Or(c.Limit, DefaultLimit)
	if c.Probe == nil && c.Repeat != Idempotent && len(proofs) > 0 {
		probe := proofs[0].Probe()
		probe.Settle = limit // a command whose connection was lost may still be at work
		c.Probe = &probe
	}
	if c.Op == nil {
		c.Cmd.Timeout = cmp.Or(c.Cmd.Timeout, limit)
	}
	c.Needs, c.Proof = nil, nil
	list = append(list, Action{ID: id, Change: c})
	for i, p := range proofs {
		list = append(list, Await(limit, fmt.Sprintf("%s-proof-%d", id, i+1), "Wait until "+p.Text, p))
	}
	return list
}

// On is the action on another host than its step's.
func (a Action) On(host string) Action {
	a.Host = host
	return a
}

// From is the action with the place in the guide that asks for it ("lustre:882").
func (a Action) From(ref string) Action {
	a.Ref = ref
	return a
}

// Noting is the action with a caution for the reader.
func (a Action) Noting(text string) Action {
	a.Note = text
	return a
}

// Expecting is the action with what it must show, in words for the reader and as a check.
func (a Action) Expecting(text string, check func(Observed) error) Action {
	a.Expect = Expect{Text: text, Check: check}
	return a
}

// Waiting is the action with a bound on how long its check may ask for another look.
func (a Action) Waiting(limit time.Duration) Action {
	a.Limit = limit
	return a
}

// Timeout is the action with a limit on its command. One that changes something has no limit unless it is given one.
func (a Action) Timeout(limit time.Duration) Action {
	a.Cmd.Timeout = limit
	return a
}

// Until is Expecting for what takes its time: the check looks again, by a NotYet, at most until the limit.
func (a Action) Until(limit time.Duration, text string, check func(Observed) error) Action {
	return a.Expecting(text, check).Waiting(limit)
}

// AsPrecondition is the action as a precondition of what follows it in its step: it is read again whenever the step is taken
// up. See Action.Precondition.
func (a Action) AsPrecondition() Action {
	a.Precondition = true
	return a
}

// AsPreconditionThrough is the action as a precondition of what follows it in its step, to the action with the ID last. See
// Action.Through.
func (a Action) AsPreconditionThrough(last string) Action {
	a.Precondition, a.Through = true, last
	return a
}

// Probed is the action with a probe that looks every time before it runs.
func (a Action) Probed(p Probe) Action {
	a.Repeat, a.Probe = ProbeFirst, &p
	return a
}

// Once is the action with a probe, and never repeated unless the probe proves that it took no effect.
func (a Action) Once(p Probe) Action {
	a.Repeat, a.Probe = Never, &p
	return a
}

// ExitProbe is a probe whose exit status tells: 0 for done, 1 for not run. Any other status tells nothing.
func ExitProbe(text string, cmd sshexec.Cmd) Probe {
	return Probe{
		Cmd: cmd, Text: text, Paper: []Block{{Script: Typed(cmd) + " && echo it ran", Shows: []string{"it ran"}}},
		Read: func(o Observed) (ProbeResult, error) {
			switch o.ExitCode {
			case 0:
				return Done, nil
			case 1:
				return NotRun, nil
			}
			return Inconclusive, o.Succeeded()
		},
	}
}

// Succeeding is a check after Succeeded.
func Succeeding(check func(Observed) error) func(Observed) error {
	return func(o Observed) error {
		if err := o.Succeeded(); err != nil {
			return err
		}
		return check(o)
	}
}

// Says is a check that the output is one of the texts, exactly, but for white space at its end.
func Says(texts ...string) func(Observed) error {
	return Succeeding(func(o Observed) error {
		if !slices.Contains(texts, o.Text()) {
			var wanted []string
			for _, text := range texts {
				wanted = append(wanted, strconv.Quote(text))
			}
			return fmt.Errorf("it says %q, not %s", o.Text(), strings.Join(wanted, " or "))
		}
		return nil
	})
}

// Contains is a check that the output contains a text.
func Contains(text string) func(Observed) error {
	return Succeeding(func(o Observed) error {
		if !strings.Contains(string(o.Stdout), text) {
			return fmt.Errorf("it does not say %q: %q", text, o.Text())
		}
		return nil
	})
}
