package issm

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The two orders, weighed for the reader.
const (
	weighedLate = "The guide stops the old corosync before set 1 is disabled (cps:665). Then nobody has arbitervip " +
		"until the new pcrfclient of set 1 is up (cps:669), while every replica set shrinks to one data member: one vote " +
		"of two, no primary, and no session can be written. Here both data members are at work, and the arbiters only " +
		"move. The price: from the boot of that pcrfclient until this step, the old and the new corosync run side by " +
		"side and form no cluster (cps:576). Should both take arbitervip, a member may reach either arbiter. "
	watched = "The run watches that no two hosts have the address, and stops at once (invariant " + invariantOneVIP +
		"). "
	unwatched = "NOBODY WATCHES that: the address of arbitervip is not known to this plan. "
	theOther  = "The guide's order: corosync_order " + string(CorosyncGuide) + "."

	weighedGuide = "As the guide has it (cps:665), by corosync_order " + string(CorosyncGuide) + ": never do the old and " +
		"the new corosync run side by side. The price: from the disabling of set 1 until the new pcrfclient of set 1 is " +
		"up, nobody has arbitervip (cps:669). A replica set that lives by its arbiter's vote has no primary meanwhile, " +
		"and nobody can write to it. "
	theLate = "Without corosync_order, corosync is stopped when set 1 is at work again, and no vote is missing."
)

// corosyncStep moves arbitervip to the new corosync (cps:665-669, CPS-207). In the guide's order it only leaves the
// pcrfclient of set 2, and comes to the new corosync when the other one is redeployed.
func (m *Migration) corosyncStep() evenkeel.Step {
	old := m.ofClass(2, "pcrfclient")[0]
	title, moved, why := "Move arbitervip to the new corosync", "Wait until the arbiters are back, on the new corosync", weighedLate
	switch w := m.noMajority(1); {
	case m.cfg.guideOrder():
		title, moved = "Move arbitervip off the half that stays", "Wait until the arbiters are back, on the pcrfclient of set 1"
		why = weighedGuide
		if w != nil {
			why += capital(w.Reason) + ". "
		}
		why += theLate
	case len(m.known()) > 0:
		why += watched + theOther
	default:
		why += unwatched + theOther
	}
	moves := m.vipWindow(evenkeel.Window{
		ID: "moves", Limit: 30 * time.Minute, Stop: evenkeel.StopAtClose, Reason: "arbitervip moves to the other pcrfclient",
	})
	return evenkeel.Step{
		ID: "corosync", Title: title, Host: old, Ref: "cps:665-669", Why: why, Opens: moves, Closes: windowIDs(moves),
		Actions: slices.Concat([]evenkeel.Action{
			{
				ID: "whole", Precondition: true, Paper: m.dataAtWork(1, 2),
				Change: evenkeel.Change{
					Title: "Wait until every replica set is whole without its arbiter", Host: m.cfg.ClusterManager, Cmd: m.replicaStatus(),
					Expect: evenkeel.Expect{Text: "every data member at work", Check: m.onTable(m.dataWhole)},
				},
			},
		}, m.corosync("stop", old, "cps:665"), []evenkeel.Action{
			{
				ID: "moved", Paper: steps.Again(m.allAtWork()),
				Change: evenkeel.Change{
					Title: moved, Host: m.cfg.ClusterManager, Cmd: m.replicaStatus(), Limit: 20 * time.Minute,
					Expect: evenkeel.Expect{Text: "every member at work",
						Check: m.onTable(func(t *cps.ReplicaTable) error { return steps.Soon(15*time.Second, m.complete(1, 2)(t)) })},
				},
			},
		}),
		Undo: m.corosync("start", old, "cps:665"),
	}
}

// dataWhole finds replica sets that could not do without their arbiter.
func (m *members) dataWhole(t *cps.ReplicaTable) error {
	var errs []error
	for _, rs := range m.mongo.Sets {
		set, _ := t.Set(rs.Title())
		working := 0
		for _, member := range rs.Members {
			if row, ok := set.At(member); ok && row.HoldsData() {
				working++
			}
		}
		if votes := max(len(set.Members), len(rs.Members)+len(rs.Arbiters)); 2*working <= votes {
			errs = append(errs, fmt.Errorf("%s has %d working data members of %d votes", set.Title(), working, votes))
		}
	}
	return errors.Join(errs...)
}

var corosyncStatus = sshexec.Command(sshexec.ReadOnly, "monit", "status", "corosync")

// corosyncPaper is its look on paper.
func corosyncPaper(shows string) []evenkeel.Block {
	return steps.Prints(corosyncStatus, `| awk '/ (Running|OK)$/ { print "it runs" } / Not monitored$/ { print "it does not run" }'`, shows)
}

// corosync stops or starts corosync by monit, and proves it.
func (m *Migration) corosync(verb, host, at string) []evenkeel.Action {
	start := verb == "start"
	title, effect, done, shows := "Stop corosync on ", evenkeel.Disruptive, "corosync does not run on "+host, "it does not run"
	if start {
		title, effect, done, shows = "Start corosync on ", evenkeel.Mutating, "corosync runs on "+host, "it runs"
	}
	a := evenkeel.Action{
		ID: "corosync-" + verb,
		Change: evenkeel.Change{
			Title: title + host, Host: host, Ref: at, Repeat: evenkeel.ProbeFirst,
			Cmd: steps.Brief(sshexec.Command(effect, "monit", verb, "corosync")),
			Probe: &evenkeel.Probe{
				Cmd: corosyncStatus, Text: "monit says that " + done,
				Paper: corosyncPaper(shows),
				Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
					if err := o.Succeeded(); err != nil {
						return evenkeel.Inconclusive, err
					}
					runs, err := steps.MonitRuns(o.Result, "corosync")
					if err != nil {
						return evenkeel.Inconclusive, err
					}
					return steps.DoneIf(runs == start), nil
				},
			},
		},
	}
	id := map[bool]string{true: "corosync-started", false: "corosync-stopped"}[start]
	return []evenkeel.Action{a, steps.Proof(a, id, "Verify that "+done)}
}

// takesOver wants corosync to run in the half that stays: arbitervip goes there when half n is disabled. Between two
// clusters the other one has it; in the guide's order nobody has it while set 1 is away.
func (m *Migration) takesOver(n int) []evenkeel.Action {
	if len(m.vips) == 0 || m.cfg.PeerPcrfclient != "" || n == 1 && m.cfg.guideOrder() {
		return nil
	}
	host := m.ofClass(3-n, "pcrfclient")[0]
	return []evenkeel.Action{{
		ID: "takes-over", Precondition: true,
		Paper: corosyncPaper("it runs"),
		Change: evenkeel.Change{
			Title: fmt.Sprintf("Wait until corosync runs on %s, which takes arbitervip over", host), Host: host, Ref: "cps:665-669",
			Cmd: corosyncStatus,
			Expect: evenkeel.Expect{Text: "monit says that corosync runs", Check: evenkeel.Succeeding(func(o evenkeel.Observed) error {
				runs, err := steps.MonitRuns(o.Result, "corosync")
				if err == nil && !runs {
					err = evenkeel.NeedsOperator("corosync does not run on %s: nobody would have arbitervip while set %d is away. Start "+
						"it there (monit start corosync), then resume", host, n)
				}
				return err
			})},
		},
	}}
}

// peerCorosyncStep is the two-cluster rule (cps:671-677).
func (m *Migration) peerCorosyncStep() evenkeel.Step {
	return evenkeel.Step{
		ID: "peer-corosync", Title: "Stop the other cluster's corosync", Host: m.cfg.PeerPcrfclient, Ref: "cps:671-677",
		Why:          "Never start it there again by hand: it joins when that cluster's set 2 is enabled (cps:673).",
		Actions:      m.corosync("stop", m.cfg.PeerPcrfclient, "cps:671"),
		Irreversible: "corosync there must not be started by hand (cps:673)",
		Opens:        m.peerWindows(),
	}
}

// peerWindows are open from the stop of the other cluster's corosync until set 2 is enabled.
func (m *Migration) peerWindows() []evenkeel.Window {
	w := evenkeel.Window{
		ID: "no-arbitervip", Invariant: invariantReplicas, Limit: 12 * time.Hour, Stop: evenkeel.StopBetweenSteps,
		Reason: "there is no active arbitervip while pcrfclient01 is redeployed (cps:677): one vote of each replica set is " +
			"missing, and a set with two voters has no majority until set 2 is enabled",
	}
	vip := w
	vip.ID = "peer"
	return append([]evenkeel.Window{w}, m.vipWindow(vip)...)
}
