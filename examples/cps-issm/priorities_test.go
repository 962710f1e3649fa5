package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
)

// Who logs in to the databases: by a user and a file that holds the password alone, or nobody. No message shows it.
func TestTheLogin(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(file, []byte("correct-horse\n"), 0o600))
	cfg := &cli.Config{}
	got, err := mongoLogin{User: "admin", PasswordFile: file, Source: "spr"}.credential(cfg)
	require.NoError(t, err)
	require.Equal(t, &live.Credential{User: "admin", Password: "correct-horse", Source: "spr"}, got)
	got, err = mongoLogin{}.credential(cfg)
	require.NoError(t, err)
	require.Nil(t, got)
	open := filepath.Join(dir, "open")
	require.NoError(t, os.WriteFile(open, []byte("correct-horse\n"), 0o600))
	require.NoError(t, os.Chmod(open, 0o640))
	for _, tc := range []struct {
		login mongoLogin
		want  string
	}{
		{mongoLogin{PasswordFile: file}, "mongo: user: name the user"},
		{mongoLogin{Source: "admin"}, "mongo: user: name the user"},
		{mongoLogin{User: "admin"}, "mongo: password_file: name the file"},
		{mongoLogin{User: "admin", PasswordFile: filepath.Join(dir, "none")}, "password_file: the file cannot be read: no such file"},
		{mongoLogin{User: "admin", PasswordFile: open}, "others can read or change it (mode 0640): chmod 600 "},
	} {
		_, err := tc.login.credential(cfg)
		require.ErrorContains(t, err, tc.want)
		require.NotContains(t, err.Error(), "correct-horse")
	}
}

// CPS-012: where the databases want a login, the driver logs in to each member that it asks, through the tunnel.
func TestPrioritiesWithALogin(t *testing.T) {
	app := prioritiesApp()
	example := app.Example
	app.Example = func(into, dir string) (*cli.Config, error) {
		cfg, err := example(into, dir)
		if err == nil {
			prioritiesOf(cfg).Login = mongoLogin{User: "admin", PasswordFile: filepath.Join(into, "password")}
			err = os.WriteFile(filepath.Join(into, "password"), []byte("correct-horse\n"), 0o600)
		}
		return cfg, err
	}
	var out, errs bytes.Buffer
	app.Stdout, app.Stderr, app.Stdin = &out, &errs, strings.NewReader("")
	require.Equal(t, cli.ExitDone, app.Main([]string{"demo"}), errs.String())
	require.Contains(t, out.String(), "4 of 4 steps done")
	require.NotContains(t, out.String()+errs.String(), "correct-horse")
}
