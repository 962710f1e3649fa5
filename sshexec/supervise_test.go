package sshexec_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest/conformance"
)

func jobs(t *testing.T, id string) sshexec.SuperviseOptions {
	return sshexec.SuperviseOptions{Dir: filepath.Join(t.TempDir(), "jobs"), ID: id, Poll: 200 * time.Millisecond, GiveUp: 10 * time.Second}
}

// A supervised command behaves as any other.
func TestSupervisedConforms(t *testing.T) {
	for name, open := range map[string]func(*testing.T) sshexec.Runner{
		"local": func(*testing.T) sshexec.Runner { return sshexec.Local{} },
		"ssh":   func(t *testing.T) sshexec.Runner { return shellMachine(t).dial(t) },
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Test(t, func(t *testing.T) sshexec.Runner {
				r, dir := open(t), t.TempDir()
				var n atomic.Int32
				return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
					return sshexec.Supervise(ctx, r, cmd, sshexec.SuperviseOptions{Dir: dir, ID: fmt.Sprintf("job-%d", n.Add(1)), Poll: time.Second})
				})
			}, conformance.Options{Quick: true})
		})
	}
}

// SSH-008, SSH-010: a second start finds the first, while it runs and after it has ended; another command under the
// same ID is refused; once removed it can run again.
func TestSuperviseRunsOnce(t *testing.T) {
	opt, ran := jobs(t, "reposync"), filepath.Join(t.TempDir(), "ran")
	cmd := sshexec.Script(sshexec.Mutating, `echo x >>"$1"; echo out; echo err >&2; exit 7`, ran)
	r := sshexec.Local{}
	var all sync.WaitGroup
	var started atomic.Int32
	for range 5 {
		all.Go(func() {
			j, err := sshexec.StartSupervised(t.Context(), r, cmd, opt)
			if err != nil {
				t.Error(err)
				return
			}
			if j.Started() {
				started.Add(1)
			}
			res, err := j.Wait(t.Context())
			if sshexec.OutcomeOf(err) != sshexec.Exited || res.ExitCode != 7 || string(res.Stdout) != "out\n" || string(res.Stderr) != "err\n" {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, started.Load())
	text, err := os.ReadFile(ran)
	require.NoError(t, err)
	require.Equal(t, "x\n", string(text))

	res, err := sshexec.Supervise(t.Context(), r, sshexec.Command(sshexec.Mutating, "true"), opt)
	require.ErrorIs(t, err, sshexec.ErrJobDiffers)
	require.Equal(t, sshexec.NotStarted, res.Outcome)

	info, err := os.Stat(opt.Dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	left, err := filepath.Glob(filepath.Join(opt.Dir, ".*"))
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoFileExists(t, filepath.Join(opt.Dir, "reposync", "input"), "what it read stays nowhere")

	from := opt
	from.StdoutFrom = 2
	j, err := sshexec.Attach(t.Context(), r, sshexec.Cmd{}, from)
	require.NoError(t, err)
	res, _ = j.Wait(t.Context())
	require.Equal(t, "t\n", string(res.Stdout))
	require.NoError(t, j.Remove(t.Context()))
	require.NoError(t, j.Remove(t.Context()))
	_, err = sshexec.Attach(t.Context(), r, cmd, opt)
	require.ErrorIs(t, err, sshexec.ErrNoJob)
	_, err = sshexec.Supervise(t.Context(), r, cmd, opt)
	require.Error(t, err)
	text, err = os.ReadFile(ran)
	require.NoError(t, err)
	require.Equal(t, "x\nx\n", string(text))
}

// SSH-007, SSH-008: the link is cut again and again while the command prints; nothing is lost, nothing comes twice, it runs once.
func TestSuperviseAcrossLostLinks(t *testing.T) {
	m, ran := shellMachine(t), filepath.Join(t.TempDir(), "ran")
	client := m.dial(t)
	// The link is cut when something new came over it: on a slow machine, too, each one brings something.
	var cutter sync.WaitGroup
	cuts := 0
	out := writeFunc{then: func(lines int) {
		if lines > 4*cuts {
			cuts++
			cutter.Go(m.Drop)
		}
	}}
	cmd := sshexec.Script(sshexec.Mutating,
		`echo x >>"$1"; i=0; while [ $i -lt 40 ]; do echo line $i; echo error $i >&2; i=$((i+1)); sleep 0.05; done; exit 3`, ran)
	cmd.Stdout = &out
	res, err := sshexec.Supervise(t.Context(), client, cmd, jobs(t, "dkms"))
	cutter.Wait()
	require.Greater(t, cuts, 4)
	require.Error(t, err)
	require.Equal(t, sshexec.Exited, res.Outcome)
	require.Equal(t, 3, res.ExitCode)
	var want, wantErr strings.Builder
	for i := range 40 {
		fmt.Fprintf(&want, "line %d\n", i)
		fmt.Fprintf(&wantErr, "error %d\n", i)
	}
	require.Equal(t, want.String(), out.String())
	require.Equal(t, wantErr.String(), string(res.Stderr))
	text, err := os.ReadFile(ran)
	require.NoError(t, err)
	require.Equal(t, "x\n", string(text))
}

// writeFunc keeps what is written, and is told at each line how many there are.
type writeFunc struct {
	strings.Builder
	then func(lines int)
}

func (w *writeFunc) Write(p []byte) (int, error) {
	n, err := w.Builder.Write(p)
	if strings.Contains(string(p), "\n") {
		w.then(strings.Count(w.String(), "\n"))
	}
	return n, err
}

// SSH-010: the link is cut at the very start, before or after the machine has heard it.
func TestSuperviseStartOverALostLink(t *testing.T) {
	for name, f := range map[string]sshexectest.Faults{"before": {CutBefore: true}, "after": {CutAfter: true},
		"no exit status": {OmitExit: true}} {
		t.Run(name, func(t *testing.T) {
			m, ran := shellMachine(t), filepath.Join(t.TempDir(), "ran")
			client := m.dial(t)
			m.SetFaults(f)
			heal := time.AfterFunc(500*time.Millisecond, func() { m.SetFaults(sshexectest.Faults{}) })
			defer heal.Stop()
			cmd := sshexec.Script(sshexec.Mutating, `cat >>"$1"`, ran)
			cmd.Stdin = sshexec.Text("all of it\x00\n\n")
			res, err := sshexec.Supervise(t.Context(), client, cmd, jobs(t, "a"))
			require.NoError(t, err)
			require.Equal(t, sshexec.Exited, res.Outcome)
			text, err := os.ReadFile(ran)
			require.NoError(t, err)
			require.Equal(t, "all of it\x00\n\n", string(text))
		})
	}
}

// An input that was cut off starts nothing.
func TestSuperviseBrokenInput(t *testing.T) {
	opt, ran := jobs(t, "a"), filepath.Join(t.TempDir(), "ran")
	cmd := sshexec.Script(sshexec.Mutating, `cat >"$1"`, ran)
	cmd.Stdin = sshexec.Stream(io.MultiReader(strings.NewReader("half"),
		readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF })))
	_, err := sshexec.Supervise(t.Context(), sshexec.Local{}, cmd, opt)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoFileExists(t, ran)
	left, err := filepath.Glob(filepath.Join(opt.Dir, "*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Nor does one of which the end did not come through, secret or not.
func TestSuperviseInputWithoutItsEnd(t *testing.T) {
	for _, in := range []sshexec.Input{sshexec.Text("all"), sshexec.SecretText("all")} {
		opt, ran := jobs(t, "a"), filepath.Join(t.TempDir(), "ran")
		r := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			given, err := cmd.Stdin.Open()
			require.NoError(t, err)
			raw, err := io.ReadAll(given)
			require.NoError(t, err)
			cmd.Stdin = sshexec.Text(string(raw[:max(0, len(raw)-1)]))
			return sshexec.Local{}.Run(ctx, cmd)
		})
		cmd := sshexec.Script(sshexec.Mutating, `cat >"$1"`, ran)
		cmd.Stdin = in
		res, err := sshexec.Supervise(t.Context(), r, cmd, opt)
		require.ErrorContains(t, err, "the input was cut off")
		require.Equal(t, sshexec.NotStarted, res.Outcome)
		require.NoFileExists(t, ran)
	}
}

// When nobody waits any more the job goes on; it can be found again, and ended.
func TestSuperviseOutlivesTheContext(t *testing.T) {
	opt := jobs(t, "long")
	cmd := sshexec.Script(sshexec.Mutating, `echo started; trap '' TERM; while :; do sleep 0.1; done`)
	_, res, err := cancelWhenPrinted(t, supervised(opt), cmd, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, sshexec.ErrMayRun)
	require.Equal(t, sshexec.Unknown, res.Outcome)

	j, err := sshexec.Attach(t.Context(), sshexec.Local{}, cmd, opt)
	require.NoError(t, err)
	require.False(t, j.Started())
	require.ErrorIs(t, j.Remove(t.Context()), sshexec.ErrJobRuns)
	ending, err := j.End(t.Context())
	require.NoError(t, err)
	require.Equal(t, sshexec.GroupEnded, ending)
	res, err = j.Wait(t.Context())
	require.Error(t, err)
	require.Equal(t, sshexec.Signalled, res.Outcome)
	require.Equal(t, "KILL", res.Signal)
	require.Equal(t, "started\n", string(res.Stdout))
	out, _ := j.Offsets()
	require.EqualValues(t, len("started\n"), out)
}

// Whoever ends a job spares the supervisor's own work: on a slow disk the end is still written down.
func TestSuperviseEndsWhileTheStatusIsWritten(t *testing.T) {
	dd, err := exec.LookPath("dd")
	require.NoError(t, err)
	bin := t.TempDir()
	slow := "#!/bin/sh\ncase $* in *conv=fsync*) sleep 4 ;; esac\nexec " + dd + ` "$@"` + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "dd"), []byte(slow), 0o700))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))

	opt := jobs(t, "slow")
	j, err := sshexec.StartSupervised(t.Context(), sshexec.Local{}, sshexec.Command(sshexec.Mutating, "sleep", "600"), opt)
	require.NoError(t, err)
	ending, err := j.End(t.Context())
	require.NoError(t, err)
	require.Equal(t, sshexec.GroupEnded, ending)
	require.NoError(t, j.Status(t.Context()))
	res, err := j.Wait(t.Context())
	require.Error(t, err)
	require.Equal(t, sshexec.Signalled, res.Outcome)
	require.Equal(t, "TERM", res.Signal)
}

func supervised(opt sshexec.SuperviseOptions) sshexec.Runner {
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		return sshexec.Supervise(ctx, sshexec.Local{}, cmd, opt)
	})
}

func TestSuperviseTimeout(t *testing.T) {
	cmd := sshexec.Command(sshexec.Mutating, "sleep", "600")
	cmd.Timeout = 300 * time.Millisecond
	res, err := supervised(jobs(t, "slow")).Run(t.Context(), cmd)
	require.ErrorIs(t, err, sshexec.ErrTimeout)
	require.NotErrorIs(t, err, sshexec.ErrMayRun)
	require.Equal(t, sshexec.Signalled, res.Outcome)
	require.Equal(t, sshexec.GroupEnded, res.Ending)
}

// SSH-007: the supervisor is gone without a word, as after a power cut.
func TestSuperviseLost(t *testing.T) {
	opt := jobs(t, "lost")
	cmd := sshexec.Script(sshexec.Mutating, `echo half; kill -9 "$PPID"`)
	res, err := supervised(opt).Run(t.Context(), cmd)
	require.ErrorIs(t, err, sshexec.ErrJobLost)
	require.Equal(t, sshexec.Unknown, res.Outcome)
	require.Equal(t, "half\n", string(res.Stdout))

	opt.ID = "boot"
	_, err = supervised(opt).Run(t.Context(), sshexec.Command(sshexec.Mutating, "true"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(opt.Dir, "boot", "status")))
	require.NoError(t, os.WriteFile(filepath.Join(opt.Dir, "boot", "boot"), []byte("another\n"), 0o600))
	_, err = supervised(opt).Run(t.Context(), sshexec.Command(sshexec.Mutating, "true"))
	require.ErrorIs(t, err, sshexec.ErrJobLost)
}

// SSH-005: a secret input is in no file and in no argument.
func TestSuperviseSecret(t *testing.T) {
	const secret = "ge'heim $x"
	opt := jobs(t, "secret")
	cmd := sshexec.Script(sshexec.ReadOnly,
		`n=$(wc -c); grep -rl "$(printf 'ge\047heim')" "$1"; grep -la "$(printf 'ge\047heim')" /proc/[0-9]*/cmdline; echo "$n"`, opt.Dir)
	cmd.Stdin = sshexec.SecretText(secret)
	res, err := supervised(opt).Run(t.Context(), cmd)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintln(len(secret)), string(res.Stdout))
}

func TestSuperviseRefuses(t *testing.T) {
	cmd := sshexec.Command(sshexec.ReadOnly, "true")
	for _, opt := range []sshexec.SuperviseOptions{{Dir: "/tmp", ID: "../x"}, {Dir: "/tmp", ID: ".x"},
		{Dir: "tmp", ID: "x"}, {Dir: "/tmp\nx", ID: "x"}, {Dir: "/tmp", ID: ""}, {Dir: "/tmp", ID: strings.Repeat("x", 101)}} {
		res, err := sshexec.Supervise(t.Context(), sshexec.Local{}, cmd, opt)
		require.Error(t, err)
		require.Equal(t, sshexec.NotStarted, res.Outcome)
	}
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(t.TempDir(), link))
	res, err := sshexec.Supervise(t.Context(), sshexec.Local{}, cmd, sshexec.SuperviseOptions{Dir: link, ID: "x"})
	require.ErrorContains(t, err, "does not belong")
	require.ErrorContains(t, err, "(start the job ")
	require.NotContains(t, err.Error(), "umask", "nobody wants to read the script")
	require.Equal(t, sshexec.NotStarted, res.Outcome)
}

// More output than one look carries comes in more looks.
func TestSuperviseMuchOutput(t *testing.T) {
	res, err := supervised(jobs(t, "a")).Run(t.Context(), sshexec.Script(sshexec.Mutating,
		`head -c 1500000 /dev/zero; head -c 2500000 /dev/zero >&2`))
	require.NoError(t, err)
	require.Len(t, res.Stdout, 1500000)
	require.Len(t, res.Stderr, 2500000)
}

// A job has the umask and the directory that the command would have without one.
func TestAJobHasTheLoginsUmaskAndDirectory(t *testing.T) {
	probe := sshexec.Script(sshexec.Mutating, "umask; pwd")
	plain, err := sshexec.Local{}.Run(t.Context(), probe)
	require.NoError(t, err)
	job, err := sshexec.Supervise(t.Context(), sshexec.Local{}, probe, jobs(t, "a"))
	require.NoError(t, err)
	require.Equal(t, plain.Text(), job.Text())
	require.NotContains(t, plain.Text(), "0077", "the test needs another umask")
}

// A supervisor that is killed leaves a job that runs until its processes have ended, and that can be ended.
func TestAJobWhoseSupervisorIsKilled(t *testing.T) {
	for _, end := range []bool{false, true} {
		opt, dir := jobs(t, "a"), t.TempDir()
		cmd := sshexec.Script(sshexec.Mutating, `cd "$1" && : >ran && while [ -d "$1" ] && [ ! -e go ]; do sleep 0.02; done; : >done`, dir)
		j, err := sshexec.StartSupervised(t.Context(), sshexec.Local{}, cmd, opt)
		require.NoError(t, err)
		require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(dir, "ran")); return err == nil }, 10*time.Second,
			10*time.Millisecond)
		raw, err := os.ReadFile(filepath.Join(opt.Dir, "a", "pid"))
		require.NoError(t, err)
		var pid int
		_, err = fmt.Sscan(string(raw), &pid)
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		require.ErrorIs(t, j.Status(t.Context()), sshexec.ErrJobRuns)
		if end {
			_, err := j.End(t.Context())
			require.NoError(t, err)
			require.NoFileExists(t, filepath.Join(dir, "done"))
		} else {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), nil, 0o600))
		}
		require.Eventually(t, func() bool { return errors.Is(j.Status(t.Context()), sshexec.ErrJobLost) }, 10*time.Second, 10*time.Millisecond)
	}
}

// A process that has the number of a job, in another boot or born at another time, is not the job: it is left alone.
func TestAJobIsMoreThanItsNumber(t *testing.T) {
	opt, dir := jobs(t, "a"), t.TempDir()
	cmd := sshexec.Script(sshexec.Mutating, `cd "$1" && while [ -d "$1" ] && [ ! -e go ]; do sleep 0.02; done`, dir)
	j, err := sshexec.StartSupervised(t.Context(), sshexec.Local{}, cmd, opt)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = j.End(context.WithoutCancel(t.Context())) })
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(opt.Dir, "a", name))
		require.NoError(t, err)
		return string(raw)
	}
	for name, other := range map[string]string{"boot": "another\n", "pid": strings.Fields(read("pid"))[0] + " 1\n"} {
		was := read(name)
		require.NoError(t, os.WriteFile(filepath.Join(opt.Dir, "a", name), []byte(other), 0o600))
		require.ErrorIs(t, j.Status(t.Context()), sshexec.ErrJobLost, name)
		_, err := j.End(t.Context())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(opt.Dir, "a", name), []byte(was), 0o600))
		require.ErrorIs(t, j.Status(t.Context()), sshexec.ErrJobRuns, name)
	}
}

// fakes are programs that this machine has before its own.
func fakes(t *testing.T, programs map[string]string) {
	dir := t.TempDir()
	for name, text := range programs {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700))
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// A start that does not see the job start, or that is ended as it starts it, does not know whether it runs.
func TestAStartThatDoesNotSeeTheJobStart(t *testing.T) {
	for name, programs := range map[string]map[string]string{
		"it is ended":        {"setsid": `kill -TERM "$PPID"`},
		"it sees no job":     {"setsid": "exit 0", "sleep": "exit 0"},
		"its job ends first": {"setsid": "exit 1", "sleep": "exit 0"},
	} {
		t.Run(name, func(t *testing.T) {
			fakes(t, programs)
			res, err := sshexec.Supervise(t.Context(), sshexec.Local{}, sshexec.Command(sshexec.Mutating, "true"), jobs(t, "a"))
			require.Error(t, err)
			require.Equal(t, sshexec.Unknown, res.Outcome)
		})
	}
}

// How a job ended is on the disk before it is told.
func TestTheEndOfAJobIsSynced(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "seen")
	dd, err := exec.LookPath("dd")
	require.NoError(t, err)
	fakes(t, map[string]string{"dd": `echo "$@" >>'` + seen + `'; exec ` + dd + ` "$@"`})
	_, err = supervised(jobs(t, "a")).Run(t.Context(), sshexec.Command(sshexec.Mutating, "true"))
	require.NoError(t, err)
	raw, err := os.ReadFile(seen)
	require.NoError(t, err)
	require.Contains(t, string(raw), "of=status.new conv=fsync")
}

// Whatever is sent for a job has a time limit, and a look more than it waits for news.
func TestEveryCommandOfAJobIsBounded(t *testing.T) {
	var sent int
	r := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		sent++
		require.Greater(t, cmd.Timeout, 200*time.Millisecond, cmd.String())
		return sshexec.Local{}.Run(ctx, cmd)
	})
	cmd := sshexec.Command(sshexec.Mutating, "sleep", "600")
	cmd.Timeout = 300 * time.Millisecond
	_, err := sshexec.Supervise(t.Context(), r, cmd, jobs(t, "a"))
	require.ErrorIs(t, err, sshexec.ErrTimeout)
	require.GreaterOrEqual(t, sent, 4, "a start, a look, an end, a look")
}

// An output that is shorter than what was read of it is not the job's.
func TestAnOutputThatShrank(t *testing.T) {
	opt := jobs(t, "a")
	_, err := supervised(opt).Run(t.Context(), sshexec.Command(sshexec.Mutating, "echo", "x"))
	require.NoError(t, err)
	opt.StdoutFrom = 3
	_, err = sshexec.Attach(t.Context(), sshexec.Local{}, sshexec.Cmd{}, opt)
	require.ErrorContains(t, err, "cannot read the state of the job")
	opt.StdoutFrom, opt.StderrFrom = 0, 1
	_, err = sshexec.Attach(t.Context(), sshexec.Local{}, sshexec.Cmd{}, opt)
	require.ErrorContains(t, err, "cannot read the state of the job")
}

// Once a start was sent, whatever comes after it, the job may run.
func TestAStartThatWasSentMayHaveStarted(t *testing.T) {
	n := 0
	r := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		n++
		res := sshexec.Result{Outcome: sshexec.Unknown}
		if n > 1 {
			res.Outcome = sshexec.NotStarted
		}
		return res, sshexec.Failure("h", cmd, res, sshexec.ErrUnreachable)
	})
	opt := jobs(t, "a")
	opt.GiveUp = time.Second
	res, err := sshexec.Supervise(t.Context(), r, sshexec.Command(sshexec.Mutating, "true"), opt)
	require.ErrorIs(t, err, sshexec.ErrMayRun)
	require.Equal(t, sshexec.Unknown, res.Outcome)
	require.Greater(t, n, 1)
}

// That there is no job is known only where the directory of jobs can be read.
func TestAnUnreadableDirectoryOfJobs(t *testing.T) {
	opt := jobs(t, "a")
	_, err := sshexec.Attach(t.Context(), sshexec.Local{}, sshexec.Cmd{}, opt)
	require.ErrorIs(t, err, sshexec.ErrNoJob, "nobody has made it")
	require.NoError(t, os.WriteFile(opt.Dir, nil, 0o600))
	_, err = sshexec.Attach(t.Context(), sshexec.Local{}, sshexec.Cmd{}, opt)
	require.Error(t, err)
	require.NotErrorIs(t, err, sshexec.ErrNoJob, "it is no directory")
}

// Whether jobs can be kept is found out before any starts.
func TestCheckJobs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "jobs")
	check := func() string {
		res, err := sshexec.Local{}.Run(t.Context(), sshexec.CheckJobs(dir))
		require.NoError(t, err)
		return res.Text()
	}
	require.Equal(t, "ok", check())
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.Equal(t, "ok", check())
	require.NoError(t, os.Remove(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	require.NotEqual(t, "ok", check())
	require.NoError(t, os.Remove(dir))
	require.NoError(t, os.Symlink(t.TempDir(), dir))
	require.Contains(t, check(), "does not belong")
}

// A start whose answer nobody heard, or that was killed, may have started the job; one that refused has not.
func TestWhatAStartThatFailedMeans(t *testing.T) {
	for name, c := range map[string]struct {
		res  sshexec.Result
		want sshexec.Outcome
	}{
		"cancelled as it ended": {sshexec.Result{Outcome: sshexec.Exited}, sshexec.Unknown},
		"killed":                {sshexec.Result{Outcome: sshexec.Signalled, Signal: "KILL"}, sshexec.Unknown},
		"ended before it saw":   {sshexec.Result{Outcome: sshexec.Exited, ExitCode: 3}, sshexec.Unknown},
		"refused":               {sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1}, sshexec.NotStarted},
		"never sent":            {sshexec.Result{Outcome: sshexec.NotStarted}, sshexec.NotStarted},
	} {
		r := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			return c.res, sshexec.Failure("h", cmd, c.res, context.Canceled)
		})
		res, err := sshexec.Supervise(t.Context(), r, sshexec.Command(sshexec.Mutating, "true"), jobs(t, "a"))
		require.Error(t, err, name)
		require.Equal(t, c.want, res.Outcome, name)
	}
}
