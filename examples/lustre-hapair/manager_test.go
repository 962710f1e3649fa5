package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
)

// bundleOf has an installer of another version.
func bundleOf(version string) func(*testing.T, string, map[string]any) {
	return func(t *testing.T, dir string, job map[string]any) {
		t.Helper()
		job["bundle"], job["version"] = "our-installer.tar.gz", version
		require.NoError(t, os.WriteFile(filepath.Join(dir, "our-installer.tar.gz"), lustretest.Bundle(version), 0o600))
	}
}

// Whatever an operator's options are, the simulated manager is made of them.
func TestRehearseManagerOptions(t *testing.T) {
	clitest.RehearseOptions[managerConfig](t, managerApp, map[string]clitest.Option{
		"host":              {Job: map[string]any{"host": "iml.example.com"}},
		"servers":           {Job: map[string]any{"servers": []string{"oss1.example.com", "oss2.example.com", "oss3.example.com"}}},
		"servers:none":      {Job: map[string]any{"servers": []string{}, "stop_agents": false}},
		"stop_agents":       {Job: map[string]any{"stop_agents": false}},
		"archives":          {Job: map[string]any{"archives": "/proc/nowhere"}},
		"old_release":       {Job: map[string]any{"old_release": "CentOS release 6.8"}},
		"new_release":       {Job: map[string]any{"new_release": "release 7.5"}},
		"old_version":       {Job: map[string]any{"old_version": "3.1.1.0"}},
		"version":           {Edit: bundleOf("4.0.10.3")},
		"package":           {Job: map[string]any{"package": "python2-iml-manager"}},
		"old_package":       {Job: map[string]any{"old_package": "iml-manager"}},
		"bundle":            {Edit: bundleOf("4.0.7.0")},
		"no_repo_check":     {Job: map[string]any{"no_repo_check": true}},
		"no_platform_check": {Job: map[string]any{"no_platform_check": true}},
		"no_dbspace_check":  {Job: map[string]any{"no_dbspace_check": true}},
		"admin":             {Job: map[string]any{"admin": "operator"}},
		"ntp_server":        {Job: map[string]any{"ntp_server": "ntp.example.com"}},
		"setup_verbose":     {Job: map[string]any{"setup_verbose": true}},
		"certificates": {Job: map[string]any{"certificates": []string{"authority.crt", "authority.pem",
			"manager.crt", "manager.pem", "extra.csr"}}},
		"database":                    {Job: map[string]any{"database": "iml"}},
		"tables":                      {Job: map[string]any{"tables": []string{"chroma_core_managedhost", "chroma_core_volume"}}},
		"skip":                        {Job: map[string]any{"skip": []string{"ssh"}}},
		"skip:ntp":                    {Job: map[string]any{"skip": []string{"ssh", "ntp"}}},
		"selinux":                     {Job: map[string]any{"selinux": false}},
		"repositories":                {Job: map[string]any{"repositories": "direct"}},
		"repositories:storage_server": {Job: map[string]any{"repositories": "storage_server", "lustre_url": "", "e2fsprogs_url": ""}},
		"lustre_url":                  {Job: map[string]any{"lustre_url": "http://mirror.example.com/lustre-2.10.4/el7"}},
		"e2fsprogs_url":               {Job: map[string]any{"e2fsprogs_url": "http://mirror.example.com/e2fsprogs/1.44/el7"}},
		"install_limit":               {Job: map[string]any{"install_limit": "4h"}},
		"password_file": {Edit: func(t *testing.T, dir string, job map[string]any) {
			t.Helper()
			job["password_file"] = "other"
			require.NoError(t, os.WriteFile(filepath.Join(dir, "other"), []byte("correct horse $battery\n"), 0o600))
		}},
	})
}

// All that is wrong with a configuration is said at once, each by its key, and nothing is touched.
func TestManagerConfigCheck(t *testing.T) {
	config := clitest.Example(t, managerApp, "")
	clitest.EditJob(t, config, func(job map[string]any) {
		job["host"], job["repositories"], job["password_file"], job["skip"] = "iml", "ftp", "nowhere", []string{"users"}
	})
	code, out := clitest.Here(app, "manager", "config", "check", "--config", config)
	require.Equal(t, cli.ExitInput, code, "%s", out)
	for _, want := range []string{"host", "repositories", "password_file: the file cannot be read", "skip"} {
		require.Contains(t, out, want)
	}
}

// The installer of another version is taken from a directory; two of them are refused.
func TestManagerDir(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "iml-4.0.10.3.tar.gz"), lustretest.Bundle("4.0.10.3"), 0o600))
	code, out := clitest.Here(app, "manager", "plan", "--dir", dir)
	require.Zero(t, code, "%s", out)
	require.Contains(t, out, "Bring the database up to IML 4.0.10.3")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "iml-4.0.7.0.tar.gz"), nil, 0o600))
	code, out = clitest.Here(app, "manager", "plan", "--dir", dir)
	require.Equal(t, cli.ExitInput, code, "%s", out)
	require.Contains(t, out, "there must be one installer in it")
}
