package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
)

func TestRehearseTouchesNothing(t *testing.T) { clitest.RehearseTouchesNothing(t, app) }
func TestStopRehearsal(t *testing.T)          { clitest.StopRehearsal(t) }
func TestStopSimulation(t *testing.T)         { clitest.StopSimulation(t) }

// pairOf is the configuration of another pair than the guide's: its files lie in a directory.
func pairOf(dir string) func(*testing.T, func() *cli.App) string {
	return func(t *testing.T, app func() *cli.App) string { t.Helper(); return clitest.Example(t, app, dir) }
}

// guideAddresses are those of the guide's rings.
var guideAddresses = map[string][]string{lustretest.Node1: {"192.168.1.11", "10.42.42.11"},
	lustretest.Node2: {"192.168.1.12", "10.42.42.12"}}

// Whatever an operator's files and options are, the simulated world is made of them.
func TestRehearseOptions(t *testing.T) {
	const modern = "0.11.5"
	lab, names := filepath.Join("testdata", "pairs", "knet"), filepath.Join("testdata", "pairs", "full-names")
	pools := pairOf(filepath.Join("testdata", "pairs", "zfs-groups"))
	lustreRepos := []string{"https://mirror.example.com/lustre.repo", "https://mirror.example.com/dkms.repo"}
	clitest.RehearseOptions[lustrejob.Config](t, app, map[string]clitest.Option{
		"node1":        {Base: pairOf(names)},
		"node1:lab":    {Base: pairOf(lab), Job: map[string]any{"atomic": true}},
		"node2":        {Base: pairOf(names), Job: map[string]any{"atomic": true}},
		"manager":      {Job: map[string]any{"manager": "iml.example.com"}},
		"manager:none": {Base: pools, Job: map[string]any{"agent_repos": lustreRepos}},
		"manager:none, ldiskfs": {Base: pairOf(filepath.Join("testdata", "pairs", "ldiskfs-by-hand")), Job: map[string]any{
			"profile": "ldiskfs", "atomic": true}},
		"password_file": {Edit: func(t *testing.T, dir string, job map[string]any) {
			t.Helper()
			job["password_file"] = "other"
			require.NoError(t, os.WriteFile(filepath.Join(dir, "other"), []byte("correct horse $battery\n"), 0o600))
		}},
		"archives":    {Job: map[string]any{"archives": "/proc/nowhere"}},
		"profile":     {Job: map[string]any{"profile": "ldiskfs"}},
		"profile:zfs": {Base: pools, Job: map[string]any{"profile": "zfs", "agent_repos": lustreRepos}},
		"kernel":      {Base: pools, Job: map[string]any{"profile": "zfs", "kernel": "3.10.0-862.9.1.el7", "agent_repos": lustreRepos}},
		"agent_repos": {Job: map[string]any{"agent_repos": []string{"https://mirror.example.com/deps.repo",
			"https://mirror.example.com/dnf.repo", "https://mirror.example.com/more.repo"}}},
		"agent_repos:one":  {Job: map[string]any{"agent_repos": []string{"https://mirror.example.com/all.repo"}}},
		"agent_repos:none": {Job: map[string]any{"agent_repos": []string{}}},
		"cluster":          {Job: map[string]any{"cluster": "oss-pair"}},
		"old_pcs":          {Job: map[string]any{"old_pcs": "0.9.148"}},
		"old_pcs:modern":   {Base: pairOf(lab), Job: map[string]any{"old_pcs": "0.10.18", "new_pcs": modern}},
		"new_pcs":          {Job: map[string]any{"new_pcs": modern, "knet": true, "addresses": guideAddresses}},
		"new_pcs:next":     {Base: pairOf(lab), Job: map[string]any{"new_pcs": "0.12.0"}},
		"atomic":           {Job: map[string]any{"atomic": true}},
		"knet":             {Job: map[string]any{"new_pcs": modern, "knet": true, "addresses": guideAddresses, "atomic": true}},
		"addresses": {Job: map[string]any{"new_pcs": modern, "knet": true,
			"addresses": map[string][]string{lustretest.Node1: {"10.1.0.1", "10.2.0.1"}, lustretest.Node2: {"10.1.0.2", "10.2.0.2"}}}},
		"unknown_placement":     {Job: map[string]any{"unknown_placement": true}},
		"plain_pcs_constraints": {Job: map[string]any{"plain_pcs_constraints": true}},
		"disable_firewall":      {Job: map[string]any{"disable_firewall": true}},
		"no_autostart":          {Job: map[string]any{"no_autostart": true}},
		"offline":               {Job: map[string]any{"offline": true}},
		"offline:atomic":        {Job: map[string]any{"offline": true, "atomic": true, "profile": "ldiskfs"}},
		"selinux":               {Job: map[string]any{"selinux": true}},
		"outage":                {Job: map[string]any{"outage": "5m"}},
		"recovery":              {Job: map[string]any{"recovery": "30m"}},
		"reinstall_takes":       {Job: map[string]any{"reinstall_takes": "45m"}},
	})
}

// A corosync.conf of another release than the pcs that the configuration names is no world that could be: it is said what is to be changed.
func TestRehearseContradiction(t *testing.T) {
	config := pairOf(filepath.Join("testdata", "pairs", "knet"))(t, app)
	clitest.EditJob(t, config, func(job map[string]any) { delete(job, "old_pcs") })
	code, out := clitest.Here(app, "rehearse", "--config", config)
	require.Equal(t, cli.ExitInput, code, "%s", out)
	require.Contains(t, out, "old_pcs")
	require.Equal(t, 1, strings.Count(out, "\n"), "%s", out)
}

// --dir takes a pair's files, or its backups, everywhere, and leaves them as they are.
func TestDir(t *testing.T) {
	dirs := map[string]string{}
	for _, name := range []string{"knet", "full-names", "named-ids", "zfs-groups", "ldiskfs-by-hand"} {
		dirs[name] = filepath.Join("testdata", "pairs", name)
		dirs[name+", backups"] = filepath.Dir(pairOf(dirs[name])(t, app))
	}
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clitest.Dir(t, app, dir)
		})
	}
}
