// Package course decides what happens next with one pair that a durable engine upgrades: begin a life, perform the
// runbook's decisions in it, end it, wait for an operator. It knows nothing of the durable engine. It reads no clock and
// no machine, so what it decided once it decides again from the same records and requests.
package course

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// Verb is what a life does.
type Verb string

// The verbs, as the binaries have them.
const (
	Run      Verb = "run"
	Resume   Verb = "resume"
	Rollback Verb = "rollback"
)

// Kind says what a move is.
type Kind string

// The kinds of moves.
const (
	Begin   Kind = "begin"    // begin a life, on any worker
	AskStop Kind = "ask-stop" // ask the life to stop at its next safe point
	Perform Kind = "perform"  // perform decisions, each by itself, in the life
	Await   Kind = "await"    // until one that is being performed ends, or an operator asks for something
	End     Kind = "end"      // end the life
	Hold    Kind = "hold"     // until an operator asks for something; no life, no worker
	Over    Kind = "over"     // nothing is left
)

// State is where a pair stands, in the words that status of the binaries has.
type State string

// The states.
const (
	Running    State = "running"
	Stopped    State = "stopped"
	Paused     State = "paused"
	Failed     State = "failed"
	KeptOut    State = "kept out" // a life could not begin: nothing was done in it
	Finished   State = "finished"
	RolledBack State = "rolled back"
)

// Move is one thing to do.
type Move struct {
	Kind      Kind
	Verb      Verb                // of Begin
	Decisions []evenkeel.Decision // of Perform
	State     State               // of Hold and Over
	Why       string              // of Hold
}

// Held is why no life begins before an operator asks for it.
type Held struct {
	State  State  `json:"state"`
	Step   string `json:"step,omitempty"`
	Action string `json:"action,omitempty"`
	Why    string `json:"why"`
}

// Life is the life that is under way on a worker.
type Life struct {
	Verb  Verb            `json:"verb"`
	Row   int             `json:"row,omitempty"`   // workers that were lost in a row before it
	Told  bool            `json:"told,omitempty"`  // it was asked to stop
	Over  bool            `json:"over,omitempty"`  // there is nothing to do in it
	Cut   bool            `json:"cut,omitempty"`   // it was stopped at once: nothing more is performed in it
	Spent map[string]bool `json:"spent,omitempty"` // the steps that did not come to a good end in it
	Busy  map[string]bool `json:"-"`               // the steps of which a decision is being performed
}

// Place is where a pair stands, and what operators have asked for. Its journal is in Journal, the rest is for anybody.
type Place struct {
	Life *Life
	Held *Held
	Stop bool // asked for, and not taken back by Go or GoBack
	Now  bool // it was asked for wherever the pair is: inside an outage too
	Back *int // a rollback was asked for, when the journal had so many records
	// Confirmed are the words of operators, by step/action, that no action has taken yet.
	Confirmed map[string]Word

	nothing bool // there was nothing to roll back

	book    *evenkeel.Runbook
	journal evenkeel.MemJournal
	trial   *evenkeel.MemJournal // the journal, with what Follows tried last
	state   *evenkeel.State      // of the first known records
	known   int
}

// New is the place of a pair with a journal; one without records begins.
func New(book *evenkeel.Runbook, records []evenkeel.Record) (*Place, error) {
	p := &Place{book: book, Confirmed: map[string]Word{}}
	for _, r := range records {
		if err := p.Append(r); err != nil {
			return nil, err
		}
	}
	if len(records) > 0 {
		if _, err := p.State(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Follows tells whether a sealed record is the one that the journal takes next. It changes nothing that can be seen.
func (p *Place) Follows(r evenkeel.Record) error {
	known := p.Records()
	if r.Seq != len(known)+1 {
		return fmt.Errorf("record %d was sent where record %d belongs", r.Seq, len(known)+1)
	}
	if p.trial == nil || len(p.trial.Records()) != len(known) { // the last record that was tried was not taken
		p.trial = &evenkeel.MemJournal{}
		for _, one := range known {
			if err := p.trial.Append(one); err != nil {
				return err
			}
		}
	}
	if err := p.trial.Append(r); err != nil {
		return err
	}
	if is := p.trial.Records()[len(known)].Sum; is != r.Sum {
		return fmt.Errorf("record %d does not follow the journal: its sum is %s, and it has %s", r.Seq, is, r.Sum)
	}
	return nil
}

// Append journals a record of the life.
func (p *Place) Append(r evenkeel.Record) error {
	if err := p.journal.Append(r); err != nil {
		return err
	}
	if r.Kind == evenkeel.KindEnd || r.Kind == evenkeel.KindConfirm { // it has had its word: another time wants another
		delete(p.Confirmed, r.Step+"/"+r.Action)
	}
	return nil
}

// Records are those of the journal.
func (p *Place) Records() []evenkeel.Record { return p.journal.Records() }

// State is what the journal tells; nil where it is empty.
func (p *Place) State() (*evenkeel.State, error) {
	records := p.Records()
	if len(records) == p.known {
		return p.state, nil
	}
	st, err := evenkeel.ReadState(records)
	if err != nil {
		return nil, err
	}
	p.state, p.known = st, len(records)
	return st, nil
}

// Next decides.
func (p *Place) Next() (Move, error) {
	st, err := p.State()
	if err != nil {
		return Move{}, err
	}
	if p.Life != nil {
		return p.inLife(st)
	}
	if state, over := p.over(st); over {
		return Move{Kind: Over, State: state}, nil
	}
	if st != nil { // a changed runbook is found before a life begins with it
		if _, err := evenkeel.Next(p.book, st); err != nil {
			return Move{}, err
		}
	}
	switch {
	case p.Stop && (p.Now || !p.inOutage(st)): // else a life brings the outage to its close first: it is asked to stop as it begins
		return Move{Kind: Hold, State: Stopped, Why: stopped(st)}, nil
	case p.Held != nil:
		return Move{Kind: Hold, State: p.Held.State, Why: p.Held.Why}, nil
	case st == nil:
		return Move{Kind: Begin, Verb: Run}, nil
	case p.Back != nil || st.RollingBack():
		return Move{Kind: Begin, Verb: Rollback}, nil
	}
	return Move{Kind: Begin, Verb: Resume}, nil
}

// inLife is what comes next in the life that is under way.
func (p *Place) inLife(st *evenkeel.State) (Move, error) {
	l := p.Life
	if wanted := p.Stop || p.Back != nil && l.Verb != Rollback; wanted && !l.Told {
		return Move{Kind: AskStop}, nil
	}
	var work []evenkeel.Decision
	if !l.Over && !l.Cut && st != nil {
		list, err := evenkeel.Next(p.book, st)
		if err != nil {
			return Move{}, err
		}
		for _, d := range list {
			if d.Work() && !l.Busy[d.Step] && !l.Spent[d.Step] {
				work = append(work, d)
			}
		}
	}
	switch {
	case len(work) > 0:
		return Move{Kind: Perform, Decisions: work}, nil
	case len(l.Busy) > 0:
		return Move{Kind: Await}, nil
	}
	return Move{Kind: End}, nil
}

// over tells whether nothing is left, and what it came to.
func (p *Place) over(st *evenkeel.State) (State, bool) {
	switch {
	case p.nothing, p.Back != nil && st == nil: // nothing was done
		return RolledBack, true
	case p.Back != nil:
		return RolledBack, slices.ContainsFunc(p.Records()[min(*p.Back, len(p.Records())):], func(r evenkeel.Record) bool {
			return r.Kind == evenkeel.KindRolledBack && r.Error == ""
		})
	case st == nil:
		return "", false
	case st.Rollback != nil && st.Rollback.Done && st.Rollback.Run.EndsRun:
		return RolledBack, true
	}
	return Finished, st.Done && !st.RollingBack()
}

// Begun says that a life began; over that there is nothing to do in it.
func (p *Place) Begun(verb Verb, over bool) {
	p.Life = &Life{Verb: verb, Over: over, Cut: p.Now, Spent: map[string]bool{}, Busy: map[string]bool{}}
}

// Lost says that the worker of the life is lost. Whatever was being performed may have happened: the next life asks the
// machines.
func (p *Place) Lost() { p.Life = nil }

// Ended takes what a life came to. again are decisions that are left to it: an outage that was opened beside a step
// which took a stop is brought to its close.
func (p *Place) Ended(e Ending) {
	if len(e.Again) > 0 {
		p.Life.Spent = map[string]bool{}
		return
	}
	verb, over, told := p.Life.Verb, p.Life.Over, p.Life.Told && !p.Life.Cut
	p.Life = nil
	switch {
	case e.How == WasAsked && told && p.downNow():
		p.Held = &Held{State: Failed, Why: "a life stopped inside an outage"} // else lives would follow without an end
	case e.Held != nil:
		p.Held = e.Held
	case e.How == Well && verb == Rollback && over:
		p.nothing = true // there was nothing to roll back
	case e.How == Well:
		if st, err := p.State(); err != nil || st == nil || !p.isOver(st) {
			p.Held = &Held{State: Failed, Why: "a life ended well before the end of the run"} // else lives would follow without an end
		}
	}
}

func (p *Place) downNow() bool {
	st, err := p.State()
	return err == nil && p.inOutage(st)
}

func (p *Place) isOver(st *evenkeel.State) bool {
	_, over := p.over(st)
	return over
}

// How a life, or a decision in it, ended.
type How string

// The ends.
const (
	Well     How = ""
	WasHeld  How = "held"    // it pauses, failed, or was kept out
	WasAsked How = "stopped" // somebody asked it to stop: an operator, or the end of its worker
	WasBusy  How = "busy"    // it could not begin: a command of an earlier one still runs on a machine
)

// Ending is what a life came to.
type Ending struct {
	How   How                 `json:"how,omitempty"`
	Held  *Held               `json:"held,omitempty"`
	Again []evenkeel.Decision `json:"again,omitempty"`
}

// Word is what an operator said: who, when, what.
type Word struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Text string    `json:"text,omitempty"`
}

func (w Word) String() string {
	text := fmt.Sprintf("%s at %s", w.By, w.At.UTC().Format(time.RFC3339))
	if w.Text != "" {
		text += ": " + w.Text
	}
	return text
}

// Confirm takes the confirmation of an action, step/action, where the pair pauses for it; the pair goes on. Elsewhere it is
// refused: nobody can have seen yet what is to be confirmed.
func (p *Place) Confirm(name string, w Word) error {
	if p.Held == nil || p.Held.State != Paused || p.Held.name() != name {
		return fmt.Errorf("the pair does not pause at %s", name)
	}
	p.Confirmed[name], p.Held = w, nil
	return nil
}

func (h *Held) name() string { return h.Step + "/" + h.Action }

// StopNow asks for a stop wherever the pair is. The life that is under way ends, also where an operator resumes meanwhile.
func (p *Place) StopNow() {
	p.Stop, p.Now = true, true
	if p.Life != nil {
		p.Life.Cut = true
	}
}

// Go has a life begin again after a stop, a pause or a failure.
func (p *Place) Go() { p.Stop, p.Now, p.Held = false, false, nil }

// GoBack asks for a rollback.
func (p *Place) GoBack() {
	if p.Back == nil {
		n := len(p.Records())
		p.Back = &n
	}
	clear(p.Confirmed)
	p.Go()
}

func (m Move) String() string {
	text := string(m.Kind)
	for _, more := range []string{string(m.Verb), string(m.State), m.Why} {
		if more != "" {
			text += " " + more
		}
	}
	for i, d := range m.Decisions {
		sep := ", "
		if i == 0 {
			sep = " "
		}
		text += fmt.Sprintf("%s%s", sep, d)
	}
	return text
}
