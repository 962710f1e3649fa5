package evenkeel_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// told is the state that records tell of a run of the steps s1, s2 and s10; each is written a minute after the one before.
func told(t *testing.T, records ...evenkeel.Record) *evenkeel.State {
	t.Helper()
	all := append([]rec{{Kind: evenkeel.KindBegin, Run: &evenkeel.RunInfo{ID: "r1", Steps: []string{"s1", "s2", "s10"}}}}, records...)
	for i := range all {
		all[i].Seq, all[i].Time = i+1, time.Unix(int64(60*i), 0)
	}
	st, err := evenkeel.ReadState(all)
	require.NoError(t, err)
	return st
}

type rec = evenkeel.Record

// What a step made and was told is gone when it is undone, and nothing else: not what another step made too, nor what was said to a
// step whose name begins alike.
func TestWhatIsUndoneIsForgotten(t *testing.T) {
	fact := func(name string) evenkeel.Facts { return evenkeel.Facts{name: json.RawMessage("1")} }
	st := told(t,
		rec{Kind: evenkeel.KindConfirm, Step: "s1", Action: "m", Output: "yes"},
		rec{Kind: evenkeel.KindConfirm, Step: "s10", Action: "m", Output: "yes"},
		rec{Kind: evenkeel.KindStep, Step: "s1"},
		rec{Kind: evenkeel.KindEnd, Step: "s1", Action: "a", Facts: fact("own")},
		rec{Kind: evenkeel.KindEnd, Step: "s1", Action: "b", Facts: fact("both")},
		rec{Kind: evenkeel.KindStep, Step: "s2"},
		rec{Kind: evenkeel.KindEnd, Step: "s2", Action: "a", Facts: fact("both")},
		rec{Kind: evenkeel.KindStepUndone, Step: "s1"},
	)
	require.Equal(t, map[string]string{"s10/m": "yes"}, st.Confirmed)
	require.Equal(t, fact("both"), st.Facts)
}

// A window that an undone step closed is open again, as its opener's, where that is not undone too; it opens once.
func TestAWindowIsOpenAgainForTheStepThatOpenedIt(t *testing.T) {
	opens := rec{Kind: evenkeel.KindStep, Step: "s1", Opens: []evenkeel.Window{{ID: "w", Limit: time.Hour}}}
	closes := []rec{{Kind: evenkeel.KindStep, Step: "s2"}, {Kind: evenkeel.KindStepDone, Step: "s2", Closes: []string{"w"}}}
	undone := func(step string) rec { return rec{Kind: evenkeel.KindStepUndone, Step: step} }

	st := told(t, append([]rec{opens}, append(closes, undone("s2"))...)...)
	require.Equal(t, "s1", st.Windows["w"].Step)
	require.Len(t, st.Closed, 1)

	st = told(t, append([]rec{opens}, append(closes, undone("s1"), undone("s2"))...)...)
	require.Empty(t, st.Windows, "its opener is undone")

	st = told(t, opens, rec{Kind: evenkeel.KindStepDone, Step: "s1", Closes: []string{"w"}}, undone("s1"))
	require.Empty(t, st.Windows, "it was its own")

	st = told(t, opens, opens)
	require.Equal(t, time.Unix(60, 0), st.Windows["w"].Since)
}

// A window that was closed early is its opener's when it is opened again; once the step is done, or undone, it is a window like any.
func TestAWindowThatWasClosedEarly(t *testing.T) {
	window := []evenkeel.Window{{ID: "w", Limit: time.Hour}}
	early := []rec{{Kind: evenkeel.KindStep, Step: "s1", Opens: window}, {Kind: evenkeel.KindClosed, Step: "s1", Closes: []string{"w"}}}
	again := rec{Kind: evenkeel.KindStep, Step: "s2", Opens: window}
	require.Equal(t, "s1", told(t, append(early, again)...).Windows["w"].Step)
	for _, end := range []rec{
		{Kind: evenkeel.KindStepDone, Step: "s1", Closes: []string{"w"}},
		{Kind: evenkeel.KindStepUndone, Step: "s1"},
	} {
		require.Equal(t, "s2", told(t, append(early, end, again)...).Windows["w"].Step, string(end.Kind))
	}
	closed := rec{Kind: evenkeel.KindStepDone, Step: "s1", Closes: []string{"w"}}
	require.Equal(t, "s2", told(t, append(early, early[0], closed, again)...).Windows["w"].Step, "it was opened again and closed")
}

// A later life clears a hold, and begins a step anew that had only looked; a change that began is never forgotten, and a step that
// failed is at work again.
func TestWhatALaterLifeChangesInTheState(t *testing.T) {
	look := rec{Kind: evenkeel.KindStart, Step: "s1", Action: "r", Effect: evenkeel.ReadOnly.String()}
	change := rec{Kind: evenkeel.KindStart, Step: "s1", Action: "a", Effect: evenkeel.Mutating.String()}
	st := told(t, look, rec{Kind: evenkeel.KindPause, Step: "s1", Action: "m"}, rec{Kind: evenkeel.KindResume})
	require.Nil(t, st.Paused)
	require.True(t, st.Step("s1").Begun.IsZero())
	require.False(t, st.Changed)
	require.True(t, told(t, change, look).Changed)
	failed := rec{Kind: evenkeel.KindEnd, Step: "s1", Action: "a", Error: "no"}
	require.Equal(t, evenkeel.Doing, told(t, rec{Kind: evenkeel.KindStep, Step: "s1"}, change, failed, change).Step("s1").Progress)
}

// A rollback that begins takes the run's end and its hold away; a later life of it takes its own hold away; one that ends the run
// leaves no window open.
func TestWhatARollbackChangesInTheState(t *testing.T) {
	begins := rec{Kind: evenkeel.KindRollback, Run: &evenkeel.RunInfo{ID: "r1", Steps: []string{"x"}, EndsRun: true}}
	again := rec{Kind: evenkeel.KindRollback}
	hold := rec{Kind: evenkeel.KindPause, Step: "x", Action: "m"}
	opens := rec{Kind: evenkeel.KindStep, Step: "s1", Opens: []evenkeel.Window{{ID: "w", Limit: time.Hour}}}
	st := told(t, opens, hold, rec{Kind: evenkeel.KindDone}, begins, hold)
	require.False(t, st.Done)
	require.Nil(t, st.Paused)
	require.NotNil(t, st.Rollback.Paused)
	require.Nil(t, told(t, opens, begins, hold, again).Rollback.Paused)
	st = told(t, opens, begins, rec{Kind: evenkeel.KindRolledBack})
	require.Empty(t, st.Windows)
	require.Len(t, st.Closed, 1)
}

// A run that begins anew knows the machines that the one before knew.
func TestARunThatBeginsAnewKnowsTheMachines(t *testing.T) {
	machine := sshexec.Machine{HostKey: "k", ID: "i", Name: "n"}
	st := told(t, rec{Kind: evenkeel.KindLease, Life: &evenkeel.LifeInfo{Epoch: 3}},
		rec{Kind: evenkeel.KindIdentity, Host: "h", Machine: &machine},
		rec{Kind: evenkeel.KindBegin, Run: &evenkeel.RunInfo{ID: "r1"}})
	require.Equal(t, 3, st.Life.Epoch)
	require.Equal(t, []sshexec.Machine{machine}, st.Bound["h"])
}
