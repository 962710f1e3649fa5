package sshexec

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec/internal/execline"
)

// Fence is the lease that a command needs. The machine itself checks it together with the command: a small shell around
// the command, outside sudo and beside the command's input, takes a shared lock on the lease file, compares what the
// file says, and holds the lock until the command has ended, also when the connection is lost meanwhile. A command that
// the fence keeps from starting ends with a *FencedError; its Outcome is NotStarted.
type Fence struct {
	Path  string // the lease file
	Run   string // whose run's lease it must be
	Epoch int    // and which life of that run's
	Life  string // and which process's: no two lives have the same
	Host  string // and for which machine, as the run names it: an address that leads to another machine is refused
	// At is how many records the life had written in its journal when it sent the command. The wrapper leaves it behind
	// the lease (LeaseLook.At), so that a copy of the journal from before the command can be told from the journal.
	// Nothing is left when it is zero, as for a command that changes nothing.
	At int
}

// FencedError says that a machine refused to start a command, because its lease is not the one that the command needs.
type FencedError struct {
	Path   string
	Reason FenceReason
	Lease  string // what the lease file says instead
}

// FenceReason is why a command was refused.
type FenceReason string

// The reasons.
const (
	LeaseMissing FenceReason = execline.FencedMissing // there is no lease file, or it cannot be read
	LeaseNoLock  FenceReason = execline.FencedNoLock  // flock(1) is not there, or failed
	LeaseOther   FenceReason = execline.FencedOther   // the lease is another one, or not readable as one
)

func (e *FencedError) Error() string {
	switch e.Reason {
	case LeaseMissing:
		return "refused by the machine: there is no lease " + e.Path + " there"
	case LeaseNoLock:
		return "refused by the machine: its lease " + e.Path + " cannot be locked (flock of util-linux is needed)"
	case LeaseOther:
	}
	l, err := ParseLease(e.Lease)
	switch {
	case err != nil:
		return fmt.Sprintf("refused by the machine: its lease %s cannot be read: %v", e.Path, err)
	case !l.Held:
		return fmt.Sprintf("refused by the machine: its lease %s was given back: %s", e.Path, l.Describe())
	}
	return fmt.Sprintf("refused by the machine: its lease %s is another one: %s", e.Path, l.Describe())
}

// errFence says that a fence cannot be written into a command line.
var errFence = errors.New("the fence's path must be absolute and made of letters, digits and \"/._-\"")

// words is what the lease must begin with.
func (f *Fence) words() string {
	return Lease{Held: true, Run: f.Run, Epoch: f.Epoch, Life: f.Life, Host: f.Host}.words()
}

func (f *Fence) validate() error {
	if !leasePath(f.Path) || f.Run == "" || f.Epoch < 1 || f.Life == "" || f.Host == "" || f.At < 0 {
		return fmt.Errorf("%w, and it needs a run, an epoch, a life and a host: %+v", errFence, *f)
	}
	return nil
}

// CheckLeasePath refuses a path that no lease file may have: one that a shell would read otherwise, and one that does
// not survive a reboot or that anybody may remove. What is in a file that is there already, only the machine can tell
// (LeaseLook.Foreign).
func CheckLeasePath(p string) error {
	if !leasePath(p) {
		return fmt.Errorf("%w: %q", errFence, p)
	}
	for _, dir := range []string{"/dev", "/proc", "/run", "/sys", "/tmp", "/var/lock", "/var/run", "/var/tmp"} {
		if p == dir || strings.HasPrefix(p, dir+"/") {
			return fmt.Errorf("the lease cannot be kept at %s: what is in %s does not survive a reboot, or anybody may remove it", p, dir)
		}
	}
	return nil
}

func leasePath(p string) bool {
	return path.IsAbs(p) && path.Clean(p) == p && p != "/" && !strings.ContainsFunc(p, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-", r))
	})
}

// fenceOf is the fence of one run of a command; nil when it has none.
func fenceOf(cmd Cmd) *execline.Fence {
	if cmd.Fence == nil {
		return nil
	}
	script, _ := scriptOf(cmd)
	f := &execline.Fence{Path: cmd.Fence.Path, Words: cmd.Fence.words(), Mark: strings.ToLower(rand.Text()), Inherit: script == jobStart}
	if cmd.Fence.At > 0 {
		f.At = atLine(cmd.Fence.Life, cmd.Fence.At)
	}
	return f
}

// fenced corrects how a command ended that its fence kept from starting; ok tells that it was.
func fenced(f *execline.Fence, res Result) (Result, error, bool) {
	if f == nil || res.Outcome != Exited || res.ExitCode != execline.FencedStatus {
		return res, nil, false
	}
	_, said, found := strings.Cut(string(res.Stderr), f.FencedLine())
	if !found {
		return res, nil, false
	}
	said, _, _ = strings.Cut(said, "\n")
	reason, lease, _ := strings.Cut(said, " ")
	res.Outcome, res.ExitCode, res.Stdout, res.Stderr = NotStarted, 0, nil, nil
	return res, &FencedError{Path: f.Path, Reason: FenceReason(reason), Lease: strings.TrimSpace(lease)}, true
}
