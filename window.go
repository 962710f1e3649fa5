package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Window suspends an invariant, openly and for a bounded time: the reviewer sees it, the journal records it, and an
// overdue one raises an alarm, once in each life of the tool, as soon as the run looks: around a change and while a
// check waits, not in the middle of a command. It opens right before the first action of its step that may change
// something, and closes when what it suspended is seen to hold again.
type Window struct {
	ID        string
	Invariant string
	Reason    string
	Limit     time.Duration
	Stop      StopRule // what a request to stop does while it is open; there is no default

	// Completion ends an outage (StopAtClose) from wherever it stands, when a step inside it fails or the limit is over
	// and the invariant does not hold: actions that change something and those that wait for it, all harmless where
	// there is nothing to do. Without one the steps back to the one that opened the window are undone, where each can
	// be.
	Completion []Action `json:"-"`

	// Down names what is expected to be down while it is open, and Each for how long each of it is: for the plan alone.
	Down []string `json:"-"`
	Each Estimate `json:"-"`
}

// StopRule says what a request to stop does while a window is open.
type StopRule string

// The rules.
const (
	// StopAtClose is for an outage: a stop waits until the window closes, and nothing inside it waits for the operator.
	StopAtClose StopRule = "at-close"
	// StopBetweenSteps is for reduced redundancy that lasts: a stop is taken between steps and the window stays open.
	// Its limit is extended by the operator (Options.ExtendWindow).
	StopBetweenSteps StopRule = "between-steps"
)

// words are the rule for the reader.
func (r StopRule) words() string {
	if r == StopBetweenSteps {
		return "between steps (reduced redundancy)"
	}
	return "at its close (an outage)"
}

// holdsStop tells whether a stop has to wait for the window's close. A rule that is not known is taken for the stricter
// one.
func (w Window) holdsStop() bool { return w.Stop != StopBetweenSteps }

func (w OpenWindow) String() string {
	return fmt.Sprintf("window %s (%s)", w.ID, w.Reason)
}

// OpenWindowsError says that a run ended while windows were open. Err is why it ended.
type OpenWindowsError struct {
	Err     error
	Windows []OpenWindow
	Down    []string // what is known not to hold, where it was looked at
}

func (e *OpenWindowsError) Error() string {
	text := e.Err.Error() + "\nleft open: " + describeWindows(e.Windows)
	if len(e.Down) > 0 {
		text += "\nnot as it should be: " + strings.Join(e.Down, "; ")
	}
	return text
}

func (e *OpenWindowsError) Unwrap() error { return e.Err }

func describeWindows(windows []OpenWindow) string {
	var texts []string
	for _, w := range windows {
		texts = append(texts, fmt.Sprintf("%s, open since %s, at most %s", w, w.Since.Format(time.RFC3339), inWords(w.Limit)))
	}
	return strings.Join(texts, "; ")
}

// openWindows are the windows that are open, the oldest first.
func (e *engine) openWindows() []OpenWindow {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.st.openWindows()
}

func (st *State) openWindows() []OpenWindow {
	return slices.SortedFunc(maps.Values(st.Windows), func(a, b OpenWindow) int {
		if d := a.Since.Compare(b.Since); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// leftOpen are the windows that are open, in a rollback its own first: it leaves open what the run left, as long as it has not begun to
// undo that.
func (st *State) leftOpen() []OpenWindow {
	open := st.openWindows()
	if !st.RollingBack() {
		return open
	}
	back := st.Rollback
	return append(back.openWindows(), slices.DeleteFunc(open, func(w OpenWindow) bool {
		_, again := back.Windows[undoPrefix+w.ID]
		return again
	})...)
}

// leaves adds to the error of a run what it leaves open.
func (e *engine) leaves(err error) error {
	var told *OpenWindowsError
	if err == nil || errors.As(err, &told) {
		return err
	}
	e.mu.Lock()
	open := e.whole.leftOpen()
	e.mu.Unlock()
	if steps := e.unproven(); errors.Is(err, ErrStopped) && len(steps) > 0 {
		err = &UnprovenError{Err: err, Steps: steps}
	}
	if len(open) == 0 {
		return err
	}
	return &OpenWindowsError{Err: err, Windows: open}
}

// due is until when a window may be open: its limit counts anew in each life, since the operator has taken the run up.
func (e *engine) due(w OpenWindow) time.Time {
	since := w.Since
	if since.Before(e.life) {
		since = e.life
	}
	return since.Add(w.Limit)
}

// extendable tells whether the windows that the operator wants to give more time can have it.
func (e *engine) extendable() error {
	for _, id := range slices.Sorted(maps.Keys(e.opts.ExtendWindow)) {
		w, open := e.st.Windows[id]
		switch {
		case !open:
			which := "no window is"
			if len(e.st.Windows) > 0 {
				which = "open: " + strings.Join(slices.Sorted(maps.Keys(e.st.Windows)), ", ")
			}
			return fmt.Errorf("%w: %q is not open (%s)", ErrCannotExtend, id, which)
		case w.holdsStop():
			return fmt.Errorf("%w: %s is an outage (%s), which has to be ended, not extended; resume without that", ErrCannotExtend, id, w.Reason)
		case e.opts.ExtendWindow[id] <= 0:
			return fmt.Errorf("%w: %s by %s", ErrCannotExtend, id, e.opts.ExtendWindow[id])
		}
	}
	return nil
}

// begin journals that a step begins, with the windows that it opens: right before the first action that may change
// something. A window that was closed when a run ended in the middle of it is opened again.
func (e *engine) begin(s *Step) error {
	e.mu.Lock()
	var opens []Window
	begun := e.st.Step(s.ID).Touched()
	for _, w := range e.windowsDuring(s) {
		_, early := e.st.early[w.ID]
		own := slices.ContainsFunc(s.Opens, func(o Window) bool { return o.ID == w.ID })
		if early || own && !begun {
			opens = append(opens, w)
		}
	}
	e.mu.Unlock()
	if begun && len(opens) == 0 {
		return nil
	}
	rec := Record{Kind: KindStep, Step: s.ID, Opens: opens}
	if !begun {
		rec.Reinstalls = s.Reinstalls
	}
	if err := e.note(rec); err != nil {
		return err
	}
	e.opened(s, opens)
	return nil
}

// reopen opens the windows again, before a step is undone, that were open while it was done and have been closed since:
// early, or by the step itself. The undo may break what they suspend.
func (e *engine) reopen(s *Step) error {
	e.mu.Lock()
	var opens []Window
	for _, w := range e.windowsDuring(s) {
		_, open := e.st.Windows[w.ID]
		_, early := e.st.early[w.ID]
		closed := slices.ContainsFunc(e.st.Step(s.ID).closed, func(c OpenWindow) bool { return c.ID == w.ID })
		if !open && (early || closed) {
			opens = append(opens, w)
		}
	}
	e.mu.Unlock()
	if len(opens) == 0 {
		return nil
	}
	if err := e.note(Record{Kind: KindStep, Step: s.ID, Phase: PhaseUndo, Opens: opens}); err != nil {
		return err
	}
	e.opened(s, opens)
	return nil
}

// windowsDuring are the windows that are open while a step runs.
func (e *engine) windowsDuring(s *Step) []Window {
	for i := range e.rb.Steps {
		if e.rb.Steps[i].ID == s.ID {
			return e.spans[i]
		}
	}
	return nil
}

// outlasted ends a step in an outage that lasts longer than its limit, unless what it suspends is seen to hold by now.
func (e *engine) outlasted(ctx context.Context, s *Step) error {
	for _, w := range e.openWindows() {
		if !w.holdsStop() || !e.opts.Clock.Now().After(e.due(w)) {
			continue
		}
		if err := e.observe(ctx, e.invariant(w.Invariant)); err != nil {
			return &StepError{Step: s.ID, Err: fmt.Errorf("%w of %s: %s lasts longer: %w", ErrOverdue, inWords(w.Limit), w, err)}
		}
	}
	return nil
}

// endOutage is for a run that ends inside an outage, for whatever reason but that it was told to stop at once: it runs
// the declared completion, or else the declared undo. Where there is neither, or where it fails, the run says what is
// down.
func (e *engine) endOutage(ctx context.Context, err error) error {
	down, err := e.endOutages(ctx, nil, err)
	if len(down) == 0 {
		return err
	}
	return &OpenWindowsError{Err: err, Windows: e.openWindows(), Down: down}
}

// endOwnOutage ends the outage that a step opened and failed in, while the steps beside it go on: they may take hours. What it cannot
// end is tried again when they have ended, and then said.
func (e *engine) endOwnOutage(ctx context.Context, s *Step, err error) error {
	_, err = e.endOutages(ctx, s, err)
	return err
}

// endOutages ends every outage, or those that one step opened. It tells what is still down.
func (e *engine) endOutages(ctx context.Context, of *Step, err error) (down []string, _ error) {
	if err == nil || e.ended() != nil || errors.Is(err, errJournal) || errors.Is(err, ErrStopped) || keptOut(err) {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opts.UndoTimeout)
	defer cancel()
	for _, w := range slices.Backward(e.openWindows()) { // the innermost first
		if of != nil && w.Step != of.ID {
			continue
		}
		if _, open := e.window(w.ID); !open || !w.holdsStop() {
			continue // the undo of a step before has closed it
		}
		opener := e.rb.step(w.Step)
		if job := e.jobIn(opener); job != "" { // nothing is brought to an end beside it, but what is down is said
			if what := e.observe(ctx, e.invariant(w.Invariant)); what != nil {
				down = append(down, fmt.Sprintf("%s (while the job %s may run)", what, job))
			}
			continue
		}
		what := e.settled(ctx, w)
		if what == nil {
			if cerr := e.closeAnyway(w); cerr != nil {
				return nil, errors.Join(err, cerr)
			}
			continue
		}
		e.event(EventFailed, opener, nil, "%v", err)
		if uerr := e.end(ctx, opener, w, of != nil); uerr != nil {
			err = errors.Join(err, uerr)
			what = e.observe(ctx, e.invariant(w.Invariant))
		} else {
			what = nil
		}
		if what != nil {
			down = append(down, what.Error())
		}
	}
	return down, err
}

// outageSettle is how long the effect of a change that failed, or whose answer was lost, may take to show in an
// invariant.
const outageSettle = time.Minute

// settled tells whether what an outage suspends holds although the run ends in it: at every look, for as long as an
// effect may take to show.
func (e *engine) settled(ctx context.Context, w OpenWindow) error {
	for begin := e.opts.Clock.Now(); ; {
		if err := e.observe(ctx, e.invariant(w.Invariant)); err != nil || e.opts.Clock.Now().Sub(begin) >= outageSettle {
			return err
		}
		if err := e.opts.Clock.Sleep(ctx, DefaultRetry); err != nil {
			return err
		}
	}
}

// end ends an outage by its completion or by the undo: see endsOutage.
func (e *engine) end(ctx context.Context, opener *Step, w OpenWindow, alone bool) error {
	e.mu.Lock()
	list, err := endsOutage(e.rb, e.st, w, alone)
	e.mu.Unlock()
	if err != nil {
		return err
	}
	for _, d := range list {
		s := e.rb.step(d.Step)
		switch {
		case d.Kind == DecideComplete:
			err = e.complete(ctx, s, s.window(d.Window))
		case s.staysBehind(opener): // it is done again after what is undone next
			err = e.note(Record{Kind: KindStepUndone, Step: s.ID})
		default:
			e.event(EventUndo, s, nil, "to end %s", w)
			err = e.undo(ctx, s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// complete runs the completion of a window to its end, and closes the window. A crash in it is taken up by Resume.
func (e *engine) complete(ctx context.Context, opener *Step, w Window) error {
	e.event(EventCompletion, opener, nil, "to end window %s: %s", w.ID, w.Reason)
	e.mu.Lock()
	e.st.at(opener.ID).readAnew(PhaseCompletion)
	e.mu.Unlock()
	for {
		e.mu.Lock()
		d, left := e.st.Step(opener.ID).nextOfCompletion(opener, w)
		e.mu.Unlock()
		if !left {
			break
		}
		if err := e.runAction(ctx, opener, opener.action(d), d); err != nil {
			return fmt.Errorf("cannot complete: %w", err)
		}
	}
	if err := e.awaitHolding(ctx, opener, PhaseCompletion, e.opts.Clock.Now().Add(w.Limit), w.ID); err != nil {
		return fmt.Errorf("cannot complete: %w", err)
	}
	open, _ := e.window(w.ID)
	return e.closeAnyway(open)
}

// closeAnyway closes a window in the middle of its step.
func (e *engine) closeAnyway(w OpenWindow) error {
	if err := e.note(Record{Kind: KindClosed, Step: w.Step, Closes: []string{w.ID}}); err != nil {
		return err
	}
	e.windowEvent(EventClosed, e.rb.step(w.Step), w, "%s", w.ID)
	return nil
}

// finishCompletion brings a completion to its end that a crash cut off, or that failed. Where what the window suspends holds
// again by itself, or by the operator's hand, there is nothing left to complete: the run goes on where it stood.
func (e *engine) finishCompletion(ctx context.Context, opener *Step, id string) error {
	w, _ := e.window(id)
	if e.settled(ctx, w) == nil {
		return e.closeAnyway(w)
	}
	return e.complete(ctx, opener, opener.window(id))
}

// window is a window that may be open.
func (e *engine) window(id string) (OpenWindow, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w, open := e.st.Windows[id]
	return w, open
}

// window is what the step says of a window that it opens.
func (s *Step) window(id string) Window {
	for _, w := range s.Opens {
		if w.ID == id {
			return w
		}
	}
	return Window{ID: id}
}

// step is the step of that ID; a journal names none that the runbook does not have.
func (rb *Runbook) step(id string) *Step {
	for i := range rb.Steps {
		if rb.Steps[i].ID == id {
			return &rb.Steps[i]
		}
	}
	return &Step{ID: id, Title: id}
}

// action is the action that a decision is about; nil where there is none.
func (s *Step) action(d Decision) *Action {
	lists := [][]Action{s.Actions}
	switch d.Phase {
	case PhaseVerify:
		lists = [][]Action{s.Verify}
	case PhaseUndo:
		lists = [][]Action{s.Undo, s.UndoVerify}
	case PhaseCompletion:
		lists = nil
		for i := range s.Opens {
			lists = append(lists, s.Opens[i].Completion)
		}
	case PhaseDo:
	}
	for _, list := range lists {
		for i := range list {
			if list[i].ID == d.Action {
				return &list[i]
			}
		}
	}
	return nil
}
