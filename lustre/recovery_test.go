package lustre_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// H28: recovery_status as releases from 2.5 to 2.15 print it, for one target and for many, with names and without.
func TestParseRecovery(t *testing.T) {
	files, err := filepath.Glob("testdata/recovery/2.*.txt")
	require.NoError(t, err)
	var b strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		list, err := lustre.ParseRecovery(strings.NewReader(string(text)))
		require.NoError(t, err, name)
		for _, r := range list {
			fmt.Fprintf(&b, "%s %q over %v: %s\n  %+v\n", filepath.Base(name), r.Target, r.Over(), r, struct {
				Evicted    int
				Started    time.Time
				Waited     time.Duration
				Imperative bool
				Versions   bool
				Other      map[string]string
			}{r.Evicted, r.Started, r.Waited, r.Imperative, r.Versions, r.Other})
		}
	}
	golden.Check(t, "recovery.golden", b.String())
}

// The counts of a recovery that is complete: who did not come back was evicted.
func TestWhoIsMissingWasEvicted(t *testing.T) {
	list, err := lustre.ParseRecovery(strings.NewReader("status: COMPLETE\ncompleted_clients: 4/8\n"))
	require.NoError(t, err)
	require.Equal(t, []int{8, 4, 4}, []int{list[0].Clients, list[0].Completed, list[0].Evicted})
	list, err = lustre.ParseRecovery(strings.NewReader("status: RECOVERING\nconnected_clients: 2/8\ncompleted_clients: 0\n" +
		"evicted_clients: 1\ntime_remaining: 0\n"))
	require.NoError(t, err)
	require.Equal(t, "RECOVERING, 2 of 8 clients are back, 0 have completed, 1 are evicted, 0 s left", list[0].String())
	require.False(t, list[0].Over())
}

// Numbers of clients that are below zero, or contradict one another, are no answer; they are told apart, since the kernel reads its
// counters one after the other.
func TestCountsContradict(t *testing.T) {
	running := func(lines ...string) string {
		return "status: RECOVERING\ntime_remaining: 9\n" + strings.Join(lines, "\n") + "\n"
	}
	for _, bad := range []string{
		"status: COMPLETE\ncompleted_clients: -1/9\n", "status: COMPLETE\ncompleted_clients: 1/-9\n",
		"status: COMPLETE\ncompleted_clients: 9/1\n",
		"status: COMPLETE\ncompleted_clients: 4/8\nevicted_clients: 3\n",
		"status: COMPLETE\ncompleted_clients: 8/8\nevicted_clients: 1\n",
		"status: COMPLETE\nevicted_clients: 9\ncompleted_clients: 8/8\n",
		"status: COMPLETE\nconnected_clients: 8/9\ncompleted_clients: 8/8\n",
		"status: COMPLETE\nconnected_clients: 0/0\ncompleted_clients: 8/8\n",
		running("connected_clients: -2/8", "completed_clients: 0"), running("connected_clients: 2/8", "completed_clients: -1"),
		running("connected_clients: 2/8", "completed_clients: 0", "evicted_clients: -1"),
		running("connected_clients: 2/8", "completed_clients: 9"), running("connected_clients: 2/8", "completed_clients: 1/9"),
		running("completed_clients: 9", "connected_clients: 2/8"), running("connected_clients: 2/8", "completed_clients: 0", "evicted_clients: 9"),
	} {
		_, err := lustre.ParseRecovery(strings.NewReader(bad))
		require.ErrorIs(t, err, lustre.ErrCounts, bad)
	}
	for _, good := range []string{
		"status: COMPLETE\ncompleted_clients: 4/8\nevicted_clients: 4\n", "status: COMPLETE\ncompleted_clients: 0/0\n",
		running("connected_clients: 8/8", "completed_clients: 8", "evicted_clients: 0"), running("connected_clients: 2/8", "completed_clients: 2/8"),
		running("connected_clients: 1/8", "completed_clients: 2"), // one has gone again
	} {
		_, err := lustre.ParseRecovery(strings.NewReader(good))
		require.NoError(t, err, good)
	}
}

// Whatever is not understood is an error: nothing of it may pass for a recovery that is over.
func TestParseRecoveryErrors(t *testing.T) {
	const name = "obdfilter.demo-OST0000.recovery_status="
	for text, want := range map[string]string{
		"":     "answer:1:1: lctl get_param printed no parameter",
		"\n\n": "no parameter",
		name + "\nstatus: COMPLETE\ncompleted_clients: 9/9": "answer:3:1: the last line has no end",
		name + "\n":                    "answer:2:1: recovery_status has no status",
		name + "\nstatus: COMPLETED\n": `answer:2:1: status: "COMPLETED" is no status`,
		name + "status: COMP\n":        `answer:1:1: status: "COMP" is no status`,
		name + "\nstatus: complete\ncompleted_clients: 9/9\n": `"complete" is no status`,
		name + "\nstatus:\n":                                                                   `"" is no status`,
		name + "\nstatus: COMPLETE\n":                                                          "COMPLETE without completed_clients",
		name + "\nstatus: COMPLETE\ncompleted_clients: 9\n":                                    "does not say of how many",
		name + "\nstatus: COMPLETE\ncompleted_clients: 9/1\n":                                  "more than there are",
		name + "\nstatus: COMPLETE\ncompleted_clients: -1/9\n":                                 "below zero",
		name + "\nstatus: COMPLETE\ncompleted_clients: x/9\n":                                  `"x" is not a number of clients`,
		name + "\nstatus: COMPLETE\ncompleted_clients: 9/\n":                                   "answer:3:1: completed_clients",
		name + "\nstatus: COMPLETE\ncompleted_clients: 99999999999/99999999999\n":              "not a number of clients",
		name + "\nstatus: COMPLETE\ncompleted_clients: +1/9\n":                                 "not a number of clients",
		name + "\nstatus: COMPLETE\ncompleted_clients: 9/9\nIR: MAYBE\n":                       "neither ENABLED nor DISABLED",
		name + "\nstatus: COMPLETE\ncompleted_clients: 9/9\ncompleted_clients: 9/9\n":          "completed_clients is told twice",
		name + "\nstatus: COMPLETE\nstatus: COMPLETE\ncompleted_clients: 9/9\n":                "begins with its status",
		name + "\ncompleted_clients: 9/9\nstatus: COMPLETE\n":                                  "begins with its status",
		name + "\nstatus: COMPLETE\ncompleted_clients: 9/9\nrecovery_duration: soon\n":         "not a number of seconds",
		name + "\nstatus: COMPLETE\ncompleted_clients: 9/9\nwhat is this\n":                    "answer:4:1: a line of recovery_status is NAME: VALUE",
		name + "\nstatus: RECOVERING\nconnected_clients: 3/7\n":                                "RECOVERING without completed_clients",
		name + "\nstatus: RECOVERING\nconnected_clients: 3/7\ncompleted_clients: 3\n":          "RECOVERING without time_remaining",
		name + "\nstatus: WAITING\n":                                                           "WAITING without non-ready MDTs",
		name + "status: INACTIVE\n" + name + "status: INACTIVE\n":                              `answer:2:1: "demo-OST0000" is told twice`,
		"mgs.MGS.recovery_status=\nstatus: INACTIVE\n":                                         "answer:1:1: \"mgs.MGS.recovery_status\"",
		"mgs.MGS.recovery_status=status: INACTIVE\n":                                           "is not the recovery_status of an MDT",
		"mdt.demo-OST0000.recovery_status=status: INACTIVE\n":                                  "is not the recovery_status of an MDT",
		"obdfilter.demo-MDT0000.recovery_status=status: INACTIVE\n":                            "is not the recovery_status of an MDT",
		"mds.demo-MDT0000.recovery_status=status: INACTIVE\n":                                  "is not the recovery_status of an MDT",
		"obdfilter.demo.recovery_status=status: INACTIVE\n":                                    "is not the name of a Lustre target",
		"error: get_param: param_path '*/*/recovery_status': No such file or directory\n":      "could not read everything",
		"status: INACTIVE\n" + name + "status: INACTIVE\nstatus: INACTIVE\n":                   "begins with its status",
		"obdfilter.demo-OST0000.recovery_status\nstatus: COMPLETE\ncompleted_clients: 9/9\n":   "NAME: VALUE",
		"<html>status: COMPLETE</html>\n":                                                      "NAME: VALUE",
		name + "\nstatus: COMPLETE\ncompleted_clients: 9/9\n\x00\n":                            "",
		name + "\nstatus: COMPLETE\ncompleted_clients: 9/9\nlock_repay_clients 3\n":            "NAME: VALUE",
		name + "\nstatus: COMPLETE (aborted)\ncompleted_clients: 9/9\n":                        "is no status",
		name + "\nstatus: RECOVERING\nconnected_clients: 9/9\ncompleted_clients: 9\nIR: x\n":   "IR",
		name + "\nstatus: RECOVERING\nconnected_clients: 3\ncompleted_clients: 3\n":            "does not say of how many",
		name + "\nstatus: RECOVERING\nconnected_clients: 3/7\ncompleted_clients: three\n":      "not a number",
		name + "\nstatus: RECOVERING\nconnected_clients: 3/7\ntime_remaining: -5\n":            "not a number of seconds",
		name + "\nstatus: RECOVERING\nconnected_clients: 3/7\nevicted_clients: 1/2\n":          "not a number",
		name + "\nstatus: INACTIVE\nrecovery_start: 99999999999999999999\n":                    "not a number of seconds",
		"obdfilter.demo-OST0000.recovery_status=status: INACTIVE\nmdt..recovery_status=x: y\n": "NAME: VALUE",
	} {
		list, err := lustre.ParseRecovery(srcerr.Named("answer", strings.NewReader(text)))
		require.Error(t, err, "%q: %v", text, list)
		require.ErrorContains(t, err, want, "%q", text)
		var at *lustre.ParseError
		require.ErrorAs(t, err, &at, "%q", text)
	}
}

func TestParseImperativeRecovery(t *testing.T) {
	text, err := os.ReadFile("testdata/recovery/live.txt")
	require.NoError(t, err)
	found, err := lustre.ParseImperativeRecovery(strings.NewReader(string(text)))
	require.NoError(t, err)
	require.Equal(t, map[string]lustre.ImperativeRecovery{"demo": {State: lustre.IRPartial, Unable: 3}}, found)
	for was, is := range map[string]string{
		"state: partial": "state: some", "    state: partial\n": "", "    nonir_clients: 3\n": "", "nonir_clients: 3": "nonir_clients: few",
		"fsname: demo\n": "", "mgs.MGS.live.demo=\n": "", "fsname: params": "imperative_recovery_state:", "notify_count: 6\n": "notify_count: 6",
		"    notify_count: 6\n": "imperative_recovery_state:\n",
	} {
		damaged := strings.Replace(string(text), was, is, 1)
		if was == "notify_count: 6\n" { // the answer ends there, without the end of its line
			damaged, _, _ = strings.Cut(damaged, "mgs.MGS.live.params")
		}
		require.NotEqual(t, string(text), damaged)
		_, err := lustre.ParseImperativeRecovery(srcerr.Named("live", strings.NewReader(damaged)))
		require.ErrorContains(t, err, "live:", "%q", was)
	}
}

func TestParseRecoveryTimes(t *testing.T) {
	text, err := os.ReadFile("testdata/recovery/times.txt")
	require.NoError(t, err)
	times, err := lustre.ParseRecoveryTimes(strings.NewReader(string(text)))
	require.NoError(t, err)
	require.Equal(t, []string{"demo-MDT0000", "demo-OST0000"}, slices.Sorted(maps.Keys(times)))
	require.Equal(t, lustre.RecoveryTimes{Soft: 5 * time.Minute, Hard: 15 * time.Minute, Factor: 5}, times["demo-OST0000"])
	require.Equal(t, lustre.RecoveryTimes{Soft: 10 * time.Minute, Hard: 30 * time.Minute}, times["demo-MDT0000"])
	for _, damage := range [][2]string{{"hard=900", "hard=long"}, {"hard=900", "hard="}, {"hard=900", "hard=-1"},
		{"ir_factor=5", "ir_factor=50"}, {"ir_factor=5", "ir_factor=x"},
		{"obdfilter.demo-OST0000.recovery_time_hard=900\n", ""}, {"mdt.demo-MDT0000.recovery_time_soft=600\n", ""},
		{"obdfilter.", "mdt."}, {"demo-OST0000", "demo"}, {"ir_factor=5\n", "ir_factor=5"}, {"_hard=900", "_warm=900"}} {
		_, err := lustre.ParseRecoveryTimes(srcerr.Named("times", strings.NewReader(strings.Replace(string(text), damage[0], damage[1], 1))))
		require.ErrorContains(t, err, "times:", "%q", damage)
	}
}

func FuzzParseRecovery(f *testing.F) {
	files, err := filepath.Glob("testdata/recovery/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := lustre.ParseRecovery(strings.NewReader(text))
		if err == nil && len(list) == 0 {
			t.Fatal("no target was accepted")
		}
		for _, r := range list {
			switch {
			case r.Over() && !strings.Contains(text, "COMPLETE") && !strings.Contains(text, "INACTIVE"):
				t.Fatalf("%v is over, and nothing says so", r)
			case r.Status == lustre.RecoveryComplete && (r.Evicted < 0 || r.Completed < 0 || r.Clients < r.Completed):
				t.Fatalf("%v has lost clients", r)
			case r.Left < 0 || r.Took < 0 || r.Waited < 0:
				t.Fatalf("%v has a time below zero", r)
			}
		}
		if irs, err := lustre.ParseImperativeRecovery(strings.NewReader(text)); err == nil {
			for fs, ir := range irs {
				if fs == "" || ir.State == "" {
					t.Fatalf("%q %v", fs, ir)
				}
			}
		}
		if times, err := lustre.ParseRecoveryTimes(strings.NewReader(text)); err == nil && len(times) == 0 {
			t.Fatal("no time was accepted")
		}
	})
}
