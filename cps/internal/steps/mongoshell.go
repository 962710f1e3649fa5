package steps

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// shellTime bounds one run of the mongo shell.
const shellTime = time.Minute

// ReplicaSet speaks to a running replica set through the mongo shell (tool) on the Cluster Manager. The site lets
// nothing through but looks.
func ReplicaSet(at evenkeel.Site, manager, tool string, rs cps.ReplicaSet) *live.ReplicaSet {
	shell := func(ctx context.Context, call live.ShellCall) (live.ShellResult, error) {
		host, port, err := net.SplitHostPort(call.Host)
		if err != nil {
			return live.ShellResult{}, err
		}
		cmd := sshexec.Command(call.Effect, tool, "--quiet", "--host", host, "--port", port)
		cmd.Timeout, cmd.Stdin = shellTime, sshexec.Text(call.Script())
		res, err := at.Run(ctx, manager, cmd)
		return live.ShellResult{Stdout: string(res.Stdout), Outcome: res.Outcome}, err
	}
	opts := live.Options{CommandTimeout: 3 * shellTime, Sleep: at.Sleep, Serial: at.Serial}
	return live.NewReplicaSet(rs.Name, Addresses(rs.Members), live.ShellDialer(shell, nil), opts)
}

// Losses is what a replica set loses without these hosts, in words; empty when it loses nothing, or only moves its primary.
func Losses(view mongo.SetView, hosts ...string) (string, error) {
	losses, err := mongo.CanLose(hosts, view)
	var list []string
	for _, l := range losses {
		if l.What != mongo.MovesPrimary {
			list = append(list, fmt.Sprintf("%s: %s", l.What, l.Why))
		}
	}
	return strings.Join(list, "; "), err
}

// Saw tells which member is the primary of a replica set.
func Saw(at evenkeel.Site, title string, view mongo.SetView) {
	primary, _ := view.Status.Primary()
	at.Saw(evenkeel.Serving{What: title, Where: primary.Name})
}

// Addresses are the members as host:port.
func Addresses(members []cps.MongoMember) []string {
	var list []string
	for _, member := range members {
		list = append(list, member.Address())
	}
	return list
}

// View is a replica set as its primary has it; without a primary, as the first of these members that answers has it.
func View(ctx context.Context, set *live.ReplicaSet, title string, ask []string) (mongo.SetView, error) {
	var errs []error
	for _, host := range ask {
		status, err := set.StatusFrom(ctx, host)
		if p, ok := status.Primary(); ok && !p.Self {
			host = p.Name
			status, err = set.StatusFrom(ctx, host)
		}
		if err == nil {
			var config mongo.Config
			if config, _, err = set.ConfigFrom(ctx, host); err == nil {
				return mongo.SetView{Config: config, Status: &status}, nil
			}
		}
		errs = append(errs, err)
	}
	err := fmt.Errorf("%s: cannot tell what it would lose, as no member says what the set is: %w", title, errors.Join(errs...))
	if errors.Is(err, live.ErrAuth) {
		err = fmt.Errorf("%w\nlet tools.mongo name a program that logs in and is called as mongo is", err)
	}
	return mongo.SetView{}, err
}
