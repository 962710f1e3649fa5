package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// LUS-044, LUS-045: both ways with their numbers, which come from the same timetable as every plan of a window.
func TestWays(t *testing.T) {
	config := clitest.Example(t, app, "")
	args := []string{"ways", "--config", config}
	code, out := clitest.Here(app, args...)
	require.Zero(t, code, "%s", out)
	require.Contains(t, out, "takes: 8 h 57 m (guessed)")
	require.Contains(t, out, "Saved by going offline: ")
	for _, step := range []string{"install-node1=1h", "install-node2=1h", "lustre-node1=30m", "lustre-node2=30m", "switch-over=2m", "stop-targets=1m"} {
		args = append(args, "--takes", step)
	}
	code, out = clitest.Here(app, args...)
	require.Zero(t, code, "%s", out)
	golden.Check(t, "ways.txt", out)

	clitest.EditJob(t, config, func(job map[string]any) { job["offline"] = true })
	_, again := clitest.Here(app, args...)
	require.Equal(t, out, again, "whichever way the configuration takes")
	for _, bad := range []string{"nowhere=1h", "install-node1=x", "install-node1=-1h", "=1h"} {
		code, out := clitest.Here(app, "ways", "--config", config, "--takes", bad)
		require.Equal(t, cli.ExitInput, code, "%s", out)
	}
	code, out = clitest.Here(app, "ways", "--config", "nowhere.yaml")
	require.Equal(t, cli.ExitInput, code, "%s", out)
}
