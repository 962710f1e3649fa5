package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
)

// amendCommand takes a runbook that was changed after its run began into the run.
func (a *App) amendCommand() *cobra.Command {
	s := session{app: a, verb: "resume"}
	var yes bool
	c := a.Command(&cobra.Command{
		Use: "amend", Short: "Take a changed runbook into a run that has begun", GroupID: GroupCarryOut,
		Long: `Take a changed runbook into a run that has begun. Only steps that have not begun may differ. The changed runbook is rehearsed
in a simulated world, the changes are shown, and you are asked to confirm them. No machine is touched.`,
		Example: "  TOOL amend --config config.yaml\n  TOOL amend --config config.yaml --approved-digest DIGEST --yes",
	}, func(ctx context.Context, _ []string) (int, error) { return s.amendOnly(ctx, yes) })
	configFlag(c, &s.config)
	approvedFlag(c, &s.approved)
	c.Flags().BoolVar(&yes, "yes", false, "confirm without being asked")
	return c
}

// amendOnly amends the run and leaves it there.
func (s session) amendOnly(ctx context.Context, yes bool) (int, error) {
	a := s.app
	var err error
	if s.cfg, s.rb, err = a.load(s.config); err != nil {
		return ExitInput, err
	}
	if err := s.cfg.approval(s.rb, s.approved, "amend"); err != nil {
		return ExitInput, err
	}
	if err := s.begun("amend"); err != nil {
		return ExitInput, err
	}
	if code, err := s.amend(ctx, yes); err != nil {
		return code, err
	}
	return a.Say(fmt.Sprintf("The run is amended. To go on with it: %s\n", s.again("resume")))
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
		Local:    play.written(),
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

// sure asks a yes of the operator; where nobody can be asked, --yes is needed.
func (a *App) sure(ctx context.Context, question string) error {
	tty := a.terminal(false)
	if tty == nil {
		return errors.New("nobody can be asked here: give --yes to confirm. Nothing was changed")
	}
	if answer, err := tty.ask(ctx, a.question(), "%s Type yes: ", question); answer != "yes" {
		return errors.Join(errors.New("not confirmed. Nothing was changed"), err)
	}
	return nil
}
