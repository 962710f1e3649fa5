package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
)

func TestRehearseTouchesNothing(t *testing.T) { clitest.RehearseTouchesNothing(t, app) }
func TestRehearseTheSame(t *testing.T)        { clitest.RehearseTheSame(t, app) }
func TestStopRehearsal(t *testing.T)          { clitest.StopRehearsal(t) }
func TestStopSimulation(t *testing.T)         { clitest.StopSimulation(t) }

// web is a pair of other names, with a web server under systemd, a dummy on each node, a resource that no profile knows, addresses on
// interfaces with names, and a file system that is named by its label.
func web(t *testing.T, app func() *cli.App) string {
	t.Helper()
	return clitest.Example(t, app, filepath.Join("testdata", "web"))
}

// webFiles is a directory of a test's own with the files of that pair.
func webFiles(t *testing.T) string {
	t.Helper()
	return clitest.PairDir(t, filepath.Join("testdata", "web", "cib.xml"), filepath.Join("testdata", "web", "corosync.conf"))
}

// rolling is a pair that is updated within its release.
func rolling(t *testing.T, _ func() *cli.App) string {
	t.Helper()
	return clitest.Example(t, rollingApp, "")
}

// newer is such a pair on EL 9.
func newer(t *testing.T, app func() *cli.App) string {
	t.Helper()
	config := web(t, app)
	clitest.EditJob(t, config, func(job map[string]any) {
		c := &pairConfig{}
		site, err := c.readSite(filepath.Join("testdata", "web"))
		require.NoError(t, err)
		site.From, site.To = "el9", "el10"
		w, err := pairtest.NewSite(site)
		require.NoError(t, err)
		dir := t.TempDir()
		require.NoError(t, c.takeBackups(dir, w))
		for node, s := range map[string]pairfiles.Server{"node1": c.Node1, "node2": c.Node2} {
			job[node] = map[string]any{"name": s.Name, "backup": filepath.Join(dir, s.Backup)}
		}
		job["from"], job["to"] = site.From, site.To
	})
	return config
}

// Whatever an operator's files and options are, the simulated world is made of them.
func TestRehearseOptions(t *testing.T) {
	clitest.RehearseOptions[pairConfig](t, app, map[string]clitest.Option{
		"node1": {Base: web},
		"node2": {Edit: func(t *testing.T, _ string, job map[string]any) { // the other one is rebuilt first
			t.Helper()
			job["node1"], job["node2"] = job["node2"], job["node1"]
		}},
		"from": {Base: newer},
		"to":   {Job: map[string]any{"to": "el10"}},
		"password_file": {Edit: func(t *testing.T, dir string, job map[string]any) {
			t.Helper()
			job["password_file"] = "other"
			require.NoError(t, os.WriteFile(filepath.Join(dir, "other"), []byte("correct horse $battery\n"), 0o600))
		}},
		"archives":     {Job: map[string]any{"archives": "/proc/nowhere"}},
		"restore":      {Job: map[string]any{"restore": []string{"/etc/exports"}}},
		"restore:none": {Job: map[string]any{"restore": []string{}}},
		"packages":     {Job: map[string]any{"packages": []string{"nfs-utils", "postgresql-server", "acme-tools"}}},
		"repositories": {Job: map[string]any{"repositories": []string{"our-cluster", "our-extras"}}},
		"addresses": {Job: map[string]any{"addresses": map[string][]string{pairtest.Node1: {"10.1.0.1", "10.2.0.1"},
			pairtest.Node2: {"10.1.0.2", "10.2.0.2"}}}},
		"provision": {Job: map[string]any{"provision": map[string]any{"host": "deploy.example.com",
			"command": []string{"/usr/local/sbin/install-node", "--profile", "el9"}}}},
		"way":      {Base: rolling},
		"versions": {Base: rolling, Job: map[string]any{"versions": map[string]string{"pacemaker": "2.1.9-1.el9", "pcs": "0.11.8"}}},
		"restart":  {Base: rolling, Job: map[string]any{"restart": true}},
		"way:provision": {Base: rolling, Job: map[string]any{"provision": map[string]any{"host": "deploy.example.com",
			"command": []string{"/usr/local/sbin/update-node"}}}},
		"in_spite": {Job: map[string]any{"in_spite": true}},
		"outage":   {Job: map[string]any{"outage": "10m"}},
		"install":  {Job: map[string]any{"install": "2h"}},
	})
}

// --dir takes a pair's files, or its backups, and leaves them as they are.
func TestDir(t *testing.T) {
	files := filepath.Join("testdata", "web")
	for name, dir := range map[string]string{"files": files, "backups": filepath.Dir(web(t, app))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clitest.Dir(t, app, dir)
		})
	}
}

// What is not simulated is named, and not left out.
func TestNotSimulated(t *testing.T) {
	for name, c := range map[string]struct{ was, is, want string }{
		"agent":  {`provider="heartbeat" type="Filesystem"`, `provider="heartbeat" type="LVM-activate"`, "web-disk: the agent ocf:heartbeat:LVM-activate is not simulated"},
		"device": {`value="-L web"`, `value="/srv/other"`, `web-disk: the device "/srv/other" is not simulated`},
		"script": {`class="systemd" type="nginx"`, `class="lsb" type="nginx"`, "web-server: the agent lsb:nginx is not simulated"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := webFiles(t)
			clitest.EditFile(t, filepath.Join(dir, "cib.xml"), c.was, c.is)
			for _, verb := range []string{"rehearse", "demo", "simulate"} {
				code, out := clitest.Here(app, verb, "--dir", dir)
				require.Equal(t, cli.ExitInput, code, "%s: %s", verb, out)
				require.Contains(t, out, c.want, verb)
			}
		})
	}
}
