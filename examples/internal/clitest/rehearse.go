package clitest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// Example writes the configuration and the files of a binary's example, or of what is in from, into a directory, as an
// operator has them, and returns the configuration's path.
func Example(t *testing.T, app func() *cli.App, from string) string {
	t.Helper()
	dir := t.TempDir()
	cfg, err := app().Example(dir, from)
	require.NoError(t, err)
	config := filepath.Join(dir, "config.yaml")
	require.NoError(t, cfg.Write(config))
	return config
}

// Here runs the tool within this process, without its own signals and files.
func Here(app func() *cli.App, args ...string) (code int, out string) {
	var text bytes.Buffer
	a := app()
	a.Stdout, a.Stderr, a.Stdin = &text, &text, strings.NewReader("")
	return a.Main(args), text.String()
}

// once leaves out what shows nothing more where all tests are run again with -short: each is many runs of a whole job.
func once(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("many runs of a whole job: not with -short")
	}
}

// seldom thins a rehearsal out to the straight run and one schedule of each kind.
const seldom = "1000000"

// clean wants a rehearsal that tried something and broke nothing.
func clean(t *testing.T, code int, out string) {
	t.Helper()
	require.Zero(t, code, "%s", out)
	require.Regexp(t, `(?m)^schedules .*: [1-9]\d*, of which broke something: 0$`, out)
}

// RehearseTouchesNothing rehearses an operator's configuration twice. Both must be clean, and must leave the operator's
// directory, and the directory for temporary files, exactly as they were.
func RehearseTouchesNothing(t *testing.T, app func() *cli.App) {
	once(t)
	config := Example(t, app, "")
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	before := snapshot(t, filepath.Dir(config))
	for range 2 {
		code, out := Tool(t, "", "rehearse", "--every", "400", "--config", config)
		clean(t, code, out)
		require.Equal(t, before, snapshot(t, filepath.Dir(config)))
		require.Empty(t, snapshot(t, tmp), "left over")
	}
}

// RehearseTheSame rehearses with faults on one core, on several, and once more: what is printed is the same to the letter, in each format.
func RehearseTheSame(t *testing.T, app func() *cli.App) {
	once(t)
	for _, format := range []string{"text", "json", "html"} {
		var first string
		for _, cores := range []int{1, 3, 3} {
			before := runtime.GOMAXPROCS(cores)
			code, out := Here(app, "rehearse", "--faults", "--every", "2000", "-o", format)
			runtime.GOMAXPROCS(before)
			require.Zero(t, code, "%s", out)
			if first == "" {
				first = out
			}
			require.Equal(t, first, out, "on %d cores", cores)
		}
	}
}

var again = regexp.MustCompile(`(?m)^  To repeat exactly this: \S+ (.*) --schedule '(.*)'$`)

// careless has a runbook repeat commands without a look whether they ran, but for those on which the straight run rests.
func careless(rb *evenkeel.Runbook, but []string) {
	for i := range rb.Steps {
		for j := range rb.Steps[i].Actions {
			if a := &rb.Steps[i].Actions[j]; a.Manual == "" && !a.DropsConnection && !slices.Contains(but, a.ID) {
				a.Repeat = evenkeel.Idempotent
			}
		}
	}
}

// RehearsalFindings rehearses a runbook that repeats commands without a look: the findings are told as stories, and the
// command that each names finds the same again.
// A finding ends a rehearsal with exit code 1, whatever was left out.
func RehearsalFindings(t *testing.T, app func() *cli.App, every string, but ...string) {
	once(t)
	spoilt := func() *cli.App {
		a := app()
		load := a.Load
		a.Load = func(cfg *cli.Config) (*evenkeel.Runbook, error) {
			rb, err := load(cfg)
			if err == nil {
				careless(rb, but)
			}
			return rb, err
		}
		return a
	}
	config := Example(t, app, "")
	code, out := Here(spoilt, "rehearse", "--faults", "--every", every, "--config", config)
	require.Equal(t, cli.ExitFailed, code, "%s", out)
	require.Regexp(t, `(?m)^[\d,]+ of [\d,]+ schedules, [1-9]\d* violations?, worst outage`, out)
	require.Contains(t, out, "FINDING 1: ")
	found := again.FindAllStringSubmatch(out, -1)
	require.NotEmpty(t, found, "%s", out)
	for _, m := range found[:min(len(found), 4)] {
		code, one := Here(spoilt, append(strings.Fields(m[1]), "--schedule", m[2])...)
		require.Equal(t, cli.ExitFailed, code, "%s: %s", m[2], one)
		require.Contains(t, one, "1 schedule, 1 violation, ")
		require.Regexp(t, `(?m)^ +\+\S.* fault +\S`, one, "what went wrong is told")
		verdict := regexp.MustCompile(`(?m)^FINDING .* \(` + regexp.QuoteMeta(m[2]) + `\)\n.*$`)
		_, was, _ := strings.Cut(verdict.FindString(out), ": ")
		_, is, _ := strings.Cut(verdict.FindString(one), ": ")
		require.NotEmpty(t, was)
		require.Equal(t, was, is)
		_, sound := Here(app, append(strings.Fields(m[1]), "--schedule", m[2])...) // it may have fewer commands
		require.NotContains(t, sound, "FINDING", "the sound runbook")
	}
}

// snapshot is every file below a directory: its kind and mode, when it was changed, and its content.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[path] = fmt.Sprint(info.Mode(), info.ModTime())
		if info.Mode().IsRegular() {
			raw, err := os.ReadFile(path)
			all[path] += fmt.Sprintf(" %x", sha256.Sum256(raw))
			return err
		}
		return nil
	}))
	return all
}

// Option is how a key of a job is set to something else than in the example.
type Option struct {
	Job  map[string]any                                          // other keys' values, by the key
	Edit func(t *testing.T, dir string, job map[string]any)      // what more is to be done, if anything
	Not  string                                                  // why there is nothing to rehearse
	Base func(t *testing.T, app func() *cli.App) (config string) // another configuration than the example's
}

// RehearseOptions rehearses a job with each of its options. There must be an entry for every key that the job's type J has.
func RehearseOptions[J any](t *testing.T, app func() *cli.App, options map[string]Option) {
	once(t)
	var want []string
	for _, key := range keys(reflect.TypeFor[J]()) {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(options)),
			func(name string) bool { n, _, _ := strings.Cut(name, ":"); return n == key }) {
			want = append(want, key)
		}
	}
	require.Empty(t, want, "options that no rehearsal tries")
	for _, name := range slices.Sorted(maps.Keys(options)) {
		o := options[name]
		if o.Not != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := o.Base
			if base == nil {
				base = func(t *testing.T, app func() *cli.App) string { return Example(t, app, "") }
			}
			config := base(t, app)
			EditJob(t, config, func(job map[string]any) {
				maps.Copy(job, o.Job)
				if o.Edit != nil {
					o.Edit(t, filepath.Dir(config), job)
				}
			})
			code, out := Here(app, "rehearse", "--every", seldom, "--config", config)
			clean(t, code, out)
		})
	}
}

// EditJob changes the job of a configuration file.
func EditJob(t *testing.T, config string, edit func(job map[string]any)) {
	t.Helper()
	raw, err := os.ReadFile(config)
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, yaml.Unmarshal(raw, &all))
	job, ok := all["job"].(map[string]any)
	require.True(t, ok)
	edit(job)
	raw, err = yaml.Marshal(all)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, raw, 0o600))
}

// EditFile changes a text in a file, wherever it stands there.
func EditFile(t *testing.T, file, was, is string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(raw), was)
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(raw), was, is)), 0o600))
}

// PairDir is a directory of a test's own with the files of a pair, as --dir takes them.
func PairDir(t *testing.T, cib, corosync string) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range map[string]string{"cib.xml": cib, "corosync.conf": corosync} {
		raw, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
	return dir
}

// keys are the YAML keys of a struct.
func keys(s reflect.Type) (all []string) {
	for f := range s.Fields() {
		name, rest, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case strings.Contains(rest, "inline"):
			all = append(all, keys(f.Type)...)
		case name != "" && name != "-":
			all = append(all, name)
		}
	}
	return all
}

// StopRehearsal sends each signal that asks to stop to a rehearsal of thousands of schedules, which must then say what
// it has tried, and leave nothing behind.
func StopRehearsal(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			needs(t, s)
			tmp := t.TempDir()
			code, out := stopped(t, s, tmp, "rehearse")
			require.Equal(t, cli.ExitStopped, code, "%s", out)
			require.Regexp(t, `(?m)^schedules .*: \d+, of which broke something: 0$`, out)
			require.Contains(t, out, "Stopped as asked")
			require.Empty(t, snapshot(t, tmp), "left over")
		})
	}
}

// StopSimulation sends the signals to a simulated world that is served.
func StopSimulation(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			needs(t, s)
			code, out := stopped(t, s, t.TempDir(), "simulate")
			require.Equal(t, cli.ExitStopped, code, "%s", out)
			require.Contains(t, out, "Run it with")
		})
	}
}

// stopped starts a command, signals it when its own directory has something in it, and returns how it ended.
func stopped(t *testing.T, s syscall.Signal, tmp string, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := tool(ctx, "", args...)
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		fresh, err := filepath.Glob(filepath.Join(tmp, "*", "run", "archives", "*")) // a rehearsal's first archive
		served, err2 := filepath.Glob(filepath.Join(tmp, "*", "config.yaml"))        // a simulation's last file
		return err == nil && err2 == nil && len(fresh)+len(served) > 0
	}, patience, 5*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(s))
	err := cmd.Wait()
	require.NoError(t, ctx.Err(), "it did not end: %s", &out)
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// Dir plans, rehearses and demonstrates with the files in a directory, which must stay as they are.
func Dir(t *testing.T, app func() *cli.App, dir string) {
	t.Helper()
	once(t)
	before := snapshot(t, dir)
	code, out := Here(app, "plan", "--dir", dir)
	require.Zero(t, code, "%s", out)
	code, out = Here(app, "rehearse", "--every", seldom, "--dir", dir)
	clean(t, code, out)
	code, out = Here(app, "demo", "--dir", dir)
	require.Zero(t, code, "%s", out)
	require.Contains(t, out, "invariants violated: none")
	require.Equal(t, before, snapshot(t, dir))
}
