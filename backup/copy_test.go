package backup_test

import (
	"archive/tar"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// place is a machine for copies, with a directory for its root.
type place struct {
	root  string
	names []string // what "hostname" and "hostname -f" print
	spoil bool     // what is written arrives damaged
}

func (p place) Run(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	switch cmd.String() {
	case "hostname":
		return sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(p.names[0] + "\n")}, nil
	case "hostname -f":
		return sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(p.names[1] + "\n")}, nil
	}
	here := func(s string) string {
		dir, rest, found := strings.Cut(s, "/safe")
		if !found || strings.Contains(dir, p.root) {
			return s
		}
		return dir + p.root + "/safe" + rest
	}
	cmd = cmd.Expand(here)
	if cmd.Argv[0] == "sha256sum" && cmd.Argv[1] == "-c" { // its list of names comes by the standard input
		in, err := cmd.Stdin.Open()
		if err != nil {
			return sshexec.Result{}, err
		}
		text := make([]byte, 4096)
		n, _ := in.Read(text)
		cmd.Stdin = sshexec.Text(here(string(text[:n])))
	}
	res, err := sshexec.Local{}.Run(ctx, cmd)
	if p.spoil && cmd.Argv[0] == "mv" {
		name := cmd.Argv[len(cmd.Argv)-1]
		_ = os.WriteFile(name, []byte("rotten"), 0o600)
	}
	return res, err
}

func newPlace(t *testing.T, names ...string) place {
	t.Helper()
	p := place{root: t.TempDir(), names: names}
	require.NoError(t, os.Mkdir(p.root+"/safe", 0o700))
	return p
}

// BAK-006: the archive is copied to another machine, read back there, and looked at again before anything is destroyed.
func TestCopyOff(t *testing.T) {
	m := newMachine(t)
	info, err := m.take(t, backup.ServerManifest())
	require.NoError(t, err)
	of := []string{info.Host, info.FQDN}
	p := newPlace(t, "vault", "vault.lfs.intl")
	proof, err := backup.CopyOff(t.Context(), p, info.Path, "/safe", of, noon)
	require.NoError(t, err)
	require.Equal(t, &backup.Proof{Host: "vault", Path: "/safe/" + filepath.Base(info.Path), SHA256: info.SHA256,
		Size: info.Size, Time: noon}, proof)
	copied := p.root + proof.Path
	require.Equal(t, readFile(t, info.Path), readFile(t, copied))
	st, err := os.Stat(copied)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode())
	require.Len(t, glob(t, p.root+"/safe", "*"), 1)
	require.NoError(t, proof.Check(t.Context(), p))

	_, err = backup.CopyOff(t.Context(), p, info.Path, "/safe", of, noon)
	require.NoError(t, err, "once more finds it done")
	require.NoError(t, os.WriteFile(copied, []byte("rotten"), 0o600))
	require.ErrorIs(t, proof.Check(t.Context(), p), backup.ErrNoCopy)
	_, err = backup.CopyOff(t.Context(), p, info.Path, "/safe", of, noon)
	require.ErrorIs(t, err, backup.ErrExists, "another file is not overwritten")
	require.Equal(t, "rotten", string(readFile(t, copied)))
	require.NoError(t, os.Remove(copied))
	require.ErrorIs(t, proof.Check(t.Context(), p), backup.ErrNoCopy)

	p.spoil = true
	_, err = backup.CopyOff(t.Context(), p, info.Path, "/safe", of, noon)
	require.ErrorIs(t, err, backup.ErrNoCopy, "it is what lies there that counts")
	_, err = backup.CopyOff(t.Context(), p, info.Path, "safe", of, noon)
	require.Error(t, err)
}

// BAK-006, BAK-021: a copy on the machine itself is none, whichever of its names it goes by.
func TestCopyOffTheMachineItself(t *testing.T) {
	m := newMachine(t)
	info, err := m.take(t, backup.ServerManifest())
	require.NoError(t, err)
	for _, names := range [][]string{{"ct6-mds1", ""}, {"CT6-MDS1.lfs.intl", ""}, {"localhost", "ct6-mds1.lfs.intl"}} {
		p := newPlace(t, names...)
		_, err := backup.CopyOff(t.Context(), p, info.Path, "/safe", []string{info.Host, info.FQDN}, noon)
		require.ErrorIs(t, err, backup.ErrSameMachine, "%q", names)
		require.Empty(t, glob(t, p.root+"/safe", "*"))
	}
	p := newPlace(t, "ct6-mds11", "ct6-mds11.lfs.intl")
	_, err = backup.CopyOff(t.Context(), p, info.Path, "/safe", []string{info.Host, info.FQDN}, noon)
	require.NoError(t, err)
}

// When nobody can say whether the copy is there, the proof says that, and not that it is gone.
func TestProofWithoutAnAnswer(t *testing.T) {
	proof := backup.Proof{Host: "vault", Path: "/safe/x", SHA256: strings.Repeat("0", 64)}
	lost := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Unknown}
		return res, sshexec.Failure("vault", cmd, res, sshexec.ErrDisconnected)
	})
	err := proof.Check(t.Context(), lost)
	require.ErrorIs(t, err, sshexec.ErrDisconnected)
	require.NotErrorIs(t, err, backup.ErrNoCopy)
}

// cluman is a Cluster Manager with what migrate.sh leaves in /var/tmp.
type cluman struct{ root string }

func (c cluman) Run(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	there := strings.NewReplacer("/var/tmp", c.root+"/var/tmp")
	res, err := sshexec.Local{}.Run(ctx, cmd.Expand(there.Replace))
	res.Stdout = []byte(strings.ReplaceAll(string(res.Stdout), c.root, ""))
	return res, err
}

// BAK-022..025: the archives of migrate.sh are taken off, proven and read to their end; what no program sees is
// attested; site files are kept beside.
func TestCPSItems(t *testing.T) {
	c := cluman{t.TempDir()}
	require.NoError(t, os.MkdirAll(c.root+"/var/tmp", 0o755))
	whole := pack(t, dir("etc/broadhop"), file("etc/broadhop/logback.xml"), link(tar.TypeSymlink, "etc/mtab", "/proc/self/mounts"))
	put := func(name string, data []byte) {
		require.NoError(t, os.WriteFile(c.root+"/var/tmp/"+name, data, 0o600))
	}
	put("migrate_cluman_20180104_170515.tar.gz", []byte("older"))
	put("migrate_cluman_20180105_170515.tar.gz", whole)
	put("migrate_set-1_20180621_212456.tar.gz", whole[:len(whole)-20])
	items := map[string]backup.Item{}
	for _, i := range backup.CPSItems() {
		items[i.Name] = i
		require.NotEmpty(t, i.NeededBy)
		require.True(t, strings.HasPrefix(i.Ref, "cps:"))
		require.NotEqual(t, i.Pattern == "", i.Attest == "", "BAK-024: fetched or attested")
	}
	into := t.TempDir()
	for range 2 { // the second time it is there, and compared again
		got, a, err := items["Cluster Manager archive"].Fetch(t.Context(), c, "installer", into)
		require.NoError(t, err)
		require.Equal(t, "migrate_cluman_20180105_170515.tar.gz", filepath.Base(got.Path))
		require.Equal(t, got.SHA256, a.SHA256())
		require.True(t, a.Has("/etc/broadhop/logback.xml"))
	}
	require.NoError(t, os.WriteFile(into+"/migrate_cluman_20180105_170515.tar.gz", []byte("other"), 0o600))
	_, _, err := items["Cluster Manager archive"].Fetch(t.Context(), c, "installer", into)
	require.ErrorIs(t, err, backup.ErrExists)
	_, _, err = items["archive of set 1"].Fetch(t.Context(), c, "installer", into)
	require.ErrorIs(t, err, backup.ErrDamaged)
	_, _, err = items["archive of set 2"].Fetch(t.Context(), c, "installer", into)
	require.ErrorIs(t, err, backup.ErrNoItem)
	require.ErrorContains(t, err, "migrate.sh disable set 2")
	_, _, err = items["snapshot or clone of the Cluster Manager"].Fetch(t.Context(), c, "installer", into)
	require.ErrorContains(t, err, "the operator confirms it")

	m := newMachine(t)
	m.write(t, "/etc/broadhop/qns.conf", "x", 0o600)
	m.write(t, "/var/tmp/logback_backup/logback.xml", "<configuration/>", 0o600)
	info, err := m.take(t, backup.CPSCustomManifest("/etc/broadhop/qns.conf"))
	require.NoError(t, err)
	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	require.True(t, a.Has("/etc/broadhop/qns.conf") && a.Has("/var/tmp/logback_backup/logback.xml"))
	_, err = m.take(t, backup.CPSCustomManifest("/etc/broadhop/none"))
	require.ErrorIs(t, err, backup.ErrRequiredAbsent)
}
