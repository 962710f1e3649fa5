package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

// pairFiles is a directory with a CIB of package lustretest, and the guide's corosync.conf.
func pairFiles(t *testing.T, cib string) string {
	t.Helper()
	return clitest.PairDir(t, filepath.Join(simulatorFiles, cib), filepath.Join(simulatorFiles, "el6-corosync.conf"))
}

const simulatorFiles = "../../lustre/lustretest/testdata"

// No secret is in anything that the tool prints or writes: the new cluster's password, and the fencing passwords in the backups.
func TestCanaries(t *testing.T) {
	dir := pairFiles(t, "el6-cib.xml")
	require.NoError(t, os.CopyFS(filepath.Join(dir, "targets"), os.DirFS(filepath.Join(simulatorFiles, "targets"))))
	c := clitest.PairCanaries(t, app, dir, "")
	c.Fail["the fencing's command"] = clitest.OfFencing
	c.Run(t)
}
