package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// again is ended by the next Ctrl-C or SIGTERM.
func again() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}
