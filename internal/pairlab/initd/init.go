//go:build linux

package initd

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// Socket is where PID 1 of a node answers, within the node.
const Socket = "/run/lab/init.sock"

// How PID 1 ends, for the machine around the node: orderly off, or orderly off to boot again. Anything else is a power cut.
const (
	ExitPoweroff = 0
	ExitReboot   = 42
)

// system is one booted node.
type system struct {
	manager *manager
	signals chan os.Signal
}

// Main is PID 1. It starts the services that are enabled, writes a line to booted when they run, and goes on until
// SIGTERM (power off) or SIGINT (reboot): then it stops every service in order, and returns the exit status. What it
// prints is the node's console.
func Main(booted io.WriteCloser) int {
	s := &system{
		manager: &manager{dir: unitDir{"/"}, run: "/run", reaper: newReaper(), log: os.Stdout, output: os.Stdout,
			services: map[string]*service{}},
		signals: make(chan os.Signal, 4),
	}
	signal.Notify(s.signals, syscall.SIGTERM, syscall.SIGINT)
	listener, err := listen(Socket)
	if err != nil {
		s.manager.say("%v", err)
		return 1
	}
	go s.serve(listener)
	go s.boot(booted)
	sig := <-s.signals
	s.manager.say("%v: going down", sig)
	s.manager.stopAll()
	if sig == syscall.SIGINT {
		return ExitReboot
	}
	return ExitPoweroff
}

// signal is what systemctl reboot and poweroff do.
func (s *system) signal(sig syscall.Signal) { s.signals <- sig }

func listen(path string) (*net.UnixListener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o600)
}

// boot starts what is enabled, all at once: what must wait for another waits for it itself.
func (s *system) boot(booted io.WriteCloser) {
	m := s.manager
	names, err := m.dir.enabled()
	if err == nil {
		err = os.MkdirAll(filepath.Join(m.run, "systemd", "system"), 0o755) //nolint:gosec // by which programs know a systemd
	}
	if err != nil {
		m.say("cannot boot: %v", err)
		return
	}
	var all sync.WaitGroup
	for _, n := range names {
		all.Go(func() {
			if err := m.start(n); err != nil {
				m.say("cannot start %s: %v", n, err)
			}
		})
	}
	all.Wait()
	m.say("booted")
	_, _ = io.WriteString(booted, "booted\n")
	_ = booted.Close()
}

// stopAll stops every service, those that need another before it.
func (m *manager) stopAll() {
	m.mu.Lock()
	m.down = true
	m.mu.Unlock()
	var all sync.WaitGroup
	for _, n := range m.running() {
		all.Go(func() {
			if err := m.stop(n); err != nil {
				m.say("cannot stop %s: %v", n, err)
			}
		})
	}
	all.Wait()
}

// Systemctl is the program systemctl of a node: PID 1 does the work.
func Systemctl(args []string) int {
	exit, err := askInit(Socket, args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "Failed to connect to PID 1: %v\n", err)
		return 1
	}
	return exit
}

func askInit(socket string, args []string) (exit int, err error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	if len(args) == 0 {
		args = []string{"list-units"}
	}
	if err := wire.Send(conn, wire.InitRequest{Systemctl: args}, os.Stdin, os.Stdout, os.Stderr); err != nil {
		return 0, err
	}
	var answer wire.InitAnswer
	if _, err := wire.Receive(conn, &answer); err != nil {
		return 0, err
	}
	if answer.Error != "" {
		return 0, errors.New(answer.Error)
	}
	return answer.Exit, nil
}
