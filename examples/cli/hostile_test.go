package cli

import (
	"errors"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// An argument forges no line of what is printed, and a path has an end.
func TestAnArgumentIsOneLine(t *testing.T) {
	for arg, fine := range map[string]bool{
		"a b\"'<&": true, "é\xff": true, strings.Repeat("x", longestArg): true, "": true,
		"a\nb": false, "a\x1b[31m": false, "a\tb": false, "a\u009bb": false, "\r": false, strings.Repeat("x", longestArg+1): false,
	} {
		for _, args := range [][]string{{"inspect", arg}, {"inspect", "--output=" + arg[:min(len(arg), 100)], arg}} {
			var errs strings.Builder
			testApp(io.Discard, &errs).Main(args)
			require.Equal(t, !fine, strings.Contains(errs.String(), "tool: an argument holds a control character"), "%q: %s", arg, errs.String())
			require.LessOrEqual(t, strings.Count(errs.String(), "\n"), 1)
			require.True(t, fine || len(errs.String()) < 500)
		}
	}
}

// A key or a known_hosts file that would hang a run, or that is not there, is named by its place, the key by that alone.
func TestFilesOfLoginAreRegular(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("x\n"), 0o600))
	for name, why := range map[string]string{
		"fifo": "it is a FIFO", ".": "it is a directory", "/dev/zero": "it is a device", "gone": "no such file",
	} {
		c := &Config{dir: dir, SSH: SSHConfig{Keys: []string{"file", name}, KnownHosts: []string{"file"}}}
		require.ErrorContains(t, c.checkLogin(), "ssh: keys[1]: the file cannot be read: "+why, name)
		require.NotContains(t, c.checkLogin().Error(), filepath.Join(dir, name))
		c.SSH = SSHConfig{Keys: []string{"file"}, KnownHosts: []string{"file", name, name}}
		require.ErrorContains(t, c.checkLogin(), "ssh: known_hosts[1]: "+c.Path(name)+": "+why, name)
		require.ErrorContains(t, c.checkLogin(), "ssh: known_hosts[2]: ")
		_, err := connect(c).client("h")
		require.ErrorContains(t, err, "ssh: known_hosts[1]: ")
		require.Subset(t, c.problems(), lines(c.checkLogin()))
	}
	require.NoError(t, (&Config{dir: dir, SSH: SSHConfig{Keys: []string{"file"}, KnownHosts: []string{"file"}}}).checkLogin())
}

// Under cron there is no HOME, and ~ is still the home directory.
func TestHomeWithoutItsVariable(t *testing.T) {
	me, err := user.Current()
	require.NoError(t, err)
	c := &Config{dir: "/etc"}
	t.Setenv("HOME", "/home/x")
	require.Equal(t, "/home/x/.ssh/id", c.Path("~/.ssh/id"))
	t.Setenv("HOME", "")
	require.Equal(t, filepath.Join(me.HomeDir, ".ssh/id"), c.Path("~/.ssh/id"))
	require.Equal(t, "/etc/~x/id", c.Path("~x/id"))
}

// What is wrong with the job is told with the place of its key, where it names one, by every command.
func TestAMistakeOfTheJobHasItsPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte("journal: j\njob:\n  files: [a,\n    b]\n"), 0o600))
	cause := errors.New("files[1]: b: it is bad")
	var errs strings.Builder
	a := testApp(io.Discard, &errs)
	a.Load = func(*Config) (*evenkeel.Runbook, error) {
		return nil, errors.Join(cause, errors.New("nothing of ours: it is bad, too"))
	}
	for _, args := range [][]string{{"plan", "--config", path}, {"run", "--config", path}, {"report", "--config", path}} {
		errs.Reset()
		require.Equal(t, ExitInput, a.Main(args))
		require.Equal(t, "tool "+args[0]+": "+path+":4:5: files[1]: b: it is bad\nnothing of ours: it is bad, too\n", errs.String())
	}
	cfg, err := ReadConfig[someJob](path)
	require.NoError(t, err)
	require.ErrorIs(t, cfg.Placed(cause), cause)
	require.NoError(t, cfg.Placed(nil))
}

// What is no journal is named, with what it seems to be, by each command that reads one.
func TestWhatIsNoJournalIsNamed(t *testing.T) {
	var none strings.Builder
	require.Equal(t, ExitInput, testApp(io.Discard, &none).Main([]string{"status"}))
	require.Contains(t, none.String(), "tool status: --config or --journal is needed")
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "users": "root:x:0:0:root:/root:/bin/sh\n", "text": "hello CANARY\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for name, why := range map[string]string{
		"empty": "the journal is empty", "users": "not a file that this tool reads: it seems to be a list of users",
		"text": "the journal is damaged: line 1: ", "gone": "no such file", ".": "it is a directory: a regular file is needed",
	} {
		path := filepath.Join(dir, name)
		var errs strings.Builder
		require.Equal(t, ExitInput, testApp(io.Discard, &errs).Main([]string{"status", "--journal", path}))
		_, err := readState(path)
		for _, text := range []string{errs.String(), err.Error()} {
			require.Contains(t, text, path+": "+why)
			require.Equal(t, 1, strings.Count(text, path), text)
			require.Equal(t, name == "gone", strings.Contains(text, "there is no run: "), text)
			require.NotContains(t, text, "CANARY")
		}
	}
}
