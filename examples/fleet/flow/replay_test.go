package flow

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/evenkeel-ha/evenkeel/examples/fleet/wave"
)

var record = flag.Bool("record", false, "record the histories of testdata anew: only when the workflow is meant to decide otherwise")

// recorded are the histories that every later version of the workflow must decide alike: what runs in production was
// begun by an earlier one.
var recorded = map[string]struct {
	text string
	play func(t *testing.T, c client.Client, j jobs, m *machine)
}{
	"straight": {"s1[a b.never] s2[c.probe]", func(t *testing.T, c client.Client, j jobs, _ *machine) {
		require.NoError(t, started(t, c, j.in("p1")).Get(t.Context(), nil))
	}},
	"paused": {"s1[a] s2[m.word b.never]", func(t *testing.T, c client.Client, j jobs, _ *machine) {
		run := started(t, c, j.in("p1"))
		comesTo(t, c, "p1", "paused")
		ask(t, c, "p1", Ask{What: AskConfirm, Name: "s2/m"})
		require.NoError(t, run.Get(t.Context(), nil))
	}},
	"rolled-back": {"s1[a undo:u] s2[b]", func(t *testing.T, c client.Client, j jobs, m *machine) {
		m.fail["b"] = true
		run := started(t, c, j.in("p1"))
		comesTo(t, c, "p1", "failed")
		ask(t, c, "p1", Ask{What: AskRollback})
		require.NoError(t, run.Get(t.Context(), nil))
	}},
}

func TestReplay(t *testing.T) {
	for name, r := range recorded {
		t.Run(name, func(t *testing.T) {
			j, m := one(t, r.text)
			file := filepath.Join("testdata", name+".json")
			if *record {
				_, c := server(t)
				work(t, c, j, "w1")
				r.play(t, c, j, m)
				keep(t, c, "p1", file)
			}
			replay := worker.NewWorkflowReplayer()
			replay.RegisterWorkflowWithOptions((&Flows{Books: j}).Pair, workflow.RegisterOptions{Name: PairWorkflow})
			require.NoError(t, replay.ReplayWorkflowHistoryFromJSONFile(silent{}, file))

			// One that decides otherwise is found.
			other, _ := one(t, r.text+" s9[z]")
			bad := worker.NewWorkflowReplayer()
			bad.RegisterWorkflowWithOptions((&Flows{Books: other}).Pair, workflow.RegisterOptions{Name: PairWorkflow})
			require.Error(t, bad.ReplayWorkflowHistoryFromJSONFile(silent{}, file))
		})
	}
}

// A fleet decides alike too: its canary soaks and is confirmed, a pair fails, and it goes on without that one.
func TestReplayOfAFleet(t *testing.T) {
	file := filepath.Join("testdata", "fleet.json")
	if *record {
		_, c := server(t)
		j, in := many(t, "s1[a]", wave.Plan{Waves: [][]string{{"p1"}, {"p2", "p3"}}, Limit: 1, Soak: time.Second, Ask: true})
		j.machines["p2"].fail["a"] = true
		work(t, c, j, "w1")
		run := fleetStarted(t, c, in)
		fleetDoes(t, c, wave.Confirm)
		ask(t, c, "f1", Ask{What: AskConfirm})
		fleetDoes(t, c, wave.Hold)
		ask(t, c, "f1", Ask{What: AskResume, Name: "p2"})
		require.NoError(t, run.Get(t.Context(), nil))
		keep(t, c, "f1", file)
	}
	replay := func(of func(workflow.Context, FleetIn) (FleetStanding, error)) error {
		r := worker.NewWorkflowReplayer()
		r.RegisterWorkflowWithOptions(of, workflow.RegisterOptions{Name: FleetWorkflow})
		return r.ReplayWorkflowHistoryWithOptions(silent{}, kept(t, file), worker.ReplayWorkflowHistoryOptions{
			OriginalExecution: workflow.Execution{ID: "f1"}}) // the IDs of its pairs begin with its own
	}
	require.NoError(t, replay(Fleet))
	require.Error(t, replay(func(ctx workflow.Context, in FleetIn) (FleetStanding, error) {
		in.Plan.Soak = 0
		return Fleet(ctx, in)
	}), "one that decides otherwise is found")
}

// A workflow that was reset is refused: the run that the server began then has another ID than the one that the history is of.
func TestAWorkflowThatWasResetIsRefused(t *testing.T) {
	j, _ := one(t, recorded["straight"].text)
	h := kept(t, filepath.Join("testdata", "straight.json"))
	r := worker.NewWorkflowReplayer()
	r.RegisterWorkflowWithOptions((&Flows{Books: j}).Pair, workflow.RegisterOptions{Name: PairWorkflow})
	require.NoError(t, r.ReplayWorkflowHistory(silent{}, h))
	err := r.ReplayWorkflowHistoryWithOptions(silent{}, h, worker.ReplayWorkflowHistoryOptions{
		OriginalExecution: workflow.Execution{ID: "p1", RunID: "another"}})
	require.ErrorContains(t, err, "p1 was reset")
}

// keep writes the history of a workflow into a file.
func keep(t *testing.T, c client.Client, id, file string) {
	t.Helper()
	raw, err := protojson.MarshalOptions{Indent: " "}.Marshal(historyOf(t, c, id))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll("testdata", 0o750))
	require.NoError(t, os.WriteFile(file, raw, 0o600))
}

// kept is a history that keep wrote.
func kept(t *testing.T, file string) *history.History {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	require.NoError(t, err)
	return h
}

func historyOf(t *testing.T, c client.Client, pair string) *history.History {
	t.Helper()
	h := &history.History{}
	for it := c.GetWorkflowHistory(t.Context(), pair, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		event, err := it.Next()
		require.NoError(t, err)
		h.Events = append(h.Events, event)
	}
	return h
}
