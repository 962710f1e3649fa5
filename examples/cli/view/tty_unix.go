//go:build unix

package view

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// signals calls resized when the terminal has another size, and suspend when Ctrl-Z is typed, unless whoever started the tool
// ignores that. Forget ends it.
func signals(resized, suspend func()) (forget func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH, syscall.SIGCONT)
	if !signal.Ignored(syscall.SIGTSTP) {
		signal.Notify(c, syscall.SIGTSTP)
	}
	go func() {
		for s := range c {
			if s == syscall.SIGTSTP {
				suspend() // it forgets this channel
			} else {
				resized()
			}
		}
	}()
	return func() {
		signal.Stop(c)
		close(c)
	}
}

// stopItself stops the tool, and comes back when it goes on. SIGTSTP cannot do it: Go keeps a signal that was once caught. SIGTTOU stops
// like it, and like it does nothing to a tool that no shell could take up again; nothing says so, and so the wait is short.
func stopItself() {
	on := make(chan os.Signal, 1)
	signal.Notify(on, syscall.SIGCONT)
	defer signal.Stop(on)
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGTTOU)
	select {
	case <-on:
	case <-time.After(200 * time.Millisecond): // over at once after a stop
	}
}
