//go:build integration

package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// H27: node 2 is told to release its targets, and while `umount` is at work there its cluster loses the record of the stop: somebody
// cleans the history up, or the daemons are killed and started again, and look for the targets anew. The mount table
// has forgotten the mounts already. Nothing is enabled on node 1 before the last umount has ended; then all are. Node 2
// is real, with its old cluster. What is enabled on node 1 is only written down: that spares the test the rebuild.
func TestRealPairForgetsAStop(t *testing.T) {
	t.Parallel()
	l := newLive(t, 3, func(c *lustrejob.Config) { c.Outage = 3 * time.Minute })
	l.exec(1, "pcs property set stonith-enabled=false")
	l.exec(0, "pcs node standby ct6-mds1 --wait=60")
	l.exec(0, "service pacemaker stop && service corosync stop && pcs cluster disable")
	l.exec(1, "pcs cluster disable")
	slow, node2 := l.targets[0], l.lab.Nodes()[1].Name()
	require.NoError(t, l.lab.SetTarget(slow.UUID, pairlab.Behaviour{StartDelay: 2 * time.Second, HangStop: true}))

	enabled := make(chan []string, 1) // who served the slow target when that was enabled
	started := map[string]bool{}      // the targets that were enabled
	node1 := l.lab.Nodes()[0].Name()
	hosts := evenkeel.HostMap{node2: l.clients[node2],
		node1: sshexec.WithSimLease(node1, &sshexec.SimLease{},
			sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
				res := sshexec.Result{Outcome: sshexec.Exited}
				switch {
				case cmd.Effect != sshexec.ReadOnly:
					for _, target := range l.targets {
						id := pairlab.ResourceID(target)
						if !strings.Contains(cmd.Stdin.PlainText(), `id="`+id+`"`) || started[id] {
							continue
						}
						if started[id] = true; target == slow {
							enabled <- l.serving(slow)
						}
					}
				case cmd.Argv[0] == "cibadmin":
					res.Stdout = l.newCIB(started)
				}
				return res, nil
			}))}
	ended := make(chan error, 1)
	go func() {
		_, err := evenkeel.Run(t.Context(), l.onlyTheOutage(), hosts, evenkeel.Options{Journal: l.journal})
		ended <- err
	}()
	require.Eventually(t, func() bool { return l.unmounting(1, slow.Mount) }, 2*time.Minute, 200*time.Millisecond)
	for _, line := range []string{
		"crm_resource --cleanup && crm_resource --refresh", // Pacemaker 2.1 forgets a stop that is under way at once
		"killall -9 pacemakerd pacemaker-execd pacemaker-controld pacemaker-schedulerd pacemaker-based pacemaker-attrd " +
			"pacemaker-fenced; sleep 2; service pacemaker start",
	} {
		t.Log(line, l.exec(1, line))
		again := func() bool {
			return !strings.HasPrefix(line, "killall") || strings.HasPrefix(l.last(1), slow.Label+": "+pacemaker.RecordNotFound.String())
		}
		for began := time.Now(); !again() && time.Since(began) < time.Minute; time.Sleep(time.Second) { // it starts, and looks for the targets
		}
		t.Logf("recorded on node 2: %s\n%s", l.last(1),
			l.exec(1, "service pacemaker status; crm_mon -1 2>&1; ps -e -o stat= -o args= | grep -E 'pacemaker|umount'"))
		require.True(t, l.unmounting(1, slow.Mount), "umount has ended")
		require.NotContains(t, l.exec(1, "cat /proc/mounts"), slow.Mount)
		select {
		case on := <-enabled:
			require.Fail(t, "enabled on node 1 while umount is at work on node 2", "it is served by %v", on)
		case err := <-ended:
			require.Fail(t, "the run has ended", "%v", err)
		case <-time.After(4 * time.Second): // many looks
		}
	}
	require.NoError(t, l.lab.SetTarget(slow.UUID, pairlab.Behaviour{StartDelay: 2 * time.Second}))
	require.NoError(t, <-ended)
	require.Empty(t, <-enabled)
	l.sound()
}

// onlyTheOutage is the part of the switch-over in which node 2 lets go and node 1 is given the targets.
func (l *live) onlyTheOutage() *evenkeel.Runbook {
	book := *l.book
	book.Invariants, book.LeaseHosts = nil, nil
	step := book.Steps[slices.IndexFunc(book.Steps, func(s evenkeel.Step) bool { return s.ID == "switch-over" })]
	step.Needs, step.Opens, step.Closes, step.Verify, step.Undo, step.Harmless = nil, nil, nil, nil, nil, "a test"
	step.Actions = slices.DeleteFunc(slices.Clone(step.Actions),
		func(a evenkeel.Action) bool { return a.ID != "let-go" && a.ID != "hand-over" })
	book.Steps = []evenkeel.Step{step}
	return &book
}

// newCIB is what the new cluster on node 1 would say.
func (l *live) newCIB(started map[string]bool) []byte {
	cib := l.pair.CIB.Clone()
	for _, target := range l.pair.Targets {
		role := map[bool]string{true: "Started", false: "Stopped"}[started[target.Resource]]
		require.NoError(l.t, cib.SetMeta(target.Resource, "target-role", role))
	}
	text, err := cib.Query()
	require.NoError(l.t, err)
	return text
}

// unmounting tells whether umount is at work on a directory of a node.
func (r *real) unmounting(node int, dir string) bool {
	out, _, _, err := r.lab.Nodes()[node].Exec(r.t.Context(), nil, "ps", "-e", "-o", "args=")
	require.NoError(r.t, err)
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 2 && strings.HasSuffix(f[0], "/umount") && f[1] == dir {
			return true
		}
	}
	return false
}

// last is what a node's cluster has recorded of the targets there; empty where it does not answer.
func (r *real) last(node int) string {
	out, _, _, err := r.lab.Nodes()[node].Exec(r.t.Context(), nil, "cibadmin", "--query")
	require.NoError(r.t, err)
	cib, err := pacemaker.ParseCIB(bytes.NewReader(out))
	if err != nil {
		return ""
	}
	var text strings.Builder
	for _, target := range r.targets {
		last, is := cib.LastOperation(r.lab.Nodes()[node].Short(), pairlab.ResourceID(target))
		fmt.Fprintf(&text, "%s: %s %+v; ", target.Label, is, last)
	}
	return text.String()
}

func (r *real) serving(target pairlab.Target) []string {
	truth, err := r.lab.Truth()
	require.NoError(r.t, err)
	return truth.Serving(target.UUID)
}
