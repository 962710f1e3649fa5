package evenkeel

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Phase says to which list of a step an action belongs.
type Phase string

// The phases of a step.
const (
	PhaseDo     Phase = ""
	PhaseVerify Phase = "verify"
	PhaseUndo   Phase = "undo"
	// PhaseCompletion is what ends an outage in which a step failed (Window.Completion).
	PhaseCompletion Phase = "completion"
)

// Progress says how far a step or an action has come.
type Progress string

// The stages of progress.
const (
	Pending Progress = "pending"
	Doing   Progress = "doing" // begun, end unknown
	Failed  Progress = "failed"
	Did     Progress = "done"
	Undone  Progress = "undone"
)

// State is what a journal tells of a run.
type State struct {
	Run     RunInfo
	Begun   time.Time
	Last    time.Time // of the last record
	Steps   map[string]*StepState
	Facts   Facts
	Windows map[string]OpenWindow // open now
	Closed  []ClosedWindow
	Held    *Hold // the run waits for a person
	Done    bool
	Resumed int // how often it was taken up again
	Records int // in the journal

	early map[string]OpenWindow // windows that were closed although their step is not done
}

// StepState is how far a step has come.
type StepState struct {
	Progress Progress
	Begun    time.Time
	Ended    time.Time
	actions  map[actionKey]Progress
	undoing  bool         // its undo began
	makes    []string     // the facts that it made
	closed   []OpenWindow // the windows that it closed
}

type actionKey struct {
	phase Phase
	id    string
}

// Action is how far an action of the step has come.
func (s *StepState) Action(phase Phase, id string) Progress {
	if p, ok := s.actions[actionKey{phase, id}]; ok {
		return p
	}
	return Pending
}

// OpenWindow is a window that is open.
type OpenWindow struct {
	Window
	Step  string
	Since time.Time
}

// ClosedWindow is a window that was open, and for how long.
type ClosedWindow struct {
	OpenWindow
	Until time.Time
}

// Lasted is how long the window was open.
func (w ClosedWindow) Lasted() time.Duration { return w.Until.Sub(w.Since) }

// ReadState makes the state out of a journal's records.
func ReadState(records []Record) (*State, error) {
	if len(records) == 0 {
		return nil, ErrJournalEmpty
	}
	if records[0].Kind != KindBegin || records[0].Run == nil {
		return nil, fmt.Errorf("%w: it does not begin with what it is the journal of", ErrJournalDamaged)
	}
	st := &State{Run: *records[0].Run, Begun: records[0].Time, Steps: map[string]*StepState{}, Facts: Facts{}, Windows: map[string]OpenWindow{}, early: map[string]OpenWindow{}}
	for _, r := range records {
		if !slices.Contains(kinds, r.Kind) {
			return nil, fmt.Errorf("%w: record %d is of kind %q, which this version does not know", ErrJournalDamaged, r.Seq, r.Kind)
		}
		st.apply(r)
	}
	return st, nil
}

// Step is the state of a step; pending when the journal does not name it.
func (st *State) Step(id string) *StepState {
	s := st.Steps[id]
	if s == nil {
		s = &StepState{Progress: Pending, actions: map[actionKey]Progress{}}
		st.Steps[id] = s
	}
	return s
}

func (st *State) apply(r Record) {
	st.Last = r.Time
	st.Records++
	s := &StepState{actions: map[actionKey]Progress{}}
	if r.Step != "" {
		s = st.Step(r.Step)
	}
	key := actionKey{r.Phase, r.Action}
	for k, v := range r.Facts {
		st.Facts[k] = v
		if !slices.Contains(s.makes, k) {
			s.makes = append(s.makes, k)
		}
	}
	switch r.Kind {
	case KindResume:
		st.Resumed++
		st.Held = nil
		for _, s := range st.Steps {
			if s.Progress == Pending {
				s.Begun = time.Time{} // it begins anew
			}
		}
	case KindStep:
		if s.Begun.IsZero() {
			s.Begun = r.Time
		}
		s.Progress = Doing
		for _, w := range r.Opens {
			st.open(w, r)
		}
	case KindStart:
		s.actions[key] = Doing
		switch {
		case r.Phase == PhaseUndo:
			s.undoing = true
		case r.Phase == PhaseCompletion: // the step stands where it stood
		case s.Touched():
			s.Progress = Doing
		case s.Begun.IsZero():
			s.Begun = r.Time // it looks before it begins
		}
	case KindEnd:
		s.actions[key] = Did
		if r.Error != "" {
			s.actions[key] = Failed
			if s.Touched() && r.Phase != PhaseCompletion {
				s.Progress = Failed
			}
		}
	case KindProbed:
		switch r.Trace {
		case Done.String():
			s.actions[key] = Did
		case Absent.String():
			s.actions[key] = Pending
		}
	case KindStepDone:
		s.Progress, s.Ended = Did, r.Time
		for _, id := range r.Closes {
			if w, open := st.Windows[id]; open {
				s.closed = append(s.closed, w)
			}
			delete(st.early, id)
			st.close(id, r.Time)
		}
	case KindClosed:
		maps.DeleteFunc(s.actions, func(k actionKey, _ Progress) bool { return k.phase == PhaseCompletion })
		for _, id := range r.Closes {
			if w, open := st.Windows[id]; open {
				st.early[id] = w
			}
			st.close(id, r.Time)
		}
	case KindExtend:
		for id, by := range r.Extends {
			if w, open := st.Windows[id]; open {
				w.Limit += by
				st.Windows[id] = w
			}
		}
	case KindStepUndone:
		st.undone(r.Step, s, r.Time)
	case KindHold:
		st.Held = &Hold{Step: r.Step, Action: r.Action, Reason: r.Error}
	case KindDone:
		st.Done = true
	case KindBegin, KindViolation: // nothing moves
	}
}

// undone puts things back to where they were before the step: its facts are forgotten, its windows closed, and those that it closed while an earlier step
// still counts on them are open again. A run that was done is not done any more.
func (st *State) undone(id string, s *StepState, at time.Time) {
	made, closed := s.makes, s.closed
	*s = StepState{Progress: Undone, Ended: at, actions: map[actionKey]Progress{}} // it is done anew
	st.Done = false
	if st.Held != nil && st.Held.Step == id {
		st.Held = nil
	}
	for _, name := range made {
		if !st.madeBySomeStep(name) {
			delete(st.Facts, name)
		}
	}
	for w, open := range st.Windows {
		if open.Step == id {
			st.close(w, at)
		}
	}
	maps.DeleteFunc(st.early, func(_ string, w OpenWindow) bool { return w.Step == id })
	for _, w := range closed {
		if w.Step != id && st.Step(w.Step).Touched() {
			st.Windows[w.ID] = OpenWindow{Window: w.Window, Step: w.Step, Since: at}
		}
	}
}

// open opens a window that is not open. One that was closed early is still that of the step that opened it first.
func (st *State) open(w Window, r Record) {
	if _, open := st.Windows[w.ID]; open {
		return
	}
	step := r.Step
	if early, ok := st.early[w.ID]; ok {
		step = early.Step
		delete(st.early, w.ID)
	}
	st.Windows[w.ID] = OpenWindow{Window: w, Step: step, Since: r.Time}
}

func (st *State) madeBySomeStep(fact string) bool {
	for _, s := range st.Steps {
		if slices.Contains(s.makes, fact) {
			return true
		}
	}
	return false
}

// begun tells whether any step ever began.
func (st *State) begun() bool {
	for _, s := range st.Steps {
		if s.Progress != Pending {
			return true
		}
	}
	return false
}

func (st *State) close(id string, at time.Time) {
	if w, ok := st.Windows[id]; ok {
		st.Closed = append(st.Closed, ClosedWindow{OpenWindow: w, Until: at})
		delete(st.Windows, id)
	}
}
