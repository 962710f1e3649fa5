package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Which ways there are, as it is printed: of the built-in pair, and of one with a resource that no profile knows.
func TestWays(t *testing.T) {
	for name, dir := range map[string]string{"ways.txt": "", "ways-web.txt": filepath.Join("testdata", "web")} {
		config := clitest.Example(t, app, dir)
		code, out := clitest.Here(app, "ways", "--config", config, "--takes", "move=20s", "--takes", "rebuild=1h")
		require.Zero(t, code, "%s", out)
		golden.Check(t, name, out)
	}
	config := clitest.Example(t, app, "")
	clitest.EditJob(t, config, func(job map[string]any) { job["from"], job["to"] = "el9", "el10" })
	code, out := clitest.Here(app, "ways", "--config", config)
	require.Equal(t, cli.ExitInput, code, "%s", out)
	require.Contains(t, out, "the pair is said to be on el8 and el9", "by its backups and by its configuration")
	for bad, want := range map[string]string{"move": "write it as WHAT=DURATION", "walk=1h": `"walk" is neither move`,
		"move=-1s": "write it as"} {
		code, out := clitest.Here(app, "ways", "--target", "el9", "--takes", bad)
		require.Equal(t, cli.ExitInput, code, "%s", out)
		require.Contains(t, out, want)
	}
}

// All that is wrong with a configuration is said at once, each by its key.
func TestConfigCheck(t *testing.T) {
	config := clitest.Example(t, app, "")
	clitest.EditJob(t, config, func(job map[string]any) {
		delete(job, "from")
		job["to"], job["password_file"], job["archives"] = "", "nowhere", "hacluster-password"
	})
	code, out := clitest.Here(app, "config", "check", "--config", config)
	require.Equal(t, cli.ExitInput, code, "%s", out)
	for _, want := range []string{"from: name the release", "to: name the release", "password_file: the file cannot be read", "archives: "} {
		require.Contains(t, out, want)
	}
	for name, c := range map[string]struct {
		edit func(job map[string]any)
		want string
	}{
		"a release that is no target": {func(job map[string]any) { job["to"] = "sles16" }, "it must be one of: el8, el9, el10"},
		"no backup":                   {func(job map[string]any) { job["node2"].(map[string]any)["backup"] = "" }, "node2: there is no backup of it to plan from"},
		"no backup there":             {func(job map[string]any) { job["node1"].(map[string]any)["backup"] = "bck-gone.tgz" }, "bck-gone.tgz: no such file"},
		"one node":                    {func(job map[string]any) { job["node2"] = job["node1"] }, "node 1 and node 2 are the same machine"},
		"half a provisioning":         {func(job map[string]any) { job["provision"] = map[string]any{"host": "deploy"} }, "provision: a host and a command are wanted"},
		"a secret in a command": {func(job map[string]any) {
			job["provision"] = map[string]any{"host": "deploy", "command": []string{"install", "--password", "geheim"}}
		}, "provision: its command has what looks like a password"},
		"a release that is not newer": {func(job map[string]any) { job["to"] = "el8" }, "to: el8 is no newer release than el8"},
		"a release that the backups do not have": {func(job map[string]any) { job["from"], job["to"] = "el9", "el10" },
			"is of a node that runs el8"},
		"addresses of another machine": {func(job map[string]any) { job["addresses"] = map[string]any{"nfs1": []string{"10.0.0.1"}} },
			`addresses: "nfs1" is neither nfs1.example.com nor nfs2.example.com`},
		"what is not in the backups": {func(job map[string]any) { job["restore"] = []string{"/etc/nginx"} }, "has no /etc/nginx, which is needed later on"},
		"a misspelt key":             {func(job map[string]any) { job["packges"] = []string{"x"} }, `there is no key "packges"; the nearest is "packages"`},
	} {
		t.Run(name, func(t *testing.T) {
			config := clitest.Example(t, app, "")
			clitest.EditJob(t, config, c.edit)
			for _, verb := range []string{"plan", "run"} {
				code, out := clitest.Here(app, verb, "--config", config)
				require.Equal(t, cli.ExitInput, code, "%s", out)
				require.Contains(t, out, c.want)
				require.NotContains(t, out, "geheim")
			}
			require.NoFileExists(t, filepath.Join(filepath.Dir(config), "journal.jsonl"))
		})
	}
}

// A pair of RHEL has its own name for the repository of the cluster's software, which the operator is asked for; a rebuild's is known.
func TestConfigInitOfRHEL(t *testing.T) {
	for title, asked := range map[string]bool{"Red Hat Enterprise Linux release 8.10 (Ootpa)": true, "Rocky Linux release 8.10 (Green Obsidian)": false} {
		w, dir := pairtest.New(pairtest.Options{}), t.TempDir()
		c := &pairConfig{Node1: pairfiles.Server{Name: pairtest.Node1}, Node2: pairfiles.Server{Name: pairtest.Node2}}
		w.Do(func(s *simhost.State) {
			for _, name := range []string{pairtest.Node1, pairtest.Node2} {
				s.Host(name).MustWrite(s, "/etc/redhat-release", title+"\n", 0o644)
			}
		})
		require.NoError(t, c.takeBackups(dir, w))
		into := filepath.Join(dir, "config.yaml")
		code, out := clitest.Here(app, "config", "init", "--dir", dir, "--into", into)
		require.Zero(t, code, "%s", out)
		raw, err := os.ReadFile(into)
		require.NoError(t, err)
		require.Contains(t, string(raw), "\n  from: el8\n")
		require.Equal(t, asked, strings.Contains(string(raw), "FILL IN: the add-on's, as your subscription names it"), title)
	}
}

// No secret is in anything that the tool prints or writes: the new cluster's password, and the fencing passwords in the backups.
func TestCanaries(t *testing.T) {
	clitest.PairCanaries(t, app, webFiles(t), "hacluster:").Run(t)
}

// What the new release does not take stops the plan, until somebody says that it is gone on with; the plan says so, too.
func TestInSpite(t *testing.T) {
	dir := webFiles(t)
	clitest.EditFile(t, filepath.Join(dir, "cib.xml"), `type="fence_ipmilan"`, `type="external/ipmi"`)
	config := clitest.Example(t, app, dir)
	code, out := clitest.Here(app, "plan", "--config", config)
	require.Equal(t, cli.ExitInput, code, "%s", out)
	require.Contains(t, out, "external/ipmi")
	require.Contains(t, out, "or go on in spite of it")
	clitest.EditJob(t, config, func(job map[string]any) { job["in_spite"] = true })
	code, out = clitest.Here(app, "plan", "--config", config, "-o", "markdown")
	require.Zero(t, code, "%s", out)
	require.Contains(t, out, "BLOCKER, OVERRIDDEN: ")
}
