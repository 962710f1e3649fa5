package backup_test

import (
	"archive/tar"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
)

// kept is a file in a backup, and what is in it.
type kept struct {
	tar.Header
	text string
}

// keptFile is a file of root's, mode 0644.
func keptFile(name, text string) kept {
	return kept{tar.Header{Name: name, Mode: 0o644, Typeflag: tar.TypeReg}, text}
}

// opened is a backup of some files, in this order.
func opened(t *testing.T, files ...kept) *backup.Archive {
	t.Helper()
	name := filepath.Join(t.TempDir(), top+".tgz")
	f, err := os.Create(name)
	require.NoError(t, err)
	gz := gzip.NewWriter(f)
	tw := tar.NewWriter(gz)
	for _, k := range append([]kept{{tar.Header{Name: "", Mode: 0o755, Typeflag: tar.TypeDir}, ""}}, files...) {
		k.Name, k.Size = top+"/"+k.Name, int64(len(k.text))
		require.NoError(t, tw.WriteHeader(&k.Header))
		_, err := tw.Write([]byte(k.text))
		require.NoError(t, err)
	}
	require.NoError(t, tw.Close())
	require.NoError(t, gz.Close())
	require.NoError(t, f.Close())
	a, err := backup.OpenFile(name)
	require.NoError(t, err)
	return a
}

// Compare tells each difference of a file, and nothing of what is in it.
func TestCompare(t *testing.T) {
	hosts, shadow := keptFile("etc/hosts", "10.0.0.1 a\n"), keptFile("etc/shadow", "canary-of-the-first\n")
	link := kept{tar.Header{Name: "etc/localtime", Mode: 0o777, Typeflag: tar.TypeSymlink, Linkname: "zone-canary"}, ""}
	folder := kept{tar.Header{Name: "etc/ssh", Mode: 0o755, Typeflag: tar.TypeDir}, ""}
	cluster := keptFile("cluster-cfg-ct6-mds1.xml", "<cib/>")
	was := []kept{hosts, shadow, link, folder, cluster}
	with := func(i int, change func(*kept)) []kept {
		list := append([]kept{}, was...)
		change(&list[i])
		return list
	}
	for name, c := range map[string]struct {
		is   []kept
		want []string
	}{
		"the same":        {was, nil},
		"another order":   {[]kept{cluster, folder, link, shadow, hosts}, nil},
		"a new time":      {with(0, func(k *kept) { k.ModTime = k.ModTime.AddDate(40, 0, 0) }), nil},
		"another cluster": {with(4, func(k *kept) { k.text = `<cib epoch="1"/>` }), nil}, // package pacemaker compares it
		"another folder":  {with(3, func(k *kept) { k.Mode = 0o700 }), []string{"/etc/ssh: mode 0755, now 0700"}},
		"gone":            {was[1:], []string{"/etc/hosts is gone"}},
		"new":             {append(was[:5:5], keptFile("etc/new", "x")), []string{"/etc/new is new"}},
		"another content": {with(1, func(k *kept) { k.text = "canary-of-the-other\n" }),
			[]string{"/etc/shadow: its content is another (20 bytes, now 20)"}},
		"longer":         {with(0, func(k *kept) { k.text += "x" }), []string{"/etc/hosts: its content is another (11 bytes, now 12)"}},
		"another mode":   {with(1, func(k *kept) { k.Mode = 0o600 }), []string{"/etc/shadow: mode 0644, now 0600"}},
		"another user":   {with(1, func(k *kept) { k.Uid = 7 }), []string{"/etc/shadow: owner 0:0, now 7:0"}},
		"another group":  {with(1, func(k *kept) { k.Gid = 7 }), []string{"/etc/shadow: owner 0:0, now 0:7"}},
		"another target": {with(2, func(k *kept) { k.Linkname = "other-canary" }), []string{"/etc/localtime: it links to another file"}},
		"a link to a file": {with(2, func(k *kept) { k.Typeflag, k.Linkname, k.text = tar.TypeReg, "", "canary" }),
			[]string{"/etc/localtime: it was a symbolic link, is now a file"}},
		"two at once": {with(1, func(k *kept) { k.Mode, k.Uid, k.text = 0o600, 7, "" }),
			[]string{"/etc/shadow: its content is another (20 bytes, now 0), mode 0644, now 0600, owner 0:0, now 7:0"}},
		"in the order of the paths": {append(was[1:5:5], keptFile("etc/zz", ""), keptFile("etc/aa", "")),
			[]string{"/etc/aa is new", "/etc/hosts is gone", "/etc/zz is new"}},
	} {
		got := backup.Compare(opened(t, was...), opened(t, c.is...))
		require.Equal(t, c.want, got, name)
		for _, line := range got {
			require.NotContains(t, line, "canary", name)
		}
	}
}

// What a file is called comes from a machine: it is shown, and moves no cursor.
func TestCompareShowsNamesSafely(t *testing.T) {
	got := backup.Compare(opened(t), opened(t, keptFile("etc/\x1b[2Jx\u202ey", "")))
	require.Len(t, got, 1)
	require.NotContains(t, got[0], "\x1b")
	require.NotContains(t, got[0], "\u202e")
}
