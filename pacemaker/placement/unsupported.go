package placement

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// Feature is a part of Pacemaker that [Of] does not compute.
type Feature string

// The features that make an answer unsupported. Each stands for something that decides placements in Pacemaker's own scheduler.
const (
	FeatureBundle         Feature = "bundle"
	FeaturePromotable     Feature = "promotable clone"
	FeatureUniqueClone    Feature = "globally unique clone"
	FeatureCloneInstance  Feature = "clone instances that Pacemaker would number anew"
	FeatureRemoteNode     Feature = "remote or guest node"
	FeatureTicket         Feature = "ticket"
	FeatureUtilization    Feature = "placement by utilization"
	FeatureNodeHealth     Feature = "node health strategy"
	FeatureShutdownLock   Feature = "shutdown lock"
	FeatureRule           Feature = "rule"
	FeatureDiscovery      Feature = "exclusive resource discovery"
	FeatureReference      Feature = "constraint on a tag, a template or a part of a clone"
	FeatureRole           Feature = "constraint on a role"
	FeatureColocationAttr Feature = "colocation by node attribute or influence"
	FeatureOrderAction    Feature = "order of other actions than start"
	FeatureOrderState     Feature = "order that the present state already breaks"
	FeatureOrderLoop      Feature = "order constraints in a circle or in conflict"
	FeatureColocationLoop Feature = "colocations in a circle"
	FeatureFailure        Feature = "failed operation"
	FeaturePending        Feature = "operation or migration under way"
	FeatureFailureExpiry  Feature = "failures that expire"
	FeatureMultipleActive Feature = "resource active on several nodes"
	FeatureUnclean        Feature = "unclean node that cannot be fenced"
	FeatureQuorum         Feature = "loss of quorum"
	FeatureNodeState      Feature = "node state of an unknown form"
	FeatureResourceState  Feature = "resource state of an unknown form"
	FeatureUnfencing      Feature = "unfencing"
	FeatureGroupOption    Feature = "group that is not ordered or not collocated"
	FeatureOldAgent       Feature = "agent that Pacemaker 2 does not run"
	FeatureOldSchema      Feature = "CIB of Pacemaker before 1.0"
)

// Unsupported is one thing in a CIB that decides placements and is not computed.
type Unsupported struct {
	Feature Feature
	Element string // the id of the element, or its tag and what tells it apart
	Why     string // more about it; may be empty
}

// String is a phrase such as "promotable clone: clone ms-drbd".
func (u Unsupported) String() string {
	text := string(u.Feature) + ": " + u.Element
	if u.Why != "" {
		text += " (" + u.Why + ")"
	}
	return text
}

// Error says why a placement is not computed: everything that stands in the way, in the order of its finding.
// It is [ErrUnsupported] for errors.Is.
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

// refuse notes something that is not computed, once.
func (p *placing) refuse(f Feature, element, why string, args ...any) {
	u := Unsupported{Feature: f, Element: element, Why: fmt.Sprintf(why, args...)}
	if !p.refused[u] {
		p.refused[u] = true
		p.unsupported = append(p.unsupported, u)
	}
}
