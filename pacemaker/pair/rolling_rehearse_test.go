package pair_test

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
)

// The tool crashes, is asked to stop, and rolls back, at every point of a rolling update.
func TestRehearseRolling(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, nil)
	s.rehearse(t, s.rehearsal(t, 40))
}

// Each command of a rolling update goes wrong in each way, an idle success among them. It finishes, or stops with an error or for the
// operator, and nothing is ever active twice.
func TestEveryFaultOfRolling(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, nil)
	plan := s.rehearsal(t, 60)
	plan.Kinds = []evenkeel.ScheduleKind{evenkeel.AnyFault}
	s.rehearse(t, plan)
}
