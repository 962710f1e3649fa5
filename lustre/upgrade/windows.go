package upgrade

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// limitWindows gives each window the sum of the limits of what is waited for while it is open: the alarm that it is overdue comes when
// something hangs, and not while every wait is within its own limit.
func limitWindows(rb *evenkeel.Runbook) {
	for i := range rb.Steps {
		for j := range rb.Steps[i].Opens {
			w := &rb.Steps[i].Opens[j]
			last := slices.IndexFunc(rb.Steps, func(s evenkeel.Step) bool { return slices.Contains(s.Closes, w.ID) })
			for k := i; k <= last; k++ {
				w.Limit += waited(&rb.Steps[k], k == i)
			}
		}
	}
}

// waited is the sum of the limits of the waits of a step; opening are only those behind its first change, where its windows open.
func waited(s *evenkeel.Step, opening bool) (sum time.Duration) {
	actions := slices.Concat(s.Actions, s.Verify)
	if opening {
		actions = actions[max(0, slices.IndexFunc(actions, changes)):]
	}
	for _, a := range actions {
		sum += a.Limit // an action without one does not wait
	}
	return sum
}

// changes tells whether an action may change something.
func changes(a evenkeel.Action) bool {
	if a.Op != nil {
		return a.Op.Effect != evenkeel.ReadOnly
	}
	return len(a.Cmd.Argv) > 0 && a.Cmd.Effect != evenkeel.ReadOnly
}
