package live

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

func isDown(err error) bool {
	return errors.Is(err, pacemaker.ErrClusterDown) || errors.Is(err, pacemaker.ErrCommandFailed)
}

// isOn reads a yes as Pacemaker does.
func isOn(value string) bool {
	return slices.Contains([]string{"true", "on", "yes", "y", "1"}, strings.ToLower(value))
}

// Standby moves everything off a node and keeps it off (lustre:427, PCM-036). It is done when the CIB says so, which
// outlives a restart, and nothing runs there any more: the command returns before anything has moved.
func (l Cluster) Standby(node string) change.Change {
	return l.Change(l.via(l.Dialect.Standby(node)), change.Change{Limit: 15 * time.Minute, Needs: l.managed(), Proof: []change.Proof{
		l.standbyStored(node, true),
		l.InStatus("crm_mon shows "+node+" in standby and nothing on it", func(st *pacemaker.Status) error {
			n, ok := st.Node(node)
			switch {
			case !ok:
				return fmt.Errorf("%s: %w", node, pacemaker.ErrAbsentNode)
			case n.Online && !n.Standby:
				return notYet("%s is not in standby", node)
			}
			for _, r := range st.Resources {
				if r.Active && slices.Contains(r.Nodes, node) {
					return notYet("%s is %s on %s", r.ID, r.Role, node)
				}
			}
			return nil
		}),
	}})
}

// Unstandby lets a node take resources again.
func (l Cluster) Unstandby(node string) change.Change {
	return l.Change(l.via(l.Dialect.Unstandby(node)), change.Change{Limit: time.Minute, Proof: []change.Proof{
		l.standbyStored(node, false),
		l.InStatus("crm_mon shows "+node+" without standby", func(st *pacemaker.Status) error {
			if n, ok := st.Node(node); !ok || n.Standby {
				return notYet("%s is in standby, or not in the cluster", node)
			}
			return nil
		}),
	}})
}

func (l Cluster) standbyStored(node string, on bool) change.Proof {
	return l.InCIB(fmt.Sprintf("the CIB says that %s is in standby: %v", node, on), func(c *pacemaker.CIB) error {
		n, ok := c.Node(node)
		if !ok {
			return fmt.Errorf("%s: %w", node, pacemaker.ErrAbsentNode)
		}
		if v, _ := n.Attributes.Get("standby"); isOn(v) != on {
			return notYet("standby of %s is %q in the CIB", node, v)
		}
		return nil
	})
}

// managed wants a cluster that acts on what it is told.
func (l Cluster) managed() []change.Proof {
	return []change.Proof{l.InStatus("the cluster is not in maintenance mode", func(st *pacemaker.Status) error {
		if st.MaintenanceMode {
			return errors.New("the cluster is in maintenance mode: it starts, stops and moves nothing")
		}
		return nil
	})}
}

// Maintenance switches maintenance-mode (lustre:976, 1136, PCM-023). It is done when the CIB says so and the cluster has taken note.
func (l Cluster) Maintenance(on bool) change.Change {
	return l.Change(l.via(l.Dialect.Maintenance(on)), change.Change{Limit: time.Minute, Proof: []change.Proof{
		l.InCIB(fmt.Sprintf("the CIB says maintenance-mode=%v", on), func(c *pacemaker.CIB) error {
			if v, _ := c.Property("maintenance-mode"); isOn(v) != on {
				return notYet("maintenance-mode is %q", v)
			}
			return nil
		}),
		l.InStatus(fmt.Sprintf("crm_mon shows maintenance-mode %v", on), func(st *pacemaker.Status) error {
			if st.MaintenanceMode != on {
				return notYet("crm_mon shows maintenance-mode %v", st.MaintenanceMode)
			}
			return nil
		}),
	}})
}

// runsOn wants a primitive to run on exactly one node, and on this one when it is not empty. On two it is an error at once.
func runsOn(st *pacemaker.Status, id, node string) error {
	r, ok := st.Resource(id)
	on := st.RunsOn(id)
	switch {
	case !ok:
		return notYet("crm_mon does not show %s", id)
	case len(on) > 1:
		return fmt.Errorf("%s is active on %s", id, strings.Join(on, " and "))
	case r.Failed || r.Blocked:
		return fmt.Errorf("%s has failed (%s on %s): see crm_mon, mend it, and clean it up by pcs resource cleanup %s", id,
			r.Role, strings.Join(r.Nodes, ", "), id)
	}
	if !underWay(r) && !slices.Contains(on, node) {
		if err := startFailed(st, id, node); err != nil {
			return err
		}
	}
	switch {
	case len(on) == 0 || underWay(r):
		return notYet("%s is %s", id, r.Role)
	case node != "" && on[0] != node:
		return notYet("%s runs on %s, not on %s", id, on[0], node)
	}
	// crm_mon shows what a lost node was running until it has been fenced.
	if n, ok := st.Node(on[0]); !ok || !n.Online || n.Unclean {
		return notYet("%s ran on %s, which is not online, or unclean", id, on[0])
	}
	return nil
}

// startFailed says how a resource failed to start on a node: Pacemaker does not try again there by itself (start-failure-is-fatal).
func startFailed(st *pacemaker.Status, id, node string) error {
	for _, f := range st.Failures {
		if f.Node == node && strings.HasPrefix(f.Operation, id+"_start_") {
			return fmt.Errorf("%s could not be started on %s (%s): mend it, clean up by pcs resource cleanup %s, and it is tried again",
				id, node, strings.Join(slices.DeleteFunc([]string{f.Status, f.ExitStatus, f.ExitReason}, isEmpty), "; "), id)
		}
	}
	return nil
}

func isEmpty(text string) bool { return text == "" }

// underWay says whether an operation of a resource has begun and not ended: crm_mon shows it as its role where it shows it at all.
func underWay(r pacemaker.ResourceStatus) bool {
	return r.Role == "Starting" || r.Role == "Stopping" || r.Role == "Promoting" || r.Role == "Demoting" ||
		r.Role == "Migrating" || r.Pending != ""
}

// Placed wants each resource to run on the node that belongs to it, and nowhere else. A start that failed there is an error at once.
func (l Cluster) Placed(where map[string]string) change.Proof {
	ids := sortedKeys(where)
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = id + " on " + where[id]
	}
	return l.InStatus("crm_mon shows "+strings.Join(words, ", "), func(st *pacemaker.Status) error {
		for _, id := range ids {
			if err := runsOn(st, id, where[id]); err != nil {
				return err
			}
		}
		return nil
	})
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// RelocateRun moves each of the resources to the node that it prefers (lustre:1665, PCM-041). What is to come of it is
// where, by resource: see placement.Relocate and placement.Of for what to ask for. It is done when each runs there and
// none of the constraints is left by which pcs moves them: a relocate that is cut short leaves them behind.
func (l Cluster) RelocateRun(where map[string]string) change.Change {
	return l.Change(l.via(l.Dialect.RelocateRun()),
		change.Change{Limit: 15 * time.Minute, Needs: l.managed(), Proof: []change.Proof{l.Placed(where), l.noRelocation()}})
}

// RelocateClear removes what a relocate that was cut short left behind.
func (l Cluster) RelocateClear() change.Change {
	return l.Change(l.via(l.Dialect.RelocateClear()), change.Change{Limit: time.Minute, Proof: []change.Proof{l.noRelocation()}})
}

func (l Cluster) noRelocation() change.Proof {
	return l.InCIB("no constraint of pcs resource relocate is left", func(c *pacemaker.CIB) error {
		for _, loc := range c.Locations() {
			if strings.HasPrefix(loc.ID, "pcs-relocate-") {
				return notYet("the constraint %s is left (pcs resource relocate clear removes it)", loc.ID)
			}
		}
		return nil
	})
}

// settleStep is how long one look of Settled waits at most, in seconds. Pacemaker 2.1 waits two even where there is nothing to wait for.
const settleStep = "5"

// Settled wants a cluster that has nothing left to do: crm_resource asks the scheduler, and crm_mon shows that no
// action is under way and no node is joining. Unlike a bare `crm_resource --wait`, which can hang, each look is short
// (H19).
func (l Cluster) Settled() []change.Proof {
	wait := pcs.NewOperation("wait until the cluster is stable", "", op.ReadOnly, op.Idempotent, "crm_resource", "--wait",
		"--timeout", settleStep)
	return []change.Proof{
		proof(l.via(wait), "crm_resource --wait says that nothing is left to do", func(a answer) error {
			if a.ExitCode == 124 || a.ExitCode == 62 { // timed out: Pacemaker 2 and later, 1.1
				return notYet("the cluster is still at work: %s", lastOf(string(a.Stderr)))
			}
			return a.failure()
		}),
		l.InStatus("crm_mon shows no action under way", func(st *pacemaker.Status) error {
			if !st.DC.Present {
				return notYet("the cluster has no DC")
			}
			for _, n := range st.Nodes {
				if n.Pending {
					return notYet("%s is joining", n.Name)
				}
			}
			for _, r := range st.Resources {
				if underWay(r) {
					return notYet("%s is %s", r.ID, r.Role)
				}
			}
			return nil
		}),
	}
}
