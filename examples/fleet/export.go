package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
)

// exportCommand is "fleet export".
func exportCommand(to *target) *cobra.Command {
	var running bool
	var run string
	c := &cobra.Command{
		Use: "export PAIR FILE", Short: "Write the journal of a pair from its history", Args: cobra.ExactArgs(2),
		Long: `Write the journal of a pair from its history on the server. It is the file that run of the binary would have written: report and
status read it. A pair that is under way is refused: records would follow. One that rests tells so by a worker; of one whose
workflow has ended, or was terminated, no worker is needed.`,
		RunE: func(c *cobra.Command, args []string) error {
			s, server, err := to.open(c.Context())
			if err != nil {
				return err
			}
			defer server.Close()
			id, err := s.ID(args[0])
			if err != nil {
				return err
			}
			if err := rests(c.Context(), server, id); err != nil && !running {
				return err
			}
			records, err := flow.HistoryOf(c.Context(), server, id, run)
			if err != nil {
				return err
			}
			f, err := os.OpenFile(args[1], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			return errors.Join(evenkeel.WriteJournal(f, records), f.Close())
		},
	}
	c.Flags().BoolVar(&running, "running", false, "write what is there by now, to look at: a run must not go on with it")
	c.Flags().StringVar(&run, "run", "", "of this `RUN` of the workflow, by its ID: after a reset of the workflow only the run before it is whole")
	return c
}

// rests tells whether no record follows: the workflow has ended, or waits for an operator.
func rests(ctx context.Context, server client.Client, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	is, err := server.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return fmt.Errorf("cannot tell whether %s rests: %w", id, err)
	}
	if is.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return nil
	}
	return restsAt(standing(ctx, server, id))
}

// restsAt is rests of a pair that stands somewhere.
func restsAt(s course.Standing) error {
	switch s.State {
	case course.Stopped, course.Paused, course.Failed, course.KeptOut, course.Finished, course.RolledBack:
		return nil
	case course.Running:
		return fmt.Errorf("%s is under way at step %q: records would follow. Stop it, wait until status says stopped, and export it then; "+
			"--running writes what is there by now, to look at", s.Pair, s.Step)
	}
	return fmt.Errorf("it is not known whether %s rests (%s %s): start a worker; or --running writes what is there by now, to look at",
		s.Pair, s.State, s.Why)
}
