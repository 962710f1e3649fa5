package flow

import (
	"errors"
	"fmt"
	"slices"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/wave"
)

// FleetIn is what a fleet's workflow begins with.
type FleetIn struct {
	Plan  wave.Plan     `json:"plan"`
	Pairs map[string]In `json:"pairs"` // by name
	// Again: a pair whose workflow has ended is begun anew. Else it is kept out: what it came to is not gone over.
	Again bool `json:"again,omitempty"`
}

// FleetStanding is where a fleet stands.
type FleetStanding struct {
	Does  wave.Kind         `json:"does"`
	Why   string            `json:"why,omitempty"`
	Pairs []course.Standing `json:"pairs"` // as each told last; status of the pair has more
	Asked []string          `json:"asked,omitempty"`
}

// fleet is the workflow of a fleet.
type fleet struct {
	in    FleetIn
	at    wave.Progress
	told  map[string]course.Standing
	alive map[string]bool // their workflows have begun
	ended map[string]bool // their workflows
	left  map[string]bool // an operator said to go on without them
	asked []string
	moved int
	soak  bool // its time passes
	move  wave.Move
}

// Fleet is the workflow over many pairs. Each pair is a child that outlives it.
func Fleet(ctx workflow.Context, in FleetIn) (FleetStanding, error) {
	f := &fleet{in: in, at: wave.Progress{Marks: map[string]wave.Mark{}}, told: map[string]course.Standing{},
		alive: map[string]bool{}, ended: map[string]bool{}, left: map[string]bool{}}
	if err := workflow.SetQueryHandler(ctx, QueryStanding, func() (FleetStanding, error) { return f.standing(), nil }); err != nil {
		return FleetStanding{}, err
	}
	f.listen(ctx)
	for {
		f.move = wave.Next(in.Plan, f.at)
		switch f.move.Kind {
		case wave.Over:
			return f.standing(), nil
		case wave.Start:
			for _, name := range f.move.Pairs {
				f.begin(ctx, name)
			}
			continue
		case wave.Soak:
			f.watch(ctx)
		default:
		}
		was := f.moved
		if err := workflow.Await(ctx, func() bool { return f.moved != was }); err != nil {
			return f.standing(), err
		}
	}
}

// begin begins a pair.
func (f *fleet) begin(ctx workflow.Context, name string) {
	f.at.Marks[name] = wave.Going
	in := f.in.Pairs[name]
	in.Fleet = workflow.GetInfo(ctx).WorkflowExecution.ID
	reuse := enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	if f.in.Again {
		reuse = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	}
	opts := workflow.ChildWorkflowOptions{WorkflowID: PairID(in.Fleet, name), ParentClosePolicy: enums.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: reuse}
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, opts), PairWorkflow, in)
	workflow.Go(ctx, func(ctx workflow.Context) {
		f.alive[name] = child.GetChildWorkflowExecution().Get(ctx, nil) == nil
		var out Out
		err := child.Get(ctx, &out)
		if err != nil { // it runs already, or has ended, or its journal is not that of its runbook
			out.Standing = course.Standing{Pair: name, State: course.KeptOut, Why: err.Error()}
		}
		f.end(out.Standing)
	})
}

// end takes what a pair came to.
func (f *fleet) end(s course.Standing) {
	f.hear(s)
	f.ended[s.Pair] = true
}

// hear takes where a pair stands. What it told on its way may come after its end, and then says nothing any more. A pair
// that an operator left out stays so.
func (f *fleet) hear(s course.Standing) {
	if f.ended[s.Pair] {
		return
	}
	f.moved++
	f.told[s.Pair] = s
	if f.left[s.Pair] {
		return
	}
	switch s.State {
	case course.Running, course.Paused:
		f.at.Marks[s.Pair] = wave.Going
	case course.Finished:
		f.at.Marks[s.Pair] = wave.Passed
	default:
		f.at.Marks[s.Pair] = wave.Trouble
	}
}

// watch lets the soak time pass, once.
func (f *fleet) watch(ctx workflow.Context) {
	if f.soak {
		return
	}
	f.soak = true
	workflow.Go(ctx, func(ctx workflow.Context) {
		if err := workflow.Sleep(ctx, f.in.Plan.Soak); err == nil {
			f.at.Soaked = true
			f.moved++
		}
	})
}

// listen hears the pairs and the operators.
func (f *fleet) listen(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		told, asks := workflow.GetSignalChannel(ctx, signalTold), workflow.GetSignalChannel(ctx, SignalAsk)
		for {
			workflow.NewSelector(ctx).AddReceive(told, func(c workflow.ReceiveChannel, _ bool) {
				var s course.Standing
				c.Receive(ctx, &s)
				f.hear(s)
			}).AddReceive(asks, func(c workflow.ReceiveChannel, _ bool) {
				var a Ask
				c.Receive(ctx, &a)
				f.ask(ctx, a)
			}).Select(ctx)
		}
	})
}

// ask takes what an operator wants of the fleet. A pair is asked by its own name.
func (f *fleet) ask(ctx workflow.Context, a Ask) {
	f.moved++
	said, refused := a.String(), error(nil)
	switch a.What {
	case AskStop, AskStopNow: // the pairs that are under way, too
		f.at.Stopped = true
		for _, name := range f.names() {
			if f.at.Marks[name] == wave.Going {
				f.tell(ctx, name, a)
			}
		}
	case AskConfirm:
		refused = f.at.Confirm(f.in.Plan)
	case AskResume:
		switch {
		case a.Name == "":
			f.at.Stopped = false
		case f.at.Marks[a.Name] == wave.Trouble: // go on without it
			f.at.Stopped = false
			f.at.Marks[a.Name], f.left[a.Name] = wave.Passed, true
		default:
			refused = fmt.Errorf("%s is not in trouble", a.Name)
		}
	default:
		refused = errors.New("a fleet does not know it")
	}
	if refused != nil {
		said += " (NOT TAKEN: " + refused.Error() + ")"
	}
	f.asked = append(f.asked, said)
}

// tell passes a word on to a pair, once its workflow has begun. One that does not hear it is said.
func (f *fleet) tell(ctx workflow.Context, name string, a Ask) {
	id := PairID(workflow.GetInfo(ctx).WorkflowExecution.ID, name)
	workflow.Go(ctx, func(ctx workflow.Context) {
		if err := workflow.Await(ctx, func() bool { return f.alive[name] || f.ended[name] }); err != nil || f.ended[name] {
			return
		}
		if err := workflow.SignalExternalWorkflow(ctx, id, "", SignalAsk, a).Get(ctx, nil); err != nil {
			f.asked = append(f.asked, fmt.Sprintf("%s DOES NOT HEAR %s: %v", name, a.What, err))
		}
	})
}

func (f *fleet) names() []string { return slices.Concat(f.in.Plan.Waves...) }

func (f *fleet) standing() FleetStanding {
	s := FleetStanding{Does: f.move.Kind, Why: f.move.Why, Asked: f.asked}
	for _, name := range f.names() {
		one, ok := f.told[name]
		if !ok {
			one = course.Standing{Pair: name, State: course.State(fmt.Sprint(f.at.Marks[name]))}
		}
		s.Pairs = append(s.Pairs, one)
	}
	return s
}
