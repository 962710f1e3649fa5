package mongo_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// TestMain lets the property tests run over thousands of cases unless the command line says how many.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		_ = f.Value.Set("2000")
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// thinOut makes the property checks of a test rarer, for those that take a while each.
func thinOut(t *testing.T, by int) {
	f := flag.Lookup("rapid.checks")
	n, err := strconv.Atoi(f.Value.String())
	require.NoError(t, err)
	require.NoError(t, f.Value.Set(strconv.Itoa(max(n/by, 1))))
	t.Cleanup(func() { require.NoError(t, f.Value.Set(strconv.Itoa(n))) })
}

// corpus reads a file of the corpus, or skips the test where there is none.
func corpus(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(golden.Corpus(t, filepath.FromSlash(name)))
	require.NoError(t, err)
	t.Logf("1 file read: %s", name)
	return string(data)
}
