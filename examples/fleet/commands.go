package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/site"
)

// workerCommand is "fleet worker".
func workerCommand(to *target) *cobra.Command {
	var o flow.WorkerOptions
	var leash bool
	c := &cobra.Command{
		Use: "worker", Short: "Carry out the pairs of a fleet, until Ctrl-C", Args: cobra.NoArgs,
		Long: `Carry out the pairs of a fleet, until Ctrl-C or SIGTERM. Then each pair is brought to its next safe point, and another worker
goes on from there. A second Ctrl-C ends at once: the next worker asks the machines what became of what was under way.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if leash {
				go diesWith(c.InOrStdin())
			}
			s, server, err := to.open(c.Context())
			if err != nil {
				return err
			}
			defer server.Close()
			if o.Name == "" {
				host, err := os.Hostname()
				if err != nil {
					return err
				}
				o.Name = fmt.Sprintf("%d@%s", os.Getpid(), host)
			}
			o.Queue = s.Queue
			o.Crashed = func(what any, stack []byte) { _, _ = fmt.Fprintf(os.Stderr, "crashed: %v\n%s\n", what, stack) }
			w := flow.NewWorker(server, s, o)
			if err := w.Start(); err != nil {
				return err
			}
			_, _ = fmt.Fprintf(c.OutOrStdout(), "worker %s: %d pairs of %s\n", o.Name, len(s.Names()), s.Name)
			<-c.Context().Done()
			_, _ = fmt.Fprintln(c.OutOrStdout(), "handing over: each pair is brought to its next safe point")
			now, stop := again()
			defer stop()
			w.Stop(now)
			return nil
		},
	}
	c.Flags().StringVar(&o.Name, "name", "", "its `NAME`, unlike that of any other worker; process and host when empty")
	c.Flags().IntVar(&o.Lives, "pairs", 0, "how many pairs it carries out at the same time; 50 when 0")
	c.Flags().BoolVar(&leash, "leash", false, "end at once, as by kill -9, when standard input ends: with the process that started it")
	return c
}

// diesWith ends this process when its leash does: whoever held the other end is gone, however it went.
func diesWith(leash io.Reader) {
	_, _ = io.Copy(io.Discard, leash)
	os.Exit(1)
}

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
			in, err := s.In(args[0])
			if err != nil {
				return err
			}
			if journal != "" {
				if in.Journal, err = packFile(journal); err != nil {
					return err
				}
			}
			if rollback {
				n := 0
				if list, err := flow.Unpack(in.Journal); err == nil {
					n = len(list)
				}
				in.Back = &n
			}
			in.Attributes = to.hasAttributes(c.Context(), server)
			return startOne(c.Context(), server, args[0], s.Queue, flow.PairWorkflow, anew || journal != "", in)
		},
	}
	c.Flags().StringVar(&journal, "journal", "", "go on with the run of this journal `FILE`")
	c.Flags().BoolVar(&rollback, "rollback", false, "roll that run back")
	c.Flags().BoolVar(&anew, "again", false, "begin a new run although the server knows of one that has ended")
	return c
}

func packFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	records, _, err := evenkeel.ReadJournal(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return flow.Pack(records)
}

func startFleet(ctx context.Context, to *target, s *site.Site, server client.Client, anew bool) error {
	in := flow.FleetIn{Plan: s.Plan, Pairs: map[string]flow.In{}}
	for _, name := range s.Names() {
		one, err := s.In(name)
		if err != nil {
			return err
		}
		one.Attributes = to.hasAttributes(ctx, server)
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

// statusCommand is "fleet status".
func statusCommand(to *target) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "status [PAIR]", Short: "Say where the fleet, or a pair, stands", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, server, err := to.open(c.Context())
			if err != nil {
				return err
			}
			defer server.Close()
			ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
			defer cancel()
			names := s.Names()
			if len(args) > 0 {
				names = args
			}
			var list []course.Standing
			for _, name := range names {
				list = append(list, standing(ctx, server, name))
			}
			if format == "json" {
				enc := json.NewEncoder(c.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(list)
			}
			if len(args) == 0 {
				var f flow.FleetStanding
				if err := query(ctx, server, s.Name, flow.QueryStanding, &f); err == nil {
					_, _ = fmt.Fprintf(c.OutOrStdout(), "fleet %s: %s %s\n", s.Name, f.Does, f.Why)
				}
			}
			table(c.OutOrStdout(), list)
			return nil
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return c
}

// standing is where a pair stands; why that is not known, where it is not.
func standing(ctx context.Context, server client.Client, name string) course.Standing {
	s := course.Standing{Pair: name}
	if err := query(ctx, server, name, flow.QueryStanding, &s); err != nil {
		s.State, s.Why = "unknown", err.Error()
	}
	return s
}

func query(ctx context.Context, server client.Client, id, what string, into any) error {
	answer, err := server.QueryWorkflow(ctx, id, "", what)
	if err != nil {
		return err
	}
	return answer.Get(into)
}

// table prints pairs, a line each.
func table(w io.Writer, list []course.Standing) {
	_, _ = fmt.Fprintf(w, "%-10s %-12s %7s %7s %5s %5s %4s  %s\n", "pair", "state", "steps", "records", "epoch", "lives", "lost", "step")
	for _, s := range list {
		state := string(s.State)
		if s.Rollback {
			state += ", back"
		}
		_, _ = fmt.Fprintf(w, "%-10s %-12s %3d/%3d %7d %5d %5d %4d  %s\n",
			s.Pair, state, s.Done, s.Steps, s.Records, s.Epoch, s.Lives, s.Lost, s.Step)
		if s.Why != "" {
			_, _ = fmt.Fprintf(w, "           %s\n", s.Why)
		}
		for _, open := range s.Windows {
			_, _ = fmt.Fprintf(w, "           %s: step %s\n", open, open.Step)
		}
	}
}

// askCommands are what an operator can ask for.
func askCommands(to *target) []*cobra.Command {
	var by, text, without string
	var now bool
	ask := func(c *cobra.Command, id string, a flow.Ask) error {
		s, server, err := to.open(c.Context())
		if err != nil {
			return err
		}
		defer server.Close()
		if id == "" {
			id = s.Name
		}
		a.Word = word(by, text)
		return server.SignalWorkflow(c.Context(), id, "", flow.SignalAsk, a)
	}
	first := func(args []string) string {
		if len(args) == 0 {
			return ""
		}
		return args[0]
	}
	stop := &cobra.Command{Use: "stop [PAIR]", Short: "Stop a pair, or all, at the next safe point", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			what := flow.AskStop
			if now {
				what = flow.AskStopNow
			}
			return ask(c, first(args), flow.Ask{What: what})
		}}
	stop.Flags().BoolVar(&now, "now", false, "wherever it is")
	resume := &cobra.Command{Use: "resume [PAIR]", Short: "Go on after a stop, a failure or a pause", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(c, first(args), flow.Ask{What: flow.AskResume, Name: without})
		}}
	resume.Flags().StringVar(&without, "without", "", "of the fleet: go on without this `PAIR`, which is in trouble")
	rollback := &cobra.Command{Use: "rollback PAIR", Short: "Roll a pair back", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return ask(c, args[0], flow.Ask{What: flow.AskRollback}) }}
	confirm := &cobra.Command{Use: "confirm [PAIR STEP/ACTION]", Short: "Confirm what no command can show; without a pair, the first wave",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return errors.New("name the pair and what is confirmed (STEP/ACTION, status shows it), or neither")
			}
			return cobra.MaximumNArgs(2)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			a := flow.Ask{What: flow.AskConfirm}
			if len(args) == 2 {
				a.Name = args[1]
			}
			return ask(c, first(args), a)
		}}
	list := []*cobra.Command{stop, resume, rollback, confirm}
	for _, c := range list {
		c.Flags().StringVar(&by, "by", "", "who asks; user@host when empty")
		c.Flags().StringVar(&text, "text", "", "what is to be remembered with it")
	}
	return list
}

// exportCommand is "fleet export".
func exportCommand(to *target) *cobra.Command {
	return &cobra.Command{
		Use: "export PAIR FILE", Short: "Write the journal of a pair from its history", Args: cobra.ExactArgs(2),
		Long: `Write the journal of a pair from its history on the server. It is the file that run of the binary would have written: report and
status read it. No worker is needed.`,
		RunE: func(c *cobra.Command, args []string) error {
			server, err := to.dial(c.Context(), os.Stderr)
			if err != nil {
				return err
			}
			defer server.Close()
			records, err := flow.History(c.Context(), server, args[0])
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
}

// attributesCommand is "fleet attributes".
func attributesCommand(to *target) *cobra.Command {
	return &cobra.Command{
		Use: "attributes", Short: "Make the search attributes of pairs on the server", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			server, err := to.dial(c.Context(), os.Stderr)
			if err != nil {
				return err
			}
			defer server.Close()
			add := map[string]enums.IndexedValueType{}
			for _, name := range []string{flow.AttributePair.GetName(), flow.AttributeStep.GetName(), flow.AttributeState.GetName()} {
				add[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
			}
			_, err = server.OperatorService().AddSearchAttributes(c.Context(), &operatorservice.AddSearchAttributesRequest{
				SearchAttributes: add, Namespace: to.used})
			return err
		},
	}
}
