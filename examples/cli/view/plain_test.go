package view

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

func printed(o Options, events ...evenkeel.Event) string {
	var b strings.Builder
	p := NewPlain(&b, o)
	for _, e := range events {
		p.Event(e)
	}
	return b.String()
}

// A wait of half an hour, looked at every ten seconds, is one line every five minutes, whatever differs in its text; what is to be done by
// hand is told once.
func TestAWaitIsNotRepeated(t *testing.T) {
	s := newStory().begin(16, installStep).tell(0, evenkeel.EventAction, 0, "")
	for i := range 180 {
		s.tell(10*time.Second, evenkeel.EventWait, 0, "port "+time.Duration(i).String())
		s.tell(0, evenkeel.EventAsk, 0, "Install it.")
	}
	out := printed(Options{}, s.all...)
	require.Equal(t, 6, strings.Count(out, "still waiting"), out)
	require.Contains(t, out, "still waiting, 30 m: Install the new system on ct6-mds2: port 179ns")
	require.Equal(t, 1, strings.Count(out, "BY HAND"), out)
	require.Equal(t, 9, strings.Count(out, "\n"), out)
}

// A command of which nothing is heard but that it runs is told of as well.
func TestALongCommandIsToldOf(t *testing.T) {
	s := newStory().begin(14, moveStep).tell(0, evenkeel.EventAction, 0, "")
	for range 200 {
		s.tell(3*time.Second, evenkeel.EventRunning, 0, "")
	}
	require.Equal(t, 2, strings.Count(printed(Options{}, s.all...), "still at work"))
}

// A connection that breaks under a shutdown is no alarm; one that breaks under anything else is.
func TestAnExpectedDisconnectLooksExpected(t *testing.T) {
	down := newStory().begin(15, downStep).tell(0, evenkeel.EventAction, 0, "").tell(0, evenkeel.EventUnknown, 0, "lost").
		tell(time.Second, evenkeel.EventDone, 0, "")
	out := printed(Options{}, down.all...)
	require.Contains(t, out, "✓ Shut ct6-mds2.lfs.intl down: the connection closed, as planned\n")
	require.NotContains(t, out, "lost")
	other := newStory().begin(14, moveStep).tell(0, evenkeel.EventAction, 0, "").tell(0, evenkeel.EventUnknown, 0, "cut").
		tell(time.Second, evenkeel.EventDone, 0, "")
	out = printed(Options{}, other.all...)
	require.Contains(t, out, "! The connection was lost. Whether it ran is not known yet, and is being checked: cut\n")
	require.NotContains(t, out, "as planned")
}

// What has no normal place and is nowhere is not in its place.
func TestWhatIsDownIsNotInItsPlace(t *testing.T) {
	var all things
	all.take([]evenkeel.Serving{{What: "set01"}}, night)
	require.True(t, all[0].away())
	require.Equal(t, "set01 DOWN", all.String())
}

// What serves where is told when it changes, and not at each look.
func TestServingIsToldWhenItChanges(t *testing.T) {
	s := newStory()
	for range 5 {
		s.tell(time.Second, evenkeel.EventServing, -1, "", saw(on("MGS", node2, node1), on("demo-MDT0000", node2, node2)))
	}
	s.tell(0, evenkeel.EventServing, -1, "", saw(evenkeel.Serving{What: "MGS", Where: node2, State: "in recovery", Home: node1})) // the line is the same
	s.tell(time.Second, evenkeel.EventServing, -1, "", saw(on("MGS", "", node1)))
	s.tell(time.Second, evenkeel.EventServing, -1, "", saw(on("MGS", node1, node1)))
	out := printed(Options{}, s.all...)
	require.Equal(t, "22:05:00  ● serving: MGS, demo-MDT0000 on ct6-mds2\n"+
		"22:05:06  ● serving: MGS DOWN; demo-MDT0000 on ct6-mds2\n"+
		"22:05:07  ● serving: MGS on ct6-mds1; demo-MDT0000 on ct6-mds2\n", out)
}

// Of a run that is taken up, what was done before is one line; an open window counts its limit anew, and says since when it is open.
func TestWhatWasDoneBeforeIsOneLine(t *testing.T) {
	st := &evenkeel.State{Run: evenkeel.RunInfo{Steps: []string{"a", "b", "c"}}, Steps: map[string]*evenkeel.StepState{
		"a": {Progress: evenkeel.Did, Ended: night.Add(-2 * time.Hour)}, "b": {Progress: evenkeel.Did, Ended: night.Add(-time.Hour)},
	}, Windows: map[string]evenkeel.OpenWindow{"switch-over": {Step: "b", Since: night.Add(-time.Hour), Window: outage.Window}}}
	s := newStory().begin(14, moveStep)
	out := printed(Options{State: st}, s.all...)
	require.Equal(t, 1, strings.Count(out, "22:05:00  ✓ steps 1 to 2 were done before (21:05)\n"), out)
	m := newModel(Options{State: st})
	for _, e := range s.all {
		m.take(e)
	}
	require.Contains(t, strings.Join(m.block(120, 24, night.Add(time.Minute)), "\n"), "open 1 h 1 m, 9 m left of 10 m")
	st.Steps["b"].Progress, st.Steps["c"] = evenkeel.Pending, &evenkeel.StepState{Progress: evenkeel.Did, Ended: night}
	require.Contains(t, printed(Options{State: st}, s.all...), "2 steps were done before")
	require.NotContains(t, printed(Options{State: &evenkeel.State{}}, s.all...), "before")
}

// No line of what a machine prints looks like one of ours, and nothing of it is a command to the terminal.
func TestNoLineIsForged(t *testing.T) {
	s := newStory().begin(14, moveStep).tell(0, evenkeel.EventAction, 0, "").
		tell(0, evenkeel.EventFailed, 0, "it prints\n22:05:00  ✓ all is well\x1b[2J")
	out := printed(Options{}, s.all...)
	require.Contains(t, out, "\n             | 22:05:00  ✓ all is well\\u001b[2J\n")
	s.all[0].Serving[0].State, s.all[0].Serving[0].What = "\x1b[31mfine\nfine", "\x1b[7mMGS"
	m := newModel(Options{Journal: "j\x1b[0m"})
	for _, e := range s.all {
		m.take(e)
	}
	for _, row := range m.block(100, 40, night) {
		require.NotContains(t, strings.NewReplacer("\x1b[1m", "", "\x1b[2m", "", "\x1b[m", "", "\x1b[32m", "", "\x1b[1;31m", "", "\x1b[31;1m", "",
			"\x1b[33;1m", "", "\x1b[1;33m", "").Replace(row), "\x1b", row)
	}
}

// The messages that a stuck output never got are counted.
func TestMissingMessagesAreCounted(t *testing.T) {
	s := newStory().begin(14, moveStep)
	s.all[1].Missed = 3
	require.Contains(t, printed(Options{}, s.all...), "3 messages are missing here")
}

// A locale that is not UTF-8, and the Linux console, get ASCII; NO_COLOR and a dumb terminal get plain lines.
func TestTerminals(t *testing.T) {
	env := func(list ...string) func(string) string {
		return func(name string) string {
			for _, one := range list {
				if v, ok := strings.CutPrefix(one, name+"="); ok {
					return v
				}
			}
			return ""
		}
	}
	for _, fine := range [][]string{{"LANG=de_DE.UTF-8"}, {"LC_ALL=C.utf8", "LANG=C"}, {"LC_CTYPE=en_US.UTF-8", "LANG=C"}} {
		require.False(t, ASCIIOnly(env(append(fine, "TERM=xterm")...)), fine)
	}
	for _, not := range [][]string{{}, {"LANG=C"}, {"LC_ALL=POSIX", "LANG=C.UTF-8"}, {"LANG=C.UTF-8", "TERM=linux"}} {
		require.True(t, ASCIIOnly(env(not...)), not)
	}
	require.True(t, Redraws(env("TERM=screen")))
	for _, not := range [][]string{{}, {"TERM=dumb"}, {"TERM=xterm", "NO_COLOR=1"}} {
		require.False(t, Redraws(env(not...)), not)
	}
	s := stories()["pause"]
	m := newModel(Options{ASCII: true, Journal: "j"})
	for _, e := range s.all {
		for _, l := range m.take(e) {
			require.False(t, strings.ContainsFunc(l.rows(60, m.opts.glyphs()), func(r rune) bool { return r > 0x7e }))
		}
	}
	require.False(t, strings.ContainsFunc(strings.Join(m.block(60, 24, s.now), ""), func(r rune) bool { return r > 0x7e }))
}

// What is left is known from the plan: of the run, of the step, and of an outage; what nobody knows makes it a lower bound.
func TestWhatIsLeft(t *testing.T) {
	plan := &evenkeel.Timetable{Total: evenkeel.Span{For: 2 * time.Hour}, Windows: []evenkeel.TimedWindow{{ID: "switch-over",
		Lasts: evenkeel.Span{For: 30 * time.Second}}}}
	for i := range 24 {
		s := evenkeel.TimedStep{ID: "other", Takes: evenkeel.Estimate{Most: 5 * time.Minute}}
		s.Begins.For, s.Ends.For = time.Duration(i)*5*time.Minute, time.Duration(i+1)*5*time.Minute
		plan.Steps = append(plan.Steps, s)
	}
	plan.Steps[13].ID = moveStep.ID
	block := func(s *story) string {
		m := newModel(Options{Plan: plan})
		for _, e := range s.all {
			m.take(e)
		}
		return ansi.Strip(strings.Join(m.block(120, 24, s.now), "\n"))
	}
	moving := newStory().begin(14, moveStep).tell(time.Minute, evenkeel.EventAction, 0, "")
	require.Contains(t, block(moving), "about 54 m left")
	require.Contains(t, block(moving), "Ctrl-C stops after this step (about 4 m)")
	require.Contains(t, block(stories()["window"]), "Ctrl-C stops after this window (about 25 s)")
	plan.Steps[20].Takes.Most = 0
	require.Contains(t, block(moving), "54 m or more left")
	plan.Steps[13].ID = "a rollback has other steps"
	require.NotContains(t, block(moving), "left")
	require.Contains(t, block(newStory().begin(14, moveStep)), "Ctrl-C stops before the next change")
	require.Contains(t, block(moving.tell(0, evenkeel.EventDone, 0, "")), "Ctrl-C stops after this step")
	require.Contains(t, block(moving.tell(0, evenkeel.EventStepDone, -1, "")), "Ctrl-C stops before the next change")
	require.Contains(t, block(stories()["pause"]), "Ctrl-C stops here")
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 s", 4 * time.Second: "4 s", 123 * time.Second: "2 m 3 s", 31*time.Minute + 5*time.Second: "31 m",
		2 * time.Minute: "2 m", 80 * time.Minute: "1 h 20 m", 3 * time.Hour: "3 h", -time.Second: "0 s", 26 * time.Hour: "26 h"} {
		require.Equal(t, want, words(d))
	}
	require.Equal(t, "oss1", short("oss1.example"))
	require.Equal(t, "192.0.2.7", short("192.0.2.7"))
	require.Equal(t, "a and b", places("a.x and b.y"))
	require.Equal(t, "Stop it (oss1)", titled("Stop it", "oss1.example"))
	require.Equal(t, "Stop oss1", titled("Stop oss1", "oss1.example"))
}
