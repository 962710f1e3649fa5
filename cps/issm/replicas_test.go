package issm_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	site "github.com/evenkeel-ha/evenkeel/sshexec/change"
)

const sm1, sm2 = "sessionmgr01:27718", "sessionmgr02:27718"

// administrator is somebody who works on set02 from the Cluster Manager, beside the run.
func administrator(t testing.TB, w simulated) *live.ReplicaSet {
	t.Helper()
	r, err := w.Runner("cluman")
	require.NoError(t, err)
	shell := func(ctx context.Context, call live.ShellCall) (live.ShellResult, error) {
		host, port, err := net.SplitHostPort(call.Host)
		require.NoError(t, err)
		cmd := sshexec.Command(call.Effect, "mongo", "--quiet", "--host", host, "--port", port)
		cmd.Stdin = sshexec.Text(call.Script())
		res, err := r.Run(ctx, cmd)
		return live.ShellResult{Stdout: string(res.Stdout), Outcome: res.Outcome}, err
	}
	return live.NewReplicaSet("set02", []string{sm1, sm2}, live.ShellDialer(shell, nil), live.Options{Sleep: w.Sleep})
}

// noVote takes the vote of sessionmgr01 away: sessionmgr02 and the arbiter have the votes that are left.
func noVote(t testing.TB, w simulated) {
	t.Helper()
	set := administrator(t, w)
	c, err := set.Config(t.Context())
	require.NoError(t, err)
	i := slices.IndexFunc(c.Members, func(m mongo.Member) bool { return m.Host == sm1 })
	c.Members[i].Votes, c.Members[i].Priority = 0, 0
	_, err = set.Converge(t.Context(), c, nil)
	require.NoError(t, err)
}

// lagging makes sessionmgr01 a copy that is ten minutes old.
func lagging(t testing.TB, w simulated) {
	t.Helper()
	_, err := administrator(t, w).SetPriorities(t.Context(), map[string]float64{sm1: 1, sm2: 4}, nil)
	require.NoError(t, err)
	require.NoError(t, w.SetApplyRate("set02", 0.001))
	w.Advance(10 * time.Minute)
}

// deaf is a cluster in which a command of the mongo shell for set02 prints something else.
func deaf(w simulated, prints string) liar {
	return liar{w, func(_ string, cmd sshexec.Cmd) (string, bool) {
		return prints, cmd.Argv[0] == "mongo" && cmd.Argv[len(cmd.Argv)-1] == "27718"
	}}
}

func resumeOn(t testing.TB, rb *evenkeel.Runbook, o outcome, w evenkeel.Hosts) error {
	t.Helper()
	_, err := evenkeel.Resume(t.Context(), rb, w, evenkeel.Options{
		Journal: o.journal, Clock: o.world.Clock(), Operator: &technician{world: o.world}, Serial: true, Holder: "test",
	})
	return err
}

// TestNoHalfGoesDownWithALoss (MON-016): what a replica set would lose is asked of the set itself, by its votes and by
// how old its copies are, right before a half goes down. The table of diagnostics.sh shows none of it.
func TestNoHalfGoesDownWithALoss(t *testing.T) {
	for name, tc := range map[string]struct {
		harm  func(testing.TB, simulated)
		hold  string // where it happens
		step  string // which must not begin
		wants []string
	}{
		"a majority of members is none of votes": {
			noVote, "snapshot", "disable-set-1",
			[]string{
				"set 1 must not go down now",
				"BALANCE:set02 loses its majority: without " + sm2 + " 1 of 2 votes are left (arbitervip:27718, " + sm1 + ") " +
					"and 2 are needed for a primary. Start the members",
				"BALANCE:set02 gives " + sm1 + " no vote",
			},
		},
		"the last copy lags": {
			lagging, "snapshot", "disable-set-1",
			[]string{
				"BALANCE:set02 loses its data: without " + sm2 + " none of its 1 current copies", sm1 + " is 1 h",
				"Wait until a member that stays has caught up",
			},
		},
		"the last copy lags, of set 2": {
			func(t testing.TB, w simulated) {
				require.NoError(t, w.SetApplyRate("set02", 0.001))
				w.Advance(10 * time.Minute)
			}, "calls", "disable-set-2",
			[]string{"set 2 must not go down now", "BALANCE:set02 loses its data: without " + sm1, sm2 + " is 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			rb, o := holdAt(t, issm.Config{ArchiveDir: t.TempDir()}, cpstest.Options{}, tc.hold)
			tc.harm(t, o.world)
			var hold *evenkeel.Pause
			require.ErrorAs(t, resumeOn(t, rb, o, o.world), &hold)
			require.Equal(t, tc.step+"/keeps", hold.Step+"/"+hold.Action)
			for _, text := range tc.wants {
				require.Contains(t, hold.Reason, text)
			}
			require.Contains(t, o.world.EndState(), "set "+tc.step[len("disable-set-"):]+": in service")
			require.NoError(t, o.world.Check())
		})
	}
}

// TestVotesAreProvenFirst: where a member has no vote, to count members is not to count votes, and the run does not begin.
func TestVotesAreProvenFirst(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	noVote(t, w)
	o := runOn(t, runbook(t, issm.Config{ArchiveDir: t.TempDir()}), w, "")
	var hold *evenkeel.Pause
	require.ErrorAs(t, o.err, &hold)
	require.Equal(t, "preflight/votes", hold.Step+"/"+hold.Action)
	require.Contains(t, hold.Reason, "BALANCE:set02 gives "+sm1+" no vote, and the checks of this runbook take every "+
		"member for one vote. Give it one, by rs.reconfig() on the primary.")
	require.NotContains(t, hold.Reason, "loses", "nothing is lost while both halves are there")
}

// TestASetThatDoesNotSay: whatever the mongo shell prints instead of an answer, it is never "fine", and the half stays.
func TestASetThatDoesNotSay(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	rb := runbook(t, issm.Config{ArchiveDir: t.TempDir()})
	require.NoError(t, keeps(t, rb, 1, w))
	for name, tc := range map[string]struct{ prints, wants string }{
		"nothing":     {"", "ended before it was sent"},
		"no server":   {"Error: couldn't connect to server\nexception: connect failed\n", "ended before it was sent"},
		"no answer":   {"evenkeel-reply {\"started\":true}\n", "ended without an answer"},
		"cut off":     {"evenkeel-reply {\"reply\":{\"set\":\"set02\",", "cannot read what the shell printed"},
		"another set": {"evenkeel-reply {\"reply\":{\"set\":\"set03\",\"ok\":1}}\n", "a member of another replica set"},
		"no members":  {"evenkeel-reply {\"reply\":{\"set\":\"set02\",\"ok\":1}}\n", "it has no members"},
		"a login":     {"evenkeel-reply {\"reply\":{\"ok\":0,\"code\":13}}\n", "let tools.mongo name a program that logs in"},
	} {
		t.Run(name, func(t *testing.T) {
			err := keeps(t, rb, 1, deaf(w, tc.prints))
			require.ErrorContains(t, err, "BALANCE:set02: cannot tell what it would lose, as no member says what the set is")
			require.ErrorContains(t, err, tc.wants)
			var hold *evenkeel.Pause
			require.NotErrorAs(t, err, &hold)
		})
	}
}

// TestThePrimaryTells: another member may not have heard yet how things stand.
func TestThePrimaryTells(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	lagging(t, w)
	const stale = `evenkeel-reply {"reply":{"set":"set02","ok":1,"members":[{"name":"arbitervip:27718","health":1,"state":7},
{"name":"sessionmgr01:27718","health":1,"state":2,"self":true},{"name":"sessionmgr02:27718","health":1,"state":1}]}}`
	l := liar{w, func(_ string, cmd sshexec.Cmd) (string, bool) {
		return strings.ReplaceAll(stale, "\n", ""), strings.HasSuffix(strings.Join(cmd.Argv, " "), "--host sessionmgr01 --port 27718") &&
			strings.Contains(cmd.Stdin.PlainText(), "replSetGetStatus")
	}}
	rb := runbook(t, issm.Config{ArchiveDir: t.TempDir()})
	require.ErrorContains(t, keeps(t, rb, 1, l), "BALANCE:set02 loses its data")
}

// keeps asks the replica sets of a cluster what they lose without a half, as the step that disables it does.
func keeps(t testing.TB, rb *evenkeel.Runbook, n int, w evenkeel.World) error {
	t.Helper()
	return looks(t, rb, fmt.Sprintf("disable-set-%d/keeps", n), w)
}

func looks(t testing.TB, rb *evenkeel.Runbook, at string, w evenkeel.World) error {
	t.Helper()
	a := planned{"migration", rb, nil}.find(t, at)
	require.True(t, a.Precondition)
	_, err := a.Op.Do(t.Context(), site.Over(w.Runner, w.Clock()))
	return err
}

// TestTheSetsAreThoseOfThePlan: by their own configurations, in which members may be hidden. Of a half that is going down
// members may have left already: "disable set" is run again where it broke off.
func TestTheSetsAreThoseOfThePlan(t *testing.T) {
	rb := runbook(t, issm.Config{ArchiveDir: t.TempDir()})
	w := deploy(t, cpstest.Options{})
	_, err := administrator(t, w).RemoveMember(t.Context(), sm2, nil)
	require.NoError(t, err)
	require.NoError(t, keeps(t, rb, 1, w))
	require.ErrorContains(t, keeps(t, rb, 2, w), "BALANCE:set02 lacks the member "+sm2+" of mongoConfig.cfg. Add it.")

	w = deploy(t, cpstest.Options{})
	_, err = administrator(t, w).AddMember(t.Context(), mongo.Member{ID: 9, Host: "elsewhere:27718", Votes: 1, Hidden: true}, nil)
	require.NoError(t, err)
	require.ErrorContains(t, keeps(t, rb, 1, w), "BALANCE:set02 has the member elsewhere:27718, which mongoConfig.cfg does not know.")
}

// TestTheLastCopyIsNotDeleted: when its members have left, the VMs of a half are the last to have their data until the
// other half is seen to have them. Who is primary does not matter then: arbitervip may be away (cps:671).
func TestTheLastCopyIsNotDeleted(t *testing.T) {
	rb := runbook(t, issm.Config{ArchiveDir: t.TempDir()})
	w := deploy(t, cpstest.Options{})
	_, err := administrator(t, w).RemoveMember(t.Context(), sm2, nil)
	require.NoError(t, err)
	require.NoError(t, looks(t, rb, "redeploy-set-1/copies", w))
	run(w, "pcrfclient01", "monit", "stop", "corosync")
	run(w, "pcrfclient02", "monit", "stop", "corosync")
	w.Advance(time.Minute)
	require.NoError(t, looks(t, rb, "redeploy-set-1/copies", w), "no primary, and the data are there")
	require.ErrorContains(t, keeps(t, rb, 1, w), "BALANCE:set02 loses its majority")
	run(w, "sessionmgr01", "systemctl", "stop", "sessionmgr-27718")
	require.ErrorContains(t, looks(t, rb, "redeploy-set-1/copies", w), "BALANCE:set02: cannot tell what it would lose")

	w = deploy(t, cpstest.Options{})
	lagging(t, w)
	err = looks(t, rb, "redeploy-set-1/copies", w)
	require.ErrorContains(t, err, "the VMs of set 1 must not be deleted now")
	require.ErrorContains(t, err, "BALANCE:set02 loses its data: without "+sm2)
}

// TestWhoHasSignedForNoMajority (MON-016) has not signed for the loss of data, nor for more than what the plan says.
func TestWhoHasSignedForNoMajority(t *testing.T) {
	hosts, mc := arbitersOnAHalf(t)
	labels := []string{}
	for _, rs := range mc.Sets {
		labels = append(labels, rs.Label)
	}
	m, err := issm.New(issm.Config{ArchiveDir: t.TempDir(), AcceptNoMajority: labels}, hosts, mc)
	require.NoError(t, err)
	rb, err := m.Runbook()
	require.NoError(t, err)
	deployed := func() simulated {
		d, err := cpstest.New(cpstest.Options{HostsCSV: printed(t, hosts), MongoConfig: printed(t, mc)})
		require.NoError(t, err)
		return simulated{d}
	}
	w := deployed()
	require.NoError(t, keeps(t, rb, 1, w))
	require.NoError(t, keeps(t, rb, 2, w))

	require.NoError(t, w.SetApplyRate("set02", 0.001))
	w.Advance(10 * time.Minute)
	require.ErrorContains(t, keeps(t, rb, 2, w), "BALANCE:set02 loses its data: without")

	w = deployed()
	run(w, "sessionmgr05", "systemctl", "stop", "sessionmgr-27718") // the arbiter, which is in set 2
	w.Advance(time.Minute)
	require.ErrorContains(t, keeps(t, rb, 1, w), "BALANCE:set02 loses its majority: without")
}

// TestTheRollbackAsksToo: set 1 goes down once more.
func TestTheRollbackAsksToo(t *testing.T) {
	rb, o := holdAt(t, issm.Config{ArchiveDir: t.TempDir()}, cpstest.Options{}, "calls")
	plan, err := rb.RollbackPlan(o.state(t))
	require.NoError(t, err)
	require.True(t, planned{"rollback", plan, nil}.find(t, "redeploy-set-1/copies").Precondition)
	noVote(t, o.world)
	o = rollBack(t, rb, o, "")
	var hold *evenkeel.Pause
	require.ErrorAs(t, o.err, &hold)
	require.Equal(t, "rollback/keeps", hold.Step+"/"+hold.Action)
	require.Contains(t, hold.Reason, "BALANCE:set02 loses its majority: without "+sm2)
	require.Contains(t, o.world.EndState(), "set 1: migrated")
}
