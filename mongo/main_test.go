package mongo_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/mongo/internal/casetest"
)

func TestMain(m *testing.M) { casetest.Main(m) }

// corpus reads a file of the corpus, or skips the test where there is none.
func corpus(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(golden.Corpus(t, filepath.FromSlash(name)))
	require.NoError(t, err)
	t.Logf("1 file read: %s", name)
	return string(data)
}
