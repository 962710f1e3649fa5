package evenkeel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// TimetableOptions say what a timetable is made for. The zero value is one of relative times.
type TimetableOptions struct {
	Took Took // from the journals of earlier runs: before what the steps themselves say
	// Stated is how long steps take as the operator says: before all else. The key is the ID of a step; of a step of a
	// rollback it is the name of its runbook, a slash, and the ID.
	Stated map[string]time.Duration

	Start  time.Time     // when the run begins; zero: the times are relative to it
	End    time.Time     // when the maintenance window is over; zero: see Within
	Within time.Duration // how long the maintenance window is; zero where nobody says

	Oplogs []Oplog // what each absence is compared with

	Doubts []string // what else is doubtful, such as of a journal that Took has: a finding each
}

// Oplog is how far back the log reaches from which a part that was away catches up.
type Oplog struct {
	Name   string        `json:"name"` // whose: a replica set, or a file; may be empty
	Window time.Duration `json:"window_ns"`
}

func (o Oplog) String() string {
	return "the oplog" + in(" of ", o.Name, "") + " reaches back " + inWords(o.Window)
}

// Timetable is the plan of the maintenance window for a runbook: when each step begins and how long it takes, what the
// users feel meanwhile, and how late it may be turned back. Expected times count the longer number of each estimate.
// Of an estimate the longer number counts. What nobody knows counts as nothing, and every time that it is part of is
// then a lower bound: Span.AtLeast.
type Timetable struct {
	Title  string        `json:"title"`
	Digest string        `json:"digest"` // of the runbook
	Start  *time.Time    `json:"start,omitempty"`
	End    *time.Time    `json:"end,omitempty"`
	Within time.Duration `json:"-"` // how long the maintenance window is, where that is known

	Steps     []TimedStep     `json:"steps"`
	Total     Span            `json:"total"`   // expected
	AtMost    Span            `json:"at_most"` // by the limits of the tool, in one life, and when no connection is lost
	Unknown   []string        `json:"unknown"` // the steps of which nobody knows how long they take, or only of a part
	Windows   []TimedWindow   `json:"windows"`
	Absences  []TimedAbsence  `json:"absences"`
	Oplogs    []Oplog         `json:"oplogs"`
	NoReturns []TimedNoReturn `json:"points_of_no_return"`
	TurnBacks []TurnBack      `json:"turn_backs"`
	Findings  []string        `json:"findings"`

	rb     *Runbook
	took   Took
	groups []timedGroup
}

// TimedStep is a step of a timetable.
type TimedStep struct {
	Number   int      `json:"number"`
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Host     string   `json:"host,omitempty"`
	Beside   string   `json:"parallel,omitempty"` // the group of the steps that run at the same time
	Tool     bool     `json:"tool"`               // the tool has a part in it
	Operator bool     `json:"operator"`           // the operator has a part in it
	Begins   Span     `json:"begins"`             // after the start of the run
	Ends     Span     `json:"ends"`
	Takes    Estimate `json:"takes"`
	AtMost   Span     `json:"at_most"` // by the limits of the tool
	// Critical: the whole run takes longer when this step does, or may.
	Critical bool     `json:"critical"`
	Opens    []string `json:"opens,omitempty"` // windows
	Closes   []string `json:"closes,omitempty"`
	NoReturn string   `json:"no_return,omitempty"` // why it cannot be undone
}

// TimedWindow is when a window is open.
type TimedWindow struct {
	ID        string        `json:"id"`
	Invariant string        `json:"invariant"`
	Stop      StopRule      `json:"stop"`
	From      string        `json:"from"`  // the step that opens it
	Until     string        `json:"until"` // the step that closes it
	Opens     Span          `json:"opens"` // after the start of the run
	Lasts     Span          `json:"lasts"`
	Limit     time.Duration `json:"limit_ns"`
	Down      []string      `json:"down,omitempty"` // what is expected to be down in it
	Each      Estimate      `json:"each"`           // and for how long each of it

	first, last int // steps
}

// TimedAbsence is how long a part of the system is away.
type TimedAbsence struct {
	Absence
	Begins Span `json:"begins"`
	Lasts  Span `json:"lasts"`
	AtMost Span `json:"at_most"` // by the limits of the tool

	first, last int // steps
}

// timedGroup is one step, or the steps that run at the same time.
type timedGroup struct {
	first, n      int // steps
	begins, takes Span
	atMost        Span
}

// Timetable plans the maintenance window. It looks at no machine and at no clock.
func (rb *Runbook) Timetable(o TimetableOptions) (*Timetable, error) {
	if err := rb.Validate(); err != nil {
		return nil, err
	}
	took, err := o.Took.stated(rb, o.Stated)
	if err != nil {
		return nil, err
	}
	t := &Timetable{Title: rb.Title, Digest: rb.Digest(), Unknown: took.unknown(rb), Windows: []TimedWindow{},
		Absences: []TimedAbsence{}, Oplogs: slices.Clone(o.Oplogs), NoReturns: []TimedNoReturn{}, Findings: append([]string{}, o.Doubts...),
		rb: rb, took: took}
	if err := t.place(o); err != nil {
		return nil, err
	}
	for i := 0; i < len(rb.Steps); i += rb.group(i) {
		t.group(i, rb.group(i))
	}
	t.open()
	t.away()
	if err := t.turnBacks(o.Stated); err != nil {
		return nil, err
	}
	t.noReturns()
	t.find()
	return t, nil
}

// place says when the maintenance window begins and ends.
func (t *Timetable) place(o TimetableOptions) error {
	start, end, within := o.Start, o.End, o.Within
	switch {
	case within < 0:
		return fmt.Errorf("a maintenance window of %s is none", within)
	case !end.IsZero() && within > 0:
		return errors.New("the end of the maintenance window is given, and how long it is: one of the two is enough")
	case !start.IsZero() && !end.IsZero() && !end.After(start):
		return fmt.Errorf("the maintenance window ends (%s) before it begins (%s)", end.Format(time.RFC3339),
			start.Format(time.RFC3339))
	case !start.IsZero() && !end.IsZero():
		within, end = end.Sub(start), end.In(start.Location()) // one zone for all times of the day
	case !start.IsZero() && within > 0:
		end = start.Add(within)
	}
	for _, log := range o.Oplogs {
		if log.Window <= 0 {
			return fmt.Errorf("an oplog that reaches back %s (%s) is none", log.Window, log.Name)
		}
	}
	if !start.IsZero() {
		t.Start = &start
	}
	if !end.IsZero() {
		t.End = &end
	}
	t.Within = within
	return nil
}

// group adds steps that begin at the same time, when all before them have ended.
func (t *Timetable) group(first, n int) {
	g := timedGroup{first: first, n: n, begins: t.Total}
	for i := first; i < first+n; i++ {
		s := &t.rb.Steps[i]
		takes := t.took.span(t.rb.Name, s)
		g.takes, g.atMost = g.takes.beside(takes), g.atMost.beside(s.limit())
		step := TimedStep{Number: i + 1, ID: s.ID, Title: s.Title, Host: s.Host, Begins: g.begins, Ends: g.begins.plus(takes),
			Takes: t.took.of(t.rb.Name, s), AtMost: s.limit(), Closes: s.Closes, NoReturn: s.Irreversible}
		if n > 1 {
			step.Beside = s.Parallel
		}
		step.Tool, step.Operator = s.persons()
		for _, w := range s.Opens {
			step.Opens = append(step.Opens, w.ID)
		}
		t.Steps = append(t.Steps, step)
	}
	for i := first; i < first+n; i++ {
		takes := t.took.span(t.rb.Name, &t.rb.Steps[i])
		t.Steps[i].Critical = takes.AtLeast || takes.For == g.takes.For
	}
	t.groups = append(t.groups, g)
	t.Total, t.AtMost = t.Total.plus(g.takes), t.AtMost.plus(g.atMost)
}

// persons tells who has a part in a step.
func (s *Step) persons() (tool, operator bool) {
	for _, list := range [][]Action{s.Actions, s.Verify} {
		for i := range list {
			operator = operator || list[i].Manual != ""
			tool = tool || !list[i].attestation()
		}
	}
	return tool, operator
}

// column is the place of a step's group.
func (t *Timetable) column(step int) int {
	return slices.IndexFunc(t.groups, func(g timedGroup) bool { return step < g.first+g.n })
}

func (t *Timetable) groupOf(step int) timedGroup { return t.groups[t.column(step)] }

// between is the time from the beginning of one step to the end of a later one.
func (t *Timetable) between(first, last int) (takes, atMost Span) {
	for _, g := range t.groups {
		switch {
		case g.first+g.n <= first || g.first > last: // before, or after
		case last < g.first+g.n:
			s := &t.rb.Steps[last]
			takes, atMost = takes.plus(t.took.span(t.rb.Name, s)), atMost.plus(s.limit())
		default:
			takes, atMost = takes.plus(g.takes), atMost.plus(g.atMost)
		}
	}
	return takes, atMost
}

// open times the windows.
func (t *Timetable) open() {
	for i := range t.rb.Steps {
		for _, w := range t.rb.Steps[i].Opens {
			last := t.rb.closes(w.ID, i)
			lasts, _ := t.between(i, last)
			t.Windows = append(t.Windows, TimedWindow{ID: w.ID, Invariant: w.Invariant, Stop: w.Stop, From: t.rb.Steps[i].ID,
				Until: t.rb.Steps[last].ID, Opens: t.Steps[i].Begins, Lasts: lasts, Limit: w.Limit,
				Down: w.Down, Each: w.Each, first: i, last: last})
		}
	}
}

// away times the absences.
func (t *Timetable) away() {
	for _, a := range t.rb.Absences {
		first, _ := t.rb.place(a.From)
		last, _ := t.rb.place(a.Until)
		lasts, atMost := t.between(first, last)
		t.Absences = append(t.Absences, TimedAbsence{Absence: a, Begins: t.Steps[first].Begins, Lasts: lasts, AtMost: atMost,
			first: first, last: last})
	}
}

// find says what does not fit, and what nobody can say.
func (t *Timetable) find() {
	add := func(format string, args ...any) { t.Findings = append(t.Findings, fmt.Sprintf(format, args...)) }
	for _, s := range t.Steps {
		if e := s.Takes; e.known() && !s.AtMost.AtLeast && e.Most > s.AtMost.For {
			add("step %s is expected to take %s, and the tool gives it up after %s", s.ID, inWords(e.Most),
				inWords(s.AtMost.For))
		}
	}
	for _, w := range t.Windows {
		if w.Lasts.For > w.Limit {
			add("window %s is expected to be open for %s, and its limit is %s", w.ID, w.Lasts, inWords(w.Limit))
		}
	}
	for _, a := range t.Absences {
		for _, log := range t.Oplogs {
			switch {
			case a.Stopped:
			case a.Lasts.For > log.Window:
				add("a member comes back too late: %s are away for %s (step %s to step %s), and %s: make the oplog larger, "+
					"or shorten the absence", a.What, a.Lasts, a.From, a.Until, log)
			case a.Lasts.AtLeast:
				add("it is not known whether %s come back in time: they are away for a time that is %s (step %s to step %s), and %s",
					a.What, a.Lasts, a.From, a.Until, log)
			}
		}
	}
	if t.Within <= 0 {
		return
	}
	switch {
	case t.Total.For > t.Within:
		add("the run does not fit into the maintenance window: it takes %s, and the window has %s", t.Total,
			inWords(t.Within))
	case t.Total.AtLeast:
		add("it is not known whether the run fits into the maintenance window of %s: its time is %s, and of %d of its "+
			"%s it is not known", inWords(t.Within), t.Total, len(t.Unknown), printable.Count(len(t.Steps), "step"))
	case t.Total.Guessed:
		add("that the run fits into the maintenance window of %s rests on guesses: its time is %s. State what you know of the steps, or "+
			"give the journal of an earlier run", inWords(t.Within), t.Total)
	}
	var late, unknown, guesses []int
	for i, back := range t.TurnBacks {
		g := t.groups[i]
		switch {
		case back.To == "":
		case g.begins.For+g.takes.For+back.Takes.For > t.Within:
			late = append(late, back.Number)
		case back.Takes.AtLeast || g.begins.AtLeast || g.takes.AtLeast:
			unknown = append(unknown, back.Number)
		case back.Takes.Guessed || g.begins.Guessed || g.takes.Guessed:
			guesses = append(guesses, back.Number)
		}
	}
	if len(guesses) > 0 {
		add("that a rollback from these steps ends within the maintenance window rests on guesses: %s", numbers(guesses))
	}
	if len(unknown) > 0 {
		add("it is not known whether a rollback from these steps ends within the maintenance window: %s", numbers(unknown))
	}
	if len(late) > 0 {
		add("when these steps are done as planned, a rollback from there ends after the maintenance window: %s",
			numbers(late))
	}
}

// theSteps are steps in a sentence: "step 1", "steps 1, 3 and 5 to 7".
func theSteps(list []int) string {
	text := numbers(list)
	if last := strings.LastIndex(text, ", "); last >= 0 {
		text = text[:last] + " and " + text[last+2:]
	}
	if len(list) == 1 {
		return "step " + text
	}
	return "steps " + text
}

// numbers are steps by number: "10, 13 to 15".
func numbers(list []int) string {
	var words []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		switch j - i {
		case 0:
			words = append(words, fmt.Sprint(list[i]))
		case 1:
			words = append(words, fmt.Sprint(list[i]), fmt.Sprint(list[j]))
		default:
			words = append(words, fmt.Sprintf("%d to %d", list[i], list[j]))
		}
		i = j + 1
	}
	return strings.Join(words, ", ")
}
