package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// The summary of a run says what an open window suspends in the words of the plan, and not by its ID.
func TestTheSummarySaysWhatMayNotHold(t *testing.T) {
	var out strings.Builder
	rb := &evenkeel.Runbook{Title: "Move", Invariants: []evenkeel.Invariant{{ID: "up", Title: "It is served."}, {ID: "untitled"}}}
	open := map[string]evenkeel.OpenWindow{}
	for id, suspends := range map[string]string{"w": "up", "v": "untitled"} {
		open[id] = evenkeel.OpenWindow{Window: evenkeel.Window{ID: id, Invariant: suspends, Limit: time.Hour, Reason: "it moves"}}
	}
	testApp(&out, nil).summary(rb, &evenkeel.Report{State: &evenkeel.State{Windows: open}}, &hosts{})
	require.Contains(t, out.String(), `at most 1 h: "It is served" may not hold (it moves)`)
	require.Contains(t, out.String(), `at most 1 h: untitled may not hold (it moves)`)
}

// A directory that is none is told apart from one that is not there.
func TestWhyADirectoryCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, noInput(dir))
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.EqualError(t, noInput(file), "--dir "+file+": a directory that can be read is needed: not a directory")
	require.ErrorContains(t, noInput(filepath.Join(dir, "away")), "away: a directory that can be read is needed: no such file or directory")
	if os.Geteuid() != 0 { // who may read everything
		require.NoError(t, os.Chmod(dir, 0o300))
		require.ErrorContains(t, noInput(dir), "is needed: permission denied")
	}
}

// Each line of a help begins with a capital, that of another job too, whose title may stand in a sentence.
func TestHelpBeginsWithACapital(t *testing.T) {
	a := testApp(nil, nil)
	a.Jobs = map[string]func() *App{"job": func() *App {
		job := testApp(nil, nil)
		job.Title = "état of a pair"
		return job
	}}
	for _, c := range a.Root().Commands() {
		require.Equal(t, capital(c.Short), c.Short, c.Name())
	}
	job, _, err := a.Root().Find([]string{"job"})
	require.NoError(t, err)
	require.Equal(t, "État of a pair", job.Short)
	require.Empty(t, capital(""))
}

// A tool whose schema says nothing of its job, or that has none, begins a configuration all the same.
func TestConfigInitWithoutADescription(t *testing.T) {
	for _, schema := range []string{`{}`, `null`, `{"properties": {"job": null}}`} {
		for want, job := range map[string]any{"job:\n": nil, "job:\n  # files: []\n  # fast: true\n": &someJob{}} {
			app := testApp(nil, nil)
			app.Schema = []byte(schema)
			text, err := app.commented(&Config{Job: job}, nil)
			require.NoError(t, err, schema)
			require.True(t, strings.HasSuffix(text, "\n\n"+want), text)
		}
	}
}
