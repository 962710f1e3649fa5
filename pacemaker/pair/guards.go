package pair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/pacemaker/placement"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// What must hold while node 1 is rebuilt: the old cluster, alive on node 2, must neither shoot it nor give it a unit (H1).

// preflight looks whether the pair is what the plan was made for, and sound; it changes nothing.
func (p *Pair) preflight() (evenkeel.Step, error) {
	n1, n2 := p.node(0), p.node(1)
	old1, old2 := p.old(n1.Name), p.old(n2.Name)
	was := p.oldCluster(n2.Name)
	s := evenkeel.Step{ID: "preflight", Title: "Verify that the pair is sound, and as it was when the plan was made", Host: n1.Name}
	for _, n := range []*node{n1, n2} {
		s.Actions = append(s.Actions,
			p.from.runs("release-"+n.no, "Verify that "+n.Name+" runs the old system", n.Name),
			n.hostname("hostname-"+n.no),
			n.seePCS("pcs-"+n.no, p.oldPCS),
			n.noteAutostart(),
			evenkeel.Await(p.Config.Outage, "online-"+n.no, "Wait until both nodes are online, seen from "+n.Name,
				p.oldCluster(n.Name).Online(old1, old2)),
			n.seeAble("able-"+n.no, p.moved()))
		s.Makes = append(s.Makes, n.autostart)
	}
	s.Makes = append(s.Makes, n2.bootSeen, n1.fenced)
	units := p.placed("", p.moved()...)
	var ids []string
	for id := range units {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	s.Actions = append(s.Actions, steps.Boot("boot-id", n2.bootSeen).On(n2.Name), n1.noteFenced().On(n2.Name),
		evenkeel.Prove("cib", "Verify that the cluster is configured as it was when the plan was made",
			was.InCIB("no difference to the backup", p.unchanged)),
		evenkeel.Await(p.Config.Outage, "active", "Wait until every resource runs, on one node each", was.Active(ids...)),
		p.carries("carries-1", n2, n1, n2.Name), p.carries("carries", n1, n2, n2.Name))
	if len(ids) == 0 {
		return s, errors.New("the cluster runs nothing that could be moved: there is nothing to upgrade in service")
	}
	return s, nil
}

// carries wants everything that runs in the old cluster, as a host has it, to run on one node when the other is taken away.
func (p *Pair) carries(id string, away, stays *node, host string) evenkeel.Action {
	const text = "nothing that runs now would run nowhere without "
	look := p.oldCluster(host).InCIB(text+away.Name, func(cib *pacemaker.CIB) error {
		if n, _ := cib.Node(p.old(away.Name)); standby(n) {
			return nil // how it went the next actions see
		}
		loss, err := placement.CanLose(cib, p.old(away.Name), p.Corosync)
		var why *placement.Error
		switch {
		case errors.As(err, &why) && why.Pending():
			return evenkeel.NotYet(0, "%v", err)
		case err != nil:
			return evenkeel.NeedsOperator("whether %s can carry everything cannot be computed: %v", stays.Name, err)
		}
		lost := slices.DeleteFunc(slices.Clone(loss.Lost), func(l placement.Lost) bool {
			r, _ := cib.Resource(l.Resource)
			return r.Class == "stonith" // one that is kept from the node that it fences has no other where that is alone
		})
		if len(lost) > 0 {
			return evenkeel.NeedsOperator("%s would run nowhere without %s: %s. Put that right in the old cluster, and resume",
				lost[0].Resource, away.Name, lost[0].Why)
		}
		return nil
	})
	return evenkeel.Await(p.Config.Outage, id, "Wait until "+stays.Name+" can carry what runs on "+away.Name, look)
}

func standby(n pacemaker.Node) bool {
	v, _ := n.Attributes.Get("standby")
	return pacemaker.IsTrue(v)
}

// spareNode1 are the preconditions of every disruptive step on node 1.
func (p *Pair) spareNode1() []evenkeel.Action {
	return []evenkeel.Action{p.held().AsPrecondition(), p.calm().AsPrecondition()}
}

// held wants the old cluster to hold its fire.
func (p *Pair) held() evenkeel.Action {
	old1 := p.old(p.Config.Node1.Name)
	return evenkeel.Prove("held", "Verify that the old cluster fences nobody, acts alone, and gives node 1 nothing",
		p.oldCluster(p.Config.Node2.Name).InCIB("stonith-enabled=false, no-quorum-policy=ignore, node 1 in standby",
			func(cib *pacemaker.CIB) error {
				if v, _ := cib.Property(ignoreQuorum.Name); v != ignoreQuorum.Value {
					return fmt.Errorf("no-quorum-policy is %q in the old cluster: node 2, restarted alone, would serve nothing", v)
				}
				if v, _ := cib.Property("stonith-enabled"); v != "false" {
					return fmt.Errorf("stonith-enabled is %q in the old cluster: it could fence node 1 while that is rebuilt", v)
				}
				if n, _ := cib.Node(old1); !standby(n) {
					return fmt.Errorf("the CIB does not say that %s is in standby: it could run units again", old1)
				}
				return nil
			}))
}

// history asks a cluster whom it has fenced since its daemons started.
func history(node string) []string { return []string{"stonith_admin", "--history", node} }

// seenFile is where the operator says that a restart of node 2, or a fencing, was looked into.
const seenFile = "/root/evenkeel-seen"

// calm wants node 2 not to have restarted, and its cluster not to have fenced node 1, since the run began. Neither can
// be undone by looking again, so the operator can say that it was looked into, in seenFile.
func (p *Pair) calm() evenkeel.Action {
	return p.calmWith(p.node(0), p.node(1), "since the run began", "in the first step")
}

// calmWith wants it of the node that serves, and of the one that is worked on, since what they were was noted.
func (p *Pair) calmWith(n1, n2 *node, since, noted string) evenkeel.Action {
	return evenkeel.Action{ID: "calm", Change: evenkeel.Change{
		Title: "Verify that node " + n2.no + " has not restarted, and node " + n1.no + " was not fenced, " + since + " (H1)", Host: n2.Name,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly,
			Text: "On " + n2.Name + ", compare `cat " + sshexec.BootIDFile + "` and `" + strings.Join(history(p.old(n1.Name)), " ") +
				"` with what they were " + noted + ". If something is new: stop, find out why, and see that every unit runs on one node only; " +
				"then append the new output to " + seenFile + " there, and resume.",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				return sshexec.Result{}, p.disturbed(ctx, at, n1, n2)
			}},
	}}
}

// disturbed is a pause when the node that serves has restarted or has fenced the other.
func (p *Pair) disturbed(ctx context.Context, at evenkeel.Site, n1, n2 *node) error {
	boot, err1 := n2.bootSeen.Get(at.Facts)
	fenced, err2 := n1.fenced.Get(at.Facts)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	res, err := at.Run(ctx, n2.Name, Brief("cat", seenFile))
	if err != nil && res.Outcome != evenkeel.Exited {
		return err
	}
	seen := strings.Split(string(res.Stdout), "\n") // no such file: nothing to say
	if res, err = at.Run(ctx, n2.Name, Brief(steps.BootIDCommand()...)); err != nil {
		return err
	}
	now, err := steps.BootID(evenkeel.Observed{Result: res})
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", n2.Name, err)
	case now != boot && !slices.Contains(seen, now):
		return evenkeel.NeedsOperator("%s has restarted since the run began. Find out why, and see that every unit runs there; then say so by "+
			"`cat %s >> %s` on %s, and resume", n2.Name, sshexec.BootIDFile, seenFile, n2.Name)
	}
	ask := history(p.old(n1.Name))
	res, err = at.Run(ctx, n2.Name, Brief(ask...))
	switch {
	case res.Outcome == evenkeel.Exited && errors.Is(pcs.Operation{Argv: ask}.Meaning().Judge(res.ExitCode, string(res.Stderr)),
		pacemaker.ErrClusterDown):
		return nil // it has stopped, and fences nobody
	case err != nil:
		return err
	case fenced != "" && len(res.Stdout) == 0: // silence is no answer where it had a word before
		return fmt.Errorf("%s: %s says nothing: whether %s was fenced is not known", n2.Name, strings.Join(ask, " "), n1.Name)
	}
	known, err1 := fencings(fenced)
	later, err2 := fencings(string(res.Stdout))
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("%s: %w", n2.Name, err)
	}
	for _, line := range seen {
		if more, err := fencings(line); err == nil { // the file has other lines, too
			known = append(known, more...)
		}
	}
	for _, event := range later {
		if !slices.Contains(known, event) {
			return evenkeel.NeedsOperator("%s was fenced: %s. Find out why, and whether its new system is whole; then say so by `%s >> %s` "+
				"on %s, and resume", n1.Name, event, strings.Join(ask, " "), seenFile, n2.Name)
		}
	}
	return nil
}

// fencings are the events in a history of fencing, each in words of its own: how the history is written is not the same at all times.
func fencings(history string) (list []string, _ error) {
	events, err := live.ParseFencingHistory(strings.NewReader(history))
	for _, e := range events {
		list = append(list, strings.Join(strings.Fields(strings.Join([]string{e.Action, "of", e.Target, e.Status, e.Origin, e.Completed},
			" ")), " "))
	}
	return list, err
}
