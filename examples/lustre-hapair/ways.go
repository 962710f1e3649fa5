package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
)

// waysCommand is "lustre-hapair ways": the upgrade in service beside the one with the targets stopped (lustre:347, 353).
func waysCommand(a *cli.App) *cobra.Command {
	var config string
	stated := map[string]time.Duration{}
	c := a.Command(&cobra.Command{
		Use: "ways", Short: "Compare the upgrade in service with an offline one", GroupID: cli.GroupLook,
		Long: `Compare the upgrade in service with an offline one: how long each takes, and how long the targets are down. No machine
is reached.`,
		Example: "  TOOL ways --config config.yaml --takes install-node1=45m --takes install-node2=45m",
	}, func(context.Context, []string) (int, error) {
		cfg, err := a.Read(config)
		if err != nil {
			return cli.ExitInput, err
		}
		pair, err := lustrejob.LoadPair(cfg)
		if err != nil {
			return cli.ExitInput, cfg.Placed(err)
		}
		text, err := compareWays(pair, stated)
		if err != nil {
			return cli.ExitInput, err
		}
		return a.Say(text)
	})
	cli.ConfigFlag(c, &config, "the configuration `FILE` of the pair")
	c.Flags().Var(cli.NamedDuration("STEP=DURATION", "install-node1=45m", func(name string, d time.Duration) error {
		stated[name] = d
		return nil
	}), "takes", "how long a step takes, as you say; can be repeated")
	return c
}

// way is one of the two, with its timetable.
type way struct {
	title, key string
	table      *evenkeel.Timetable
}

// compareWays prints both ways of a pair.
func compareWays(pair *upgrade.Pair, stated map[string]time.Duration) (string, error) {
	ways := []way{{title: "in service, one node after the other", key: "offline: false"},
		{title: "offline, both nodes at once", key: "offline: true"}}
	known := map[string]bool{}
	for i := range ways {
		one := *pair
		one.Config.Offline = i == 1
		book, err := one.Runbook()
		if err != nil {
			return "", err
		}
		its := map[string]time.Duration{}
		for _, s := range book.Steps {
			if d, ok := stated[s.ID]; ok {
				its[s.ID], known[s.ID] = d, true
			}
		}
		if ways[i].table, err = book.Timetable(evenkeel.TimetableOptions{Stated: its}); err != nil {
			return "", err
		}
	}
	for name := range stated {
		if !known[name] {
			return "", fmt.Errorf("--takes %s: neither way has such a step", name)
		}
	}
	var b strings.Builder
	for _, w := range ways {
		w.text(&b)
	}
	on, off := ways[0].table, ways[1].table
	fmt.Fprintf(&b, "Saved by going offline: %s of the whole; paid: an outage of %s, where the other way has %s.\n",
		saved(on.Total, off.Total), off.Absences[0].Lasts, counted(len(on.Windows), "short one", "short ones"))
	if on.Total.AtLeast || off.Total.AtLeast {
		b.WriteString("What is not known counts as nothing, so these are no more than the steps of which it is known. Say more by --takes, or\n" +
			"read it from the journal of an earlier run with plan -o window --journal.\n")
	}
	return b.String(), nil
}

// saved is how much shorter the second time is, as far as it is known.
func saved(long, short evenkeel.Span) string {
	switch d := long.For - short.For; {
	case long.For == 0 || short.For == 0:
		return "not known"
	case d < 0:
		return "nothing, it takes " + printable.Duration(-d) + " more"
	default:
		return printable.Duration(d)
	}
}

// text is what one way takes, what users feel of it, and where it cannot be turned back any more.
func (w way) text(b *strings.Builder) {
	t := w.table
	fmt.Fprintf(b, "%s (%s): %d steps\n  takes: %s\n", w.title, w.key, len(t.Steps), t.Total)
	for _, o := range t.Windows {
		fmt.Fprintf(b, "  targets down: %s, in step %s, at most %s\n", o.ID, o.From, printable.Duration(o.Limit))
	}
	for _, a := range t.Absences {
		fmt.Fprintf(b, "  targets down: from step %s to the end of step %s: %s\n", a.From, a.Until, a.Lasts)
	}
	if len(t.NoReturns) > 0 {
		fmt.Fprintf(b, "  first point of no return: step %s\n", t.NoReturns[0].Step)
	}
	b.WriteByte('\n')
}
