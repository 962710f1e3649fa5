package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
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
			o.Crashed = func(kind string, stack []byte) {
				_, _ = fmt.Fprintf(os.Stderr, "crashed: a panic with a %s\n%s\n", kind, stack)
			}
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
			ids := make([]string, len(names))
			for i, name := range names {
				if ids[i], err = s.ID(name); err != nil {
					return err
				}
			}
			list := standings(ctx, server, ids)
			for i, name := range names {
				list[i].Pair = name
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
					told(c.OutOrStdout(), f.Asked)
				}
			}
			table(c.OutOrStdout(), list)
			return nil
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return c
}

// unknown is the state of a pair that nobody tells of.
const unknown course.State = "unknown"

// standing is where a pair stands; why that is not known, where it is not.
func standing(ctx context.Context, server client.Client, id string) course.Standing {
	s := course.Standing{Pair: id}
	if err := query(ctx, server, id, flow.QueryStanding, &s); err != nil {
		s.State, s.Why = unknown, err.Error()
	}
	return s
}

// standings are those of many pairs, asked at once: one that does not tell takes no time from the others.
func standings(ctx context.Context, server client.Client, ids []string) []course.Standing {
	list := make([]course.Standing, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { list[i] = standing(ctx, server, id) })
	}
	all.Wait()
	return list
}

func query(ctx context.Context, server client.Client, id, what string, into any) error {
	answer, err := server.QueryWorkflow(ctx, id, "", what)
	if err != nil {
		return err
	}
	return answer.Get(into)
}

// told prints the words that were not taken or not heard.
func told(w io.Writer, asked []string) {
	for _, one := range asked {
		if strings.Contains(one, "NOT TAKEN") || strings.Contains(one, "NOT HEAR") {
			_, _ = fmt.Fprintf(w, "           %s\n", one)
		}
	}
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
		told(w, s.Asked)
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
