package evenkeel

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What internal/mutate found nobody to miss in the journal.

// A field that this version does not know may mean what it does not heed: the record is refused, though its checksum fits.
func TestAFieldOfALaterVersionIsRefused(t *testing.T) {
	_, line, err := seal(nil, Record{Kind: KindBegin, Run: &RunInfo{ID: "x"}})
	require.NoError(t, err)
	body := bytes.Replace(bytes.TrimSuffix(line, []byte("\n")), []byte(`"kind"`), []byte(`"later":true,"kind"`), 1)
	body = body[:bytes.LastIndex(body, []byte(sumField))]
	_, err = unseal(nil, append(bytes.Clone(body), sumField+sumOf("", body)+sumEnd...))
	require.ErrorContains(t, err, "this version cannot read it")
	require.ErrorContains(t, err, "later")
}

// A torn record that cannot be cut off would stand in the middle of the journal: it is not taken up.
func TestATornRecordThatCannotBeCutOff(t *testing.T) {
	_, line, err := seal(nil, Record{Kind: KindBegin, Run: &RunInfo{ID: "x"}})
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "journal")
	require.NoError(t, os.WriteFile(name, append(bytes.Clone(line), `{"seq":2`...), 0o600))
	f, err := os.Open(name) // for reading only
	require.NoError(t, err)
	defer f.Close()
	_, err = newFileJournal(f)
	require.ErrorContains(t, err, "cannot cut off the torn last record")
}

// Who has a copy of a journal from before is told by what it is known.
func TestWhatAStaleJournalSays(t *testing.T) {
	later := &StaleJournalError{Host: "h", Epoch: 2}
	later.Lease.Epoch, later.Lease.Holder = 3, "B"
	require.True(t, strings.Contains(later.Error(), "it ends with epoch 2, and h has had the lease of epoch 3"), later.Error())
	same := &StaleJournalError{Host: "h", Epoch: 2, Records: 4, At: 9}
	require.True(t, strings.Contains(same.Error(), "it has 4 records of epoch 2"), same.Error())
}
