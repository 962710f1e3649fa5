package evenkeel

import (
	"fmt"
	"strings"
	"time"
)

// RehearsalActor is who does something in a schedule.
type RehearsalActor string

// The actors.
const (
	ActorTool   RehearsalActor = "tool"
	ActorFault  RehearsalActor = "fault"  // what the schedule has go wrong
	ActorPeople RehearsalActor = "people" // they mend what is broken, and start the tool again
	ActorEnd    RehearsalActor = "end"    // how the schedule ended
)

// RehearsalMoment is something that happens in a schedule.
type RehearsalMoment struct {
	Time  time.Time // on the world's clock
	Step  string    // that the tool is in; empty before the first one
	Who   RehearsalActor
	Text  string // no secret is in it; empty where nothing is to be said, and the world may have changed all the same
	World World  // as it stands, to be looked at before the call returns
}

// story tells what happens in a schedule. A nil one tells nobody.
type story struct {
	tell  func(RehearsalMoment)
	world World
	step  string
	seen  map[string]bool // what could not be observed, and was told: it is said again with each look
}

// story is for one schedule that the plan has told.
func (r *rehearsal) story(world World, wanted bool) *story {
	if r.plan.Tell == nil || r.plan.Only == (Schedule{}) || !wanted {
		return nil
	}
	return &story{tell: r.plan.Tell, world: world, seen: map[string]bool{}}
}

func (s *story) says(who RehearsalActor, text string) {
	if s != nil {
		s.tell(RehearsalMoment{s.world.Clock().Now(), s.step, who, text, s.world})
	}
}

func (s *story) fault(format string, args ...any) {
	if s != nil {
		s.says(ActorFault, fmt.Sprintf(format, args...))
	}
}

func (s *story) people(text string) { s.says(ActorPeople, text) }

// ends says how a schedule ended.
func (s *story) ends(out rehearsed) {
	if out.err != nil {
		s.says(ActorEnd, "It broke something: "+plain(out.err.Error()))
		return
	}
	s.says(ActorEnd, sentence(out.how.Words())+".")
}

// Event is what the tool says.
func (s *story) Event(e Event) {
	if e.Kind == EventStopping || e.Kind == EventRunning { // told by the side, at a time that is not the same each time
		return
	}
	if e.Step != nil {
		s.step = e.Step.ID
	}
	text := toldIn(e)
	if e.Kind == EventUnseen {
		if s.seen[text] {
			text = ""
		}
		s.seen[toldIn(e)] = true
	}
	s.says(ActorTool, text)
}

// toldIn is what a story tells of an event: what changes something, what fails, and what the operator is told.
func toldIn(e Event) string {
	title := ""
	if e.Action != nil {
		title = e.Action.Title
	}
	if e.Host != "" && title != "" {
		title += " (" + e.Host + ")"
	}
	switch e.Kind {
	case EventStep:
		return fmt.Sprintf("Step %d of %d: %s", e.Number, e.Total, e.Step.Title)
	case EventStepDone:
		return "The step is done and verified."
	case EventDone:
		if e.Action == nil || e.Action.effect() == ReadOnly && e.Action.Manual == "" {
			return ""
		}
		return "Done: " + title
	case EventAlready:
		return "Found done: " + title
	case EventFailed:
		return strings.TrimSpace("FAILED " + title + ": " + plain(e.Text))
	case EventUnknown:
		return strings.TrimSpace("Unknown whether it ran: " + title + ": " + plain(e.Text))
	case EventUndo, EventPause, EventAsk, EventWindow, EventClosed, EventAlarm, EventCompletion, EventUnseen:
		return strings.TrimSpace(sentence(string(e.Kind)) + ": " + plain(e.Text))
	default:
		return ""
	}
}

// sentence begins a text with a capital letter.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
