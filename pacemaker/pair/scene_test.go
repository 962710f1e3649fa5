package pair_test

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
)

// scene is a simulated pair with the runbook that was made from its backups.
type scene struct {
	world *pairtest.World
	pair  *pair.Pair
	book  *evenkeel.Runbook
}

// config is made from backups of a world.
func config(t testing.TB, w *pairtest.World) pair.Config {
	t.Helper()
	cfg := pair.Config{Node1: pair.Server{Name: pairtest.Node1}, Node2: pair.Server{Name: pairtest.Node2}, From: "el8", To: "el9",
		Password: "geheim", ArchiveDir: t.TempDir(), Restore: pairtest.Restore(), Packages: pairtest.Packages()}
	before := w.Clone().(*pairtest.World) //nolint:forcetypeassert // it is one
	for _, s := range []*pair.Server{&cfg.Node1, &cfg.Node2} {
		r, err := before.Runner(s.Name)
		require.NoError(t, err)
		made, err := backup.Create(t.Context(), r, pair.Manifest(cfg.Restore...), backup.Options{Dir: t.TempDir(), Now: before.Now})
		require.NoError(t, err)
		s.Backup = made.Path
	}
	return cfg
}

func newScene(t testing.TB, o pairtest.Options, mend func(*pair.Config)) *scene {
	t.Helper()
	s := &scene{world: pairtest.New(o)}
	cfg := config(t, s.world)
	if mend != nil {
		mend(&cfg)
	}
	var err error
	s.pair, err = pair.Load(cfg)
	require.NoError(t, err)
	s.book, err = s.pair.Runbook()
	require.NoError(t, err)
	return s
}

// person does what is asked, or lets it be done, and waits; after a day and a night without an end the person gives up.
type person struct {
	w     *pairtest.World
	asked int
}

func (a *person) Prompt(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	if a.asked++; a.asked > 24*60 {
		return "", evenkeel.NeedsOperator("nothing comes of it: %s", ask.Why)
	}
	if ask.Why == "" {
		return "confirmed", nil
	}
	a.w.Attend(ask.Action.ID, ask.Step.Host)
	return "", a.w.Sleep(ctx, time.Minute)
}

// options are those of a run in a world.
func options(w *pairtest.World, journal evenkeel.Journal) evenkeel.Options {
	return evenkeel.Options{Journal: journal, Clock: w.Clock(), Operator: &person{w: w}}
}

// every thins a long test out.
func every(t testing.TB, otherwise int) int {
	t.Helper()
	if text := os.Getenv("EVENKEEL_REHEARSE_EVERY"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	if testing.Short() {
		return 10 * otherwise
	}
	return otherwise
}

// Straight through, with nothing broken on the way, each unit down only in its windows, and everything where it belongs.
func TestThePairIsUpgraded(t *testing.T) {
	s := newScene(t, pairtest.Options{}, nil)
	opts := options(s.world, &evenkeel.MemJournal{})
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) { t.Log(e.Elapsed.Round(time.Second), e.Kind, e.Host, e.Text) })
	report, err := evenkeel.Run(t.Context(), s.book, s.world, opts)
	require.NoError(t, err)
	require.True(t, report.State.Done)
	require.NoError(t, s.world.Check())
	t.Log(s.world.EndState())
	for _, w := range report.State.Closed {
		require.Less(t, w.Lasted(), w.Limit, w.ID)
	}
}

// rehearsal is thinned; the archives of a run lie beside its world.
func (s *scene) rehearsal(t testing.TB, thin int) evenkeel.RehearsalPlan {
	t.Helper()
	return evenkeel.RehearsalPlan{Every: every(t, thin), Local: s.pair.Config.ArchiveDir,
		Operator: func(w evenkeel.World) evenkeel.Operator {
			return &person{w: w.(*pairtest.World)} //nolint:forcetypeassert // it is the pair
		}}
}

func (s *scene) rehearse(t *testing.T, plan evenkeel.RehearsalPlan) *evenkeel.RehearsalReport {
	t.Helper()
	report, err := evenkeel.Rehearse(t.Context(), s.book, s.world, plan)
	require.NoError(t, err)
	t.Logf("%d commands, %d schedules", report.Commands, report.Schedules)
	for i, f := range report.Failures {
		if i > 25 {
			t.Fatalf("and %d more", len(report.Failures)-i)
		}
		t.Error(f)
	}
	return report
}

// The tool crashes, is asked to stop, and rolls back, at every point.
func TestRehearse(t *testing.T) {
	s := newScene(t, pairtest.Options{}, nil)
	s.rehearse(t, s.rehearsal(t, 80))
}

// Each command goes wrong in each way, an idle success among them. The run finishes, or stops with an error or for the
// operator, and nothing is ever active twice or fenced while it is rebuilt.
func TestEveryFault(t *testing.T) {
	s := newScene(t, pairtest.Options{}, nil)
	plan := s.rehearsal(t, 120)
	plan.Kinds = []evenkeel.ScheduleKind{evenkeel.AnyFault}
	s.rehearse(t, plan)
}

// What moves last is as safe as the rest, wherever the tool crashes or a command goes wrong.
func TestRehearseWhatMovesLast(t *testing.T) {
	s := newScene(t, pairtest.Options{CIB: withMagic(pairtest.File("cib.xml"))}, nil)
	s.rehearse(t, s.rehearsal(t, 160))
	plan := s.rehearsal(t, 240)
	plan.Kinds = []evenkeel.ScheduleKind{evenkeel.AnyFault}
	s.rehearse(t, plan)
}
