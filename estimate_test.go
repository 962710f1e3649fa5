package evenkeel_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// A step that says nothing of its time takes what its actions take, and a step of a rollback what those of the undo take.
func TestEstimatesOfActions(t *testing.T) {
	rb := parseRunbook(t, "one[a.safe b.safe undo:c.safe] two[d.safe]")
	rb.Steps[1].Takes = known(time.Hour)
	of := map[string]evenkeel.Estimate{
		"a": {Least: time.Second, Most: 3 * time.Second, From: "one"}, "b": {Most: 10 * time.Second, From: "other"},
		"c": {Most: time.Minute, From: "one"}, "d": {Most: 9 * time.Hour, From: "one"},
	}
	rb.Estimate(func(a *evenkeel.Action) evenkeel.Estimate { return of[a.ID] })
	rb.Estimate(func(*evenkeel.Action) evenkeel.Estimate { return known(9 * time.Hour) }) // who comes later changes nothing
	table, text := timetable(t, rb, evenkeel.TimetableOptions{})
	require.Equal(t, evenkeel.Estimate{Least: 11 * time.Second, Most: 13 * time.Second, From: "one; other"}, table.Steps[0].Takes)
	require.Equal(t, exactly(time.Hour+13*time.Second), table.Total)
	require.Equal(t, exactly(time.Minute), table.TurnBacks[0].Takes)
	require.Contains(t, text, "11 s to 13 s [1, 2]")

	digest := rb.Digest()
	rb.Steps[0].Actions[0].Takes = evenkeel.Estimate{}
	require.Equal(t, digest, rb.Digest(), "what runs is the same")
	table, _ = timetable(t, rb, evenkeel.TimetableOptions{})
	require.Equal(t, "10 s and more", table.Steps[0].Takes.String(), "of one action nobody knows it")

	rb.Steps[0].Actions[0].Takes = evenkeel.Estimate{Least: 2, Most: 1, From: "one"}
	require.ErrorContains(t, rb.Validate(), "action one/a: takes from 2ns to 1ns, which is no estimate")
	rb.Steps[0].Actions[0].Takes = evenkeel.Estimate{Most: 1}
	require.ErrorContains(t, rb.Validate(), "action one/a: says how long it takes, and not who says so")
}

// A guess says that it is one; of what waits, installs or works for long it says nothing.
func TestGuess(t *testing.T) {
	look := evenkeel.Look("a", "See", "true")
	long, detached, awaits := evenkeel.Do("b", "Do", "x").Timeout(time.Hour), evenkeel.Do("c", "Do", "x"), look
	detached.Detached, awaits.Expect.Awaits = true, true
	for _, a := range []evenkeel.Action{look.Waiting(time.Minute), long, detached, awaits} {
		require.Zero(t, evenkeel.Guess(&a), a.ID)
	}
	for most, a := range map[time.Duration]evenkeel.Action{
		3 * time.Second: look, 10 * time.Second: evenkeel.Do("d", "Do", "x"), 10 * time.Minute: evenkeel.ByHand("e", "Do", "do it"),
	} {
		require.Equal(t, most, evenkeel.Guess(&a).Most)
		require.Contains(t, evenkeel.Guess(&a).From, "a guess")
	}
	rest := evenkeel.Rest("f", "Wait", time.Minute)
	require.Equal(t, time.Minute, rest.Takes.Most)
}

// A time that rests on a guess is called guessed wherever it is told, and whether a run fits by it is a finding; what is stated is not.
func TestGuessesAreCalledGuesses(t *testing.T) {
	rb := &evenkeel.Runbook{Name: "book", Title: "A book", Steps: []evenkeel.Step{
		{ID: "see", Title: "See", Host: "h", Actions: []evenkeel.Action{evenkeel.Look("a", "See", "true")}},
		{ID: "do", Title: "Do", Host: "h", Actions: []evenkeel.Action{evenkeel.Do("b", "Do", "x")}, Undo: []evenkeel.Action{evenkeel.Do("c", "Undo", "y")}},
	}}
	rb.Estimate(evenkeel.Guess)
	in := evenkeel.TimetableOptions{Within: time.Hour}
	table, text := timetable(t, rb, in)
	require.Equal(t, evenkeel.Span{For: 13 * time.Second, Guessed: true}, table.Total)
	require.Contains(t, text, "takes      13 s (guessed), as expected")
	require.Contains(t, text, "begin      at the latest: 0:59:47 (guessed)")
	require.Contains(t, table.Findings, "that the run fits into the maintenance window of 1 h rests on guesses: its time is 13 s (guessed). "+
		"State what you know of the steps, or give the journal of an earlier run")
	require.Len(t, table.Findings, 2)
	require.Contains(t, table.Findings[1], "that a rollback from these steps ends within the maintenance window rests on guesses: ")
	raw, err := json.Marshal(table.Total)
	require.NoError(t, err)
	require.JSONEq(t, `{"seconds": 13, "at_least": false, "guessed": true}`, string(raw))

	in.Stated = map[string]time.Duration{"see": time.Minute, "do": time.Minute, "book-rollback/undo-do": time.Minute}
	table, text = timetable(t, rb, in)
	require.Equal(t, evenkeel.Span{For: 2 * time.Minute}, table.Total)
	require.NotContains(t, text, "guess")
	require.Empty(t, table.Findings)
}

// What is expected to be down is said by name: how often, and for how long each time.
func TestExpectedOutages(t *testing.T) {
	rb := timedBook(t)
	w := &rb.Steps[3].Opens[0]
	w.Down, w.Each = []string{"t1", "t2", "t3", "t4", "t5", "t6"}, evenkeel.Estimate{Least: 3 * time.Second, Most: 9 * time.Second, From: "a test"}
	rb.Steps[5].Opens = []evenkeel.Window{{ID: "again", Invariant: "served", Reason: "it moves", Limit: time.Minute, Stop: evenkeel.StopAtClose,
		Down: []string{"t6"}, Each: known(20 * time.Second)}}
	rb.Steps[5].Closes = []string{"again"}
	rb.Absences = append(rb.Absences, evenkeel.Absence{What: "all of it", From: "out", Until: "gone", Stopped: true})
	_, text := timetable(t, rb, evenkeel.TimetableOptions{})
	require.Contains(t, text, "  down       t1, t2, t3, t4 and 1 more: once, for 3 s to 9 s (a test)\n")
	require.Contains(t, text, "  down       t6: 2 times, each for 3 s to 20 s (a test)\n")
	require.Contains(t, text, "  down       all of it: once, for a time that is 3 h 5 m\n")
	sheet, err := rb.Sheet(evenkeel.SheetOptions{})
	require.NoError(t, err)
	require.Contains(t, sheet.Chapters[0].Rows, []string{"Expected outage", "t1, t2, t3, t4 and 1 more: once, for 3 s to 9 s (a test); " +
		"t6: 2 times, each for 3 s to 20 s (a test); all of it: once, for a time that is 3 h 5 m"})

	w.Each = evenkeel.Estimate{}
	_, text = timetable(t, rb, evenkeel.TimetableOptions{})
	require.Contains(t, text, "and 1 more: once, for a time that is not known")
	require.Contains(t, text, "t6: 2 times, each for 20 s and more (a test)")
	w.Each = evenkeel.Estimate{Most: 1}
	require.ErrorContains(t, rb.Validate(), "window down: says how long it takes, and not who says so")
}
