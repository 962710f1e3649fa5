package flow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/server/temporaltest"
)

// quick are limits for tests: workers are lost on purpose there.
var quick = Limits{Heartbeat: 6 * time.Second, Start: 6 * time.Second}

const timeLimit, pollTime = time.Minute, 50 * time.Millisecond

// server is a real server in this process, with a client of it.
func server(t *testing.T) (*temporaltest.TestServer, client.Client) {
	t.Helper()
	ts := temporaltest.NewServer(temporaltest.WithT(t))
	return ts, ts.GetDefaultClient()
}

func started(t *testing.T, c client.Client, in In) client.WorkflowRun {
	t.Helper()
	return startedOn(t, c, "test", in)
}

func startedOn(t *testing.T, c client.Client, queue string, in In) client.WorkflowRun {
	t.Helper()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: in.Pair, TaskQueue: queue,
		WorkflowExecutionErrorWhenAlreadyStarted: true}, PairWorkflow, in)
	require.NoError(t, err)
	return run
}
