package cpstest

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// KPI is a command of the site that prints how the calls fare. Deed "kpi NAME TEXT" of host world has it print another text.
type KPI struct {
	Name    string
	Host    string   // "cluman", a VM, or a machine of the site, which is made
	Command []string // the program and its arguments
	Prints  string
}

// Alarms are the commands of the site that silence its alarms. Deed "alarms silenced|unsilenced" of host world does so
// behind their back.
type Alarms struct {
	Host                      string // "cluman", a VM, or a machine of the site, which is made
	Silence, Unsilence, Check []string
	Silenced, Unsilenced      string // what Check prints
}

// siteState is what the programs of the site know.
type siteState struct {
	prints   []string // of each KPI
	silenced bool
}

func (y *system) buildSite(s *simhost.State) {
	for _, k := range y.opts.KPIs {
		y.site.prints = append(y.site.prints, k.Prints)
		y.siteHost(s, k.Host)
	}
	if y.opts.Alarms != nil {
		y.siteHost(s, y.opts.Alarms.Host)
	}
}

// siteHost makes a machine of the site that is none of the cluster.
func (y *system) siteHost(s *simhost.State, name string) {
	if s.Host(name) == nil {
		s.AddHost(name, y.image(&vm{alias: name}, y.opts.From))
	}
}

// ofSite runs the commands of the site in the place of the programs of their names.
func ofSite(run simhost.Handler) simhost.Handler {
	return func(c *simhost.Call) int {
		y := systemOf(c.State)
		if y == nil {
			return run(c)
		}
		is := func(host string, argv []string) bool {
			return len(argv) > 0 && c.Host.Name == host && c.Name == path.Base(argv[0]) && slices.Equal(c.Args, argv[1:])
		}
		for i, k := range y.opts.KPIs {
			if is(k.Host, k.Command) {
				c.Printf("%s\n", y.site.prints[i])
				return 0
			}
		}
		a := y.opts.Alarms
		switch {
		case a == nil:
			return run(c)
		case is(a.Host, a.Silence):
			y.site.silenced = true
		case is(a.Host, a.Unsilence):
			y.site.silenced = false
		case is(a.Host, a.Check):
			c.Printf("%s\n", map[bool]string{true: a.Silenced, false: a.Unsilenced}[y.site.silenced])
		default:
			return run(c)
		}
		return 0
	}
}

// steerKPI has a KPI print another text.
func (y *system) steerKPI(s *simhost.State, name, text string) error {
	for i, k := range y.opts.KPIs {
		if k.Name == name {
			y.site.prints[i] = text
			s.Note("", "KPI %s prints %q", name, text)
			return nil
		}
	}
	return fmt.Errorf("there is no KPI %q", name)
}

// steerAlarms silences the alarms, or lets them sound.
func (y *system) steerAlarms(s *simhost.State, state string) error {
	if y.opts.Alarms == nil || state != "silenced" && state != "unsilenced" {
		return errors.New("there are no alarms, or they cannot be " + state)
	}
	y.site.silenced = state == "silenced"
	s.Note("", "alarms %s", state)
	return nil
}
