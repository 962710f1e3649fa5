package pgpair

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Rehearse crashes the tool; here a command goes wrong, each in turn. Resume must reach the end, or Rollback the
// beginning, and no rule may be broken in truth.
func TestEveryCommandGoesWrong(t *testing.T) {
	p := Pair{Primary: "pg1", Standby: "pg2", Address: "10.0.0.10", Version: "16.9-1PGDG.rhel7"}
	rb, err := p.Runbook()
	require.NoError(t, err)
	first, end := NewWorld(p, "16.3-1PGDG.rhel7").(world), world{}
	tries := func(fault simhost.Fault) (commands int) {
		w := first.Clone().(world)
		w.Do(func(s *simhost.State) { s.Inject(fault) })
		opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: w.Clock()}
		_, err := evenkeel.Run(t.Context(), rb, w, opts)
		if err != nil && len(opts.Journal.Records()) > 0 {
			_, err = evenkeel.Resume(t.Context(), rb, w, opts)
		}
		want := end
		if err != nil {
			report, err := evenkeel.Rollback(t.Context(), rb, w, opts)
			require.NoError(t, err, "%v: %s", fault.At, fault.Kind)
			require.Empty(t, report.Differs, "%v: %s", fault.At, fault.Kind)
			want = first
		}
		require.NoError(t, w.Check(), "%v: %s", fault.At, fault.Kind)
		if fault.At == 0 {
			end = w
			w.Do(func(s *simhost.State) { commands = s.Seq() })
			return commands
		}
		require.Equal(t, want.Hash(), w.Hash(), "%v: %s", fault.At, fault.Kind)
		return 0
	}
	commands := tries(simhost.Fault{})
	for _, kind := range simhost.FaultKinds {
		if kind == simhost.PowerBefore || kind == simhost.PowerAfter || kind == simhost.Fenced {
			continue // the host stays off, and the operator is needed; or it restarts, which is the outage of the fence
		}
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			for at := 1; at <= commands; at++ {
				tries(simhost.Fault{At: at, Kind: kind})
			}
		})
	}
}

// What the runbook needs before it begins is not there: it changes nothing.
func TestNothingIsChangedWhereAPreconditionDoesNotHold(t *testing.T) {
	p := Pair{Primary: "pg1", Standby: "pg2", Address: "10.0.0.10", Version: "16.9-1PGDG.rhel7"}
	rb, err := p.Runbook()
	require.NoError(t, err)
	for name, spoil := range map[string]func(s *simhost.State) error{
		"the standby is stopped": func(s *simhost.State) error { return s.Host("pg2").StopService(s, unit) },
		"the primary is stopped": func(s *simhost.State) error { return s.Host("pg1").StopService(s, unit) },
		"the standby is behind": func(s *simhost.State) error {
			simhost.LayerOf[*cluster](s).nodes[1].log -= 4 << 30
			return nil
		},
		"the standby is no standby when it starts again": func(s *simhost.State) error {
			return s.Host("pg2").Remove(s, standbySignal)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWorld(p, "16.3-1PGDG.rhel7").(world)
			w.Do(func(s *simhost.State) {
				require.NoError(t, spoil(s))
				s.Sleep(5 * time.Second)
			})
			opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: w.Clock()}
			report, err := evenkeel.Run(t.Context(), rb, w, opts)
			require.Error(t, err)
			require.False(t, report.State.Changed)
		})
	}
}
