package flow

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
)

// The names that are in histories. They stay.
const (
	PairWorkflow  = "evenkeel.pair"
	FleetWorkflow = "evenkeel.fleet"

	activityBegin   = "evenkeel.begin"
	activityPerform = "evenkeel.perform"
	activityEnd     = "evenkeel.end"
	activityStop    = "evenkeel.stop"

	UpdateAppend  = "evenkeel.append"
	SignalAsk     = "evenkeel.ask"
	signalTold    = "evenkeel.told" // a pair tells its fleet where it stands
	QueryStanding = "evenkeel.standing"
	QueryJournal  = "evenkeel.journal"
	queryWriter   = "evenkeel.writer" // whose records are taken
)

// PairID is the ID of the workflow of a fleet's pair: pairs of several fleets may have the same name.
func PairID(fleet, pair string) string { return fleet + "/" + pair }

// In is what a pair's workflow begins with, and what it leaves to the next when its history has become long. No secret
// is in it: the worker reads those.
type In struct {
	Pair   string `json:"pair"`
	Digest string `json:"digest"` // of the runbook: a worker that has another one refuses
	// Journal is that of a run that goes on, as Pack makes it; empty for a new one.
	Journal []byte `json:"journal,omitempty"`
	// Fleet is the workflow that is told where the pair stands; empty for none.
	Fleet string `json:"fleet,omitempty"`
	// Attributes: the server has the search attributes. Else the same is in the memo.
	Attributes bool `json:"attributes,omitempty"`
	// Events is the length of a history after which another is begun; where it is 0 the server's suggestion counts.
	Events int    `json:"events,omitempty"`
	Limits Limits `json:"limits,omitzero"`

	Stop      bool                   `json:"stop,omitempty"`
	Now       bool                   `json:"now,omitempty"`
	Back      *int                   `json:"back,omitempty"`
	Held      *course.Held           `json:"held,omitempty"`
	Confirmed map[string]course.Word `json:"confirmed,omitempty"`
	Asked     []string               `json:"asked,omitempty"`

	Life  *course.Life `json:"life,omitempty"`
	Queue string       `json:"queue,omitempty"` // of the life's worker
	Lives int          `json:"lives,omitempty"`
	Lost  int          `json:"lost,omitempty"`

	Losses course.Losses `json:"losses,omitzero"`
}

// Limits say when a worker is given up. The zero value is for production.
type Limits struct {
	Heartbeat time.Duration `json:"heartbeat,omitempty"` // without a sign of life; 20 seconds when zero
	Start     time.Duration `json:"start,omitempty"`     // until it takes what is on its queue; 30 seconds when zero
}

// after are the limits of a life that follows so many lost ones: twice, and then four times as long. It may be that the
// workers are not lost, but on a machine that is busy.
func (l Limits) after(lost int) Limits {
	times := time.Duration(1) << min(lost, 2)
	return Limits{Heartbeat: times * l.heartbeat(), Start: times * l.start()}
}

func (l Limits) heartbeat() time.Duration { return orElse(l.Heartbeat, 20*time.Second) }
func (l Limits) start() time.Duration     { return orElse(l.Start, 30*time.Second) }

func orElse(d, other time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return other
}

// Ask is what an operator wants of a pair or of a fleet.
type Ask struct {
	What string      `json:"what"`           // see below
	Name string      `json:"name,omitempty"` // of what is confirmed: step/action
	Word course.Word `json:"word"`
}

// What an operator can ask for.
const (
	AskStop     = "stop"     // at the next safe point
	AskStopNow  = "stop-now" // wherever it is
	AskResume   = "resume"
	AskRollback = "rollback"
	AskConfirm  = "confirm"
)

func (a Ask) String() string {
	text := a.What
	if a.Name != "" {
		text += " " + a.Name
	}
	return text + ", " + a.Word.String()
}

// note is a record on its way from a life to its workflow.
type note struct {
	Life   int             `json:"life"`
	Record evenkeel.Record `json:"record"` // sealed
}

// writer is the life whose records a workflow takes; Life is 0 for none.
type writer struct {
	Life  int    `json:"life"`
	First string `json:"first"` // the first run of the workflow
}

// start is the input of activityBegin, began its result.
type start struct {
	Pair   string      `json:"pair"`
	Digest string      `json:"digest"`
	Life   int         `json:"life"`
	First  string      `json:"first"` // the first run of the workflow: one that was begun anew takes no record of this life
	Verb   course.Verb `json:"verb"`
	// Beat is how often a sign of life is wanted.
	Beat      time.Duration          `json:"beat"`
	Confirmed map[string]course.Word `json:"confirmed,omitempty"`
}

type began struct {
	Queue  string        `json:"queue"`
	Worker string        `json:"worker"`
	Over   bool          `json:"over,omitempty"`
	Ending course.Ending `json:"ending"`
}

// task is the input of the other activities.
type task struct {
	Pair     string            `json:"pair"`
	Life     int               `json:"life"`
	Beat     time.Duration     `json:"beat"`
	Decision evenkeel.Decision `json:"decision,omitzero"`
	// Word is what an operator confirmed of the decision's action since the life began.
	Word *course.Word `json:"word,omitempty"`
}

// Out is what a pair's workflow came to.
type Out struct {
	State    course.State    `json:"state"`
	Standing course.Standing `json:"standing"`
	Differs  []string        `json:"differs,omitempty"` // after a rollback, from the state before the run
}

// Pack makes a journal small. The records stay as they are.
func Pack(records []evenkeel.Record) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := evenkeel.WriteJournal(z, records); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}

// Unpack is what Pack packed. A damaged journal is an error.
func Unpack(packed []byte) ([]evenkeel.Record, error) {
	if len(packed) == 0 {
		return nil, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("a journal that is packed: %w", err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("a journal that is packed: %w", err)
	}
	records, whole, err := evenkeel.ReadJournal(bytes.NewReader(raw))
	if err == nil && whole != int64(len(raw)) {
		err = fmt.Errorf("%w: its end is missing", evenkeel.ErrJournalDamaged)
	}
	return records, err
}
