package pairlab

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/image"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/machine"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// Start makes a lab: both nodes run the old system, reachable by ssh, without a cluster. The first time on a machine it
// builds the image, which takes minutes.
func Start(ctx context.Context, o Options) (lab *Lab, err error) {
	if err := suitable(o); err != nil {
		return nil, err
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	s := &starter{o: o, log: o.Log}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.undo())
		}
	}()
	if s.log == nil || o.Detached {
		logFile, err := os.OpenFile(filepath.Join(o.Dir, "supervisor.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		s.logFile = logFile
		if s.log == nil {
			s.log = logFile
		}
	}
	for _, step := range []func(context.Context) error{s.build, s.takeImage, s.makeKey, s.spawn, s.plug, s.hello} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	lab = s.lab()
	if _, err := lab.ask(ctx, wire.Request{Op: wire.OpUp}); err != nil {
		return nil, fmt.Errorf("cannot boot the nodes (consoles are in %s): %w", o.Dir, err)
	}
	if err := lab.Trust(); err != nil {
		return nil, err
	}
	return lab, nil
}

func suitable(o Options) error {
	if o.Dir == "" {
		return errors.New("a lab needs a directory: Options.Dir")
	}
	if os.Getuid() != 0 {
		return fmt.Errorf("%w: it needs root, for namespaces and mounts", ErrUnavailable)
	}
	if _, err := machine.IPProgram(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	for _, program := range []string{"apt-get", "dpkg"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	return nil
}

// starter holds what has been made of a lab so far.
type starter struct {
	o       Options
	log     io.Writer
	logFile *os.File
	program string
	built   bool // the program is ours to remove
	image   *image.Image
	key     keyPair
	cmd     *exec.Cmd
	wait    func() error
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	link    string // the machine's end of the cable to ring 0
	nodes   [2]wire.Node
	outside string
	once    sync.Once
	closed  error
}

type keyPair struct{ private, public string }

// build makes the lab's program.
func (s *starter) build(ctx context.Context) error {
	if s.program = s.o.Program; s.program != "" {
		return nil
	}
	s.program = filepath.Join(s.o.Dir, "pairlabd")
	const source = "github.com/evenkeel-ha/evenkeel/internal/pairlab/pairlabd"
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", s.program, source}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own program
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case err != nil:
		return fmt.Errorf("cannot build the lab's program: %w: %s", err, strings.TrimSpace(string(out)))
	}
	s.built = true
	return nil
}

func (s *starter) takeImage(ctx context.Context) (err error) {
	s.image, err = image.Ensure(ctx, s.program, s.log)
	switch {
	case errors.Is(err, image.ErrUnavailable), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// makeKey makes the key that root of both nodes accepts, and has.
func (s *starter) makeKey(context.Context) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, "pairlab")
	if err != nil {
		return err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return err
	}
	s.key = keyPair{string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(signer.PublicKey()))}
	return os.WriteFile(filepath.Join(s.o.Dir, keyFile), []byte(s.key.private), 0o600)
}

// spawn starts the supervisor, which waits for its orders. It holds the image's lock as long as it lives.
func (s *starter) spawn(context.Context) error {
	args := []string{"supervise"}
	attr := &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Setsid:     true,
	}
	if s.o.Detached {
		args = append(args, "detached")
	} else {
		attr.Pdeathsig = syscall.SIGKILL
	}
	s.cmd = exec.Command(s.program, args...) //nolint:gosec,noctx // its life is the lab's
	s.cmd.SysProcAttr, s.cmd.ExtraFiles = attr, []*os.File{s.image.Lock()}
	s.cmd.Stderr = s.log
	if s.o.Detached { // it outlives this process, and must not keep anything open that somebody waits for the end of
		s.cmd.Stderr = s.logFile
	}
	var err error
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	s.stdout = bufio.NewReader(stdout)
	if s.wait, err = startOnThread(s.cmd); err != nil {
		s.cmd = nil
		return fmt.Errorf("%w: cannot make namespaces: %w", ErrUnavailable, err)
	}
	return nil
}

// startOnThread starts a command from a thread that lives as long as the command: its Pdeathsig would be sent at the
// end of the thread, which need not be the end of this process.
func startOnThread(cmd *exec.Cmd) (wait func() error, err error) {
	started := make(chan error)
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return sync.OnceValue(func() error { return <-ended }), nil
}

// plug links the machine to ring 0. The name of the link, which no two labs can have, says which addresses the lab has:
// pairlab0 is 10.72.0.0/24 and 10.72.1.0/24, pairlab1 is 10.72.2.0/24 and 10.72.3.0/24, and so on.
func (s *starter) plug(ctx context.Context) error {
	used, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	last := errors.New("every one is used by the machine")
	for k := range 128 {
		if !free(2*k, used) || !free(2*k+1, used) {
			continue
		}
		link := fmt.Sprintf("pairlab%d", k)
		if last = s.ip(ctx, "link", "add", link, "type", "veth", "peer", "name", machine.Uplink, "netns",
			fmt.Sprint(s.cmd.Process.Pid)); last != nil {
			continue // another lab has it
		}
		s.link = link
		for i, name := range nodeNames {
			s.nodes[i] = wire.Node{Name: name, Rings: [2]string{address(2*k, i+1), address(2*k+1, i+1)}}
		}
		s.outside = address(2*k, 254)
		return errors.Join(s.ip(ctx, "addr", "add", s.outside+"/24", "dev", link), s.ip(ctx, "link", "set", link, "up"))
	}
	return fmt.Errorf("%w: no free network within 10.72.0.0/16: %w", ErrUnavailable, last)
}

func address(subnet, host int) string { return fmt.Sprintf("10.72.%d.%d", subnet, host) }

// free tells whether none of the machine's networks overlaps with a subnet.
func free(subnet int, used []net.Addr) bool {
	ours := &net.IPNet{IP: net.ParseIP(address(subnet, 0)).To4(), Mask: net.CIDRMask(24, 32)}
	for _, a := range used {
		if n, ok := a.(*net.IPNet); ok && (ours.Contains(n.IP) || n.Contains(ours.IP)) {
			return false
		}
	}
	return true
}

func (s *starter) ip(ctx context.Context, args ...string) error {
	program, err := machine.IPProgram()
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil { //nolint:gosec // iproute2
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// hello gives the supervisor its orders and waits until it listens.
func (s *starter) hello(context.Context) error {
	cfg := wire.Config{
		Dir: s.o.Dir, Image: s.image.Root, Nodes: s.nodes, Outside: s.outside, Targets: s.o.Targets, ByHand: s.o.ByHand, Services: s.o.Services,
		Post:      s.o.Post,
		Behaviour: Behaviour{StartDelay: s.o.StartDelay, StopDelay: s.o.StopDelay}, Authorized: s.key.public, RootKey: s.key.private,
	}
	switch {
	case cfg.Post == 0:
		cfg.Post = 10 * time.Second
	case cfg.Post < 0:
		cfg.Post = 0
	}
	if err := json.NewEncoder(s.stdin).Encode(cfg); err != nil {
		return fmt.Errorf("the supervisor takes no orders: %w", err)
	}
	if _, err := s.stdout.ReadString('\n'); err != nil {
		return fmt.Errorf("the supervisor does not start, see its log: %w", err)
	}
	return nil
}

func (s *starter) lab() *Lab {
	l := &Lab{dir: s.o.Dir}
	for i, n := range s.nodes {
		l.nodes[i] = &Node{lab: l, name: n.Name, addr: net.JoinHostPort(n.Rings[0], "22")}
	}
	if !s.o.Detached {
		l.close = s.undo
	}
	return l
}

// undo ends the supervisor, and with it all of the lab, and takes away what was made for it.
func (s *starter) undo() error {
	s.once.Do(func() {
		var errs []error
		if s.link != "" {
			_ = s.ip(context.Background(), "link", "del", s.link) // at once; the kernel would do it later
		}
		if s.cmd != nil {
			_ = s.cmd.Process.Kill() // PID 1 of all the rest
			_ = s.wait()             // "signal: killed"
			_ = s.stdin.Close()
		}
		if s.image != nil {
			errs = append(errs, s.image.Close())
		}
		if s.built {
			errs = append(errs, os.Remove(s.program))
		}
		errs = append(errs, removeTraces(s.o.Dir))
		if s.logFile != nil {
			errs = append(errs, s.logFile.Close())
		}
		s.closed = errors.Join(errs...)
	})
	return s.closed
}
