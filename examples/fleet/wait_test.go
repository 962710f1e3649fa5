package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/wave"
)

// patience is how long a test waits for one thing. It is for a machine that other work keeps busy; what comes later than
// that does not come.
const patience = 3 * time.Minute

// whole is how long it waits for whole runs of pairs.
const whole = 20 * time.Minute

// begins begins the fleet, all pairs at once and with all the time that they need: no worker is lost.
func (a *arena) begins(t *testing.T) {
	t.Helper()
	in := flow.FleetIn{Plan: wave.Plan{Waves: [][]string{a.site.Names()}}, Pairs: map[string]flow.In{}}
	for _, name := range a.site.Names() {
		one, err := a.site.In(name)
		require.NoError(t, err)
		one.Limits = flow.Limits{Heartbeat: patience, Start: patience}
		in.Pairs[name] = one
	}
	require.NoError(t, startOne(t.Context(), a.client, a.site.Name, a.site.Queue, flow.FleetWorkflow, false, in))
}

// comes waits until something is so; else it says for what the fleet and its pairs wait.
func (a *arena) comes(t *testing.T, what string, so func() bool) {
	t.Helper()
	a.within(t, patience, what, so)
}

func (a *arena) within(t *testing.T, limit time.Duration, what string, so func() bool) {
	t.Helper()
	if err := until(t.Context(), what, limit, so); err != nil {
		t.Fatalf("%v\n%s", err, a.tell(a.site.Names()...))
	}
}

// reaches waits until a pair stands still at a point; where it ends or waits for an operator before, it does not come there.
func (a *arena) reaches(t *testing.T, pair, point string, reached <-chan struct{}) {
	t.Helper()
	there, state := false, course.Running
	a.within(t, whole, point, func() bool {
		select {
		case <-reached:
			there = true
		default:
			state = standing(t.Context(), a.client, a.id(pair)).State
		}
		return there || state != course.Running && state != unknown
	})
	if !there {
		t.Fatalf("%s is not reached: %s is %s\n%s", point, pair, state, a.tell(pair))
	}
}

// tell is where the fleet and some pairs stand, and the ends of the workers' logs.
func (a *arena) tell(pairs ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var b strings.Builder
	var f flow.FleetStanding
	if err := query(ctx, a.client, a.site.Name, flow.QueryStanding, &f); err != nil {
		fmt.Fprintf(&b, "fleet: %v\n", err)
	} else {
		raw, _ := json.Marshal(f)
		fmt.Fprintf(&b, "fleet: %s\n", raw)
	}
	for _, name := range pairs {
		raw, _ := json.Marshal(standing(ctx, a.client, a.id(name)))
		fmt.Fprintf(&b, "%s\n", raw)
	}
	logs, _ := filepath.Glob(filepath.Join(a.dir, "*.log"))
	for _, name := range logs {
		raw, _ := os.ReadFile(name)
		fmt.Fprintf(&b, "%s: %s\n", filepath.Base(name), raw[max(0, len(raw)-2000):])
	}
	return b.String()
}

// holder is the worker that has the life of a pair.
func (a *arena) holder(t *testing.T, pair string) (name string) {
	t.Helper()
	a.comes(t, pair+" tells its worker", func() (ok bool) {
		name, ok = strings.CutPrefix(standing(t.Context(), a.client, a.id(pair)).Worker, a.site.Queue+"@")
		return ok
	})
	return name
}

// seedOf is EVENKEEL_SEED, or the same one each time.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("EVENKEEL_SEED")
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	return seed
}
