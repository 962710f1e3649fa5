package evenkeel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// nextTests say what comes next after the lives that are given: the language is that of the sequence tests.
var nextTests = []struct{ name, runbook, faults, want string }{
	{"done", "s1[a.safe]", "-", "done"},
	{"what failed in a life is the matter of the next one", "s1[a.safe b.safe] s2[c.safe]", "fail:b", "failed s1: h: do b: exit status 1"},
	{"an operator is needed", "s1[m.manual a.safe]", "-", "pause s1: do m by hand (not there yet: it is not done)"},
	{"crashed before anything", "s1[a.safe]", "CRASH@record:1", "act s1/a"},
	{"crashed in the middle: safe", "s1[a.safe b.safe]", "CRASH@after:a", "act s1/a"},
	{"crashed in the middle: probe first", "s1[a.probe b.safe]", "CRASH@after:a", "act s1/a probe"},
	{"probe first is probed the first time too", "s1[a.safe b.probe]", "CRASH@record:4", "act s1/b probe"},
	{"never is not probed before its first time", "s1[a.safe b.never]", "CRASH@record:4", "act s1/b"},
	{"crashed in the middle: never", "s1[a.never b.safe]", "CRASH@after:a", "act s1/a probe"},
	{"crashed behind a guard: what may have run is probed first", "s1[g.guard a.never b.safe]", "CRASH@after:a", "probe s1/a probe"},
	{"crashed behind a guard: what is safe is not", "s1[g.guard a.safe b.safe]", "CRASH@after:a", "act s1/a"},
	{"a manual action", "s1[m.manual a.safe]", "CRASH@record:1", "act s1/m manual"},
	{"the verification", "s1[a.safe verify:v.read]", "CRASH@record:4", "act s1 verify/v"},
	{"the end of a step", "s1[a.safe verify:v.read] s2[b.safe]", "CRASH@record:6", "step-end s1"},
	{"the next step", "s1[a.safe] s2[b.safe]", "CRASH@record:5", "act s2/b"},
	{"the end of the run", "s1[a.safe]", "CRASH@record:5", "end"},
	{"crashed in the undo", "s1[a.safe b.safe undo:u.safe undo:w.safe auto]", "fail:b CRASH@before:w", "failed s1: h: do b: exit status 1"},
	{"crashed in the undo, and taken up", "s1[a.safe b.safe undo:u.safe undo:w.safe auto]",
		"fail:b CRASH@before:w; CRASH@record:1", "undo s1"},
	{"taken up after a failure", "s1[a.safe b.never]", "fail:b; CRASH@record:1", "act s1/b probe"},
	{"taken up: guards and verifications are read again", "s1[g.guard a.safe verify:v.read]",
		"CRASH@after:v; CRASH@record:1", "act s1 verify/v"},
	{"taken up: a guard that something relies on", "s1[g.guard a.safe b.safe]", "CRASH@before:b; CRASH@record:1", "act s1/g"},
	{"taken up: a step that has only looked", "s1[r.read q.read a.safe]", "CRASH@before:a; CRASH@record:1", "act s1/a"},
	{"what was undone by a failure is not begun again in its life", "s1[a.safe] s2[b.safe undo:u.safe auto] s3[c.safe]",
		"fail:b", "failed s2: h: do b: exit status 1"},
	{"a rollback that began", "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe]", "-; rollback CRASH@before:u", "act undo-s1/u"},
	{"a rollback that ended", "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe]", "-; rollback", "act s1/a"},
}

func TestNext(t *testing.T) {
	for _, tc := range nextTests {
		t.Run(tc.name, func(t *testing.T) {
			m := &machine{done: map[string]string{}}
			rb := parseRunbook(t, tc.runbook)
			j := &evenkeel.MemJournal{}
			start := evenkeel.Run
			for _, faults := range strings.Split(tc.faults, "; ") {
				rest, back := strings.CutPrefix(faults, "rollback")
				if back {
					start = evenkeel.Rollback
				}
				m.live(rest)
				m.life(t, start, rb, j)
				start = evenkeel.Resume
			}
			require.Equal(t, tc.want, nextOf(t, rb, j))
		})
	}
}

// nextOf is what Next decides; it decides the same twice, and changes nothing.
func nextOf(t *testing.T, rb *evenkeel.Runbook, j evenkeel.Journal) string {
	t.Helper()
	st, err := evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	list, err := evenkeel.Next(rb, st)
	require.NoError(t, err)
	again, err := evenkeel.Next(rb, st)
	require.NoError(t, err)
	require.Equal(t, list, again)
	untouched, err := evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	require.Equal(t, untouched, st, "it changed the state")
	return decisions(t, list)
}

func decisions(t *testing.T, list []evenkeel.Decision) string {
	t.Helper()
	var words []string
	for _, d := range list {
		word := d.String()
		if d.Probe {
			word += " probe"
		}
		if d.Manual {
			word += " manual"
		}
		words = append(words, word)
		raw, err := json.Marshal(d) // it goes through an engine's own store
		require.NoError(t, err)
		var back evenkeel.Decision
		require.NoError(t, json.Unmarshal(raw, &back))
		require.Equal(t, d, back)
	}
	return strings.Join(words, ", ")
}

// start begins a life, as Run, Resume or Rollback does.
type start func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Life, error)

// stepped is a life decision by decision. As long as nothing failed each is what Next makes of the journal alone, read anew.
func stepped(t *testing.T, begin start) whole {
	return func(ctx context.Context, rb *evenkeel.Runbook, hosts evenkeel.Hosts, opts evenkeel.Options) (*evenkeel.Report, error) {
		life, err := begin(ctx, rb, hosts, opts)
		if err != nil {
			return nil, err
		}
		list := life.Next()
		for ; list[0].Work(); list = life.Next() {
			require.Equal(t, decisions(t, list), nextOf(t, rb, opts.Journal), "the journal says something else")
			for _, d := range list {
				err := life.Perform(ctx, d)
				require.NotErrorIs(t, err, evenkeel.ErrNotNext)
				if err != nil {
					break
				}
			}
		}
		require.ErrorIs(t, life.Perform(ctx, list[0]), evenkeel.ErrNotNext, "there is nothing to perform")
		return life.End()
	}
}

// moreSequences are sequences of what a life reads again.
var moreSequences = []struct{ name, runbook, faults, want string }{
	{
		"half of it ran behind a guard: it is probed before the guard, and before it runs again", "s1[g.guard a.probe b.safe]",
		"half:a; -", "read:g look:a a~ =failed | look:a read:g look:a a b =done",
	},
	{
		"a guard of an undo that was done is left alone", "s1[a.safe b.safe undo:g.guard undo:u.never auto]",
		"fail:b CRASH@after:u; rollback", "a b! read:g u =died | look:u =done",
	},
	{
		"an undo that is brought to its end is tried once", "s1[a.safe b.safe undo:u.safe undo:w.safe auto]",
		"fail:b CRASH@before:w; fail:w; -", "a b! u =died | w! =failed | w a b =done",
	},
}

func TestMoreSequences(t *testing.T) {
	for _, tc := range moreSequences {
		t.Run(tc.name, func(t *testing.T) {
			sequence(t, tc.runbook, tc.faults, tc.want, evenkeel.Run, evenkeel.Resume, evenkeel.Rollback)
		})
	}
}

// TestSequencesDecisionByDecision: who performs the decisions one by one does what Run, Resume and Rollback do.
func TestSequencesDecisionByDecision(t *testing.T) {
	for _, tc := range slices.Concat(sequenceTests, moreSequences) {
		t.Run(tc.name, func(t *testing.T) {
			sequence(t, tc.runbook, tc.faults, tc.want, stepped(t, evenkeel.BeginRun), stepped(t, evenkeel.BeginResume),
				stepped(t, evenkeel.BeginRollback))
		})
	}
}

// whole is a whole life.
type whole = func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Report, error)

// sequence is a sequence test, with the ways in which its lives are gone through.
func sequence(t *testing.T, runbook, faults, want string, run, resume, rollback whole) {
	t.Helper()
	m := &machine{done: map[string]string{}}
	rb := parseRunbook(t, runbook)
	journal := &evenkeel.MemJournal{}
	live := run
	var lives []string
	for _, faults := range strings.Split(faults, "; ") {
		rest, back := strings.CutPrefix(faults, "rollback")
		rest, anew := strings.CutPrefix(rest, "run ")
		switch {
		case back:
			live = rollback
		case anew:
			live = run
		}
		m.live(rest)
		end := m.life(t, live, rb, journal)
		lives = append(lives, strings.TrimSpace(strings.Join(m.log, " ")+" "+end))
		live = resume
	}
	require.Equal(t, want, strings.Join(lives, " | "))
}

func TestNextNeedsTheRunbookOfTheJournal(t *testing.T) {
	m := newMachine("fail:b")
	rb := parseRunbook(t, "s1[a.safe b.safe undo:u.safe]")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=failed", m.life(t, evenkeel.Run, rb, j))
	st, err := evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	_, err = evenkeel.Next(parseRunbook(t, "s1[a.safe c.safe]"), st)
	require.ErrorIs(t, err, evenkeel.ErrJournalOther)
	_, err = evenkeel.Next(nil, st)
	require.Error(t, err)
	_, err = evenkeel.Next(rb, nil)
	require.Error(t, err)

	m.live("CRASH@before:u")
	require.Equal(t, "=died", m.life(t, evenkeel.Rollback, rb, j))
	require.Equal(t, "act undo-s1/u", nextOf(t, rb, j))
	st, err = evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	rb.Recover = func(*evenkeel.State) (*evenkeel.Runbook, error) {
		return &evenkeel.Runbook{Name: "other", EndsRun: true, Steps: rb.Steps}, nil
	}
	_, err = evenkeel.Next(rb, st)
	require.ErrorIs(t, err, evenkeel.ErrJournalOther, "the rollback that began is another one")
}

func TestNextKnowsThatARolledBackRunIsOver(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe undo:u.safe]")
	rb.Recover = func(*evenkeel.State) (*evenkeel.Runbook, error) {
		return &evenkeel.Runbook{Name: "back", Title: "Back", EndsRun: true, Steps: parseRunbook(t, "r1[x.safe]").Steps}, nil
	}
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	m.live("CRASH@before:x")
	require.Equal(t, "=died", m.life(t, evenkeel.Rollback, rb, j))
	require.Equal(t, "act r1/x", nextOf(t, rb, j))
	m.live("-")
	require.Equal(t, "=done", m.life(t, evenkeel.Rollback, rb, j))
	require.Contains(t, nextOf(t, rb, j), "done: the run was rolled back")
	life, err := evenkeel.BeginRollback(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j})
	require.NoError(t, err)
	require.Equal(t, "done", decisions(t, life.Next()), "and a life of it does nothing")
	_, err = life.End()
	require.NoError(t, err)
}

// liveOf begins a run on a machine.
func liveOf(t *testing.T, m *machine, rb *evenkeel.Runbook, opts evenkeel.Options) *evenkeel.Life {
	t.Helper()
	if opts.Journal == nil {
		opts.Journal = &evenkeel.MemJournal{}
	}
	opts.Clock = &stepClock{}
	life, err := evenkeel.BeginRun(t.Context(), rb, evenkeel.HostMap{"h": m}, opts)
	require.NoError(t, err)
	return life
}

func TestParallelStepsAreDecidedTogether(t *testing.T) {
	m := newMachine("fail:b")
	rb := parallel(t, "s1[a.safe b.safe] s2[c.safe d.safe] s4[f.safe]")
	rb.Steps = append(rb.Steps, parseRunbook(t, "s3[e.safe]").Steps...)
	j := &evenkeel.MemJournal{}
	life := liveOf(t, m, rb, evenkeel.Options{Journal: j})
	list := life.Next()
	require.Equal(t, "act s1/a, act s2/c, act s4/f", decisions(t, list))
	require.NoError(t, life.Perform(t.Context(), list[0]))
	require.NoError(t, life.Perform(t.Context(), list[1]))
	list = life.Next()
	require.Equal(t, "act s1/b, act s2/d, act s4/f", decisions(t, list))
	require.Error(t, life.Perform(t.Context(), list[0]))
	require.Equal(t, "act s2/d", decisions(t, life.Next()), "what has begun comes to its end, and nothing begins")
	require.Equal(t, "failed s1: h: do b: exit status 1, act s2/d", nextOf(t, rb, j))
	require.ErrorIs(t, life.Perform(t.Context(), list[2]), evenkeel.ErrNotNext)
	require.ErrorIs(t, life.Perform(t.Context(), list[0]), evenkeel.ErrNotNext, "the failed one is not repeated in this life")
	for next := life.Next(); next[0].Work(); next = life.Next() {
		require.NoError(t, life.Perform(t.Context(), next[0]))
	}
	require.Equal(t, "a c b! d", strings.Join(m.log, " "), "what comes after them does not begin")
	require.Equal(t, evenkeel.DecideFailed, life.Next()[0].Kind)
	require.Equal(t, "failed s1: h: do b: exit status 1", nextOf(t, rb, j))
	_, err := life.End()
	var se *evenkeel.StepError
	require.ErrorAs(t, err, &se)
	_, again := life.End()
	require.Equal(t, err, again)
}

func TestOneAfterTheOtherNothingBeginsBesideAFailure(t *testing.T) {
	m := newMachine("fail:b")
	life := liveOf(t, m, parallel(t, "s1[a.safe b.safe] s2[c.safe]"), evenkeel.Options{Serial: true})
	require.Equal(t, "act s1/a", decisions(t, life.Next()))
	require.ErrorIs(t, life.Perform(t.Context(), evenkeel.Decision{Kind: evenkeel.DecideAct, Step: "s2", Action: "c"}), evenkeel.ErrNotNext)
	require.NoError(t, life.Perform(t.Context(), life.Next()[0]))
	require.Error(t, life.Perform(t.Context(), life.Next()[0]))
	require.Equal(t, evenkeel.DecideFailed, life.Next()[0].Kind)
	require.Equal(t, "a b!", strings.Join(m.log, " "))
	_, err := life.End()
	require.Error(t, err)
}

func TestADecisionIsPerformedOnce(t *testing.T) {
	m := newMachine("-")
	rb := parallel(t, "s1[a.safe] s2[c.safe]")
	entered, goOn := make(chan struct{}), make(chan struct{})
	hosts := evenkeel.HostMap{"h": m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[1] == "a" {
			close(entered)
			<-goOn
		}
		return m.Run(ctx, cmd)
	})}
	life, err := evenkeel.BeginRun(t.Context(), rb, hosts, evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.NoError(t, err)
	first := life.Next()
	var wg sync.WaitGroup
	wg.Go(func() { _ = life.Perform(t.Context(), first[0]) })
	<-entered
	require.ErrorIs(t, life.Perform(t.Context(), first[0]), evenkeel.ErrNotNext)
	require.Equal(t, "act s2/c", decisions(t, life.Next()))
	require.NoError(t, life.Perform(t.Context(), first[1]))
	require.NoError(t, life.Perform(t.Context(), life.Next()[0]))
	require.Empty(t, life.Next(), "there is nothing to do beside it, and the life is not over")
	_, err = life.End()
	require.ErrorIs(t, err, evenkeel.ErrNotNext, "a life does not end under what is being performed")
	close(goOn)
	wg.Wait()
	require.Equal(t, "step-end s1", decisions(t, life.Next()))
	require.ErrorIs(t, life.Perform(t.Context(), first[0]), evenkeel.ErrNotNext, "what is done is not next")
	require.ErrorIs(t, life.Perform(t.Context(), evenkeel.Decision{Kind: evenkeel.DecideEnd}), evenkeel.ErrNotNext)
	for next := life.Next(); next[0].Work(); next = life.Next() {
		require.NoError(t, life.Perform(t.Context(), next[0]))
	}
	report, err := life.End()
	require.NoError(t, err)
	require.True(t, report.State.Done)
	require.Equal(t, "c a", strings.Join(m.log, " "))
}

func TestALifeThatIsEndedEarlyIsStopped(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[r.read a.safe verify:v.read verify:w.read] s2[b.safe]")
	j := &evenkeel.MemJournal{}
	life := liveOf(t, m, rb, evenkeel.Options{Journal: j})
	require.Equal(t, evenkeel.Pending, life.State().Step("s1").Progress)
	require.NoError(t, life.Perform(t.Context(), life.Next()[0]))
	before := life.State()
	require.NoError(t, life.Perform(t.Context(), life.Next()[0]))
	require.Equal(t, evenkeel.Doing, life.State().Step("s1").Progress)
	require.Equal(t, evenkeel.Pending, before.Step("s1").Progress, "a state that was handed out does not move")
	require.NoError(t, life.Perform(t.Context(), life.Next()[0]))
	list, err := evenkeel.Next(rb, before)
	require.NoError(t, err)
	require.Equal(t, "act s1/a", decisions(t, list))
	beforeTheLast := life.State()
	require.NoError(t, life.Perform(t.Context(), life.Next()[0]))
	list, err = evenkeel.Next(rb, beforeTheLast)
	require.NoError(t, err)
	require.Equal(t, "act s1 verify/w", decisions(t, list))
	_, err = life.End()
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	var unproven *evenkeel.UnprovenError
	require.ErrorAs(t, err, &unproven, "and says what is not verified")
	require.ErrorIs(t, life.Perform(t.Context(), life.Next()[0]), evenkeel.ErrNotNext, "after its end nothing is performed")
	m.live("-")
	life, err = evenkeel.BeginResume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	before = life.State()
	for next := life.Next(); next[0].Work(); next = life.Next() {
		require.NoError(t, life.Perform(t.Context(), next[0]))
	}
	_, err = life.End()
	require.NoError(t, err)
	list, err = evenkeel.Next(rb, before)
	require.NoError(t, err)
	require.Equal(t, "act s1 verify/v", decisions(t, list), "what was read since is none of its business")
	require.Equal(t, "read:v read:w b", strings.Join(m.log, " "))
	life, err = evenkeel.BeginResume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j})
	require.NoError(t, err)
	require.Equal(t, "done", decisions(t, life.Next()))
	report, err := life.End()
	require.NoError(t, err)
	require.True(t, report.State.Done)
}

func TestTheEndOfAContextOfOneDecisionStopsTheLife(t *testing.T) {
	m := newMachine("-")
	ctx, cancel := context.WithCancel(t.Context())
	hosts := on(m, func(what string) {
		if what == "a" {
			cancel()
		}
	})
	life, err := evenkeel.BeginRun(t.Context(), parseRunbook(t, "s1[a.safe b.safe]"), hosts,
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.NoError(t, err)
	_ = life.Perform(ctx, life.Next()[0])
	for next := life.Next(); next[0].Work(); next = life.Next() {
		_ = life.Perform(t.Context(), next[0])
	}
	_, err = life.End()
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "a", strings.Join(m.log, " "))
}

func TestALifeThatIsKeptOutDoesNotBegin(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe]")
	m := newMachine("-")
	first := liveOf(t, m, rb, evenkeel.Options{RunID: "one"})
	_, err := evenkeel.BeginRun(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: &evenkeel.MemJournal{}, RunID: "two"})
	var held *evenkeel.LeaseHeldError
	require.ErrorAs(t, err, &held)
	_, err = first.End()
	require.ErrorIs(t, err, evenkeel.ErrStopped)
}

// An outage that is open when a step of the group fails is ended by the life, and what it undid is not begun again.
func TestAFailureInAnOutageIsEndedDecisionByDecision(t *testing.T) {
	broken := false
	m := newMachine("fail:b")
	rb := watched(&broken, "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe]", t)
	rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "a test", Limit: time.Hour, Stop: evenkeel.StopAtClose}}
	rb.Steps[1].Closes = []string{"w"}
	j := &evenkeel.MemJournal{}
	serves := func(what string) { broken = what == "a" || broken && what != "u" }
	report, err := stepped(t, evenkeel.BeginRun)(t.Context(), rb, on(m, serves), evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.Error(t, err)
	require.Equal(t, "a b! v u", strings.Join(m.log, " "))
	require.Empty(t, report.State.Windows)
	require.Equal(t, "failed s2: h: do b: exit status 1", nextOf(t, rb, j))
	m.live("-")
	require.Equal(t, "=done", m.life(t, stepped(t, evenkeel.BeginResume), rb, j))
	require.Equal(t, "a b", strings.Join(m.log, " "))
}

// A completion that a crash cut off comes before everything else.
func TestACompletionThatWasCutOffComesNext(t *testing.T) {
	m := newMachine("fail:b CRASH@after:c")
	broken := false
	rb := watched(&broken, "s1[a.safe] s2[b.safe]", t)
	rb.Steps[0].Opens = []evenkeel.Window{{
		ID: "w", Invariant: "served", Reason: "a test", Limit: time.Hour, Stop: evenkeel.StopAtClose,
		Completion: []evenkeel.Action{parseAction(t, "c.safe")},
	}}
	rb.Steps[1].Closes = []string{"w"}
	rb.Invariants[0].Check = func(context.Context, evenkeel.Site) error {
		if broken = m.done["a"] != "" && m.done["b"] == "" && m.done["c"] == ""; broken {
			return evenkeel.Violated("nobody serves")
		}
		return nil
	}
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=died", m.life(t, evenkeel.Run, rb, j))
	require.Equal(t, "failed s2: h: do b: exit status 1", nextOf(t, rb, j), "in the life that failed")
	m.live("CRASH@record:1")
	require.Equal(t, "=died", m.life(t, evenkeel.Resume, rb, j))
	require.Equal(t, "complete s1/w", nextOf(t, rb, j))
	m.live("-")
	m.done["c"] = ""
	require.Equal(t, "=done", m.life(t, stepped(t, evenkeel.BeginResume), rb, j))
	require.Equal(t, "c b", strings.Join(m.log, " "))
}

// TestARunGivesSignsOfLife: while one command runs, the observer is told again and again.
func TestARunGivesSignsOfLife(t *testing.T) {
	m := newMachine("-")
	twice, n := make(chan struct{}), 0
	observer := evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventRunning && e.Action != nil && e.Step != nil && e.Text == "a" && e.Host == "h" {
			if n++; n == 2 {
				close(twice)
			}
		}
	})
	hosts := evenkeel.HostMap{"h": m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[1] == "a" {
			<-twice
		}
		return m.Run(ctx, cmd)
	})}
	_, err := evenkeel.Run(t.Context(), parseRunbook(t, "s1[a.safe b.safe]"), hosts,
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, Observer: observer, Heartbeat: time.Millisecond})
	require.NoError(t, err)
}

// The operator is asked for everything that can be confirmed ahead before the first decision of a step, and once.
func TestALifeAsksOnceForWhatCanBeConfirmedAhead(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[r.read] s2[a.safe]")
	rb.Steps[1].Actions = slices.Insert(rb.Steps[1].Actions, 0,
		evenkeel.Action{ID: "ok", Manual: "is it so?", Change: evenkeel.Change{Title: "OK"}})
	asker := &confirmer{}
	life := liveOf(t, m, rb, evenkeel.Options{Operator: asker})
	for next := life.Next(); next[0].Work(); next = life.Next() {
		require.NoError(t, life.Perform(t.Context(), next[0]))
	}
	_, err := life.End()
	require.NoError(t, err)
	require.Equal(t, 1, asker.confirms)

	life = liveOf(t, newMachine("-"), rb, evenkeel.Options{Operator: &confirmer{err: errors.New("nobody is there")}})
	require.ErrorContains(t, life.Perform(t.Context(), life.Next()[0]), "nobody is there")
	require.Equal(t, evenkeel.DecideFailed, life.Next()[0].Kind, "nothing is done without")
	_, err = life.End()
	require.ErrorContains(t, err, "nobody is there")
}

type confirmer struct {
	confirms int
	err      error
}

func (c *confirmer) Prompt(context.Context, evenkeel.Prompt) (string, error) {
	return "", fmt.Errorf("asked too late")
}

func (c *confirmer) Confirm(_ context.Context, asks []evenkeel.Prompt) ([]string, error) {
	c.confirms++
	return slices.Repeat([]string{"yes"}, len(asks)), c.err
}

// What verifies an undo is read in one life, also where the undo is tried twice in it.
func TestAnUndoThatIsTriedAgainIsVerifiedAsAWhole(t *testing.T) {
	broken := false
	m := newMachine("fail:b fail:z")
	rb := watched(&broken, "s1[a.safe b.safe undo:u.safe auto]", t)
	s := &rb.Steps[0]
	s.UndoVerify = []evenkeel.Action{parseAction(t, "y.read"), parseAction(t, "z.read")}
	s.Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "a test", Limit: time.Hour, Stop: evenkeel.StopAtClose}}
	s.Closes = []string{"w"}
	serves := func(what string) { broken = what == "a" || broken && what != "z" }
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, on(m, func(what string) {
		if n := len(m.log); m.log[n-1] != "read:z!" {
			serves(what)
		}
	}), evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.Error(t, err)
	require.Equal(t, "a b! u read:y read:z! read:y read:z", strings.Join(m.log, " "))
}

// What a completion waits for is read again where it is tried again: a step beside it came to its end meanwhile.
func TestACompletionThatIsTriedAgainReadsAgain(t *testing.T) {
	m := newMachine("fail:b fail:q")
	broken := true
	rb := watched(&broken, "s1[a.safe b.safe] s2[d.safe]", t)
	rb.Steps[0].Parallel, rb.Steps[1].Parallel = "two terminals", "two terminals"
	rb.Steps[0].Opens = []evenkeel.Window{{
		ID: "w", Invariant: "served", Reason: "a test", Limit: time.Hour, Stop: evenkeel.StopAtClose,
		Completion: []evenkeel.Action{parseAction(t, "c.safe"), parseAction(t, "p.read"), parseAction(t, "q.read")},
	}}
	rb.Steps[0].Closes = []string{"w"}
	rb.Invariants[0].Check = func(context.Context, evenkeel.Site) error {
		if broken = m.done["a"] != "" && !strings.HasSuffix(strings.Join(m.log, " "), "read:q"); broken {
			return evenkeel.Violated("nobody serves")
		}
		return nil
	}
	life := liveOf(t, m, rb, evenkeel.Options{})
	for next := life.Next(); next[0].Work(); next = life.Next() {
		_ = life.Perform(t.Context(), next[0])
	}
	_, err := life.End()
	require.Error(t, err)
	require.Equal(t, "a b! c read:p read:q! read:p read:q", strings.Join(m.log, " "))
}

// A rollback that is taken up verifies as a whole again.
func TestARollbackThatIsTakenUpReadsAgain(t *testing.T) {
	m := newMachine("-")
	rb := parseRunbook(t, "s1[a.safe undo:u.safe]")
	rb.Steps[0].UndoVerify = []evenkeel.Action{parseAction(t, "y.read"), parseAction(t, "z.read")}
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=done", m.life(t, evenkeel.Run, rb, j))
	m.live("fail:z")
	require.Equal(t, "=failed", m.life(t, evenkeel.Rollback, rb, j))
	require.Equal(t, "failed undo-s1: h: read z: exit status 1", nextOf(t, rb, j))
	m.live("-")
	require.Equal(t, "=done", m.life(t, stepped(t, evenkeel.BeginRollback), rb, j))
	require.Equal(t, "read:y read:z", strings.Join(m.log, " "))
}

// A violation is a failure, for whoever reads the journal too.
func TestAfterAViolationNothingIsNextInThatLife(t *testing.T) {
	broken := false
	m := newMachine("-")
	rb := watched(&broken, "s1[a.safe b.safe] s2[c.safe]", t)
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, on(m, func(string) { broken = true }), evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.Error(t, err)
	require.Contains(t, nextOf(t, rb, j), "failed s1: invariant served is violated")
}

// A life that is told to stop when it comes to a step asks no machine what became of its actions.
func TestNothingIsProbedAfterTheEndOfTheContext(t *testing.T) {
	m := newMachine("CRASH@after:a")
	rb := parseRunbook(t, "s1[g.guard a.never b.safe]")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=died", m.life(t, evenkeel.Run, rb, j))
	m.live("-")
	ctx, cancel := context.WithCancel(t.Context())
	observer := evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventStep {
			cancel()
		}
	})
	_, err := evenkeel.Resume(ctx, rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}, Observer: observer})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, m.log)
}

// A stop that came in the undo is taken before the step begins anew, and nobody is told that it does.
func TestAStopInAnUndoThatIsBroughtToItsEnd(t *testing.T) {
	m := newMachine("fail:b CRASH@before:w")
	rb := parseRunbook(t, "s1[a.safe b.safe undo:u.safe undo:w.safe auto]")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=died", m.life(t, evenkeel.Run, rb, j))
	m.live("stop:w")
	observer := evenkeel.ObserverFunc(func(e evenkeel.Event) { require.NotEqual(t, evenkeel.EventStep, e.Kind) })
	_, err := evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m},
		evenkeel.Options{Journal: j, Clock: &stepClock{}, Observer: observer, Stop: m.stop})
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	require.Equal(t, "w", strings.Join(m.log, " "))
}

// A sign of life is no second voice: the observer is told one event at a time.
func TestASignOfLifeWaitsForItsTurn(t *testing.T) {
	m := newMachine("-")
	var inside, most atomic.Int32
	running := make(chan struct{})
	observer := evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if n := inside.Add(1); n > most.Load() {
			most.Store(n)
		}
		if e.Kind == evenkeel.EventAction {
			<-running // it is stuck until the command runs
			time.Sleep(20 * time.Millisecond)
		}
		inside.Add(-1)
	})
	hosts := evenkeel.HostMap{"h": m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[1] == "a" {
			close(running)
		}
		return m.Run(ctx, cmd)
	})}
	_, err := evenkeel.Run(t.Context(), parseRunbook(t, "s1[a.safe]"), hosts,
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, Observer: observer, Heartbeat: time.Millisecond})
	require.NoError(t, err)
	require.EqualValues(t, 1, most.Load())
}
