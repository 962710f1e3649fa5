package cpstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

var errWorldUsage = errors.New("usage: world now | sleep DURATION | report | log | check | " + deedsUsage)

// runOnWorld runs the commands of host "world", which is no machine: they cost no virtual time and are not counted.
func (d *Deployment) runOnWorld(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	if err := errors.Join(ctx.Err(), cmd.Validate()); err != nil {
		return sshexec.Result{}, sshexec.Failure("world", cmd, sshexec.Result{}, err)
	}
	args := cmd.Argv
	if args[0] == "world" {
		args = args[1:]
	}
	out, err := d.tellOrSteer(ctx, args)
	res := sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(out)}
	if err != nil {
		res.ExitCode, res.Stderr = 1, []byte(err.Error()+"\n")
	}
	if cmd.Stdout != nil {
		if _, werr := cmd.Stdout.Write(res.Stdout); werr != nil {
			return res, sshexec.Failure("world", cmd, res, werr)
		}
		res.Stdout = nil
	}
	return res, sshexec.Failure("world", cmd, res, nil)
}

func (d *Deployment) tellOrSteer(ctx context.Context, args []string) (string, error) {
	switch verb := append(args, "")[0]; verb {
	case "now":
		return d.Now().UTC().Format(time.RFC3339) + "\n", nil
	case "sleep":
		t, err := time.ParseDuration(append(args, "")[1])
		if err != nil {
			return "", err
		}
		return "", d.Sleep(ctx, t)
	case "report":
		text, err := json.MarshalIndent(d.Report(), "", "  ")
		return string(text) + "\n", err
	case "log":
		return d.logText(), nil
	case "check":
		return "", d.Check()
	}
	return "", d.deed(func(y *system, s *simhost.State) error { return y.steer(s, args) })
}

// logText is the log as lines: time, host, command, outcome, and below it what changed.
func (d *Deployment) logText() string {
	var b strings.Builder
	for _, e := range d.Log() {
		stamp := e.Time.UTC().Format(time.RFC3339)
		switch {
		case e.Host == "":
			fmt.Fprintf(&b, "%s (by itself)\n", stamp)
		case e.Outcome == sshexec.Exited:
			fmt.Fprintf(&b, "%s %s: %s: exit %d\n", stamp, e.Host, strings.Join(e.Argv, " "), e.Exit)
		default:
			fmt.Fprintf(&b, "%s %s: %s: %s\n", stamp, e.Host, strings.Join(e.Argv, " "), e.Outcome)
		}
		for _, c := range e.Changed {
			fmt.Fprintf(&b, "    %s\n", c)
		}
	}
	return b.String()
}
