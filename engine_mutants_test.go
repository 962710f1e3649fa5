package evenkeel_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// What internal/mutate found nobody to miss in the engine.

// What a change needs is looked for on the host of the change, unless it says where.
func TestWhatAChangeNeedsIsLookedForOnItsHost(t *testing.T) {
	c := switched()
	c.Host, c.Needs[0].Host, c.Proof[0].Host = "n2", "", ""
	list := evenkeel.Actions("on", c)
	require.Equal(t, []string{"n2", "n2", "n2", "n1"}, []string{list[0].Host, list[1].Host, list[2].Host, list[3].Host})
}

// Where more than three steps are others, the rest is counted.
func TestChangedStepsAreCounted(t *testing.T) {
	_, j := amendable(t)
	other := func(steps int) string {
		rb := fourSteps(t, func(rb *evenkeel.Runbook) {
			for i := range steps {
				rb.Steps[i].Actions[0].Cmd.Argv = []string{"other"}
			}
		})
		_, err := evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{}, evenkeel.Options{Journal: j})
		var changed *evenkeel.ChangedRunbookError
		require.ErrorAs(t, err, &changed)
		return changed.What
	}
	require.Contains(t, other(4), "step s3 is changed (it has not begun); and 1 more steps")
	require.NotContains(t, other(3), "more steps")
}

// refusing has servers that cannot be reached, and says why.
type refusing struct {
	evenkeel.HostMap
	why error
}

func (r refusing) Dial(context.Context, string, string) (change.Conn, error) { return nil, r.why }

// Why a server could not be reached is told as the dialer told it.
func TestWhyAServerCannotBeReached(t *testing.T) {
	why := errors.New("the certificate is another")
	rb := documentBook(evenkeel.Op{Docs: []change.OpDoc{{Doc: raise, To: []change.Endpoint{{Address: "a:1"}}}},
		Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
			return sshexec.Result{}, send(ctx, at, "a", "a:1", raise)
		}})
	_, err := evenkeel.Run(t.Context(), rb, refusing{leasable(evenkeel.HostMap{"a": &recorder{}}), why},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.ErrorIs(t, err, why)
}

// A life that begins without a host, because it is being reinstalled, says so.
func TestALifeTellsOfAHostThatIsBeingReinstalled(t *testing.T) {
	p := newPark("n1", "n2")
	j := &evenkeel.MemJournal{}
	opts := options(j, "A")
	opts.Operator = handFunc(func() error { return evenkeel.NeedsOperator("reinstall it") })
	_, err := evenkeel.Run(t.Context(), reinstallBook(), p.as("A"), opts)
	require.Error(t, err)
	p.before = func(_, host string, _ sshexec.Cmd) error {
		if host == "n2" {
			return errFar
		}
		return nil
	}
	var told []string
	again := options(j, "A")
	again.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventLease {
			told = append(told, e.Text)
		}
	})
	again.Operator = opts.Operator
	_, err = evenkeel.Resume(t.Context(), reinstallBook(), p.as("A"), again)
	require.ErrorAs(t, err, new(*evenkeel.Pause))
	require.True(t, slices.Contains(told, "n2 does not answer; it is being reinstalled, and gets its lease when it is back"), "%q", told)
}
