package evenkeel

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// Ran is what became of a step or an action, as a journal tells it.
type Ran struct {
	Progress Progress
	Begun    time.Time // zero where it did not begin
	Ended    time.Time // zero where it did not end
	Exit     int
	Looks    int      // how often a check looked before it was content
	Attested string   // what the operator said
	Error    string   // why it failed
	Found    string   // what a probe found
	Notes    []string // what the operator should know of what was seen
	Facts    []string // what it found out: "name = value"
}

// Took is how long it ran; 0 where that is not known.
func (r *Ran) Took() time.Duration {
	if r.Begun.IsZero() || r.Ended.IsZero() {
		return 0
	}
	return r.Ended.Sub(r.Begun)
}

// Words are what became of it, in words: "done in 4 s, after 3 looks".
func (r *Ran) Words() string {
	text := string(r.Progress)
	if r.Begun.IsZero() && r.Progress == Pending {
		return "not reached"
	}
	if !r.Ended.IsZero() && !r.Begun.IsZero() {
		text += " in " + inWords(r.Took())
	}
	if r.Found != "" {
		text += ", the probe found: " + r.Found
	}
	if r.Looks > 1 {
		text += fmt.Sprintf(", after %d looks", r.Looks)
	}
	if r.Exit != 0 {
		text += fmt.Sprintf(", exit status %d", r.Exit)
	}
	return text
}

// layOver lays the journal of a run over the plan. It must be one of this runbook.
func (b *sheeter) layOver(sh *Sheet, records []Record) error {
	st, err := ReadState(records)
	if err != nil {
		return err
	}
	if st.Run.Digest != b.rb.Digest() {
		return fmt.Errorf("%w: the journal was written with the plan %s, and this is %s", ErrJournalOther, st.Run.Digest, b.rb.Digest())
	}
	b.state = st
	ran := b.actionsRan(records)
	for i := range sh.Steps {
		s, id := &sh.Steps[i], b.rb.Steps[i].ID
		of := st.Step(id)
		s.Ran = &Ran{Progress: of.Progress, Begun: of.Begun, Ended: of.Ended, Error: b.said(of.Broke())}
		lists := [][]ActionSheet{s.Do, s.Verify, s.Undo}
		for _, w := range s.Opens {
			lists = append(lists, w.Completion)
		}
		for _, list := range lists {
			for j := range list {
				a := &list[j]
				if a.Ran = ran[ranKey{id, a.Phase, a.ID}]; a.Ran == nil && a.Phase != PhaseUndo && a.Phase != PhaseCompletion {
					a.Ran = &Ran{Progress: Pending}
				}
			}
		}
	}
	return nil
}

// said is a text that quotes a program.
func (b *sheeter) said(text string) string { return plain(b.redact.String(text)) }

type ranKey struct {
	step   string
	phase  Phase
	action string
}

// actionsRan is what became of each action, the last time that it ran.
func (b *sheeter) actionsRan(records []Record) map[ranKey]*Ran {
	ran, back := map[ranKey]*Ran{}, false
	for _, r := range records {
		switch r.Kind {
		case KindBegin:
			ran = map[ranKey]*Ran{}
			continue
		case KindRollback, KindRolledBack:
			back = r.Kind == KindRollback
			continue
		default:
		}
		key := ranKey{r.Step, r.Phase, b.text(r.Action)}
		if back { // an undo is a step of the rollback
			key.step, key.phase = strings.TrimPrefix(r.Step, undoPrefix), PhaseUndo
		}
		switch r.Kind {
		case KindStart:
			ran[key] = &Ran{Progress: Doing, Begun: r.Time}
		case KindProbed:
			ran[key] = &Ran{Progress: Doing, Found: b.text(r.Found), Begun: r.Time}
			if r.Found == Done.String() {
				ran[key].Progress, ran[key].Ended = Did, r.Time
			}
		case KindEnd:
			of := ran[key]
			if of == nil {
				of = &Ran{Begun: r.Time}
				ran[key] = of
			}
			of.Progress, of.Ended, of.Exit, of.Looks = Did, r.Time, r.Exit, r.Looks
			of.Attested, of.Error, of.Notes = b.said(r.Output), b.said(r.Error), nil
			if r.Error != "" {
				of.Progress = Failed
			}
			for _, note := range r.Notes {
				of.Notes = append(of.Notes, b.said(note))
			}
			for _, name := range slices.Sorted(maps.Keys(r.Facts)) {
				of.Facts = append(of.Facts, b.said(name+" = "+string(r.Facts[name])))
			}
		default:
		}
	}
	return ran
}

// outcome is the chapter of a run that a journal tells of.
func (b *sheeter) outcome(sh *Sheet) Chapter {
	st := b.state
	if st == nil {
		return Chapter{}
	}
	c := Chapter{ID: "outcome", Title: "What was done"}
	add := func(name, format string, args ...any) {
		c.Rows = append(c.Rows, []string{name, b.said(fmt.Sprintf(format, args...))})
	}
	add("Outcome", "%s", st.outcome())
	if st.Run.Simulated {
		add("Machines", "They were simulated: this is no evidence of a run on real ones.")
	}
	add("Run", "%s, plan digest %s", st.Run.ID, st.Run.Digest)
	resumed := ""
	if st.Resumed > 0 {
		resumed = printable.Count(st.Resumed, "time")
	}
	add("Time", "from %s to %s: %s%s",
		inFull(st.Begun), inFull(st.Last), printable.Duration(st.Last.Sub(st.Begun)), in(", resumed ", resumed, ""))
	if st.Run.Version != "" {
		add("By", "version %s of the tool", st.Run.Version)
	}
	done := 0
	for i := range sh.Steps {
		if sh.Steps[i].Ran.Progress == Did {
			done++
		}
	}
	add("Steps done", "%d of %d", done, len(sh.Steps))
	for _, w := range st.Closed {
		late := ""
		if w.Lasted() > w.Limit {
			late = ": LONGER THAN ITS LIMIT"
		}
		add("Window "+w.ID, "%s was suspended for %s, from %s; limit %s%s",
			b.invariant(w.Invariant), printable.Duration(w.Lasted()), inFull(w.Since), inWords(w.Limit), late)
	}
	for _, w := range st.openWindows() {
		add("Window "+w.ID, "%s is suspended since %s: STILL OPEN", b.invariant(w.Invariant), inFull(w.Since))
	}
	for _, n := range st.Notes {
		c.List = append(c.List, b.said("Step "+n.Step+": "+n.Text))
	}
	for _, d := range st.Differs {
		c.List = append(c.List, b.said("Differs from the state before the run: "+d))
	}
	return c
}

// outcome is where the run stands, in words.
func (st *State) outcome() string {
	switch {
	case st.RollingBack():
		return "a rollback has begun and has not ended"
	case st.Rollback != nil && st.Rollback.Done && len(st.Differs) > 0:
		return "rolled back; something differs from the state before the run (listed below)"
	case st.Rollback != nil && st.Rollback.Done:
		return "rolled back"
	case st.Done:
		return "finished: every step is done and verified"
	case st.Paused != nil:
		return "not finished: paused in step " + st.Paused.Step + ": " + st.Paused.Reason
	}
	return "not finished"
}
