package mongo_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/mongo"
)

// MON-016: the reason for the set review: which sets would lose what with the machines of one upgrade set.
func TestMON016CanLose(t *testing.T) {
	good := config(mongo.ArbiterMember(0, arb), mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2))
	both := mongo.Config{ID: "set04", Version: 1, Members: []mongo.Member{
		mongo.ArbiterMember(0, "arbitervip:27720"), mongo.DataMember(1, "sessionmgr02:27720", 3), mongo.DataMember(2, "sessionmgr04:27720", 2),
	}}
	quiet := mongo.Config{ID: "set07", Version: 1, Members: []mongo.Member{
		mongo.DataMember(0, "sessionmgr02:1", 1), mongo.DataMember(1, "sessionmgr03:1", 0), mongo.DataMember(2, "sessionmgr05:1", 0),
	}}
	views := []mongo.SetView{{Config: good}, {Config: both}, {Config: quiet}}
	got := mongo.CanLose([]string{"sessionmgr02", "sessionmgr04"}, views...)
	var lines []string
	for _, l := range got {
		lines = append(lines, l.String())
	}
	require.Equal(t, []string{
		"set04: all data: without sessionmgr02:27720, sessionmgr04:27720 none of its 2 current copies of the data is left.",
		"set04: majority: without sessionmgr02:27720, sessionmgr04:27720 1 of 3 votes are left (arbitervip:27720) and 2 are needed for a primary.",
		"set07: primary: without sessionmgr02:1 no member is left that could be elected (sessionmgr03:1, sessionmgr05:1).",
	}, lines)
	require.Empty(t, mongo.CanLose([]string{"sessionmgr02:27720"}, views...), "one process only")
	require.Empty(t, mongo.CanLose([]string{"sessionmgr0"}, views...), "part of a name is no name")
}

// MON-014: a geo-redundant set of five survives either site, and not two of them.
func TestMON014GeographicSet(t *testing.T) {
	gr := mongo.Config{ID: "set01", Version: 1, Members: []mongo.Member{
		mongo.DataMember(0, "s1a:1", 4), mongo.DataMember(1, "s1b:1", 3), mongo.DataMember(2, "s2a:1", 2), mongo.DataMember(3, "s2b:1", 1),
		mongo.ArbiterMember(4, "s3:1"),
	}}
	require.Empty(t, mongo.CanLose([]string{"s1a", "s1b"}, mongo.SetView{Config: gr}))
	require.Empty(t, mongo.CanLose([]string{"s2a", "s2b"}, mongo.SetView{Config: gr}))
	require.Equal(t, mongo.LosesMajority, mongo.CanLose([]string{"s1a", "s1b", "s3"}, mongo.SetView{Config: gr})[0].What)
}

func TestCanLoseCountsWhatIsDownAlready(t *testing.T) {
	c := config(mongo.ArbiterMember(0, arb), mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2))
	status := &mongo.Status{Set: "set02", Members: []mongo.MemberStatus{
		{Name: arb, Health: 1, State: mongo.StateArbiter}, {Name: sm1, Health: 1, State: mongo.StatePrimary},
		{Name: sm2, Health: 1, State: mongo.StateSecondary},
	}}
	view := mongo.SetView{Config: c, Status: status}
	require.Equal(t, []mongo.Loss{{
		Set: "set02", What: mongo.MovesPrimary,
		Why: "without sessionmgr01:27718 the primary sessionmgr01:27718 is gone and another member has to be elected.",
	}}, mongo.CanLose([]string{"sessionmgr01"}, view))
	require.Empty(t, mongo.CanLose([]string{"sessionmgr02"}, view))

	status.Members[2].State = mongo.StateRecovering // its vote counts, its data do not
	got := mongo.CanLose([]string{"sessionmgr01"}, view)
	require.Len(t, got, 2)
	require.Equal(t, mongo.LosesData, got[0].What)
	require.Equal(t, mongo.LosesPrimary, got[1].What)

	status.Members[2].Health = 0
	got = mongo.CanLose([]string{"arbitervip"}, view)
	require.Equal(t, mongo.LosesMajority, got[0].What)
	require.Contains(t, got[0].Why, "and with sessionmgr02:27718 down")
}

// The verdict is what happens: for any set and any hosts, exactly those verdicts cost the primary for good.
func TestCanLoseAgreesWithTheSimulator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawLegal(t, "c")
		var hosts []string
		for i := range 10 {
			if rapid.Bool().Draw(t, "gone") {
				hosts = append(hosts, fmt.Sprintf("h%d", i))
			}
		}
		s, err := replsim.NewSet("rs", simConfig(c).Members, replsim.Options{})
		require.NoError(t, err)
		st := status(t, s)
		losses := mongo.CanLose(hosts, mongo.SetView{Config: c, Status: &st})
		lost := len(losses) > 0 && losses[0].What != mongo.MovesPrimary
		for _, h := range hosts {
			_ = s.Kill(h + ":27017")
		}
		s.Advance(time.Minute)
		_, ok := s.Primary()
		require.Equal(t, ok, !lost, "%v without %v: %v", c, hosts, losses)
	})
}
