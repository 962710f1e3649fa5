package evenkeel

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// disk is a file that tells what was asked of it, and can fail.
type disk struct {
	calls     []string
	failWrite error
	failSync  error
}

func (d *disk) Write(b []byte) (int, error) {
	d.calls = append(d.calls, "write")
	return len(b), d.failWrite
}
func (d *disk) Sync() error  { d.calls = append(d.calls, "sync"); return d.failSync }
func (d *disk) Close() error { return nil }

// Append returns when the record is on the disk: one write, and a sync after it.
func TestJournalSyncsEveryRecord(t *testing.T) {
	d := &disk{}
	j := &FileJournal{f: d}
	require.NoError(t, j.Append(Record{Kind: KindBegin, Run: &RunInfo{ID: "x"}}))
	require.NoError(t, j.Append(Record{Kind: KindResume}))
	require.Equal(t, []string{"write", "sync", "write", "sync"}, d.calls)
	require.Len(t, j.Records(), 2)
}

// After a failed write or sync nobody knows what is on the disk: the journal takes no more.
func TestJournalTakesNothingAfterAFailure(t *testing.T) {
	full := errors.New("no space left on device")
	for _, d := range []*disk{{failWrite: full}, {failSync: full}} {
		j := &FileJournal{f: d}
		require.ErrorIs(t, j.Append(Record{Kind: KindBegin, Run: &RunInfo{ID: "x"}}), full)
		d.failWrite, d.failSync = nil, nil
		require.ErrorIs(t, j.Append(Record{Kind: KindResume}), full)
		require.Empty(t, j.Records())
	}
}

// A new file is lost in a crash unless its directory is synced: OpenJournal does so before it returns, and fails where it cannot.
func TestJournalSyncsItsDirectory(t *testing.T) {
	var synced []string
	broken := error(nil)
	real := syncJournalDir
	syncJournalDir = func(dir string) error { synced = append(synced, dir); return errors.Join(broken, real(dir)) }
	t.Cleanup(func() { syncJournalDir = real })
	dir := t.TempDir()
	j, err := OpenJournal(filepath.Join(dir, "journal.jsonl"))
	require.NoError(t, err)
	require.NoError(t, j.Close())
	require.Equal(t, []string{dir}, synced)
	broken = os.ErrPermission
	_, err = OpenJournal(filepath.Join(dir, "journal.jsonl"))
	require.ErrorIs(t, err, os.ErrPermission)
	require.ErrorContains(t, syncDir(filepath.Join(dir, "missing")), "cannot sync the journal's directory")
}
