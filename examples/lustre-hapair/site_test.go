package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
)

// wholeSite is the guide's manager with two pairs: the guide's own, and one of another site. It returns the files of
// the site, its manager, and both pairs.
func wholeSite(t *testing.T) (file, manager, first, second string) {
	t.Helper()
	first, second = clitest.Example(t, app, ""), clitest.Example(t, app, filepath.Join("testdata", "pairs", "full-names"))
	manager = clitest.Example(t, managerApp, "")
	clitest.EditJob(t, manager, func(job map[string]any) {
		job["servers"] = []string{lustretest.Node1, lustretest.Node2, "oss15.example.com", "oss16.example.com"}
	})
	file = filepath.Join(t.TempDir(), "site.yaml")
	require.NoError(t, os.WriteFile(file, []byte("manager: "+manager+"\npairs:\n  - name: mds\n    config: "+first+
		"\n  - {name: oss, config: "+second+"}\n"), 0o600))
	return file, manager, first, second
}

var anyDigest = regexp.MustCompile(`digest [0-9a-f]{64}`)

// LUS-001, LUS-002, LUS-008, LUS-049: the manager first, then each pair with its roles, and what differs.
func TestSitePlan(t *testing.T) {
	file, manager, first, second := wholeSite(t)
	clitest.EditJob(t, second, func(job map[string]any) {
		job["profile"], job["atomic"] = "ldiskfs", true
		job["agent_repos"] = []string{"https://mirror.example.com/deps.repo"}
	})
	code, out := clitest.Here(app, "site", "--config", file)
	require.Equal(t, cli.ExitDone, code, "%s", out)
	require.Len(t, anyDigest.FindAllString(out, -1), 3)
	out = anyDigest.ReplaceAllString(out, "digest DIGEST")
	for path, name := range map[string]string{manager: "manager.yaml", first: "mds.yaml", second: "oss.yaml"} {
		out = strings.ReplaceAll(out, path, name)
	}
	golden.Check(t, "site.txt", out)
}

// A site of pairs that people made has no manager: the plan says so, and why, and has the pairs in their order. Beside
// those of a manager, such a pair is one like the others.
func TestSiteByHand(t *testing.T) {
	zfs := clitest.Example(t, app, filepath.Join("testdata", "pairs", "zfs-groups"))
	renamed := t.TempDir() // the example pairs have the same servers
	for _, name := range []string{"cib.xml", "corosync.conf"} {
		raw, err := os.ReadFile(filepath.Join("testdata", "pairs", "ldiskfs-by-hand", name))
		require.NoError(t, err)
		write(t, filepath.Join(renamed, name), strings.ReplaceAll(string(raw), "ct6-mds", "ct6-oss"))
	}
	ldiskfs := clitest.Example(t, app, renamed)
	file := filepath.Join(t.TempDir(), "site.yaml")
	write(t, file, "pairs: [{name: mds, config: "+zfs+"}, {name: oss, config: "+ldiskfs+"}]\n")
	code, out := clitest.Here(app, "site", "-config", file)
	require.Equal(t, cli.ExitDone, code, "%s", out)
	out = strings.NewReplacer(zfs, "mds.yaml", ldiskfs, "oss.yaml").Replace(anyDigest.ReplaceAllString(out, "digest DIGEST"))
	golden.Check(t, "site-by-hand.txt", out)

	write(t, file, "pairs: [{name: oss, config: "+ldiskfs+"}, {name: mds, config: "+zfs+"}]\n")
	_, out = clitest.Here(app, "site", "-config", file)
	require.Regexp(t, `(?s)1\. pair oss.*2\. pair mds`, out)

	_, manager, first, _ := wholeSite(t)
	write(t, file, "manager: "+manager+"\npairs: [{name: iml, config: "+first+"}, {name: oss, config: "+ldiskfs+"}]\n")
	code, out = clitest.Here(app, "site", "-config", file)
	require.Equal(t, cli.ExitDone, code, "%s", out)
	require.Regexp(t, `(?s)^Site of the manager.*1\. manager.*2\. pair iml.*3\. pair oss`, out)

	write(t, file, "pairs: [{name: oss, config: "+ldiskfs+"}, {name: iml, config: "+first+"}]\n")
	code, out = clitest.Here(app, "site", "-config", file)
	require.Equal(t, cli.ExitInput, code, "%s", out)
	require.Contains(t, out, "pair iml: its manager is")
}

// A pair that is configured as the first one is said to be, and a server that is in no pair is named.
func TestSiteNotes(t *testing.T) {
	file, manager, _, _ := wholeSite(t)
	clitest.EditJob(t, manager, func(job map[string]any) {
		job["servers"] = append(job["servers"].([]any), "oss17.example.com") //nolint:forcetypeassert // a list of names
	})
	code, out := clitest.Here(app, "site", "--config", file)
	require.Zero(t, code, "%s", out)
	require.Contains(t, out, "configured as pair mds\n")
	require.Contains(t, out, "! oss17.example.com is a server of the manager, and in no pair")
}

// LUS-008: whatever is not a site is refused, each mistake by its name, and nothing else is printed.
func TestSiteRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(t *testing.T, file, manager, first, second string)
		says []string
	}{
		"a server in two pairs": {func(t *testing.T, _, _, _, second string) {
			t.Helper()
			clitest.EditJob(t, second, func(job map[string]any) { job["node2"].(map[string]any)["name"] = "CT6-MDS2.lfs.intl" }) //nolint:forcetypeassert // a server
		}, []string{"pair oss: CT6-MDS2.lfs.intl is in pair mds as well"}},
		"the manager in a pair": {func(t *testing.T, _, _, first, _ string) {
			t.Helper()
			clitest.EditJob(t, first, func(job map[string]any) { job["node1"].(map[string]any)["name"] = lustretest.Manager }) //nolint:forcetypeassert // a server
		}, []string{"pair mds: " + lustretest.Manager + " is in the manager as well"}},
		"no roles": {func(t *testing.T, _, _, _, second string) {
			t.Helper()
			clitest.EditJob(t, second, func(job map[string]any) { delete(job, "node2"); delete(job, "node1") })
		}, []string{"pair oss: node1 has no name", "pair oss: node2 has no name"}},
		"one node twice": {func(t *testing.T, _, _, _, second string) {
			t.Helper()
			clitest.EditJob(t, second, func(job map[string]any) { job["node2"] = job["node1"] })
		}, []string{"pair oss: oss15.example.com is in pair oss as well"}},
		"another manager": {func(t *testing.T, _, _, first, _ string) {
			t.Helper()
			clitest.EditJob(t, first, func(job map[string]any) { job["manager"] = "iml2.lfs.intl" })
		}, []string{`pair mds: its manager is "iml2.lfs.intl", and the site's is "` + lustretest.Manager + `"`}},
		"a server that the manager does not know": {func(t *testing.T, _, manager, _, _ string) {
			t.Helper()
			clitest.EditJob(t, manager, func(job map[string]any) { job["servers"] = []string{lustretest.Node1} })
		}, []string{"pair mds: " + lustretest.Node2 + " is not among the servers", "pair oss: oss15.example.com is not among"}},
		"one pair twice": {func(t *testing.T, file, manager, first, _ string) {
			t.Helper()
			write(t, file, "manager: "+manager+"\npairs: [{name: mds, config: "+first+"}, {name: mds, config: "+first+"}]\n")
		}, []string{"two pairs are called mds", "its journal is that of pair mds"}},
		"no pair": {replaced("pairs:", "others:"), []string{`site.yaml:2:1: there is no key "others"`}},
		"no pairs": {func(t *testing.T, file, manager, _, _ string) {
			t.Helper()
			write(t, file, "manager: "+manager+"\n")
		}, []string{"pairs: at least one is needed"}},
		"no manager for pairs of one": {func(t *testing.T, file, _, first, _ string) {
			t.Helper()
			write(t, file, "pairs: [{name: a, config: "+first+"}]\n")
		}, []string{`pair a: its manager is "` + lustretest.Manager + `", and the site has none`}},
		"no manager for a pair of IML": {func(t *testing.T, file, _, first, _ string) {
			t.Helper()
			clitest.EditJob(t, first, func(job map[string]any) { delete(job, "manager") })
			write(t, file, "pairs: [{name: a, config: "+first+"}]\n")
		}, []string{"pair a: the manager's name is not given (manager): IML's agent is installed from there"}},
		"neither manager nor pairs": {func(t *testing.T, file, _, _, _ string) { t.Helper(); write(t, file, "pairs: []\n") },
			[]string{"pairs: at least one is needed"}},
		"a manager that cannot be read": {replaced("manager: /", "manager: /nowhere/"), []string{"site.yaml: manager: ", "/nowhere/"}},
		"no such file":                  {replaced("config.yaml\n  - {", "nowhere.yaml\n  - {"), []string{"pair mds:", "nowhere.yaml"}},
		"a pair no plan": {func(t *testing.T, _, _, first, _ string) {
			t.Helper()
			clitest.EditJob(t, first, func(job map[string]any) { job["profile"] = "btrfs" })
		}, []string{"it must be one of: both, ldiskfs, zfs"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, manager, first, second := wholeSite(t)
			c.edit(t, file, manager, first, second)
			code, out := clitest.Here(app, "site", "--config", file)
			require.Equal(t, cli.ExitInput, code, "%s", out)
			require.NotContains(t, out, "Site ")
			for _, want := range c.says {
				require.Contains(t, out, want)
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

// replaced changes the file of the site.
func replaced(old, with string) func(*testing.T, string, string, string, string) {
	return func(t *testing.T, file, _, _, _ string) {
		t.Helper()
		clitest.EditFile(t, file, old, with)
	}
}
