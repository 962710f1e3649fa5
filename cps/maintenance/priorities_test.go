package maintenance_test

import (
	"maps"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
)

const (
	sm1, sm2 = "sessionmgr01:27718", "sessionmgr02:27718"
)

// set02 is a client of the set in a simulated cluster.
func set02(w simulated) *live.ReplicaSet {
	dial := live.Over(evenkeel.Site{Connect: w.Dial}, nil)
	return live.NewReplicaSet("set02", []string{sm1, sm2}, dial, live.Options{Sleep: w.Sleep})
}

// saved is the configuration of the set in a simulated cluster.
func saved(t testing.TB, w simulated) mongo.Config {
	t.Helper()
	c, err := set02(w).Config(t.Context())
	require.NoError(t, err)
	return c
}

func prioritised(t testing.TB, now mongo.Config) *evenkeel.Runbook {
	t.Helper()
	rb, err := maintenance.Priorities(maintenance.PrioritiesConfig{Set: "set02", Priorities: map[string]float64{sm1: 2, sm2: 3}},
		hosts(t), mongoConfig(t), now)
	require.NoError(t, err)
	return rb
}

// TestPriorities (MON-014): the primary moves to the other member, by documents that the plan shows.
func TestPriorities(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	rb := prioritised(t, saved(t, w))
	byHand := w.Clone().(simulated)
	require.Contains(t, w.EndState(), "BALANCE:set02: primary "+sm1)
	report, err := evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	require.NoError(t, w.Check())
	require.Contains(t, w.EndState(), "BALANCE:set02: primary "+sm2)
	require.Equal(t, []string{"BALANCE:set02 on " + sm1}, served(report), "the last look of the invariant was before the takeover")
	now := saved(t, w)
	for host, priority := range map[string]float64{sm1: 2, sm2: 3} {
		m, _ := now.Member(host)
		require.Equal(t, priority, m.Priority, host)
	}
	var sent []string
	for _, e := range w.Log() {
		for _, c := range e.Changed {
			if strings.Contains(c, "replSetReconfig") {
				sent = append(sent, c)
			}
		}
	}
	require.Len(t, sent, 2, "each document is sent once")
	followedByHand(t, rb, "priorities", byHand, true)
	require.Equal(t, w.Hash(), byHand.Hash())
}

func TestPrioritiesRehearsed(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	plan := evenkeel.RehearsalPlan{Every: 3}
	if testing.Short() {
		plan.Every = 13
	}
	report, err := evenkeel.Rehearse(t.Context(), prioritised(t, saved(t, w)), w, plan)
	require.NoError(t, err)
	require.Greater(t, report.Schedules, 20)
	for _, f := range report.Failures {
		t.Error(f)
	}
}

// TestPrioritiesAreLeftAlone: a set that is not as it was planned from, or not well, gets no document.
func TestPrioritiesAreLeftAlone(t *testing.T) {
	for name, tc := range map[string]struct {
		meanwhile func(t *testing.T, w simulated)
		want      string
	}{
		"reconfigured meanwhile": {func(t *testing.T, w simulated) {
			t.Helper()
			_, err := set02(w).SetPriorities(t.Context(), map[string]float64{sm2: 1}, nil)
			require.NoError(t, err)
		}, "has another configuration than the plan was made from: version 2, and not version 1"},
		"the arbiter is down": {func(t *testing.T, w simulated) {
			t.Helper()
			require.NoError(t, w.Power("pcrfclient01", false))
			require.NoError(t, w.Power("pcrfclient02", false))
			w.Advance(time.Minute)
		}, "is not ready for another primary: arbitervip:27718 is DOWN"},
		"the wished primary is down": {func(t *testing.T, w simulated) {
			t.Helper()
			on(t, w, "sessionmgr02", "systemctl", "stop", "sessionmgr-27718")
			w.Advance(time.Minute)
		}, "how far sessionmgr02:27718 is behind is not known"},
		"the wished primary is behind": {func(t *testing.T, w simulated) {
			t.Helper()
			on(t, w, "sessionmgr02", "systemctl", "stop", "sessionmgr-27718")
			w.Advance(20 * time.Minute)
			require.NoError(t, w.SetApplyRate("set02", 1.01))
			on(t, w, "sessionmgr02", "systemctl", "start", "sessionmgr-27718")
			w.Advance(2 * time.Minute)
		}, "behind: it could not become the primary"},
	} {
		t.Run(name, func(t *testing.T) {
			w := deploy(t, cpstest.Options{})
			rb := prioritised(t, saved(t, w))
			tc.meanwhile(t, w)
			before := w.EndState()
			_, err := evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, before, w.EndState())
		})
	}
}

// TestPrioritiesAreLiedAbout: the run does not end well while the guide's own table shows another primary or priority.
func TestPrioritiesAreLiedAbout(t *testing.T) {
	for want, says := range map[string]func(truth string) string{
		"is SECONDARY": func(truth string) string {
			return regexp.MustCompile(`(27718 : [\d.]+ - )PRIMARY  ?`).ReplaceAllString(truth, "${1}SECONDARY")
		},
		"has the priority 7 in the table, and is to have 3": func(truth string) string {
			return regexp.MustCompile(`(?m)(27718.*sessionmgr02.* )3( *\|)$`).ReplaceAllString(truth, "${1}7${2}")
		},
		"BALANCE:set02 is not in the table": func(truth string) string { return strings.ReplaceAll(truth, "BALANCE:set02", "BALANCE:set20") },
		"is OFF-LINE": func(truth string) string {
			return regexp.MustCompile(`(27718.*sessionmgr01 *- )ON-LINE `).ReplaceAllString(truth, "${1}OFF-LINE")
		},
	} {
		t.Run(want, func(t *testing.T) {
			w := deploy(t, cpstest.Options{})
			rb := prioritised(t, saved(t, w))
			require.NoError(t, w.Lie(cpstest.Lie{Command: "diagnostics.sh --get_replica_status", Says: says}))
			_, err := evenkeel.Run(t.Context(), rb, w, options(w, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, want)
		})
	}
}

func TestPrioritiesThatCannotBePlanned(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	good := saved(t, w)
	without := good.Clone()
	without.Members = without.Members[:2]
	other := good.Clone()
	other.ID = "set03"
	want := map[string]float64{sm1: 2, sm2: 3}
	for text, tc := range map[string]struct {
		now  mongo.Config
		set  string
		want map[string]float64
		edit []string
	}{
		`set "set9" is not in`:                                       {good, "set9", want, nil},
		`is that of the set "set03", and not of "set02"`:             {other, "set02", want, nil},
		"no priorities are given":                                    {good, "set02", nil, nil},
		"is no member in the saved configuration":                    {without, "set02", want, nil},
		"replica set set02 has no member x:1":                        {good, "set02", map[string]float64{"x:1": 1}, nil},
		"the members of replica set set02 (BALANCE-SET1) have these": {good, "set02", map[string]float64{sm1: 3}, nil},
		"and the saved configuration has it": {good, "set02", want,
			[]string{sm2, "sessionmgr07:27718"}},
		"priority -1 is not in 0 to 1000": {good, "set02", map[string]float64{sm1: -1}, nil},
		"sessionmgr01:27718 and sessionmgr02:27718 would have the same highest priority, 3": {good, "set02", map[string]float64{sm2: 3}, nil},
		"no member can be elected": {good, "set02",
			map[string]float64{sm1: 0, sm2: 0}, nil},
	} {
		t.Run(text, func(t *testing.T) {
			_, err := maintenance.Priorities(maintenance.PrioritiesConfig{Set: tc.set, Priorities: maps.Clone(tc.want)}, hosts(t),
				mongoConfig(t, tc.edit...), tc.now)
			require.ErrorContains(t, err, text)
		})
	}
}

// A set that has lost its majority violates the invariant; one that cannot be asked is not observed.
func TestPrioritiesWatchTheSet(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	check := prioritised(t, saved(t, w)).Invariants[0].Check
	at := evenkeel.Site{Clock: w.Clock(), Connect: w.Dial}
	require.NoError(t, check(t.Context(), at))
	require.NoError(t, w.Power("pcrfclient01", false))
	require.NoError(t, w.Power("pcrfclient02", false))
	on(t, w, "sessionmgr02", "systemctl", "stop", "sessionmgr-27718")
	w.Advance(time.Minute)
	var violated *evenkeel.Violation
	require.ErrorAs(t, check(t.Context(), at), &violated)
	require.ErrorContains(t, violated, "BALANCE:set02")
	on(t, w, "sessionmgr01", "systemctl", "stop", "sessionmgr-27718")
	err := check(t.Context(), at)
	require.Error(t, err)
	require.NotErrorAs(t, err, &violated)
}

// What the operator types before the primary moves shows each thing that the tool looks for.
func TestFitByHand(t *testing.T) {
	functions := prioritised(t, saved(t, deploy(t, cpstest.Options{}))).Functions
	const (
		arbiter = "set02 arbitervip:27718 1 0 ARBITER 0\n"
		first   = "set02 " + sm1 + " 1 3 PRIMARY 5000\n"
		second  = "set02 " + sm2 + " 1 2 SECONDARY 4990\n"
	)
	for lines, want := range map[string]string{
		arbiter + first + second: "a primary\n" + sm2 + " is up to date\n3 members at work\n",
		arbiter + first + strings.Replace(second, "SECONDARY", "RECOVERING", 1): sm2 + " is NOT at work: RECOVERING\na primary\n" + sm2 +
			" is up to date\n2 members at work\n",
		strings.Replace(arbiter, "ARBITER", "DOWN", 1) + first + second: "arbitervip:27718 is NOT at work: DOWN\na primary\n" + sm2 +
			" is up to date\n2 members at work\n",
		arbiter + first + strings.Replace(second, "4990", "4000", 1): "a primary\n" + sm2 + " is NOT up to date\n3 members at work\n",
		arbiter + strings.Replace(first, "PRIMARY", "SECONDARY", 1) + second: "NO primary, or more than one\n" + sm2 +
			" is up to date\n3 members at work\n",
		"NOT known: " + sm1 + "\n" + arbiter + first + second: "NOT known: " + sm1 + "\na primary\n" + sm2 +
			" is up to date\n3 members at work\n",
	} {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", functions+"\nfit "+sm2)
		cmd.Stdin = strings.NewReader(lines)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Equal(t, want, string(out))
	}
}

// A set that would have one member alone to be its primary is planned, and the plan says it.
func TestPrioritiesWithoutASuccessor(t *testing.T) {
	rb, err := maintenance.Priorities(maintenance.PrioritiesConfig{Set: "set02", Priorities: map[string]float64{sm2: 0}}, hosts(t),
		mongoConfig(t), saved(t, deploy(t, cpstest.Options{})))
	require.NoError(t, err)
	require.Contains(t, rb.Intro, "Finding: afterwards sessionmgr01:27718 alone can be the primary of BALANCE:set02")
	require.NotContains(t, prioritised(t, saved(t, deploy(t, cpstest.Options{}))).Intro, "Finding")
}

// A run that changed nothing keeps the machines until it is rolled back; then another one may begin.
func TestARunThatChangedNothingGivesTheMachinesBack(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	old := prioritised(t, saved(t, w))
	_, err := set02(w).SetPriorities(t.Context(), map[string]float64{sm2: 1}, nil)
	require.NoError(t, err)
	journal := &evenkeel.MemJournal{}
	_, err = evenkeel.Run(t.Context(), old, w, options(w, journal))
	require.ErrorContains(t, err, "another configuration")
	fresh := prioritised(t, saved(t, w))
	var held *evenkeel.LeaseHeldError
	_, err = evenkeel.Run(t.Context(), fresh, w, options(w, &evenkeel.MemJournal{}))
	require.ErrorAs(t, err, &held)
	_, err = evenkeel.Rollback(t.Context(), old, w, options(w, journal))
	require.NoError(t, err)
	_, err = evenkeel.Run(t.Context(), fresh, w, options(w, &evenkeel.MemJournal{}))
	require.NoError(t, err)
}
