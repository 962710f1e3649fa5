package cpstest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Lie is a command whose answer is not what happened. Everything else in the world knows the truth.
type Lie struct {
	Command string // as it is typed, its program without the directory; a * in it is any text: "migrate.sh disable set *"
	Host    string // the machine on which it lies; every one when empty

	Idle bool                      // it takes its time and answers as always, and has done nothing
	Says func(truth string) string // what its standard output is instead; the truth when nil
	Then []string                  // what happens behind its back when it has ended: "HOST COMMAND"; the host may be world
}

// Lie makes a command lie from now on. Where several fit a command, the first one counts. The error says what of it is not understood.
func (d *Deployment) Lie(l Lie) error {
	if strings.TrimSpace(l.Command) == "" {
		return errors.New("a lie needs a command")
	}
	return d.deed(func(y *system, s *simhost.State) error {
		for _, deed := range l.Then {
			if host, _, _ := strings.Cut(deed, " "); host != "world" && s.Host(host) == nil {
				return fmt.Errorf("%q: there is no machine %s", deed, host)
			}
		}
		y.lies = append(y.lies, l)
		return nil
	})
}

func (l Lie) encode(e *simhost.Encoder) {
	e.Texts([]string{l.Command, l.Host})
	e.Bool(l.Idle)
	e.Bool(l.Says != nil)
	e.Texts(l.Then)
}

func (l Lie) of(c *simhost.Call) bool {
	form := strings.ReplaceAll(regexp.QuoteMeta(l.Command), `\*`, `(?s:.*)`)
	line := strings.Join(append([]string{c.Name}, c.Args...), " ")
	return (l.Host == "" || l.Host == c.Host.Name) && regexp.MustCompile("^"+form+"$").MatchString(line)
}

// lie runs a program, or has it lie.
func lie(c *simhost.Call, run simhost.Handler) int {
	y := systemOf(c.State)
	if y == nil || y.lying {
		return run(c)
	}
	i := slices.IndexFunc(y.lies, func(l Lie) bool { return l.of(c) })
	if i < 0 {
		return run(c)
	}
	l := y.lies[i]
	said := c
	if l.Idle {
		said = &simhost.Call{State: c.State.Clone(), Name: c.Name, Args: c.Args, Stdin: c.Stdin, Env: c.Env, Dir: c.Dir}
		said.Host = said.State.Host(c.Host.Name)
	}
	begun := c.Now()
	status := run(said)
	if l.Idle {
		c.Sleep(said.Now().Sub(begun))
		c.Out.Write(said.Out.Bytes())
		c.Err.Write(said.Err.Bytes())
	}
	if l.Says != nil {
		text := l.Says(c.Out.String())
		c.Out.Reset()
		c.Out.WriteString(text)
	}
	y.lying = true
	defer func() { y.lying = false }()
	c.Behind(func() {
		for _, deed := range l.Then {
			if err := y.do(c.State, strings.Fields(deed)); err != nil {
				c.Violate("%q could not be done behind the back of %s: %v", deed, l.Command, err)
			}
		}
	})
	return status
}

// do does what is to happen behind a command's back.
func (y *system) do(s *simhost.State, words []string) error {
	y.sync(s)
	if words[0] == "world" {
		return y.steer(s, words[1:])
	}
	c := &simhost.Call{State: s, Host: s.Host(words[0]), Dir: "/root"}
	if status, _, errs := c.Invoke("", words[1:]...); status != 0 {
		return fmt.Errorf("exit status %d: %s", status, errs)
	}
	return nil
}

const deedsUsage = "delete-vms SET | deploy-cluman | restore-cluman | deploy-arbiter | restore-arbiter | " +
	"zone ZONE | join SET HOST:PORT | power-on HOST | power-off HOST | traffic SET on|off | " +
	"release VM RELEASE | image VM RELEASE | priority HOST:PORT N | recovering HOST:PORT | archive cluman|set-1|set-2|arbiter lost|cut | " +
	"kpi NAME TEXT | alarms silenced|unsilenced"

// steer does what no command of the deployment does: what people do elsewhere, and what is so for no reason.
func (y *system) steer(s *simhost.State, args []string) error {
	at := func(i int) string { return append(args, "", "", "")[i] }
	v := y.vm(at(1))
	n, _ := strconv.Atoi(at(1))
	switch verb := at(0); {
	case verb == "delete-vms":
		return y.deleteSet(s, n, func(*vm) bool { return true })
	case verb == "deploy-cluman":
		return y.deployManager(s)
	case verb == "restore-cluman":
		return y.restoreManager(s)
	case verb == "deploy-arbiter":
		return y.deployArbiter(s)
	case verb == "restore-arbiter":
		return y.restoreArbiter(s)
	case verb == "zone":
		y.third.zone = at(1)
	case verb == "join":
		return y.join(s, at(1), at(2))
	case verb == "power-on", verb == "power-off":
		return y.power(s, at(1), verb == "power-on")
	case verb == "traffic" && (n == 1 || n == 2) && (at(2) == "on" || at(2) == "off"):
		y.serves[n] = at(2) == "on"
		for _, alias := range y.halves[n] {
			if v := y.vm(alias); y.serves[n] && v.class == "lb" && y.running(s, alias) {
				y.startCPS(s, v)
			}
		}
	case verb == "release" && v != nil:
		v.release = at(2)
	case verb == "image" && v != nil:
		y.deploy(s, v, at(2))
	case verb == "priority", verb == "recovering":
		return y.change(s, at(1), func(r *replicaSet) error {
			if verb == "recovering" {
				return r.Maintenance(at(1), true)
			}
			p, err := strconv.ParseFloat(at(2), 64)
			return errors.Join(err, r.SetPriority(at(1), p))
		})
	case verb == "kpi":
		return y.steerKPI(s, at(1), strings.Join(args[min(2, len(args)):], " "))
	case verb == "alarms":
		return y.steerAlarms(s, at(1))
	case verb == "archive":
		return y.spoil(s, at(1), at(2))
	default:
		return errWorldUsage
	}
	s.Note("", "%s", strings.Join(args, " "))
	return nil
}

// change changes the replica set of a member.
func (y *system) change(s *simhost.State, address string, how func(*replicaSet) error) error {
	for i := range y.sets {
		if _, ok := y.sets[i].member(address); ok {
			defer y.touched(s, i)
			return how(&y.sets[i])
		}
	}
	return fmt.Errorf("%s is in no replica set", address)
}

// spoil removes the newest archive of a kind, or leaves half of it.
func (y *system) spoil(s *simhost.State, kind, how string) error {
	h, path := s.Host(manager), ""
	if kind == arbiterKind {
		h = s.Host(y.opts.ThirdSite.Name)
	}
	for _, a := range y.archives {
		if a.Kind == kind {
			path = a.Path
		}
	}
	data, err := h.ReadFile(path)
	switch {
	case err != nil:
		return err
	case how == "lost":
		return h.Remove(s, path)
	case how == "cut":
		return h.WriteFile(s, path, data[:len(data)/2])
	}
	return errWorldUsage
}
