package cps_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// CPS-131, CPS-132.
func TestParseHAProxyGuide(t *testing.T) {
	h, err := cps.ParseHAProxy(text("d", fixture(t, "diagnostics-ha_proxy.txt")))
	require.NoError(t, err)
	require.Equal(t, cps.Warn, h.Verdict)
	require.Equal(t, "http://lbvip01:5540/haproxy-diam?stats", h.URL)
	require.Len(t, h.Services, 3)
	require.Equal(t, cps.HAProxyService{
		Name: "diameter-int1-vip-lb02-A", State: "DOWN", Check: "L4CON",
		Sessions: cps.HAProxyCounts{Current: 0, Max: 1}, Rate: cps.HAProxyCounts{Current: 0, Max: 1},
		LastChange: 63027 * time.Second, Line: 12,
	}, h.Services[0])
	require.Equal(t, 63024*time.Second, h.Services[2].LastChange)
	require.Len(t, h.Down(), 3)
	require.Equal(t, map[string]int{"CPS-131": 3}, rows(h.Findings()))
	require.NotEmpty(t, h.Notes)
}

// CPS-132: services on their way, and limits that are given.
func TestParseHAProxyTransitions(t *testing.T) {
	counts := "  Sessions (current,max,limit): 3,7,2000, Rate (sessions,max,limit): 1,2,30, Last Status change (seconds): 5\n"
	h, err := cps.ParseHAProxy(text("d", "Checking HAProxy statistics and ports...[WARN]\n-----\na DOWN 1/2 L7OK/200\n"+
		counts+"b UP 1/3\n"+counts+"c UP\n"+counts+"-----\nbye\n-----\n"))
	require.NoError(t, err)
	require.True(t, h.Services[0].ComingUp())
	require.Equal(t, "L7OK/200", h.Services[0].Check)
	require.True(t, h.Services[1].GoingDown())
	require.False(t, h.Services[2].GoingDown() || h.Services[2].ComingUp())
	require.EqualValues(t, 2000, *h.Services[0].Sessions.Limit)
	require.EqualValues(t, 30, *h.Services[0].Rate.Limit)
	require.Empty(t, h.Down())
	require.Equal(t, map[string]int{"CPS-132": 2}, rows(h.Findings()))
}

func TestParseHAProxyPass(t *testing.T) {
	h, err := cps.ParseHAProxy(text("d",
		"Checking disk...[FAIL]\n/var 99%\nChecking HAProxy statistics and ports...[PASS]\nChecking memory...[PASS]\nx\n"))
	require.NoError(t, err)
	require.Equal(t, cps.Pass, h.Verdict)
	require.Empty(t, h.Services)
	require.Empty(t, h.Findings())
}

func TestParseHAProxyErrors(t *testing.T) {
	guide := fixture(t, "diagnostics-ha_proxy.txt")
	for name, tt := range map[string]struct{ in, want string }{
		"empty":             {"", "d:1: no HAProxy check"},
		"another check":     {"Checking disk...[PASS]\n", "no HAProxy check"},
		"cut off":           {guide[:strings.LastIndex(guide, "  -----")], "the list of services is cut off"},
		"cut off in counts": {guide[:strings.Index(guide, "63027")] + "\n  -----\n", "diameter-int1-vip-lb02-A is not followed by its sessions"},
		"no counts":         {"Checking HAProxy...[WARN]\n-----\na DOWN L4CON\nb DOWN L4CON\n-----\n", "d:3:1: a is not followed"},
		"nothing named":     {"Checking HAProxy...[WARN]\n", `d:1:1: the check names no service: near "[WARN]"`},
		"not a service":     {"Checking HAProxy...[WARN]\n-----\nhello world\n-----\n", "d:3:1: expected a service"},
		"no result":         {"Checking HAProxy...\n", "the check has no result"},
		"unknown result":    {"Checking HAProxy...[MAYBE]\n", `the check has no result: near "HAProxy"`},
		"too large": {"Checking HAProxy...[WARN]\n-----\na DOWN\nSessions (current,max,limit): 0,1, Rate " +
			"(sessions,max,limit): 0,1, Last Status change (seconds): 99999999999999999999\n-----\n", "count of a is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cps.ParseHAProxy(text("d", tt.in))
			requireError(t, err, tt.want)
		})
	}
}

// CPS-129.
func TestParseAIDO(t *testing.T) {
	a, err := cps.ParseAIDO(text("d", fixture(t, "diagnostics-aido.txt")))
	require.NoError(t, err)
	require.Equal(t, cps.Pass, a.Verdict)
	require.Len(t, a.NotInstalled, 10)
	require.Equal(t, "pcrfclient01", a.NotInstalled[0])
	require.Equal(t, "sessionmgr08", a.NotInstalled[9])
	require.Empty(t, a.Other)

	_, err = cps.ParseAIDO(text("d", "Checking HAProxy...[PASS]\n"))
	requireError(t, err, "d:1: no AIDO check")
	_, err = cps.ParseAIDO(text("d",
		"Checking AIDO status on all VMs...[PASS]\nlb01 AIDO service is not installed on lb02, may be pre 19.4 build on lb02\n"))
	requireError(t, err, "d:2:1: the line names two VMs, lb01 and lb02")
}

// CPS-130.
func TestParseDiagnostics(t *testing.T) {
	in := fixture(t, "get_rep-set1-removed.txt") + fixture(t, "diagnostics-aido.txt") +
		fixture(t, "diagnostics-ha_proxy.txt") + "Checking disk space ... [ FAIL ]\n"
	d, err := cps.ParseDiagnostics(text("d", in))
	require.NoError(t, err)
	require.Equal(t, "CPS Diagnostics HA Multi-Node Environment", d.Title)
	require.Len(t, d.Checks, 4)
	require.Equal(t, []cps.Verdict{cps.NoVerdict, cps.Pass, cps.Warn, cps.Fail},
		[]cps.Verdict{d.Checks[0].Verdict, d.Checks[1].Verdict, d.Checks[2].Verdict, d.Checks[3].Verdict})
	require.Equal(t, cps.Fail, d.Worst())
	require.Equal(t, map[string]int{"CPS-130": 2}, rows(d.Findings()))
	rep, ok := d.Check("replica sets")
	require.True(t, ok)
	require.Contains(t, strings.Join(rep.Lines, "\n"), "SPR:set04")

	// The replica table, the AIDO and the HAProxy check are read out of the whole output too.
	_, err = cps.ParseReplicaTable(text("d", in))
	require.NoError(t, err)
	_, err = cps.ParseHAProxy(text("d", in))
	require.NoError(t, err)
	a, err := cps.ParseAIDO(text("d", in))
	require.NoError(t, err)
	require.Len(t, a.NotInstalled, 10)

	_, err = cps.ParseDiagnostics(text("d", "bash: diagnostics.sh: command not found\n"))
	requireError(t, err, "d:1: no check")
}

func FuzzParseDiagnostics(f *testing.F) {
	for _, name := range []string{"diagnostics-ha_proxy.txt", "diagnostics-aido.txt", "get_rep-set1-removed.txt"} {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, in string) {
		if d, err := cps.ParseDiagnostics(strings.NewReader(in)); err == nil {
			require.NotEmpty(t, d.Checks)
			d.Findings()
			d.Worst()
		}
		if h, err := cps.ParseHAProxy(strings.NewReader(in)); err == nil {
			require.NotEqual(t, cps.NoVerdict, h.Verdict)
			require.True(t, h.Verdict == cps.Pass || len(h.Services) > 0)
			h.Findings()
		}
		if a, err := cps.ParseAIDO(strings.NewReader(in)); err == nil {
			require.NotNil(t, a)
		}
	})
}

// CPS-130: a line that is not understood is a finding and an error at every stage, wherever it stands: it can be what
// diagnostics.sh says in the place of its checks.
func TestDiagnosticsNotUnderstood(t *testing.T) {
	const head = "CPS Diagnostics HA Multi-Node Environment\n---------------------------\n"
	for _, foreign := range []string{
		"FATAL: 12 VMs are unreachable, their checks were skipped", "ERROR: could not reach lb01",
		"ssh: connect to host qns03 port 22: No route to host", "CRITICAL disk full on pcrfclient01",
		"Traceback (most recent call last):", "FAILED to connect", "WARNING: y", "something else",
	} {
		for where, in := range map[string]string{
			"after a check that passed": head + "Checking basic ports for all VMs...[PASS]\n" + foreign +
				"\nChecking swap space for all VMs...[PASS]\n",
			"at the end":             head + "Checking basic ports for all VMs...[PASS]\n" + foreign + "\n",
			"before the first check": head + foreign + "\nChecking basic ports for all VMs...[PASS]\n",
			"in the HAProxy check":   head + "Checking HAProxy statistics and ports...[PASS]\n" + foreign + "\n",
			"in the AIDO check":      fixture(t, "diagnostics-aido.txt") + foreign + "\n",
		} {
			d, err := cps.ParseDiagnostics(text("d", in))
			require.NoError(t, err, "%s: %s", foreign, where)
			require.Len(t, d.NotUnderstood(), 1, "%s: %s", foreign, where)
			require.Contains(t, d.NotUnderstood()[0].What, "not understood: ")
			for stage := cps.StageBefore; stage <= cps.StageAfter; stage++ {
				require.Subset(t, cps.ReviewDiagnostics(d, stage), d.NotUnderstood(), "%s: %s: %s", foreign, where, stage)
			}
		}
	}
}

// CPS-130: below a check that failed any detail may stand, but not that the rest was given up. The texts of the guide
// and of real outputs are understood, wrapped or not.
func TestDiagnosticsUnderstood(t *testing.T) {
	for _, name := range []string{"diagnostics-aido.txt", "diagnostics-full-fail.txt", "diagnostics-ha_proxy.txt",
		"diagnostics-ha_proxy-nocheck.txt"} {
		d, err := cps.ParseDiagnostics(text("d", fixture(t, name)))
		require.NoError(t, err)
		require.Empty(t, d.NotUnderstood(), name)
	}
	const added = "Warning: Permanently added 'qns03,10.1.1.13' (ECDSA) to the list of known hosts."
	d, err := cps.ParseDiagnostics(text("d", added+"\nChecking disk...[PASS]\n"+added+"\n"))
	require.NoError(t, err)
	require.Empty(t, d.NotUnderstood(), "a VM that was just deployed")
	d, err = cps.ParseDiagnostics(text("d", "Checking disk...[PASS]\n"+added+" Refused\n"))
	require.NoError(t, err)
	require.Len(t, d.NotUnderstood(), 1)
	d, err = cps.ParseDiagnostics(text("d", "Checking disk...[FAIL]\n/var 99%\nFATAL: 3 VMs unreachable, remaining checks skipped\n"))
	require.NoError(t, err)
	require.Equal(t, []string{`one line is not understood: "FATAL: 3 VMs unreachable, remaining checks skipped"`},
		whats(d.NotUnderstood()))
}

func whats(list []cps.Finding) []string {
	var out []string
	for _, f := range list {
		out = append(out, f.What)
	}
	return out
}

// healthyCapture is a full output of diagnostics.sh without a fault, in the shapes of real ones.
const healthyCapture = `CPS Diagnostics HA Multi-Node Environment
---------------------------
Ping check for all VMs...
Hosts that are not 'pingable' are added to the IGNORED_HOSTS variable...[PASS]
Checking basic ports (80, 7070, 8080)...[PASS]
Retrieving diagnostics from qns01:9045...[PASS]
Checking svn sync status between pcrfclient01 & pcrfclient02...
[PASS]
Checking replica sets...
|-----|
| Mongo:3.6.17  MONGODB REPLICA-SETS STATUS INFORMATION  Date : 2019-07-23
| 10:44:20|
|-----|
| SET NAME - PORT : IP ADDRESS - REPLICA STATE - HOST NAME - HEALTH - LAST SYNC - PRIORITY |
|-----|
| SPR:set04 |
| Member-1 - 27720 : 172.16.2.22 - PRIMARY - sessionmgr01 - ON-LINE - No Sync - 3 |
| Member-2 - 27720 : 172.16.2.23 - SECONDARY - sessionmgr02 - ON-LINE - 0 sec -
| 2 |
|-----|
Checking AIDO status on all VMs...[PASS]
Checking HAProxy statistics and ports...[PASS]
`

// tagForms are the ways in which a tag may stand in an output.
var tagForms = []string{
	"[TAG]", "  [ TAG ]", "Validating hostnames...[TAG]", "Checking disk space for all VMs ... [ TAG ]", "svn is not " +
		"in sync [TAG]",
	"[TAG] disk space of qns01", "Checking swap space: [TAG]", "Checking disk space... on qns01 [TAG]", "/var of " +
		"qns01 [TAG] 99%",
	"\x1b[31m[TAG]\x1b[0m", "Checking clocks...[\x1b[1;31mTAG\x1b[0m]", "Clock skew...^[[31m[TAG]^[[0m", "Clock " +
		"skew...[31m[TAG][0m",
	"Checking clocks...\x1b[60G[TAG]", "Checking clocks...[TAG]\rChecking ports...[PASS]", "[root@localhost ~]# " +
		"Checking clocks...[TAG]",
	"``` [TAG]", "CPS Diagnostics HA [TAG]", "-----[TAG]", "Checking clocks...[TAG] Checking " +
		"ports...[PASS]", "Clocks...\n  lb01 off\n[TAG]",
}

// CPS-130: a result of trouble is found in every place and every form, and no line vanishes.
func TestNoResultVanishes(t *testing.T) {
	d, err := cps.ParseDiagnostics(text("d", healthyCapture))
	require.NoError(t, err)
	require.Empty(t, cps.ReviewDiagnostics(d, cps.StageBefore))
	lines := strings.SplitAfter(healthyCapture, "\n")
	insert := func(i int, line string) string {
		return strings.Join(lines[:i], "") + line + "\n" + strings.Join(lines[i:], "")
	}
	for i := range lines {
		for _, form := range tagForms {
			for tag, want := range map[string]cps.Verdict{"FAIL": cps.Fail, "fail": cps.Fail, "Failed": cps.Fail,
				"ERROR": cps.Fail,
				"WARN":  cps.Warn, "Warning": cps.Warn} {
				line := strings.ReplaceAll(form, "TAG", tag)
				d, err := cps.ParseDiagnostics(text("d", insert(i, line)))
				require.NoError(t, err, "%q before line %d", line, i+1)
				require.Equal(t, want, d.Worst(), "%q before line %d", line, i+1)
			}
		}
		for _, line := range []string{"FATAL", "svn is not in sync", "Checking clocks...", "Checking clocks...FAIL",
			"Checking clocks...(FAIL)",
			"Checking clocks...[FA\u200bIL]", "\uff3bFAIL\uff3d", "diameter-int1-vip-lb02-A DOWN L4CON", "x [PASS] " +
				"y", "[31mFAIL[0m"} {
			in := insert(i, line)
			d, err := cps.ParseDiagnostics(text("d", in))
			require.NoError(t, err)
			_, tableErr := cps.ParseReplicaTable(text("d", in)) // its rows are read there, and by every gate
			worst, _ := cps.Worst(cps.ReviewDiagnostics(d, cps.StageAfter))
			require.True(t, worst == cps.Error || tableErr != nil, "%q before line %d", line, i+1)
		}
		in := insert(i, "Checking clocks...[BYPASS]") // at every stage
		d, err := cps.ParseDiagnostics(text("d", in))
		require.NoError(t, err)
		_, tableErr := cps.ParseReplicaTable(text("d", in))
		require.True(t, len(d.NotUnderstood()) > 0 || tableErr != nil, "before line %d", i+1)
	}
}

// CPS-130: a result that no rule knows hides no other, and a check that fails does not excuse it.
func TestAnUnknownResultHidesNothing(t *testing.T) {
	d, err := cps.ParseDiagnostics(text("d", "Ping Check for all VMs...\nHosts that are not 'pingable' are added...[PASS]\n"+
		"Checking svn...[BYPASS]\nChecking disk space...[FAIL]\n  /var of lb01\nClocks...[SKIP]\n"))
	require.NoError(t, err)
	require.Equal(t, []string{`check "svn" has no result`, `check "disk space" failed`,
		`2 lines are not understood, the first: "[BYPASS]"`}, whats(d.Findings()))
}

// CPS-130: lines that no rule knows are counted, and the first is quoted.
func TestUnknownLinesAreCounted(t *testing.T) {
	in := "one\n" + strings.Replace(healthyCapture, "Checking AIDO", "|-----|\n| a row |\ntwo\n| three |\nChecking AIDO",
		1)
	d, err := cps.ParseDiagnostics(text("d", in))
	require.NoError(t, err)
	require.Equal(t, []string{`3 lines are not understood, the first: "one"`}, whats(d.NotUnderstood()))
	require.Equal(t, "d:1", d.NotUnderstood()[0].Where)

	d, err = cps.ParseDiagnostics(text("d", "Checking replica sets...\nChecking disk space...[PASS]\n[PASS]\n| FATAL |\n"))
	require.NoError(t, err)
	require.Equal(t, []string{`check "replica sets" has no result`, `2 lines are not understood, the first: "[PASS]"`},
		whats(d.Findings()))
}

// CPS-165: a VM without AIDO is one that was not migrated, once all should be.
func TestAIDOAfterTheMigration(t *testing.T) {
	d, err := cps.ParseDiagnostics(text("d", fixture(t, "diagnostics-aido.txt")))
	require.NoError(t, err)
	require.Empty(t, cps.ReviewDiagnostics(d, cps.StageMixed))
	found := cps.ReviewDiagnostics(d, cps.StageAfter)
	require.Len(t, found, 10)
	require.Equal(t, cps.Error, found[0].Severity)
	require.Contains(t, found[0].What, "no AIDO service is installed on pcrfclient01")
}

func FuzzNoResultVanishes(f *testing.F) {
	f.Add(healthyCapture, "", uint8(0))
	f.Add("Checking HAProxy statistics and ports...[WARN]\n", "x", uint8(5))
	f.Fuzz(func(t *testing.T, before, after string, form uint8) {
		line := strings.ReplaceAll(tagForms[int(form)%len(tagForms)], "TAG", "FAIL")
		if d, err := cps.ParseDiagnostics(strings.NewReader(before + "\n" + line + "\n" + after)); err == nil {
			require.Equal(t, cps.Fail, d.Worst())
		}
	})
}
