//go:build linux

package machine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// Socket is the name, in Config.Dir, of the socket on which the supervisor answers its owner.
const Socket = "lab.sock"

// machine is the lab.
type machine struct {
	cfg   wire.Config
	nodes [2]*node
	san   *san
	// The path of this program. /proc/self/exe would not do: it leads to a mount of the namespace from which the supervisor came.
	program string
	log     io.Writer
	down    chan struct{} // closed when the owner wants the end
	once    sync.Once
}

// Supervise is the supervisor, in namespaces of its own. Its orders, a [wire.Config], come as one line from in. It
// answers on its socket, says "ready" on out, and ends when it is told to or, unless it is detached, when in ends: the
// owner has.
func Supervise(in io.Reader, out io.Writer, detached bool) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("no orders: %w", err)
	}
	var cfg wire.Config
	if err := wire.Unmarshal(line, &cfg); err != nil {
		return err
	}
	m, err := newMachine(cfg)
	if err != nil {
		return err
	}
	listener, err := wire.Listen(cfg.Dir, Socket)
	if err != nil {
		return err
	}
	go m.serve(listener)
	if !detached {
		go func() {
			_, _ = io.Copy(io.Discard, lines)
			m.end()
		}()
	}
	if _, err := io.WriteString(out, "ready\n"); err != nil {
		return err
	}
	<-m.down
	return nil // and the kernel ends all the rest
}

func (m *machine) end() { m.once.Do(func() { close(m.down) }) }

func newMachine(cfg wire.Config) (*machine, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	m := &machine{cfg: cfg, program: program, log: os.Stderr, down: make(chan struct{})}
	m.san = newSAN(time.Now(), cfg.Targets, cfg.Behaviour, cfg.Nodes[0].Name, cfg.Nodes[1].Name)
	if err := mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return nil, err
	}
	if err := mount("proc", "/proc", "proc", 0, ""); err != nil {
		return nil, err
	}
	disks := filepath.Join(cfg.Dir, "machine")
	if strings.ContainsAny(disks+cfg.Image, ":,\\") {
		return nil, fmt.Errorf("an overlay cannot be mounted below a path with a colon, a comma or a backslash: %s, %s", disks, cfg.Image)
	}
	if err := os.MkdirAll(disks, 0o755); err != nil { //nolint:gosec // nodes' users other than root go through it
		return nil, err
	}
	if err := mount("tmpfs", disks, "tmpfs", 0, "mode=755"); err != nil {
		return nil, err
	}
	for _, t := range cfg.Targets {
		if err := m.makeDisk(t); err != nil {
			return nil, err
		}
	}
	for i, n := range cfg.Nodes {
		console, err := os.OpenFile(filepath.Join(cfg.Dir, n.Short()+".console"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, err
		}
		m.nodes[i] = &node{Node: n, index: i, m: m, dir: filepath.Join(disks, n.Short()), out: console}
	}
	return m, makeBridges()
}

// disks is where the shared disks with ordinary file systems lie.
func (m *machine) disks() string { return filepath.Join(m.cfg.Dir, "machine", "disks") }

// makeDisk makes a shared disk with an ordinary file system. It is a file system of its own, so that the nodes can tell who uses it.
func (m *machine) makeDisk(t wire.Target) error {
	if !t.Ordinary() {
		return nil
	}
	dir := filepath.Join(m.disks(), t.UUID)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as any mount point
		return err
	}
	return mount("disk-"+t.UUID, dir, "tmpfs", 0, "mode=755")
}

// node finds a node by its full or short name.
func (m *machine) node(name string) (*node, error) {
	for _, n := range m.nodes {
		if name == n.Name || name == n.Short() {
			return n, nil
		}
	}
	return nil, fmt.Errorf("there is no node %q", name)
}

// complain says what went wrong where nobody waits for an answer.
func (m *machine) complain(err error) {
	if err != nil {
		_, _ = fmt.Fprintf(m.log, "%s %v\n", time.Now().UTC().Format("15:04:05.000"), err)
	}
}

func (m *machine) serve(l *net.UnixListener) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			m.complain(m.answer(conn))
		}()
	}
}

// up installs the old system on both nodes and boots them.
func (m *machine) up(asked <-chan struct{}) error {
	return m.both(func(n *node) error {
		n.job.Lock()
		err := n.install(wire.OldRelease)
		if err == nil {
			err = n.onLocked("first boot")
		}
		n.job.Unlock()
		if err != nil {
			return err
		}
		return n.up(asked)
	})
}

func (m *machine) both(do func(*node) error) error {
	var errs [2]error
	var all sync.WaitGroup
	for i, n := range m.nodes {
		all.Go(func() { errs[i] = do(n) })
	}
	all.Wait()
	return errors.Join(errs[:]...)
}
