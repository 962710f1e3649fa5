package upgrade_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// WF-009, H2 to H4, H19: each command of the run goes wrong in each way. The run finishes, or stops with an error or
// for the operator, and nothing is ever mounted twice or fenced while it is rebuilt; when the cause is gone, it
// finishes, waits for the operator, or can be rolled back.
func TestEveryFaultEverywhere(t *testing.T) {
	newScene(t, lustretest.Options{}, nil).struckThroughout(t, every(t, 40))
}

// idle is the kind of fault in which a command says that it succeeded and has done nothing.
var idle = simhost.SucceedsIdly.String()

// struckThroughout rehearses each kind of fault at every thin-th command; see evenkeel.RehearsalPlan.
func (s *scene) struckThroughout(t *testing.T, thin int) {
	t.Helper()
	plan := s.rehearsal(t, thin)
	plan.Kinds = []evenkeel.ScheduleKind{evenkeel.AnyFault}
	report, err := evenkeel.Rehearse(t.Context(), s.book, s.world.Rehearsal(), plan)
	require.NoError(t, err)
	kinds := map[evenkeel.ScheduleKind]map[evenkeel.RehearsalEnd]int{}
	for _, c := range report.Coverage {
		if kinds[c.Kind] == nil {
			kinds[c.Kind] = map[evenkeel.RehearsalEnd]int{}
		}
		for end, n := range c.Ends {
			kinds[c.Kind][end] += n
		}
		if c.Broke > 0 {
			t.Logf("step %s, %s: %d broken", c.Step, c.Kind, c.Broke)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%-28s %v", kind, kinds[kind])
	}
	t.Logf("%d commands, %d schedules, %d met", report.Commands, report.Schedules, report.Met)
	for _, f := range report.Failures {
		t.Error(f)
	}
}
