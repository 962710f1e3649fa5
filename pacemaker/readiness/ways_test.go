package readiness_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

func release(t *testing.T, name string) readiness.Release {
	t.Helper()
	r, err := readiness.ReleaseNamed(name)
	require.NoError(t, err)
	return r
}

// possible are the ways that are.
func possible(ways []readiness.Way) string {
	var names []string
	for _, w := range ways {
		if w.Possible {
			names = append(names, w.Name)
		}
	}
	return strings.Join(names, ", ")
}

// Which ways lead from a release to another, and why rolling does not where it does not.
func TestWays(t *testing.T) {
	const both, all = "two clusters, offline", "rolling, two clusters, reattach, offline"
	for _, tc := range []struct {
		from, to, want string
		why            []string // of rolling
	}{
		{"el6", "el8", both, []string{"Red Hat supports no rolling", "corosync 1 does not understand corosync 3", "exact version is not known"}},
		{"el7", "el8", both, []string{"nodes of RHEL 7 and of RHEL 8", "corosync 2 and 3", "exact version is not known"}},
		{"el7", "el10", both, []string{"Red Hat supports no rolling", "corosync 2 and 3", "before 2.0.0"}},
		{"el8", "el9", both, []string{"Red Hat supports no rolling"}},
		{"el9", "el10", both, []string{"Red Hat supports no rolling"}},
		{"el9", "el9", all, nil},
		{"el9", "el8", both, []string{"el8 is older than el9"}},
		{"sles12", "sles15", both, []string{"SUSE wants a cluster offline", "corosync is not known", "exact version is not known"}},
		{"sles15", "sles16", both, []string{"SUSE wants a cluster offline", "corosync 2 and 3", "before 2.0.0"}},
		{"debian11", "debian12", "rolling, " + both, nil},
		{"debian12", "debian13", "rolling, " + both, nil},
		{"el8", "debian12", both, []string{"nothing is known of clusters of el8 and debian12"}},
		{"el7", "debian12", both, []string{"nothing is known of clusters", "corosync 2 and 3", "exact version is not known"}},
	} {
		t.Run(tc.from+" to "+tc.to, func(t *testing.T) {
			from := release(t, tc.from)
			ways := readiness.Ways(&from, release(t, tc.to), readiness.Known{})
			require.Len(t, ways, 4)
			require.Equal(t, tc.want, possible(ways))
			if tc.why == nil {
				require.Len(t, ways[0].Reasons, 1)
				return
			}
			require.Len(t, ways[0].Reasons, len(tc.why), "%v", ways[0].Reasons)
			for i, want := range tc.why {
				require.Contains(t, ways[0].Reasons[i].Why, want)
				require.NotEmpty(t, ways[0].Reasons[i].Source.Address)
			}
		})
	}
}

// What is known of the pair itself decides beside its release.
func TestWaysOfAPair(t *testing.T) {
	eleven, twelve, thirteen, nine := release(t, "debian11"), release(t, "debian12"), release(t, "debian13"), release(t, "el9")
	for name, tc := range map[string]struct {
		from *readiness.Release
		to   readiness.Release
		k    readiness.Known
		want string // why rolling is not possible; empty is possible
	}{
		"nothing more":      {&eleven, twelve, readiness.Known{}, ""},
		"feature set":       {&eleven, twelve, readiness.Known{FeatureSet: "3.6.1"}, ""},
		"other feature set": {&eleven, twelve, readiness.Known{FeatureSet: "4.0.0"}, "feature set 4.0.0"},
		"old Pacemaker": {
			&eleven, twelve, readiness.Known{Pacemaker: readiness.Version{Major: 1, Minor: 1, Patch: 10}},
			"1.1.11 and later, not 1.1.10",
		},
		"just new enough":     {&eleven, twelve, readiness.Known{Pacemaker: readiness.Version{Major: 1, Minor: 1, Patch: 11}}, ""},
		"1.1 to 3":            {&twelve, thirteen, readiness.Known{Pacemaker: readiness.Version{Major: 1, Minor: 1, Patch: 24}}, "before 2.0.0"},
		"corosync 2":          {&eleven, twelve, readiness.Known{Corosync: readiness.Version{Major: 2}}, "corosync 2 and 3"},
		"corosync 1":          {&eleven, twelve, readiness.Known{Corosync: readiness.Version{Major: 1}}, "corosync 1 does not understand"},
		"CMAN":                {&eleven, twelve, readiness.Known{CMAN: true}, "CMAN"},
		"old schema":          {&eleven, twelve, readiness.Known{Schema: "pacemaker-0.7"}, "schema 1.0 or later"},
		"schema":              {&eleven, twelve, readiness.Known{Schema: "pacemaker-1.0"}, ""},
		"experimental schema": {&eleven, twelve, readiness.Known{Schema: "pacemaker-1.1"}, "schema 1.0 or later"},
		"release not known": {
			nil, twelve, readiness.Known{Pacemaker: readiness.Version{Major: 2}, Corosync: readiness.Version{Major: 3}},
			"release is not known",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ways := readiness.Ways(tc.from, tc.to, tc.k)
			require.Equal(t, tc.want == "", ways[0].Possible, "%v", ways[0])
			require.Contains(t, ways[0].Reasons[0].Why, tc.want)
			require.True(t, ways[1].Possible)
			require.True(t, ways[3].Possible)
		})
	}
	require.True(t, readiness.Ways(&nine, nine, readiness.Known{})[2].Possible)
	require.False(t, readiness.Ways(&nine, nine, readiness.Known{Remote: true})[2].Possible)
	require.False(t, readiness.Ways(nil, nine, readiness.Known{})[2].Possible)
}

// Check takes from the inputs what decides: the oldest node, the file's corosync, remote nodes, the feature set.
func TestWaysByInputs(t *testing.T) {
	node := func(pacemaker string) readiness.Versions {
		return readiness.Versions{Node: pacemaker, Packages: map[string]string{"pacemaker": pacemaker, "corosync": "3.1.2"}}
	}
	for name, tc := range map[string]struct {
		in   readiness.Input
		want string // why not rolling
	}{
		"the oldest node": {
			readiness.Input{CIB: cibWith(t, ""), From: "debian11", Versions: []readiness.Versions{node("2.0.5"), node("1.1.10")}},
			"not 1.1.10",
		},
		"the file": {
			readiness.Input{CIB: cibWith(t, ""), From: "debian11", Conf: confOf(t, "compatibility: whitetank\n"+multicast)},
			"corosync 1 does not",
		},
		"the feature set": {
			readiness.Input{CIB: cibOf(t, `<cib validate-with="pacemaker-3.9" crm_feature_set="2.1" epoch="1" num_updates="0" admin_epoch="0"><configuration/></cib>`), From: "debian11"},
			"feature set 2.1",
		},
		"all of it": {
			readiness.Input{CIB: cibWith(t, ""), From: "debian11", Versions: []readiness.Versions{node("2.0.5"), node("2.0.5")}},
			"",
		},
	} {
		ways := check(t, tc.in, "debian12").Ways
		require.Equal(t, tc.want == "", ways[0].Possible, name)
		require.Contains(t, ways[0].Reasons[0].Why, tc.want, name)
	}
	for _, cib := range []string{
		primitive(`class="ocf" provider="pacemaker" type="remote">`),
		primitive(`class="ocf" provider="heartbeat" type="VirtualDomain"><meta_attributes id="m"><nvpair id="n" name="remote-node" value="g"/></meta_attributes>`),
		`<nodes><node id="r" uname="r" type="remote"/></nodes>`,
	} {
		require.False(t, check(t, readiness.Input{CIB: cibWith(t, cib), From: "debian12"}, "debian12").Ways[2].Possible, cib)
	}
	require.True(t, check(t, readiness.Input{CIB: cibWith(t, ""), From: "debian12"}, "debian12").Ways[2].Possible)
}
