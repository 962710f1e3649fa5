package maintenance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Tools are paths of programs on the Cluster Manager. The zero value of a field is the name alone.
type Tools struct {
	Diagnostics string `yaml:"diagnostics"` // diagnostics.sh
	About       string `yaml:"about"`       // about.sh
	Hosts       string `yaml:"hosts"`       // hosts.sh
	RestartAll  string `yaml:"restartall"`  // restartall.sh
	Mongo       string `yaml:"mongo"`       // mongo, or a program that logs in and is called as mongo is
}

func (t Tools) withDefaults() Tools {
	for field, name := range map[*string]string{&t.Diagnostics: "diagnostics.sh", &t.About: "about.sh",
		&t.Hosts: "hosts.sh", &t.RestartAll: "restartall.sh", &t.Mongo: "mongo"} {
		if *field == "" {
			*field = name
		}
	}
	return t
}

// Where the guide's scripts are on the Cluster Manager.
const (
	scripts   = "/var/qps/install/current/scripts/"
	hostsPath = "/var/qps/config/deploy/csv/Hosts.csv"
)

// cluster is the cluster that a runbook works on.
type cluster struct {
	manager string // control name of the Cluster Manager
	hosts   *cps.Hosts
	tools   Tools
	vms     []string // every VM, as hosts.sh | sort gives them
}

func newCluster(manager string, hosts *cps.Hosts, tools Tools) (*cluster, error) {
	if hosts == nil {
		return nil, errors.New("Hosts.csv is needed")
	}
	var errs []error
	for _, f := range hosts.Findings() {
		if f.Severity == cps.Error {
			errs = append(errs, errors.New(f.String()))
		}
	}
	for _, tool := range [][2]string{{"diagnostics", tools.Diagnostics}, {"about", tools.About}, {"hosts", tools.Hosts},
		{"restartall", tools.RestartAll}, {"mongo", tools.Mongo}} {
		errs = append(errs, steps.CheckTool(tool[0], tool[1]))
	}
	c := &cluster{manager: manager, hosts: hosts, tools: tools.withDefaults(), vms: hosts.Aliases()}
	if c.manager == "" {
		c.manager = "cluman"
	}
	slices.Sort(c.vms)
	return c, errors.Join(errs...)
}

func (c *cluster) input() evenkeel.Input {
	var b bytes.Buffer
	_, _ = c.hosts.WriteTo(&b) // writing to memory does not fail
	return evenkeel.NewInput(hostsPath, b.Bytes())
}

// classes are those whose VMs run the Policy Server processes (qns); a session manager runs databases alone.
var classes = []string{"lb", "qns", "pcrfclient"}

// withQNS are the VMs of a list that run Policy Server processes.
func (c *cluster) withQNS(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(alias string) bool {
		host, _ := c.hosts.ByAlias(alias)
		return !slices.Contains(classes, host.Class())
	})
}

// output is what a command printed, under its name, with what it says on its standard error.
func output(name string, o evenkeel.Observed) io.Reader {
	o.Stdout = slices.Concat(o.Stdout, []byte("\n"), o.Stderr)
	return steps.Output(name, o.Result)
}

// parsed is a check after success of an output that is whole.
func parsed[T any](name string, parse func(io.Reader) (T, error), check func(T) error) func(evenkeel.Observed) error {
	return evenkeel.Succeeding(func(o evenkeel.Observed) error {
		if o.Truncated {
			return fmt.Errorf("the output of %s is too long, and was cut off", name)
		}
		value, err := parse(output(name, o))
		if err != nil {
			return err
		}
		return check(value)
	})
}

// failOn makes an error of the findings that are no mere information.
func failOn(list []cps.Finding) error {
	var errs []error
	for _, f := range list {
		if f.Severity != cps.Info {
			errs = append(errs, errors.New(f.String()))
		}
	}
	return errors.Join(errs...)
}

// listed has hosts.sh name the VMs of Hosts.csv, no more and no fewer: the odd and the even side are counted from it.
func (c *cluster) listed() evenkeel.Action {
	a := evenkeel.Look("hosts", "Verify that hosts.sh lists the VMs of Hosts.csv", c.tools.Hosts).From("cps:2134").
		Expecting("each VM of Hosts.csv, and no other", evenkeel.Succeeding(func(o evenkeel.Observed) error {
			names := strings.Fields(string(o.Stdout))
			slices.Sort(names)
			if !slices.Equal(names, c.vms) {
				return evenkeel.NeedsOperator("hosts.sh lists %s, and Hosts.csv %s: the odd and the even side would not be those of the plan. "+
					"Plan from the Hosts.csv of this cluster", strings.Join(names, " "), strings.Join(c.vms, " "))
			}
			return nil
		}))
	a.Paper = []evenkeel.Block{{Script: c.tools.Hosts + " | sort", Shows: c.vms}}
	return a.On(c.manager)
}

// healthy has full diagnostics pass: every check, and a line that no rule knows fails (cps:340,2160).
func (c *cluster) healthy(id string) evenkeel.Action {
	a := evenkeel.Look(id, "Verify the health of the cluster", c.tools.Diagnostics).On(c.manager).From("cps:2160").
		Until(15*time.Minute, "every check [PASS], and every member of the replica sets at work", func(o evenkeel.Observed) error {
			err := parsed("diagnostics.sh", cps.ParseDiagnostics, func(d *cps.Diagnostics) error {
				errs := []error{failOn(cps.ReviewDiagnostics(d, cps.StageBefore))}
				for _, part := range []string{cps.CheckReplicaSets, "HAProxy"} {
					if _, ok := d.Check(part); !ok {
						errs = append(errs, fmt.Errorf("diagnostics.sh did not check %s: its output is not whole", part))
					}
				}
				t, err := cps.ParseReplicaTable(output("diagnostics.sh", o)) // its check has no verdict of its own
				if err == nil {
					err = steps.FailOn(t.Findings())
				}
				return errors.Join(append(errs, err)...)
			})(o)
			return steps.Soon(15*time.Second, err)
		})
	a.Paper = steps.Again(steps.Prints(a.Cmd, "2>&1 | verdicts", "[PASS]"))
	return a
}

// The state of the Policy Server processes of a VM (cps:2141,2155), as every init script and systemctl tell it by the
// exit status: 0 they run, 3 they do not. Anything else is no answer.
var status = sshexec.Command(sshexec.ReadOnly, "service", "qns", "status")

func running(o evenkeel.Observed) (bool, error) {
	switch {
	case o.Outcome != sshexec.Exited:
		return false, o.Succeeded()
	case o.ExitCode == 0:
		return true, nil
	case o.ExitCode == 3:
		return false, nil
	}
	return false, fmt.Errorf("service qns status ends with exit status %d, which is neither 0 for running nor 3 for stopped: %s",
		o.ExitCode, strings.TrimSpace(string(o.Stderr)))
}

// runs waits until the processes of a VM run, or until they are stopped.
func runs(id, vm string, want bool) evenkeel.Action {
	exit, word := 3, "stopped"
	if want {
		exit, word = 0, "running"
	}
	a := evenkeel.Look(id+"-"+vm, "Wait until the Policy Server processes of "+vm+" are "+word, status.Argv...).On(vm).
		Until(10*time.Minute, fmt.Sprintf("exit status %d: %s", exit, word), func(o evenkeel.Observed) error {
			is, err := running(o)
			if err == nil && is != want {
				err = evenkeel.NotYet(5*time.Second, "they are not %s yet", word)
			}
			return err
		})
	a.Paper = steps.Again([]evenkeel.Block{{Script: evenkeel.Typed(status) + ` >/dev/null 2>&1; echo "exit status $?"`,
		Shows: []string{fmt.Sprintf("exit status %d", exit)}}})
	return a
}

// The invariants of a maintenance runbook.
const (
	invariantServes = "serves"
	invariantAll    = "all-run"
)

// invariants are what must hold throughout: of each class one VM works, always; and all of them, but while they are
// restarted side by side.
func (c *cluster) invariants() []evenkeel.Invariant {
	look := func(ctx context.Context, at evenkeel.Site, vm string) (bool, error) {
		res, err := at.Run(ctx, vm, status)
		if err != nil && res.Outcome != sshexec.Exited {
			return false, err
		}
		return running(evenkeel.Observed{Result: res})
	}
	return []evenkeel.Invariant{
		{
			ID: invariantServes, Absolute: true,
			Title: "Of the load balancers, the Policy Servers and the pcrfclients at least one each runs its processes.",
			Check: func(ctx context.Context, at evenkeel.Site) error {
				for _, class := range classes {
					if err := c.oneOf(ctx, at, class, look); err != nil {
						return err
					}
				}
				return nil
			},
		},
		{
			ID: invariantAll, Title: "The Policy Server processes of every VM run.",
			Check: func(ctx context.Context, at evenkeel.Site) error {
				for _, vm := range c.withQNS(c.vms) {
					switch is, err := look(ctx, at, vm); {
					case err != nil:
						return fmt.Errorf("%s: %w", vm, err)
					case !is:
						return evenkeel.Violated("the Policy Server processes of %s do not run", vm)
					}
				}
				return nil
			},
		},
	}
}

// oneOf looks for a VM of a class that works. One that cannot be asked may be one: then nobody can tell.
func (c *cluster) oneOf(ctx context.Context, at evenkeel.Site, class string,
	look func(context.Context, evenkeel.Site, string) (bool, error),
) error {
	var unknown error
	serves := evenkeel.Serving{What: class + " processes"}
	for _, vm := range c.hosts.OfClass(c.vms, class) {
		is, err := look(ctx, at, vm)
		if err != nil {
			unknown = errors.Join(unknown, fmt.Errorf("%s: %w", vm, err))
		}
		if is {
			serves.Where = "at least one VM"
			at.Saw(serves)
			return nil
		}
	}
	if unknown != nil {
		return unknown
	}
	at.Saw(serves)
	return evenkeel.Violated("no %s runs its processes", class)
}
