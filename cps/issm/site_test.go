package issm_test

import (
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

const (
	gxCommand, rxCommand = "kpi.sh gx-success", "kpi rx errors"
	silenceCommand       = "alarmctl off pcrf"
	unsilenceCommand     = "alarmctl on pcrf"
	alarmState           = "alarmctl state pcrf"
)

// watched gives a migration the KPIs and the alarms of a site.
func watched(cfg issm.Config) issm.Config {
	cfg.KPIs = []issm.KPI{
		{Name: "gx-success", Command: []string{"/root/kpi.sh", "gx-success"}, Unit: "%", AtLeast: new(99.0), MayFall: new(0.5)},
		{Name: "rx.errors", Command: []string{"kpi", "rx errors"}, Host: "pcrfclient01", AtMost: new(50.0), MayRise: new(100.0)},
	}
	cfg.Alarms = &issm.Alarms{
		Host: "nms", Silence: strings.Fields(silenceCommand), Unsilence: strings.Fields(unsilenceCommand),
		Check: strings.Fields(alarmState), Silenced: "pcrf: silenced", Unsilenced: "pcrf: sounding",
	}
	return cfg
}

// siteWorld gives a simulated cluster the programs of that site.
func siteWorld(opts cpstest.Options) cpstest.Options {
	opts.KPIs = []cpstest.KPI{
		{Name: "gx-success", Host: "cluman", Command: []string{"/root/kpi.sh", "gx-success"}, Prints: "99.8"},
		{Name: "rx.errors", Host: "pcrfclient01", Command: []string{"kpi", "rx errors"}, Prints: "12"},
	}
	opts.Alarms = &cpstest.Alarms{
		Host: "nms", Silence: strings.Fields(silenceCommand), Unsilence: strings.Fields(unsilenceCommand),
		Check: strings.Fields(alarmState), Silenced: "pcrf: silenced", Unsilenced: "pcrf: sounding",
	}
	return opts
}

func siteRunbook(t testing.TB) *evenkeel.Runbook {
	t.Helper()
	return runbook(t, watched(issm.Config{ArchiveDir: t.TempDir(), SkipCarbon: true}))
}

// TestTheSiteOnPaper: what the operator reviews of KPIs and alarms, in the migration and in its rollback.
func TestTheSiteOnPaper(t *testing.T) {
	rb := siteRunbook(t)
	o := runOn(t, rb, deploy(t, siteWorld(cpstest.Options{})), "calls")
	back, err := rb.RollbackPlan(o.state(t))
	require.NoError(t, err)
	var md strings.Builder
	for _, plan := range []*evenkeel.Runbook{rb, back} {
		require.NoError(t, plan.Validate())
		var kept []evenkeel.Step
		for _, s := range plan.Steps {
			of := func(a evenkeel.Action) bool { return !slices.Contains([]string{"kpis", "alarms", "calls"}, a.ID) }
			if !strings.Contains(s.ID, "alarms") {
				s.Actions, s.Verify = slices.DeleteFunc(slices.Clone(s.Actions), of), nil
			}
			if len(s.Actions) > 0 {
				kept = append(kept, s)
			}
		}
		short := *plan
		short.Steps, short.Functions, short.Invariants = kept, "", nil
		require.NoError(t, short.Markdown(&md))
	}
	golden.Check(t, "site.md", md.String())
}

// TestASiteWithKPIsAndAlarms: the KPIs are journalled before anything is changed, and the alarms are silenced
// meanwhile, and sound in the end.
func TestASiteWithKPIsAndAlarms(t *testing.T) {
	w := deploy(t, siteWorld(cpstest.Options{}))
	o := runOn(t, siteRunbook(t), w, "calls")
	require.True(t, w.Report().Silenced)
	require.JSONEq(t, `{"gx-success": 99.8, "rx.errors": 12}`, string(o.state(t).Facts["kpis.before"]))
	o = life(t, evenkeel.Resume, o.rb, o, "")
	require.NoError(t, o.err, "%v", o.events)
	require.NoError(t, w.Check())
	requireMigrated(t, w)
	require.False(t, w.Report().Silenced)
	var order []string
	for _, line := range typed(w) {
		if strings.HasPrefix(line, "nms alarmctl o") || strings.Contains(line, "migrate.sh disable") ||
			strings.Contains(line, "migrate.sh traffic") || strings.Contains(line, "kpi.sh") {
			order = append(order, line)
		}
	}
	order = slices.Compact(order)
	const look = "cluman /root/kpi.sh gx-success"
	require.Equal(t, []string{look, "nms alarmctl off pcrf", look, "cluman /mnt/iso/migrate.sh disable set 1",
		"cluman /mnt/iso/migrate.sh traffic swap",
		look, "cluman /mnt/iso/migrate.sh disable set 2", "cluman /mnt/iso/migrate.sh traffic restore", look, "nms alarmctl on pcrf"}, order)
}

// TestTheGatesOfTheKPIs: a KPI that stays bad stops the run at the next gate, and so does what is not one number. One
// bad look does not.
func TestTheGatesOfTheKPIs(t *testing.T) {
	for name, tc := range map[string]struct{ at, kpi, prints, stops, says string }{
		"bad before":         {"", "gx-success", "98.9", "preflight/kpis", "KPI gx-success is 98.9 %; it must be at least 99 %"},
		"bad, the other one": {"", "rx.errors", "51", "preflight/kpis", "KPI rx.errors is 51; it must be at most 50"},
		"no number before":   {"", "gx-success", "n/a", "preflight/kpis", "KPI gx-success cannot be read on cluman"},
		"after the manager": {"silence-alarms/silence", "rx.errors", "12.0 13.0", "disable-set-1/kpis",
			`KPI rx.errors cannot be read on pcrfclient01`},
		"worse than before": {"disable-set-1/disable", "gx-success", "99.2", "kpis-swap/kpis",
			"KPI gx-success is 99.2 %, and was 99.8 % before"},
		"errors rise":          {"disable-set-1/disable", "rx.errors", "24.5", "kpis-swap/kpis", "KPI rx.errors is 24.5, and was 12 before"},
		"between the halves":   {"calls/calls", "gx-success", "0", "disable-set-2/kpis", "KPI gx-success is 0 %"},
		"at the end":           {"disable-set-2/disable", "rx.errors", "", "kpis-after/kpis", `prints ""`},
		"still as good before": {"disable-set-1/disable", "gx-success", "99.301", "done", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := deploy(t, siteWorld(cpstest.Options{}))
			err := runUntil(t, siteRunbook(t), w, tc.at, func() { run(w, "world", "kpi", tc.kpi, tc.prints) })
			require.Equal(t, tc.stops, stoppedAt(err), "%v", err)
			require.NoError(t, w.Check())
			if tc.says != "" {
				require.ErrorContains(t, err, tc.says)
			}
		})
	}
	for every, stops := range map[int64]string{5: "done", 3: "preflight/kpis"} { // three in a row must be good
		t.Run(fmt.Sprintf("one of %d looks is bad", every), func(t *testing.T) {
			w := deploy(t, siteWorld(cpstest.Options{}))
			var looks atomic.Int64
			require.NoError(t, w.Lie(cpstest.Lie{Command: gxCommand, Says: func(truth string) string {
				if looks.Add(1)%every == 2 {
					return "50\n"
				}
				return truth
			}}))
			require.Equal(t, stops, stoppedAt(runUntil(t, siteRunbook(t), w, "", func() {})))
			require.Greater(t, looks.Load(), int64(20))
		})
	}
}

// A later life of the run knows what the KPIs were before the first one.
func TestKPIsBeforeTheFirstLife(t *testing.T) {
	w := deploy(t, siteWorld(cpstest.Options{}))
	o := runOn(t, siteRunbook(t), w, "calls")
	run(w, "world", "kpi", "gx-success", "99.2")
	o = life(t, evenkeel.Resume, o.rb, o, "")
	require.Equal(t, "disable-set-2/kpis", stoppedAt(o.err), "%v", o.err)
	require.ErrorContains(t, o.err, "KPI gx-success is 99.2 %, and was 99.8 % before the migration")
	run(w, "world", "kpi", "gx-success", "99.7")
	require.NoError(t, life(t, evenkeel.Resume, o.rb, o, "").err)
	requireMigrated(t, w)
}

// A half goes only right after the KPIs were good: a run that is taken up looks again.
func TestKPIsAreReadAgain(t *testing.T) {
	w := deploy(t, siteWorld(cpstest.Options{}))
	o := runOn(t, siteRunbook(t), w, "calls")
	require.NoError(t, w.Lie(cpstest.Lie{Command: "cat /etc/passwd", Host: "lb01", Says: prints("no line of passwd\n")}))
	o = life(t, evenkeel.Resume, o.rb, o, "")
	require.Equal(t, "disable-set-2/users", stoppedAt(o.err), "%v", o.err)
	run(w, "world", "kpi", "gx-success", "98")
	o = life(t, evenkeel.Resume, o.rb, o, "")
	require.Equal(t, "disable-set-2/kpis", stoppedAt(o.err), "%v", o.err)
}

// runUntil runs a runbook, and does something when an action begins; at once where none is named.
func runUntil(t testing.TB, rb *evenkeel.Runbook, w simulated, at string, then func()) error {
	t.Helper()
	if at == "" {
		then()
	}
	done := at == ""
	_, err := evenkeel.Run(t.Context(), rb, w, evenkeel.Options{
		Journal: &evenkeel.MemJournal{}, Clock: w.Clock(), Operator: &technician{world: w}, Serial: true, RunID: testRun, Holder: "test",
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventAction && e.Step.ID+"/"+e.Action.ID == at && !done {
				done = true
				then()
			}
		}),
	})
	require.True(t, done, "%s never began: %v", at, err)
	return err
}

// TestAReadingIsOneNumber: whatever else a command prints is an error that names the KPI.
func TestAReadingIsOneNumber(t *testing.T) {
	outputs := otherOutputs()
	for _, out := range []string{"99.8 %", "99,8", "NaN", "nan", "Inf", "-inf", "1e999", "0x10", "1_000", "99.8\n99.8",
		".", "-", "1.", "٣", "99.8\x00"} {
		outputs[fmt.Sprintf("%q", out)] = out
	}
	for name, out := range outputs {
		w := deploy(t, siteWorld(cpstest.Options{}))
		require.NoError(t, w.Lie(cpstest.Lie{Command: gxCommand, Says: prints(out)}))
		err := runUntil(t, siteRunbook(t), w, "", func() {})
		require.Equal(t, "preflight/kpis", stoppedAt(err), "%s: %v", name, err)
		require.ErrorContains(t, err, "KPI gx-success cannot be read on cluman: its command must print one number", name)
	}
	for _, out := range []string{"99.8", " 99.8 \n", "+99.8", "998e-1", "100"} {
		w := deploy(t, siteWorld(cpstest.Options{}))
		require.NoError(t, w.Lie(cpstest.Lie{Command: gxCommand, Says: prints(out)}))
		require.NoError(t, sitePreflight(t, w), "%q", out)
	}
}

func sitePreflight(t testing.TB, w simulated) error {
	t.Helper()
	rb, err := plan(t, watched(issm.Config{ArchiveDir: "/a"})).Preflight()
	require.NoError(t, err)
	_, err = evenkeel.Run(t.Context(), rb, w, evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: w.Clock(), Holder: "test"})
	return err
}

// Days before, the KPIs are looked at once, and the state of the alarms is read.
func TestPreflightLooksAtTheSite(t *testing.T) {
	w := deploy(t, siteWorld(cpstest.Options{}))
	run(w, "world", "kpi", "gx-success", "40")
	require.NoError(t, w.Lie(cpstest.Lie{Command: alarmState, Says: prints("alarmctl: timeout\n")}))
	err := sitePreflight(t, w)
	require.ErrorContains(t, err, "KPI gx-success is 40 %")
	require.ErrorContains(t, err, `it says "alarmctl: timeout", not "pcrf: silenced" or "pcrf: sounding"`)
	looks := slices.DeleteFunc(typed(w), func(line string) bool { return line != "cluman /root/kpi.sh gx-success" })
	require.Len(t, looks, 1)
}

// TestAlarmsThatStaySilenced: an exit status is no proof, forward and in both kinds of rollback.
func TestAlarmsThatStaySilenced(t *testing.T) {
	w := deploy(t, siteWorld(cpstest.Options{}))
	require.NoError(t, w.Lie(cpstest.Lie{Command: silenceCommand, Idle: true}))
	require.Equal(t, "silence-alarms/silenced", stoppedAt(runUntil(t, siteRunbook(t), w, "", func() {})))

	w = deploy(t, siteWorld(cpstest.Options{}))
	require.NoError(t, w.Lie(cpstest.Lie{Command: unsilenceCommand, Idle: true}))
	require.Equal(t, "unsilence-alarms/unsilenced", stoppedAt(runUntil(t, siteRunbook(t), w, "", func() {})))

	for _, hold := range []string{"snapshot", "calls"} { // step by step, and by the guide's rollback
		for _, idle := range []bool{false, true} {
			w := deploy(t, siteWorld(cpstest.Options{}))
			o := runOn(t, siteRunbook(t), w, hold)
			require.True(t, w.Report().Silenced)
			if idle {
				require.NoError(t, w.Lie(cpstest.Lie{Command: unsilenceCommand, Idle: true}))
			}
			back := rollBack(t, o.rb, o, "")
			require.Equal(t, idle, w.Report().Silenced)
			if idle {
				require.ErrorContains(t, back.err, "done when it says pcrf: sounding")
				continue
			}
			require.NoError(t, back.err)
			require.NoError(t, w.Check())
		}
	}
}

// Alarms that somebody has silenced already are not silenced twice, and stay silenced: at the end, and after both kinds
// of rollback.
func TestAlarmsOfSomebodyElseStaySilenced(t *testing.T) {
	for _, hold := range []string{"", "snapshot", "calls"} {
		w := deploy(t, siteWorld(cpstest.Options{}))
		run(w, "world", "alarms", "silenced")
		o := runOn(t, siteRunbook(t), w, hold)
		if hold == "" {
			require.NoError(t, o.err)
		} else {
			require.NoError(t, rollBack(t, o.rb, o, "").err)
		}
		require.NotContains(t, typed(w), "nms "+silenceCommand)
		require.NotContains(t, typed(w), "nms "+unsilenceCommand)
		require.True(t, w.Report().Silenced)
	}
}

// TestARollbackIsNotStoppedByKPIs: they are noted for the operator, whatever they are, and judged when the cluster is
// rolled back.
func TestARollbackIsNotStoppedByKPIs(t *testing.T) {
	w := deploy(t, siteWorld(cpstest.Options{}))
	o := runOn(t, siteRunbook(t), w, "calls")
	run(w, "world", "kpi", "gx-success", "40")
	run(w, "world", "kpi", "rx.errors", "no data")
	back := rollBack(t, o.rb, o, "")
	require.Equal(t, "kpis-back/kpis", stoppedAt(back.err), "%v", back.err)
	run(w, "world", "kpi", "rx.errors", "12")
	back = rollBack(t, o.rb, back, "")
	require.ErrorContains(t, back.err, "KPI gx-success is 40 %, and was 99.8 % before the migration")
	run(w, "world", "kpi", "gx-success", "99.8")
	back = rollBack(t, o.rb, back, "")
	require.NoError(t, back.err)
	requireRolledBack(t, w)
	require.Equal(t, `"gx-success is 40 %, and was 99.8 %; rx.errors could not be read on pcrfclient01"`,
		string(back.state(t).Rollback.Facts["kpis.rollback"]))
}

// TestSiteRefusals: each mistake names its key.
func TestSiteRefusals(t *testing.T) {
	for want, change := range map[string]func(*issm.Config){
		`kpis[0].name "gx success": it must be of`:                   func(c *issm.Config) { c.KPIs[0].Name = "gx success" },
		`kpis[1].name "gx-success": kpis[0] has the same name`:       func(c *issm.Config) { c.KPIs[1].Name = "gx-success" },
		"kpis[1].command: it is missing":                             func(c *issm.Config) { c.KPIs[1].Command = nil },
		"kpis[0].command: ":                                          func(c *issm.Config) { c.KPIs[0].Command = []string{""} },
		`kpis[1].unit "a\nb": it must be one line`:                   func(c *issm.Config) { c.KPIs[1].Unit = "a\nb" },
		"kpi_looks.within 15m0s: 9223372036 looks":                   func(c *issm.Config) { c.KPILooks.Good = 9223372036 },
		"kpis[0].at_least: it must be a finite number":               func(c *issm.Config) { c.KPIs[0].AtLeast = new(math.NaN()) },
		"kpis[0].may_fall -1: it is in percent":                      func(c *issm.Config) { c.KPIs[0].MayFall = new(-1.0) },
		"kpis[1]: no limit is given":                                 func(c *issm.Config) { c.KPIs[1].AtMost, c.KPIs[1].MayRise = nil, nil },
		"kpis[1]: at_least 60 is more than at_most 50":               func(c *issm.Config) { c.KPIs[1].AtLeast = new(60.0) },
		"kpi_looks: there are no kpis":                               func(c *issm.Config) { c.KPIs, c.KPILooks.Good = nil, 2 },
		"kpi_looks.good -1: it must be at least 1":                   func(c *issm.Config) { c.KPILooks.Good = -1 },
		"kpi_looks.every 1ms: it must be at least 1s":                func(c *issm.Config) { c.KPILooks.Every = time.Millisecond },
		"kpi_looks.within 1m0s: 3 looks, one every 30s, take longer": func(c *issm.Config) { c.KPILooks.Within = time.Minute },
		"alarms.silence and alarms.unsilence are the same command":   func(c *issm.Config) { c.Alarms.Silence = c.Alarms.Unsilence },
		"kpis[0].at_least 999: a rate in % is at most 100":           func(c *issm.Config) { c.KPIs[0].AtLeast = new(999.0) },
		"kpis[0].command: it has a password": func(c *issm.Config) {
			c.KPIs[0].Command = []string{"kpi", "--user", "me", "--password", "hunter2"}
		},
		"kpis[1].command: it has a password":                        func(c *issm.Config) { c.KPIs[1].Command = []string{"curl", "https://me:hunter2@nms/rx"} },
		"alarms.check: it has a password":                           func(c *issm.Config) { c.Alarms.Check = []string{"sh", "-c", "alarms -phunter2 state"} },
		"tools.mongo: it takes the name or the path of one program": func(c *issm.Config) { c.Tools.Mongo = "mongo -u admin -p hunter2" },
		"tools.about: it takes the name or the path":                func(c *issm.Config) { c.Tools.About = "about.sh hunter2" },
		"alarms.silence: it is missing":                             func(c *issm.Config) { c.Alarms.Silence = nil },
		"alarms.unsilence: it is missing":                           func(c *issm.Config) { c.Alarms.Unsilence = nil },
		"alarms.check: it is missing":                               func(c *issm.Config) { c.Alarms.Check = nil },
		`alarms.silenced "": it must be one line`:                   func(c *issm.Config) { c.Alarms.Silenced = "" },
		`alarms.unsilenced "on ": it must be one line`:              func(c *issm.Config) { c.Alarms.Unsilenced = "on " },
		"alarms.silenced and alarms.unsilenced are the same text":   func(c *issm.Config) { c.Alarms.Silenced = c.Alarms.Unsilenced },
	} {
		cfg := watched(issm.Config{ArchiveDir: "/a"})
		require.NoError(t, cfg.Validate())
		change(&cfg)
		require.ErrorContains(t, cfg.Validate(), want)
		require.NotContains(t, cfg.Validate().Error(), "hunter2")
	}
	cfg := watched(issm.Config{ArchiveDir: "/a"})
	cfg.KPIs[0].Command = []string{"kpi", "-p", "8080", "gx"} // a port
	require.NoError(t, cfg.Validate())
	cfg.Secrets, cfg.KPIs[1].Command = []cps.Secret{"tr0ub4dor"}, []string{"kpi", "rx", "tr0ub4dor"}
	_, err := issm.New(cfg, guideHosts(t), guideMongo(t))
	require.ErrorContains(t, err, "kpis[1].command: it has a password")
	require.NotContains(t, err.Error(), "tr0ub4dor")
}

// TestTheReviewSaysWhatIsWatched: that nobody watches, and which program of the site goes with its machine.
func TestTheReviewSaysWhatIsWatched(t *testing.T) {
	said := func(cfg issm.Config) (list []string) {
		for _, f := range plan(t, cfg).Findings() {
			if f.Row == "CPS-232" {
				list = append(list, f.String())
			}
		}
		return list
	}
	require.Empty(t, said(issm.Config{ArchiveDir: "/a"}))
	require.Contains(t, runbook(t, issm.Config{ArchiveDir: "/a"}).Intro, "No KPI is watched")
	const replaced = ", which is replaced: put what the commands need on the new machine before the migration goes on (CPS-232)"
	cfg := watched(issm.Config{ArchiveDir: "/a"})
	require.Equal(t, []string{"kpis: info: KPIs are read on cluman" + replaced,
		"kpis: info: KPIs are read on pcrfclient01" + replaced}, said(cfg))
	cfg.KPIs[0].Host, cfg.KPIs[1].Host, cfg.Alarms.Host = "stats", "stats", ""
	require.Equal(t, []string{"alarms: info: alarms are silenced on cluman" + replaced}, said(cfg))
}

// TestJudgedOnPaper: what the operator's function says of a reading is what the gate says of it.
func TestJudgedOnPaper(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash on PATH")
	}
	rb := siteRunbook(t)
	for _, tc := range []struct{ reading, limits, before, says string }{
		{"99.8", "99 - 0.5 -", "gx 99.9", "good"},
		{"99.41", "99 - 0.5 -", "gx 99.9", "good"},
		{"99.4", "99 - 0.5 -", "gx 99.9", "BAD: 99.4"},
		{"98", "99 - - -", "", "BAD: 98"},
		{"24", "- 50 - 100", "other 1\ngx 12", "good"},
		{"25", "- 50 - 100", "other 1\ngx 12", "BAD: 25"},
		{"51", "- 50 - -", "", "BAD: 51"},
		{"-3", "- - 100 -", "gx -2", "good"},
		{"1e1\n\n", "10 10 - -", "", "good"},
		{"99.8 %", "99 - - -", "", "NOT one number"},
		{"", "99 - - -", "", "NOT one number"},
		{"99\n99", "99 - - -", "", "NOT one number"},
		{"nan", "- 99 - -", "", "NOT one number"},
		{"99.8", "99 - 0.5 -", "", "NOT known before"},
		{"99.8", "99 - 0.5 -", "gx\nrx 12", "NOT known before"},
		{"99.8", "99 - 0.5 -", "gx n/a", "NOT known before"},
	} {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", rb.Functions+"\njudge_kpi gx "+tc.limits+` "$1"`, "bash", tc.before)
		cmd.Stdin = strings.NewReader(tc.reading)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Equal(t, tc.says+"\n", string(out), "%+v", tc)
	}
}

// Followed by hand, the migration of such a site ends where the engine's run ends.
func TestTheSiteByHand(t *testing.T) {
	rb := siteRunbook(t)
	w := deploy(t, siteWorld(cpstest.Options{}))
	byHand := w.Clone().(simulated)
	o := runOn(t, rb, w, "")
	require.NoError(t, o.err, "%v", o.events)
	followed(t, rb, byHand, false)
	require.NoError(t, byHand.Check())
	require.Equal(t, w.Hash(), byHand.Hash())
}
