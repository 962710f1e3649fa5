package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// model is what is known of a run by its events.
type model struct {
	opts    Options
	number  int
	total   int
	title   string // of the step
	step    string // its ID
	begun   time.Time
	doing   []*doing
	windows []evenkeel.OpenWindow
	since   map[string]time.Time // by window: since when its limit counts in this life
	serving things
	asks    string          // what the operator is to do, set apart
	stops   string          // what a stop waits for
	failed  string          // what failed last
	changed map[string]bool // the steps that have changed something: a stop waits until that is verified
	elapsed time.Duration
	last    time.Time // of the last event
	ended   bool
	told    bool // what was done before
}

// doing is an action that is under way.
type doing struct {
	step   *evenkeel.Step
	action *evenkeel.Action
	title  string
	since  time.Time
	waits  string    // what it waits for
	tried  time.Time // when it was looked last
	told   time.Time // when a line said last that it is still under way
	asked  string    // the key of the question that was told
	closed bool      // its connection was lost, as was to be expected
}

func newModel(o Options) *model {
	m := &model{opts: o, since: map[string]time.Time{}, changed: map[string]bool{}}
	if m.opts.Mask == nil {
		m.opts.Mask = func(s string) string { return s }
	}
	if o.State != nil {
		st := o.State
		if st.RollingBack() {
			st = st.Rollback
		}
		for _, w := range st.Windows {
			m.windows = append(m.windows, w)
		}
		slices.SortFunc(m.windows, func(a, b evenkeel.OpenWindow) int { return a.Since.Compare(b.Since) })
	}
	return m
}

// take takes an event in. The lines are what is over and done: they scroll.
func (m *model) take(e evenkeel.Event) (lines []line) {
	e.Text = brief(e.Text)
	defer func() {
		for i := range lines {
			lines[i].text = brief(lines[i].text)
		}
	}()
	if m.last.IsZero() {
		for _, w := range m.windows { // an earlier life left them open: the limit counts anew
			m.since[w.ID] = e.Time
		}
	}
	m.elapsed, m.last = e.Elapsed, e.Time
	if e.Number > 0 {
		m.total = e.Total
	}
	lines = append(lines, m.before(e)...)
	if e.Missed > 0 {
		lines = append(lines, line{at: e.Time, mark: markNote, text: counted(e.Missed, "message is", "messages are") +
			" missing here, since the output was stuck: status and the journal have it all"})
	}
	d := m.under(e)
	switch e.Kind {
	case evenkeel.EventStep:
		m.number, m.title, m.step, m.begun = e.Number, printable.Line(e.Text), e.Step.ID, e.Time
	case evenkeel.EventAction:
		if d == nil {
			d = &doing{step: e.Step, action: e.Action, title: titled(e.Text, e.Host), since: e.Time, told: e.Time}
			m.doing = append(m.doing, d)
		}
		if what := effect(e.Action); what == evenkeel.Mutating.String() || what == evenkeel.Disruptive.String() {
			m.changed[e.Step.ID] = true
		}
	case evenkeel.EventStepDone:
		delete(m.changed, e.Step.ID)
	case evenkeel.EventWait:
		if d != nil {
			d.waits, d.tried = printable.Line(e.Text), e.Time
		}
	case evenkeel.EventWindow:
		m.windows = append(m.windows, *e.Window)
		m.since[e.Window.ID] = e.Window.Since
	case evenkeel.EventClosed:
		m.windows = slices.DeleteFunc(m.windows, func(w evenkeel.OpenWindow) bool { return w.ID == e.Window.ID })
	case evenkeel.EventUnknown:
		if d != nil && e.Action.DropsConnection {
			d.closed = true
		}
	case evenkeel.EventAsk, evenkeel.EventPause:
		m.asks = e.Text
	case evenkeel.EventStopping:
		m.stops = printable.Line(e.Text)
	case evenkeel.EventFailed:
		m.failed = e.Text
	default:
	}
	lines = append(lines, m.said(e, d)...)
	if d != nil && over(e.Kind) {
		m.doing = slices.DeleteFunc(m.doing, func(is *doing) bool { return is == d })
		if d.asked != "" {
			m.asks = ""
		}
	}
	return lines
}

// over tells an event after which an action is not under way any more.
func over(k evenkeel.EventKind) bool {
	return k == evenkeel.EventDone || k == evenkeel.EventAlready || k == evenkeel.EventFailed || k == evenkeel.EventPause
}

// under is what is under way that an event is about.
func (m *model) under(e evenkeel.Event) *doing {
	if e.Action == nil {
		return nil
	}
	i := slices.IndexFunc(m.doing, func(d *doing) bool {
		return d.action == e.Action || d.step.ID == e.Step.ID && d.action.ID == e.Action.ID
	})
	if i < 0 {
		return nil
	}
	return m.doing[i]
}

// next is the title of the action that follows in the step, and after the last one of the step that follows; nothing where
// none is known.
func (m *model) next() string {
	if len(m.doing) == 0 {
		return ""
	}
	d := m.doing[0]
	all := slices.Concat(d.step.Actions, d.step.Verify)
	for i := range all[:max(0, len(all)-1)] {
		if all[i].ID == d.action.ID {
			return titled(m.opts.Mask(all[i+1].Title), strings.TrimSpace(all[i+1].Host))
		}
	}
	if p := m.opts.Plan; p != nil && m.number > 0 && m.number < len(p.Steps) && p.Steps[m.number-1].ID == d.step.ID {
		return fmt.Sprintf("Step %d: %s", m.number+1, printable.Line(p.Steps[m.number].Title))
	}
	return ""
}

// left is how long the run is expected to take from now on. It is not known where nobody knows how long a step takes
// that is left.
func (m *model) left(now time.Time) (d time.Duration, atLeast, known bool) {
	p := m.opts.Plan
	if p == nil || m.number == 0 || m.number > len(p.Steps) || p.Steps[m.number-1].ID != m.step {
		return 0, false, false
	}
	s := p.Steps[m.number-1]
	lasts := s.Ends.For - s.Begins.For
	for _, later := range p.Steps[m.number-1:] {
		atLeast = atLeast || later.Takes.Most == 0 || later.Takes.Part
	}
	d = p.Total.For - s.Begins.For - min(lasts, max(0, now.Sub(m.begun)))
	return d, atLeast, d > 0
}

// stepLeft is how long the step is expected to take from now on; 0 where nobody knows.
func (m *model) stepLeft(now time.Time) time.Duration {
	if _, _, known := m.left(now); !known {
		return 0
	}
	return m.opts.Plan.Steps[m.number-1].Takes.Most - now.Sub(m.begun)
}

// limit is how long an action may take.
func (d *doing) limit() time.Duration {
	switch {
	case d.action.Manual != "":
		return 0
	case d.action.Limit > 0:
		return d.action.Limit
	}
	return d.action.Cmd.Timeout
}
