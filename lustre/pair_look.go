package lustre

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// What is looked at, by the formats that programs are meant to read: the CIB, the XML of crm_mon, the kernel's mount table (H21).

var (
	queryCIB = []string{"cibadmin", "--query"}
	crmMon   = []string{"crm_mon", "-1", "--as-xml"}
)

// readCIB reads what cibadmin --query printed.
func readCIB(o evenkeel.Observed) (*pacemaker.CIB, error) {
	if o.ExitCode != 0 {
		return nil, fmt.Errorf("cibadmin: exit status %d: %s", o.ExitCode, strings.TrimSpace(string(o.Stderr)))
	}
	return pacemaker.ParseCIB(bytes.NewReader(o.Stdout))
}

// cibProbe is a probe that looks into the live CIB.
func cibProbe(text string, done func(*pacemaker.CIB) bool) evenkeel.Probe {
	return evenkeel.Probe{Cmd: sshexec.Command(sshexec.ReadOnly, queryCIB...), Text: text, Read: func(o evenkeel.Observed) (evenkeel.Trace, error) {
		cib, err := readCIB(o)
		switch {
		case err != nil:
			return evenkeel.Undecided, err
		case done(cib):
			return evenkeel.Done, nil
		}
		return evenkeel.Absent, nil
	}}
}

// seeCIB looks into the live CIB.
func seeCIB(id, title, text string, check func(*pacemaker.CIB) error) evenkeel.Action {
	return expect(look(id, title, queryCIB...), text, func(o evenkeel.Observed) error {
		cib, err := readCIB(o)
		if err != nil {
			return err
		}
		return check(cib)
	})
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
	return expect(look(id, title, "cat", "/proc/mounts"), text, exited(func(o evenkeel.Observed) error {
		mounted, err := mountedTargets(o.Stdout)
		if err != nil {
			return err
		}
		return check(mounted)
	}))
}

// mountedTargets are the mount points of Lustre targets in a /proc/mounts.
func mountedTargets(raw []byte) ([]string, error) {
	mounts, err := ParseMounts(bytes.NewReader(raw))
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
	return at(node, seeMounts(id, "Nothing is mounted on "+node, "no Lustre target", func(mounted []string) error {
		if len(mounted) > 0 {
			return fmt.Errorf("%s is mounted on %s: to start it elsewhere would mount it twice", strings.Join(mounted, ", "), node)
		}
		return nil
	}))
}

// missing are the targets that are not mounted.
func missing(targets []PairTarget, mounted []string) string {
	var out []string
	for _, t := range targets {
		if !slices.Contains(mounted, t.Mount) {
			out = append(out, t.Resource+" on "+t.Mount)
		}
	}
	return strings.Join(out, ", ")
}

// allMounted waits until every one of the targets is mounted.
func allMounted(targets []PairTarget) func([]string) error {
	return func(mounted []string) error {
		if m := missing(targets, mounted); m != "" {
			return evenkeel.NotYet(0, "not mounted yet: %s", m)
		}
		return nil
	}
}

// stillMounted wants every one of the targets to be mounted now.
func stillMounted(targets []PairTarget) func([]string) error {
	return func(mounted []string) error {
		if m := missing(targets, mounted); m != "" {
			return fmt.Errorf("not mounted: %s", m)
		}
		return nil
	}
}

// exactly wants these targets and no others.
func exactly(targets []PairTarget) func([]string) error {
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

// readStatus reads what crm_mon printed. A cluster that is not up yet is "not yet" (H19).
func readStatus(o evenkeel.Observed) (*pacemaker.Status, error) {
	if o.ExitCode != 0 {
		return nil, evenkeel.NotYet(time.Second, "crm_mon: exit status %d: %s", o.ExitCode, strings.TrimSpace(string(o.Stderr)))
	}
	return pacemaker.ParseStatus(bytes.NewReader(o.Stdout))
}

// seeStatus looks at the running cluster.
func seeStatus(id, title, text string, check func(*pacemaker.Status) error) evenkeel.Action {
	return expect(look(id, title, crmMon...), text, func(o evenkeel.Observed) error {
		st, err := readStatus(o)
		if err != nil {
			return err
		}
		return check(st)
	})
}

// online waits until nodes are members of the cluster: the state counts, not the exit status of the start (H4).
func online(nodes ...string) func(*pacemaker.Status) error {
	return func(st *pacemaker.Status) error {
		for _, name := range nodes {
			if n, ok := st.Node(name); !ok || !n.Online {
				return evenkeel.NotYet(time.Second, "%s is not online yet (where its cluster does not run: pcs cluster start)", name)
			}
		}
		if !st.DC.Present {
			return evenkeel.NotYet(time.Second, "the cluster has not elected a DC yet")
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
				return fmt.Errorf("node %s is not ready for targets (online %v, standby %v, unclean %v, maintenance %v)", name, n.Online, n.Standby, n.Unclean, n.Maintenance)
			}
		}
		if st.MaintenanceMode {
			return errors.New("the cluster is in maintenance mode: it would move nothing")
		}
		return nil
	}
}

// placed waits until every target runs on the node that where says.
func (p *Pair) placed(where func(PairTarget) string) func(*pacemaker.Status) error {
	return func(st *pacemaker.Status) error {
		for _, t := range p.enabled() {
			if on := st.RunsOn(t.Resource); !slices.Equal(on, []string{where(t)}) {
				return evenkeel.NotYet(0, "%s runs on %v, not on %s (a target that failed over is moved by pcs resource relocate run)", t.Resource, on, where(t))
			}
			// A node that is lost goes on being shown with what it had.
			if n, _ := st.Node(where(t)); !n.Online || n.Unclean {
				return evenkeel.NotYet(0, "%s is said to run on %s, which is not online", t.Resource, where(t))
			}
		}
		return nil
	}
}

// everywhere is one node for every target.
func everywhere(node string) func(PairTarget) string { return func(PairTarget) string { return node } }

// preferred is the node that a target belongs on.
func preferred(t PairTarget) string { return t.Preferred }

// seeRings wants no ring of corosync to be faulty: with one ring left, the next fault lets both nodes fence each other (H18). A link of knet that has just come up
// takes a moment to connect.
func seeRings(id, node string) evenkeel.Action {
	return within(time.Minute, at(node, expect(look(id, "Every ring of corosync is sound on "+node+" (H18)", "corosync-cfgtool", "-s"), "no ring is FAULTY, no link disconnected", exited(func(o evenkeel.Observed) error {
		switch text := string(o.Stdout); {
		case strings.Contains(text, "FAULTY"):
			return errors.New("a ring is faulty: with one ring left, the next fault lets both nodes fence each other")
		case strings.Contains(text, "disconnected"):
			return evenkeel.NotYet(0, "a link is disconnected: with one link left, the next fault lets both nodes fence each other")
		}
		return nil
	}))))
}

// seeStopped wants the old cluster on a node to be down, and to stay down when the node restarts. Exit statuses are those of an init script (LSB): 3 is stopped.
func seeStopped(node string) []evenkeel.Action {
	var actions []evenkeel.Action
	for _, service := range clusterServices {
		actions = append(actions,
			at(node, expect(look("off-"+service, service+" has stopped on "+node, "service", service, "status"), "exit status 3: it is stopped", func(o evenkeel.Observed) error {
				if o.ExitCode != 3 {
					return fmt.Errorf("%s has not stopped on %s (exit status %d: %s): it could take a target back", service, node, o.ExitCode, o.Text())
				}
				return nil
			})),
			at(node, expect(look("boot-"+service, service+" does not start at boot on "+node, "chkconfig", service), "exit status 1: it is off", func(o evenkeel.Observed) error {
				if o.ExitCode != 1 {
					return fmt.Errorf("%s would start at boot on %s (exit status %d)", service, node, o.ExitCode)
				}
				return nil
			})))
	}
	return actions
}

// clusterServices are what makes up the cluster on a node, in the order in which they start.
var clusterServices = [...]string{"corosync", "pacemaker"}

// seeAbsent wants none of the files to be there.
func seeAbsent(id, title string, files ...string) evenkeel.Action {
	return expect(look(id, title, append([]string{"ls", "-d"}, files...)...), "none of them is there", func(o evenkeel.Observed) error {
		if found := strings.Fields(string(o.Stdout)); len(found) > 0 {
			return fmt.Errorf("left over from another cluster: %s (H6). Look at it; if this node is the one being rebuilt, remove it by pcs cluster destroy, and resume", strings.Join(found, ", "))
		}
		return nil
	})
}

// waitFor is until for a look that has its check already.
func waitFor(limit time.Duration, node string, a evenkeel.Action) evenkeel.Action {
	return within(limit, at(node, a))
}
