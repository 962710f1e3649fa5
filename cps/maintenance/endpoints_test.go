package maintenance_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// down has the endpoints on some ports of lb02 down.
func down(t testing.TB, w simulated, ports ...string) simulated {
	t.Helper()
	r, err := w.Runner("lb02")
	require.NoError(t, err)
	for _, port := range ports {
		_, err = r.Run(t.Context(), sshexec.Script(sshexec.Mutating, cpstest.OSGiScript, port, "excludeEndpoints"))
		require.NoError(t, err)
	}
	return w
}

func restoring(t testing.TB, restart bool) *evenkeel.Runbook {
	t.Helper()
	rb, err := maintenance.RestoreEndpoints(maintenance.EndpointsConfig{LoadBalancer: "lb02", Restart: restart}, hosts(t))
	require.NoError(t, err)
	return rb
}

// TestEndpointsComeBack (CPS-053, CPS-089, CPS-090, CPS-217, CPS-241): by the consoles alone, or with a restart of the processes; the
// engine and the operator's own hands come to the same end.
func TestEndpointsComeBack(t *testing.T) {
	for name, restart := range map[string]bool{"endpoints": false, "endpoints-restart": true} {
		w := down(t, deploy(t, cpstest.Options{}), "9092", "9093", "9094")
		byHand, rb := w.Clone().(simulated), restoring(t, restart)
		_, err := evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
		require.NoError(t, err)
		require.NoError(t, w.Check())
		require.True(t, w.Report().Sets[0].Traffic && w.Report().Sets[1].Traffic)
		followedByHand(t, rb, name, byHand, true)
		require.Equal(t, w.Hash(), byHand.Hash())
	}
}

// TestEndpointsThatAreUpAreLeftAlone: where one is up, nothing is excluded; where all are, there is nothing to do.
func TestEndpointsThatAreUpAreLeftAlone(t *testing.T) {
	for want, w := range map[string]simulated{
		"there is nothing to bring back": deploy(t, cpstest.Options{}),
		"some endpoints of lb02 are up":  down(t, deploy(t, cpstest.Options{}), "9092", "9093"),
	} {
		report, err := evenkeel.Run(t.Context(), restoring(t, false), w, options(w, &evenkeel.MemJournal{}))
		require.ErrorContains(t, err, want)
		require.False(t, report.State.Changed)
	}
}

// TestEndpointsThatStayDown: the console says nothing that tells whether it did anything; HAProxy does.
func TestEndpointsThatStayDown(t *testing.T) {
	w := down(t, deploy(t, cpstest.Options{}), "9092", "9093", "9094")
	require.NoError(t, w.Lie(cpstest.Lie{Command: "sh * 9093 clearExcludedEndpoints", Idle: true}))
	_, err := evenkeel.Run(t.Context(), restoring(t, false), w, options(w, &evenkeel.MemJournal{}))
	require.ErrorContains(t, err, "step clear, action up")
	require.ErrorContains(t, err, "set restart: true")
}

// TestEndpointsRehearsed tries each point. What is cleared takes traffic a minute later, also while nobody is there: after a stop in a
// rollback ("rollback-from 17 then stop-record 1") that is no other end.
func TestEndpointsRehearsed(t *testing.T) {
	report, err := evenkeel.Rehearse(t.Context(), restoring(t, true), down(t, deploy(t, cpstest.Options{}), "9092", "9093", "9094"),
		evenkeel.RehearsalPlan{Operator: func(evenkeel.World) evenkeel.Operator { return confirming{} }})
	require.NoError(t, err)
	require.Greater(t, report.Schedules, 100)
	require.Empty(t, report.Failures)
	require.True(t, slices.ContainsFunc(report.Coverage, func(c evenkeel.RehearsalCoverage) bool {
		return c.Step == "clear" && c.Then == evenkeel.StopRecord && c.Explored > 0
	}))
}

func TestEndpointsThatCannotBePlanned(t *testing.T) {
	_, err := maintenance.RestoreEndpoints(maintenance.EndpointsConfig{LoadBalancer: "qns01", Endpoints: -1}, hosts(t))
	require.ErrorContains(t, err, `load_balancer "qns01" is none of`)
	require.ErrorContains(t, err, "endpoints_per_lb -1")
	_, err = maintenance.RestoreEndpoints(maintenance.EndpointsConfig{}, nil)
	require.ErrorContains(t, err, "Hosts.csv is needed")
}
