package sshexec

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"strings"
)

// Ending says what became of the processes of a command that was cancelled or ran out of time: those of its process
// group, which is the command with all its children but for daemons.
type Ending uint8

// The endings. After GroupAlive and GroupUnknown the error of the command is ErrMayRun.
const (
	NotCancelled Ending = iota // the command came to its own end, or the connection to its
	GroupEnded                 // none of the processes is left
	GroupAlive                 // some are left that even SIGKILL does not end; they wait for a device
	GroupUnknown               // it could not be found out
)

// String is the ending in words.
func (e Ending) String() string {
	switch e {
	case NotCancelled:
		return "not cancelled"
	case GroupEnded:
		return "its processes have ended"
	case GroupAlive:
		return "its processes are still there"
	default:
		return "what became of its processes is unknown"
	}
}

// ErrMayRun means that a command was cancelled and that its processes may still be there.
var ErrMayRun = errors.New("its processes may still be running")

// cancelled is the cause of a command's end with what became of its processes.
func cancelled(cause error, e Ending) error {
	if e == GroupAlive || e == GroupUnknown {
		return fmt.Errorf("%w (%w)", cause, ErrMayRun)
	}
	return cause
}

// endScript ends the process group of the command whose mark is $1, and prints "none" when there is no such process,
// "ended" or "alive". Without Linux's /proc it fails.
//
//go:embed scripts/end_group.sh
var endScript string

// newMark is a name that no other command has.
func newMark() string { return strings.ToLower(rand.Text()) }

// endCommand is what ends the group of a command. It runs as the user that the command runs as.
func endCommand(cmd Cmd, mark string) Cmd {
	end := Script(Disruptive, endScript, mark)
	end.Sudo = cmd.Sudo
	return end
}

// endingOf reads what endCommand found. That nothing has the mark proves the end only of a command that is known to
// have ended; for any other it may mean as well that it has not begun yet, or that it hides its environment.
func endingOf(res Result, err error, exited bool) Ending {
	switch text := res.Text(); {
	case err != nil:
		return GroupUnknown
	case text == "ended", text == "none" && exited:
		return GroupEnded
	case text == "alive":
		return GroupAlive
	}
	return GroupUnknown
}

// endGroup ends the group of a command from another session on its connection, or else, when the host allows no more
// sessions or the connection is no good, from a new connection.
func (c *Client) endGroup(parent context.Context, conn *connection, cmd Cmd, mark string) (Result, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), c.cfg.EndTime)
	defer cancel()
	end := endCommand(cmd, mark)
	half, stop := context.WithTimeout(ctx, c.cfg.EndTime/2)
	res, err := c.endOn(half, conn, end)
	stop()
	if res.Outcome != NotStarted {
		return res, err
	}
	fresh, err := c.dial(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() {
		_ = fresh.ssh.Close()
		<-fresh.done
	}()
	return c.endOn(ctx, fresh, end)
}

func (c *Client) endOn(ctx context.Context, conn *connection, end Cmd) (Result, error) {
	ch, requests, _, err := openChannel(ctx, conn, func() {})
	if err != nil {
		return Result{}, err
	}
	s := newSession(conn, ch, requests, func() {})
	defer s.close()
	res, err := s.perform(ctx, end, "", nil)
	if err == nil && res.ExitCode != 0 {
		err = fmt.Errorf("exit status %d", res.ExitCode)
	}
	return res, err
}
