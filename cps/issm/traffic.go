package issm

import (
	"errors"
	"fmt"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
)

// traffic is a check that a half takes traffic.
func (m *Migration) traffic(n int) steps.Checker {
	return func(o evenkeel.Observed) error {
		r, err := m.haproxy(o)
		if err == nil && !m.endpoints(r, n).taking {
			err = evenkeel.NotYet(20*time.Second, "every Diameter endpoint of set %d is down", n)
		}
		return err
	}
}

// silent is a check that a half takes no traffic.
func (m *Migration) silent(n int) steps.Checker {
	return func(o evenkeel.Observed) error {
		r, err := m.haproxy(o)
		if err == nil && !m.endpoints(r, n).down {
			err = evenkeel.NotYet(20*time.Second, "a Diameter endpoint of set %d is not down", n)
		}
		return err
	}
}

// haproxy reads the HAProxy check. A Diameter endpoint that belongs to no load balancer of the plan is an error: nobody
// can say whose traffic it takes.
func (m *Migration) haproxy(o evenkeel.Observed) (*cps.HAProxyReport, error) {
	if err := o.Succeeded(); err != nil {
		return nil, err
	}
	// The report names only what is not well: a line that is not understood could be what it says instead.
	d, err := cps.ParseDiagnostics(steps.Output("diagnostics.sh --ha_proxy", o.Result))
	if err != nil {
		return nil, err
	}
	if err := steps.FailOn(d.NotUnderstood()); err != nil {
		return nil, err
	}
	r, err := cps.ParseHAProxy(steps.Output("diagnostics.sh --ha_proxy", o.Result))
	if err != nil {
		return nil, err
	}
	balancers := slices.Concat(m.ofClass(1, "lb"), m.ofClass(2, "lb"))
	for _, s := range r.Services {
		if !s.Known() {
			return nil, fmt.Errorf("%s:%d: the state %s of %s is not known", r.File, s.Line, s.State, s.Name)
		}
		if strings.HasPrefix(s.Name, "diameter") && !slices.ContainsFunc(balancers, s.Of) {
			return nil, fmt.Errorf("%s:%d: %s belongs to none of %s", r.File, s.Line, s.Name, strings.Join(balancers, ", "))
		}
	}
	return r, nil
}

// endpoints is what a half's Diameter endpoints do.
type endpoints struct {
	taking bool // an endpoint is up
	down   bool // all of them are down, each said to be
}

// endpoints reads the report, which names only what is not well.
func (m *Migration) endpoints(r *cps.HAProxyReport, n int) endpoints {
	balancers := m.ofClass(n, "lb")
	e := endpoints{down: len(balancers) > 0}
	for _, lb := range balancers {
		notUp, down := 0, 0
		for _, s := range r.Services {
			if !s.Of(lb) || s.State == "UP" {
				continue
			}
			notUp++
			if s.State == "DOWN" || s.State == "MAINT" || s.State == "STOPPED" {
				down++
			}
		}
		e.taking = e.taking || notUp < m.cfg.EndpointsPerLB
		e.down = e.down && down >= m.cfg.EndpointsPerLB
	}
	return e
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
					Title: "Set 1 carries every replica set", Cmd: m.replicaStatus(), Limit: 30 * time.Minute,
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
						func(first, second endpoints) bool { return first.taking && second.down }),
				},
			},
		},
		Verify: []evenkeel.Action{{
			ID: "taken", Paper: steps.Again(slices.Concat(m.takes(1), m.takesNone(2))),
			Change: evenkeel.Change{
				Title: "Set 1 takes the traffic", Cmd: m.haproxyStatus(), Limit: 10 * time.Minute,
				Note: "Endpoints that stay down: the guide's work-around (cps:1712-1794), on the load balancer of set 1.",
				Expect: evenkeel.Expect{Text: "an endpoint of set 1 is up, and every endpoint of set 2 is down", Check: func(o evenkeel.Observed) error {
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
				Title: "No call drops",
			},
		}},
	}
}
