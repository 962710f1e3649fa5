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

// A configuration may name a copy of the deploy folder: its tables are read and compared, and no password of them is shown (CPS-001).
func TestPlanFromTheDeployFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "csv"), os.DirFS("../../cps/testdata/deploy")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mongoConfig.cfg"), guideMongo, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "archives"), 0o700))
	readme, err := os.ReadFile("../../README.md") // it shows this configuration
	require.NoError(t, err)
	_, job, found := strings.Cut(string(readme), "```yaml\njob:\n  deploy_dir: ")
	require.True(t, found)
	job, _, _ = strings.Cut("journal: j.jsonl\njob:\n  deploy_dir: "+job, "```")
	require.Contains(t, job, "/srv/archives")
	job = strings.ReplaceAll(job, "/srv/archives", "archives")
	config := filepath.Join(dir, "c.yaml")
	with := func(more string) (int, string) {
		require.NoError(t, os.WriteFile(config, []byte(job+more), 0o600))
		return clitest.Here(app, "plan", "--config", config)
	}
	code, out := with("")
	require.Equal(t, cli.ExitDone, code, "%s", out)
	require.Contains(t, out, "Configuration.csv: warning: db_authentication_enabled is TRUE")
	require.NotContains(t, out, "canary")
	code, out = clitest.Here(app, "rehearse", "--config", config, "--every", "400")
	require.Equal(t, cli.ExitDone, code, "%s", out)
	code, out = clitest.Here(app, "sets", "--config", config)
	require.Equal(t, cli.ExitDone, code, "%s", out)
	require.Contains(t, out, "set 2 (4 VMs): pcrfclient01, lb01, sessionmgr01, qns01\n")

	for more, want := range map[string]string{
		"  hosts_csv: Hosts.csv\n":           "deploy_dir stands for hosts_csv and configuration_csv",
		"  configuration_csv: C.csv\n":       "deploy_dir stands for hosts_csv and configuration_csv",
		"  platform: openstack\n":            "the configuration says platform openstack",
		"  tools: {mongo: mongo-login}\n#\n": "",
	} {
		code, out = with(more)
		require.Equal(t, map[bool]int{true: cli.ExitDone, false: cli.ExitInput}[want == ""], code, "%s: %s", more, out)
		require.Contains(t, out, want)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "csv", "Hosts.csv")))
	code, out = with("")
	require.Equal(t, cli.ExitInput, code, "%s", out)
	require.Contains(t, out, "deploy_dir "+filepath.Join(dir, "csv")+": Hosts.csv: file does not exist")
}
