//go:build integration

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// phases tells how long each thing took that happened to a target since a time of the truth, such as "stopped 1.000 s,
// start-begin 0.130 s, started 2.000 s": what is neither a stop nor a start is the way's own.
func phases(truth pairlab.Truth, target string, since time.Duration) string {
	var all []string
	last := since
	for _, c := range truth.Changes {
		if c.Target == target && c.At >= since {
			all = append(all, fmt.Sprintf("%s after %.3f s", c.Event, (c.At-last).Seconds()))
			last = c.At
		}
	}
	return strings.Join(all, ", ")
}

// seen is how long after the last mount the tool has seen that every recovery is over.
func (l *live) seen() time.Duration {
	l.t.Helper()
	truth, err := l.lab.Truth()
	require.NoError(l.t, err)
	var last time.Duration
	for _, c := range truth.Changes {
		if c.Event == wire.Started && c.At > last {
			last = c.At
		}
	}
	return l.ended("switch-over", "recovered").Sub(truth.Began.Add(last))
}

// floor is what no procedure can beat: on node 1, which nobody else touches, the agent of every target stops and starts it, all at
// once. Each recovers again.
func (l *live) floor() []time.Duration {
	l.t.Helper()
	l.exec(0, "pcs property set maintenance-mode=true && sleep 5") // and what monitors run have ended
	since := l.now()
	var script strings.Builder
	script.WriteString("export OCF_ROOT=/usr/lib/ocf; agent=$OCF_ROOT/resource.d/chroma/Target; ")
	for _, target := range l.targets {
		fmt.Fprintf(&script, "( export OCF_RESKEY_target=%s; $agent stop && $agent start ) & ", target.UUID)
	}
	l.exec(0, script.String()+"wait")
	l.recovered()
	return l.outages(since)
}

// recovered wants every target's recovery to be over, in the time that the lab gives it.
func (l *live) recovered() {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		list, err := lustre.ParseRecovery(strings.NewReader(l.exec(0, "lctl get_param '*.*.recovery_status'")))
		require.NoError(l.t, err)
		return !slices.ContainsFunc(list, func(one lustre.Recovery) bool { return !one.Over() || one.Evicted > 0 })
	}, time.Minute, 200*time.Millisecond)
}

// stopwatch is a connection that notes how long each command took.
type stopwatch struct {
	*sshexec.Client
	took *laps
}

func (s stopwatch) Run(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	began := time.Now()
	res, err := s.Client.Run(ctx, cmd)
	s.took.add(lap{began, time.Now(), s.Host() + " " + strings.Join(cmd.Argv[:min(len(cmd.Argv), 3)], " ")})
	return res, err
}

type lap struct {
	began, ended time.Time
	command      string
}

type laps struct {
	mu  sync.Mutex
	all []lap
}

func (l *laps) add(one lap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, one)
}

// within are the commands between two times, each with when it began and how long it took.
func (l *laps) within(from, to time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, one := range l.all {
		if one.began.After(from) && one.began.Before(to) {
			fmt.Fprintf(&b, "%8.3f %6.3f  %s\n", one.began.Sub(from).Seconds(), one.ended.Sub(one.began).Seconds(), one.command)
		}
	}
	return b.String()
}
