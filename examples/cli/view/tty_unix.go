//go:build unix

package view

import (
	"os"
	"os/signal"
	"syscall"
)

// resizes is a channel that has something when the terminal has another size, or the tool was stopped and goes on.
func resizes() (<-chan os.Signal, func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH, syscall.SIGCONT)
	return c, func() {
		signal.Stop(c)
		close(c)
	}
}
