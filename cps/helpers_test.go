package cps_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// fixture reads a file of testdata: the guide's own files and outputs.
func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(data)
}

func text(name, s string) io.Reader { return srcerr.Named(name, strings.NewReader(s)) }

func printed(t testing.TB, w io.WriterTo) string {
	t.Helper()
	var b bytes.Buffer
	n, err := w.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	return b.String()
}

// withoutPrompts drops the "[root@localhost csv]# cat Hosts.csv" lines that the guide prints with a file.
func withoutPrompts(s string) string {
	var kept []string
	for _, line := range strings.SplitAfter(s, "\n") {
		if !strings.HasPrefix(line, "[root@") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// rows counts findings by inventory row.
func rows(findings []cps.Finding) map[string]int {
	n := map[string]int{}
	for _, f := range findings {
		n[f.Row]++
	}
	return n
}

// requireError checks that err is positioned and says what it must.
func requireError(t testing.TB, err error, want string) {
	t.Helper()
	require.Error(t, err)
	var pe *cps.ParseError
	require.ErrorAs(t, err, &pe)
	require.Contains(t, err.Error(), want)
}

// corpus gives the files of the shared corpus that match a pattern, or skips.
func corpus(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(golden.Corpus(t, pattern))
	require.NoError(t, err)
	t.Logf("%d corpus files match %s", len(files), pattern)
	return files
}
