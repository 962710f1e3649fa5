package backup_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Names of any bytes survive the record's JSON.
func FuzzName(f *testing.F) {
	for _, s := range []string{"", "/etc/hosts", "a\xff\\", `\x00`, "ü\n", "\\\\xff", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		data, err := json.Marshal(backup.Name(s))
		require.NoError(t, err)
		var back backup.Name
		require.NoError(t, json.Unmarshal(data, &back), "%s", data)
		require.Equal(t, s, string(back))
		raw, err := backup.UnescapeName(s) // any text is refused or understood in one way
		if err == nil && backup.EscapeName(raw) != s {
			again, err := backup.UnescapeName(backup.EscapeName(raw))
			require.NoError(t, err)
			require.Equal(t, raw, again)
		}
	})
}

func TestNameEscapes(t *testing.T) {
	for raw, want := range map[string]string{"/etc/hosts": `"/etc/hosts"`, "a\xff\\": `"a\\xff\\\\"`, "ü\n": `"ü\n"`} {
		data, err := json.Marshal(backup.Name(raw))
		require.NoError(t, err)
		require.Equal(t, want, string(data))
	}
	for _, bad := range []string{`"\\"`, `"\\x"`, `"\\xg0"`, `"\\n"`, `7`} {
		var n backup.Name
		require.Error(t, json.Unmarshal([]byte(bad), &n), bad)
	}
}

// Whatever tar complains of: a status that is let pass is explained by a file.
func FuzzTarVerdict(f *testing.F) {
	f.Add("tar: etc/x: file changed as we read it\n", 1)
	f.Add("tar: a\\: \\303\\274: File shrank by 1 bytes; padding with zeros\ntar: x: socket ignored", 1)
	f.Add("tar: ../x: File removed before we read it", 2)
	f.Fuzz(func(t *testing.T, stderr string, code int) {
		res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: code & 3, Stderr: []byte(stderr)}
		report, err := backup.TarVerdict(res, sshexec.Failure("h", sshexec.Command(sshexec.ReadOnly, "tar"), res, nil))
		changed, removed, _ := report.Complaints()
		if err == nil && res.ExitCode != 0 && len(changed)+len(removed) == 0 {
			t.Fatalf("status %d is let pass: %q", res.ExitCode, stderr)
		}
		for _, name := range append(changed, removed...) {
			if !strings.HasPrefix(name, "/") {
				t.Fatalf("%q is no path", name)
			}
		}
	})
}

// said is a machine without tar whose shell says something.
type said struct{ list, walk string }

func (s said) Run(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	res := sshexec.Result{Outcome: sshexec.Exited}
	switch {
	case cmd.Argv[0] == "hostname":
		res.Stdout = []byte("h\n")
	case cmd.Argv[0] == "tar":
		res.ExitCode = 127
	case cmd.Stdout == nil:
		res.Stdout = []byte(s.list)
	default:
		mark := cmd.Argv[5]
		_, err := cmd.Stdout.Write([]byte(strings.ReplaceAll(s.walk, "MARK", mark)))
		return res, err
	}
	return res, sshexec.Failure("h", cmd, res, nil)
}

const (
	saidList = "0\x00/var/lib/chroma\x00"
	saidFile = "81a4 5 0 0 1:2 1 2017-09-30 12:00:05.000000000 +0000 2017-09-30 12:00:05.000000000 +0000 " +
		"root:root\x00/var/lib/chroma\x00\x00hello" +
		"MARK5 2017-09-30 12:00:05.000000000 +0000 2017-09-30 12:00:05.000000000 +0000\x00"
)

// A shell that says something else than it should ends in an error, never in a file that is not whole.
func FuzzShellStream(f *testing.F) {
	f.Add(saidList, saidFile+"MARKend")
	f.Add(saidList, saidFile)
	f.Add("0\x00/etc\x00", strings.Replace(saidFile, "81a4 5", "41ed 4096", 1)+"MARKend")
	f.Add("9\x00/etc\x00", "MARKend")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, list, walk string) {
		info, err := backup.Create(t.Context(), said{list, walk}, chromaOnly,
			backup.Options{Dir: dir, Threads: 1, Limits: backup.Limits{Bytes: 1 << 16, Files: 100}})
		if err != nil {
			return
		}
		a, err := backup.OpenFile(info.Path)
		if err != nil {
			t.Fatalf("Open refuses what Create made: %v", err)
		}
		if err := a.Verify(); err != nil {
			t.Fatal(err)
		}
		for _, name := range glob(t, dir, "*") {
			require.NoError(t, os.Remove(name))
		}
	})
}

func TestShellStream(t *testing.T) {
	for name, tc := range map[string]struct{ list, walk, want string }{
		"good":            {saidList, saidFile + "MARKend", ""},
		"cut off":         {saidList, saidFile, "cut off"},
		"cut in the file": {saidList, saidFile[:150], "cut off"},
		"more":            {saidList, saidFile + "MARKend\n", "after its end"},
		"no mark":         {saidList, strings.Replace(saidFile, "MARK", "x", 1) + "MARKend", "does not end where it should"},
		"no stat":         {saidList, "hello\x00/var/lib/chroma\x00\x00", "not what stat says"},
		"not asked":       {saidList, strings.Replace(saidFile, "/var/lib/chroma", "/etc/shadow", 1) + "MARKend", "not asked for"},
		"goes up":         {saidList, strings.Replace(saidFile, "/var/lib/chroma", "/var/../etc", 1) + "MARKend", "goes up"},
		"odd list":        {"0\x00/var/lib/chroma", saidFile + "MARKend", "makes no sense"},
		"bad number":      {"7\x00/var/lib/chroma\x00", saidFile + "MARKend", "no number of a path"},
		"nothing":         {saidList, "MARKend", "did not send it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := backup.Create(t.Context(), said{tc.list, tc.walk}, chromaOnly, backup.Options{Dir: t.TempDir()})
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// Four files of accounts of any content are merged or refused; what comes out can be merged again.
func FuzzMergeAccounts(f *testing.F) {
	f.Add("root:x:0:0::/:/bin/sh\na:x:500:0::/:/bin/sh\n", "root:x:0:a\n", "root:x:1::::::\n", "root:::\n")
	f.Add("+::::::\n#\nroot:x:0:4294967295:::\n", "root:x:0:\n", "root::::::::\n", "root:::,,\n")
	f.Fuzz(func(t *testing.T, passwd, group, shadow, gshadow string) {
		old := backup.NewAccountFiles([]byte(passwd), []byte(group), []byte(shadow), []byte(gshadow))
		for _, pair := range [][2]backup.AccountFiles{{old, el7()}, {el6(), old}} {
			m, err := backup.MergeAccounts(pair[0], pair[1], backup.MergeRules{})
			if err != nil {
				continue
			}
			_, err = backup.MergeAccounts(pair[0], m.Files(), backup.MergeRules{})
			require.NoError(t, err)
		}
	})
}

// Whatever a machine's tar sends: Create refuses it, or makes an archive that Open accepts and Verify finds good.
func FuzzTarStream(f *testing.F) {
	seed := func(entries ...tar.Header) {
		var b bytes.Buffer
		zr, err := gzip.NewReader(bytes.NewReader(pack(f, entries...)))
		require.NoError(f, err)
		_, err = b.ReadFrom(zr)
		require.NoError(f, err)
		f.Add(b.Bytes())
	}
	const at = "var/lib/chroma"
	seed(dir(at), file(at+"/a"), link(tar.TypeLink, at+"/b", at+"/a"), link(tar.TypeSymlink, at+"/c", "a"),
		link(tar.TypeSymlink, at+"/d", "/"+at+"/a"))
	seed(file(at + "/../../etc/passwd"))
	seed(file(at), file(at))
	seed(link(tar.TypeSymlink, at+"/l", "/etc"), file(at+"/l/passwd"))
	seed(link(tar.TypeSymlink, at+"/l", "x"), link(tar.TypeLink, at+"/m", at+"/l"), file(at+"/m/passwd"))
	seed(file(at+"/x"), file(at+"/x/y"))
	into := f.TempDir()
	f.Fuzz(func(t *testing.T, stream []byte) {
		opts := backup.Options{Dir: into, Threads: 1, Limits: backup.Limits{Bytes: 1 << 16, Files: 100}}
		info, err := backup.Create(t.Context(), sends(stream), chromaOnly, opts)
		if err != nil {
			return
		}
		a, err := backup.OpenFile(info.Path)
		if err != nil {
			t.Fatalf("Open refuses what Create made: %v", err)
		}
		if err := a.Verify(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.ExtractTo(into, backup.ExtractOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, name := range glob(t, into, "*") {
			_ = exec.Command("chmod", "-R", "u+rwx", name).Run()
			require.NoError(t, os.RemoveAll(name))
		}
	})
}

// sends is a machine whose tar sends something.
type sends []byte

func (s sends) Run(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	res := sshexec.Result{Outcome: sshexec.Exited}
	switch {
	case cmd.Argv[0] == "hostname":
		res.Stdout = []byte("h\n")
	case cmd.Argv[0] == "ls":
		res.Stdout = []byte("/var/lib/chroma\n")
	case cmd.Stdout != nil:
		_, err := cmd.Stdout.Write(s)
		return res, err
	}
	return res, nil
}
