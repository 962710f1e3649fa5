package pacemaker

import (
	"fmt"
	"slices"
	"strings"
)

// HindranceKind is the kind of a [Hindrance].
type HindranceKind string

// What stands in the way of moving resources from one node of a cluster to another.
const (
	NoFencing   HindranceKind = "no-fencing"   // nothing protects the resources from a node that hangs
	CannotFence HindranceKind = "cannot-fence" // no fence device can fence a node
	// only the agent of a fence device knows whether it can fence a node
	FencingUnknown HindranceKind = "fencing-unknown"
	IdleFencing    HindranceKind = "idle-fencing"   // a fence device, or a level of the topology, that fences nobody
	AtRest         HindranceKind = "at-rest"        // the cluster moves nothing: maintenance, stop-all-resources
	NoDecision     HindranceKind = "no-decision"    // no DC, or no quorum
	NodeAway       HindranceKind = "node-away"      // a node takes no resources
	Unmanaged      HindranceKind = "unmanaged"      // Pacemaker does not move a resource
	NotSound       HindranceKind = "not-sound"      // a resource failed, is blocked, orphaned, stopped or active twice
	LeftOverMove   HindranceKind = "left-over-move" // a constraint of a move by hand
	PastFailure    HindranceKind = "past-failure"   // an operation or a fencing that failed, and is still on record
)

// Hindrance is one thing to put right before resources are moved.
type Hindrance struct {
	Kind HindranceKind
	Of   string // the property, node, resource, constraint or operation
	Text string // a sentence
}

func (h Hindrance) String() string { return h.Text }

type hindrances []Hindrance

func (h *hindrances) add(kind HindranceKind, of, format string, args ...any) {
	*h = append(*h, Hindrance{kind, of, fmt.Sprintf(format, args...)})
}

// Hindrances are what stands in the way of moving resources, as far as the configuration tells, first what is about the
// whole cluster. A switch that is no truth value counts as on. Where the whole cluster is at rest, its resources are not
// listed. What is wrong with the document itself, [CIB.Validate] tells.
func (c *CIB) Hindrances() []Hindrance {
	var h hindrances
	for _, property := range []string{"stonith-enabled", "fencing-enabled"} {
		if v, said := c.Property(property); said && isFalse(v) {
			h.add(NoFencing, property, "%s is %s: nothing protects the resources from a node that hangs", property, v)
		}
	}
	for _, property := range []string{"maintenance-mode", "stop-all-resources"} {
		if v, said := c.Property(property); said && !isFalse(v) {
			h.add(AtRest, property, "%s is %s: the cluster moves nothing", property, v)
		}
	}
	h = append(h, c.fencingHindrances()...)
	rest := slices.ContainsFunc(h, func(h Hindrance) bool { return h.Kind == AtRest })
	for _, n := range c.Nodes() {
		for _, state := range []string{"standby", "maintenance"} {
			if v, said := n.Attributes.Get(state); said && !isFalse(v) {
				h.add(NodeAway, n.Uname, "node %s is in %s (%s=%s)", n.Uname, state, state, v)
			}
		}
	}
	for _, r := range c.Wanted() {
		if r.Unmanaged != "" && !rest {
			h.add(Unmanaged, r.ID, "%s is unmanaged (%s): Pacemaker does not move it", r.ID, r.Unmanaged)
		}
	}
	for _, l := range c.Locations() {
		h.leftOver(l.ID)
	}
	return h
}

// leftOver finds the constraints that "pcs resource move", "ban" and crm_resource make.
func (h *hindrances) leftOver(constraint string) {
	if strings.HasPrefix(constraint, "cli-") {
		h.add(LeftOverMove, constraint, "constraint %s is left over from a move by hand", constraint)
	}
}

// Hindrances are what stands in the way of moving resources, as the running cluster tells, first what is about the whole
// cluster.
func (s *Status) Hindrances() []Hindrance {
	var h hindrances
	switch {
	case !s.DC.Present:
		h.add(NoDecision, "", "no node decides: the cluster has no DC")
	case !s.DC.Quorum:
		h.add(NoDecision, "", "the cluster has no quorum")
	}
	if !s.FencingEnabled {
		h.add(NoFencing, "", "fencing is off: nothing protects the resources from a node that hangs")
	}
	if s.MaintenanceMode {
		h.add(AtRest, "maintenance-mode", "maintenance-mode is on: the cluster moves nothing")
	}
	if s.StopAll {
		h.add(AtRest, "stop-all-resources", "stop-all-resources is on: the cluster moves nothing")
	}
	for _, n := range s.Nodes {
		if why := n.away(); why != "" {
			h.add(NodeAway, n.Name, "node %s is %s", n.Name, why)
		}
	}
	for _, r := range s.Resources {
		h = append(h, r.Hindrances()...)
	}
	for _, f := range s.Failures {
		why := strings.Trim(strings.Join([]string{f.ExitStatus, f.ExitReason}, ", "), ", ")
		h.add(PastFailure, f.Operation, "%s failed on %s: %s", f.Operation, f.Node, why)
	}
	for _, e := range s.Fencing {
		if e.Status != "success" {
			h.add(PastFailure, e.Target, "fencing of %s is %s", e.Target, e.Status)
		}
	}
	for _, b := range s.Bans {
		h.leftOver(b.ID)
	}
	return h
}

// Hindrances are what is wrong with an instance of a resource: it failed, is blocked, orphaned, unmanaged, stopped
// though it is to run, or active on more than one node.
func (r ResourceStatus) Hindrances() []Hindrance {
	var h hindrances
	if flags := r.flags(); len(flags) > 0 {
		kind := NotSound
		if len(flags) == 1 && !r.Managed {
			kind = Unmanaged
		}
		h.add(kind, r.ID, "%s is %s", r.ID, strings.Join(flags, " and "))
	}
	if len(r.Nodes) > 1 {
		h.add(NotSound, r.ID, "%s is active on %s", r.ID, strings.Join(r.Nodes, " and "))
	}
	if r.Role == "Stopped" && !strings.EqualFold(r.TargetRole, "Stopped") {
		h.add(NotSound, r.ID, "%s", strings.TrimSuffix(r.ID+" is stopped on "+strings.Join(r.Nodes, " and "), " on "))
	}
	return h
}
