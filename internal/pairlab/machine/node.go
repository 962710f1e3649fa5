//go:build linux

package machine

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/initd"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// node is the hardware of one node.
type node struct {
	wire.Node
	index int
	m     *machine
	dir   string   // upper, work, root, board
	out   *os.File // its console

	job sync.Mutex // one change of power or disk at a time

	mu      sync.Mutex // guards what follows
	release wire.Release
	cut     [rings]bool
	post    *time.Timer // the boot that follows a fencing
	life    *life       // nil when the power is off
}

// life is the time from power on to power off.
type life struct {
	ctx    context.Context //nolint:containedctx // it is the life itself, not a call's
	end    context.CancelFunc
	init   *exec.Cmd
	hw     *net.UnixListener
	why    string        // the reason of its end, when the machine ended it
	booted chan struct{} // closed when the node's services run
	over   chan struct{} // closed when every process has ended and all is accounted for
}

// The power states.
const (
	powerOn   = "on"
	powerPost = "post"
	powerOff  = "off"
)

func (n *node) now() (l *life, power string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.life != nil:
		return n.life, powerOn
	case n.post != nil:
		return nil, powerPost
	}
	return nil, powerOff
}

// on switches the power on, and does not wait for the boot.
func (n *node) on(why string) error {
	n.job.Lock()
	defer n.job.Unlock()
	return n.onLocked(why)
}

func (n *node) onLocked(why string) error {
	n.cancelPost()
	if l, _ := n.now(); l != nil {
		return nil
	}
	if err := n.boot(why); err != nil {
		return fmt.Errorf("cannot power %s on: %w", n.Name, err)
	}
	return nil
}

// off cuts the power. It is off when this returns: no process runs, nothing is mounted.
func (n *node) off(why string) {
	n.job.Lock()
	defer n.job.Unlock()
	n.offLocked(why)
}

func (n *node) offLocked(why string) {
	n.cancelPost()
	l, _ := n.now()
	if l == nil {
		return
	}
	n.mu.Lock()
	l.why = why
	n.mu.Unlock()
	_ = l.init.Process.Kill() // it may just have ended by itself
	<-l.over
}

func (n *node) cancelPost() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.post != nil {
		n.post.Stop()
		n.post = nil
	}
}

// onAfterPost boots after the time that hardware takes for its self-test. A node that boots faster than the cluster
// notices its loss would be back before its own fencing is announced, and Pacemaker would then stay down there ("We
// were allegedly just fenced").
func (n *node) onAfterPost(d time.Duration) {
	n.job.Lock()
	defer n.job.Unlock()
	if l, _ := n.now(); l != nil {
		return
	}
	n.cancelPost()
	n.mu.Lock()
	defer n.mu.Unlock()
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		n.job.Lock()
		defer n.job.Unlock()
		n.mu.Lock()
		due := n.post == timer // or it was taken back
		n.mu.Unlock()
		if due {
			n.m.complain(n.onLocked("after a fencing"))
		}
	})
	n.post = timer
}

// boot starts the node's first process and plugs it in.
func (n *node) boot(why string) (err error) {
	board := filepath.Join(n.dir, "board")
	if err := errors.Join(os.RemoveAll(board), os.Mkdir(board, 0o755)); err != nil { //nolint:gosec // /run/lab
		return err
	}
	ctx, end := context.WithCancel(context.Background())
	l := &life{ctx: ctx, end: end, booted: make(chan struct{}), over: make(chan struct{})}
	if l.hw, err = wire.Listen(board, "hw.sock"); err != nil {
		end()
		return err
	}
	orders, booted, err := n.spawn(l)
	if err != nil {
		end()
		return errors.Join(err, l.hw.Close())
	}
	n.mu.Lock()
	n.life = l
	cut := n.cut
	n.mu.Unlock()
	n.m.san.power(n.Name, true, why)
	go n.watch(l)
	go n.serveHardware(l)
	go awaitBooted(booted, l.booted)
	err = errors.Join(connect(n.index, l.init.Process.Pid, cut), json.NewEncoder(orders).Encode(n.orders()), orders.Close())
	if err != nil {
		_ = l.init.Process.Kill()
		<-l.over
	}
	return err
}

func (n *node) orders() orders {
	o := orders{
		Node: n.Node, Lower: n.m.cfg.Image, Board: filepath.Join(n.dir, "board"), Program: n.m.program, BootID: bootID(),
		Upper: filepath.Join(n.dir, "upper"), Work: filepath.Join(n.dir, "work"), Root: filepath.Join(n.dir, "root"),
	}
	for _, t := range n.m.cfg.Targets {
		if strings.HasPrefix(t.Device, "/dev/") {
			o.Devices = append(o.Devices, t.Device)
		}
		if t.Ordinary() {
			o.Disks = n.m.disks()
		}
	}
	return o
}

// spawn starts the first process, which waits for its orders.
func (n *node) spawn(l *life) (orders *os.File, booted *os.File, err error) {
	fromUs, orders, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = fromUs.Close() }()
	booted, toUs, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(err, orders.Close())
	}
	defer func() { _ = toUs.Close() }()
	l.init = exec.Command(n.m.program, "boot-node") //nolint:gosec,noctx // our own program; its life is the node's
	l.init.Stdout, l.init.Stderr = n.out, n.out
	l.init.ExtraFiles = []*os.File{fromUs, toUs} // FDOrders, FDBooted
	l.init.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET,
		Setsid:     true,
	}
	if err := l.init.Start(); err != nil {
		return nil, nil, errors.Join(err, orders.Close(), booted.Close())
	}
	return orders, booted, nil
}

func awaitBooted(pipe *os.File, booted chan<- struct{}) {
	defer func() { _ = pipe.Close() }()
	if n, _ := pipe.Read(make([]byte, 16)); n > 0 {
		close(booted)
	}
}

// watch waits for the end of PID 1, with which the kernel has ended everything else in the node, and accounts for it.
// After an orderly restart the node boots again.
func (n *node) watch(l *life) {
	_ = l.init.Wait() // its exit status says it all
	code := l.init.ProcessState.ExitCode()
	disconnect(n.index)
	_ = l.hw.Close()
	n.mu.Lock()
	why := l.why
	if why == "" {
		switch code {
		case initd.ExitPoweroff:
			why = "orderly power off"
		case initd.ExitReboot:
			why = "orderly reboot"
		default:
			why = "PID 1 ended: " + l.init.ProcessState.String()
		}
	}
	n.m.san.lose(n.Name, l.end)
	n.m.san.power(n.Name, false, why)
	reboot := l.why == "" && code == initd.ExitReboot
	n.life = nil
	n.mu.Unlock()
	close(l.over)
	if reboot {
		n.m.complain(n.on("orderly reboot"))
	}
}

// bootID is what a kernel makes at every boot.
func bootID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

var errOff = errors.New("the power is off")

// up waits until the node has booted; asked is closed when nobody waits any more.
func (n *node) up(asked <-chan struct{}) error {
	l, _ := n.now()
	if l == nil {
		return fmt.Errorf("%s: %w", n.Name, errOff)
	}
	select {
	case <-l.booted:
		return nil
	case <-l.over:
		return fmt.Errorf("%s did not boot, see its console: %s", n.Name, n.out.Name())
	case <-asked:
		return errors.New("nobody waits any more")
	}
}

// setCable pulls cables, or plugs them in again. They stay as they are across boots.
func (n *node) setCable(which []int, plugged bool) error {
	if len(which) == 0 {
		which = []int{0, 1}
	}
	n.job.Lock()
	defer n.job.Unlock()
	for _, r := range which {
		if r < 0 || r >= rings {
			return fmt.Errorf("there is no ring %d", r)
		}
		n.mu.Lock()
		n.cut[r] = !plugged
		on := n.life != nil
		n.mu.Unlock()
		if on {
			if err := cable(n.index, r, plugged); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *node) status() wire.NodeStatus {
	l, power := n.now()
	n.mu.Lock()
	defer n.mu.Unlock()
	st := wire.NodeStatus{Name: n.Name, Address: n.Rings[0], Power: power, Release: n.release}
	if l != nil {
		select {
		case <-l.booted:
			st.Booted = true
		default:
		}
	}
	for r, cut := range n.cut {
		if cut {
			st.Cut = append(st.Cut, r)
		}
	}
	return st
}
