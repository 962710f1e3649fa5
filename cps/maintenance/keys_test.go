package maintenance_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
)

// site2CSV is the Hosts.csv of a small second site.
const site2CSV = `Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Management,
esxi-host-7,lb01,lb01,lb01,datastore3,,192.168.106.13,10.197.99.61,
esxi-host-8,lb02,lb02,lb02,datastore4,,192.168.106.14,10.197.99.62,
esxi-host-7,qns01,qps,qns01,datastore3,,192.168.106.17,,
`

const arbiter = "arbiter-site3"

// keyed is a cluster whose machines log in to each other by the default keys; with gr it has a second site and an arbiter.
func keyed(t testing.TB, gr bool, opts cpstest.KeyOptions) simulated {
	t.Helper()
	if gr {
		opts.Site2, opts.Arbiter = site2CSV, arbiter
	}
	return deploy(t, cpstest.Options{Keys: &opts})
}

// changing is the runbook for such a cluster.
func changing(t testing.TB, gr bool, cfg maintenance.KeysConfig) *evenkeel.Runbook {
	t.Helper()
	cfg.OwnKey = cpstest.OwnKey()
	var second *cps.Hosts
	if gr {
		var err error
		second, err = cps.ParseHosts(strings.NewReader(site2CSV))
		require.NoError(t, err)
		cfg.Site2.ClusterManager, cfg.Arbiter.Host = "site2-cluman", arbiter
	}
	rb, err := maintenance.ChangeKeys(cfg, hosts(t), second)
	require.NoError(t, err)
	return rb
}

var sites = map[string]bool{"keys": false, "keys-gr": true}

// changed wants every machine to have the new keys, the same everywhere, and no old one to lie anywhere.
func changed(t *testing.T, w simulated) {
	t.Helper()
	state := w.KeyState()
	require.NotContains(t, state, "old", "an old key is left")
	require.NotContains(t, state, "false", "a key that opens nothing")
	require.NotContains(t, state, "new keys of", "two sets")
	for line := range strings.Lines(state) {
		if strings.HasPrefix(line, "  ") {
			require.Contains(t, line, " -rw------- ", "others can read it")
		}
	}
	require.NoError(t, w.Check())
}

// TestKeys (CPS-028, CPS-086, CPS-087, CPS-088, CPS-182, CPS-213): the keys are other ones everywhere, in a cluster, and
// in two of them with an arbiter; by the engine and by hand.
func TestKeys(t *testing.T) {
	for name, gr := range sites {
		t.Run(name, func(t *testing.T) {
			w, rb := keyed(t, gr, cpstest.KeyOptions{}), changing(t, gr, maintenance.KeysConfig{})
			byHand := w.Clone().(simulated)
			journal := &evenkeel.MemJournal{}
			_, err := evenkeel.Run(t.Context(), rb, w, options(w, journal))
			require.NoError(t, err)
			changed(t, w)
			followedByHand(t, rb, name, byHand, false)
			changed(t, byHand)
			require.Equal(t, w.Hash(), byHand.Hash())
		})
	}
}

// TestKeysRehearsed (CPS-213): the tool crashes, loses a connection, is asked to stop or rolls back, at every point.
func TestKeysRehearsed(t *testing.T) {
	for name, gr := range sites {
		t.Run(name, func(t *testing.T) {
			plan := evenkeel.RehearsalPlan{Operator: func(evenkeel.World) evenkeel.Operator { return confirming{} }, Every: 11}
			if testing.Short() {
				plan.Every = 61
			}
			report, err := evenkeel.Rehearse(t.Context(), changing(t, gr, maintenance.KeysConfig{}), keyed(t, gr, cpstest.KeyOptions{}), plan)
			require.NoError(t, err)
			require.Greater(t, report.Schedules, 10)
			for _, f := range report.Failures {
				t.Error(f)
			}
		})
	}
}
