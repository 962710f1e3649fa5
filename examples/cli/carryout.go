package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
)

type runFunc func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Report, error)

func (a *App) runCommand() *cobra.Command {
	s := &session{app: a, verb: "run"}
	c := &cobra.Command{
		Short: "Carry out the runbook, with a journal",
		Long: `Carry out the runbook on the machines of the configuration. What is done is kept in the journal: after a stop, a crash or
a lost connection, resume goes on from there. You are asked for what no command can do or see.`,
		Example: `  TOOL run --config config.yaml
  TOOL run --config config.yaml --approved-digest DIGEST --no-wait`,
	}
	if a.Looks {
		c.Short = "Do the checks, with a journal"
		c.Long = `Do the checks on the machines of the configuration. Nothing is changed there. Each run looks at everything anew; the journal
of the run before is kept under another name. Exit status 1 tells that there is a finding.`
	}
	return s.command(c, func(ctx context.Context, _ []string) (int, error) { return s.begin(ctx, evenkeel.Run) })
}

func (a *App) resumeCommand() *cobra.Command {
	s := &session{app: a, verb: "resume", extend: map[string]time.Duration{}}
	var amend, yes bool
	c := s.command(&cobra.Command{
		Short: "Go on with a run where its journal ends",
		Long: `Go on with a run where its journal ends, whatever ended it. What became of a command that had begun is looked up first: no
change is repeated before that.`,
		Example: `  TOOL resume --config config.yaml
  TOOL resume --config config.yaml --extend-window w=2h
  TOOL resume --config config.yaml --amend`,
	}, func(ctx context.Context, _ []string) (int, error) {
		if code, err := s.prepare(); err != nil {
			return code, err
		}
		if amend {
			if code, err := s.amend(ctx, yes); err != nil {
				return code, err
			}
		}
		return s.carryOut(ctx, evenkeel.Resume)
	})
	c.Flags().Var(NamedDuration("ID=DURATION", "w=2h", func(id string, d time.Duration) error {
		s.extend[id] += d
		return nil
	}), "extend-window", "give a window that a stop has left open more time; can be repeated")
	c.Flags().BoolVar(&amend, "amend", false, "take the changed runbook into the run first: amend, and then resume")
	c.Flags().BoolVar(&yes, "yes", false, "confirm the amendment without being asked")
	return c
}

func (a *App) rollbackCommand() *cobra.Command {
	s := &session{app: a, verb: "rollback"}
	var plan bool
	c := s.command(&cobra.Command{
		Short: "Undo what was done, the last step first",
		Long: `Undo what was done, the last step first. A step that cannot be undone ends the rollback, and is named. What still differs
from the state before the run is listed. --plan only prints what a rollback would do.`,
		Example: `  TOOL rollback --config config.yaml --plan
  TOOL rollback --config config.yaml`,
	}, func(ctx context.Context, _ []string) (int, error) {
		if !plan {
			return s.begin(ctx, evenkeel.Rollback)
		}
		if code, err := s.prepare(); err != nil {
			return code, err
		}
		return s.printRollback()
	})
	c.Flags().BoolVar(&plan, "plan", false, "only print what would be undone")
	return c
}

// command makes the command of a session, with the flags of all that carry something out.
func (s *session) command(c *cobra.Command, run func(context.Context, []string) (int, error)) *cobra.Command {
	c.Use, c.GroupID = s.verb, GroupCarryOut
	c = s.app.Command(c, run)
	configFlag(c, &s.config)
	approvedFlag(c, &s.approved)
	c.Flags().BoolVar(&s.noWait, "no-wait", false, "pause at a manual step instead of waiting for the operator")
	c.Flags().StringVar(&s.take, "take-lease", "",
		"take the lease over from the run with this `ID`, which its operator has given up")
	c.Flags().BoolVar(&s.force, "force-takeover", false,
		"begin although a machine cannot be reached, its lease cannot be read, or another run was at work there: "+
			"make sure first that nobody else works there, and that the journal is still true")
	s.shownFlags(c)
	return c
}

// shownFlags declare what is shown of a run, and kept of it beside the journal.
func (s *session) shownFlags(c *cobra.Command) {
	c.Flags().BoolVarP(&s.verbose, "verbose", "v", false, "say more")
	c.Flags().StringVar(&s.events, "events", "", "also write every event to this `FILE`, as JSON lines (docs/events.md)")
	s.log = &runLog{}
	s.log.flags(c)
}

// begin prepares and carries out.
func (s *session) begin(ctx context.Context, start runFunc) (int, error) {
	if code, err := s.prepare(); err != nil {
		return code, err
	}
	return s.carryOut(ctx, start)
}

// prepare reads the configuration, and refuses what is not signed or has no run to go on with. Nothing is touched.
func (s *session) prepare() (int, error) {
	var err error
	if s.cfg, s.rb, err = s.app.load(s.config); err != nil {
		return ExitInput, err
	}
	if s.verb == "run" && s.cfg.World == "" {
		for _, why := range s.rb.WeakSecrets() {
			_, _ = fmt.Fprintf(s.app.Stderr,
				"warning: a password of this job is weak: %s. It is hidden in what programs print, and not where it may be a word\n", why)
		}
	}
	if err := s.cfg.approval(s.rb, s.approved, s.verb); err != nil {
		return ExitInput, err
	}
	if s.verb == "run" {
		return ExitDone, nil
	}
	return ExitInput, s.begun(map[string]string{"resume": "resume", "rollback": "roll back"}[s.verb])
}

// begun refuses to do something with a run that has no journal.
func (s session) begun(to string) error {
	_, err := os.Stat(s.journal())
	return noRun(" to "+to, infile.Plain(err))
}
