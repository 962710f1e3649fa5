// Package conformance holds the tests that every sshexec.Runner with a POSIX machine behind it has to pass.
package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Options says what to leave out or to do otherwise.
type Options struct {
	// Quick leaves out the tests that wait for a command to be ended.
	Quick bool
}

// Test runs the suite. open is called in every subtest, with that test's t; what it starts it must end in t.Cleanup,
// for goroutines that are left behind fail the test. The commands are the same in every run, so that a recording of one
// run answers another.
func Test(t *testing.T, open func(t *testing.T) sshexec.Runner, opt Options) {
	for _, c := range []struct {
		name string
		slow bool
		test func(*testing.T, sshexec.Runner)
	}{
		{"exit codes", false, exitCodes},
		{"a program that is not there", false, notThere},
		{"an end by a signal", false, signalled},
		{"output and errors apart", false, streamsApart},
		{"input", false, input},
		{"input that nobody reads", false, unreadInput},
		{"environment", false, environment},
		{"locale", false, locale},
		{"directory", false, directory},
		{"odd arguments", false, oddArguments},
		{"script", false, script},
		{"large output", false, largeOutput},
		{"streamed output", false, streamedOutput},
		{"a writer that fails", false, failingWriter},
		{"refusals", false, refusals},
		{"secrets", false, secrets},
		{"cancelled before", false, cancelledBefore},
		{"concurrency", false, concurrency},
		{"cancel", true, cancel},
		{"cancel of a command that ignores SIGTERM", true, stubborn},
		{"timeout", true, timeout},
		{"a daemon that keeps the output open", true, daemon},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.slow && opt.Quick {
				t.Skip("not in a quick run")
			}
			// Registered before what open registers, and so run after it.
			leaks := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
			c.test(t, open(t))
		})
	}
}

// read is a read-only command.
func read(argv ...string) sshexec.Cmd { return sshexec.Command(sshexec.ReadOnly, argv...) }

// run fails the test when the command does not exit with 0.
func run(t *testing.T, r sshexec.Runner, cmd sshexec.Cmd) sshexec.Result {
	t.Helper()
	res, err := r.Run(t.Context(), cmd)
	require.NoError(t, err)
	require.Equal(t, sshexec.Exited, res.Outcome)
	return res
}

func failure(t *testing.T, err error) *sshexec.CommandError {
	t.Helper()
	var ce *sshexec.CommandError
	require.ErrorAs(t, err, &ce)
	return ce
}

func exitCodes(t *testing.T, r sshexec.Runner) {
	res := run(t, r, read("true"))
	require.Empty(t, res.Stdout)
	for _, code := range []int{1, 3, 102, 255} {
		res, err := r.Run(t.Context(), sshexec.Script(sshexec.ReadOnly, `echo "bad $1" >&2; exit "$1"`, fmt.Sprint(code)))
		ce := failure(t, err)
		require.Equal(t, sshexec.Exited, res.Outcome)
		require.Equal(t, code, res.ExitCode)
		require.Equal(t, sshexec.Exited, ce.Outcome)
		require.Equal(t, code, ce.ExitCode)
		require.Equal(t, fmt.Sprintf("bad %d\n", code), ce.Stderr)
		require.NoError(t, ce.Err, "an exit status is no cause")
	}
}

func notThere(t *testing.T, r sshexec.Runner) {
	res, err := r.Run(t.Context(), read("/no/such/program"))
	require.Error(t, err)
	require.Equal(t, sshexec.Exited, res.Outcome)
	require.Equal(t, 127, res.ExitCode)
	require.NotEmpty(t, res.Stderr)
	res, err = r.Run(t.Context(), read("/dev/null"))
	require.Error(t, err)
	require.Equal(t, 126, res.ExitCode)
}

func signalled(t *testing.T, r sshexec.Runner) {
	res, err := r.Run(t.Context(), sshexec.Script(sshexec.ReadOnly, `kill -USR1 $$`))
	ce := failure(t, err)
	require.Equal(t, sshexec.Signalled, res.Outcome)
	require.Equal(t, "USR1", res.Signal)
	require.Equal(t, sshexec.Signalled, ce.Outcome)
	require.Equal(t, "USR1", ce.Signal)
}

func streamsApart(t *testing.T, r sshexec.Runner) {
	res := run(t, r, sshexec.Script(sshexec.ReadOnly, `printf 'a\0b\377'; printf 'no newline' >&2`))
	require.Equal(t, "a\x00b\xff", string(res.Stdout))
	require.Equal(t, "no newline", string(res.Stderr))
}

func input(t *testing.T, r sshexec.Runner) {
	cmd := read("cat")
	require.Empty(t, run(t, r, cmd).Stdout, "no input is an empty one, not a terminal")
	cmd.Stdin = sshexec.Text("line\n\x00 end")
	require.Equal(t, "line\n\x00 end", string(run(t, r, cmd).Stdout))
	// The sum is compared, because a recording would not keep the secret itself.
	secret := read("sha256sum")
	secret.Stdin = sshexec.SecretText("geheim")
	require.Contains(t, string(run(t, r, secret).Stdout), "addb0f5e7826c857d7376d1bd9bc33c0c544790a2eac96144a8af22b1298c940")
	file := filepath.Join("testdata", "input.txt")
	cmd.Stdin = sshexec.FileInput(file)
	_, err := r.Run(t.Context(), cmd)
	if err != nil {
		require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err), "an input that is not there starts nothing")
	}
}

func unreadInput(t *testing.T, r sshexec.Runner) {
	cmd := read("true")
	cmd.Stdin = sshexec.Text(strings.Repeat("x", 8<<20))
	run(t, r, cmd)
}

func environment(t *testing.T, r sshexec.Runner) {
	cmd := read("/bin/sh", "-c", `printf '%s|%s|%s' "$A" "$B" "${C-unset}"`)
	cmd.Env = []string{"A=1", "B= two 'words' $HOME \n"}
	require.Equal(t, "1| two 'words' $HOME \n|unset", string(run(t, r, cmd).Stdout))
}

func locale(t *testing.T, r sshexec.Runner) {
	require.Equal(t, "C", string(run(t, r, read("/bin/sh", "-c", `printf %s "$LC_ALL"`)).Stdout))
	cmd := read("true")
	cmd.Env = []string{"LC_ALL=de_DE.UTF-8"}
	_, err := r.Run(t.Context(), cmd)
	require.ErrorIs(t, err, sshexec.ErrLocale)
}

func directory(t *testing.T, r sshexec.Runner) {
	cmd := read("pwd")
	cmd.Dir = "/usr"
	require.Equal(t, "/usr", run(t, r, cmd).Text())
	cmd.Dir = "/no/such/directory"
	_, err := r.Run(t.Context(), cmd)
	require.Error(t, err)
}

func oddArguments(t *testing.T, r sshexec.Runner) {
	args := []string{
		"", " ", "-n", "--", "a b", "'", `"`, `\`, `\\'`, "$HOME", "${x}", "`id`", "$(id)", "a\nb", "\n", "\t", "!!", "*",
		"?", "[a]", "{a,b}", "~", "#", ";", "&", "|",
		"<", ">", "(", "é", "日本", "\xff\xfe", "%s", "a=b", strings.Repeat("x", 5000),
	}
	res := run(t, r, read(append([]string{"printf", "<%s>"}, args...)...))
	require.Equal(t, "<"+strings.Join(args, "><")+">", string(res.Stdout))
}

func script(t *testing.T, r sshexec.Runner) {
	res := run(t, r, sshexec.Script(sshexec.ReadOnly, "for a in \"$@\"; do\n  printf '%s;' \"$a\"\ndone | tr a-z A-Z", "a b", "$c", "it's"))
	require.Equal(t, "A B;$C;IT'S;", string(res.Stdout))
}

func largeOutput(t *testing.T, r sshexec.Runner) {
	res := run(t, r, read("head", "-c", "3000000", "/dev/zero"))
	require.Len(t, res.Stdout, 3000000)
	require.False(t, res.Truncated)
	res = run(t, r, sshexec.Script(sshexec.ReadOnly, `head -c 3000000 /dev/zero >&2; echo end`))
	require.Len(t, res.Stderr, 3000000)
	require.Equal(t, "end", res.Text())
}

func streamedOutput(t *testing.T, r sshexec.Runner) {
	var out bytes.Buffer
	cmd := sshexec.Script(sshexec.ReadOnly, `echo one; echo two >&2; echo three`)
	cmd.Stdout = &out
	res := run(t, r, cmd)
	require.Equal(t, "one\nthree\n", out.String())
	require.Empty(t, res.Stdout)
	require.Equal(t, "two\n", string(res.Stderr))
}

var errFull = errors.New("no space left")

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }

func failingWriter(t *testing.T, r sshexec.Runner) {
	cmd := read("head", "-c", "1000000", "/dev/zero")
	cmd.Stdout = fullWriter{}
	res, err := r.Run(t.Context(), cmd)
	require.ErrorIs(t, err, errFull)
	require.Equal(t, sshexec.Exited, res.Outcome, "the command itself ran to its end")
}

func refusals(t *testing.T, r sshexec.Runner) {
	for _, c := range []struct {
		name string
		cmd  sshexec.Cmd
		want error
	}{
		{"no effect", sshexec.Cmd{Argv: []string{"true"}}, sshexec.ErrNoEffect},
		{"no command", read(), sshexec.ErrNoCommand},
		{"NUL", read("echo", "a\x00b"), sshexec.ErrNUL},
		{"assignment", read("a=b"), sshexec.ErrProgramName},
	} {
		res, err := r.Run(t.Context(), c.cmd)
		require.ErrorIs(t, err, c.want, c.name)
		require.Equal(t, sshexec.NotStarted, failure(t, err).Outcome)
		require.Equal(t, sshexec.NotStarted, res.Outcome)
	}
}

func secrets(t *testing.T, r sshexec.Runner) {
	const secret = `pa'ss $wörd`
	cmd := sshexec.Script(sshexec.ReadOnly, `cat >&2; exit 1`)
	cmd.Stdin = sshexec.SecretText(secret)
	cmd.Mask = []sshexec.Secret{secret}
	_, err := r.Run(t.Context(), cmd)
	ce := failure(t, err)
	for _, shown := range []string{err.Error(), ce.Stderr, ce.Cmd, fmt.Sprintf("%+v", ce), cmd.String()} {
		require.NotContains(t, shown, "wörd")
	}
	require.Contains(t, ce.Stderr, "[redacted]")
	cmd = read("echo", "x"+secret)
	cmd.Mask = []sshexec.Secret{secret}
	_, err = r.Run(t.Context(), cmd)
	require.ErrorIs(t, err, sshexec.ErrSecretArg)
	require.NotContains(t, err.Error(), "wörd")
}

func cancelledBefore(t *testing.T, r sshexec.Runner) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	res, err := r.Run(ctx, read("true"))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, sshexec.NotStarted, res.Outcome)
}

func concurrency(t *testing.T, r sshexec.Runner) {
	var all sync.WaitGroup
	for i := range 25 {
		all.Go(func() {
			res, err := r.Run(t.Context(), sshexec.Script(sshexec.ReadOnly, `echo "out $1"; echo "err $1" >&2`, fmt.Sprint(i)))
			if err != nil || res.Text() != fmt.Sprint("out ", i) || string(res.Stderr) != fmt.Sprintf("err %d\n", i) {
				t.Errorf("command %d: %q, %q, %v", i, res.Stdout, res.Stderr, err)
			}
		})
	}
	all.Wait()
}

// prompt is far more than an end takes, and far less than the commands would run.
const prompt = 20 * time.Second

// cancelAfterOutput runs cmd and cancels it when it has printed something.
func cancelAfterOutput(t *testing.T, r sshexec.Runner, cmd sshexec.Cmd) (sshexec.Result, error) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cmd.Stdout = writerFunc(func(p []byte) (int, error) {
		stop()
		return len(p), nil
	})
	type end struct {
		res sshexec.Result
		err error
	}
	ended := make(chan end, 1)
	go func() {
		res, err := r.Run(ctx, cmd)
		ended <- end{res, err}
	}()
	select {
	case e := <-ended:
		return e.res, e.err
	case <-time.After(prompt):
		t.Fatal("a cancelled command does not return")
		return sshexec.Result{}, nil
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func cancel(t *testing.T, r sshexec.Runner) {
	res, err := cancelAfterOutput(t, r, sshexec.Script(sshexec.ReadOnly, `echo started; exec sleep 600`))
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, []sshexec.Outcome{sshexec.Signalled, sshexec.Unknown}, res.Outcome)
	require.NotErrorIs(t, err, sshexec.ErrDisconnected)
}

func stubborn(t *testing.T, r sshexec.Runner) {
	res, err := cancelAfterOutput(t, r, sshexec.Script(sshexec.ReadOnly, `trap '' TERM; echo started; sleep 600; sleep 600`))
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, []sshexec.Outcome{sshexec.Signalled, sshexec.Unknown}, res.Outcome)
}

func timeout(t *testing.T, r sshexec.Runner) {
	cmd := read("sleep", "600")
	cmd.Timeout = 100 * time.Millisecond
	res, err := r.Run(t.Context(), cmd)
	require.ErrorIs(t, err, sshexec.ErrTimeout)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, sshexec.ErrDisconnected)
	require.NotEqual(t, sshexec.NotStarted, res.Outcome)
}

func daemon(t *testing.T, r sshexec.Runner) {
	res := run(t, r, sshexec.Script(sshexec.Disruptive, `sleep 20 & echo started`))
	require.Equal(t, "started", res.Text())
}
