package backup_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
)

// entriesOf are the entries of an archive, without its top directory.
func entriesOf(t *testing.T, data []byte) []tar.Header {
	t.Helper()
	var all []tar.Header
	repack(t, data, func(h *tar.Header, b []byte) ([]byte, bool) {
		if h.Name != top+"/" {
			all = append(all, *h)
		}
		return b, true
	})
	return all
}

// mutant is an archive with one change, or an error where it could not even be opened, which names what it refused.
func mutant(t *testing.T, data []byte, name string, change func(h *tar.Header, body []byte) ([]byte, bool)) error {
	t.Helper()
	bad := repack(t, data, func(h *tar.Header, b []byte) ([]byte, bool) {
		if h.Name == name {
			return change(h, b)
		}
		return b, true
	})
	a, err := backup.Open(bytes.NewReader(bad), backup.AllowLinksOut())
	if err != nil {
		return err
	}
	return a.Verify()
}

// BAK-026: each member of an archive deleted, cut off or altered in anything that a restore brings back is named.
func TestEveryMutantIsNamed(t *testing.T) {
	var made bytes.Buffer
	require.NoError(t, backup.Build(&made, "ct6-mds1", noon, []backup.File{
		{Path: "/etc/hosts", Data: []byte("127.0.0.1 localhost\n"), Owner: "root", Group: "root"},
		{Path: "/etc/shadow", Data: []byte("root:$6$hash:::\n"), Mode: 0o400},
		{Path: "/etc/ssh/link", Target: "sshd_config"},
		{Path: "/etc/ssh/sshd_config", Data: bytes.Repeat([]byte("# sshd\n"), 4000)},
		{Path: "/etc/ssh/hard", Target: "/etc/ssh/sshd_config", Hard: true},
		{Path: "/etc/ssh/non\xffutf8\n", Data: []byte("x")},
		{Path: "/root/.ssh", Mode: 0o700 | 1<<31},
		{Path: "/cluster-cfg-ct6-mds1.xml", Data: []byte(cib)},
	}))
	data := made.Bytes()
	changes := map[string]func(h *tar.Header, body []byte) ([]byte, bool){
		"deleted":   func(_ *tar.Header, b []byte) ([]byte, bool) { return b, false },
		"truncated": func(_ *tar.Header, b []byte) ([]byte, bool) { return b[:len(b)/2], true },
		"emptied":   func(_ *tar.Header, _ []byte) ([]byte, bool) { return nil, true },
		"longer":    func(_ *tar.Header, b []byte) ([]byte, bool) { return append(bytes.Clone(b), '\n'), true },
		"flipped": func(_ *tar.Header, b []byte) ([]byte, bool) {
			b = bytes.Clone(b)
			b[len(b)/2] ^= 0x20
			return b, true
		},
		"mode":   func(h *tar.Header, b []byte) ([]byte, bool) { h.Mode ^= 0o022; return b, true },
		"setuid": func(h *tar.Header, b []byte) ([]byte, bool) { h.Mode |= 0o4000; return b, true },
		"owner":  func(h *tar.Header, b []byte) ([]byte, bool) { h.Uid++; return b, true },
		"group":  func(h *tar.Header, b []byte) ([]byte, bool) { h.Gid++; return b, true },
		"name":   func(h *tar.Header, b []byte) ([]byte, bool) { h.Uname += "x"; return b, true },
		"time":   func(h *tar.Header, b []byte) ([]byte, bool) { h.ModTime = h.ModTime.Add(time.Second); return b, true },
		"attr": func(h *tar.Header, b []byte) ([]byte, bool) {
			h.PAXRecords = map[string]string{"SCHILY.xattr.user.x": "y"}
			return b, true
		},
		"renamed": func(h *tar.Header, b []byte) ([]byte, bool) {
			h.Name = strings.TrimSuffix(h.Name, "/") + "2"
			return b, true
		},
		"target": func(h *tar.Header, b []byte) ([]byte, bool) { h.Linkname = top + "/etc/hosts"; return b, true },
	}
	tried := 0
	own := []string{top + "/evenkeel-manifest.json", top + "/evenkeel-sha256sums.txt"}
	for _, e := range entriesOf(t, data) {
		for what, change := range changes {
			regular := e.Typeflag == tar.TypeReg
			inContent := what == "truncated" || what == "emptied" || what == "longer" || what == "flipped"
			metadata := what == "mode" || what == "setuid" || what == "owner" || what == "group" || what == "name" ||
				what == "time" || what == "attr"
			isOwn := e.Name == own[0] || e.Name == own[1]
			switch {
			case inContent && !regular, what == "target" && e.Linkname == "", isOwn && metadata:
				continue // nothing would change, or nothing that matters
			}
			err := mutant(t, data, e.Name, change)
			require.Error(t, err, "%s %s", e.Name, what)
			named := strings.TrimPrefix(strings.TrimSuffix(e.Name, "/"), top)
			if e.Name == own[0] {
				named = "evenkeel-manifest.json"
			}
			quoted := strings.Trim(fmt.Sprintf("%q", named), `"`)
			require.True(t, strings.Contains(err.Error(), named) || strings.Contains(err.Error(), quoted), "%s %s: %v", e.Name, what, err)
			tried++
		}
	}
	require.Greater(t, tried, 100)
	t.Logf("%d mutants", tried)
}

// BAK-026: an archive of a guide's script has no digests, and yet: whatever a restore reads is there, in full, or is
// named with the step that needs it.
func TestCoversMutants(t *testing.T) {
	m := newMachine(t)
	name := guideArchive(t, m, "ct6-mds1", cib)
	read := func() []byte {
		a, err := backup.OpenFile(name)
		require.NoError(t, err)
		var b bytes.Buffer
		files := []backup.File{}
		for _, e := range a.Files() {
			f := backup.File{Path: e.Path, Mode: e.Mode}
			if e.Mode.IsRegular() {
				f.Data, err = a.ReadFile(e.Path)
				require.NoError(t, err)
			}
			if !e.Mode.IsDir() {
				files = append(files, f)
			}
		}
		require.NoError(t, backup.Build(&b, "ct6-mds1", noon, files))
		return b.Bytes()
	}
	data := read()
	reqs := backup.Requirements(backup.RestoreServer("/root/x", backup.RestoreOptions{}))
	open := func(data []byte) *backup.Archive {
		a, err := backup.Open(bytes.NewReader(data))
		require.NoError(t, err)
		return a
	}
	require.Empty(t, open(data).Covers(reqs))
	for _, r := range reqs {
		member := top + r.Path
		for what, change := range map[string]func(b []byte) ([]byte, bool){
			"deleted":   func([]byte) ([]byte, bool) { return nil, false },
			"emptied":   func([]byte) ([]byte, bool) { return nil, true },
			"truncated": func(b []byte) ([]byte, bool) { return b[:len(b)-1], true },
			"blanked":   func(b []byte) ([]byte, bool) { return append(make([]byte, len(b)-1), '\n'), true },
		} {
			if r.Check == nil && what != "deleted" {
				continue
			}
			bad := repack(t, data, func(h *tar.Header, b []byte) ([]byte, bool) {
				if h.Name != member && !(what == "deleted" && strings.HasPrefix(h.Name, member+"/")) {
					return b, true
				}
				if h.Typeflag == tar.TypeDir {
					return nil, what != "deleted"
				}
				return change(b)
			})
			missing := open(bad).Covers(reqs)
			require.Len(t, missing, 1, "%s %s", r.Path, what)
			require.Equal(t, r.Path, missing[0].Path)
			require.Equal(t, r.NeededBy, missing[0].NeededBy)
		}
	}
}

// What is judged and was not in memory comes in one pass over the file, however many there are.
func TestCoversReadsOnce(t *testing.T) {
	data := sample(t)
	counted := &seekCounter{Reader: bytes.NewReader(data)}
	limits := backup.DefaultLimits()
	limits.Keep = 1
	a, err := backup.Open(counted, backup.WithLimits(limits))
	require.NoError(t, err)
	before := counted.seeks
	require.Empty(t, a.Covers([]backup.Requirement{
		{Path: "/etc/hosts", Check: backup.NotEmpty}, {Path: "/etc/shadow", Check: backup.NotEmpty}, {Path: "/etc/ssh/*", Check: backup.NotEmpty},
	}))
	require.Equal(t, before+1, counted.seeks)
}

type seekCounter struct {
	*bytes.Reader
	seeks int
}

func (s *seekCounter) Seek(offset int64, whence int) (int64, error) {
	s.seeks++
	return s.Reader.Seek(offset, whence)
}

// An archive of more than the small size is decompressed ahead; damage is found as well there, and nothing is left running.
func TestOpenDamagedLarge(t *testing.T) {
	m := newMachine(t)
	m.noise(t, "/var/lib/chroma/noise", 1<<20)
	for _, kind := range []backup.Compression{backup.Gzip, backup.Zstd} {
		for _, threads := range []int{1, 3} {
			info, err := backup.Create(t.Context(), m, chromaOnly,
				backup.Options{Dir: t.TempDir(), Root: m.root, Compression: kind, Threads: threads, Level: 1})
			require.NoError(t, err)
			require.True(t, strings.HasSuffix(info.Path, kind.Suffix()))
			a, err := backup.OpenFile(info.Path)
			require.NoError(t, err)
			require.NoError(t, a.Verify())
			require.Equal(t, info.SHA256, a.SHA256())
			data := readFile(t, info.Path)
			for i := 1; i < 40; i++ {
				at := i * len(data) / 40
				_, err := backup.Open(bytes.NewReader(data[:at]))
				require.ErrorIs(t, err, backup.ErrDamaged, "cut at %d", at)
				bad := bytes.Clone(data)
				bad[at] ^= 0x10
				_, err = backup.Open(bytes.NewReader(bad))
				require.Error(t, err, "flipped at %d", at)
			}
		}
	}
}

// The database is read as a stream, however large it is; and a reader may stop in its middle.
func TestGunzipStreams(t *testing.T) {
	var made bytes.Buffer
	dump := strings.Repeat("INSERT INTO host VALUES (1);\n", 100_000)
	require.NoError(t, backup.Build(&made, "iml", noon, []backup.File{{Path: "/pgbackup-2017-09-30-12:00:05.sql.gz", Data: gz(t, dump)}}))
	limits := backup.DefaultLimits()
	limits.Keep = 10
	a, err := backup.Open(bytes.NewReader(made.Bytes()), backup.WithLimits(limits))
	require.NoError(t, err)
	sql, err := a.Gunzip(a.Glob(backup.DatabasePath)[0])
	require.NoError(t, err)
	text, err := io.ReadAll(sql)
	require.NoError(t, err)
	require.Equal(t, dump, string(text))
	require.NoError(t, sql.Close())

	sql, err = a.Gunzip(a.Glob(backup.DatabasePath)[0])
	require.NoError(t, err)
	_, err = io.ReadFull(sql, make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, sql.Close(), "goleak sees what is left")
	_, err = a.Gunzip("/evenkeel-manifest.json")
	require.Error(t, err, "it is not compressed")
	_, err = a.Gunzip("/none")
	require.ErrorIs(t, err, backup.ErrAbsent)
}

// An archive that changes after it was opened is found out by whoever reads it again.
func TestArchiveChangedMeanwhile(t *testing.T) {
	one, two := sample(t), repack(t, sample(t), func(h *tar.Header, b []byte) ([]byte, bool) {
		return bytes.ReplaceAll(b, []byte("sshd\n"), []byte("evil\n")), true
	})
	limits := backup.DefaultLimits()
	limits.Keep = 1
	swap := &swapReader{Reader: bytes.NewReader(one), next: two}
	a, err := backup.Open(swap, backup.WithLimits(limits))
	require.NoError(t, err)
	_, err = a.ReadFile("/etc/ssh/sshd_config")
	require.ErrorContains(t, err, "changed since it was opened")
	_, err = a.ExtractTo(t.TempDir(), backup.ExtractOptions{})
	require.ErrorContains(t, err, "changed since it was opened")
}

type swapReader struct {
	*bytes.Reader
	next []byte
}

func (s *swapReader) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		s.Reader = bytes.NewReader(s.next)
	}
	return s.Reader.Seek(offset, whence)
}
