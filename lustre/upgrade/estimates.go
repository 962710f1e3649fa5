package upgrade

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
)

// The guide names no times but one: a cluster comes up in "a few seconds" (lustre:924). So most of these are guesses,
// and say so; the journal of an earlier run, or the operator, knows better.

// estimates gives the actions of a runbook their times, and its windows what is down in them and for how long.
func (p *Pair) estimates(rb *evenkeel.Runbook) {
	rb.Estimate(p.estimate)
	rb.Estimate(evenkeel.Guess)
	for i := range rb.Steps {
		for j := range rb.Steps[i].Opens {
			w := &rb.Steps[i].Opens[j]
			w.Down, w.Each = p.down(w.ID), p.move()
		}
	}
}

// down are the targets that move while a window is open, as Pacemaker or Lustre names them.
func (p *Pair) down(window string) (names []string) {
	for _, t := range p.enabled() {
		moves := t.Preferred == p.Config.Node1.Name // in the evacuation
		switch window {
		case "switch-over":
			moves = true
		case "rebalance", "join":
			moves = t.Preferred == p.Config.Node2.Name
		}
		if moves {
			names = append(names, t.name())
		}
	}
	return names
}

// name is the target's name in Lustre, where that is known.
func (t Target) name() string {
	if t.Label != "" {
		return t.Label
	}
	return t.Resource
}

// move is how long a target is down when it moves: what was measured on a pair in containers, with disks that are quick to
// mount. The cluster itself gives up after the timeouts of its operations.
func (p *Pair) move() evenkeel.Estimate {
	e := evenkeel.Estimate{Guessed: true, Least: 3 * time.Second, Most: 10 * time.Second,
		From: "a guess: until it is mounted again, without its recovery, on a test pair of 3 to 64 targets"}
	if most := p.gaveUp(); most > 0 {
		e.Most = min(e.Most, most)
		e.Least = min(e.Least, e.Most)
		e.From += fmt.Sprintf(", and the cluster gives up after %s", printable.Duration(most))
	}
	return e
}

// gaveUp is the longest time, of any target, after which the old cluster gives up stopping and then starting it; 0 where one
// names no timeouts.
func (p *Pair) gaveUp() (most time.Duration) {
	for _, t := range p.enabled() {
		r, _ := p.CIB.Resource(t.Resource)
		var sum time.Duration
		for _, name := range []string{"stop", "start"} {
			i := slices.IndexFunc(r.Operations, func(o pacemaker.Op) bool { return o.Name == name })
			if i < 0 {
				return 0
			}
			ms, ok := pacemaker.Milliseconds(r.Operations[i].Timeout)
			if !ok || ms <= 0 {
				return 0
			}
			sum += time.Duration(ms) * time.Millisecond
		}
		most = max(most, sum)
	}
	return most
}

// estimate is what is known of an action's time. It goes by what the action is, not by how long it may take: two limits can be the same.
func (p *Pair) estimate(a *evenkeel.Action) evenkeel.Estimate {
	guess := func(least, most time.Duration, of string) evenkeel.Estimate {
		return evenkeel.Estimate{Least: least, Most: most, From: "a guess: " + of, Guessed: true}
	}
	switch {
	case a.ID == "install" && a.Manual != "":
		if d := p.Config.Reinstall; d > 0 {
			return evenkeel.Estimate{Most: d, From: "reinstall_takes of the job"}
		}
		return guess(30*time.Minute, 90*time.Minute, "the operating system installed by hand (reinstall_takes says how long it takes you)")
	case a.ID == "hand-over":
		return p.move()
	case a.ID == "back":
		return guess(3*time.Minute, 15*time.Minute, "a reboot of a server")
	case a.ID == "upload", a.ID == "backup" && len(a.Makes) > 0:
		return guess(5*time.Second, 2*time.Minute, "a backup that is copied")
	case len(a.Cmd.Argv) > 0 && a.Cmd.Argv[0] == "yum":
		if slices.ContainsFunc(a.Cmd.Argv, func(word string) bool { return strings.HasPrefix(word, "lustre") }) {
			return guess(5*time.Minute, 40*time.Minute, "Lustre installed, and its modules built")
		}
		return guess(time.Minute, 5*time.Minute, "an installation of packages")
	case slices.Equal(a.Cmd.Argv, recoveryStatus) && a.Expect.Tell != nil, a.ID == "recovering": // of targets that have moved
		return evenkeel.Estimate{Least: time.Second, Most: p.Config.Recovery,
			From: "the recovery of the targets: seconds where every client comes back, and the limit after which the operator is asked where not"}
	case a.ID == "online":
		return evenkeel.Estimate{Least: 2 * time.Second, Most: 30 * time.Second,
			From: `the guide: a cluster comes up in "a few seconds" (lustre:924), and waits 20 s for a second node that is not there (H5)`}
	case a.Limit > 0 && !pair.Changes(*a):
		return guess(time.Second, 10*time.Second, "a wait for a cluster that has something to do, on a test pair")
	}
	return evenkeel.Estimate{}
}
