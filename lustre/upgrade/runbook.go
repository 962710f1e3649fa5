package upgrade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Runbook is the upgrade of the pair: node 1, then node 2, one always serving (lustre:353-1760); or, where that was
// chosen, both at once with the targets stopped (lustre:347).
func (p *Pair) Runbook() (*evenkeel.Runbook, error) {
	if p.Config.Offline {
		return offline{p}.runbook()
	}
	n1, n2 := p.node(0), p.node(1)
	first, errFirst := p.preflight()
	lift, err0 := throttle{p}.liftStep()
	cluster, err1 := p.makeCluster()
	move, err2 := moving{p}.switchOver()
	join, err3 := p.join()
	balance, err4 := p.rebalance()
	fencing, err5 := p.fencing()
	if err := errors.Join(errFirst, err0, err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	rb := &evenkeel.Runbook{
		Name:  "lustre-hapair",
		Title: fmt.Sprintf("Upgrade of the Lustre pair %s and %s", n1.Name, n2.Name),
		Intro: p.intro(), Dropped: p.dropped(), Inputs: p.inputs(), LeaseHosts: []string{n1.Name, n2.Name}, Secrets: p.secrets(),
		Invariants: append(watching{p}.once(), watching{p}.served()),
		Compare:    comparison{p}.compare, Functions: paperFunctions,
		Steps: []evenkeel.Step{
			first, n1.backupStep(), n2.backupStep(),
			lift, p.evacuate(), p.leave(),
			n1.shutDownStep("lustre:452", p.spareNode1()...), n1.installStep("lustre:453"), n1.restoreStep("lustre:455"), n1.agentStep("lustre:520"),
			n1.lustreStep("lustre:585", p.spareNode1()...), n1.haStep("lustre:800"),
			cluster, move,
			n2.shutDownStep("lustre:1174", p.seeStopped(n2.Name)...), n2.installStep("lustre:1175"),
			n2.restoreStep("lustre:1180"), n2.agentStep("lustre:1243"),
			n2.lustreStep("lustre:1306"), n2.haStep("lustre:1535"),
			join, balance, fencing, p.finish(),
		},
	}
	pair.BoundCommands(rb, installs)
	pair.LimitWindows(rb)
	rb.MarkWide(pair.Wide)
	rb.MarkDetached(installs)
	p.estimates(rb)
	return rb, rb.Validate()
}

// installs tells an installation: yum that is killed half-way, with its connection, leaves the packages in disorder.
func installs(c sshexec.Cmd) bool { return c.Argv[0] == "yum" }

func (p *Pair) intro() string {
	var b strings.Builder
	how := "One node is rebuilt while the other serves; the targets are down only while they move: three times. Each of these outages has a " +
		"limit, at which an alarm is raised. (The other way, offline: true, stops them once, for as long as both nodes are " +
		"rebuilt, and takes less time with less risk (lustre:347).)"
	if p.Config.Offline {
		how = "Every target is stopped, both nodes are rebuilt, and the targets are started again: nothing is served from step " +
			stopTargets + " to the end of step " + startTargets + "."
	}
	fmt.Fprintf(&b, "%s Made from the backups of both nodes; the cluster is made again as it was. lustre:N is a line of the guide, "+
		"HN a hazard of docs/references.md.\n\n"+
		"| target | mounted on | belongs on |\n|---|---|---|\n", how)
	for _, t := range p.Targets {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", t.Resource, t.Mount, t.Preferred)
	}
	if len(p.Notes) > 0 {
		b.WriteString("\nTo be looked at, though nothing stops for it:\n\n")
		for _, n := range p.Notes {
			fmt.Fprintf(&b, "- %s\n", n)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// dropped is what of the old cluster the new one does not have.
func (p *Pair) dropped() (list []string) {
	for _, d := range p.Plan.Dropped {
		list = append(list, d.String())
	}
	return list
}

// sighting is a mount that was seen on a node.
type sighting struct {
	node string
	lustre.Mount
}

type sightings []sighting

// nodes are those that have a Lustre target mounted, by its mount point.
func (s sightings) nodes() map[string][]string {
	nodes := map[string][]string{}
	for _, m := range s {
		if m.IsTarget() {
			nodes[m.MountPoint] = append(nodes[m.MountPoint], m.node)
		}
	}
	return nodes
}

// watching looks for what must hold throughout: where targets are mounted, and that they are served.
type watching struct{ *Pair }

// mounts reads what is mounted on both nodes; a node that does not answer, or whose table is not whole, is returned as unseen.
func (p watching) mounts(ctx context.Context, at evenkeel.Site) (seen sightings, unseen error) {
	for _, s := range p.servers() {
		res, err := at.Run(ctx, s.Name, brief("cat", "/proc/mounts"))
		if err == nil {
			var mounts lustre.Mounts
			mounts, err = wholeMounts(res.Stdout)
			for _, m := range mounts {
				seen = append(seen, sighting{s.Name, m})
			}
		}
		unseen = errors.Join(unseen, err)
	}
	return seen, unseen
}

// tells says where every target is mounted. One that is not seen is mounted nowhere only where both nodes were seen.
func (p watching) tells(at evenkeel.Site, seen sightings, unseen error) {
	on := seen.nodes()
	var serving []evenkeel.Serving
	for _, t := range p.enabled() {
		s := evenkeel.Serving{What: cmp.Or(t.Label, t.Resource), Where: strings.Join(on[t.Mount], " and "), State: "mounted", Home: t.Preferred}
		if s.Where == "" {
			if unseen != nil {
				continue
			}
			s.State = "not mounted"
		}
		serving = append(serving, s)
	}
	at.Saw(serving...)
}

// ownName tells names of disks that each machine gives by itself: the same one means another disk on another node.
var ownName = regexp.MustCompile(`^/dev/(sd|vd|xvd|hd|nvme|dm-)`)

// twice says which targets are mounted on both nodes, each at its own mount point.
func (p watching) twice(seen sightings) []string {
	var found []string
	on := seen.nodes()
	for _, t := range p.Targets {
		if nodes := on[t.Mount]; len(nodes) > 1 {
			found = append(found, fmt.Sprintf("%s is mounted on %s: stop one of them NOW", t.Resource, strings.Join(nodes, " and ")))
		}
	}
	return found
}

// astray says what is mounted where it does not belong: the disk of a target by another path, and a Lustre target at
// the mount point of none. The table may show a disk by another name than the plan has, so that the last one can be a
// disk of the pair.
func (p watching) astray(seen sightings) []string {
	var found []string
	points, owner := map[string]bool{}, map[string]Target{}
	for _, t := range p.Targets {
		points[t.Mount] = true
		if stored, ok := p.stores[0][t.UUID]; ok && stored.Source() != "" && !ownName.MatchString(stored.Source()) {
			owner[stored.Source()] = t
		}
	}
	for _, m := range seen {
		t, ours := owner[m.Device]
		switch {
		case ours && (m.MountPoint != t.Mount || !m.IsTarget()):
			found = append(found, fmt.Sprintf("the disk of %s, %s, is mounted on %s at %s as %s, not at %s: unmount it there "+
				"NOW, if the target is mounted elsewhere",
				t.Resource, m.Device, m.node, m.MountPoint, m.FSType, t.Mount))
		case !points[m.MountPoint] && (m.IsTarget() || m.FSType == "ldiskfs"):
			found = append(found, fmt.Sprintf("%s is mounted on %s at %s, which is the mount point of no target: it can be the "+
				"disk of one by another name. See which disk it is NOW; "+
				"unmount it if its target is mounted elsewhere", m.Device, m.node, m.MountPoint))
		}
	}
	return found
}

// once is what must never be: two nodes that write to one disk.
func (p watching) once() []evenkeel.Invariant {
	list := []evenkeel.Invariant{p.mountedOnce()}
	if len(p.pools()) > 0 {
		list = append(list, p.importedOnce())
	}
	return list
}

// mountedOnce is what the whole is about: data that is written from two nodes is lost.
func (p watching) mountedOnce() evenkeel.Invariant {
	return evenkeel.Invariant{
		ID: "mounted-once", Title: "A target is mounted on at most one node.", Absolute: true,
		Check: func(ctx context.Context, at evenkeel.Site) error {
			seen, unseen := p.mounts(ctx, at)
			p.tells(at, seen, unseen)
			found := slices.Concat(p.twice(seen), p.astray(seen))
			if len(found) == 0 {
				return unseen
			}
			// The nodes are read one after the other: a target that moves meanwhile is seen on both, once. One that is on both is seen so again.
			again, blind := p.mounts(ctx, at)
			still := slices.Concat(p.twice(again), p.astray(again))
			for _, text := range found {
				if blind != nil || slices.Contains(still, text) {
					return evenkeel.Violated("%s", text)
				}
			}
			return nil
		},
	}
}

// served is what users notice.
func (p watching) served() evenkeel.Invariant {
	return evenkeel.Invariant{
		ID: "served", Title: "Every target is mounted on one of the nodes.",
		Check: func(ctx context.Context, at evenkeel.Site) error {
			seen, unseen := p.mounts(ctx, at)
			p.tells(at, seen, unseen)
			on := seen.nodes()
			down := slices.DeleteFunc(p.enabled(), func(t Target) bool { return len(on[t.Mount]) > 0 })
			if len(down) == 0 {
				return nil
			}
			if unseen != nil {
				return unseen // it may be mounted where nobody can look
			}
			return evenkeel.Violated("%s is mounted nowhere", down[0].Resource)
		},
	}
}
