package mongo_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/mongo"
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
