package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// asked is ended by the first request to end: Ctrl-C, SIGTERM, SIGQUIT, or a terminal that is gone (SIGHUP; not under nohup).
// An output that nobody reads any more is an error of that write: a worker does not end of it in the middle of an outage.
func asked() (context.Context, context.CancelFunc) {
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signal.NotifyContext(context.Background(), signals...)
}

// again is ended by the next request of a person. SIGHUP often comes twice, from the shell and from the terminal: it is
// none.
func again() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
}
