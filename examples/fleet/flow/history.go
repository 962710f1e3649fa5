package flow

import (
	"context"
	"fmt"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/evenkeel-ha/evenkeel"
)

// History reads the journal of a pair out of the history of its last workflow: no worker is asked.
func History(ctx context.Context, c client.Client, pair string) ([]evenkeel.Record, error) {
	return HistoryOf(ctx, c, pair, "")
}

// HistoryOf is History of one run of the pair's workflow: of one that was reset since, the only whole one.
func HistoryOf(ctx context.Context, c client.Client, pair, run string) ([]evenkeel.Record, error) {
	var j evenkeel.MemJournal
	for it := c.GetWorkflowHistory(ctx, pair, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		event, err := it.Next()
		if err != nil {
			return nil, fmt.Errorf("cannot read the history of %s: %w", pair, err)
		}
		list, err := recordsOf(event)
		if err != nil {
			return nil, fmt.Errorf("the history of %s, event %d: %w", pair, event.GetEventId(), err)
		}
		for _, r := range list {
			if err := j.Append(r); err != nil {
				return nil, err
			}
			is := j.Records()[len(j.Records())-1]
			if is.Sum != r.Sum {
				return nil, fmt.Errorf("%w: the history of %s, event %d: record %d does not follow what is before it",
					evenkeel.ErrJournalDamaged, pair, event.GetEventId(), r.Seq)
			}
		}
	}
	return j.Records(), nil
}

// recordsOf are the records that an event brought: those of an earlier history, or one.
func recordsOf(event *history.HistoryEvent) ([]evenkeel.Record, error) {
	dc := converter.GetDefaultDataConverter()
	switch event.GetEventType() { //nolint:exhaustive // no other event brings records
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
		at := event.GetWorkflowExecutionStartedEventAttributes()
		if name := at.GetWorkflowType().GetName(); name != PairWorkflow {
			return nil, fmt.Errorf("it is no pair's: its workflow is %s", name)
		}
		var in In
		if err := dc.FromPayloads(at.GetInput(), &in); err != nil {
			return nil, err
		}
		return Unpack(in.Journal)
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
		in := event.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest().GetInput()
		if in.GetName() != UpdateAppend {
			return nil, nil
		}
		var n note
		err := dc.FromPayloads(in.GetArgs(), &n)
		return []evenkeel.Record{n.Record}, err
	}
	return nil, nil
}
