package mongo_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/mongo"
)

// plan is a planner, right or wrong: the next configuration, and whether it is to be forced.
type plan func(from, to mongo.Config) (next mongo.Config, force, done bool)

// judge goes the way of a plan on a simulated set and names the first rule that it breaks.
func judge(from, to mongo.Config, p plan) error {
	s, err := replsim.NewSet("rs", simConfig(from).Members, replsim.Options{})
	if err != nil {
		return err
	}
	start, _ := s.Primary()
	was, moves := start, 0
	for range 50 {
		next, force, done := p(from, to)
		if done {
			_, longest := s.Outage()
			switch {
			case !from.Equal(to):
				return fmt.Errorf("it ends with %v", from)
			case moves > 1:
				return fmt.Errorf("the primary moved %d times", moves)
			case longest > time.Second:
				return fmt.Errorf("no primary for %v", longest)
			}
			return nil
		}
		if force {
			return fmt.Errorf("a forced reconfiguration")
		}
		if err := mongo.CheckStep(from, next); err != nil {
			return err
		}
		host, ok := s.Primary()
		if !ok {
			return fmt.Errorf("no primary to send it to")
		}
		if err := s.Reconfig(host, simConfig(next)); err != nil {
			return err
		}
		s.Advance(2 * time.Minute)
		if err := s.Check(); err != nil {
			return err
		}
		if now, _ := s.Primary(); now != was {
			was, moves = now, moves+1
		}
		from = next
	}
	return fmt.Errorf("the way does not end")
}

// The properties are good for something: the planner passes them, and planners with a mistake do not.
func TestPropertiesCatchSeededMistakes(t *testing.T) {
	right := func(from, to mongo.Config) (mongo.Config, bool, bool) {
		next, _, done, err := mongo.Next(from, to)
		require.NoError(t, err)
		return next, false, done
	}
	plans := map[string]plan{
		"two voters at once": func(from, to mongo.Config) (mongo.Config, bool, bool) {
			next := to.Clone()
			next.Version = from.Version + 1
			return next, false, from.Equal(to)
		},
		"forced": func(from, to mongo.Config) (mongo.Config, bool, bool) {
			next, _, done := right(from, to)
			return next, true, done
		},
		"lowering first": func(from, to mongo.Config) (mongo.Config, bool, bool) {
			for i, m := range from.Members {
				if w, ok := to.Member(m.Host); ok && w.Priority < m.Priority {
					next := from.Clone()
					next.Version++
					next.Members[i].Priority = w.Priority
					return next, false, false
				}
			}
			return right(from, to)
		},
		"the same version again": func(from, to mongo.Config) (mongo.Config, bool, bool) {
			next, _, done := right(from, to)
			next.Version = from.Version
			return next, false, done
		},
		"the primary removed first": func(from, to mongo.Config) (mongo.Config, bool, bool) {
			for i, m := range from.Members {
				if _, ok := to.Member(m.Host); !ok {
					next := from.Clone()
					next.Version++
					next.Members = append(next.Members[:i], next.Members[i+1:]...)
					return next, false, false
				}
			}
			return right(from, to)
		},
	}
	random := rand.New(rand.NewPCG(1, 2))
	caught := map[string]int{}
	const ways = 300
	for range ways {
		from, to := priorities(random), priorities(random)
		if random.IntN(2) == 0 { // a member is replaced, or two
			to.Members[0] = mongo.DataMember(20, "n1:1", to.Members[0].Priority)
		}
		if random.IntN(3) == 0 {
			to.Members[1] = mongo.DataMember(21, "n2:1", to.Members[1].Priority)
		}
		require.NoError(t, judge(from, to, right), "%v → %v", from, to)
		for name, p := range plans {
			if judge(from, to, p) != nil {
				caught[name]++
			}
		}
	}
	for name := range plans {
		require.Positive(t, caught[name], name)
	}
	t.Logf("%d ways, caught: %v", ways, caught)
}

// priorities is a set of five with random priorities, all different, and an arbiter at the end.
func priorities(r *rand.Rand) mongo.Config {
	c := mongo.Config{ID: "rs", Version: 1}
	for i, p := range r.Perm(5) {
		c.Members = append(c.Members, mongo.DataMember(i, fmt.Sprintf("h%d:1", i), float64(p+1)))
	}
	c.Members[4] = mongo.ArbiterMember(9, "arb:1")
	return c
}

// Validate judges as a server does what the scenarios of package conformance cannot show on every set.
func TestValidateJudgesAsTheServer(t *testing.T) {
	with := func(edit func(*mongo.Config)) mongo.Config {
		c := config(mongo.DataMember(1, "a:1", 3), mongo.DataMember(2, "b:1", 0), mongo.ArbiterMember(0, "c:1"))
		edit(&c)
		return c
	}
	hosts := func(hosts ...string) mongo.Config {
		return with(func(c *mongo.Config) {
			for i, h := range hosts {
				c.Members[i].Host = h
			}
		})
	}
	delay := func(name string, secs any) mongo.Config {
		return with(func(c *mongo.Config) { c.Members[1].Extra = mongo.Fields{name: raw(t, secs)} })
	}
	protocol := func(n int64) mongo.Config {
		return with(func(c *mongo.Config) { c.Extra = mongo.Fields{"protocolVersion": raw(t, n)} })
	}
	for name, tc := range map[string]struct {
		c    mongo.Config
		want string
	}{
		"loopbacks":           {hosts("127.0.0.1:1", "127.0.0.2:1", "localhost:3"), ""},
		"loopbacks, one not":  {hosts("127.0.0.1:1", "127.0.0.2:1"), "either all hosts are localhost or none is"},
		"IPv6":                {hosts("[::1]:1", "[::1]:2", "[::1]"), ""},
		"without a port":      {hosts("a", "b"), ""},
		"port 0":              {hosts("a:0"), `"0" is no port`},
		"a port of letters":   {hosts("a:abc"), `"abc" is no port`},
		"a day behind":        {delay("slaveDelay", 86400), ""},
		"in the future":       {delay("slaveDelay", int64(-5)), "the delay -5s is not in 0"},
		"two years":           {delay("secondaryDelaySecs", 2*366*86400), "is not in 0 to 8784h0m0s"},
		"an old protocol":     {protocol(0), ""},
		"a protocol to come":  {protocol(2), "protocolVersion"},
		"an empty set's tags": {with(func(c *mongo.Config) { c.Members[2].Extra = mongo.Fields{"tags": raw(t, bson.D{})} }), ""},
	} {
		err := mongo.Validate(tc.c)
		if tc.want == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, tc.want, name)
		}
	}
}
