//go:build integration

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// ways are the two ways to make the cluster again.
var ways = map[string]func(*lustrejob.Config){
	"commands": func(*lustrejob.Config) {},
	"one CIB":  func(c *lustrejob.Config) { c.Atomic = true },
}

// H5, H8 to H10, H17, H25, H26: a real pair is upgraded in both ways, and comes to the same end.
func TestRealPairIsUpgraded(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	ends := map[string]*pacemaker.CIB{}
	t.Run("both", func(t *testing.T) {
		for name, way := range ways {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newReal(t, 3, way)
				before := r.cib(0)
				exit, out := r.upgrade("run")
				require.Equal(t, cli.ExitDone, exit, out)
				after := r.upgraded()
				r.asBefore(before, after)
				r.unfenced()
				r.fencingWorks()
				mu.Lock()
				defer mu.Unlock()
				ends[name] = after
			})
		}
	})
	if len(ends) == len(ways) {
		require.Empty(t, pacemaker.Diff(ends["one CIB"], ends["commands"], pacemaker.Expect(pacemaker.RebuildExpectations()...)))
	}
}

// asBefore wants the configuration to be the one from before the upgrade but for the declared differences.
func (r *real) asBefore(before, after *pacemaker.CIB) {
	r.t.Helper()
	pair := r.pair()
	opts := []pacemaker.DiffOption{pacemaker.RenameNodes(pair.Names), pacemaker.Expect(pacemaker.RebuildExpectations()...),
		pacemaker.ManagedIDs()}
	if r.byHand { // what was moved says its role, and fence devices have the new names of the nodes
		moved := slices.Clone(healthClones)
		for _, target := range pair.Targets {
			moved = append(moved, target.Switch)
		}
		opts = append(opts, pacemaker.Expect(pacemaker.ExpectRenamed(pair.Names), pacemaker.ExpectRole("Started", moved...)))
	}
	require.Empty(r.t, pacemaker.Diff(before, after, opts...))
}

// healthClones are those of a pair that people made.
var healthClones = []string{"healthLNET-clone", "healthLUSTRE-clone"}

// goesOn resumes the run to the end that every way comes to, with nothing fenced.
func (r *real) goesOn(before *pacemaker.CIB) {
	r.t.Helper()
	exit, out := r.upgrade("resume")
	require.Equal(r.t, cli.ExitDone, exit, out)
	r.asBefore(before, r.upgraded())
	r.unfenced()
}

// fencingWorks breaks node 2 on purpose: it must be powered off for good by the restored fencing, and its targets must
// come up on node 1 without ever being mounted twice.
func (r *real) fencingWorks() {
	r.t.Helper()
	nodes := r.lab.Nodes()
	require.NoError(r.t, nodes[1].Kill("corosync"))
	require.Eventually(r.t, func() bool {
		truth, err := r.lab.Truth()
		require.NoError(r.t, err)
		fenced := slices.ContainsFunc(truth.Fencings,
			func(f pairlab.Fencing) bool { return f.Victim == nodes[1].Name() && f.By == nodes[0].Name() })
		for _, target := range r.targets {
			if !slices.Equal(truth.Serving(target.UUID), []string{nodes[0].Name()}) {
				return false
			}
		}
		return fenced
	}, 3*time.Minute, 200*time.Millisecond)
	r.sound()
}

// record is what the tests need of a journal's record.
type record struct {
	Kind, Step, Action, Phase string
}

// records reads the journal, which may be growing.
func (r *real) records() []record { return readRecords(filepath.Join(r.dir, "journal.jsonl")) }

func readRecords(path string) []record {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var out []record
	for line := range bytes.Lines(raw) {
		var rec record
		if json.Unmarshal(line, &rec) == nil && bytes.HasSuffix(line, []byte("\n")) {
			out = append(out, rec)
		}
	}
	return out
}

// began tells whether an action has begun.
func (r *real) began(step, action string) bool {
	return slices.ContainsFunc(r.records(), func(rec record) bool { return rec.Kind == "start" && rec.Step == step && rec.Action == action })
}

// until runs a life of the tool, and does something when the time for it has come.
func (r *real) until(verb string, come func() bool, do func(kill func())) (exit int, out string) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	cmd, text := r.command(ctx, verb, "--no-wait")
	require.NoError(r.t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	for done := false; !done; {
		select {
		case <-ended:
			return cmd.ProcessState.ExitCode(), text.String()
		case <-time.After(2 * time.Millisecond):
			done = come()
		}
	}
	do(func() { require.NoError(r.t, cmd.Process.Kill()) })
	<-ended
	return cmd.ProcessState.ExitCode(), text.String()
}

// WF-005, WF-006: the tool is killed at ten points that nobody chose, and resumed. It comes to the same end, and has
// done nothing twice that may not be.
func TestRealPairSurvivesKill9(t *testing.T) {
	t.Parallel()
	r := newReal(t, 3, ways["one CIB"])
	before := r.cib(0)
	const seed, kills, records = 20180612, 10, 430
	points := rand.New(rand.NewPCG(seed, 1)).Perm(records)[:kills]
	slices.Sort(points)
	t.Logf("seed %d: killed at records %v", seed, points)
	verb, killed := "run", 0
	for {
		var exit int
		var out string
		if killed < len(points) {
			exit, out = r.until(verb, func() bool { return len(r.records()) >= points[killed] }, func(kill func()) {
				kill()
				killed++
			})
		} else {
			exit, out = r.tool(verb, "--no-wait")
		}
		verb = "resume"
		if exit == cli.ExitDone {
			break
		}
		if exit >= 0 && (exit != cli.ExitHeld || !r.person(out)) {
			require.Fail(t, "the tool stopped", "after %d kills, with exit status %d:\n%s", killed, exit, out)
		}
	}
	require.Equal(t, kills, killed, "the run has fewer records than the test thinks")
	r.asBefore(before, r.upgraded())
}

// SSH-006: the connection is lost while a command runs: whether it ran is not guessed but looked at, and nothing is done twice.
func TestRealPairSurvivesLostConnections(t *testing.T) {
	t.Parallel()
	r := newReal(t, 3, nil)
	before := r.cib(0)
	cuts := []struct {
		step, action string
		node         int
	}{{"evacuate-node1", "standby", 0}, {"cluster-node1", "set-up-lustre-ha-cluster", 0}, {"switch-over", "let-go", 1},
		{"switch-over", "hand-over", 0}, {"join-node2", "add-ct6-mds2.lfs.intl", 0}}
	cut := 0
	for verb := "run"; ; verb = "resume" {
		exit, out := r.until(verb, func() bool { // a life of the tool may outlive several cuts
			if cut < len(cuts) && r.began(cuts[cut].step, cuts[cut].action) {
				require.NoError(t, r.lab.Nodes()[cuts[cut].node].Kill("sshd"))
				cut++
			}
			return false
		}, nil)
		if exit == cli.ExitDone {
			require.Equal(t, len(cuts), cut)
			break
		}
		// It may stop where nothing tells what became of the command: then it says so, and goes on when told to.
		require.Contains(t, []int{cli.ExitFailed, cli.ExitHeld}, exit, out)
		r.sound()
		r.person(out)
	}
	r.asBefore(before, r.upgraded())
}

// H1, H19: node 2 loses power while node 1 is rebuilt: every target is down, and only the operator can do something
// about it. The run stops and says what; when it was done, it goes on.
func TestRealPairNode2LosesPower(t *testing.T) {
	t.Parallel()
	r := newReal(t, 3, ways["one CIB"])
	before := r.cib(0)
	verb, exit, out := "run", 0, ""
	lost := false
	for !lost {
		exit, out = r.until(verb, func() bool { return r.began("lustre-node1", "install-1") }, func(func()) {
			lost = true
			require.NoError(t, r.lab.Nodes()[1].PowerOff())
		})
		if !lost {
			require.True(t, exit == cli.ExitHeld && r.person(out), out)
		}
		verb = "resume"
	}
	require.Contains(t, []int{cli.ExitFailed, cli.ExitHeld}, exit, out)
	r.sound()

	// The person gives it power again. Its old cluster starts alone, mounts its targets, and leaves node 1 alone: fencing is held.
	require.NoError(t, r.lab.Nodes()[1].PowerOn())
	node2 := r.lab.Nodes()[1].Name()
	require.Eventually(t, func() bool {
		truth, err := r.lab.Truth()
		require.NoError(t, err)
		for _, target := range r.targets {
			if !slices.Equal(truth.Serving(target.UUID), []string{node2}) {
				return false
			}
		}
		return true
	}, 3*time.Minute, 200*time.Millisecond)
	exit, out = r.tool("resume", "--no-wait")
	r.lookedInto(exit, out)
	r.goesOn(before)
}

// H1: the old cluster, restarted alone, shoots the node that is being rebuilt, unless its fencing is held as the runbook holds it.
func TestRealPairStartUpFencing(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]bool{"unguarded": false, "guarded": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReal(t, 3, nil)
			r.exec(1, "touch /etc/fence-standby") // IML's agent spares a node in standby; others do not
			r.exec(0, "pcs node standby ct6-mds1 --wait=60")
			if hold {
				r.exec(1, "pcs property set stonith-enabled=false")
			}
			r.exec(0, "service pacemaker stop && service corosync stop && pcs cluster disable")
			r.exec(1, "service pacemaker stop && service corosync stop && service corosync start && service pacemaker start")
			shot := func() bool {
				truth, err := r.lab.Truth()
				require.NoError(t, err)
				return len(truth.Fencings) > 0
			}
			if hold {
				require.Never(t, shot, time.Minute, time.Second)
			} else {
				require.Eventually(t, shot, 2*time.Minute, time.Second)
			}
			r.sound()
		})
	}
}
