package clitest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// signals ask to stop.
var signals = map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "TWICE": syscall.SIGINT}

// signalled sends a signal to its own process when an action begins.
type signalled struct {
	evenkeel.Journal
	action string
	signal syscall.Signal
	twice  bool // once more when the action has ended
}

func (j *signalled) Append(r evenkeel.Record) error {
	err := j.Journal.Append(r)
	here := r.Kind == evenkeel.KindStart || j.twice && r.Kind == evenkeel.KindEnd
	if err == nil && here && r.Step+"/"+r.Action == j.action {
		err = send(j.signal)
	}
	return err
}

// needs skips a test of a signal that nobody here can receive: nohup has SIGHUP ignored, and the binaries respect that.
func needs(t *testing.T, s syscall.Signal) {
	t.Helper()
	if s != 0 && signal.Ignored(s) {
		t.Skipf("%s is ignored here, as under nohup", s)
	}
}

// send sends a signal to this process, and lets it arrive before the run goes on.
func send(signal syscall.Signal) error {
	err := syscall.Kill(syscall.Getpid(), signal)
	time.Sleep(300 * time.Millisecond)
	return err
}

// Signals asks the binary to stop when one of the given actions (STEP/ACTION) begins: by Ctrl-C, SIGTERM, a lost
// terminal and a closed pipe. It stops at a safe point, the world's own account tells that nothing was down for longer
// than in a run that nobody stops plus limit, and resume comes to the same end. twice is an action at which a second
// Ctrl-C stops it at once.
func Signals(t *testing.T, app func() *cli.App, limit time.Duration, twice string, actions ...string) {
	straight := Serve(t)
	code, out := Tool(t, "", "run", "--config", straight.Config)
	require.Equal(t, 0, code, "%s", out)
	want, longest := straight.Ask("hash"), outages(straight)
	for i, action := range actions {
		for j, how := range []string{"INT", "TERM", "HUP", "PIPE"} {
			if i > 0 && (j != i%4 || testing.Short()) {
				continue // all at the first action, one at each of the others
			}
			t.Run(how+" "+action, func(t *testing.T) {
				t.Parallel()
				needs(t, signals[how])
				w := Serve(t)
				var code int
				var out string
				if how == "PIPE" {
					code, out = readUntil(t, title(t, app, w, action), "run", "--config", w.Config)
				} else {
					code, out = Tool(t, how+":"+action, "run", "--config", w.Config)
				}
				require.Equal(t, cli.ExitStopped, code, "%s", out)
				if how == "INT" || how == "TERM" {
					require.Contains(t, out, "STOPPING: asked to stop: it waits ")
				}
				if how == "PIPE" {
					require.Equal(t, 1, strings.Count(out, "the output is lost"), "%s", out)
					require.Contains(t, out, "To go on: "+app().Name+" resume --config "+w.Config)
				}
				w.after(t, want, longest, limit)
			})
		}
	}
	t.Run("twice "+twice, func(t *testing.T) {
		t.Parallel()
		w := Serve(t)
		code, out := Tool(t, "TWICE:"+twice, "run", "--config", w.Config)
		require.Equal(t, cli.ExitFailed, code, "%s", out)
		require.Contains(t, out, "STOPPING: stopping at once")
		require.Contains(t, out, "left open: window ")
		require.Less(t, strings.Index(out, "STOPPING: stopping at once"), strings.LastIndex(out, "left open: window "),
			"it says first what it leaves down")
		code, status := Tool(t, "", "status", "--config", w.Config)
		require.Equal(t, 0, code)
		require.Contains(t, status, "an outage: a stop waits for its close")
		w.after(t, want, nil, 0)
	})
}

// Unread runs the binary on an output that nobody reads, from the beginning: that asks for nothing, and the run comes to its end. A first
// signal at action, and a second at twice, end it as they end any other.
func Unread(t *testing.T, app func() *cli.App, limit time.Duration, twice, action string) {
	straight := Serve(t)
	code, out := Tool(t, "", "run", "--config", straight.Config)
	require.Equal(t, 0, code, "%s", out)
	want, longest := straight.Ask("hash"), outages(straight)
	for _, one := range []struct {
		die string
		end int
	}{{"", cli.ExitDone}, {"TERM:" + action, cli.ExitStopped}, {"TWICE:" + twice, cli.ExitFailed}} {
		t.Run("unread "+one.die, func(t *testing.T) {
			t.Parallel()
			w := Serve(t)
			require.Equal(t, one.end, unread(t, one.die, "run", "--config", w.Config))
			switch one.end {
			case cli.ExitDone:
				require.Equal(t, want, w.Ask("hash"))
				never(t, app, w)
			case cli.ExitStopped:
				w.after(t, want, longest, limit)
			default:
				w.after(t, want, nil, 0)
			}
		})
	}
}

// unread runs the tool with both its outputs into a pipe that is full and that nobody reads.
func unread(t *testing.T, die string, args ...string) (code int) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	defer func() { _ = w.Close() }()
	require.NoError(t, w.SetWriteDeadline(time.Now().Add(time.Second)))
	_, err = w.Write(make([]byte, 1<<24))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "the pipe is full")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := tool(ctx, die, args...)
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	require.NoError(t, err)
	return 0
}

// after looks an hour later what the stop has left, and has the run taken up.
func (w *World) after(t *testing.T, want string, longest map[string]time.Duration, limit time.Duration) {
	t.Helper()
	w.Ask("sleep", "1h")
	for what, lasted := range outages(w) {
		if longest != nil {
			require.LessOrEqual(t, lasted, longest[what]+limit, "%s was down while nobody worked", what)
		}
	}
	code, out := Tool(t, "", "resume", "--config", w.Config)
	if strings.Contains(out, "cannot be reached, and nobody else may be kept out there") {
		// In that hour the operator has taken away a machine that is to be replaced. The operator knows, and forces the takeover.
		code, out = Tool(t, "", "resume", "--force-takeover", "--config", w.Config)
	}
	require.Equal(t, 0, code, "%s", out)
	require.Equal(t, want, w.Ask("hash"), "it ended in another state than the run that nobody stopped")
	require.Empty(t, w.Report().Violations)
}

func outages(w *World) map[string]time.Duration {
	longest := map[string]time.Duration{}
	for _, o := range w.Report().Outages {
		longest[o.What] = o.Longest
	}
	return longest
}

// title is what the tool prints when an action is done.
func title(t *testing.T, app func() *cli.App, w *World, name string) string {
	t.Helper()
	cfg, err := app().Read(w.Config)
	require.NoError(t, err)
	rb, err := app().Load(cfg)
	require.NoError(t, err)
	for _, s := range rb.Steps {
		for _, a := range s.Actions {
			if s.ID+"/"+a.ID == name {
				return a.Title
			}
		}
	}
	t.Fatalf("there is no action %s", name)
	return ""
}

// readUntil runs the tool and reads what it prints up to a text; then it closes the pipe, as head does.
func readUntil(t *testing.T, text string, args ...string) (code int, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := tool(ctx, "", args...)
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	for read := bufio.NewScanner(pipe); read.Scan() && !strings.Contains(read.Text(), text); {
		continue
	}
	require.NoError(t, pipe.Close())
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), errs.String()
	}
	require.NoError(t, err)
	return 0, errs.String()
}
