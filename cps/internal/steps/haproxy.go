package steps

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
)

// HAProxy reads the HAProxy check of diagnostics.sh. A Diameter endpoint that belongs to none of these load balancers is
// an error: nobody can say whose traffic it takes.
func HAProxy(o evenkeel.Observed, balancers []string) (*cps.HAProxyReport, error) {
	if err := o.Succeeded(); err != nil {
		return nil, err
	}
	// The report names only what is not well: a line that is not understood could be what it says instead.
	d, err := cps.ParseDiagnostics(Output("diagnostics.sh --ha_proxy", o.Result))
	if err != nil {
		return nil, err
	}
	if err := FailOn(d.NotUnderstood()); err != nil {
		return nil, err
	}
	r, err := cps.ParseHAProxy(Output("diagnostics.sh --ha_proxy", o.Result))
	if err != nil {
		return nil, err
	}
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

// Endpoints is what the Diameter endpoints of some load balancers do.
type Endpoints struct {
	Taking bool // an endpoint is up
	Down   bool // all of them are down, each said to be
	Up     bool // all of them are up: the report, which names what is not well, names none of them

	Sessions int64 // that those which are not up still have
}

// maxEndpoints is more than any load balancer has: the guide's have three (cps:1746).
const maxEndpoints = 100

// CheckEndpoints refuses what is no number of Diameter endpoints of a load balancer.
func CheckEndpoints(n int) error {
	if n < 1 || n > maxEndpoints {
		return fmt.Errorf("endpoints_per_lb %d: it must be from 1 to %d", n, maxEndpoints)
	}
	return nil
}

// EndpointsOf reads the report; each load balancer has so many endpoints.
func EndpointsOf(r *cps.HAProxyReport, balancers []string, each int) Endpoints {
	e := Endpoints{Down: len(balancers) > 0, Up: len(balancers) > 0}
	for _, lb := range balancers {
		notUp, down := 0, 0
		for _, s := range r.Services {
			if !s.Of(lb) || s.State == "UP" {
				continue
			}
			notUp++
			e.Sessions += s.Sessions.Current
			if s.State == "DOWN" || s.State == "MAINT" || s.State == "STOPPED" {
				down++
			}
		}
		e.Taking = e.Taking || notUp < each
		e.Down = e.Down && down >= each
		e.Up = e.Up && notUp == 0
	}
	return e
}
