package cli

import (
	"bytes"
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ctrl-\ asks to stop as Ctrl-C does; without that this test dies of it.
func TestCtrlBackslashAsksToStop(t *testing.T) {
	var out bytes.Buffer
	a := &App{Name: "tool", Stdout: &out, Stderr: &out}
	stop, hard, done := a.interrupts(context.Background(), "tool resume")
	defer done()
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGQUIT))
	<-stop
	require.NoError(t, hard.Err(), "once does not end what is going on")
}
