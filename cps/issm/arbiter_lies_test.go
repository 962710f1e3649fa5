package issm_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
)

// on the arbiter: a program prints something else.
func arbiterSays(command, old, now string) []cpstest.Lie {
	return says(command, thirdSite, func(truth string) string { return strings.Replace(truth, old, now, 1) })
}

const psEnd = "root      9999     1  0 00:00 ?        00:00:00 ps -ef\n"

// still says that a program runs.
func still(host, program string) []cpstest.Lie {
	return says("ps -ef", host, func(truth string) string {
		return strings.Replace(truth, psEnd, "root      4000     1  0 00:00 ?        00:00:00 /bin/bash "+program+"\n"+psEnd,
			1)
	})
}

// without takes the lines with a word out of what is printed.
func dropped(word string) func(string) string {
	return func(truth string) string {
		return strings.Join(slices.DeleteFunc(strings.SplitAfter(truth, "\n"),
			func(l string) bool { return strings.Contains(l, word) }), "")
	}
}

const (
	aMount     = "/dev/loop0 /mnt/iso iso9660 ro,relatime 0 0\n"
	oldSystem  = "CentOS Linux release 7.7.1908 (Core)\n"
	newSystem  = "CentOS Linux release 8.1.1911 (Core)\n"
	readSystem = "cat /etc/redhat-release"
)

// arbiterLies are worlds that are not what they say, and the check that stops each; each switch of cpstest.ThirdSite is
// one.
func arbiterLies() []lied {
	site := func(s cpstest.ThirdSite) cpstest.Options { return cpstest.Options{ThirdSite: s} }
	removed := []string{thirdSite + " rm -f /root/cps-arbiter-21.1.0.iso"}
	return []lied{
		{check: "preflight/system", lies: arbiterSays(readSystem, oldSystem, newSystem)},
		{check: "preflight/about", lies: arbiterSays("about.sh", "CPS Arbiter", "CPS Multi-Node Environment")},
		{check: "preflight/about", lies: arbiterSays("about.sh", "19.4.0", "21.1.0")},
		{check: "preflight/processes", lies: says("ps -ef", thirdSite, dropped("27719"))},
		{check: "preflight/sites", lies: says("about.sh", "cluman", func(truth string) string {
			before, after, _ := strings.Cut(truth, "qns03: ")
			return before + "qns03: " + strings.Replace(after, "21.1.0", "19.4.0", 1)
		})},
		{check: "preflight/sites", lies: says("about.sh", "cluman", func(truth string) string {
			return strings.Replace(truth, "Version - 21.1.0", "Version - 19.4.0", 1)
		})},
		{check: "preflight/members", lies: member("set01", "SEC-sessionmgr02", cps.StateRecovering)},
		{check: "preflight/keeps", lies: says("mongo *", "cluman", func(truth string) string {
			return strings.ReplaceAll(truth, `"arbiterOnly":true`, `"arbiterOnly":false`)
		})},
		{check: "image/image", at: "image/image", deeds: removed},
		{check: "image/umounted", lies: idle("umount *", thirdSite)},
		{check: "image/mounted", lies: idle("mount *", thirdSite)},
		{check: "disable/quiet", at: "disable/quiet", lies: still(thirdSite, "/mnt/iso/migrate.sh disable arbiter")},
		{check: "disable/quiet-site", at: "disable/quiet-site", lies: still("cluman",
			"/mnt/iso/migrate.sh enable set 2 /root/x.tar.gz")},
		{check: "disable/boot-id", lies: says("cat /proc/sys/kernel/random/boot_id", thirdSite,
			func(string) string { return "none\n" })},
		{check: "disable/mark", at: "disable/mark", lies: says("ls -1a /var/tmp", thirdSite,
			func(string) string { return "" })},
		{check: "disable/others", at: "disable/others", lies: member("set06", "sessionmgr01", cps.StateRecovering)},
		{check: "disable/keeps", at: "disable/keeps", lies: says("mongo *", "cluman", func(string) string { return "" })},
		{check: "disable/disable", lies: arbiterSays("migrate.sh disable arbiter", "SUCCESS", "WARNING")},
		{check: "disable/stopped", lies: then("migrate.sh disable arbiter", thirdSite+" systemctl start sessionmgr-27719")},
		{check: "archive/save", lies: then("migrate.sh disable arbiter", "world archive arbiter cut")},
		{check: "archive/save", lies: then("migrate.sh disable arbiter", "world archive arbiter lost")},
		{check: "archive/save", opts: site(cpstest.ThirdSite{CutsArchive: true})},
		{check: "deploy/kept", at: "deploy/kept", now: func(t *testing.T, _ simulated, archives string) {
			t.Helper()
			files, err := filepath.Glob(filepath.Join(archives, "migrate_arbiter_*"))
			require.NoError(t, err)
			require.Len(t, files, 1)
			require.NoError(t, os.WriteFile(files[0], []byte("another one"), 0o600))
		}},
		{check: "deploy/stopped", at: "deploy/stopped", deeds: []string{thirdSite + " systemctl start sessionmgr-27719"}},
		{check: "deploy/deploy", opts: site(cpstest.ThirdSite{OldImage: true})},
		{check: "deploy/deploy", at: "deploy/deploy", deeds: []string{"world deploy-arbiter"},
			opts: site(cpstest.ThirdSite{OldImage: true})},
		{check: "deploy/another", at: "deploy/deploy", lies: arbiterSays(readSystem, oldSystem, newSystem),
			opts: cpstest.Options{Technician: cpstest.Technician{Manual: true}}},
		{check: "enable/new-arbiter", at: "enable/new-arbiter", lies: arbiterSays(readSystem, newSystem, oldSystem)},
		{check: "enable/quiet", at: "enable/quiet", lies: still(thirdSite,
			"/mnt/iso/migrate.sh enable arbiter /var/tmp/x.tar.gz")},
		{check: "enable/sum", at: "enable/sum", lies: says("sha256sum *", thirdSite, func(truth string) string {
			return strings.Map(func(r rune) rune { return map[bool]rune{true: 'b', false: r}[r == 'a'] }, truth[:min(64,
				len(truth))]) + truth[min(64, len(truth)):]
		})},
		{check: "enable/image", at: "enable/image", deeds: removed},
		{check: "enable/umounted", at: "enable/umounted", lies: says("cat /proc/mounts", thirdSite,
			func(truth string) string { return truth + aMount })},
		{check: "enable/mounted", at: "enable/mount", lies: idle("mount *", thirdSite)},
		{check: "enable/enable", lies: arbiterSays("migrate.sh enable arbiter *", "SUCCESS", "WARNING")},
		{check: "enable/about", at: "enable/about", lies: arbiterSays("about.sh", "21.1.0", "19.4.0")},
		{check: "enable/system", at: "enable/system", lies: arbiterSays(readSystem, newSystem, oldSystem)},
		{check: "enable/time-zone", opts: site(cpstest.ThirdSite{Zone: "EST"})},
		{check: "enable/processes", opts: site(cpstest.ThirdSite{StaysDown: 27719})},
		{check: "enable/processes", lies: idle("migrate.sh enable arbiter *", thirdSite)},
		{check: "enable/processes", at: "enable/processes", lies: says("ps -ef", thirdSite, dropped("27719"))},
		{check: "enable/seen", at: "enable/seen", lies: says("mongo *", "cluman", func(truth string) string {
			return strings.ReplaceAll(truth, `"ARBITER"`, `"UNKNOWN"`)
		})},
		{check: "enable/seen", opts: site(cpstest.ThirdSite{WrongSet: 27719})},
		{check: "enable/seen", at: "enable/seen", deeds: []string{"world join set06 " + thirdSite + ":27719"}},
		{check: "enable/members", at: "enable/members", lies: member("set06", "sessionmgr02", cps.StateRecovering)},
		{check: "invariant/majority", at: "disable/disable", lies: member("set02", "sessionmgr01", "DOWN")},
		{check: "invariant/arbiter", at: "image/umount", lies: member("set02", thirdSite, "DOWN")},
	}
}

// notNeeded are checks without which no lie gets further, as another one stands behind them.
var notNeeded = map[string]string{
	"disable/boot-id": "what is no boot id is no fact either",
	"disable/mark":    "a list that is not whole has no newest archive to note",
	"archive/save":    "without the copy there is no fact, which the next step needs",
}

// runArbiter runs the migration in the world of the lie, with some checks empty, and tells where it stopped.
func (l lied) runArbiter(t *testing.T, may reach, empty ...string) (at string, r reach, w simulated) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	dir := t.TempDir()
	rb := migrateArbiterInto(t, dir)
	emptied(rb, empty...)
	w = arbiterWorld(t, l.opts)
	tell := func() {
		do(w, l.deeds)
		if l.now != nil {
			l.now(t, w, dir)
		}
		for _, one := range l.lies {
			require.NoError(t, w.Lie(one))
		}
	}
	told := l.at == ""
	if told {
		tell()
	}
	opts := arbiterOptions(w, &evenkeel.MemJournal{})
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		switch e.Kind {
		case evenkeel.EventAction:
			if !told && e.Step.ID+"/"+e.Action.ID == l.at {
				told = true
				tell()
			}
			if effectOf(*e.Action) > evenkeel.ReadOnly || e.Action.Manual != "" {
				r.changes++
			}
		case evenkeel.EventStepDone:
			r.steps++
		default:
		}
		if r.further(may) {
			end()
		}
	})
	_, err := evenkeel.Run(ctx, rb, w, opts)
	require.True(t, told, "%s: the lie was never told: %v", l.check, err)
	return stoppedAt(err), r, w
}

// TestEachCheckOfTheArbiterStopsALie (CPS-025, CPS-056, CPS-058, CPS-061, CPS-062, CPS-079, CPS-234): whatever the
// programs say, the run stops at the check that is there for it, before any harm; and without the check a lie gets
// further.
func TestEachCheckOfTheArbiterStopsALie(t *testing.T) {
	lies, needed := map[string]int{}, map[string]bool{}
	for i, l := range arbiterLies() {
		lies[l.check]++
		at, with, w := l.runArbiter(t, reach{1000, 1000})
		assert.Equal(t, l.check, at, "another check stops lie %d", i)
		assert.Empty(t, w.Violations(), "stopped at %s before any harm", l.check)
		if testing.Short() {
			continue
		}
		_, without, _ := l.runArbiter(t, with, l.check)
		needed[l.check] = needed[l.check] || without.further(with)
	}
	for _, c := range checksOf(migrateArbiter(t)) {
		_, known := notNeeded[c]
		assert.NotZero(t, lies[c], "no lie is stopped by %s", c)
		assert.True(t, testing.Short() || known != needed[c], "whether a lie gets further without %s", c)
		delete(lies, c)
	}
	assert.Empty(t, lies, "these are no checks of the runbook")
}
