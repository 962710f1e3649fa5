package mongo_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The primary is moved to the other half before the first one goes down.
func ExampleNext() {
	current := mongo.Config{ID: "set02", Version: 7, Members: []mongo.Member{
		mongo.ArbiterMember(0, "arbitervip:27718"),
		mongo.DataMember(1, "sessionmgr01:27718", 3),
		mongo.DataMember(2, "sessionmgr02:27718", 2),
	}}
	desired := current.Clone()
	desired.Members[1].Priority, desired.Members[2].Priority = 2, 3
	for {
		next, why, done, err := mongo.Next(current, desired)
		if err != nil {
			fmt.Println(err)
			return
		}
		if done {
			fmt.Println("done:", current)
			return
		}
		fmt.Println(why)
		current = next
	}
	// Output:
	// raise the priority of sessionmgr02:27718 from 2 to 3, the wished primary, before any other is lowered
	// lower the priority of sessionmgr01:27718 from 3 to 2
	// done: set02 v9: arbitervip:27718 arbiter, sessionmgr01:27718 p2, sessionmgr02:27718 p3
}

func ExampleCanLose() {
	set := mongo.Config{ID: "set02", Version: 7, Members: []mongo.Member{
		mongo.ArbiterMember(0, "arbitervip:27718"),
		mongo.DataMember(1, "sessionmgr01:27718", 3),
		mongo.DataMember(2, "sessionmgr02:27718", 2),
	}}
	losses, err := mongo.CanLose([]string{"sessionmgr01", "arbitervip"}, mongo.SetView{Config: set})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, loss := range losses {
		fmt.Println(loss)
	}
	// Output:
	// set02: majority: without arbitervip:27718, sessionmgr01:27718 1 of 3 votes are left (sessionmgr02:27718) and 2 are needed for a primary.
}

func ExampleParseReplicationInfo() {
	info, err := mongo.ParseReplicationInfo(strings.NewReader(`configured oplog size:   2048MB
log length start to end: 1200secs (0.33hrs)
oplog first event time:  Mon Apr 16 2018 14:44:10 GMT+0800 (CST)
oplog last event time:   Mon Apr 16 2018 15:04:10 GMT+0800 (CST)
now:                     Mon Apr 16 2018 15:04:11 GMT+0800 (CST)
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(info.Window())
	for _, minutes := range []int{15, 25} {
		ok, spare := info.Covers(time.Duration(minutes)*time.Minute, 1)
		fmt.Println(minutes, "minutes away:", ok, spare)
	}
	// Output:
	// 20m0s
	// 15 minutes away: true 5m0s
	// 25 minutes away: false -5m0s
}

// The primary moves to the other half, live: here on a simulated set, in simulated time.
func ExampleReplicaSet_SetPriorities() {
	set, err := mongotest.Start(mongo.Config{ID: "set02", Version: 7, Members: []mongo.Member{
		mongo.ArbiterMember(0, "arbitervip:27718"), mongo.DataMember(1, "sessionmgr01:27718", 3), mongo.DataMember(2, "sessionmgr02:27718", 2),
	}}, mongotest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	rs := mongo.NewReplicaSet("set02", []string{"sessionmgr01:27718"}, set.Dial, mongo.Options{
		Sleep: set.Sleep,
		Watch: func(e mongo.Event) { fmt.Println(e.Text) },
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
	shell := func(ctx context.Context, call mongo.ShellCall) (mongo.ShellResult, error) {
		host, port, err := net.SplitHostPort(call.Host)
		if err != nil {
			return mongo.ShellResult{}, err
		}
		cmd := sshexec.Command(call.Effect, "mongo", "--quiet", "--host", host, "--port", port)
		cmd.Stdin = sshexec.SecretText(sshexec.Secret(call.Script()))
		res, err := cluman.Run(ctx, cmd)
		if res.Outcome == sshexec.Exited {
			err = nil // what the script printed tells more than the exit status
		}
		return mongo.ShellResult{Stdout: string(res.Stdout), Outcome: res.Outcome}, err
	}
	_ = mongo.ShellDialer(shell, &mongo.Credential{User: "admin", Password: "from a vault"})
}
