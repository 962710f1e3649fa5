package pairlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// Node is one of the pair.
type Node struct {
	lab        *Lab
	name, addr string
}

// Name is the node's full name, such as "ct6-mds1.lfs.intl".
func (n *Node) Name() string { return n.name }

// Short is the name up to the first dot, which is the old system's host name.
func (n *Node) Short() string {
	short, _, _ := strings.Cut(n.name, ".")
	return short
}

// Addr is where the node's sshd listens on ring 0, such as "10.72.0.1:22".
func (n *Node) Addr() string { return n.addr }

// PowerOff cuts the power: every process ends where it is, and what was mounted is no longer.
func (n *Node) PowerOff() error { return n.do(wire.Request{Op: wire.OpPowerOff}) }

// PowerOn switches the power on and returns when the node's services run.
func (n *Node) PowerOn() error { return n.do(wire.Request{Op: wire.OpPowerOn}) }

// Reset is PowerOff and PowerOn.
func (n *Node) Reset() error { return n.do(wire.Request{Op: wire.OpReset}) }

// Wipe installs a system on a blank disk, as the operator with the medium does, and returns when it has booted: nothing
// of what was on the disk is left, and the host keys are new. [Lab.KnownHosts] still has the former ones, as a client
// would.
func (n *Node) Wipe(r Release) error { return n.do(wire.Request{Op: wire.OpWipe, Release: r}) }

// Cut pulls the node's cables of these rings (0, 1), both when none is named. ssh comes by ring 0.
func (n *Node) Cut(ring ...int) error { return n.do(wire.Request{Op: wire.OpCut, Rings: ring}) }

// Heal plugs them in again.
func (n *Node) Heal(ring ...int) error { return n.do(wire.Request{Op: wire.OpHeal, Rings: ring}) }

// Kill sends SIGKILL to every process with one of these names, such as "corosync" and "pacemaker-execd". It is an error when there is none.
func (n *Node) Kill(daemons ...string) error {
	return n.do(wire.Request{Op: wire.OpKill, Daemons: daemons})
}

// On tells whether the node has power and has been started. It is not when it waits for its boot after a fencing, nor
// when the lab does not answer.
func (n *Node) On() bool {
	status, err := n.lab.Status()
	if err != nil {
		return false
	}
	for _, st := range status {
		if st.Name == n.name {
			return st.Power == "on"
		}
	}
	return false
}

// HostKeys are the public host keys that lie on the node's disk now.
func (n *Node) HostKeys() ([]ssh.PublicKey, error) {
	answer, err := n.lab.ask(context.Background(), wire.Request{Op: wire.OpHostKeys, Node: n.name})
	if err != nil {
		return nil, err
	}
	var keys []ssh.PublicKey
	for _, line := range answer.Keys {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("%s: host key %q: %w", n.name, line, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (n *Node) do(request wire.Request) error {
	request.Node = n.name
	_, err := n.lab.ask(context.Background(), request)
	return err
}

// Exec runs a command at the node's console, as root, with cables plugged in or not. exit is the command's exit status,
// 128+N when signal N ended it; err says that it could not be run, or that nobody knows how it ended (ErrOff when the
// power went). It is killed when ctx ends.
func (n *Node) Exec(ctx context.Context, stdin io.Reader, argv ...string) (stdout, stderr []byte, exit int, err error) {
	c := &console{}
	defer c.close()
	in, err := c.input(stdin)
	if err != nil {
		return nil, nil, 0, err
	}
	var buffers [2]buffer
	var files [3]*os.File
	files[0] = in
	for i := range buffers {
		if files[i+1], err = c.output(&buffers[i]); err != nil {
			return nil, nil, 0, err
		}
	}
	answer, err := n.lab.ask(ctx, wire.Request{Op: wire.OpExec, Node: n.name, Argv: argv}, files[:]...)
	c.finish()
	return buffers[0].text, buffers[1].text, answer.Exit, err
}

// ExecFiles is Exec with the caller's own descriptors, such as a terminal's.
func (n *Node) ExecFiles(ctx context.Context, stdin, stdout, stderr *os.File, argv ...string) (exit int, err error) {
	answer, err := n.lab.ask(ctx, wire.Request{Op: wire.OpExec, Node: n.name, Argv: argv}, stdin, stdout, stderr)
	return answer.Exit, err
}

// console holds the pipes of one command.
type console struct {
	theirs  []*os.File // the command's ends
	readers []*os.File
	copying sync.WaitGroup
}

// buffer is what a command printed.
type buffer struct{ text []byte }

func (c *console) input(from io.Reader) (*os.File, error) {
	if from == nil {
		null, err := os.Open(os.DevNull)
		if err == nil {
			c.theirs = append(c.theirs, null)
		}
		return null, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.theirs = append(c.theirs, r)
	go func() {
		_, _ = io.Copy(w, from) // it ends early when the command does not read it all
		_ = w.Close()
	}()
	return r, nil
}

func (c *console) output(into *buffer) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.theirs = append(c.theirs, w)
	c.readers = append(c.readers, r)
	c.copying.Go(func() {
		var err error
		if into.text, err = io.ReadAll(r); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			into.text = append(into.text, []byte(err.Error())...)
		}
	})
	return w, nil
}

// outputGrace is how long the output of a command is read on after its end, when something that it left in the background holds it open.
const outputGrace = time.Second

// finish waits for the last output.
func (c *console) finish() {
	for _, f := range c.theirs {
		_ = f.Close()
	}
	c.theirs = nil
	for _, r := range c.readers {
		_ = r.SetReadDeadline(time.Now().Add(outputGrace))
	}
	c.copying.Wait()
}

func (c *console) close() {
	for _, f := range append(c.theirs, c.readers...) {
		_ = f.Close()
	}
	c.copying.Wait()
}
