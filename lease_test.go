package evenkeel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// leasable gives every host a simulated lease file.
func leasable(hosts evenkeel.HostMap) evenkeel.HostMap {
	out := evenkeel.HostMap{}
	for name, r := range hosts {
		out[name] = sshexec.WithSimLease(name, &sshexec.SimLease{}, r)
	}
	return out
}

// park is some machines that several operators reach, each by its own way.
type park struct {
	mu       sync.Mutex
	machines map[string]*sshexec.SimLease
	jobs     sshexec.SimJobs
	log      []string // "operator machine command"
	// before is called before a command reaches its machine, and may keep it back; an error is that of a machine out of reach.
	before func(who, host string, cmd sshexec.Cmd) error
}

func newPark(names ...string) *park {
	p := &park{machines: map[string]*sshexec.SimLease{}, jobs: sshexec.SimJobs{}}
	for _, n := range names {
		p.machines[n] = &sshexec.SimLease{Machine: sshexec.Machine{HostKey: "key of " + n, ID: "id of " + n, IDFrom: "/etc/machine-id", Name: n}}
	}
	return p
}

var errFar = errors.New("no route to host")

// as is the way of an operator. A machine stands under its own name unless the operator's addresses say otherwise.
func (p *park) as(who string, addresses ...string) evenkeel.HostMap {
	hosts := evenkeel.HostMap{}
	for name := range p.machines {
		at := name
		for _, a := range addresses {
			if host, to, ok := strings.Cut(a, "="); ok && host == name {
				at = to
			}
		}
		hosts[name] = p.way(who, name, at)
	}
	return hosts
}

func (p *park) way(who, host, at string) sshexec.Runner {
	return sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if p.before != nil {
			if err := p.before(who, host, cmd); err != nil {
				res := sshexec.Result{Outcome: sshexec.NotStarted}
				return res, sshexec.Failure(host, cmd, res, err)
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if res, err, handled := p.machines[at].Do(at, cmd); handled {
			return res, err
		}
		res := sshexec.Result{Outcome: sshexec.Exited}
		if text, handled := p.jobs.Look(cmd); handled {
			res.Stdout = []byte(text)
			return res, nil
		}
		if job, ok := sshexec.SimJobStart(cmd); ok {
			cmd, p.jobs[job.Dir], res.Stdout = job.Cmd, job, []byte("started\n")
		}
		if cmd.Effect != sshexec.ReadOnly {
			p.log = append(p.log, who+" "+at+" "+strings.Join(cmd.Argv[1:], " "))
		}
		return res, nil
	})
}

func (p *park) ran(who string) (n int) {
	for _, l := range p.log {
		if strings.HasPrefix(l, who+" ") {
			n++
		}
	}
	return n
}

// book changes two hosts, n times each, in two steps.
func book(n int, hosts ...string) *evenkeel.Runbook {
	rb := &evenkeel.Runbook{Name: "r", Title: "r"}
	for s, host := range hosts {
		step := evenkeel.Step{ID: fmt.Sprint("s", s+1), Title: "s", Host: host, Harmless: "a test"}
		for i := range n {
			step.Actions = append(step.Actions, evenkeel.Action{
				ID: fmt.Sprint("a", i),
				Change: evenkeel.Change{
					Title: "x", Repeat: evenkeel.Idempotent, Cmd: sshexec.Command(sshexec.Disruptive, "disrupt", host, fmt.Sprint(i)),
				},
			})
		}
		rb.Steps = append(rb.Steps, step)
	}
	return rb
}

func options(j evenkeel.Journal, who string) evenkeel.Options {
	return evenkeel.Options{Journal: j, Clock: &stepClock{}, Holder: who}
}

// copyOf is a copied journal.
func copyOf(t *testing.T, j *evenkeel.MemJournal) *evenkeel.MemJournal {
	t.Helper()
	c := &evenkeel.MemJournal{}
	for _, r := range j.Records() {
		require.NoError(t, c.Append(r))
	}
	return c
}

// suspended runs a tool up to its command at, which is not sent before wake is closed.
func (p *park) suspended(t *testing.T, who, at string, start func() error) (wake chan struct{}, done chan error) {
	t.Helper()
	reached, wake, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var once sync.Once
	p.before = func(w, _ string, cmd sshexec.Cmd) error {
		if w == who && strings.Join(cmd.Argv, " ") == at {
			once.Do(func() {
				close(reached)
				<-wake
			})
		}
		return nil
	}
	go func() { done <- start() }()
	<-reached
	return wake, done
}

// The lease hosts of a runbook are those that it changes, whatever it declares.
func TestLeaseHostsAreDerived(t *testing.T) {
	rb := book(1, "a", "b")
	rb.LeaseHosts = []string{"z", "a"}
	rb.Steps[0].Undo = []evenkeel.Action{{ID: "u",
		Change: evenkeel.Change{Host: "c", Cmd: sshexec.Command(sshexec.Mutating, "x")}},
		{ID: "l", Change: evenkeel.Change{Host: "only looked at", Cmd: sshexec.Command(sshexec.ReadOnly, "x")}}}
	rb.Steps[1].Reinstalls = []string{"d"}
	rb.Steps[1].Actions = append(rb.Steps[1].Actions,
		evenkeel.Action{ID: "op", Change: evenkeel.Change{Op: &evenkeel.Op{Effect: evenkeel.Mutating,
			Cmds: evenkeel.On("e", sshexec.Command(sshexec.Mutating, "x"))}}})
	over := evenkeel.Action{ID: "f", Change: evenkeel.Change{Host: "f", Cmd: sshexec.Command(sshexec.Mutating, "x")}}
	rb.Steps[1].Opens = []evenkeel.Window{{ID: "w", Completion: []evenkeel.Action{over}}}
	require.Equal(t, []string{"a", "b", "c", "d", "e", "f", "z"}, rb.Leased())
}

// A tool is suspended in the middle of a step; a second one resumes from a copied journal, to the end or not. The first
// wakes up: its next command is refused by the machine, with nothing run, no undo, no second try.
func TestASuspendedToolIsFencedOff(t *testing.T) {
	for _, at := range []string{"disrupt n1 0", "disrupt n1 2", "disrupt n2 4"} {
		p := newPark("n1", "n2")
		rb := book(5, "n1", "n2")
		for i := range rb.Steps {
			rb.Steps[i].Undo, rb.Steps[i].UndoOnFailure = []evenkeel.Action{parseActionT("undo", "safe")}, true
		}
		j := &evenkeel.MemJournal{}
		wake, done := p.suspended(t, "A", at, func() error {
			_, err := evenkeel.Run(t.Context(), rb, p.as("A"), options(j, "anna@ops"))
			return err
		})
		before := p.ran("A")
		_, err := evenkeel.Resume(t.Context(), rb, p.as("B"), options(copyOf(t, j), "bert@elsewhere"))
		require.NoError(t, err)
		close(wake)
		err = <-done
		var lost *evenkeel.LeaseLostError
		require.ErrorAs(t, err, &lost)
		require.ErrorContains(t, err, "bert@elsewhere")
		require.Equal(t, evenkeel.NotStarted, sshexec.OutcomeOf(err))
		require.Equal(t, before, p.ran("A"), "the tool that woke up changed something: %v", p.log)
		st, err := evenkeel.ReadState(j.Records())
		require.NoError(t, err)
		last := j.Records()[len(j.Records())-1]
		require.Equal(t, evenkeel.KindEnd, last.Kind)
		require.Equal(t, evenkeel.NotStarted, *last.Outcome)
		require.False(t, st.Done)

		// Nor does it go on when it is started again: its journal is not the run's latest.
		var stale *evenkeel.StaleJournalError
		_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), options(j, "anna@ops"))
		require.ErrorAs(t, err, &stale)
		require.Equal(t, before, p.ran("A"))
	}
}

// The same while the second one is still at work, with a run of its own that took an abandoned lease over.
func TestASuspendedToolMeetsAnotherRun(t *testing.T) {
	p := newPark("n1")
	rb := book(5, "n1")
	j := &evenkeel.MemJournal{}
	opts := options(j, "anna@ops")
	opts.RunID = "A"
	wake, done := p.suspended(t, "A", "disrupt n1 0", func() error {
		_, err := evenkeel.Run(t.Context(), rb, p.as("A"), opts)
		return err
	})
	var held *evenkeel.LeaseHeldError
	mine := options(&evenkeel.MemJournal{}, "bert@ops")
	_, err := evenkeel.Run(t.Context(), rb, p.as("B"), mine)
	require.ErrorAs(t, err, &held, "another run is kept out")
	require.ErrorContains(t, err, "run A of anna@ops")
	require.Zero(t, p.ran("B"))
	mine = options(&evenkeel.MemJournal{}, "bert@ops")
	mine.TakeLease = "A"
	old := p.before
	p.before = func(who, host string, cmd sshexec.Cmd) error {
		if who == "B" && strings.Join(cmd.Argv, " ") == "disrupt n1 2" {
			p.before = old
			close(wake)
			var lost *evenkeel.LeaseLostError
			require.ErrorAs(t, <-done, &lost)
		}
		return old(who, host, cmd)
	}
	_, err = evenkeel.Run(t.Context(), rb, p.as("B"), mine)
	require.NoError(t, err)
	require.Zero(t, p.ran("A"))
	require.Equal(t, 5, p.ran("B"))
}

// What another run wrote into its lease, and what a machine says of itself, is data: no word of it makes a line of its own in an error.
func TestAnErrorKeepsForeignWordsOnTheirLine(t *testing.T) {
	const forged = "x\r\nFORGED: all fine\n\x1b[2J"
	lease := sshexec.Lease{Held: true, Run: forged, Epoch: 1, Life: forged, Host: forged, Holder: forged}
	machine := sshexec.Machine{ID: forged, IDFrom: forged, Name: forged, HostKey: forged}
	for _, err := range []error{
		&evenkeel.LeaseHeldError{Host: "h", Lease: lease}, &evenkeel.StaleJournalError{Host: "h", Lease: lease},
		&evenkeel.LeaseBusyError{Host: "h", Command: forged},
		&evenkeel.LeaseLostError{Host: "h", Err: &sshexec.FencedError{Path: "/l", Reason: sshexec.LeaseOther, Lease: lease.String()}},
		&evenkeel.IdentityError{Host: "h", Want: machine, Got: machine},
	} {
		require.Contains(t, err.Error(), "FORGED", "%T", err)
		require.NotRegexp(t, `[\n\r\x1b]`, err.Error(), "%T", err)
	}
	// The machine's own lease, as another run meets it.
	p := newPark("n1")
	rb := book(1, "n1")
	mine := lease
	mine.Host = "n1"
	p.machines["n1"].Lines = map[string]string{evenkeel.LeasePath: mine.String()}
	_, err := evenkeel.Run(t.Context(), rb, p.as("B"), options(&evenkeel.MemJournal{}, "bert@ops"))
	require.ErrorContains(t, err, "FORGED")
	require.NotContains(t, err.Error(), "\n")
}

// Of two operators each of whom reaches one node only, none begins; one that is forced to begins alone, loudly, and the journal says so.
func TestTwoOperatorsWhoReachOneNodeEach(t *testing.T) {
	p := newPark("n1", "n2")
	rb := book(2, "n1", "n2")
	j := &evenkeel.MemJournal{}
	stop := make(chan struct{})
	opts := options(j, "anna@ops")
	opts.Stop = stop
	p.before = func(_, _ string, cmd sshexec.Cmd) error {
		if strings.Join(cmd.Argv, " ") == "disrupt n1 0" {
			close(stop)
			p.before = nil
		}
		return nil
	}
	_, err := evenkeel.Run(t.Context(), rb, p.as("A"), opts)
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	reach := map[string]string{"A": "n1", "B": "n2"}
	p.before = func(who, host string, cmd sshexec.Cmd) error {
		if reach[who] != host {
			return errFar
		}
		return nil
	}
	began, lines := p.log, p.machines["n2"].Lines[evenkeel.LeasePath]
	for _, who := range []string{"A", "B"} {
		var missing *evenkeel.LeaseMissingError
		_, err := evenkeel.Resume(t.Context(), rb, p.as(who), options(copyOf(t, j), who))
		require.ErrorAs(t, err, &missing)
		require.ErrorIs(t, err, errFar)
	}
	require.Equal(t, began, p.log)
	require.Equal(t, lines, p.machines["n2"].Lines[evenkeel.LeasePath], "who cannot begin writes nothing anywhere")

	forced := options(copyOf(t, j), "A")
	forced.ForceTakeover = true
	var loud []string
	forced.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventAlarm {
			loud = append(loud, e.Text)
		}
	})
	reach["B"] = "n1"
	_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), forced)
	require.Error(t, err, "n2 is out of reach")
	require.Equal(t, 2, p.ran("A"))
	require.Len(t, loud, 1)
	require.Contains(t, loud[0], "n2 cannot be reached")
	require.True(t, slices.ContainsFunc(forced.Journal.Records(), func(r evenkeel.Record) bool {
		return r.Kind == evenkeel.KindLease && strings.Contains(r.Life.Forced, "n2 cannot be reached") &&
			slices.Equal(r.Life.Missing, []string{"n2"})
	}))
}

// What keeps a life from beginning, and what it says.
func TestALifeDoesNotBegin(t *testing.T) {
	other := sshexec.Lease{Held: true, Run: "r9", Epoch: 3, Life: "l", Host: "n2", Since: time.Unix(0, 0), Holder: "carl@ops"}
	for name, tc := range map[string]struct {
		mend func(*sshexec.SimLease)
		want string
	}{
		"a read-only root": {func(m *sshexec.SimLease) { m.Fault = "Read-only file system" }, "make the file system writable"},
		"no flock":         {func(m *sshexec.SimLease) { m.NoFlock = true }, "install util-linux"},
		"another run": {func(m *sshexec.SimLease) { m.Lines = map[string]string{evenkeel.LeasePath: other.String()} },
			"run r9 of carl@ops"},
		"unreadable":      {func(m *sshexec.SimLease) { m.Lines = map[string]string{evenkeel.LeasePath: "unreadable"} }, "cannot be read"},
		"somebody's file": {func(m *sshexec.SimLease) { m.Lines = map[string]string{evenkeel.LeasePath: "root:x:0:0"} }, "is no lease"},
		"a version to come": {func(m *sshexec.SimLease) { m.Lines = map[string]string{evenkeel.LeasePath: "evenkeel-lease 2 free"} },
			"cannot be read"},
		"the same machine": {func(m *sshexec.SimLease) {
			m.Machine = sshexec.Machine{HostKey: "key of n1", ID: "id of n1", Name: "n1"}
		}, "n1 and n2 lead to the same machine"},
		"a command runs":     {func(m *sshexec.SimLease) { m.Running = "4711 umount /mnt/t0" }, "4711 umount /mnt/t0"},
		"a command, no keys": {func(m *sshexec.SimLease) { m.Running, m.HostKey = "4711 umount /mnt/t0", "" }, "4711 umount /mnt/t0"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPark("n1", "n2")
			tc.mend(p.machines["n2"])
			j := &evenkeel.MemJournal{}
			_, err := evenkeel.Run(t.Context(), book(1, "n1", "n2"), p.as("A"), options(j, "A"))
			require.ErrorContains(t, err, tc.want)
			require.Empty(t, p.log)
			free, err := sshexec.ParseLease(p.machines["n1"].Lines[evenkeel.LeasePath])
			require.True(t, err != nil && p.machines["n1"].Lines == nil || !free.Held, "it gives back what it took")

			p.machines["n2"] = newPark("n2").machines["n2"]
			_, err = evenkeel.Resume(t.Context(), book(1, "n1", "n2"), p.as("A"), options(j, "A"))
			require.NoError(t, err)
			require.Len(t, p.log, 2)
		})
	}
}

// One address leads to two hosts whose identities cannot be told apart by what they say: the lease on it shows it.
func TestTwoNamesOfOneMachine(t *testing.T) {
	p := newPark("n1", "n2")
	p.before = func(_, host string, _ sshexec.Cmd) error { // it says another name each time
		p.machines["n1"].Machine = sshexec.Machine{ID: "id as " + host, Name: "name as " + host}
		return nil
	}
	_, err := evenkeel.Run(t.Context(), book(1, "n1", "n2"),
		evenkeel.HostMap{"n1": p.way("A", "n1", "n1"), "n2": p.way("A", "n2", "n1")}, options(&evenkeel.MemJournal{}, "A"))
	var same *evenkeel.SameMachineError
	require.ErrorAs(t, err, &same)
	require.Empty(t, p.log)
}

// While a command of the life before runs, the next one waits for it, and then begins.
func TestATakeoverWaitsForTheRunningCommand(t *testing.T) {
	p := newPark("n1")
	p.machines["n1"].Running = "4711 yum install"
	waits := 0
	opts := options(&evenkeel.MemJournal{}, "A")
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventWait {
			require.Contains(t, e.Text, "4711 yum install")
			if waits++; waits == 3 {
				p.machines["n1"].Running = ""
			}
		}
	})
	_, err := evenkeel.Run(t.Context(), book(1, "n1"), p.as("A"), opts)
	require.NoError(t, err)
	require.Equal(t, 3, waits)
}

// A lease that cannot be read any more, or is gone, is not ours.
func TestALeaseThatIsLostInTheMiddle(t *testing.T) {
	for name, harm := range map[string]func(*sshexec.SimLease){
		"gone":       func(m *sshexec.SimLease) { m.Lines = nil },
		"unreadable": func(m *sshexec.SimLease) { m.Lines[evenkeel.LeasePath] = "x" },
		"free": func(m *sshexec.SimLease) {
			m.Lines[evenkeel.LeasePath] = strings.Replace(m.Lines[evenkeel.LeasePath], "held", "free", 1)
		},
		"no flock": func(m *sshexec.SimLease) { m.NoFlock = true },
		"another run's, by another name": func(m *sshexec.SimLease) {
			m.Lines[evenkeel.LeasePath] = sshexec.Lease{Held: true, Run: "r9", Epoch: 1, Life: "l", Host: "n9", Holder: "carl@ops"}.String()
		},
	} {
		for _, at := range []string{"disrupt n1 1", "disrupt n2 0"} {
			p := newPark("n1", "n2")
			p.before = func(_, host string, cmd sshexec.Cmd) error {
				if strings.Join(cmd.Argv, " ") == at {
					p.before = nil // once: a second try would be let in
					harm(p.machines[host])
				}
				return nil
			}
			opts := options(&evenkeel.MemJournal{}, "A")
			opts.ForceTakeover = true // which is for the beginning only
			_, err := evenkeel.Run(t.Context(), book(3, "n1", "n2"), p.as("A"), opts)
			var lost *evenkeel.LeaseLostError
			require.ErrorAs(t, err, &lost, name)
			require.NotErrorAs(t, err, new(*evenkeel.IdentityError), name)
			require.NotContains(t, p.log, "A n1 n1 1"+strings.Repeat(" never", len(p.log)), name)
			require.Len(t, p.log, map[string]int{"disrupt n1 1": 1, "disrupt n2 0": 3}[at], name)
		}
	}
}

// A rollback is a life of its run: it takes the lease over by itself, and another run's lease keeps it out as any other.
func TestARollbackTakesItsRunsLease(t *testing.T) {
	p := newPark("n1")
	rb := book(2, "n1")
	rb.Steps[0].Harmless, rb.Steps[0].Undo = "", []evenkeel.Action{parseActionT("undo", "safe")}
	j := &evenkeel.MemJournal{}
	ctx, cancel := context.WithCancel(t.Context())
	p.before = func(_, _ string, cmd sshexec.Cmd) error {
		if strings.Join(cmd.Argv, " ") == "disrupt n1 1" {
			cancel()
		}
		return nil
	}
	_, err := evenkeel.Run(ctx, rb, p.as("A"), options(j, "A"))
	_ = err
	p.before = nil
	_, err = evenkeel.Rollback(t.Context(), rb, p.as("A"), options(j, "A"))
	require.NoError(t, err)
	require.Equal(t, "A n1 undo", p.log[len(p.log)-1])
	free, err := sshexec.ParseLease(p.machines["n1"].Lines[evenkeel.LeasePath])
	require.NoError(t, err)
	require.False(t, free.Held, "a rollback that ended gives its lease back")
}

// A command for the whole cluster is not sent where another machine has been taken over; one that does not answer says nothing.
func TestAWideCommandAsksTheOtherMachines(t *testing.T) {
	for i := range 4 {
		wide, detached := i%2 > 0, i/2 > 0 // a job of such a command is started as the command is
		p := newPark("n1", "n2")
		rb := book(2, "n1", "n2")
		rb.Steps[0].Actions[1].Cmd.Wide, rb.Steps[0].Actions[1].Detached = wide, detached
		p.before = func(_, host string, cmd sshexec.Cmd) error {
			if strings.Join(cmd.Argv, " ") == "disrupt n1 0" {
				p.machines["n2"].Lines[evenkeel.LeasePath] = "taken over"
			}
			return nil
		}
		_, err := evenkeel.Run(t.Context(), rb, p.as("A"), options(&evenkeel.MemJournal{}, "A"))
		require.Error(t, err)
		require.Len(t, p.log, map[bool]int{false: 2, true: 1}[wide])
	}
}

// A machine that was passed over by force has no lease to check: what is wide goes on without it, also when it is back.
func TestAWideCommandDoesNotAskWhoWasPassedOver(t *testing.T) {
	p := newPark("n1", "n2")
	rb := book(2, "n1")
	rb.LeaseHosts = []string{"n2"}
	rb.Steps[0].Actions[1].Cmd.Wide = true
	away := true
	p.before = func(_, host string, cmd sshexec.Cmd) error {
		away = away && strings.Join(cmd.Argv, " ") != "disrupt n1 0"
		if host == "n2" && away {
			return errFar
		}
		return nil
	}
	opts := options(&evenkeel.MemJournal{}, "A")
	opts.ForceTakeover = true
	_, err := evenkeel.Run(t.Context(), rb, p.as("A"), opts)
	require.NoError(t, err)
	require.Len(t, p.log, 2)
}

// Addresses that were swapped between two lives lead to the wrong machines: nothing is changed, and the error names both.
func TestSwappedAddressesAreRefused(t *testing.T) {
	for _, left := range []bool{true, false} { // with the lease that the life before left, and without
		p := newPark("n1", "n2")
		rb := book(2, "n1", "n2")
		j := &evenkeel.MemJournal{}
		stop := make(chan struct{})
		opts := options(j, "A")
		opts.Stop = stop
		p.before = func(_, _ string, cmd sshexec.Cmd) error {
			if strings.Join(cmd.Argv, " ") == "disrupt n1 0" {
				close(stop)
				p.before = nil
			}
			return nil
		}
		_, err := evenkeel.Run(t.Context(), rb, p.as("A"), opts)
		require.ErrorIs(t, err, evenkeel.ErrStopped)
		if !left {
			p.machines["n1"].Lines, p.machines["n2"].Lines = nil, nil
		}
		ran := len(p.log)
		forced := options(j, "A")
		forced.ForceTakeover = true
		_, err = evenkeel.Resume(t.Context(), rb, p.as("A", "n1=n2", "n2=n1"), forced)
		var wrong *evenkeel.IdentityError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, [2]string{"n1", "n2"}, [2]string{wrong.Host, wrong.Other})
		require.ErrorContains(t, err, "the address of n1 leads to the machine that is n2")
		require.Len(t, p.log, ran)

		// A machine that nobody knows is refused too, though its lease file is a copy.
		p.machines["n1"].Machine = sshexec.Machine{HostKey: "k", ID: "another", Name: "n1"}
		_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), forced)
		require.ErrorAs(t, err, &wrong)
		require.Empty(t, wrong.Other)
		require.Len(t, p.log, ran)
		if left {
			// A key that was renewed is none of this: the machine is the same.
			p.machines["n1"].Machine = sshexec.Machine{HostKey: "renewed", ID: "id of n1", Name: "n1"}
			_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), options(j, "A"))
			require.NoError(t, err)
			require.Equal(t, "renewed", stateOf(t, j).Bound["n1"][1].HostKey)
		}
	}
}

// reinstallBook changes n1, has n2 reinstalled by the operator, and changes n2.
func reinstallBook() *evenkeel.Runbook {
	rb := book(1, "n1", "n2")
	reinstall := evenkeel.Step{
		ID: "reinstall", Title: "Reinstall n2", Host: "n2", Reinstalls: []string{"n2"}, Irreversible: "a test",
		Actions: []evenkeel.Action{{ID: "by-hand", Manual: "Reinstall n2.", Change: evenkeel.Change{Title: "Reinstall it"}}},
	}
	rb.Steps = []evenkeel.Step{rb.Steps[0], reinstall, rb.Steps[1]}
	return rb
}

type handFunc func() error

func (f handFunc) Prompt(context.Context, evenkeel.Prompt) (string, error) { return "done", f() }

// The step that expects a reinstalled host gives it a lease again, in the same life or in a later one, in which it may
// be away; no other does.
func TestAReinstalledHostGetsItsLease(t *testing.T) {
	fresh := sshexec.Machine{HostKey: "new key", ID: "new id", Name: "n2"}
	wipe := func(p *park) { *p.machines["n2"] = sshexec.SimLease{Machine: fresh} }
	for name, tc := range map[string]struct {
		hold  bool // the tool ends while the host is away
		wipe  func(*park)
		wrong bool
	}{
		"in one life": {false, wipe, false}, "in a later life": {true, wipe, false},
		"the wrong machine":                  {false, func(p *park) { p.machines["n2"] = p.machines["n1"] }, true},
		"the wrong machine, in a later life": {true, func(p *park) { p.machines["n2"] = p.machines["n1"] }, true},
		"the wrong machine, wiped": {false,
			func(p *park) { *p.machines["n2"] = sshexec.SimLease{Machine: p.machines["n1"].Machine} }, true},
		"it was not reinstalled at all": {true, func(*park) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPark("n1", "n2")
			rb := reinstallBook()
			j := &evenkeel.MemJournal{}
			opts := options(j, "A")
			opts.Operator = handFunc(func() error {
				if tc.hold {
					return evenkeel.NeedsOperator("reinstall it")
				}
				tc.wipe(p)
				return nil
			})
			_, err := evenkeel.Run(t.Context(), rb, p.as("A"), opts)
			if tc.hold {
				require.Error(t, err)
				p.before = func(_, host string, _ sshexec.Cmd) error {
					if host == "n2" {
						return errFar
					}
					return nil
				}
				again := options(j, "A")
				_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), again)
				var hold *evenkeel.Pause
				require.ErrorAs(t, err, &hold, "it begins while the host is away")
				require.Equal(t, []string{"n2"}, stateOf(t, j).Life.Missing)
				again.Operator = handFunc(func() error {
					p.before = nil
					tc.wipe(p)
					return nil
				})
				_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), again)
			}
			if tc.wrong {
				var wrong *evenkeel.IdentityError
				require.ErrorAs(t, err, &wrong)
				require.Equal(t, "n1", wrong.Other)
				require.Len(t, p.log, 1)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{"A n1 n1 0", "A n2 n2 0"}, p.log)
			free, err := sshexec.ParseLease(p.machines["n2"].Lines[evenkeel.LeasePath])
			require.NoError(t, err)
			require.False(t, free.Held)
		})
	}
}

// Once a reinstalled host has its lease, another loss of it is not expected.
func TestALeaseIsMadeOnceForEachReinstallation(t *testing.T) {
	p := newPark("n1", "n2")
	rb := reinstallBook()
	more := rb.Steps[2].Actions[0]
	more.ID, more.Cmd = "more", sshexec.Command(sshexec.Mutating, "disrupt", "n2", "more")
	rb.Steps[2].Actions = append(rb.Steps[2].Actions, more)
	opts := options(&evenkeel.MemJournal{}, "A")
	wipe := func() { *p.machines["n2"] = sshexec.SimLease{Machine: sshexec.Machine{ID: "new id", Name: "n2"}} }
	opts.Operator = handFunc(func() error { wipe(); return nil })
	p.before = func(_, _ string, cmd sshexec.Cmd) error {
		if strings.Join(cmd.Argv, " ") == "disrupt n2 more" {
			p.before = nil
			wipe()
		}
		return nil
	}
	_, err := evenkeel.Run(t.Context(), rb, p.as("A"), opts)
	var lost *evenkeel.LeaseLostError
	require.ErrorAs(t, err, &lost)
	require.Len(t, p.log, 2)
}

// Answers that are lost while leases are taken, and a tool that dies there, keep nobody out: not even the tool's next life.
func TestALifeThatDiesAtItsBeginning(t *testing.T) {
	for n := 1; ; n++ {
		p := newPark("n1", "n2")
		rb := book(1, "n1", "n2")
		j := &evenkeel.MemJournal{}
		count, died := 0, false
		ctx, cancel := context.WithCancel(t.Context())
		p.before = func(_, _ string, cmd sshexec.Cmd) error {
			if count++; count == n {
				died = true
				cancel()
			}
			if died {
				return context.Canceled
			}
			return nil
		}
		_, err := evenkeel.Run(ctx, rb, p.as("A"), options(j, "A"))
		cancel()
		if !died {
			require.NoError(t, err)
			return
		}
		p.before = nil
		_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), options(j, "A"))
		require.NoError(t, err, "after command %d", n)
	}
}

// The operator replaced a machine by hand while the run was stopped before the step that expects it. The operator may
// say so by force; but not of a machine that no step replaces, nor of one that is known as another host.
func TestAHostThatWasReplacedAheadOfItsStep(t *testing.T) {
	fresh := sshexec.SimLease{Machine: sshexec.Machine{HostKey: "new key", ID: "new id", Name: "n2"}}
	for name, tc := range map[string]struct {
		host  string // that another machine takes the place of
		by    func(*park) sshexec.SimLease
		force bool
		goes  bool
	}{
		"not said": {"n2", func(*park) sshexec.SimLease { return fresh }, false, false},
		"said":     {"n2", func(*park) sshexec.SimLease { return fresh }, true, true},
		"by the other host": {"n2",
			func(p *park) sshexec.SimLease { return sshexec.SimLease{Machine: p.machines["n1"].Machine} }, true, false},
		"a host that no step replaces": {"n1", func(*park) sshexec.SimLease { return fresh }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPark("n1", "n2")
			rb := reinstallBook()
			stop := make(chan struct{})
			opts := options(&evenkeel.MemJournal{}, "A")
			opts.Stop = stop
			p.before = func(_, host string, cmd sshexec.Cmd) error {
				if cmd.Argv[0] == "disrupt" && host == "n1" {
					close(stop)
				}
				return nil
			}
			_, err := evenkeel.Run(t.Context(), rb, p.as("A"), opts)
			require.ErrorIs(t, err, evenkeel.ErrStopped)
			p.before, opts.Stop = nil, nil
			by := tc.by(p)
			*p.machines[tc.host] = by
			opts.ForceTakeover = tc.force
			opts.Operator = handFunc(func() error { return nil })
			_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), opts)
			if !tc.goes {
				require.Error(t, err)
				require.Len(t, p.log, 1, "nothing more was changed")
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{"A n1 n1 0", "A n2 n2 0"}, p.log)
		})
	}
}

// Nodes that were made from one image often share a machine id. A crash after the first of them was bound does not lock
// the second one out; swapped addresses are refused all the same.
func TestCopiedMachinesAreTold(t *testing.T) {
	for name, swap := range map[string]bool{"as they were": false, "swapped": true} {
		t.Run(name, func(t *testing.T) {
			p := newPark("n1", "n2")
			for _, n := range []string{"n1", "n2"} {
				p.machines[n].Machine = sshexec.Machine{ID: "of the image", IDFrom: "/etc/machine-id", HostKey: "key of " + n, Name: n}
			}
			rb := book(1, "n1", "n2")
			whole := &evenkeel.MemJournal{}
			_, err := evenkeel.Run(t.Context(), rb, p.as("A"), options(whole, "A"))
			require.NoError(t, err)
			// The journal of a run that crashed when it had bound the first host.
			j, q := &evenkeel.MemJournal{}, newPark("n1", "n2")
			for _, r := range whole.Records() {
				require.NoError(t, j.Append(r))
				if r.Kind == evenkeel.KindIdentity {
					break
				}
			}
			for _, n := range []string{"n1", "n2"} {
				q.machines[n].Machine = p.machines[n].Machine
			}
			if swap {
				q.machines["n1"], q.machines["n2"] = q.machines["n2"], q.machines["n1"]
			}
			opts := options(j, "A")
			opts.ForceTakeover = true // the leases of that crash are not here
			_, err = evenkeel.Resume(t.Context(), rb, q.as("A"), opts)
			if !swap {
				require.NoError(t, err)
				require.Equal(t, []string{"A n1 n1 0", "A n2 n2 0"}, q.log)
				return
			}
			var wrong *evenkeel.IdentityError
			require.ErrorAs(t, err, &wrong)
			require.Empty(t, q.log)
		})
	}
}

// A run is not taken up from where its journal ends when another run has been at work there since, even if that one has
// ended: neither forward nor back. The operator may say by force that the journal is still true, also where he has to name
// the other run because it still has the lease. A run of which nothing stands begins as a new one does.
func TestARunThatWasTakenOverAndWhoseSuccessorHasEnded(t *testing.T) {
	undoable := func() *evenkeel.Runbook {
		rb := book(2, "n1", "n2")
		for i := range rb.Steps {
			rb.Steps[i].Harmless, rb.Steps[i].Undo = "", []evenkeel.Action{parseActionT("undo", "safe")}
		}
		return rb
	}
	type start func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Report, error)
	for name, tc := range map[string]struct {
		ends  bool // the first run comes to its end
		stays bool // the other run does not
		undo  bool // the first run is rolled back before the other one begins
		then  start
		ok    bool
	}{
		"resume":                                 {then: evenkeel.Resume},
		"rollback":                               {then: evenkeel.Rollback},
		"rollback when it is done":               {ends: true, then: evenkeel.Rollback},
		"resume when the other one was given up": {stays: true, then: evenkeel.Resume},
		"resume when all was undone before":      {undo: true, then: evenkeel.Resume, ok: true},
	} {
		t.Run(name, func(t *testing.T) {
			p, j, rb := newPark("n1", "n2"), &evenkeel.MemJournal{}, undoable()
			stopAt := func(who string, opts *evenkeel.Options) {
				stop := make(chan struct{})
				opts.Stop = stop
				p.before = func(w, _ string, cmd sshexec.Cmd) error {
					if w == who && strings.Join(cmd.Argv, " ") == "disrupt n1 0" {
						close(stop)
						p.before = nil
					}
					return nil
				}
			}
			opts := options(j, "A")
			opts.RunID = "A"
			if !tc.ends {
				stopAt("A", &opts)
			}
			_, err := evenkeel.Run(t.Context(), rb, p.as("A"), opts)
			require.Equal(t, !tc.ends, errors.Is(err, evenkeel.ErrStopped), "%v", err)
			if tc.undo {
				_, err = evenkeel.Rollback(t.Context(), rb, p.as("A"), options(j, "A"))
				require.NoError(t, err)
			}
			other := options(&evenkeel.MemJournal{}, "bert@ops")
			other.RunID, other.TakeLease = "B", "A"
			if tc.stays {
				stopAt("B", &other)
			}
			_, err = evenkeel.Run(t.Context(), book(2, "n1", "n2"), p.as("B"), other)
			require.Equal(t, tc.stays, errors.Is(err, evenkeel.ErrStopped), "%v", err)

			ran, again := p.ran("A"), options(j, "A")
			if tc.stays {
				_, err = tc.then(t.Context(), rb, p.as("A"), again)
				var held *evenkeel.LeaseHeldError
				require.ErrorAs(t, err, &held)
				again.TakeLease = "B"
			}
			_, err = tc.then(t.Context(), rb, p.as("A"), again)
			if !tc.ok {
				var lost *evenkeel.LeaseLostError
				require.ErrorAs(t, err, &lost)
				require.ErrorContains(t, err, "taken over by run B of bert@ops, which ")
				require.Equal(t, ran, p.ran("A"), "nothing was changed")
				again.ForceTakeover = true
				_, err = tc.then(t.Context(), rb, p.as("A"), again)
			}
			require.NoError(t, err)
			require.Greater(t, p.ran("A"), ran)
		})
	}
}

// Of two parallel steps on a host that has just come back, one gives it its lease and both go on: when both find it without a
// lease at the same time, and when one hears so only after the other has given it one.
func TestParallelStepsOnAHostThatCameBack(t *testing.T) {
	for name, late := range map[string]bool{"at the same time": false, "one hears late": true} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				p := newPark("n1", "n2")
				rb := book(1, "n2", "n1", "n1")
				rb.Steps[0].Reinstalls = []string{"n1"}
				rb.Steps[1].Parallel, rb.Steps[2].Parallel = "g", "g"
				hosts := p.as("A")
				n1, n2 := hosts["n1"], hosts["n2"]
				var both sync.WaitGroup
				both.Add(2)
				var heard atomic.Bool
				var once sync.Once
				changed := make(chan struct{})
				hosts["n2"] = sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
					res, err := n2.Run(ctx, cmd)
					if cmd.Argv[0] == "disrupt" {
						*p.machines["n1"] = sshexec.SimLease{Machine: sshexec.Machine{HostKey: "new", ID: "new", Name: "n1"}}
					}
					return res, err
				})
				hosts["n1"] = sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
					res, err := n1.Run(ctx, cmd)
					switch refused := errors.As(err, new(*sshexec.FencedError)); {
					case refused && !late:
						both.Done()
						both.Wait()
					case refused && heard.CompareAndSwap(false, true):
						<-changed
					case cmd.Argv[0] == "disrupt":
						once.Do(func() { close(changed) })
					}
					return res, err
				})
				_, err := evenkeel.Run(t.Context(), rb, hosts, options(&evenkeel.MemJournal{}, "A"))
				require.NoError(t, err)
				require.Equal(t, []string{"A n2 n2 0", "A n1 n1 0", "A n1 n1 0"}, p.log)
			}
		})
	}
}

// obedient are hosts whose commands end with their context.
func obedient(hosts evenkeel.HostMap) evenkeel.HostMap {
	for name, r := range hosts {
		hosts[name] = sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			if ctx.Err() != nil {
				res := sshexec.Result{Outcome: sshexec.NotStarted}
				return res, sshexec.Failure(name, cmd, res, ctx.Err())
			}
			return r.Run(ctx, cmd)
		})
	}
	return hosts
}

// A run that is cancelled before it did anything keeps nobody out, also where the answer to its taking a lease was lost; nor
// does one that is cancelled when its last step is done.
func TestACancelledRunGivesItsLeasesBack(t *testing.T) {
	for _, at := range []string{"before it takes the second lease", "while it takes the second lease", "at its end"} {
		t.Run(at, func(t *testing.T) {
			p := newPark("n1", "n2")
			ctx, cancel := context.WithCancel(t.Context())
			hosts := obedient(p.as("A"))
			n2, count := hosts["n2"], 0
			hosts["n2"] = sshexec.RunnerFunc(func(c context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
				count++ // it looks, and then it takes
				if count == 2 && at == "before it takes the second lease" {
					cancel()
					<-c.Done()
				}
				res, err := n2.Run(c, cmd)
				if count == 2 && at == "while it takes the second lease" {
					cancel()
					<-c.Done()
					lost := sshexec.Result{Outcome: sshexec.Unknown}
					return lost, sshexec.Failure("n2", cmd, lost, context.Canceled)
				}
				return res, err
			})
			opts := options(&evenkeel.MemJournal{}, "A")
			opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
				if e.Kind == evenkeel.EventStepDone && e.Step.ID == "s2" {
					cancel()
				}
			})
			_, err := evenkeel.Run(ctx, book(1, "n1", "n2"), hosts, opts)
			require.Error(t, ctx.Err())
			require.Equal(t, at == "at its end", err == nil, "%v", err)
			for name, m := range p.machines {
				require.NotContains(t, m.Lines[evenkeel.LeasePath], " held ", name)
			}
			_, err = evenkeel.Run(t.Context(), book(1, "n1", "n2"), p.as("B"), options(&evenkeel.MemJournal{}, "B"))
			require.NoError(t, err)
		})
	}
}

// A host that was passed over by force and is back when the run ends gives its old lease back: the next run is not kept out. So
// does one that an amendment took out of the runbook. Where the host is still away the run says what remains, and how to
// take it over; and a lease of a life that this journal does not know stays, since with a copy of it somebody may be at work.
func TestAHostThatTheLastLifeDidWithoutGivesItsLeaseBack(t *testing.T) {
	for _, then := range []string{"it is back", "it is still away", "somebody works there with a copy", "it is amended away"} {
		t.Run(then, func(t *testing.T) {
			p, j := newPark("n1", "n2"), &evenkeel.MemJournal{}
			far := func(host, last string) {
				p.before = func(_, h string, cmd sshexec.Cmd) error {
					if h == host {
						return errFar
					}
					if strings.Join(cmd.Argv, " ") == last {
						p.before = nil
					}
					return nil
				}
			}
			stop := make(chan struct{})
			opts := options(j, "A")
			opts.RunID, opts.Stop = "A", stop
			opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
				if e.Kind == evenkeel.EventStepDone && e.Step.ID == "s1" {
					close(stop)
				}
			})
			rb := book(1, "n2", "n1")
			if then == "it is amended away" {
				rb = book(1, "n1", "n2")
			}
			_, err := evenkeel.Run(t.Context(), rb, p.as("A"), opts)
			require.ErrorIs(t, err, evenkeel.ErrStopped)

			var told []string
			again := options(j, "A")
			again.ForceTakeover = then != "it is amended away"
			again.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) { told = append(told, e.Text) })
			switch then {
			case "it is amended away":
				rb = book(1, "n1")
				_, err = evenkeel.Amend(t.Context(), rb, j, evenkeel.AmendOptions{By: "a", Confirm: sure})
				require.NoError(t, err)
			case "it is still away":
				far("n2", "")
			default:
				far("n2", "disrupt n1 0")
			}
			if then == "somebody works there with a copy" {
				lease, err := sshexec.ParseLease(p.machines["n2"].Lines[evenkeel.LeasePath])
				require.NoError(t, err)
				lease.Epoch, lease.Life, lease.Holder = 2, "another", "bert@ops"
				p.machines["n2"].Lines[evenkeel.LeasePath] = lease.String()
			}
			_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), again)
			require.NoError(t, err)
			p.before = nil
			next := options(&evenkeel.MemJournal{}, "B")
			_, err = evenkeel.Run(t.Context(), book(1, "n1", "n2"), p.as("B"), next)
			if then == "it is back" || then == "it is amended away" {
				require.NoError(t, err)
				return
			}
			var held *evenkeel.LeaseHeldError
			require.ErrorAs(t, err, &held)
			require.Equal(t, "n2", held.Host)
			said := strings.Join(told, "\n")
			require.Contains(t, said, "n2: it cannot be seen whether it still has a lease of this run")
			require.Contains(t, said, "take it over by the name of this one, A")
			require.Equal(t, then == "somebody works there with a copy", strings.Contains(said, "bert@ops"))
			next.TakeLease = "A"
			_, err = evenkeel.Resume(t.Context(), book(1, "n1", "n2"), p.as("B"), next)
			require.NoError(t, err)
		})
	}
}

// However long the name of a holder is, the lease can be read and is given back. A run whose own names leave no room for it
// does not begin, and writes nothing anywhere.
func TestLongNamesInALease(t *testing.T) {
	for n := 60; n < 80; n++ { // each of these letters takes six bytes of the line
		p := newPark("n1")
		_, err := evenkeel.Run(t.Context(), book(1, "n1"), p.as("A"), options(&evenkeel.MemJournal{}, strings.Repeat("é", n)+"@ops"))
		require.NoError(t, err)
		free, err := sshexec.ParseLease(p.machines["n1"].Lines[evenkeel.LeasePath])
		require.NoError(t, err)
		require.False(t, free.Held)
		_, err = evenkeel.Run(t.Context(), book(1, "n1"), p.as("B"), options(&evenkeel.MemJournal{}, "B"))
		require.NoError(t, err)
	}
	for n := 400; n < 520; n += 4 {
		p := newPark("n1", "n2")
		opts := options(&evenkeel.MemJournal{}, "A")
		opts.RunID = strings.Repeat("r", n)
		_, err := evenkeel.Run(t.Context(), book(1, "n1", "n2"), p.as("A"), opts)
		if err == nil {
			continue
		}
		require.ErrorIs(t, err, sshexec.ErrLease)
		require.Empty(t, p.log)
		require.Empty(t, p.machines["n1"].Lines[evenkeel.LeasePath])
		require.Greater(t, n, 430, "there is room for a name of %d bytes", n)
		return
	}
	t.Error("a name of 520 bytes is taken")
}

// A command for the whole cluster is not sent where another machine refuses the login, shows another host key or cannot check
// its lease; nor is the next step on such a machine begun. One that does not answer, or that is being reinstalled, says nothing.
func TestAMachineThatCannotCheckItsLease(t *testing.T) {
	exited := errors.New("exited")
	for name, tc := range map[string]struct {
		err        error
		reinstalls bool
		goes       bool
	}{
		"out of reach":             {err: errFar, goes: true},
		"login":                    {err: fmt.Errorf("n2: %w", sshexec.ErrAuth)},
		"host key":                 {err: &sshexec.HostKeyError{Name: "n2", Err: errors.New("another key")}},
		"it exits":                 {err: exited},
		"host key, being replaced": {err: &sshexec.HostKeyError{Name: "n2", Err: errors.New("another key")}, reinstalls: true, goes: true},
	} {
		for _, wide := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " ", wide), func(t *testing.T) {
				p := newPark("n1", "n2")
				rb := book(2, "n1", "n2")
				rb.Steps[0].Actions[1].Cmd.Wide = wide
				if tc.reinstalls {
					rb.Steps[0].Reinstalls = []string{"n2"}
				}
				asked := 0
				hosts := p.as("A")
				n2 := hosts["n2"]
				hosts["n2"] = sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
					if p.ran("A") == 0 || !sshexec.IsLeaseCmd(cmd) || cmd.Fence == nil {
						return n2.Run(ctx, cmd)
					}
					asked++
					res := sshexec.Result{Outcome: sshexec.NotStarted}
					if errors.Is(tc.err, exited) {
						res = sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1}
					}
					return res, sshexec.Failure("n2", cmd, res, tc.err)
				})
				j := &evenkeel.MemJournal{}
				_, err := evenkeel.Run(t.Context(), rb, hosts, options(j, "A"))
				require.Positive(t, asked)
				if tc.goes {
					require.NoError(t, err)
					require.Len(t, p.log, 4)
					return
				}
				require.ErrorContains(t, err, "n2 could not check its lease")
				require.Equal(t, evenkeel.NotStarted, sshexec.OutcomeOf(err))
				require.Len(t, p.log, map[bool]int{true: 1, false: 2}[wide])
			})
		}
	}
}

// begunIn is the journal of a run of rb that was stopped after its first command; hand is what the operator does who is asked.
func (p *park) begunIn(t *testing.T, rb *evenkeel.Runbook, who string, hand ...func()) *evenkeel.MemJournal {
	t.Helper()
	j := &evenkeel.MemJournal{}
	stop := make(chan struct{})
	opts := options(j, who)
	opts.Stop, opts.RunID = stop, "r1"
	p.before = func(_, _ string, cmd sshexec.Cmd) error {
		if cmd.Argv[0] == "disrupt" {
			p.before = nil
			close(stop)
		}
		return nil
	}
	opts.Operator = handFunc(func() error {
		for _, h := range hand {
			h()
		}
		return nil
	})
	_, err := evenkeel.Run(t.Context(), rb, p.as(who), opts)
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	return j
}

// The epoch grows beyond what any machine has seen, also where another run has given its lease back.
func TestAnEpochIsHigherThanAnyBefore(t *testing.T) {
	p := newPark("n1", "n2")
	before := sshexec.Lease{Run: "r9", Epoch: 7, Life: "l", Host: "n2", Holder: "carl@ops"}
	p.machines["n2"].Lines = map[string]string{evenkeel.LeasePath: before.String()}
	j := &evenkeel.MemJournal{}
	opts := options(j, "A")
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) { require.NotContains(t, e.Text, "could not be given back") })
	_, err := evenkeel.Run(t.Context(), book(1, "n1", "n2"), p.as("A"), opts)
	require.NoError(t, err)
	require.Equal(t, 8, stateOf(t, j).Life.Epoch)
}

// Only a machine that does not answer is passed over by force; one that does not let us in, or is another one, is not.
// An answer that was lost is asked for again.
func TestForcePassesOverAMachineThatDoesNotAnswerOnly(t *testing.T) {
	for name, tc := range map[string]struct {
		outcome sshexec.Outcome
		err     error
		asked   int
		missing bool
	}{
		"no way there":          {sshexec.NotStarted, errFar, 1, true},
		"the answer is lost":    {sshexec.Unknown, errFar, 3, true},
		"no login":              {sshexec.NotStarted, sshexec.ErrAuth, 1, false},
		"another host key":      {sshexec.NotStarted, &sshexec.HostKeyError{Err: sshexec.ErrHostKeyChanged}, 1, false},
		"it failed on its side": {sshexec.Exited, errFar, 1, false},
	} {
		for _, force := range []bool{false, true} {
			p := newPark("n1", "n2", "n3")
			asked := 0
			hosts := p.as("A")
			for _, host := range []string{"n2", "n3"} {
				hosts[host] = sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
					asked++
					res := sshexec.Result{Outcome: tc.outcome}
					return res, sshexec.Failure(host, cmd, res, tc.err)
				})
			}
			j := &evenkeel.MemJournal{}
			opts := options(j, "A")
			opts.ForceTakeover = force
			stop := make(chan struct{})
			p.before = func(_, _ string, cmd sshexec.Cmd) error {
				if cmd.Argv[0] == "disrupt" {
					close(stop)
				}
				return nil
			}
			opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
				if e.Kind == evenkeel.EventStep {
					opts.Stop = stop
				}
			})
			_, err := evenkeel.Run(t.Context(), book(1, "n1", "n2", "n3"), hosts, opts)
			require.Error(t, err, name)
			if !force || !tc.missing {
				require.Equal(t, tc.missing, errors.As(err, new(*evenkeel.LeaseMissingError)), "%s: %v", name, err)
				require.Equal(t, tc.asked, asked, name)
				require.Equal(t, tc.outcome == sshexec.NotStarted, errors.As(err, new(*evenkeel.UnreachableError)), "%s: %v", name, err)
				require.Empty(t, p.log, name)
				continue
			}
			life := stateOf(t, j).Life
			require.Equal(t, []string{"n2", "n3"}, life.Missing, name)
			require.Contains(t, life.Forced, "n2 cannot be reached", name)
			require.Contains(t, life.Forced, "n3 cannot be reached", name)
		}
	}
}

// Where every machine is away nobody can be kept out, though a step reinstalls them all.
func TestALifeThatReachesNobodyDoesNotBegin(t *testing.T) {
	p := newPark("n2")
	rb := reinstallBook()
	rb.Steps = rb.Steps[1:]
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, p.as("A"), options(j, "A"))
	require.ErrorAs(t, err, new(*evenkeel.Pause))
	p.before = func(string, string, sshexec.Cmd) error { return errFar }
	_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), options(j, "A"))
	require.ErrorContains(t, err, "none of n2 can be reached: nobody can be kept out")
}

// A host whose connection a step takes away may be restarting, until that step is done: a life waits for it as long as a check may take.
func TestALifeWaitsForAHostThatRestarts(t *testing.T) {
	for name, tc := range map[string]struct {
		severs, done bool
		away         int // looks until it answers
		begins       bool
	}{
		"it comes back":        {true, false, 20, true},
		"it does not in time":  {true, false, 2000, false},
		"nothing restarts it":  {false, false, 1, false},
		"it had come back":     {true, true, 1, false},
		"it was never severed": {false, true, 1, false},
	} {
		p := newPark("n1", "n2")
		rb := book(1, "n1", "n2", "n1")
		reboot := parseAction(t, "reboot.never")
		reboot.Host, reboot.DropsConnection = "n2", tc.severs
		rb.Steps[0].Actions = append(rb.Steps[0].Actions, reboot)
		stop := make(chan struct{})
		opts := options(&evenkeel.MemJournal{}, "A")
		opts.Stop = stop
		p.before = func(_, host string, cmd sshexec.Cmd) error {
			switch {
			case cmd.Argv[0] == "do" && tc.done:
				close(stop)
			case cmd.Argv[0] == "do", cmd.Argv[0] == "look":
				return errFar
			}
			return nil
		}
		_, err := evenkeel.Run(t.Context(), rb, p.as("A"), opts)
		require.Error(t, err, name)
		looks := 0
		p.before = func(_, host string, _ sshexec.Cmd) error {
			if host == "n2" && looks < tc.away {
				looks++
				return errFar
			}
			return nil
		}
		opts.Stop = nil
		_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), opts)
		require.Equal(t, tc.begins, !errors.As(err, new(*evenkeel.LeaseMissingError)), "%s: %v", name, err)
		require.Less(t, looks, 1000, name)
	}
}

// Before a life has begun a stop ends its waits; once it has, a lease whose answer was lost is given back all the same.
func TestAStopWhileALeaseIsTakenOrGivenBack(t *testing.T) {
	p := newPark("n1")
	p.machines["n1"].Running = "4711 yum install"
	stop := make(chan struct{})
	opts := options(&evenkeel.MemJournal{}, "A")
	opts.Stop, opts.TakeoverWait = stop, time.Hour
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventWait {
			close(stop)
			opts.Observer = nil
		}
	})
	_, err := evenkeel.Run(t.Context(), book(1, "n1"), p.as("A"), opts)
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	require.Empty(t, p.log)

	p = newPark("n1")
	opts = options(&evenkeel.MemJournal{}, "A")
	stop = make(chan struct{})
	opts.Stop = stop
	lost := false
	hosts := evenkeel.HostMap{"n1": sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[0] == "disrupt" {
			close(stop)
		} else if len(p.log) > 0 && !lost {
			lost = true
			res := sshexec.Result{Outcome: sshexec.Unknown}
			return res, sshexec.Failure("n1", cmd, res, errFar)
		}
		return p.way("A", "n1", "n1").Run(ctx, cmd)
	})}
	_, err = evenkeel.Run(t.Context(), book(1, "n1"), hosts, opts)
	require.NoError(t, err)
	require.True(t, lost)
	free, err := sshexec.ParseLease(p.machines["n1"].Lines[evenkeel.LeasePath])
	require.NoError(t, err)
	require.False(t, free.Held)
}

// A machine that had a lease and has none is not taken for a new one, unless the operator says so by force.
func TestALeaseThatIsGoneBetweenTwoLives(t *testing.T) {
	p := newPark("n1", "n2")
	rb := book(1, "n1", "n2")
	j := p.begunIn(t, rb, "A")
	p.machines["n2"].Lines = nil
	opts := options(j, "A")
	_, err := evenkeel.Resume(t.Context(), rb, p.as("A"), opts)
	require.ErrorAs(t, err, new(*evenkeel.LeaseLostError))
	require.Len(t, p.log, 1)
	opts.ForceTakeover = true
	_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), opts)
	require.NoError(t, err)
}

// A run of the same name in another journal is another run, until it has given its lease back.
func TestARunOfTheSameNameIsAnotherRun(t *testing.T) {
	p := newPark("n1", "n2")
	rb := book(1, "n1", "n2")
	j := p.begunIn(t, rb, "A")
	other := func() error {
		opts := options(&evenkeel.MemJournal{}, "B")
		opts.RunID = "r1"
		_, err := evenkeel.Run(t.Context(), rb, p.as("B"), opts)
		return err
	}
	require.ErrorAs(t, other(), new(*evenkeel.LeaseHeldError))
	require.Zero(t, p.ran("B"))
	_, err := evenkeel.Resume(t.Context(), rb, p.as("A"), options(j, "A"))
	require.NoError(t, err)
	require.NoError(t, other())
}

// Two lives of one epoch are two: the journal of the one is not that of the other.
func TestALifeOfTheSameEpochIsAnother(t *testing.T) {
	p := newPark("n1", "n2")
	rb := book(1, "n1", "n2")
	j := p.begunIn(t, rb, "A")
	lease, err := sshexec.ParseLease(p.machines["n1"].Lines[evenkeel.LeasePath])
	require.NoError(t, err)
	lease.Life, lease.Holder = "another", "bert@ops"
	p.machines["n1"].Lines[evenkeel.LeasePath] = lease.String()
	_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), options(j, "A"))
	require.ErrorAs(t, err, new(*evenkeel.StaleJournalError))
	require.Len(t, p.log, 1)
}

// A life does not wait longer than it was told to, and one that gives up keeps the leases of a run that changed something.
func TestATakeoverGivesUpInTime(t *testing.T) {
	p := newPark("n1", "n2")
	rb := book(1, "n1", "n2")
	j := p.begunIn(t, rb, "A")
	p.machines["n2"].Running = "4711 yum install"
	opts := options(j, "A")
	opts.TakeoverWait = time.Minute
	_, err := evenkeel.Resume(t.Context(), rb, p.as("A"), opts)
	var busy *evenkeel.LeaseBusyError
	require.ErrorAs(t, err, &busy)
	require.GreaterOrEqual(t, busy.Waited, time.Minute)
	require.Less(t, busy.Waited, 2*time.Minute)
	for _, m := range p.machines {
		lease, err := sshexec.ParseLease(m.Lines[evenkeel.LeasePath])
		require.NoError(t, err)
		require.True(t, lease.Held, "another run could begin on what is half done")
	}
}

// A step begins only with its leases: it does not even look where one was lost.
func TestAStepDoesNotBeginWithoutItsLeases(t *testing.T) {
	p := newPark("n1", "n2")
	rb := book(1, "n1", "n2")
	rb.Steps[1].Actions = append([]evenkeel.Action{parseAction(t, "l.read")}, rb.Steps[1].Actions...)
	p.before = func(_, _ string, cmd sshexec.Cmd) error {
		if cmd.Argv[0] == "disrupt" {
			p.machines["n2"].Lines[evenkeel.LeasePath] = "taken over"
		}
		return nil
	}
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, p.as("A"), options(j, "A"))
	require.ErrorAs(t, err, new(*evenkeel.LeaseLostError))
	require.False(t, slices.ContainsFunc(j.Records(), func(r evenkeel.Record) bool { return r.Step == "s2" }))
}

// A host that a command reinstalls gets a lease again; what keeps it out of that stops the step, and nothing is undone, not even elsewhere.
func TestWhatKeepsAReinstalledHostOut(t *testing.T) {
	fresh := sshexec.Machine{HostKey: "new key", ID: "new id", Name: "n2"}
	other := sshexec.Lease{Held: true, Run: "r9", Epoch: 9, Life: "l", Host: "n2", Holder: "carl@ops"}
	for name, tc := range map[string]struct {
		harm func(*park)
		want any
	}{
		"nothing": {func(*park) {}, nil},
		"another run has it": {func(p *park) {
			p.machines["n2"].Lines = map[string]string{evenkeel.LeasePath: other.String()}
		}, new(*evenkeel.LeaseHeldError)},
		"it is another machine": {func(p *park) { p.machines["n2"].Machine = p.machines["n1"].Machine }, new(*evenkeel.IdentityError)},
		"this life was taken over elsewhere": {func(p *park) {
			p.machines["n1"].Lines[evenkeel.LeasePath] = "taken over"
		}, new(*evenkeel.LeaseLostError)},
	} {
		p := newPark("n1", "n2", "n3")
		rb := book(1, "n3", "n2")
		rb.LeaseHosts = []string{"n1"}
		rb.Steps[0].Reinstalls = []string{"n2"}
		undo := parseActionT("undo", "safe")
		undo.Host = "n3"
		rb.Steps[1].Harmless, rb.Steps[1].Undo, rb.Steps[1].UndoOnFailure = "", []evenkeel.Action{undo}, true
		mine := parseActionT("mine", "safe")
		mine.Host = "n3"
		rb.Steps[1].Actions = append([]evenkeel.Action{mine}, rb.Steps[1].Actions...)
		require.NoError(t, rb.Validate())
		p.before = func(_, _ string, cmd sshexec.Cmd) error {
			switch strings.Join(cmd.Argv, " ") {
			case "disrupt n3 0":
				*p.machines["n2"] = sshexec.SimLease{Machine: fresh}
			case "do mine":
				tc.harm(p)
			}
			return nil
		}
		_, err := evenkeel.Run(t.Context(), rb, p.as("A"), options(&evenkeel.MemJournal{}, "A"))
		if tc.want == nil {
			require.NoError(t, err)
			require.Equal(t, []string{"A n3 n3 0", "A n3 mine", "A n2 n2 0"}, p.log)
			continue
		}
		require.ErrorAs(t, err, tc.want, name)
		require.Equal(t, []string{"A n3 n3 0", "A n3 mine"}, p.log, name)
		if line := p.machines["n2"].Lines[evenkeel.LeasePath]; line != "" {
			require.Contains(t, line, "r9", "%s: its lease was taken", name)
		}
	}
}

// What a forced life passes over later, on a host that comes back while it works, is told and journalled too.
func TestAForcedLifeTellsOfEachHostThatItPassesOver(t *testing.T) {
	p, j, stop := newPark("n1", "n2"), &evenkeel.MemJournal{}, make(chan struct{})
	close(stop)
	opts := options(j, "A")
	opts.Stop = stop
	_, err := evenkeel.Run(t.Context(), book(1, "n1", "n2"), p.as("A"), opts)
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	p.before = func(_, host string, cmd sshexec.Cmd) error {
		if strings.Join(cmd.Argv, " ") == "disrupt n1 0" {
			p.before = nil
			p.machines["n2"].Lines = nil
		}
		if host == "n2" {
			return errFar
		}
		return nil
	}
	var loud []string
	forced := options(j, "A")
	forced.ForceTakeover = true
	forced.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventAlarm {
			loud = append(loud, e.Text)
		}
	})
	report, err := evenkeel.Resume(t.Context(), book(1, "n1", "n2"), p.as("A"), forced)
	require.NoError(t, err)
	require.Len(t, loud, 2)
	for i, what := range []string{"n2 cannot be reached", "nothing expects n2 to be reinstalled"} {
		require.Contains(t, loud[i], what)
		require.Contains(t, report.State.Life.Forced, what)
	}
}

// A journal that was copied in the middle of a life is refused when the run went on with the journal itself in the same
// life, and nothing is run a second time. Trying again does not help: what a life that is kept out writes makes the
// copy no longer. So is one whose machine cannot say any more how far the journal was. Force goes on all the same, and
// the journal itself is taken up as ever.
func TestAJournalCopiedInTheMiddleOfALife(t *testing.T) {
	for _, torn := range []bool{false, true} {
		p, j := newPark("n1", "n2"), &evenkeel.MemJournal{}
		rb := book(5, "n1", "n2")
		for i := range rb.Steps {
			for k := range rb.Steps[i].Actions {
				rb.Steps[i].Actions[k].Repeat = evenkeel.Never
				rb.Steps[i].Actions[k].Probe = &evenkeel.Probe{
					Cmd: sshexec.Command(sshexec.ReadOnly, "look"), Text: "x",
					Read: func(evenkeel.Observed) (evenkeel.ProbeResult, error) { return evenkeel.Done, nil },
				}
			}
		}
		var early *evenkeel.MemJournal
		ctx, die := context.WithCancel(t.Context())
		p.before = func(_, _ string, cmd sshexec.Cmd) error {
			switch strings.Join(cmd.Argv, " ") {
			case "disrupt n1 1":
				early = copyOf(t, j)
			case "disrupt n2 4":
				die()
			}
			return nil
		}
		_, err := evenkeel.Run(ctx, rb, p.as("A"), options(j, "anna@ops"))
		_ = err
		p.before = nil
		require.Len(t, p.log, 10)
		latest := copyOf(t, j)
		if torn {
			p.machines["n1"].At[evenkeel.LeasePath] = "at "
			p.machines["n2"].At = nil
		}
		for range 12 {
			_, err = evenkeel.Resume(t.Context(), rb, p.as("B"), options(early, "bert@elsewhere"))
			if torn {
				var lost *evenkeel.LeaseLostError
				require.ErrorAs(t, err, &lost)
				require.ErrorContains(t, err, "how far the run's journal was")
			} else {
				var stale *evenkeel.StaleJournalError
				require.ErrorAs(t, err, &stale)
				require.ErrorContains(t, err, "Go on with the journal of anna@ops")
				require.Greater(t, stale.At, stale.Records)
			}
			require.Zero(t, p.ran("B"))
		}
		_, err = evenkeel.Rollback(t.Context(), rb, p.as("B"), options(early, "bert@elsewhere"))
		require.Error(t, err)
		require.Zero(t, p.ran("B"))
		if !torn {
			_, err = evenkeel.Resume(t.Context(), rb, p.as("A"), options(latest, "anna@ops"))
			require.NoError(t, err)
			require.Len(t, p.log, 10)
		}
		forced := options(early, "bert@elsewhere")
		forced.ForceTakeover = true
		_, err = evenkeel.Resume(t.Context(), rb, p.as("B"), forced)
		require.NoError(t, err)
		require.NotZero(t, p.ran("B"))
	}
}

// An operator whose lease path is another one is kept out while a run holds the lease at the standard path; it cannot
// take that over from there.
func TestAnotherLeasePath(t *testing.T) {
	p, rb := newPark("n1", "n2"), book(3, "n1", "n2")
	a := options(&evenkeel.MemJournal{}, "anna@ops")
	a.RunID = "A"
	wake, done := p.suspended(t, "A", "disrupt n1 1", func() error {
		_, err := evenkeel.Run(t.Context(), rb, p.as("A"), a)
		return err
	})
	for _, take := range []string{"", "A"} {
		b := options(&evenkeel.MemJournal{}, "bert@elsewhere")
		b.LeasePath, b.TakeLease, b.ForceTakeover = "/root/evenkeel.lease", take, true
		_, err := evenkeel.Run(t.Context(), rb, p.as("B"), b)
		var held *evenkeel.LeaseHeldError
		require.ErrorAs(t, err, &held)
		require.Equal(t, evenkeel.LeasePath, held.Path)
		require.ErrorContains(t, err, "the same lease path")
		require.Zero(t, p.ran("B"))
	}
	close(wake)
	require.NoError(t, <-done)
	b := options(&evenkeel.MemJournal{}, "bert@elsewhere")
	b.LeasePath = "/root/evenkeel.lease"
	_, err := evenkeel.Run(t.Context(), rb, p.as("B"), b)
	require.NoError(t, err, "the other has ended")
}

// Force takes a lease whose write was torn, and never a file that is no lease.
func TestForceAndALeaseThatCannotBeRead(t *testing.T) {
	for line, ok := range map[string]bool{"unreadable": true, "evenkeel-lease 1 hel": true, "evenkeel-lease 2 free": true,
		"root:x:0:0": false} {
		p := newPark("n1")
		p.machines["n1"].Lines = map[string]string{evenkeel.LeasePath: line}
		opts := options(&evenkeel.MemJournal{}, "A")
		opts.ForceTakeover = true
		_, err := evenkeel.Run(t.Context(), book(1, "n1"), p.as("A"), opts)
		require.Equal(t, ok, err == nil, "%s: %v", line, err)
		require.Equal(t, ok, p.machines["n1"].Lines[evenkeel.LeasePath] != line)
	}
}

// A machine whose reinstallation is undone is the one from before. Who comes in its place later, such as the new system
// that somebody was still about to put there, is refused, and nothing is changed on it.
func TestAnUndoneReinstallationIsOver(t *testing.T) {
	fresh := sshexec.Machine{HostKey: "new key", ID: "new id", Name: "n2"}
	for _, late := range []bool{false, true} {
		p, j := newPark("n1", "n2"), &evenkeel.MemJournal{}
		rb := book(1, "n2", "n2", "n1")
		for i := range rb.Steps {
			undo := parseActionT(fmt.Sprint("undo", i), "safe")
			undo.Host = rb.Steps[i].Host
			rb.Steps[i].Harmless, rb.Steps[i].Undo = "", []evenkeel.Action{undo}
		}
		rb.Steps[1].Reinstalls = []string{"n2"}
		require.NoError(t, rb.Validate())
		p.before = func(_, _ string, cmd sshexec.Cmd) error {
			if strings.Join(cmd.Argv, " ") == "disrupt n1 0" {
				return errFar
			}
			return nil
		}
		_, err := evenkeel.Run(t.Context(), rb, p.as("A"), options(j, "A"))
		require.Error(t, err)
		p.log = nil
		p.before = func(_, _ string, cmd sshexec.Cmd) error {
			switch line := strings.Join(cmd.Argv, " "); {
			case line == "do undo0" && late: // the reinstallation is undone by now
				return errFar
			case line == "do undo1" && !late:
				return errFar
			}
			return nil
		}
		_, err = evenkeel.Rollback(t.Context(), rb, p.as("A"), options(j, "A"))
		require.Error(t, err)
		*p.machines["n2"] = sshexec.SimLease{Machine: fresh}
		p.before, p.log = nil, nil
		_, err = evenkeel.Rollback(t.Context(), rb, p.as("A"), options(j, "A"))
		if !late {
			require.NoError(t, err, "it may be the system from before")
			continue
		}
		var lost *evenkeel.LeaseLostError
		var wrong *evenkeel.IdentityError
		require.True(t, errors.As(err, &lost) || errors.As(err, &wrong), "%v", err)
		require.Empty(t, p.log)
	}
}
