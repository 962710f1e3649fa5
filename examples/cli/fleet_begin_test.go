package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	machines  map[string]evenkeel.HostMap // of each pair
}

// titled is twoOutages with a title that is part of its digest.
func titled(title string) *evenkeel.Runbook {
	rb := twoOutages()
	rb.Title, rb.Inputs = title, []evenkeel.Input{{Name: title}}
	return rb
}

// onDisk writes a fleet file of these rules and pairs.
func onDisk(t *testing.T, rules string, pairs ...string) *diskFleet {
	t.Helper()
	d := &diskFleet{t: t, dir: t.TempDir(), machines: map[string]evenkeel.HostMap{}}
	d.app = testApp(&d.out, &d.errs)
	d.app.Read = ReadConfig[pairJob]
	d.app.Load = func(c *Config) (*evenkeel.Runbook, error) {
		title := c.Job.(*pairJob).Title //nolint:forcetypeassert // Read has made it
		if title == "lost" {
			return nil, errors.New("its archive cannot be read")
		}
		return titled(title), nil
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

// machine is that of a pair.
func (d *diskFleet) machine(name string) evenkeel.HostMap {
	if d.machines[name] == nil {
		d.machines[name] = (&outageCount{}).machine()
	}
	return d.machines[name]
}

// run has a pair do so many steps, as its own command would; -1 is all of them.
func (d *diskFleet) run(name, title string, steps int, simulated bool) {
	d.t.Helper()
	journal, err := evenkeel.OpenJournal(d.journal(name))
	require.NoError(d.t, err)
	life, err := evenkeel.BeginRun(d.t.Context(), titled(title), d.machine(name), evenkeel.Options{Journal: journal, Simulated: simulated})
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

// rollback undoes what a pair has done, as its own command would.
func (d *diskFleet) rollback(name, title string) {
	d.t.Helper()
	journal, err := evenkeel.OpenJournal(d.journal(name))
	require.NoError(d.t, err)
	_, err = evenkeel.Rollback(d.t.Context(), titled(title), d.machine(name), evenkeel.Options{Journal: journal})
	require.NoError(d.t, err)
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

// What another run left in the place of a pair's journal is not what became of the pair: another runbook's, a rehearsal's, or one from
// before the fleet.
func TestAJournalOfAnotherRun(t *testing.T) {
	for name, tc := range map[string]struct {
		title     string
		steps     int
		simulated bool
		want      string
	}{
		"another runbook": {"Other", -1, false, "a.jsonl is the journal of another runbook, of other inputs or of another version of the tool"},
		"half of another": {"Other", 1, false, "a.jsonl is the journal of another runbook"},
		"a rehearsal":     {"Test", -1, true, "a.jsonl is the journal of a run on simulated machines, and the configuration is for real machines"},
		"from before":     {"Test", -1, false, "a is finished by"},
	} {
		t.Run(name, func(t *testing.T) {
			d := onDisk(t, "", "a")
			d.run("a", tc.title, tc.steps, tc.simulated)
			code, said := d.carryOut("run")
			require.Equal(t, ExitInput, code)
			require.Contains(t, said, tc.want)
			require.NoFileExists(t, d.file("journals/fleet.jsonl.lock"))
			if tc.want != "a is finished by" {
				code, said = d.carryOut("run", "--finished")
				require.Equal(t, ExitInput, code, said)
				_, said = d.carryOut("status")
				require.Contains(t, said, tc.want)
				require.Contains(t, d.out.String(), stateUnreadable)
				return
			}
			code, said = d.carryOut("run", "--finished")
			require.Equal(t, ExitDone, code, said)
			// It was this fleet's: another version of the tool is no reason to doubt what is finished.
			d.config("a", "Another version", "")
			code, said = d.carryOut("resume", "--finished")
			require.Equal(t, ExitDone, code, said)
		})
	}
}

// Where a plan does not know how long it takes, a maintenance window needs that said; a pair without a site does not.
func TestAPairOfASiteSaysHowLongItTakes(t *testing.T) {
	const paris = "sites: [{name: paris, timezone: Europe/Paris, windows: [{from: Sat 22:00, to: Sun 06:00}]}]"
	d := onDisk(t, paris, "a, site: paris")
	code, said := d.carryOut("check")
	require.Equal(t, ExitInput, code)
	require.Contains(t, said, "pairs[0]: takes: its plan does not know how long all of it takes (")
	d.fleet(paris, "a, site: paris, takes: 2h")
	code, said = d.carryOut("check")
	require.Equal(t, ExitDone, code, said)
	d.fleet(paris, "a")
	code, said = d.carryOut("check")
	require.Equal(t, ExitDone, code, said)
}

// Nobody confirms a wave before it has soaked.
func TestAWaveIsConfirmedWhenItHasSoaked(t *testing.T) {
	d := onDisk(t, "waves: [{name: canary, soak: 1h, confirm: true}, {name: rest}]", "a", "b, wave: rest")
	r := &fleetRun{app: d.app, sure: []string{"canary"}}
	var err error
	r.fleet, err = d.app.loadFleet(d.file("fleet.yaml"))
	require.NoError(t, err)
	m, err := remember(nil)
	require.NoError(t, err)
	begins := func() error {
		r.journal, err = evenkeel.OpenJournal(filepath.Join(t.TempDir(), "fleet.jsonl"))
		require.NoError(t, err)
		defer func() { _ = r.journal.Close() }()
		return r.begin(m, false, false, false)
	}
	require.ErrorContains(t, begins(), "--confirm canary: that wave is not done yet")
	m.done["canary"] = time.Now().Add(-time.Minute)
	require.ErrorContains(t, begins(), "--confirm canary: that wave soaks until ")
	m.done["canary"] = time.Now().Add(-time.Hour)
	require.NoError(t, begins())
	r.sure = []string{"rest"}
	require.ErrorContains(t, begins(), "there is no such wave that is to be confirmed")
}

// A pair whose configuration was changed in the middle of its run is amended first, by its own command.
func TestAPairIsAmendedByItself(t *testing.T) {
	d := onDisk(t, "", "a")
	code, said := d.carryOut("run") // nobody answers there
	require.Equal(t, ExitFailed, code, said)
	d.run("a", "Test", 1, false)
	d.config("a", "Changed", "")
	code, said = d.carryOut("resume", "--changed")
	require.Equal(t, ExitInput, code)
	require.Contains(t, said, "take that into the run: tool resume --amend --config "+d.file("a.yaml"))
}
