package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/temporaltest"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/wave"
)

// asProgram has the test binary be the program: the workers of the tests are processes of their own.
const asProgram = "FLEET_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func program(ctx context.Context) func(args ...string) *exec.Cmd {
	return func(args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, os.Args[0], args...)
		c.Env = append(os.Environ(), asProgram+"=1")
		return c
	}
}

// The demonstration, with as few pairs as it takes: a worker is killed just after a change, a node loses its power, and
// every pair ends as one that the library runs alone.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("it is whole runs of simulated pairs")
	}
	server := temporaltest.NewServer(temporaltest.WithT(t))
	a, err := newArena(t.Context(), t.TempDir(), server, program(t.Context()), 1, 1)
	require.NoError(t, err)
	defer a.close()
	var out strings.Builder
	d := demo{arena: a, out: &out, shown: map[string]string{}, mended: map[string]bool{}}
	err = d.run(t.Context())
	t.Log("\n" + out.String())
	require.NoError(t, err)
	require.Contains(t, out.String(), "kill -9 of worker")
	require.Contains(t, out.String(), "loses the power")
	require.Contains(t, out.String(), "Proved:")

	// The journal that was exported is one that the binary reads.
	records, err := flow.History(t.Context(), a.client, a.id("pair1"))
	require.NoError(t, err)
	st, err := evenkeel.ReadState(records)
	require.NoError(t, err)
	require.True(t, st.Done)
}

// What the demonstration says of one killed worker it does not say of two.
func TestWhoWasKilledIsTold(t *testing.T) {
	one, both := killed([]string{"worker2"}, "pair1"), killed([]string{"worker1", "worker2"}, "pair1")
	require.Equal(t, "kill -9 of worker2: a shutdown on pair1 had just taken effect, and the worker had not heard of it. "+
		"worker3 takes its place.", one)
	require.Contains(t, both, "kill -9 of worker1 and worker2: a shutdown on pair1 had just taken effect.")
	require.Contains(t, both, "not known which")
	require.NotContains(t, both, "had not heard of it")
	require.NotContains(t, both, "its place")
}

// Many pairs at once end as one that the library runs alone; what each costs is printed. EVENKEEL_FLEET=100 has a
// hundred; 3 without.
func TestManyPairs(t *testing.T) {
	pairs := 3
	if n, err := strconv.Atoi(os.Getenv("EVENKEEL_FLEET")); err == nil {
		pairs = n
	}
	if testing.Short() {
		t.Skip("it is whole runs of simulated pairs")
	}
	server := temporaltest.NewServer(temporaltest.WithT(t))
	a, err := newArena(t.Context(), t.TempDir(), server, program(t.Context()), pairs)
	require.NoError(t, err)
	defer a.close()
	alone, err := plain(t.Context(), filepath.Join(a.dir, "plain"))
	require.NoError(t, err)
	require.NoError(t, a.work("worker1"))
	began := time.Now()
	a.begins(t)
	var f flow.FleetStanding
	err = until(t.Context(), "the fleet is through", time.Duration(pairs)*5*time.Minute, func() bool {
		return query(t.Context(), a.client, a.site.Name, flow.QueryStanding, &f) == nil && (f.Does == wave.Over || f.Does == wave.Hold)
	})
	require.NoError(t, err, f)
	require.Equal(t, wave.Over, f.Does, f)
	took, events := time.Since(began), 0
	for _, name := range a.site.Names() {
		is, err := tell(a.sims[name])
		require.NoError(t, err)
		require.Equal(t, alone.end, is.end, "%s ends as one that is run alone", name)
		require.Empty(t, is.violated)
		require.Equal(t, alone.changes, is.changes, "and does the same")
		n, err := length(t.Context(), a.client, a.id(name))
		require.NoError(t, err)
		events += n
	}
	t.Logf("%d pairs in %s: %.1f pairs and %.0f commands a minute, %s and %d events a pair; memory of the worker: %s, of the server "+
		"with the simulated pairs: %s", pairs, took.Round(time.Second), float64(pairs)/took.Minutes(),
		float64(pairs*alone.commands)/took.Minutes(), (took / time.Duration(pairs)).Round(time.Millisecond), events/pairs,
		memory(t, a.workers["worker1"].Process.Pid), memory(t, os.Getpid()))
}

// memory is the most that a process has had.
func memory(t *testing.T, pid int) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return "not known here"
	}
	_, rest, _ := strings.Cut(string(raw), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
