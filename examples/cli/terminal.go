package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// terminal is where the operator is asked, one question at a time. A question ends with its context. Nothing can end a read that
// waits, so that one goes on by itself, and answers the question that comes next.
type terminal struct {
	in     *bufio.Reader
	tty    *os.File     // what it reads; nil where that is no terminal
	asking sync.Mutex   // parallel steps may ask at the same time
	read   <-chan typed // the read that is under way; nil when there is none
}

// typed is a line that the operator typed.
type typed struct {
	line string
	err  error
}

// ask asks the operator. The answer is a line without the space around it.
func (t *terminal) ask(ctx context.Context, out io.Writer, format string, args ...any) (string, error) {
	t.asking.Lock()
	defer t.asking.Unlock()
	return t.answer(ctx, out, fmt.Sprintf(format, args...))
}

// askAnew is ask of something that no line may answer which was typed before it was shown.
func (t *terminal) askAnew(ctx context.Context, out io.Writer, question string) (string, error) {
	t.asking.Lock()
	defer t.asking.Unlock()
	if t.tty != nil {
		_ = unix.IoctlSetInt(int(t.tty.Fd()), unix.TCFLSH, unix.TCIFLUSH)
	}
	if t.read == nil { // else somebody reads, and what is there by now is dropped below
		_, _ = t.in.Discard(t.in.Buffered())
	}
	return t.answer(ctx, out, question)
}

// answer is ask; the caller holds the lock.
func (t *terminal) answer(ctx context.Context, out io.Writer, question string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	select {
	case <-t.read: // typed for a question that was given up
		t.read = nil
	default:
	}
	_, _ = io.WriteString(out, question)
	if t.read == nil {
		read := make(chan typed, 1)
		t.read = read
		go func() {
			line, err := t.in.ReadString('\n')
			read <- typed{line, err}
		}()
	}
	select {
	case got := <-t.read:
		t.read = nil
		if got.err != nil && !errors.Is(got.err, io.EOF) {
			return "", got.err
		}
		return strings.TrimSpace(got.line), nil
	case <-ctx.Done():
		_, _ = fmt.Fprintln(out) // what is said next is no part of the question
		return "", ctx.Err()
	}
}

// terminal is where the operator can be asked; nil where nobody sits. Every life of the tool asks at the same one.
func (a *App) terminal(noWait bool) *terminal {
	if noWait || terminalOf(a.Stdin) == nil {
		return nil
	}
	if a.tty == nil {
		a.tty = &terminal{in: bufio.NewReader(a.Stdin), tty: terminalOf(a.Stdin)}
	}
	return a.tty
}

// question is where the operator sees what is asked: the error output where the other one goes to a file.
func (a *App) question() io.Writer {
	if a.screen == nil && a.errors != nil {
		return a.Stderr
	}
	return a.Stdout
}

// terminalOf is the terminal at the other end of an input or an output; nil where there is none.
func terminalOf(end any) *os.File {
	if f, ok := end.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}
