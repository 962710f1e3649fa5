package evenkeel

import "time"

// Observer is told what happens, as it happens, one event at a time. The run waits for it, but for a moment only: one
// that blocks for longer is told the rest when it returns, as far as there is room, and may still be in an event when
// the run has ended. A panic in it is a crash of the tool like any other. Progress lines, logs and metrics hang on it;
// no text that it is told holds a secret of the runbook, or what a terminal would obey.
type Observer interface {
	Event(Event)
}

// ObserverFunc makes an Observer of a function.
type ObserverFunc func(Event)

// Event calls the function.
func (f ObserverFunc) Event(e Event) { f(e) }

// EventKind says what happened.
type EventKind string

// The events.
const (
	EventStep     EventKind = "step"      // a step begins
	EventStepDone EventKind = "step-done" // a step is done and verified
	EventUndo     EventKind = "undo"      // a step is being undone
	EventAction   EventKind = "action"    // an action begins
	EventDone     EventKind = "done"      // an action is done
	EventAlready  EventKind = "already"   // an action was found done
	EventWait     EventKind = "wait"      // a check is not content yet; it looks again. See Event.Key
	EventAsk      EventKind = "ask"       // the operator is asked
	EventPause    EventKind = "pause"     // the run pauses for the operator
	EventFailed   EventKind = "failed"    // an action or step failed
	EventWindow   EventKind = "window"    // a window opened
	EventClosed   EventKind = "closed"    // a window closed
	EventAlarm    EventKind = "alarm"     // a window is overdue
	EventUnseen   EventKind = "unseen"    // an invariant could not be observed
	EventNote     EventKind = "note"      // an action is well, and the operator should know something of what it saw
	EventLease    EventKind = "lease"     // a lease was taken, or could not be given back
	// EventStopping: the run was asked to stop. The text says what the stop waits for and for how long, or, where it stops
	// at once, what that leaves down.
	EventStopping   EventKind = "stopping"
	EventCompletion EventKind = "completion" // an outage in which a step failed is being ended
	// what is being done is still being done: a sign of life (Options.Heartbeat), which may be left out
	EventRunning EventKind = "running"
	// EventUnknown: a connection was lost; the outcome is unknown until a probe answers. Where Action.DropsConnection says
	// so, that was to be expected.
	EventUnknown EventKind = "unknown"
	// EventServing: a look saw what serves where (Event.Serving). It comes with each look, whether something has changed
	// or not; what the look could not see is not in it.
	EventServing EventKind = "serving"
)

// Event is one thing that happened.
type Event struct {
	Kind    EventKind
	Time    time.Time
	Step    *Step   // nil outside a step
	Action  *Action // nil outside an action
	Host    string
	Text    string
	Key     string // of a wait or a question: the same key is the same wait, whatever differs in the text
	Number  int    // of the step, from 1
	Total   int    // steps in all
	Elapsed time.Duration
	Window  *OpenWindow // of EventWindow, EventClosed and EventAlarm
	Serving []Serving   // of EventServing
	Missed  int         // events before this one that the observer was never told, since it was stuck
}

// opened tells which windows a step has opened.
func (e *engine) opened(s *Step, windows []Window) {
	for _, w := range windows {
		if is, open := e.window(w.ID); open {
			e.windowEvent(EventWindow, s, is, "%s: %s (at most %s)", w.ID, w.Reason, inWords(w.Limit))
		}
	}
}

// windowEvent is event for what happens to a window.
func (e *engine) windowEvent(kind EventKind, s *Step, w OpenWindow, format string, args ...any) {
	ev := e.newEvent(kind, s, nil, "", format, args...)
	w.Reason, w.Completion = e.own(w.Reason), nil
	ev.Window = &w
	e.teller.tell(ev)
}
