package maintenance_test

import (
	"context"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// textOn is a file of a machine; ok is false where it is not there.
func textOn(w simulated, host, name string) (text string, ok bool) {
	r, err := w.Deployment.Clone().Runner(host)
	if err != nil {
		return "", false
	}
	res, err := r.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, "cat", name))
	return string(res.Stdout), err == nil
}

// listsOf are the files of the monitoring as a simulated cluster has them now.
func listsOf(w simulated) func(cps.SetFile) (io.Reader, error) {
	return func(f cps.SetFile) (io.Reader, error) {
		text, ok := textOn(w, f.Host, f.Path)
		if !ok {
			return nil, fs.ErrNotExist
		}
		return srcerr.Named(f.Host+":"+f.Path, strings.NewReader(text)), nil
	}
}

// lists are the contents of all of them.
func lists(t testing.TB, w simulated) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, f := range cps.SetFiles(hosts(t), "cluman") {
		text, ok := textOn(w, f.Host, f.Path)
		require.True(t, ok, f.Path)
		all[f.Host+":"+f.Path] = text
		_, left := textOn(w, f.Host, f.Path+".evenkeel-new")
		require.False(t, left, "a copy is left behind: %s", f.Path)
	}
	return all
}

func monitoringOff(t testing.TB, w simulated) *evenkeel.Runbook {
	t.Helper()
	rb, err := maintenance.DisableMonitoring(maintenance.MonitoringConfig{}, hosts(t), listsOf(w))
	require.NoError(t, err)
	return rb
}

// TestMonitoring (CPS-210, CPS-235): the sets are commented out in every file, by the engine and by hand, and come back
// byte by byte once every machine runs the new release.
func TestMonitoring(t *testing.T) {
	w := deploy(t, cpstest.Options{Monitored: true, Migrated: true})
	before := lists(t, w)
	require.Len(t, before, 9)
	off := monitoringOff(t, w)
	byHand := w.Clone().(simulated)
	_, err := evenkeel.Run(t.Context(), off, w, options(w, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	for name, text := range lists(t, w) {
		for _, set := range mongoConfig(t).Sets {
			require.Regexp(t, `(?m)^#\S*`+set.Label+`$`, text, name)
		}
		require.NotEqual(t, before[name], text)
	}
	followedByHand(t, off, "monitoring-off", byHand, true)
	require.Equal(t, lists(t, w), lists(t, byHand))

	on, err := maintenance.EnableMonitoring(maintenance.MonitoringConfig{}, hosts(t), listsOf(w))
	require.NoError(t, err)
	byHand = w.Clone().(simulated)
	_, err = evenkeel.Run(t.Context(), on, w, options(w, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	require.Equal(t, before, lists(t, w))
	followedByHand(t, on, "monitoring-on", byHand, true)
	require.Equal(t, before, lists(t, byHand))
}

func TestMonitoringRehearsed(t *testing.T) {
	plan := evenkeel.RehearsalPlan{Operator: func(evenkeel.World) evenkeel.Operator { return confirming{} }, Every: 11}
	if testing.Short() {
		plan.Every = 61
	}
	w := deploy(t, cpstest.Options{Monitored: true})
	report, err := evenkeel.Rehearse(t.Context(), monitoringOff(t, w), w, plan)
	require.NoError(t, err)
	require.Greater(t, report.Schedules, 10)
	for _, f := range report.Failures {
		t.Error(f)
	}
}

// TestMonitoringRolledBack: wherever the run stands, its rollback leaves every file as it was, and no copy.
func TestMonitoringRolledBack(t *testing.T) {
	for _, host := range []string{"pcrfclient01", "pcrfclient02", "cluman"} {
		w := deploy(t, cpstest.Options{Monitored: true})
		before, rb, journal := lists(t, w), monitoringOff(t, w), &evenkeel.MemJournal{}
		require.NoError(t, w.Lie(cpstest.Lie{Command: "mv -T *", Host: host, Idle: true}))
		_, err := evenkeel.Run(t.Context(), rb, w, options(w, journal))
		require.ErrorContains(t, err, " on "+host+" is not what the plan was made from")
		_, err = evenkeel.Rollback(t.Context(), rb, w, options(w, journal))
		require.NoError(t, err)
		require.Equal(t, before, lists(t, w), host)
	}
	w := deploy(t, cpstest.Options{Monitored: true})
	before, rb, journal := lists(t, w), monitoringOff(t, w), &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, w, options(w, journal))
	require.NoError(t, err)
	require.NotEqual(t, before, lists(t, w))
	_, err = evenkeel.Rollback(t.Context(), rb, w, options(w, journal))
	require.NoError(t, err)
	require.Equal(t, before, lists(t, w))
}

// TestMonitoringIsLeftAlone: what is not as planned, or not migrated yet, is not touched.
func TestMonitoringIsLeftAlone(t *testing.T) {
	const list = "/etc/broadhop/mon_db_for_callmodel.conf"
	on1 := func(t testing.TB, w simulated) *evenkeel.Runbook {
		t.Helper()
		off := w.Clone().(simulated)
		_, err := evenkeel.Run(t.Context(), monitoringOff(t, w), off, options(off, &evenkeel.MemJournal{}))
		require.NoError(t, err)
		rb, err := maintenance.EnableMonitoring(maintenance.MonitoringConfig{}, hosts(t), listsOf(off))
		require.NoError(t, err)
		return rb
	}
	for name, tc := range map[string]struct {
		opts cpstest.Options
		rb   func(testing.TB, simulated) *evenkeel.Runbook
		harm func(t *testing.T, w simulated)
		want string
	}{
		"a file was changed": {cpstest.Options{}, monitoringOff, func(t *testing.T, w simulated) {
			t.Helper()
			on(t, w, "pcrfclient02", "cp", "/etc/passwd", list)
		}, "is not what the plan was made from"},
		"a missing file is there": {cpstest.Options{}, func(t testing.TB, w simulated) *evenkeel.Runbook {
			t.Helper()
			rb, err := maintenance.DisableMonitoring(maintenance.MonitoringConfig{Missing: []string{"pcrfclient01:" + cps.BuildScript}}, hosts(t),
				listsOf(w))
			require.NoError(t, err)
			return rb
		}, func(*testing.T, simulated) {}, "pcrfclient01 has " + cps.BuildScript + ", and it is given as missing"},
		"not migrated yet": {cpstest.Options{}, on1, func(t *testing.T, w simulated) {
			t.Helper()
			_, err := evenkeel.Run(t.Context(), monitoringOff(t, w), w, options(w, &evenkeel.MemJournal{}))
			require.NoError(t, err)
		}, "and not on 21.1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.opts.Monitored = true
			w := deploy(t, tc.opts)
			rb := tc.rb(t, w)
			tc.harm(t, w)
			before := lists(t, w)
			report, err := evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, tc.want)
			require.False(t, report.State.Changed)
			require.Equal(t, before, lists(t, w))
		})
	}
}

// TestMonitoringIsLiedTo: a program that says that it has done its work, and has not, is found out.
func TestMonitoringIsLiedTo(t *testing.T) {
	for command, want := range map[string]string{"tee *": "nor what it makes", "mv -T *": "nor what it makes"} {
		w := deploy(t, cpstest.Options{Monitored: true})
		rb := monitoringOff(t, w)
		require.NoError(t, w.Lie(cpstest.Lie{Command: command, Idle: true}))
		_, err := evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
		require.ErrorContains(t, err, want, command)
	}
}

// A file that is neither what it was nor what it is to be is nobody's work of this run: the operator looks.
func TestMonitoringOfAnUnknownFile(t *testing.T) {
	rb := monitoringOff(t, deploy(t, cpstest.Options{Monitored: true}))
	probes := 0
	for _, s := range rb.Steps {
		for _, a := range s.Actions {
			if a.Probe == nil {
				continue
			}
			probes++
			is, err := a.Probe.Read(evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited,
				Stdout: []byte(strings.Repeat("0", 64) + "  /etc/broadhop/x\n")}})
			require.Equal(t, evenkeel.Inconclusive, is)
			require.ErrorContains(t, err, "was changed by somebody else")
		}
	}
	require.Equal(t, 9, probes)
}

func TestMonitoringThatCannotBePlanned(t *testing.T) {
	w := deploy(t, cpstest.Options{Monitored: true})
	bare := deploy(t, cpstest.Options{})
	odd := func(f cps.SetFile) (io.Reader, error) {
		return srcerr.Named(f.Host+":"+f.Path, strings.NewReader("SESSION-SET1\nwatch everything\n")), nil
	}
	for want, try := range map[string]func() error{
		"pcrfclient01:/etc/broadhop/mon_db_for_callmodel.conf: file does not exist": func() error {
			_, err := maintenance.DisableMonitoring(maintenance.MonitoringConfig{}, hosts(t), listsOf(bare))
			return err
		},
		`missing: "x:/y" is none of the files of the guide`: func() error {
			_, err := maintenance.DisableMonitoring(maintenance.MonitoringConfig{Missing: []string{"x:/y"}}, hosts(t), listsOf(w))
			return err
		},
		"mon_db_for_callmodel.conf:2": func() error {
			_, err := maintenance.DisableMonitoring(maintenance.MonitoringConfig{}, hosts(t), odd)
			return err
		},
		"no file has a replica set to put in force again": func() error {
			_, err := maintenance.EnableMonitoring(maintenance.MonitoringConfig{}, hosts(t), listsOf(w))
			return err
		},
	} {
		require.ErrorContains(t, try(), want)
	}
}
