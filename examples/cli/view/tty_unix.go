//go:build unix

package view

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// onSignals calls resized whenever the terminal has another size, and suspend whenever Ctrl-Z is typed, unless whoever started the tool
// ignores that; from now on, since Go keeps a signal that it once caught.
func onSignals(resized, suspend func()) {
	sizes, stops := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(sizes, syscall.SIGWINCH, syscall.SIGCONT)
	if !signal.Ignored(syscall.SIGTSTP) {
		signal.Notify(stops, syscall.SIGTSTP)
	}
	go func() {
		for range sizes {
			resized()
		}
	}()
	go func() {
		for range stops {
			suspend()
		}
	}()
}

// stopItself stops the tool, and comes back when it goes on. SIGTSTP cannot do it: Go keeps it. SIGTTOU stops like it, and like it does
// nothing to a tool that no shell could take up again: then it is false.
func stopItself() bool {
	on := make(chan os.Signal, 1)
	signal.Notify(on, syscall.SIGCONT)
	defer signal.Stop(on)
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGTTOU)
	for range 2 { // after a stop the first pause may be over before Go has passed the signal on
		select {
		case <-on:
			return true
		case <-time.After(200 * time.Millisecond):
		}
	}
	return false
}
