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

// corosyncStep moves arbitervip to the new corosync (cps:665-669, CPS-207).
func (m *Migration) corosyncStep() evenkeel.Step {
	old := m.ofClass(2, "pcrfclient")[0]
	return evenkeel.Step{
		ID: "corosync", Title: "Move arbitervip to the new corosync", Host: old, Ref: "cps:665-669",
		Why: "The guide has it before set 1 is disabled (cps:665); then the arbiters are gone while every replica set " +
			"shrinks to one data member, one vote of two. Here both data members are at work, and the arbiters only move.",
		Actions: slices.Concat([]evenkeel.Action{
			{
				ID: "whole", Precondition: true, Paper: m.dataAtWork(1, 2),
				Change: evenkeel.Change{
					Title: "Every replica set is whole without its arbiter", Host: m.cfg.ClusterManager, Cmd: m.replicaStatus(),
					Expect: evenkeel.Expect{Text: "every data member at work", Check: m.onTable(m.dataWhole)},
				},
			},
		}, m.corosync("stop", old, "cps:665"), []evenkeel.Action{
			{
				ID: "moved", Paper: steps.Again(m.allAtWork()),
				Change: evenkeel.Change{
					Title: "The arbiters are back, on the new corosync", Host: m.cfg.ClusterManager, Cmd: m.replicaStatus(), Limit: 20 * time.Minute,
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

// corosync stops or starts corosync by monit, and proves it.
func (m *Migration) corosync(verb, host, at string) []evenkeel.Action {
	start := verb == "start"
	effect, done, shows := evenkeel.Disruptive, "corosync does not run on "+host, "it does not run"
	if start {
		effect, done, shows = evenkeel.Mutating, "corosync runs on "+host, "it runs"
	}
	status := sshexec.Command(sshexec.ReadOnly, "monit", "status", "corosync")
	a := evenkeel.Action{
		ID: "corosync-" + verb,
		Change: evenkeel.Change{
			Title: capital(verb) + " corosync on " + host, Host: host, Ref: at, Repeat: evenkeel.ProbeFirst,
			Cmd: steps.Brief(sshexec.Command(effect, "monit", verb, "corosync")),
			Probe: &evenkeel.Probe{
				Cmd: status, Text: "monit says that " + done,
				Paper: steps.Prints(status, `| awk '/ (Running|OK)$/ { print "it runs" } / Not monitored$/ { print "it does not run" }'`, shows),
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
	return []evenkeel.Action{a, steps.Proof(a, map[bool]string{true: "corosync-started", false: "corosync-stopped"}[start], capital(done))}
}

// peerWindow is open from the stop of the other cluster's corosync until set 2 is enabled.
const peerWindow = "no-arbitervip"

// peerCorosyncStep is the two-cluster rule (cps:671-677).
func (m *Migration) peerCorosyncStep() evenkeel.Step {
	return evenkeel.Step{
		ID: "peer-corosync", Title: "Stop the other cluster's corosync", Host: m.cfg.PeerPcrfclient, Ref: "cps:671-677",
		Why:          "Never start it there again by hand: it joins when that cluster's set 2 is enabled (cps:673).",
		Actions:      m.corosync("stop", m.cfg.PeerPcrfclient, "cps:671"),
		Irreversible: "corosync there must not be started by hand (cps:673)",
		Opens: []evenkeel.Window{{
			ID: peerWindow, Invariant: invariantReplicas, Limit: 12 * time.Hour, Stop: evenkeel.StopBetweenSteps,
			Reason: "there is no active arbitervip while pcrfclient01 is redeployed (cps:677): one vote of each replica set is " +
				"missing, and a set with two voters has no majority until set 2 is enabled",
		}},
	}
}
