package backup_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// BAK-001, BAK-002: the guide's lists, compared with the scripts themselves where the corpus is at hand.
func TestManifestsAreTheGuides(t *testing.T) {
	corpus := os.Getenv("EVENKEEL_CORPUS")
	if corpus == "" {
		t.Skip("EVENKEEL_CORPUS is not set")
	}
	for script, m := range map[string]backup.Manifest{
		"lustre-iml-backup.sh": backup.ManagerManifest(), "lustre-server-backup.sh": backup.ServerManifest(),
	} {
		text, err := os.ReadFile(filepath.Join(corpus, "seed", script))
		require.NoError(t, err)
		_, list, ok := strings.Cut(string(text), "tar cf -")
		require.True(t, ok)
		list, _, ok = strings.Cut(list, "|")
		require.True(t, ok)
		var want, got, excludes []string
		for _, word := range strings.Fields(strings.ReplaceAll(list, "\\\n", " ")) {
			if x, ok := strings.CutPrefix(word, "--exclude="); ok {
				excludes = append(excludes, x)
			} else {
				want = append(want, word)
			}
		}
		for _, p := range m.Paths {
			got = append(got, p.Path)
		}
		require.Empty(t, cmp.Diff(want, got), script)
		require.Empty(t, cmp.Diff(excludes, m.Excludes), script)
		require.NoError(t, m.Validate())
		t.Logf("%s: %d paths", script, len(got))
	}
}

func TestManifestCounts(t *testing.T) {
	require.Len(t, backup.ManagerManifest().Paths, 18, "BAK-001")
	require.Len(t, backup.ServerManifest().Paths, 20, "BAK-002")
	require.NoError(t, backup.ServerManifest().With(backup.MultipathPaths()...).Validate())
	require.Len(t, backup.ServerManifest().Paths, 20, "With must not change what it extends")
}

func TestManifestValidate(t *testing.T) {
	err := backup.Manifest{
		Name: "bad",
		Paths: []backup.Path{{Path: "etc/hosts"}, {Path: "/etc/*/x"}, {Path: "/etc/../x"}, {Path: "/etc/ssh"},
			{Path: "/etc/ssh/sshd_config"}, {Path: "/etc/[a"}},
		Excludes: []string{"/a*"},
		Commands: []backup.Command{{Name: "a/b", Argv: []string{"true"}}, {Name: "evenkeel-manifest.json", Argv: []string{"true"}}, {Name: "x"}},
	}.Validate()
	for _, part := range []string{`"etc/hosts"`, `"/etc/*/x"`, `"/etc/../x"`, "overlap", `"/etc/[a"`, `"/a*"`, `"a/b"`, `"x"`} {
		require.ErrorContains(t, err, part)
	}
	require.Error(t, backup.Manifest{}.Validate())
}

// The directory of the archive is made where it is not there, for nobody else to read.
func TestCreateMakesItsDirectory(t *testing.T) {
	m := newMachine(t)
	dir := filepath.Join(t.TempDir(), "fresh", "archives")
	opts := backup.Options{Dir: dir, Root: m.root, Now: func() time.Time { return noon }}
	info, err := backup.Create(t.Context(), m, backup.ServerManifest(), opts)
	require.NoError(t, err)
	require.Equal(t, dir, filepath.Dir(info.Path))
	st, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), st.Mode().Perm())
}

// BAK-002, BAK-003, BAK-005: name, layout and content are the guide's.
func TestCreateServer(t *testing.T) {
	m := newMachine(t)
	require.NoError(t, os.Symlink("inside", m.at("/etc/ssh/relative")))
	require.NoError(t, os.Symlink("/etc/hosts", m.at("/etc/ssh/absolute")))
	require.NoError(t, os.Symlink("/run/elsewhere", m.at("/etc/ssh/out")))
	require.NoError(t, os.Link(m.at("/etc/ssh/inside"), m.at("/etc/ssh/samefile")))
	require.NoError(t, exec.Command("mkfifo", m.at("/etc/ssh/pipe")).Run())
	before := listing(t, m.root)

	info, err := m.take(t, backup.ServerManifest())
	require.NoError(t, err)
	require.Equal(t, "bck-ct6-mds1-20170930-120005", info.Name)
	require.Equal(t, info.Name+".tgz", filepath.Base(info.Path))
	require.Equal(t, "ct6-mds1.lfs.intl", info.FQDN)
	st, err := os.Stat(info.Path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode().Perm(), "the archive holds /etc/shadow")
	require.Equal(t, before, listing(t, m.root), "nothing may be written on the machine")
	left, err := os.ReadDir(filepath.Dir(info.Path))
	require.NoError(t, err)
	require.Len(t, left, 1, "no temporary file may stay behind")
	for _, cmd := range m.ran {
		require.Equal(t, sshexec.ReadOnly, cmd.Effect, "%s", cmd)
	}

	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	require.Equal(t, info.SHA256, a.SHA256())
	require.NoError(t, a.Verify())
	require.Equal(t, "ct6-mds1", a.Host())
	require.True(t, a.Time().Equal(noon))
	for _, p := range backup.ServerManifest().Paths {
		require.True(t, a.Has(p.Path), p.Path)
	}
	require.Equal(t, []string{"/etc/sysconfig/network-scripts/ifcfg-eth0", "/etc/sysconfig/network-scripts/ifcfg-eth1"},
		a.Glob("/etc/sysconfig/network-scripts/ifcfg-*"))
	require.False(t, a.Has("/etc/sysconfig/network-scripts/ifup"))
	got, err := a.ClusterConfig()
	require.NoError(t, err)
	require.Equal(t, cib+"\n", string(got))
	require.True(t, a.Has("/cluster-cfg-ct6-mds1.xml"))

	e, err := a.Stat("/etc/ssh/ssh_host_rsa_key")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), e.Mode)
	require.True(t, e.ModTime.Equal(epoch))
	require.Equal(t, os.Getuid(), e.UID)
	for _, link := range []string{"/etc/ssh/relative", "/etc/ssh/absolute", "/etc/ssh/samefile"} {
		_, err := a.ReadFile(link)
		require.NoError(t, err, link)
	}
	rec := a.Record()
	require.Equal(t, "CentOS release 6.8 (Final)", rec.OSRelease)
	require.Equal(t, "server", rec.Manifest)
	var skipped []string
	for _, s := range rec.Skipped {
		skipped = append(skipped, string(s.Path))
	}
	require.ElementsMatch(t, []string{"/etc/ssh/out", "/etc/ssh/pipe"}, skipped)
}

// BAK-009: what Create made, the guide's own command extracts.
func TestCreateExtractsWithTar(t *testing.T) {
	m := newMachine(t)
	info, err := m.take(t, backup.ServerManifest())
	require.NoError(t, err)
	home := t.TempDir()
	out, err := exec.Command("tar", "zxf", info.Path, "-C", home).CombinedOutput()
	require.NoError(t, err, "%s", out)
	dir := filepath.Join(home, "bck-ct6-mds1-20170930-120005")
	for _, p := range backup.ServerManifest().Paths {
		found, err := filepath.Glob(filepath.Join(dir, p.Path))
		require.NoError(t, err)
		require.NotEmpty(t, found, p.Path)
	}
	require.FileExists(t, filepath.Join(dir, "cluster-cfg-ct6-mds1.xml"))
	st, err := os.Stat(filepath.Join(dir, "etc/ssh/ssh_host_rsa_key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode())
	require.True(t, st.ModTime().Equal(epoch))
}

// BAK-001, BAK-004: the manager's repositories stay out, its database comes in.
func TestCreateManager(t *testing.T) {
	m := newMachine(t)
	info, err := m.take(t, backup.ManagerManifest())
	require.NoError(t, err)
	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	require.False(t, a.Has("/var/lib/chroma/repo"))
	require.True(t, a.Has("/var/lib/chroma/targets/OWFh"))
	require.Equal(t, []string{"/pgbackup-2017-09-30-12:00:05.sql.gz"}, a.Glob(backup.DatabasePath))
	sql, err := a.Gunzip("/pgbackup-2017-09-30-12:00:05.sql.gz")
	require.NoError(t, err)
	text, err := io.ReadAll(sql)
	require.NoError(t, err)
	require.Equal(t, "-- PostgreSQL database cluster dump\n", string(text))
	require.False(t, a.Has("/etc/corosync/corosync.conf"))
}

func TestCreateAbsent(t *testing.T) {
	m := newMachine(t)
	require.NoError(t, os.Remove(m.at("/etc/ntp.conf")))
	info, err := m.take(t, backup.ServerManifest())
	require.NoError(t, err)
	for _, p := range info.Record.Paths {
		require.Equal(t, p.Path == "/etc/ntp.conf", len(p.Taken) == 0, p.Path)
	}

	require.NoError(t, os.Remove(m.at("/etc/corosync/corosync.conf")))
	require.NoError(t, os.Remove(m.at("/etc/hosts")))
	_, err = m.take(t, backup.ServerManifest())
	require.ErrorIs(t, err, backup.ErrRequiredAbsent)
	require.ErrorContains(t, err, "/etc/corosync/corosync.conf")
	require.ErrorContains(t, err, "/etc/hosts")
}

func TestCreateRequiredPathIsALinkOut(t *testing.T) {
	m := newMachine(t)
	require.NoError(t, os.Remove(m.at("/etc/resolv.conf")))
	require.NoError(t, os.Symlink("/run/resolv.conf", m.at("/etc/resolv.conf")))
	_, err := m.take(t, backup.ServerManifest())
	require.ErrorIs(t, err, backup.ErrRequiredAbsent)
	require.ErrorContains(t, err, "/etc/resolv.conf")
	require.ErrorContains(t, err, "/run/resolv.conf")
}

// BAK-005, BAK-006: a backup without the cluster configuration does not come into being, whatever way it goes missing.
func TestCreateFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		cmd  string
		does answer
		want string
	}{
		"cluster down":         {"cibadmin --query", answer{code: 107}, "exit status 107"},
		"empty configuration":  {"cibadmin --query", answer{}, "printed nothing"},
		"no cib in the output": {"cibadmin --query", answer{stdout: "hello"}, `"<cib"`},
		"lost while cibadmin":  {"cibadmin --query", answer{stdout: cib, lost: true}, "outcome unknown"},
		"no host name":         {"hostname", answer{stdout: "../evil\n"}, "not a host name"},
		"host unreachable":     {"hostname", answer{lost: true}, "outcome unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.script[tc.cmd] = tc.does
			dir := t.TempDir()
			_, err := backup.Create(t.Context(), m, backup.ServerManifest(), backup.Options{Dir: dir, Root: m.root})
			require.ErrorContains(t, err, tc.want)
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// tarFault changes what the machine's tar sends.
type tarFault struct {
	*machine
	after int64 // bytes that get through
	lost  bool  // whether the connection is lost then, or tar ends as if all were well
}

func (f tarFault) Run(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	if cmd.Argv[0] != "tar" || cmd.Stdout == nil {
		return f.machine.Run(ctx, cmd)
	}
	cut := &cutWriter{w: cmd.Stdout, left: f.after}
	inner := cmd
	inner.Stdout = cut
	res, err := f.machine.Run(ctx, inner)
	if f.lost {
		res.Outcome = sshexec.Unknown
		err = sshexec.Failure("ct6-mds1", cmd, res, io.ErrUnexpectedEOF)
	}
	return res, err
}

type cutWriter struct {
	w    io.Writer
	left int64
}

func (c *cutWriter) Write(b []byte) (int, error) {
	n := min(int64(len(b)), c.left)
	c.left -= n
	if _, err := c.w.Write(b[:n]); err != nil {
		return 0, err
	}
	return len(b), nil
}

// A stream that ends early, even between two files, is an error and never a short archive.
func TestCreateCutOff(t *testing.T) {
	m := newMachine(t)
	for _, after := range []int64{0, 100, 512, 1024, 3000, 4096, 10240, 12000} {
		for _, lost := range []bool{false, true} {
			dir := t.TempDir()
			_, err := backup.Create(t.Context(), tarFault{m, after, lost}, backup.ServerManifest(), backup.Options{Dir: dir, Root: m.root})
			require.Error(t, err, "cut after %d", after)
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left)
		}
	}
}

// Cut at any block, even between two entries where tar's format does not tell, and ended as if all were well: an error.
func TestCreateCutAtEveryBlock(t *testing.T) {
	m := newMachine(t)
	require.NoError(t, os.RemoveAll(m.at("/var/lib/chroma/repo")))
	var stream bytes.Buffer
	keep := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[0] == "tar" && cmd.Stdout != nil {
			cmd.Stdout = io.MultiWriter(cmd.Stdout, &stream)
		}
		return m.Run(ctx, cmd)
	})
	_, err := backup.Create(t.Context(), keep, chromaOnly, backup.Options{Dir: t.TempDir(), Root: m.root})
	require.NoError(t, err)
	content := len(bytes.TrimRight(stream.Bytes(), "\x00"))
	for after := 0; after < content+512; after += 512 {
		_, err := backup.Create(t.Context(), sends(stream.Bytes()[:after]), chromaOnly, backup.Options{Dir: t.TempDir()})
		require.Error(t, err, "cut after %d of %d bytes", after, content)
	}
}

func TestCreateCancelled(t *testing.T) {
	m := newMachine(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := backup.Create(ctx, m, backup.ServerManifest(), backup.Options{Dir: t.TempDir(), Root: m.root})
	require.ErrorIs(t, err, context.Canceled)
}

func TestCreateNeverOverwrites(t *testing.T) {
	m := newMachine(t)
	opts := backup.Options{Dir: t.TempDir(), Root: m.root, Now: func() time.Time { return noon }}
	_, err := backup.Create(t.Context(), m, backup.ServerManifest(), opts)
	require.NoError(t, err)
	_, err = backup.Create(t.Context(), m, backup.ServerManifest(), opts)
	require.ErrorIs(t, err, backup.ErrExists)
}

func TestCreateLimits(t *testing.T) {
	m := newMachine(t)
	_, err := backup.Create(t.Context(), m, backup.ServerManifest(), backup.Options{
		Dir: t.TempDir(), Root: m.root, Limits: backup.Limits{Bytes: 4096},
	})
	var limit *backup.LimitError
	require.ErrorAs(t, err, &limit)
}

// Create makes nothing that Open would refuse: not an archive of almost nothing but zeros, either.
func TestCreateTooDense(t *testing.T) {
	m := newMachine(t)
	defer backup.RatioGrace(1 << 20)()
	zeros := make([]byte, 8<<20)
	m.write(t, "/var/lib/chroma/zeros", string(zeros), 0o600)
	m.only(t, false, "sh", "stat", "head", "cat", "readlink") // tar would find that they are written, and keep them
	dir := t.TempDir()
	_, err := backup.Create(t.Context(), m, chromaOnly, backup.Options{Dir: dir, Root: m.root})
	var limit *backup.LimitError
	require.ErrorAs(t, err, &limit)
	require.Empty(t, glob(t, dir, "*"))
}

func TestCreateOptionalCommand(t *testing.T) {
	m := newMachine(t)
	manifest := backup.Manifest{
		Name: "arbiter", Paths: []backup.Path{{Path: "/etc/hosts"}},
		Commands: []backup.Command{{Name: "chkconfig-{host}.txt", Argv: []string{"chkconfig", "--list"}, Optional: true}},
	}
	info, err := m.take(t, manifest)
	require.NoError(t, err)
	last := info.Record.Commands[len(info.Record.Commands)-1]
	require.Equal(t, []string{"chkconfig", "--list"}, last.Argv)
	require.NotEmpty(t, last.Err)
}

// No content of a file may stand in an error.
func TestErrorsHoldNoContent(t *testing.T) {
	m := newMachine(t)
	m.script["cibadmin --query"] = answer{stdout: "secret-in-output", code: 1}
	_, err := m.take(t, backup.ServerManifest())
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret-in-output")
}

func listing(t *testing.T, root string) string {
	t.Helper()
	out, err := exec.Command("ls", "-lAR", "--time-style=full-iso", root).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}
