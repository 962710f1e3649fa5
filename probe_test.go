package evenkeel_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// interrupted is a run whose tool crashed before a took effect, or after it, and how the next life goes.
func interrupted(t *testing.T, fault string, mend func(a *evenkeel.Action, clock *stepClock)) (m *machine,
	waited time.Duration, err error) {
	rb := parseRunbook(t, "s1[a.never]")
	clock := &stepClock{}
	mend(&rb.Steps[0].Actions[0], clock)
	m = newMachine(fault)
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=died", m.life(t, evenkeel.Run, rb, j))
	m.live("-")
	begin := clock.now
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: clock})
	return m, clock.now.Sub(begin), err
}

// An effect that takes its time to show is waited for: until then an absence is not believed, and nothing is sent a
// second time.
func TestAnAbsenceIsNotBelievedBeforeItsSettling(t *testing.T) {
	const settle = 20 * time.Minute // longer than a check is repeated
	shows := time.Time{}
	late := func(a *evenkeel.Action, clock *stepClock) {
		a.Probe.Settle = settle
		read := a.Probe.Read
		a.Probe.Read = func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			if shows.IsZero() {
				shows = o.Now.Add(15 * time.Minute)
			}
			if o.Now.Before(shows) {
				return evenkeel.NotRun, nil
			}
			return read(o)
		}
	}
	m, _, err := interrupted(t, "CRASH@after:a", late)
	require.NoError(t, err)
	require.NotContains(t, m.log, "a", "it ran twice")

	m, waited, err := interrupted(t, "CRASH@before:a", func(a *evenkeel.Action, _ *stepClock) { a.Probe.Settle = settle })
	require.NoError(t, err)
	require.Equal(t, "a", m.log[len(m.log)-1], "in the end it is believed")
	require.GreaterOrEqual(t, waited, settle)
}

// A probe that cannot tell is asked again, for as long as its action allows, and no longer.
func TestAProbeIsAskedForAsLongAsItsActionAllows(t *testing.T) {
	for _, limit := range []time.Duration{0, 3 * time.Minute, time.Hour} {
		m, waited, err := interrupted(t, "CRASH@before:a", func(a *evenkeel.Action, _ *stepClock) {
			a.Limit = limit
			a.Probe.Read = func(evenkeel.Observed) (evenkeel.ProbeResult, error) {
				return evenkeel.Inconclusive, evenkeel.NotYet(10*time.Second, "it cannot tell yet")
			}
		})
		if limit == 0 {
			limit = evenkeel.DefaultLimit
		}
		require.ErrorIs(t, err, evenkeel.ErrOverdue)
		require.ErrorContains(t, err, "cannot tell whether it ran")
		require.NotContains(t, m.log, "a")
		require.GreaterOrEqual(t, waited, limit)
		require.Less(t, waited, limit+time.Minute)
	}
}

// A check that says "not yet" repeats an action only where twice is the same as once.
func TestOnlyAnIdempotentActionIsRepeatedByItsCheck(t *testing.T) {
	for kind, want := range map[string]string{"a.safe": "a a a", "a.probe": "look:a a", "a.never": "a", "a.read": "read:a read:a read:a"} {
		rb := parseRunbook(t, "s1["+kind+"]")
		a := &rb.Steps[0].Actions[0]
		runs := 0
		a.Expect.Check = func(evenkeel.Observed) error {
			if runs++; runs < 3 {
				return evenkeel.NotYet(0, "it is not there yet")
			}
			return nil
		}
		m := newMachine("-")
		_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
		require.Equal(t, want, strings.Join(m.log, " "), kind)
		if runs == 1 {
			require.ErrorContains(t, err, "it is not repeated by itself")
		} else {
			require.NoError(t, err)
		}
	}
}

// A change that looks first looks each time, also when it failed with a lost connection: it is never sent blindly
// again.
func TestAProbeFirstActionIsNeverSentBlindlyAgain(t *testing.T) {
	for fault, want := range map[string]string{
		"lost:a": "look:a a? look:a b", "fail:a": "look:a a! | look:a a b", "half:a": "look:a a~ | look:a a b",
		"gone:a": "look:a a- look:a | look:a a b",
	} {
		m := newMachine(fault)
		rb := parseRunbook(t, "s1[a.probe b.safe]")
		j := &evenkeel.MemJournal{}
		var lives []string
		for start, end := evenkeel.Run, ""; end != "=done"; start = evenkeel.Resume {
			end = m.life(t, start, rb, j)
			lives = append(lives, strings.Join(m.log, " "))
			m.live("-")
		}
		require.Equal(t, want, strings.Join(lives, " | "), fault)
	}
}

// A command whose connection was lost is probed and not sent again within its life, whatever its check would say of
// nothing.
func TestALostChangeIsNotSentAgainByItsCheck(t *testing.T) {
	rb := parseRunbook(t, "s1[a.probe]")
	rb.Steps[0].Actions[0].Expect.Check = func(evenkeel.Observed) error { return evenkeel.NotYet(0, "not yet") }
	m := newMachine("gone:a")
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.Error(t, err)
	require.Equal(t, sshexec.Unknown, sshexec.OutcomeOf(err))
	require.Equal(t, "look:a a- look:a", strings.Join(m.log, " "))
}
