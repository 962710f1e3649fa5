package evenkeel

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
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
	Paused  *Pause // the run waits for the operator
	Done    bool
	Resumed int // how often it was taken up again
	Records int // in the journal

	// Changed tells whether anything that can change a machine ever began, be it by an operator's hand.
	Changed bool
	// Confirmed are the confirmations given ahead of their turn, by step/action.
	Confirmed map[string]string
	// Rollback is the last rollback of the run, as a run of its own runbook: Done when it has ended. Nil where none began.
	Rollback *State
	// Differs is what the last rollback found different from the state before the run.
	Differs []string
	// Notes are what the operator should know although all was well, in the order in which it was seen.
	Notes []Note
	// Serving is what serves where, in the order in which it was first seen.
	Serving []Seen

	before *State                // in a rollback: the run as it stood when the rollback began
	early  map[string]OpenWindow // windows that were closed although their step is not done

	Life LifeInfo // the last life that took its leases, be it of a run or of its rollback
	// Process is what lived the last life, while it lived; nil where an older version of the tool wrote the journal.
	Process *Process

	Bound map[string][]sshexec.Machine // which machines each host was seen to be, the last one last

	// written is how many records the last life wrote, from the one of its leases on. Those of a later life that was kept out are not
	// among them, so that trying again makes no copy of the journal longer.
	written int
	living  bool

	reinstalled map[string]bool // hosts that get another system, and have not been seen with it yet
}

func newState(r Record) *State {
	return &State{
		Run: *r.Run, Begun: r.Time, Last: r.Time, Steps: map[string]*StepState{}, Facts: Facts{},
		Windows: map[string]OpenWindow{}, Confirmed: map[string]string{},
		early: map[string]OpenWindow{}, Bound: map[string][]sshexec.Machine{}, reinstalled: map[string]bool{},
	}
}

// clone is the state as it stands, which the records that follow do not move. A rollback before it is shared: it has ended.
func (st *State) clone() *State {
	c := *st
	c.Steps = make(map[string]*StepState, len(st.Steps))
	for id, s := range st.Steps {
		step := *s
		step.actions, step.makes, step.closed = maps.Clone(s.actions), slices.Clone(s.makes), slices.Clone(s.closed)
		step.jobs = maps.Clone(s.jobs)
		step.life.ended, step.life.probed = maps.Clone(s.life.ended), maps.Clone(s.life.probed)
		c.Steps[id] = &step
	}
	c.Facts, c.Confirmed = maps.Clone(st.Facts), maps.Clone(st.Confirmed)
	c.Notes, c.Serving = slices.Clone(st.Notes), cloneSeen(st.Serving)
	c.Windows, c.early, c.Closed = maps.Clone(st.Windows), maps.Clone(st.early), slices.Clone(st.Closed)
	c.reinstalled, c.Bound = maps.Clone(st.reinstalled), make(map[string][]sshexec.Machine, len(st.Bound))
	for host, seen := range st.Bound {
		c.Bound[host] = slices.Clone(seen)
	}
	return &c
}

// Note is something that the operator should know of what an action saw (Expect.Tell).
type Note struct {
	Step, Action string
	Text         string
}

// Failure is the first step at which the last life failed, and why; of a rollback while that has not ended. It is empty
// where no step failed.
func (st *State) Failure() (step, why string) {
	if st.RollingBack() {
		return st.Rollback.Failure()
	}
	for _, id := range st.Run.Steps {
		if s := st.Step(id); s.life.broke != "" && s.Progress != Did {
			return id, s.life.broke
		}
	}
	return "", ""
}

// noted keeps what an action told; what it has told before is kept once.
func (st *State) noted(r Record) {
	for _, text := range r.Notes {
		if n := (Note{r.Step, r.Action, text}); !slices.Contains(st.Notes, n) {
			st.Notes = append(st.Notes, n)
		}
	}
}

// RollingBack tells whether a rollback began and has not ended.
func (st *State) RollingBack() bool { return st.Rollback != nil && !st.Rollback.Done }

// StepState is how far a step has come.
type StepState struct {
	Progress Progress
	Begun    time.Time
	Ended    time.Time
	actions  map[actionKey]Progress
	jobs     map[actionKey]string // the jobs of detached actions of which nobody knows how they ended
	undoing  bool                 // its undo began
	makes    []string             // the facts that it made
	closed   []OpenWindow         // the windows that it closed

	life stepLife
}

// stepLife is what the life at hand did in a step: it decides what that life reads again.
type stepLife struct {
	begun  bool               // the step had begun before anything of it ran in this life
	came   bool               // the life came to it
	ran    bool               // an action of it ran
	ended  map[actionKey]bool // the actions that came to a good end
	probed map[actionKey]bool
	held   string // why it waits for an operator
	broke  string // why it failed
}

// newStepState is a step of which the journal tells nothing.
func newStepState() *StepState {
	s := &StepState{Progress: Pending, actions: map[actionKey]Progress{}, jobs: map[actionKey]string{}}
	s.newLife()
	return s
}

// newLife forgets what the life before did.
func (s *StepState) newLife() {
	s.life = stepLife{begun: s.Touched(), ended: map[actionKey]bool{}, probed: map[actionKey]bool{}}
}

// readAnew makes that this life reads again what it has read in a phase of the step.
func (s *StepState) readAnew(phase Phase) {
	maps.DeleteFunc(s.life.ended, func(key actionKey, _ bool) bool { return key.phase == phase })
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

// Broke is why the step failed in the last life, be it at a look before it began; empty where it did not.
func (s *StepState) Broke() string {
	if s.Progress == Did || s.Progress == Undone {
		return ""
	}
	return s.life.broke
}

// OpenJobs are the jobs of the step's detached actions of which nobody knows how they ended.
func (s *StepState) OpenJobs() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Values(s.jobs)), func(job string) bool { return job == "" })
}

// acted tells whether any action of that list of the step began.
func (s *StepState) acted(phase Phase) bool {
	for key := range s.actions {
		if key.phase == phase {
			return true
		}
	}
	return false
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
	st := newState(records[0])
	for i, r := range records {
		if !slices.Contains(kinds, r.Kind) {
			return nil, fmt.Errorf("%w: record %d is of kind %q, which this version does not know", ErrJournalDamaged, r.Seq, r.Kind)
		}
		if i > 0 && r.Kind == KindBegin {
			if r.Run == nil || st.Changed {
				return nil, fmt.Errorf("%w: record %d begins a run, and the run before it had changed something", ErrJournalDamaged, r.Seq)
			}
			next := newState(r)
			next.Records, next.Life, next.Bound, next.reinstalled, next.written = i, st.Life, st.Bound, st.reinstalled, st.written
			st = next
		}
		if r.Kind == KindRollback && !st.RollingBack() {
			if err := st.beginRollback(r, st.clone()); err != nil {
				return nil, err
			}
		}
		st.apply(r)
	}
	return st, nil
}

// beginRollback makes the place for what a rollback does: a run of its own runbook, beside the one that it rolls back.
func (st *State) beginRollback(r Record, before *State) error {
	if r.Run == nil {
		return fmt.Errorf("%w: record %d begins a rollback and does not say of what", ErrJournalDamaged, r.Seq)
	}
	st.Rollback = newState(r)
	st.Rollback.before = before
	st.Rollback.Resumed = -1 // the record that begins it counts as a life
	for _, id := range r.Run.Steps {
		// An undo that began when its step failed goes on where it is: its actions are probed, not repeated blindly.
		of := before.Step(strings.TrimPrefix(id, undoPrefix))
		if r.Run.EndsRun || !of.undoing || of.Progress == Undone {
			continue
		}
		for key, p := range of.actions {
			if key.phase == PhaseUndo {
				st.Rollback.at(id).actions[actionKey{PhaseDo, key.id}] = p
				st.Rollback.at(id).jobs[actionKey{PhaseDo, key.id}] = of.jobs[key]
			}
		}
	}
	st.Paused, st.Done, st.Differs = nil, false, nil
	return nil
}

// applyRollback takes a record of a rollback into the rollback's own state, and tells the run which of its steps are undone.
func (st *State) applyRollback(r Record) {
	back := st.Rollback
	switch {
	case r.Kind == KindRollback:
		back.Resumed++
		back.Paused = nil
	case r.Kind == KindRolledBack && r.Error != "":
		was := back.before // it was kept out before it did anything
		st.Paused, st.Done, st.Differs, st.Rollback = was.Paused, was.Done, was.Differs, was.Rollback
		return
	case r.Kind == KindRolledBack:
		back.Done, st.Differs = true, r.Differs
		if back.Run.EndsRun {
			for id := range st.Windows {
				st.close(id, r.Time)
			}
		}
	case r.Kind == KindStepUndone && !back.Run.EndsRun:
		undo := back.Step(undoPrefix + r.Step)
		st.undone(r.Step, st.at(r.Step), !undo.acted(PhaseDo), r.Time)
		r.Kind, r.Step = KindStepDone, undoPrefix+r.Step
	}
	back.apply(r)
}

// Step is the state of a step; pending when the journal does not name it.
func (st *State) Step(id string) *StepState {
	if s := st.Steps[id]; s != nil {
		return s
	}
	return &StepState{Progress: Pending}
}

// at is the state of a step, to be changed.
func (st *State) at(id string) *StepState {
	s := st.Steps[id]
	if s == nil {
		s = newStepState()
		st.Steps[id] = s
	}
	return s
}

// newLife forgets what the life before did: another one begins.
func (st *State) newLife() {
	for _, s := range st.Steps {
		s.newLife()
	}
}

// machines takes in what a record says of the machines: that is the journal's, whichever run or rollback found it out.
func (st *State) machines(r Record) {
	if r.Process != nil {
		st.Process = r.Process
	}
	switch r.Kind {
	case KindStep, KindStart:
		for _, host := range r.Reinstalls {
			st.reinstalled[host] = true
		}
	case KindStepUndone:
		for _, host := range r.Returned {
			delete(st.reinstalled, host)
		}
	case KindLease:
		if r.Life.Name != st.Life.Name { // else it is told once more, with what was forced since
			st.written = 0
		}
		st.Life, st.living = *r.Life, true
	case KindBegin, KindResume, KindRollback, KindAmend: // another life, or none
		st.living = false
	case KindIdentity:
		st.Bound[r.Host] = append(st.Bound[r.Host], *r.Machine)
		if len(r.Reinstalls) > 0 {
			delete(st.reinstalled, r.Host)
		}
	default:
	}
	if st.living {
		st.written++
	}
}

func (st *State) apply(r Record) {
	st.machines(r)
	st.sees(r)
	if st.RollingBack() {
		st.applyRollback(r)
		st.Last = r.Time
		st.Records++
		return
	}
	st.Last = r.Time
	st.Records++
	s := newStepState()
	if r.Step != "" {
		s = st.at(r.Step)
	}
	if slices.Contains([]Kind{KindStep, KindStart, KindProbed}, r.Kind) {
		s.life.came = true
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
		st.Paused = nil
		st.newLife()
		for _, s := range st.Steps {
			if s.Progress == Pending {
				s.Begun = time.Time{} // it begins anew
			}
		}
	case KindStep:
		if s.Begun.IsZero() {
			s.Begun = r.Time
		}
		s.life.begun = s.life.begun || !s.life.ran
		s.Progress = Doing
		s.undoing = s.undoing || r.Phase == PhaseUndo
		for _, w := range r.Opens {
			st.open(w, r)
		}
	case KindStart:
		s.actions[key] = Doing
		s.jobs[key] = r.Job
		s.life.ran = s.life.ran || r.Phase == PhaseDo
		st.Changed = st.Changed || r.Effect != ReadOnly.String()
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
		if r.Error == "" || r.Outcome == nil || *r.Outcome != Unknown {
			delete(s.jobs, key)
		}
		s.actions[key] = Did
		st.noted(r)
		s.life.ended[key] = r.Error == ""
		if r.Error != "" {
			s.actions[key] = Failed
			s.life.broke = r.Error
			if s.Touched() && r.Phase != PhaseCompletion {
				s.Progress = Failed
			}
		}
	case KindProbed:
		s.life.probed[key] = true
		switch r.Found {
		case Done.String():
			s.actions[key] = Did
		case NotRun.String():
			s.actions[key] = Pending
		}
		if r.Found == Done.String() || r.Found == NotRun.String() {
			delete(s.jobs, key)
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
		st.undone(r.Step, s, !s.acted(PhaseUndo), r.Time)
	case KindPause:
		st.Paused = &Pause{Step: r.Step, Action: r.Action, Reason: r.Error}
		s.life.held = cmp.Or(r.Error, "an operator is needed")
		if r.Job != "" { // it has ended
			delete(s.jobs, key)
		}
	case KindDone:
		st.Done = true
	case KindConfirm:
		st.Confirmed[r.Step+"/"+r.Action] = r.Output
	case KindAmend:
		if r.Run != nil {
			st.Run = *r.Run
		}
		if r.Amend != nil {
			for _, changed := range r.Amend.Steps {
				st.amended(changed.ID)
			}
		}
	case KindViolation:
		s.life.broke = r.Error
	case KindRollback:
		st.newLife()
	case KindBegin, KindRolledBack, KindLease, KindIdentity, KindSaw: // nothing moves
	}
}

// undone puts things back to where they were before the step: its facts are forgotten, its windows closed, and those
// that it closed while an earlier step still counts on them are open again. A run that was done is not done any more.
// Where nothing of it was undone, what it did may stand (stays): it is done anew as after a crash, looked at where it
// must not be repeated.
func (st *State) undone(id string, s *StepState, stays bool, at time.Time) {
	made, closed, did, broke := s.makes, s.closed, s.actions, cmp.Or(s.life.broke, s.life.held)
	*s = StepState{Progress: Undone, Ended: at, actions: map[actionKey]Progress{}, jobs: map[actionKey]string{}} // it is done anew
	s.newLife()
	s.life.broke = broke // but not in the life in which it failed
	for key, p := range did {
		if stays && key.phase == PhaseDo && p != Pending {
			s.actions[key] = Doing
		}
	}
	st.Done = false
	if st.Paused != nil && st.Paused.Step == id {
		st.Paused = nil
	}
	st.unconfirm(id)
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

// amended forgets what a step saw, and what the operator said there: that was to another text. The step has not begun.
func (st *State) amended(id string) {
	s := st.at(id)
	s.actions = map[actionKey]Progress{}
	s.newLife()
	if st.Paused != nil && st.Paused.Step == id {
		st.Paused = nil
	}
	st.unconfirm(id)
}

// unconfirm forgets what was confirmed ahead of its turn in a step.
func (st *State) unconfirm(id string) {
	maps.DeleteFunc(st.Confirmed, func(name string, _ string) bool { return strings.HasPrefix(name, id+"/") })
}

// open opens a window that is not open. One that was closed before is still that of the step that opened it first.
func (st *State) open(w Window, r Record) {
	if _, open := st.Windows[w.ID]; open {
		return
	}
	step := r.Step
	for _, closed := range st.Step(r.Step).closed { // its undo opens it again
		if closed.ID == w.ID {
			step = closed.Step
		}
	}
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

// stands tells whether the journal tells of anything that a later life takes as done or as said. Where it does not, the run
// begins as a new one does.
func (st *State) stands() bool {
	if len(st.Confirmed) > 0 || st.RollingBack() && st.Rollback.stands() {
		return true
	}
	for _, s := range st.Steps {
		if s.Touched() || len(s.actions) > 0 {
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
