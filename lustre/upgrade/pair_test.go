package upgrade_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// backedUp backs the simulated pair up as an operator would.
func backedUp(t testing.TB, w *lustretest.Pair) upgrade.Config {
	t.Helper()
	dir := t.TempDir()
	cfg := upgrade.Config{
		Node1: upgrade.Server{Name: lustretest.Node1}, Node2: upgrade.Server{Name: lustretest.Node2},
		Manager: lustretest.Manager, AgentRepos: lustretest.AgentRepos(), Password: "correct horse", ArchiveDir: filepath.Join(dir, "fresh"),
	}
	require.NoError(t, os.Mkdir(cfg.ArchiveDir, 0o700))
	for _, s := range []*upgrade.Server{&cfg.Node1, &cfg.Node2} {
		r, err := w.Runner(s.Name)
		require.NoError(t, err)
		info, err := backup.Create(t.Context(), r, backup.ServerManifest().WithOptional(backup.IMLState), backup.Options{Dir: dir, Now: w.Now})
		require.NoError(t, err)
		s.Backup = info.Path
	}
	return cfg
}

// scene is a pair with its plan. The world is never touched: each play has a clone of it.
type scene struct {
	world *lustretest.Pair
	pair  *upgrade.Pair
	book  *evenkeel.Runbook
}

func newScene(t testing.TB, opts lustretest.Options, mend func(*upgrade.Config)) *scene {
	t.Helper()
	w := lustretest.NewPair(opts)
	cfg := backedUp(t, w)
	if mend != nil {
		mend(&cfg)
	}
	p, err := upgrade.Load(cfg)
	require.NoError(t, err)
	rb, err := p.Runbook()
	require.NoError(t, err)
	return &scene{w, p, rb}
}

// reset clears the fresh backups of the last play.
func (s *scene) reset() error {
	return errors.Join(os.RemoveAll(s.pair.Config.ArchiveDir), os.Mkdir(s.pair.Config.ArchiveDir, 0o700))
}

// play is one run of a runbook in a world of its own.
type play struct {
	t       testing.TB
	w       *lustretest.Pair
	book    *evenkeel.Runbook
	hosts   evenkeel.Hosts
	journal *evenkeel.MemJournal
	watch   func(evenkeel.Event)
	dir     string // where the fresh backups go
	stop    chan struct{}
}

func (s *scene) play(t testing.TB) *play {
	t.Helper()
	require.NoError(t, s.reset())
	w := s.world.Clone()
	return &play{t: t, w: w, book: s.book, hosts: w, journal: &evenkeel.MemJournal{}, watch: func(evenkeel.Event) {},
		dir: s.pair.Config.ArchiveDir}
}

func (p *play) options(j evenkeel.Journal) evenkeel.Options {
	return evenkeel.Options{Journal: j, Clock: p.w, Stop: p.stop, Operator: &person{w: p.w}, Serial: true, RunID: "test",
		Holder: "test", Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) { p.watch(e) })}
}

func (p *play) run() error {
	_, err := evenkeel.Run(p.t.Context(), p.book, p.hosts, p.options(p.journal))
	return err
}

func (p *play) resume() error {
	_, err := evenkeel.Resume(p.t.Context(), p.book, p.hosts, p.options(p.journal))
	return err
}

// rollBack goes back as far as possible.
func (p *play) rollBack() error {
	_, err := evenkeel.Rollback(p.t.Context(), p.book, p.hosts, p.options(p.journal))
	return err
}

// sh runs a line on a host of the world, as the operator would.
func (p *play) sh(host, line string) string {
	p.t.Helper()
	r, err := p.w.Runner(host)
	require.NoError(p.t, err)
	argv, err := simhost.Split(line)
	require.NoError(p.t, err)
	res, _ := r.Run(p.t.Context(), sshexec.Command(sshexec.Mutating, argv...))
	return res.Text()
}

// machineRoom is a pair with its clock, also as evenkeel.Rehearse takes it.
type machineRoom interface {
	Attend(action, host string) error
	Sleep(ctx context.Context, d time.Duration) error
}

// person does what is asked, or lets it be done, and waits; after a day and a night without an end the person gives up.
type person struct {
	w     machineRoom
	asked int
}

func (a *person) Prompt(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	if a.asked++; a.asked > 24*60 {
		return "", evenkeel.NeedsOperator("nothing comes of it: %s", ask.Why)
	}
	return "", errors.Join(a.w.Attend(ask.Action.ID, ask.Step.Host), a.w.Sleep(ctx, time.Minute))
}

// every thins a long test out: the whole of it takes minutes, and CI does it.
func every(t *testing.T, otherwise int) int {
	t.Helper()
	if text := os.Getenv("EVENKEEL_REHEARSE_EVERY"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	if testing.Short() {
		return 21 * otherwise
	}
	return 2 * otherwise
}

// WF-006, WF-009, LUS-036, LUS-038 to LUS-040, LUS-048, PCM-062: straight through, with nothing broken on the way and
// every target where it belongs.
func TestThePairIsUpgraded(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	p := s.play(t)
	p.watch = func(e evenkeel.Event) { t.Log(e.Elapsed.Round(time.Second), e.Kind, e.Host, e.Text) }
	require.NoError(t, p.run())
	require.NoError(t, p.w.Check())
	st, err := evenkeel.ReadState(p.journal.Records())
	require.NoError(t, err)
	require.Len(t, st.Closed, 3)
	for _, w := range st.Closed {
		require.Less(t, w.Lasted(), time.Minute, "window %s was open while nothing was down (waiting for the throttle, say)", w.ID)
	}
	r := p.w.Report()
	require.Empty(t, r.Fences)
	require.Equal(t, []string{lustretest.Node1}, r.Target("MGS").On)
	require.Equal(t, []string{lustretest.Node2}, r.Target("demo-MDT0000").On)
	for _, h := range r.Hosts {
		require.Contains(t, h.Release, "release 7")
		require.True(t, h.Member)
	}
	for _, name := range []string{"/root/evenkeel-seen", "/var/lib/pacemaker/evenkeel"} {
		require.NotContains(t, p.sh(lustretest.Node1, "ls -d "+name), name)
	}
	require.NotContains(t, p.sh(lustretest.Node1, "ls /root"), "bck-", "the backup's secrets are removed")
	for _, rec := range p.journal.Records() {
		require.NotContains(t, rec.Command+rec.Output, "correct horse")
		require.NotContains(t, rec.Command+rec.Output, "calvin")
	}
}

// WF-006, SSH-010: the tool may die anywhere.
func TestRehearsal(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	report, err := evenkeel.Rehearse(t.Context(), s.book, s.world.Rehearsal(), s.rehearsal(t, every(t, 67)))
	require.NoError(t, err)
	for _, f := range report.Failures[:min(len(report.Failures), 20)] {
		t.Error(f)
	}
	if !testing.Short() { // else there is the rollback from the first record alone, and nothing happens in that
		require.Positive(t, report.Rollbacks.Within)
	}
	t.Logf("%d commands, %d records, %d schedules, %d within rollbacks, %d met, %d failures", report.Commands, report.Records, report.Schedules,
		report.Rollbacks.Within, report.Met, len(report.Failures))
}

func (s *scene) rehearsal(t *testing.T, every int) evenkeel.RehearsalPlan {
	t.Helper()
	require.NoError(t, s.reset())
	return evenkeel.RehearsalPlan{Every: every, Local: s.pair.Config.ArchiveDir, Operator: func(w evenkeel.World) evenkeel.Operator {
		return &person{w: w.(machineRoom)} //nolint:forcetypeassert // it is the pair
	}}
}

// A change of the cluster is fenced on both nodes, in the steps, in the rollback, and in what completes an outage.
func TestCommandsOfTheClusterAreWide(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	wide := map[string]bool{}
	for _, step := range s.book.Steps {
		actions := slices.Concat(step.Actions, step.Undo)
		for _, w := range step.Opens {
			actions = append(actions, w.Completion...)
		}
		for _, a := range actions {
			cmds := []sshexec.Cmd{a.Cmd}
			if a.Op != nil {
				for _, c := range a.Op.Cmds {
					cmds = append(cmds, c.Cmd)
				}
			}
			for _, c := range cmds {
				if c.Effect != evenkeel.ReadOnly && len(c.Argv) > 0 &&
					(c.Wide || slices.Contains([]string{"pcs", "cibadmin", "crm_resource", "crm_attribute", "service"}, c.Argv[0])) {
					wide[c.Argv[0]] = c.Wide
				}
			}
		}
	}
	require.Equal(t, map[string]bool{"pcs": true, "cibadmin": true, "crm_attribute": true, "service": false}, wide)
}
