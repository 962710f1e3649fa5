package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/server/temporaltest"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/wave"
)

// The commands of an operator, each against a server: a fleet of one pair is begun, stopped, looked at, rolled back and
// left out, and its journal exported. The worker is a process of its own, and ends with its leash.
func TestCommands(t *testing.T) {
	server := temporaltest.NewServer(temporaltest.WithT(t))
	a, err := newArena(t.Context(), t.TempDir(), server, program(t.Context()), 1)
	require.NoError(t, err)
	defer a.close()
	require.NoError(t, a.work("worker1"))
	fleet := func(args ...string) (string, error) {
		var out bytes.Buffer
		c := command()
		c.SetOut(&out)
		c.SetArgs(append(args, "--fleet", a.file, "--address", server.GetFrontendHostPort(), "--namespace", server.GetDefaultNamespace()))
		err := c.ExecuteContext(t.Context())
		return out.String(), err
	}
	does := func(args ...string) string {
		t.Helper()
		out, err := fleet(args...)
		require.NoError(t, err, "%v", args)
		return out
	}
	comesTo := func(state course.State) (s course.Standing) {
		t.Helper()
		a.comes(t, "pair1 "+string(state), func() bool {
			var list []course.Standing
			require.NoError(t, json.Unmarshal([]byte(does("status", "pair1", "-o", "json")), &list))
			s = list[0]
			return s.State == state
		})
		return s
	}

	does("attributes")
	held := a.sims["pair1"].Hold("before", change)
	does("start")
	_, err = fleet("start")
	require.ErrorContains(t, err, "cannot begin demo")
	a.comes(t, "the "+change, func() bool {
		select {
		case <-held:
			return true
		default:
			return false
		}
	})
	_, err = fleet("start", "pair1")
	require.ErrorContains(t, err, "cannot begin demo/pair1")
	a.comes(t, "the fleet tells where it stands", func() bool { return strings.Contains(does("status"), "fleet demo: wait") })
	file := filepath.Join(a.dir, "exported.jsonl")
	_, err = fleet("export", "pair1", file)
	require.ErrorContains(t, err, "is under way at step")
	require.NoFileExists(t, file)
	does("export", "pair1", file+".now", "--running")
	does("stop", "pair1", "--by", "anna", "--text", "lunch")
	a.comes(t, "the stop is heard", func() bool { return len(comesTo(course.Running).Asked) == 1 })
	time.Sleep(300 * time.Millisecond) // for the word to come to the life
	a.sims["pair1"].Release()
	s := comesTo(course.Stopped)
	require.Contains(t, s.Asked[0], "stop, anna at ")
	require.Contains(t, s.Asked[0], ": lunch")
	a.comes(t, "the search attributes tell it", func() bool { return found(t, a, `EvenkeelPair = "pair1" AND EvenkeelState = "stopped"`) })
	a.comes(t, "the fleet hears it", func() bool {
		return strings.Contains(does("status"), "nothing more begins while this is in trouble: pair1")
	})

	does("export", "pair1", file)
	_, err = fleet("export", "pair1", file)
	require.ErrorIs(t, err, os.ErrExist, "an export overwrites nothing")
	records, err := read(file)
	require.NoError(t, err)
	require.Len(t, records, s.Records)

	for _, args := range []string{"start pair9", "status pair9", "stop pair9", "confirm pair9 a/b", "resume --without pair9",
		"export pair9 x"} {
		_, err = fleet(strings.Fields(args)...)
		require.ErrorContains(t, err, "no pair pair9", "a pair of another fleet is not reached: %s", args)
	}
	_, err = fleet("resume", "pair1", "--without", "pair1")
	require.ErrorContains(t, err, "--without is of the fleet")
	_, err = fleet("confirm", "pair1")
	require.ErrorContains(t, err, "name the pair and what is confirmed")
	does("confirm") // the first wave; there is no second
	does("rollback", "pair1")
	require.Equal(t, course.RolledBack, comesTo(course.RolledBack).State)
	// A pair is left out where the fleet knows that it is in trouble. Before it has heard of the rollback's end the word is not taken.
	var f flow.FleetStanding
	a.comes(t, "the fleet hears of the rollback", func() bool {
		err := query(t.Context(), a.client, a.site.Name, flow.QueryStanding, &f)
		return err == nil && f.Pairs[0].State == course.RolledBack
	})
	does("resume", "--without", "pair1")
	a.comes(t, "the end of the fleet", func() bool {
		err := query(t.Context(), a.client, a.site.Name, flow.QueryStanding, &f)
		return err == nil && f.Does == wave.Over
	})
	require.NoError(t, a.sims["pair1"].Do(func(w cli.SimWorld) error {
		require.Empty(t, w.Report().Violations)
		return nil
	}))

	worker := a.workers["worker1"]
	delete(a.workers, "worker1")
	require.NoError(t, a.leashes["worker1"].Close())
	require.EqualError(t, worker.Wait(), "exit status 1", "a worker does not outlive the process that holds its leash")
}

// found tells whether the server finds a workflow.
func found(t *testing.T, a *arena, query string) bool {
	t.Helper()
	is, err := a.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
	return err == nil && len(is.GetExecutions()) == 1
}

func read(name string) ([]evenkeel.Record, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	records, _, err := evenkeel.ReadJournal(f)
	return records, err
}
