package evenkeel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Kind says what a journal record tells.
type Kind string

// The kinds of records.
const (
	KindBegin      Kind = "begin"       // the first record: what is run, from which inputs, by whom
	KindResume     Kind = "resume"      // the run was taken up again
	KindIdentity   Kind = "identity"    // a host was bound to the machine that it is
	KindLease      Kind = "lease"       // this life takes its leases: its epoch, and on which hosts
	KindStep       Kind = "step"        // a step began; opens its windows
	KindStart      Kind = "start"       // an action is about to run
	KindEnd        Kind = "end"         // an action ended, and how
	KindProbed     Kind = "probed"      // a probe answered what became of an action
	KindStepDone   Kind = "step-done"   // a step is done and verified; closes its windows
	KindStepUndone Kind = "step-undone" // a step is undone; in a rollback it closes the windows of its undo
	KindPause      Kind = "pause"       // the operator is needed
	KindViolation  Kind = "violation"   // an invariant did not hold outside a window
	KindClosed     Kind = "closed"      // a run ended inside an outage, and what its window suspended is seen to hold again: closes it
	KindExtend     Kind = "extend"      // the operator gave open windows more time
	KindDone       Kind = "done"        // the last record of a run that reached its end
	KindConfirm    Kind = "confirm"     // the operator confirmed something ahead of its turn
	KindAmend      Kind = "amend"       // steps that had not begun were changed
	KindRollback   Kind = "rollback"    // a life that rolls back began, or went on: what it runs
	KindRolledBack Kind = "rolled-back" // the rollback ended: what still differs from the state before the run
	KindSaw        Kind = "saw"         // a look saw something serve elsewhere, or in another state, than the look before
)

// kinds are all of them: a record of another one is of a later version, and may mean anything.
var kinds = []Kind{
	KindBegin, KindResume, KindIdentity, KindLease, KindStep, KindStart, KindEnd, KindProbed, KindStepDone, KindStepUndone,
	KindPause, KindViolation,
	KindClosed, KindExtend, KindDone, KindConfirm, KindAmend, KindRollback, KindRolledBack, KindSaw,
}

// Record is one line of a journal.
type Record struct {
	Seq  int       `json:"seq"`
	Time time.Time `json:"time"`
	Kind Kind      `json:"kind"`

	Step    string `json:"step,omitempty"`
	Action  string `json:"action,omitempty"`
	Phase   Phase  `json:"phase,omitempty"`
	Host    string `json:"host,omitempty"`
	Command string `json:"command,omitempty"` // secrets masked
	Job     string `json:"job,omitempty"`     // of a detached action that starts: its job on the machine; of a pause: the job that has ended
	Effect  string `json:"effect,omitempty"`  // of the action that starts; "by hand" for a manual one

	Outcome *Outcome `json:"outcome,omitempty"`
	Exit    int      `json:"exit,omitempty"`
	Looks   int      `json:"looks,omitempty"`  // how often a check looked before it was content
	Found   string   `json:"found,omitempty"`  // what a probe found
	Error   string   `json:"error,omitempty"`  // secrets masked, cut to 4 KiB
	Output  string   `json:"output,omitempty"` // what the operator attested
	Notes   []string `json:"notes,omitempty"`  // what the operator should know of what was seen (Expect.Tell)

	Facts  Facts    `json:"facts,omitempty"`
	Opens  []Window `json:"opens,omitempty"`
	Closes []string `json:"closes,omitempty"`
	// Extends are the windows that the operator gave more time, and how much.
	Extends map[string]time.Duration `json:"extends,omitempty"`

	Run   *RunInfo   `json:"run,omitempty"`   // what is run: where a run or rollback begins, and where the run is amended
	Amend *Amendment `json:"amend,omitempty"` // what an amendment changed

	Differs []string `json:"differs,omitempty"` // at the end of a rollback, from the state before the run

	Process    *Process         `json:"process,omitempty"`    // of a begin, a resume and a rollback: what carries it out
	Life       *LifeInfo        `json:"life,omitempty"`       // of a lease
	Machine    *sshexec.Machine `json:"machine,omitempty"`    // of an identity
	Reinstalls []string         `json:"reinstalls,omitempty"` // of a step: the hosts that get another system
	// Returned are hosts that get no other system any more: what was to bring the one from before back is undone, and it is there.
	Returned []string `json:"returned,omitempty"`

	By     string               `json:"by,omitempty"`     // of a saw: the invariant that looked
	From   time.Time            `json:"from,omitzero"`    // of a saw: when the look began
	Saw    []Sight              `json:"saw,omitempty"`    // of a saw: what has changed
	Looked map[string]time.Time `json:"looked,omitempty"` // by invariant: when its last look began, that saw what the journal tells already

	// Sum is a checksum over the sum of the record before and this record's bytes as they are on the disk: a record that was
	// changed, lost or put elsewhere shows. It is the last field of the line.
	Sum string `json:"sum,omitempty"`
}

// RunInfo binds a journal to what it is the journal of.
type RunInfo struct {
	ID      string   `json:"id"`
	Runbook string   `json:"runbook"`
	Title   string   `json:"title"`
	Digest  string   `json:"digest"` // of the runbook: steps, commands, inputs, version
	Version string   `json:"version,omitempty"`
	Inputs  []Input  `json:"inputs,omitempty"`
	Steps   []string `json:"steps"`

	StepDigests []string `json:"step_digests,omitempty"` // of each step, in the order of Steps
	// of what holds for all steps: invariants, lease hosts, known facts, functions on paper
	FrameDigest string   `json:"frame_digest,omitempty"`
	Hosts       []string `json:"hosts,omitempty"`     // that its steps work on or look at
	Simulated   bool     `json:"simulated,omitempty"` // the machines were

	Closers map[string]string `json:"closers,omitempty"` // window → the step that closes it

	EndsRun bool `json:"ends_run,omitempty"` // of a rollback: when it has ended the run is over
}

// Process is the process of the tool that lives a life of a run.
type Process struct {
	Holder string `json:"holder"` // who runs it: user@host
	PID    int    `json:"pid"`
}

// Journal is the memory of a run. Append returns only when the record will survive a crash.
type Journal interface {
	Append(Record) error
	Records() []Record
}

// Errors of a journal.
var (
	ErrJournalInUse   = errors.New("the journal is in use by another process: status says which, and where it stands")
	ErrJournalDamaged = errors.New("the journal is damaged")
	ErrJournalExists  = errors.New("the journal has records of a run that changed something: resume that run, or choose another file")
	ErrJournalOver    = errors.New("the journal belongs to a run that has ended: a new run needs a new journal")
	ErrJournalOther   = errors.New("the journal belongs to another runbook, other inputs or another version of the tool")
	ErrJournalEmpty   = errors.New("the journal is empty: there is nothing to resume")
	ErrJournalMoved   = errors.New("the journal's file was removed or replaced while it was written")
)

// FileJournal is a journal in a file of JSON lines, mode 0600. The file is locked while it is open.
type FileJournal struct {
	MemJournal
	f      journalFile
	moved  func() error // why the file is not at its path any more; nil where nobody can tell
	broken error        // a write failed: nothing may follow it
}

// journalFile is what a FileJournal needs of its file.
type journalFile interface {
	io.Writer
	Sync() error
	Close() error
}

// OpenJournal opens the journal at path, or makes an empty one. A record that was cut off by a crash is removed. What is not a regular file
// is refused: a device takes records and keeps none.
func OpenJournal(path string) (*FileJournal, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("cannot open the journal: %s is not a regular file: name another", path)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- the path is the operator's choice
	if err != nil {
		return nil, fmt.Errorf("cannot open the journal: %w", err)
	}
	j, err := newFileJournal(f)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return j, nil
}

func newFileJournal(f *os.File) (*FileJournal, error) {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrJournalInUse
	} else if err != nil {
		return nil, fmt.Errorf("cannot lock the journal: %w", err)
	}
	markHeld(f)
	records, whole, err := ReadJournal(f)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(whole); err != nil {
		return nil, fmt.Errorf("cannot cut off the torn last record: %w", err)
	}
	if _, err := f.Seek(whole, io.SeekStart); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("cannot sync the journal: %w", err)
	}
	if err := syncJournalDir(filepath.Dir(f.Name())); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(f.Name())
	if err != nil {
		return nil, err
	}
	return &FileJournal{MemJournal: MemJournal{records: records}, f: f, moved: func() error { return stillAt(path, f) }}, nil
}

// stillAt tells whether the file is the one at the path: what is written to a file that was removed or replaced is remembered nowhere.
func stillAt(path string, f *os.File) error {
	is, err := f.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: %s is gone: put it back, or look at the machines before anything else is done", ErrJournalMoved, path)
	case err != nil:
		return err
	case !os.SameFile(is, there):
		return fmt.Errorf("%w: another file is at %s: put the journal back, or look at the machines before anything else is done",
			ErrJournalMoved, path)
	}
	return nil
}

// syncJournalDir makes the journal's name survive a crash; tests watch it.
var syncJournalDir = syncDir

func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- the directory of the operator's journal
	if err != nil {
		return fmt.Errorf("cannot sync the journal's directory: %w", err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("cannot sync the journal's directory: %w", err)
	}
	return nil
}

// Append writes a record and waits until it is on the disk, in the file that is at the journal's path. After a failed write, or where that
// file was removed or replaced, the journal takes no more records: the run must stop.
func (j *FileJournal) Append(r Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	r, line, err := seal(j.records, r)
	if err != nil {
		return err
	}
	if _, err = j.f.Write(line); err == nil {
		err = j.f.Sync()
	}
	if err == nil && j.moved != nil { // after the write: a file that was moved aside is whole
		err = j.moved()
	}
	if err != nil {
		j.broken = fmt.Errorf("cannot write the journal; nothing more is done: %w", err)
		return j.broken
	}
	j.records = append(j.records, r)
	return nil
}

// Close releases the journal.
func (j *FileJournal) Close() error { return j.f.Close() }

// MemJournal is a journal in memory, for tests and rehearsals.
type MemJournal struct {
	mu      sync.Mutex
	records []Record
}

// Append adds a record.
func (j *MemJournal) Append(r Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	r, _, err := seal(j.records, r)
	if err != nil {
		return err
	}
	j.records = append(j.records, r)
	return nil
}

// Records are all records so far.
func (j *MemJournal) Records() []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.records[:len(j.records):len(j.records)]
}
