// Package clitest kills the example binaries at every point and looks whether they get over it. The simulated world
// runs in a process of its own, so that killing the tool does not kill the world; the world's word counts.
package clitest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The environment by which the test binary becomes the tool, and dies on demand.
const (
	asTool    = "EVENKEEL_TEST_AS_TOOL"
	asVersion = "EVENKEEL_TEST_VERSION" // the version that the tool says it is
	asJob     = "EVENKEEL_TEST_JOB"     // YAML, laid over the job of its example
	// dieWhen is record:N or torn:N, counted in one life; N is new for the first record at which no life died before. Or it is in:STEP, at the
	// first record of a step; or stop:STEP, which only interrupts it there, as Ctrl-C does; or INT, TERM, HUP or TWICE and
	// :STEP/ACTION, which sends that signal when the action begins.
	dieWhen = "EVENKEEL_TEST_DIE"
)

// Main is TestMain for a binary's package: started as the tool, or under the tool's name, the test binary is the tool.
// Scripts find it by that name on their path.
func Main(m *testing.M, app func() *cli.App) {
	run := func() {
		a := app()
		varied(a)
		a.Journal = dying
		if v := os.Getenv(asVersion); v != "" {
			a.Version = v
		}
		os.Exit(a.Main(os.Args[1:]))
	}
	if os.Getenv(asTool) != "" {
		run()
	}
	testscript.Main(m, map[string]func(){app().Name: run})
}

// dying kills the process with SIGKILL at a record of its journal.
func dying(path string, j evenkeel.Journal) evenkeel.Journal {
	when, at, ok := strings.Cut(os.Getenv(dieWhen), ":")
	if !ok {
		return j
	}
	each := 1
	n, err := strconv.Atoi(at)
	if err != nil {
		n = 0 // new, or new/N: the N-th of those
		if _, nth, ok := strings.Cut(at, "new/"); ok {
			each, _ = strconv.Atoi(nth)
		}
	}
	if when == "in" || when == "stop" {
		return &dyingJournal{Journal: j, path: path, step: at, stop: when == "stop", at: -1}
	}
	if sig, ok := signals[when]; ok {
		return &signalled{Journal: j, action: at, signal: sig, twice: when == "TWICE"}
	}
	return &dyingJournal{Journal: j, path: path, torn: when == "torn", at: n, each: each}
}

type dyingJournal struct {
	evenkeel.Journal
	path  string
	torn  bool
	step  string
	stop  bool
	at, n int
	each  int // which of the new records
}

func (j *dyingJournal) Append(r evenkeel.Record) error {
	j.n++
	here := j.n == j.at || j.at == 0 && j.unheardOf(r) || j.step != "" && j.step == r.Step
	if here && j.torn {
		r.Seq = len(j.Records()) + 1
		raw, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if err := appendTo(j.path, raw[:len(raw)/2]); err != nil {
			return err
		}
		die()
	}
	err := j.Journal.Append(r)
	switch {
	case here && j.stop:
		j.step = "" // once
		return errors.Join(err, send(syscall.SIGINT))
	case here:
		die()
	}
	return err
}

// unheardOf tells whether no life came to such a record before, and it is the one to die at; it remembers the record.
func (j *dyingJournal) unheardOf(r evenkeel.Record) bool {
	name := fmt.Sprintf("%s %s %s %s\n", r.Kind, r.Step, r.Action, r.Phase)
	known, err := os.ReadFile(j.path + ".deaths")
	if err == nil && strings.Contains("\n"+string(known), "\n"+name) {
		return false
	}
	j.each--
	return appendTo(j.path+".deaths", []byte(name)) == nil && j.each <= 0
}

func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// World is a served world.
type World struct {
	t      *testing.T
	Config string
	client *sshexec.Client
}

// Serve starts the simulated world as a process of its own.
func Serve(t *testing.T) *World {
	t.Helper()
	return serve(t, "", "simulate")
}

// serve starts the world of a simulate command, whose example is laid over with a job.
func serve(t *testing.T, job string, args ...string) *World {
	t.Helper()
	dir := t.TempDir()
	cmd := tool(context.Background(), "", append(args, "--into", dir)...)
	cmd.Env = append(cmd.Env, asJob+"="+job)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ready := make(chan string, 1)
	go func() {
		s := bufio.NewScanner(out)
		for s.Scan() {
			if strings.HasPrefix(s.Text(), "world:") {
				ready <- s.Text()
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
		close(ready)
	}()
	if _, ok := <-ready; !ok {
		t.Fatalf("the world did not come up: %s", &stderr)
	}
	w := &World{t: t, Config: filepath.Join(dir, "config.yaml")}
	client, err := reach(dir, "")
	require.NoError(t, err)
	w.client = client
	t.Cleanup(func() { _ = w.client.Close() })
	return w
}

// reach is the way to a machine of the world that is served out of a directory; with an empty name to the one that
// answers for the world itself.
func reach(dir, host string) (*sshexec.Client, error) {
	cfg, err := cli.ReadConfig[map[string]any](filepath.Join(dir, "config.yaml"))
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = cfg.World
	}
	return sshexec.NewClient(sshexec.Config{
		Host: host, Addr: cfg.Hosts[host], User: "root", KnownHosts: []string{filepath.Join(dir, "known_hosts")},
		Auth: sshexec.Auth{KeyFiles: []string{filepath.Join(dir, "id_ed25519")}},
	})
}

// Ask asks the world itself.
func (w *World) Ask(args ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	res, err := w.client.Run(ctx, sshexec.Command(sshexec.ReadOnly, append([]string{"world"}, args...)...))
	require.NoError(w.t, err)
	return res.Text()
}

// Report is the world's account.
func (w *World) Report() (r cli.WorldReport) {
	w.t.Helper()
	require.NoError(w.t, json.Unmarshal([]byte(w.Ask("report")), &r))
	return r
}

// tool is the test binary as the tool.
func tool(ctx context.Context, die string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asTool+"=1", dieWhen+"="+die)
	return cmd
}

// Tool runs the tool to its end and returns its exit code, -1 when a signal ended it, and what it printed.
func Tool(t *testing.T, die string, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	out, err := tool(ctx, die, args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), string(out)
	}
	require.NoError(t, err)
	return 0, string(out)
}

// Kill is the test: an uninterrupted run, and then for each kind of death a run that dies there, followed by resume,
// which must end in the same state. It tells how many commands of the runbook must never be repeated.
func Kill(t *testing.T, app func() *cli.App) int {
	straight := Serve(t)
	code, out := Tool(t, "", "run", "--config", straight.Config)
	require.Equal(t, 0, code, "%s", out)
	want := straight.Ask("hash")
	commands, err := strconv.Atoi(straight.Ask("commands"))
	require.NoError(t, err)
	records := countRecords(t, straight.Config)
	once := never(t, app, straight)
	t.Logf("an uninterrupted run: %d commands, %d journal records", commands, records)
	for _, kind := range []struct {
		name   string
		points int
	}{{"record", records}, {"torn", records}, {"before", commands}, {"after", commands}} {
		for _, at := range points(t, kind.points) {
			t.Run(fmt.Sprintf("%s %d", kind.name, at), func(t *testing.T) {
				t.Parallel()
				w := Serve(t)
				if kind.name == "record" || kind.name == "torn" {
					code, out := Tool(t, fmt.Sprintf("%s:%d", kind.name, at), "run", "--config", w.Config)
					require.Equal(t, -1, code, "it did not die: %s", out)
				} else {
					killHeld(t, w, kind.name, at, "run")
				}
				command := "resume"
				if countRecords(t, w.Config) == 0 {
					command = "run" // it died before the first record was whole: nothing was begun
				}
				code, out := Tool(t, "", command, "--config", w.Config)
				require.Equal(t, 0, code, "%s", out)
				require.Equal(t, want, w.Ask("hash"), "it ended in another state than the uninterrupted run")
				never(t, app, w)
			})
		}
	}
	return once
}

// March is one run, whose tool crashes at every 29th journal record, in the middle of writing every 41st,
// before the effect of every 29th command, and after that of every 31st; each time a new life takes it up, and dies
// a little further on. At the end it must stand where an uninterrupted run stands. EVENKEEL_MARCH_EVERY=1 leaves
// nothing out.
func March(t *testing.T, app func() *cli.App) {
	if testing.Short() || raced {
		t.Skip("it takes minutes: not with -short, and not with the race detector")
	}
	straight := Serve(t)
	code, out := Tool(t, "", "run", "--config", straight.Config)
	require.Equal(t, 0, code, "%s", out)
	want := straight.Ask("hash")
	for _, kind := range []string{"record", "torn", "before", "after"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := Serve(t)
			lives := 1
			for ; ; lives++ {
				require.Less(t, lives, 5000, "it does not come to its end")
				command := "resume"
				if countRecords(t, w.Config) == 0 {
					command = "run"
				}
				if !w.life(kind, command) {
					break
				}
			}
			require.Equal(t, want, w.Ask("hash"), "it ended in another state than the uninterrupted run")
			never(t, app, w)
			t.Logf("%d lives", lives)
			require.Greater(t, lives, 4)
		})
	}
}

// marchEvery thins a march out.
func marchEvery(t *testing.T, kind string) int {
	t.Helper()
	if text := os.Getenv("EVENKEEL_MARCH_EVERY"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	return map[string]int{"record": 29, "torn": 41, "before": 29, "after": 31}[kind]
}

// life is one life of a march; it tells whether the tool crashed.
func (w *World) life(kind, command string) bool {
	w.t.Helper()
	what := fmt.Sprintf("new/%d", marchEvery(w.t, kind))
	if kind == "record" || kind == "torn" {
		code, out := Tool(w.t, kind+":"+what, command, "--config", w.Config)
		if code == 0 {
			return false
		}
		require.Equal(w.t, -1, code, "%s", out)
		return true
	}
	w.Ask("hold", kind, what)
	cmd := tool(context.Background(), "", command, "--config", w.Config)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(w.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	held := make(chan struct{})
	go func() {
		w.Ask("held")
		close(held)
	}()
	select {
	case <-held:
		require.NoError(w.t, cmd.Process.Kill())
		<-ended
		w.Ask("release")
		return true
	case err := <-ended:
		require.NoError(w.t, err, "%s", &out)
		w.Ask("release") // nothing new was left to hold; whoever waits for it goes
		<-held
		return false
	}
}

// killHeld has the world hold a command, kills the tool there with SIGKILL, and lets the command go.
func killHeld(t *testing.T, w *World, when string, at int, verb ...string) {
	t.Helper()
	w.Ask("hold", when, strconv.Itoa(at))
	cmd := tool(context.Background(), "", append(verb, "--config", w.Config)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	w.Ask("held")
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	w.Ask("release")
}

// points are those of n points that are tried: about five of each kind, or every EVENKEEL_KILL_EVERY-th, as CI does it.
func points(t *testing.T, n int) []int {
	t.Helper()
	every := max(1, n/4)
	if testing.Short() {
		every = max(1, n-1)
	}
	if text := os.Getenv("EVENKEEL_KILL_EVERY"); text != "" {
		var err error
		every, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	var list []int
	for at := 1; at <= n; at += every {
		list = append(list, at)
	}
	return list
}

func countRecords(t *testing.T, config string) int {
	t.Helper()
	cfg, err := cli.ReadConfig[map[string]any](config)
	require.NoError(t, err)
	return recordsIn(t, cfg)
}

// recordsIn is how many records the journal of a configuration has.
func recordsIn(t *testing.T, cfg *cli.Config) int {
	t.Helper()
	f, err := os.Open(cfg.Path(cfg.Journal))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	records, _, err := evenkeel.ReadJournal(f)
	require.NoError(t, err)
	return len(records)
}

// never holds the world's own account against what must never be: a broken invariant, and a command twice that
// must never be repeated (SSH-010). It tells how many commands of the runbook must never be repeated.
func never(t *testing.T, app func() *cli.App, w *World) int {
	t.Helper()
	r := w.Report()
	require.Empty(t, r.Violations)
	cfg, err := app().Read(w.Config)
	require.NoError(t, err)
	rb, err := app().Load(cfg)
	require.NoError(t, err)
	checked := 0
	for i := range rb.Steps {
		s := &rb.Steps[i]
		for j := range s.Actions {
			a := &s.Actions[j]
			if a.Repeat != evenkeel.Never || len(a.Cmd.Argv) == 0 {
				continue
			}
			checked++
			host := a.Host
			if host == "" {
				host = s.Host
			}
			// Facts stand at the end of these commands, if anywhere: what comes before them names the command.
			line, _, _ := strings.Cut(strings.Join(a.Cmd.Argv, " "), "⟪")
			times := 0
			for _, c := range r.Log {
				if c.Host == host && strings.HasPrefix(c.Line, line) {
					times++
				}
			}
			require.LessOrEqual(t, times, 1, "%s stands %d times in the world's log", line, times)
		}
	}
	return checked
}
