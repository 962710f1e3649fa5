package cpstest

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// balancer is a load balancer's Diameter endpoints: processes of which the OSGi consoles are on ports 9092, 9093, 9094
// and so on (cps:1745).
type balancer struct {
	alias string
	ends  []endpoint
}

// endpoint is one of them.
type endpoint struct {
	excluded bool      // excludeEndpoints was run on its console
	stuck    bool      // it did not recover when the traffic came back (cps:1712)
	upAt     time.Time // cleared endpoints are marked up a minute later (cps:1785)
}

const firstEndpointPort = 9092

// lb finds a load balancer.
func (y *system) lb(alias string) *balancer {
	for i := range y.lbs {
		if y.lbs[i].alias == alias {
			return &y.lbs[i]
		}
	}
	return nil
}

// endpointUp tells whether an endpoint takes Diameter traffic.
func (y *system) endpointUp(s *simhost.State, b *balancer, i int) bool {
	n, e := y.setOf(b.alias), b.ends[i]
	return n > 0 && y.serves[n] && y.serving(s, b.alias) && s.Host(b.alias).Active("monit") &&
		!e.excluded && !e.stuck && !s.Now().Before(e.upAt)
}

func (b *balancer) anyUp(up func(i int) bool) bool {
	for i := range b.ends {
		if up(i) {
			return true
		}
	}
	return false
}

// endpointsUp tells whether a load balancer takes traffic.
func (y *system) endpointsUp(s *simhost.State, alias string) bool {
	b := y.lb(alias)
	return b != nil && b.anyUp(func(i int) bool { return y.endpointUp(s, b, i) })
}

// takes tells whether a half takes traffic: one of its load balancers is enough.
func (y *system) takes(s *simhost.State, n int) bool {
	return slices.ContainsFunc(y.halves[n], func(alias string) bool { return y.endpointsUp(s, alias) })
}

// judgeTraffic checks that some half takes traffic (cps:224).
func (y *system) judgeTraffic(s *simhost.State) {
	lost := slices.ContainsFunc(y.lbs, func(b balancer) bool { return y.dark(s, b.alias) })
	if !y.takes(s, 1) && !y.takes(s, 2) && len(y.lbs) > 0 && !lost {
		y.violateOnce(s, "no half takes traffic: every load balancer is down, disabled or excluded")
	}
}

// swapTraffic gives all traffic to one half.
func (y *system) swapTraffic(s *simhost.State, to int) {
	y.serves[to], y.serves[3-to] = true, false
	y.stickTo(to)
	s.Note("", "traffic moved to set %d", to)
}

// restoreTraffic gives it to both.
func (y *system) restoreTraffic(s *simhost.State) {
	y.serves[1], y.serves[2] = true, true
	s.Note("", "traffic restored to both sets")
}

// stickTo lets two endpoints of the load balancers that are to have this trouble stay down when their half gets its traffic back.
func (y *system) stickTo(n int) {
	for i := range y.lbs {
		if b := &y.lbs[i]; y.setOf(b.alias) == n && slices.Contains(y.opts.Stuck, b.alias) {
			for k := 1; k < min(3, len(b.ends)); k++ {
				b.ends[k].stuck = true
			}
		}
	}
}

// missing lists the members of the replica sets that are not back at their work with the priority they should have.
func (y *system) missing() []string {
	var list []string
	for i := range y.sets {
		r := &y.sets[i]
		for k, m := range r.spec.Members {
			address := m.Address()
			have, ok := r.member(address)
			state := r.StateOf(address).String()
			switch {
			case !ok:
				list = append(list, fmt.Sprintf("%s is not a member of %s", address, r.spec.Name))
			case state != "PRIMARY" && state != "SECONDARY":
				list = append(list, fmt.Sprintf("%s of %s is %s", address, r.spec.Name, state))
			case have.Priority != priority(k, len(r.spec.Members)):
				list = append(list, fmt.Sprintf("%s of %s has priority %g", address, r.spec.Name, have.Priority))
			}
		}
	}
	return list
}
