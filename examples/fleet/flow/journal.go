package flow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/evenkeel-ha/evenkeel"
)

// appendTimeout bounds how long a record may take to its workflow. A server that is away for longer ends the life.
const appendTimeout = 2 * time.Minute

// journal is the journal of a life: every record goes to the pair's workflow, and is there when Append returns. The
// workflow refuses it once the life was given up; then nothing more is done.
type journal struct {
	evenkeel.MemJournal // what the workflow has

	client      client.Client
	pair, first string // the workflow, and its first run
	life        int

	over func() // is called when a record was not taken

	mu     sync.Mutex
	broken error
}

// openJournal is the journal of a life, with what the workflow that begins it has taken by now.
func openJournal(ctx context.Context, c client.Client, of workflow.Execution, s start) (*journal, error) {
	pair := of.ID
	answer, err := c.QueryWorkflow(ctx, pair, of.RunID, QueryJournal)
	if err != nil {
		return nil, fmt.Errorf("cannot read the journal of %s: %w", pair, err)
	}
	var packed []byte
	if err := answer.Get(&packed); err != nil {
		return nil, fmt.Errorf("cannot read the journal of %s: %w", pair, err)
	}
	records, err := Unpack(packed)
	if err != nil {
		return nil, err
	}
	j := &journal{client: c, pair: pair, first: s.First, life: s.Life}
	for _, r := range records {
		if err := j.MemJournal.Append(r); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// Append sends a record to the workflow, and waits until it is taken.
func (j *journal) Append(r evenkeel.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if err := j.append(r); err != nil {
		j.broken = fmt.Errorf("the workflow of %s did not take a record; nothing more is done: %w", j.pair, err)
		if j.over != nil {
			j.over()
		}
		return j.broken
	}
	return nil
}

func (j *journal) append(r evenkeel.Record) error {
	sealed, err := j.seal(r)
	if err != nil {
		return err
	}
	// Not the life's context: what was stopped at once is journalled all the same.
	ctx, cancel := context.WithTimeout(context.Background(), appendTimeout)
	defer cancel()
	h, err := j.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: j.pair, FirstExecutionRunID: j.first, UpdateName: UpdateAppend,
		UpdateID: fmt.Sprintf("life-%d-record-%d", j.life, sealed.Seq),
		Args:     []any{note{Life: j.life, Record: sealed}}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	return h.Get(ctx, nil)
}

// givenUp tells whether the workflow takes no record of this life any more. Where that cannot be told it is an error.
func (j *journal) givenUp(ctx context.Context) (bool, error) {
	answer, err := j.client.QueryWorkflowWithOptions(ctx, &client.QueryWorkflowWithOptionsRequest{
		WorkflowID: j.pair, QueryType: queryWriter, QueryRejectCondition: enums.QUERY_REJECT_CONDITION_NOT_OPEN})
	var none *serviceerror.NotFound
	switch {
	case errors.As(err, &none), err == nil && answer.QueryRejected != nil: // its workflow has ended
		return true, nil
	case err != nil:
		return false, err
	}
	var is writer
	if err := answer.QueryResult.Get(&is); err != nil {
		return false, err
	}
	return is != writer{j.life, j.first}, nil
}

// seal takes the record into what this life knows, and gives it as it is sent. Where the workflow does not take it, the
// journal is broken, and nobody asks any more.
func (j *journal) seal(r evenkeel.Record) (evenkeel.Record, error) {
	if err := j.MemJournal.Append(r); err != nil {
		return r, err
	}
	records := j.Records()
	return records[len(records)-1], nil
}
