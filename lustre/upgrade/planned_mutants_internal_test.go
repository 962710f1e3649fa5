package upgrade

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// What internal/mutate found few or none to miss in the actions of the pair.

// An operation that must not run twice, and of which nobody could tell whether it ran, is not planned.
func TestAnOperationThatNobodyCanProbeIsNotPlanned(t *testing.T) {
	unknown := pcs.Operation{Name: "unheard-of thing", Node: "n1", Argv: []string{"pcs", "unheard-of"}, Effect: evenkeel.Mutating, Repeat: evenkeel.Never}
	_, err := (&Pair{}).planned([]pcs.Operation{unknown})
	require.ErrorContains(t, err, "there is no way to tell whether")
	unknown.Repeat = evenkeel.Idempotent
	list, err := (&Pair{}).planned([]pcs.Operation{unknown})
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// A command that exited with status 0 and did nothing is found out at once (H4), and so is one of which the look cannot tell.
func TestAnActionThatDidNothingIsFoundOut(t *testing.T) {
	torn := errors.New("torn")
	found, failed := evenkeel.Done, error(nil)
	a := evenkeel.Action{ID: "x", Change: evenkeel.Change{Title: "Do it", Probe: &evenkeel.Probe{
		Host: "n2", Text: "it is there", Cmd: sshexec.Command(sshexec.ReadOnly, "look"),
		Read: func(evenkeel.Observed) (evenkeel.ProbeResult, error) { return found, failed },
	}}}
	see := seeDone(a)
	require.Equal(t, "n2", see.Host)
	require.NoError(t, see.Expect.Check(evenkeel.Observed{}))
	for _, found = range []evenkeel.ProbeResult{evenkeel.NotRun, evenkeel.Partial, evenkeel.Inconclusive} {
		require.ErrorContains(t, see.Expect.Check(evenkeel.Observed{}), "exit status 0, and yet it is "+found.String())
	}
	found, failed = evenkeel.Done, torn
	require.ErrorIs(t, see.Expect.Check(evenkeel.Observed{}), torn)
}
