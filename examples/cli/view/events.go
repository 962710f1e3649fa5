package view

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// EventVersion is the version of the schema of [Events]. A change that breaks a reader raises it; a new key or kind does not.
const EventVersion = 1

// Record is one event as Events writes it: docs/events.md says what the keys mean.
type Record struct {
	Version int                `json:"v"`
	Time    time.Time          `json:"time"`
	Kind    evenkeel.EventKind `json:"kind"`
	Pair    string             `json:"pair,omitempty"` // its name in a fleet
	Text    string             `json:"text,omitempty"`

	Step    string  `json:"step,omitempty"`
	Number  int     `json:"number,omitempty"`
	Total   int     `json:"total,omitempty"`
	Action  string  `json:"action,omitempty"`
	Effect  string  `json:"effect,omitempty"`
	Host    string  `json:"host,omitempty"`
	Key     string  `json:"key,omitempty"`
	Elapsed float64 `json:"elapsed_seconds"`

	Planned bool               `json:"planned,omitempty"`
	Window  *WindowRecord      `json:"window,omitempty"`
	Serving []evenkeel.Serving `json:"serving,omitempty"`
	Missed  int                `json:"missed,omitempty"`
}

// WindowRecord is the window of a Record.
type WindowRecord struct {
	ID        string            `json:"id"`
	Invariant string            `json:"invariant"`
	Reason    string            `json:"reason"`
	Stop      evenkeel.StopRule `json:"stop"`
	Step      string            `json:"step"`
	Since     time.Time         `json:"since"`
	Limit     float64           `json:"limit_seconds"`
}

// Events writes every event as a line of JSON, but for two that say nothing new: a look that saw what the look before
// saw, and a sign of life within a minute of another line.
type Events struct {
	mu      sync.Mutex
	w       io.Writer
	pair    string
	serving things
	last    time.Time
	err     error
}

// NewEvents writes to w.
func NewEvents(w io.Writer) *Events { return &Events{w: w} }

// Of has every event name its pair: those of a fleet may go to one file.
func (j *Events) Of(pair string) *Events {
	j.pair = pair
	return j
}

// Event writes an event. After one that could not be written nothing is: see Err.
func (j *Events) Event(e evenkeel.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.err != nil,
		e.Kind == evenkeel.EventServing && !j.serving.take(e.Serving, e.Time),
		e.Kind == evenkeel.EventRunning && e.Time.Sub(j.last) < time.Minute:
		return
	}
	j.last = e.Time
	r := Record{Version: EventVersion, Time: e.Time, Kind: e.Kind, Pair: j.pair, Text: e.Text, Number: e.Number, Host: e.Host, Key: e.Key,
		Elapsed: e.Elapsed.Seconds(), Serving: e.Serving, Missed: e.Missed}
	if e.Step != nil {
		r.Step, r.Total = e.Step.ID, e.Total
	}
	if a := e.Action; a != nil {
		r.Action, r.Effect = a.ID, effect(a)
		r.Planned = e.Kind == evenkeel.EventUnknown && a.DropsConnection
	}
	if w := e.Window; w != nil {
		r.Window = &WindowRecord{w.ID, w.Invariant, w.Reason, w.Stop, w.Step, w.Since, w.Limit.Seconds()}
	}
	raw, err := json.Marshal(r)
	if err == nil {
		_, err = j.w.Write(append(raw, '\n'))
	}
	j.err = err
}

// Err is why the events are not whole; nil where they are.
func (j *Events) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// effect is what an action does: read-only, mutating, disruptive; manual where the operator does it.
func effect(a *evenkeel.Action) string {
	switch {
	case a.Manual != "":
		return "manual"
	case a.Op != nil:
		return a.Op.Effect.String()
	}
	return a.Cmd.Effect.String()
}
