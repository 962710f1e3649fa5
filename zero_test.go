package evenkeel_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// TestNothingIsNoRunbook: nothing to do is not "sound", and nothing to run it with is an error: never a success, never a panic.
func TestNothingIsNoRunbook(t *testing.T) {
	ctx, hosts := context.Background(), evenkeel.HostMap{}
	require.ErrorContains(t, (*evenkeel.Runbook)(nil).Validate(), "no runbook")
	require.ErrorContains(t, (&evenkeel.Runbook{}).Validate(), "needs a name of one word")
	require.ErrorContains(t, (&evenkeel.Runbook{}).Validate(), "has no steps")
	look := []evenkeel.Step{{ID: "a", Host: "h",
		Actions: []evenkeel.Action{{ID: "b", Change: evenkeel.Change{Title: "b", Cmd: sshexec.Command(sshexec.ReadOnly, "true")}}}}}
	require.NoError(t, (&evenkeel.Runbook{Name: "x", Steps: look}).Validate())
	require.Error(t, (&evenkeel.Runbook{Name: "x"}).Validate())
	for _, name := range []string{"", "x y", "../x", "x\n"} {
		require.Error(t, (&evenkeel.Runbook{Name: name, Steps: look}).Validate(), "%q", name)
	}
	opts := func() evenkeel.Options { return evenkeel.Options{Journal: &evenkeel.MemJournal{}} }
	for _, rb := range []*evenkeel.Runbook{nil, {}, {Name: "x"}} {
		_, err := evenkeel.Run(ctx, rb, hosts, opts())
		require.Error(t, err)
		_, err = evenkeel.Resume(ctx, rb, hosts, opts())
		require.Error(t, err)
		_, err = evenkeel.Rehearse(ctx, rb, nil, evenkeel.RehearsalPlan{})
		require.Error(t, err)
	}
	rb := &evenkeel.Runbook{Name: "x", Steps: look}
	_, err := evenkeel.Run(ctx, rb, nil, opts())
	require.Error(t, err)
	_, err = evenkeel.Run(ctx, rb, evenkeel.HostMap{"h": nil}, opts())
	var unknown *evenkeel.UnknownHostError
	require.ErrorAs(t, err, &unknown)
	_, err = evenkeel.Rehearse(ctx, rb, nil, evenkeel.RehearsalPlan{})
	require.Error(t, err)
	_, err = rb.RollbackPlan(nil)
	require.Error(t, err)
	_, err = evenkeel.ReadState(nil)
	require.Error(t, err)
}
