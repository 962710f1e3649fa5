package pair_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// report is of a pair with these resources, from one release to another.
func report(t *testing.T, resources, constraints, from, to string) (*readiness.Report, []pair.Unit) {
	t.Helper()
	cib := cibOf(t, resources, constraints)
	units, err := pair.Units(cib, pair.Builtin())
	require.NoError(t, err)
	r, err := readiness.Check(readiness.Input{CIB: cib, From: from}, to)
	require.NoError(t, err)
	return r, units
}

func possible(ways []pair.Way) (names []string) {
	for _, w := range ways {
		if w.Possible {
			names = append(names, w.Name)
		}
	}
	return names
}

// Which ways there are, and the price of each.
func TestWays(t *testing.T) {
	nfs := `<group id="nfs">` + disk + vip + `</group>`
	r, units := report(t, nfs, "", "el7", "el8")
	ways := pair.Ways(r, units, pair.Durations{Move: 8 * time.Second, Rebuild: time.Hour})
	require.Equal(t, []string{readiness.TwoClusters, readiness.Offline}, possible(ways))
	require.Equal(t, "each of 1 unit is down three times, while it moves, about 8 s", ways[2].Outage)
	require.Equal(t, "each of 1 unit is down while both nodes are rebuilt, about 1 h", ways[3].Outage)
	require.Empty(t, ways[2].Costs)

	// What nothing is known of costs the stop of the whole old cluster.
	r, units = report(t, nfs+primitive("x", "ocf:acme:Magic"), "", "el7", "el8")
	ways = pair.Ways(r, units, pair.Durations{})
	require.True(t, ways[2].Possible)
	require.Equal(t, []string{"x is moved only when the whole old cluster has stopped: no profile knows ocf:acme:Magic, the agent of x",
		"while the old cluster stops, x: down until all of its units are stopped"}, ways[2].Costs)

	// What is in one cluster or in none leaves the way offline.
	for what, resources := range map[string]string{
		"replicates":                 `<master id="ms">` + primitive("r0", "ocf:linbit:drbd", "drbd_resource=r0") + `</master>`,
		"replicates, whatever it is": `<master id="ms">` + primitive("x", "ocf:acme:Magic") + `</master>`,
		"moves as a copy":            `<clone id="cc">` + meta("cc", "clone-max", "1") + primitive("c", "systemd:chronyd") + `</clone>`,
		"is of a bundle":             `<bundle id="b"><docker image="x"/></bundle>`,
		"is cloned":                  `<clone id="cc">` + primitive("x", "ocf:acme:Magic") + `</clone>`,
		"spans":                      `<clone id="dlm">` + primitive("c", "ocf:pacemaker:controld") + `</clone>`,
	} {
		r, units = report(t, resources, "", "el7", "el8")
		ways = pair.Ways(r, units, pair.Durations{})
		require.Equal(t, []string{readiness.Offline}, possible(ways), what)
		require.Len(t, ways[2].Reasons, 1, what)
		require.Empty(t, ways[2].Outage, what)
	}
}

// A way is asked for or chosen, and one that does not lead there is refused with why.
func TestChoose(t *testing.T) {
	r, units := report(t, vip, "", "el7", "el8")
	ways := pair.Ways(r, units, pair.Durations{})
	w, spite, err := pair.Choose(r, ways, "", true)
	require.NoError(t, err)
	require.Equal(t, readiness.TwoClusters, w.Name)
	require.Empty(t, spite)
	w, _, err = pair.Choose(r, ways, readiness.Offline, false)
	require.NoError(t, err)
	require.Equal(t, readiness.Offline, w.Name)
	_, _, err = pair.Choose(r, ways, readiness.Rolling, true)
	require.ErrorIs(t, err, pair.ErrNotPossible)
	require.ErrorContains(t, err, "a cluster cannot have nodes of RHEL 7 and of RHEL 8")
	_, _, err = pair.Choose(r, ways, "sideways", false)
	require.ErrorContains(t, err, "known are reattach, rolling, two clusters, offline")

	// A blocker is gone on with only where somebody says so, and then it is told.
	r.Findings = append(r.Findings, readiness.Finding{Level: readiness.Blocker, Object: "vip", Found: "old", Why: "it is gone"})
	_, _, err = pair.Choose(r, ways, "", false)
	require.ErrorIs(t, err, pair.ErrNotPossible)
	require.ErrorContains(t, err, "vip old: it is gone")
	w, spite, err = pair.Choose(r, ways, "", true)
	require.NoError(t, err)
	require.Equal(t, readiness.TwoClusters, w.Name)
	require.Equal(t, []string{"vip old: it is gone"}, spite)
}
