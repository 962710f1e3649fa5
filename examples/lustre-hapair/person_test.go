package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// The simulated operator follows the instruction of a rollback: switches the server on again, as it was. A new system is put on one that is
// off only where no technician is on the way.
func TestTheOperatorSwitchesOn(t *testing.T) {
	host := lustretest.Node1
	asked := func(w lustrejob.Simulated, action string) {
		require.NoError(t, pairfiles.Technician(t.Context(), w, evenkeel.Prompt{Step: &evenkeel.Step{Host: host}, Action: &evenkeel.Action{ID: action}}))
		w.Advance(2 * simhost.BootTime)
	}
	off := func() lustrejob.Simulated {
		w := lustrejob.Simulated{Pair: lustretest.NewPair(lustretest.Options{})}
		w.PowerLoss(host)
		return w
	}
	for action, want := range map[string]struct {
		up      bool
		release string
	}{"switch-on": {true, "release 6"}, "install": {true, "release 7"}, "another": {false, "release 6"}} {
		w := off()
		asked(w, action)
		require.Equal(t, want.up, w.Up(host), action)
		require.Contains(t, w.Pair.Report().Hosts[0].Release, want.release, action)
	}
	w := off()
	asked(w, "install")
	key := w.HostKeyID(host)
	w.PowerLoss(host)
	asked(w, "install")
	require.True(t, w.Up(host))
	require.Equal(t, key, w.HostKeyID(host), "it is not installed a second time")
	w = lustrejob.Simulated{Pair: lustretest.NewPair(lustretest.Options{})}
	asked(w, "install")
	require.Contains(t, w.Pair.Report().Hosts[0].Release, "release 6", "it is up")
	require.Error(t, w.Do(t.Context(), "switch-on nobody"))
}

// A runbook that repeats commands without a look is found out, and each finding can be repeated.
func TestRehearsalFindings(t *testing.T) {
	clitest.RehearsalFindings(t, app, "37")
}

func TestRehearseTheSame(t *testing.T) { clitest.RehearseTheSame(t, app) }
