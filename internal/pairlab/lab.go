package pairlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/standin"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// The errors that a test looks for.
var (
	// ErrUnavailable says that this machine cannot have a lab, and why: it is not Linux, not Debian, nobody is root, a program is missing.
	ErrUnavailable = errors.New("no lab can be made here")
	// ErrOff says that a node has no power, or lost it while something was done there.
	ErrOff = errors.New("the node has no power")
)

// The words that the parts of a lab have in common.
type (
	// Release is which system a disk holds.
	Release = wire.Release
	// Target is one Lustre target on the storage.
	Target = wire.Target
	// Behaviour is how the storage answers for a target.
	Behaviour = wire.Behaviour
	// Truth is what happened, as seen outside the nodes.
	Truth = wire.Truth
	// Change is one thing that happened to a target.
	Change = wire.Change
	// TargetEvent is what happened to a target.
	TargetEvent = wire.TargetEvent
	// DoubleMount is a target in use on two nodes at once.
	DoubleMount = wire.DoubleMount
	// Fencing is a node cutting the power of another.
	Fencing = wire.Fencing
	// PowerChange is a power going on or off.
	PowerChange = wire.PowerChange
	// Outage is a time during which nobody served a target.
	Outage = wire.Outage
	// Overlap is a time during which two nodes had a target in use.
	Overlap = wire.Overlap
	// NodeStatus is a node as its hardware sees it.
	NodeStatus = wire.NodeStatus
)

// The releases.
const (
	OldRelease = wire.OldRelease
	NewRelease = wire.NewRelease
)

// Options say what kind of lab is wanted.
type Options struct {
	// Dir is a directory of the owner's, for the key, known_hosts and the nodes' consoles. Its path must have no colon, comma or backslash.
	Dir string
	// Targets are what the storage holds. No two may share a UUID.
	Targets []Target
	// ByHand is a pair that people made: on the old system is Lustre with its own agents, and nothing of IML.
	ByHand bool
	// Services is a pair of EL8 that serves a web site and a database on file systems of [ServicesDisks], and that EL9 is installed on.
	Services bool
	// Post is how long a fenced node takes from power to its first instruction. 0 is 10 s: less than corosync's token and
	// consensus time-outs together (6.6 s) would bring a node back before its own fencing is announced, and Pacemaker
	// would stay down on it. Negative is none.
	Post time.Duration
	// StartDelay and StopDelay are how long a mount and an unmount take, of every target until [Lab.SetTarget].
	StartDelay, StopDelay time.Duration
	// Log gets the progress of building the image and the supervisor's complaints. nil is Dir/supervisor.log; that is
	// where the supervisor of a detached lab complains in any case.
	Log io.Writer
	// Program is the lab's program where it is built already; else it is built by "go build", which needs a working
	// directory within this module.
	Program string
	// Detached is a lab that outlives this process, until [Lab.Close] of whoever has attached to it.
	Detached bool
}

// Recovery is how long the recovery of a target takes after each mount.
const Recovery = standin.Recovery

// nodeNames are the nodes, as in the guide (lustre:118).
var nodeNames = [2]string{"ct6-mds1.lfs.intl", "ct6-mds2.lfs.intl"}

// Lab is a pair that runs.
type Lab struct {
	dir   string
	nodes [2]*Node
	close func() error // of who started it; nil of who attached
}

// The files in a lab's directory.
const (
	keyFile        = "id_ed25519"
	knownHostsFile = "known_hosts"
)

// Nodes are both nodes, in the order of their addresses.
func (l *Lab) Nodes() [2]*Node { return l.nodes }

// Node finds a node by its full or short name.
func (l *Lab) Node(name string) (*Node, error) {
	for _, n := range l.nodes {
		if name == n.name || name == n.Short() {
			return n, nil
		}
	}
	return nil, fmt.Errorf("there is no node %q, only %s and %s", name, l.nodes[0].name, l.nodes[1].name)
}

// Key is the file of the private key that root of both nodes accepts.
func (l *Lab) Key() string { return filepath.Join(l.dir, keyFile) }

// KnownHosts is a known_hosts file with the keys of both nodes, by address and by name, as they were when the lab was
// started and whenever [Lab.Trust] was called.
func (l *Lab) KnownHosts() string { return filepath.Join(l.dir, knownHostsFile) }

// Trust adds the nodes' present host keys to [Lab.KnownHosts], as the operator does after an installation. The old ones
// stay: they come back with a restored /etc/ssh.
func (l *Lab) Trust() error {
	known, err := os.ReadFile(l.KnownHosts())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var text strings.Builder
	text.Write(known)
	for _, n := range l.nodes {
		keys, err := n.HostKeys()
		if err != nil {
			return err
		}
		host, _, err := net.SplitHostPort(n.addr)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if line := fmt.Sprintf("%s,%s,%s %s", host, n.name, n.Short(), ssh.MarshalAuthorizedKey(k)); !strings.Contains(text.String(), line) {
				text.WriteString(line)
			}
		}
	}
	return os.WriteFile(l.KnownHosts(), []byte(text.String()), 0o600)
}

// Truth is what happened so far.
func (l *Lab) Truth() (Truth, error) {
	answer, err := l.ask(context.Background(), wire.Request{Op: wire.OpTruth})
	if err != nil {
		return Truth{}, err
	}
	return *answer.Truth, nil
}

// SetTarget changes how the storage answers for a target, all of it: what b leaves out is zero.
func (l *Lab) SetTarget(uuid string, b Behaviour) error {
	_, err := l.ask(context.Background(), wire.Request{Op: wire.OpTarget, Target: uuid, Behaviour: &b})
	return err
}

// Status is both nodes as their hardware sees them.
func (l *Lab) Status() ([]NodeStatus, error) {
	answer, err := l.ask(context.Background(), wire.Request{Op: wire.OpStatus})
	return answer.Status, err
}

// Close ends the lab and everything in it. To close again does nothing.
func (l *Lab) Close() error {
	if l.close != nil {
		return l.close()
	}
	return l.shut()
}

// Attach reaches a lab that runs already and was started in dir.
func Attach(dir string) (*Lab, error) {
	l := &Lab{dir: dir}
	status, err := l.Status()
	if err != nil {
		return nil, fmt.Errorf("no lab runs in %s: %w", dir, err)
	}
	for i, st := range status {
		if i < len(l.nodes) {
			l.nodes[i] = &Node{lab: l, name: st.Name, addr: net.JoinHostPort(st.Address, "22")}
		}
	}
	return l, nil
}
