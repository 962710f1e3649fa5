package upgrade_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// breakdown is the way to the machines of a play, which breaks at one action: before its command arrives, or after it acted.
type breakdown struct {
	*lustretest.Pair
	step, action string
	after        bool
	reached      bool
	broken       bool
}

var errBroken = errors.New("the network is down (a test)")

func (b *breakdown) see(e evenkeel.Event) {
	if e.Kind == evenkeel.EventAction && e.Step.ID == b.step && e.Action.ID == b.action {
		b.reached = true
		b.broken = !b.after
	}
}

func (b *breakdown) Runner(host string) (sshexec.Runner, error) {
	r, err := b.Pair.Runner(host)
	if err != nil {
		return nil, err
	}
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if b.broken {
			return sshexec.Result{}, sshexec.Failure(host, cmd, sshexec.Result{}, errBroken)
		}
		res, err := r.Run(ctx, cmd)
		if b.reached && b.after {
			b.broken = true
			lost := sshexec.Result{Outcome: sshexec.Unknown}
			return lost, sshexec.Failure(host, cmd, lost, errBroken)
		}
		return res, err
	}), nil
}

// stopAt plays until the network breaks at an action, and mends the network.
func (s *scene) stopAt(t *testing.T, step, action string, after bool) *play {
	t.Helper()
	p := s.play(t)
	b := &breakdown{Pair: p.w, step: step, action: action, after: after}
	p.hosts, p.watch = b, b.see
	require.Error(t, p.run())
	require.True(t, b.reached, "%s/%s was never begun", step, action)
	p.hosts, p.watch = p.w, func(evenkeel.Event) {}
	return p
}

// reversible are the steps from which a rollback is possible, with the place that it leads to.
func (s *scene) reversible() map[string]string {
	back := map[string]string{}
	to := "the beginning"
	for _, step := range s.book.Steps {
		if step.Irreversible != "" {
			to = "node 2"
		}
		if len(step.Undo) == 0 {
			continue
		}
		back[step.ID] = to
	}
	return back
}

// WF-006: whatever action fails, before or after it acted, the rollback leads to the pair as it was, or, once node 1 is
// rebuilt, to node 2 serving everything; and from there the run goes forward to its end. Nothing is mounted twice on
// any of them.
func TestRollback(t *testing.T) {
	s := newScene(t, lustretest.Options{InstallTime: -1}, nil)
	where := s.reversible()
	nth, thin, tried := 0, every(t, 4), 0
	for i := range s.book.Steps {
		step := &s.book.Steps[i]
		for _, a := range slices.Concat(step.Actions, step.Verify) {
			if where[step.ID] == "" {
				continue
			}
			if nth++; nth%thin != 0 && a.Cmd.Effect != sshexec.Disruptive {
				continue
			}
			for _, after := range []bool{false, true} {
				if after && a.ID == "shutdown" {
					continue // a machine that is silent after its shutdown is taken to be off: the installation has begun
				}
				tried++
				t.Run(step.ID+"/"+a.ID+map[bool]string{true: "/after"}[after],
					func(t *testing.T) { s.thereAndBack(t, step.ID, a, after, where[step.ID]) })
			}
		}
	}
	t.Logf("%d rollbacks", tried)
}

func (s *scene) thereAndBack(t *testing.T, step string, a evenkeel.Action, after bool, to string) {
	p := s.play(t)
	b := &breakdown{Pair: p.w, step: step, action: a.ID, after: after}
	p.hosts, p.watch = b, b.see
	err := p.run()
	require.True(t, b.reached)
	require.Error(t, err)
	p.hosts, p.watch = p.w, func(evenkeel.Event) {}
	require.NoError(t, p.w.Check())
	err = p.rollBack()
	if before := s.stepBefore(step, a); before != nil && len(before.Undo) == 0 {
		var cannot *evenkeel.CannotRollBackError // the step has not begun, and nothing leads back from the one before
		require.ErrorAs(t, err, &cannot)
		require.Equal(t, before.ID, cannot.Step)
	} else {
		require.NoError(t, err)
	}
	require.NoError(t, p.w.Check())
	s.asBefore(t, p, to)
	require.NoError(t, p.resume())
	require.NoError(t, p.w.Check())
}

// stepBefore is the step before, of a run that broke at an action before it had begun the step: it begins with its first change.
func (s *scene) stepBefore(id string, broke evenkeel.Action) *evenkeel.Step {
	i := slices.IndexFunc(s.book.Steps, func(step evenkeel.Step) bool { return step.ID == id })
	for _, a := range s.book.Steps[i].Actions {
		changes := a.Manual != "" || a.Cmd.Effect != sshexec.ReadOnly
		if a.Op != nil {
			changes = a.Op.Effect != sshexec.ReadOnly
		}
		switch {
		case changes || i == 0:
			return nil
		case a.ID == broke.ID:
			return &s.book.Steps[i-1]
		}
	}
	return nil
}

// asBefore wants the pair to be as it was, or node 2 to serve every target.
func (s *scene) asBefore(t *testing.T, p *play, to string) {
	t.Helper()
	for _, target := range p.w.Report().Targets {
		require.Len(t, target.On, 1, target.Label)
		if to == "node 2" {
			require.Equal(t, []string{lustretest.Node2}, target.On)
		}
	}
	hosts := []string{lustretest.Node1, lustretest.Node2}
	if to == "node 2" {
		hosts = hosts[1:]
	} else {
		cib, err := pacemaker.ParseCIB(strings.NewReader(p.sh(lustretest.Node2, "cibadmin --query")))
		require.NoError(t, err)
		require.Empty(t, pacemaker.Diff(s.pair.CIB, cib))
	}
	for _, h := range hosts {
		for _, service := range []string{"corosync", "pacemaker"} {
			require.Contains(t, p.sh(h, "service "+service+" status"), "is running", "%s on %s", service, h)
			require.Contains(t, p.sh(h, "chkconfig --list "+service), "3:on", "%s on %s", service, h)
		}
	}
}

// A rollback from every point, and crashes within it: nothing is mounted twice, and it comes to its end.
func TestRollbackRehearsed(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	plan := s.rehearsal(t, every(t, 12))
	plan.Kinds = []evenkeel.ScheduleKind{evenkeel.RollbackFrom}
	report, err := evenkeel.Rehearse(t.Context(), s.book, s.world.Rehearsal(), plan)
	require.NoError(t, err)
	require.Empty(t, report.Failures)
	require.Positive(t, report.Rollbacks.Within)
	t.Logf("%d records, %d schedules, %d within rollbacks", report.Records, report.Schedules, report.Rollbacks.Within)
}

// LUS-063: where a system is erased there is no rollback, and the tool says why.
func TestNoRollback(t *testing.T) {
	s := newScene(t, lustretest.Options{InstallTime: -1}, nil)
	none := 0
	for i := range s.book.Steps {
		step := &s.book.Steps[i]
		if step.Irreversible == "" {
			continue
		}
		none++
		i := slices.IndexFunc(step.Actions, func(a evenkeel.Action) bool {
			return a.Manual != "" || a.Op == nil && a.Cmd.Effect != sshexec.ReadOnly || a.Op != nil && a.Op.Effect != sshexec.ReadOnly
		})
		err := s.stopAt(t, step.ID, step.Actions[i].ID, false).rollBack()
		var cannot *evenkeel.CannotRollBackError
		require.ErrorAs(t, err, &cannot, step.ID)
		require.Equal(t, step.ID, cannot.Step)
		require.NotEmpty(t, cannot.Reason)
	}
	require.Equal(t, 12, none)
}

// A cluster that did not start at boot before does not after the rollback; nor is fencing switched on where it was off.
func TestRollbackKeepsWhatWas(t *testing.T) {
	s := newScene(t, lustretest.Options{InstallTime: -1}, nil)
	s.world.Do(func(st *simhost.State) { st.Host(lustretest.Node1).EnableService(st, "pacemaker", false) })
	p := s.stopAt(t, "shutdown-node1", "shutdown", false)
	require.NoError(t, p.rollBack())
	require.Contains(t, p.sh(lustretest.Node1, "chkconfig --list pacemaker"), "3:off")
	require.Contains(t, p.sh(lustretest.Node1, "chkconfig --list corosync"), "3:on")
}

// H1: when node 2 restarts while node 1 is rebuilt, the run stops for the operator before the next disruptive step on
// node 1, and goes on when the person has looked into it.
func TestNode2Restarts(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for _, at := range [][2]string{{"evacuate-node1", "standby"}, {"leave-node1", "hold"}, {"agent-node1", "epel"},
		{"lustre-node1", "install-1"}, {"ha-node1", "password"}} {
		p := s.play(t)
		restarted := false
		p.watch = func(e evenkeel.Event) {
			if !restarted && e.Kind == evenkeel.EventDone && e.Step.ID == at[0] && e.Action.ID == at[1] {
				restarted = true
				p.w.Do(func(st *simhost.State) { st.Host(lustretest.Node2).Restart(st) })
				p.w.Advance(5 * time.Minute)
			}
		}
		err := p.run()
		for range 4 { // the outage itself may stop the run first
			var hold *evenkeel.Pause
			if errors.As(err, &hold) {
				break
			}
			require.Error(t, err, "%v: the restart went unnoticed", at)
			p.w.Advance(time.Minute)
			err = p.resume()
		}
		var hold *evenkeel.Pause
		require.ErrorAs(t, err, &hold, "%v", at)
		require.Contains(t, hold.Reason, "has restarted")
		require.True(t, restarted)
		require.NoError(t, p.w.Check())
		require.ErrorAs(t, p.resume(), &hold, "it is no matter of waiting")
		p.w.Do(func(st *simhost.State) {
			h := st.Host(lustretest.Node2)
			h.MustWrite(st, "/root/evenkeel-seen", h.BootID()+"\n", 0o600)
		})
		require.NoError(t, p.resume(), "%v", at)
		require.NoError(t, p.w.Check())
	}
}

// H17: a target that fails to start where it moves to stops the run at once, with what to do about it; when it was
// done, the run goes on. (The mount table would be watched in vain.)
func TestATargetFailsToStart(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	mgs := s.pair.Targets[0]
	for _, c := range []struct{ step, before, host, says string }{
		{"evacuate-node1", "calm", lustretest.Node2, mgs.Resource + " could not be started on ct6-mds2 ("},
		{"switch-over", "let-go", lustretest.Node1, mgs.Resource + " could not be started on " + lustretest.Node1 + " ("},
	} {
		p := s.play(t)
		began, took := time.Time{}, time.Duration(0)
		p.watch = func(e evenkeel.Event) {
			switch {
			case e.Kind == evenkeel.EventDone && e.Step.ID == c.step && e.Action.ID == c.before && began.IsZero():
				began = p.w.Now()
				p.sh(c.host, "mv "+mgs.Mount+" "+mgs.Mount+".away")
			case !began.IsZero():
				took = p.w.Now().Sub(began)
			}
		}
		err := p.run()
		require.ErrorContains(t, err, c.says, c.step)
		require.ErrorContains(t, err, "pcs resource cleanup "+mgs.Resource)
		require.Less(t, took, time.Minute)
		require.NoError(t, p.w.Check())
		p.sh(c.host, "mv "+mgs.Mount+".away "+mgs.Mount)
		p.sh(c.host, "pcs resource cleanup "+mgs.Resource)
		p.w.Advance(30 * time.Second)
		require.NoError(t, p.resume(), c.step)
		require.NoError(t, p.w.Check())
	}
}

// starting is a pair whose clusters take their time: after a start, crm_mon there exits 0 and knows of no cluster yet,
// as Pacemaker 2.1's does.
type starting struct {
	*lustretest.Pair
	blind map[string]int // so many answers of crm_mon on a host
	seen  int
}

func (s *starting) Runner(host string) (sshexec.Runner, error) {
	r, err := s.Pair.Runner(host)
	if err != nil {
		return nil, err
	}
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		switch {
		case slices.Equal(cmd.Argv, []string{"service", "pacemaker", "start"}):
			s.blind[host] = 3
		case cmd.Argv[0] == "crm_mon" && s.blind[host] > 0:
			s.blind[host]--
			s.seen++
			return sshexec.Result{Outcome: evenkeel.Exited,
				Stdout: []byte(`<crm_mon version="2.1.5"><pacemakerd sys_from="pacemakerd" state="running" last_updated="2026-11-22 11:29:44Z"/></crm_mon>`)}, nil
		}
		return r.Run(ctx, cmd)
	}), nil
}

// H19: the old cluster is started again by the rollback, and waited for, be it that crm_mon exits 0 and says nothing of it.
func TestRollbackWaitsForTheOldCluster(t *testing.T) {
	s := newScene(t, lustretest.Options{InstallTime: -1}, nil)
	for _, at := range [][2]string{{"leave-node1", "corosync"}, {"switch-over", "serving"}} {
		p := s.stopAt(t, at[0], at[1], true)
		hosts := &starting{Pair: p.w, blind: map[string]int{}}
		p.hosts = hosts
		require.NoError(t, p.rollBack(), "%v", at)
		require.NotZero(t, hosts.seen)
		s.asBefore(t, p, s.reversible()[at[0]])
		require.NoError(t, p.w.Check())
	}
}
