package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// No secret is in anything that the tool prints or writes: the new cluster's password, and the fencing passwords in the backups.
func TestCanaries(t *testing.T) {
	const password, fencing = `p4ss"w&rd'-CANARY`, `c4l"v&in'-CANARY`
	const from = "../../lustre/lustretest/testdata"
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "targets"), os.DirFS(filepath.Join(from, "targets"))))
	conf, err := os.ReadFile(filepath.Join(from, "el6-corosync.conf"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "corosync.conf"), conf, 0o600))
	cib, err := os.ReadFile(filepath.Join(from, "el6-cib.xml"))
	require.NoError(t, err)
	planted := strings.ReplaceAll(string(cib), `"calvin"`, `"c4l&quot;v&amp;in'-CANARY"`)
	require.NotEqual(t, string(cib), planted)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cib.xml"), []byte(planted), 0o600))

	clitest.Canaries{
		Dir: dir, Secrets: []string{password, fencing}, Planted: []string{"hacluster-password", "*.tgz", "cib.xml"},
		App: func() *cli.App {
			a := app()
			a.Example = func(into, dir string) (*cli.Config, error) {
				cfg, err := example(into, dir)
				if err == nil {
					err = os.WriteFile(filepath.Join(into, jobOf(cfg).PasswordFile), []byte(password+"\n"), 0o600)
				}
				return cfg, err
			}
			return a
		},
		Fail: map[string]func(sshexec.Cmd, string) bool{
			"the password's command": func(_ sshexec.Cmd, in string) bool { return strings.HasPrefix(in, password) },
			"the fencing's command": func(cmd sshexec.Cmd, in string) bool {
				return cmd.Argv[0] == "cibadmin" && strings.Contains(in, "CANARY")
			},
			"a command without input": func(cmd sshexec.Cmd, _ string) bool { return cmd.Argv[0] == "pcs" && cmd.Effect != sshexec.ReadOnly },
		},
	}.Run(t)
}
