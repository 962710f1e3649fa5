package sshexec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/evenkeel-ha/evenkeel/sshexec/secret"
)

// Recorder is a Runner that writes down what another one does, for people to review and for Replay to answer from. The
// text has one paragraph for each command:
//
//	command "hostname" "-f"
//	effect read-only
//	outcome exited 0
//	stdout
//	| node1.example.net
//
// Secrets that a command masks, or that the Recorder was given, are not in it; neither is the content of files, streams
// and secrets that commands read.
type Recorder struct {
	runner  Runner
	secrets []Secret

	mu      sync.Mutex
	out     io.Writer
	started bool
}

// Record is a Recorder of r that writes to w.
func Record(r Runner, w io.Writer, secrets ...Secret) *Recorder {
	return &Recorder{runner: r, out: w, secrets: secrets}
}

var _ Runner = (*Recorder)(nil)

// Run runs the command and writes down what came of it. A failure to write is an error of the command, which has run.
func (r *Recorder) Run(ctx context.Context, cmd Cmd) (Result, error) {
	if err := cmd.Validate(); err != nil {
		return Result{}, Failure("", cmd, Result{}, err)
	}
	if ctx.Err() != nil {
		return Result{}, Failure("", cmd, Result{}, contextCause(ctx))
	}
	x := &exchange{cmd: cmd, stdin: kindOf(cmd.Stdin)}
	var streamed bytes.Buffer
	if cmd.Stdout != nil {
		cmd.Stdout = &tee{to: cmd.Stdout, copy: &streamed}
	}
	res, err := r.runner.Run(ctx, cmd)
	x.result, x.stream = res, streamed.Bytes()
	if cmd.Redaction().hidesAll() {
		x.result.Stdout, x.result.Stderr, x.stream = hidden(x.result.Stdout), hidden(x.result.Stderr), hidden(x.stream)
	}
	var ce *CommandError
	switch {
	case err == nil:
	case !errors.As(err, &ce):
		x.cause = &cause{err.Error(), []error{err}}
	case ce.Err != nil:
		x.cause = &cause{ce.Err.Error(), []error{ce.Err}}
	}
	if werr := r.write(x); werr != nil && err == nil {
		return res, Failure("", cmd, res, werr)
	}
	return res, err
}

// hidden is in the place of an output in which nobody can look for the secret.
func hidden(output []byte) []byte {
	if len(output) == 0 {
		return nil
	}
	return []byte(secret.Mask)
}

func (r *Recorder) write(x *exchange) error {
	text := x.format(Redactor(append(r.secrets[:len(r.secrets):len(r.secrets)], x.cmd.secrets()...)...).String)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.started {
		text = recordingHeader + "\n" + text
	}
	r.started = true
	if _, err := io.WriteString(r.out, text); err != nil {
		return fmt.Errorf("cannot write the recording: %w", err)
	}
	return nil
}

// tee writes on, and keeps a copy up to CaptureLimit of what came.
type tee struct {
	to   io.Writer
	copy *bytes.Buffer
}

func (t *tee) Write(p []byte) (int, error) {
	t.copy.Write(p[:min(len(p), CaptureLimit-t.copy.Len())])
	return t.to.Write(p)
}

// Replay is a Runner that answers from a recording. It never runs anything. Equal commands are answered in the order of
// the recording, and each paragraph answers once; a command that is not in it is refused with ErrUnscripted.
type Replay struct {
	host    string
	secrets []Secret

	mu      sync.Mutex
	waiting map[string][]*exchange
}

// ErrUnscripted is the cause when a Replay is asked for a command that is not (or no longer) in its recording.
var ErrUnscripted = errors.New("the recording has no such command, or no more of it")

// NewReplay reads a recording; host is the name that errors show. The secrets are those that were given to Record.
// Mistakes are ParseErrors.
func NewReplay(host string, recording io.Reader, secrets ...Secret) (*Replay, error) {
	list, err := parseRecording(recording)
	if err != nil {
		return nil, err
	}
	r := &Replay{host: host, secrets: secrets, waiting: map[string][]*exchange{}}
	for _, x := range list {
		r.waiting[x.key()] = append(r.waiting[x.key()], x)
	}
	return r, nil
}

var _ Runner = (*Replay)(nil)

// Run answers the command.
func (r *Replay) Run(ctx context.Context, cmd Cmd) (Result, error) {
	if err := cmd.Validate(); err != nil {
		return Result{}, Failure(r.host, cmd, Result{}, err)
	}
	if ctx.Err() != nil {
		return Result{}, Failure(r.host, cmd, Result{}, contextCause(ctx))
	}
	x := r.next(cmd)
	if x == nil {
		return Result{}, Failure(r.host, cmd, Result{}, ErrUnscripted)
	}
	var cause error
	if x.cause != nil {
		cause = x.cause
	}
	x.showLines(cmd)
	if cmd.Stdout != nil && len(x.stream) > 0 {
		if _, err := cmd.Stdout.Write(x.stream); err != nil {
			cause = fmt.Errorf("cannot write the output on: %w", err)
		}
	}
	return x.result, Failure(r.host, cmd, x.result, cause)
}

// showLines shows the recorded output to the command's observer. How the lines of both streams came one after another
// is not in a recording.
func (x *exchange) showLines(cmd Cmd) {
	if cmd.Lines == nil {
		return
	}
	to := &observer{to: cmd.Lines, hide: cmd.Redaction()}
	show := func(stream string, text []byte) {
		lines := lineSplitter{stream: stream, to: to}
		lines.write(text)
		lines.end()
	}
	show(StdoutStream, slices.Concat(x.result.Stdout, x.stream))
	show(StderrStream, x.result.Stderr)
}

func (r *Replay) next(cmd Cmd) *exchange {
	hide := Redactor(append(r.secrets[:len(r.secrets):len(r.secrets)], cmd.secrets()...)...).String
	asked := &exchange{cmd: cmd.Expand(hide), stdin: kindOf(cmd.Stdin)}
	key := asked.key()
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.waiting[key]
	if len(list) == 0 {
		return nil
	}
	r.waiting[key] = list[1:]
	return list[0]
}

// Done is an error that names the recorded commands that nobody asked for, nil when there are none.
func (r *Replay) Done() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var left []*exchange
	for _, list := range r.waiting {
		left = append(left, list...)
	}
	if len(left) == 0 {
		return nil
	}
	first := left[0]
	for _, x := range left {
		if x.line < first.line {
			first = x
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d recorded commands were not asked for, the first in line %d: %s", len(left), first.line, first.cmd)
	return errors.New(b.String())
}
