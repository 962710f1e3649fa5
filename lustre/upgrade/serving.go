package upgrade

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Mounted is not serving (H28): a target that was mounted answers no new request before its clients have come back, or
// have been given up. So an outage is over when the recovery of every target that moved is.

var recoveryStatus = []string{"lctl", "get_param", "*.*.recovery_status"}

// recoveryLook is how often a recovery is looked at.
const recoveryLook = 2 * time.Second

// recovering are the targets whose recovery is waited for on a node. The MGS has none. The name of a target that only
// Lustre knows is in none of IML's files: that one is counted. A target that people made has a name, or is refused.
type recovering struct {
	*Pair
	node  string
	names []string // such as demo-OST0000
	all   int      // how many there must be at least
}

func (p *Pair) recovering(node string, targets []Target) recovering {
	r := recovering{Pair: p, node: node}
	for _, t := range targets {
		switch label, err := lustre.ParseLabel(t.Label); {
		case err != nil:
			r.all++
		case label.Kind != "MGS":
			r.names = append(r.names, label.String())
			r.all++
		}
	}
	slices.Sort(r.names)
	return r
}

// waitServing waits until targets on a node serve again. There is nothing to wait for where none of them recovers.
func (p *Pair) waitServing(id, node string, targets []Target) []evenkeel.Action {
	r := p.recovering(node, targets)
	if r.all == 0 {
		return nil
	}
	a := r.look(id, "Wait until the recovery of every target on "+node+" is over: only then it serves (H28)",
		"COMPLETE or INACTIVE for each; clients that were evicted are told")
	a.Expect.Tell = r.lost
	return []evenkeel.Action{a}
}

// noneRecovers looks that no target on a node is in recovery, whichever they are.
func (p *Pair) noneRecovers(id, node string) evenkeel.Action {
	return recovering{Pair: p, node: node}.look(id, "Verify that no target on "+node+" is in recovery (H28)",
		"COMPLETE or INACTIVE for each that is there")
}

func (r recovering) look(id, title, text string) evenkeel.Action {
	a := evenkeel.Look(id, title, recoveryStatus...).On(r.node).Until(r.Config.Recovery, text, r.over)
	a = untilShows(a, strings.Join(append([]string{"2>&1 | recovery"}, r.names...), " "), "every recovery is over")
	a.Paper = append(a.Paper, evenkeel.Block{
		Text:   "How many of how many clients came back: the others were evicted, and have lost what they had not written.",
		Script: shellescape.QuoteCommand(recoveryStatus) + " | grep -E 'recovery_status=|^completed_clients:' || true",
	})
	return a
}

// noSuchParameter is what lctl says where no parameter has the name: up to Lustre 2.5, and later.
var noSuchParameter = []string{"Found no match", "No such file or directory"}

// read reads what lctl said. A node without a target has no recovery; anything else that it does not answer is an error.
func (recovering) read(o evenkeel.Observed) ([]lustre.Recovery, error) {
	none := func(text string) bool { return strings.Contains(string(o.Stderr), text) }
	refused := o.ExitCode != 0 && len(o.Stdout) == 0 && strings.HasPrefix(string(o.Stderr), "error: get_param")
	if refused && slices.ContainsFunc(noSuchParameter, none) {
		return nil, nil
	}
	if err := o.Succeeded(); err != nil {
		return nil, err
	}
	return lustre.ParseRecovery(bytes.NewReader(o.Stdout))
}

// over wants every recovery on the node to be over, and every target that is waited for to be there.
func (r recovering) over(o evenkeel.Observed) error {
	list, err := r.read(o)
	if errors.Is(err, lustre.ErrCounts) { // of a recovery that is at work; never taken for an answer
		return &evenkeel.Retry{After: recoveryLook, Reason: err.Error(), Key: "counts", Else: r.needsOperator(err.Error())}
	}
	if err != nil {
		return err
	}
	var open, key []string
	is, over := map[string]bool{}, 0
	for _, one := range list {
		is[one.Target] = true
		if one.Over() {
			over++
		} else {
			open = append(open, one.Target+" "+one.String())
			key = append(key, fmt.Sprint(one.Target, one.Status, one.Connected, one.Completed, one.Evicted))
		}
	}
	for _, name := range r.names {
		if !is[name] {
			open, key = append(open, name+" tells nothing of its recovery"), append(key, name)
		}
	}
	if len(open) == 0 && len(list) < r.all {
		open = append(open, fmt.Sprintf("%d targets tell of their recovery, and %d are mounted", len(list), r.all))
	}
	if len(open) == 0 {
		return nil
	}
	const shown = 8
	more := ""
	if len(open) > shown {
		open, more = open[:shown], fmt.Sprintf("; and %d more", len(open)-shown)
	}
	state := fmt.Sprintf("%s%s (%d of %d are over)", strings.Join(open, "; "), more, over, max(len(list), r.all))
	return &evenkeel.Retry{After: recoveryLook, Reason: state, Key: strings.Join(key, " "), Else: r.needsOperator(state)}
}

// needsOperator is what is said when a recovery takes longer than its limit.
func (r recovering) needsOperator(state string) error {
	return evenkeel.NeedsOperator("a recovery on %s is not over after %s: %s. Every target stays mounted where it is, but one in recovery "+
		"answers no new request. It waits for clients that have not come back, until Lustre evicts them (recovery_time_hard). Find out "+
		"which clients are down or cut off from %s (its kernel log names them; see that each reaches it: lctl ping), bring them back, or wait. "+
		"Then resume: it is looked again, for as long. Nothing here ends a recovery by force: `lctl --device TARGET "+
		"abort_recovery` would evict every client that is missing, with what it has not written, and is yours to decide",
		r.node, printable.Duration(r.Config.Recovery), state, r.node)
}

// lost tells of clients that were evicted: the recovery is over, and they have lost what they had not written. A target
// that was on the node before tells of an earlier recovery: so it is said when that began.
func (r recovering) lost(o evenkeel.Observed) []string {
	list, _ := r.read(o) // the check has read it
	var notes []string
	for _, one := range list {
		if one.Evicted > 0 {
			began := ""
			if !one.Started.IsZero() {
				began = " in the recovery that began at " + one.Started.Format(time.RFC3339)
			}
			notes = append(notes, fmt.Sprintf("%s on %s: %d of %d clients did not come back in time%s and were evicted: what they had not "+
				"written is lost, and programs there see errors. Find out which they are (kernel log of %s), and look at them",
				one.Target, r.node, one.Evicted, one.Clients, began, r.node))
		}
	}
	return notes
}

// tell tells how far the recovery is, and waits for nothing: a rollback goes on whatever it is.
func (r recovering) tell(id string) evenkeel.Action {
	a := evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Tell how far the recovery of the targets on " + r.node + " is (H28)", Host: r.node,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly,
			Text: "Read recovery_status on " + r.node + ". Nothing waits for it: a target serves when its recovery is COMPLETE or INACTIVE.",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				res, err := at.Run(ctx, r.node, brief(recoveryStatus...))
				if err == nil || res.Outcome == evenkeel.Exited {
					err = r.over(evenkeel.Observed{Result: res})
				}
				if err != nil {
					res.Stdout = []byte("not every target serves on " + r.node + " yet: " + err.Error())
				} else {
					res.Stdout = []byte(strings.Join(r.lost(evenkeel.Observed{Result: res}), "\n"))
				}
				return sshexec.Result{Outcome: evenkeel.Exited, Stdout: res.Stdout}, nil
			}},
	}, Paper: []evenkeel.Block{{Script: shellescape.QuoteCommand(recoveryStatus) + " || true"}}}
	a.Expect.Tell = func(o evenkeel.Observed) []string { return lines(string(o.Stdout)) }
	return a
}

// recoveryFunction is the function of the paper for recoveryStatus.
const recoveryFunction = `# recovery TARGET...: how far the recovery of the targets of a node is,
# of lctl get_param '*.*.recovery_status'; these must be there
recovery() {
  awk -v list="$*" '
    /^error: get_param: .*(Found no match|No such file or directory)$/ { next }
    /^(mdt|obdfilter)\.[^.=]+\.recovery_status=/ { split($0, f, "."); id = f[2]; there[id] = 1; sub(/^[^=]*=/, ""); if ($0 == "") next }
    id == "" || !/^[A-Za-z][A-Za-z_ -]*:/ { print "NOT known:", $0; open = 1; next }
    { key = $0; sub(/:.*/, "", key); value = $0; sub(/^[^:]*:[ ]*/, "", value); of[id, key] = value }
    END {
      if (!NR) { print "NOT known: lctl said nothing"; open = 1 }
      n = split(list, t, " ")
      for (i = 1; i <= n; i++) if (!(t[i] in there)) { print t[i], "tells NOTHING of its recovery"; open = 1 }
      for (id in there) {
        is = of[id, "status"]
        if (is == "INACTIVE" || is == "COMPLETE" && of[id, "completed_clients"] ~ /^[0-9]+\/[0-9]+$/) continue
        print id, "is NOT over:", is, "back", of[id, "connected_clients"], "completed", of[id, "completed_clients"], \
          "evicted", of[id, "evicted_clients"], "seconds left", of[id, "time_remaining"], "waits for", of[id, "non-ready MDTs"]
        open = 1
      }
      if (!open) print "every recovery is over"
    }' | LC_ALL=C sort
}
`

// onDisk is said where the new release mounts the targets for the first time.
const (
	onDisk = "when the new release mounts a target for the first time, it may turn features on in the target's disk format that the old " +
		"release does not know; that may then refuse to mount it. The notes of the new release say whether it does; `dumpe2fs -h DEVICE`, " +
		"or `zpool get all POOL`, before and after shows what was turned on. The undo gives the targets back to node 2 all the same; one " +
		"that does not start there stays down until the run goes forward again"
	firstMount = "the new release mounts the targets for the first time, and may change their disk format: see the points of no return"
	backAgain  = "a target of which the new release has changed the disk format may not start under the old one: it stays down until " +
		"the run goes forward again"
)
