package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// README's table of exit codes is the one that the tools show.
func TestExitCodesAreDocumented(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	var out strings.Builder
	require.Equal(t, ExitDone, testApp(&out, io.Discard).Main([]string{"help", "exit-codes"}))
	require.Len(t, exitCodes, ExitStopped+1)
	for code, what := range exitCodes {
		require.Contains(t, string(raw), fmt.Sprintf("\n| %d | %s |\n", code, what))
		words := strings.Fields(fmt.Sprintf(" %d %s", code, strings.ReplaceAll(what, "`", "")))
		require.Contains(t, strings.Join(strings.Fields(out.String()), " "), strings.Join(words, " "))
	}
}

// Every man page has the same table, between what comes before it in a manual and what comes after it.
func TestManPagesHaveTheExitCodes(t *testing.T) {
	dir := t.TempDir()
	require.Equal(t, ExitDone, testApp(io.Discard, io.Discard).Main([]string{"man", dir}))
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	require.NoError(t, err)
	require.Greater(t, len(pages), 15)
	require.NotContains(t, pages, filepath.Join(dir, "tool-exit-codes.1"))
	heading := regexp.MustCompile(`(?m)^\.SH (.+)$`)
	order := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLE", "SEE ALSO"}
	for _, name := range pages {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		page := string(raw)
		at, found := -1, map[string]int{}
		for _, m := range heading.FindAllStringSubmatch(page, -1) {
			i := slices.Index(order, m[1])
			require.Greater(t, i, at, "%s: %s", name, m[1])
			at, found[m[1]] = i, found[m[1]]+1
		}
		require.Equal(t, 1, found["EXIT STATUS"], name)
		require.Equal(t, 1, found["SEE ALSO"], name)
		for code, what := range exitCodes {
			what = strings.NewReplacer("`", "", "-", `\-`).Replace(what)
			require.Equal(t, 1, strings.Count(page, fmt.Sprintf("\n.TP\n\\fB%d\\fP\n%s\n", code, what)), "%s: %d", name, code)
		}
	}
}

// What each error means for the exit code: see also TestOutputOf… of the runs.
func TestAnErrorOfTheCommandLineIsInput(t *testing.T) {
	for _, args := range [][]string{{}, {"nothing"}, {"status", "--nothing"}, {"status", "surplus"}, {"config"}, {"config", "chek"},
		{"help", "nothing"}, {"completion"}, {"man"}, {"version", "-o", "xml"}, {"-x"}, {"inspect"}, {"plan", "--every"}} {
		var out, errs strings.Builder
		require.Equal(t, ExitInput, testApp(&out, &errs).Main(args), "%q", args)
		require.Empty(t, out.String(), "%q", args)
		require.NotEmpty(t, errs.String(), "%q", args)
	}
}
