package evenkeel_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// once runs a runbook on a machine that does not answer some commands of the given words.
func once(
	t *testing.T, rb *evenkeel.Runbook, m *machine, words string, times int, outcome sshexec.Outcome, operator evenkeel.Operator,
) error {
	t.Helper()
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if strings.Join(cmd.Argv, " ") == words && times > 0 {
			times--
			res := sshexec.Result{Outcome: outcome}
			return res, sshexec.Failure("h", cmd, res, errFar)
		}
		return m.Run(ctx, cmd)
	})
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, Operator: operator}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": host}, opts)
	return err
}

// What a probe found done is journalled with the facts that it saw, whatever the action itself would make of nothing.
func TestAProbeThatFindsItDoneTellsTheFacts(t *testing.T) {
	for fault, want := range map[string]string{"did:a": "look:a b", "lost:a": "look:a a? look:a b"} {
		rb := factBook()
		a := parseAction(t, "a.probe")
		a.Makes = rb.Steps[0].Actions[0].Makes
		a.Probe.Makes = []evenkeel.Make{archive.From(func(evenkeel.Observed) (string, error) { return "/seen", nil })}
		rb.Steps[0].Actions[0] = a
		m := newMachine(fault)
		j := &evenkeel.MemJournal{}
		require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
		require.Equal(t, want, strings.Join(m.log, " "))
		got, err := archive.Get(stateOf(t, j).Facts)
		require.NoError(t, err)
		require.Equal(t, "/seen", got)
	}
}

// A machine that is off proves what a probe says that it proves; a connection that was lost proves nothing.
func TestTheSilenceOfAMachineProvesWhatItsProbeSays(t *testing.T) {
	for name, tc := range map[string]struct {
		silent  evenkeel.ProbeResult
		outcome sshexec.Outcome
		want    string
	}{
		"off, which says that it is done": {evenkeel.Done, sshexec.NotStarted, ""},
		"off, which says nothing":         {evenkeel.Inconclusive, sshexec.NotStarted, "look:a a"},
		"lost, which says nothing":        {evenkeel.Done, sshexec.Unknown, "look:a a"},
	} {
		rb := parseRunbook(t, "s1[a.probe]")
		rb.Steps[0].Actions[0].Probe.Silent = tc.silent
		m := newMachine("-")
		require.NoError(t, once(t, rb, m, "look a", 3, tc.outcome, nil), name)
		require.Equal(t, tc.want, strings.Join(m.log, " "), name)
	}
}

// A probe reads what its command printed also where that exited with a status of its own.
func TestAProbeReadsAnExitStatus(t *testing.T) {
	rb := parseRunbook(t, "s1[a.probe]")
	rb.Steps[0].Actions[0].Probe.Read = func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
		return map[int]evenkeel.ProbeResult{0: evenkeel.NotRun, 1: evenkeel.Done}[o.ExitCode], nil
	}
	m := newMachine("-")
	host := m.under(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1}
		return res, sshexec.Failure("h", cmd, res, nil)
	})
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": host}, opts)
	require.NoError(t, err)
}

// The effect of a lost command may take its time too; before a command was ever sent there is nothing to wait for.
func TestOnlyWhatWasSentIsWaitedFor(t *testing.T) {
	for fault, waits := range map[string]bool{"lost:a": true, "-": false} {
		rb := parseRunbook(t, "s1[a.probe]")
		probe := rb.Steps[0].Actions[0].Probe
		clock, read, looks := &stepClock{}, probe.Read, 0
		probe.Settle = time.Hour
		probe.Read = func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			if looks++; looks < 200 {
				return evenkeel.NotRun, nil
			}
			return read(o)
		}
		m := newMachine(fault)
		_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: clock})
		require.NoError(t, err, fault)
		require.Equal(t, waits, clock.now.Sub(time.Time{}) > probe.Settle/6, "%s", clock.now)
	}
}

// A run that is cancelled while a command is lost looks once more all the same, for the journal.
func TestACancelledRunLooksOnceMore(t *testing.T) {
	rb := parseRunbook(t, "s1[a.never]")
	m := newMachine("-")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[0] == "look" {
			require.NoError(t, ctx.Err())
			return m.Run(ctx, cmd)
		}
		cancel()
		<-ctx.Done()
		m.done["a"] = "done"
		res := sshexec.Result{Outcome: sshexec.Unknown}
		return res, sshexec.Failure("h", cmd, res, ctx.Err())
	})
	j := &evenkeel.MemJournal{}
	_, _ = evenkeel.Run(ctx, rb, evenkeel.HostMap{"h": host}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.Equal(t, evenkeel.Did, stateOf(t, j).Step("s1").Action(evenkeel.PhaseDo, "a"))
}

// An operation whose command was lost is probed like a command.
func TestALostOperationIsProbed(t *testing.T) {
	rb := parseRunbook(t, "s1[a.never b.safe]")
	a := &rb.Steps[0].Actions[0]
	cmd := a.Cmd
	a.Op = &evenkeel.Op{Effect: evenkeel.Mutating, Text: "it", Cmds: evenkeel.Here(cmd),
		Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) { return at.Run(ctx, at.Host, cmd) }}
	a.Cmd, a.Paper = sshexec.Cmd{}, inOrder(evenkeel.Here(cmd))
	m := newMachine("lost:a")
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, &evenkeel.MemJournal{}))
	require.Equal(t, "a? look:a b", strings.Join(m.log, " "))
}

// A look at a machine that does not answer fails at once, unless it awaits just that or is the evidence of what the operator
// does. A change is never sent again for it.
func TestALookThatIsLost(t *testing.T) {
	for name, tc := range map[string]struct {
		action string
		awaits bool
		want   string
		ok     bool
	}{
		"a look":          {"r.read", false, "", false},
		"one that awaits": {"r.read", true, "read:r", true},
		"evidence":        {"r.manual", false, "read:r", true},
	} {
		rb := parseRunbook(t, "s1["+tc.action+"]")
		a := &rb.Steps[0].Actions[0]
		a.Expect.Awaits = tc.awaits
		m := newMachine("did:r")
		err := once(t, rb, m, "read r", 3, sshexec.NotStarted, handFunc(func() error { return nil }))
		require.Equal(t, tc.ok, err == nil, "%s: %v", name, err)
		require.Equal(t, tc.want, strings.Join(m.log, " "), name)
	}
	rb := parseRunbook(t, "s1[a.safe]")
	rb.Steps[0].Actions[0].Expect.Awaits = true
	m := newMachine("lost:a")
	require.Equal(t, "=failed", m.life(t, evenkeel.Run, rb, &evenkeel.MemJournal{}))
	require.Equal(t, "a?", strings.Join(m.log, " "))
}

// A read whose output has been passed on is not sent again.
func TestAReadWhoseOutputWasPassedOnIsNotSentAgain(t *testing.T) {
	for _, passes := range []bool{false, true} {
		read := sshexec.Command(sshexec.ReadOnly, "read", "r")
		var out strings.Builder
		if passes {
			read.Stdout = &out
		}
		rb := gateBook(nil, func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) { return at.Run(ctx, at.Host, read) })
		rb.Steps[0].Host = "h"
		err := once(t, rb, newMachine("-"), "read r", 1, sshexec.Unknown, nil)
		require.Equal(t, passes, err != nil, "%v", err)
	}
}

// The operator takes the time that it takes: evidence that comes late is no failure.
func TestAPersonIsNotHurried(t *testing.T) {
	rb := parseRunbook(t, "s1[m.manual]")
	m := newMachine("-")
	clock, asked := &stepClock{}, 0
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: clock, Operator: handFunc(func() error {
		clock.move(24 * time.Hour)
		if asked++; asked == 3 {
			m.done["m"] = "done"
		}
		return nil
	})}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, opts)
	require.NoError(t, err)
	require.Equal(t, 3, asked)
}

// An action that failed may have broken more than itself: the run says that too.
func TestAViolationByAFailureIsSaid(t *testing.T) {
	broken := false
	rb := watched(&broken, "s1[a.safe]", t)
	j := &evenkeel.MemJournal{}
	hosts := on(newMachine("fail:a"), func(string) { broken = true })
	_, err := evenkeel.Run(t.Context(), rb, hosts, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.ErrorAs(t, err, new(*evenkeel.Violation))
	require.ErrorContains(t, err, "exit status 1")
	require.Equal(t, evenkeel.KindViolation, j.Records()[len(j.Records())-1].Kind)
}

// An undo may bring the system from before back: the host may come without its lease, on failure and in a rollback.
func TestAnUndoOfAReinstallationReinstalls(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe b.safe undo:u.safe]")
	rb.Steps[0].Reinstalls = []string{"h"}
	for _, auto := range []bool{false, true} {
		rb.Steps[0].UndoOnFailure = auto
		m := newMachine("fail:b")
		j := &evenkeel.MemJournal{}
		require.Equal(t, "=failed", m.life(t, evenkeel.Run, rb, j))
		if !auto {
			require.Equal(t, "=done", m.life(t, evenkeel.Rollback, rb, j))
		}
		seen := false
		for _, r := range j.Records() {
			if r.Kind == evenkeel.KindStart && r.Action == "u" {
				require.Equal(t, []string{"h"}, r.Reinstalls)
				seen = true
			}
		}
		require.True(t, seen)
	}
}

// Steps of one time: where they run in turn the first failure is the last step; where several fail all are told; of several
// that wait for the operator it is the first.
func TestWhatAGroupOfStepsComesTo(t *testing.T) {
	group := func(book string) *evenkeel.Runbook {
		rb := parseRunbook(t, book)
		for i := range rb.Steps {
			rb.Steps[i].Parallel = "p"
		}
		return rb
	}
	run := func(rb *evenkeel.Runbook, m *machine, serial bool) error {
		opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, Serial: serial}
		_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m.under(m.Run)}, opts)
		return err
	}
	m := newMachine("fail:a fail:b")
	require.ErrorContains(t, run(group("s1[a.safe] s2[b.safe]"), m, true), "step s1")
	require.Equal(t, "a!", strings.Join(m.log, " "))

	var mixed *evenkeel.Pause
	words := evenkeel.Action{ID: "m", Manual: "say so", Change: evenkeel.Change{Title: "m"}}
	rb := group("s1[a.read] s2[b.read]")
	rb.Steps[0].Actions[0], rb.Steps[1].Actions[0] = words, words
	require.ErrorAs(t, run(rb, newMachine("-"), false), &mixed)
	require.Equal(t, "s1", mixed.Step)

	rb = group("s1[a.read] s2[b.read]")
	for i := range rb.Steps {
		rb.Steps[i].Actions[0].Expect.Check = func(evenkeel.Observed) error { return errors.New("no: " + rb.Steps[i].ID) }
	}
	host := sshexec.RunnerFunc(func(context.Context, sshexec.Cmd) (sshexec.Result, error) {
		return sshexec.Result{Outcome: sshexec.Exited}, nil
	})
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": host}, opts)
	require.ErrorContains(t, err, "no: s1")
	require.ErrorContains(t, err, "no: s2")
}

// doneJournal is looked at when a run is said to be done.
type doneJournal struct {
	evenkeel.MemJournal
	done func()
}

func (j *doneJournal) Append(r evenkeel.Record) error {
	if r.Kind == evenkeel.KindDone {
		j.done()
	}
	return j.MemJournal.Append(r)
}

// The leases are given back before a run is said to be done: nothing would give them back after a crash in between.
func TestTheLeasesAreGivenBackBeforeTheRunIsDone(t *testing.T) {
	p := newPark("n1")
	looked := false
	j := &doneJournal{done: func() {
		lease, err := sshexec.ParseLease(p.machines["n1"].Lines[evenkeel.LeasePath])
		require.NoError(t, err)
		require.False(t, lease.Held)
		looked = true
	}}
	_, err := evenkeel.Run(t.Context(), book(1, "n1"), p.as("A"), options(j, "A"))
	require.NoError(t, err)
	require.True(t, looked)
}
