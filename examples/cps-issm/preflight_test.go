package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

// Two faults of a cluster are told in one run, and the exit code is that of findings (CPS-030, CPS-160).
func TestPreflightTellsAll(t *testing.T) {
	code, out := clitest.Here(func() *cli.App {
		a := preflightApp()
		a.World = func(cfg *cli.Config) (cli.SimWorld, error) {
			job := jobOf(cfg)
			d, err := clusterFiles{job.HostsCSV, job.MongoConfig}.deployed(cfg, cpstest.Options{FreeKB: 1 << 20, HtpasswdDiffers: true})
			return simulated{d, clusterManager, nil}, err
		}
		return a
	}, "demo")
	require.Equal(t, cli.ExitFailed, code, "%s", out)
	require.Contains(t, out, "10 GB are needed")
	require.Contains(t, out, ".htpasswd differs between pcrfclient01 and pcrfclient02")
}

// The preflight takes the configuration of the migration, and leaves its journal alone.
func TestPreflightHasItsOwnJournal(t *testing.T) {
	config := clitest.Example(t, app, "")
	migration, err := app().Read(config)
	require.NoError(t, err)
	own, err := preflightApp().Read(config)
	require.NoError(t, err)
	require.Equal(t, "journal.jsonl", migration.Journal)
	require.Equal(t, "preflight-journal.jsonl", own.Journal)
	require.Equal(t, filepath.Dir(migration.Path(migration.Journal)), filepath.Dir(own.Path(own.Journal)))
}
