package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

func TestMain(m *testing.M) { clitest.Main(m, app) }

// WF-006, SSH-010: kill -9 at any point, then resume, ends like an uninterrupted run.
func TestKill(t *testing.T) {
	require.Positive(t, clitest.Kill(t, app), "there is no command that must never be repeated")
}

// The same at every record and around every command, one after the other in one world.
func TestMarch(t *testing.T) { clitest.March(t, app) }

// DESIGN "Stopping": by signal, inside the outages and outside of them.
func TestSignals(t *testing.T) {
	clitest.Signals(t, app, 10*time.Minute, "switch-over/hand-over", "switch-over/let-go", "switch-over/hand-over",
		"evacuate-node1/standby", "leave-node1/pacemaker")
}

// DESIGN "Stopping": a terminal that is halted, a hung link or less that waits for a key do not hold an outage open.
func TestUnread(t *testing.T) {
	clitest.Unread(t, app, 10*time.Minute, "switch-over/hand-over", "switch-over/hand-over")
}

// The title of every step and action of every runbook is an imperative.
func TestTitles(t *testing.T) {
	clitest.Titles(t, app, map[string]clitest.Procedure{
		"offline":         {Job: map[string]any{"offline": true}},
		"atomic":          {Job: map[string]any{"atomic": true}},
		"SELinux":         {Job: map[string]any{"selinux": true, "disable_firewall": true, "no_autostart": true, "plain_pcs_constraints": true}},
		"ldiskfs by hand": {Dir: "testdata/pairs/ldiskfs-by-hand"},
		"ZFS in groups":   {Dir: "testdata/pairs/zfs-groups"},
	})
}
