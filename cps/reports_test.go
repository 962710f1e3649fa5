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
		"patches: none", "No patch information", "Hotfix HF12 installed", "CPS Hotfix Applied", "CPS Patch History\nHF12 " +
			"2020-06-01",
		"Applied Patches:\nPatch_2_19.4.0", "No patches are currently applied to qns01", "Patches\n", "CPS Patch " +
			"History\n----\n"} {
		a, err := cps.ParseAbout(text("a", "CPS Installer Version - 19.4.0\n"+line+"\n"))
		require.NoError(t, err)
		require.NotEmpty(t, a.CheckPatches(), "%q does not say that there is none", line)
	}
}

// MON-004, MON-005: a state that nobody knows, or none, is read, and the member is not well.
func TestReplicaStatesFromExperience(t *testing.T) {
	for _, row := range []string{
		"10.0.0.2 - Unknown - sm02 - OFF-LINE - 3 hrs - 2", "10.0.0.2 - Primary - sm02 - ON-LINE - 0 sec - 2",
		"10.0.0.2 - REMOVED - sm02 - ON-LINE - 0 sec - 2", "10.0.0.2 - STARTUP2 - sm02 - ON-LINE - 18749 days - 2",
		"10.0.0.2 - (not reachable/healthy) - sm02 - OFF-LINE - 3 hrs - 2", "10.0.0.2 - not reachable/healthy - sm02 - " +
			"OFF-LINE - ----- - 2",
		" - - UNKNOWN - sm02 - UNKNOWN - ----- - 2", "10.0.0.2 - - sm02 - OFF-LINE - ----- - 2", "10.0.0.2 - SEC - - " +
			"sm02 - ON-LINE - 0 sec - 2",
		"10.0.0.2 - PRI - ROLLBACK - sm02 - ON-LINE - 0 sec - 2", "10.0.0.2 -     - SECONDARY - sm02 - UNKNOWN - 0 sec - 2",
		"10.0.0.2 - SEC - SECONDARY - sm02 - OFF-LINE - 0 sec - 2",
	} {
		table, err := cps.ParseReplicaTable(text("t",
			tableHead+"| A:s |\n"+memberRow+"| Member-9 - 27717 : "+row+" |\n|---|\n"))
		require.NoError(t, err, row)
		require.Len(t, table.Findings(), 1, row)
		require.Contains(t, table.Findings()[0].What, "sm02 of A:s", row)
		again, err := cps.ParseReplicaTable(text("t", printed(t, table)))
		require.NoError(t, err, row)
		require.Len(t, again.Findings(), 1, row)
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

	const counts = "\n  Sessions (current,max,limit): 0,1, Rate (sessions,max,limit): 0,1, Last Status change " +
		"(seconds): 12\n"
	for state, row := range map[string]string{
		"DOWN L4TOUT in 1001ms": "CPS-131", "DOWN * L7STS/503 in 12ms": "CPS-131", "UNKN": "CPS-131", "DRAIN " +
			"(agent)": "CPS-131",
		"MAINT (resolution)": "CPS-131", "UP 2/3 * L4OK": "CPS-132", "DOWN 1/2": "CPS-132", "no check (via " +
			"diameter/lb02)": "CPS-131",
		"NOLB 1/3 L7OK/404": "CPS-131",
	} {
		for _, before := range []string{"", "  -----\na UP\nSessions (current,max,limit): 0,1, Rate " +
			"(sessions,max,limit): 0,1, " +
			"Last Status change (seconds): 1\n  -----\n  More services:\n"} { // a second list
			h, err := cps.ParseHAProxy(text("h", "Checking HAProxy statistics and ports...[WARN]\n"+before+"  "+
				"-----\ndiameter-x "+state+counts+"  -----\n"))
			require.NoError(t, err, state)
			require.Equal(t, map[string]int{row: 1}, rows(h.Findings()), state)
		}
	}
}

// A GR file has the members of both sites, and their numbers begin anew for the second.
func TestMembersOfBothSites(t *testing.T) {
	const file = "#SITE1_START\n[SESSION-SET2]\nSETNAME=set10\nARBITER=SITE3-arbiter:27727\nPRIMARY-MEMBERS\nMEMBER1=PRI-sessionmgr01:27727\n" +
		"SECONDARY-MEMBERS\nMEMBER1=SEC-sessionmgr01:27727\nMEMBER2=SEC-sessionmgr02:27727\n[SESSION-SET2-END]\n#SITE1_END\n"
	mc, err := cps.ParseMongoConfig(text("m", file))
	require.NoError(t, err)
	var members []string
	for _, m := range mc.Sets[0].Members {
		members = append(members, m.Role+" "+m.Address())
	}
	require.Equal(t, []string{"PRIMARY PRI-sessionmgr01:27727", "SECONDARY SEC-sessionmgr01:27727",
		"SECONDARY SEC-sessionmgr02:27727"}, members)
	for old, bad := range map[string]string{
		"MEMBER2=SEC":         "MEMBER1=SEC",         // twice in one role
		"SECONDARY-MEMBERS":   "PRIMARY-MEMBERS",     // a role twice
		"MEMBER1=SEC-session": "MEMBER1=PRI-session", // one member in both
	} {
		_, err = cps.ParseMongoConfig(text("m", strings.Replace(file, old, bad, 1)))
		require.ErrorContains(t, err, "given twice", bad)
	}
}
