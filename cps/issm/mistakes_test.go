package issm_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Edits of a runbook, as a careless author would make them.

func without(ids ...string) func(*evenkeel.Runbook) {
	return func(rb *evenkeel.Runbook) {
		rb.Steps = slices.DeleteFunc(rb.Steps, func(s evenkeel.Step) bool { return slices.Contains(ids, s.ID) })
	}
}

// before moves steps, in their order, to right before another one.
func before(place string, ids ...string) func(*evenkeel.Runbook) {
	return func(rb *evenkeel.Runbook) {
		var moved []evenkeel.Step
		for _, s := range rb.Steps {
			if slices.Contains(ids, s.ID) {
				moved = append(moved, s)
			}
		}
		without(ids...)(rb)
		at := slices.IndexFunc(rb.Steps, func(s evenkeel.Step) bool { return s.ID == place })
		rb.Steps = slices.Insert(rb.Steps, at, moved...)
	}
}

// edit changes the actions of a step.
func edit(step string, change func([]evenkeel.Action) []evenkeel.Action) func(*evenkeel.Runbook) {
	return func(rb *evenkeel.Runbook) {
		for i := range rb.Steps {
			if rb.Steps[i].ID == step {
				rb.Steps[i].Actions = change(slices.Clone(rb.Steps[i].Actions))
			}
		}
	}
}

func dropActions(step string, ids ...string) func(*evenkeel.Runbook) {
	return edit(step, func(actions []evenkeel.Action) []evenkeel.Action {
		return slices.DeleteFunc(actions, func(a evenkeel.Action) bool { return slices.Contains(ids, a.ID) })
	})
}

// blind takes away all that looks once the Cluster Manager is new: guards, read-only checks and invariants. What is
// left is what an operator types who never looks.
func blind(rb *evenkeel.Runbook) {
	rb.Invariants = nil
	manager := true
	for i := range rb.Steps {
		s := &rb.Steps[i]
		s.Opens, s.Closes = nil, nil
		if manager {
			manager = s.ID != "cluster-sets"
			continue
		}
		s.Verify = nil
		s.Actions = slices.DeleteFunc(slices.Clone(s.Actions), func(a evenkeel.Action) bool {
			looks := a.Op == nil && a.Manual == "" && a.Cmd.Effect == evenkeel.ReadOnly || a.Op != nil && a.Precondition
			return looks && len(a.Makes) == 0 && !strings.HasPrefix(a.ID, "up-")
		})
	}
}

var mistakes = []struct {
	name    string
	change  func(*evenkeel.Runbook)
	guarded string // what stops the runbook as it is
	blinded string // what the world says when nobody looks; empty where there is still something that stops it
}{
	{
		"set 2 is disabled before set 1 is enabled (CPS-205)", before("redeploy-set-1", "disable-set-2"),
		"is not a member of", "both halves are down",
	},
	{
		"no traffic swap (CPS-077)", without("traffic-swap"),
		"no endpoint of set 1 is up", "took no traffic",
	},
	{
		"set 1 is enabled without new VMs (CPS-173)", without("redeploy-set-1"),
		"redeploy it first", "",
	},
	{
		"the traffic comes back before set 2 (CPS-206)", before("enable-set-2", "traffic-restore"),
		"is not a member of", "traffic was restored",
	},
	{
		"the archive stays on the machine (CPS-202)", func(rb *evenkeel.Runbook) {
			dropActions("backup-cluman", "save")(rb)
			dropActions("deploy-cluman", "kept")(rb)
		},
		"is not sound", "is not sound",
	},
	{
		"the windows are forgotten (CPS-176)", func(rb *evenkeel.Runbook) {
			for i := range rb.Steps {
				rb.Steps[i].Opens = nil
			}
		},
		"closes window disable-set-1, which is not open", "",
	},
	{
		"VMs are deleted before the archive is off (CPS-202)", before("archive-set-1", "redeploy-set-1"),
		"needs fact archive.set-1", "needs fact archive.set-1",
	},
}

// TestMistakesAreCaught: a careless edit is stopped by the runbook's own looks before any harm is done, and where
// nobody looks the simulated cluster, which believes its operator, tells the harm.
func TestMistakesAreCaught(t *testing.T) {
	for _, tc := range mistakes {
		t.Run(tc.name, func(t *testing.T) {
			rb := runbook(t, issm.Config{ArchiveDir: t.TempDir()})
			tc.change(rb)
			w := deploy(t, cpstest.Options{Trusting: tc.blinded != ""})
			o := runOn(t, rb, w, "")
			if tc.guarded != "" {
				require.ErrorContains(t, o.err, tc.guarded)
				require.NoError(t, w.Check(), "stopped before any harm")
			}
			if tc.blinded == "" {
				return
			}
			rb = runbook(t, issm.Config{ArchiveDir: t.TempDir()})
			tc.change(rb)
			blind(rb)
			w = deploy(t, cpstest.Options{Trusting: true})
			o = runOn(t, rb, w, "")
			if harm := w.Check(); harm != nil {
				require.ErrorContains(t, harm, tc.blinded)
			} else {
				require.ErrorContains(t, o.err, tc.blinded)
			}
		})
	}
}

// TestTheVersionIsRaisedOnce: the answer to the guide's $inc is lost. The runbook raises the version exactly once; the
// guide's own command, made again after that, counts twice, and the world tells (MON-026, MON-029).
func TestTheVersionIsRaisedOnce(t *testing.T) {
	asItStands := edit("sharding-set-1-set06", func(actions []evenkeel.Action) []evenkeel.Action {
		for i := range actions {
			if a := &actions[i]; a.ID == "bump" {
				a.Repeat, a.Probe = evenkeel.Idempotent, nil
				a.Cmd.Argv = append(slices.Clone(a.Cmd.Argv[:len(a.Cmd.Argv)-1]), `db.config.update({"_id":1},{$inc:{version:1}})`)
			}
		}
		return actions
	})
	for _, tc := range []struct {
		name        string
		change      func(*evenkeel.Runbook)
		bumps, owed int
		fails       string
	}{
		{"the runbook", func(*evenkeel.Runbook) {}, 2, 2, ""},
		{"as the guide has it, verified", asItStands, 2, 1, "config was at version 4 before the step and is at version 6"},
		{"as the guide has it", func(rb *evenkeel.Runbook) { asItStands(rb); emptied(rb, "sharding-set-1-set06/fixed") }, 3, 2, ""},
	} {
		rb := runbook(t, issm.Config{ArchiveDir: t.TempDir()})
		tc.change(rb)
		w := deploy(t, cpstest.Options{})
		at := commandNumber(t, rb, w, "{$inc", `{"$inc"`)
		w.Inject(cpstest.Fault{At: at, Kind: cpstest.CutAfter})
		o := runOn(t, rb, w, "")
		if tc.bumps != tc.owed || tc.fails != "" {
			require.ErrorContains(t, o.err, "connection was lost", tc.name)
			o = o.resume(t, rb)
		}
		if tc.fails != "" {
			require.ErrorContains(t, o.err, tc.fails, tc.name)
		} else {
			require.NoError(t, o.err, tc.name)
		}
		require.Equal(t, tc.bumps, w.Report().Bumps, tc.name)
		require.Equal(t, tc.owed, w.Report().BumpsOwed, tc.name)
	}
}

// commandNumber finds a command by a part of it, in a run on a copy of the world.
func commandNumber(t *testing.T, rb *evenkeel.Runbook, w simulated, parts ...string) int {
	t.Helper()
	c := w.Clone().(simulated)
	require.NoError(t, runOn(t, rb, c, "").err)
	for _, e := range c.Log() {
		for _, part := range parts {
			if strings.Contains(strings.Join(e.Argv, " "), part) {
				return e.Seq
			}
		}
	}
	t.Fatalf("no command with %q", parts)
	return 0
}

// resume takes a run up again.
func (o outcome) resume(t testing.TB, rb *evenkeel.Runbook) outcome {
	t.Helper()
	opts := evenkeel.Options{Journal: o.journal, Clock: o.world.Clock(), Operator: &technician{world: o.world},
		Serial: true, Holder: "test", ForceTakeover: o.force}
	o.report, o.err = evenkeel.Resume(context.Background(), rb, o.world, opts)
	return o
}

// TestMigrateDiesHalfWay: migrate.sh dies somewhere in the middle. Where its traces prove that nothing has happened it
// runs again; elsewhere it is never repeated by itself, and the run goes on when the operator has brought it to its end
// (CPS-186).
func TestMigrateDiesHalfWay(t *testing.T) {
	for _, tc := range []struct {
		hold, command string
		stages        int
		person        bool // whether the operator is needed at some place
	}{
		{"restore-cluman", "disable set 1", 8, true},
		{"redeploy-set-1", "enable set 1", 18, false},
		{"calls", "disable set 2", 8, true},
		{"redeploy-set-2", "enable set 2", 18, false},
	} {
		byPerson, each := 0, 1
		if testing.Short() {
			each = 4
		}
		for stages := 0; stages < tc.stages; stages += each {
			rb, o := holdAt(t, issm.Config{ArchiveDir: t.TempDir()}, cpstest.Options{}, tc.hold)
			o.world.KillMigrate(stages)
			if o = o.resume(t, rb); o.err != nil {
				o = o.resume(t, rb)
			}
			require.NoError(t, o.world.Check(), "%s, %d stages", tc.command, stages)
			if o.err != nil {
				byPerson++
				require.Regexp(t, tc.command+"|bring it to its end", o.err.Error())
				o.byHand(t, tc.command)
				o = o.resume(t, rb)
			}
			require.NoError(t, o.err, "%s, %d stages", tc.command, stages)
			require.NoError(t, o.world.Check(), "%s, %d stages", tc.command, stages)
			requireMigrated(t, o.world)
		}
		require.True(t, tc.person == (byPerson > 0) || testing.Short(), tc.command)
	}
}

// byHand runs migrate.sh as the person at the keyboard.
func (o outcome) byHand(t testing.TB, command string) {
	t.Helper()
	argv := append([]string{"/mnt/iso/migrate.sh"}, strings.Fields(command)...)
	if argv[1] == "enable" {
		archive, err := evenkeel.NewFact[string]("archive.set-"+argv[3], "archive").Get(o.state(t).Facts)
		require.NoError(t, err)
		argv = append(argv, archive)
	}
	r, err := o.world.Runner("cluman")
	require.NoError(t, err)
	_, err = r.Run(context.Background(), sshexec.Command(sshexec.Disruptive, argv...))
	require.NoError(t, err)
}
