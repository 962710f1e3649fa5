package evenkeel

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// TurnBack is the rollback from a step that is done, when the next one has not begun.
type TurnBack struct {
	Number int    `json:"number"` // of the step; of steps that run at the same time, the last
	Step   string `json:"step"`
	// To is where it leads: the beginning, the end of an earlier step, or what a rollback of its own leads to. It is
	// empty where there is no rollback, or nobody can tell: then Why says it.
	To  string `json:"to,omitempty"`
	Why string `json:"why,omitempty"`
	// While is why there is no rollback while the step runs, where there is one when it is done.
	While   string   `json:"while,omitempty"`
	Takes   Span     `json:"takes"`             // so long before the end of the maintenance window it is turned back
	AtMost  Span     `json:"at_most"`           // the same by the limits of the tool
	Unknown []string `json:"unknown,omitempty"` // RUNBOOK/STEP of the rollback of which nobody knows how long they take
}

// TimedNoReturn is a step from whose beginning on there is no rollback, for a while or for good.
type TimedNoReturn struct {
	Number int    `json:"number"`
	Step   string `json:"step"`
	Title  string `json:"title"`
	Why    string `json:"why"`
	Begins Span   `json:"begins"`
	Ends   Span   `json:"ends"` // so long before the end of the maintenance window it begins
	// Again is the step after which there is a rollback again; empty where there is none. Back is how long before the
	// end the step has to begin, for the run to go on to there and be turned back.
	Again string `json:"again,omitempty"`
	Back  Span   `json:"back"`
	To    string `json:"to,omitempty"` // where that rollback leads

	first int // step
}

// barredIn is why there is no rollback while steps run that have begun to change something.
func (rb *Runbook) barredIn(g timedGroup, info *RunInfo) string {
	records := rb.upTo(g.first, info)
	for i := g.first; i < g.first+g.n; i++ {
		s := &rb.Steps[i]
		records = append(records, Record{Kind: KindStep, Step: s.ID, Opens: s.Opens})
		for j := range s.Actions {
			if a := &s.Actions[j]; a.effect() != ReadOnly {
				records = append(records, Record{Kind: KindStart, Step: s.ID, Action: a.ID, Effect: a.shownEffect()})
				break
			}
		}
	}
	st, err := ReadState(records)
	if err == nil {
		_, err = rb.RollbackPlan(st)
	}
	var barred *CannotRollBackError
	if errors.As(err, &barred) {
		return barred.Reason
	}
	return ""
}

// upTo are the records of a run that began as info says and has done its first n steps. What they found out is not known yet.
func (rb *Runbook) upTo(n int, info *RunInfo) []Record {
	records := []Record{{Kind: KindBegin, Run: info}}
	exited := Exited
	for i := range rb.Steps[:n] {
		s := &rb.Steps[i]
		records = append(records, Record{Kind: KindStep, Step: s.ID, Opens: s.Opens})
		for _, part := range []part{{string(PhaseDo), s.Actions}, {string(PhaseVerify), s.Verify}} {
			for j := range part.actions {
				a := &part.actions[j]
				end := Record{Kind: KindEnd, Step: s.ID, Action: a.ID, Phase: Phase(part.phase), Outcome: &exited, Facts: Facts{}}
				for _, m := range a.Makes {
					end.Facts[m.Key.Name()] = json.RawMessage("null")
				}
				start := Record{Kind: KindStart, Step: s.ID, Action: a.ID, Phase: Phase(part.phase), Effect: a.shownEffect()}
				records = append(records, start, end)
			}
		}
		records = append(records, Record{Kind: KindStepDone, Step: s.ID, Closes: s.Closes})
	}
	return records
}

// turnBacks finds the rollback from every step. What the operator states of a step that none of them has is a mistake.
func (t *Timetable) turnBacks(says map[string]time.Duration) error {
	names := map[string]bool{}
	info := t.rb.info("timetable")
	for _, g := range t.groups {
		last := &t.rb.Steps[g.first+g.n-1]
		back := TurnBack{Number: g.first + g.n, Step: last.ID}
		st, err := ReadState(t.rb.upTo(g.first+g.n, info))
		var plan *Runbook
		if err == nil {
			plan, err = t.rb.RollbackPlan(st)
		}
		var barred *CannotRollBackError
		switch {
		case errors.As(err, &barred):
			back.Why = barred.Reason
		case err != nil:
			back.Why = "it cannot be planned yet: " + err.Error()
		default:
			back.To = "the beginning"
			back.While = t.rb.barredIn(g, info)
			if plan.barrier != nil {
				back.To = fmt.Sprintf("the end of step %d", t.number(plan.barrier.Step))
			}
			if plan.EndsRun {
				back.To = fmt.Sprintf("the end of the rollback %q", plan.Title)
			}
			for _, s := range plan.Steps {
				names[plan.Name+"/"+s.ID] = true
			}
			for _, id := range t.took.unknown(plan) {
				back.Unknown = append(back.Unknown, plan.Name+"/"+id)
			}
			for i := 0; i < len(plan.Steps); {
				var takes, atMost Span
				for n := plan.group(i); n > 0; n-- {
					takes, atMost = takes.beside(t.took.span(plan.Name, &plan.Steps[i])), atMost.beside(plan.Steps[i].limit())
					i++
				}
				back.Takes, back.AtMost = back.Takes.plus(takes), back.AtMost.plus(atMost)
			}
		}
		t.TurnBacks = append(t.TurnBacks, back)
	}
	for _, name := range slices.Sorted(maps.Keys(says)) {
		if book, _, other := strings.Cut(name, "/"); other && book != t.rb.Name && !names[name] {
			known := strings.Join(slices.Sorted(maps.Keys(names)), ", ")
			return fmt.Errorf("no rollback has the step %q; they have: %s", name, cmp.Or(known, "none"))
		}
	}
	return nil
}

// number is a step as a reader of the plan counts it.
func (t *Timetable) number(id string) int {
	return slices.IndexFunc(t.rb.Steps, func(s Step) bool { return s.ID == id }) + 1
}

// noReturns finds the steps from which on there is no rollback where there was one before.
func (t *Timetable) noReturns() {
	for i, g := range t.groups {
		if t.TurnBacks[i].To != "" || i > 0 && t.TurnBacks[i-1].To == "" {
			continue
		}
		s := t.Steps[g.first]
		for j := g.first; j < g.first+g.n; j++ { // of several the one that says so
			if t.Steps[j].NoReturn != "" {
				s = t.Steps[j]
				break
			}
		}
		point := TimedNoReturn{Number: s.Number, Step: s.ID, Title: s.Title, Begins: g.begins,
			Why: cmp.Or(s.NoReturn, t.TurnBacks[i].Why), first: g.first}
		point.Ends, _ = t.between(g.first, len(t.rb.Steps)-1)
		for j, later := range t.TurnBacks[i:] {
			if later.To == "" {
				continue
			}
			point.Again, point.To = later.Step, later.To
			for _, on := range t.groups[i : i+j+1] {
				point.Back = point.Back.plus(on.takes)
			}
			point.Back = point.Back.plus(later.Takes)
			break
		}
		t.NoReturns = append(t.NoReturns, point)
	}
}

// latest is the time so long before the end of the maintenance window.
func (t *Timetable) latest(before Span) string {
	switch {
	case before.AtLeast && before.For == 0:
		return "unknown"
	case t.End != nil:
		return mark(before, "before ") + t.End.Add(-before.For).Format(clockTime) + guessed(before)
	case t.Within > 0:
		return mark(before, "before ") + offset(t.Within-before.For) + guessed(before)
	}
	return before.String() + " before the end"
}

// guessed is the word for a time that rests on guesses.
func guessed(s Span) string {
	if s.Guessed {
		return " (guessed)"
	}
	return ""
}

// mark is a word for what is not known as a whole.
func mark(s Span, word string) string {
	if s.AtLeast {
		return word
	}
	return ""
}

// clockTime is how times of day are told: the day stands with them, since a run may take longer.
const clockTime = "2006-01-02 15:04"

// offset is a time after the start of the run: "1:02:03". Before the start it is negative.
func offset(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	s := int(d / time.Second)
	return fmt.Sprintf("%s%d:%02d:%02d", sign, s/3600, s/60%60, s%60)
}
