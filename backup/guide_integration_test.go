//go:build integration

package backup_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
)

// chroot is a machine of the test's own: a directory that is the root for what runs in it, in mount and host name
// namespaces of their own. Its files are its own but for /usr, which is this machine's.
type chroot struct {
	*machine
	host string
}

func newChroot(t *testing.T, host string) chroot {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a chroot needs root")
	}
	m := newMachine(t)
	c := chroot{m, host}
	for _, dir := range []string{"/usr", "/dev", "/proc", "/tmp", "/root"} {
		require.NoError(t, os.MkdirAll(m.at(dir), 0o755))
	}
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		if target, err := os.Readlink("/" + dir); err == nil {
			require.NoError(t, os.Symlink(target, m.at("/"+dir)))
		}
	}
	// What the guide's scripts call and no machine of ours has.
	for name, text := range map[string]string{
		"cibadmin": "#!/bin/sh\n[ \"$*\" = --query ] && echo '" + cib + "'\n",
		"su": "#!/bin/sh\n[ \"$1 $2 $3\" = '- postgres -c' ] && [ \"$4\" = '/usr/bin/pg_dumpall --clean' ] && echo " +
			"'-- PostgreSQL database cluster dump'\n",
	} {
		m.write(t, "/opt/stubs/"+name, text, 0o755)
	}
	if out, err := c.run("true"); err != nil {
		t.Skipf("no namespaces here: %v: %s", err, out)
	}
	return c
}

// run runs a script with bash in the chroot, as root with the home directory /root.
func (c chroot) run(script string) ([]byte, error) {
	const enter = `set -e
mount --bind /usr "$1/usr"
mount --bind /dev "$1/dev"
mount -t proc proc "$1/proc"
hostname "$2"
exec chroot "$1" /usr/bin/env -i HOME=/root PATH=/opt/stubs:/usr/sbin:/usr/bin:/sbin:/bin bash -c "$3"`
	return exec.Command("unshare", "-m", "-u", "-p", "-f", "--kill-child", "sh", "-c", enter, "sh", c.root, c.host, script).CombinedOutput()
}

func guideScript(t *testing.T, name string) string {
	t.Helper()
	corpus := os.Getenv("EVENKEEL_CORPUS")
	if corpus == "" {
		t.Skip("EVENKEEL_CORPUS is not set: the guide's own scripts are beside the corpus")
	}
	return string(readFile(t, filepath.Join(corpus, "seed", name)))
}

// contentsOf is what an archive has, without what each side adds in its own way.
func contentsOf(a *backup.Archive) []string {
	var out []string
	for _, e := range a.Files() {
		generated := strings.HasPrefix(e.Path, "/evenkeel-") || strings.HasPrefix(e.Path, "/pgbackup-") ||
			strings.HasPrefix(e.Path, "/cluster-cfg-")
		if generated || e.Mode.IsDir() {
			continue // the scripts' tar makes the directories above as it finds them, or with its own defaults
		}
		out = append(out, fmt.Sprintf("%q %v %d:%d %s %q %d", e.Path, e.Mode, e.UID, e.GID, e.SHA256, e.Target, e.ModTime.Unix()))
	}
	sort.Strings(out) // the scripts' second tar takes the order of the directory
	return out
}

// BAK-001..005, BAK-020: the guide's scripts, word for word; what they make, Open reads; and it is what Create makes of the same machine.
func TestGuideScriptsVerbatim(t *testing.T) {
	for script, m := range map[string]backup.Manifest{
		"lustre-server-backup.sh": backup.ServerManifest(), "lustre-iml-backup.sh": backup.ManagerManifest(),
	} {
		for _, host := range []string{"ct6-mds1", "ct6-mds1.lfs.intl"} {
			t.Run(script+" on "+host, func(t *testing.T) {
				c := newChroot(t, host)
				require.NoError(t, os.Symlink("inside", c.at("/etc/ssh/relative")))
				out, err := c.run(guideScript(t, script))
				require.NoError(t, err, "%s", out)
				found := glob(t, c.at("/root"), "bck-*.tgz")
				require.Len(t, found, 1, "%s", out)
				theirs, err := backup.OpenFile(found[0])
				require.NoError(t, err)
				require.Equal(t, host, theirs.Host())
				require.ErrorIs(t, theirs.Verify(), backup.ErrNoRecord)
				if m.Name == "server" {
					data, err := theirs.ClusterConfig()
					require.NoError(t, err)
					require.Equal(t, cib+"\n", string(data))
					require.Empty(t, theirs.Covers(backup.Requirements(backup.RestoreServer("", backup.RestoreOptions{}))))
				} else {
					require.Len(t, theirs.Glob(backup.DatabasePath), 1)
				}
				require.NoError(t, os.Rename(found[0], filepath.Join(t.TempDir(), "moved")))
				require.NoError(t, os.RemoveAll(c.at("/root/"+theirs.Name())))

				info, err := c.take(t, m)
				require.NoError(t, err)
				ours, err := backup.OpenFile(info.Path)
				require.NoError(t, err)
				require.Empty(t, cmp.Diff(contentsOf(theirs), contentsOf(ours)))
			})
		}
	}
}

// BAK-009..012: what Create makes, the guide's own commands extract and restore, word for word.
func TestGuideRestoresOurArchive(t *testing.T) {
	corpus := os.Getenv("EVENKEEL_CORPUS")
	if corpus == "" {
		t.Skip("EVENKEEL_CORPUS is not set: the guide's own scripts are beside the corpus")
	}
	guide := strings.Split(string(readFile(t, filepath.Join(corpus, "..", "seeds", "lustre-ha-upgrade.md"))), "\n")
	old := newMachine(t)
	info, err := old.take(t, backup.ServerManifest())
	require.NoError(t, err)
	c := newChroot(t, "ct6-mds1")
	for _, p := range []string{"/etc/hosts", "/etc/resolv.conf", "/etc/passwd", "/etc/shadow", "/etc/ssh/inside"} {
		c.write(t, p, "fresh\n", 0o600)
	}
	c.write(t, "/root/"+filepath.Base(info.Path), string(readFile(t, info.Path)), 0o600)
	for _, lines := range [][2]int{{461, 462}, {469, 471}, {477, 481}, {487, 490}} {
		block := strings.Join(guide[lines[0]-1:lines[1]], "\n")
		out, err := c.run("set -e\n" + block)
		require.NoError(t, err, "lustre:%d: %s\n%s", lines[0], block, out)
	}
	for _, p := range []string{"/etc/hosts", "/etc/resolv.conf", "/etc/passwd", "/etc/shadow", "/etc/ssh/ssh_host_rsa_key",
		"/root/.ssh/inside"} {
		require.Equal(t, string(readFile(t, old.at(p))), string(readFile(t, c.at(p))), p)
	}
	require.Equal(t, "fresh\n", string(readFile(t, c.at("/etc/ssh.inst/inside"))))
	st, err := os.Stat(c.at("/etc/ssh/ssh_host_rsa_key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode())
}

// A disk that is really full.
func TestCreateOnAFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a file system of its own needs root")
	}
	m := newMachine(t)
	m.noise(t, "/var/lib/chroma/noise", 3<<20)
	into := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", into).CombinedOutput(); err != nil {
		t.Skipf("no mounting here: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", into).Run() })
	_, err := backup.Create(t.Context(), m, chromaOnly, backup.Options{Dir: into, Root: m.root})
	require.ErrorContains(t, err, "no space left")
	require.Empty(t, glob(t, into, "*"))
	small := chromaOnly
	small.Excludes = []string{"/var/lib/chroma/noise"}
	info, err := backup.Create(t.Context(), m, small, backup.Options{Dir: into, Root: m.root})
	require.NoError(t, err)
	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	require.NoError(t, a.Verify())
}
