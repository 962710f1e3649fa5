package lustre_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

var profiles = []lustre.Profile{lustre.BothOSDs, lustre.LDISKFSOnly, lustre.ZFSOnly}

// LUS-019, LUS-020, LUS-021, LUS-024, LUS-064: the guide's commands for each profile and node, with the persistent host
// id (LUS-027), the modules loaded (LUS-029), and what dkms says looked at on both nodes (LUS-030).
func TestInstallGolden(t *testing.T) {
	for _, p := range profiles {
		var b strings.Builder
		for _, second := range []bool{false, true} {
			fmt.Fprintf(&b, "# second: %v\n", second)
			for _, c := range p.Commands(second, "") {
				fmt.Fprintf(&b, "%-12s %-10s %-6s %s\n", c.Ref, c.Effect, c.Repeat, c.Cmd())
			}
		}
		golden.Check(t, "install-"+p.String()+".golden", b.String())
	}
}

// LUS-022: 50 packages, in the guide's order.
func TestDevelopmentPackages(t *testing.T) {
	list := lustre.DevelopmentPackages()
	require.Len(t, list, 50)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(list))), 50)
	require.Contains(t, list, "krb5-devel", "LUS-025")
	require.Contains(t, list, "libselinux-devel", "LUS-025")
}

// Every command stands at the place in the guide that it refers to, word for word but for "-y".
func TestInstallReferences(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join(corpus(t), "..", "seeds", "lustre-ha-upgrade.md"))
	if err != nil {
		t.Skip("the guide is not beside the corpus")
	}
	lines := strings.Split(string(guide), "\n")
	for _, p := range profiles {
		for _, second := range []bool{false, true} {
			for _, kernel := range []string{"", "{{site.lustre_kernel_version}}"} {
				for _, c := range append(p.Commands(second, kernel), p.EraseKernelTools(second)) {
					n, err := strconv.Atoi(strings.TrimPrefix(c.Ref, "lustre:"))
					require.NoError(t, err)
					var words []string
					for i := n - 1; ; i++ {
						words = append(words, strings.Fields(strings.TrimSuffix(lines[i], "\\"))...)
						if !strings.HasSuffix(lines[i], "\\") {
							break
						}
					}
					if c.Argv[0] == "/bin/sh" {
						require.Equal(t, strings.TrimSpace(lines[n-1])+"\n"+strings.TrimSpace(lines[n]), c.Argv[2])
						continue
					}
					got := slices.DeleteFunc(slices.Clone(c.Argv), func(s string) bool { return s == "-y" })
					require.Equal(t, words, got, "%s %v: %s", p, second, c.Ref)
				}
			}
		}
	}
}

func TestInstallCommandsAreComplete(t *testing.T) {
	for _, p := range profiles {
		reboots := 0
		for _, c := range p.Commands(false, "") {
			require.NoError(t, c.Cmd().Validate())
			require.NotEqual(t, op.RepeatUnset, c.Repeat)
			if c.Argv[0] == "yum" {
				require.Equal(t, "-y", c.Argv[1], "yum must not ask")
			}
			if c.Reboot() {
				reboots++
				require.Equal(t, op.Disruptive, c.Effect)
			}
		}
		require.Equal(t, 1, reboots)
	}
	require.Empty(t, lustre.Profile(7).Commands(false, ""))
	require.Contains(t, lustre.ZFSOnly.Commands(false, "3.10.0-693")[1].Cmd().String(), "kernel-tools-libs-devel-3.10.0-693")
	require.NotContains(t, lustre.BothOSDs.Commands(false, "3.10.0-693")[2].Cmd().String(), "693")
	require.Equal(t, "yum -y erase kernel-tools kernel-tools-libs", lustre.BothOSDs.EraseKernelTools(false).Cmd().String(), "LUS-023")
}

// LUS-007
func TestProfileText(t *testing.T) {
	for _, p := range profiles {
		text, err := p.MarshalText()
		require.NoError(t, err)
		var back lustre.Profile
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, p, back)
	}
	var p lustre.Profile
	require.ErrorContains(t, p.UnmarshalText([]byte("btrfs")), "btrfs")
	require.Equal(t, "Profile(9)", lustre.Profile(9).String())
}

// LUS-009, LUS-010, LUS-011: the files are the guide's, byte for byte.
func TestRepoFilesAreTheGuides(t *testing.T) {
	seed := func(name string) string {
		text, err := os.ReadFile(filepath.Join(corpus(t), "seed", name))
		require.NoError(t, err)
		var lines []string
		for _, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
			lines = append(lines, strings.TrimSpace(line))
		}
		return strings.Join(lines, "\n") + "\n"
	}
	script := seed("lustre-manager-repo-script.sh")
	_, body, ok := strings.Cut(script, "<<__EOF\n")
	require.True(t, ok)
	body, _, ok = strings.Cut(body, "__EOF")
	require.True(t, ok)
	require.Equal(t, strings.ReplaceAll(body, "$hn", "iml.lfs.intl"), lustre.ManagerRepo("iml.lfs.intl", lustre.RepoOptions{}).String())

	want := seed("lustre-lustre-repo.conf")
	require.Equal(t, want, lustre.DownloadRepo("https://downloads.hpdd.intel.com/public/lustre/latest-release/el7",
		"https://downloads.hpdd.intel.com/public/e2fsprogs/latest/el7").String())
	parsed, err := lustre.ParseRepo(strings.NewReader(want))
	require.NoError(t, err)
	require.Equal(t, want, parsed.String())
}

// LUS-009, LUS-010: the form of the guide's last revision.
func TestManagerRepoGolden(t *testing.T) {
	golden.Check(t, "manager-for-lustre.repo.golden", lustre.ManagerRepo("iml.lfs.intl", lustre.RepoOptions{NoRepoGPGCheck: true}).String())
}

// LUS-011: the sources of the mirror, without the packages that are for debugging.
func TestDownloadRepo(t *testing.T) {
	var got []string
	for _, s := range lustre.DownloadRepo("https://a/el7/", "https://b/el7") {
		url, _ := s.Get("baseurl")
		exclude, _ := s.Get("exclude")
		got = append(got, s.ID+" "+url+" "+exclude)
	}
	require.Equal(t, []string{"lustre-server https://a/el7/server *debuginfo*", "lustre-client https://a/el7/client *debuginfo*",
		"e2fsprogs-wc https://b/el7 *debuginfo*"}, got)
}

func TestParseRepo(t *testing.T) {
	repo, err := lustre.ParseRepo(strings.NewReader("# comment\n[a]\nname = A: b=c\nbaseurl=https://x/\n  " +
		"https://y/\n\n; more\n[b]\nmirrorlist=z\n"))
	require.NoError(t, err)
	a, ok := repo.Section("a")
	require.True(t, ok)
	url, _ := a.Get("baseurl")
	require.Equal(t, "https://x/\nhttps://y/", url)
	name, _ := a.Get("name")
	require.Equal(t, "A: b=c", name)
	for text, want := range map[string]string{
		"":                               "1:1: the file has no section",
		"name=x\n[a]\nbaseurl=x":         "1:1: this stands before the first section",
		"[a]\nname=x":                    "1:1: the section a has no baseurl",
		"[a]\nbaseurl=x\n[a]\nbaseurl=y": "3:1: the section a is there twice",
		"[a]\nbaseurl=x\nbaseurl=y":      "3:1: the setting baseurl is there twice",
		"[a]\nbaseurl=x\n<html>":         `3:1: neither a section, a setting nor a comment: near "<html>"`,
	} {
		_, err := lustre.ParseRepo(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}
