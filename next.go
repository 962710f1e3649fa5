package evenkeel

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// DecisionKind says what is to be done next.
type DecisionKind string

// The kinds of decisions. Only the first six are work; the others say that a life has nothing left to do.
const (
	// DecideComplete: bring the completion of an outage to its end that a life before had begun, or close its window.
	DecideComplete DecisionKind = "complete"
	// DecideUndo: bring the undo of a step to its end that a life before had begun.
	DecideUndo DecisionKind = "undo"
	// DecideProbe: ask what became of an action that may have run, before the preconditions of its step are read again.
	DecideProbe DecisionKind = "probe"
	// DecideAct: bring an action to its end: probe it where that is due, run it, and check what it showed.
	DecideAct DecisionKind = "act"
	// DecideStepEnd: see the invariants hold, close the windows of the step, and count it as done.
	DecideStepEnd DecisionKind = "step-end"
	// DecideEnd: end the run, or the rollback, of which every step is done.
	DecideEnd DecisionKind = "end"

	// DecidePause: an operator is needed in that step. The life ends; the next one takes it up.
	DecidePause DecisionKind = "pause"
	// DecideFailed: that step failed in this life, or ended in an undo. The life ends; the next one takes it up.
	DecideFailed DecisionKind = "failed"
	// DecideDone: the run, or its rollback, is over.
	DecideDone DecisionKind = "done"
)

// Decision is one thing that a run does next. Two that are equal mean the same.
type Decision struct {
	Kind   DecisionKind `json:"kind"`
	Step   string       `json:"step,omitempty"`
	Phase  Phase        `json:"phase,omitempty"`  // of the action
	Action string       `json:"action,omitempty"` // to act on, or to probe
	Window string       `json:"window,omitempty"` // whose completion is brought to its end
	Probe  bool         `json:"probe,omitempty"`  // the action is probed before it runs, and may be found done
	Manual bool         `json:"manual,omitempty"` // an operator has a part in it
	Reason string       `json:"reason,omitempty"` // of a pause or a failure, as the journal has it
}

// Work tells whether there is something to perform. Where no decision is work, the life has come to its end.
func (d Decision) Work() bool {
	switch d.Kind {
	case DecideComplete, DecideUndo, DecideProbe, DecideAct, DecideStepEnd, DecideEnd:
		return true
	default:
		return false
	}
}

func (d Decision) String() string {
	text := string(d.Kind)
	if d.Step != "" {
		text += " " + d.Step
	}
	if d.Phase != PhaseDo {
		text += " " + string(d.Phase)
	}
	if name := cmp.Or(d.Action, d.Window); name != "" {
		text += "/" + name
	}
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	return text
}

// Next decides what a run does next, from its runbook and its journal alone: it looks at no machine and at no clock,
// and changes nothing. There is more than one decision where steps run at the same time: then one for each that is not
// at its end. While a rollback has not ended the decisions are the rollback's.
//
// The decisions are those of the last life in the journal. Where that life failed, Next says so; what resume does is
// decided after the next life's first record, because each life reads again what may have changed meanwhile.
func Next(rb *Runbook, st *State) ([]Decision, error) {
	if rb == nil || st == nil {
		return nil, errors.New("a decision needs the runbook and the state of its run")
	}
	if err := rb.is(st); err != nil {
		return nil, err
	}
	back := st.Rollback
	switch {
	case back == nil, back.Done && !back.Run.EndsRun:
		return next(rb, st), nil
	case back.Done:
		return []Decision{{Kind: DecideDone, Reason: st.rolledBack().Error()}}, nil
	}
	plan, err := rb.RollbackPlan(st)
	if err != nil {
		return nil, err
	}
	if plan.Digest() != back.Run.Digest {
		return nil, otherRollback()
	}
	return next(plan, back), nil
}

func otherRollback() error {
	return fmt.Errorf("%w: the rollback that began is not the one that this runbook makes", ErrJournalOther)
}

// next is Next for a run or for a rollback, which is a run of its own plan.
func next(rb *Runbook, st *State) []Decision {
	if st.Done {
		return []Decision{{Kind: DecideDone}}
	}
	stuck := slices.ContainsFunc(rb.Steps, func(s Step) bool {
		ss := st.Step(s.ID)
		return ss.life.broke != "" || ss.life.held != ""
	})
	if d, begun := nextCompletion(rb, st); begun && !stuck {
		return []Decision{d}
	}
	for i := 0; i < len(rb.Steps); {
		steps := rb.Steps[i : i+rb.group(i)]
		i += len(steps)
		var list []Decision
		for j := range steps {
			d, left := nextOf(st, &steps[j])
			// In a life in which a step is stuck nothing begins, nor begins anew that was undone because of it.
			if begins := d.Work() && !st.Step(steps[j].ID).life.came; left && !(stuck && begins) {
				list = append(list, d)
			}
		}
		if len(list) > 0 {
			return list
		}
	}
	return []Decision{{Kind: DecideEnd}}
}

// nextCompletion is the completion that a life before had begun, of the oldest window first.
func nextCompletion(rb *Runbook, st *State) (Decision, bool) {
	for _, w := range st.openWindows() {
		opener := rb.step(w.Step)
		ss := st.Step(opener.ID)
		for _, a := range opener.window(w.ID).Completion {
			if ss.Action(PhaseCompletion, a.ID) != Pending {
				return Decision{Kind: DecideComplete, Step: opener.ID, Window: w.ID}, true
			}
		}
	}
	return Decision{}, false
}

// nextOf is what comes next in a step; left tells whether anything does.
func nextOf(st *State, s *Step) (d Decision, left bool) {
	ss := st.Step(s.ID)
	switch {
	case ss.life.broke != "":
		return Decision{Kind: DecideFailed, Step: s.ID, Reason: ss.life.broke}, true
	case ss.life.held != "":
		return Decision{Kind: DecidePause, Step: s.ID, Reason: ss.life.held}, true
	case ss.undoing: // the crash came while it was undone: that is finished first, and the step begins anew
		return Decision{Kind: DecideUndo, Step: s.ID}, true
	case ss.Progress == Did:
		return Decision{}, false
	}
	if a := ss.unsettled(s); a != nil {
		return Decision{Kind: DecideProbe, Step: s.ID, Action: a.ID, Probe: true}, true
	}
	for i := range s.Actions {
		if a := &s.Actions[i]; ss.due(PhaseDo, a, ss.looksAnew(a) || ss.stalePrecondition(s, i)) {
			return ss.act(s, PhaseDo, a), true
		}
	}
	for i := range s.Verify {
		// All of it must hold at the same time: what was read in an earlier life is read again.
		if a := &s.Verify[i]; ss.due(PhaseVerify, a, !a.attestation()) {
			return ss.act(s, PhaseVerify, a), true
		}
	}
	return Decision{Kind: DecideStepEnd, Step: s.ID}, true
}

// nextUndo is what comes next in the undo of a step; left is false at its end. What verifies an undo is read in each
// life.
func (st *State) nextUndo(s *Step) (d Decision, left bool, err error) {
	ss := st.Step(s.ID)
	undo, err := ss.undoable(s, st.Facts)
	if err != nil {
		return Decision{}, false, err
	}
	for i := range undo {
		if ss.due(PhaseUndo, &undo[i], false) {
			return ss.act(s, PhaseUndo, &undo[i]), true, nil
		}
	}
	for _, a := range known(st.Facts, s.UndoVerify) {
		if ss.due(PhaseUndo, &a, true) {
			return ss.act(s, PhaseUndo, &a), true, nil
		}
	}
	return Decision{}, false, nil
}

// nextOfCompletion is what comes next in the completion of a window; left is false at its end. What it waits for is
// read in each life.
func (s *StepState) nextOfCompletion(opener *Step, w Window) (d Decision, left bool) {
	for i := range w.Completion {
		if a := &w.Completion[i]; s.due(PhaseCompletion, a, a.effect() == ReadOnly) {
			return s.act(opener, PhaseCompletion, a), true
		}
	}
	return Decision{}, false
}

// act is the decision to bring an action to its end.
func (s *StepState) act(step *Step, phase Phase, a *Action) Decision {
	return Decision{
		Kind: DecideAct, Step: step.ID, Phase: phase, Action: a.ID, Manual: a.Manual != "",
		Probe: a.probedFirst(s.Action(phase, a.ID)),
	}
}

// due tells whether an action has to be brought to its end; again wants it done in this life even when it was done
// before.
func (s *StepState) due(phase Phase, a *Action, again bool) bool {
	key := actionKey{phase, a.ID}
	return s.Action(phase, a.ID) != Did || again && !s.life.ended[key]
}

// looksAnew tells whether an action is read again because its step had not begun when this life began: what it saw may
// be days old. Only the operator's word is not asked for twice.
func (s *StepState) looksAnew(a *Action) bool {
	return !s.life.begun && a.effect() == ReadOnly && !a.attestation()
}

// stalePrecondition tells whether an action is a precondition that was read in an earlier life, and that something which is left to
// do relies on.
func (s *StepState) stalePrecondition(step *Step, i int) bool {
	return step.Actions[i].Precondition && slices.ContainsFunc(relying(step.Actions, i), func(a Action) bool {
		return a.effect() != ReadOnly && s.Action(PhaseDo, a.ID) != Did
	})
}

// relying are the actions that rely on the precondition at i.
func relying(list []Action, i int) []Action {
	rest := list[i+1:]
	if last := slices.IndexFunc(rest, func(a Action) bool { return a.ID == list[i].Through }); last >= 0 {
		return rest[:last+1]
	}
	return rest
}

// unsettled is the first action that may have run, and of which nobody has asked in this life what became of it. That
// is asked before the preconditions are read again: one that did run may be why one does not hold any more.
func (s *StepState) unsettled(step *Step) *Action {
	if !slices.ContainsFunc(step.Actions, func(a Action) bool { return a.Precondition }) {
		return nil
	}
	for i := range step.Actions {
		a := &step.Actions[i]
		mayHaveRun := a.effect() != ReadOnly && begunBefore(s.Action(PhaseDo, a.ID))
		if mayHaveRun && a.Repeat != Idempotent && !s.life.probed[actionKey{PhaseDo, a.ID}] {
			return a
		}
	}
	return nil
}

// begunBefore tells whether an action began and was not seen to come to a good end.
func begunBefore(p Progress) bool { return p == Doing || p == Failed }

// probedFirst tells whether an action is probed before it runs: where it may have run, or wants to be looked at every
// time.
func (a *Action) probedFirst(p Progress) bool {
	return a.effect() != ReadOnly && a.Repeat != Idempotent && (a.Repeat != Never || begunBefore(p))
}

// endsOutage is how an outage is ended in which a run fails: by its completion, or else by the undo of the steps back
// to the one that opened it, the last first. Alone, which is while the steps beside it go on, only that step is undone:
// none of the others counts on it.
func endsOutage(rb *Runbook, st *State, w OpenWindow, alone bool) ([]Decision, error) {
	opener := rb.step(w.Step)
	if len(opener.window(w.ID).Completion) > 0 {
		return []Decision{{Kind: DecideComplete, Step: opener.ID, Window: w.ID}}, nil
	}
	first := slices.IndexFunc(rb.Steps, func(s Step) bool { return s.ID == opener.ID })
	var undo []Decision
	for i := len(rb.Steps) - 1; i >= first && first >= 0; i-- {
		s := &rb.Steps[i]
		ss := st.Step(s.ID)
		stays := s.staysBehind(opener)
		switch {
		case !ss.Touched(), alone && s.ID != opener.ID, stays && !ss.closedItself(s):
		case !stays && len(s.Undo) == 0 && s.changes():
			return nil, ownError(fmt.Sprintf("%s has no completion, and step %s has no undo", w, s.ID))
		default:
			undo = append(undo, Decision{Kind: DecideUndo, Step: s.ID})
		}
	}
	if len(undo) == 0 {
		return nil, ownError(fmt.Sprintf("%s has no completion, and there is nothing to undo", w))
	}
	return undo, nil
}

// staysBehind tells whether what the step did may stay where an outage is ended by the undo of its opener: it is done
// again after that.
func (s *Step) staysBehind(opener *Step) bool { return s.Harmless != "" && s.ID != opener.ID }
