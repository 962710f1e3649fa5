package sshexectest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/internal/execline"
)

// maxStdin bounds the input that is read into memory for a Runner.
const maxStdin = 256 << 20

// ServeRunner serves the commands of a Runner over SSH on l, until l is closed; then it returns an error that is
// net.ErrClosed. It is NewServer, RunnerHandler and Serve in one.
func ServeRunner(l net.Listener, hostKey ssh.Signer, authorized []ssh.PublicKey, r sshexec.Runner) error {
	s, err := NewServer(Config{HostKeys: []ssh.Signer{hostKey}, Authorized: authorized, Handler: RunnerHandler(r)})
	if err != nil {
		return err
	}
	err = s.Serve(l)
	return errors.Join(err, s.Close())
}

// ParseExec reads the command line of an exec request: exactly what a Client of sshexec makes of a Cmd, or one simple
// command as a person types it, with quotes, and with "cd DIR &&" and NAME=value before it. The effect of the command
// is not in the line; the graver is assumed, Disruptive.
func ParseExec(line string) (sshexec.Cmd, error) {
	cmd, _, _, err := parseExec(line)
	return cmd, err
}

func parseExec(line string) (cmd sshexec.Cmd, fence *execline.Fence, built bool, err error) {
	l, built, err := execline.Parse(line)
	if err != nil {
		return sshexec.Cmd{}, nil, false, fmt.Errorf("cannot run %q: %w", line, err)
	}
	cmd = sshexec.Cmd{Argv: l.Argv, Env: l.Env, Dir: l.Dir, Effect: sshexec.Disruptive}
	if l.Fence != nil {
		lease, err := sshexec.ParseLease(l.Fence.Words)
		if err != nil {
			return sshexec.Cmd{}, nil, false, fmt.Errorf("cannot run %q: %w", line, err)
		}
		cmd.Fence = &sshexec.Fence{Path: l.Fence.Path, Run: lease.Run, Epoch: lease.Epoch, Life: lease.Life, Host: lease.Host}
		if f := strings.Fields(l.Fence.At); len(f) == 3 {
			if cmd.Fence.At, err = strconv.Atoi(f[2]); err != nil {
				return sshexec.Cmd{}, nil, false, fmt.Errorf("cannot run %q: %w", line, err)
			}
		}
	}
	return cmd, l.Fence, built, nil
}

// RunnerHandler hands every command to r. A command line that ParseExec cannot read ends with exit status 127, as does
// a command that r did not start; an outcome of Unknown cuts the connection.
//
// Commands of an sshexec.Client get their input as Text, read in full before r is called. For those of other clients
// the input is a Stream: an ssh on a terminal leaves it open.
func RunnerHandler(r sshexec.Runner) Handler {
	return func(ctx context.Context, req Request) Exit {
		cmd, fence, built, err := parseExec(req.Line)
		if err != nil {
			_, _ = fmt.Fprintln(req.Stderr, err)
			return Exit{Code: 127}
		}
		cmd.Stdin = sshexec.Stream(req.Stdin)
		if built {
			var text strings.Builder
			if n, err := io.Copy(&text, io.LimitReader(req.Stdin, maxStdin+1)); err != nil || n > maxStdin {
				_, _ = fmt.Fprintln(req.Stderr, "cannot read the input")
				return Exit{Code: 126}
			}
			cmd.Stdin = sshexec.Text(text.String())
		}
		out := &countingWriter{w: req.Stdout}
		cmd.Stdout = out
		res, err := r.Run(ctx, cmd)
		if out.n == 0 {
			_, _ = req.Stdout.Write(res.Stdout) // a simulator may have kept it
		}
		var refused *sshexec.FencedError
		if errors.As(err, &refused) && fence != nil {
			_, _ = fmt.Fprintf(req.Stderr, "%s%s %s\n", fence.FencedLine(), refused.Reason, refused.Lease)
			return Exit{Code: execline.FencedStatus}
		}
		_, _ = req.Stderr.Write(res.Stderr)
		switch res.Outcome {
		case sshexec.Exited:
			return Exit{Code: res.ExitCode}
		case sshexec.Signalled:
			return Exit{Signal: res.Signal}
		case sshexec.NotStarted:
			_, _ = fmt.Fprintln(req.Stderr, err)
			return Exit{Code: 127}
		default:
			return Exit{Drop: true}
		}
	}
}

type countingWriter struct {
	w io.Writer
	n int
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += n
	return n, err
}
