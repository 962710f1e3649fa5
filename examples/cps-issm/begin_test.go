package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

// What config init finds in a directory, and what it refuses; nothing is written then.
func TestConfigInit(t *testing.T) {
	write := func(dir, name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	hosts, err := os.ReadFile("input/Hosts.csv")
	require.NoError(t, err)
	mongo, err := os.ReadFile("input/mongoConfig.cfg")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		lay     func(above, dir string)
		refused string
		hosts   string // what the configuration names, in the directory or above it
		mongo   string
		deploy  bool
	}{
		"nothing":                {func(string, string) {}, "Hosts.csv: no such file", "", "", false},
		"no list of hosts":       {func(_, dir string) { write(dir, "mongoConfig.cfg", string(mongo)) }, "Hosts.csv: no such file", "", "", false},
		"an empty list of hosts": {func(_, dir string) { write(dir, "Hosts.csv", "") }, "Hosts.csv", "", "", false},
		"another list of hosts":  {func(_, dir string) { write(dir, "Hosts.csv", "root:x:0:0:canary:/root:/bin/sh\n") }, "Hosts.csv", "", "", false},
		"no replica sets":        {func(_, dir string) { write(dir, "Hosts.csv", string(hosts)) }, "there is no mongoConfig.cfg in ", "", "", false},
		"replica sets that are no": {func(_, dir string) {
			write(dir, "Hosts.csv", string(hosts))
			write(dir, "mongoConfig.cfg", "nothing\n")
		}, "mongoConfig.cfg", "", "", false},
		"both": {func(_, dir string) {
			write(dir, "Hosts.csv", string(hosts))
			write(dir, "mongoConfig.cfg", string(mongo))
		}, "", "in/Hosts.csv", "in/mongoConfig.cfg", false},
		"replica sets beside the folder": {func(above, dir string) {
			write(dir, "Hosts.csv", string(hosts))
			write(above, "mongoConfig.cfg", string(mongo))
		}, "", "in/Hosts.csv", "mongoConfig.cfg", false},
		"two candidates: the nearer one": {func(above, dir string) {
			write(dir, "Hosts.csv", string(hosts))
			write(dir, "mongoConfig.cfg", string(mongo))
			write(above, "mongoConfig.cfg", "canary\n")
		}, "", "in/Hosts.csv", "in/mongoConfig.cfg", false},
		"a deploy folder": {func(_, dir string) {
			require.NoError(t, os.CopyFS(dir, os.DirFS("../../cps/testdata/deploy")))
			write(dir, "mongoConfig.cfg", string(mongo))
		}, "", "", "in/mongoConfig.cfg", true},
		"a deploy folder without its hosts": {func(_, dir string) {
			require.NoError(t, os.CopyFS(dir, os.DirFS("../../cps/testdata/deploy")))
			require.NoError(t, os.Remove(filepath.Join(dir, "Hosts.csv")))
		}, "Hosts.csv: no such file", "", "", false},
	} {
		above := t.TempDir()
		dir, into := filepath.Join(above, "in"), filepath.Join(above, "config.yaml")
		require.NoError(t, os.Mkdir(dir, 0o700))
		c.lay(above, dir)
		text := clitest.Initialised(t, app, name, dir, into, c.refused)
		if c.refused != "" {
			continue
		}
		if c.deploy {
			require.Contains(t, string(text), "\n  deploy_dir: "+dir+"\n", name)
		} else {
			require.Contains(t, string(text), "\n  hosts_csv: "+filepath.Join(above, c.hosts)+"\n", name)
		}
		require.Contains(t, string(text), "\n  mongo_config: "+filepath.Join(above, c.mongo)+"\n", name)
		_, out := clitest.Here(app, "config", "check", "--config", into)
		require.NotRegexp(t, `there is no key|another kind|a value is missing|mongo_config|hosts_csv|deploy_dir`, out, name)

		text = append(text, "# mine\n"...)
		require.NoError(t, os.WriteFile(into, text, 0o600))
		code, out := clitest.Here(app, "config", "init", "--dir", dir, "--into", into)
		require.Equal(t, cli.ExitInput, code, "%s: %s", name, out)
		again, err := os.ReadFile(into)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again), "it is not overwritten")
	}
}
