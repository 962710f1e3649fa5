package maintenance_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
)

func applying(t testing.TB, cfg maintenance.PatchConfig) *evenkeel.Runbook {
	t.Helper()
	cfg.File = patchFile
	rb, err := maintenance.ApplyPatch(cfg, hosts(t))
	require.NoError(t, err)
	return rb
}

// served is what the journal of a run tells that was not seen down, and where that is served.
func served(r *evenkeel.Report) (list []string) {
	for _, s := range r.State.Serving {
		if !slices.ContainsFunc(s.Outages, func(o evenkeel.Outage) bool { return !o.Down.IsZero() }) {
			list = append(list, s.What+" on "+s.Where)
		}
	}
	return list
}

// TestPatch (CPS-093, CPS-096, CPS-097, CPS-098, CPS-099, CPS-214, WF-005): a patch is at work everywhere at the end, with another
// one before it or not, and the plug-ins stand as before.
func TestPatch(t *testing.T) {
	for name, old := range map[string]string{"first": "", "in the place of another": "Patch_1_19.4.0"} {
		t.Run(name, func(t *testing.T) {
			w := deploy(t, cpstest.Options{Patched: old})
			report, err := evenkeel.Run(t.Context(), applying(t, maintenance.PatchConfig{Applied: old}), w, options(w, &evenkeel.MemJournal{}))
			require.NoError(t, err)
			require.Equal(t, []string{"lb processes on at least one VM", "qns processes on at least one VM", "pcrfclient processes on at least one VM"},
				served(report))
			patch, everywhere := w.Patching().Everywhere()
			require.Equal(t, "Patch_2_19.4.0", patch)
			require.True(t, everywhere, "%+v", w.Patching())
			require.Equal(t, "file:///var/qps/.tmp/plugin1\nfile:///var/qps/.tmp/patch_2_19.4.0\n", w.read("/etc/broadhop/repositories"))
			require.NoError(t, w.Check())
		})
	}
}

// TestUndo (CPS-094, CPS-095, CPS-185, CPS-215): a patch is undone and removed, and the custom plug-ins stay.
func TestUndo(t *testing.T) {
	w := deploy(t, cpstest.Options{Patched: "Patch_1_19.4.0"})
	rb, err := maintenance.UndoPatch(maintenance.PatchConfig{Applied: "Patch_1_19.4.0"}, hosts(t))
	require.NoError(t, err)
	_, err = evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	patch, everywhere := w.Patching().Everywhere()
	require.Empty(t, patch)
	require.True(t, everywhere, "%+v", w.Patching())
	require.Equal(t, "file:///var/qps/.tmp/plugin1\n", w.read("/etc/broadhop/repositories"))
	require.NoError(t, w.Check())
	require.Len(t, slices.DeleteFunc(w.Log(), func(e cpstest.Entry) bool {
		return !strings.HasSuffix(strings.Join(e.Argv, " "), "patch -r Patch_1_19.4.0")
	}), 1, "CPS-095: undone is not removed")
}

// TestPatchRehearsed (CPS-214, CPS-216): the tool crashes, loses a connection, is asked to stop or rolls back, at every point.
func TestPatchRehearsed(t *testing.T) {
	undo, err := maintenance.UndoPatch(maintenance.PatchConfig{Applied: "Patch_1_19.4.0"}, hosts(t))
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		rb    *evenkeel.Runbook
		world cpstest.Options
	}{
		"apply": {rb: applying(t, maintenance.PatchConfig{})}, "undo": {undo, cpstest.Options{Patched: "Patch_1_19.4.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			plan := evenkeel.RehearsalPlan{Operator: func(evenkeel.World) evenkeel.Operator { return confirming{} }}
			plan.Every = 9
			if testing.Short() {
				plan.Every = 29
			}
			report, err := evenkeel.Rehearse(t.Context(), tc.rb, deploy(t, tc.world), plan)
			require.NoError(t, err)
			require.Greater(t, report.Schedules, 30)
			for _, f := range report.Failures {
				t.Error(f)
			}
		})
	}
}

// crashing is a journal whose tool crashes after the first record of an action.
type crashing struct {
	*evenkeel.MemJournal
	action string
}

func (j crashing) Append(r evenkeel.Record) error {
	if err := j.MemJournal.Append(r); err != nil || r.Action != j.action {
		return err
	}
	return errors.New("the tool crashed")
}

// TestRollbackCrashesInARestart: a rollback restarts both sides in one step. One that crashed while the second side was stopped does not
// wait, in its next life, for that side before it goes on.
func TestRollbackCrashesInARestart(t *testing.T) {
	rb, start := applying(t, maintenance.PatchConfig{}), deploy(t, cpstest.Options{})
	journal := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, start, options(start, journal))
	require.NoError(t, err)
	for _, action := range []string{
		"odd-stop-qns-lb01", "odd-stopped-lb01", "odd-start-qns-lb01", "odd-health",
		"even-other-lb01", "even-stop-monit-lb02", "even-stop-qns-lb02", "even-stopped-lb02", "even-start-qns-lb02", "even-health",
	} {
		t.Run(action, func(t *testing.T) {
			w, kept := start.Clone().(simulated), &evenkeel.MemJournal{}
			for _, r := range journal.Records() {
				require.NoError(t, kept.Append(r))
			}
			_, err := evenkeel.Rollback(t.Context(), rb, w, options(w, crashing{kept, action}))
			require.ErrorContains(t, err, "the tool crashed")
			_, err = evenkeel.Rollback(t.Context(), rb, w, options(w, kept))
			require.NoError(t, err)
			require.NoError(t, w.Check())
			patch, everywhere := w.Patching().Everywhere()
			require.True(t, everywhere)
			require.Empty(t, patch)
		})
	}
}

// TestIdleSuccessIsFound: each command says that it succeeded, and has done nothing. The run stops where the next look shows it; what
// no program of the guide shows is listed here, and the operator is asked for it at the end (cps:2102).
func TestIdleSuccessIsFound(t *testing.T) {
	blind := map[string]bool{
		// no program tells what they left
		"restorePolicyRepositories.sh": true, "build_all.sh": true, "reinit.sh": true, "update_httpd_conf.py": true,
		"monit": true, // that monit watches again is seen when it starts the processes
	}
	rb, start := applying(t, maintenance.PatchConfig{Applied: "Patch_1_19.4.0"}), deploy(t, cpstest.Options{Patched: "Patch_1_19.4.0"})
	straight := start.Clone().(simulated)
	_, err := evenkeel.Run(t.Context(), rb, straight, options(straight, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	tried := map[string]bool{}
	for _, e := range straight.Log() {
		if len(e.Changed) == 0 || e.Host == "" {
			continue
		}
		line := strings.Join(e.Argv, " ")
		name := program(line)
		if name == "" {
			continue
		}
		w := start.Clone().(simulated)
		w.Inject(cpstest.Fault{At: e.Seq, Kind: cpstest.SucceedsIdly})
		_, err := evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
		_, everywhere := w.Patching().Everywhere()
		require.NoError(t, w.Check(), line)
		if !blind[name] {
			require.True(t, err != nil || everywhere, "%s on %s did nothing, and the run ended well", line, e.Host)
		}
		tried[name] = true
	}
	for _, name := range []string{"patch", "build_all.sh", "reinit.sh", "qns", "monit", "sed", "puppet", "update_httpd_conf.py", "cp"} {
		require.True(t, tried[name], "%s: no command of it was tried: %v", name, tried)
	}
}

// TestPatchIsLiedTo (CPS-097, CPS-098, CPS-185): a program says something else than it should, and the run stops at the
// check that reads it.
func TestPatchIsLiedTo(t *testing.T) {
	says := func(old, now string) func(string) string {
		return func(truth string) string { return strings.Replace(truth, old, now, 1) }
	}
	for stops, lie := range map[string]cpstest.Lie{
		"hosts.sh lists lb01 lb02":       {Command: "hosts.sh", Says: func(truth string) string { return truth + "qns09\n" }},
		"step undo, action undo":         {Command: "patch -u", Says: says("patch undone successfully", "please wait")},
		"step undo, action plugins":      {Command: "sed *", Idle: true},
		"step preflight, action about":   {Command: "about.sh", Says: says("Patch_1_19.4.0 applied", "Patch_8_19.4.0 applied")},
		"step finish, action about":      {Command: "about.sh", Says: says("Patch_2_19.4.0 applied", "Patch_8_19.4.0 applied")},
		"step finish, action puppet-log": {Command: "tail *", Says: func(string) string { return "Notice: nothing\n" }},
		"step finish, action puppet":     {Command: "tail *", Says: func(truth string) string { return truth + "Puppet (err): no space\n" }},
		"did not check HAProxy":          {Command: "diagnostics.sh", Says: withoutHAProxy},
		"qns04 is not listed":            {Command: "about.sh", Says: says("qns04: ", "qns14: ")},
	} {
		t.Run(stops, func(t *testing.T) {
			w := deploy(t, cpstest.Options{Patched: "Patch_1_19.4.0"})
			require.NoError(t, w.Lie(lie))
			_, err := evenkeel.Run(t.Context(), applying(t, maintenance.PatchConfig{Applied: "Patch_1_19.4.0"}), w,
				options(w, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, stops)
			require.NoError(t, w.Check())
		})
	}
}

// withoutHAProxy is an output of diagnostics.sh whose check of HAProxy is missing.
func withoutHAProxy(truth string) string {
	var kept strings.Builder
	for line := range strings.Lines(truth) {
		if !strings.Contains(line, "HAProxy") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// program is what a command line of the log is about, through what it is wrapped in.
func program(line string) string {
	for _, name := range []string{"restorePolicyRepositories.sh", "build_all.sh", "reinit.sh", "update_httpd_conf.py",
		"patch/patch -", "puppet apply",
		"service monit", "service qns", "sed -i", "cp -p"} {
		if strings.Contains(line, name) {
			return map[string]string{"patch/patch -": "patch", "puppet apply": "puppet", "service monit": "monit",
				"service qns": "qns", "sed -i": "sed",
				"cp -p": "cp"}[name] + map[bool]string{true: name}[strings.HasSuffix(name, ".sh") || strings.HasSuffix(name, ".py")]
		}
	}
	return ""
}

// TestNothingBeginsOnAnUnfitCluster (CPS-184): what must be so before a patch is changed stops the run before its first change.
func TestNothingBeginsOnAnUnfitCluster(t *testing.T) {
	for name, tc := range map[string]struct {
		world cpstest.Options
		cfg   maintenance.PatchConfig
		spoil func(w simulated)
		want  string
	}{
		"another patch is applied": {world: cpstest.Options{Patched: "Patch_1_19.4.0"}, want: "patch -l lists Patch_1_19.4.0, and not no patch"},
		"the patch is not there": {cfg: maintenance.PatchConfig{Applied: "Patch_1_19.4.0"},
			want: "patch -l lists no patch, and not Patch_1_19.4.0"},
		"the file is another": {cfg: maintenance.PatchConfig{SHA256: strings.Repeat("0", 64)}, want: "file"},
		"a VM is down":        {spoil: func(w simulated) { _ = w.Power("qns03", false) }, want: "qns03"},
	} {
		t.Run(name, func(t *testing.T) {
			w := deploy(t, tc.world)
			if tc.spoil != nil {
				tc.spoil(w)
			}
			before := w.Patching()
			report, err := evenkeel.Run(t.Context(), applying(t, tc.cfg), w, options(w, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, tc.want)
			require.False(t, report.State.Changed)
			require.Equal(t, before, w.Patching())
		})
	}
}

// TestWhatCannotBePlanned (CPS-216): every mistake in the configuration is named, and a class of VMs that would stop as a whole.
func TestWhatCannotBePlanned(t *testing.T) {
	h := hosts(t)
	_, err := maintenance.ApplyPatch(maintenance.PatchConfig{SHA256: "x", Applied: "--all"}, h)
	for _, want := range []string{"patch_file is missing", "patch_sha256", `patch_applied "--all"`} {
		require.ErrorContains(t, err, want)
	}
	for file, want := range map[string]string{"patch.tar.gz": "absolute", "/tmp/../p.tar.gz": "absolute",
		"/tmp/patch.zip": "absolute", "/tmp/x.tar.gz": `patch_name "x"`} {
		_, err = maintenance.ApplyPatch(maintenance.PatchConfig{File: file}, h)
		require.ErrorContains(t, err, want)
	}
	_, err = maintenance.ApplyPatch(maintenance.PatchConfig{File: patchFile, Applied: "Patch_2_19.4.0"}, h)
	require.ErrorContains(t, err, "nothing to do")
	_, err = maintenance.UndoPatch(maintenance.PatchConfig{File: patchFile}, h)
	require.ErrorContains(t, err, "patch_applied is missing")
	require.ErrorContains(t, err, "for applying")
	_, err = maintenance.ApplyPatch(maintenance.PatchConfig{File: patchFile}, nil)
	require.ErrorContains(t, err, "Hosts.csv is needed")
	// One VM more before the load balancers, and both are on one side of nothing: lb01 and lb02 swap places with sets of one.
	one, err := cps.ParseHosts(strings.NewReader(strings.ReplaceAll(deploy(t, cpstest.Options{}).read("/var/qps/config/deploy/csv/Hosts.csv"),
		"esxi-host-4,lb02,lb02,lb02,datastore4,,192.168.105.14,10.197.98.62,\n", "")))
	require.NoError(t, err)
	_, err = maintenance.ApplyPatch(maintenance.PatchConfig{File: patchFile}, one)
	require.ErrorContains(t, err, "every lb is on the odd side")
}

// TestPatchOnPaper: followed by hand, in a real shell, the runbook ends where the engine's run ends; and each check has something that
// the operator can judge it by.
func TestPatchOnPaper(t *testing.T) {
	undo, err := maintenance.UndoPatch(maintenance.PatchConfig{Applied: "Patch_1_19.4.0"}, hosts(t))
	require.NoError(t, err)
	for name, rb := range map[string]*evenkeel.Runbook{"patch": applying(t,
		maintenance.PatchConfig{Applied: "Patch_1_19.4.0"}), "unpatch": undo} {
		t.Run(name, func(t *testing.T) {
			for _, s := range rb.Steps {
				for _, a := range slices.Concat(s.Actions, s.Verify, s.Undo, s.UndoVerify) {
					shown := len(a.Makes) > 0
					for _, b := range a.Paper {
						shown = shown || len(b.Shows) > 0
					}
					require.True(t, a.Expect.Check == nil || shown, "%s/%s: nothing tells the operator whether it holds", s.ID, a.ID)
				}
			}
			w := deploy(t, cpstest.Options{Patched: "Patch_1_19.4.0"})
			byHand := w.Clone().(simulated)
			_, err := evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
			require.NoError(t, err)
			followedByHand(t, rb, name, byHand, name == "patch")
			require.Equal(t, w.Hash(), byHand.Hash())
		})
	}
}
