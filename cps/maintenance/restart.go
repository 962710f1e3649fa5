package maintenance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// side is one side of a rolling restart: every second VM of hosts.sh | sort, from the first on or from the second.
type side struct {
	id, title  string
	vms, other []string // the VMs with Policy Server processes, of this side and of the other one
}

// sides divides the VMs as the guide does: `sed -n 'p;n'` and `sed -n 'n;p'` of all VMs, in the order of their names
// (cps:2134,2170). A class that has all its VMs on one side would be stopped as a whole: that is an error.
func (c *cluster) sides() ([2]side, error) {
	var halves [2][]string
	for i, vm := range c.vms {
		halves[i%2] = append(halves[i%2], vm)
	}
	odd, even := c.withQNS(halves[0]), c.withQNS(halves[1])
	for _, class := range classes {
		for i, half := range [][]string{odd, even} {
			if len(c.hosts.OfClass(half, class)) == 0 {
				return [2]side{}, fmt.Errorf("%s: every %s is on the %s side of the rolling restart (hosts.sh | sort: %s), and would be stopped "+
					"with it. The guide has no other order: restart the VMs by hand, one at a time", c.hosts.File, class,
					[]string{"even", "odd"}[i], strings.Join(c.vms, " "))
			}
		}
	}
	return [2]side{{"odd", "odd", odd, even}, {"even", "even", even, odd}}, nil
}

// restart stops the processes of one side while the other one serves, starts them again, and looks at the health of
// the whole (cps:2134-2195, CPS-216). monit is stopped before the processes, which it would start again, and is started
// after them.
func (c *cluster) restart(s side) []evenkeel.Action {
	var list []evenkeel.Action
	var stops []evenkeel.Action
	for _, vm := range s.vms {
		stops = append(stops, service(s.id, vm, "monit", "stop", "cps:2134"), service(s.id, vm, "qns", "stop", "cps:2135"))
	}
	for _, vm := range s.other {
		// Where both sides are restarted in one step, the other side is stopped later.
		list = append(list, runs(s.id+"-other", vm, true).AsPreconditionThrough(stops[len(stops)-1].ID))
	}
	list = append(list, stops...)
	for _, vm := range s.vms {
		list = append(list, runs(s.id+"-stopped", vm, false).From("cps:2141"))
	}
	return append(append(list, started(s.id, s.vms)...), c.healthy(s.id+"-health"))
}

// started starts the processes of some VMs.
func started(id string, vms []string) []evenkeel.Action {
	var list []evenkeel.Action
	for _, vm := range vms {
		list = append(list, service(id, vm, "qns", "start", "cps:2148"), service(id, vm, "monit", "start", "cps:2149"))
	}
	for _, vm := range vms {
		list = append(list, runs(id+"-running", vm, true).From("cps:2155"))
	}
	return list
}

// service stops or starts a service of a VM.
func service(id, vm, name, verb, ref string) evenkeel.Action {
	build := evenkeel.Do
	if verb == "stop" {
		build = evenkeel.Disrupt
	}
	what := map[string]string{"monit": "monit", "qns": "the Policy Server processes"}[name]
	return build(strings.Join([]string{id, verb, name, vm}, "-"), strings.ToUpper(verb[:1])+verb[1:]+" "+what+" on "+vm,
		"service", name, verb).
		On(vm).From(ref).Timeout(10 * time.Minute)
}

// restarted is both sides for a rollback, from wherever a restart stands: what is stopped is started first.
func (c *cluster) restarted(sides [2]side) []evenkeel.Action {
	return slices.Concat(started("back", c.withQNS(c.vms)), c.restart(sides[0]), c.restart(sides[1]))
}
