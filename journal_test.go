package evenkeel_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// journalOf makes a journal file with a run in it.
func journalOf(t *testing.T) (path string, raw []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := evenkeel.OpenJournal(path)
	require.NoError(t, err)
	m := &machine{done: map[string]string{}}
	m.live("-")
	require.Equal(t, "=done", m.life(t, evenkeel.Run, parseRunbook(t, "s1[a.safe b.never] s2[c.probe]"), j))
	require.NoError(t, j.Close())
	raw, err = os.ReadFile(path)
	require.NoError(t, err)
	return path, raw
}

func TestJournalSurvivesATornRecordAtEveryByte(t *testing.T) {
	path, raw := journalOf(t)
	for cut := range len(raw) {
		require.NoError(t, os.WriteFile(path, raw[:cut], 0o600))
		j, err := evenkeel.OpenJournal(path)
		require.NoError(t, err, "cut at byte %d", cut)
		require.Len(t, j.Records(), bytes.Count(raw[:cut], []byte("\n")), "cut at byte %d", cut)
		if len(j.Records()) > 0 { // what is written next stands on a line of its own
			require.NoError(t, j.Append(evenkeel.Record{Kind: evenkeel.KindResume}))
		}
		require.NoError(t, j.Close())
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		_, _, err = evenkeel.ReadJournal(bytes.NewReader(after))
		require.NoError(t, err, "cut at byte %d", cut)
	}
}

func TestJournalDamageShows(t *testing.T) {
	path, raw := journalOf(t)
	lines := strings.SplitAfter(strings.TrimSuffix(string(raw), "\n"), "\n")
	for name, damaged := range map[string]string{
		"a record changed":    strings.Replace(string(raw), `"action":"b"`, `"action":"x"`, 1),
		"a record lost":       lines[0] + strings.Join(lines[2:], ""),
		"two records swapped": lines[0] + lines[2] + lines[1] + strings.Join(lines[3:], ""),
		"garbage in between":  lines[0] + "garbage\n" + strings.Join(lines[1:], ""),
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, []byte(damaged), 0o600))
			_, err := evenkeel.OpenJournal(path)
			require.ErrorIs(t, err, evenkeel.ErrJournalDamaged)
			require.ErrorContains(t, err, "line ")
		})
	}
}

// Every single-bit flip is refused, or reads as exactly the same records: no record is lost in silence, and none says another thing.
func TestJournalEveryBitFlipShows(t *testing.T) {
	_, raw := journalOf(t)
	for i := range raw {
		for bit := range 8 {
			flipped := bytes.Clone(raw)
			flipped[i] ^= 1 << bit
			_, _, err := evenkeel.ReadJournal(bytes.NewReader(flipped))
			require.ErrorIs(t, err, evenkeel.ErrJournalDamaged, "byte %d, bit %d: %q", i, bit, flipped[max(0, i-20):min(len(raw), i+20)])
		}
	}
}

// A journal that is cut anywhere reads as the records whose line end is there, byte for byte: the state that a crash at
// that instant would have left. With a bit flipped in what was cut off, it is the same, or refused.
func TestJournalEveryTruncationIsAnEarlierJournal(t *testing.T) {
	_, raw := journalOf(t)
	want, _, err := evenkeel.ReadJournal(bytes.NewReader(raw))
	require.NoError(t, err)
	for cut := range len(raw) + 1 {
		got, whole, err := evenkeel.ReadJournal(bytes.NewReader(raw[:cut]))
		require.NoError(t, err, "cut at byte %d", cut)
		require.Equal(t, append([]evenkeel.Record(nil), want[:len(got)]...), got, "cut at byte %d", cut)
		require.EqualValues(t, bytes.LastIndexByte(raw[:cut], '\n')+1, whole, "cut at byte %d", cut)
		for bit := range 8 {
			if cut == 0 {
				break
			}
			flipped := bytes.Clone(raw[:cut])
			flipped[cut-1] ^= 1 << bit
			if other, _, err := evenkeel.ReadJournal(bytes.NewReader(flipped)); err == nil {
				require.Equal(t, got, other, "cut at byte %d, bit %d", cut, bit)
			}
		}
	}
}

// The same record in another spelling is not the record that was written.
func TestJournalInAnotherSpellingIsDamaged(t *testing.T) {
	path, raw := journalOf(t)
	for name, change := range map[string][2]string{
		"an unknown field":    {`{"seq":2,`, `{"evil":"x","seq":2,`},
		"another case":        {`"kind":"step"`, `"KIND":"step"`},
		"a key twice":         {`{"seq":2,`, `{"seq":9,"seq":2,`},
		"white space":         {`{"seq":2,`, `{ "seq": 2,`},
		"an empty line after": {"\n", "\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			other := bytes.Replace(raw, []byte(change[0]), []byte(change[1]), 1)
			require.NotEqual(t, raw, other)
			require.NoError(t, os.WriteFile(path, other, 0o600))
			_, err := evenkeel.OpenJournal(path)
			require.ErrorIs(t, err, evenkeel.ErrJournalDamaged)
		})
	}
}

// What a crash cannot have left behind a journal is damage; zero bytes it can.
func TestJournalTails(t *testing.T) {
	_, raw := journalOf(t)
	records, _, err := evenkeel.ReadJournal(bytes.NewReader(raw))
	require.NoError(t, err)
	next := fmt.Sprintf(`{"seq":%d,"time":"`, len(records)+1)
	for tail, fine := range map[string]bool{
		strings.Repeat("\x00", 4096): true, next: true, next + "\x00\x00": true, "{": true,
		"garbage": false, "\xff\xfe": false, " ": false, "{}": false, `{"seq":1,`: false, "\n": false, "{}\n": false,
	} {
		got, whole, err := evenkeel.ReadJournal(strings.NewReader(string(raw) + tail))
		if !fine {
			require.ErrorIs(t, err, evenkeel.ErrJournalDamaged, "%q", tail)
			continue
		}
		require.NoError(t, err, "%q", tail)
		require.Equal(t, records, got)
		require.EqualValues(t, len(raw), whole)
	}
}

// A record of a later version of the tool may mean what this one does not know.
func TestJournalOfALaterVersionIsRefused(t *testing.T) {
	j := &evenkeel.MemJournal{}
	require.NoError(t, j.Append(evenkeel.Record{Kind: evenkeel.KindBegin, Run: &evenkeel.RunInfo{ID: "x"}}))
	require.NoError(t, j.Append(evenkeel.Record{Kind: "handed-over"}))
	_, err := evenkeel.ReadState(j.Records())
	require.ErrorIs(t, err, evenkeel.ErrJournalDamaged)
	require.ErrorContains(t, err, `record 2 is of kind "handed-over"`)
}

// A device takes every record and keeps none; a directory or a FIFO is no journal.
func TestJournalIsARegularFile(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	for _, path := range []string{"/dev/null", "/dev/full", fifo, t.TempDir()} {
		_, err := evenkeel.OpenJournal(path)
		require.ErrorContains(t, err, "not a regular file", path)
	}
}

func TestJournalIsPrivateAndLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := evenkeel.OpenJournal(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = evenkeel.OpenJournal(path)
	require.ErrorIs(t, err, evenkeel.ErrJournalInUse)
	require.NoError(t, j.Close())
}

func TestJournalIsBoundToItsRunbook(t *testing.T) {
	m := &machine{done: map[string]string{}}
	m.live("fail:b")
	j := &evenkeel.MemJournal{}
	rb := parseRunbook(t, "s1[a.safe b.safe]")
	require.Equal(t, "=failed", m.life(t, evenkeel.Run, rb, j))
	start := func(rb *evenkeel.Runbook) error {
		_, err := evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j})
		return err
	}
	require.ErrorIs(t, start(parseRunbook(t, "s1[a.safe b.never]")), evenkeel.ErrJournalOther)
	require.ErrorIs(t, start(parseRunbook(t, "s1[a.safe b.safe c.safe]")), evenkeel.ErrJournalOther)
	other := parseRunbook(t, "s1[a.safe b.safe]")
	other.Inputs = []evenkeel.Input{evenkeel.NewInput("x", []byte("y"))}
	require.ErrorIs(t, start(other), evenkeel.ErrJournalOther)
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j})
	require.ErrorIs(t, err, evenkeel.ErrJournalExists)
	m.live("-")
	require.NoError(t, start(rb))
	_, err = evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j})
	require.ErrorIs(t, err, evenkeel.ErrJournalOver)
	require.NotErrorIs(t, err, evenkeel.ErrJournalExists, "there is nothing to resume")
}

// A run never goes on when its journal cannot be written.
func TestNoJournalNoAction(t *testing.T) {
	m := &machine{done: map[string]string{}}
	rb := parseRunbook(t, "s1[a.safe b.safe undo:u.safe auto]")
	for n := 1; n < 8; n++ {
		m.live("-")
		m.lease = sshexec.SimLease{} // that of the run before is given up
		j := &brokenJournal{good: n}
		_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j})
		require.ErrorIs(t, err, os.ErrClosed)
		// begin, lease, identity, step, start a, end a, start b: an action runs only after its start is written.
		require.Equal(t, map[int]string{1: "", 2: "", 3: "", 4: "", 5: "a", 6: "a", 7: "a b"}[n], strings.Join(m.log, " "), "after %d records", n)
	}
}

type brokenJournal struct {
	evenkeel.MemJournal
	good int
}

func (j *brokenJournal) Append(r evenkeel.Record) error {
	if j.good == 0 {
		return os.ErrClosed
	}
	j.good--
	return j.MemJournal.Append(r)
}

func FuzzReadJournal(f *testing.F) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	_ = enc.Encode(evenkeel.Record{Seq: 1, Kind: evenkeel.KindBegin, Run: &evenkeel.RunInfo{ID: "x"}})
	f.Add(buf.Bytes())
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		records, whole, err := evenkeel.ReadJournal(bytes.NewReader(raw))
		if whole > int64(len(raw)) {
			t.Fatal("more is good than there is")
		}
		if err == nil && len(records) > 0 {
			_, _ = evenkeel.ReadState(records)
		}
	})
}

// What a run does is on the disk where it is looked for: a journal whose file is removed, replaced or moved aside under the tool
// stops the run before anything more is done. One that was moved aside and is put back is resumed.
func TestAJournalThatIsTakenAwayStopsTheRun(t *testing.T) {
	for name, take := range map[string]func(path string) error{
		"removed": os.Remove,
		"moved":   func(path string) error { return os.Rename(path, path+".old") },
		"replaced": func(path string) error {
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			j, err := evenkeel.OpenJournal(path)
			require.NoError(t, err)
			rb := parseRunbook(t, "s1[a.safe b.never] s2[c.safe]")
			m := newMachine("-")
			_, err = evenkeel.Run(t.Context(), rb, on(m, func(what string) {
				if what == "a" {
					require.NoError(t, take(path))
				}
			}), evenkeel.Options{Journal: j, Clock: &stepClock{}})
			require.ErrorIs(t, err, evenkeel.ErrJournalMoved)
			require.ErrorContains(t, err, path)
			require.Equal(t, "a", strings.Join(m.log, " "), "nothing more is done")
			require.ErrorIs(t, j.Append(evenkeel.Record{Kind: evenkeel.KindResume}), evenkeel.ErrJournalMoved)
			require.NoError(t, j.Close())
			if name != "moved" {
				return
			}
			require.NoError(t, os.Rename(path+".old", path))
			j, err = evenkeel.OpenJournal(path)
			require.NoError(t, err)
			m.live("-")
			require.Equal(t, "=done", m.life(t, evenkeel.Resume, rb, j))
			require.Equal(t, "b c", strings.Join(m.log, " "))
			require.NoError(t, j.Close())
		})
	}
}

// A journal that was kept elsewhere is written byte for byte as the file would have been; records of which one is
// missing, another, or not sealed are none.
func TestWriteJournal(t *testing.T) {
	_, raw := journalOf(t)
	records, _, err := evenkeel.ReadJournal(bytes.NewReader(raw))
	require.NoError(t, err)
	var again bytes.Buffer
	require.NoError(t, evenkeel.WriteJournal(&again, records))
	require.Equal(t, string(raw), again.String())

	spoilt := func(change func([]evenkeel.Record) []evenkeel.Record) []evenkeel.Record {
		return change(append([]evenkeel.Record(nil), records...))
	}
	for name, list := range map[string][]evenkeel.Record{
		"one is missing":  spoilt(func(r []evenkeel.Record) []evenkeel.Record { return append(r[:1], r[2:]...) }),
		"one was changed": spoilt(func(r []evenkeel.Record) []evenkeel.Record { r[1].Host = "other"; return r }),
		"no seal":         {{Kind: evenkeel.KindBegin, Run: &evenkeel.RunInfo{ID: "x"}}},
	} {
		require.ErrorIs(t, evenkeel.WriteJournal(io.Discard, list), evenkeel.ErrJournalDamaged, name)
	}
	require.ErrorIs(t, evenkeel.WriteJournal(full{}, records), os.ErrClosed)
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }
