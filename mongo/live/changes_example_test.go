package live_test

import (
	"context"
	"fmt"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
)

// A runbook moves the primary to the other half, and runs on a simulated set. A run on a real set differs in Dial alone:
// live.Documents(mongodriver.Dialer(…)).Dial.
func ExampleChanges_SetPriorities() {
	ctx := context.Background()
	w, err := newWorld(mongo.Config{ID: "set02", Version: 7, Members: []mongo.Member{
		mongo.ArbiterMember(0, "arbitervip:27718"), mongo.DataMember(1, "sessionmgr01:27718", 3), mongo.DataMember(2, "sessionmgr02:27718", 2),
	}}, mongotest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	rs := live.NewReplicaSet("set02", []string{"sessionmgr01:27718"}, w.set.Dial, live.Options{Sleep: w.Sleep})
	now, err := rs.Config(ctx) // what the changes are planned from
	if err != nil {
		fmt.Println(err)
		return
	}
	changes, err := live.Changes{}.SetPriorities(now, map[string]float64{"sessionmgr01:27718": 2, "sessionmgr02:27718": 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	rb := &evenkeel.Runbook{Name: "priorities", Title: "Move the primary of set02 to sessionmgr02"}
	for i, c := range changes {
		rb.Steps = append(rb.Steps, evenkeel.Step{
			ID: fmt.Sprintf("set02-%d", i+1), Title: c.Title, Host: c.Host, Actions: evenkeel.Actions("reconfigure", c),
			Irreversible: "A reconfiguration is undone by another one, planned from what the set has then.",
		})
	}
	_, err = evenkeel.Run(ctx, rb, w, evenkeel.Options{
		Journal: &evenkeel.MemJournal{}, Clock: w.Clock(), Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventDone {
				fmt.Println(e.Text)
			}
		}),
	})
	fmt.Println(err)
	fmt.Println(w.set.Truth().Config)
	// Output:
	// Verify before it: the primary has version 7, as planned, and it has settled
	// Reconfigure set02 to version 8: raise the priority of sessionmgr02:27718 from 2 to 3, the wished primary, before any other is lowered
	// Wait until the primary has version 8
	// Wait until a majority has version 8, and nobody is about to take over
	// Verify before it: the primary has version 8, as planned, and it has settled
	// Reconfigure set02 to version 9: lower the priority of sessionmgr01:27718 from 3 to 2
	// Wait until the primary has version 9
	// Wait until a majority has version 9, and nobody is about to take over
	// <nil>
	// set02 v9: arbitervip:27718 arbiter, sessionmgr01:27718 p2, sessionmgr02:27718 p3
}
