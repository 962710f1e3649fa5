package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/site"
)

// startCommand is "fleet start".
func startCommand(to *target) *cobra.Command {
	var journal string
	var rollback, anew bool
	c := &cobra.Command{
		Use: "start [PAIR]", Short: "Begin the fleet, or one pair of it", Args: cobra.MaximumNArgs(1),
		Long: `Begin the fleet, or one pair of it. A pair that runs is refused. With --journal a pair goes on with a run that the binary
began, or that export wrote: also after the binary has amended it.`,
		RunE: func(c *cobra.Command, args []string) error {
			s, server, err := to.open(c.Context())
			if err != nil {
				return err
			}
			defer server.Close()
			if len(args) == 0 {
				if journal != "" || rollback {
					return errors.New("--journal and --rollback are for one pair: name it")
				}
				return startFleet(c.Context(), to, s, server, anew)
			}
			id, err := s.ID(args[0])
			if err != nil {
				return err
			}
			in, err := s.In(args[0])
			if err != nil {
				return err
			}
			if err := goesOn(&in, journal, rollback); err != nil {
				return err
			}
			in.Attributes = to.hasAttributes(c.Context(), server)
			return startOne(c.Context(), server, id, s.Queue, flow.PairWorkflow, anew || journal != "", in)
		},
	}
	c.Flags().StringVar(&journal, "journal", "", "go on with the run of this journal `FILE`")
	c.Flags().BoolVar(&rollback, "rollback", false, "roll that run back")
	c.Flags().BoolVar(&anew, "again", false, "begin a new run although the server knows of one that has ended; of a fleet: of its pairs too")
	return c
}

// goesOn has a pair go on with the run of a journal, or roll it back. A run that a process still carries out stays there.
func goesOn(in *flow.In, journal string, rollback bool) error {
	switch {
	case journal == "" && rollback:
		return errors.New("--rollback wants --journal: without one there is nothing to roll back. A pair that the server knows is rolled " +
			"back with: rollback PAIR")
	case journal == "":
		return nil
	}
	records, err := readFree(journal)
	if err != nil {
		return err
	}
	if in.Journal, err = flow.Pack(records); err != nil {
		return err
	}
	if rollback {
		n := len(records)
		in.Back = &n
	}
	return nil
}

// readFree reads the journal of a run that no process on this machine carries out, before and after it is read.
func readFree(name string) ([]evenkeel.Record, error) {
	if err := free(name); err != nil {
		return nil, err
	}
	records, err := readFile(name)
	return records, errors.Join(err, free(name))
}

func free(name string) error {
	used, err := evenkeel.JournalInUse(name)
	if err == nil && used {
		err = fmt.Errorf("%s: %w. Stop that run, and wait for its end", name, evenkeel.ErrJournalInUse)
	}
	return err
}

// readFile reads a journal that has records.
func readFile(name string) ([]evenkeel.Record, error) {
	f, err := os.Open(name) // #nosec G304 -- the path is the operator's choice
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	records, _, err := evenkeel.ReadJournal(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%s: %w", name, evenkeel.ErrJournalEmpty)
	}
	return records, nil
}

func startFleet(ctx context.Context, to *target, s *site.Site, server client.Client, anew bool) error {
	in := flow.FleetIn{Plan: s.Plan, Pairs: map[string]flow.In{}, Again: anew}
	attributes := to.hasAttributes(ctx, server)
	for _, name := range s.Names() {
		one, err := s.In(name)
		if err != nil {
			return err
		}
		one.Attributes = attributes
		in.Pairs[name] = one
	}
	return startOne(ctx, server, s.Name, s.Queue, flow.FleetWorkflow, anew, in)
}

// startOne starts a workflow. One that runs is refused; so is one that has ended, unless a new run is meant.
func startOne(ctx context.Context, server client.Client, id, queue, workflow string, anew bool, in any) error {
	reuse := enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	if anew {
		reuse = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	}
	_, err := server.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue, WorkflowIDReusePolicy: reuse,
		WorkflowExecutionErrorWhenAlreadyStarted: true}, workflow, in)
	if err != nil {
		return fmt.Errorf("cannot begin %s: %w", id, err)
	}
	return nil
}
