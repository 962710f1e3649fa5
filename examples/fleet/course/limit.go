package course

import (
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// margin is what a decision may take beside its commands: connections, leases, looks at the invariants.
const margin = 10 * time.Minute

// undoLimit is how long an undo or the end of an outage may take: that of evenkeel.Options.UndoTimeout.
const undoLimit = 15 * time.Minute

// Limit bounds how long a decision may take by the runbook's own limits: its action, the probe of it, and, where it
// fails, the undo or what ends an outage. It is generous: what hangs is seen by its heartbeat, and a command has its own
// limit. A worker that takes longer is given up.
func Limit(book *evenkeel.Runbook, st *evenkeel.State, d evenkeel.Decision) time.Duration {
	limit := margin + 2*undoLimit
	if st != nil && st.RollingBack() {
		if plan, err := book.RollbackPlan(st); err == nil {
			book = plan
		}
	}
	for i := range book.Steps {
		s := &book.Steps[i]
		if s.ID != d.Step {
			continue
		}
		for _, list := range [][]evenkeel.Action{s.Actions, s.Verify, s.Undo, s.UndoVerify} {
			for j := range list {
				if a := &list[j]; d.Action == "" || a.ID == d.Action {
					limit += takes(a)
				}
			}
		}
	}
	return limit
}

// takes is the longest that an action and its probe may take.
func takes(a *evenkeel.Action) time.Duration {
	limit := max(a.Limit, a.Cmd.Timeout, evenkeel.DefaultLimit)
	if a.Probe != nil {
		limit += max(limit, a.Probe.Settle)
	}
	return 2 * limit // what an operator of a simulated world, or a takeover, adds to it
}
