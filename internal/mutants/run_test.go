package mutants_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/mutants"
)

// TestMutantsDie applies the mutants that EVENKEEL_MUTANTS names, as rows (CPS-025), prefixes (CPS), files of the code
// (cps/hosts.go) or "all", with commas between: the tests that are named must fail, and must pass without it.
func TestMutantsDie(t *testing.T) {
	which := os.Getenv("EVENKEEL_MUTANTS")
	if which == "" {
		t.Skip("EVENKEEL_MUTANTS says which mutants are tried: a row, a prefix, a file, or all")
	}
	chosen := slices.DeleteFunc(lists(t), func(e entry) bool { return e.none != "" || !e.chosen(strings.Split(which, ",")) })
	require.NotEmpty(t, chosen, "no mutant of %s", which)

	tests := map[string][]string{}
	for _, e := range chosen {
		tests[e.pkg] = append(tests[e.pkg], e.tests...)
	}
	for pkg, names := range tests {
		out, verdict := goTest(t, pkg, names)
		require.Equal(t, mutants.Survived, verdict, "without a mutant the tests of %s must pass:\n%s", pkg, out)
	}

	count := map[mutants.Verdict]int{}
	for _, e := range chosen {
		t.Run(e.name(), func(t *testing.T) {
			text, err := e.mutated()
			require.NoError(t, err)
			out, v := goTest(t, e.pkg, e.tests, "-count=1", "-overlay="+overlay(t, e.file, text))
			count[v]++
			t.Log(v)
			if v != mutants.Killed {
				t.Errorf("%s: %s: %q → %q %s\n%s", e.at, e.file, e.old, e.new, v, out)
			}
		})
	}
	t.Logf("%d mutants: %v", len(chosen), count)
}

// chosen tells whether one of some words names the entry.
func (e entry) chosen(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		return w == "all" || w == e.file || w == e.pkg ||
			slices.ContainsFunc(e.rows, func(row string) bool { return row == w || strings.HasPrefix(row, w+"-") })
	})
}

// overlay is a file for "go build -overlay" that has the text at the place of a file of the module.
func overlay(t *testing.T, file, text string) string {
	t.Helper()
	original, err := filepath.Abs(filepath.Join(root, file))
	require.NoError(t, err)
	name, err := mutants.Overlay(t.TempDir(), map[string]string{original: text})
	require.NoError(t, err)
	return name
}

// goTest runs tests of a package.
func goTest(t *testing.T, pkg string, tests []string, flags ...string) (string, mutants.Verdict) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	slices.Sort(tests)
	// No optimization and no symbols: to build takes longer than to run.
	args := slices.Concat([]string{"test", "-vet=off", "-failfast", "-timeout=5m", "-gcflags=-N -l", "-ldflags=-s -w"}, flags,
		[]string{"-run=^(" + strings.Join(slices.Compact(tests), "|") + ")$", pkg})
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	data, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return string(data), mutants.Endless
	case err != nil && !errors.As(err, &exit):
		return err.Error(), mutants.Unknown
	}
	return string(data), mutants.Judge(string(data), err == nil)
}
