package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// pairJob is the job of a pair of a test: the title of its runbook.
type pairJob struct {
	Title string `yaml:"title"`
}

// diskFleet is a fleet file with the configurations that it names, in a directory of their own. Their runbooks are twoOutages.
type diskFleet struct {
	t         *testing.T
	app       *App
	dir       string
	out, errs strings.Builder
}

// onDisk writes a fleet file of these rules and pairs.
func onDisk(t *testing.T, rules string, pairs ...string) *diskFleet {
	t.Helper()
	d := &diskFleet{t: t, dir: t.TempDir()}
	d.app = testApp(&d.out, &d.errs)
	d.app.Read = ReadConfig[pairJob]
	d.app.Load = func(c *Config) (*evenkeel.Runbook, error) {
		rb := twoOutages()
		if rb.Title = c.Job.(*pairJob).Title; rb.Title == "lost" { //nolint:forcetypeassert // Read has made it
			return nil, fmt.Errorf("its archive cannot be read")
		}
		return rb, nil
	}
	d.fleet(rules, pairs...)
	for _, name := range pairs {
		name, _, _ = strings.Cut(name, ",")
		d.config(name, "Test", "")
	}
	require.NoError(t, os.Mkdir(filepath.Join(d.dir, "journals"), 0o700))
	return d
}

// fleet writes the fleet file: a pair is its name, and more keys behind a comma.
func (d *diskFleet) fleet(rules string, pairs ...string) {
	text := rules + "\npairs:\n"
	for _, pair := range pairs {
		name, more, _ := strings.Cut(pair, ",")
		text += fmt.Sprintf("  - {name: %s, config: %s.yaml, %s}\n", name, name, more)
	}
	require.NoError(d.t, os.WriteFile(d.file("fleet.yaml"), []byte(text), 0o600))
}

func (d *diskFleet) file(name string) string { return filepath.Join(d.dir, name) }

func (d *diskFleet) journal(name string) string { return d.file("journals/" + name + ".jsonl") }

// config writes the configuration of a pair.
func (d *diskFleet) config(name, title, more string) {
	text := fmt.Sprintf("journal: journals/%s.jsonl\nssh: {user: root}\nhosts: {h: \"127.0.0.1:1\"}\njob: {title: %s}\n%s", name, title, more)
	require.NoError(d.t, os.WriteFile(d.file(name+".yaml"), []byte(text), 0o600))
}

// run has a pair do so many steps, as its own command would; -1 is all of them.
func (d *diskFleet) run(name, title string, steps int, simulated bool) {
	d.t.Helper()
	journal, err := evenkeel.OpenJournal(d.journal(name))
	require.NoError(d.t, err)
	rb := twoOutages()
	rb.Title = title
	life, err := evenkeel.BeginRun(d.t.Context(), rb, (&outageCount{}).machine(), evenkeel.Options{Journal: journal, Simulated: simulated})
	require.NoError(d.t, err)
	for i := 0; i != steps; i++ {
		next := life.Next()
		if len(next) == 0 || !next[0].Work() {
			break
		}
		require.NoError(d.t, life.Perform(d.t.Context(), next[0]))
	}
	_, err = life.End()
	if steps < 0 {
		require.NoError(d.t, err)
	}
	require.NoError(d.t, journal.Close())
}

// carryOut is fleet run or fleet resume with these flags.
func (d *diskFleet) carryOut(words ...string) (int, string) {
	d.out.Reset()
	d.errs.Reset()
	code := d.app.Main(append(append([]string{"fleet"}, words...), d.file("fleet.yaml")))
	return code, d.errs.String()
}

// A pair that was begun by itself keeps a fleet from beginning: what to do is said.
func TestAPairThatHasBegunBeforeTheFleet(t *testing.T) {
	d := onDisk(t, "", "a", "b")
	d.run("a", "Test", 1, false)
	code, said := d.carryOut("run")
	require.Equal(t, ExitInput, code)
	require.Contains(t, said, "a has begun before this fleet: bring it to its end first: tool resume --config "+d.file("a.yaml"))
}
