package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
)

// interrupts gives a channel that is closed when somebody asks to stop, and a context that ends when the operator asks a
// second time.
//
// Ctrl-C and SIGTERM ask to stop; the second of them stops at once. A terminal that is gone (SIGHUP) and an output that
// nobody reads (run | head) or that has no room (a full disk) ask to stop too, and detach the output: nobody is there to
// ask a second time, and nothing that cannot be printed may end a run in the middle of an outage. Why it stops is said
// where something can still be said; on is the command that goes on. An output that is not read for a while asks for nothing.
func (a *App) interrupts(ctx context.Context, on string) (stop <-chan struct{}, hard context.Context, done func()) {
	asked, ask := oneShot()
	settle := a.patient()
	detach := a.detachable(ask, on)
	hard, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, stopSignals()...)
	// Caught, so that a write to a closed pipe is an error of that write. A lost connection raises it as well, so it
	// asks for nothing by itself.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	go func() {
		for persons := 0; ; {
			select {
			case s := <-signals:
				if s == syscall.SIGHUP {
					detach()
				} else if persons++; persons > 1 {
					cancel()
					return
				}
				ask()
			case <-hard.Done():
				return
			}
		}
	}()
	return asked, hard, func() {
		signal.Stop(signals)
		signal.Stop(pipe)
		cancel()
		settle()
	}
}

// patient has a run go on when nobody reads its outputs. Unlike a terminal that is gone, one that is halted does not
// ask to stop: somebody may sit there, and can.
func (a *App) patient() (settle func()) {
	errs := &patient{w: a.Stderr}
	out := &patient{w: a.below(), stuck: func() {
		_, _ = fmt.Fprintf(errs, "%s: nobody reads the output (a halted terminal?). It is kept, and the run goes on without "+
			"it; status says where it stands\n", a.Name)
	}}
	a.through(out)
	a.Stderr, a.stuck = errs, out.isStuck
	return func() {
		out.settle()
		errs.settle()
	}
}

// below is where what is printed goes, below what makes it safe to be shown.
func (a *App) below() io.Writer {
	if a.under != nil {
		return a.under
	}
	return a.Stdout
}

// interruptible is a context that ends at the first signal: for what changes nothing outside of itself, so that nothing
// is lost when it ends at once.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, stopSignals()...)
}

// stopSignals are the signals that ask to stop; SIGQUIT (Ctrl-\) too, or it would end the tool in the middle of an outage, with the exit
// code of a mistake in the input and without an echo. Under nohup a lost terminal does not.
func stopSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// oneShot is a channel, and what closes it; to do that twice is the same as once.
func oneShot() (<-chan struct{}, func()) {
	c := make(chan struct{})
	return c, sync.OnceFunc(func() { close(c) })
}

// detachable has an output dropped as soon as it cannot be written to, which asks to stop and is said once, on the error
// output; and has both dropped when detach is called.
func (a *App) detachable(ask func(), on string) (detach func()) {
	gone, detach := oneShot()
	errs := &output{w: a.Stderr, gone: gone, lost: func(error) { ask() }}
	a.through(&output{w: a.below(), gone: gone, lost: func(cause error) {
		ask()
		_, _ = fmt.Fprintf(errs, "%s: the output is lost: %v. The run stops at the next safe point, unless it ends before. "+
			"The journal knows where. To go on: %s\n", a.Name, cause, on)
	}})
	a.Stderr = errs
	return detach
}

// output is a terminal, a pipe or a file that may be gone or full.
type output struct {
	w    io.Writer
	gone <-chan struct{}
	lost func(cause error) // called once, when it cannot be written to
	off  atomic.Bool
}

// Write writes, or drops what nobody reads.
func (o *output) Write(p []byte) (int, error) {
	select {
	case <-o.gone:
		return len(p), nil
	default:
	}
	if o.off.Load() {
		return len(p), nil
	}
	if _, err := o.w.Write(p); err != nil && o.off.CompareAndSwap(false, true) {
		o.lost(err)
	}
	return len(p), nil
}
