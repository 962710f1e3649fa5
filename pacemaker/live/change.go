package live

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Change is one change of a live cluster, as data: what runs, what must be so before, and what shows that it is done. [Cluster] makes them;
// [Change.Apply] carries one out. The exit status of the command never counts as proof: pcs exits 0 where it started nothing (H4), and returns before
// the cluster has followed.
type Change struct {
	Do    pcs.Operation
	Needs []Evidence // what must be so immediately before, beyond what the tools check themselves
	// Proof is what shows that it is done, in the order in which it comes to be seen: the first says that the command was obeyed, and is
	// what to look for when nobody knows whether it ran; the later ones, that the cluster has followed.
	Proof []Evidence
	Limit time.Duration // from sending the command until all of Proof is seen
}

// String is the command for a reader, secrets masked.
func (c Change) String() string { return c.Do.String() }

// GoString is String.
func (c Change) GoString() string { return c.Do.GoString() }

// Evidence is a question to the cluster, and what the answer must show.
type Evidence struct {
	Look  pcs.Operation      // read-only
	Means string             // what is to be seen, in words
	Judge func(Answer) error // nil: it is seen; a [*NotYet]: it is not, or not yet; any other error: it cannot be, or the answer does not tell
}

// Read judges the end of the look. It must have exited, with any status.
func (e Evidence) Read(res sshexec.Result) error {
	return e.Judge(Answer{Node: e.Look.Node, Code: res.ExitCode, Stdout: res.Stdout, Stderr: res.Stderr, look: e.Look})
}

// Answer is what an [Evidence.Look] that came to its end said.
type Answer struct {
	Node           string // the host that was asked
	Code           int    // exit status
	Stdout, Stderr []byte
	look           pcs.Operation
}

// NotYet says that what a change makes is not to be seen, or not yet.
type NotYet struct{ Reason string }

func (e *NotYet) Error() string { return "not yet: " + e.Reason }

func notYet(format string, args ...any) error { return &NotYet{fmt.Sprintf(format, args...)} }

// ErrNotSeen says that a command ended, and what it should have done did not show in time.
var ErrNotSeen = errors.New("what the command should have done is not to be seen")

// ErrOutcomeUnknown says that nobody knows whether a command ran, and that what it should have done did not show in time. It must not be repeated
// before a person has looked.
var ErrOutcomeUnknown = errors.New("it is not known whether the command ran")

// text is all of the answer, for [Meaning.Judge].
func (a Answer) text() string { return string(a.Stdout) + "\n" + string(a.Stderr) }

// failure is what the exit status means; nil for 0.
func (a Answer) failure() error { return a.look.Meaning().Judge(a.Code, a.text()) }

// CIB is the answer to [QueryCIB]. [ErrClusterDown] says that there is nobody to ask.
func (a Answer) CIB() (*pacemaker.CIB, error) {
	if err := a.failure(); err != nil {
		return nil, err
	}
	return pacemaker.ParseLiveCIB(bytes.NewReader(a.Stdout))
}

// Status is the answer to [Dialect.QueryStatus]. [ErrClusterDown] says that there is nobody to ask.
func (a Answer) Status() (*pacemaker.Status, error) {
	if err := a.failure(); err != nil {
		return nil, err
	}
	st, err := pacemaker.ParseStatus(bytes.NewReader(a.Stdout))
	if err == nil && len(st.Nodes) == 0 {
		return nil, notYet("crm_mon shows no node, not even its own")
	}
	return st, err
}
