package issm

import (
	"errors"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// traffic is a check that a Diameter endpoint of a half is up.
func (m *balancers) traffic(n int) steps.Checker {
	return func(o evenkeel.Observed) error {
		r, err := m.haproxy(o)
		if err == nil && !m.endpoints(r, n).Taking {
			err = evenkeel.NotYet(20*time.Second, "no endpoint of set %d is up", n)
		}
		return err
	}
}

// silent is a check that a half takes no traffic, and that the sessions of its load balancers have drained.
func (m *balancers) silent(n int) steps.Checker {
	return func(o evenkeel.Observed) error {
		r, err := m.haproxy(o)
		if err != nil {
			return err
		}
		switch e := m.endpoints(r, n); {
		case !e.Down:
			return evenkeel.NotYet(20*time.Second, "an endpoint of set %d is not down", n)
		case e.Sessions > 0:
			return evenkeel.NotYet(20*time.Second, "the load balancers of set %d still have %s", n, printable.Count(int(e.Sessions), "session"))
		}
		return nil
	}
}

// haproxy reads the HAProxy check of the load balancers of the plan.
func (m *balancers) haproxy(o evenkeel.Observed) (*cps.HAProxyReport, error) {
	return steps.HAProxy(o, slices.Concat(m.ofClass(1, "lb"), m.ofClass(2, "lb")))
}

// endpoints is what the Diameter endpoints of a half do.
func (m *balancers) endpoints(r *cps.HAProxyReport, n int) steps.Endpoints {
	return steps.EndpointsOf(r, m.ofClass(n, "lb"), m.each)
}

// swapStep gives the traffic to set 1 (cps:989-1010).
func (m *Migration) swapStep() evenkeel.Step {
	return evenkeel.Step{
		ID: "traffic-swap", Title: "Move the traffic to set 1", Host: m.cfg.ClusterManager, Ref: "cps:989-1010",
		Actions: []evenkeel.Action{
			m.quietGuard(migrateScript),
			{
				ID: "whole", Precondition: true, Paper: steps.Again(m.dataAtWork(1)),
				Change: evenkeel.Change{
					Title: "Wait until set 1 carries every replica set", Cmd: m.replicaStatus(), Limit: 30 * time.Minute,
					Expect: evenkeel.Expect{Text: "a working member of set 1 everywhere",
						Check: m.onTable(func(t *cps.ReplicaTable) error { return steps.Soon(0, m.serving(1)(t)) })},
				},
			},
			{
				ID: "swap", Paper: migrates(m.migrate(evenkeel.Disruptive, time.Hour, "traffic", "swap")),
				Change: evenkeel.Change{
					Title: "Swap the traffic", Ref: "cps:994", Cmd: m.migrate(evenkeel.Disruptive, time.Hour, "traffic", "swap"),
					Repeat: evenkeel.Never, Expect: succeeded,
					Note: "If it fails, roll set 1 back (cps:1010).",
					Probe: m.trafficProbe("done when every endpoint of set 2 is down and one of set 1 is up",
						func(first, second steps.Endpoints) bool { return first.Taking && second.Down }),
				},
			},
		},
		Verify: []evenkeel.Action{{
			ID: "taken", Paper: steps.Again(slices.Concat(m.takes(1), m.takesNone(2))),
			Change: evenkeel.Change{
				Title: "Wait until an endpoint of set 1 is up, and every one of set 2 is down", Cmd: m.haproxyStatus(), Limit: 10 * time.Minute,
				Note: "Endpoints that stay down: the guide's work-around (cps:1712-1794), on the load balancer of set 1.",
				Expect: evenkeel.Expect{Text: "an endpoint of set 1 is up, and every endpoint of set 2 is down and without sessions",
					Check: func(o evenkeel.Observed) error {
						return errors.Join(m.traffic(1)(o), m.silent(2)(o))
					}},
			},
		}},
		Irreversible: "the runbook " + rollbackName + " gives the traffic back to set 2",
	}
}

// callsStep lets the operator judge (cps:991, CPS-232): no command of the guide tells whether calls drop.
func (m *Migration) callsStep() evenkeel.Step {
	return evenkeel.Step{
		ID: "calls", Title: "Judge the call traffic", Ref: "cps:564,991,1018",
		Why: "The last moment for going back. Calls that drop now drop for good once set 2 is disabled: then roll back (cps:564).",
		Actions: []evenkeel.Action{{
			ID: "calls", Manual: "Watch the call traffic on set 1 for as long as you need. Say what you saw only when there " +
				"are no call drops; else stop here and roll back.",
			Change: evenkeel.Change{
				Title: "Confirm that no call drops",
			},
		}},
	}
}
