package maintenance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// EndpointsConfig says which load balancer's Diameter endpoints are brought back. The zero value of a field is its default.
type EndpointsConfig struct {
	ClusterManager string `yaml:"cluster_manager"` // control name of the Cluster Manager; "cluman"

	// LoadBalancer is the one whose endpoints are down: lb02 when set 1 is to take the traffic, lb01 when set 2 is (cps:1751).
	LoadBalancer string `yaml:"load_balancer"`
	Endpoints    int    `yaml:"endpoints_per_lb"` // Diameter endpoints of a load balancer; 3, on the ports 9092, 9093 and 9094 (cps:1746)
	// Restart restarts the processes, after the consoles, for endpoints that do not come back by these alone (cps:1785-1794).
	Restart bool `yaml:"restart"`

	Tools Tools `yaml:"tools"` // paths of the guide's programs, where a login does not find them by name
}

// firstEndpointPort is the port of the OSGi console of the first endpoint (cps:1746).
const firstEndpointPort = 9092

// restore is the plan of the work-around.
type restore struct {
	*cluster
	cfg       EndpointsConfig
	balancers []string
}

// RestoreEndpoints is the guide's work-around for Diameter endpoints that stay down after the traffic was swapped or
// restored (cps:1710-1794): they are excluded and cleared in the OSGi console of each, and HAProxy is to mark them up
// within minutes. It begins only where every endpoint of the load balancer is down: to exclude one that is up would drop
// its calls. The error says everything that is wrong with the configuration.
func RestoreEndpoints(cfg EndpointsConfig, hosts *cps.Hosts) (*evenkeel.Runbook, error) {
	if cfg.Endpoints == 0 {
		cfg.Endpoints = 3
	}
	c, err := newCluster(cfg.ClusterManager, hosts, cfg.Tools)
	errs := []error{err, steps.CheckEndpoints(cfg.Endpoints)}
	r := &restore{cluster: c, cfg: cfg}
	if hosts != nil {
		r.balancers = hosts.OfClass(hosts.Aliases(), "lb")
		if !slices.Contains(r.balancers, cfg.LoadBalancer) {
			errs = append(errs, fmt.Errorf("load_balancer %q is none of %s: %s", cfg.LoadBalancer, hosts.File, strings.Join(r.balancers, ", ")))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("cannot plan the return of the endpoints: %w", err)
	}
	lb := cfg.LoadBalancer
	rb := &evenkeel.Runbook{
		Name: "cps-endpoints", Title: "Bring the Diameter endpoints of " + lb + " back", Version: "cps-endpoints 1",
		Inputs: []evenkeel.Input{c.input()}, LeaseHosts: []string{c.manager},
		Intro: "The guide's work-around for endpoints that stay down after the traffic was swapped or restored. It follows " +
			"the CPS Migration and " +
			"Upgrade Guide; cps:N is a line of it.",
		Steps: []evenkeel.Step{
			{
				ID: "preflight", Title: "Verify that the endpoints of " + lb + " are down", Host: c.manager, Ref: "cps:1712-1746",
				Actions: []evenkeel.Action{runs("runs", lb, true).On(lb), r.allDown("down")},
			},
			r.clear(),
		},
	}
	if cfg.Restart {
		rb.Steps = append(rb.Steps, r.restart())
	}
	last, up := &rb.Steps[len(rb.Steps)-1], r.allUp()
	up.Takes = evenkeel.Estimate{Most: time.Minute, From: "the guide (cps:1787), for HAProxy to mark the endpoints up"}
	last.Verify = append(last.Verify, up)
	rb.Estimate(evenkeel.Guess)
	return rb, rb.Validate()
}

func (r *restore) haproxy() sshexec.Cmd {
	return sshexec.Command(sshexec.ReadOnly, r.tools.Diagnostics, "--ha_proxy")
}

// endpoints is a check of what the endpoints of the load balancer do.
func (r *restore) endpoints(check func(steps.Endpoints) error) func(evenkeel.Observed) error {
	return func(o evenkeel.Observed) error {
		report, err := steps.HAProxy(o, r.balancers)
		if err != nil {
			return err
		}
		return check(steps.EndpointsOf(report, []string{r.cfg.LoadBalancer}, r.cfg.Endpoints))
	}
}

// shown counts by hand what HAProxy says of the load balancer: it names what is not up.
func (r *restore) shown(down int) []evenkeel.Block {
	return steps.Prints(r.haproxy(),
		fmt.Sprintf(`2>&1 | awk '/HAProxy/ { seen = 1 } index($1 "-", "-%s-") && $1 ~ /^diameter/ && $2 != "UP" { n++ } `+
			`END { print seen ? n + 0 " down" : "NOT known" }'`, r.cfg.LoadBalancer), fmt.Sprintf("%d down", down))
}

// allDown wants every endpoint of the load balancer down.
func (r *restore) allDown(id string) evenkeel.Action {
	a := evenkeel.Look(id, "Verify that every Diameter endpoint of "+r.cfg.LoadBalancer+" is down", r.haproxy().Argv...).On(r.manager).
		From("cps:1716").Expecting(fmt.Sprintf("%d endpoints down", r.cfg.Endpoints), r.endpoints(func(e steps.Endpoints) error {
		switch {
		case e.Up:
			return evenkeel.NeedsOperator("every endpoint of %s is up: there is nothing to bring back", r.cfg.LoadBalancer)
		case !e.Down:
			return evenkeel.NeedsOperator("some endpoints of %s are up, and would drop their calls: bring the others back by "+
				"hand, each on its own port "+
				"(cps:1746)", r.cfg.LoadBalancer)
		}
		return nil
	}))
	a.Paper = r.shown(r.cfg.Endpoints)
	return a
}

// allUp waits until HAProxy has marked every endpoint up: that takes a minute (cps:1728,1785).
func (r *restore) allUp() evenkeel.Action {
	a := evenkeel.Look("up", "Wait until every Diameter endpoint of "+r.cfg.LoadBalancer+" is up", r.haproxy().Argv...).On(r.manager).
		From("cps:1785").Until(5*time.Minute, "no endpoint is named", r.endpoints(func(e steps.Endpoints) error {
		if !e.Up {
			advice := ": where they stay down, set restart: true in the configuration, which restarts their processes, and " +
				"begin anew (cps:1785-1794)"
			if r.cfg.Restart {
				advice = ""
			}
			return evenkeel.NotYet(15*time.Second, "an endpoint of %s is down%s", r.cfg.LoadBalancer, advice)
		}
		return nil
	}))
	a.Paper = steps.Again(r.shown(0))
	return a
}

// clear excludes and clears the endpoints, each in its own console. Both are harmless while it is down.
func (r *restore) clear() evenkeel.Step {
	lb := r.cfg.LoadBalancer
	actions := []evenkeel.Action{r.allDown("still-down").AsPrecondition()}
	for i := range r.cfg.Endpoints {
		for _, command := range []string{"excludeEndpoints", "clearExcludedEndpoints"} {
			port := firstEndpointPort + i
			cmd := steps.Console(evenkeel.Mutating, port, command)
			actions = append(actions, evenkeel.Action{
				ID:    fmt.Sprintf("%s-%d", strings.ToLower(strings.TrimSuffix(command, "Endpoints")), port),
				Paper: []evenkeel.Block{{Cmd: cmd, Pipe: "| grep -c 'osgi>'", Shows: []string{"2"}}},
				Change: evenkeel.Change{
					Title: fmt.Sprintf("Type %s into the console on port %d of %s", command, port, lb), Host: lb, Ref: "cps:1751-1783", Cmd: cmd,
					Repeat: evenkeel.Idempotent, Expect: evenkeel.Expect{Text: "the console takes it, and prompts again", Check: steps.Typed},
				},
			})
		}
	}
	return evenkeel.Step{
		ID: "clear", Title: "Exclude and clear the endpoints of " + lb, Host: r.manager, Ref: "cps:1748-1783", Actions: actions,
		Harmless: "endpoints that are cleared take traffic again, as they did before",
	}
}

// restart restarts the four processes of the load balancer.
func (r *restore) restart() evenkeel.Step {
	lb := r.cfg.LoadBalancer
	var actions []evenkeel.Action
	for i := range r.cfg.Endpoints + 1 {
		name := fmt.Sprintf("qns-%d", i+1)
		actions = append(actions, evenkeel.Disrupt("restart-"+name, "Restart "+name+" on "+lb, "monit", "restart", name).On(lb).
			From("cps:1791").Timeout(10*time.Minute))
	}
	return evenkeel.Step{
		ID: "restart", Title: "Restart the processes of " + lb, Host: r.manager, Ref: "cps:1785-1794", Actions: actions,
		Why: "restart: true: the endpoints did not come back by the consoles alone.", Harmless: "the processes run as before",
	}
}
