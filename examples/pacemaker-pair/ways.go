package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// waysCommand is "pacemaker-pair ways": which of the four ways lead to another release, and what each costs the users.
func waysCommand(a *cli.App) *cobra.Command {
	var format string
	var asked *pairfiles.Asked
	var lasts pair.Durations
	c := a.Command(&cobra.Command{
		Use: "ways [FILE...]", Short: "Say which ways lead to another release, and what each costs", GroupID: cli.GroupLook,
		Args: cobra.ArbitraryArgs,
		Long: `Say of each of the four ways to another release whether it is possible for the pair, why, and what its users feel of it:
reattach, rolling, two clusters, offline. The pair is that of --config, or any by its files, as for preflight --target.
plan and run go the way of two clusters, or that of the key way. No machine is reached.`,
		Example: "  TOOL ways --config pair.yaml --takes move=20s --takes rebuild=1h\n  TOOL ways --target el9 cib.xml corosync.conf",
	}, func(_ context.Context, names []string) (int, error) {
		report, its, err := asked.Report(a, names)
		if err != nil {
			return cli.ExitInput, err
		}
		if its.In.CIB == nil {
			return cli.ExitInput, errors.New("the CIB of the pair is needed: cibadmin --query prints it")
		}
		units, err := pair.Units(its.In.CIB, profiles)
		if err != nil {
			return cli.ExitInput, err
		}
		ways := pair.Ways(report, units, lasts)
		return a.Answer(format, ways, func() string { return waysText(report, ways) })
	})
	asked = pairfiles.AskedBy(c, known)
	c.Flags().Var(cli.NamedDuration("WHAT=DURATION", "move=20s", func(what string, d time.Duration) error {
		switch what {
		case "move":
			lasts.Move = d
		case "rebuild":
			lasts.Rebuild = d
		default:
			return fmt.Errorf("%q is neither move (a unit stops on one node and starts on the other) nor rebuild (a node is installed)", what)
		}
		return nil
	}), "takes", "how long it takes, as you say: move=DURATION of a unit, rebuild=DURATION of a node; can be repeated")
	cli.OutputFlag(c, &format, "text", "json", "yaml")
	return c
}

// waysText are the ways for people.
func waysText(report *readiness.Report, ways []pair.Way) string {
	var b strings.Builder
	from := "a release that is not known"
	if report.From != nil {
		from = report.From.Title
	}
	fmt.Fprintf(&b, "From %s to %s:\n", from, report.Target.Title)
	for _, w := range ways {
		word := "not possible"
		if w.Possible {
			word = "possible"
		}
		fmt.Fprintf(&b, "\n%s: %s\n", w.Name, word)
		for _, r := range w.Reasons {
			fmt.Fprintf(&b, "  because  %s\n", printable.Line(r.Why))
		}
		if w.Possible {
			fmt.Fprintf(&b, "  outage   %s\n", printable.Line(w.Outage))
		}
		for _, c := range w.Costs {
			fmt.Fprintf(&b, "  price    %s\n", printable.Line(c))
		}
		switch {
		case w.Name == readiness.TwoClusters && w.Possible:
			b.WriteString("  run      goes this way\n")
		case w.Name == readiness.Rolling && w.Possible:
			b.WriteString("  run      goes this way where the configuration says way: rolling\n")
		}
	}
	if n := report.Count(readiness.Blocker); n > 0 {
		fmt.Fprintf(&b, "\n%s: none of it before that is mended. See preflight --target %s\n", printable.Count(n, "blocker"), report.Target.Name)
	}
	return b.String()
}
