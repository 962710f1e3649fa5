//go:build linux

package machine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// answer holds one conversation with the owner.
func (m *machine) answer(conn *net.UnixConn) error {
	var request wire.Request
	files, err := wire.Receive(conn, &request)
	if err != nil {
		return err
	}
	defer func() { wire.CloseAll(files) }()
	asked := wire.Gone(conn)
	var answer wire.Answer
	if err := m.do(request, asked, &files, &answer); err != nil {
		answer.Error, answer.Off = err.Error(), errors.Is(err, errOff) || errors.Is(err, errPower)
	}
	if err := wire.Send(conn, answer); err != nil {
		return nil // nobody waits for it any more
	}
	if request.Op == wire.OpDown {
		m.end()
		select {} // the end of this connection is the end of the supervisor
	}
	return nil
}

func (m *machine) do(request wire.Request, asked <-chan struct{}, files *[]*os.File, answer *wire.Answer) (err error) {
	switch request.Op {
	case wire.OpUp:
		return m.up(asked)
	case wire.OpDown:
		return errors.Join(m.both(func(n *node) error { n.off("the lab ends"); return nil }), runIP("link del "+Uplink))
	case wire.OpTruth:
		truth := m.san.tell()
		answer.Truth = &truth
		return nil
	case wire.OpStatus:
		for _, n := range m.nodes {
			answer.Status = append(answer.Status, n.status())
		}
		return nil
	case wire.OpTarget:
		if request.Behaviour == nil {
			return errors.New("target: which behaviour?")
		}
		return m.san.behave(request.Target, *request.Behaviour)
	}
	n, err := m.node(request.Node)
	if err != nil {
		return err
	}
	switch request.Op {
	case wire.OpExec:
		answer.Exit, err = n.exec(request.Argv, asked, files)
		return err
	case wire.OpKill:
		_, err := n.console(wire.InitRequest{Kill: request.Daemons}, asked)
		return err
	case wire.OpPowerOff:
		n.off("cut")
		return nil
	case wire.OpPowerOn:
		return errors.Join(n.on("switched on"), n.up(asked))
	case wire.OpReset:
		return n.reset(asked)
	case wire.OpWipe:
		return n.wipe(request.Release, asked)
	case wire.OpCut, wire.OpHeal:
		return n.setCable(request.Rings, request.Op == wire.OpHeal)
	case wire.OpHostKeys:
		answer.Keys, err = n.hostKeysOf()
		return err
	}
	return fmt.Errorf("the lab cannot %q", request.Op)
}

func (n *node) reset(asked <-chan struct{}) error {
	n.job.Lock()
	n.offLocked("reset")
	err := n.onLocked("reset")
	n.job.Unlock()
	return errors.Join(err, n.up(asked))
}

func (n *node) wipe(release wire.Release, asked <-chan struct{}) error {
	n.job.Lock()
	n.offLocked("installation")
	err := n.install(release)
	if err == nil {
		err = n.onLocked("installed")
	}
	n.job.Unlock()
	if err != nil {
		return err
	}
	return n.up(asked)
}

// exec runs a command on the node's console. The command's descriptors are the asker's own.
func (n *node) exec(argv []string, asked <-chan struct{}, files *[]*os.File) (exit int, err error) {
	if len(*files) != 3 || len(argv) == 0 {
		return 0, errors.New("exec: want a command and three descriptors")
	}
	f := *files
	*files = nil
	return n.console(wire.InitRequest{Exec: argv}, asked, f...)
}

// console asks the node's PID 1, and waits for its answer or the end of its power.
func (n *node) console(request wire.InitRequest, asked <-chan struct{}, files ...*os.File) (exit int, err error) {
	conn, l, err := n.reach()
	if err != nil {
		wire.CloseAll(files)
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	err = wire.Send(conn, request, files...)
	wire.CloseAll(files) // the asker must see the end of the command's output
	if err != nil {
		return 0, fmt.Errorf("%s: PID 1 does not listen: %w", n.Name, err)
	}
	done := make(chan error, 1)
	var answer wire.InitAnswer
	go func() {
		_, err := wire.Receive(conn, &answer)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			select { // PID 1 answers as long as it lives
			case <-l.over:
			case <-asked:
			}
			return 0, fmt.Errorf("%s: %w", n.Name, errPower)
		}
		if answer.Error != "" {
			return 0, fmt.Errorf("%s: %s", n.Name, answer.Error)
		}
		return answer.Exit, nil
	case <-asked:
		return 0, errors.New("nobody waits any more")
	}
}

func (n *node) reach() (*net.UnixConn, *life, error) {
	l, _ := n.now()
	if l == nil {
		return nil, nil, fmt.Errorf("%s: %w", n.Name, errOff)
	}
	conn, err := wire.Dial(filepath.Join(n.dir, "board"), "init.sock")
	if err != nil {
		return nil, nil, fmt.Errorf("%s: PID 1 does not answer yet: %w", n.Name, err)
	}
	return conn, l, nil
}
