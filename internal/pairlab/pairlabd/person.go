//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
)

const help = `A real two-node Pacemaker pair on this machine.

  go run ./internal/pairlab/pairlabd [-dir DIR] COMMAND

  up [-targets N] [-post D] [-start D] [-stop D]
                      make the pair, with N Lustre targets on its storage; a mount takes -start, an unmount -stop,
                      a fenced node's self-test -post. It runs until "down". Needs root; the first time it
                      builds the nodes' image, which takes minutes. The journal and the backups of an earlier
                      pair are put aside, into DIR/earlier
  status              power, cables and addresses of both nodes
  exec NODE CMD...    run a command at the node's console, which needs no network
  power NODE on|off|reset
                      the power switch; off cuts the power
  cut NODE [RING...]  pull the cables of these rings (0, 1), both when none is named
  heal NODE [RING...] plug them in again
  wipe NODE old|new   install the old or the new system on a blank disk, boot it, and trust its new host keys
  kill NODE DAEMON... SIGKILL
  cluster [-targets N]
                      make the old cluster on both nodes, as IML left it; N as for "up"
  config              print the configuration for lustre-hapair, with the newest backups in DIR/archives
  truth               what was mounted where and when, every fencing and outage, where each target is mounted now,
                      and every double mount, or that there was none
  down                end it; nothing stays but the image

NODE is ct6-mds1 or ct6-mds2. DIR (default: pairlab in the user's cache directory) holds the ssh key and the consoles' logs.
`

// person does what somebody at a shell wants.
func person(ctx context.Context, name string, args []string) (exit int, err error) {
	dir, err := defaultDir()
	if err != nil {
		return 1, err
	}
	if name == "-dir" && len(args) > 1 {
		dir, name, args = args[0], args[1], args[2:]
	}
	switch name {
	case "help", "-h", "--help":
		return 0, show(help)
	case "up":
		return 0, up(ctx, dir, args)
	}
	lab, err := pairlab.Attach(dir)
	if err != nil {
		if name == "down" {
			return 0, nil // nothing to end
		}
		return 1, fmt.Errorf("%w (\"up\" starts one)", err)
	}
	switch name {
	case "status":
		return 0, status(lab)
	case "truth":
		return 0, truth(lab)
	case "cluster":
		return 0, cluster(ctx, lab, args)
	case "config":
		return 0, config(lab, dir)
	case "down":
		return 0, lab.Close()
	}
	if len(args) == 0 {
		return 2, fmt.Errorf("%s: which node? (\"help\" tells more)", name)
	}
	node, err := lab.Node(args[0])
	if err != nil {
		return 2, err
	}
	exit, err = atNode(ctx, node, name, args[1:])
	if name == "wipe" && err == nil {
		err = lab.Trust()
	}
	return exit, err
}

func atNode(ctx context.Context, node *pairlab.Node, name string, args []string) (exit int, err error) {
	switch name {
	case "exec":
		if len(args) == 0 {
			args = []string{"bash", "-l"}
		}
		return node.ExecFiles(ctx, os.Stdin, os.Stdout, os.Stderr, args...)
	case "power":
		switch strings.Join(args, " ") {
		case "on":
			return 0, node.PowerOn()
		case "off":
			return 0, node.PowerOff()
		case "reset":
			return 0, node.Reset()
		}
		return 2, errors.New("power: on, off or reset")
	case "wipe":
		var r pairlab.Release
		if err := r.UnmarshalText([]byte(strings.Join(args, " "))); err != nil {
			return 2, err
		}
		return 0, node.Wipe(r)
	case "cut", "heal":
		rings, err := numbers(args)
		if err != nil {
			return 2, err
		}
		if name == "cut" {
			return 0, node.Cut(rings...)
		}
		return 0, node.Heal(rings...)
	case "kill":
		return 0, node.Kill(args...)
	}
	return 2, fmt.Errorf("unknown command %q (\"help\" tells more)", name)
}

func numbers(args []string) (all []int, err error) {
	for _, a := range args {
		n, err := strconv.Atoi(a)
		if err != nil {
			return nil, fmt.Errorf("%q is no ring", a)
		}
		all = append(all, n)
	}
	return all, nil
}

func defaultDir() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "pairlab"), err
}

func show(format string, args ...any) error {
	_, err := fmt.Fprintf(os.Stdout, format, args...)
	return err
}

func up(ctx context.Context, dir string, args []string) error {
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	targets := flags.Int("targets", 3, "Lustre targets")
	o := pairlab.Options{Dir: dir, Log: os.Stderr, Detached: true}
	flags.DurationVar(&o.Post, "post", 0, "self-test of a fenced node (default 10s)")
	flags.DurationVar(&o.StartDelay, "start", 0, "how long a mount takes")
	flags.DurationVar(&o.StopDelay, "stop", 0, "how long an unmount takes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if _, err := pairlab.Attach(dir); err == nil {
		return fmt.Errorf("a lab runs in %s already (\"down\" ends it)", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := putAside(dir, time.Now()); err != nil {
		return err
	}
	var err error
	if o.Program, err = keepProgram(dir); err != nil {
		return err
	}
	o.Targets = pairlab.GuideTargets(*targets)
	began := time.Now()
	lab, err := pairlab.Start(ctx, o)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(lab.Nodes()[0].Addr())
	if err != nil {
		return err
	}
	return show("up in %s; for example: ssh -i %s -o UserKnownHostsFile=%s root@%s\n", time.Since(began).
		Round(100*time.Millisecond), lab.Key(), lab.KnownHosts(), host)
}

// keepProgram copies this program to where it stays: "go run" removes its own at the end.
func keepProgram(dir string) (string, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", err
	}
	defer func() { _ = self.Close() }()
	path := filepath.Join(dir, "pairlabd")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	copied, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700) //nolint:gosec // a program, in the person's directory
	if err != nil {
		return "", err
	}
	_, err = io.Copy(copied, self)
	return path, errors.Join(err, copied.Close())
}

func status(lab *pairlab.Lab) error {
	all, err := lab.Status()
	if err != nil {
		return err
	}
	for _, st := range all {
		state := st.Power
		switch {
		case st.Power == "on" && !st.Booted:
			state = "boots"
		case st.Power == "post":
			state = "will boot" // after its self-test
		}
		if err := show("%-20s %-12s %-9s system %-4s cut rings %v\n", st.Name, st.Address, state, st.Release, st.Cut); err != nil {
			return err
		}
	}
	return nil
}

// truth prints what happened, as the storage and the power supply saw it.
func truth(lab *pairlab.Lab) error {
	t, err := lab.Truth()
	if err != nil {
		return err
	}
	return show("%s", account(t))
}
