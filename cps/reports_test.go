package cps_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// Outputs in the shapes of real reports, which the guide does not show.

func TestReportFullDiagnostics(t *testing.T) {
	d, err := cps.ParseDiagnostics(text("d", fixture(t, "diagnostics-full-fail.txt")))
	require.NoError(t, err)
	require.Len(t, d.Checks, 11)
	var failed []string
	for _, f := range d.Findings() {
		require.Equal(t, cps.Error, f.Severity)
		failed = append(failed, f.Where)
	}
	require.Equal(t, []string{"d:7", "d:12", "d:15"}, failed)
	for _, stage := range []cps.Stage{cps.StageBefore, cps.StageAfter} {
		require.Len(t, cps.ReviewDiagnostics(d, stage), 3)
	}
	require.Equal(t, cps.Error, cps.ReviewDiagnostics(nil, cps.StageBefore)[0].Severity)
}

func TestReportPatches(t *testing.T) {
	patched := about(t, "about-patched.txt")
	require.Equal(t, []string{"Patch_1_19.4.0"}, patched.Patches())
	require.Equal(t, map[string]int{"CPS-158": 1}, rows(patched.CheckPatches()))
	none := about(t, "about-nopatch.txt")
	require.Empty(t, none.CheckPatches())
	for _, line := range []string{"CPS Patch Applied - Patch_1_11.9.9", "Patch level: 3", "No patches could be listed",
		"patches: none", "No patch information"} {
		a, err := cps.ParseAbout(text("a", "CPS Installer Version - 19.4.0\n"+line+"\n"))
		require.NoError(t, err)
		require.NotEmpty(t, a.CheckPatches(), "%q does not say that there is none", line)
	}
}

func TestReportReplicaTables(t *testing.T) {
	table, err := cps.ParseReplicaTable(text("t", fixture(t, "get_replica_status-startup2-unreachable.txt")))
	require.NoError(t, err)
	require.Equal(t, map[string]int{"MON-004": 1, "MON-005": 1}, rows(table.Findings()))
	require.Equal(t, cps.StateUnreachable, table.Sets[1].Members[2].State)
	table, err = cps.ParseReplicaTable(text("t", fixture(t, "get_replica_status-gr-site1.txt")))
	require.NoError(t, err)
	require.Equal(t, "SITE1", table.Site)
	members := table.Sets[0].Members
	require.Len(t, members, 5)
	require.Equal(t, []string{"PRI", "PRI", "", "SEC", "SEC"},
		[]string{members[0].Mark, members[1].Mark, members[2].Mark, members[3].Mark, members[4].Mark})
	require.Equal(t, "SITE3-arbiter", members[2].Host)
	require.Equal(t, map[string]int{"MON-005": 1}, rows(table.Findings()))
	again, err := cps.ParseReplicaTable(strings.NewReader(printed(t, table)))
	require.NoError(t, err)
	require.Len(t, again.Sets[0].Members, 5)
}

func TestReportHAProxyStates(t *testing.T) {
	h, err := cps.ParseHAProxy(text("h", fixture(t, "diagnostics-ha_proxy-nocheck.txt")))
	require.NoError(t, err)
	require.Equal(t, "no check", h.Services[0].State)
	require.Equal(t, "MAINT", h.Services[1].State)
	require.Equal(t, "(via diameter/lb02)", h.Services[1].Check)
	require.Equal(t, map[string]int{"CPS-131": 2, "CPS-132": 1}, rows(h.Findings()))
	require.Len(t, h.Down(), 1)
}
