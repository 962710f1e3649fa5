package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/evenkeel-ha/evenkeel"
)

// amend takes a runbook that was changed after its run began into the run.
func (a *App) amend(ctx context.Context, args []string) (int, error) {
	s := session{app: a, verb: "resume"}
	set := flag.NewFlagSet("amend", flag.ContinueOnError)
	set.StringVar(&s.config, "config", "", "the configuration file")
	set.StringVar(&s.approved, "approved-digest", "", "refuse a runbook whose digest is not this one: that of the plan that was signed")
	yes := set.Bool("yes", false, "confirm without being asked")
	if err := a.flags(set, args, 0); err != nil {
		return ExitInput, err
	}
	var err error
	if s.cfg, s.rb, err = a.load(s.config); err != nil {
		return ExitInput, err
	}
	if err := s.cfg.approval(s.rb, s.approved, "amend"); err != nil {
		return ExitInput, err
	}
	if _, err := os.Stat(s.journal()); err != nil {
		return ExitInput, fmt.Errorf("there is no run to amend: %w", err)
	}
	if code, err := s.amend(ctx, *yes); err != nil {
		return code, err
	}
	_, err = fmt.Fprintf(a.Stdout, "The run is amended. To go on with it: %s\n", s.again("resume"))
	return exitCode(err), err
}

// amend amends the run: it rehearses the changed runbook in a simulated world, shows what changes, and asks.
func (s session) amend(ctx context.Context, yes bool) (int, error) {
	a := s.app
	journal, err := evenkeel.OpenJournal(s.journal())
	if err != nil {
		return ExitInput, err
	}
	defer func() { _ = journal.Close() }()
	ctx, done := interruptible(ctx) // until it is confirmed nothing is changed
	defer done()
	opts := evenkeel.AmendOptions{
		By: holder(s.cfg), ApprovedDigest: s.approved,
		Confirm: func(am *evenkeel.Amendment) error {
			_, _ = fmt.Fprint(a.Stdout, shown(am))
			if yes {
				return nil
			}
			return a.sure(ctx, "Amend the run?")
		},
	}
	cfg, err := a.Read(s.config) // the rehearsal's own: it writes elsewhere
	if err != nil {
		return ExitInput, err
	}
	play, err := a.private(cfg)
	if err != nil {
		return ExitInput, fmt.Errorf("cannot rehearse the amended runbook: %w", err)
	}
	defer play.remove()
	opts.World, opts.Rehearsed = play.world, play.runbook
	opts.Plan = evenkeel.RehearsalPlan{
		Reset:    play.reset,
		Operator: func(w evenkeel.World) evenkeel.Operator { return a.operator(play.cfg, w, w.Clock(), false, nil) },
	}
	if _, err := evenkeel.Amend(ctx, s.rb, journal, opts); err != nil {
		return ExitInput, err
	}
	return ExitDone, nil
}

// shown is an amendment in words.
func shown(am *evenkeel.Amendment) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The runbook of the run changes:\n")
	for _, step := range am.Steps {
		fmt.Fprintf(&b, "  step %-24s %s\n", step.ID, step.Change)
	}
	for _, in := range am.Inputs {
		fmt.Fprintf(&b, "  %s\n", in)
	}
	if am.Version != "" {
		fmt.Fprintf(&b, "  version of the tool: %s\n", am.Version)
	}
	fmt.Fprintf(&b, "  digest before: %s\n  digest after:  %s\n", am.Was, am.Is)
	return b.String()
}

// sure asks a yes of the operator; where nobody can be asked, -yes is needed.
func (a *App) sure(ctx context.Context, question string) error {
	tty := a.terminal(false)
	if tty == nil {
		return errors.New("nobody can be asked here: give -yes to confirm. Nothing was changed")
	}
	if answer, err := tty.ask(ctx, a.Stdout, "%s Type yes: ", question); answer != "yes" {
		return errors.Join(errors.New("not confirmed. Nothing was changed"), err)
	}
	return nil
}

// interactive tells whether an operator sits at the other end of an input or an output.
func interactive(end any) bool {
	f, ok := end.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
