package live_test

import (
	"context"
	"fmt"
	"net"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The primary moves to the other half, live: here on a simulated set, in simulated time.
func ExampleReplicaSet_SetPriorities() {
	set, err := mongotest.Start(mongo.Config{ID: "set02", Version: 7, Members: []mongo.Member{
		mongo.ArbiterMember(0, "arbitervip:27718"), mongo.DataMember(1, "sessionmgr01:27718", 3), mongo.DataMember(2, "sessionmgr02:27718", 2),
	}}, mongotest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	rs := live.NewReplicaSet("set02", []string{"sessionmgr01:27718"}, set.Dial, live.Options{
		Sleep: set.Sleep,
		Watch: func(e live.Event) { fmt.Println(e.Text) },
	})
	after, err := rs.SetPriorities(context.Background(), map[string]float64{"sessionmgr01:27718": 2, "sessionmgr02:27718": 3}, nil)
	fmt.Println(after, err)
	fmt.Println("longest time without a primary:", set.Truth().Outage)
	// Output:
	// version 8: raise the priority of sessionmgr02:27718 from 2 to 3, the wished primary, before any other is lowered
	// version 9: lower the priority of sessionmgr01:27718 from 3 to 2
	// waiting: sessionmgr02:27718 has a higher priority than the primary sessionmgr01:27718 and is about to take over
	// waiting: replica set set02 has no primary: sessionmgr01:27718 is not it; sessionmgr02:27718 is not it
	// set02 v9: arbitervip:27718 arbiter, sessionmgr01:27718 p2, sessionmgr02:27718 p3 <nil>
	// longest time without a primary: 100ms
}

// The shell runs on a machine from which the members can be reached, here one behind SSH. The script goes to its
// standard input as a secret, since it may log in.
func ExampleShellDialer() {
	var cluman sshexec.Runner // connected to the Cluster Manager
	shell := func(ctx context.Context, call live.ShellCall) (live.ShellResult, error) {
		host, port, err := net.SplitHostPort(call.Host)
		if err != nil {
			return live.ShellResult{}, err
		}
		cmd := sshexec.Command(call.Effect, "mongo", "--quiet", "--host", host, "--port", port)
		cmd.Stdin = sshexec.SecretText(sshexec.Secret(call.Script()))
		res, err := cluman.Run(ctx, cmd)
		if res.Outcome == sshexec.Exited {
			err = nil // what the script printed tells more than the exit status
		}
		return live.ShellResult{Stdout: string(res.Stdout), Outcome: res.Outcome}, err
	}
	_ = live.ShellDialer(shell, &live.Credential{User: "admin", Password: "from a vault"})
}
