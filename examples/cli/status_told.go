package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// told is a record for the reader, after those before it; empty where there is nothing to be said: looks that found
// what they want are not told, or a wait would fill the screen.
func (t titles) told(r evenkeel.Record, before []evenkeel.Record) string {
	step := cmp.Or(t.steps[r.Step], r.Step)
	action := cmp.Or(t.actions[deedKey{r.Step, r.Phase, r.Action}], r.Step+"/"+r.Action)
	text := ""
	switch r.Kind {
	case evenkeel.KindResume:
		text = "the run is resumed"
	case evenkeel.KindRollback:
		text = "a rollback begins, or goes on"
	case evenkeel.KindStep:
		text = "== " + step
		for _, w := range r.Opens {
			text += "; window " + w.ID + " opens: " + w.Reason
		}
	case evenkeel.KindEnd:
		switch {
		case r.Error != "" && r.Outcome != nil && *r.Outcome == evenkeel.Unknown:
			text = "outcome unknown: " + action + ": " + r.Error
		case r.Error != "":
			text = "FAILED: " + action + ": " + r.Error
		case changes(started(r, before).Effect), r.Output != "":
			text = "done: " + action
		}
		for _, n := range r.Notes {
			text = strings.TrimPrefix(text+"; NOTE: "+n, "; ")
		}
	case evenkeel.KindStart:
		if r.Effect != evenkeel.ReadOnly.String() && !changes(r.Effect) {
			text = "BY HAND: " + action
		}
	case evenkeel.KindProbed:
		text = fmt.Sprintf("looked up what became of %s: %s", action, r.Found)
	case evenkeel.KindStepDone:
		text = "step done: " + step + closed(r)
	case evenkeel.KindStepUndone:
		text = "step undone: " + step + closed(r)
	case evenkeel.KindPause:
		text = fmt.Sprintf("PAUSED at step %s, action %s: %s", r.Step, r.Action, r.Error)
	case evenkeel.KindViolation:
		text = "VIOLATED: " + r.Error
	case evenkeel.KindClosed:
		text = strings.TrimPrefix(closed(r), "; ")
	case evenkeel.KindExtend:
		text = "open windows are given more time"
	case evenkeel.KindDone:
		text = "every step is done"
	case evenkeel.KindRolledBack:
		text = "the rollback has ended"
	case evenkeel.KindConfirm:
		text = "confirmed: " + action
	case evenkeel.KindAmend:
		text = "the run is amended"
	case evenkeel.KindSaw:
		text = servedTold(r, before)
	case evenkeel.KindBegin, evenkeel.KindIdentity, evenkeel.KindLease:
	}
	return printable.Line(text)
}

// started is the record with which an action that has ended began.
func started(end evenkeel.Record, before []evenkeel.Record) evenkeel.Record {
	for _, r := range slices.Backward(before) {
		if r.Kind == evenkeel.KindStart && r.Step == end.Step && r.Action == end.Action && r.Phase == end.Phase {
			return r
		}
	}
	return evenkeel.Record{}
}

func closed(r evenkeel.Record) string {
	if len(r.Closes) == 0 {
		return ""
	}
	return "; window " + strings.Join(r.Closes, " and window ") + " closes"
}
