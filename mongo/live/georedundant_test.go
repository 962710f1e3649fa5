package live_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
)

// MON-014, MON-015, MON-016: the guide's geo-redundant set of five goes through the eight rows of its table (cps:1458-1468), each of them a
// state that is legal and looked at, without losing the primary for longer than an election, or the majority at any time.
func TestMON014EightRowsOfTheGeographicUpgrade(t *testing.T) {
	const (
		s1b, s1a = "sm02-site1:27717", "sm01-site1:27717"
		s2b, s2a = "sm02-site2:27717", "sm01-site2:27717"
		arbiter  = "arbiter-site3:27717"
		old, new = "3.6.9", "3.6.17"
	)
	hosts := []string{s1b, s1a, s2b, s2a, arbiter} // the columns of the table
	rows := [][]string{
		{old, old, old, old, old},
		{new, old, old, old, old},
		{new, new, old, old, old},
		{new, new, new, old, old},
		{new, new, new, new, old},
		{new, new, new, new, new},
		{new, new, new, new, new},
		{new, new, new, new, new},
	}
	set, err := mongotest.Start(mongo.Config{ID: "set01", Version: 1, Members: []mongo.Member{
		mongo.DataMember(0, s1a, 4), mongo.DataMember(1, s1b, 3), mongo.DataMember(2, s2a, 2), mongo.DataMember(3, s2b, 1),
		mongo.ArbiterMember(4, arbiter),
	}}, mongotest.Options{DataSize: 20e9, OplogWindow: 4 * time.Hour})
	require.NoError(t, err)
	for _, h := range hosts {
		set.SetRelease(h, old)
	}
	watch := func() {
		require.NoError(t, set.Check())
		require.True(t, set.Truth().Majority)
	}
	rs := live.NewReplicaSet("set01", []string{s1a, s2a}, set.Dial, live.Options{Sleep: func(ctx context.Context, d time.Duration) error {
		watch()
		return set.Sleep(ctx, d)
	}})
	ctx := t.Context()
	first, err := rs.Config(ctx)
	require.NoError(t, err)

	// upgrade takes one machine away and brings it back, new and empty.
	upgrade := func(host string) {
		look, err := rs.Status(ctx)
		require.NoError(t, err)
		c, err := rs.Config(ctx)
		require.NoError(t, err)
		losses, err := mongo.CanLose([]string{host}, mongo.SetView{Config: c, Status: &look})
		require.NoError(t, err)
		for _, loss := range losses {
			require.Equal(t, mongo.MovesPrimary, loss.What, "%v", loss)
			m, _ := c.Member(host)
			_, err := rs.SetPriorities(ctx, map[string]float64{host: m.Priority / 16}, nil) // another takes over before it goes
			require.NoError(t, err)
		}
		require.NoError(t, set.StopMember(host))
		set.Advance(time.Hour) // as long as a redeployment takes
		require.NoError(t, set.WipeMember(host))
		set.SetRelease(host, new)
		require.NoError(t, set.StartMember(host))
		if host == arbiter {
			require.NoError(t, rs.WaitState(ctx, host, mongo.StateArbiter))
		} else {
			require.NoError(t, rs.WaitCaughtUp(ctx, 10*time.Second, host))
		}
	}
	for i, row := range rows {
		for k, host := range hosts {
			if i > 0 && row[k] != rows[i-1][k] {
				upgrade(host)
			}
		}
		if i == 6 { // S1, S2 and S3 are done: the priorities go back to what they were
			c, err := rs.Converge(ctx, first, nil)
			require.NoError(t, err)
			require.True(t, c.Equal(first))
		}
		var got []string
		for _, host := range hosts {
			v, err := rs.ServerVersion(ctx, host)
			require.NoError(t, err)
			got = append(got, v)
		}
		require.Equal(t, row, got, "row %d", i)
		require.NotEmpty(t, set.Truth().Primary)
		watch()
	}
	primary, err := rs.Primary(ctx)
	require.NoError(t, err)
	require.Equal(t, s1a, primary)
	require.LessOrEqual(t, set.Truth().Outage, 200*time.Millisecond, "no longer than an election")
}
