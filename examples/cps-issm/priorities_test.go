package main

import (
	"os"
	"path/filepath"
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
		{mongoLogin{PasswordFile: file}, "mongo: user: nobody is named"},
		{mongoLogin{Source: "admin"}, "mongo: user: nobody is named"},
		{mongoLogin{User: "admin"}, "mongo: password_file: no file is named"},
		{mongoLogin{User: "admin", PasswordFile: filepath.Join(dir, "none")}, "none: no such file"},
		{mongoLogin{User: "admin", PasswordFile: open}, "others can read or change it (mode 0640): chmod 600 "},
	} {
		_, err := tc.login.credential(cfg)
		require.ErrorContains(t, err, tc.want)
		require.NotContains(t, err.Error(), "correct-horse")
	}
}
