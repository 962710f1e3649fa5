package evenkeel

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Took is how long the steps of earlier runs took: by the name of the runbook, and then by the ID of the step. A
// rollback is a runbook of its own.
type Took map[string]map[string]Estimate

// Told is what a journal tells beside the times.
type Told struct {
	// Silent are the steps of that run of which it does not tell the time: they were interrupted, failed, or were found
	// done.
	Silent []string
	// Simulated: the machines of that run were simulated.
	Simulated bool
	// Other is what of that run is another than in the runbook: machines, and inputs of the same name.
	Other []string
}

// Add takes in the journal of an earlier run of the runbook, which must have ended, or have been rolled back; name is
// how an estimate calls it. Where a part of a step was found done, the time is that of the rest: Estimate.Part.
func (t Took) Add(rb *Runbook, name string, records []Record) (Told, error) {
	st, err := ReadState(records)
	if err = t.takes(rb, name, st, err); err != nil {
		return Told{}, err
	}
	w := &stopwatch{}
	for _, r := range records {
		w.see(r)
	}
	from := fmt.Sprintf("journal %s of %s", name, st.Begun.Format(time.DateOnly))
	for key, took := range w.took {
		took.From = from
		t.add(key, took)
	}
	told := Told{Simulated: st.Run.Simulated, Other: rb.others(&st.Run)}
	for _, id := range st.Run.Steps {
		if _, known := w.took[lapKey{rb.Name, id}]; !known && st.Done {
			told.Silent = append(told.Silent, id)
		}
	}
	return told, nil
}

// takes refuses a journal that tells nothing of the runbook; err is what was wrong with its records.
func (t Took) takes(rb *Runbook, name string, st *State, err error) error {
	switch {
	case rb == nil || t == nil:
		return fmt.Errorf("%s: there is no runbook to take the times for, or nothing to put them into", name)
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case st.Run.Runbook != rb.Name:
		return fmt.Errorf("%s: %w: it is the journal of %s, and the plan is of %s", name,
			ErrJournalOther, st.Run.Runbook, rb.Name)
	case !st.Done && (st.Rollback == nil || !st.Rollback.Done):
		return fmt.Errorf("%s: its run has not ended: only one that has tells how long the steps take", name)
	}
	return nil
}

// others is what of a run is another than in the runbook. What one of them does not have at all tells nothing: the name
// of an input may hold a date.
func (rb *Runbook) others(run *RunInfo) (what []string) {
	if is := rb.allHosts(); len(run.Hosts) > 0 && !slices.Equal(slices.Sorted(slices.Values(run.Hosts)),
		slices.Sorted(slices.Values(is))) {
		what = append(what, "the machines")
	}
	for _, was := range run.Inputs {
		if slices.ContainsFunc(rb.Inputs, func(is Input) bool { return is.Name == was.Name && is.SHA256 != was.SHA256 }) {
			what = append(what, was.Name)
		}
	}
	return what
}

// add takes in one time: of several the shortest and the longest count.
func (t Took) add(key lapKey, e Estimate) {
	if t[key.book] == nil {
		t[key.book] = map[string]Estimate{}
	}
	if was, more := t[key.book][key.step]; more {
		e = Estimate{Least: min(was.Least, e.Least), Most: max(was.Most, e.Most),
			From: was.From + ", " + e.From, Part: was.Part && e.Part}
	}
	t[key.book][key.step] = e
}

type lapKey struct{ book, step string }

// lap is a step that is under way.
type lap struct {
	life    int
	since   time.Time
	begun   bool               // it may have changed something
	started map[actionKey]bool // the actions that this lap saw begin
	acted   bool               // one of them does more than look
	found   bool               // an action was found done
	void    bool               // its time says nothing
}

// stopwatch takes the times of steps from a journal.
type stopwatch struct {
	run, book string // the runbooks of the run, and of what runs now
	back      string // of the rollback
	undoes    bool   // the rollback undoes the steps of the run
	life      int
	laps      map[lapKey]*lap
	took      map[lapKey]Estimate
}

func (w *stopwatch) see(r Record) {
	switch r.Kind {
	case KindBegin:
		*w = stopwatch{run: r.Run.Runbook, book: r.Run.Runbook, laps: map[lapKey]*lap{}, took: map[lapKey]Estimate{}}
	case KindResume:
		w.life++
	case KindRollback:
		w.life++
		if r.Run != nil {
			w.back, w.undoes = r.Run.Runbook, !r.Run.EndsRun
		}
		w.book = w.back
	case KindRolledBack:
		w.book = w.run
	case KindStep, KindStart, KindEnd, KindProbed, KindPause, KindStepDone, KindStepUndone:
		w.step(r)
	default:
	}
}

// step takes in what a journal says of a step.
func (w *stopwatch) step(r Record) {
	key := lapKey{w.book, r.Step}
	if r.Kind == KindStepUndone {
		if w.book == w.run { // it failed, and was undone at once
			delete(w.laps, key)
			delete(w.took, key)
			return
		}
		if w.undoes {
			key.step = undoPrefix + r.Step
		}
	}
	l := w.laps[key]
	if l == nil || l.life != w.life && !l.begun && !l.void { // a step that has not begun looks anew
		l = &lap{life: w.life, since: r.Time, started: map[actionKey]bool{}}
		w.laps[key] = l
	}
	l.void = l.void || l.life != w.life
	action := actionKey{r.Phase, r.Action}
	switch r.Kind {
	case KindStep:
		l.begun = true
	case KindStart:
		l.started[action] = true
		l.acted = l.acted || r.Effect != ReadOnly.String()
		l.void = l.void || r.Phase == PhaseUndo || r.Phase == PhaseCompletion
	case KindEnd:
		l.void = l.void || r.Error != ""
	case KindPause:
		l.void = true
	case KindProbed: // what was done before takes no time now
		l.found = l.found || r.Found == Done.String() && !l.started[action]
	case KindStepDone, KindStepUndone:
		if !l.void && len(l.started) > 0 && (l.acted || !l.found) {
			d := max(time.Second, roundUp(r.Time.Sub(l.since)))
			w.took[key] = Estimate{Least: d, Most: d, Part: l.found}
		} else {
			delete(w.took, key)
		}
		delete(w.laps, key)
	default:
	}
}

// roundUp is the time in whole seconds.
func roundUp(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }

// stated is what is known, and before that what the operator says: of steps, and of RUNBOOK/STEP in a rollback.
func (t Took) stated(rb *Runbook, says map[string]time.Duration) (Took, error) {
	all, said := Took{}, map[lapKey]bool{}
	for book, steps := range t {
		all[book] = maps.Clone(steps)
	}
	for name, d := range says {
		key := lapKey{rb.Name, name}
		if book, step, other := strings.Cut(name, "/"); other {
			key = lapKey{book, step}
		}
		switch _, err := rb.place(key.step); {
		case d <= 0:
			return nil, fmt.Errorf("step %s cannot take %s", name, d)
		case key.book == rb.Name && err != nil:
			return nil, err
		}
		if said[key] {
			return nil, fmt.Errorf("how long step %s of %s takes is stated twice", key.step, key.book)
		}
		said[key] = true
		delete(all[key.book], key.step)
		all.add(key, Estimate{Most: d, From: "what the operator states"})
	}
	return all, nil
}

// of is what is known of a step's time: from earlier runs of the site, or else from the step itself and its actions.
func (t Took) of(book string, s *Step) Estimate {
	if e, known := t[book][s.ID]; known {
		return e
	}
	return s.takes()
}

// span is what a plan counts for a step. One without actions takes no time.
func (t Took) span(book string, s *Step) Span {
	if len(s.Actions)+len(s.Verify) == 0 {
		return Span{}
	}
	return t.of(book, s).span()
}

// unknown are the steps of a runbook of which nobody knows how long they take.
func (t Took) unknown(rb *Runbook) (ids []string) {
	for i := range rb.Steps {
		if s := &rb.Steps[i]; t.span(rb.Name, s).AtLeast {
			ids = append(ids, s.ID)
		}
	}
	return slices.Clip(ids)
}
