package evenkeel_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// telling is a runbook with a look that is content and has something to tell.
func telling(t *testing.T, texts ...string) *evenkeel.Runbook {
	t.Helper()
	rb := parseRunbook(t, "s1[a.guard b.safe] s2[c.safe]")
	rb.Steps[0].Actions[0].Expect = evenkeel.Expect{Text: "anything", Check: func(evenkeel.Observed) error { return nil },
		Tell: func(evenkeel.Observed) []string { return texts }}
	return rb
}

// What a look tells although all is well goes to the observer, and stays in the journal.
func TestANoteIsToldAndKept(t *testing.T) {
	m := &machine{done: map[string]string{}}
	m.live("-")
	var heard []string
	j := &evenkeel.MemJournal{}
	opts := evenkeel.Options{Journal: j, Clock: &stepClock{}, Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventNote {
			heard = append(heard, e.Action.ID+": "+e.Text)
		}
	})}
	report, err := evenkeel.Run(t.Context(), telling(t, "two clients were evicted", "look at \x1b[2J"), evenkeel.HostMap{"h": m}, opts)
	require.NoError(t, err)
	require.Len(t, heard, 2)
	require.Equal(t, "a: two clients were evicted", heard[0])
	require.NotContains(t, heard[1], "\x1b")
	require.Equal(t, evenkeel.Note{Step: "s1", Action: "a", Text: "two clients were evicted"}, report.State.Notes[0])
	st, err := evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	require.Equal(t, report.State.Notes, st.Notes)
}

// A look that is read again in another life tells the same once.
func TestANoteIsKeptOnce(t *testing.T) {
	m := &machine{done: map[string]string{}}
	m.live("CRASH@before:b")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=died", m.life(t, evenkeel.Run, telling(t, "it is so"), j))
	m.live("-")
	report, err := evenkeel.Resume(t.Context(), telling(t, "it is so"), evenkeel.HostMap{"h": m},
		evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	ends := slices.DeleteFunc(slices.Clone(j.Records()), func(r evenkeel.Record) bool { return len(r.Notes) == 0 })
	require.Len(t, ends, 2, "it was read twice")
	require.Len(t, report.State.Notes, 1)
}

// A look that fails tells nothing: its error says it.
func TestALookThatFailsHasNoNote(t *testing.T) {
	m := &machine{done: map[string]string{}}
	m.live("-")
	rb := telling(t, "all is well")
	rb.Steps[0].Actions[0].Expect.Check = func(evenkeel.Observed) error { return errors.New("it is not") }
	report, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.Error(t, err)
	require.Empty(t, report.State.Notes)
}

// A wait says itself what it comes to when its limit is over: here, that the operator is needed.
func TestAWaitThatIsOverMayPause(t *testing.T) {
	for _, otherwise := range []error{nil, evenkeel.NeedsOperator("start the clients")} {
		m := &machine{done: map[string]string{}}
		m.live("-")
		rb := telling(t)
		rb.Steps[0].Actions[0].Limit = time.Minute
		rb.Steps[0].Actions[0].Expect.Check = func(evenkeel.Observed) error {
			return &evenkeel.Retry{Reason: "clients are missing", Else: otherwise}
		}
		_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
		var hold *evenkeel.Pause
		if otherwise == nil {
			require.ErrorIs(t, err, evenkeel.ErrOverdue)
			require.NotErrorAs(t, err, &hold)
			continue
		}
		require.ErrorAs(t, err, &hold)
		require.Equal(t, "s1/a: start the clients", hold.Step+"/"+hold.Action+": "+hold.Reason)
	}
}
