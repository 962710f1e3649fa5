package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// line is something that is over and done. Its text may have several lines.
type line struct {
	at   time.Time
	mark mark
	text string
	took time.Duration // 0: nothing is said of it
	live bool          // a live view has it in its block, and needs no line for it
}

// worthTelling is from when on it is said how long an action took.
const worthTelling = 2 * time.Second

// stillEvery is how often a line says that something is still under way.
const stillEvery = 5 * time.Minute

// before says once what an earlier life has done.
func (m *model) before(e evenkeel.Event) []line {
	if m.told || m.opts.State == nil {
		return nil
	}
	m.told = true
	st := m.opts.State
	if st.RollingBack() {
		st = st.Rollback
	}
	var done []int
	var last time.Time
	for i, id := range st.Run.Steps {
		if s := st.Step(id); s.Progress == evenkeel.Did {
			done = append(done, i+1)
			if s.Ended.After(last) {
				last = s.Ended
			}
		}
	}
	if len(done) == 0 {
		return nil
	}
	which := counted(len(done), "step was", "steps were")
	if n := len(done); done[n-1] == n && n > 1 {
		which = fmt.Sprintf("steps 1 to %d were", n)
	}
	return []line{{at: e.Time, mark: markDone, text: which + " done before (" + last.Format("15:04") + ")"}}
}

// said is what an event has to say in the lines that scroll.
func (m *model) said(e evenkeel.Event, d *doing) []line {
	inBlock := func(k mark, format string, args ...any) []line {
		return []line{{at: e.Time, mark: k, live: true, text: fmt.Sprintf(format, args...)}}
	}
	one := func(k mark, format string, args ...any) []line {
		return []line{{at: e.Time, mark: k, text: fmt.Sprintf(format, args...)}}
	}
	text := printable.Text(e.Text)
	switch e.Kind {
	case evenkeel.EventStep:
		return one(markStep, "Step %d of %d: %s", e.Number, e.Total, text)
	case evenkeel.EventDone:
		l := line{at: e.Time, mark: markDone, text: titled(e.Text, e.Host)}
		if d != nil {
			l.took = e.Time.Sub(d.since)
			if d.closed {
				l.text += ": the connection closed, as planned"
			}
		}
		return []line{l}
	case evenkeel.EventAlready:
		return one(markDone, "%s: done already", titled(e.Text, e.Host))
	case evenkeel.EventAsk:
		if d != nil && d.asked == e.Key {
			return still(e, d)
		}
		if d != nil {
			d.asked = e.Key
		}
		return inBlock(markAsk, "BY HAND: %s", text)
	case evenkeel.EventPause:
		return one(markAsk, "PAUSED at step %d: %s", e.Number, text)
	case evenkeel.EventFailed:
		return one(markFailed, "FAILED at step %d%s: %s", e.Number, named(d), text)
	case evenkeel.EventUnknown:
		if d != nil && d.closed {
			return nil
		}
		return one(markAlarm, "The connection was lost. Whether it ran is not known yet, and is being checked: %s", text)
	case evenkeel.EventUndo:
		return one(markUndo, "Undoing step %d: %s", e.Number, text)
	case evenkeel.EventCompletion:
		return one(markUndo, "Completing: %s", text)
	case evenkeel.EventWindow:
		w := e.Window
		return inBlock(markOpen, "%s: window %s opens for at most %s: %s",
			rule(w), printable.Line(w.ID), words(w.Limit), printable.Text(w.Reason))
	case evenkeel.EventClosed:
		return one(markClose, "Window %s closed after %s of at most %s", printable.Line(e.Window.ID),
			words(e.Time.Sub(e.Window.Since)), words(e.Window.Limit))
	case evenkeel.EventAlarm:
		return one(markAlarm, "ALARM: %s", text)
	case evenkeel.EventStopping:
		return one(markAlarm, "STOPPING: %s", text)
	case evenkeel.EventNote:
		return one(markNote, "NOTE: %s", text)
	case evenkeel.EventLease:
		return one(markNote, "lease: %s", text)
	case evenkeel.EventUnseen:
		if m.opts.Verbose {
			return one(markNote, "cannot be observed: %s", text)
		}
	case evenkeel.EventServing:
		was := m.serving.String()
		if m.serving.take(e.Serving, e.Time); m.serving.String() != was {
			return inBlock(markServing, "serving: %s", m.serving)
		}
	case evenkeel.EventWait, evenkeel.EventRunning:
		return still(e, d)
	case evenkeel.EventAction, evenkeel.EventStepDone:
	}
	return nil
}

// most is how long a text of a line may be, in bytes: an output of megabytes would push all else away. The journal has it whole.
const most = 4000

// brief is the beginning of a text, and how much is left out.
func brief(text string) string {
	if len(text) <= most {
		return text
	}
	return fmt.Sprintf("%s ... (%d bytes more; status and the journal have them)", strings.ToValidUTF8(text[:most], ""), len(text)-most)
}

func named(d *doing) string {
	if d == nil {
		return ""
	}
	return ", " + d.title
}

// still says from time to time that an action is still under way.
func still(e evenkeel.Event, d *doing) []line {
	if d == nil || e.Time.Sub(d.told) < stillEvery {
		return nil
	}
	d.told = e.Time
	l := line{at: e.Time, mark: markWait, live: true, text: "still at work, " + words(e.Time.Sub(d.since)) + ": " + d.title}
	if d.waits != "" {
		l.text = "still waiting, " + words(e.Time.Sub(d.since)) + ": " + d.title + ": " + ansi.Truncate(d.waits, 100, "...")
	}
	return []line{l}
}

// suspended is what Ctrl-Z means now.
func (m *model) suspended(now time.Time) line {
	text := "SUSPENDED: the tool does nothing until you type fg. A command that has begun on a machine goes on there"
	for _, w := range m.windows {
		left := m.since[w.ID].Add(w.Limit).Sub(now)
		says := words(left) + " left"
		if left < 0 {
			says = "OVERDUE by " + words(-left)
		}
		text += fmt.Sprintf("; %s: window %s stays open, %s", rule(&w), printable.Line(w.ID), says)
	}
	return line{at: now, mark: markAlarm, text: text}
}

// rule says in two words what a window means to the users.
func rule(w *evenkeel.OpenWindow) string {
	if w.Stop == evenkeel.StopBetweenSteps {
		return "REDUCED"
	}
	return "OUTAGE"
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// plain is the line as text: of several lines none looks like one of ours.
func (l line) plain(g *glyphs) string {
	text := strings.ReplaceAll(l.text, "\n", "\n             | ")
	if l.took >= worthTelling {
		text += ", " + words(l.took)
	}
	if l.mark == markStep {
		return l.at.Format("15:04:05") + " " + text
	}
	return l.at.Format("15:04:05") + "  " + g.mark[l.mark] + " " + text
}
