package upgrade

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// What is looked at, by the formats that programs are meant to read: the CIB, the XML of crm_mon, the kernel's mount table (H21).

var queryCIB = []string{"cibadmin", "--query"}

// readCIB reads what cibadmin --query printed.
func readCIB(o evenkeel.Observed) (*pacemaker.CIB, error) {
	if o.ExitCode != 0 {
		return nil, fmt.Errorf("cibadmin: exit status %d: %s", o.ExitCode, strings.TrimSpace(string(o.Stderr)))
	}
	return pacemaker.ParseLiveCIB(bytes.NewReader(o.Stdout))
}

// inStandby wants a node's standby to be stored in the CIB, so that it outlives a restart.
func inStandby(node string) func(*pacemaker.CIB) error {
	return func(cib *pacemaker.CIB) error {
		n, _ := cib.Node(node)
		if v, _ := n.Attributes.Get("standby"); v != "on" && v != "true" {
			return fmt.Errorf("the CIB does not say that %s is in standby: it could take its targets back", node)
		}
		return nil
	}
}

// seeMounts looks at what is mounted.
func seeMounts(id, title, text string, check func(mounted []string) error) evenkeel.Action {
	return evenkeel.Look(id, title, "cat", "/proc/mounts").Expecting(text, evenkeel.Succeeding(func(o evenkeel.Observed) error {
		mounted, err := mountedTargets(o.Stdout)
		if err != nil {
			return err
		}
		return check(mounted)
	}))
}

// wholeMounts reads a /proc/mounts. A table without a root, or one that ends in the middle of a line, is not whole: it proves nothing.
func wholeMounts(raw []byte) (lustre.Mounts, error) {
	mounts, err := lustre.ParseMounts(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if _, root := mounts.At("/"); !root || !bytes.HasSuffix(raw, []byte("\n")) {
		return nil, errors.New("/proc/mounts was not read whole: it has no root file system, or its last line is cut off")
	}
	return mounts, nil
}

// mountedTargets are the mount points of Lustre targets in a /proc/mounts.
func mountedTargets(raw []byte) ([]string, error) {
	mounts, err := wholeMounts(raw)
	if err != nil {
		return nil, err
	}
	var points []string
	for _, m := range mounts.Lustre() {
		points = append(points, m.MountPoint)
	}
	return points, nil
}

// noneMounted waits until no target is mounted.
func noneMounted(mounted []string) error {
	if len(mounted) > 0 {
		return evenkeel.NotYet(0, "still mounted: %s", strings.Join(mounted, ", "))
	}
	return nil
}

// seeFree wants no target to be mounted now. It does not wait: it stands right before what would mount one elsewhere.
func seeFree(id, node string) evenkeel.Action {
	return showsMounts(seeMounts(id, "Verify that nothing is mounted on "+node, "no Lustre target", func(mounted []string) error {
		if len(mounted) > 0 {
			return fmt.Errorf("%s is mounted on %s: to start it elsewhere would mount it twice", strings.Join(mounted, ", "), node)
		}
		return nil
	}), nil).On(node)
}

// missing are the targets that are not mounted.
func missing(targets []Target, mounted []string) string {
	var out []string
	for _, t := range targets {
		if !slices.Contains(mounted, t.Mount) {
			out = append(out, t.Resource+" on "+t.Mount)
		}
	}
	return strings.Join(out, ", ")
}

// allMounted waits until every one of the targets is mounted.
func allMounted(targets []Target) func([]string) error {
	return func(mounted []string) error {
		if m := missing(targets, mounted); m != "" {
			return evenkeel.NotYet(0, "not mounted yet: %s", m)
		}
		return nil
	}
}

// stillMounted wants every one of the targets to be mounted now.
func stillMounted(targets []Target) func([]string) error {
	return func(mounted []string) error {
		if m := missing(targets, mounted); m != "" {
			return fmt.Errorf("not mounted: %s", m)
		}
		return nil
	}
}

// exactly wants these targets and no others.
func exactly(targets []Target) func([]string) error {
	return func(mounted []string) error {
		if err := allMounted(targets)(mounted); err != nil {
			return err
		}
		if len(mounted) != len(targets) {
			return fmt.Errorf("more is mounted than belongs there: %s", strings.Join(mounted, ", "))
		}
		return nil
	}
}

// ready wants nodes that can take a target now.
func ready(nodes ...string) func(*pacemaker.Status) error {
	return func(st *pacemaker.Status) error {
		for _, name := range nodes {
			n, ok := st.Node(name)
			if !ok || !n.Online || n.Standby || n.Unclean || n.Maintenance || n.Pending {
				return fmt.Errorf("node %s is not ready for targets (online %v, standby %v, unclean %v, maintenance %v)", name,
					n.Online, n.Standby, n.Unclean, n.Maintenance)
			}
		}
		switch {
		case !st.DC.Present:
			return errors.New("the cluster has no DC: it would move nothing")
		case st.MaintenanceMode:
			return errors.New("the cluster is in maintenance mode: it would move nothing")
		}
		return nil
	}
}

// placed is the node that every target should run on.
func (p *Pair) placed(where func(Target) string) map[string]string {
	nodes := map[string]string{}
	for _, t := range p.enabled() {
		nodes[t.Resource] = where(t)
	}
	return nodes
}

// everywhere is one node for every target.
func everywhere(node string) func(Target) string { return func(Target) string { return node } }

// preferred is the node that a target belongs on.
func preferred(t Target) string { return t.Preferred }

// seeRings wants every ring of corosync to be there, and sound: with one ring left, the next fault lets both nodes
// fence each other (H18). A link of knet that has just come up takes a moment to connect.
func (p *Pair) seeRings(id, node string, rings int) evenkeel.Action {
	means := fmt.Sprintf("%d of them, each active with no faults, or connected", rings)
	return untilShows(evenkeel.Look(id, "Wait until every ring of corosync is sound on "+node+" (H18)", "corosync-cfgtool", "-s").
		Expecting(means, evenkeel.Succeeding(func(o evenkeel.Observed) error {
			have, err := corosync.ParseRings(bytes.NewReader(o.Stdout))
			if err != nil {
				return err
			}
			if len(have) != rings {
				return fmt.Errorf("corosync has %d rings on %s, not %d", len(have), node, rings)
			}
			for _, ring := range have {
				switch {
				case ring.Sound && len(ring.Nodes) == 0, ring.Sound && len(ring.Nodes) == 2:
				case ring.Sound:
					return evenkeel.NotYet(0, "link %d tells of %d of the 2 nodes only (%s)", ring.Number, len(ring.Nodes), ring.Says)
				case strings.Contains(ring.Says, "nodeid"):
					return evenkeel.NotYet(0, "link %d is not connected (%s): with one link left, the next fault lets both nodes fence each other",
						ring.Number, ring.Says)
				default:
					return fmt.Errorf("ring %d is not sound (%s): with one ring left, the next fault lets both nodes fence each other",
						ring.Number, ring.Says)
				}
			}
			return nil
		})), "| rings", fmt.Sprintf("%d rings, every one sound", rings)).On(node).Waiting(time.Minute)
}

// newRings is how many rings the new cluster has.
func (p *Pair) newRings() int {
	if n := len(p.Config.Addresses[p.Config.Node1.Name]); p.Config.Knet && n > 0 {
		return n
	}
	return p.rings
}

// seeStopped wants the old cluster on a node to be down, and to stay down when the node restarts: it could take a target back.
func (p *Pair) seeStopped(node string) []evenkeel.Action {
	old := p.oldCluster(node)
	off, boot := old.Stopped(p.old(node)), old.AtBoot(p.old(node), false)
	var actions []evenkeel.Action
	for i, service := range clusterServices {
		actions = append(actions,
			showsExit(evenkeel.Prove("off-"+service, "Verify that "+service+" has stopped on "+node, off[i]), 3),
			showsExit(evenkeel.Prove("boot-"+service, "Verify that "+service+" does not start at boot on "+node, boot[i]), 1))
	}
	return actions
}

// clusterServices are what makes up the cluster on a node, in the order in which they start.
var clusterServices = [...]string{"corosync", "pacemaker"}

// waitFor is until for a look that has its check already.
func waitFor(limit time.Duration, node string, a evenkeel.Action) evenkeel.Action {
	return a.On(node).Waiting(limit)
}
