package issm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// changed changes a step.
func changed(step string, change func(*evenkeel.Step)) func(*evenkeel.Runbook) {
	return func(rb *evenkeel.Runbook) {
		for i := range rb.Steps {
			if rb.Steps[i].ID == step {
				change(&rb.Steps[i])
			}
		}
	}
}

// arbiterMistakes are careless edits of the runbook, and what stops them.
var arbiterMistakes = []struct {
	name   string
	change func(*evenkeel.Runbook)
	opts   cpstest.Options
	first  []string
	stops  string
	harm   string // what the world tells when nobody looks; empty where there is still something that stops it
}{
	{name: "the archive stays on the arbiter (CPS-058)", change: without("archive"), stops: "is not sound"},
	{name: "the VM goes before its archive is saved (CPS-212)", change: before("disable", "deploy"), stops: "needs fact"},
	{name: "it is not disabled (CPS-079)", change: without("disable"), stops: "needs fact"},
	{name: "it is not deployed anew (CPS-212)", change: without("deploy"), stops: "runs CentOS Linux 7.7.1908, not " +
		"CentOS 8.1"},
	{name: "the new image is not mounted (CPS-056)", change: without("image"),
		stops: `the mounted image holds release "19.4.0"`},
	{name: "the new image is not mounted on the new VM (CPS-056)", change: dropActions("enable", "mount", "mounted"),
		stops: "there is no /mnt/iso/migrate.sh on site3-arbiter"},
	{name: "the archive does not come back (CPS-058)", change: dropActions("enable", "upload", "sum", "rename"),
		stops: "migrate_arbiter_"},
	{name: "it is not enabled (CPS-079)", change: without("enable"), stops: "away"},
	{name: "the window is forgotten (WF-003)", change: changed("disable", func(s *evenkeel.Step) { s.Opens = nil }),
		stops: "closes window away"},
	{name: "the window is not closed (WF-003)", change: changed("enable", func(s *evenkeel.Step) { s.Closes = nil }),
		stops: "away"},
	{name: "nobody says that the VM is a new one (CPS-212)", change: changed("deploy",
		func(s *evenkeel.Step) { s.Reinstalls = nil }),
		stops: "site3-arbiter"},
	{name: "nothing undoes the disabling (WF-003)", change: changed("disable", func(s *evenkeel.Step) {
		s.Undo,
			s.UndoVerify = nil, nil
	}),
		stops: "is not sound"},
	{name: "the sites are not migrated (CPS-212)", change: func(*evenkeel.Runbook) {},
		opts:  cpstest.Options{Trusting: true},
		first: []string{"world release qns01 19.4.0"}, stops: "preflight, action sites"},
	{name: "a member is down (WF-003)", change: func(*evenkeel.Runbook) {}, opts: cpstest.Options{Trusting: true},
		first: []string{"sessionmgr01 systemctl stop sessionmgr-27718", "world sleep 2m"}, stops: "preflight, action members",
		harm: "has had no primary"},
	{name: "it is deployed while it is at work (CPS-079)", change: dropActions("disable", "disable", "stopped"),
		stops: "is from before this run",
		first: []string{thirdSite + " touch /var/tmp/migrate_arbiter_20190101_000000.tar.gz"}},
}

// TestArbiterMistakesAreCaught: a careless edit of the runbook, or a world that is not fit for it, is stopped before
// any harm; and where nobody looks the simulated cluster tells the harm.
func TestArbiterMistakesAreCaught(t *testing.T) {
	for _, tc := range arbiterMistakes {
		t.Run(tc.name, func(t *testing.T) {
			rb, w := migrateArbiter(t), arbiterWorld(t, tc.opts)
			tc.change(rb)
			for _, deed := range tc.first {
				if rest, ok := strings.CutPrefix(deed, "world sleep "); ok {
					d, err := time.ParseDuration(rest)
					require.NoError(t, err)
					require.NoError(t, w.Sleep(t.Context(), d))
					continue
				}
				do(w, []string{deed})
			}
			careless := w.Clone().(simulated)
			_, err := evenkeel.Run(t.Context(), rb, w, arbiterOptions(w, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, tc.stops)
			require.NoError(t, w.Check(), "stopped before any harm")
			if tc.harm == "" {
				return
			}
			emptied(rb, checksOf(rb)...)
			for i := range rb.Steps {
				rb.Steps[i].Opens, rb.Steps[i].Closes = nil, nil
			}
			// it may come to nothing
			_, _ = evenkeel.Run(t.Context(), rb, careless, arbiterOptions(careless, &evenkeel.MemJournal{}))
			require.ErrorContains(t, careless.Check(), tc.harm)
		})
	}
}

// TestArbiterCannotBePlanned (CPS-025, WF-003): what is no arbiter is refused, and a set that cannot do without it;
// every mistake in the configuration is named.
func TestArbiterCannotBePlanned(t *testing.T) {
	for want, edit := range map[string][]string{
		"without site3-arbiter 1 of 2 votes of replica set set02 (BALANCE-SET1)": {"MEMBER2=sessionmgr02:27718\n", ""},
		"holds data of replica set set02 (BALANCE-SET1)": {"MEMBER2=sessionmgr02:27718",
			"MEMBER2=site3-arbiter:27728"},
		`"site3-arbiter" is the ARBITER of no replica set`: {"ARBITER=site3-arbiter",
			"ARBITER=arbitervip"},
	} {
		_, err := planArbiter(t, issm.ArbiterConfig{ArchiveDir: "/a"}, thirdSiteSets(t, edit...))
		require.ErrorContains(t, err, want)
	}
	for want, cfg := range map[string]issm.ArbiterConfig{
		"pcrfclient01 is a VM of this cluster":                            {Arbiter: "pcrfclient01"},
		"arbitervip is an address that moves":                             {Arbiter: "arbitervip"},
		"archive_dir is missing":                                          {},
		"the source release is 18.0.0":                                    {From: "18.0.0"},
		"the target release is 22.1.0":                                    {To: "22.1.0"},
		`cps-arbiter-20.2.0.iso" is of release 20.2.0, and not of 21.1.0`: {TargetISO: "/root/cps-arbiter-20.2.0.iso"},
		`cps-arbiter-21.1.0.iso" is of release 21.1.0, and not of 19.4`:   {SourceISO: "/cps-arbiter-21.1.0.iso", TargetISO: "/b.iso"},
		"is one of a Cluster " +
			"Manager": {TargetISO: "/root/CPS_21.1.0.release.iso"},
		"absolute path of an .iso": {TargetISO: "cps-arbiter-21.1.0.iso"},
		"same file": {SourceISO: "/root/a.iso",
			TargetISO: "/root/a.iso"},
		"target_iso_sha256 \"x\"": {ISOSHA256: "x"},
		"away -1ns":               {Away: -1},
		"cannot be told apart":    {SourceOS: "8.1"},
		`source_os "CentOS 7"`:    {SourceOS: "CentOS 7"},
	} {
		if want != "archive_dir is missing" {
			cfg.ArchiveDir = "/a"
		}
		_, err := planArbiter(t, cfg, thirdSiteSets(t))
		require.ErrorContains(t, err, want)
	}
	_, err := issm.MigrateArbiter(issm.ArbiterConfig{ArchiveDir: "/a"}, guideHosts(t), nil)
	require.ErrorContains(t, err, "Hosts.csv and mongoConfig.cfg are needed")
	_, err = issm.MigrateArbiter(issm.ArbiterConfig{ArchiveDir: "/a"}, guideHosts(t), guideMongo(t))
	require.ErrorContains(t, err, "arbiter is missing")
}

// TestArbiterImageIsCompared: the sum that Cisco tells is compared where it is given (CPS-025).
func TestArbiterImageIsCompared(t *testing.T) {
	rb, err := planArbiter(t, issm.ArbiterConfig{ArchiveDir: t.TempDir(), ISOSHA256: strings.Repeat("0", 64)},
		thirdSiteSets(t))
	require.NoError(t, err)
	w := arbiterWorld(t, cpstest.Options{})
	before := w.EndState()
	_, err = evenkeel.Run(t.Context(), rb, w, arbiterOptions(w, &evenkeel.MemJournal{}))
	require.ErrorContains(t, err, "step image, action image-sum")
	require.Equal(t, before, w.EndState())
}

// TestArbiterTimeZoneIsChanged (CPS-062, CPS-234): the run waits for the operator to set the time zone, and goes on.
func TestArbiterTimeZoneIsChanged(t *testing.T) {
	rb, w, j := migrateArbiter(t), arbiterWorld(t, cpstest.Options{ThirdSite: cpstest.ThirdSite{Zone: "CEST"}}),
		&evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, w, arbiterOptions(w, j))
	require.ErrorContains(t, err, "timedatectl set-timezone UTC")
	do(w, []string{"world zone UTC"})
	_, err = evenkeel.Resume(t.Context(), rb, w, arbiterOptions(w, j))
	require.NoError(t, err)
	require.NoError(t, w.Check())
}
