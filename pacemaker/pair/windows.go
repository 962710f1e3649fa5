package pair

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// LimitWindows gives each window the sum of the limits of what is waited for while it is open, forward or in a rollback, whichever is
// longer: the alarm that it is overdue comes when something hangs, and not while every wait is within its own limit.
func LimitWindows(rb *evenkeel.Runbook) {
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
		actions = actions[max(0, slices.IndexFunc(actions, Changes)):]
	}
	for _, a := range actions {
		sum += a.Limit // an action without one does not wait
	}
	return sum
}

// Changes tells whether an action may change something.
func Changes(a evenkeel.Action) bool {
	if a.Op != nil {
		return a.Op.Effect != evenkeel.ReadOnly
	}
	return len(a.Cmd.Argv) > 0 && a.Cmd.Effect != evenkeel.ReadOnly
}

// BoundCommands bounds every command that changes something and has no bound of its own: one that hangs must not hold the
// run for ever (H19). A command that is cut off may have run; what follows tells. installs tells an installation, which
// may take longer.
func BoundCommands(rb *evenkeel.Runbook, installs func(sshexec.Cmd) bool) {
	const installing, anything = 3 * time.Hour, 30 * time.Minute
	for i := range rb.Steps {
		for _, actions := range [][]evenkeel.Action{rb.Steps[i].Actions, rb.Steps[i].Undo} {
			for j := range actions {
				c := &actions[j].Cmd
				switch {
				case len(c.Argv) == 0, c.Effect == evenkeel.ReadOnly, c.Timeout != 0:
				case installs(*c):
					c.Timeout = installing // modules are built meanwhile
				default:
					c.Timeout = anything
				}
			}
		}
	}
}

// Wide tells whether a command changes the whole cluster.
func Wide(c sshexec.Cmd) bool {
	return slices.Contains([]string{"pcs", "cibadmin", "crm_attribute", "crm_resource"}, c.Argv[0])
}
