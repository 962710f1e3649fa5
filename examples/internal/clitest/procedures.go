package clitest

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// Procedure is something that the binary carries out, from the binary itself, over SSH, on the simulated world of its
// example.
type Procedure struct {
	Word string         // the job of the binary; empty: its own
	Dir  string         // the input; empty: the built-in example
	Job  map[string]any // laid over the job of the example

	// Back: it is the rollback of a run that is killed when it comes to this step. AtEnd: of one that has ended.
	Back string
	// Same: what it does leaves nothing behind that shows in the world's state.
	Same bool
	// Looks: it changes nothing, and is run anew instead of being resumed.
	Looks bool
	// Has are regular expressions of lines that the world's state has in the end.
	Has []string
}

// AtEnd is where a run has come to its end.
const AtEnd = "(the end)"

// Procedures carries out each procedure without an interruption, and then again, killed with SIGKILL at a journal record
// in the middle of it; resume must end in the same state. With EVENKEEL_KILL_EVERY=N it is killed at each N-th record, and behind
// the effect of each N-th command.
func Procedures(t *testing.T, app func() *cli.App, all map[string]Procedure) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all[name].killed(t, app)
		})
	}
}

// varied lays the job of the environment over those of the examples.
func varied(a *cli.App) {
	text := os.Getenv(asJob)
	if text == "" {
		return
	}
	example := a.Example
	a.Example = func(into, dir string) (*cli.Config, error) {
		cfg, err := example(into, dir)
		if err == nil {
			err = yaml.Unmarshal([]byte(text), cfg.Job)
		}
		return cfg, err
	}
	for word, job := range a.Jobs {
		a.Jobs[word] = func() *cli.App {
			j := job()
			varied(j)
			return j
		}
	}
}

// of is the app of the procedure's job.
func (p Procedure) of(app func() *cli.App) func() *cli.App {
	if p.Word == "" {
		return app
	}
	return app().Jobs[p.Word]
}

// command is the command line for a verb.
func (p Procedure) command(verb ...string) []string {
	if p.Word == "" {
		return verb
	}
	return append([]string{p.Word}, verb...)
}

// verbs are what carries the procedure out, and what takes it up again.
func (p Procedure) verbs() (first, again string) {
	switch {
	case p.Back != "":
		return "rollback", "rollback"
	case p.Looks:
		return "run", "run"
	}
	return "run", "resume"
}

// ready is a world in which the procedure can begin.
func (p Procedure) ready(t *testing.T) *World {
	t.Helper()
	job := ""
	if len(p.Job) > 0 {
		raw, err := yaml.Marshal(p.Job)
		require.NoError(t, err)
		job = string(raw)
	}
	args := p.command("simulate")
	if p.Dir != "" {
		args = append(args, "--dir", p.Dir)
	}
	w := serve(t, job, args...)
	run := append(p.command("run"), "--config", w.Config)
	switch p.Back {
	case "":
	case AtEnd:
		code, out := Tool(t, "", run...)
		require.Equal(t, 0, code, "%s", out)
	default:
		code, out := Tool(t, "in:"+p.Back, run...)
		require.Equal(t, -1, code, "it did not come to step %s: %s", p.Back, out)
	}
	return w
}

// finish has a verb come to its end, in which the world must be as it is to be.
func (p Procedure) finish(t *testing.T, app func() *cli.App, w *World, verb string) {
	t.Helper()
	code, out := Tool(t, "", append(p.command(verb), "--config", w.Config)...)
	require.Equal(t, 0, code, "%s", out)
	end := w.Ask("hash")
	for _, line := range p.Has {
		require.Regexp(t, "(?m)"+line, end)
	}
	if p.Back == "" {
		never(t, p.of(app), w)
		return
	}
	require.Empty(t, w.Report().Violations)
}

func (p Procedure) records(t *testing.T, app func() *cli.App, w *World) int {
	t.Helper()
	cfg, err := p.of(app)().Read(w.Config)
	require.NoError(t, err)
	return recordsIn(t, cfg)
}

// killed is the test of one procedure.
func (p Procedure) killed(t *testing.T, app func() *cli.App) {
	first, again := p.verbs()
	straight := p.ready(t)
	before, from := straight.Ask("hash"), p.records(t, app, straight)
	asked, err := strconv.Atoi(straight.Ask("commands"))
	require.NoError(t, err)
	p.finish(t, app, straight, first)
	want := straight.Ask("hash")
	require.Equal(t, p.Same, before == want, "%s", want)
	commands, err := strconv.Atoi(straight.Ask("commands"))
	require.NoError(t, err)
	counts := map[string]int{"record": p.records(t, app, straight) - from, "after": commands - asked}
	t.Logf("without an interruption: %d commands, %d records", counts["after"], counts["record"])
	for _, kind := range []string{"record", "after"} {
		for _, at := range middle(t, counts[kind]) {
			w := p.ready(t)
			if kind == "record" {
				code, out := Tool(t, "record:"+strconv.Itoa(at), append(p.command(first), "--config", w.Config)...)
				require.Equal(t, -1, code, "it did not die at record %d: %s", at, out)
			} else {
				killHeld(t, w, kind, at, p.command(first)...)
			}
			verb := again
			if p.records(t, app, w) == 0 {
				verb = first // nothing was begun
			}
			p.finish(t, app, w, verb)
			require.Equal(t, want, w.Ask("hash"), "killed at %s %d it ended in another state", kind, at)
		}
		if os.Getenv("EVENKEEL_KILL_EVERY") == "" {
			break
		}
	}
}

// middle is the point in the middle, or each EVENKEEL_KILL_EVERY-th.
func middle(t *testing.T, n int) []int {
	t.Helper()
	if os.Getenv("EVENKEEL_KILL_EVERY") != "" {
		return points(t, n)
	}
	return []int{(n + 1) / 2}
}
