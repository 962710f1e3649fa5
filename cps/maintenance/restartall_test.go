package maintenance_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
)

func restartingAll(t testing.TB) *evenkeel.Runbook {
	t.Helper()
	rb, err := maintenance.RestartAll(maintenance.RestartConfig{}, hosts(t))
	require.NoError(t, err)
	return rb
}

// hearing is an operator who confirms everything, and notes what for.
type hearing struct{ told []string }

func (n *hearing) Prompt(_ context.Context, ask evenkeel.Prompt) (string, error) {
	n.told = append(n.told, ask.Action.Manual)
	return "so it is", nil
}

// TestRestartAll (CPS-179): the processes of every VM are restarted, after the operator has confirmed the loss.
func TestRestartAll(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	rb := restartingAll(t)
	require.Contains(t, rb.Intro, "Caution: messages are dropped (cps:1354)")
	operator := &hearing{}
	opts := options(w, &evenkeel.MemJournal{})
	opts.Operator = operator
	_, err := evenkeel.Run(t.Context(), rb, w, opts)
	require.NoError(t, err)
	require.NoError(t, w.Check())
	require.Len(t, operator.told, 1)
	require.Contains(t, operator.told[0], "drops messages (cps:1354). Confirm that this is a quiet hour")
	restarts := 0
	for _, e := range w.Log() {
		if strings.Contains(strings.Join(e.Argv, " "), "restartall.sh") {
			restarts++
		}
	}
	require.Equal(t, 1, restarts)
}

// TestRestartAllIsLiedTo (CPS-179): on a cluster that is not fit nothing is restarted, and what does not come back is seen.
func TestRestartAllIsLiedTo(t *testing.T) {
	busy := func(truth string) string {
		return strings.Replace(truth, "\n", "\nroot 5000 1 2 00:00 ? 00:10:00 /bin/bash /mnt/iso/migrate.sh enable set 1 x\n", 1)
	}
	for stops, lie := range map[string]cpstest.Lie{
		"hosts.sh lists lb01 lb02": {Command: "hosts.sh", Says: func(truth string) string { return truth + "qns09\n" }},
		"did not check HAProxy":    {Command: "diagnostics.sh", Says: withoutHAProxy},
		"still running: process":   {Command: "ps -ef", Says: busy},
		"running-qns03":            {Command: "restartall.sh", Then: []string{"qns03 service qns stop"}},
		"step restart, action h":   {Command: "restartall.sh", Then: []string{"world recovering sessionmgr02:27717"}},
	} {
		t.Run(stops, func(t *testing.T) {
			w := deploy(t, cpstest.Options{})
			require.NoError(t, w.Lie(lie))
			report, err := evenkeel.Run(t.Context(), restartingAll(t), w, options(w, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, stops)
			require.Equal(t, lie.Command == "restartall.sh", report.State.Changed, "%v", err)
		})
	}
}

func TestRestartAllRehearsed(t *testing.T) {
	plan := evenkeel.RehearsalPlan{Every: 7, Operator: func(evenkeel.World) evenkeel.Operator { return confirming{} }}
	report, err := evenkeel.Rehearse(t.Context(), restartingAll(t), deploy(t, cpstest.Options{}), plan)
	require.NoError(t, err)
	require.Greater(t, report.Schedules, 10)
	for _, f := range report.Failures {
		t.Error(f)
	}
}

// TestRestartAllIsRefused (CPS-179): a class with one VM would serve nobody while that restarts.
func TestRestartAllIsRefused(t *testing.T) {
	one, err := cps.ParseHosts(strings.NewReader(strings.ReplaceAll(deploy(t, cpstest.Options{}).read("/var/qps/config/deploy/csv/Hosts.csv"),
		"esxi-host-4,lb02,lb02,lb02,datastore4,,192.168.105.14,10.197.98.62,\n", "")))
	require.NoError(t, err)
	_, err = maintenance.RestartAll(maintenance.RestartConfig{}, one)
	require.ErrorContains(t, err, "1 VM of class lb: while it restarts nobody does its work")
	_, err = maintenance.RestartAll(maintenance.RestartConfig{}, nil)
	require.ErrorContains(t, err, "Hosts.csv is needed")
}

func TestRestartAllOnPaper(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	byHand := w.Clone().(simulated)
	_, err := evenkeel.Run(t.Context(), restartingAll(t), w, options(w, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	followedByHand(t, restartingAll(t), "restartall", byHand, false)
	require.Equal(t, w.Hash(), byHand.Hash())
}

// TestUnknownSessionCache (CPS-242): a member of the session cache that is UNKNOWN is not repaired one by one.
func TestUnknownSessionCache(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	conf, err := cps.ParseMongoConfig(strings.NewReader(w.read("/etc/broadhop/mongoConfig.cfg")))
	require.NoError(t, err)
	for set, want := range map[string]string{
		"set01:27717": "finish the upgrade, or roll it back (cps:1794-1808)",
		"set02:27718": "look at its connection with the other members first (cps:1877)",
	} {
		name, port, _ := strings.Cut(set, ":")
		rb, err := maintenance.Recover(maintenance.RecoverConfig{Set: name, Member: "sessionmgr02:" + port}, hosts(t), conf)
		require.NoError(t, err)
		w := deploy(t, cpstest.Options{})
		require.NoError(t, w.Lie(cpstest.Lie{Command: "diagnostics.sh --get_replica_status", Says: func(truth string) string {
			return unknownRow(truth, port, "sessionmgr02")
		}}))
		report, err := evenkeel.Run(t.Context(), rb, w, evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: w.Clock()})
		require.ErrorContains(t, err, want, set)
		require.False(t, report.State.Changed)
	}
}

// unknownRow has the table say that a member is UNKNOWN.
func unknownRow(table, port, host string) string {
	var b strings.Builder
	for line := range strings.Lines(table) {
		if strings.Contains(line, "- "+port+" ") && strings.Contains(line, " "+host+" ") {
			line = strings.NewReplacer("SECONDARY", "UNKNOWN  ", "PRIMARY", "UNKNOWN").Replace(line)
		}
		b.WriteString(line)
	}
	return b.String()
}
