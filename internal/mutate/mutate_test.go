package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/mutants"
)

const (
	lamp = "internal/mutate/testdata/lamp/lamp.go:"
	root = "../.."
)

func ofLamp() options {
	return options{
		dir: root, targets: []target{{tests: tests{pkg: "./internal/mutate/testdata/lamp"}}}, equivalents: "internal/mutate/testdata/equivalent.txt",
		seed: "s", slack: 5 * time.Second, now: time.Now,
	}
}

// played runs the tool, and returns what became of each mutant.
func played(t *testing.T, o options) (map[string]outcome, *report, string) {
	t.Helper()
	var out bytes.Buffer
	r, err := o.run(t.Context(), &out)
	require.NoError(t, err, out.String())
	all := map[string]outcome{}
	for _, m := range r.Mutants {
		all[strings.TrimPrefix(m.ID, lamp)] = m
	}
	return all, r, out.String()
}

func TestEveryMutantIsTried(t *testing.T) {
	o := ofLamp()
	o.json = filepath.Join(t.TempDir(), "report.json")
	all, r, out := played(t, o)
	require.Empty(t, r.Faults)
	require.Equal(t, r.Made, r.Tried+r.Dropped)

	// One of each operator that matters, with what finds it.
	for id, by := range map[string]string{
		"Pair.Switch:action-dropped:1":              "TestSwitch",
		"Pair.Switch:action-swapped:1":              "TestSwitch",
		"Pair.Switch:precondition-dropped:1":        "TestSwitch",
		"Pair.Switch:host-dropped:1":                "TestSwitch",
		"Pair.Switch:limit-ignored:1":               "TestSwitch",
		"Pair.Switch:undo-emptied:1":                "TestSwitch",
		"Pair.Switch:wrong-host:1":                  "TestSwitch",
		"Pair.Switch:wrong-half:1":                  "TestSwitch",
		"Pair.note:guard-dropped:1":                 "TestLight",
		"Pair.note:guard-negated:1":                 "TestLight",
		"Pair.note:statement-dropped:1":             "TestLight",
		"Pair.Light:journal-late:1":                 "TestLight",
		"Pair.Light:return-early:1":                 "TestLight",
		"Probe:comparison:1":                        "TestProbe",
		"Probe:condition-true:1":                    "TestProbe",
		"Probe:operand-dropped:1":                   "TestProbe",
		"Probe:probe-done:1":                        "TestProbe",
		"Probe:probe-never:1":                       "TestProbe",
		"Probe:return-early:1":                      "TestProbe",
		"Action.AsPrecondition:statement-dropped:1": "TestSwitch",
	} {
		require.Contains(t, all, id, "%v", slices.Sorted(maps.Keys(all)))
		require.Equal(t, mutants.Killed, all[id].Verdict, id)
		require.Equal(t, "./internal/mutate/testdata/lamp "+by, all[id].By, id)
	}
	require.Equal(t, mutants.Endless, all["Endless:statement-dropped:1"].Verdict)
	require.True(t, all["Endless:statement-dropped:1"].found())

	// The one of the list; what nobody tests; and what the tests leave open.
	require.NotEmpty(t, all["Brighter:comparison:1"].Because)
	require.Equal(t, unreached, all["Watts:statement-dropped:1"].Verdict)
	var left []string
	for id, m := range all {
		if !m.found() && m.Because == "" {
			left = append(left, id)
		}
	}
	slices.Sort(left)
	require.Equal(t, []string{"Pair.Light:error-ignored:1", "Probe:operand-dropped:2", "Probe:probe-done:3", "Watts:statement-dropped:1"}, left)
	require.Len(t, left, r.Survived)
	entry := strings.TrimSuffix(entryOf(t, "Probe:operand-dropped:2"), "because I say so\n")
	require.Contains(t, entry, "\n- case answer == \"\" || answer == \"?\":\n+ case answer == \"\" || (false && (answer == \"?\")):\n")
	require.Contains(t, out, entry)

	data, err := os.ReadFile(o.json)
	require.NoError(t, err)
	var again struct {
		Found   int
		Mutants []struct {
			ID, Verdict, By string
			New             []string
		}
	}
	require.NoError(t, json.Unmarshal(data, &again))
	require.Equal(t, r.Found, again.Found)
	require.Len(t, again.Mutants, r.Tried)
	require.Equal(t, r.Mutants[0].ID, again.Mutants[0].ID)
	require.Equal(t, r.Mutants[0].New, again.Mutants[0].New)
}

func TestTheListIsTheSame(t *testing.T) {
	o := ofLamp()
	o.list = true
	_, _, first := played(t, o)
	_, _, second := played(t, o)
	require.Equal(t, first, second)
	require.Contains(t, first, "do not compile")

	drawn := func(seed string) []string {
		o := ofLamp()
		o.list, o.sample, o.seed = true, 7, seed
		_, _, out := played(t, o)
		lines := strings.Split(out, "\n")
		require.Len(t, lines, 7+2)
		return lines
	}
	a, again, b := drawn("a"), drawn("a"), drawn("b")
	require.Equal(t, a, again)
	require.NotEqual(t, a, b)

	o.only, o.operator = lamp+"Pair.", "undo-emptied,journal-late"
	_, _, out := played(t, o)
	require.Equal(t, 3, strings.Count(out, "\n"), out)
}

// What a package's own tests do not find, those of a package that stands on it may.
func TestFurtherTestsFindMore(t *testing.T) {
	o := ofLamp()
	o.targets[0].further = []tests{{pkg: "./internal/mutate/testdata/shop", slow: "Slow"}}
	o.only = lamp + "Watts," + lamp + "Pair.Light:error-ignored:1"
	all, r, out := played(t, o)
	require.Equal(t, mutants.Survived, all["Pair.Light:error-ignored:1"].Verdict)
	require.Equal(t, "./internal/mutate/testdata/shop TestWatts", all["Watts:statement-dropped:1"].By)
	require.Equal(t, 1, r.Survived)
	require.Contains(t, out, "testdata/shop: 1 tests")
}

// Tests that fail without a mutant find none.
func TestWhatFailsAnywayFindsNothing(t *testing.T) {
	o := ofLamp()
	o.targets[0].tests.pkg = "./internal/mutate/testdata/crossed"
	o.only = "internal/mutate/testdata/crossed/crossed.go:Word:condition-true"
	_, r, _ := played(t, o)
	require.Positive(t, r.Tried)
	require.Equal(t, r.Tried, r.Survived)
	for _, m := range r.Mutants {
		require.Equal(t, mutants.Unknown, m.Verdict, m.ID)
	}
}

// A run that tries nothing, or too little, is no good one; the budget begins at least one mutant.
func TestSomethingIsTried(t *testing.T) {
	o := ofLamp()
	o.targets[0].held, o.held, o.one = nil, true, true
	_, err := o.run(t.Context(), io.Discard)
	require.ErrorContains(t, err, "no target is left")

	o = ofLamp()
	o.budget, o.only = 1, lamp+"Probe:"
	first := map[string]bool{}
	for _, o.seed = range []string{"a", "b", "c", "d"} {
		var out bytes.Buffer
		r, err := o.run(t.Context(), &out)
		require.ErrorContains(t, err, "mutants tried: 1; fewer than 10 say nothing")
		require.Equal(t, 1, r.Tried)
		require.Contains(t, out.String(), "the time is over")
		first[r.Mutants[0].ID] = true
	}
	require.Greater(t, len(first), 1, "the seed draws")
	o.sample = 2
	_, err = o.run(t.Context(), io.Discard)
	require.ErrorContains(t, err, "mutants tried: 1; fewer than 2 say nothing")
	o.sample = 1
	_, err = o.run(t.Context(), io.Discard)
	require.NoError(t, err, "there is no other")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = o.run(ctx, io.Discard)
	require.Error(t, err)
}

// A mutant of the list that was found is a fault of the list; one that did not end in time may have been kept from it.
func TestEndlessIsNoFaultOfTheList(t *testing.T) {
	for verdict, faults := range map[mutants.Verdict]int{mutants.Killed: 1, mutants.Endless: 0, mutants.Survived: 0} {
		r := &report{}
		r.take(io.Discard, outcome{mutant: &mutant{ID: "x"}, Verdict: verdict, Because: "it is the same"})
		require.Len(t, r.Faults, faults, verdict)
	}
}

// made are all mutants of a run, whether they compile or not.
func made(t *testing.T, o options) (all []*mutant) {
	t.Helper()
	var pkgs []string
	for _, target := range o.targets {
		pkgs = append(pkgs, target.pkg)
	}
	h, err := openHouse(o.dir, pkgs)
	require.NoError(t, err)
	for _, target := range o.targets {
		s, err := h.read(target.pkg)
		require.NoError(t, err)
		all = append(all, target.mutants(s)...)
	}
	return all
}

// entryOf is what the list says of a mutant of the lamp, with a reason.
func entryOf(t *testing.T, id string) string {
	t.Helper()
	all := made(t, ofLamp())
	i := slices.IndexFunc(all, func(m *mutant) bool { return m.ID == lamp+id })
	require.GreaterOrEqual(t, i, 0, id)
	return all[i].entry() + "because I say so\n"
}

// withList are the options with another list of equivalents.
func withList(t *testing.T, text string) options {
	t.Helper()
	name := filepath.Join(t.TempDir(), "equivalent.txt")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	here, err := filepath.Abs(root)
	require.NoError(t, err)
	o := ofLamp()
	o.equivalents, err = filepath.Rel(here, name)
	require.NoError(t, err)
	return o
}

func TestStaleEquivalentsAreFaults(t *testing.T) {
	brighter, note := entryOf(t, "Brighter:comparison:1"), entryOf(t, "Pair.note:guard-dropped:1")
	digest := regexp.MustCompile(`(?m)^of .*$`)
	for text, want := range map[string]string{
		strings.Replace(brighter, "Brighter", "Gone", 1):     "there is no mutant",
		strings.Replace(brighter, "a > b", "a > c", 1):       "is another change now",
		digest.ReplaceAllString(brighter, "of 0123456789ab"): "Brighter:comparison:1 has changed; where the reason still holds",
		digest.ReplaceAllString(brighter, ""):                "Brighter:comparison:1 has changed; where the reason still holds",
		note:                                                 "take it out",
	} {
		o := withList(t, text)
		o.only = lamp + "Pair.note:guard-dropped"
		_, r, _ := played(t, o)
		require.Len(t, r.Faults, 1)
		require.Contains(t, r.Faults[0], want)
	}
	for text, want := range map[string]string{
		"mutant a\n":                      "has no reason",
		"- x\n":                           "before the first mutant",
		"mutant a\nbecause x\nwhy\n":      "not a line",
		"mutant a\nbecause x\nmutant a\n": "stands twice",
	} {
		name := filepath.Join(t.TempDir(), "equivalent.txt")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		_, err := readEquivalents(name)
		require.ErrorContains(t, err, want)
	}
}

// With a budget, what stands in the list is not taken to the further tests, which take long to make; without, it is.
func TestABudgetIsNotSpentOnEquivalents(t *testing.T) {
	text := entryOf(t, "Watts:statement-dropped:1")
	for budget, faults := range map[time.Duration]int{time.Hour: 0, 0: 1} {
		o := withList(t, text)
		o.targets[0].further = []tests{{pkg: "./internal/mutate/testdata/shop", slow: "Slow"}}
		o.only, o.budget = lamp+"Watts", budget
		_, r, out := played(t, o)
		require.Len(t, r.Faults, faults)
		require.Zero(t, r.Survived)
		require.Equal(t, faults > 0, strings.Contains(out, "shop: 1 tests"))
	}
}

// The budget is for trying alone: that the further tests are made, as late as they are needed, takes nothing of it.
func TestMakingFurtherTestsIsNotTrying(t *testing.T) {
	o := ofLamp()
	o.targets[0].further = []tests{{pkg: "./internal/mutate/testdata/shop", slow: "Slow"}}
	var at time.Duration
	o.now = func() time.Time { return time.Unix(0, 0).Add(at) }
	o.only, o.budget = lamp+"Watts,"+lamp+"Pair.Light:error-ignored:1", time.Minute
	r, err := o.run(t.Context(), writer(func(text string) {
		if strings.Contains(text, "shop: ") {
			at += time.Hour
		}
	}))
	require.NoError(t, err)
	require.Equal(t, time.Hour, at, "they were made")
	require.Greater(t, r.Tried, 1)
	require.Zero(t, r.spent)
	for _, m := range r.Mutants {
		require.Zero(t, m.Took)
	}
}

// writer is told what is printed.
type writer func(text string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}

// Of several packages one is drawn, by its mutants: the sample is of that one alone, and either has its turn.
func TestOneOfSeveral(t *testing.T) {
	o := ofLamp()
	o.targets = append(o.targets, target{tests: tests{pkg: "./internal/mutate/testdata/crossed"}})
	all := made(t, o)
	o.list, o.one, o.sample = true, true, 2
	for _, target := range o.targets {
		for n := 0; o.drawn(all)[0].Package != target.pkg; n++ {
			o.seed = strconv.Itoa(n)
		}
		_, _, out := played(t, o)
		require.Equal(t, 2, strings.Count(out, "\t"+strings.TrimPrefix(target.pkg, "./")+"/"), out)
		require.Contains(t, out, "\n2 mutants; 0 more do not compile\n")
	}
}

// Every entry of the list is about a mutant that the operators still make, with the same change.
func TestEquivalentsStand(t *testing.T) {
	list, err := readEquivalents("equivalent.txt")
	require.NoError(t, err)
	var named []target
	for _, target := range targets {
		if slices.ContainsFunc(sorted(list), func(id string) bool { return packageOf(id) == target.pkg }) {
			named = append(named, target)
		}
	}
	for _, id := range sorted(list) {
		require.True(t, slices.ContainsFunc(named, func(t target) bool { return t.pkg == packageOf(id) }), "%s is in no target", id)
	}
	if len(named) == 0 {
		return
	}
	o := options{dir: root, targets: named}
	var pkgs []string
	for _, n := range named {
		pkgs = append(pkgs, n.pkg)
	}
	require.Empty(t, stale(list, pkgs, made(t, o)))
}
