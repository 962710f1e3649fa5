package pacemaker

import (
	"slices"
	"strings"
)

// Expectation is a difference that a rebuild is known to make, with its name and the reason, so that a comparison can leave it out by
// name and a report can say so.
type Expectation struct {
	Name    string
	Why     string
	Matches func(Difference) bool // whether a difference is this one; nil matches none
}

// The differences that are known.
var (
	// ExpectStonithByPCS is the monitor that pcs gives a fence device when it makes one (H22).
	ExpectStonithByPCS = Expectation{
		Name: "stonith by pcs",
		Why:  "pcs gives a fence device a monitor every 60 s, which IML never had (H22)",
		Matches: func(d Difference) bool {
			return d.Kind == kindResource && d.Field == "operation monitor every 60s" && !d.InOld && d.New == noDetail
		},
	}
	// ExpectOperationsByPCS are the operations that a late pcs 0.9 adds to a resource when its agent offers them and nothing tells it not to.
	ExpectOperationsByPCS = Expectation{
		Name: "operations by pcs",
		Why: "pcs gives a resource the operations that its agent offers, with the agent's time limits: they change " +
			"nothing, as the guide's own are all there",
		Matches: func(d Difference) bool {
			name, _ := strings.CutPrefix(d.Field, "operation ")
			return d.Kind == kindResource && !d.InOld &&
				slices.Contains([]string{"notify", "promote", "demote", "migrate_from", "migrate_to", "reload", "reload-agent"}, name)
		},
	}
	// ExpectClusterOwned are the properties that each cluster writes by itself: the keys of EL6 that are gone or changed, and those of
	// EL7 that are new (H23).
	ExpectClusterOwned = Expectation{
		Name: "cluster-owned properties",
		Why:  "the keys of EL6 mean nothing on corosync 2 and later, and each cluster writes its own (H23)",
		Matches: func(d Difference) bool {
			_, owned := clusterOwned[d.Subject]
			return d.Kind == kindProperty && owned && d.Subject != "maintenance-mode"
		},
	}
	// ExpectMaintenanceOff is maintenance-mode=false where nothing was said before.
	ExpectMaintenanceOff = Expectation{
		Name: "maintenance-mode off",
		Why:  "the rebuild switches it on and off again; false is the default",
		Matches: func(d Difference) bool {
			return d.Kind == kindProperty && d.Subject == "maintenance-mode" && (!d.InOld || d.Old == "false") && (!d.InNew || d.New == "false")
		},
	}
	// ExpectDisabled is the state before the switch-over: every target disabled, and maintenance-mode on.
	ExpectDisabled = Expectation{
		Name: "disabled until the switch-over",
		Why:  "the targets stay disabled and the cluster in maintenance until the other node has stopped (PCM-026)",
		Matches: func(d Difference) bool {
			return d.Kind == kindResource && d.Field == "meta attribute target-role" && !d.InOld && strings.EqualFold(d.New, "Stopped") ||
				d.Kind == kindProperty && d.Subject == "maintenance-mode" && d.New == "true"
		},
	}
	// ExpectIMLMark is IML's own property configured_by, which pcs cannot make.
	ExpectIMLMark = Expectation{
		Name:    "IML's mark",
		Why:     "IML keeps configured_by in a property set of its own, which pcs cannot make",
		Matches: func(d Difference) bool { return d.Kind == kindProperty && d.Subject == "configured_by" && !d.InNew },
	}
	// ExpectNodeStates are node attributes that say what a node did at the time of the backup (H11).
	ExpectNodeStates = Expectation{
		Name: "node states",
		Why:  "standby, maintenance and terminate are never carried over (H11)",
		Matches: func(d Difference) bool {
			_, state := nodeStates[strings.TrimPrefix(d.Field, "attribute ")]
			return d.Kind == kindNode && state && !d.InNew
		},
	}
)

// RebuildExpectations are the differences that every rebuild by the guide's commands makes, once the targets run again.
func RebuildExpectations() []Expectation {
	return []Expectation{ExpectStonithByPCS, ExpectOperationsByPCS, ExpectClusterOwned, ExpectMaintenanceOff, ExpectIMLMark, ExpectNodeStates}
}
