//go:build unix

package sshexec_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// leased is a lease file of this machine, and the fence of the life that holds it.
func leased(t *testing.T) (sshexec.Fence, sshexec.Lease) {
	t.Helper()
	f := sshexec.Fence{Path: filepath.Join(t.TempDir(), "evenkeel.lease"), Run: "r1", Epoch: 1, Life: "life1", Host: "node1"}
	if strings.ContainsAny(f.Path, " ~#") {
		t.Skip("the temporary directory has a name that no lease path may have")
	}
	l := sshexec.Lease{Held: true, Run: f.Run, Epoch: f.Epoch, Life: f.Life, Host: f.Host, Since: time.Unix(0, 0), Holder: "anna@ops"}
	swap(t, sshexec.Local{}, f.Path, "", l)
	return f, l
}

func look(t *testing.T, r sshexec.Runner, path string) sshexec.LeaseLook {
	t.Helper()
	res, err := r.Run(t.Context(), sshexec.LookLease(path, ""))
	require.NoError(t, err)
	l, err := sshexec.ReadLeaseLook(res)
	require.NoError(t, err)
	return l
}

func trySwap(t *testing.T, r sshexec.Runner, path, seen string, l sshexec.Lease) sshexec.LeaseSwap {
	t.Helper()
	res, err := r.Run(t.Context(), sshexec.SwapLease(path, seen, l))
	require.NoError(t, err)
	s, err := sshexec.ReadLeaseSwap(res)
	require.NoError(t, err)
	return s
}

func swap(t *testing.T, r sshexec.Runner, path, seen string, l sshexec.Lease) {
	t.Helper()
	require.Equal(t, sshexec.LeaseSwap{Taken: true}, trySwap(t, r, path, seen, l))
}

// next is the lease of the life after.
func next(l sshexec.Lease) sshexec.Lease {
	l.Epoch++
	l.Life = "life" + string(rune('0'+l.Epoch))
	return l
}

func refused(t *testing.T, res sshexec.Result, err error, reason sshexec.FenceReason) *sshexec.FencedError {
	t.Helper()
	var f *sshexec.FencedError
	require.ErrorAs(t, err, &f)
	require.Equal(t, reason, f.Reason)
	require.Equal(t, sshexec.NotStarted, res.Outcome)
	require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
	return f
}

// runners are this machine's own Runner, and OpenSSH-like sessions on it.
func fencedRunners(t *testing.T) map[string]sshexec.Runner {
	t.Helper()
	s := shellMachine(t).dial(t)
	return map[string]sshexec.Runner{"local": sshexec.Local{}, "ssh": s}
}

// The lease on the machine decides whether a command starts.
func TestAFencedCommand(t *testing.T) {
	for name, r := range fencedRunners(t) {
		t.Run(name, func(t *testing.T) {
			f, l := leased(t)
			mark := filepath.Join(t.TempDir(), "it ran")
			touch := sshexec.Command(sshexec.Mutating, "touch", mark)
			touch.Fence = &f
			never := func() {
				t.Helper()
				_, err := os.Stat(mark)
				require.ErrorIs(t, err, os.ErrNotExist, "a refused command ran")
			}

			_, err := r.Run(t.Context(), touch)
			require.NoError(t, err)
			require.NoError(t, os.Remove(mark))

			cat := sshexec.Command(sshexec.Mutating, "cat")
			cat.Fence, cat.Stdin = &f, sshexec.Text("its own input\n")
			cat.Dir, cat.Env = "/", []string{"A=b"}
			res, err := r.Run(t.Context(), cat)
			require.NoError(t, err)
			require.Equal(t, "its own input\n", string(res.Stdout))

			for _, other := range []sshexec.Fence{
				{Path: f.Path, Run: "r2", Epoch: 1, Life: "life1", Host: "node1"}, {Path: f.Path, Run: "r1", Epoch: 2, Life: "life1", Host: "node1"},
				{Path: f.Path, Run: "r1", Epoch: 1, Life: "life", Host: "node1"}, {Path: f.Path, Run: "r1", Epoch: 1, Life: "life1", Host: "node"},
			} {
				touch.Fence = &other
				res, err = r.Run(t.Context(), touch)
				require.Equal(t, l.String(), refused(t, res, err, sshexec.LeaseOther).Lease)
			}
			touch.Fence = &f
			for _, text := range []string{"", "\n", "garbage\n",
				"evenkeel-lease 1 free r1 1 life1 node1 1970-01-01T00:00:00Z anna@ops\n", "\x00\x00\n"} {
				require.NoError(t, os.WriteFile(f.Path, []byte(text), 0o600))
				res, err = r.Run(t.Context(), touch)
				_ = refused(t, res, err, sshexec.LeaseOther)
			}
			require.NoError(t, os.Remove(f.Path))
			res, err = r.Run(t.Context(), touch)
			_ = refused(t, res, err, sshexec.LeaseMissing)
			never()
		})
	}
}

// What a command of its own accord prints or returns is no refusal.
func TestACommandCannotForgeARefusal(t *testing.T) {
	f, _ := leased(t)
	cmd := sshexec.Script(sshexec.Mutating, "echo evenkeel-fenced-x other >&2; exit 194")
	cmd.Fence = &f
	res, err := sshexec.Local{}.Run(t.Context(), cmd)
	require.Error(t, err)
	require.Equal(t, sshexec.Exited, res.Outcome)
	require.Equal(t, 194, res.ExitCode)
}

// A command ends under its fence as it would without.
func TestTheEndOfAFencedCommand(t *testing.T) {
	for name, r := range fencedRunners(t) {
		t.Run(name, func(t *testing.T) {
			f, _ := leased(t)
			for script, want := range map[string]sshexec.Result{
				"exit 0": {Outcome: sshexec.Exited}, "exit 7": {Outcome: sshexec.Exited, ExitCode: 7},
				"exit 255":      {Outcome: sshexec.Exited, ExitCode: 255},
				"kill -TERM $$": {Outcome: sshexec.Signalled, Signal: "TERM"}, "kill -KILL $$": {Outcome: sshexec.Signalled, Signal: "KILL"},
			} {
				cmd := sshexec.Script(sshexec.Mutating, script)
				cmd.Fence = &f
				res, _ := r.Run(t.Context(), cmd)
				require.Equal(t, want, sshexec.Result{Outcome: res.Outcome, ExitCode: res.ExitCode, Signal: res.Signal}, script)
			}
			none := sshexec.Command(sshexec.Mutating, "no-such-program-here")
			none.Fence = &f
			res, _ := r.Run(t.Context(), none)
			require.Equal(t, 127, res.ExitCode)
		})
	}
}

// While a command runs nobody takes its lease over, whatever became of the one who sent it; and who tries is told which command it is.
func TestARunningCommandKeepsItsLease(t *testing.T) {
	for name, r := range fencedRunners(t) {
		t.Run(name, func(t *testing.T) {
			f, l := leased(t)
			pidFile := filepath.Join(t.TempDir(), "pid")
			long := sshexec.Script(sshexec.Disruptive, `echo $$ >"$1"; exec sleep 300`, pidFile)
			long.Fence = &f
			ended := make(chan error, 1)
			go func() {
				_, err := r.Run(context.WithoutCancel(t.Context()), long)
				ended <- err
			}()
			pid := waitForPID(t, pidFile)
			s := trySwap(t, r, f.Path, l.String(), next(l))
			require.False(t, s.Taken)
			require.Contains(t, s.Busy, "sleep 300")
			require.Contains(t, s.Busy, strconv.Itoa(pid))

			// The wrapper is killed: the command still runs, without a lock.
			require.NoError(t, syscall.Kill(parentOf(t, pid), syscall.SIGKILL))
			require.Error(t, <-ended)
			s = trySwap(t, r, f.Path, l.String(), next(l))
			require.False(t, s.Taken, "a command whose wrapper was killed")
			require.Contains(t, s.Busy, "sleep 300")

			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			for s.Taken = false; !s.Taken; { // it takes its time to end
				s = trySwap(t, r, f.Path, l.String(), next(l))
			}
			res, err := r.Run(t.Context(), long)
			_ = refused(t, res, err, sshexec.LeaseOther)
		})
	}
}

// A daemon that a command leaves behind is no reason to wait.
func TestADaemonDoesNotKeepTheLease(t *testing.T) {
	f, l := leased(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	start := sshexec.Script(sshexec.Mutating, `sleep 300 >/dev/null 2>&1 </dev/null & echo $! >"$1"`, pidFile)
	start.Fence = &f
	for _, r := range []sshexec.Runner{sshexec.Local{}, supervised(jobs(t, "a"))} {
		_, err := r.Run(t.Context(), start)
		require.NoError(t, err)
		pid := waitForPID(t, pidFile)
		defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
		swap(t, sshexec.Local{}, f.Path, l.String(), l)
		require.NoError(t, os.Remove(pidFile))
	}
}

// A lock that is left by nobody, and a lease that was taken meanwhile.
func TestALeaseIsSwappedForTheOneThatWasSeen(t *testing.T) {
	f, l := leased(t)
	r := sshexec.Local{}
	info, err := os.Stat(f.Path)
	require.NoError(t, err)
	swap(t, r, f.Path, l.String(), l) // the answer of the first was lost
	require.Equal(t, l.String(), trySwap(t, r, f.Path, "", next(l)).Line, "it was free when it was seen")
	swap(t, r, f.Path, l.String(), next(l))
	require.Equal(t, next(l).String(), trySwap(t, r, f.Path, l.String(), next(next(l))).Line, "the slower one of two")
	long := next(next(l))
	long.Holder = strings.Repeat("x", 2000)
	swap(t, r, f.Path, next(l).String(), long)
	swap(t, r, f.Path, long.String(), next(long))
	again, err := os.Stat(f.Path)
	require.NoError(t, err)
	require.True(t, os.SameFile(info, again), "the lease file is never replaced")
	require.Equal(t, info.Size(), again.Size())

	file, err := os.Open(f.Path)
	require.NoError(t, err)
	require.NoError(t, unix.Flock(int(file.Fd()), unix.LOCK_EX))
	require.NotEmpty(t, trySwap(t, r, f.Path, next(long).String(), l).Busy)
	require.NoError(t, file.Close())
	seen := look(t, r, f.Path)
	require.True(t, seen.Flock)
	require.Empty(t, seen.Fault)
	require.Equal(t, next(long).String(), seen.Line)
	name, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, name, seen.Name)
	require.NotEmpty(t, seen.ID+seen.Name)
}

// The machine keeps how far the life's journal was at its last command, whichever of two parallel commands comes last,
// through sudo too, and when the lease is given back. What a crash tore is told as unknown. The next life begins at
// nothing.
func TestTheMachineKeepsHowFarTheJournalWas(t *testing.T) {
	for name, r := range fencedRunners(t) {
		t.Run(name, func(t *testing.T) {
			f, l := leased(t)
			for _, at := range [][2]int{{0, 0}, {5, 5}, {3, 5}, {0, 5}, {12, 12}} {
				cmd := sshexec.Command(sshexec.Mutating, "true")
				f.At, cmd.Fence = at[0], &f
				_, err := r.Run(t.Context(), cmd)
				require.NoError(t, err)
				require.Equal(t, at[1], look(t, r, f.Path).At)
			}
			other := f
			other.Life, other.At = "another", 90
			cmd := sshexec.Command(sshexec.Mutating, "true")
			cmd.Fence = &other
			_, err := r.Run(t.Context(), cmd)
			require.Error(t, err)
			free := l
			free.Held = false
			swap(t, r, f.Path, l.String(), free)
			require.Equal(t, 12, look(t, r, f.Path).At)

			text, err := os.ReadFile(f.Path)
			require.NoError(t, err)
			for _, torn := range []string{"", "at life1\n", "at life1 1\x002\n", "at life1 012\n", "at life2 12\n", strings.Repeat("\x00", 64)} {
				require.NoError(t, os.WriteFile(f.Path, append(text[:512:512], torn...), 0o600))
				at := look(t, r, f.Path).At
				require.True(t, at < 0 || strings.Contains(torn, "\x002") && at == 12, "%q: %d", torn, at) // bash reads over a NUL byte
			}
			swap(t, r, f.Path, free.String(), next(l))
			require.Zero(t, look(t, r, f.Path).At)
		})
	}
	withFakeSudo(t, "nopasswd")
	f, _ := leased(t)
	cmd := sshexec.Command(sshexec.Mutating, "true")
	f.At, cmd.Fence, cmd.Sudo = 7, &f, &sshexec.Sudo{}
	_, err := sshexec.Local{}.Run(t.Context(), cmd)
	require.NoError(t, err)
	require.Equal(t, 7, look(t, sshexec.Local{}, f.Path).At)
}

// A lease whose first line a crash tore is seen as such, and can be taken as it was seen. A file with anything else in it is somebody's.
func TestALeaseThatWasTorn(t *testing.T) {
	for text, foreign := range map[string]bool{"\n": false, "\x00\x00\x00\x00": false, "evenkeel-lease 1 he\n": false,
		"hello\n": true, "\n127.0.0.1 localhost\n": true} {
		f, l := leased(t)
		require.NoError(t, os.WriteFile(f.Path, []byte(text), 0o600))
		seen := look(t, sshexec.Local{}, f.Path)
		require.Equal(t, foreign, seen.Foreign(), "%q", text)
		if !foreign {
			require.False(t, trySwap(t, sshexec.Local{}, f.Path, "", l).Taken)
			swap(t, sshexec.Local{}, f.Path, seen.Line, l)
			require.Equal(t, l.String(), look(t, sshexec.Local{}, f.Path).Line)
		}
	}
}

// No lease is kept where a reboot or anybody may remove it.
func TestPathsThatNoLeaseMayHave(t *testing.T) {
	for _, p := range []string{"", "x", "/", "/a b", "/run/l", "/var/run/l", "/tmp/l", "/var/tmp/l", "/dev/shm/l", "/proc/l", "/sys/l"} {
		require.Error(t, sshexec.CheckLeasePath(p), p)
	}
	for _, p := range []string{"/var/lib/evenkeel.lease", "/root/l", "/runs/l"} {
		require.NoError(t, sshexec.CheckLeasePath(p))
	}
}

// What a look says of a lease that cannot be used.
func TestALeaseThatCannotBeUsed(t *testing.T) {
	r := sshexec.Local{}
	require.NotEmpty(t, look(t, r, "/proc/evenkeel.lease").Fault)
	require.NotEmpty(t, look(t, r, t.TempDir()+"/there/is/no/such/directory").Fault)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink("/dev/null", link))
	require.NotEmpty(t, look(t, r, link).Fault)
	for _, text := range []string{"\n", "\x00\x00\x00\n", "\n\nevenkeel\n"} {
		bad := filepath.Join(t.TempDir(), "bad")
		require.NoError(t, os.WriteFile(bad, []byte(text), 0o600))
		line := look(t, r, bad).Line
		_, err := sshexec.ParseLease(line)
		require.NotEmpty(t, line, "%q is not a lease that nobody has", text)
		require.ErrorIs(t, err, sshexec.ErrLease)
	}

	// No flock on the machine: nothing runs.
	f, _ := leased(t)
	bare := t.TempDir()
	for _, program := range []string{"sh", "hostname", "tr", "touch"} {
		path, err := exec.LookPath(program)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(bare, program)))
	}
	t.Setenv("PATH", bare)
	require.False(t, look(t, r, f.Path).Flock)
	touch := sshexec.Command(sshexec.Mutating, "touch", filepath.Join(bare, "it ran"))
	touch.Fence = &f
	res, err := r.Run(t.Context(), touch)
	_ = refused(t, res, err, sshexec.LeaseNoLock)
}

// A job that runs on its own keeps the lock until it has ended; and no job is started, ended or removed without the lease.
func TestASupervisedCommandKeepsItsLease(t *testing.T) {
	f, l := leased(t)
	r := sshexec.Local{}
	cmd := sshexec.Command(sshexec.Disruptive, "sleep", "300")
	cmd.Fence = &f
	opt := sshexec.SuperviseOptions{Dir: filepath.Join(t.TempDir(), "jobs"), ID: "long"}
	job, err := sshexec.StartSupervised(t.Context(), r, cmd, opt)
	require.NoError(t, err)
	s := trySwap(t, r, f.Path, l.String(), next(l))
	require.False(t, s.Taken)
	require.Contains(t, s.Busy, "sleep 300")
	_, err = job.End(t.Context())
	require.NoError(t, err)
	_, err = job.Wait(t.Context())
	require.Error(t, err)
	swap(t, r, f.Path, l.String(), next(l))

	var fenced *sshexec.FencedError
	require.ErrorAs(t, job.Remove(t.Context()), &fenced)
	opt.ID = "another"
	_, err = sshexec.StartSupervised(t.Context(), r, cmd, opt)
	require.ErrorAs(t, err, &fenced)
	_, err = sshexec.Supervise(t.Context(), r, cmd, opt)
	require.ErrorAs(t, err, &fenced)
	require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
}

// A lease is on the disk before it counts as taken, and one that cannot be read back is not taken.
func TestALeaseIsWrittenForGood(t *testing.T) {
	f, l := leased(t)
	dd, err := exec.LookPath("dd")
	require.NoError(t, err)
	seen := filepath.Join(t.TempDir(), "seen")
	fakes(t, map[string]string{"dd": `echo "$@" >'` + seen + `'; exec ` + dd + ` "$@"`})
	swap(t, sshexec.Local{}, f.Path, l.String(), next(l))
	raw, err := os.ReadFile(seen)
	require.NoError(t, err)
	require.Contains(t, string(raw), "fsync")
	fakes(t, map[string]string{"dd": "cat >/dev/null"})
	_, err = sshexec.Local{}.Run(t.Context(), sshexec.SwapLease(f.Path, next(l).String(), next(next(l))))
	require.ErrorContains(t, err, "it reads otherwise")
}

// A job whose command shows its mark to nobody is named by what its directory says, on one line.
func TestAJobWithoutItsMarkIsNamed(t *testing.T) {
	f, l := leased(t)
	cmd := sshexec.Command(sshexec.Disruptive, "env", "-i", "/bin/sh", "-c", "sleep 300\n:")
	cmd.Fence = &f
	opt := sshexec.SuperviseOptions{Dir: filepath.Join(t.TempDir(), "jobs"), ID: "long"}
	job, err := sshexec.StartSupervised(t.Context(), sshexec.Local{}, cmd, opt)
	require.NoError(t, err)
	require.Regexp(t, `^\d+ env -i /bin/sh -c 'sleep 300\\n:'`, trySwap(t, sshexec.Local{}, f.Path, l.String(), next(l)).Busy)
	_, err = job.End(t.Context())
	require.NoError(t, err)
}

// No text of a run can pass for another lease.
func TestALeaseIsReadAsItWasWritten(t *testing.T) {
	for _, text := range []string{"r1", "two words", "a%b", "-", "line\nend", "é", `\n"$(x)`, strings.Repeat("y", 40)} {
		l := sshexec.Lease{Held: true, Run: text, Epoch: 12, Life: text, Host: text, Holder: text, Since: time.Unix(5, 0).UTC()}
		require.NotContains(t, l.String(), "\n")
		got, err := sshexec.ParseLease(l.String())
		require.NoError(t, err)
		require.Equal(t, l, got)
	}
	for _, line := range []string{"", "x", "evenkeel-lease 1 held r 0 l h", "evenkeel-lease 2 held r 1 l h",
		"evenkeel-lease 1 gone r 1 l h", "evenkeel-lease 1 held r 01 l h", "evenkeel-lease 1 held r 1 l",
		"evenkeel-lease 1 held r 1 l h 1970", "evenkeel-lease 1 held r%4 1 l h", "evenkeel-lease 1 held  1 l h"} {
		_, err := sshexec.ParseLease(line)
		require.ErrorIs(t, err, sshexec.ErrLease, line)
	}
	for _, f := range []sshexec.Fence{{}, {Path: "x", Run: "r", Epoch: 1, Life: "l", Host: "h"},
		{Path: "/a b", Run: "r", Epoch: 1, Life: "l", Host: "h"}, {Path: "/a", Run: "r", Life: "l", Host: "h"},
		{Path: "/a;reboot", Run: "r", Epoch: 1, Life: "l", Host: "h"}, {Path: "/a/../b", Run: "r", Epoch: 1, Life: "l", Host: "h"},
		{Path: "/", Run: "r", Epoch: 1, Life: "l", Host: "h"}, {Path: "/a", Run: "r", Epoch: 1, Life: "l"}} {
		cmd := sshexec.Command(sshexec.Mutating, "true")
		cmd.Fence = &f
		require.Error(t, cmd.Validate(), f)
	}
}

func waitForPID(t *testing.T, file string) int {
	t.Helper()
	var pid int
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(file)
		if err != nil || !strings.HasSuffix(string(text), "\n") {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	}, 20*time.Second, 10*time.Millisecond)
	return pid
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	require.NoError(t, err)
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	parent, err := strconv.Atoi(f[1])
	require.NoError(t, err)
	return parent
}

// Through sudo, on both sides of which the fence stands: sudo hands no lock on.
func TestAFencedCommandThroughSudo(t *testing.T) {
	for _, mode := range []string{"nopasswd", "asks"} {
		withFakeSudo(t, mode)
		f, l := leased(t)
		cmd := sshexec.Command(sshexec.Mutating, "cat")
		cmd.Fence, cmd.Stdin, cmd.Sudo = &f, sshexec.Text("its own input"), &sshexec.Sudo{}
		if mode == "asks" {
			cmd.Sudo.Password = sudoPassword
		}
		res, err := sshexec.Local{}.Run(t.Context(), cmd)
		require.NoError(t, err)
		require.Equal(t, "its own input", string(res.Stdout))
		swap(t, sshexec.Local{}, f.Path, l.String(), next(l))
		res, err = sshexec.Local{}.Run(t.Context(), cmd)
		_ = refused(t, res, err, sshexec.LeaseOther)
		require.NotErrorIs(t, err, sshexec.ErrSudo)
	}
}

// Only the holder of a lease is cut where its line is too long, and between two letters; where that is not enough, the lease
// is refused.
func TestALongHolderIsCut(t *testing.T) {
	for n := range 200 {
		holder := strings.Repeat("a", n%7) + strings.Repeat("é", n)
		l := sshexec.Lease{Held: true, Run: "r", Epoch: 1, Life: "l", Host: "h", Holder: "-" + holder, Since: time.Unix(5, 0).UTC()}
		require.NoError(t, l.Validate())
		got, err := sshexec.ParseLease(l.String())
		require.NoError(t, err)
		require.True(t, strings.HasPrefix("-"+holder, got.Holder))
		require.True(t, utf8.ValidString(got.Holder))
		l.Holder = got.Holder
		require.Equal(t, l, got)
		again := got
		again.Held = false
		require.NoError(t, again.Validate())
	}
	l := sshexec.Lease{Held: true, Run: strings.Repeat("r", 500), Epoch: 1, Life: "l", Host: "h", Holder: "x"}
	require.ErrorIs(t, l.Validate(), sshexec.ErrLease)
	l.Run, l.Holder = "r", ""
	require.ErrorIs(t, l.Validate(), sshexec.ErrLease)
}

// An answer about a lease is read as a whole or not at all, and no command on a lease runs for ever.
func TestAnAnswerAboutALeaseIsReadAsAWhole(t *testing.T) {
	const whole = "lease\nat\nother\nflock yes\nfault\nid /etc/machine-id 4711\nname n\n"
	look, err := sshexec.ReadLeaseLook(sshexec.Result{Stdout: []byte(whole), HostKey: "k"})
	require.NoError(t, err)
	require.Equal(t, sshexec.LeaseLook{Flock: true, At: -1,
		Machine: sshexec.Machine{HostKey: "k", ID: "4711", IDFrom: "/etc/machine-id", Name: "n"}}, look)
	for _, text := range []string{whole + "lease evenkeel-lease 1 free r 1 l h\n",
		strings.Replace(whole, "fault\n", "", 1), whole + "more\n"} {
		_, err := sshexec.ReadLeaseLook(sshexec.Result{Stdout: []byte(text)})
		require.Error(t, err, text)
	}
	busy, err := sshexec.ReadLeaseSwap(sshexec.Result{Stdout: []byte("busy\n")})
	require.NoError(t, err)
	require.NotEmpty(t, busy.Busy, "a command that cannot be seen is one")
	for _, cmd := range []sshexec.Cmd{sshexec.LookLease("/a", ""), sshexec.SwapLease("/a", "", sshexec.Lease{}),
		sshexec.CheckLease(&sshexec.Fence{})} {
		require.Equal(t, sshexec.LeaseTimeout, cmd.Timeout)
	}
}

// No command knows how its refusal would be marked; a lease that was given back is told from another one.
func TestWhatARefusalSays(t *testing.T) {
	f, l := leased(t)
	cmd := sshexec.Command(sshexec.Mutating, "true")
	cmd.Fence = &f
	mark := sshexec.FenceMark(cmd)
	require.NotEqual(t, mark, sshexec.FenceMark(cmd))
	l.Held = false
	require.ErrorContains(t, &sshexec.FencedError{Path: f.Path, Reason: sshexec.LeaseOther, Lease: l.String()}, "was given back")
}
