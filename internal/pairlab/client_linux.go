package pairlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// socket is the supervisor's, in the lab's directory.
const socket = "lab.sock"

// ask puts a request to the supervisor. When ctx ends so does what was asked for, if it can: a command is killed.
func (l *Lab) ask(ctx context.Context, request wire.Request, files ...*os.File) (wire.Answer, error) {
	conn, err := wire.Dial(l.dir, socket)
	if err != nil {
		return wire.Answer{}, fmt.Errorf("the lab does not answer: %w", err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var answer wire.Answer
	err = wire.Send(conn, request, files...)
	if err == nil {
		_, err = wire.Receive(conn, &answer)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return wire.Answer{}, ctx.Err()
	case err != nil:
		return wire.Answer{}, fmt.Errorf("the lab has ended: %w", err)
	case answer.Off:
		return answer, fmt.Errorf("%w: %s", ErrOff, answer.Error)
	case answer.Error != "":
		return answer, errors.New(answer.Error)
	}
	return answer, nil
}

// shut ends a lab that somebody else has started, and waits until it has ended.
func (l *Lab) shut() error {
	conn, err := wire.Dial(l.dir, socket)
	if err != nil {
		return nil // it has ended already
	}
	defer func() { _ = conn.Close() }()
	var answer wire.Answer
	err = wire.Send(conn, wire.Request{Op: wire.OpDown})
	if err == nil {
		_, err = wire.Receive(conn, &answer)
	}
	if err != nil {
		return fmt.Errorf("the lab does not end: %w", err)
	}
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	_, _ = io.Copy(io.Discard, conn) // until the supervisor has ended
	return removeTraces(l.dir)
}

// removeTraces takes away what a supervisor leaves in the lab's directory.
func removeTraces(dir string) error {
	var errs []error
	for _, name := range []string{socket, "machine"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
