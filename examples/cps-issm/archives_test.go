package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where the archives cannot be kept, that is said before anything is down.
func TestWhereArchivesCannotBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, good := range []string{"", dir, filepath.Join(dir, "new", "deeper")} {
		require.NoError(t, canHold("archive_dir", good))
	}
	for _, bad := range []string{file, filepath.Join(file, "x", "y")} {
		require.ErrorContains(t, canHold("archive_dir", bad), "archive_dir: "+bad+": "+file+" is no directory")
	}
}
