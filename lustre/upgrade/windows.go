package upgrade

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// limitWindows gives each window the sum of the limits of what is waited for while it is open, forward or in a rollback, whichever is
// longer: the alarm that it is overdue comes when something hangs, and not while every wait is within its own limit.
func limitWindows(rb *evenkeel.Runbook) {
	for i := range rb.Steps {
		for j := range rb.Steps[i].Opens {
			w := &rb.Steps[i].Opens[j]
			last := slices.IndexFunc(rb.Steps, func(s evenkeel.Step) bool { return slices.Contains(s.Closes, w.ID) })
			var back time.Duration
			for k := i; k <= last; k++ {
				s := &rb.Steps[k]
				w.Limit += waited(slices.Concat(s.Actions, s.Verify), k == i)
				back += waited(slices.Concat(s.Undo, s.UndoVerify), false)
			}
			w.Limit = max(w.Limit, back)
		}
	}
}

// waited is the sum of the limits of the waits in actions; where they open a window, only those from the first change on, where it opens.
func waited(actions []evenkeel.Action, opening bool) (sum time.Duration) {
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
