package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

// site is a directory with the guide's Hosts.csv and two more session managers, and a mongoConfig.cfg.
func site(t *testing.T, mongo string) string {
	t.Helper()
	dir := t.TempDir()
	hosts := string(guideHosts) + "esxi-host-3,sessionmgr03,sm,sessionmgr03,datastore3,,192.168.105.35,,\n" +
		"esxi-host-4,sessionmgr04,sm,sessionmgr04,datastore4,,192.168.105.36,,\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Hosts.csv"), []byte(hosts), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mongoConfig.cfg"), []byte(mongo), 0o600))
	return dir
}

// The division is printed and written days before, as create-cluster-sets.sh makes it (CPS-006).
func TestSets(t *testing.T) {
	config, into := clitest.Example(t, app, ""), t.TempDir()
	code, out := clitest.Here(app, "sets", "--config", config, "--write", into)
	require.Equal(t, cli.ExitDone, code, "%s", out)
	require.Contains(t, out, "set 1, upgraded first (5 VMs): pcrfclient02, lb02, sessionmgr02, qns02, qns04\n")
	require.NotContains(t, out, "repair")
	raw, err := os.ReadFile(filepath.Join(into, "cluster-upgrade-set-2.txt"))
	require.NoError(t, err)
	require.Equal(t, "pcrfclient01\nlb01\nsessionmgr01\nqns01\nqns03\n", string(raw))
	require.NoError(t, os.WriteFile(filepath.Join(into, "cluster-upgrade-set-2.txt"), []byte("qns01\n"), 0o600))
	code, out = clitest.Here(app, "sets", "--config", config, "--write", into)
	require.Equal(t, cli.ExitFailed, code, "%s", out)
	raw, err = os.ReadFile(filepath.Join(into, "cluster-upgrade-set-2.txt"))
	require.NoError(t, err)
	require.Equal(t, "qns01\n", string(raw), "nothing is overwritten")
}

// Two data members in one half are said, with the moves that part them and what the configuration then needs (CPS-007).
func TestSetsRepaired(t *testing.T) {
	into := t.TempDir()
	dir := site(t, strings.ReplaceAll(string(guideMongo), "sessionmgr01:27720", "sessionmgr04:27720"))
	code, out := clitest.Here(app, "sets", "--dir", dir, "--write", into)
	require.Equal(t, cli.ExitFailed, code, "%s", out)
	require.Contains(t, out, "repair: move sessionmgr04 from /var/tmp/cluster-upgrade-set-1.txt to /var/tmp/cluster-upgrade-set-2.txt")
	require.Contains(t, out, "\nset1: [pcrfclient02, lb02, sessionmgr02, qns02, qns04]\n"+
		"set2: [pcrfclient01, lb01, sessionmgr01, sessionmgr03, sessionmgr04, qns01, qns03]\n")
	raw, err := os.ReadFile(filepath.Join(into, "cluster-upgrade-set-1.txt"))
	require.NoError(t, err)
	require.Equal(t, "pcrfclient02\nlb02\nsessionmgr02\nqns02\nqns04\n", string(raw))
}

// What no move repairs is said, and no file is written.
func TestSetsThatNoMoveRepairs(t *testing.T) {
	for name, mongo := range map[string]string{
		"a member twice on one VM": strings.ReplaceAll(string(guideMongo), "sessionmgr01:27720", "sessionmgr02:27730"),
		"the arbiter in a half":    strings.ReplaceAll(string(guideMongo), "arbitervip:27720", "sessionmgr03:27720"),
	} {
		t.Run(name, func(t *testing.T) {
			into := t.TempDir()
			code, out := clitest.Here(app, "sets", "--dir", site(t, mongo), "--write", into)
			require.Equal(t, cli.ExitFailed, code, "%s", out)
			require.Contains(t, out, "no file is written")
			left, err := os.ReadDir(into)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestSetsOfBadInput(t *testing.T) {
	for name, args := range map[string][]string{
		"nothing":         {},
		"both":            {"--dir", "x", "--config", "y"},
		"no such folder":  {"--dir", filepath.Join(t.TempDir(), "none")},
		"a broken file":   {"--dir", site(t, "[SESSION-SET1]\n")},
		"no such setting": {"--config", filepath.Join(t.TempDir(), "none.yaml")},
		"an argument":     {"--dir", site(t, string(guideMongo)), "more"},
	} {
		code, out := clitest.Here(app, append([]string{"sets"}, args...)...)
		require.Equal(t, cli.ExitInput, code, "%s: %s", name, out)
	}
}
