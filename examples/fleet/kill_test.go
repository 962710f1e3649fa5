package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/temporaltest"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// point is a change of a runbook at which a worker is lost.
type point struct {
	change string // host and command
	repeat evenkeel.Repeat
}

// once tells whether it may not be made twice. What only looks says nothing of that.
func (p point) once() bool { return p.repeat == evenkeel.ProbeFirst || p.repeat == evenkeel.Never }

// pointsOf are the changes of a runbook that a run was seen to make, in their order, and that can be recognised on their way
// to the machine: the run sends them as they stand in the runbook. A look is none: by chance the simulated pair may change at it.
func pointsOf(book *evenkeel.Runbook, seen truth) (list []point) {
	for _, s := range book.Steps {
		for _, a := range s.Actions {
			if a.Op != nil || a.Detached || len(a.Cmd.Argv) == 0 || a.Cmd.Effect == sshexec.ReadOnly {
				continue
			}
			host := a.Host
			if host == "" {
				host = s.Host
			}
			line := host + " " + strings.Join(a.Cmd.Argv, " ")
			known := slices.ContainsFunc(list, func(p point) bool { return p.change == line })
			if !known && seen.changes[line] > 0 && host+" "+a.Cmd.String() == line {
				list = append(list, point{line, a.Repeat})
			}
		}
	}
	return list
}

// What only looks, what runs detached, what is sent in other words and what the run did not do is no point.
func TestPointsAreChanges(t *testing.T) {
	do := evenkeel.Do("do", "Do it", "do", "it")
	away := evenkeel.Do("away", "Do it elsewhere", "do", "it")
	away.Host = "h2"
	look := evenkeel.Look("look", "Look", "cat", "/proc/mounts")
	job := evenkeel.Do("job", "Do it for long", "do", "long")
	job.Detached = true
	quoted := evenkeel.Do("quoted", "Do two words", "do", "two words")
	unseen := evenkeel.Do("unseen", "Do nothing", "do", "nothing")
	book := &evenkeel.Runbook{Steps: []evenkeel.Step{{ID: "s1", Host: "h", Actions: []evenkeel.Action{look, do, job, quoted, unseen}},
		{ID: "s2", Host: "h", Actions: []evenkeel.Action{away, do, evenkeel.ByHand("m", "Confirm it", "Look at it.")}}}}
	seen := truth{changes: map[string]int{"h cat /proc/mounts": 1, "h do it": 2, "h2 do it": 1, "h do long": 1, "h do two words": 1, "h ": 1}}
	require.Equal(t, []point{{"h do it", do.Repeat}, {"h2 do it", away.Repeat}}, pointsOf(book, seen))
}

// A worker is lost at three seeded changes of one run, just before or just after the effect: killed (-9), or suspended for
// longer than its heartbeat, and then it comes back. The pair ends as one that is run alone, and no change was made twice
// that may not be. EVENKEEL_SEED chooses others, and EVENKEEL_POINTS how many.
func TestWorkersAreLostAtSeededPoints(t *testing.T) {
	many := 3
	if n, err := strconv.Atoi(os.Getenv("EVENKEEL_POINTS")); err == nil {
		many = n
	}
	seed := seedOf(t)
	server := temporaltest.NewServer(temporaltest.WithT(t))
	a, err := newArena(t.Context(), t.TempDir(), server, program(t.Context()), 1)
	require.NoError(t, err)
	defer a.close()
	alone, err := plain(t.Context(), filepath.Join(a.dir, "plain"))
	require.NoError(t, err)
	book, err := a.site.Book("pair1")
	require.NoError(t, err)
	list := pointsOf(book, alone)
	require.Greater(t, len(list), 2*many)
	random := rand.New(rand.NewPCG(seed, 1)) // #nosec G404 -- a seed
	chosen := random.Perm(len(list))[:many]
	slices.Sort(chosen)
	whens := []string{"before", "after"}

	in, err := a.site.In("pair1")
	require.NoError(t, err)
	in.Limits = flow.Limits{Heartbeat: 6 * time.Second, Start: 6 * time.Second}
	for _, name := range []string{"w1", "w2"} {
		require.NoError(t, a.work(name))
	}
	sim, workers, once, lives := a.sims["pair1"], 2, 0, 0
	var back []*os.Process // suspended, to come back at the next point
	another := func() {
		a.comes(t, "another life of pair1", func() bool {
			s := standing(t.Context(), a.client, a.id("pair1"))
			return s.State != unknown && s.Lives > lives
		})
	}
	for i, n := range chosen {
		p, when := list[n], whens[random.IntN(2)]
		reached := sim.Hold(when, p.change) // before another life begins: it may come to this change at once
		if i == 0 {
			require.NoError(t, startOne(t.Context(), a.client, a.id("pair1"), a.site.Queue, flow.PairWorkflow, false, in))
		} else {
			another()
		}
		a.reaches(t, "pair1", fmt.Sprintf("seed %d, point %d: %s %s", seed, i+1, when, p.change), reached)
		for _, one := range back {
			require.NoError(t, one.Signal(syscall.SIGCONT))
		}
		back = nil
		if p.once() {
			once++
		}
		holder := a.holder(t, "pair1")
		a.comes(t, "pair1 tells its lives", func() bool {
			s := standing(t.Context(), a.client, a.id("pair1"))
			lives = s.Lives
			return s.State != unknown
		})
		if kills := random.IntN(3) > 0; kills {
			t.Logf("kill -9 of %s %s %s (%s)", holder, when, p.change, p.repeat)
			a.kill(holder)
			workers++
			require.NoError(t, a.work(fmt.Sprintf("w%d", workers)))
		} else {
			t.Logf("%s is suspended %s %s (%s)", holder, when, p.change, p.repeat)
			process := a.workers[holder].Process
			require.NoError(t, process.Signal(syscall.SIGSTOP))
			back = append(back, process)
		}
		sim.Release()
	}
	another() // a worker that is suspended at the last point comes back after that too
	for _, one := range back {
		require.NoError(t, one.Signal(syscall.SIGCONT))
	}
	var s course.Standing
	a.within(t, whole, "pair1 finished", func() bool {
		s = standing(t.Context(), a.client, a.id("pair1"))
		return s.State == course.Finished
	})
	require.GreaterOrEqual(t, s.Lost, many)

	is, err := tell(sim)
	require.NoError(t, err)
	require.Equal(t, alone.end, is.end, "it ends as one that is run alone; seed %d", seed)
	require.Empty(t, is.violated)
	for _, p := range list {
		if p.once() {
			require.Equal(t, alone.changes[p.change], is.changes[p.change], "%s is %s; seed %d", p.change, p.repeat, seed)
		}
	}
	history, err := flow.History(t.Context(), a.client, a.id("pair1"))
	require.NoError(t, err)
	require.Len(t, history, s.Records)
	t.Logf("seed %d: %d points, %d of them at changes that may not be repeated blindly; %d lives, %d commands (%d alone)",
		seed, many, once, s.Lives, is.commands, alone.commands)
}
