package pgpair_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/pgpair"
)

const before = "16.3-1PGDG.rhel7"

var pair = pgpair.Pair{Primary: "pg1", Standby: "pg2", Address: "10.0.0.10", Version: "16.9-1PGDG.rhel7"}

// The whole upgrade in a simulated world.
func Example() {
	rb, err := pair.Runbook()
	if err != nil {
		fmt.Println(err)
		return
	}
	world := pgpair.NewWorld(pair, before)
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: world.Clock()}
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		switch e.Kind {
		case evenkeel.EventStep:
			fmt.Println(e.Step.Title)
		case evenkeel.EventWindow, evenkeel.EventClosed:
			fmt.Println("  ", e.Kind)
		default: // the actions are many
		}
	})
	report, err := evenkeel.Run(context.Background(), rb, world, opts)
	fmt.Println("done:", report.State.Done, err)
	for _, w := range report.State.Closed {
		fmt.Println(w.ID, "was open; longer than it may be:", w.Lasted() > w.Limit)
	}
	fmt.Println("in truth:", world.Check())
	// Output:
	// Check the pair
	// Upgrade pg2
	//    window
	//    closed
	// Shorten the stop
	// Switch over to pg2
	//    window
	//    window
	//    closed
	// Upgrade pg1
	//    closed
	// Verify the pair
	// done: true <nil>
	// spare was open; longer than it may be: false
	// outage was open; longer than it may be: false
	// alone was open; longer than it may be: false
	// in truth: <nil>
}

// crashing is a journal that cannot be written any more when the given action has ended, as if the tool had crashed.
type crashing struct {
	evenkeel.Journal
	step, action string
}

var errCrash = errors.New("the tool crashed")

func (j crashing) Append(r evenkeel.Record) error {
	if r.Kind == evenkeel.KindEnd && r.Step == j.step && r.Action == j.action {
		return errCrash
	}
	return j.Journal.Append(r)
}

// The tool crashes when the standby is promoted and before that is written down. Resume looks, and promotes nothing.
func Example_resume() {
	rb, err := pair.Runbook()
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, journal, world := context.Background(), &evenkeel.MemJournal{}, pgpair.NewWorld(pair, before)
	opts := evenkeel.Options{Journal: crashing{journal, "switchover", "promote"}, Clock: world.Clock()}
	_, err = evenkeel.Run(ctx, rb, world, opts)
	fmt.Println("crashed:", errors.Is(err, errCrash))

	opts.Journal = journal
	report, err := evenkeel.Resume(ctx, rb, world, opts)
	fmt.Println("done:", report.State.Done, err)
	for _, r := range journal.Records() {
		if r.Action == "promote" {
			fmt.Printf("%s %q\n", r.Kind, r.Found)
		}
	}
	fmt.Println("in truth:", world.Check())
	// Output:
	// crashed: true
	// done: true <nil>
	// start ""
	// probed "done"
	// in truth: <nil>
}

// The tool crashes after the switchover. Rollback makes the old primary the primary again, and both versions the old.
func Example_rollback() {
	rb, err := pair.Runbook()
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, journal, world := context.Background(), &evenkeel.MemJournal{}, pgpair.NewWorld(pair, before)
	opts := evenkeel.Options{Journal: crashing{journal, "old-primary", "yum"}, Clock: world.Clock()}
	_, err = evenkeel.Run(ctx, rb, world, opts)
	fmt.Println("crashed:", errors.Is(err, errCrash))

	opts.Journal = journal
	report, err := evenkeel.Rollback(ctx, rb, world, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("not undone:", report.Barrier, "differs:", report.Differs)
	fmt.Println("as before:", world.Hash() == pgpair.NewWorld(pair, before).Hash(), "in truth:", world.Check())
	// Output:
	// crashed: true
	// not undone: <nil> differs: []
	// as before: true in truth: <nil>
}

// The tool crashes, loses a connection, is asked to stop or rolls back, at every point.
func Example_rehearse() {
	rb, err := pair.Runbook()
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := evenkeel.Rehearse(context.Background(), rb, pgpair.NewWorld(pair, before), evenkeel.RehearsalPlan{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, failure := range report.Failures {
		fmt.Println(failure)
	}
	fmt.Println("hundreds of schedules:", report.Schedules > 500, "failures:", len(report.Failures))
	// Output:
	// hundreds of schedules: true failures: 0
}
