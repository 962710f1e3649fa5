package cli

import (
	"errors"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// The states of a run.
const (
	stateRunning    = "running"     // a tool works on it
	stateStopped    = "stopped"     // none does: it was stopped, or it was killed
	statePaused     = "paused"      // the operator is needed
	stateFailed     = "failed"      // a step failed
	stateFinished   = "finished"    // every step is done
	stateRolledBack = "rolled back" // what was done is undone, as far as that goes
)

// Standing is where a run stands, as its journal tells. It is what status prints: no machine was asked.
type Standing struct {
	Journal string `json:"journal"`
	Title   string `json:"title"`
	Run     string `json:"run"`
	State   string `json:"state"`
	// Rollback: what is running, stopped, paused or failed is a rollback of the run.
	Rollback bool `json:"rollback,omitempty"`
	// Process is what lived the last life; it lives while the state is running.
	Process *evenkeel.Process `json:"process,omitempty"`
	Begun   time.Time         `json:"begun"`
	Last    time.Time         `json:"last"`           // the last record
	Silent  int               `json:"silent_seconds"` // since then, where it is running
	Resumed int               `json:"resumed"`

	Done  int            `json:"steps_done"`
	Steps []StandingStep `json:"steps"`
	// At is the number of the step at which the run stands; 0 where it stands at none.
	At int `json:"at,omitempty"`

	Now []Deed `json:"now,omitempty"` // what the tool does at this moment
	// Unsettled are changes that had begun when the tool was killed: nobody knows how they ended, until it looks again.
	Unsettled []Deed           `json:"unsettled,omitempty"`
	Windows   []StandingWindow `json:"windows,omitempty"`
	Serving   []Served         `json:"serving,omitempty"` // as the looks of the run saw it last
	Paused    *Trouble         `json:"paused,omitempty"`
	Failed    *Trouble         `json:"failed,omitempty"`
	Back      Back             `json:"back"`
	Passed    []NoReturn       `json:"points_of_no_return_passed,omitempty"`
	Lease     *StandingLease   `json:"lease,omitempty"`
	Notes     []Trouble        `json:"notes,omitempty"`
	Differs   []string         `json:"differs,omitempty"` // from the state before the run, after a rollback
	Next      []Item           `json:"next,omitempty"`    // what can be typed, and what that does
	Warning   string           `json:"warning,omitempty"` // what could not be told, and why
}

// StandingStep is a step, and how far it has come.
type StandingStep struct {
	ID       string            `json:"id"`
	Title    string            `json:"title,omitempty"`
	Progress evenkeel.Progress `json:"progress"`
	Took     int               `json:"took_seconds,omitempty"` // where it is done
	Why      string            `json:"why,omitempty"`          // it failed
}

// Deed is an action that has begun and not ended.
type Deed struct {
	Step   string    `json:"step"`
	Action string    `json:"action"`
	Title  string    `json:"title,omitempty"`
	Host   string    `json:"host,omitempty"`
	Effect string    `json:"effect,omitempty"`
	Since  time.Time `json:"since"`
	For    int       `json:"for_seconds"`
}

// StandingWindow is a window that is open. Left is negative where it is overdue.
type StandingWindow struct {
	ID        string    `json:"id"`
	Step      string    `json:"step"`
	Reason    string    `json:"reason"`
	Invariant string    `json:"invariant"` // may not hold
	Since     time.Time `json:"since"`
	Open      int       `json:"open_seconds"`
	Limit     int       `json:"limit_seconds"`
	Left      int       `json:"left_seconds"`
	Outage    bool      `json:"outage"` // a stop waits for its close; else it is reduced redundancy
}

// Trouble is something that is to be said of a step or an action.
type Trouble struct {
	Step   string `json:"step"`
	Action string `json:"action,omitempty"`
	Title  string `json:"title,omitempty"` // of the step
	What   string `json:"what"`
}

// NoReturn are neighbouring steps that began and cannot be undone, for one reason.
type NoReturn struct {
	First string `json:"first"`
	Last  string `json:"last"`
	Why   string `json:"why"`
}

// Back is where a rollback leads.
type Back struct {
	Possible bool   `json:"possible"`
	Unknown  bool   `json:"unknown,omitempty"` // nobody can tell: Possible says nothing
	To       string `json:"to,omitempty"`
	Why      string `json:"why,omitempty"` // it is not possible, goes no further, or is not known
}

// StandingLease is what the last life held on the machines.
type StandingLease struct {
	Epoch   int      `json:"epoch"`
	Hosts   []string `json:"hosts"`
	Missing []string `json:"missing,omitempty"`
	Forced  string   `json:"forced,omitempty"`
}

// observed is what is known of a run from outside of it.
type observed struct {
	journal string
	records []evenkeel.Record
	inUse   bool
	written time.Time         // the journal, by this machine's clock
	now     time.Time         // by this machine's clock
	book    *evenkeel.Runbook // nil where there is none at hand
	looks   bool              // the job changes nothing
	command func(verb string) string
}

// standing is where a run stands.
func standing(o observed) (*Standing, error) {
	st, err := evenkeel.ReadState(o.records)
	if err != nil {
		return nil, err
	}
	if st.Run.Simulated { // its clock is that of the simulated world, and stands still while nobody asks it
		o.now = st.Last
	}
	s := &Standing{
		Journal: o.journal, Title: st.Run.Title, Run: st.Run.ID, Rollback: st.RollingBack(), Process: st.Process,
		Begun: st.Begun, Last: st.Last, Resumed: st.Resumed, Differs: st.Differs,
		Serving: servedOf(st),
	}
	if o.inUse {
		since := o.now.Sub(st.Last)
		if st.Run.Simulated {
			since = time.Since(o.written)
		}
		s.Silent = seconds(max(0, since))
	}
	book := o.book
	if book != nil && book.Digest() != st.Run.Digest {
		book, s.Warning = nil, "the configuration makes another runbook than the one of this run, so titles and the rollback are not known here"
	}
	titles := titlesOf(book, st)
	s.steps(st, titles)
	s.deeds(o, st, titles)
	s.windows(o.now, st)
	s.state(o, st, titles)
	s.back(book, st)
	if st.Life.Epoch > 0 {
		s.Lease = &StandingLease{st.Life.Epoch, st.Life.Hosts, st.Life.Missing, st.Life.Forced}
	}
	for _, n := range allNotes(st) {
		s.Notes = append(s.Notes, Trouble{Step: n.Step, Action: n.Action, What: n.Text})
	}
	s.next(o, st)
	return s, nil
}

func seconds(d time.Duration) int { return int(d.Round(time.Second) / time.Second) }

// titles are those of steps and actions, as far as a runbook is at hand.
type titles struct {
	steps   map[string]string
	actions map[deedKey]string
}

type deedKey struct {
	step   string
	phase  evenkeel.Phase
	action string
}

// titlesOf are the titles of a runbook, and those of the rollback that goes on.
func titlesOf(book *evenkeel.Runbook, st *evenkeel.State) titles {
	t := titles{map[string]string{}, map[deedKey]string{}}
	books := []*evenkeel.Runbook{book}
	if book != nil && st.RollingBack() {
		if plan, err := book.RollbackPlan(st); err == nil {
			books = append(books, plan)
		}
	}
	for _, b := range books {
		if b == nil {
			continue
		}
		for i := range b.Steps {
			step := &b.Steps[i]
			t.steps[step.ID] = step.Title
			for phase, list := range map[evenkeel.Phase][]evenkeel.Action{
				evenkeel.PhaseDo: step.Actions, evenkeel.PhaseVerify: step.Verify,
				evenkeel.PhaseUndo: slices.Concat(step.Undo, step.UndoVerify),
			} {
				for j := range list {
					t.actions[deedKey{step.ID, phase, list[j].ID}] = list[j].Title
				}
			}
			for _, w := range step.Opens {
				for j := range w.Completion {
					t.actions[deedKey{step.ID, evenkeel.PhaseCompletion, w.Completion[j].ID}] = w.Completion[j].Title
				}
			}
		}
	}
	return t
}

// steps lists the steps of the run, or of the rollback that goes on.
func (s *Standing) steps(st *evenkeel.State, t titles) {
	at := st
	if st.RollingBack() {
		at = st.Rollback
	}
	for i, id := range at.Run.Steps {
		step := at.Step(id)
		one := StandingStep{ID: id, Title: t.steps[id], Progress: step.Progress, Why: step.Broke()}
		switch step.Progress {
		case evenkeel.Did:
			s.Done++
			one.Took = seconds(step.Ended.Sub(step.Begun))
		case evenkeel.Doing, evenkeel.Failed:
			s.At = i + 1
		case evenkeel.Pending, evenkeel.Undone:
		}
		s.Steps = append(s.Steps, one)
	}
	if s.At == 0 && !at.Done {
		s.At = 1 + slices.IndexFunc(s.Steps, func(one StandingStep) bool { return one.Progress != evenkeel.Did })
	}
}

// deeds finds the actions that have begun and not ended: those of the life that goes on, and those that an earlier one
// left behind.
func (s *Standing) deeds(o observed, st *evenkeel.State, t titles) {
	type open struct {
		Deed
		key  deedKey
		life int
	}
	var list []open
	life := 0
	drop := func(key deedKey) { list = slices.DeleteFunc(list, func(d open) bool { return d.key == key }) }
	for _, r := range o.records {
		key := deedKey{r.Step, r.Phase, r.Action}
		switch r.Kind {
		case evenkeel.KindBegin:
			life, list = life+1, nil
		case evenkeel.KindResume, evenkeel.KindRollback:
			life++
		case evenkeel.KindStart:
			drop(key)
			list = append(list, open{Deed{
				Step: r.Step, Action: r.Action, Title: t.actions[key], Host: r.Host, Effect: r.Effect,
				Since: r.Time, For: seconds(max(0, o.now.Sub(r.Time))),
			}, key, life})
		case evenkeel.KindEnd:
			if r.Outcome == nil || *r.Outcome != evenkeel.Unknown {
				drop(key)
			}
		case evenkeel.KindProbed:
			if r.Found == evenkeel.Done.String() || r.Found == evenkeel.NotRun.String() {
				drop(key)
			}
		case evenkeel.KindStepDone, evenkeel.KindStepUndone:
			list = slices.DeleteFunc(list, func(d open) bool { return d.Step == r.Step || d.Step == undoing+r.Step })
		default:
		}
	}
	for _, d := range list {
		switch {
		case o.inUse && d.life == life:
			s.Now = append(s.Now, d.Deed)
		case changes(d.Effect):
			s.Unsettled = append(s.Unsettled, d.Deed)
		}
	}
}

// undoing begins the name of the step of a rollback that undoes a step.
const undoing = "undo-"

// changes tells whether an effect changes a machine by itself.
func changes(effect string) bool {
	return effect == evenkeel.Mutating.String() || effect == evenkeel.Disruptive.String()
}

func (s *Standing) windows(now time.Time, st *evenkeel.State) {
	for _, w := range openWindows(st) {
		is := max(0, now.Sub(w.Since))
		s.Windows = append(s.Windows, StandingWindow{
			ID: w.ID, Step: w.Step, Reason: w.Reason, Invariant: w.Invariant, Since: w.Since,
			Open: seconds(is), Limit: seconds(w.Limit), Left: seconds(w.Limit - is), Outage: w.Stop != evenkeel.StopBetweenSteps,
		})
	}
}

// state is the one word for where the run stands, and what belongs to it.
func (s *Standing) state(o observed, st *evenkeel.State, t titles) {
	at := st
	if st.RollingBack() {
		at = st.Rollback
	}
	back := st.Rollback
	step, why := st.Failure()
	switch over := back != nil && back.Done; {
	case o.inUse:
		s.State = stateRunning
	case over && (back.Run.EndsRun || st.Resumed == resumedBefore(o.records)):
		s.State = stateRolledBack
		s.At = 0
	case st.Done:
		s.State = stateFinished
	case at.Paused != nil:
		s.State = statePaused
	case step != "":
		s.State = stateFailed
		s.Failed = &Trouble{Step: step, Title: t.steps[step], What: why}
	default:
		s.State = stateStopped
	}
	if p := at.Paused; p != nil && s.State != stateRolledBack {
		s.Paused = &Trouble{Step: p.Step, Action: p.Action, Title: t.steps[p.Step], What: p.Reason}
	}
}

// resumedBefore is how often the run had been resumed when its last rollback began.
func resumedBefore(records []evenkeel.Record) int {
	n, before := 0, 0
	for _, r := range records {
		switch r.Kind {
		case evenkeel.KindBegin:
			n = 0
		case evenkeel.KindResume:
			n++
		case evenkeel.KindRollback:
			before = n
		default:
		}
	}
	return before
}

// back says where a rollback leads, and which points of no return are passed.
func (s *Standing) back(book *evenkeel.Runbook, st *evenkeel.State) {
	switch {
	case st.Rollback != nil && st.Rollback.Done && st.Rollback.Run.EndsRun:
		s.Back.Why = "it was rolled back, and is over"
		return
	case book == nil:
		s.Back = Back{Unknown: true, Why: "it takes the configuration of the run to tell: --config FILE"}
		return
	}
	for i := range book.Steps {
		step := &book.Steps[i]
		switch last := len(s.Passed) - 1; {
		case step.Irreversible == "" || !st.Step(step.ID).Touched():
		case last >= 0 && s.Passed[last].Why == step.Irreversible:
			s.Passed[last].Last = step.ID
		default:
			s.Passed = append(s.Passed, NoReturn{step.ID, step.ID, step.Irreversible})
		}
	}
	plan, err := book.RollbackPlan(st)
	var barred *evenkeel.CannotRollBackError
	switch {
	case errors.As(err, &barred):
		s.Back.Why = barred.Reason
	case err != nil:
		s.Back = Back{Unknown: true, Why: "it cannot be planned: " + err.Error()}
	case plan.EndsRun:
		s.Back = Back{Possible: true, To: plan.Title}
	case len(plan.Steps) == 0:
		s.Back.Why = "nothing that changes anything was done"
	case plan.Barrier() != nil:
		s.Back = Back{Possible: true, To: "the end of step " + plan.Barrier().Step, Why: plan.Barrier().Reason}
	default:
		s.Back = Back{Possible: true, To: "the beginning"}
	}
}

// next lists what can be typed.
func (s *Standing) next(o observed, st *evenkeel.State) {
	add := func(verb, what string) { s.Next = append(s.Next, Item{Name: o.command(verb), Value: what}) }
	goOn := func(what string) {
		if o.looks {
			add("run", "look at everything anew")
			return
		}
		add("resume", what)
	}
	switch s.State {
	case stateRunning:
		add("status --follow", "watch it")
		return
	case stateFinished:
		return
	case stateRolledBack:
		if !st.Rollback.Run.EndsRun {
			goOn("do the undone steps anew")
		}
		return
	}
	switch {
	case s.Rollback:
		add("rollback", "finish the rollback; the run cannot be resumed before")
		return
	case s.State == statePaused:
		goOn("go on when it is done")
	case s.State == stateFailed:
		goOn("go on when the cause is mended")
	default:
		goOn("go on")
	}
	if s.Back.Possible {
		add("rollback", "undo it, back to "+s.Back.To)
	}
}
