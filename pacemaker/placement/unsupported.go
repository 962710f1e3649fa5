package placement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// The features that make an answer unsupported. Each stands for something that decides placements in Pacemaker's own scheduler.
const (
	featureBundle         = "bundle"
	featurePromotable     = "promotable clone"
	featureUniqueClone    = "globally unique clone"
	featureCloneInstance  = "clone instances that Pacemaker would number anew"
	featureRemoteNode     = "remote or guest node"
	featureTicket         = "ticket"
	featureUtilization    = "placement by utilization"
	featureNodeHealth     = "node health strategy"
	featureShutdownLock   = "shutdown lock"
	featureRule           = "rule"
	featureDiscovery      = "exclusive resource discovery"
	featureReference      = "constraint on a tag, a template or a part of a clone"
	featureRole           = "constraint on a role"
	featureColocationAttr = "colocation by node attribute or influence"
	featureOrderAction    = "order of other actions than start"
	featureOrderState     = "order that the present state already breaks"
	featureOrderLoop      = "order constraints in a circle or in conflict"
	featureColocationLoop = "colocations in a circle"
	featureFailure        = "failed operation"
	featurePending        = "operation or migration under way"
	featureFailureExpiry  = "failures that expire"
	featureMultipleActive = "resource active on several nodes"
	featureUnclean        = "unclean node that cannot be fenced"
	featureQuorum         = "loss of quorum"
	featureNodeState      = "node state of an unknown form"
	featureResourceState  = "resource state of an unknown form"
	featureHistory        = "record of operations of an unknown form"
	featureManaged        = "resource that is managed in part"
	featureOption         = "option that is not computed"
	featureUnfencing      = "unfencing"
	featureGroupOption    = "group that is not ordered or not collocated"
	featureOldAgent       = "agent that Pacemaker 2 does not run"
	featureOldSchema      = "CIB of Pacemaker before 1.0"
)

// Unsupported is one thing in a CIB that decides placements and is not computed.
type Unsupported struct {
	Feature string // the part of Pacemaker
	Element string // the id of the element, or its tag and what tells it apart
	Why     string // more about it; may be empty
}

// String is a phrase such as "promotable clone: clone ms-drbd".
func (u Unsupported) String() string {
	text := u.Feature + ": " + u.Element
	if u.Why != "" {
		text += " (" + u.Why + ")"
	}
	return text
}

// Error says why a placement is not computed: everything that stands in the way, in the order of its finding.
// It is [pacemaker.ErrUnsupported] for errors.Is.
type Error struct {
	Reasons []Unsupported
}

func (e *Error) Error() string {
	texts := make([]string, len(e.Reasons))
	for i, r := range e.Reasons {
		texts[i] = r.String()
	}
	return fmt.Sprintf("cannot compute the placement: %s", strings.Join(texts, "; "))
}

// Is makes errors.Is(err, ErrUnsupported) true.
func (e *Error) Is(target error) bool { return target == pacemaker.ErrUnsupported }

// Pending tells whether all that stands in the way is something that the cluster is doing just now: ask again when it is at rest.
func (e *Error) Pending() bool {
	return !slices.ContainsFunc(e.Reasons, func(u Unsupported) bool { return u.Feature != featurePending })
}

// refuse notes something that is not computed, once.
func (p *placing) refuse(f string, element, why string, args ...any) {
	u := Unsupported{Feature: f, Element: element, Why: fmt.Sprintf(why, args...)}
	if !p.refused[u] {
		p.refused[u] = true
		p.unsupported = append(p.unsupported, u)
	}
}
