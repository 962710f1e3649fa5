//go:build integration

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// measured is one way of moving a pair's targets from node 2 to node 1. What all cases share is the time of the machine:
// so each has a floor of its own, measured a moment later on the same pair.
type measured struct {
	way     string
	rebuild time.Duration   // from the installed packages to "ready to take over"
	outages []time.Duration // of each target, mounted nowhere
	floor   []time.Duration // of each target, when its agent stops and starts it and nothing else is done
	known   time.Duration   // from the last mount until the tool has seen every recovery over; 0 where nothing looks
}

// H25, H26, H28: how long each target is down in the switch-over, and how long the rebuild takes: the guide's procedure,
// typed literally, against the tool, side by side, and against the floor, which is what the agents' own stop and start
// take for all targets at once. A target serves again when its recovery is over, which takes a known time in the lab. It
// prints a table and judges nothing but that no target is ever mounted twice:
//
//	EVENKEEL_OUTAGE=3,16 go test -tags integration -run TestOutage -v ./examples/lustre-hapair
func TestOutage(t *testing.T) {
	sizes := os.Getenv("EVENKEEL_OUTAGE")
	if sizes == "" {
		t.Skip("a comparison of speeds: set EVENKEEL_OUTAGE=3,16 for pairs of 3 and of 16 targets")
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "targets\tway\tfloor, longest\tmedian outage\t: floor\tlongest\t: floor\tuntil recovered\t: floor\t"+
		"seen after\trebuild of node 1")
	for size := range strings.SplitSeq(sizes, ",") {
		var n int
		_, err := fmt.Sscan(size, &n)
		require.NoError(t, err)
		for _, m := range []measured{typed(t, n), within(t, n), ours(t, n)} {
			if t.Failed() {
				return
			}
			if len(m.outages) == 0 {
				continue // -run left this one out
			}
			_, _ = fmt.Fprintln(w, m.row(n))
		}
	}
	require.NoError(t, w.Flush())
	t.Logf("\n%s", table.String())
}

// row is the line of the table.
func (m measured) row(targets int) string {
	middle := func(all []time.Duration) float64 { return slices.Sorted(slices.Values(all))[len(all)/2].Seconds() }
	floor, median, longest, recovery := middle(m.floor), middle(m.outages), slices.Max(m.outages).Seconds(), pairlab.Recovery.Seconds()
	most := slices.Max(m.floor).Seconds()
	return fmt.Sprintf("%d\t%s\t%.2f s, %.2f s\t%.2f s\t%.2f\t%.2f s\t%.2f\t%.2f s\t%.2f\t%.1f s\t%.1f s", targets, m.way, floor, most,
		median, median/floor, longest, longest/most, median+recovery, (median+recovery)/(floor+recovery), m.known.Seconds(), m.rebuild.Seconds())
}

// live is a pair with the runbook of the tool, run step by step in this process.
type live struct {
	*real
	pair    *upgrade.Pair
	book    *evenkeel.Runbook
	clients evenkeel.HostMap
	journal *evenkeel.MemJournal
	took    laps

	installed bool
}

func newLive(t *testing.T, targets int, mend func(*lustrejob.Config)) *live {
	l := &live{real: newReal(t, targets, mend), journal: &evenkeel.MemJournal{}, clients: evenkeel.HostMap{}}
	l.pair = l.real.pair()
	var err error
	l.book, err = l.pair.Runbook()
	require.NoError(t, err)
	for _, n := range l.lab.Nodes() {
		c, err := sshexec.NewClient(sshexec.Config{
			Host: n.Name(), Addr: n.Addr(), User: "root", KnownHosts: []string{l.lab.KnownHosts()},
			Auth: sshexec.Auth{KeyFiles: []string{l.lab.Key()}},
		})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		l.clients[n.Name()] = stopwatch{c, &l.took}
	}
	return l
}

// Attend is the person who installs the new system, once, when the old one has gone down.
func (l *live) Prompt(_ context.Context, ask evenkeel.Prompt) (string, error) {
	require.Equal(l.t, "install-node1", ask.Step.ID)
	require.False(l.t, l.installed, "it is installed, and still: %s", ask.Why)
	l.installed = true
	// init waits 90 s for a service that does not stop
	require.Eventually(l.t, func() bool { return !l.lab.Nodes()[0].On() }, 3*time.Minute, 100*time.Millisecond)
	l.person("at step install-node1,")
	return "", nil
}

// carryOut runs the steps of the runbook from one to before another.
func (l *live) carryOut(before string) {
	l.t.Helper()
	part := *l.book
	part.Steps = part.Steps[:slices.IndexFunc(part.Steps, func(s evenkeel.Step) bool { return s.ID == before })]
	_, err := evenkeel.Run(l.t.Context(), &part, l.clients, evenkeel.Options{Journal: l.journal, Operator: l})
	require.NoError(l.t, err)
}

// ended is when an action ended, by the journal.
func (l *live) ended(step, action string) (end time.Time) {
	for _, rec := range l.journal.Records() {
		if rec.Kind == evenkeel.KindEnd && rec.Step == step && rec.Action == action {
			end = rec.Time
		}
	}
	require.False(l.t, end.IsZero())
	return end
}

// lasted is the time from the beginning of an action of a step to the end of another, by the journal.
func (l *live) lasted(step, from, to string) time.Duration {
	var begin, end time.Time
	for _, rec := range l.journal.Records() {
		switch {
		case rec.Kind == evenkeel.KindStart && rec.Step == step && rec.Action == from:
			begin = rec.Time
		case rec.Kind == evenkeel.KindEnd && rec.Step == step && rec.Action == to:
			end = rec.Time
		}
	}
	require.False(l.t, begin.IsZero() || end.IsZero())
	return end.Sub(begin)
}

// outages are those of each target since a time of the truth.
func (l *live) outages(since time.Duration) []time.Duration {
	l.t.Helper()
	l.sound()
	truth, err := l.lab.Truth()
	require.NoError(l.t, err)
	var out []time.Duration
	for _, target := range l.targets {
		l.t.Logf("%s: %s", target.Label, phases(truth, target.UUID, since))
		require.Empty(l.t, truth.Overlaps(target.UUID))
		require.Equal(l.t, []string{l.lab.Nodes()[0].Name()}, truth.Serving(target.UUID), target.Label)
		for _, o := range truth.Outages(target.UUID) {
			if o.From >= since {
				out = append(out, o.Length())
			}
		}
	}
	require.Len(l.t, out, len(l.targets), "each target is down once")
	return out
}

func (l *live) now() time.Duration {
	truth, err := l.lab.Truth()
	require.NoError(l.t, err)
	return truth.Now
}

// ours is the tool's switch-over.
func ours(t *testing.T, targets int) (m measured) {
	m.way = "lustre-hapair"
	t.Run(fmt.Sprintf("%s with %d targets", m.way, targets), func(t *testing.T) {
		l := newLive(t, targets, ways["one CIB"])
		var since time.Duration
		i := slices.IndexFunc(l.book.Steps, func(s evenkeel.Step) bool { return s.ID == "switch-over" })
		// The clock of the truth is read when everything is ready, and before node 2 is told to release its targets.
		l.watch(i, "let-go", func() { since = l.now() })
		l.carryOut("shutdown-node2")
		m.outages = l.outages(since)
		m.known = l.seen()
		t.Logf("commands in the outage, in seconds:\n%s", l.took.within(l.ended("switch-over", "let-go"), l.ended("switch-over", "serving")))
		m.floor = l.floor()
		m.rebuild = l.lasted("cluster-node1", l.firstChange("cluster-node1"), "modules") + l.lasted("switch-over", "ready", "settled")
	})
	return m
}

// watch calls a function right before an action is run.
func (l *live) watch(step int, action string, call func()) {
	actions := slices.Clone(l.book.Steps[step].Actions)
	i := slices.IndexFunc(actions, func(a evenkeel.Action) bool { return a.ID == action })
	mark := evenkeel.Action{
		ID: "mark",
		Change: evenkeel.Change{
			Title: "Read the clock", Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "Read the clock.",
				Do: func(context.Context, evenkeel.Site) (sshexec.Result, error) {
					call()
					return sshexec.Result{}, nil
				}},
		},
	}
	l.book.Steps[step].Actions = slices.Insert(actions, i, mark)
}

// firstChange is the first action of a step that changes something.
func (l *live) firstChange(step string) string {
	i := slices.IndexFunc(l.book.Steps, func(s evenkeel.Step) bool { return s.ID == step })
	actions := l.book.Steps[i].Actions
	j := slices.IndexFunc(actions, func(a evenkeel.Action) bool { return a.Op == nil && a.Cmd.Effect != evenkeel.ReadOnly })
	return actions[j].ID
}

// typed is the guide's procedure, one command after the other, each as soon as the one before it has ended (lustre:861-1166).
func typed(t *testing.T, targets int) (m measured) {
	m.way = "the guide typed"
	t.Run(fmt.Sprintf("%s with %d targets", m.way, targets), func(t *testing.T) {
		l := newLive(t, targets, func(c *lustrejob.Config) { c.PlainPCS = true })
		l.carryOut("cluster-node1")
		n1, n2 := l.lab.Nodes()[0].Name(), l.lab.Nodes()[1].Name()

		begin := time.Now()
		plan := l.pair.Plan
		for _, ops := range [][]pcs.Operation{plan.Setup, plan.Properties, plan.Defaults, plan.Maintenance, plan.Stonith,
			plan.Resources, plan.Constraints} {
			for _, o := range ops {
				l.operation(n1, o)
			}
			l.comesUp(n1)
		}
		m.rebuild = time.Since(begin)
		for _, target := range l.pair.Targets {
			l.typed(n1, "mkdir", "-p", target.Mount)
		}
		l.typed(n1, "systemctl", "start", "chroma-agent")
		l.typed(n1, "modprobe", "lustre")

		since := l.now()
		short, _, _ := strings.Cut(n2, ".")
		l.typed(n2, "pcs", "node", "standby", short) // lustre:1125, in the words of this pcs
		l.typed(n2, "service", "pacemaker", "stop")
		l.typed(n2, "service", "corosync", "stop")
		l.typed(n2, "pcs", "cluster", "disable")
		l.typed(n1, "pcs", "property", "set", "maintenance-mode=false") // lustre:1136
		for _, target := range l.pair.Targets {
			l.typed(n1, "pcs", "resource", "enable", target.Resource) // lustre:1142
		}
		require.Eventually(t, func() bool {
			truth, err := l.lab.Truth()
			require.NoError(t, err)
			return !slices.ContainsFunc(l.targets, func(target pairlab.Target) bool { return len(truth.Serving(target.UUID)) == 0 })
		}, 3*time.Minute, 50*time.Millisecond)
		m.outages = l.outages(since)
		m.floor = l.floor()
	})
	return m
}

// typed runs a command of the guide.
func (l *live) typed(host string, argv ...string) {
	l.t.Helper()
	_, err := l.clients[host].Run(l.t.Context(), sshexec.Command(sshexec.Disruptive, argv...))
	require.NoError(l.t, err)
}

// operation runs an operation of the plan as the operator would.
func (l *live) operation(host string, o pcs.Operation) {
	l.t.Helper()
	cmd := sshexec.Command(o.Effect, o.Argv...)
	switch {
	case o.Asks != "":
		cmd.Stdin = sshexec.SecretText(labPassword + "\n")
	case o.Stdin != "":
		cmd.Stdin = sshexec.Text(o.Stdin)
	}
	_, err := l.clients[host].Run(l.t.Context(), cmd)
	require.NoError(l.t, err, "%s", o)
}

// comesUp waits until the cluster answers, as the guide says (lustre:924).
func (l *live) comesUp(host string) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		res, err := l.clients[host].Run(l.t.Context(), sshexec.Command(sshexec.ReadOnly, "crm_mon", "-1", "--as-xml"))
		if err != nil {
			return false
		}
		st, err := pacemaker.ParseStatus(strings.NewReader(res.Text()))
		if err != nil {
			return false
		}
		n, ok := st.Node(host)
		return ok && n.Online && st.DC.Present
	}, 2*time.Minute, 200*time.Millisecond)
}
