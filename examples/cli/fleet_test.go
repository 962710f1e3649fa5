package cli

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 12, 5, 12, 0, 0, 0, time.UTC)

// three pairs in two waves; a canary that soaks an hour and is confirmed.
func three() *fleet {
	return &fleet{Limit: 2, Failures: 1, Waves: []fleetWave{{"canary", time.Hour, true}, {"rest", 0, false}}, Pairs: []fleetPair{
		{Name: "a", Wave: 0}, {Name: "b", Wave: 1}, {Name: "c", Wave: 1}, {Name: "d", Wave: 1}}}
}

func standings(states ...string) fleetNow {
	now := fleetNow{At: noon, Waves: make([]waveNow, 2)}
	for _, s := range states {
		now.Pairs = append(now.Pairs, pairNow{State: s})
	}
	return now
}

func TestFleetNext(t *testing.T) {
	soaked := []waveNow{{Done: noon.Add(-time.Hour)}, {}}
	confirmed := []waveNow{{Done: noon.Add(-time.Hour), Confirmed: true}, {}}
	holder := func(state string) func(*fleet, *fleetNow) {
		return func(_ *fleet, n *fleetNow) {
			n.Waves = confirmed
			n.Pairs[1] = pairNow{State: state, Holds: []string{"fs=1"}}
			n.Pairs[2] = pairNow{State: stateWaiting, Wants: []string{"fs=1"}}
		}
	}
	for name, tc := range map[string]struct {
		states []string
		set    func(*fleet, *fleetNow)
		want   string
	}{
		"the canary begins alone":   {[]string{statePending, statePending, statePending, statePending}, nil, "begin [0]"},
		"nothing beside the canary": {[]string{stateRunning, statePending, statePending, statePending}, nil, ""},
		"the canary is done":        {[]string{stateFinished, statePending, statePending, statePending}, nil, "done 0"},
		"the canary soaks": {[]string{stateFinished, statePending, statePending, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves[0].Done = noon.Add(-time.Hour + time.Second) }, "wake 12:00:01"},
		"the canary has soaked": {[]string{stateFinished, statePending, statePending, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves = soaked }, "ask 0"},
		"nobody confirms the canary, and what has begun goes on": {[]string{stateFinished, statePending, stateStopped, statePending},
			func(_ *fleet, n *fleetNow) {
				n.Waves = []waveNow{{Done: noon.Add(-time.Hour), Refused: true}, {}}
				n.Pairs[2].Take = true
			}, "begin [2]"},
		"nobody confirms the canary": {[]string{stateFinished, statePending, statePending, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves = []waveNow{{Done: noon.Add(-time.Hour), Refused: true}, {}} }, "over"},
		"confirmed, not soaked": {[]string{stateFinished, statePending, statePending, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves[0] = waveNow{Done: noon, Confirmed: true} }, "wake 13:00:00"},
		"the next wave, two at once": {[]string{stateFinished, statePending, statePending, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves = confirmed }, "begin [1 2]"},
		"one at work": {[]string{stateFinished, stateRunning, statePending, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves = confirmed }, "begin [2]"},
		"one that waits is at work": {[]string{stateFinished, stateRunning, stateWaiting, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves = confirmed }, "open [2]"},
		"a paused one is not at work": {[]string{stateFinished, statePaused, stateRunning, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves = confirmed }, "begin [3]"},
		"the canary failed":         {[]string{stateFailed, statePending, statePending, statePending}, nil, "over"},
		"the canary is paused":      {[]string{statePaused, statePending, statePending, statePending}, nil, "over"},
		"the canary was stopped":    {[]string{stateStopped, statePending, statePending, statePending}, nil, "over"},
		"the canary is rolled back": {[]string{stateRolledBack, statePending, statePending, statePending}, nil, "over"},
		"after a failure nothing begins": {[]string{stateFinished, stateFailed, stateRunning, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves = confirmed }, ""},
		"one that was rolled back is a failure": {[]string{stateFinished, stateRolledBack, statePending, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves = confirmed }, "over"},
		"failures count in all waves": {[]string{stateFailed, stateFailed, statePending, statePending},
			func(f *fleet, n *fleetNow) { f.Failures = 2; n.Waves = confirmed }, "over"},
		"two failures are needed": {[]string{stateFinished, stateFailed, stateRunning, statePending},
			func(f *fleet, n *fleetNow) { f.Failures = 2; n.Waves = confirmed }, "begin [3]"},
		"a failed canary, and other waves go on": {[]string{stateFailed, statePending, statePending, statePending},
			func(f *fleet, n *fleetNow) { f.InWave = true; n.Waves = confirmed }, "begin [1 2]"},
		"a failed canary is confirmed all the same": {[]string{stateFailed, statePending, statePending, statePending},
			func(f *fleet, n *fleetNow) { f.InWave = true; n.Waves = soaked }, "ask 0"},
		"what has begun is taken up although one failed": {[]string{stateFinished, stateFailed, stateStopped, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves = confirmed; n.Pairs[2].Take = true }, "begin [2]"},
		"one that failed is taken up when that is asked": {[]string{stateFinished, stateFailed, statePending, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves = confirmed; n.Pairs[1].Take = true }, "begin [1 2]"},
		"the limit holds for what is taken up": {[]string{stateFinished, stateStopped, stateStopped, stateStopped},
			func(f *fleet, n *fleetNow) { n.Pairs[1].Take, n.Pairs[2].Take, n.Pairs[3].Take = true, true, true }, "begin [1 2], done 0"},
		"asked to stop": {[]string{stateFinished, stateRunning, statePending, statePending},
			func(_ *fleet, n *fleetNow) { n.Waves = confirmed; n.Stop = true }, ""},
		"asked to stop, and a window waits": {[]string{stateFinished, stateRunning, stateWaiting, statePending},
			func(_ *fleet, n *fleetNow) { n.Stop = true; n.Pairs[2].Wants = []string{"fs=1"} }, "give up [2]"},
		"all is finished": {[]string{stateFinished, stateFinished, stateFinished, stateFinished},
			func(_ *fleet, n *fleetNow) { n.Waves = confirmed }, "over"},

		"a window waits for another": {[]string{stateFinished, "", "", stateFinished}, holder(stateRunning), ""},
		"a window waits for one to be resumed": {[]string{stateFinished, "", "", stateFinished}, func(f *fleet, n *fleetNow) {
			holder(stateStopped)(f, n)
			n.Pairs[1].Take = true
		}, "begin [1]"},
		"a window waits for one that is paused": {[]string{stateFinished, "", "", stateFinished}, holder(statePaused), "give up [2]"},
		"a window waits for one that failed":    {[]string{stateFinished, "", "", stateFinished}, holder(stateFailed), "give up [2]"},
		"one that has a window open is taken up first": {[]string{stateFinished, stateStopped, stateStopped, stateFinished},
			func(f *fleet, n *fleetNow) {
				f.Limit, n.Waves = 1, confirmed
				n.Pairs[1].Take, n.Pairs[2].Take, n.Pairs[2].Holds = true, true, []string{"fs=1"}
			}, "begin [2]"},
		"one that has a window open is taken up beside one that waits for it": {[]string{stateFinished, "", stateStopped, stateFinished},
			func(f *fleet, n *fleetNow) {
				f.Limit, n.Waves = 1, confirmed
				n.Pairs[1] = pairNow{State: stateWaiting, Wants: []string{"fs=1"}}
				n.Pairs[2].Take, n.Pairs[2].Holds = true, []string{"fs=1"}
			}, "begin [2]"},
		"and the limit holds when that one opens its window": {[]string{stateFinished, "", stateRunning, stateFinished},
			func(f *fleet, n *fleetNow) {
				f.Limit, n.Waves = 1, confirmed
				n.Pairs[1] = pairNow{State: stateWaiting, Wants: []string{"fs=1"}}
			}, ""},
		"one waits for another that it keeps from its machine": {[]string{stateFinished, "", stateStopped, stateFinished},
			func(f *fleet, n *fleetNow) {
				n.Waves = confirmed
				n.Pairs[1] = pairNow{State: stateWaiting, Wants: []string{"fs=1"}}
				n.Pairs[2].Take, n.Pairs[2].Holds = true, []string{"fs=1"}
				f.Pairs[1].Machines, f.Pairs[2].Machines = []string{"h"}, []string{"h"}
			}, "give up [1]"},
		"two wait for one window": {[]string{stateFinished, "", "", stateFinished}, func(_ *fleet, n *fleetNow) {
			n.Waves = confirmed
			n.Pairs[1] = pairNow{State: stateWaiting, Wants: []string{"fs=1"}, Turn: 2}
			n.Pairs[2] = pairNow{State: stateWaiting, Wants: []string{"fs=1"}, Turn: 1}
		}, "open [2]"},
		"two wait for two windows": {[]string{stateFinished, "", "", stateFinished}, func(_ *fleet, n *fleetNow) {
			n.Waves = confirmed
			n.Pairs[1] = pairNow{State: stateWaiting, Wants: []string{"fs=1"}}
			n.Pairs[2] = pairNow{State: stateWaiting, Wants: []string{"fs=2"}}
		}, "open [1 2]"},
		"two wait for each other": {[]string{stateFinished, "", "", stateFinished}, func(_ *fleet, n *fleetNow) {
			n.Waves = confirmed
			n.Pairs[1] = pairNow{State: stateWaiting, Holds: []string{"fs=1"}, Wants: []string{"rack=1"}}
			n.Pairs[2] = pairNow{State: stateWaiting, Holds: []string{"rack=1"}, Wants: []string{"fs=1"}}
		}, "give up [1 2]"},
		"nothing begins that would wait for one that is paused": {[]string{stateFinished, "", statePending, statePending}, func(f *fleet, n *fleetNow) {
			n.Waves = confirmed
			n.Pairs[1] = pairNow{State: statePaused, Holds: []string{"fs=1"}}
			f.Pairs[2].Keys = map[string][]string{"w": {"fs=1"}}
		}, "begin [3]"},
		"two that share a machine": {[]string{stateFinished, statePending, statePending, stateFinished}, func(f *fleet, n *fleetNow) {
			n.Waves = confirmed
			f.Pairs[1].Machines, f.Pairs[2].Machines = []string{"x", "h"}, []string{"h"}
		}, "begin [1]"},
		"one that shares a machine with a paused one": {[]string{stateFinished, statePaused, statePending, stateFinished}, func(f *fleet, n *fleetNow) {
			n.Waves = confirmed
			f.Pairs[1].Machines, f.Pairs[2].Machines = []string{"h"}, []string{"h"}
		}, "over"},
		"the maintenance window is not open": {[]string{stateFinished, statePending, stateFinished, stateFinished}, func(f *fleet, n *fleetNow) {
			n.Waves = confirmed
			f.Pairs[1].Site = site(t, "UTC", "2026-12-05 22:00", "2026-12-06 06:00")
		}, "wake 22:00:00"},
		"the maintenance window is open, and too short by now": {[]string{stateFinished, statePending, stateFinished, stateFinished},
			func(f *fleet, n *fleetNow) {
				n.Waves = confirmed
				f.Pairs[1].Site, f.Pairs[1].Takes = site(t, "UTC", "2026-12-05 11:00", "2026-12-05 13:00"), 61*time.Minute
			}, "over"},
		"the maintenance window is open": {[]string{stateFinished, statePending, stateFinished, stateFinished},
			func(f *fleet, n *fleetNow) {
				n.Waves = confirmed
				f.Pairs[1].Site, f.Pairs[1].Takes = site(t, "UTC", "2026-12-05 11:00", "2026-12-05 13:00"), 60*time.Minute
			}, "begin [1]"},
		"what has begun goes on outside of its maintenance window": {[]string{stateFinished, stateStopped, stateFinished, stateFinished},
			func(f *fleet, n *fleetNow) {
				n.Waves = confirmed
				n.Pairs[1].Take = true
				f.Pairs[1].Site = site(t, "UTC", "2026-12-05 22:00", "2026-12-06 06:00")
			}, "begin [1]"},
	} {
		t.Run(name, func(t *testing.T) {
			f, now := three(), standings(tc.states...)
			if tc.set != nil {
				tc.set(f, &now)
			}
			require.Equal(t, tc.want, inShort(f.next(now), now))
		})
	}
}

// inShort is what may be done, in one line.
func inShort(n fleetNext, now fleetNow) string {
	text := ""
	add := func(format string, args ...any) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf(format, args...)
	}
	for i, list := range [][]int{n.Begin, n.Open, n.GiveUp} {
		if len(list) > 0 {
			add("%s %v", []string{"begin", "open", "give up"}[i], list)
		}
	}
	if n.Done >= 0 {
		add("done %d", n.Done)
	}
	if n.Ask >= 0 {
		add("ask %d", n.Ask)
	}
	if !n.Wake.IsZero() {
		add("wake %s", n.Wake.Format(time.TimeOnly))
	}
	if n.over(now) {
		add("over")
	}
	return text
}

func site(t *testing.T, zone, from, to string) *fleetSite {
	t.Helper()
	z, err := time.LoadLocation(zone)
	require.NoError(t, err)
	m, err := parseMaintenance(from, to, z)
	require.NoError(t, err)
	return &fleetSite{"site", z, []maintenance{m}}
}

func TestMaintenance(t *testing.T) {
	const layout = "2006-01-02 15:04 MST"
	for _, tc := range []struct{ zone, from, to, at, takes, want string }{
		{"Europe/Paris", "Sat 22:00", "Sun 06:00", "2026-12-05 20:59 UTC", "1h", "2026-12-05 21:00 UTC"},
		{"Europe/Paris", "Sat 22:00", "Sun 06:00", "2026-12-05 21:00 UTC", "8h", "now"},
		{"Europe/Paris", "Sat 22:00", "Sun 06:00", "2026-12-05 21:00 UTC", "8h1m", "never"},
		{"Europe/Paris", "Sat 22:00", "Sun 06:00", "2026-12-06 04:00 UTC", "1h", "now"},
		{"Europe/Paris", "Sat 22:00", "Sun 06:00", "2026-12-06 04:00 UTC", "2h", "2026-12-12 21:00 UTC"},
		{"Europe/Paris", "Sat 22:00", "Sun 06:00", "2026-12-06 05:00 UTC", "1h", "2026-12-12 21:00 UTC"},
		{"Europe/Paris", "Sun 22:00", "Mon 06:00", "2026-12-07 04:00 UTC", "1h", "now"}, // it began last week
		{"Europe/Paris", "Sun 22:00", "Mon 06:00", "2026-12-07 05:00 UTC", "1h", "2026-12-13 21:00 UTC"},
		{"Europe/Paris", "Sat 22:00", "Sun 06:00", "2026-03-28 21:00 UTC", "7h", "now"},                  // an hour less: the clocks go on
		{"Europe/Paris", "Sat 22:00", "Sun 06:00", "2026-03-28 21:00 UTC", "8h", "2026-04-04 20:00 UTC"}, // that night it is too short
		{"Asia/Tokyo", "2026-12-05 22:00", "2026-12-06 06:00", "2026-12-05 13:00 UTC", "8h", "now"},
		{"Asia/Tokyo", "2026-12-05 22:00", "2026-12-06 06:00", "2026-12-05 12:59 UTC", "8h", "2026-12-05 13:00 UTC"},
		{"Asia/Tokyo", "2026-12-05 22:00", "2026-12-06 06:00", "2026-12-05 21:00 UTC", "0s", "now"},
		{"Asia/Tokyo", "2026-12-05 22:00", "2026-12-06 06:00", "2026-12-05 21:01 UTC", "0s", "never"},
	} {
		at, err := time.Parse(layout, tc.at)
		require.NoError(t, err)
		takes, err := time.ParseDuration(tc.takes)
		require.NoError(t, err)
		now, next := site(t, tc.zone, tc.from, tc.to).fits(at, takes)
		got := map[bool]string{true: "now", false: "never"}[now]
		if !now && !next.IsZero() {
			got = next.UTC().Format(layout)
		}
		require.Equal(t, tc.want, got, "%+v", tc)
	}
	paris, err := time.LoadLocation("Europe/Paris")
	require.NoError(t, err)
	for _, bad := range [][2]string{{"Sat", "Sun"}, {"Sat 22:00", "2026-12-05 22:00"}, {"2026-12-05 22:00", "Sun 06:00"}, {"Sat 25:00", "Sun 06:00"},
		{"sat 22:00", "Sun 06:00"}, {"2026-12-06 06:00", "2026-12-05 22:00"}, {"2026-12-05 22:00", "2026-12-05 22:00"}, {"2026-13-05 22:00", "2026-12-05 22:00"},
		{"2026-12-05 22:00", "2027-12-05 22:00"}, {"Sun 06:00", "Sat 22:00"},
		{"Sat 22:00", "Sat 22:00"}, {"Fri 22:00", "Mon 22:01"}, {"", ""}, {"2026-03-29 02:30", "2026-03-29 05:00"}, {"Sat 22:00:00", "Sun 06:00"}} {
		_, err := parseMaintenance(bad[0], bad[1], paris)
		require.Error(t, err, "%v", bad)
	}
}

// Half a week is a maintenance window of every week; the rest of it is a slip of the pen.
func TestALongWeekend(t *testing.T) {
	_, err := parseMaintenance("Fri 22:00", "Mon 22:00", time.UTC)
	require.NoError(t, err)
	_, err = parseMaintenance("Sun 06:00", "Sat 22:00", time.UTC)
	require.EqualError(t, err, "from Sun 06:00 to Sat 22:00: that is 160 h; one of every week has at most 3 days: are its ends swapped?")
}

// TestFleetNextHolds plays fleets to their ends, whatever their pairs do.
func TestFleetNextHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, now := drawFleet(t)
		drawResume(t, f, &now)
		kind := rapid.SampledFrom([]string{"all goes well", "anything"}).Draw(t, "kind")
		for range 400 {
			n := f.next(now)
			checkNext(t, f, now, n)
			if n.over(now) {
				break
			}
			apply(f, &now, n)
			happen(t, f, &now, kind == "anything")
		}
		if kind != "anything" {
			for i, p := range now.Pairs {
				require.Equal(t, stateFinished, p.State, "%s is left", f.Pairs[i].Name)
			}
		}
	})
}

func drawFleet(t *rapid.T) (*fleet, fleetNow) {
	f := &fleet{Limit: rapid.IntRange(1, 3).Draw(t, "limit"), Failures: rapid.IntRange(1, 3).Draw(t, "failures"), InWave: rapid.Bool().Draw(t, "in wave")}
	now := fleetNow{At: noon}
	for w := range rapid.IntRange(1, 3).Draw(t, "waves") {
		f.Waves = append(f.Waves, fleetWave{fmt.Sprint("w", w), time.Duration(rapid.IntRange(0, 3).Draw(t, "soak")) * time.Hour, rapid.Bool().Draw(t, "confirm")})
		now.Waves = append(now.Waves, waveNow{})
		for range rapid.IntRange(1, 4).Draw(t, "pairs") {
			p := fleetPair{Name: fmt.Sprint("p", len(f.Pairs)), Wave: w, Keys: map[string][]string{}}
			for _, window := range []string{"w1", "w2"} {
				p.Keys[window] = rapid.SampledFrom([][]string{nil, {"fs=1"}, {"fs=2"}, {"fs=1", "rack=1"}}).Draw(t, "keys")
			}
			if rapid.IntRange(0, 3).Draw(t, "shares") == 0 {
				p.Machines = []string{"shared"}
			}
			f.Pairs, now.Pairs = append(f.Pairs, p), append(now.Pairs, pairNow{State: statePending})
		}
	}
	return f, now
}

// drawResume has some pairs have begun in an earlier life, some of them with windows open.
func drawResume(t *rapid.T, f *fleet, now *fleetNow) {
	held, shares := map[string]bool{}, false
	for i := range now.Pairs {
		if rapid.IntRange(0, 2).Draw(t, "begun") > 0 || shares && len(f.Pairs[i].Machines) > 0 {
			continue // two that share a machine are never under way at once
		}
		shares = shares || len(f.Pairs[i].Machines) > 0
		p := pairNow{State: stateStopped, Take: true}
		window := rapid.SampledFrom([]string{"", "w1", "w2"}).Draw(t, "open")
		if keys := f.Pairs[i].Keys[window]; !slices.ContainsFunc(keys, func(key string) bool { return held[key] }) {
			p.Holds = keys
		}
		for _, key := range p.Holds {
			held[key] = true
		}
		now.Pairs[i] = p
	}
}

// checkNext holds what may be done against the rules.
func checkNext(t *rapid.T, f *fleet, now fleetNow, n fleetNext) {
	busy, held, machines := len(n.Begin)+len(n.Open), map[string]string{}, map[string]string{}
	// One with a window open is taken up beside those that wait: together they are at work then, and run one after the other.
	waiting := !slices.ContainsFunc(n.Begin, func(i int) bool { return len(now.Pairs[i].Holds) > 0 })
	take := func(i int, keys []string) {
		for _, key := range keys {
			require.Empty(t, held[key], "%s and %s have a window of %s open", held[key], f.Pairs[i].Name, key)
			held[key] = f.Pairs[i].Name
		}
	}
	for i, p := range now.Pairs {
		if p.State == stateRunning || waiting && p.State == stateWaiting && !slices.Contains(n.Open, i) {
			busy++
		}
		take(i, p.Holds)
		if p.atWork() || slices.Contains(n.Begin, i) {
			for _, m := range f.Pairs[i].Machines {
				require.Empty(t, machines[m], "%s and %s work on %s", machines[m], f.Pairs[i].Name, m)
				machines[m] = f.Pairs[i].Name
			}
		}
	}
	for _, i := range n.Open {
		require.Equal(t, stateWaiting, now.Pairs[i].State)
		take(i, now.Pairs[i].Wants)
	}
	require.LessOrEqual(t, busy, max(f.Limit, busy-len(n.Begin)), "the limit")
	if now.Stop {
		require.Empty(t, n.Begin)
		require.Empty(t, n.Open)
	}
	for _, i := range n.Begin {
		is, p := now.Pairs[i], f.Pairs[i]
		require.True(t, is.Take || is.State == statePending, "%s is %s", p.Name, is.State)
		if is.Take {
			continue
		}
		failed := 0
		for j, other := range now.Pairs {
			if (other.State == stateFailed || other.State == stateRolledBack) && !other.Take && (!f.InWave || f.Pairs[j].Wave == p.Wave) {
				failed++
			}
			if f.Pairs[j].Wave < p.Wave {
				require.False(t, other.atWork(), "%s begins, and %s of an earlier wave is at work", p.Name, f.Pairs[j].Name)
				require.NotContains(t, []string{statePaused, stateStopped}, other.State, "%s begins, and %s waits", p.Name, f.Pairs[j].Name)
			}
		}
		require.Less(t, failed, f.Failures, "%s begins after failures", p.Name)
		for w := range p.Wave {
			require.False(t, now.Waves[w].Done.IsZero(), "%s begins, and wave %d is not done", p.Name, w)
			require.False(t, now.At.Before(now.Waves[w].Done.Add(f.Waves[w].Soak)), "%s begins, and wave %d has not soaked", p.Name, w)
			require.True(t, now.Waves[w].Confirmed || !f.Waves[w].Confirm, "%s begins, and wave %d is not confirmed", p.Name, w)
		}
	}
}

// apply does what may be done.
func apply(f *fleet, now *fleetNow, n fleetNext) {
	for _, i := range n.Begin {
		now.Pairs[i] = pairNow{State: stateRunning, Holds: now.Pairs[i].Holds}
	}
	for _, i := range n.Open {
		p := &now.Pairs[i]
		p.State, p.Holds, p.Wants = stateRunning, append(slices.Clone(p.Holds), p.Wants...), nil
	}
	for _, i := range n.GiveUp {
		now.Pairs[i] = pairNow{State: stateStopped, Holds: now.Pairs[i].Holds}
	}
	if n.Done >= 0 {
		now.Waves[n.Done].Done = now.At
	}
	if n.Ask >= 0 {
		now.Waves[n.Ask].Confirmed = true
	}
	now.At = now.At.Add(time.Hour)
}

// happen has something happen to each pair that works.
func happen(t *rapid.T, f *fleet, now *fleetNow, anything bool) {
	if anything && rapid.IntRange(0, 50).Draw(t, "stop") == 0 {
		now.Stop = true
	}
	for i := range now.Pairs {
		p := &now.Pairs[i]
		events := []string{"works", "finishes", "wants w1", "closes", "wants w2 too"}
		if anything {
			events = append(events, stateFailed, statePaused, stateStopped)
		}
		switch {
		case p.State == stateRunning:
			switch event := rapid.SampledFrom(events).Draw(t, f.Pairs[i].Name); event {
			case "finishes":
				*p = pairNow{State: stateFinished}
			case "wants w1", "wants w2 too":
				window := map[string]string{"wants w1": "w1", "wants w2 too": "w2"}[event]
				if !anything && len(p.Holds) > 0 { // else two can wait for each other
					continue
				}
				for _, key := range f.Pairs[i].Keys[window] {
					if !slices.Contains(p.Holds, key) {
						p.Wants = append(p.Wants, key)
					}
				}
				if len(p.Wants) > 0 {
					p.State = stateWaiting
				}
			case "closes":
				p.Holds = nil
			case stateFailed, statePaused, stateStopped:
				p.State = event
			}
		case anything && slices.Contains([]string{stateFailed, statePaused, stateStopped}, p.State):
			p.Take = rapid.IntRange(0, 3).Draw(t, "taken up") == 0
		}
	}
}
