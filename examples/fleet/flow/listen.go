package flow

import (
	"fmt"
	"maps"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
)

// listen has the workflow take records, answer queries and hear operators.
func (p *pair) listen(ctx workflow.Context) error {
	if err := workflow.SetQueryHandler(ctx, QueryStanding, func() (course.Standing, error) { return p.standing(), nil }); err != nil {
		return err
	}
	if err := workflow.SetQueryHandler(ctx, QueryJournal, func() ([]byte, error) { return Pack(p.place.Records()) }); err != nil {
		return err
	}
	first := workflow.GetInfo(ctx).FirstRunID
	if err := workflow.SetQueryHandler(ctx, queryWriter, func() (writer, error) { return writer{p.life, first}, nil }); err != nil {
		return err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		asks := workflow.GetSignalChannel(ctx, SignalAsk)
		for {
			var a Ask
			if more := asks.Receive(ctx, &a); !more {
				return
			}
			p.hear(a)
		}
	})
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateAppend, p.take, workflow.UpdateHandlerOptions{Validator: p.takes})
}

// takes tells whether a record is taken: only the last life that was begun writes, and only what comes next.
func (p *pair) takes(_ workflow.Context, n note) error {
	if n.Life != p.life {
		return fmt.Errorf("life %d was given up (now: %d): its record %d is not taken", n.Life, p.life, n.Record.Seq)
	}
	return p.place.Follows(n.Record)
}

// take takes a record; takes has compared it with what is before it.
func (p *pair) take(_ workflow.Context, n note) error {
	if err := p.place.Append(n.Record); err != nil {
		return temporal.NewNonRetryableApplicationError(err.Error(), "Journal", nil)
	}
	return nil
}

// hear takes what an operator asks for.
func (p *pair) hear(a Ask) {
	p.moved++
	said := a.String()
	switch a.What {
	case AskStop:
		p.place.Stop = true
	case AskStopNow:
		p.place.StopNow()
		p.now()
	case AskResume:
		p.in.Losses.Row = 0
		p.place.Go()
	case AskRollback:
		p.in.Losses.Row = 0
		p.place.GoBack()
	case AskConfirm:
		if err := p.place.Confirm(a.Name, a.Word); err != nil {
			said += " (NOT TAKEN: " + err.Error() + ")"
		}
	default:
		said += " (NOT TAKEN: this worker does not know it)"
	}
	p.in.Asked = append(p.in.Asked, said)
}

// standing is where the pair stands.
func (p *pair) standing() course.Standing {
	s := p.place.Standing()
	s.Pair, s.Lives, s.Lost, s.Worker, s.Asked = p.in.Pair, p.in.Lives, p.in.Lost, p.in.Queue, p.in.Asked
	if s.State == course.Running {
		s.Why = p.waits
	}
	for _, step := range slices.Sorted(maps.Keys(p.doing)) {
		s.Doing = append(s.Doing, p.doing[step])
		s.Step = p.doing[step].Step
	}
	return s
}

// The search attributes, where the server has them.
var (
	AttributePair  = temporal.NewSearchAttributeKeyKeyword("EvenkeelPair")
	AttributeStep  = temporal.NewSearchAttributeKeyKeyword("EvenkeelStep")
	AttributeState = temporal.NewSearchAttributeKeyKeyword("EvenkeelState")
)

// shown is what others see without asking.
type shown struct {
	State course.State
	Step  string
}

// show shows where the pair stands, and tells its fleet, when that has changed.
func (p *pair) show(ctx workflow.Context, m course.Move) {
	is := shown{course.Running, p.told.Step}
	switch m.Kind {
	case course.Perform:
		is.Step = m.Decisions[0].Step
	case course.Hold, course.Over:
		is.State = m.State
	default:
	}
	if is == p.told {
		return
	}
	if p.in.Attributes {
		// What is not shown is asked for (QueryStanding); a run does not end for it.
		_ = workflow.UpsertTypedSearchAttributes(ctx,
			AttributePair.ValueSet(p.in.Pair), AttributeStep.ValueSet(is.Step), AttributeState.ValueSet(string(is.State)))
	} else {
		_ = workflow.UpsertMemo(ctx, map[string]any{"pair": p.in.Pair, "step": is.Step, "state": string(is.State)})
	}
	if p.in.Fleet != "" && is.State != p.told.State && m.Kind != course.Over { // of its end the fleet hears by itself
		told := workflow.SignalExternalWorkflow(ctx, p.in.Fleet, "", signalTold, p.standing())
		workflow.Go(ctx, func(ctx workflow.Context) {
			if err := told.Get(ctx, nil); err != nil && !p.deaf {
				p.deaf = true
				p.in.Asked = append(p.in.Asked, fmt.Sprintf("the fleet %s DOES NOT HEAR where this pair stands: %v", p.in.Fleet, err))
			}
		})
	}
	p.told = is
}
