package sshexec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// quietTime is how long the output of a command that has exited may stay silent before it counts as complete. It
	// matters only where a daemon was started that keeps the output open, as old init scripts do. A command that only
	// reads starts none: its output is complete when it ends, and at no other time.
	quietTime = time.Second
	// termGrace is how long a cancelled command has to end after SIGTERM, and killGrace how long to wait for the news of
	// its end after SIGKILL.
	termGrace = 2 * time.Second
	killGrace = 3 * time.Second
)

// ErrTimeout is the cause when a command ran longer than its Timeout. It is a context.DeadlineExceeded too.
var ErrTimeout = fmt.Errorf("the command ran longer than its Timeout: %w", context.DeadlineExceeded)

// commandContext is the context of one command: with its Timeout, and with a way to end it for a reason.
func commandContext(ctx context.Context, cmd Cmd) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if cmd.Timeout <= 0 {
		return ctx, cancel
	}
	ctx, stop := context.WithTimeoutCause(ctx, cmd.Timeout, ErrTimeout)
	return ctx, func(cause error) {
		cancel(cause)
		stop()
	}
}

// contextCause is why the context ended; it is always the context's own error too.
func contextCause(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// outputs are the two output streams of a running command.
type outputs struct {
	stdout, stderr *sink
	done           chan struct{} // closed when both streams have ended
	toTheEnd       bool          // only their end makes them complete
	// arrived returns true when all is here that was on its way when it was called, false when it cannot be known, and
	// does so at the latest when its argument is closed.
	arrived func(stop <-chan struct{}) bool
}

// newOutputs takes the output as the command wants it.
func newOutputs(cmd Cmd) *outputs {
	o := &outputs{stdout: newSink(cmd.Stdout), stderr: newSink(nil), done: make(chan struct{}), toTheEnd: cmd.Effect == ReadOnly}
	if cmd.Plain {
		o.stdout.plain, o.stderr.plain = &controlStripper{}, &controlStripper{}
	}
	if cmd.Lines != nil {
		to := &observer{to: cmd.Lines, hide: cmd.Redaction()}
		o.stdout.lines, o.stderr.lines = &lineSplitter{stream: StdoutStream, to: to}, &lineSplitter{stream: StderrStream, to: to}
	}
	return o
}

// collect reads the output until it ends. For arrived see [outputs].
func collect(cmd Cmd, stdout, stderr io.Reader, arrived func(stop <-chan struct{}) bool) *outputs {
	o := newOutputs(cmd)
	o.arrived = arrived
	var ended atomic.Int32
	read := func(s *sink, r io.Reader) {
		if s.readFrom(r); ended.Add(1) == 2 {
			close(o.done)
		}
	}
	go read(o.stdout, stdout)
	go read(o.stderr, stderr)
	return o
}

// wait returns true when the command has exited and its output is complete, false when stop came first.
func (o *outputs) wait(exited, stop <-chan struct{}) bool {
	select {
	case <-exited:
	case <-stop:
		return false
	}
	silent := make(chan struct{})
	if !o.toTheEnd {
		over := make(chan struct{})
		defer close(over)
		go func() {
			if o.silence(over) {
				close(silent)
			}
		}()
	}
	select {
	case <-o.done:
	case <-silent:
	case <-stop:
		return false
	}
	return true
}

// silence waits until nothing is on its way any more and nothing has come for quietTime. Silence alone proves nothing:
// the connection may stand still, or this program.
func (o *outputs) silence(over <-chan struct{}) bool {
	pause := func(d time.Duration) bool {
		select {
		case <-over:
			return false
		case <-time.After(d):
			return true
		}
	}
	for {
		before := o.reads()
		if !pause(quietTime) || !o.arrived(over) || !pause(quietTime/10) { // what has arrived has yet to be read
			return false
		}
		if !o.busy() && o.reads() == before {
			return true
		}
	}
}

// reads grows with everything that is read.
func (o *outputs) reads() int64 { return o.stdout.reads.Load() + o.stderr.reads.Load() }

// busy tells whether something that was read is being passed on.
func (o *outputs) busy() bool { return o.stdout.reads.Load()%2 != 0 || o.stderr.reads.Load()%2 != 0 }

// waitAtMost is wait with a time limit in place of a channel.
func (o *outputs) waitAtMost(exited <-chan struct{}, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return o.wait(exited, ctx.Done())
}

// finish fills in what was captured. From then on nothing more is given to the caller's Stdout and Lines.
func (o *outputs) finish(res *Result) error {
	outErr, errErr := o.stdout.close(), o.stderr.close()
	if outErr == nil {
		res.Stdout, res.Truncated = o.stdout.kept.Bytes(), o.stdout.cut
	}
	if errErr == nil {
		res.Stderr, res.Truncated = o.stderr.kept.Bytes(), res.Truncated || o.stderr.cut
	}
	for _, err := range []error{outErr, errErr} {
		if err != nil {
			return err
		}
	}
	return o.stdout.failed
}

// sink takes one stream to its end, whatever happens to the writer behind it: a stream that nobody reads would stop the command.
type sink struct {
	to     io.Writer        // nil: keep
	plain  *controlStripper // nil: as it comes
	lines  *lineSplitter    // nil: no observer
	turn   chan struct{}
	closed bool
	kept   bytes.Buffer
	cut    bool
	failed error
	reads  atomic.Int64 // twice the number of reads, and one more while what came is passed on
}

func newSink(to io.Writer) *sink {
	return &sink{to: to, turn: make(chan struct{}, 1)}
}

// buffers are for copying: a short command would spend more time on three new ones than on itself.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (s *sink) readFrom(r io.Reader) {
	pooled := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(pooled)
	buf := pooled[:]
	for {
		n, err := r.Read(buf)
		if n > 0 {
			s.reads.Add(1)
			s.take(buf[:n])
			s.reads.Add(1)
		}
		if err != nil {
			return
		}
	}
}

func (s *sink) take(p []byte) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.closed {
		return
	}
	if s.plain != nil {
		p = s.plain.strip(p)
	}
	if s.lines != nil {
		s.lines.write(p)
	}
	switch {
	case s.failed != nil || len(p) == 0:
	case s.to != nil:
		if _, err := s.to.Write(p); err != nil {
			s.failed = fmt.Errorf("cannot write the output on: %w", err)
		}
	default:
		room := CaptureLimit - s.kept.Len()
		if room < len(p) {
			s.cut = true
			p = p[:room]
		}
		s.kept.Write(p)
	}
}

// errStuckWriter is what a command ends with whose Stdout or Lines does not come back.
var errStuckWriter = errors.New("what takes the output hangs")

// close lets nothing more through. A consumer that hangs is left behind; it is closed off when it comes back.
func (s *sink) close() error {
	if s.lines == nil {
		select {
		case s.turn <- struct{}{}:
			s.closed = true
			<-s.turn
			return nil
		default: // what takes the output may hang
		}
	}
	closed := make(chan struct{})
	go func() {
		s.turn <- struct{}{}
		if !s.closed && s.lines != nil {
			s.lines.end()
		}
		s.closed = true
		<-s.turn
		close(closed)
	}()
	patience := time.NewTimer(killGrace)
	defer patience.Stop()
	select {
	case <-closed:
		return nil
	case <-patience.C:
		return errStuckWriter
	}
}

// feed copies the input to a command. A command may end without reading it all, so an error of w is none; an error of
// the input is reported.
func feed(w io.Writer, in io.Reader) error {
	source := &errReader{r: in}
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	_, _ = io.CopyBuffer(w, source, buf[:])
	if source.err != nil {
		return fmt.Errorf("cannot read the command's input: %w", source.err)
	}
	return nil
}

type errReader struct {
	r   io.Reader
	err error
}

func (e *errReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		e.err = err
	}
	return n, err
}
