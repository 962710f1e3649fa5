//go:build linux

package initd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// serve answers on the node's own socket until it is closed: the console for the machine around the node, and systemctl for the node.
func (s *system) serve(l *net.UnixListener) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			if err := s.answer(conn); err != nil {
				s.manager.say("%v", err)
			}
		}()
	}
}

func (s *system) answer(conn *net.UnixConn) error {
	var request wire.InitRequest
	files, err := wire.Receive(conn, &request)
	if err != nil {
		return err
	}
	defer func() { wire.CloseAll(files) }()
	var answer wire.InitAnswer
	switch {
	case request.Kill != nil:
		answer = failure(killNamed("/proc", request.Kill, syscall.Kill))
	case len(files) != 3:
		answer = failure(fmt.Errorf("%d descriptors, want 3", len(files)))
	case request.Systemctl != nil:
		c := &systemctl{m: s.manager, stdout: files[1], stderr: files[2], signal: s.signal}
		answer.Exit = c.run(request.Systemctl)
	case len(request.Exec) > 0:
		answer = s.exec(conn, request.Exec, &files)
	default:
		answer = failure(errors.New("a request that asks for nothing"))
	}
	return wire.Send(conn, answer)
}

func failure(err error) wire.InitAnswer {
	if err == nil {
		return wire.InitAnswer{}
	}
	return wire.InitAnswer{Error: err.Error()}
}

// exec runs a command as at a root console. It is killed, with its session, when who asked goes away.
func (s *system) exec(conn *net.UnixConn, argv []string, files *[]*os.File) wire.InitAnswer {
	path, err := lookPath(argv[0])
	if err != nil {
		return failure(err)
	}
	f := *files
	argv = append([]string{path}, argv[1:]...)
	p, err := s.manager.reaper.start(argv, consoleEnv, "/root", [3]uintptr{f[0].Fd(), f[1].Fd(), f[2].Fd()})
	wire.CloseAll(f) // the reader of its output must see the end
	*files = nil
	if err != nil {
		return failure(err)
	}
	select {
	case status := <-p.ended:
		return wire.InitAnswer{Exit: exitStatus(status)}
	case <-wire.Gone(conn):
		s.manager.killAll(p.pid)
		<-p.ended
		return failure(errors.New("killed: nobody waits for it any more"))
	}
}

var consoleEnv = []string{"PATH=" + consolePath, "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/bash", "LANG=C.UTF-8", "TERM=dumb"}

const consolePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// lookPath finds a program as the console's shell would; PID 1's own environment does not matter.
func lookPath(name string) (string, error) {
	if len(name) > 0 && name[0] == '/' {
		return name, nil
	}
	for _, dir := range filepath.SplitList(consolePath) {
		path := dir + "/" + name
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: command not found", name)
}
