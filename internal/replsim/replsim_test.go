package replsim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
)

const (
	sm1 = "sessionmgr01:27718"
	sm2 = "sessionmgr02:27718"
	arb = "arbitervip:27718"
)

// balance is the guide's set02: two data members with priorities 3 and 2, one arbiter (MON-036, cps:731).
func balance(t require.TestingT, opts replsim.Options) *replsim.Set {
	s, err := replsim.NewSet("set02", []replsim.MemberSpec{
		replsim.ArbiterAt(0, arb), replsim.Data(1, sm1, 3), replsim.Data(2, sm2, 2),
	}, opts)
	require.NoError(t, err)
	return s
}

func requirePrimary(t *testing.T, s *replsim.Set, want string) {
	t.Helper()
	got, ok := s.Primary()
	require.True(t, ok, "no primary")
	require.Equal(t, want, got)
	require.NoError(t, s.Check())
}

func requireCode(t *testing.T, err error, code int) {
	t.Helper()
	var e *replsim.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, "%v", err)
}

func TestSteadySetStaysAsItIs(t *testing.T) {
	s := balance(t, replsim.Options{})
	h := s.Hash()
	requirePrimary(t, s, sm1)
	s.Advance(48 * time.Hour)
	requirePrimary(t, s, sm1)
	require.Equal(t, h, s.Hash(), "an idle set behaves alike at any time")
	total, _ := s.Outage()
	require.Zero(t, total)
}

func TestPrimaryDeathElectsTheOtherAfterTheTimeout(t *testing.T) {
	s := balance(t, replsim.Options{})
	require.NoError(t, s.Kill(sm1))
	s.Advance(9 * time.Second)
	_, ok := s.Primary()
	require.False(t, ok)
	s.Advance(1200 * time.Millisecond)
	requirePrimary(t, s, sm2)
	total, longest := s.Outage()
	require.Equal(t, 10*time.Second+100*time.Millisecond, total)
	require.Equal(t, total, longest)

	// The old one comes back, catches up, and takes over because of its priority, without a further long gap.
	s.Advance(time.Minute)
	require.NoError(t, s.Start(sm1))
	require.True(t, s.AdvanceUntil(2*time.Minute, func(s *replsim.Set) bool {
		h, _ := s.Primary()
		return h == sm1
	}))
	requirePrimary(t, s, sm1)
	again, _ := s.Outage()
	require.Equal(t, 200*time.Millisecond, again-total+100*time.Millisecond)
}

// MON-016: with the arbiter and one data member gone there is neither majority nor primary, and both return.
func TestMON016MajorityLostAndRegained(t *testing.T) {
	s := balance(t, replsim.Options{})
	require.NoError(t, s.Kill(sm2))
	require.NoError(t, s.Kill(arb))
	require.False(t, s.HasMajority())
	_, ok := s.Primary()
	require.False(t, ok, "a primary without a majority cannot commit")
	require.Equal(t, replsim.Primary, s.StateOf(sm1), "it does not know yet")
	s.Advance(10 * time.Second)
	require.Equal(t, replsim.Secondary, s.StateOf(sm1))
	require.NoError(t, s.Start(arb))
	s.Advance(30 * time.Second)
	requirePrimary(t, s, sm1)
}

func TestPriorityTakeoverTakesOneElectionTimeout(t *testing.T) {
	s := balance(t, replsim.Options{})
	require.NoError(t, s.SetPriority(sm2, 5))
	s.Advance(9 * time.Second)
	requirePrimary(t, s, sm1)
	s.Advance(1200 * time.Millisecond)
	requirePrimary(t, s, sm2)
	_, longest := s.Outage()
	require.Equal(t, 100*time.Millisecond, longest, "only the election itself")
}

func TestStepDown(t *testing.T) {
	for _, handoff := range []bool{false, true} {
		t.Run(fmt.Sprintf("handoff=%v", handoff), func(t *testing.T) {
			s := balance(t, replsim.Options{ElectionHandoff: handoff})
			requireCode(t, s.StepDown(sm2, time.Minute), replsim.CodeNotPrimary)
			require.NoError(t, s.StepDown(sm1, time.Minute))
			s.Advance(11 * time.Second)
			requirePrimary(t, s, sm2)
			_, longest := s.Outage()
			want := 10*time.Second + 100*time.Millisecond
			if handoff {
				want = 100 * time.Millisecond
			}
			require.Equal(t, want, longest)
			s.Advance(47 * time.Second)
			requirePrimary(t, s, sm2)
			s.Advance(20 * time.Second)
			requirePrimary(t, s, sm1)
		})
	}
	s := balance(t, replsim.Options{})
	require.NoError(t, s.Stop(sm2))
	requireCode(t, s.StepDown(sm1, time.Minute), replsim.CodeExceededTimeLimit)
	requirePrimary(t, s, sm1)
}

func TestFreezeKeepsAMemberFromStanding(t *testing.T) {
	s := balance(t, replsim.Options{})
	requireCode(t, s.Freeze(sm1, time.Minute), replsim.CodeNotSecondary)
	require.NoError(t, s.Freeze(sm2, time.Minute))
	require.NoError(t, s.Kill(sm1))
	s.Advance(59 * time.Second)
	_, ok := s.Primary()
	require.False(t, ok)
	s.Advance(2 * time.Second)
	requirePrimary(t, s, sm2)
}

// MON-023: away for exactly the oplog window a member catches up; a second longer and it is RECOVERING for good.
func TestMON023AwayLongerThanTheOplogWindow(t *testing.T) {
	for _, tc := range []struct {
		away time.Duration
		want replsim.State
	}{
		{10*time.Minute - 3*time.Second, replsim.Secondary},
		{10*time.Minute + time.Second, replsim.Recovering},
	} {
		s := balance(t, replsim.Options{OplogWindow: 10 * time.Minute})
		require.NoError(t, s.Stop(sm2))
		s.Advance(tc.away)
		require.NoError(t, s.Start(sm2))
		s.Advance(5 * time.Minute)
		require.Equal(t, tc.want, s.StateOf(sm2), "away %v", tc.away)
	}
}

// MON-024: removing and adding the member is not enough while it keeps its old data; with the data wiped it is copied anew.
func TestMON024StuckMemberNeedsItsDataWiped(t *testing.T) {
	s := balance(t, replsim.Options{OplogWindow: time.Minute, DataSize: 5_000_000_000})
	require.NoError(t, s.Stop(sm2))
	s.Advance(2 * time.Minute)
	require.NoError(t, s.Start(sm2))
	s.Advance(time.Minute)
	require.Equal(t, replsim.Recovering, s.StateOf(sm2))

	require.NoError(t, s.Remove(sm2))
	require.Equal(t, replsim.Removed, s.StateOf(sm2))
	require.NoError(t, s.Add(replsim.Data(3, sm2, 2)))
	s.Advance(time.Minute)
	require.Equal(t, replsim.Recovering, s.StateOf(sm2))

	require.NoError(t, s.Stop(sm2))
	require.NoError(t, s.Wipe(sm2))
	require.NoError(t, s.Start(sm2))
	s.Advance(101 * time.Second)
	require.Equal(t, replsim.Startup2, s.StateOf(sm2), "5 GB at 50 MB/s take 100 s, and the start 2 s")
	s.Advance(2 * time.Second)
	require.Equal(t, replsim.Secondary, s.StateOf(sm2))
	requirePrimary(t, s, sm1)
}

// MON-022: a member that applies slower than the primary writes lags more and more, until the oplog has rolled over it.
func TestMON022LagGrowsUntilTheOplogRollsOver(t *testing.T) {
	s := balance(t, replsim.Options{OplogWindow: 10 * time.Minute, ApplyRate: 0.5})
	s.Advance(10 * time.Minute)
	require.InDelta(t, (5 * time.Minute).Seconds(), s.Lag(sm2).Seconds(), 1)
	require.Equal(t, replsim.Secondary, s.StateOf(sm2))
	s.Advance(9 * time.Minute)
	require.Equal(t, replsim.Secondary, s.StateOf(sm2))
	s.Advance(2 * time.Minute)
	require.Equal(t, replsim.Recovering, s.StateOf(sm2))
}

// MON-033: a member looks unreachable from one that cannot reach it, and is well for the others.
func TestMON033UnreachableFromOneMemberOnly(t *testing.T) {
	s := balance(t, replsim.Options{})
	s.Cut("arbitervip", "sessionmgr02")
	s.Advance(15 * time.Second)
	stateAt := func(observer string) replsim.State {
		views, err := s.Status(observer)
		require.NoError(t, err)
		for _, v := range views {
			if v.Host == sm2 {
				return v.State
			}
		}
		return replsim.Unknown
	}
	require.Equal(t, replsim.Down, stateAt(arb))
	require.Equal(t, replsim.Secondary, stateAt(sm1))
	requirePrimary(t, s, sm1)
}

func TestIsolatedPrimaryStepsDownAndLosesItsWrites(t *testing.T) {
	s := balance(t, replsim.Options{Idle: true})
	s.Cut("sessionmgr01", "sessionmgr02")
	s.Cut("sessionmgr01", "arbitervip")
	before, err := s.Sharding(sm2)
	require.NoError(t, err)
	_, err = s.IncConfigVersion(sm1, nil)
	require.NoError(t, err, "nobody has told it")
	s.Advance(20 * time.Second)
	requirePrimary(t, s, sm2)
	require.Equal(t, replsim.Secondary, s.StateOf(sm1))
	_, err = s.IncConfigVersion(sm1, nil)
	requireCode(t, err, replsim.CodeNotPrimary)
	s.JoinAll()
	s.Advance(time.Minute)
	after, err := s.Sharding(sm1)
	require.NoError(t, err)
	require.Equal(t, before, after)
	requirePrimary(t, s, sm1)
}

// The writes of the isolated primary end the branch that the others took: it goes back to where they parted.
func TestRollbackGoesBackToTheFork(t *testing.T) {
	s := balance(t, replsim.Options{})
	s.Advance(time.Minute)
	s.Cut("sessionmgr01", "sessionmgr02")
	s.Cut("sessionmgr01", "arbitervip")
	s.Advance(time.Minute)
	requirePrimary(t, s, sm2)
	s.JoinAll()
	require.InDelta(t, 49.9, s.Lag(sm1).Seconds(), 0.001, "60 s less the election, from the cut on")
}

// A member that could be elected is not, as long as another has newer data; it copies them first.
func TestStaleMemberIsNotElected(t *testing.T) {
	s, err := replsim.NewSet("rs", []replsim.MemberSpec{
		replsim.Data(0, "a:1", 3), replsim.Data(1, "b:1", 0), replsim.Data(2, "c:1", 2),
	}, replsim.Options{ApplyRate: 0.5})
	require.NoError(t, err)
	s.Cut("c", "a")
	s.Cut("c", "b")
	s.Advance(time.Minute)
	require.NoError(t, s.Kill("a:1"))
	s.JoinAll()
	s.Advance(50 * time.Second)
	_, ok := s.Primary()
	require.False(t, ok, "c lacks 30 s of what b has, and applies half a second each second")
	s.Advance(40 * time.Second)
	requirePrimary(t, s, "c:1")
}

// An arbiter that sees the primary does not vote for a member that does not see it.
func TestArbiterDoesNotUnseatAHealthyPrimary(t *testing.T) {
	s := balance(t, replsim.Options{})
	s.Cut("sessionmgr01", "sessionmgr02")
	s.Advance(5 * time.Minute)
	requirePrimary(t, s, sm1)
	require.EqualValues(t, 1, s.Term())
	total, _ := s.Outage()
	require.Zero(t, total)
}

func TestReconfigRefusals(t *testing.T) {
	s := balance(t, replsim.Options{OneVoterRule: true, QuorumCheck: true})
	good := s.Config()
	good.Version++
	requireCode(t, s.Reconfig(sm2, good), replsim.CodeNotPrimary)
	requireCode(t, s.Reconfig(sm1, s.Config()), replsim.CodeConfigIncompatible)

	edit := func(change func(c *replsim.Config)) replsim.Config {
		c := good.Clone()
		change(&c)
		return c
	}
	for name, tc := range map[string]struct {
		cfg  replsim.Config
		code int
	}{
		"not electable":    {edit(func(c *replsim.Config) { c.Members[1].Priority = 0 }), replsim.CodeConfigIncompatible},
		"removes itself":   {edit(func(c *replsim.Config) { c.Members = append(c.Members[:1:1], c.Members[2]) }), replsim.CodeConfigIncompatible},
		"two voters":       {edit(func(c *replsim.Config) { c.Members = c.Members[1:2] }), replsim.CodeConfigIncompatible},
		"arbiter changed":  {edit(func(c *replsim.Config) { c.Members[0].ArbiterOnly = false }), replsim.CodeConfigIncompatible},
		"_id changed":      {edit(func(c *replsim.Config) { c.Members[2].ID = 9 }), replsim.CodeConfigIncompatible},
		"duplicate host":   {edit(func(c *replsim.Config) { c.Members[2].Host = sm1 }), replsim.CodeConfigIncompatible},
		"arbiter priority": {edit(func(c *replsim.Config) { c.Members[0].Priority = 1 }), replsim.CodeConfigIncompatible},
		"priority no vote": {edit(func(c *replsim.Config) { c.Members[2].Votes = 0 }), replsim.CodeConfigIncompatible},
		"none":             {edit(func(c *replsim.Config) { c.Members = nil }), replsim.CodeConfigIncompatible},
	} {
		t.Run(name, func(t *testing.T) { requireCode(t, s.Reconfig(sm1, tc.cfg), tc.code) })
	}
	require.NoError(t, s.Reconfig(sm1, good))

	require.NoError(t, s.Kill(sm2))
	require.NoError(t, s.Kill(arb))
	good.Version++
	requireCode(t, s.Reconfig(sm1, good), replsim.CodeNodeNotFound) // no majority of the next configuration answers
}

// From 4.4 on a new primary takes no reconfiguration before a majority has reported the configuration of its term.
func TestReconfigWaitsForTheConfigurationOfTheTerm(t *testing.T) {
	for _, rule := range []bool{false, true} {
		s := balance(t, replsim.Options{OneVoterRule: rule})
		require.NoError(t, s.Kill(sm1))
		require.True(t, s.AdvanceUntil(time.Minute, func(s *replsim.Set) bool { _, ok := s.Primary(); return ok }))
		cfg := s.Config()
		cfg.Version++
		if rule {
			require.EqualValues(t, 2, cfg.Term)
			require.False(t, s.ConfigCommitted(sm2))
			requireCode(t, s.Reconfig(sm2, cfg), replsim.CodeConfigUncommitted)
			s.Advance(2 * time.Second)
		}
		require.NoError(t, s.Reconfig(sm2, cfg))
		require.True(t, s.ConfigCommitted(sm2))
	}
}

// An old server accepts the removal of two voters at once; with a cut this makes two primaries, and Check says so.
func TestTwoVotersAtOnceMakeTwoPrimaries(t *testing.T) {
	hosts := []string{"a:1", "b:1", "c:1", "d:1", "e:1"}
	members := make([]replsim.MemberSpec, len(hosts))
	for i, h := range hosts {
		members[i] = replsim.Data(i, h, float64(5-i))
	}
	for _, rule := range []bool{false, true} {
		s, err := replsim.NewSet("set01", members, replsim.Options{OneVoterRule: rule})
		require.NoError(t, err)
		for _, far := range hosts[2:] {
			s.Cut("a", replsim.Machine(far))
			s.Cut("b", replsim.Machine(far))
		}
		cfg := s.Config()
		cfg.Version++
		cfg.Members = cfg.Members[:2]
		err = s.Reconfig("a:1", cfg)
		s.Advance(time.Minute)
		if rule {
			require.Error(t, err)
			require.NoError(t, s.Check())
			continue
		}
		require.NoError(t, err)
		require.ErrorContains(t, s.Check(), "both primary")
	}
}

func TestWritesNeedThePrimary(t *testing.T) {
	s := balance(t, replsim.Options{})
	_, err := s.UnsetMigratingShards(sm2)
	requireCode(t, err, replsim.CodeNotPrimary)
	n, err := s.UnsetMigratingShards(sm1)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	requireCode(t, s.InsertVersions(sm1, replsim.VersionsDoc{ID: "cache_config"}), replsim.CodeDuplicateKey)
	_, err = s.RemoveVersions(sm1)
	require.NoError(t, err)
	require.NoError(t, s.InsertVersions(sm1, replsim.VersionsDoc{ID: "cache_config", MigrationStatus: "COMPLETE"}))
	four, five := int64(4), int64(5)
	for _, want := range []struct {
		onlyIf  *int64
		matched int
	}{{&five, 0}, {&four, 1}, {&four, 0}} {
		got, err := s.IncConfigVersion(sm1, want.onlyIf)
		require.NoError(t, err)
		require.Equal(t, want.matched, got)
	}
	s.Advance(time.Second)
	here, err := s.Sharding(sm1)
	require.NoError(t, err)
	there, err := s.Sharding(sm2)
	require.NoError(t, err)
	require.Equal(t, here, there)
	require.Equal(t, int64(5), here.ConfigVersion)
}

// act is one random operation on a set; errors are refusals and part of the game.
func act(s *replsim.Set, op, a, b int, d time.Duration) {
	hosts := s.Hosts()
	h, g := hosts[a%len(hosts)], hosts[b%len(hosts)]
	switch op {
	case 0, 1, 2:
		s.Advance(d)
	case 3:
		_ = s.Kill(h)
	case 4, 5, 6:
		_ = s.Start(h)
	case 7:
		_ = s.StepDown(h, d)
	case 8:
		_ = s.Freeze(h, d)
	case 9:
		s.Cut(h, g)
	case 10, 11:
		s.JoinAll()
	case 12:
		_ = s.SetPriority(h, float64(b%5)/2)
	case 13:
		_ = s.Remove(h)
	case 14:
		_ = s.Add(replsim.Data(20+b%3, h, 0))
	case 15:
		_ = s.Stop(h)
	case 16:
		_ = s.Wipe(h)
	case 17:
		_ = s.Maintenance(h, b%2 == 0)
	case 18:
		_, _ = s.IncConfigVersion(h, nil)
	case 19:
		s.SetIdle(b%2 == 0)
	}
}

func randomSet(t *rapid.T) *replsim.Set {
	n := rapid.IntRange(1, 7).Draw(t, "members")
	members := make([]replsim.MemberSpec, n)
	for i := range members {
		members[i] = replsim.Data(i, fmt.Sprintf("m%d:27017", i), float64(rapid.IntRange(0, 4).Draw(t, "priority")))
		if i > 0 && rapid.IntRange(0, 3).Draw(t, "arbiter") == 0 {
			members[i] = replsim.ArbiterAt(i, members[i].Host)
		}
	}
	members[0].Priority++
	s, err := replsim.NewSet("rs", members, replsim.Options{
		OneVoterRule:    true,
		ElectionHandoff: rapid.Bool().Draw(t, "handoff"),
		OplogWindow:     10 * time.Minute,
		ApplyRate:       rapid.SampledFrom([]float64{0.7, 1, 4}).Draw(t, "apply"),
	})
	require.NoError(t, err)
	return s
}

// Under any schedule of deaths, cuts and reconfigurations there are no two primaries, clones and originals go the same
// way, and a healed set with a majority of its data gets a primary.
func TestRandomSchedules(t *testing.T) {
	scenarios := 0
	rapid.Check(t, func(t *rapid.T) {
		scenarios++
		s := randomSet(t)
		twin := s.Clone()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			op := rapid.IntRange(0, 19).Draw(t, "op")
			if op == 16 {
				op = 0 // a wiped member forgets how it voted: that is a scenario of its own
			}
			a, b := rapid.IntRange(0, 6).Draw(t, "a"), rapid.IntRange(0, 6).Draw(t, "b")
			d := time.Duration(rapid.IntRange(1, 60_000).Draw(t, "ms")) * time.Millisecond
			frozen, mark := s.Clone(), s.Hash()
			act(s, op, a, b, d)
			act(twin, op, a, b, d)
			require.NoError(t, s.Check())
			require.Equal(t, s.Hash(), twin.Hash(), "clone and original part after op %d", op)
			require.Equal(t, mark, frozen.Hash(), "a clone changed with its original")
		}
		s.JoinAll()
		for _, h := range s.Hosts() {
			_ = s.Start(h)
			_ = s.Maintenance(h, false)
			_ = s.Freeze(h, 0)
		}
		s.Advance(5 * time.Minute)
		require.NoError(t, s.Check())
		_, ok := s.Primary()
		if !ok {
			stuck := false
			for _, m := range s.Config().Members {
				stuck = stuck || s.StateOf(m.Host) == replsim.Recovering
			}
			require.True(t, stuck, "a healed set without stale members has no primary")
		}
		total, longest := s.Outage()
		require.LessOrEqual(t, longest, total)
		require.LessOrEqual(t, total, s.Now())
	})
	t.Logf("%d scenarios", scenarios)
}

// Advancing in one piece or in many is the same.
func TestAdvanceIsAdditive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := randomSet(t)
		for range 6 {
			act(s, rapid.IntRange(0, 19).Draw(t, "op"), rapid.IntRange(0, 6).Draw(t, "a"),
				rapid.IntRange(0, 6).Draw(t, "b"), time.Duration(rapid.IntRange(1, 30_000).Draw(t, "ms"))*time.Millisecond)
		}
		a, b := s.Clone(), s.Clone()
		a.Advance(90 * time.Second)
		for range 9 {
			b.Advance(10 * time.Second)
		}
		pa, oka := a.Primary()
		pb, okb := b.Primary()
		require.Equal(t, oka, okb)
		require.Equal(t, pa, pb)
		require.Equal(t, a.Term(), b.Term())
		ta, _ := a.Outage()
		tb, _ := b.Outage()
		require.InDelta(t, ta.Seconds(), tb.Seconds(), 0.001)
	})
}

func TestWorld(t *testing.T) {
	one, two := balance(t, replsim.Options{}), balance(t, replsim.Options{})
	_, err := replsim.NewWorld(one, two)
	require.Error(t, err, "same name")
	two, err = replsim.NewSet("set01", []replsim.MemberSpec{
		replsim.Data(0, "sessionmgr01:27717", 2), replsim.Data(1, "sessionmgr02:27717", 3),
		replsim.ArbiterAt(2, "arbitervip:27717"),
	}, replsim.Options{DataSize: 1_000_000_000})
	require.NoError(t, err)
	w, err := replsim.NewWorld(one, two)
	require.NoError(t, err)
	require.Equal(t, "set01", w.Sets()[0].Name())
	require.Nil(t, w.Set("set09"))

	c := w.Clone()
	require.Equal(t, w.Hash(), c.Hash())
	w.WipeMachine("sessionmgr01")
	require.NotEqual(t, w.Hash(), c.Hash())
	w.Advance(time.Minute)
	requirePrimary(t, w.Set("set02"), sm2)
	requirePrimary(t, w.Set("set01"), "sessionmgr02:27717")
	longest, name := w.Outage()
	require.Equal(t, "set02", name, "only set02 had its primary there")
	require.Equal(t, 10*time.Second+100*time.Millisecond, longest)
	w.StartMachine("sessionmgr01")
	w.Advance(time.Minute)
	requirePrimary(t, w.Set("set02"), sm1)
	require.NoError(t, w.Check())
	w.StopMachine("sessionmgr02")
	w.Cut("sessionmgr01", "arbitervip")
	w.Advance(time.Minute)
	require.False(t, w.Set("set01").HasMajority())
	w.Join("sessionmgr01", "arbitervip")
	w.Advance(time.Minute)
	requirePrimary(t, w.Set("set01"), "sessionmgr01:27717")
	require.Equal(t, 4*time.Minute, w.Now())
	requirePrimary(t, c.Set("set02"), sm1)
	require.Zero(t, c.Now())
}

func TestNewSetRefusesIllegalMembers(t *testing.T) {
	_, err := replsim.NewSet("rs", []replsim.MemberSpec{replsim.ArbiterAt(0, "a:1")}, replsim.Options{})
	var e *replsim.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, replsim.CodeInvalidConfig, e.Code)
}

func BenchmarkScenario(b *testing.B) {
	base := balance(b, replsim.Options{})
	for b.Loop() {
		s := base.Clone()
		_ = s.Kill(sm1)
		s.Advance(time.Minute)
		_ = s.Start(sm1)
		s.Advance(time.Minute)
		if _, ok := s.Primary(); !ok {
			b.Fatal("no primary")
		}
	}
}

func BenchmarkHash(b *testing.B) {
	s := balance(b, replsim.Options{})
	for b.Loop() {
		_ = s.Hash()
	}
}
