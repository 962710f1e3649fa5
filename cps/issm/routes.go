package issm

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// RouteFile is a file with the static routes of an interface, which its VM gets when it is a new one (cps:880,1251).
type RouteFile struct {
	VM   string      // its alias in Hosts.csv
	File *cps.Routes // its name is route-<interface> or route6-<interface>
}

// routesDir is where the network services look for it.
const routesDir = "/etc/sysconfig/network-scripts"

func (f RouteFile) path() string { return path.Join(routesDir, f.name()) }
func (f RouteFile) name() string { return path.Base(f.File.File) }

// content is the file, byte for byte.
func (f RouteFile) content() string {
	var b bytes.Buffer
	_, _ = f.File.WriteTo(&b) // writing to memory does not fail
	return b.String()
}

// reviewRoutes finds what is wrong with the files: one of no VM, of no interface, given twice, or with an error in it.
func (m *Migration) reviewRoutes() []cps.Finding {
	var list []cps.Finding
	add := func(f RouteFile, what string, args ...any) {
		list = append(list, cps.Finding{Severity: cps.Error, Where: f.File.File, What: fmt.Sprintf(what, args...), Row: "CPS-029"})
	}
	seen := map[string]bool{}
	for _, f := range m.cfg.Routes {
		if !m.sets[1].Contains(f.VM) && !m.sets[2].Contains(f.VM) {
			add(f, "%q is no VM of either set", f.VM)
		}
		if f.File.Interface == "" {
			add(f, "the file must be called route-<interface> or route6-<interface>, as it is on %s", f.VM)
		}
		if at := f.VM + ":" + f.name(); seen[at] {
			add(f, "%s gets this file twice", f.VM)
		} else {
			seen[at] = true
		}
		if host, known := m.hosts.ByAlias(f.VM); known && m.cfg.Deploy != nil {
			list = append(list, f.File.Review(host, m.cfg.Deploy)...)
			continue
		}
		list = append(list, f.File.Findings()...)
	}
	return list
}

// routeActions bring the static routes back to the new VMs of a half: each file is copied and proven; the network
// services are restarted by the operator, for whom the guide has no command, until the routes are in force; then monit
// is restarted (cps:880,1251). Without files the operator is asked, where the configuration says so.
func (m deployment) routeActions(n int, at string) []evenkeel.Action {
	var list []evenkeel.Action
	for _, vm := range m.sets[n] {
		count := len(list)
		for _, f := range m.cfg.Routes {
			if f.VM == vm {
				list = append(list, f.copied(at)...)
			}
		}
		for _, f := range m.cfg.Routes {
			if f.VM == vm {
				list = append(list, f.inForce(at)...)
			}
		}
		if len(list) > count {
			list = append(list, restartMonit(vm, at)...)
		}
	}
	if m.cfg.StaticRoutes {
		list = append(list, evenkeel.ByHand("routes", "Copy the static routes",
			"Copy the static route files (route-<interface>) to the VMs that have "+
				"them, then restart the network services and the monit processes there.").From(at))
	}
	return list
}

// copied writes the file, by a name that the network services do not read, and lets it take its name. A file that is
// there and has other routes is left alone: somebody has to look at it.
func (f RouteFile) copied(at string) []evenkeel.Action {
	fresh := path.Join(routesDir, ".evenkeel-"+f.name())
	id := func(what string) string { return what + "-" + f.VM + "-" + f.name() }
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(f.content())))
	put := steps.Brief(sshexec.Command(sshexec.Mutating, "dd", "of="+fresh, "conv=fsync", "status=none"))
	put.Stdin = sshexec.Text(f.content())
	// The copy and the file: one of the two is there, so that nothing printed is no answer.
	is := sshexec.Command(sshexec.ReadOnly, "find", routesDir, "-mindepth", "1", "-maxdepth", "1", "-name", "*"+f.name(),
		"-exec", "sha256sum", "{}", "+")
	move := evenkeel.Do(id("route"), fmt.Sprintf("Let the copy be %s of %s", f.name(), f.VM), "mv", "-T", fresh, f.path()).On(f.VM).
		From(at).Timeout(steps.Briefly).Probed(evenkeel.Probe{
		Cmd: is, Host: f.VM, Text: "the file is there, with these routes",
		Paper: steps.Prints(is, "| grep -F '  "+f.path()+"' | cut -c1-64", sum),
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			found, err := steps.Sums(o.Result)
			switch err = errors.Join(o.Succeeded(), err); {
			case err != nil:
				return evenkeel.Inconclusive, err
			case found[f.path()] == sum:
				return evenkeel.Done, nil
			case found[f.path()] == "" && found[fresh] == sum:
				return evenkeel.NotRun, nil
			case found[f.path()] == "":
				return evenkeel.Inconclusive, fmt.Errorf("%s has neither %s nor a whole copy of it, %s", f.VM, f.path(), fresh)
			}
			return evenkeel.Inconclusive, fmt.Errorf("%s has a %s with other routes: compare it with the file of the configuration, and move "+
				"one of them away", f.VM, f.path())
		},
	})
	return []evenkeel.Action{
		{ID: id("put"), Change: evenkeel.Change{
			Title: fmt.Sprintf("Copy %s to %s", f.name(), f.VM), Host: f.VM, Ref: at, Cmd: put, Repeat: evenkeel.Idempotent,
		}},
		move, steps.Proof(move, id("routed"), "Verify that "+f.name()+" is on "+f.VM),
	}
}

// shown are routes that one command shows: those of a family, in a routing table.
type shown struct {
	family, table string
	routes        []string
}

// shown are the routes of the file, by the commands that show them.
func (f RouteFile) shown() (list []shown) {
	for _, r := range f.File.Rows {
		family := "-4"
		if r.To.Addr().Is6() {
			family = "-6"
		}
		i := slices.IndexFunc(list, func(s shown) bool { return s.family == family && s.table == r.Table() })
		if i < 0 {
			i = len(list)
			list = append(list, shown{family: family, table: r.Table()})
		}
		list[i].routes = append(list[i].routes, f.File.Shown(r))
	}
	return list
}

// inForce has the operator restart the network services until the routes of the file are in force.
func (f RouteFile) inForce(at string) (list []evenkeel.Action) {
	for _, s := range f.shown() {
		list = append(list, f.inForceOf(s, at))
	}
	return list
}

// inForceOf is that for the routes that one command shows.
func (f RouteFile) inForceOf(s shown, at string) evenkeel.Action {
	id, argv := "network-"+f.VM+"-"+f.name(), []string{"ip", s.family, "route", "show"}
	if of6 := strings.HasPrefix(f.name(), "route6-"); of6 != (s.family == "-6") {
		id += s.family
	}
	if s.table != "" {
		id, argv = id+"-table-"+s.table, append(argv, "table", s.table)
	}
	show, want := sshexec.Command(sshexec.ReadOnly, argv...), s.routes
	var filter string
	for _, route := range want {
		filter += " -e " + shellescape.Quote(routeForm(route))
	}
	return evenkeel.Action{
		ID: id, Paper: steps.Again(steps.Prints(show, "| grep -cE"+filter, strconv.Itoa(len(want)))),
		Manual: fmt.Sprintf("On %s, restart the network services: the guide gives no command for it.", f.VM),
		Change: evenkeel.Change{
			Title: fmt.Sprintf("Verify that the routes of %s are in force on %s", f.name(), f.VM), Host: f.VM, Ref: at, Cmd: show,
			Expect: evenkeel.Expect{Text: strings.Join(want, "; "), Check: evenkeel.Succeeding(func(o evenkeel.Observed) error {
				var missing []string
				for _, route := range want {
					if !regexp.MustCompile("(?m)" + routeForm(route)).Match(o.Stdout) {
						missing = append(missing, route)
					}
				}
				if len(missing) > 0 {
					return fmt.Errorf("%s has no route %s", f.VM, strings.Join(missing, "; "))
				}
				return nil
			})},
		},
	}
}

// routeForm finds a route in what "ip route show" prints, for the program and for grep.
func routeForm(shown string) string { return "^" + regexp.QuoteMeta(shown) + "( |$)" }

// restartMonit restarts monit on a VM, and proves that it runs.
func restartMonit(vm, at string) []evenkeel.Action {
	status := sshexec.Command(sshexec.ReadOnly, "/bin/systemctl", "status", "monit.service")
	return []evenkeel.Action{
		evenkeel.Do("monit-again-"+vm, "Restart monit on "+vm, "/bin/systemctl", "restart", "monit.service").On(vm).From(at).
			Timeout(steps.Briefly),
		{
			ID: "monit-runs-" + vm, Paper: steps.Again(steps.Prints(status, "| grep -oF 'active (running)'", "active (running)")),
			Change: evenkeel.Change{
				Title: "Wait until monit runs on " + vm, Host: vm, Ref: at, Cmd: status, Limit: steps.Briefly,
				Expect: evenkeel.Expect{Text: "active (running)", Check: func(o evenkeel.Observed) error {
					active, err := steps.UnitActive(o)
					if err == nil && !active {
						err = evenkeel.NotYet(0, "monit does not run on %s", vm)
					}
					return err
				}},
			},
		},
	}
}
