package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
)

// askCommands are what an operator can ask for.
func askCommands(to *target) []*cobra.Command {
	var by, text, without string
	var now bool
	ask := func(c *cobra.Command, pair string, a flow.Ask) error {
		s, server, err := to.open(c.Context())
		if err != nil {
			return err
		}
		defer server.Close()
		id := s.Name
		if pair != "" {
			if id, err = s.ID(pair); err != nil {
				return err
			}
		}
		if a.What == flow.AskResume && a.Name != "" {
			if pair != "" {
				return errors.New("--without is of the fleet, not of one pair: resume --without PAIR")
			}
			if _, err := s.ID(a.Name); err != nil {
				return err
			}
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
