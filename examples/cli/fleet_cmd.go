package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// fleetCommand is for many pairs at once.
func (a *App) fleetCommand() *cobra.Command {
	return a.group(&cobra.Command{
		Use: "fleet", Short: "Carry out many pairs in waves, from one file", GroupID: GroupCarryOut,
		Long: `Carry out many pairs in waves, from one file that names the configuration of each: the canary first, so many at once,
each in the maintenance windows of its site, and windows apart that must not be open on two pairs at once. Each pair has
its own journal and is carried out as it would be alone; its own commands work on it too, when no fleet does.
docs/fleet.md has more.`,
	}, a.fleetCheckCommand(), a.fleetPlanCommand(), a.fleetRunCommand(false), a.fleetRunCommand(true), a.fleetStatusCommand(),
		a.fleetDemoCommand(), a.fleetSimulateCommand(), a.fleetSchemaCommand())
}

// fleetArg is the fleet file.
func fleetArg(c *cobra.Command) *cobra.Command {
	c.Use += " FLEET.yaml"
	c.Args = cobra.ExactArgs(1)
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return c
}

func (a *App) fleetRunCommand(resume bool) *cobra.Command {
	r := &fleetRun{app: a}
	var changed, failed bool
	c := &cobra.Command{
		Use: "run", Short: "Carry out the pairs of a fleet, wave after wave",
		Long: `Carry out the pairs of a fleet, wave after wave. A pair that needs the operator asks, and its questions name it; where nobody
can be asked it pauses, and the others go on. Ctrl-C takes each pair to its safe point.`,
		Example: "  TOOL fleet run fleet.yaml",
	}
	if resume {
		c = &cobra.Command{
			Use: "resume", Short: "Go on with a fleet where its journals end",
			Long: `Go on with a fleet where its journals end, whatever ended it. Pairs that are finished are left alone, those that were stopped,
killed or paused are resumed, and then the others begin. A pair that failed is resumed only with --failed.`,
			Example: "  TOOL fleet resume fleet.yaml\n  TOOL fleet resume --confirm canary fleet.yaml",
		}
	}
	c = a.Command(fleetArg(c), func(ctx context.Context, args []string) (int, error) {
		r.path = args[0]
		return r.carryOut(ctx, resume, changed, failed)
	})
	c.Flags().BoolVar(&r.noWait, "no-wait", false, "pause a pair at a manual step instead of waiting for the operator")
	c.Flags().BoolVarP(&r.verbose, "verbose", "v", false, "say more")
	c.Flags().StringVar(&r.events, "events", "", "also write every event to this `FILE`, as JSON lines that name the pair (docs/events.md)")
	c.Flags().BoolVar(&r.finished, "finished", false,
		"take pairs that are finished, and not by this fleet, for finished: their journals are their own")
	if resume {
		c.Flags().StringArrayVar(&r.sure, "confirm", nil, "confirm this `WAVE`, so that the next one may begin; can be repeated")
		c.Flags().StringArrayVar(&r.without, "without", nil,
			"go on without this `PAIR`, which has begun and is no more in the fleet file; can be repeated")
		c.Flags().BoolVar(&changed, "changed", false, "go on although the fleet file or a configuration was changed")
		c.Flags().BoolVar(&failed, "failed", false, "also resume the pairs that failed: the causes are mended")
	}
	return c
}

func (a *App) fleetStatusCommand() *cobra.Command {
	var format string
	c := a.Command(fleetArg(&cobra.Command{
		Use: "status", Short: "Say where a fleet stands, also while it runs",
		Long: `Say where each pair of a fleet stands, also while it runs: in one table, with what to type next. It only reads the journals: no
machine is reached, and nothing is changed.`,
		Example: "  TOOL fleet status fleet.yaml\n  TOOL fleet status -o json fleet.yaml",
	}), func(_ context.Context, args []string) (int, error) {
		f, err := a.readFleet(args[0], true)
		if err != nil {
			return ExitInput, err
		}
		s, err := f.status(nil)
		if err != nil {
			return ExitInput, err
		}
		code, err := a.Answer(format, s, s.text)
		if err == nil && len(s.unread) > 0 {
			return ExitInput, errors.Join(s.unread...)
		}
		return code, err
	})
	OutputFlag(c, &format, "text", "json", "yaml")
	return c
}

func (a *App) fleetCheckCommand() *cobra.Command {
	return a.Command(fleetArg(&cobra.Command{
		Use: "check", Short: "Say what is wrong with a fleet file, and with the configurations that it names",
		Long: `Say what is wrong with a fleet file and with the configurations that it names, each with its line. No machine is reached. What of
a configuration has to be confirmed, config check says.`,
		Example: "  TOOL fleet check fleet.yaml",
	}), func(_ context.Context, args []string) (int, error) {
		f, err := a.loadFleet(args[0])
		if err != nil {
			return ExitInput, err
		}
		return a.Say(fmt.Sprintf("%s: nothing is wrong: %s in %s, at most %d at work at once\n", args[0],
			counted(len(f.Pairs), "pair", "pairs"), counted(len(f.Waves), "wave", "waves"), f.Limit))
	})
}

// PlannedPair is a pair in the plan of a fleet.
type PlannedPair struct {
	Name     string   `json:"name"`
	Wave     string   `json:"wave"`
	Site     string   `json:"site,omitempty"`
	Config   string   `json:"config"`
	Digest   string   `json:"digest"`
	Approved bool     `json:"approved"` // the fleet file names the digest
	Takes    int      `json:"takes_seconds"`
	Steps    int      `json:"steps"`
	Apart    []string `json:"apart,omitempty"` // what its windows keep from others
}

func (a *App) fleetPlanCommand() *cobra.Command {
	var format string
	c := a.Command(fleetArg(&cobra.Command{
		Use: "plan", Short: "List the waves of a fleet, how long each pair takes, and the digests to sign",
		Long: `List the waves of a fleet, how long each pair takes and the digest of its plan. The plan itself prints plan --config. A digest
that was signed goes into the fleet file as approved_digest: another one is refused then.`,
		Example: "  TOOL fleet plan fleet.yaml",
	}), func(_ context.Context, args []string) (int, error) {
		f, err := a.loadFleet(args[0])
		if err != nil {
			return ExitInput, err
		}
		plan := f.plan()
		return a.Answer(format, plan, func() string { return f.planText(plan) })
	})
	OutputFlag(c, &format, "text", "json", "yaml")
	return c
}

func (f *loadedFleet) plan() (list []PlannedPair) {
	for i, m := range f.members {
		p := f.Pairs[i]
		var windows []string
		for name := range p.Keys {
			windows = append(windows, name)
		}
		list = append(list, PlannedPair{Name: m.Name, Wave: f.Waves[p.Wave].Name, Site: m.Site, Config: f.config(i), Digest: m.book.Digest(),
			Approved: m.Approved != "", Takes: seconds(p.Takes), Steps: len(m.book.Steps), Apart: p.keys(windows...)})
	}
	return list
}

func (f *loadedFleet) planText(plan []PlannedPair) string {
	var b strings.Builder
	stops := "the fleet"
	if f.InWave {
		stops = "their wave"
	}
	fmt.Fprintf(&b, "%s: %s in %s, at most %d at work at once; %s %s\n", f.title(), counted(len(plan), "pair", "pairs"),
		counted(len(f.Waves), "wave", "waves"), f.Limit, counted(f.Failures, "failure stops", "failures stop"), stops)
	for _, w := range f.Waves {
		after := ""
		if w.Soak > 0 {
			after += "; then it soaks for " + short(w.Soak)
		}
		if w.Confirm {
			after += "; then it is to be confirmed"
		}
		rows := [][]string{{"pair", "site", "takes", "steps", "digest", "signed", "apart"}}
		for _, p := range plan {
			if p.Wave == w.Name {
				rows = append(rows, []string{p.Name, p.Site, short(time.Duration(p.Takes) * time.Second), fmt.Sprint(p.Steps), p.Digest,
					map[bool]string{true: "yes", false: "no"}[p.Approved], strings.Join(p.Apart, " ")})
			}
		}
		fmt.Fprintf(&b, "\nwave %s: %s%s\n%s", w.Name, counted(len(rows)-1, "pair", "pairs"), after, columns(rows))
	}
	return b.String()
}
