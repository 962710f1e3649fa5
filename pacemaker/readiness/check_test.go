package readiness_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// What is not known is never fine: a target, a release of the pair, an input.
func TestUnknown(t *testing.T) {
	in := readiness.Input{CIB: cibWith(t, "")}
	for _, target := range []string{"", "el11", "EL9", "el7", "sles12", "debian11"} {
		_, err := readiness.Check(in, target)
		require.ErrorIs(t, err, readiness.ErrUnknownRelease, target)
		require.ErrorContains(t, err, strings.Join(readiness.Targets(), ", "), target)
	}
	_, err := readiness.Check(readiness.Input{}, "el9")
	require.ErrorIs(t, err, readiness.ErrNothing)
	_, err = readiness.Check(readiness.Input{CIB: in.CIB, From: "fedora41"}, "el9")
	require.ErrorIs(t, err, readiness.ErrUnknownRelease)
	odd := []readiness.Versions{{Node: "a", OS: "Fedora Linux 41"}}
	_, err = readiness.Check(readiness.Input{CIB: in.CIB, Versions: odd}, "el9")
	require.ErrorIs(t, err, readiness.ErrUnknownRelease)
	_, err = readiness.Check(readiness.Input{CIB: in.CIB, Versions: odd, From: "el8"}, "el9")
	require.NoError(t, err, "it was said what it is like")
	_, err = readiness.Check(readiness.Input{CIB: in.CIB, From: "el8", Versions: []readiness.Versions{{Node: "a", OS: "CentOS Linux 7 (Core)"}}}, "el9")
	require.ErrorContains(t, err, "el7 and el8")
}

// Each input that is missing is named among what was not checked.
func TestGaps(t *testing.T) {
	whole := siteOf(t, "el7-nfs-pgsql")
	whole.Agents = strings.Fields("ocf:heartbeat:LVM ocf:heartbeat:Filesystem ocf:heartbeat:nfsserver ocf:heartbeat:IPaddr2 " +
		"ocf:heartbeat:pgsql fence_ipmilan systemd:postgres-exporter")
	gaps := func(change func(*readiness.Input)) (all []string) {
		in := whole
		change(&in)
		for _, g := range check(t, in, "el9").NotChecked {
			require.NotEmpty(t, g.Needs)
			all = append(all, g.What)
		}
		return all
	}
	always := "whether the cluster runs and is well"
	require.Equal(t, []string{always}, gaps(func(*readiness.Input) {}))
	require.Equal(t, []string{always, "transport, rings and encryption"}, gaps(func(in *readiness.Input) { in.Conf = nil }))
	require.Equal(t, []string{always, "the configuration of the cluster: resources, agents, options, schema"}, gaps(func(in *readiness.Input) { in.CIB = nil }))
	require.Equal(t, []string{always, "whether el9 has the agents ocf:heartbeat:Filesystem, ocf:heartbeat:IPaddr2, ocf:heartbeat:nfsserver, " +
		"ocf:heartbeat:pgsql, stonith:fence_ipmilan, systemd:postgres-exporter"}, gaps(func(in *readiness.Input) { in.Agents = nil }))
	require.Equal(t, []string{"which ways lead from the pair's release to el9", always, "the versions of pacemaker and corosync on the nodes"},
		gaps(func(in *readiness.Input) { in.Versions = nil }))
	require.Equal(t, []string{always, "the version of pacemaker on db2", "the version of corosync on db2"},
		gaps(func(in *readiness.Input) { in.Versions = []readiness.Versions{in.Versions[0], {Node: "db2"}} }))
	require.Contains(t, gaps(func(in *readiness.Input) { in.Agents = []string{"ocf:heartbeat:Filesystem"} })[1],
		"stonith:fence_ipmilan, systemd:postgres-exporter", "a list of resource agents says nothing of fence agents")
}

// An agent that the target's list does not have blocks; one of another maker is not known to be there.
func TestAgents(t *testing.T) {
	in := readiness.Input{CIB: cibWith(t, primitive(`class="ocf" provider="acme" type="db">`))}
	report := check(t, in, "el9")
	require.Empty(t, report.Findings)
	require.Contains(t, report.Text(), "not checked: whether there are packages for the target with ocf:acme:db")
	in.Agents = []string{"ocf:heartbeat:IPaddr2"}
	require.Equal(t, []string{"blocker agent-list r: agent ocf:acme:db"}, lines(check(t, in, "el9")))
	in.Agents = []string{"ocf:acme:db"}
	require.Empty(t, check(t, in, "el9").Findings)
	in = readiness.Input{CIB: cibWith(t, primitive(`class="stonith" type="external/ipmi">`))}
	require.Equal(t, []string{"blocker agent r: agent stonith:external/ipmi"}, lines(check(t, in, "el9")))
	require.Empty(t, check(t, in, "debian12").Findings)
}

// The packages of the nodes: bounds, downgrades, and nodes that differ.
func TestSoftware(t *testing.T) {
	on := func(os, pacemaker, corosync string) readiness.Versions {
		return readiness.Versions{Node: "n", OS: os, Packages: map[string]string{"pacemaker": pacemaker, "corosync": corosync}}
	}
	const sles15, el9 = "SUSE Linux Enterprise Server 15 SP6", "AlmaLinux 9.4"
	for name, tc := range map[string]struct {
		nodes  []readiness.Versions
		target string
		want   []string
	}{
		"in the bounds": {[]readiness.Versions{on(sles15, "2.1.7+20231219-1", "2.4.6-1")}, "sles16", nil},
		"below them": {
			[]readiness.Versions{on(sles15, "2.1.6-1", "2.4.5-1")}, "sles16",
			[]string{"blocker version n: pacemaker 2.1.6 on n", "blocker version n: corosync 2.4.5 on n"},
		},
		"of another kind": {[]readiness.Versions{on("Debian GNU/Linux 11 (bullseye)", "2.0.5-2", "3.1.2-2")}, "sles16", nil},
		"downgrade": {
			[]readiness.Versions{on(el9, "3.0.0-1", "4.0.0-1")}, "el9",
			[]string{"blocker version n: pacemaker 3.0.0 on n", "blocker version n: corosync 4.0.0 on n"},
		},
		"same series": {[]readiness.Versions{on(el9, "2.1.9-1", "3.1.9-1")}, "el9", nil},
		"two versions": {[]readiness.Versions{on(el9, "2.1.7-1", "3.1.8-1"), on(el9, "2.1.9-1", "3.1.8-2")}, "el9",
			[]string{"warning version pacemaker: the nodes have pacemaker 2.1.7 and 2.1.9"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, line := range lines(check(t, readiness.Input{CIB: cibWith(t, ""), Versions: tc.nodes}, tc.target)) {
				if strings.Contains(line, " version ") {
					got = append(got, line)
				}
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// The schema of the CIB against those of the target.
func TestSchema(t *testing.T) {
	for _, tc := range []struct{ with, target, want string }{
		{"pacemaker-3.9", "debian12", ""},
		{"pacemaker-3.10", "debian12", "blocker schema validate-with: schema pacemaker-3.10"},
		{"pacemaker-2.10", "debian12", "warning schema validate-with: schema pacemaker-2.10"},
		{"pacemaker-4.0", "debian13", ""},
		{"pacemaker-4.0", "debian12", "blocker schema validate-with: schema pacemaker-4.0"},
		{"pacemaker-3.10", "el10", "warning schema validate-with: schema pacemaker-3.10"},
		{"pacemaker-2.10", "el9", ""},
		{"pacemaker-0.7", "el8", "blocker schema validate-with: schema pacemaker-0.7"},
		{"pacemaker-1.1", "el10", "blocker schema validate-with: schema pacemaker-1.1"},
		{"pacemaker-next", "debian12", "warning schema validate-with: schema pacemaker-next"},
		{"none", "debian12", "warning schema validate-with: schema none"},
		{"none", "el10", "blocker schema validate-with: schema none"},
		{"", "debian13", "blocker schema validate-with: schema none"},
		{"Pacemaker-3.9", "el10", "blocker schema validate-with: schema Pacemaker-3.9"},
	} {
		report := check(t, readiness.Input{CIB: cibOf(t, `<cib epoch="1" num_updates="0" admin_epoch="0" validate-with="`+tc.with+`"><configuration/></cib>`)}, tc.target)
		require.Equal(t, tc.want, strings.Join(lines(report), "\n"), "%s on %s", tc.with, tc.target)
		unknown := tc.target == "el9" || tc.target == "el8"
		require.Equal(t, unknown && tc.with >= "pacemaker-3", strings.Contains(report.Text(), "knows the schema"), tc)
	}
	report := check(t, readiness.Input{CIB: cibWith(t, "")}, "el9")
	require.Contains(t, report.Text(), "not checked: whether el9 knows the schema 3.9 of the CIB")
}

// Blockers come first, and a report never says more than "as far as it was checked".
func TestReport(t *testing.T) {
	report := check(t, siteOf(t, "sles12-web"), "sles16")
	require.False(t, report.Ready())
	last := readiness.Blocker
	order := map[readiness.Level]int{readiness.Blocker: 0, readiness.Warning: 1, readiness.Note: 2}
	for _, f := range report.Findings {
		require.GreaterOrEqual(t, order[f.Level], order[last])
		last = f.Level
	}
	require.True(t, strings.HasPrefix(report.Summary(), "not ready for sles16"))
	fine := check(t, readiness.Input{CIB: cibWith(t, "")}, "debian12")
	require.True(t, fine.Ready())
	require.True(t, strings.HasPrefix(fine.Summary(), "ready as far as it was checked for debian12 (Debian 12): "+
		"0 blockers, 0 warnings, 0 notes; "), fine.Summary())
	raw, err := json.Marshal(fine)
	require.NoError(t, err)
	require.Contains(t, string(raw), `{"target":"debian12","findings":[],"notChecked":[{"what":"`)
	require.NotContains(t, string(raw), "null")
}
