package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/server/temporaltest"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/wave"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
)

// demoCommand is "fleet demo".
func demoCommand() *cobra.Command {
	var pairs int
	c := &cobra.Command{
		Use: "demo", Short: "Upgrade simulated pairs, with a server, two workers and two mishaps, on this machine", Args: cobra.NoArgs,
		Long: `Upgrade simulated Lustre pairs, each behind SSH servers of its own: a real Temporal server in this process, two worker processes.
One worker is killed (-9) just after a change on a machine took effect and before it heard of it; another takes its place. One
pair's node loses its power, and an operator mends it and resumes.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if pairs < 2 {
				return errors.New("--pairs: two at least: one loses its worker, another its power")
			}
			dir, err := os.MkdirTemp("", "fleet-demo-")
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(dir) }()
			self, err := os.Executable()
			if err != nil {
				return err
			}
			server := temporaltest.NewServer()
			defer server.Stop()
			program := func(args ...string) *exec.Cmd { return exec.CommandContext(c.Context(), self, args...) } // #nosec G204 -- this program
			a, err := newArena(c.Context(), dir, server, program, 1, pairs-1)
			if err != nil {
				return err
			}
			defer a.close()
			d := demo{arena: a, out: c.OutOrStdout(), shown: map[string]string{}, mended: map[string]bool{}}
			return d.run(c.Context())
		},
	}
	c.Flags().IntVar(&pairs, "pairs", 8, "how many `PAIRS`")
	return c
}

// demo is a demonstration that is under way.
type demo struct {
	*arena
	out    io.Writer
	shown  map[string]string
	mended map[string]bool
}

// change is the command behind which the worker of the first pair is killed: it must not be sent twice.
const change = "shutdown"

// mostMended is how often the operator is called for a pair, on average, before the demonstration has failed.
const mostMended = 8

func (d *demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

// run is the whole demonstration.
func (d *demo) run(ctx context.Context) error {
	began := time.Now()
	alone, err := plain(ctx, filepath.Join(d.dir, "plain"))
	if err != nil {
		return fmt.Errorf("the pair that is run without a fleet: %w", err)
	}
	d.say("One pair, run by the library alone: %d commands.", alone.commands)
	names := d.site.Names()
	first, second := names[0], names[1]
	for _, name := range []string{"worker1", "worker2"} {
		if err := d.work(name); err != nil {
			return err
		}
	}
	d.say("%d simulated pairs, a Temporal server at %s, two workers. %s goes first.", len(names), d.server.GetFrontendHostPort(), first)
	held := d.sims[first].Hold("after", change)
	in := flow.FleetIn{Plan: d.site.Plan, Pairs: map[string]flow.In{}}
	for _, name := range names {
		one, err := d.site.In(name)
		if err != nil {
			return err
		}
		one.Limits = flow.Limits{Heartbeat: 8 * time.Second, Start: 8 * time.Second}
		in.Pairs[name] = one
	}
	in.Plan.Ask = true
	if err := startOne(ctx, d.client, d.site.Name, d.site.Queue, flow.FleetWorkflow, false, in); err != nil {
		return err
	}
	powerless, stuck := false, error(nil)
	err = until(ctx, "the fleet is through", time.Duration(len(names))*15*time.Minute, func() bool {
		select {
		case <-held:
			held = nil
			if stuck = d.killInChange(ctx, first); stuck != nil {
				return true
			}
		default:
		}
		var f flow.FleetStanding
		if err := query(ctx, d.client, d.site.Name, flow.QueryStanding, &f); err != nil {
			return false // asked again
		}
		d.show(f)
		if f.Does == wave.Confirm {
			d.ask(ctx, d.site.Name, flow.Ask{What: flow.AskConfirm, Word: word("operator", "the first pair serves")})
		}
		for _, p := range f.Pairs {
			switch {
			case p.Pair == second && p.State == course.Running && !powerless:
				powerless = d.powerOff(ctx, second)
			case p.State == course.Failed || p.State == course.KeptOut || p.State == course.Paused:
				stuck = d.mend(ctx, p, p.Pair == second && powerless)
			}
		}
		return f.Does == wave.Over || stuck != nil
	})
	if err := errors.Join(err, stuck); err != nil {
		return err
	}
	return d.account(ctx, alone, time.Since(began))
}

// killInChange kills the worker of a pair when its change has taken effect and the worker has not heard of it. Where that
// worker was given up meanwhile (the machine is busy) nobody can tell which it was: both are killed.
func (d *demo) killInChange(ctx context.Context, pair string) error {
	s, err := d.stands(ctx, pair)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(d.workers))
	if name, ok := strings.CutPrefix(s.Worker, d.site.Queue+"@"); ok {
		names = []string{name}
	}
	for _, name := range names {
		d.kill(name)
	}
	d.sims[pair].Release()
	d.say("%s", killed(names, pair))
	return d.work("worker3")
}

// killed says which workers were killed in the change of a pair. Where it is all of them, one had sent it, and nobody knows which.
func killed(names []string, pair string) string {
	if len(names) == 1 {
		return fmt.Sprintf("kill -9 of %s: a %s on %s had just taken effect, and the worker had not heard of it. worker3 takes its place.",
			names[0], change, pair)
	}
	return fmt.Sprintf("kill -9 of %s: a %s on %s had just taken effect. The worker that sent it was given up before, as the machine is "+
		"busy, and it is not known which of them it was. worker3 takes their place.", strings.Join(names, " and "), change, pair)
}

// stands is where a pair stands. A worker that is busy may not tell at once: it is asked again.
func (d *demo) stands(ctx context.Context, pair string) (s course.Standing, err error) {
	err = until(ctx, "where "+pair+" stands is told", 5*time.Minute, func() bool {
		s = standing(ctx, d.client, d.id(pair))
		return s.State != unknown
	})
	return s, err
}

// powerOff takes the power from a node of a pair, once the pair is on its way.
func (d *demo) powerOff(ctx context.Context, pair string) bool {
	if standing(ctx, d.client, d.id(pair)).Done < 3 {
		return false
	}
	err := d.sims[pair].Do(func(w cli.SimWorld) error {
		w.(lustrejob.Simulated).PowerLoss(lustretest.Node2) //nolint:forcetypeassert // the arena makes no other
		return nil
	})
	if err == nil {
		d.say("%s loses the power of %s.", pair, lustretest.Node2)
	}
	return err == nil
}

// mend plays the operator of a pair that waits for one. Where it lost its power he gives it back, and says that the restart was
// looked into where the pair pauses for that; elsewhere he looks, and resumes.
func (d *demo) mend(ctx context.Context, p course.Standing, powerless bool) error {
	at := fmt.Sprintf("%s of life %d", p.Pair, p.Lives)
	if d.mended[at] {
		return nil
	}
	d.mended[at] = true
	if len(d.mended) > mostMended*len(d.sims) {
		return fmt.Errorf("the operator was called %d times, and does not know what else to do", len(d.mended)-1)
	}
	text, deed := "nothing is broken; the machine was busy", func(lustrejob.Simulated) {}
	switch {
	case powerless && p.State == course.Paused:
		text, deed = "the power was lost; every target is mounted", func(pair lustrejob.Simulated) { pair.Seen(lustretest.Node2) }
	case powerless:
		text, deed = "the power is back", func(pair lustrejob.Simulated) { pair.Mend() }
	}
	err := d.sims[p.Pair].Do(func(w cli.SimWorld) error {
		deed(w.(lustrejob.Simulated)) //nolint:forcetypeassert // the arena makes no other
		return nil
	})
	d.say("  an operator says of %s: %s; and resumes it", p.Pair, text)
	d.ask(ctx, d.id(p.Pair), flow.Ask{What: flow.AskResume, Word: word("operator", text)})
	return err
}

func (d *demo) ask(ctx context.Context, id string, a flow.Ask) {
	if err := d.client.SignalWorkflow(ctx, id, "", flow.SignalAsk, a); err != nil {
		d.say("%s does not hear: %v", id, err)
	}
}

// show shows what has changed.
func (d *demo) show(f flow.FleetStanding) {
	for _, p := range f.Pairs {
		text := string(p.State)
		if p.Why != "" {
			text += ": " + strings.SplitN(p.Why, "\n", 2)[0]
		}
		if p.State != "" && d.shown[p.Pair] != text {
			d.shown[p.Pair] = text
			d.say("  %s %s", p.Pair, text)
		}
	}
}

// account prints the table, and what was proved.
func (d *demo) account(ctx context.Context, alone truth, took time.Duration) error {
	var list []course.Standing
	good, lost := true, 0
	d.say("")
	var lines []string
	for _, name := range d.site.Names() {
		s, err := d.stands(ctx, name)
		if err != nil {
			return err
		}
		list = append(list, s)
		lost += s.Lost
		is, err := tell(d.sims[name])
		if err != nil {
			return err
		}
		records, err := flow.History(ctx, d.client, d.id(name))
		if err != nil {
			return err
		}
		events, err := length(ctx, d.client, d.id(name))
		if err != nil {
			return err
		}
		same := is.end == alone.end
		good = good && same && len(is.violated) == 0 && s.State == course.Finished && len(records) == s.Records &&
			is.with(change) == alone.with(change)
		lines = append(lines, fmt.Sprintf("%-10s ends as without a fleet: %-5v violated: %d  %s: %d of %d  %d events for %d records, %d commands",
			name, same, len(is.violated), change, is.with(change), alone.with(change), events, len(records), is.commands))
	}
	table(d.out, list)
	d.say("\n%s\n", strings.Join(lines, "\n"))
	d.say("%d pairs in %s; workers given up: %d", len(list), took.Round(time.Second), lost)
	if !good || !slices.ContainsFunc(list, func(s course.Standing) bool { return s.Lost > 0 }) {
		return errTrouble
	}
	d.say("Proved: every pair is upgraded and ends in the same state as one that the library runs alone; no invariant was violated, as the " +
		"simulated pairs themselves say; a killed worker's change was not sent twice; the journal of each pair is whole in its history.")
	return nil
}

// length is the number of events in the history of a workflow.
func length(ctx context.Context, c client.Client, id string) (n int, err error) {
	for it := c.GetWorkflowHistory(ctx, id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); n++ {
		if _, err := it.Next(); err != nil {
			return n, err
		}
	}
	return n, nil
}
