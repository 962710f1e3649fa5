package pacemaker

import (
	"slices"
	"strings"
)

// The differences of the stages between, when a pair is rebuilt one node after the other.

// ExpectFencingLater are the node attributes for fencing, which are set last of all (PCM-046).
var ExpectFencingLater = Expectation{
	Name: "fencing attributes later",
	Why:  "they are set last, so that nothing is fenced during the work",
	Matches: func(d Difference) bool {
		return d.Kind == kindNode && !d.InNew && strings.Contains(d.Field, "_fence_")
	},
}

// ExpectNodeLater is a node that has not joined yet.
func ExpectNodeLater(name string) Expectation {
	return Expectation{
		Name:    "node " + name + " later",
		Why:     "it joins when it has been rebuilt",
		Matches: func(d Difference) bool { return d.Kind == kindNode && d.Subject == name && !d.InNew },
	}
}

// ExpectRenamed are the new names of nodes in the parameters of fence devices (H12).
func ExpectRenamed(names NodeNames) Expectation {
	return Expectation{
		Name: "node names in parameters",
		Why:  "a fence device names the nodes that it fences, and they have other names (H12)",
		Matches: func(d Difference) bool {
			name, is := strings.CutPrefix(d.Field, "attribute ")
			return is && d.Kind == kindResource && d.InOld && d.InNew && d.Old != d.New && names.InParameter(name, d.Old) == d.New
		},
	}
}

// ExpectRole is a target-role that resources have by now: "Stopped" until they are enabled, or nothing, of what stands in a group that is
// stopped; "Started" afterwards, where nothing was said before, which is the same.
func ExpectRole(role string, resources ...string) Expectation {
	return Expectation{
		Name: "target-role " + role,
		Why:  "what is moved is stopped first, and then started, by its target-role",
		Matches: func(d Difference) bool {
			said := func(value string) bool { return value == "" || strings.EqualFold(value, "Started") }
			return d.Kind == kindResource && d.Field == "meta attribute target-role" && slices.Contains(resources, d.Subject) && said(d.Old) &&
				(strings.EqualFold(d.New, role) || d.New == "" || said(role) && said(d.New))
		},
	}
}
