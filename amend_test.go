package evenkeel_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// amendable is a run that stopped in its second of four steps.
func amendable(t *testing.T) (*machine, *evenkeel.MemJournal) {
	t.Helper()
	m := newMachine("fail:b")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=failed", m.life(t, evenkeel.Run, fourSteps(t, nil), j))
	m.live("-")
	return m, j
}

const four = "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe] s3[c.safe] s4[d.safe]"

func fourSteps(t *testing.T, change func(*evenkeel.Runbook)) *evenkeel.Runbook {
	t.Helper()
	rb := parseRunbook(t, four)
	rb.Version, rb.LeaseHosts = "1", nil
	rb.Inputs = []evenkeel.Input{evenkeel.NewInput("Hosts.csv", []byte("x"))}
	rb.Invariants = []evenkeel.Invariant{{ID: "served", Title: "It is served.",
		Check: func(context.Context, evenkeel.Site) error { return nil }}}
	for i, closes := range [][]string{{}, {}, {"w"}, {}} {
		rb.Steps[i].Closes = closes
	}
	rb.Steps[1].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "a test", Limit: time.Hour, Stop: evenkeel.StopBetweenSteps}}
	if change != nil {
		change(rb)
	}
	require.NoError(t, rb.Validate())
	return rb
}

func sure(*evenkeel.Amendment) error { return nil }

// lib/digest: the flag of a later step is corrected and the run goes on.
func TestALaterStepIsAmended(t *testing.T) {
	m, j := amendable(t)
	rb := fourSteps(t, func(rb *evenkeel.Runbook) {
		rb.Steps[3].Actions[0].Cmd.Argv = append(rb.Steps[3].Actions[0].Cmd.Argv, "--right")
		rb.Steps = append(rb.Steps, parseRunbook(t, "s5[e.safe]").Steps...)
	})
	n := len(j.Records())
	a, err := evenkeel.Amend(t.Context(), rb, j, evenkeel.AmendOptions{By: "anna@ops", Clock: &stepClock{}, Confirm: sure})
	require.NoError(t, err)
	require.Equal(t, "anna@ops", a.By)
	require.Len(t, a.Steps, 2)
	require.Equal(t, "s4 changed s5 inserted", a.Steps[0].ID+" "+a.Steps[0].Change+" "+a.Steps[1].ID+" "+a.Steps[1].Change)
	require.NotEqual(t, a.Steps[0].Was, a.Steps[0].Is)
	require.Equal(t, fourSteps(t, nil).Digest(), a.Was)
	require.Equal(t, rb.Digest(), a.Is)
	last := j.Records()[n]
	require.Equal(t, evenkeel.KindAmend, last.Kind)
	require.Equal(t, a, last.Amend)
	roundTrip(t, j)

	_, err = evenkeel.Resume(t.Context(), fourSteps(t, nil), evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.ErrorIs(t, err, evenkeel.ErrJournalOther, "the runbook before is not that of the run any more")
	require.Equal(t, "=done", m.life(t, evenkeel.Resume, rb, j))
	require.Equal(t, "b c d e", strings.Join(m.log, " "))
}

func TestAnUntouchedStepIsRemoved(t *testing.T) {
	m, j := amendable(t)
	rb := fourSteps(t, func(rb *evenkeel.Runbook) { rb.Steps = rb.Steps[:3] })
	_, err := evenkeel.Amend(t.Context(), rb, j, evenkeel.AmendOptions{By: "a", Confirm: sure})
	require.NoError(t, err)
	require.Equal(t, "=done", m.life(t, evenkeel.Resume, rb, j))
	require.Equal(t, "b c", strings.Join(m.log, " "))
}

// A changed runbook is refused by name, and so is what must not be amended: the journal stays as it is.
func TestWhatMustNotBeAmended(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(*evenkeel.Runbook)
		resume  string // why Resume refuses it
		step    string // the first step that differs
		touched bool
		amend   string // why Amend does
	}{
		"a step that is done": {func(rb *evenkeel.Runbook) { rb.Steps[0].Actions[0].Cmd.Argv = []string{"do", "x"} },
			"step s1 is changed (it began already)", "s1", true, "step s1 is not what it was"},
		"a step that began": {func(rb *evenkeel.Runbook) {
			rb.Steps[1].Actions = append(rb.Steps[1].Actions, parseAction(t, "x.safe"))
		},
			"step s2 is changed (it began already)", "s2", true, "step s2 is not what it was"},
		"the undo of a step that is done": {func(rb *evenkeel.Runbook) { rb.Steps[0].Undo[0].Cmd.Argv = []string{"do", "x"} },
			"step s1 is changed (it began already)", "s1", true, "step s1 is not what it was"},
		"a step that is done is gone": {func(rb *evenkeel.Runbook) { rb.Steps = rb.Steps[1:] },
			"step s1 is removed (it began already)", "s1", true, "step s1 is not what it was"},
		"a step before one that began": {func(rb *evenkeel.Runbook) {
			rb.Steps = append(parseRunbook(t, "s0[x.safe]").Steps, rb.Steps...)
		}, "step s0 is inserted (it has not begun)", "s0", false, "step s1 is not what it was"},
		"steps that began in another order": {func(rb *evenkeel.Runbook) { rb.Steps[0], rb.Steps[1] = rb.Steps[1], rb.Steps[0] },
			"step s1 is moved (it began already)", "s1", true, "step s1 is not what it was"},
		"an open window's limit": {func(rb *evenkeel.Runbook) { rb.Steps[1].Opens[0].Limit = 2 * time.Hour },
			"step s2 is changed (it began already)", "s2", true, "step s2 is not what it was"},
		"where an open window closes": {func(rb *evenkeel.Runbook) { rb.Steps[2].Closes, rb.Steps[3].Closes = nil, []string{"w"} },
			"step s3 is changed (it has not begun)", "s3", false, `window w is open, and would be closed by step "s4" and not by step "s3"`},
		"an invariant": {func(rb *evenkeel.Runbook) {
			rb.Invariants = append(rb.Invariants, evenkeel.Invariant{ID: "x", Check: rb.Invariants[0].Check})
		}, "its invariants, lease hosts or known facts are others", "", false, "invariants"},
		"a lease host": {func(rb *evenkeel.Runbook) { rb.LeaseHosts = []string{"h"} },
			"its invariants, lease hosts or known facts are others", "", false, "lease hosts"},
		"a host": {func(rb *evenkeel.Runbook) { rb.Steps[3].Host = "h2" },
			"step s4 is changed (it has not begun)", "s4", false, "host h2 is new"},
		"a host of an operation's command": {func(rb *evenkeel.Runbook) {
			cmds := evenkeel.On("h2", sshexec.Command(sshexec.Mutating, "do", "d"))
			rb.Steps[3].Actions[0].Cmd = sshexec.Cmd{}
			rb.Steps[3].Actions[0].Op = &evenkeel.Op{
				Effect: evenkeel.Mutating, Text: "it", Cmds: cmds, Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					return at.Run(ctx, "h2", cmds[0].Cmd)
				},
			}
		}, "step s4 is changed (it has not begun)", "s4", false, "host h2 is new"},
		"a host on paper": {func(rb *evenkeel.Runbook) {
			cmd := rb.Steps[3].Actions[0].Cmd
			rb.Steps[3].Actions[0].Paper = []evenkeel.Block{{Host: evenkeel.OperatorHost, Script: "look"}, {Host: "h2", Script: "look"}, {Cmd: cmd}}
		}, "step s4 is changed (it has not begun)", "s4", false, "host h2 is new"},
		"a host that is reinstalled": {func(rb *evenkeel.Runbook) {
			rb.Steps[3].Reinstalls = []string{"h2"}
		}, "step s4 is changed (it has not begun)", "s4", false, "host h2 is new"},
		"steps of which one began": {func(rb *evenkeel.Runbook) {
			rb.Steps[1].Actions[0].Cmd.Argv, rb.Steps[3].Actions[0].Cmd.Argv = []string{"do", "x"}, []string{"do", "y"}
		}, "step s2 is changed (it began already)", "s2", true, "step s2 is not what it was"},
		"the host of a probe": {func(rb *evenkeel.Runbook) {
			rb.Steps[3].Actions[0] = parseAction(t, "d.never")
			rb.Steps[3].Actions[0].Probe.Host = "h2"
		}, "step s4 is changed (it has not begun)", "s4", false, "host h2 is new"},
		"an input": {func(rb *evenkeel.Runbook) { rb.Inputs[0] = evenkeel.NewInput("Hosts.csv", []byte("y")) },
			"input Hosts.csv is another", "", false, "input Hosts.csv is another"},
		"nothing": {func(*evenkeel.Runbook) {}, "", "", false, "the runbook is the one that it was begun with"},
	} {
		t.Run(name, func(t *testing.T) {
			m, j := amendable(t)
			n := len(j.Records())
			rb := fourSteps(t, tc.change)
			if tc.resume != "" {
				_, err := evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
				var other *evenkeel.ChangedRunbookError
				require.ErrorAs(t, err, &other)
				require.ErrorIs(t, err, evenkeel.ErrJournalOther)
				require.ErrorContains(t, err, tc.resume)
				require.Equal(t, tc.step, other.Step)
				require.Equal(t, tc.touched, other.Touched)
			}
			asked := false
			_, err := evenkeel.Amend(t.Context(), rb, j, evenkeel.AmendOptions{By: "a", Confirm: func(*evenkeel.Amendment) error {
				asked = true
				return nil
			}})
			var no *evenkeel.NotAmendableError
			require.ErrorAs(t, err, &no)
			require.ErrorContains(t, err, tc.amend)
			require.False(t, asked)
			require.Len(t, j.Records(), n)
			require.Empty(t, m.log)
		})
	}
}

// Nobody amends by mistake: somebody confirms it, it is signed where that is wanted, sound, and comes to its end in a rehearsal.
func TestAnAmendmentIsCheckedAndConfirmed(t *testing.T) {
	change := func(rb *evenkeel.Runbook) { rb.Steps[3].Actions[0].Cmd.Argv = []string{"do", "right"} }
	world := func(fault string) evenkeel.World {
		w := newToyWorld()
		w.m.live(fault)
		return &sameWorld{w}
	}
	unsound := fourSteps(t, change)
	unsound.Steps[2].Closes = nil
	for name, tc := range map[string]struct {
		rb   *evenkeel.Runbook
		opts evenkeel.AmendOptions
		want string
	}{
		"not confirmed": {fourSteps(t, change),
			evenkeel.AmendOptions{By: "a", Confirm: func(*evenkeel.Amendment) error { return errors.New("no, thank you") }}, "no, thank you"},
		"nobody to confirm": {fourSteps(t, change), evenkeel.AmendOptions{By: "a"}, "somebody who confirms it"},
		"by nobody":         {fourSteps(t, change), evenkeel.AmendOptions{Confirm: sure}, "who makes it"},
		"not sound":         {unsound, evenkeel.AmendOptions{By: "a", Confirm: sure}, "never closed"},
		"not signed": {fourSteps(t, change), evenkeel.AmendOptions{By: "a", Confirm: sure, ApprovedDigest: "other"},
			"not the approved one"},
		"it fails": {fourSteps(t, change), evenkeel.AmendOptions{By: "a", Confirm: sure, World: world("fail:right")},
			"does not come to its end"},
	} {
		t.Run(name, func(t *testing.T) {
			_, j := amendable(t)
			n := len(j.Records())
			_, err := evenkeel.Amend(t.Context(), tc.rb, j, tc.opts)
			require.ErrorContains(t, err, tc.want)
			require.Len(t, j.Records(), n)
		})
	}
	rb := fourSteps(t, change)
	_, j := amendable(t)
	_, err := evenkeel.Amend(t.Context(), rb, j, evenkeel.AmendOptions{By: "a", Confirm: sure, World: world("-"), ApprovedDigest: rb.Digest()})
	require.NoError(t, err)
}

// sameWorld is a world whose clones fail as it does.
type sameWorld struct{ *toyWorld }

func (w *sameWorld) Clone() evenkeel.World {
	return &sameWorld{&toyWorld{m: w.m.clone(), clock: w.clock.clone()}}
}

// A rehearsal of an amendment crashes where the run stands, and resumes there.
func TestAnAmendmentIsRehearsedFromWhereTheRunStands(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe] s2[b.never c.safe]")
	m := newMachine("CRASH@after:b")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=died", m.life(t, evenkeel.Run, rb, j))
	rb = parseRunbook(t, "s1[a.safe] s2[b.never c.safe] s3[d.safe]")
	w := newToyWorld()
	w.bad = true // a probe that lies: only who resumes here sees b run twice
	_, err := evenkeel.Amend(t.Context(), rb, j, evenkeel.AmendOptions{By: "a", Confirm: sure, World: w})
	require.ErrorContains(t, err, "from where the run stands")
	_, err = evenkeel.Amend(t.Context(), rb, j, evenkeel.AmendOptions{By: "a", Confirm: sure, World: newToyWorld()})
	require.NoError(t, err)
}

// A journal of a version that kept no digests of steps says so.
func TestAnOldJournalIsNotAmended(t *testing.T) {
	_, was := amendable(t)
	j := &evenkeel.MemJournal{}
	for _, r := range was.Records() {
		if r.Run != nil {
			info := *r.Run
			info.StepDigests = nil
			r.Run = &info
		}
		require.NoError(t, j.Append(r))
	}
	rb := fourSteps(t, func(rb *evenkeel.Runbook) { rb.Steps = rb.Steps[:3] })
	_, err := evenkeel.Amend(t.Context(), rb, j, evenkeel.AmendOptions{By: "a", Confirm: sure})
	require.ErrorContains(t, err, "comes from an older version")
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{}, evenkeel.Options{Journal: j})
	require.ErrorContains(t, err, "comes from an older version")
}

func TestARunThatIsRolledBackOrDoneIsNotAmended(t *testing.T) {
	m, j := amendable(t)
	m.live("CRASH@before:u")
	require.Equal(t, "=died", m.life(t, evenkeel.Rollback, fourSteps(t, nil), j))
	rb := fourSteps(t, func(rb *evenkeel.Runbook) { rb.Steps = rb.Steps[:3] })
	var back *evenkeel.RolledBackError
	_, err := evenkeel.Amend(t.Context(), rb, j, evenkeel.AmendOptions{By: "a", Confirm: sure})
	require.ErrorAs(t, err, &back)

	m, j = amendable(t)
	require.Equal(t, "=done", m.life(t, evenkeel.Resume, fourSteps(t, nil), j))
	_, err = evenkeel.Amend(t.Context(), rb, j, evenkeel.AmendOptions{By: "a", Confirm: sure})
	require.ErrorContains(t, err, "it is done")
}

// Sign-off.

func TestOnlyTheApprovedRunbookRuns(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe undo:u.safe]")
	for _, start := range []func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Report,
		error){evenkeel.Run, evenkeel.Resume, evenkeel.Rollback} {
		m := newMachine("-")
		j := &evenkeel.MemJournal{}
		_, err := start(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}, ApprovedDigest: "0000"})
		var no *evenkeel.NotApprovedError
		require.ErrorAs(t, err, &no)
		require.Equal(t, rb.Digest(), no.Is)
		require.Empty(t, m.log)
		require.Empty(t, j.Records())
	}
	m := newMachine("-")
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, ApprovedDigest: rb.Digest()})
	require.NoError(t, err)
}

// A run that changed nothing.

func TestARunThatChangedNothingBeginsAnew(t *testing.T) {
	gone := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		return sshexec.Result{}, sshexec.Failure("h", cmd, sshexec.Result{}, errors.New("10.0.0.11:22: connection refused"))
	})
	rb := parseRunbook(t, "s0[g.guard] s1[a.safe]")
	rb.LeaseHosts = []string{"h"}
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": gone}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	var away *evenkeel.UnreachableError
	require.ErrorAs(t, err, &away)
	require.Equal(t, "h", away.Host)
	require.Regexp(t, `^cannot reach h: .*10\.0\.0\.11:22: connection refused\. Nothing was done\.`, err.Error())
	require.NotContains(t, err.Error(), "lease")

	// the next one gets as far as a look that says no
	m := newMachine("fail:g")
	_, err = evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m.under(m.Run)}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	var failed *evenkeel.StepError
	require.ErrorAs(t, err, &failed)

	// and the next, with another runbook, changes something
	other := parseRunbook(t, "s0[g.guard] s1[a.safe b.safe]")
	n := len(j.Records())
	m.live("fail:b")
	_, err = evenkeel.Run(t.Context(), other, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.ErrorAs(t, err, &failed)
	require.Equal(t, evenkeel.KindBegin, j.Records()[n].Kind, "the records of the runs before stay")
	require.Equal(t, j.Records()[0].Run.ID, j.Records()[n].Run.ID)
	st := stateOf(t, j)
	require.Equal(t, other.Digest(), st.Run.Digest)
	require.True(t, st.Changed)
	require.Equal(t, len(j.Records()), st.Records)
	roundTrip(t, j)

	// that one is resumed, and not begun anew
	_, err = evenkeel.Run(t.Context(), other, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.ErrorIs(t, err, evenkeel.ErrJournalExists)
	m.live("-")
	require.Equal(t, "=done", m.life(t, evenkeel.Resume, other, j))
}

// What the operator was asked to do may have been done.
func TestARunThatAskedTheOperatorIsNotBegunAnew(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[m.manual a.safe]")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=held", m.life(t, evenkeel.Run, rb, j))
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.ErrorIs(t, err, evenkeel.ErrJournalExists)
}

// A journal in which a run begins after one that changed something was not written by this tool.
func TestAForgedBeginningIsDamage(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe]")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	require.NoError(t, j.Append(j.Records()[0]))
	_, err := evenkeel.ReadState(j.Records())
	require.ErrorIs(t, err, evenkeel.ErrJournalDamaged)
}

// Confirmations.

type confirming struct {
	asked   [][]string
	answers map[string]string
	pauses  int
}

func (c *confirming) Prompt(_ context.Context, ask evenkeel.Prompt) (string, error) {
	c.pauses++
	return "", evenkeel.NeedsOperator("%s", ask.Instruction)
}

func (c *confirming) Confirm(_ context.Context, asks []evenkeel.Prompt) ([]string, error) {
	var names, answers []string
	for _, ask := range asks {
		names = append(names, ask.Action.ID)
		answers = append(answers, c.answers[ask.Action.ID])
	}
	c.asked = append(c.asked, names)
	return answers, nil
}

func TestEverythingThatCanBeConfirmedIsAskedAtOnce(t *testing.T) {
	rb := parseRunbook(t, "s1[r.read] s2[r.read] s3[a.safe] s4[r.read]")
	confirm := func(id string) evenkeel.Action {
		return evenkeel.Action{ID: id, Manual: "Confirm " + id, Change: evenkeel.Change{Title: id}}
	}
	rb.Steps[0].Actions = append(rb.Steps[0].Actions, confirm("freeze"), confirm("window"))
	rb.Steps[1].Verify = append(rb.Steps[1].Verify, confirm("backup"))
	rb.Steps[3].Actions = append(rb.Steps[3].Actions, confirm("calls")) // nobody knows that before the change
	require.NoError(t, rb.Validate())
	var names []string
	for _, c := range rb.Confirmations(nil) {
		names = append(names, c.Name())
	}
	require.Equal(t, []string{"s1/freeze", "s1/window", "s2/backup", "s4/calls"}, names)

	m := newMachine("-")
	j := &evenkeel.MemJournal{}
	c := &confirming{answers: map[string]string{"freeze": "since monday", "window": "until six", "backup": "on vault"}}
	opts := func() evenkeel.Options { return evenkeel.Options{Journal: j, Clock: &stepClock{}, Operator: c} }
	report, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, opts())
	var hold *evenkeel.Pause
	require.ErrorAs(t, err, &hold)
	require.Equal(t, "calls", hold.Action)
	require.Equal(t, [][]string{{"freeze", "window", "backup"}}, c.asked, "all at once, before anything else")
	require.Equal(t, 1, c.pauses)
	require.Equal(t, "read:r read:r a read:r", strings.Join(m.log, " "))
	require.Equal(t, "on vault", report.State.Confirmed["s2/backup"])
	var kept []string
	for _, r := range j.Records() {
		if r.Kind == evenkeel.KindEnd && r.Output != "" {
			kept = append(kept, r.Output)
		}
	}
	require.Equal(t, []string{"since monday", "until six", "on vault"}, kept, "and each stands where it belongs")
	require.Len(t, rb.Confirmations(report.State), 1)
	require.Len(t, slices.DeleteFunc(slices.Clone(j.Records()), func(r evenkeel.Record) bool { return r.Kind != evenkeel.KindConfirm }), 3)

	c.answers["calls"] = "none dropped"
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, opts())
	require.NoError(t, err)
	require.Equal(t, [][]string{{"freeze", "window", "backup"}, {"calls"}}, c.asked)
	roundTrip(t, j)
}

// confirmFunc is a Confirmer that answers by a function.
type confirmFunc func(ctx context.Context, asks []evenkeel.Prompt) ([]string, error)

func (f confirmFunc) Prompt(context.Context, evenkeel.Prompt) (string, error) { return "yes", nil }

func (f confirmFunc) Confirm(ctx context.Context, asks []evenkeel.Prompt) ([]string, error) {
	return f(ctx, asks)
}

// confirmsBefore is a runbook whose last step begins with a confirmation.
func confirmsBefore(t *testing.T, rb *evenkeel.Runbook) *evenkeel.Runbook {
	s := &rb.Steps[len(rb.Steps)-1]
	s.Actions = append([]evenkeel.Action{{ID: "c", Manual: "Confirm", Change: evenkeel.Change{Title: "c"}}}, s.Actions...)
	require.NoError(t, rb.Validate())
	return rb
}

// The operator who is asked ahead is not kept at the question when the run is asked to stop: as Options.Operator promises, the context
// ends. The run ends as stopped, and is resumed as if nothing had been asked.
func TestAStopEndsTheQuestionsThatAreAskedAhead(t *testing.T) {
	rb := confirmsBefore(t, parseRunbook(t, "s1[r.read a.safe]"))
	m := newMachine("-")
	j := &evenkeel.MemJournal{}
	waits := confirmFunc(func(ctx context.Context, _ []evenkeel.Prompt) ([]string, error) {
		close(m.stop)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m},
		evenkeel.Options{Journal: j, Clock: &stepClock{}, Operator: waits, Stop: m.stop})
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	require.Empty(t, m.log)
	answers := confirmFunc(func(context.Context, []evenkeel.Prompt) ([]string, error) { return []string{"alice"}, nil })
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}, Operator: answers})
	require.NoError(t, err)
	require.Equal(t, "read:r a", strings.Join(m.log, " "))
}

// Nobody is waited for while something is down, is being undone, or was changed and is not proven: a life that is taken up there asks
// nothing ahead. What it would have asked for it asks at its turn.
func TestNothingIsAskedAheadWhileSomethingIsDownOrUnproven(t *testing.T) {
	for name, tc := range map[string]struct {
		book, fault, log string
		window           bool
	}{
		"outage of which only looks are left": {"s1[down.safe up.safe] s2[r.read] s3[x.read a.safe]", "CRASH@before:r", "read:r read:x a", true},
		"change that is not proven":           {"s1[up.safe verify:r.read] s2[x.read] s3[a.safe]", "CRASH@before:r", "read:r read:x a", false},
		"undo that began": {"s1[up.safe b.safe undo:u.safe undo:w.safe auto verify:r.read] s3[a.safe]", "fail:b CRASH@before:w",
			"w up b read:r a", false},
	} {
		t.Run(name, func(t *testing.T) {
			broken := false
			rb := watched(&broken, tc.book, t)
			if tc.window {
				rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Hour, Stop: evenkeel.StopAtClose}}
				rb.Steps[1].Closes = []string{"w"}
			}
			confirmsBefore(t, rb)
			m := newMachine(tc.fault)
			j := &evenkeel.MemJournal{}
			require.Equal(t, "=died", m.life(t, evenkeel.Run, rb, j))
			require.Equal(t, tc.window, len(stateOf(t, j).Windows) > 0)
			m.live("-")
			ahead := confirmFunc(func(_ context.Context, asks []evenkeel.Prompt) ([]string, error) {
				t.Errorf("%d confirmations are asked for ahead", len(asks))
				return nil, errors.New("the terminal is gone")
			})
			_, err := evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}, Operator: ahead})
			require.NoError(t, err)
			require.Equal(t, tc.log, strings.Join(m.log, " "))
		})
	}
}

// What the operator confirmed is what that person read. An amendment of the text has it asked again, be it that it was confirmed
// ahead of its turn or at it; what was confirmed in the other steps stays.
func TestAnAmendedTextIsConfirmedAnew(t *testing.T) {
	book := func(text string) *evenkeel.Runbook {
		rb := parseRunbook(t, "s1[r.read] s2[q.read a.safe] s3[b.safe]")
		rb.Steps[0].Actions = append(rb.Steps[0].Actions,
			evenkeel.Action{ID: "other", Manual: "Confirm the freeze.", Change: evenkeel.Change{Title: "other"}})
		rb.Steps[1].Actions = append([]evenkeel.Action{{ID: "c", Manual: text, Change: evenkeel.Change{Title: "c"}}}, rb.Steps[1].Actions...)
		return rb
	}
	for name, at := range map[string]string{"confirmed ahead": "r", "confirmed at its turn": "q"} {
		t.Run(name, func(t *testing.T) {
			m, j, stop := newMachine("-"), &evenkeel.MemJournal{}, make(chan struct{})
			host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
				if cmd.Argv[1] == at {
					close(stop)
				}
				return m.Run(ctx, cmd)
			})
			opts := func(answers map[string]string) (evenkeel.Options, *confirming) {
				c := &confirming{answers: answers}
				return evenkeel.Options{Journal: j, Clock: &stepClock{}, Operator: c}, c
			}
			said, _ := opts(map[string]string{"other": "since monday", "c": "yes"})
			said.Stop = stop
			_, err := evenkeel.Run(t.Context(), book("Confirm that the backup is done."), evenkeel.HostMap{"h": host}, said)
			require.ErrorIs(t, err, evenkeel.ErrStopped)
			require.NotContains(t, m.log, "a", "the step has not begun")

			rb := book("Confirm that no client is mounted.")
			_, err = evenkeel.Amend(t.Context(), rb, j, evenkeel.AmendOptions{By: "a", Confirm: sure})
			require.NoError(t, err)
			silent, c := opts(nil)
			_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, silent)
			var hold *evenkeel.Pause
			require.ErrorAs(t, err, &hold)
			require.ErrorContains(t, err, "Confirm that no client is mounted.")
			require.Equal(t, [][]string{{"c"}}, c.asked)
			require.NotContains(t, m.log, "a")

			again, _ := opts(map[string]string{"c": "none is"})
			report, err := evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, again)
			require.NoError(t, err)
			require.Equal(t, "none is", report.State.Confirmed["s2/c"])
			require.Equal(t, "since monday", report.State.Confirmed["s1/other"])
			roundTrip(t, j)
		})
	}
}

// What was confirmed ahead, or at its turn in a step that was undone before, is not asked for again; nor is anybody asked
// whose run was told to stop, or before what the operator does by hand.
func TestNothingIsConfirmedTwice(t *testing.T) {
	word := func(id string) evenkeel.Action {
		return evenkeel.Action{ID: id, Manual: "Confirm " + id, Change: evenkeel.Change{Title: id}}
	}
	rb := parseRunbook(t, "s1[g.guard a.safe undo:u.safe] s2[m.manual r.read]")
	rb.Steps[0].Actions = slices.Insert(rb.Steps[0].Actions, 0, word("first"))
	rb.Steps[1].Actions = append(rb.Steps[1].Actions, word("last"))
	m := newMachine("fail:g did:m")
	c := &confirming{answers: map[string]string{"first": "yes"}}
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, Operator: c}
	life := func(start func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Report, error)) error {
		_, err := start(t.Context(), rb, evenkeel.HostMap{"h": m}, opts)
		return err
	}
	require.Error(t, life(evenkeel.Run))
	require.Equal(t, [][]string{{"first"}}, c.asked)
	require.ErrorAs(t, life(evenkeel.Resume), new(*evenkeel.Pause), "the last one")
	require.Len(t, c.asked, 1)
	for _, one := range rb.Confirmations(nil) {
		require.Equal(t, one.Action.ID == "first", one.Ahead, one.Name())
	}

	m, rb.Steps = newMachine("-"), rb.Steps[:1]
	opts.Journal = &evenkeel.MemJournal{}
	require.NoError(t, life(evenkeel.Run))
	require.NoError(t, life(evenkeel.Rollback))
	m.live("fail:g")
	c.answers["first"] = "" // it is left to its turn
	opts.Operator = struct {
		evenkeel.Operator
		evenkeel.Confirmer
	}{handFunc(func() error { return nil }), c}
	require.Error(t, life(evenkeel.Resume))
	asked := len(c.asked)
	require.False(t, slices.ContainsFunc(opts.Journal.Records(),
		func(r evenkeel.Record) bool { return r.Kind == evenkeel.KindConfirm && r.Output == "" }))
	require.NoError(t, life(evenkeel.Resume))
	require.Len(t, c.asked, asked, "a word that was given is asked for again")

	stop := make(chan struct{})
	close(stop)
	opts.Journal, opts.Stop = &evenkeel.MemJournal{}, stop
	require.ErrorIs(t, life(evenkeel.Run), evenkeel.ErrStopped)
	require.Len(t, c.asked, asked)
}

// laconic answers to fewer confirmations than it was asked for.
type laconic struct{ confirming }

func (s *laconic) Confirm(context.Context, []evenkeel.Prompt) ([]string, error) { return nil, nil }

func TestEachConfirmationNeedsItsAnswer(t *testing.T) {
	rb := parseRunbook(t, "s1[r.read a.safe]")
	rb.Steps[0].Actions[0] = evenkeel.Action{ID: "m", Manual: "say so", Change: evenkeel.Change{Title: "m"}}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": newMachine("-")},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, Operator: &laconic{}})
	require.ErrorContains(t, err, "0 answers to 1 confirmations")
}

// Before any step began nothing was made from the inputs: they may still be others.
func TestInputsAreAmendedBeforeAnyStepBegan(t *testing.T) {
	stop := make(chan struct{})
	close(stop)
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), fourSteps(t, nil), evenkeel.HostMap{"h": newMachine("-")},
		evenkeel.Options{Journal: j, Clock: &stepClock{}, Stop: stop})
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	rb := fourSteps(t, func(rb *evenkeel.Runbook) { rb.Inputs[0] = evenkeel.NewInput("Hosts.csv", []byte("y")) })
	a, err := evenkeel.Amend(t.Context(), rb, j, evenkeel.AmendOptions{By: "a", Confirm: sure})
	require.NoError(t, err)
	require.Len(t, a.Inputs, 1)
}

// What was confirmed ahead is not asked for again before its turn has come; nothing is confirmed ahead of what the operator does by hand.
func TestAConfirmationWaitsForItsTurn(t *testing.T) {
	word := evenkeel.Action{ID: "w", Manual: "say so", Change: evenkeel.Change{Title: "w"}}
	rb := parseRunbook(t, "s1[g.guard a.safe]")
	rb.Steps[0].Actions = slices.Insert(rb.Steps[0].Actions, 1, word)
	c := &confirming{answers: map[string]string{"w": "yes"}}
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, Operator: c}
	hosts := evenkeel.HostMap{"h": newMachine("fail:g")}
	_, err := evenkeel.Run(t.Context(), rb, hosts, opts)
	require.Error(t, err)
	_, err = evenkeel.Resume(t.Context(), rb, hosts, opts)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"w"}}, c.asked)

	rb = parseRunbook(t, "s1[m.manual]")
	rb.Steps[0].Actions = append(rb.Steps[0].Actions, word)
	require.False(t, rb.Confirmations(nil)[0].Ahead)
}
