package pacemaker

import "strings"

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
