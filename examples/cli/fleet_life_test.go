package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// twoOutages is a runbook with two outages, each of which one step begins and another one ends.
func twoOutages() *evenkeel.Runbook {
	rb := &evenkeel.Runbook{Name: "test", Title: "Test", Invariants: []evenkeel.Invariant{{ID: "served", Title: "It serves.",
		Check: func(context.Context, evenkeel.Site) error { return nil }}}}
	action := func(word string, effect sshexec.Effect) evenkeel.Action {
		return evenkeel.Action{ID: word, Change: evenkeel.Change{Title: word, Cmd: sshexec.Command(effect, word), Repeat: evenkeel.Idempotent}}
	}
	for _, id := range []string{"first", "second"} {
		step := func(when, word string) evenkeel.Step {
			return evenkeel.Step{ID: when + "-" + id, Title: when, Host: "h", Harmless: "it is a test",
				Actions: []evenkeel.Action{action(word, sshexec.Mutating)}, Verify: []evenkeel.Action{action("look", sshexec.ReadOnly)}}
		}
		begin, end := step("begin", "down"), step("end", "up")
		begin.Opens = []evenkeel.Window{{ID: id, Invariant: "served", Reason: "test", Limit: 1 << 40, Stop: evenkeel.StopAtClose,
			Completion: []evenkeel.Action{action("up", sshexec.Mutating)}}}
		end.Closes = []string{id}
		rb.Steps = append(rb.Steps, begin, end)
	}
	return rb
}

// outageCount counts what is down at once.
type outageCount struct {
	mu        sync.Mutex
	down, max int
	commands  int
}

// testMachine is a machine of one pair.
type testMachine struct {
	*outageCount
	lease sshexec.SimLease
}

func (c *outageCount) machine() evenkeel.HostMap {
	return evenkeel.HostMap{"h": &testMachine{outageCount: c}}
}

func (m *testMachine) Run(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	c := m.outageCount
	c.mu.Lock()
	defer c.mu.Unlock()
	if res, err, handled := m.lease.Do("h", cmd); handled {
		return res, err
	}
	switch cmd.Argv[0] {
	case "down":
		c.down++
		c.max = max(c.max, c.down)
		c.commands++
	case "up":
		c.down--
		c.commands++
	}
	return sshexec.Result{Outcome: sshexec.Exited}, nil
}

// testFleet is a life of a fleet of n pairs with one label.
func testFleet(t *testing.T, n int) *fleetRun {
	t.Helper()
	journal, err := evenkeel.OpenJournal(filepath.Join(t.TempDir(), "fleet.jsonl"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = journal.Close() })
	never, _ := oneShot()
	f := &loadedFleet{fleet: fleet{Limit: n, Failures: 1, Waves: []fleetWave{{Name: "all"}}}}
	r := &fleetRun{fleet: f, journal: journal, stop: never, open: make([]chan struct{}, n), giveUp: make([]func(), n), reason: make([]string, n),
		seen: make([]seen, n), resumes: make([]bool, n), poke: make(chan struct{}, 1), now: fleetNow{Waves: make([]waveNow, 1)}}
	for i := range n {
		m := member{fileMember: fileMember{Name: fmt.Sprint("pair-", i)}, book: twoOutages(),
			cfg: &Config{dir: t.TempDir(), Journal: "journal"}}
		f.members = append(f.members, m)
		keys := map[string][]string{"first": {"fs=1"}, "second": {"fs=1"}}
		f.Pairs = append(f.Pairs, fleetPair{Name: m.Name, Keys: keys})
		r.now.Pairs = append(r.now.Pairs, pairNow{State: stateRunning})
	}
	r.lines = newLineWriter(io.Discard, r.names())
	return r
}

// Pairs that run at the same time never have two outages of one label at once, and each comes to its end.
func TestOutagesStayApart(t *testing.T) {
	r, count := testFleet(t, 5), &outageCount{}
	var work sync.WaitGroup
	for i, m := range r.fleet.members {
		r.giveUp[i] = func() { t.Error("a pair is given up") }
		work.Go(func() {
			life, err := evenkeel.BeginRun(t.Context(), m.book, count.machine(), evenkeel.Options{Journal: &evenkeel.MemJournal{}})
			if err == nil {
				_, err = r.live(t.Context(), i, life, r.stop)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			r.now.Pairs[i] = pairNow{State: stateFinished}
			r.again()
		})
	}
	r.loop(t.Context(), r.stop)
	work.Wait()
	require.Equal(t, 1, count.max)
	require.Equal(t, 5*4, count.commands)
	m, err := remember(append([]evenkeel.Record{{Kind: evenkeel.KindBegin, Run: &evenkeel.RunInfo{Runbook: fleetRunbook}}}, r.journal.Records()...))
	require.NoError(t, err)
	require.Len(t, m.begun, 5)
	require.Empty(t, m.waits)
}

// Where a window is opened outside of the maintenance windows, that is said.
func TestALateWindowIsSaid(t *testing.T) {
	for where, want := range map[string]string{"2001-01-01 00:00": "WARNING: it opens window first, and no maintenance window of site is open", "": ""} {
		r, count := testFleet(t, 1), &outageCount{}
		var out strings.Builder
		r.lines = newLineWriter(&out, r.names())
		r.fleet.Pairs[0].Keys = nil
		if where != "" {
			r.fleet.Pairs[0].Site = site(t, "UTC", where, "2001-01-01 08:00")
		}
		life, err := evenkeel.BeginRun(t.Context(), r.fleet.members[0].book, count.machine(), evenkeel.Options{Journal: &evenkeel.MemJournal{}})
		require.NoError(t, err)
		_, err = r.live(t.Context(), 0, life, r.stop)
		require.NoError(t, err)
		require.Contains(t, out.String(), want)
		require.Equal(t, want != "", strings.Contains(out.String(), "window second"))
	}
}

// A pair that has to wait when it is asked to stop stops before the step: nothing of it was done.
func TestAPairThatWaitsStops(t *testing.T) {
	r, count := testFleet(t, 2), &outageCount{}
	r.now.Pairs[1] = pairNow{State: stateRunning, Holds: []string{"fs=1"}}
	stop, ask := oneShot()
	life, err := evenkeel.BeginRun(t.Context(), r.fleet.members[0].book, count.machine(),
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Stop: stop})
	require.NoError(t, err)
	ended := make(chan error)
	go func() {
		_, err := r.live(t.Context(), 0, life, stop)
		ended <- err
	}()
	<-r.poke
	require.Equal(t, stateWaiting, r.now.Pairs[0].State)
	next, over := r.decide(t.Context(), stop)
	require.False(t, over)
	require.Empty(t, next.Open)
	ask()
	require.ErrorIs(t, <-ended, evenkeel.ErrStopped)
	require.Zero(t, count.commands)
	require.Equal(t, evenkeel.Pending, life.State().Step("begin-first").Progress)
}

// Where a window is open, be it since an earlier life, its pair keeps the others out and waits for nobody itself.
func TestWhatIsOpenIsHeld(t *testing.T) {
	r, count, journal := testFleet(t, 2), &outageCount{}, &evenkeel.MemJournal{}
	rb := r.fleet.members[0].book
	life, err := evenkeel.BeginRun(t.Context(), rb, count.machine(), evenkeel.Options{Journal: journal})
	require.NoError(t, err)
	for len(life.State().Windows) == 0 {
		require.NoError(t, life.Perform(t.Context(), life.Next()[0]))
	}
	require.Equal(t, []string{"fs=1"}, r.fleet.wanted(0, life.State(), nil))
	require.Equal(t, []string{"fs=1"}, r.fleet.Pairs[0].keys("undo-first", "other"))
	r.now.Pairs[0].Holds = []string{"fs=1"}
	require.True(t, r.gate(t.Context(), 0, []string{"fs=1"}, r.stop))
	require.Equal(t, []string{"fs=1"}, r.now.Pairs[0].Holds)
	for len(life.State().Windows) > 0 {
		require.NoError(t, life.Perform(t.Context(), life.Next()[0]))
	}
	require.True(t, r.gate(t.Context(), 0, r.fleet.wanted(0, life.State(), nil), r.stop))
	require.Empty(t, r.now.Pairs[0].Holds)
	// What opens next is wanted before its step begins; what is undone or ended is not.
	next := life.Next()
	require.Equal(t, "begin-second", next[0].Step)
	require.Equal(t, []string{"fs=1"}, r.fleet.wanted(0, life.State(), next))
	next[0].Kind = evenkeel.DecideUndo
	require.Empty(t, r.fleet.wanted(0, life.State(), next))
}

// ends has the loop of a fleet come to its end.
func ends(ctx context.Context, t *testing.T, r *fleetRun) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.loop(ctx, r.stop)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the loop does not end")
	}
}

// waves has the pairs of a test be of two waves: the first is done and to be confirmed, the second has a pair to be taken up.
func waves(r *fleetRun, soak time.Duration) {
	f := r.fleet
	f.Waves = []fleetWave{{"canary", soak, true}, {"rest", 0, false}}
	f.Pairs[1].Wave = 1
	r.now.Waves = []waveNow{{Done: time.Now()}, {}}
	r.now.Pairs = []pairNow{{State: stateFinished}, {State: statePending}}
	f.tool, f.at, r.app = "tool", &Config{}, testApp(io.Discard, io.Discard)
	for i := range f.members {
		f.members[i].cfg.World = "h"
	}
}

// What is to be begun is begun although a wave is to be confirmed at the same moment; nothing is said to run that does not.
func TestAQuestionKeepsNothingFromBeginning(t *testing.T) {
	r := testFleet(t, 2)
	waves(r, 0)
	r.now.Pairs[1] = pairNow{State: stateStopped, Take: true}
	ends(t.Context(), t, r)
	require.True(t, r.now.Waves[0].Confirmed)
	require.Equal(t, stateFailed, r.now.Pairs[1].State, "its world does not answer")
	require.Contains(t, r.reason[1], "does not answer")
}

// Where nobody confirms a wave the fleet ends, and says so; what has begun is not stopped by that.
func TestNobodyConfirmsAWave(t *testing.T) {
	r := testFleet(t, 2)
	waves(r, 0)
	r.fleet.members[0].cfg.World = "" // nobody answers for it
	r.now.Pairs[1] = pairNow{State: stateStopped, Take: true}
	ends(t.Context(), t, r)
	require.Equal(t, stateFailed, r.now.Pairs[1].State)
	require.False(t, r.now.Stop)
	require.False(t, r.now.Waves[0].Confirmed)
	r = testFleet(t, 2)
	waves(r, 0)
	r.fleet.members[0].cfg.World = ""
	ends(t.Context(), t, r)
	require.Equal(t, "canary", r.asked)
	require.Equal(t, statePending, r.now.Pairs[1].State)
}

// A fleet that waits for time alone ends with its context.
func TestAFleetEndsWithItsContext(t *testing.T) {
	r := testFleet(t, 2)
	waves(r, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	ends(ctx, t, r)
	require.Equal(t, statePending, r.now.Pairs[1].State)
}

// A wave is confirmed by an answer that cannot be meant otherwise, and by none that was typed before the question.
func TestAWaveIsConfirmedInWords(t *testing.T) {
	for line, want := range map[string]string{"yes alice": "yes alice", "YES  bob, 14:00": "YES  bob, 14:00", "canary": "canary",
		"": "", "n": "", "No": "", "yes": "?", "y": "?", "no alice": "?", "alice": "?", "yesterday bob": "?", "Canary": "?", "rest": "?"} {
		sure, clear := confirms(line, "canary")
		if !clear {
			sure = "?"
		}
		require.Equal(t, want, sure, "%q", line)
	}
	r := testFleet(t, 2)
	waves(r, 0)
	var out strings.Builder
	r.lines = newLineWriter(&out, r.names())
	require.Empty(t, r.asks(t.Context(), &terminal{in: bufio.NewReader(strings.NewReader("no\n"))}, 0))
	require.Contains(t, out.String(), "wave canary is done (1 finished). May the next wave begin?")
	answers, types := io.Pipe()
	at := &terminal{in: bufio.NewReader(io.MultiReader(strings.NewReader("yes typed before\n"), answers))}
	_, err := at.in.Peek(1) // it is there before the question
	require.NoError(t, err)
	go func() {
		_, _ = io.WriteString(types, "maybe\n")
		_, _ = io.WriteString(types, "yes alice\n")
	}()
	require.Equal(t, "yes alice", r.asks(t.Context(), at, 0))
	require.Contains(t, out.String(), "that is neither yes with a name, nor canary, nor no")
}

func TestLinesOfPairs(t *testing.T) {
	var b bytes.Buffer
	l := newLineWriter(&b, []string{"a", "long-name"})
	_, _ = io.WriteString(l.of(0), "one\n\ntwo\n")
	_, _ = io.WriteString(l.of(0), "who confirms it? ")
	_, _ = io.WriteString(l.of(0), "(empty: not now) ")
	_, _ = io.WriteString(l.of(1), "other\n")
	l.say(-1, "done")
	require.Equal(t, "a          one\na          two\na          who confirms it? (empty: not now) \nlong-name  other\nfleet      done\n", b.String())
}
