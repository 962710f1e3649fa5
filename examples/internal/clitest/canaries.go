package clitest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Canaries are secrets planted in what a binary reads.
type Canaries struct {
	App     func() *cli.App // with an Example that plants them
	Dir     string          // for --dir; empty for none
	Secrets []string
	Planted []string // the names of the files that may hold them, as patterns
	// Fail tells whether a command fails, and repeats every secret in every form; in is what it reads.
	Fail map[string]func(cmd sshexec.Cmd, in string) bool
}

// PairCanaries plants two secrets in a pair: the password for hacluster in what the example writes, and in the CIB of the files in dir
// a fencing password for "calvin". What a command reads the first of has before in front of it.
func PairCanaries(t *testing.T, app func() *cli.App, dir, before string) Canaries {
	t.Helper()
	const password, fencing = `p4ss"w&rd'-CANARY`, `c4l"v&in'-CANARY`
	EditFile(t, filepath.Join(dir, "cib.xml"), `"calvin"`, `"c4l&quot;v&amp;in'-CANARY"`)
	return Canaries{
		Dir: dir, Secrets: []string{password, fencing}, Planted: []string{"hacluster-password", "*.tgz", "cib.xml"},
		App: func() *cli.App {
			a := app()
			example := a.Example
			a.Example = func(into, dir string) (*cli.Config, error) {
				cfg, err := example(into, dir)
				if err == nil {
					err = os.WriteFile(filepath.Join(into, "hacluster-password"), []byte(password+"\n"), 0o600)
				}
				return cfg, err
			}
			return a
		},
		Fail: map[string]func(sshexec.Cmd, string) bool{
			"the password's command":  func(_ sshexec.Cmd, in string) bool { return strings.HasPrefix(in, before+password) },
			"a command without input": WithoutInput,
		},
	}
}

// WithoutInput has a change by pcs fail.
func WithoutInput(cmd sshexec.Cmd, _ string) bool {
	return cmd.Argv[0] == "pcs" && cmd.Effect != sshexec.ReadOnly
}

// OfFencing has a command fail that reads a fencing password.
func OfFencing(cmd sshexec.Cmd, in string) bool {
	return cmd.Argv[0] == "cibadmin" && strings.Contains(in, "CANARY")
}

// forms are a secret as programs print it.
func forms(v string) []string {
	j, _ := json.Marshal(v)
	list := []string{
		v, strings.ToUpper(v), string(j[1 : len(j)-1]), html.EscapeString(v),
		strings.NewReplacer("&", "&amp;", `"`, "&quot;", "'", "&apos;").Replace(v), url.QueryEscape(v), url.PathEscape(v),
		hex.EncodeToString([]byte(v)), base64.StdEncoding.EncodeToString([]byte(v)),
		base64.StdEncoding.EncodeToString([]byte("x" + v)), base64.StdEncoding.EncodeToString([]byte("xy" + v)),
		strings.ReplaceAll(v, "'", `'\''`), strings.NewReplacer(`"`, `\"`, "'", `\'`, "&", `\&`).Replace(v), fmt.Sprintf("%q", v),
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Run has the binary run with failing commands, tell its state and its events, report and inspect, and looks for every secret in every
// form in all that it prints and writes. Once it plans and rehearses, too: no command fails there.
func (c Canaries) Run(t *testing.T) {
	for i, name := range slices.Sorted(maps.Keys(c.Fail)) {
		t.Run(name, func(t *testing.T) { c.once(t, c.Fail[name], i == 0) })
	}
}

func (c Canaries) once(t *testing.T, fails func(sshexec.Cmd, string) bool, plans bool) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var printed bytes.Buffer
	var failed atomic.Bool
	spite := true
	run := func(codes []int, args ...string) (answer string) {
		t.Helper()
		a := c.App()
		var out bytes.Buffer
		a.Stdout, a.Stderr, a.Stdin = io.MultiWriter(&printed, &out), &printed, strings.NewReader("")
		world := a.World
		a.World = func(cfg *cli.Config) (cli.SimWorld, error) {
			w, err := world(cfg)
			if err != nil || !spite {
				return w, err
			}
			return spiteful{w, func(cmd sshexec.Cmd, in string) (string, bool) {
				if failed.Load() || !fails(cmd, in) {
					return "", false
				}
				failed.Store(true)
				var all []string
				for _, s := range c.Secrets {
					all = append(all, forms(s)...)
				}
				return "refused:\n" + strings.Join(all, " ") + "\n" + strings.Join(all, " "), true
			}}, nil
		}
		require.Contains(t, codes, a.Main(args), "%q: %s", args, printed.String())
		return out.String()
	}
	dir := func(args ...string) []string {
		if c.Dir != "" {
			args = append(args, "--dir", c.Dir)
		}
		return args
	}
	run([]int{cli.ExitFailed, cli.ExitHeld},
		dir("demo", "-v", "--events", filepath.Join(tmp, "events.jsonl"), "--log-file", filepath.Join(tmp, "run.log"))...)
	require.True(t, failed.Load(), "no command failed")
	require.Contains(t, printed.String(), "[redacted]", "what the command printed is told, without the secrets")
	spite = false
	configs, err := filepath.Glob(filepath.Join(tmp, "*", "config.yaml"))
	require.NoError(t, err)
	require.Len(t, configs, 1)
	answers := func(code int, args ...string) { // what is not said hides no secret
		t.Helper()
		require.NotEmpty(t, run([]int{code}, args...), "%q", args)
	}
	answers(cli.ExitDone, "status", "--config", configs[0])
	for _, format := range []string{"text", "markdown", "json", "html"} {
		answers(cli.ExitFailed, "report", "--config", configs[0], "-o", format) // the run has not ended
	}
	if plans {
		for _, format := range []string{"text", "markdown", "json", "yaml", "html", "window", "window-json", "window-svg"} {
			answers(cli.ExitDone, "plan", "--config", configs[0], "-o", format)
			answers(cli.ExitDone, dir("plan", "-o", format)...)
		}
		for _, format := range []string{"text", "json", "html"} {
			answers(cli.ExitDone, dir("rehearse", "--faults", "--every", "1000", "-o", format)...)
		}
	}
	require.NoError(t, filepath.WalkDir(filepath.Dir(configs[0]), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			run([]int{cli.ExitDone, cli.ExitFailed, cli.ExitInput}, "inspect", path)
			run([]int{cli.ExitDone, cli.ExitFailed, cli.ExitInput}, "inspect", "--json", path)
		}
		return err
	}))
	c.search(t, "what was printed", printed.String())
	require.NoError(t, filepath.WalkDir(tmp, func(path string, d fs.DirEntry, err error) error {
		planted := slices.ContainsFunc(c.Planted, func(p string) bool { ok, _ := filepath.Match(p, filepath.Base(path)); return ok })
		if err != nil || !d.Type().IsRegular() || planted {
			return err
		}
		raw, err := os.ReadFile(path)
		c.search(t, path, string(raw))
		return err
	}))
}

func (c Canaries) search(t *testing.T, where, text string) {
	t.Helper()
	text = strings.ToLower(text)
	for _, s := range c.Secrets {
		for _, f := range forms(s) {
			// Of what is encoded behind something else, the end is what tells.
			if end := strings.ToLower(f[max(0, len(f)-len(s)):]); strings.Contains(text, end) {
				require.NotContains(t, text, end, "a secret in %s", where)
			}
		}
	}
}

// spiteful is a world in which a command fails and repeats what it should not.
type spiteful struct {
	cli.SimWorld
	refuse func(cmd sshexec.Cmd, in string) (string, bool)
}

// Do does what the operator of the world inside is asked for.
func (w spiteful) Do(ctx context.Context, deed string) error {
	if doer, can := w.SimWorld.(cli.Doer); can {
		return doer.Do(ctx, deed)
	}
	return fmt.Errorf("nobody there can %s", deed)
}

func (w spiteful) Runner(host string) (sshexec.Runner, error) {
	r, err := w.SimWorld.Runner(host)
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		in := ""
		if !cmd.Stdin.IsZero() {
			from, err := cmd.Stdin.Open()
			if err != nil {
				return sshexec.Result{}, sshexec.Failure(host, cmd, sshexec.Result{}, err)
			}
			raw, err := io.ReadAll(from)
			if err != nil {
				return sshexec.Result{}, sshexec.Failure(host, cmd, sshexec.Result{}, err)
			}
			in = string(raw)
			cmd.Stdin = sshexec.Stream(strings.NewReader(in))
		}
		if text, yes := w.refuse(cmd, in); yes {
			res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1, Stdout: []byte(text), Stderr: []byte(text)}
			return res, sshexec.Failure(host, cmd, res, nil)
		}
		return r.Run(ctx, cmd)
	}), err
}
