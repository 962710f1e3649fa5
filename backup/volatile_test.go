package backup_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// nervous is a machine on which files change while tar reads them: at each tar, what is called first is rewritten, and
// tar says so, as GNU tar does.
type nervous struct {
	*machine
	t     *testing.T
	turns map[string]int // how often a file still changes, by path
	gone  string         // a file that is removed after the first tar
}

func (n *nervous) Run(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	if cmd.Argv[0] != "tar" || cmd.Stdout == nil {
		return n.machine.Run(ctx, cmd)
	}
	res, err := n.machine.Run(ctx, cmd)
	if err != nil {
		return res, err
	}
	for name, left := range n.turns {
		taken := func(arg string) bool { return name == "/"+arg || strings.HasPrefix(name, "/"+arg+"/") }
		if left == 0 || !slices.ContainsFunc(cmd.Argv, taken) {
			continue
		}
		n.turns[name]--
		require.NoError(n.t, os.WriteFile(n.at(name), []byte(fmt.Sprintf("%04d", left-1)), 0o600))
		quoted := strings.NewReplacer("\n", `\n`, ":", `\:`, `\`, `\\`).Replace(strings.TrimPrefix(name, "/"))
		res.Stderr = fmt.Appendf(res.Stderr, "tar: %s: file changed as we read it\n", quoted)
		res.ExitCode = 1
	}
	if n.gone != "" {
		_ = os.Remove(n.at(n.gone))
	}
	return res, sshexec.Failure("ct6-mds1", cmd, res, nil)
}

func (n *nervous) take(t *testing.T) (*backup.Archive, *backup.Info) {
	t.Helper()
	dir := t.TempDir()
	info, err := backup.Create(t.Context(), n, chromaOnly, backup.Options{Dir: dir, Root: n.root})
	require.NoError(t, err)
	require.Len(t, glob(t, dir, "*"), 1)
	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	require.NoError(t, a.Verify())
	return a, info
}

// A file that changed while it was read is read again until it holds still, and what the archive has is what it held then.
func TestChangedFilesAreReadAgain(t *testing.T) {
	n := &nervous{machine: newMachine(t), t: t, turns: map[string]int{"/var/lib/chroma/inside": 3, "/var/lib/chroma/od:d\n\\": 1}}
	n.write(t, "/var/lib/chroma/od:d\n\\", "0001", 0o600)
	// tar sends one of the two names as a link to the other
	require.NoError(t, os.Link(n.at("/var/lib/chroma/inside"), n.at("/var/lib/chroma/linked")))
	a, info := n.take(t)
	for name := range n.turns {
		got, err := a.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, "0000", string(got), "%q", name)
	}
	got, err := a.ReadFile("/var/lib/chroma/linked")
	require.NoError(t, err)
	require.Equal(t, "0000", string(got))
	require.Empty(t, info.Record.Changed)
	require.Empty(t, info.Record.Warnings)
	require.Greater(t, len(info.Record.Commands), 2, "the record says how often it was read")
}

// One that never holds still is taken as it is, and the record names it.
func TestRestlessFilesAreNamed(t *testing.T) {
	n := &nervous{machine: newMachine(t), t: t, turns: map[string]int{"/var/lib/chroma/inside": 1000}}
	a, info := n.take(t)
	require.Equal(t, []backup.Name{"/var/lib/chroma/inside"}, info.Record.Changed)
	require.Equal(t, info.Record.Changed, a.Record().Changed)
	require.True(t, a.Has("/var/lib/chroma/inside"))
}

// A temporary file that changed and was gone when its turn came is said to be gone.
func TestVanishedFilesAreNamed(t *testing.T) {
	n := &nervous{machine: newMachine(t), t: t, turns: map[string]int{"/var/lib/chroma/inside": 1}, gone: "/var/lib/chroma/inside"}
	a, _ := n.take(t)
	require.False(t, a.Has("/var/lib/chroma/inside"))
	require.Equal(t, backup.Name("/var/lib/chroma/inside"), a.Record().Skipped[0].Path)
	require.Contains(t, a.Record().Skipped[0].Why, "removed")
}

// The real tar, and a file that really grows while it is read.
func TestRealTarTellsOfChanges(t *testing.T) {
	m := newMachine(t)
	m.noise(t, "/var/lib/chroma/inside", 8<<20)
	writes := 0
	grow := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[0] == "tar" && cmd.Stdout != nil && writes == 0 {
			cmd.Stdout = writerFunc(cmd.Stdout, func() { // it has begun to read the big file, and is far from its end
				if writes++; writes == 3 {
					f, err := os.OpenFile(m.at("/var/lib/chroma/inside"), os.O_APPEND|os.O_WRONLY, 0)
					require.NoError(t, err)
					_, err = f.WriteString("more")
					require.NoError(t, err)
					require.NoError(t, f.Close())
				}
			})
		}
		return m.Run(ctx, cmd)
	})
	info, err := backup.Create(t.Context(), grow, chromaOnly, backup.Options{Dir: t.TempDir(), Root: m.root})
	require.NoError(t, err)
	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	require.NoError(t, a.Verify())
	e, err := a.Stat("/var/lib/chroma/inside")
	require.NoError(t, err)
	require.Equal(t, int64(8<<20+4), e.Size, "it was read again")
	require.Empty(t, info.Record.Changed)
}

type calledWriter struct {
	w    interface{ Write([]byte) (int, error) }
	call func()
}

func writerFunc(w interface{ Write([]byte) (int, error) }, call func()) calledWriter {
	return calledWriter{w, call}
}

func (c calledWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.call()
	return n, err
}

// The shell notices too: what stat says after a file was sent is not what it said before.
func TestShellTellsOfChanges(t *testing.T) {
	m := newMachine(t)
	m.only(t, false, "sh", "head", "cat", "readlink")
	// A stat that touches the file once it has spoken of it.
	script := fmt.Sprintf("#!/bin/sh\nfor f; do :; done\n/usr/bin/env PATH=/usr/bin:/bin stat \"$@\" || exit\ncase $f in "+
		"*/OWFh) if [ -e %[1]s/left ]; then rm -f %[1]s/left; echo more >>\"$f\"; fi;; esac\n", m.tools)
	script = strings.ReplaceAll(script, "; rm -f", "; /bin/rm -f")
	script = strings.ReplaceAll(script, "then rm", "then /bin/rm")
	require.NoError(t, os.WriteFile(filepath.Join(m.tools, "stat"), []byte(script), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(m.tools, "left"), nil, 0o600))
	info, err := m.take(t, chromaOnly)
	require.NoError(t, err)
	require.Equal(t, "shell", info.Record.Means)
	require.NoFileExists(t, filepath.Join(m.tools, "left"))
	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	got, err := a.ReadFile("/var/lib/chroma/targets/OWFh")
	require.NoError(t, err)
	require.Contains(t, string(got), "more")
	require.Empty(t, info.Record.Changed)
	require.Contains(t, info.Record.Warnings[0], "SELinux labels were not taken")
}

// What tar says is understood, or is an error: a status that nothing explains is none to go on with.
func TestTarVerdict(t *testing.T) {
	failed := func(code int, stderr string) error {
		res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: code, Stderr: []byte(stderr)}
		_, err := backup.TarVerdict(res, sshexec.Failure("h", sshexec.Command(sshexec.ReadOnly, "tar"), res, nil))
		return err
	}
	require.NoError(t, failed(0, "tar: Removing leading `/' from member names\n"))
	require.NoError(t, failed(1, "tar: etc/x: File shrank by 12 bytes; padding with zeros\n"))
	require.NoError(t, failed(1, "/bin/tar: etc/x: File removed before we read it\n"))
	require.Error(t, failed(1, ""))
	require.Error(t, failed(1, "tar: something new\n"))
	require.Error(t, failed(2, "tar: etc/x: file changed as we read it\ntar: etc/y: Cannot open: Permission denied\n"))
	res := sshexec.Result{Stderr: []byte("tar: a\\: b/\\303\\274\\n\\\\: file changed as we read it\ntar: x: file " +
		"changed as we read it\ntar: x: file changed as we read it\nhello\n")}
	report, err := backup.TarVerdict(res, nil)
	require.NoError(t, err)
	changed, _, warnings := report.Complaints()
	require.Equal(t, []string{"/a: b/ü\n\\", "/x"}, changed)
	require.Equal(t, []string{"hello"}, warnings)
}

// A file that shrinks is filled up with zeros by the shell, so that the stream stays in step; it is read again.
func TestShellShrinks(t *testing.T) {
	m := newMachine(t)
	m.only(t, false, "sh", "head", "cat", "readlink")
	script := fmt.Sprintf("#!/bin/sh\nfor f; do :; done\n/usr/bin/stat \"$@\" || exit\ncase $f in */OWFh) if [ -e "+
		"%[1]s/left ]; then /bin/rm -f %[1]s/left; printf x >\"$f\"; fi;; esac\n", m.tools)
	require.NoError(t, os.WriteFile(filepath.Join(m.tools, "stat"), []byte(script), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(m.tools, "left"), nil, 0o600))
	info, err := m.take(t, chromaOnly)
	require.NoError(t, err)
	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	require.NoError(t, a.Verify())
	got, err := a.ReadFile("/var/lib/chroma/targets/OWFh")
	require.NoError(t, err)
	require.Equal(t, "x", string(got))
}

// A file or a directory that may not be read is an error, and no gap.
func TestShellCannotRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything: CI runs this test as nobody")
	}
	m := newMachine(t)
	m.only(t, false, "sh", "stat", "head", "cat", "readlink")
	for _, name := range []string{"/var/lib/chroma/inside", "/var/lib/chroma/targets"} {
		require.NoError(t, os.Chmod(m.at(name), 0))
		_, err := m.take(t, chromaOnly)
		require.ErrorContains(t, err, "cannot read")
		require.NoError(t, os.Chmod(m.at(name), 0o700))
	}
}
