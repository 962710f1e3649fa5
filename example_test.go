package evenkeel_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// A runbook is data: it is read, and then run as read. Here the machine is a function; a real one is an sshexec.Client.
func Example() {
	rb := &evenkeel.Runbook{
		Name: "restart", Title: "Restart the agent",
		Steps: []evenkeel.Step{{
			ID: "agent", Title: "Restart it", Host: "oss1", Harmless: "it runs again",
			Actions: []evenkeel.Action{{
				ID: "restart",
				Change: evenkeel.Change{
					Title: "Restart the agent", Repeat: evenkeel.Idempotent,
					Cmd: sshexec.Command(sshexec.Disruptive, "systemctl", "restart", "chroma-agent"),
				},
			}},
			Verify: []evenkeel.Action{{
				ID: "active",
				Change: evenkeel.Change{
					Title: "It runs", Cmd: sshexec.Command(sshexec.ReadOnly, "systemctl", "is-active", "chroma-agent"),
				},
			}},
		}},
	}
	var text strings.Builder
	if err := rb.Text(&text); err != nil {
		fmt.Println(err)
	}
	_, steps, _ := strings.Cut(text.String(), "Carried out by\n") // the chapters before it are for who signs
	fmt.Print(steps)
	machine := sshexec.WithSimLease("oss1", &sshexec.SimLease{},
		sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			fmt.Println("oss1 runs:", cmd)
			return sshexec.Result{Outcome: sshexec.Exited}, nil
		}))
	report, err := evenkeel.Run(context.Background(), rb, evenkeel.HostMap{"oss1": machine}, evenkeel.Options{Journal: &evenkeel.MemJournal{}})
	fmt.Println(report.State.Done, err)
	// Output:
	//
	//  1  agent                    Restart it
	//     ! oss1: systemctl restart chroma-agent
	//       verify: oss1: systemctl is-active chroma-agent
	// oss1 runs: systemctl restart chroma-agent
	// oss1 runs: systemctl is-active chroma-agent
	// true <nil>
}

// An engine of one's own asks what comes next, performs it, and keeps that in its own history. This one is a loop.
func ExampleLife() {
	rb := &evenkeel.Runbook{Name: "restart", Title: "Restart the agent", Steps: []evenkeel.Step{{
		ID: "agent", Title: "Restart it", Host: "oss1", Harmless: "it runs again",
		Actions: []evenkeel.Action{evenkeel.Disrupt("restart", "Restart the agent", "systemctl", "restart", "chroma-agent")},
		Verify:  []evenkeel.Action{evenkeel.Look("active", "It runs", "systemctl", "is-active", "chroma-agent")},
	}}}
	machine := sshexec.WithSimLease("oss1", &sshexec.SimLease{},
		sshexec.RunnerFunc(func(context.Context, sshexec.Cmd) (sshexec.Result, error) {
			return sshexec.Result{Outcome: sshexec.Exited}, nil
		}))
	ctx, opts := context.Background(), evenkeel.Options{Journal: &evenkeel.MemJournal{}}
	life, err := evenkeel.BeginRun(ctx, rb, evenkeel.HostMap{"oss1": machine}, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	for list := life.Next(); list[0].Work(); list = life.Next() {
		fmt.Println("next:", list[0])
		if err := life.Perform(ctx, list[0]); err != nil {
			fmt.Println(err) // the life keeps it: Next and End say what follows from it
		}
	}
	report, err := life.End()
	fmt.Println(report.State.Done, err)
	// Output:
	// next: act agent/restart
	// next: act agent verify/active
	// next: step-end agent
	// next: end
	// true <nil>
}
