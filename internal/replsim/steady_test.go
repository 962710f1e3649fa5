package replsim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A steady set that glides is in the same state, second by second, as one in which each second is worked out.
func TestSteadySetsGlide(t *testing.T) {
	glided := 0
	rapid.Check(t, func(t *rapid.T) {
		hosts := []string{"a:1", "b:1", "c:1", "d:1"}
		opts := Options{OplogWindow: time.Minute, DataSize: 1_000_000_000, Idle: rapid.Bool().Draw(t, "idle"),
			OneVoterRule: rapid.Bool().Draw(t, "rule"), ApplyRate: rapid.SampledFrom([]float64{0, 0.5, 1, 3}).Draw(t, "rate")}
		one, err := NewSet("s", []MemberSpec{Data(0, hosts[0], 3), Data(1, hosts[1], 2), Data(2, hosts[2], 1), ArbiterAt(3, hosts[3])}, opts)
		require.NoError(t, err)
		two := one.Clone()
		deeds := []func(s *Set, h string) error{
			func(s *Set, h string) error { return s.Stop(h) }, func(s *Set, h string) error { return s.Kill(h) },
			func(s *Set, h string) error { return s.Start(h) }, func(s *Set, h string) error { return s.StepDown(h, 20*time.Second) },
			func(s *Set, h string) error { return s.Freeze(h, 20*time.Second) }, func(s *Set, h string) error { return s.Suspend(h) },
			func(s *Set, h string) error { return s.Resume(h) }, func(s *Set, h string) error { return s.Wipe(h) },
			func(s *Set, h string) error { return s.Maintenance(h, true) }, func(s *Set, h string) error { return s.Maintenance(h, false) },
			func(s *Set, h string) error { return s.Remove(h) }, func(s *Set, h string) error { return s.SetPriority(h, 5) },
			func(s *Set, h string) error { return s.Add(Data(9, h, 1)) },
			func(s *Set, h string) error { _, err := s.IncConfigVersion(h, nil); return err },
			func(s *Set, h string) error { s.Cut(h, hosts[0]); return nil }, func(s *Set, _ string) error { s.JoinAll(); return nil },
			func(s *Set, _ string) error { s.SetApplyRate(2); return nil }, func(s *Set, _ string) error { s.SetIdle(false); return nil },
			func(s *Set, _ string) error { s.SetSharding(ShardingData{CacheConfigs: 7}); return nil },
		}
		for range rapid.IntRange(1, 12).Draw(t, "deeds") {
			deed, host := rapid.IntRange(0, len(deeds)-1).Draw(t, "deed"), rapid.SampledFrom(hosts).Draw(t, "host")
			require.Equal(t, fmt.Sprint(deeds[deed](one, host)), fmt.Sprint(deeds[deed](two, host)))
			for range rapid.IntRange(0, 40).Draw(t, "seconds") {
				if one.Steady() {
					glided++
				}
				one.Advance(time.Second)
				two.steady = false
				two.Advance(time.Second)
				require.Equal(t, two.Hash(), one.Hash())
				require.Equal(t, two.now, one.now)
				require.Equal(t, two.procs, one.procs)
				require.Equal(t, []time.Duration{two.outTotal, two.outLong, two.outNow},
					[]time.Duration{one.outTotal, one.outLong, one.outNow})
				require.Equal(t, two.serving, one.serving)
			}
		}
	})
	require.Greater(t, glided, 1000, "of the seconds hardly any were in a steady set")
}
