package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// ending is how a run or a rollback came to a good end.
type ending struct {
	hash    string   // of the world; empty where it did not come to one
	later   string   // the same when nobody was there for another hour; empty where that says nothing
	broke   error    // what an invariant of the world says an hour later, where it held before
	refused bool     // a rollback: it did nothing
	differs []string // what a rollback says that differs from the state before the run
}

// course is a run or a rollback without an interruption, from which schedules go apart.
type course struct {
	name  string
	known states // in which it, and others that went on from there, came to a step
	end   ending
	back  bool
}

// endsAs is an error where a schedule came to another end than its course. After a fault a rollback may end otherwise, if it
// says so: it was refused, or names other differences than the one without an interruption. A stop takes an hour, in which the world
// goes on by itself: a process that was restarted takes traffic by then. So where the ends differ, both are looked at once more after
// the same hour.
func (c course) endsAs(end ending, fault bool) error {
	switch {
	case fault && (end.refused || c.end.refused || !slices.Equal(end.differs, c.end.differs)):
		return nil
	case end.refused && !c.end.refused:
		return fmt.Errorf("it was refused, and %s was not", c.name)
	case end.broke != nil && c.end.broke == nil:
		return fmt.Errorf("an hour after its end, and not after that of %s: %w", c.name, end.broke)
	case end.hash != c.end.hash && (end.later == "" || end.later != c.end.later):
		return errors.New("it ended in another state than " + c.name)
	}
	return nil
}

// judge is what is wrong with how a schedule ended.
func (r *rehearsal) judge(out rehearsed, tool *crashingTool) error {
	refused := errors.As(out.err, new(*CannotRollBackError))
	switch {
	case (out.err == nil || refused) && len(tool.todo) > 0:
		return fmt.Errorf("it came to its end, and what was to happen (%s) did not", tool.todo[0].Kind.Words())
	case refused:
		if tool.schedule == (Schedule{}) && tool.changes > 0 { // one that was interrupted may have gone back a part of the way: see endsAs
			return errors.New("the rollback says that it cannot go back, and changed something all the same")
		}
		return nil // it says so, and does nothing
	case out.err == nil && out.how == RolledBack && !out.merged:
		return r.restored(out)
	}
	return out.err
}

// restored tells whether a rollback that reached the beginning left the world as it was before the run, or said what differs.
func (r *rehearsal) restored(out rehearsed) error {
	st := out.report.State
	if st.RollingBack() {
		return errors.New("the rollback says that it ended, and its journal does not")
	}
	if out.report.Barrier != nil || st.Rollback == nil || st.Rollback.Run.EndsRun || len(out.report.Differs) > 0 ||
		out.world.Hash() == r.before {
		return nil //nolint:nilerr // a barrier is where a rollback ends, not a failure of it
	}
	for i := range r.rb.Steps {
		s := &r.rb.Steps[i]
		ss := st.Step(s.ID)
		if s.Harmless != "" { // nothing of it was undone, and it is to be done again
			ss = st.Rollback.before.Step(s.ID)
		}
		if r.rb.Compare == nil && ss.Touched() && ss.changed(s) {
			return nil // a step that may stay made the difference, perhaps, and nobody can compare
		}
	}
	return errors.New("everything was undone, the world is not what it was before the run, and the report names no difference")
}

// replaceable are the hosts that the operator may have replaced ahead of the step that has them reinstalled: one of the run, or of the
// rollback that is under way.
func (r *rehearsal) replaceable(report *Report) (hosts []string) {
	rb, of := r.rb, &State{}
	if report != nil && report.State != nil {
		var err error
		if rb, of, err = r.under(report.State); err != nil {
			return nil // who takes the rollback up hears of it
		}
	}
	for i := range rb.Steps {
		if s := &rb.Steps[i]; of.Step(s.ID).Progress != Did {
			hosts = append(hosts, s.Reinstalls...)
		}
	}
	return hosts
}

// under is the runbook that is under way, and how far it is: that of the rollback, where one has begun and not ended.
func (r *rehearsal) under(st *State) (*Runbook, *State, error) {
	if !st.RollingBack() {
		return r.rb, st, nil
	}
	rb, err := r.rb.RollbackPlan(st)
	return rb, st.Rollback, err
}

// away is how long the operator is away after a stop.
const away = time.Hour

// later is the Hash of a world after another hour in which nobody is there, or which invariant did not hold then: such a world equals no
// other.
func later(ctx context.Context, world World) (hash string, broke error) {
	world = world.Clone()
	if err := errors.Join(world.Clock().Sleep(ctx, away), world.Check()); err != nil {
		return "", err
	}
	return world.Hash(), nil
}

// stopped looks at what a stop has left behind for an hour: no outage, no step between a change and its proof, and
// every invariant that no open window suspends. A rollback may leave open what the run has left to it, until it begins to undo that.
func (r *rehearsal) stopped(ctx context.Context, world World, journal Journal) error {
	if err := world.Clock().Sleep(ctx, away); err != nil {
		return err
	}
	st, err := ReadState(journal.Records())
	if err != nil {
		return err
	}
	rb, of, err := r.under(st)
	if err != nil {
		return err
	}
	for _, w := range of.openWindows() {
		if w.holdsStop() {
			return fmt.Errorf("a stop was taken inside an outage, %s", w)
		}
	}
	for i := range rb.Steps {
		s := &rb.Steps[i]
		if p := of.Step(s.ID).Progress; s.changes() && p != Pending && p != Did && p != Undone && !s.asks() {
			return fmt.Errorf("a stop was taken in step %s, between a change and its proof", s.ID)
		}
	}
	return r.violated(ctx, world, st)
}

// violated is what an invariant that no window suspends says of the world.
func (r *rehearsal) violated(ctx context.Context, world World, st *State) error {
	suspended := map[string]bool{}
	for _, w := range st.leftOpen() {
		suspended[w.Invariant] = true
	}
	site := Site{Facts: st.Facts, Now: world.Clock().Now(), Clock: world.Clock(), Serial: true,
		Connect: (&engine{rb: r.rb, hosts: world}).connect("", &Op{Reads: r.rb.servers()}, lookTimeout),
		Exec: func(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error) {
			runner, err := world.Runner(host)
			if err != nil || cmd.Effect != ReadOnly {
				return sshexec.Result{}, errors.Join(err, ErrNotInPlan)
			}
			return runner.Run(ctx, cmd)
		}}
	for _, inv := range r.rb.Invariants {
		var v *Violation
		if err := inv.Check(ctx, site); errors.As(err, &v) && !suspended[inv.ID] {
			return fmt.Errorf("an hour after a stop: %w", err)
		}
	}
	return nil
}

// asks tells whether the operator has a part in the step; a stop may be taken there.
func (s *Step) asks() bool {
	return slices.ContainsFunc(slices.Concat(s.Actions, s.Verify), func(a Action) bool { return a.Manual != "" })
}
