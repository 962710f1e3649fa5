//go:build integration

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pacelive "github.com/evenkeel-ha/evenkeel/pacemaker/live"
)

// within is what Pacemaker itself takes, at its best: the old cluster of both nodes moves every target from node 2 to node 1, by one change
// of the CIB, its throttle lifted long before. No command stands between the stops and the starts, and no second cluster has to be
// told: what a move from one cluster to another can at most come near to.
func within(t *testing.T, targets int) (m measured) {
	m.way = "one cluster"
	t.Run(fmt.Sprintf("%s with %d targets", m.way, targets), func(t *testing.T) {
		l := newLive(t, targets, nil)
		property := func(name, value string) {
			l.exec(0, fmt.Sprintf("crm_attribute --type crm_config --name %s --update %s", name, value))
		}
		property("load-threshold", "1%") // a raised limit is told with a changed judgement of the load alone, every 30 s
		time.Sleep(40 * time.Second)
		for _, p := range pacelive.Unthrottled() {
			property(p.Name, p.Value)
		}
		standby := func(node int, value string) {
			name, _, _ := strings.Cut(l.lab.Nodes()[node].Name(), ".")
			l.exec(0, fmt.Sprintf("crm_attribute --type nodes --node %s --name standby --update %s", name, value))
		}
		standby(0, "on")
		l.allOn(1)
		time.Sleep(40 * time.Second)
		property("maintenance-mode", "true")
		standby(0, "off")
		standby(1, "on")
		since := l.now()
		property("maintenance-mode", "false")
		l.allOn(0)
		m.outages = l.outages(since)
		m.floor = l.floor()
	})
	return m
}

// allOn waits until one node serves every target.
func (l *live) allOn(node int) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		truth, err := l.lab.Truth()
		require.NoError(l.t, err)
		for _, target := range l.targets {
			if !slices.Equal(truth.Serving(target.UUID), []string{l.lab.Nodes()[node].Name()}) {
				return false
			}
		}
		return true
	}, 3*time.Minute, 50*time.Millisecond)
}
