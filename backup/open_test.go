package backup_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

const tarBlock = 512

const top = "bck-ct6-mds1-20170930-120005"

// pack makes a .tgz of entries as they are; a regular file's content is body.
func pack(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	const body = "content\n"
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	tw := tar.NewWriter(gz)
	for _, h := range entries {
		if h.Typeflag == 0 {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(body))
		}
		h.Mode = 0o600
		require.NoError(t, tw.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := tw.Write([]byte(body)[:h.Size])
			require.NoError(t, err)
		}
	}
	require.NoError(t, tw.Close())
	require.NoError(t, gz.Close())
	return buf.Bytes()
}

func dir(name string) tar.Header  { return tar.Header{Typeflag: tar.TypeDir, Name: name + "/"} }
func file(name string) tar.Header { return tar.Header{Name: name} }
func link(flag byte, name, target string) tar.Header {
	return tar.Header{Typeflag: flag, Name: name, Linkname: target}
}

func TestOpenRefusesHostileArchives(t *testing.T) {
	for name, tc := range map[string]struct {
		entries []tar.Header
		names   string // the offending entry
		kind    error
	}{
		"absolute path":         {[]tar.Header{dir(top), file("/etc/passwd")}, "/etc/passwd", backup.ErrHostile},
		"path goes up":          {[]tar.Header{dir(top), file(top + "/../../etc/passwd")}, top + "/../../etc/passwd", backup.ErrHostile},
		"path goes up and back": {[]tar.Header{dir(top), file(top + "/etc/../hosts")}, "etc/../hosts", backup.ErrHostile},
		"symlink goes up": {[]tar.Header{dir(top), link(tar.TypeSymlink, top+"/etc/x", "../../etc/shadow")}, top +
			"/etc/x", backup.ErrHostile},
		"symlink to outside": {[]tar.Header{dir(top), link(tar.TypeSymlink, top+"/etc/x", "/tmp")}, top + "/etc/x", backup.ErrHostile},
		"path through a symlink": {[]tar.Header{link(tar.TypeSymlink, top+"/a", "b"), file(top + "/a/passwd")}, top +
			"/a/passwd", backup.ErrHostile},
		"path through a file":   {[]tar.Header{file(top + "/a"), file(top + "/a/passwd")}, top + "/a/passwd", backup.ErrHostile},
		"link over a directory": {[]tar.Header{file(top + "/a/b"), link(tar.TypeSymlink, top+"/a", "b")}, top + "/a", backup.ErrHostile},
		"hard link to outside":  {[]tar.Header{dir(top), link(tar.TypeLink, top+"/x", "/etc/shadow")}, top + "/x", backup.ErrHostile},
		"hard link goes up":     {[]tar.Header{dir(top), link(tar.TypeLink, top+"/x", top+"/../x")}, top + "/x", backup.ErrHostile},
		"hard link to nothing":  {[]tar.Header{dir(top), link(tar.TypeLink, top+"/x", top+"/y")}, top + "/x", backup.ErrHostile},
		"character device":      {[]tar.Header{{Typeflag: tar.TypeChar, Name: top + "/dev/null"}}, top + "/dev/null", backup.ErrHostile},
		"block device":          {[]tar.Header{{Typeflag: tar.TypeBlock, Name: top + "/dev/sda"}}, top + "/dev/sda", backup.ErrHostile},
		"named pipe":            {[]tar.Header{{Typeflag: tar.TypeFifo, Name: top + "/pipe"}}, top + "/pipe", backup.ErrHostile},
		"file twice":            {[]tar.Header{file(top + "/a"), file(top + "/a")}, top + "/a", backup.ErrHostile},
		"twice by another name": {[]tar.Header{file(top + "/a"), file("./" + top + "//a")}, top + "//a", backup.ErrHostile},
		"directory twice":       {[]tar.Header{dir(top + "/a"), dir(top + "/a")}, top + "/a", backup.ErrHostile},
		"top twice":             {[]tar.Header{dir(top), dir(top)}, top, backup.ErrHostile},
		"two trees":             {[]tar.Header{file(top + "/a"), file("bck-other-20170930-120005/a")}, "bck-other", backup.ErrNotArchive},
		"another kind of tree":  {[]tar.Header{file("linux-4.4/Makefile")}, "linux-4.4/Makefile", backup.ErrNotArchive},
		"no such day":           {[]tar.Header{file("bck-h-20171332-120005/a")}, "bck-h", backup.ErrNotArchive},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := backup.Open(srcerr.Named("bad.tgz", bytes.NewReader(pack(t, tc.entries...))))
			require.ErrorIs(t, err, tc.kind)
			var entry *backup.EntryError
			require.ErrorAs(t, err, &entry)
			require.Contains(t, entry.Entry, tc.names)
			require.ErrorContains(t, err, "bad.tgz")
		})
	}
}

func TestOpenAllowLinksOut(t *testing.T) {
	data := pack(t, dir(top), link(tar.TypeSymlink, top+"/etc/resolv.conf", "/run/resolv.conf"))
	_, err := backup.Open(bytes.NewReader(data))
	require.ErrorIs(t, err, backup.ErrHostile)
	a, err := backup.Open(bytes.NewReader(data), backup.AllowLinksOut())
	require.NoError(t, err)
	_, err = a.ReadFile("/etc/resolv.conf")
	require.ErrorIs(t, err, backup.ErrAbsent, "a link out is never followed")
}

func TestOpenRefusesBombs(t *testing.T) {
	var bomb bytes.Buffer
	gz := gzip.NewWriter(&bomb)
	tw := tar.NewWriter(gz)
	const size = 16 << 20
	require.NoError(t, tw.WriteHeader(&tar.Header{Name: top + "/zeros", Mode: 0o600, Size: size}))
	for zeros := make([]byte, 1<<20); ; {
		if _, err := tw.Write(zeros); err != nil {
			require.ErrorIs(t, err, tar.ErrWriteTooLong)
			break
		}
	}
	require.NoError(t, tw.Close())
	require.NoError(t, gz.Close())
	saved := bytes.Clone(bomb.Bytes())
	_, err := backup.Open(bytes.NewReader(saved))
	require.NoError(t, err, "a few zeros are no attack")
	defer backup.RatioGrace(8 << 20)()
	_, err = backup.Open(&bomb)
	require.ErrorIs(t, err, backup.ErrHostile)
	require.ErrorContains(t, err, "for each packed one")

	many := make([]tar.Header, 0, 11)
	for _, c := range "abcdefghijk" {
		many = append(many, file(top+"/"+string(c)))
	}
	_, err = backup.Open(bytes.NewReader(pack(t, many...)), backup.WithLimits(backup.Limits{Files: 10}))
	require.ErrorIs(t, err, backup.ErrHostile)
	require.ErrorContains(t, err, "more than 10 entries")
	_, err = backup.Open(bytes.NewReader(pack(t, many...)), backup.WithLimits(backup.Limits{Bytes: 2000}))
	require.ErrorIs(t, err, backup.ErrHostile)
}

// sample is an archive of a server with a few files.
func sample(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	require.NoError(t, backup.Build(&buf, "ct6-mds1", noon, []backup.File{
		{Path: "/etc/hosts", Data: []byte("127.0.0.1 localhost\n")},
		{Path: "/etc/shadow", Data: []byte("root:$6$hash:::\n"), Mode: 0o400},
		{Path: "/etc/ssh/sshd_config", Data: bytes.Repeat([]byte("# sshd\n"), 4000), Owner: "root"},
		{Path: "/etc/ssh/link", Target: "sshd_config"},
		{Path: "/etc/ssh/hard", Target: "/etc/ssh/sshd_config", Hard: true},
		{Path: "/root/.ssh", Mode: os.ModeDir | 0o700},
		{Path: "/cluster-cfg-ct6-mds1.xml", Data: []byte(cib)},
	}))
	return buf.Bytes()
}

func TestBuildAndOpen(t *testing.T) {
	a, err := backup.Open(bytes.NewReader(sample(t)))
	require.NoError(t, err)
	require.NoError(t, a.Verify())
	require.Equal(t, top, a.Name())
	for _, name := range []string{"/etc/ssh/link", "/etc/ssh/hard", "/etc/ssh/../ssh/sshd_config"} {
		data, err := a.ReadFile(name)
		require.NoError(t, err, name)
		require.Len(t, data, 28000, name)
	}
	e, err := a.Stat("/root/.ssh")
	require.NoError(t, err)
	require.Equal(t, os.ModeDir|0o700, e.Mode)
	_, err = a.ReadFile("/root/.ssh")
	require.ErrorIs(t, err, backup.ErrNotFile)
	_, err = a.ReadFile("/etc/hosts/below")
	require.ErrorIs(t, err, backup.ErrAbsent)

	require.Error(t, backup.Build(&bytes.Buffer{}, "../h", noon, nil))
	for _, f := range []backup.File{{Path: "etc/hosts"}, {Path: "/etc/../x"}, {Path: "/a", Target: "/b", Hard: true}} {
		require.Error(t, backup.Build(&bytes.Buffer{}, "h", noon, []backup.File{f}), "%v", f)
	}
}

// Every cut, and every flipped byte that changes anything, is noticed: never a short archive, never another content.
func TestOpenDamaged(t *testing.T) {
	whole := sample(t)
	for n := range whole {
		_, err := backup.Open(srcerr.Named("cut.tgz", bytes.NewReader(whole[:n])))
		require.Error(t, err, "cut to %d of %d bytes", n, len(whole))
		require.True(t, errors.Is(err, backup.ErrDamaged) || errors.Is(err, backup.ErrNotArchive), "%v", err)
		require.ErrorContains(t, err, "cut.tgz")
	}
	sound, err := backup.Open(bytes.NewReader(whole))
	require.NoError(t, err)
	want := contents(t, sound)
	rapid.Check(t, func(t *rapid.T) {
		bad := bytes.Clone(whole)
		at := rapid.IntRange(10, len(bad)-1).Draw(t, "at") // gzip's own header says nothing about the content
		bad[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		a, err := backup.Open(bytes.NewReader(bad))
		if err == nil && a.Verify() != nil {
			t.Fatalf("byte %d: damage was found only by Verify", at)
		}
		if err == nil && contents(t, a) != want {
			t.Fatalf("byte %d: damage was not found", at) // the bits between two blocks of deflate mean nothing
		}
	})
	_, err = backup.Open(bytes.NewReader(append(bytes.Clone(whole), "more"...)))
	require.Error(t, err)
	_, err = backup.Open(strings.NewReader(""))
	require.ErrorIs(t, err, backup.ErrNotArchive)
	_, err = backup.Open(strings.NewReader("plain text"))
	require.ErrorIs(t, err, backup.ErrNotArchive)
}

// contents is every entry of an archive with its content.
func contents(t require.TestingT, a *backup.Archive) string {
	var b strings.Builder
	for _, e := range a.Files() {
		fmt.Fprintf(&b, "%+v\n", e)
		if e.Mode.IsRegular() {
			data, err := a.ReadFile(e.Path)
			require.NoError(t, err)
			b.Write(data)
		}
	}
	return b.String()
}

// A tar stream that was cut between two files and then compressed is whole for gzip.
func TestOpenCutBeforeCompression(t *testing.T) {
	zr, err := gzip.NewReader(bytes.NewReader(pack(t, file(top+"/a"), file(top+"/b"))))
	require.NoError(t, err)
	var plain bytes.Buffer
	_, err = plain.ReadFrom(zr)
	require.NoError(t, err)
	for _, n := range []int{1024, 2048, 2560} { // after a, after b, after one of the two last blocks
		var cut bytes.Buffer
		gz := gzip.NewWriter(&cut)
		_, err = gz.Write(plain.Bytes()[:n])
		require.NoError(t, err)
		require.NoError(t, gz.Close())
		_, err = backup.Open(&cut)
		require.ErrorIs(t, err, backup.ErrDamaged, "cut to %d", n)
	}
	// Every block of an archive with extended headers, too.
	zr, err = gzip.NewReader(bytes.NewReader(pack(t, file(top+"/a"), file(top+"/non\xffutf8"+strings.Repeat("/long", 60)))))
	require.NoError(t, err)
	var long bytes.Buffer
	_, err = long.ReadFrom(zr)
	require.NoError(t, err)
	for n := 0; n < long.Len()-tarBlock; n += tarBlock {
		_, err := backup.Open(bytes.NewReader(squeeze(long.Bytes()[:n])))
		require.Error(t, err, "cut to %d of %d", n, long.Len())
	}
	var more bytes.Buffer
	gz := gzip.NewWriter(&more)
	_, err = gz.Write(append(bytes.Clone(plain.Bytes()), plain.Bytes()...))
	require.NoError(t, err)
	require.NoError(t, gz.Close())
	_, err = backup.Open(&more)
	require.ErrorContains(t, err, "after the archive's end")
}

func TestOpenZstd(t *testing.T) {
	zr, err := gzip.NewReader(bytes.NewReader(sample(t)))
	require.NoError(t, err)
	var buf bytes.Buffer
	zw, err := zstd.NewWriter(&buf)
	require.NoError(t, err)
	_, err = zw.ReadFrom(zr)
	require.NoError(t, err)
	require.NoError(t, zw.Close())
	a, err := backup.Open(bytes.NewReader(buf.Bytes()))
	require.NoError(t, err)
	require.NoError(t, a.Verify())
	_, err = backup.Open(bytes.NewReader(buf.Bytes()[:buf.Len()-5]))
	require.ErrorIs(t, err, backup.ErrDamaged)
}

// What does not fit into memory is read from the file again.
func TestOpenFileKeepsLittle(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.tgz")
	require.NoError(t, os.WriteFile(name, sample(t), 0o600))
	limits := backup.DefaultLimits()
	limits.Keep = 20_000
	a, err := backup.OpenFile(name, backup.WithLimits(limits))
	require.NoError(t, err)
	data, err := a.ReadFile("/etc/ssh/hard")
	require.NoError(t, err)
	require.Len(t, data, 28000)
	a, err = backup.Open(bytes.NewReader(sample(t)), backup.WithLimits(limits))
	require.NoError(t, err)
	data, err = a.ReadFile("/etc/ssh/sshd_config")
	require.NoError(t, err, "memory can be read again")
	require.Len(t, data, 28000)
	a, err = backup.Open(io.MultiReader(bytes.NewReader(sample(t))), backup.WithLimits(limits))
	require.NoError(t, err)
	_, err = a.ReadFile("/etc/ssh/sshd_config")
	require.ErrorIs(t, err, backup.ErrTooLarge, "a stream cannot")
	_, err = backup.OpenFile(filepath.Join(t.TempDir(), "none.tgz"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// guideArchive runs the tar commands of the guide's server script (lustre:367-399) on a machine's files.
func guideArchive(t *testing.T, m *machine, host, cluster string) string {
	t.Helper()
	home := t.TempDir()
	script := `set -e
BCKNAME=bck-$HOSTNAME-$STAMP BCKROOT=$HOME/$BCKNAME
mkdir -p $BCKROOT
cd $ROOT
tar cf - var/lib/chroma etc/sysconfig/network etc/sysconfig/network-scripts/ifcfg-* etc/yum.conf etc/yum.repos.d etc/hosts etc/passwd etc/group \
  etc/shadow etc/gshadow etc/sudoers etc/resolv.conf etc/nsswitch.conf etc/rsyslog.conf etc/ntp.conf etc/selinux/config \
  etc/modprobe.d/iml_lnet_module_parameters.conf etc/corosync/corosync.conf etc/ssh root/.ssh | (cd $BCKROOT && tar xf -)
printf %s "$CLUSTER" > $BCKROOT/cluster-cfg-$HOSTNAME.xml
cd ` + "`dirname $BCKROOT`" + `
tar zcf $BCKROOT.tgz ` + "`basename $BCKROOT`"
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), "HOME="+home, "HOSTNAME="+host, "STAMP=20170930-120005", "ROOT="+m.root, "CLUSTER="+cluster)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return filepath.Join(home, "bck-"+host+"-20170930-120005.tgz")
}

// BAK-003, BAK-020, BAK-021: archives of the guide's script, with short and full host names.
func TestOpenGuideArchive(t *testing.T) {
	m := newMachine(t)
	for _, host := range []string{"ct6-mds1", "ct6-mds1.lfs.intl", "mds-1-20170101-000000"} {
		a, err := backup.OpenFile(guideArchive(t, m, host, cib))
		require.NoError(t, err)
		require.Equal(t, host, a.Host())
		require.Equal(t, time.Date(2017, 9, 30, 12, 0, 5, 0, time.UTC), a.Time())
		require.Nil(t, a.Record())
		require.ErrorIs(t, a.Verify(), backup.ErrNoRecord)
		got, err := a.ClusterConfig()
		require.NoError(t, err)
		require.Equal(t, cib, string(got))
		require.Empty(t, a.Covers(backup.Requirements(backup.RestoreServer("/root/"+a.Name(), backup.RestoreOptions{}))))
		data, err := a.ReadFile("/etc/hosts")
		require.NoError(t, err)
		require.Equal(t, "content of /etc/hosts\n", string(data))
	}
	a, err := backup.OpenFile(guideArchive(t, m, "ct6-mds1", cib))
	require.NoError(t, err)
	for host, want := range map[string]bool{"ct6-mds1": true, "CT6-MDS1.lfs.intl": true, "ct6-mds2": false, "ct6-mds11": false, "ct6": false} {
		require.Equal(t, want, a.IsOf(host), host)
	}
}

// The script's redirection leaves an empty file when the cluster is down: that is no cluster configuration.
func TestClusterConfigMissing(t *testing.T) {
	m := newMachine(t)
	a, err := backup.OpenFile(guideArchive(t, m, "ct6-mds1", ""))
	require.NoError(t, err)
	_, err = a.ClusterConfig()
	require.ErrorIs(t, err, backup.ErrNoCluster)
	require.ErrorContains(t, err, "cluster-cfg-ct6-mds1.xml")

	a, err = backup.Open(bytes.NewReader(pack(t, file(top+"/etc/hosts"))))
	require.NoError(t, err)
	_, err = a.ClusterConfig()
	require.ErrorIs(t, err, backup.ErrNoCluster)
	missing := a.Covers([]backup.Requirement{{Path: backup.ClusterConfigPath, NeededBy: "rebuild.cluster"}})
	require.Len(t, missing, 1)
	require.ErrorIs(t, missing[0], backup.ErrNoCluster)
	require.Contains(t, missing[0].String(), "rebuild.cluster")

	a, err = backup.Open(bytes.NewReader(pack(t, file(top+"/cluster-cfg-a.xml"), file(top+"/cluster-cfg-b.xml"))))
	require.NoError(t, err)
	_, err = a.ClusterConfig()
	require.ErrorContains(t, err, "several")
}

// BAK-026: what later steps read is there, or is named together with the step.
func TestCovers(t *testing.T) {
	a, err := backup.Open(bytes.NewReader(sample(t)))
	require.NoError(t, err)
	reject := errors.New("line 1 is wrong")
	missing := a.Covers([]backup.Requirement{
		{Path: "/etc/hosts", Check: backup.NotEmpty, NeededBy: "restore.hosts"},
		{Path: "/etc/ssh", NeededBy: "restore.ssh"},
		{Path: "/etc/ssh/*", Check: backup.NotEmpty, NeededBy: "restore.ssh"},
		{Path: backup.ClusterConfigPath, Check: func(data []byte) error { require.Equal(t, cib, string(data)); return nil }, NeededBy: "rebuild"},
		{Path: "/etc/corosync/corosync.conf", NeededBy: "cluster.setup"},
		{Path: "/var/lib/chroma/targets/*", NeededBy: "mount.points"},
		{Path: "/etc/shadow", Check: func([]byte) error { return reject }, NeededBy: "restore.users"},
		{Path: backup.ClusterConfigPath, Check: func([]byte) error { return reject }, NeededBy: "rebuild"},
	})
	require.Len(t, missing, 4)
	require.Equal(t, "/etc/corosync/corosync.conf, needed by cluster.setup: "+top+": it is not in the backup", missing[0].String())
	require.Equal(t, "mount.points", missing[1].NeededBy)
	require.ErrorIs(t, missing[2], reject)
	require.NotContains(t, missing[2].String(), "hash")
	require.ErrorIs(t, missing[3], reject)
}

// A directory of the backup that holds nothing is no directory to restore from: it is told beforehand.
func TestCoversNoEmptyDirectory(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, backup.Build(&b, "ct6-mds1", noon, []backup.File{
		{Path: "/etc/ssh", Mode: fs.ModeDir | 0o755}, {Path: "/root/.ssh/authorized_keys", Mode: 0o600, Data: []byte("key")},
		{Path: "/etc/x.d/empty", Mode: fs.ModeDir | 0o755}, {Path: "/etc/void", Mode: 0o644},
	}))
	a, err := backup.Open(&b)
	require.NoError(t, err)
	for name, fills := range map[string]bool{
		"/etc/ssh": false, "/root/.ssh": true, "/etc/x.d": true, "/etc/x.d/empty": false, "/etc/void": true, "/etc/none": false, "/": true,
	} {
		require.Equal(t, fills, a.Fills(name), name)
	}
	missing := a.Covers([]backup.Requirement{{Path: "/etc/ssh", NeededBy: "restore.ssh"}, {Path: "/root/.ssh"}, {Path: "/etc/void"}})
	require.Len(t, missing, 1)
	require.ErrorContains(t, missing[0], "/etc/ssh, needed by restore.ssh")
	require.ErrorContains(t, missing[0], "there is nothing in it")
}

// repack rewrites an archive: edit changes, drops (false) or adds to what an entry holds.
func repack(t *testing.T, data []byte, edit func(h *tar.Header, body []byte) ([]byte, bool), extra ...tar.Header) []byte {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	tw := tar.NewWriter(gz)
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if err != nil {
			break
		}
		var body bytes.Buffer
		_, err = body.ReadFrom(tr)
		require.NoError(t, err)
		content, keep := edit(h, body.Bytes())
		if !keep {
			continue
		}
		h.Size, h.Format = int64(len(content)), tar.FormatPAX
		delete(h.PAXRecords, "path")
		delete(h.PAXRecords, "linkpath")
		require.NoError(t, tw.WriteHeader(h))
		_, err = tw.Write(content)
		require.NoError(t, err)
	}
	for _, h := range extra {
		require.NoError(t, tw.WriteHeader(&h))
	}
	require.NoError(t, tw.Close())
	require.NoError(t, gz.Close())
	return out.Bytes()
}

func TestVerify(t *testing.T) {
	for name, tc := range map[string]struct {
		edit  func(h *tar.Header, body []byte) ([]byte, bool)
		extra []tar.Header
		want  string
	}{
		"changed": {edit: func(h *tar.Header, b []byte) ([]byte, bool) {
			if strings.HasSuffix(h.Name, "/hosts") {
				return []byte("10.0.0.1 evilhost.x\n"), true
			}
			return b, true
		}, want: "/etc/hosts: its content has changed"},
		"removed": {edit: func(h *tar.Header, b []byte) ([]byte, bool) { return b, !strings.HasSuffix(h.Name, "/shadow") },
			want: "/etc/shadow: it is missing"},
		"added": {
			edit:  func(_ *tar.Header, b []byte) ([]byte, bool) { return b, true },
			extra: []tar.Header{{Typeflag: tar.TypeReg, Name: top + "/etc/evil", Mode: 0o600}},
			want:  "/etc/evil: it was added",
		},
		"redirected": {edit: func(h *tar.Header, b []byte) ([]byte, bool) {
			if h.Typeflag == tar.TypeSymlink {
				h.Linkname = "../hosts"
			}
			return b, true
		}, want: "it leads to ../hosts"},
		"retyped": {edit: func(h *tar.Header, b []byte) ([]byte, bool) {
			if h.Typeflag == tar.TypeSymlink {
				h.Typeflag, h.Linkname = tar.TypeReg, ""
			}
			return b, true
		}, want: "it is a file, and was a symlink"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := backup.Open(bytes.NewReader(repack(t, sample(t), tc.edit, tc.extra...)))
			require.NoError(t, err)
			err = a.Verify()
			require.ErrorContains(t, err, tc.want)
			var mismatch backup.Mismatch
			require.ErrorAs(t, err, &mismatch)
		})
	}
}

// A broken record is an error with its place.
func TestOpenBadRecord(t *testing.T) {
	for text, want := range map[string]string{
		"{\n  \"format\": 1,\n  oops": `manifest.json:3:3: not a backup's record`,
		`{"format": 7}`:               "format 7 is not known",
		`{"format": "1"}`:             "not a backup's record",
		`{"format":1,"host":"other"}`: `of host "other"`,
	} {
		data := repack(t, sample(t), func(h *tar.Header, b []byte) ([]byte, bool) {
			if strings.HasSuffix(h.Name, "evenkeel-manifest.json") {
				return []byte(text), true
			}
			return b, true
		})
		_, err := backup.Open(bytes.NewReader(data))
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(sample(f))
	f.Add(sample(f)[:200])
	f.Add(pack(f, dir(top), file(top+"/etc/hosts"), link(tar.TypeSymlink, top+"/a", "b"), link(tar.TypeSymlink, top+"/b", "a")))
	f.Add(pack(f, file("/etc/passwd")))
	f.Fuzz(func(t *testing.T, data []byte) {
		limits := backup.Limits{Bytes: 1 << 20, Files: 100, Ratio: 100, Keep: 1 << 20}
		for _, in := range [][]byte{data, squeeze(data)} {
			a, err := backup.Open(bytes.NewReader(in), backup.WithLimits(limits))
			if err != nil {
				continue
			}
			for _, e := range a.Files() {
				if !strings.HasPrefix(e.Path, "/") || strings.Contains(e.Path+"/", "/../") {
					t.Fatalf("path %q", e.Path)
				}
				if data, err := a.ReadFile(e.Path); err == nil && e.Mode.IsRegular() && int64(len(data)) != e.Size {
					t.Fatalf("%s: %d bytes of %d", e.Path, len(data), e.Size)
				}
			}
			_ = a.Verify()
			_, _ = a.ClusterConfig()
		}
	})
}

// squeeze compresses, so that the fuzzer reaches tar behind gzip's checksum.
func squeeze(data []byte) []byte {
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	_, _ = gz.Write(data)
	_ = gz.Close()
	return buf.Bytes()
}

func BenchmarkOpen(b *testing.B) {
	data := sample(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := backup.Open(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenManyFiles: ten times the files, ten times the time.
func BenchmarkOpenManyFiles(b *testing.B) {
	for _, n := range []int{2_000, 20_000} {
		var plain bytes.Buffer
		const top = "bck-oss1-20260101-220000"
		tw := tar.NewWriter(&plain)
		require.NoError(b, tw.WriteHeader(&tar.Header{Name: top + "/", Typeflag: tar.TypeDir, Mode: 0o755}))
		for i := range n {
			require.NoError(b, tw.WriteHeader(&tar.Header{Name: fmt.Sprintf("%s/etc/d%d/f%d", top, i/1000, i), Typeflag: tar.TypeReg, Mode: 0o644}))
		}
		require.NoError(b, tw.Close())
		data := squeeze(plain.Bytes())
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				_, err := backup.Open(bytes.NewReader(data))
				require.NoError(b, err)
			}
		})
	}
}
