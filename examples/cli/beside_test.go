package cli

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// Lines of a log in the journal would make it unreadable, and a run could not be resumed.
func TestNothingIsWrittenIntoWhatTheRunKeeps(t *testing.T) {
	dir := t.TempDir()
	s := session{cfg: &Config{Journal: "journal.jsonl", dir: dir}, config: filepath.Join(dir, "config.yaml")}
	require.NoError(t, os.WriteFile(s.config, nil, 0o600))
	journal, link := s.journal(), filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("journal.jsonl", link))
	refused := func(path, other, why string) {
		t.Helper()
		_, err := s.beside("events", path, other)
		require.ErrorContains(t, err, why)
	}
	for _, there := range []bool{false, true} {
		if there {
			require.NoError(t, os.WriteFile(journal, nil, 0o600))
			require.NoError(t, os.Link(journal, filepath.Join(dir, "hard")))
			refused(filepath.Join(dir, "hard"), "", "it is the journal")
		}
		for _, path := range []string{journal, filepath.Join(dir, "..", filepath.Base(dir), "journal.jsonl"), link} {
			refused(path, "", "it is the journal")
		}
	}
	refused(s.config, "", "it is the configuration")
	refused(filepath.Join(dir, "new"), filepath.Join(dir, ".", "new"), "it is the other of")
	require.NoFileExists(t, filepath.Join(dir, "new"))

	f, err := s.beside("events", filepath.Join(dir, "new"), filepath.Join(dir, "log"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestAFIFOThatNobodyReadsIsRefused(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	s := session{cfg: &Config{Journal: "journal.jsonl", dir: dir}}
	_, err := s.beside("log-file", fifo, "")
	require.ErrorContains(t, err, "nobody reads this FIFO")
	_, _ = evenkeel.JournalInUse(fifo) // it comes back
}

// What is not yet written when the run ends is lost, and that is said.
func TestWhatNobodyReadsAtTheEndIsSaidToBeLost(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	kept := &patient{w: w}
	_, err = kept.Write(make([]byte, 1<<19))
	require.NoError(t, err)
	require.ErrorContains(t, kept.close(w), "nobody reads it")
}

// A second look must not take the journal of the first one away under it.
func TestAJournalInUseIsNotPutAside(t *testing.T) {
	name := filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := evenkeel.OpenJournal(name)
	require.NoError(t, err)
	require.ErrorIs(t, putAside(name), evenkeel.ErrJournalInUse)
	require.FileExists(t, name)
	require.NoError(t, j.Close())
	require.NoError(t, putAside(name))
	require.NoFileExists(t, name)
}

// On a full disk nothing is left that would be taken for a whole file.
func TestHalfAFileIsNotLeft(t *testing.T) {
	var was syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 10, Max: was.Max}))
	name := filepath.Join(t.TempDir(), "config.yaml")
	err := WriteNew(name, make([]byte, 1<<12))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was))
	require.ErrorIs(t, err, syscall.EFBIG)
	require.NoFileExists(t, name)
}
