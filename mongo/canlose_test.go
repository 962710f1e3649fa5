package mongo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/internal/casetest"
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
	got := canLose(t, []string{"sessionmgr02", "sessionmgr04"}, views...)
	var lines []string
	for _, l := range got {
		lines = append(lines, l.String())
	}
	require.Equal(t, []string{
		"set04: all data: without sessionmgr02:27720, sessionmgr04:27720 none of its 2 current copies of the data is left.",
		"set04: majority: without sessionmgr02:27720, sessionmgr04:27720 1 of 3 votes are left (arbitervip:27720) and 2 are " +
			"needed for a primary.",
		"set07: primary: without sessionmgr02:1 no member is left that could be elected (sessionmgr03:1, sessionmgr05:1).",
	}, lines)
	require.Empty(t, canLose(t, []string{"sessionmgr02:27720"}, views...), "one process only")
}

// MON-014: a geo-redundant set of five survives either site, and not two of them.
func TestMON014GeographicSet(t *testing.T) {
	gr := mongo.Config{ID: "set01", Version: 1, Members: []mongo.Member{
		mongo.DataMember(0, "s1a:1", 4), mongo.DataMember(1, "s1b:1", 3), mongo.DataMember(2, "s2a:1", 2), mongo.DataMember(3, "s2b:1", 1),
		mongo.ArbiterMember(4, "s3:1"),
	}}
	require.Empty(t, canLose(t, []string{"s1a", "s1b"}, mongo.SetView{Config: gr}))
	require.Empty(t, canLose(t, []string{"s2a", "s2b"}, mongo.SetView{Config: gr}))
	require.Equal(t, mongo.LosesMajority, canLose(t, []string{"s1a", "s1b", "s3"}, mongo.SetView{Config: gr})[0].What)
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
	}}, canLose(t, []string{"sessionmgr01"}, view))
	require.Empty(t, canLose(t, []string{"sessionmgr02"}, view))

	status.Members[2].State = mongo.StateRecovering // its vote counts, its data do not
	got := canLose(t, []string{"sessionmgr01"}, view)
	require.Len(t, got, 2)
	require.Equal(t, mongo.LosesData, got[0].What)
	require.Equal(t, mongo.LosesPrimary, got[1].What)

	status.Members[2].Health = 0
	got = canLose(t, []string{"arbitervip"}, view)
	require.Equal(t, mongo.LosesMajority, got[0].What)
	require.Contains(t, got[0].Why, "and with sessionmgr02:27718 down")
}

// MON-016: a copy that lags is not current, and a set that has no primary now, or two, is not well, whoever is lost.
func TestCanLoseWantsACurrentCopyAndOnePrimary(t *testing.T) {
	c := config(mongo.ArbiterMember(0, arb), mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2))
	now := time.Date(2021, 5, 2, 8, 0, 0, 0, time.UTC)
	member := func(host string, state mongo.MemberState, behind time.Duration) mongo.MemberStatus {
		return mongo.MemberStatus{Name: host, Health: 1, State: state, OptimeDate: now.Add(-behind)}
	}
	arbiter := mongo.MemberStatus{Name: arb, Health: 1, State: mongo.StateArbiter}
	optime := member(sm2, mongo.StateSecondary, 0)
	optime.Optime.TS.T = uint32(now.Add(-time.Hour).Unix())
	empty := mongo.MemberStatus{Name: sm2, Health: 1, State: mongo.StateSecondary}
	for name, tc := range map[string]struct {
		lost     string
		one, two mongo.MemberStatus
		what     mongo.LossKind
		why      string
	}{
		"ten days behind": {"sessionmgr01", member(sm1, mongo.StatePrimary, 0),
			member(sm2, mongo.StateSecondary, 240*time.Hour), mongo.LosesData, "(sessionmgr02:27718 is 240 h behind)"},
		"by its optime": {"sessionmgr01", member(sm1, mongo.StatePrimary, 0), optime, mongo.LosesData, "is 1 h behind"},
		"without data": {"sessionmgr01", member(sm1, mongo.StatePrimary, 0), empty, mongo.LosesData,
			"sessionmgr02:27718 has no data yet"},
		"a few seconds behind": {"sessionmgr01", member(sm1, mongo.StatePrimary, 0),
			member(sm2, mongo.StateSecondary, 5*time.Second), mongo.MovesPrimary, "has to be elected"},
		"no primary now": {"arbitervip", member(sm1, mongo.StateSecondary, 0), member(sm2, mongo.StateSecondary, 0),
			mongo.LosesPrimary, "there is none now"},
		"no primary, none lost": {"", member(sm1, mongo.StateSecondary, 0), member(sm2, mongo.StateSecondary, 0),
			mongo.LosesPrimary, "there is none now"},
		"two primaries": {"arbitervip", member(sm1, mongo.StatePrimary, 0), member(sm2, mongo.StatePrimary, 0),
			mongo.LosesPrimary, "sessionmgr01:27718 and sessionmgr02:27718 both say"},
	} {
		t.Run(name, func(t *testing.T) {
			var hosts []string
			if tc.lost != "" {
				hosts = []string{tc.lost}
			}
			got := canLose(t, hosts, mongo.SetView{Config: c,
				Status: &mongo.Status{Set: "set02", Members: []mongo.MemberStatus{arbiter, tc.one, tc.two}}})
			require.Len(t, got, 1)
			require.Equal(t, tc.what, got[0].What)
			require.Contains(t, got[0].Why, tc.why)
		})
	}
}

// A delayed member is no current copy, also on a quiet set or where nobody has asked for the status; and how far a copy
// may be behind is for the caller to say.
func TestCanLoseOfADelayedCopy(t *testing.T) {
	late := mongo.Member{ID: 2, Host: sm2, Votes: 1, Extra: mongo.Fields{"slaveDelay": raw(t, int64(3600))}}
	c := config(mongo.ArbiterMember(0, arb), mongo.DataMember(1, sm1, 3), late)
	quiet := &mongo.Status{Set: "set02", Members: []mongo.MemberStatus{
		{Name: arb, Health: 1, State: mongo.StateArbiter}, {Name: sm1, Health: 1, State: mongo.StatePrimary},
		{Name: sm2, Health: 1, State: mongo.StateSecondary},
	}}
	for _, status := range []*mongo.Status{nil, quiet} {
		for bound, want := range map[time.Duration]mongo.LossKind{0: mongo.LosesData, 2 * time.Hour: mongo.LosesPrimary} {
			got := canLose(t, []string{"sessionmgr01"}, mongo.SetView{Config: c, Status: status, MaxLag: bound})
			require.Equal(t, want, got[0].What, "%v", bound)
		}
	}
}

// The verdict is what happens: for any set and any hosts, exactly those verdicts cost the primary for good.
func TestCanLoseAgreesWithTheSimulator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := casetest.DrawLegal(t, "c")
		var hosts []string
		for _, m := range c.Members {
			if rapid.Bool().Draw(t, "gone") {
				hosts = append(hosts, strings.TrimSuffix(m.Host, ":27017"))
			}
		}
		s, err := replsim.NewSet("rs", simConfig(c).Members, replsim.Options{})
		require.NoError(t, err)
		st := status(t, s)
		losses := canLose(t, hosts, mongo.SetView{Config: c, Status: &st})
		lost := len(losses) > 0 && losses[0].What != mongo.MovesPrimary
		for _, h := range hosts {
			_ = s.Kill(h + ":27017")
		}
		s.Advance(time.Minute)
		_, ok := s.Primary()
		require.Equal(t, ok, !lost, "%v without %v: %v", c, hosts, losses)
	})
}

func canLose(t require.TestingT, hosts []string, sets ...mongo.SetView) []mongo.Loss {
	losses, err := mongo.CanLose(hosts, sets...)
	require.NoError(t, err)
	return losses
}

// TestCanLoseOfNobody: a host that no set knows, and a set that is none, lose nothing; that is no answer.
func TestCanLoseOfNobody(t *testing.T) {
	c := config(mongo.ArbiterMember(0, arb), mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2))
	view := mongo.SetView{Config: c}
	for _, host := range []string{"sessionmgr0", "sessionmgr09", "sessionmgr01:1", "SESSIONMGR01", "",
		"sessionmgr01.lfs.intl", " sessionmgr01"} {
		_, err := mongo.CanLose([]string{"sessionmgr02", host}, view)
		var unknown *mongo.UnknownHostError
		require.ErrorAs(t, err, &unknown, "%q", host)
		require.Equal(t, []string{host}, unknown.Hosts)
		require.Contains(t, err.Error(), "set02")
	}
	for name, sets := range map[string][]mongo.SetView{
		"no set":           nil,
		"the zero value":   {{}},
		"one of two":       {view, {}},
		"without a member": {{Config: mongo.Config{ID: "set02", Version: 1}}},
		"another's status": {{Config: c, Status: &mongo.Status{Set: "set03"}}},
	} {
		_, err := mongo.CanLose([]string{"sessionmgr01"}, sets...)
		require.Error(t, err, name)
		_, err = mongo.CanLose(nil, sets...)
		require.Error(t, err, name)
	}
}
