package issm_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// TestPreflightStops: what is wrong beforehand is said before anything is changed.
func TestPreflightStops(t *testing.T) {
	for want, tc := range map[string]struct {
		opts   cpstest.Options
		change func(simulated)
	}{
		// CPS-160
		"10 GB are needed": {opts: cpstest.Options{FreeKB: 5 << 20}},
		// CPS-030
		".htpasswd differs between pcrfclient01": {opts: cpstest.Options{HtpasswdDiffers: true}},
		// CPS-161
		"clear this first": {change: func(w simulated) { run(w, "qns03", "systemctl", "stop", "qns") }},
		// CPS-150
		"runs 19.5.0.release, not 19.4.0": {opts: cpstest.Options{From: "19.5.0"}},
		// CPS-007
		"plan again from the file": {change: func(w simulated) { run(w, "cluman", "tee", "-a", "/etc/broadhop/mongoConfig.cfg") }},
	} {
		w := deploy(t, tc.opts)
		if tc.change != nil {
			tc.change(w)
		}
		before := w.EndState()
		o := runOn(t, runbook(t, issm.Config{ArchiveDir: t.TempDir()}), w, "")
		require.ErrorContains(t, o.err, want)
		var failed *evenkeel.StepError
		require.ErrorAs(t, o.err, &failed)
		require.Equal(t, "preflight", failed.Step)
		require.Equal(t, before, strings.Replace(w.EndState(), " evenkeel.lease", "", 1), "%s: something was changed", want)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// run types a command; tee gets a comment to write.
func run(w simulated, host string, argv ...string) {
	r, err := w.Runner(host)
	must(err)
	cmd := sshexec.Command(sshexec.Disruptive, argv...)
	if argv[0] == "tee" {
		cmd.Stdin = sshexec.Text("# changed meanwhile\n")
	}
	_, err = r.Run(context.Background(), cmd)
	must(err)
}

// TestInvariantsStopTheRun: what breaks by itself stops the migration at the next change (WF-009, MON-016).
func TestInvariantsStopTheRun(t *testing.T) {
	for invariant, harm := range map[string]func(simulated){
		"replica-sets": func(w simulated) {
			must(w.Power("sessionmgr01", false))
			must(w.Power("pcrfclient01", false))
			must(w.Power("pcrfclient02", false))
		},
		"one-half": func(w simulated) { must(w.Power("sessionmgr01", false)); must(w.Power("sessionmgr02", false)) },
		"traffic": func(w simulated) {
			run(w, "lb01", "systemctl", "stop", "qns")
			run(w, "lb02", "systemctl", "stop", "qns")
		},
	} {
		rb, o := holdAt(t, issm.Config{ArchiveDir: t.TempDir()}, cpstest.Options{}, "snapshot")
		if invariant != "replica-sets" {
			rb.Invariants = append(rb.Invariants[1:], rb.Invariants[0]) // so that this one is looked at first
			o = runOn(t, rb, deploy(t, cpstest.Options{}), "snapshot")
		}
		harm(o.world)
		o.force = true
		o = o.resume(t, rb)
		var v *evenkeel.Violation
		require.ErrorAs(t, o.err, &v, invariant)
		require.Equal(t, invariant, v.Invariant)
	}
}

// TestOtherSetsNeedAPerson: the files of the cluster are not those of the plan (CPS-007).
func TestOtherSetsNeedAPerson(t *testing.T) {
	for _, s := range runbook(t, issm.Config{ArchiveDir: "/srv/archives"}).Steps {
		if s.ID != "cluster-sets" {
			continue
		}
		look := s.Verify[0].Expect.Check
		seen := func(set string) evenkeel.Observed {
			return evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(set)}}
		}
		require.NoError(t, look(seen("pcrfclient02\nlb02\nsessionmgr02\nqns02\nqns04\n")))
		var hold *evenkeel.Pause
		require.ErrorAs(t, look(seen("pcrfclient02\nlb02\nsessionmgr02\nsessionmgr01\nqns02\n")), &hold)
		require.Contains(t, hold.Reason, "-qns04 +sessionmgr01")
	}
}
