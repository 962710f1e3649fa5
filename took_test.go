package evenkeel_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// slow is a machine of whose commands each takes a time on the clock.
func slow(m *machine, clock *stepClock, takes map[string]time.Duration) evenkeel.HostMap {
	return evenkeel.HostMap{"h": m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if len(cmd.Argv) > 1 {
			_ = clock.Sleep(ctx, takes[cmd.Argv[1]])
		}
		return m.Run(ctx, cmd)
	})}
}

// The journal of a run that has ended tells how long its steps took, and that of a rollback how long that did.
func TestTookFromAJournal(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe undo:u.safe] s2[b.safe verify:v.read undo:w.safe]")
	clock := &stepClock{}
	hosts := slow(newMachine("-"), clock, map[string]time.Duration{"a": time.Hour, "b": 2 * time.Hour, "u": 10 * time.Minute})
	j := &evenkeel.MemJournal{}
	opts := evenkeel.Options{Journal: j, Clock: clock}
	_, err := evenkeel.Run(t.Context(), rb, hosts, opts)
	require.NoError(t, err)
	took := evenkeel.Took{}
	told, err := took.Add(rb, "site.jsonl", j.Records())
	require.NoError(t, err)
	require.Empty(t, told)
	first := took["test"]["s1"]
	require.InDelta(t, time.Hour, first.Most, float64(time.Minute))
	require.Equal(t, first.Least, first.Most)
	require.Regexp(t, `^journal site\.jsonl of \d{4}-\d\d-\d\d$`, first.From)
	require.InDelta(t, 2*time.Hour, took["test"]["s2"].Most, float64(time.Minute))

	_, err = evenkeel.Rollback(t.Context(), rb, hosts, opts)
	require.NoError(t, err)
	both := evenkeel.Took{}
	_, err = both.Add(rb, "one", j.Records())
	require.NoError(t, err)
	require.Equal(t, took["test"]["s2"].Most, both["test"]["s2"].Most, "it took that long before it was undone")
	require.InDelta(t, 10*time.Minute, both["test-rollback"]["undo-s1"].Most, float64(time.Minute))
	table, err := rb.Timetable(evenkeel.TimetableOptions{Took: both})
	require.NoError(t, err)
	require.False(t, table.TurnBacks[1].Takes.AtLeast)

	slower := map[string]map[string]evenkeel.Estimate{}
	for book, steps := range both {
		slower[book] = map[string]evenkeel.Estimate{}
		for id, e := range steps {
			slower[book][id] = evenkeel.Estimate{Least: 2 * e.Least, Most: 2 * e.Most, From: "two"}
		}
	}
	again := evenkeel.Took(slower)
	_, err = again.Add(rb, "one", j.Records())
	require.NoError(t, err)
	require.Equal(t, first.Most, again["test"]["s1"].Least, "of two journals the shortest")
	require.Equal(t, 2*first.Most, again["test"]["s1"].Most, "and the longest")
}

// A step that was interrupted, or that was found done, tells nothing.
func TestTookIsSilentOfWhatWasInterrupted(t *testing.T) {
	m, j := newMachine("CRASH@after:b"), &evenkeel.MemJournal{}
	rb := parseRunbook(t, "s1[a.safe] s2[b.probe] s3[c.probe] s4[d.probe e.safe]")
	m.done["c"], m.done["d"] = "done", "done"
	require.Equal(t, "=died", m.life(t, evenkeel.Run, rb, j))
	_, err := evenkeel.Took{}.Add(rb, "half.jsonl", j.Records())
	require.ErrorContains(t, err, "half.jsonl: its run has not ended")
	m.live("-")
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	took := evenkeel.Took{}
	told, err := took.Add(rb, "whole.jsonl", j.Records())
	require.NoError(t, err)
	require.Equal(t, []string{"s2", "s3"}, told.Silent)
	require.Contains(t, took["test"], "s1")
	require.NotContains(t, took["test"], "s2")
	require.True(t, took["test"]["s4"].Part, "a part of it was done before")
	table, err := rb.Timetable(evenkeel.TimetableOptions{Took: took})
	require.NoError(t, err)
	require.Equal(t, []string{"s2", "s3", "s4"}, table.Unknown)
}

// A journal tells when it is that of a simulation, and when its run was made for other machines or from other inputs of
// the same name. An input that one of both does not have tells nothing.
func TestTookFromAnotherSystem(t *testing.T) {
	book := func(spec string, inputs ...evenkeel.Input) *evenkeel.Runbook {
		rb := parseRunbook(t, spec)
		rb.Inputs = inputs
		return rb
	}
	one, other := evenkeel.NewInput("Hosts.csv", []byte("a")), evenkeel.NewInput("Hosts.csv", []byte("b"))
	dated := evenkeel.NewInput("bck-20260101.tgz", nil)
	for name, tc := range map[string]struct {
		was, is   *evenkeel.Runbook
		simulated bool
		want      evenkeel.Told
	}{
		"the same":     {was: book("s1[a.safe]", one), is: book("s1[a.safe]", one)},
		"another file": {was: book("s1[a.safe]", one), is: book("s1[a.safe]", other), want: evenkeel.Told{Other: []string{"Hosts.csv"}}},
		"a dated file": {was: book("s1[a.safe]", dated), is: book("s1[a.safe]", one)},
		"a simulation": {was: book("s1[a.safe]"), is: book("s1[a.safe]"), simulated: true, want: evenkeel.Told{Simulated: true}},
	} {
		j := &evenkeel.MemJournal{}
		opts := evenkeel.Options{Journal: j, Clock: &stepClock{}, Simulated: tc.simulated}
		_, err := evenkeel.Run(t.Context(), tc.was, evenkeel.HostMap{"h": newMachine("-")}, opts)
		require.NoError(t, err, name)
		told, err := evenkeel.Took{}.Add(tc.is, "x", j.Records())
		require.NoError(t, err, name)
		require.Equal(t, tc.want, told, name)
	}
	rb := book("s1[a.safe]")
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": newMachine("-")}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	rb.Steps[0].Host = "h2"
	told, err := evenkeel.Took{}.Add(rb, "x", j.Records())
	require.NoError(t, err)
	require.Equal(t, []string{"the machines"}, told.Other)
	table, err := rb.Timetable(evenkeel.TimetableOptions{Doubts: []string{"it is of another system"}})
	require.NoError(t, err)
	require.Equal(t, []string{"it is of another system"}, table.Findings)
}

func TestTookMistakes(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe]")
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Took{}.Add(rb, "x", nil)
	require.ErrorIs(t, err, evenkeel.ErrJournalEmpty)
	_, err = evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": newMachine("-")}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	_, err = evenkeel.Took{}.Add(nil, "x", j.Records())
	require.ErrorContains(t, err, "there is no runbook")
	rb.Name = "other"
	_, err = evenkeel.Took{}.Add(rb, "x.jsonl", j.Records())
	require.ErrorIs(t, err, evenkeel.ErrJournalOther)
	require.ErrorContains(t, err, "x.jsonl: ")
	require.ErrorContains(t, err, "it is the journal of test, and the plan is of other")
}
