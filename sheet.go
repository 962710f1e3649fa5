package evenkeel

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Sheet is a runbook as its reader is shown it, in the order in which it is read: chapters, the summary first, and then
// the steps. [Sheet.Markdown], [Sheet.Text] and the page of package examples/cli/page are written from it. No text in it
// holds a secret of the runbook, or what a terminal would obey.
type Sheet struct {
	Title    string
	Digest   string // that is signed; may be empty
	Chapters []Chapter
	Steps    []StepSheet
	// Drawn is what a picture of the run is made from: the columns of time, from left to right.
	Drawn []Column

	rb *Runbook
}

// Prose is a text in Markdown: paragraphs, lists, tables, emphasis and code. What came from files and machines is
// escaped in it: it makes no link, no image and no HTML.
type Prose string

// Chapter is a part of the document before its steps. What it has is shown in the order of the fields.
type Chapter struct {
	ID, Title string
	Prose     Prose
	Paras     []string
	Head      []string // of the table; none for a table of names and values
	Rows      [][]string
	List      []string
	Code      *Code

	Long bool // left out of the short text
}

// Code is a block to be copied as it stands.
type Code struct {
	Language, Text string
	Host           string // where it is typed; empty where that is not one machine
	User           string // as whom, where a command names a user: see sudo in it
}

// Passage is a piece of what is said of an action: prose, then code, then what is set apart.
type Passage struct {
	Prose Prose
	Code  *Code
	Aside []Passage
}

// StepSheet is a step.
type StepSheet struct {
	Number int
	ID     string
	Title  string
	Host   string
	Ref    string
	Group  string // of the steps that run at the same time; empty where it runs alone
	Why    Prose
	Opens  []WindowSheet
	Closes []string
	Do     []ActionSheet
	Verify []ActionSheet
	// How it is undone: one of the three. NoReturn and Harmless say why it is not.
	Undo               []ActionSheet
	NoReturn, Harmless Prose
	Remains            Prose // what stays after the undo

	Ran *Ran // what became of it, where a journal is laid over the plan
}

// WindowSheet is a window that a step opens.
type WindowSheet struct {
	Window
	Suspends   string // its invariant in words: what it promises, as a quotation
	Completion []ActionSheet
}

// ActionSheet is an action.
type ActionSheet struct {
	Number       string // "12.3", of a verification "12.v1", of an undo "12.u1"
	ID           string
	Phase        Phase
	Title        string
	Host         string
	Elsewhere    bool     // the host is another than that of the step
	What         []string // "mutating", "repeat: never", ...
	Effect       Effect
	ByHand       bool
	Precondition bool
	Passages     []Passage

	Ran *Ran
}

// Looks tells whether the action only looks.
func (a *ActionSheet) Looks() bool { return !a.ByHand && a.Effect == ReadOnly }

// SheetOptions are what a Sheet shows beside the runbook. The zero value is of the runbook alone.
type SheetOptions struct {
	Digest    string     // of the runbook, where the document is to be signed
	Signed    string     // the command that runs what was signed, and nothing else
	Made      string     // when and by whom the plan was made
	User      string     // as whom the tool logs in, for blocks that name no user
	Timetable *Timetable // when each step is; made from what the steps themselves say when nil
	Findings  []string   // what was found in the inputs
	Outages   []string   // how long each target was down in a simulation, in words
	// Records are the journal of a run of this runbook: what became of each step is laid over the plan.
	Records []Record
}

// Sheet makes the document. A runbook that is not valid has one too: without times.
func (rb *Runbook) Sheet(o SheetOptions) (*Sheet, error) {
	b := &sheeter{rb: rb, redact: rb.redaction(), o: o, t: o.Timetable}
	if b.t == nil {
		b.t, _ = rb.Timetable(TimetableOptions{})
	}
	sh := &Sheet{Title: b.text(rb.Title), Digest: b.text(o.Digest), rb: rb}
	for i := range rb.Steps {
		sh.Steps = append(sh.Steps, b.step(i+1, &rb.Steps[i]))
	}
	sh.Drawn = b.columns()
	if len(o.Records) > 0 {
		if err := b.layOver(sh, o.Records); err != nil {
			return nil, err
		}
	}
	sh.Chapters = b.chapters(sh)
	return sh, nil
}

// sheeter makes a sheet.
type sheeter struct {
	rb      *Runbook
	redact  sshexec.Redaction
	o       SheetOptions
	t       *Timetable // nil where none can be made
	probing bool       // the blocks look whether something ran
	state   *State     // what the journal tells that is laid over the plan
}

// text is text for one line.
func (b *sheeter) text(s string) string { return plain(b.redact.Own(s)) }

// prose is text of one or more lines.
func (b *sheeter) prose(s string) Prose { return b.own(prose(b.redact.Own(s))) }

// own is prose of our own, in which foreign texts are escaped.
func (b *sheeter) own(s string) Prose { return Prose(b.redact.Own(s)) }

func (b *sheeter) step(n int, s *Step) StepSheet {
	out := StepSheet{Number: n, ID: b.text(s.ID), Title: b.text(s.Title), Host: b.text(s.Host), Ref: b.text(s.Ref),
		Group: b.text(s.Parallel), Why: b.prose(s.Why), Do: b.actions(n, "", PhaseDo, s, s.Actions),
		Verify: b.actions(n, "v", PhaseVerify, s, s.Verify), Undo: append(b.actions(n, "u", PhaseUndo, s, s.Undo),
			b.actions(n, "uv", PhaseUndo, s, s.UndoVerify)...),
		NoReturn: b.reason(s.Irreversible), Harmless: b.reason(s.Harmless), Remains: b.reason(s.Remains)}
	for _, w := range s.Opens {
		shown := WindowSheet{w, b.invariant(w.Invariant), b.actions(n, "c", PhaseCompletion, s, w.Completion)}
		shown.ID, shown.Invariant, shown.Reason = b.text(w.ID), b.text(w.Invariant), b.text(w.Reason)
		out.Opens = append(out.Opens, shown)
	}
	for _, id := range s.Closes {
		out.Closes = append(out.Closes, b.text(id))
	}
	return out
}

// invariant is an invariant in words: what it promises, as a quotation.
func (b *sheeter) invariant(id string) string {
	for _, inv := range b.rb.Invariants {
		if inv.ID == id && inv.Title != "" {
			return "“" + strings.TrimSuffix(b.text(inv.Title), ".") + "”"
		}
	}
	return b.text(id)
}

// reason is prose without its full stop, for the middle of a sentence.
func (b *sheeter) reason(s string) Prose { return Prose(strings.TrimSuffix(string(b.prose(s)), ".")) }

// Column is a place in time in which one step runs, or those that run at the same time.
type Column struct {
	First, Last int  // steps, as shown
	Known       Span // how long it is expected to take
	Begins      string
	ByHand      bool // the operator has a part in it
	NoReturn    bool // there is no rollback from its beginning on
}

func (b *sheeter) columns() []Column {
	rb := b.rb
	var list []Column
	for i := 0; i < len(rb.Steps); {
		n := rb.group(i)
		c := Column{First: i + 1, Last: i + n}
		for j := i; j < i+n; j++ {
			_, hand := rb.Steps[j].persons()
			c.ByHand = c.ByHand || hand
			c.NoReturn = c.NoReturn || slices.ContainsFunc(rb.pointsOfNoReturn(), func(p pointOfNoReturn) bool { return p.from == j+1 })
		}
		if b.t != nil {
			g := b.t.groupOf(i)
			c.Known, c.Begins = g.takes, b.t.when(g.begins)
		}
		list = append(list, c)
		i += n
	}
	return list
}

// count is a number of things in words.
func count(n int, noun string) string { return printable.Count(n, noun) }
