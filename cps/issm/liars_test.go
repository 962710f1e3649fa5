package issm_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// TestSuccessWithoutAnArchive: migrate.sh says SUCCESS and has made nothing. The archive of an earlier migration is no
// archive of this one, and no machine is destroyed.
func TestSuccessWithoutAnArchive(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	run(w, "cluman", "touch", "/var/tmp/migrate_cluman_20190101_000000.tar.gz")
	require.NoError(t, w.Lie(cpstest.Lie{Command: "migrate.sh backup cluman", Idle: true}))
	o := runOn(t, runbook(t, issm.Config{ArchiveDir: t.TempDir()}), w, "")
	require.ErrorContains(t, o.err, "backup-cluman, action save")
	require.ErrorContains(t, o.err, "is from before this run")
	require.NoError(t, w.Check())
}

// TestTheCopyIsComparedBeforeTheMachineGoes: an archive that was changed on the operator's own disk is found before the VMs are deleted.
func TestTheCopyIsComparedBeforeTheMachineGoes(t *testing.T) {
	dir := t.TempDir()
	rb := runbook(t, issm.Config{ArchiveDir: dir})
	w := liar{deploy(t, cpstest.Options{Technician: cpstest.Technician{DeleteAfter: 1000 * time.Hour}}),
		func(string, sshexec.Cmd) (string, bool) { return "", false }}
	opts := evenkeel.Options{
		Journal: &evenkeel.MemJournal{}, Clock: w.Clock(), Operator: &technician{world: w.simulated}, Serial: true, RunID: testRun,
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventStepDone && e.Step.ID == "archive-set-1" {
				files, err := filepath.Glob(filepath.Join(dir, "migrate_set-1_*"))
				require.NoError(t, err)
				require.Len(t, files, 1)
				other, err := filepath.Glob(filepath.Join(dir, "migrate_cluman_*"))
				require.NoError(t, err)
				data, err := os.ReadFile(other[0]) // whole, and another one
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(files[0], data, 0o600))
			}
		}),
	}
	_, err := evenkeel.Run(t.Context(), rb, w, opts)
	require.ErrorContains(t, err, "redeploy-set-1, action kept")
	require.ErrorContains(t, err, "is not the original")
}

// TestAStuckMongodIsSeen: systemctl says that it stopped a RECOVERING member, and its process is still there: whatever
// its command line looks like, the operator must look; and a list of processes that is not whole proves nothing.
func TestAStuckMongodIsSeen(t *testing.T) {
	rows := strings.TrimSuffix(psList, psList[strings.LastIndex(psList, "root      9999"):])
	row := func(command string) string {
		return rows + "root      5000     1  2 00:00 ?        00:10:00 " + command + "\nroot      9999  4000  0 10:00 pts/0    00:00:00 ps -ef\n"
	}
	for name, tc := range map[string]struct{ list, wants string }{
		"an option":           {row("/usr/bin/mongod --port 27718 --replSet set02"), "does not stop"},
		"an option with =":    {row("/usr/bin/mongod --port=27718"), "does not stop"},
		"its configuration":   {row("/usr/bin/mongod -f /etc/mongod-27718.conf"), "does not stop"},
		"its data directory":  {row("mongod --dbpath /var/data/sessions.27718"), "does not stop"},
		"nothing":             {"", "ps -ef"},
		"cut off":             {rows, "not whole"},
		"another program":     {"bash: ps: command not found\n", "ps -ef"},
		"the heading of it":   {psList[:strings.Index(psList, "\n")+1], "not whole"},
		"without this at all": {row("/usr/bin/mongod --port 27719 --replSet set03"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			rb := runbook(t, issm.Config{ArchiveDir: t.TempDir()})
			w := deploy(t, cpstest.Options{Data: map[string]cpstest.Data{"set02": {OplogWindow: 10 * time.Minute, ApplyRate: 0.2}}})
			o := runOn(t, rb, w, "")
			require.Error(t, o.err)
			recover := rb.Recover
			rb.Recover = func(st *evenkeel.State) (*evenkeel.Runbook, error) {
				plan, err := recover(st)
				if err == nil {
					plan.Steps = plan.Steps[:2] // as far as the step that stops them
					require.Equal(t, "stop-recovering", plan.Steps[1].ID)
				}
				return plan, err
			}
			l := liar{w, func(host string, cmd sshexec.Cmd) (string, bool) {
				return tc.list, host == "sessionmgr02" && strings.Join(cmd.Argv, " ") == "ps -ef"
			}}
			_, err := evenkeel.Rollback(context.Background(), rb, l,
				evenkeel.Options{Journal: o.journal, Clock: w.Clock(), Operator: &technician{world: w}, Serial: true, Holder: "test"})
			if tc.wants == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.wants)
		})
	}
}

// TestRecoveringIsNotTheOnlyTrouble: a rollback begins when each member of set 1 is at work or stopped; a state in
// between is waited for, whatever it is called.
func TestRecoveringIsNotTheOnlyTrouble(t *testing.T) {
	all := everyRunbook(t)
	p := all[1]
	require.Equal(t, "rollback", p.name)
	check := p.find(t, "stop-recovering/none").Expect.Check
	good := statusTable(t)
	require.NoError(t, check(p.seen(printed(t, good), 0)))
	for set := range good.Sets {
		require.NoError(t, check(p.seen(change(t, good, set, "sessionmgr02", offline), 0)), "it is stopped")
		for _, s := range []cps.MemberState{cps.StateRecovering, "STARTUP", "STARTUP2", "ROLLBACK", "FROBNICATING"} {
			require.Error(t, check(p.seen(change(t, good, set, "sessionmgr02", state(s)), 0)), s)
		}
		require.Error(t, check(p.seen(change(t, good, set, "sessionmgr02", nil), 0)), "it is not listed")
	}
}
