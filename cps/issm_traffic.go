package cps

import (
	"errors"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// traffic is a check that a half takes traffic.
func (m *ISSM) traffic(n int) checker {
	return func(o observed) error {
		r, err := ParseHAProxy(output("diagnostics.sh --ha_proxy", o.Result))
		if err == nil && !m.takesTraffic(r, n) {
			err = evenkeel.NotYet(20*time.Second, "every Diameter endpoint of set %d is down", n)
		}
		return errors.Join(exitedWell(o), err)
	}
}

// swapStep gives the traffic to set 1 (cps:989-1010).
func (m *ISSM) swapStep() evenkeel.Step {
	return evenkeel.Step{
		ID: "traffic-swap", Title: "Move the traffic to set 1", Host: m.cfg.ClusterManager, Ref: "cps:989-1010",
		Actions: []evenkeel.Action{
			m.quietGuard(migrateScript),
			{
				ID: "whole", Title: "Set 1 carries every replica set", Guard: true, Cmd: m.replicaStatus(), Within: 30 * time.Minute,
				Paper: again(m.dataAtWork(1)), Expect: evenkeel.Expect{Text: "a working member of set 1 everywhere", Check: m.onTable(func(t *ReplicaTable) error { return soon(0, m.serving(1)(t)) })},
			},
			{
				ID: "swap", Title: "Swap the traffic", Ref: "cps:994", Cmd: m.migrate(evenkeel.Disruptive, time.Hour, "traffic", "swap"), Paper: migrates(m.migrate(evenkeel.Disruptive, time.Hour, "traffic", "swap")), Repeat: evenkeel.Never, Expect: succeeded,
				Note:  "If it fails, roll set 1 back (cps:1010).",
				Probe: m.trafficProbe("done when every endpoint of set 2 is down and one of set 1 is up", func(first, second bool) bool { return first && !second }),
			},
		},
		Verify: []evenkeel.Action{{
			ID: "taken", Title: "Set 1 takes traffic", Cmd: m.haproxyStatus(), Within: 10 * time.Minute,
			Note:  "Endpoints that stay down: the guide's work-around (cps:1712-1794), on the load balancer of set 1.",
			Paper: again(m.takes(1)), Expect: evenkeel.Expect{Text: "a load balancer of set 1 is not down", Check: m.traffic(1)},
		}},
		Irreversible: "the runbook " + rollbackName + " gives the traffic back to set 2",
	}
}

// callsStep lets a person judge (cps:991, CPS-232): no command of the guide tells whether calls drop.
func (m *ISSM) callsStep() evenkeel.Step {
	return evenkeel.Step{
		ID: "calls", Title: "Judge the call traffic", Ref: "cps:564,991,1018",
		Why: "The last moment for going back. Calls that drop now drop for good once set 2 is disabled: then roll back (cps:564).",
		Actions: []evenkeel.Action{{
			ID: "calls", Title: "No call drops",
			Manual: "Watch the call traffic on set 1 for as long as you need. Say what you saw only when there are no call drops; else stop here and roll back.",
		}},
	}
}
