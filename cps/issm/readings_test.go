package issm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

const (
	psList = "UID        PID  PPID  C STIME TTY          TIME CMD\n" +
		"root         1     0  0 Jul19 ?        00:00:02 /usr/lib/systemd/systemd --switched-root\n" +
		"root         2     0  0 Jul19 ?        00:00:00 [kthreadd]\n" +
		"root      4711     1 12 Jul19 ?      1-02:03:04 /usr/bin/python -m SimpleHTTPServer /var/qps/config/deploy\n" +
		"root      9999  4000  0 10:00 pts/0    00:00:00 ps -ef\n"
	mounts     = "proc /proc proc rw,relatime 0 0\n/dev/vda1 / xfs rw,relatime 0 0\n"
	monitLines = "The Monit daemon 5.14 uptime: 2h 3m\n\nProcess 'corosync'\n  status                            %s\n  " +
		"monitoring status                 Monitored\n  pid                               4711\n"
	bootOld = "6f0cf4f5-0df4-4a39-a7a4-1c3bd1e4e5a1" // that of the facts
	bootNew = "0b8f6a4e-5d7c-4c57-8e21-2f1d1c2b3a49"
)

func psWith(command string) string {
	return strings.Replace(psList, "/usr/bin/python -m SimpleHTTPServer /var/qps/config/deploy", command, 1)
}

func monit(word string) string { return strings.Replace(monitLines, "%s", word, 1) }

// session is a session with an OSGi console.
func session(answer string) string {
	return "Trying 127.0.0.1...\nConnected to localhost.\nEscape character is '^]'.\n\nosgi> skRingRebuildStatus\n" +
		answer + "osgi> disconnect\nDisconnect from console? (y/n; default=y) y\nConnection closed by foreign host.\n"
}

// TestEachCheckStatesWhatMustBeThere: the good output passes; one that is cut off, has a line that nobody knows, or
// says something bad in other words, does not.
func TestEachCheckStatesWhatMustBeThere(t *testing.T) {
	all := everyRunbook(t)
	by := func(name string) planned {
		return all[slices.IndexFunc(all, func(p planned) bool { return p.name == name })]
	}
	full := diagnosticsOf(t)
	aboutAll := aboutOf(t)
	for at, tc := range map[string]struct {
		good []string
		exit int
		bad  map[string]string
	}{
		"migration, disable-set-1/quiet": {good: []string{psList}, bad: map[string]string{
			"no heading":                "root         1     0  0 Jul19 ?        00:00:02 init\n",
			"the heading alone":         psList[:strings.Index(psList, "\n")+1],
			"cut off before ps itself":  psList[:strings.Index(psList, "root      9999")],
			"cut off in a row":          strings.TrimSuffix(psList, "ef\n"),
			"without process 1":         strings.Replace(psList, "root         1 ", "root        17 ", 1),
			"a line that nobody knows":  psList + "Killed\n",
			"it runs":                   psWith("/mnt/iso/migrate.sh disable set 1"),
			"it runs without arguments": psWith("/mnt/iso/migrate.sh"),
			"by a shell":                psWith("bash -c 'cd /root; /mnt/iso/migrate.sh disable set 1'"),
			"from its own directory":    psWith("sh ./migrate.sh enable set 1"),
			"what it calls":             psWith("python /mnt/iso/migrate.py --disable set-1"),
			"in quotes":                 psWith(`sh -c "/mnt/iso/migrate.sh"`),
		}},
		"migration, redeploy-set-1/quiet": {good: []string{psList}, bad: map[string]string{
			"one VM is deployed": psWith("/bin/bash /var/qps/install/current/scripts/deployer/deploy.sh qns02"),
			"all are":            psWith("python3 deploy_all.py --vms x"),
		}},
		"migration, redeploy-set-1/gone-lb02": {exit: 1, good: []string{
			"PING lb02 (192.168.105.12) 56(84) bytes of data.\n\n--- lb02 ping statistics ---\n1 packets transmitted, 0 " +
				"received, 100% packet loss, time 0ms\n",
			"--- lb02 ping statistics ---\n1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms\n",
		}, bad: map[string]string{
			"it answers":        "1 packets transmitted, 1 received, 0% packet loss, time 0ms\n",
			"nothing was sent":  "0 packets transmitted, 0 received\n",
			"another count":     "11 packets transmitted, 0 received\n",
			"cut off":           "PING lb02 (192.168.105.12) 56(84) bytes of data.\n",
			"another's failure": "100% packet loss\n",
		}},
		"migration, redeploy-set-1/up-lb02": {good: []string{"CentOS Linux release 8.1.1911 (Core)\n"}, bad: map[string]string{
			"another release that begins alike": "CentOS Linux release 8.10.1911 (Core)\n",
			"the old one":                       "CentOS Linux release 7.6.1810 (Core)\n",
			"another system":                    "Rocky Linux release 8.1 (Green Obsidian)\n",
			"cut off":                           "CentOS Linux release\n",
			"two":                               "CentOS Linux release 8.1.1911 (Core)\nCentOS Linux release 7.6.1810 (Core)\n",
		}},
		"migration, preflight/health": {good: []string{full}, bad: map[string]string{
			"one check failed":             strings.Replace(full, "[PASS]", "[FAIL]", 1),
			"another spelling":             strings.Replace(full, "[PASS]", "[ fail ]", 1),
			"a longer word":                strings.Replace(full, "[PASS]", "[FAILED]", 1),
			"a word that nobody knows":     strings.Replace(full, "[PASS]", "[MAYBE]", 1),
			"a warning":                    strings.Replace(full, "[PASS]", "[WARN]", 1),
			"no result":                    strings.Replace(full, "[PASS]", "", 1),
			"the result below its details": strings.Replace(full, "[PASS]", "\n  svn is not in sync\n[FAIL]", 1),
			"a second result":              strings.Replace(full, "[PASS]", "[PASS]\n[FAIL]", 1),
			"inside a line":                strings.Replace(full, "[PASS]", "[PASS]\n  qns02 [FAIL] no answer", 1),
			"another kind of check": strings.Replace(full, "Checking disk space",
				"Validating hostnames for all VMs...[FAIL]\nChecking disk space", 1),
			"cut off before HAProxy":        full[:strings.Index(full, "Checking HAProxy")],
			"cut off in the table":          full[:strings.Index(full, "SESSION:set01")],
			"only HAProxy":                  full[strings.Index(full, "Checking HAProxy"):],
			"the table and nothing else":    printed(t, statusTable(t)),
			"a member that is not at work":  strings.Replace(full, "SECONDARY", "STARTUP2", 1),
			"a member that is not listed":   full[:strings.Index(full, "| Member-1")] + full[strings.Index(full, "| Member-2"):],
			"a set that is not listed":      strings.Replace(full, "SESSION:set01", "SESSION:set11", 1),
			"two primaries":                 strings.Replace(full, "SECONDARY", "PRIMARY", 1),
			"trouble before the first line": "[FAIL] cannot read the configuration\n" + full,
		}},
		"migration, preflight/about": {good: []string{aboutAll, aboutAll + "\nNo patches are currently applied.\n", aboutAll +
			"\nCPS Patch History\n-----\nNo patches are currently applied.\n"}, bad: map[string]string{
			"the installer alone":   aboutAll[:strings.Index(aboutAll, "CPS Core Versions")],
			"a VM is missing":       withoutLines(aboutAll, "qns03:"),
			"a VM that is unknown":  aboutAll + "qns99: qns-1 (pcrf): 19.4.0.release\n",
			"another release":       strings.Replace(aboutAll, "19.4.0.release", "19.5.0.release", 1),
			"a patch level":         strings.Replace(aboutAll, "19.4.0.release", "19.4.0.3.release", 1),
			"a patch":               aboutAll + "\nCPS Patch History\n-----------------------\nPatch_1_19.4.0 applied on 2020-06-01\n",
			"a fix by another name": aboutAll + "\nCPS Patch History\n-----------------------\nHotfix CSCvt12345 on 2020-06-01\n",
			"in other words":        aboutAll + "\nPatches applied: 1\n",
			"no VM answers":         strings.Replace(aboutAll, "CPS Core Versions", "CPS Cores", 1),
		}},
		"migration, final/about": {good: []string{strings.ReplaceAll(aboutAll, "19.4.0", "21.1.0")}, bad: map[string]string{
			"a VM is missing": withoutLines(strings.ReplaceAll(aboutAll, "19.4.0", "21.1.0"), "pcrfclient01:"),
			"one is old":      strings.Replace(strings.ReplaceAll(aboutAll, "19.4.0", "21.1.0"), "21.1.0.release", "19.4.0.release", 1),
		}},
		"migration, skrings-set-1/after": {good: []string{session("SkRing rebuild: COMPLETED\n"), session("Completed.\n")},
			bad: map[string]string{
				"at work":                  session("SkRing rebuild: IN PROGRESS\n"),
				"started":                  session("SkRing rebuild: STARTED\n"),
				"not begun":                session("SkRing rebuild: NOT STARTED\n"),
				"not completed":            session("SkRing rebuild: NOT COMPLETED\n"),
				"failed":                   session("SkRing rebuild: FAILED\n"),
				"words that nobody knows":  session("SkRing rebuild: FROBNICATED\n"),
				"no answer":                session(""),
				"cut off":                  session("SkRing rebuild: COMPLETED\n")[:110],
				"refused":                  "Trying 127.0.0.1...\ntelnet: connect to address 127.0.0.1: Connection refused\n",
				"a command it has not got": session("gogo: CommandNotFoundException: Command not found: skRingRebuildStatus\n"),
				"another spelling of that": session("Command not found: skRingRebuildStatus\n"),
			}},
		"migration, cluster-sets/create": {good: []string{"Created /var/tmp/cluster-upgrade-set-1.txt\nCreated " +
			"/var/tmp/cluster-upgrade-set-2.txt\n"}, bad: map[string]string{
			"one of them": "Created /var/tmp/cluster-upgrade-set-1.txt\n",
			"elsewhere":   "Created /tmp/cluster-upgrade-set-1.txt\nCreated /var/tmp/cluster-upgrade-set-2.txt\n",
			"failed":      "Creating /var/tmp/cluster-upgrade-set-1.txt\nCreating /var/tmp/cluster-upgrade-set-2.txt\n",
		}},
		"migration, backup-cluman/mark": {good: []string{".\n..\n", ".\n..\nmigrate_cluman_20210101_000000.tar.gz\nx\n"}, bad: map[string]string{
			"no dots": "migrate_cluman_20210101_000000.tar.gz\n", "cut off": ".\n..\nmigrate_clu",
		}},
	} {
		name, action, _ := strings.Cut(at, ", ")
		p := by(name)
		check := p.find(t, action).Expect.Check
		for _, good := range tc.good {
			require.NoError(t, check(p.seen(good, tc.exit)), at)
			if !strings.HasSuffix(action, "/after") { // telnet's exit status says nothing
				require.Error(t, check(p.seen(good, 2)), "%s with exit status 2", at)
			}
		}
		for what, out := range tc.bad {
			require.NotContains(t, tc.good, out, "%s, %s: the case changes nothing", at, what)
			require.Error(t, check(p.seen(out, tc.exit)), "%s passes: %s", at, what)
		}
	}
}

// TestEachProbeKnowsItsStates: done and not begun are each said of a state that was read; whatever else was read is neither.
func TestEachProbeKnowsItsStates(t *testing.T) {
	all := everyRunbook(t)
	archives := ".\n..\nmigrate_cluman_20200101_000000.tar.gz\n"
	image := mounts + "/dev/loop0 /mnt/iso iso9660 ro,relatime 0 0\n"
	type output struct {
		text string
		exit int
	}
	for at, tc := range map[string]struct {
		done, absent []output
		neither      map[string]output
	}{
		"migration, backup-cluman/umount": {
			done: []output{{mounts, 0}}, absent: []output{{image, 0}},
			neither: map[string]output{"without /": {strings.ReplaceAll(mounts, " / ", " /x "), 0},
				"cut off": {mounts + "/dev/loop0 /mnt/", 0}, "another line": {mounts + "and more\n", 0}, "refused": {mounts, 1}},
		},
		"migration, backup-cluman/mount": {
			done: []output{{image, 0}}, absent: []output{{mounts, 0}},
			neither: map[string]output{"no image": {mounts + "/dev/vdb /mnt/iso xfs rw 0 0\n", 0}},
		},
		"shared storage, corosync/corosync-stop": {
			done: []output{{monit("Not monitored"), 0}}, absent: []output{{monit("Running"), 0}, {monit("OK"), 0}},
			neither: map[string]output{"under way": {monit("Running - pending stop"), 0},
				"unknown":         {monit("Execution failed"), 0},
				"another service": {strings.ReplaceAll(monit("Not monitored"), "'corosync'", "'qns'"), 0},
				"cut off":         {monitLines[:60], 0}, "in lower case": {monit("not running"), 0}},
		},
		"shared storage, corosync/corosync-start": {
			done: []output{{monit("Running"), 0}}, absent: []output{{monit("Not monitored"), 0}},
			neither: map[string]output{"under way": {monit("Initializing"), 0}, "not running": {monit("Not Running"), 0}},
		},
		"migration, redeploy-set-1/monit-lb02": {
			done:   []output{{"* monit.service\n   Active: active (running) since Mon\n", 0}},
			absent: []output{{"* monit.service\n   Active: inactive (dead)\n", 3}, {"   Active: failed (Result: exit-code)\n", 3}},
			neither: map[string]output{"on its way": {"   Active: activating (start)\n", 3},
				"another word": {"   Active: reactive (running)\n", 0}, "contradiction": {"   Active: active (running)\n", 3},
				"no such unit": {"Unit monit.service could not be found.\n", 4}},
		},
		"provisioned, udev/reboot": {
			done: []output{{bootNew + "\n", 0}}, absent: []output{{bootOld + "\n", 0}},
			neither: map[string]output{"cut off": {bootNew[:20], 0}, "refused": {bootNew, 1}, "two": {bootNew + "\n" + bootOld + "\n", 0}},
		},
		"provisioned, skip-carbon/skip": {
			done: []output{{"A=b\nSKIP_BLKSTATS=1\nSKIP_CARBONDB=1\n", 0}},
			absent: []output{{"A=b\n", 0}, {"", 1}, {"#SKIP_BLKSTATS=1\n# SKIP_CARBONDB=1\n", 0},
				{"SKIP_BLKSTATS=1\nSKIP_CARBONDB=1\nSKIP_CARBONDB=0\n", 0}, {"SKIP_BLKSTATS=1\n", 0}, {"NOT_SKIP_BLKSTATS=1\nNO_SKIP_CARBONDB=1\n", 0}},
			neither: map[string]output{"another file": {"SKIP_BLKSTATS=1 SKIP\nno file\n", 0}},
		},
		"migration, redeploy-set-1/deploy": {
			done: []output{{"CentOS Linux release 8.1.1911 (Core)\n", 0}}, absent: []output{{"CentOS Linux release 7.6.1810 (Core)\n", 0}},
			neither: map[string]output{"another": {"CentOS Linux release 8.10 (Core)\n", 0}, "none": {"Welcome\n", 0}, "refused": {"", 1}},
		},
		"migration, backup-cluman/backup": {
			absent: []output{{".\n..\n", 0}},
			neither: map[string]output{"no list": {strings.TrimPrefix(archives, ".\n..\n"), 0},
				"cut off": {strings.TrimSuffix(archives, "\n"), 0}, "refused": {archives, 2}},
		},
		"migration, restore-cluman/upload": {
			absent: []output{{strings.Repeat("0", 64) + "  /var/tmp/x.tar.gz\n", 0}, {"", 1}},
			neither: map[string]output{"a short sum": {"0000  /var/tmp/x.tar.gz\n", 0},
				"two": {strings.Repeat("0", 64) + "  a\n" + strings.Repeat("0", 64) + "  b\n", 0}, "refused": {"", 2}},
		},
	} {
		name, action, _ := strings.Cut(at, ", ")
		p := all[slices.IndexFunc(all, func(p planned) bool { return p.name == name })]
		read := p.find(t, action).Probe.Read
		expect := func(want evenkeel.ProbeResult, o output) {
			t.Helper()
			got, err := read(p.seen(o.text, o.exit))
			require.NoError(t, err, "%s: %q", at, o.text)
			require.Equal(t, want, got, "%s: %q", at, o.text)
		}
		for _, o := range tc.done {
			expect(evenkeel.Done, o)
		}
		for _, o := range tc.absent {
			expect(evenkeel.NotRun, o)
		}
		for what, o := range tc.neither {
			got, err := read(p.seen(o.text, o.exit))
			require.Error(t, err, "%s, %s: the probe says %s", at, what, got)
			require.Equal(t, evenkeel.Inconclusive, got, "%s, %s", at, what)
		}
	}
}

func withoutLines(text, part string) string {
	return strings.Join(slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(line string) bool { return strings.Contains(line, part) }), "")
}

// aboutOf is what about.sh prints on a cluster that is well.
func aboutOf(t testing.TB) string {
	t.Helper()
	return commandOf(t, "about.sh")
}

// TestMigrateNeedsItsExitStatus: a log that ends well does not make up for an exit status that does not, nor the other
// way round; every run of migrate.sh is judged so.
func TestMigrateNeedsItsExitStatus(t *testing.T) {
	good := fixture(t, "traffic-swap.log")
	runs := 0
	for _, p := range everyRunbook(t) {
		p.each(func(where string, a evenkeel.Action) {
			if len(a.Cmd.Argv) == 0 || a.Cmd.Argv[0] != "/mnt/iso/migrate.sh" {
				return
			}
			runs++
			check := a.Expect.Check
			require.NoError(t, check(p.seen(good, 0)), where)
			for what, o := range map[string]evenkeel.Observed{
				"exit status 1":        p.seen(good, 1),
				"no SUCCESS":           p.seen(strings.ReplaceAll(good, "SUCCESS", "DONE"), 0),
				"no end":               p.seen(good[:strings.LastIndex(good, "=====")-20], 0),
				"an error on the way":  p.seen("2018-07-21 02:00:12,578 ERROR [x] cannot\n"+good, 0),
				"another severe level": p.seen("2018-07-21 02:00:12,578 CRITICAL [x] cannot\n"+good, 0),
				"an unknown level":     p.seen("2018-07-21 02:00:12,578 SEVERE [x] cannot\n"+good, 0),
				"nothing":              p.seen("", 0),
			} {
				require.Error(t, check(o), "%s passes with %s", where, what)
			}
		})
	}
	require.Greater(t, runs, 40)
}

// TestSumsAreCompared: the archive that goes back is the one that came off, byte for byte, under the name that is used next.
func TestSumsAreCompared(t *testing.T) {
	all := everyRunbook(t)
	for name, at := range map[string]string{"migration": "restore-cluman", "rollback": "bring-archive"} {
		p := all[slices.IndexFunc(all, func(p planned) bool { return p.name == name })]
		which := map[string]string{"migration": "archive.cluman", "rollback": "archive.set-1"}[name]
		sum, err := evenkeel.NewFact[string](which+".sha256", "sum").Get(p.facts)
		require.NoError(t, err)
		file, err := evenkeel.NewFact[string](which, "file").Get(p.facts)
		require.NoError(t, err)
		other := strings.Repeat("0", 64)
		check := p.find(t, at+"/sum").Expect.Check
		require.NoError(t, check(p.seen(sum+"  "+file+".part\n", 1)), "the copy is there and is right")
		require.NoError(t, check(p.seen(sum+"  "+file+"\n", 1)), "it has its name already")
		for what, out := range map[string]string{
			"another sum":                     other + "  " + file + ".part\n",
			"the copy is wrong":               other + "  " + file + ".part\n" + sum + "  " + file + "\n",
			"of another file":                 sum + "  /var/tmp/other.tar.gz\n",
			"somewhere in the text":           "warning: " + sum + "  " + file + ".part\n",
			"cut off":                         sum[:40] + "  " + file + ".part\n",
			"a longer word that ends like it": "0" + sum + "  " + file + ".part\n",
		} {
			require.Error(t, check(p.seen(out, 0)), "%s passes: %s", at, what)
		}
		for _, action := range []string{"upload", "rename"} {
			trace, err := p.find(t, at+"/"+action).Probe.Read(p.seen(sum+"  "+file+"\n", 0))
			require.NoError(t, err)
			require.Equal(t, evenkeel.Done, trace)
			trace, err = p.find(t, at+"/"+action).Probe.Read(p.seen(other+"  "+file+"\n", 0))
			require.NoError(t, err)
			require.Equal(t, evenkeel.NotRun, trace)
		}
	}
	p := all[0]
	hosts := p.find(t, "preflight/hosts").Expect
	sum := strings.Trim(hosts.Text, "`")
	require.NoError(t, hosts.Check(p.seen(sum+"  /x\n", 0)))
	require.Error(t, hosts.Check(p.seen(strings.Repeat("0", 64)+"  /x\n", 0)))
	second := p.find(t, "preflight/htpasswd-second").Expect.Check
	sum, err := evenkeel.NewFact[string]("htpasswd.sha256", "sum").Get(p.facts)
	require.NoError(t, err)
	require.NoError(t, second(p.seen(sum+"  /var/broadhop/.htpasswd\n", 0)))
	require.Error(t, second(p.seen(strings.Repeat("0", 64)+"  /var/broadhop/.htpasswd\n", 0)))
}

// CPS-131: the HAProxy check lists what is not well. A line that is not understood may stand for the list, and no
// traffic is inferred from what is not listed.
func TestTrafficIsNotInferredFromWhatIsNotUnderstood(t *testing.T) {
	rb := runbook(t, issm.Config{ArchiveDir: t.TempDir()})
	const head = "CPS Diagnostics HA Multi-Node Environment\n---------------------------\n"
	looked := 0
	for i := range rb.Steps {
		for _, a := range rb.Steps[i].Actions {
			if a.ID != "other-traffic" || a.Expect.Check == nil {
				continue
			}
			looked++
			check := func(out string) error {
				return a.Expect.Check(evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(head + out)},
					Facts: evenkeel.Facts{}})
			}
			require.NoError(t, check("Checking HAProxy statistics and ports...[PASS]\n"))
			require.ErrorContains(t, check("Checking HAProxy statistics and ports...[PASS]\nERROR: haproxy is not running on lb01\n"),
				"not understood")
			require.ErrorContains(t, check("ssh: connect to host lb01 port 22: No route to host\nChecking HAProxy statistics "+
				"and ports...[PASS]\n"), "not understood")
		}
	}
	require.Positive(t, looked)
}
