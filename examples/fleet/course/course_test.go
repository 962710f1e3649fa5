package course

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// pairBook has two steps of one action each, the first with an undo.
func pairBook(t *testing.T) *evenkeel.Runbook {
	t.Helper()
	rb := &evenkeel.Runbook{Name: "test", Title: "Test", Steps: []evenkeel.Step{
		{ID: "s1", Title: "One", Host: "h", Actions: []evenkeel.Action{evenkeel.Do("a", "Do a", "do", "a")},
			Undo: []evenkeel.Action{evenkeel.Do("u", "Undo a", "undo", "a")}},
		{ID: "s2", Title: "Two", Host: "h", Harmless: "a test", Actions: []evenkeel.Action{evenkeel.Do("b", "Do b", "do", "b")}},
	}}
	require.NoError(t, rb.Validate())
	return rb
}

// lived is the journal of a life on a machine that answers as given.
func lived(t *testing.T, rb *evenkeel.Runbook, start func(j *evenkeel.MemJournal, h evenkeel.Hosts), fail string) []evenkeel.Record {
	t.Helper()
	j := &evenkeel.MemJournal{}
	start(j, machines(fail))
	return j.Records()
}

func machines(fail string) evenkeel.Hosts {
	return evenkeel.HostMap{"h": sshexec.WithSimLease("h", &sshexec.SimLease{}, runner(fail))}
}

// place is a place with a journal.
func place(t *testing.T, rb *evenkeel.Runbook, records []evenkeel.Record) *Place {
	t.Helper()
	p, err := New(rb, records)
	require.NoError(t, err)
	return p
}

func next(t *testing.T, p *Place) string {
	t.Helper()
	m, err := p.Next()
	require.NoError(t, err)
	again, err := p.Next()
	require.NoError(t, err)
	require.Equal(t, m, again, "it decides the same twice")
	return m.String()
}

// Each line is what is done with a place, and what comes next then.
func TestNext(t *testing.T) {
	rb := pairBook(t)
	run := func(fail string) []evenkeel.Record {
		return lived(t, rb, func(j *evenkeel.MemJournal, h evenkeel.Hosts) {
			_, _ = evenkeel.Run(t.Context(), rb, h, evenkeel.Options{Journal: j})
		}, fail)
	}
	done, failed := run(""), run("b")
	back := lived(t, rb, func(j *evenkeel.MemJournal, h evenkeel.Hosts) {
		_, _ = evenkeel.Run(t.Context(), rb, h, evenkeel.Options{Journal: j})
		_, err := evenkeel.Rollback(t.Context(), rb, h, evenkeel.Options{Journal: j})
		require.NoError(t, err)
	}, "b")
	begun := back[:len(failed)+1] // a rollback that has only begun
	for _, tc := range []struct {
		name    string
		records []evenkeel.Record
		do      func(*Place)
		want    string
	}{
		{"a new run", nil, nil, "begin run"},
		{"a new run that is to be stopped", nil, func(p *Place) { p.Stop = true }, "hold stopped stopped as asked; its place is kept"},
		{"a new run that is to be rolled back", nil, func(p *Place) { p.GoBack() }, "over rolled back"},
		{"a run that goes on", failed, nil, "begin resume"},
		{"a run that is done", done, nil, "over finished"},
		{"a run that is done is rolled back", done, func(p *Place) { p.GoBack() }, "begin rollback"},
		{"a run that is rolled back", failed, func(p *Place) { p.GoBack() }, "begin rollback"},
		{"a rollback goes on", begun, nil, "begin rollback"},
		{"a rollback of before is no rollback of now", back, func(p *Place) { p.GoBack() }, "begin rollback"},
		{"a run goes on after a rollback", back, nil, "begin resume"},
		{"a failure waits", failed, func(p *Place) { p.Held = &Held{State: Failed, Why: "b"} }, "hold failed b"},
		{"and is taken up", failed, func(p *Place) { p.Held = &Held{State: Failed, Why: "b"}; p.Go() }, "begin resume"},
		{"and is rolled back", failed, func(p *Place) { p.Held = &Held{State: Failed}; p.GoBack() }, "begin rollback"},
		{"a stop comes before a failure", failed, func(p *Place) { p.Stop, p.Held = true, &Held{State: Failed} },
			"hold stopped stopped as asked; its place is kept"},
		{"in a life", failed[:1], func(p *Place) { p.Begun(Run, false) }, "perform act s1/a"},
		{"what is performed is not begun twice", failed[:1], func(p *Place) { p.Begun(Run, false); p.Life.Busy["s1"] = true }, "await"},
		{"what is spent is not tried again in its life", failed[:1], func(p *Place) { p.Begun(Run, false); p.Life.Spent["s1"] = true }, "end"},
		{"what failed ends the life", failed, func(p *Place) { p.Begun(Run, false) }, "end"},
		{"the end of a life", done, func(p *Place) { p.Begun(Run, false) }, "end"},
		{"a stop is told", failed[:1], func(p *Place) { p.Begun(Run, false); p.Stop = true }, "ask-stop"},
		{"and told once", failed[:1], func(p *Place) { p.Begun(Run, false); p.Stop, p.Life.Told = true, true }, "perform act s1/a"},
		{"one that is stopped at once is told", failed[:1], func(p *Place) { p.Begun(Run, false); p.StopNow() }, "ask-stop"},
		{"and performs nothing more", failed[:1], func(p *Place) { p.Begun(Run, false); p.StopNow(); p.Life.Told = true }, "end"},
		{"also where it is resumed", failed[:1], func(p *Place) { p.Begun(Run, false); p.StopNow(); p.Go() }, "end"},
		{"and where it had not begun yet", failed[:1], func(p *Place) { p.StopNow(); p.Begun(Run, false); p.Life.Told = true }, "end"},
		{"the next life performs", failed[:1], func(p *Place) {
			p.Begun(Run, false)
			p.StopNow()
			p.Ended(Ending{How: WasAsked})
			p.Go()
			p.Begun(Resume, false)
		}, "perform act s1/a"},
		{"a rollback first stops what goes forward", failed[:1], func(p *Place) { p.Begun(Run, false); p.GoBack() }, "ask-stop"},
		{"and not itself", begun, func(p *Place) { p.GoBack(); p.Begun(Rollback, false) }, "perform step-end undo-s2"},
		{"a lost worker", failed[:1], func(p *Place) { p.Begun(Run, false); p.Lost() }, "begin resume"},
		{"a worker lost in its first life, before a record", nil, func(p *Place) { p.Begun(Run, false); p.Lost() }, "begin run"},
		{"a life that was handed over", failed[:1], func(p *Place) { p.Begun(Run, false); p.Ended(Ending{How: WasAsked}) }, "begin resume"},
		{"a life that has more to do", failed[:1], func(p *Place) {
			p.Begun(Run, false)
			p.Life.Spent["s1"] = true
			p.Ended(Ending{Again: []evenkeel.Decision{{Kind: evenkeel.DecideAct, Step: "s1", Action: "a"}}})
		}, "perform act s1/a"},
		{"there is nothing to roll back", failed[:1], func(p *Place) { p.GoBack(); p.Begun(Rollback, true); p.Ended(Ending{}) }, "over rolled back"},
		{"a life that ends well for no reason", failed[:1], func(p *Place) { p.Begun(Run, false); p.Ended(Ending{}) },
			"hold failed a life ended well before the end of the run"},
		{"a pause", failed[:1], func(p *Place) {
			p.Begun(Run, false)
			p.Ended(Ending{How: WasHeld, Held: &Held{State: Paused, Step: "s1", Action: "m", Why: "look"}})
		}, "hold paused look"},
		{"a pause that was confirmed", failed[:1], func(p *Place) {
			p.Held = &Held{State: Paused, Step: "s1", Action: "m"}
			p.Confirm("s1/m", Word{By: "anna"})
		}, "begin resume"},
		{"what is confirmed before the pair pauses is no answer", failed[:1], func(p *Place) {
			p.Begun(Run, false)
			p.Confirm("s1/m", Word{By: "anna"})
			p.Ended(Ending{How: WasHeld, Held: &Held{State: Paused, Step: "s1", Action: "m", Why: "look"}})
		}, "hold paused look"},
		{"what was confirmed in a life before is no answer", failed[:1], func(p *Place) {
			p.Confirm("s1/m", Word{By: "anna"})
			p.Begun(Run, false)
			p.Ended(Ending{How: WasHeld, Held: &Held{State: Paused, Step: "s1", Action: "m", Why: "look"}})
		}, "hold paused look"},
		{"another confirmation is no answer", failed[:1], func(p *Place) {
			p.Held = &Held{State: Paused, Step: "s1", Action: "m", Why: "look"}
			p.Confirm("s1/n", Word{By: "anna"})
		}, "hold paused look"},
		{"a confirmation does not take up a failure", failed, func(p *Place) {
			p.Held = &Held{State: Failed, Step: "s1", Action: "m", Why: "b"}
			p.Confirm("s1/m", Word{By: "anna"})
		}, "hold failed b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := place(t, rb, tc.records)
			if tc.do != nil {
				tc.do(p)
			}
			require.Equal(t, tc.want, next(t, p))
		})
	}
	t.Run("the rollback has ended", func(t *testing.T) {
		p := place(t, rb, failed)
		p.GoBack()
		for _, r := range back[len(failed):] {
			require.NoError(t, p.Append(r))
		}
		require.Equal(t, "over rolled back", next(t, p))
	})
	t.Run("another runbook", func(t *testing.T) {
		other := pairBook(t)
		other.Steps[1].Actions[0].Cmd.Argv = []string{"do", "c"}
		_, err := place(t, other, failed).Next()
		require.ErrorIs(t, err, evenkeel.ErrJournalOther)
	})
}

func TestLimit(t *testing.T) {
	rb := pairBook(t)
	act := evenkeel.Decision{Kind: evenkeel.DecideAct, Step: "s1", Action: "a"}
	short := Limit(rb, nil, act)
	require.Greater(t, short, evenkeel.DefaultLimit)
	rb.Steps[0].Actions[0].Cmd.Timeout = 5 * time.Hour
	require.GreaterOrEqual(t, Limit(rb, nil, act), 5*time.Hour)
	require.Less(t, Limit(rb, nil, evenkeel.Decision{Kind: evenkeel.DecideAct, Step: "s2", Action: "b"}), 5*time.Hour)
	require.GreaterOrEqual(t, Limit(rb, nil, evenkeel.Decision{Kind: evenkeel.DecideStepEnd, Step: "s1"}), 5*time.Hour)
}

// Follows takes only what comes next, tries as often as one likes, and changes nothing.
func TestFollows(t *testing.T) {
	rb := pairBook(t)
	all := lived(t, rb, func(j *evenkeel.MemJournal, h evenkeel.Hosts) {
		_, err := evenkeel.Run(t.Context(), rb, h, evenkeel.Options{Journal: j})
		require.NoError(t, err)
	}, "")
	p := place(t, rb, all[:2])
	changed := all[2]
	changed.Host = "other"
	for range 2 {
		require.ErrorContains(t, p.Follows(all[3]), "record 4 was sent where record 3 belongs")
		require.ErrorContains(t, p.Follows(changed), "record 3 does not follow the journal")
		require.NoError(t, p.Follows(all[2]))
		require.Equal(t, all[:2], p.Records())
	}
	for _, r := range all[2:] {
		require.NoError(t, p.Follows(r))
		require.NoError(t, p.Append(r))
	}
	require.Equal(t, all, p.Records())
}

// A word is for one time: it is taken where the pair pauses for it, and used up with the action.
func TestAConfirmationIsUsedUp(t *testing.T) {
	rb := pairBook(t)
	all := lived(t, rb, func(j *evenkeel.MemJournal, h evenkeel.Hosts) {
		_, err := evenkeel.Run(t.Context(), rb, h, evenkeel.Options{Journal: j})
		require.NoError(t, err)
	}, "")
	n := slices.IndexFunc(all, func(r evenkeel.Record) bool { return r.Kind == evenkeel.KindEnd && r.Action == "a" })
	p := place(t, rb, all[:n])
	require.ErrorContains(t, p.Confirm("s1/a", Word{}), "does not pause at s1/a")
	p.Held = &Held{State: Failed, Step: "s1", Action: "a"}
	require.Error(t, p.Confirm("s1/a", Word{}), "a failure is not confirmed away")
	p.Held.State = Paused
	require.Error(t, p.Confirm("s1/b", Word{}))
	require.Empty(t, p.Confirmed)
	require.NoError(t, p.Confirm("s1/a", Word{By: "anna"}))
	require.Contains(t, p.Confirmed, "s1/a")
	p.Begun(Resume, false)
	p.Lost()
	require.Contains(t, p.Confirmed, "s1/a", "the next life has it")
	require.NoError(t, p.Append(all[n]))
	require.Empty(t, p.Confirmed)
	p.Held = &Held{State: Paused, Step: "s2", Action: "b"}
	require.NoError(t, p.Confirm("s2/b", Word{}))
	p.GoBack()
	require.Empty(t, p.Confirmed)
}
