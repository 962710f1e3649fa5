package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

const (
	// tick is how long the hand-over waits between two looks: what it costs is part of the outage.
	tick = 50 * time.Millisecond
	// breather is how long it waits between two looks at the most, however slowly the old cluster answers.
	breather = 300 * time.Millisecond
	// headStart is how long the new cluster is left alone when the targets are enabled: a look takes processor time from it, and no
	// target starts sooner.
	headStart = time.Second
	// patience is how long the targets that are free wait for the last one, so that all start in one transition. One that
	// does not come free (a mount that hangs) must not keep the others down.
	patience = 5 * time.Second
)

// handOverAction enables the targets on node 1 as soon as they are proven gone from node 2.
func (p moving) handOverAction() (evenkeel.Action, error) {
	n1, n2 := p.Config.Node1.Name, p.Config.Node2.Name
	prepared, err := p.Plan.Prepared()
	if err != nil {
		return evenkeel.Action{}, err
	}
	units := p.units(p.enabled())
	all, err := pcs.Set(prepared, pcs.Settings{Roles: started(units...)})
	if err != nil {
		return evenkeel.Action{}, err
	}
	var each []pcs.Settings
	for _, u := range units {
		each = append(each, pcs.Settings{Roles: started(u)})
	}
	if len(each) == 1 {
		each = nil // all of them is the one
	}
	ones, err := pcs.SetEach(prepared, each...)
	if err != nil {
		return evenkeel.Action{}, err
	}
	var cmds []sshexec.Cmd
	for _, o := range append([]pcs.Operation{all}, ones...) {
		cmd := o.Cmd("")
		cmd.Timeout = time.Minute
		cmds = append(cmds, cmd)
	}
	h := &handOver{moving: p, left: departure{Pair: p.Pair, host: n2, node: p.old(n2), in: p.oldCluster(n2)}, cmds: cmds}
	a := evenkeel.Action{
		ID: "hand-over", Paper: p.handOverPaper(cmds),
		Change: evenkeel.Change{
			Title: "Enable every target on " + n1 + " as soon as it is proven gone from " + n2, Ref: "lustre:1142",
			Repeat: evenkeel.Idempotent, Limit: p.Config.Outage,
			Op: &evenkeel.Op{
				Effect: evenkeel.Disruptive, Cmds: evenkeel.Here(cmds...), Do: h.try,
				Text: "Look at " + n2 + " until no Lustre target is in /proc/mounts (and no pool of one is imported: zpool list). " +
					"See that `cibadmin --query` there says standby=on for " + p.old(n2) +
					" and target-role=Stopped for every target, that no operation of one is under way or failed in its status, and " +
					"that the old cluster does not start at boot (or that it has stopped altogether). " + processText +
					" Look at /proc/mounts there once more, and at once, on " + n1 + ": " +
					"`pcs resource enable` each target. (The tool enables all in one change of the CIB; a target that does not come " +
					"free keeps the others waiting for " + patience.String() + " at most.)",
			},
		},
	}
	enabled := p.newCluster(n1).cibProbe("every target is enabled in the new cluster", func(cib *pacemaker.CIB) bool {
		return !slices.ContainsFunc(p.enabled(), func(t Target) bool { return role(cib, t) == "Stopped" })
	})
	var roles []string
	for _, u := range units {
		roles = append(roles, u.id+" target-role=Started")
	}
	enabled.Paper = showsSettings(evenkeel.Action{Change: evenkeel.Change{Cmd: enabled.Cmd}}, roles...).Paper
	a.Probe = &enabled
	return a, nil
}

// role is the target-role by which a target is started and stopped: its group's, unless it or its pool says another.
func role(cib *pacemaker.CIB, t Target) string {
	r, _ := cib.Resource(t.Switch)
	role, _ := r.Meta.Get("target-role")
	for _, id := range []string{t.Imports, t.Resource} {
		if r, ok := cib.Resource(id); ok && t.inGroup() {
			if own, said := r.Meta.Get("target-role"); said && own != role {
				return own
			}
		}
	}
	return role
}

// handOver is the operation that ends the outage. It keeps nothing between two looks: whatever life of the tool it runs
// in, what it does depends on what it sees.
type handOver struct {
	moving
	left departure
	cmds []sshexec.Cmd // to enable all of the targets, and each unit of them
}

// try looks once, and enables what is proven gone.
func (h *handOver) try(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
	res, err := h.round(ctx, at)
	if o := sshexec.OutcomeOf(err); err != nil && isCommandError(err) &&
		(o == evenkeel.NotStarted || o == evenkeel.Unknown) && ctx.Err() == nil {
		// A connection was lost. The targets are down: the next round looks at everything anew, and does nothing that is not proven again.
		return sshexec.Result{}, &evenkeel.Retry{After: tick, Key: "lost", Reason: h.lost(err)}
	}
	return res, err
}

// lost says what to do when one of the nodes does not answer.
func (h *handOver) lost(err error) string {
	var failed *sshexec.CommandError
	if !errors.As(err, &failed) || failed.Host != h.Config.Node2.Name {
		return err.Error()
	}
	cause := err
	if failed.Err != nil {
		cause = failed.Err
	}
	return fmt.Sprintf("%s does not answer (%v). Until it can be seen there that the targets are unmounted, nothing more "+
		"is enabled on %s; enable nothing by hand. "+
		"If it has lost its power, switch it on: its old cluster does not start at boot", failed.Host, cause, h.Config.Node1.Name)
}

func isCommandError(err error) bool {
	var failed *sshexec.CommandError
	return errors.As(err, &failed)
}

func (h *handOver) round(ctx context.Context, at evenkeel.Site) (none sshexec.Result, _ error) {
	n2 := h.Config.Node2.Name
	holds, err := h.left.mounted(ctx, at)
	if err != nil {
		return none, err
	}
	// Each look is part of the outage, so those that can say "not yet" come first; the record before the processes (see [departure]).
	notYet := func(after time.Duration) error {
		if h.ready(at, holds) {
			return nil
		}
		return evenkeel.NotYet(after, "%s still holds %s", n2, holds)
	}
	if err := notYet(tick); err != nil {
		return none, err
	}
	asked := at.Clock.Now()
	stopped, err := h.released(ctx, at, holds)
	if err != nil {
		return none, err
	}
	// The old cluster answers, and writes the record that is waited for: it gets twice the time for that.
	if err := notYet(min(max(tick, 2*at.Clock.Now().Sub(asked)), breather)); err != nil {
		return none, err
	}
	if err := h.atBoot(ctx, at); err != nil {
		return none, err
	}
	if err := h.left.atWork(ctx, at, stopped, holds); err != nil {
		return none, err
	}
	if err := notYet(tick); err != nil {
		return none, err
	}
	gone := h.free(holds)
	now, err := h.left.mounted(ctx, at) // immediately before
	if err != nil {
		return none, err
	}
	if i := slices.IndexFunc(gone, func(t Target) bool { return now[t.Resource] != "" }); i >= 0 {
		return none, fmt.Errorf("%s is mounted on %s again, though it was told to release it: to start it elsewhere would mount it twice",
			gone[i].Resource, n2)
	}
	if len(gone) == len(h.enabled()) {
		res, err := at.Run(ctx, at.Host, h.cmds[0])
		if err != nil {
			return res, err
		}
		_ = at.Sleep(ctx, headStart) // cut short it is no failure: the targets are enabled
		return res, nil
	}
	return none, h.some(ctx, at, gone, holds)
}

// some enables the targets that are gone while others do not come free; those that are enabled already are left alone.
func (h *handOver) some(ctx context.Context, at evenkeel.Site, gone []Target, others holding) error {
	res, err := at.Run(ctx, at.Host, brief(queryCIB...))
	if err != nil {
		return err
	}
	cib, err := readCIB(evenkeel.Observed{Result: res})
	if err != nil {
		return err
	}
	for i, u := range h.units(h.enabled()) {
		if slices.Contains(gone, u.targets[0]) && role(cib, u.targets[0]) == "Stopped" { // a group is gone as a whole
			if _, err := at.Run(ctx, at.Host, h.cmds[1+i]); err != nil {
				return err
			}
		}
	}
	return &evenkeel.Retry{After: tick, Key: "some",
		Reason: fmt.Sprintf("%s still holds %s; the others are on their way", h.Config.Node2.Name, others)}
}

// brief is a look that does not hold the outage up when its tool hangs (H19).
func brief(argv ...string) sshexec.Cmd { return pair.Brief(argv...) }

// overdue tells whether the targets that are free have waited long enough for the others.
func (h *handOver) overdue(at evenkeel.Site) bool {
	began, err := h.letGoAt().Get(at.Facts)
	if err != nil {
		return false
	}
	since, err := time.Parse(time.RFC3339Nano, began)
	return err == nil && at.Now.Sub(since) > patience
}

// free are the enabled targets that nothing holds.
func (h *handOver) free(holds holding) []Target {
	return slices.DeleteFunc(h.left.gone(holds), func(t Target) bool { return t.Disabled })
}

// ready tells whether, by what was seen so far, targets could be enabled: all of them, or, when they have waited long
// enough for the others, some.
func (h *handOver) ready(at evenkeel.Site, holds holding) bool {
	free := len(h.free(holds))
	return free == len(h.enabled()) || free > 0 && h.overdue(at)
}

// released wants the cluster of node 2 to say, stored, that it takes no target back, or to have stopped. It adds to
// those that node 2 holds the ones of which the record says that they are not gone, and returns what [departure.recorded] does.
func (h *handOver) released(ctx context.Context, at evenkeel.Site, holds holding) (stopped map[string]bool, _ error) {
	cib, err := h.oldCIB(ctx, at)
	if err != nil {
		return nil, err
	}
	if cib != nil {
		if err := errors.Join(inStandby(h.old(h.Config.Node2.Name))(cib), h.disabled(cib)); err != nil {
			return nil, err
		}
	}
	return h.left.recorded(cib, holds), nil
}

// atBoot wants the cluster of node 2 not to start at boot, so that it takes no target back.
func (h *handOver) atBoot(ctx context.Context, at evenkeel.Site) error {
	n2 := h.Config.Node2.Name
	for _, e := range h.oldCluster(n2).AtBoot(h.old(n2), false) {
		if err := ask(ctx, at, e); err != nil {
			return fmt.Errorf("the cluster of %s could start at boot, and take a target back: %w", n2, err)
		}
	}
	return nil
}

// oldCIB is what the old cluster's CIB says; nil when that cluster has stopped altogether and there is nobody to ask.
// Where it neither answers nor has stopped, it is waited for.
func (p moving) oldCIB(ctx context.Context, at evenkeel.Site) (*pacemaker.CIB, error) {
	n2 := p.Config.Node2.Name
	res, err := at.Run(ctx, n2, brief(queryCIB...))
	if err != nil && res.Outcome == evenkeel.Exited {
		up := p.stopped(ctx, at)
		if up == nil {
			return nil, nil //nolint:nilnil // there is none, and that is no error
		}
		if isCommandError(up) {
			return nil, up
		}
		return nil, evenkeel.NotYet(time.Second,
			"the cluster on %s does not answer (%v), and has not stopped either (%v): start it there, or stop it whole, corosync last", n2, err, up)
	}
	if err != nil {
		return nil, err
	}
	return readCIB(evenkeel.Observed{Result: res})
}

// stopped wants the whole cluster of node 2 to be down.
func (p moving) stopped(ctx context.Context, at evenkeel.Site) error {
	n2 := p.Config.Node2.Name
	for _, e := range p.oldCluster(n2).Stopped(p.old(n2)) {
		if err := ask(ctx, at, e); err != nil {
			return err
		}
	}
	return nil
}

// ask looks for a proof, once.
func ask(ctx context.Context, at evenkeel.Site, p change.Proof) error {
	res, err := at.Run(ctx, p.Host, brief(p.Cmd.Argv...))
	if err != nil && res.Outcome != evenkeel.Exited {
		return err
	}
	return p.AtOnce().Check(evenkeel.Observed{Result: res, Host: p.Host})
}
