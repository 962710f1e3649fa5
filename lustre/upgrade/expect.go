package upgrade

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

var (
	recoveryTimes = []string{"lctl", "get_param", "*.*.recovery_time_*", "*.*.ir_factor"}
	imperative    = []string{"lctl", "get_param", "mgs.MGS.live.*"}
)

// expectRecovery tells beforehand how long a recovery may take, and whether clients are told that a target is back. It
// stops nothing: what is not as it should be, or is not understood, is told.
func (p *Pair) expectRecovery() evenkeel.Action {
	a := evenkeel.Action{ID: "recovery-times", Change: evenkeel.Change{
		Title: "Tell what to expect of the recovery of the targets, each time they move (H28)",
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Do: p.expectations,
			Text: "On both nodes, read the limits of each target's recovery (recovery_time_soft, recovery_time_hard, ir_factor), and on that of " +
				"the MGS whether imperative recovery is on. State full: every client is told at once that a target is back, and a recovery takes " +
				"seconds. State partial, or disabled: clients find out by themselves, and a recovery takes minutes. Where clients are missing it " +
				"takes recovery_time_soft at least, and recovery_time_hard at most, from the first client on; the plan asks after " +
				printable.Duration(p.Config.Recovery) + ". What is stored on the disks is not read here: see beforehand, by `tunefs.lustre --dryrun " +
				"DEVICE`, that failover.node names the other node, and that failover.mode is not failout, with which clients get errors " +
				"at once."},
	}}
	a.Expect.Tell = func(o evenkeel.Observed) []string { return lines(string(o.Stdout)) }
	for _, s := range p.servers() {
		a.Paper = append(a.Paper, evenkeel.Block{Host: s.Name, Script: "{ " + shellescape.QuoteCommand(recoveryTimes) + "; " +
			shellescape.QuoteCommand(imperative) + "; } 2>/dev/null | grep -E '^fsname:|state:|nonir_clients:|recovery_time|ir_factor' || true"})
	}
	return a
}

// expectations reads what decides how long a recovery takes, and says it in words, a line each.
func (p *Pair) expectations(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
	times, told := map[string]lustre.RecoveryTimes{}, map[string]lustre.ImperativeRecovery{}
	var said []string
	for _, s := range p.servers() {
		err := ofParameters(ctx, at, s.Name, recoveryTimes, func(raw []byte) error {
			found, err := lustre.ParseRecoveryTimes(bytes.NewReader(raw))
			maps.Copy(times, found)
			return err
		})
		err2 := ofParameters(ctx, at, s.Name, imperative, func(raw []byte) error {
			found, err := lustre.ParseImperativeRecovery(bytes.NewReader(raw))
			maps.Copy(told, found)
			return err
		})
		for _, err := range []error{err, err2} {
			var unread *unreadError
			switch {
			case errors.As(err, &unread):
				said = append(said, fmt.Sprintf("what %s says of recovery is not understood: %v", s.Name, err))
			case err != nil:
				return sshexec.Result{}, err
			}
		}
	}
	said = append(append(said, p.imperativeWords(told)...), p.timesWords(times)...)
	return sshexec.Result{Outcome: evenkeel.Exited, Stdout: []byte(strings.Join(said, "\n"))}, nil
}

// unreadError says that an answer was not understood.
type unreadError struct{ error }

// ofParameters reads parameters of a node. Where it has none of the name, there is nothing to read: the MGS is elsewhere.
func ofParameters(ctx context.Context, at evenkeel.Site, host string, argv []string, read func([]byte) error) error {
	res, err := at.Run(ctx, host, brief(argv...))
	if err != nil && res.Outcome != evenkeel.Exited {
		return err
	}
	if len(res.Stdout) == 0 {
		none := func(text string) bool { return strings.Contains(string(res.Stderr), text) }
		if slices.ContainsFunc(noSuchParameter, none) {
			return nil
		}
		return &unreadError{fmt.Errorf("%s: exit status %d: %s", strings.Join(argv, " "), res.ExitCode, strings.TrimSpace(string(res.Stderr)))}
	}
	if err := read(res.Stdout); err != nil {
		return &unreadError{err}
	}
	return nil
}

// imperativeWords say of each file system of the pair whether its clients are told.
func (p *Pair) imperativeWords(told map[string]lustre.ImperativeRecovery) []string {
	systems := map[string]bool{}
	for _, t := range p.enabled() {
		if label, err := lustre.ParseLabel(t.Label); err == nil && label.FileSystem != "" {
			systems[label.FileSystem] = true
		}
	}
	var said []string
	for _, fs := range slices.Sorted(maps.Keys(systems)) {
		ir, known := told[fs]
		text := "is not known, since its MGS is not on this pair: ask there, by `lctl get_param mgs.MGS.live." + fs + "`"
		switch {
		case !known:
		case ir.State == lustre.IRFull:
			text = "is on: every client is told at once that a target is back, and a recovery should take seconds"
		case ir.State == lustre.IRPartial:
			text = fmt.Sprintf("is partial: %d clients cannot be told, and each recovery waits until they find out by themselves: "+
				"expect minutes", ir.Unable)
		case ir.State == lustre.IRStartup:
			text = "is starting: its MGS was just started, and not every client is back there. Wait until its state is full, for shorter recoveries"
		case ir.State == lustre.IRDisabled:
			text = "is off: clients find out by themselves that a target is back: expect minutes"
		}
		said = append(said, fmt.Sprintf("imperative recovery of %s %s", fs, text))
	}
	return said
}

// timesWords say how long a recovery may take where clients are missing, and which target may take longer than the plan waits.
func (p *Pair) timesWords(times map[string]lustre.RecoveryTimes) []string {
	if len(times) == 0 {
		return []string{"no target tells how long its recovery may take (recovery_time_hard)"}
	}
	var soft, hard time.Duration
	var longer []string
	for _, target := range slices.Sorted(maps.Keys(times)) {
		t := times[target]
		soft, hard = max(soft, t.Soft), max(hard, t.Hard)
		if t.Hard > p.Config.Recovery {
			longer = append(longer, fmt.Sprintf("%s (%s)", target, printable.Duration(t.Hard)))
		}
	}
	said := []string{fmt.Sprintf("where clients do not come back a recovery takes %s (recovery_time_soft), and up to %s (recovery_time_hard) "+
		"where some come late; then they are evicted. The plan asks after %s",
		printable.Duration(soft), printable.Duration(hard), printable.Duration(p.Config.Recovery))}
	if len(longer) > 0 {
		said = append(said, fmt.Sprintf("the recovery of %s may take longer than the %s after which the plan asks: set recovery to more",
			strings.Join(longer, ", "), printable.Duration(p.Config.Recovery)))
	}
	return said
}
