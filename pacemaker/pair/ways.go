package pair

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// Way is a way from one release to another for a pair, as far as its releases and what it runs decide it.
type Way struct {
	readiness.Way
	Outage string   `json:"outage,omitempty"` // what the users of each unit feel of it, in words
	Costs  []string `json:"costs,omitempty"`  // the price of what cannot be proven, a sentence each
}

// Durations are what an outage is reckoned with. A zero means that it is not known.
type Durations struct {
	Move    time.Duration // a unit stops on one node and starts on the other
	Rebuild time.Duration // a node is installed, and its cluster made
}

// Ways says of each of the four ways whether it leads to the target of the report, and what it costs the users of the
// units. A way that the releases allow, and the units do not, is not possible; the first that is possible is the one to
// choose: they are in the order of their outage.
func Ways(report *readiness.Report, units []Unit, d Durations) []Way {
	order := []string{readiness.Reattach, readiness.Rolling, readiness.TwoClusters, readiness.Offline}
	var ways []Way
	for _, w := range report.Ways {
		ways = append(ways, way(w, units, d))
	}
	slices.SortStableFunc(ways, func(a, b Way) int { return slices.Index(order, a.Name) - slices.Index(order, b.Name) })
	return ways
}

// unproven are the units that move only when the whole old cluster has stopped.
func unproven(units []Unit) (list []Unit) {
	for _, u := range units {
		if u.Unproven != "" && u.Disabled == "" {
			list = append(list, u)
		}
	}
	return list
}

func way(w readiness.Way, units []Unit, d Durations) Way {
	out := Way{Way: w}
	moving := slices.DeleteFunc(slices.Clone(units), func(u Unit) bool { return u.PerNode || u.Disabled != "" })
	switch w.Name {
	case readiness.Reattach:
		out.Outage = "none; nobody watches the services meanwhile, and what fails stays down"
	case readiness.Rolling:
		out.Outage = fmt.Sprintf("each of %s is down twice, while it moves%s", printable.Count(len(moving), "unit"), about(d.Move))
	case readiness.Offline:
		out.Outage = fmt.Sprintf("each of %s is down while both nodes are rebuilt%s", printable.Count(len(moving), "unit"), about(d.Rebuild))
	case readiness.TwoClusters:
		out.Outage = fmt.Sprintf("each of %s is down three times, while it moves%s", printable.Count(len(moving), "unit"), about(d.Move))
		out.twoClusters(units, d)
	}
	return out
}

// twoClusters adds the price of what cannot be proven, and what makes the way impossible: a copy that replicates cannot be
// promoted in a cluster whose only node was just erased, and what spans both nodes cannot be in two clusters.
func (w *Way) twoClusters(units []Unit, d Durations) {
	var down []string
	for _, u := range unproven(units) {
		switch {
		case u.bound():
			if w.Possible {
				w.Possible, w.Reasons = false, nil
			}
			w.Reasons = append(w.Reasons, readiness.Reason{Why: u.ID + ": " + u.Unproven})
		default:
			down = append(down, u.ID)
			w.Costs = append(w.Costs, fmt.Sprintf("%s is moved only when the whole old cluster has stopped: %s", u.ID, u.Unproven))
		}
	}
	if !w.Possible {
		w.Outage, w.Costs = "", nil
		return
	}
	if len(down) > 0 {
		w.Costs = append(w.Costs, fmt.Sprintf("while the old cluster stops%s, %s: down until all of its units are stopped",
			about(d.Move), strings.Join(down, ", ")))
	}
}

func about(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return ", about " + printable.Duration(d)
}

// bound tells a unit that is in one cluster or in none: it replicates between the nodes, or spans them.
func (u Unit) bound() bool {
	return slices.ContainsFunc(u.Members, func(m Member) bool { return m.bound })
}

// ErrNotPossible says that a way does not lead to the target.
var ErrNotPossible = errors.New("not possible")

// Choose is the way of that name, or, where none is asked for, the first that is possible. One that is not possible is
// [ErrNotPossible], with why, and never chosen; so is a target with a blocker, unless someone says that it is gone on
// with in spite of it. What is gone on with is returned in words, for the intro of the runbook, and so for its digest and
// for who signs it.
func Choose(report *readiness.Report, ways []Way, name string, inSpite bool) (Way, []string, error) {
	var spite []string
	for _, f := range report.Findings {
		if f.Level == readiness.Blocker {
			spite = append(spite, strings.Join(strings.Fields(f.Object+" "+f.Found), " ")+": "+f.Why)
		}
	}
	if len(spite) > 0 && !inSpite {
		return Way{}, nil, fmt.Errorf("%s does not take the pair as it is: %s: %w. Mend it (%s), or go on in spite of it", report.Target.Name,
			strings.Join(spite, "; "), ErrNotPossible, "see preflight --target")
	}
	for _, w := range ways {
		switch {
		case name == "" && w.Possible, name == w.Name && w.Possible:
			return w, spite, nil
		case name == w.Name:
			var why []string
			for _, r := range w.Reasons {
				why = append(why, r.Why)
			}
			return Way{}, nil, fmt.Errorf("the way %q to %s is %w: %s", name, report.Target.Name, ErrNotPossible, strings.Join(why, "; "))
		}
	}
	if name == "" {
		return Way{}, nil, fmt.Errorf("no way leads to %s: %w", report.Target.Name, ErrNotPossible)
	}
	var known []string
	for _, w := range ways {
		known = append(known, w.Name)
	}
	return Way{}, nil, fmt.Errorf("there is no way %q: known are %s", name, strings.Join(known, ", "))
}
