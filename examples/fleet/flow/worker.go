package flow

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/evenkeel-ha/evenkeel"
)

// Jobs has the pairs that a worker can carry out.
type Jobs interface {
	Books
	// Open gives the way to a pair's machines, and how its runbook is run: the clock, the operator, who holds the lease.
	// The worker puts the journal and its own ears in.
	Open(ctx context.Context, pair string) (*Open, error)
}

// Open is a pair that is ready to be carried out.
type Open struct {
	Hosts   evenkeel.Hosts
	Options evenkeel.Options
	Close   func()
}

// Flows are the workflows.
type Flows struct{ Books Books }

// WorkerOptions say how a worker works.
type WorkerOptions struct {
	Queue string // of the workflows, and of what any worker may do
	Name  string // of this worker, unlike any other: host and process
	// Lives is how many pairs it carries out at the same time; 50 when zero.
	Lives int
	// Crashed is told where an activity panicked, and the type of what it panicked with. The value may hold a secret: nobody
	// is told it.
	Crashed func(kind string, stack []byte)
}

// Worker works on the workflows of a queue, and carries out pairs on one of its own.
type Worker struct {
	shared, own worker.Worker
	acts        *activities
	ended       sync.Once
}

// NewWorker makes a worker.
func NewWorker(c client.Client, jobs Jobs, o WorkerOptions) *Worker {
	if o.Lives == 0 {
		o.Lives = 50
	}
	if o.Crashed == nil {
		o.Crashed = func(string, []byte) {}
	}
	acts := &activities{jobs: jobs, client: c, options: o, lives: map[string]*life{}}
	common := worker.Options{
		Identity: o.Name, MaxConcurrentActivityExecutionSize: 4 * o.Lives,
		DisableRegistrationAliasing: true,
		// A decision takes milliseconds. On a machine that is busy it may be long before it gets them.
		DeadlockDetectionTimeout: time.Minute,
	}
	// What the server hands to a worker that stands still is lost with it: one asks for few things at a time.
	common.MaxConcurrentActivityTaskPollers, common.MaxConcurrentWorkflowTaskPollers = 1, 2
	own := common
	own.MaxConcurrentActivityTaskPollers = 2
	own.DisableWorkflowWorker = true
	w := &Worker{shared: worker.New(c, o.Queue, common), own: worker.New(c, acts.queue(), own), acts: acts}
	f := &Flows{Books: jobs}
	w.shared.RegisterWorkflowWithOptions(f.Pair, workflow.RegisterOptions{Name: PairWorkflow})
	w.shared.RegisterWorkflowWithOptions(Fleet, workflow.RegisterOptions{Name: FleetWorkflow})
	w.shared.RegisterActivityWithOptions(acts.begin, activity.RegisterOptions{Name: activityBegin})
	w.own.RegisterActivityWithOptions(acts.perform, activity.RegisterOptions{Name: activityPerform})
	w.own.RegisterActivityWithOptions(acts.end, activity.RegisterOptions{Name: activityEnd})
	w.own.RegisterActivityWithOptions(acts.stop, activity.RegisterOptions{Name: activityStop})
	return w
}

// Start begins to work.
func (w *Worker) Start() error {
	if err := w.own.Start(); err != nil {
		return fmt.Errorf("the worker %s: %w", w.acts.options.Name, err)
	}
	if err := w.shared.Start(); err != nil {
		w.own.Stop()
		return fmt.Errorf("the worker %s: %w", w.acts.options.Name, err)
	}
	return nil
}

// Stop hands over: each life is asked to stop at its next safe point, and another worker goes on there. It takes as
// long as that takes; the end of the context ends it at once, and what is under way is then asked about by the next
// life.
func (w *Worker) Stop(ctx context.Context) {
	w.ended.Do(func() {
		w.acts.drain(ctx)
		w.shared.Stop()
		w.own.Stop()
	})
}
