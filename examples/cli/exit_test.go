package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
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
		require.Contains(t, out.String(), fmt.Sprintf("\n  %d  %s\n", code, strings.ReplaceAll(what, "`", "")))
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
