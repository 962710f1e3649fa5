// Package casetest draws replica-set configurations for property tests.
package casetest

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/mongo"
)

// Main lets the property tests run over thousands of cases unless the command line says how many.
func Main(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		_ = f.Value.Set("2000")
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// ThinOut makes the property checks of a test rarer, for those that take a while each.
func ThinOut(t *testing.T, by int) {
	f := flag.Lookup("rapid.checks")
	n, err := strconv.Atoi(f.Value.String())
	require.NoError(t, err)
	require.NoError(t, f.Value.Set(strconv.Itoa(max(n/by, 1))))
	t.Cleanup(func() { require.NoError(t, f.Value.Set(strconv.Itoa(n))) })
}

// RequireLegalStep judges a step apart from CheckStep: one vote changes at most, and nobody becomes electable who had none.
func RequireLegalStep(t require.TestingT, from, to mongo.Config) {
	require.NoError(t, mongo.Validate(to))
	require.Equal(t, from.Version+1, to.Version)
	changed := 0
	for _, m := range from.Members {
		if n, ok := to.Member(m.Host); !ok || n.Votes != m.Votes {
			changed += m.Votes
			if ok {
				changed += n.Votes
			}
		}
	}
	for _, m := range to.Members {
		if _, ok := from.Member(m.Host); !ok {
			changed += m.Votes
		}
	}
	require.LessOrEqual(t, changed, 1, "%v → %v", from, to)
	for _, m := range to.Members {
		old, ok := from.Member(m.Host)
		if m.Electable() {
			require.True(t, ok && old.Votes == 1, "%s becomes electable without having been a voter: %v → %v", m.Host, from, to)
		}
	}
}

// DrawConfig draws a legal configuration over the hosts h0 to h9; a host always has the same _id and kind.
func DrawConfig(t *rapid.T, label string) mongo.Config {
	c := mongo.Config{ID: "rs", Version: 1}
	for i := range 10 {
		kind := rapid.IntRange(0, 9).Draw(t, fmt.Sprintf("%s h%d", label, i))
		voters := c.Voters()
		m := mongo.Member{ID: i, Host: fmt.Sprintf("h%d:27017", i)}
		switch {
		case kind < 4:
			continue
		case i == 8 || i == 9:
			if voters >= mongo.MaxVoters {
				continue
			}
			m.ArbiterOnly, m.Votes = true, 1
		case kind < 9 && voters < mongo.MaxVoters:
			m.Votes = 1
			m.Priority = float64(rapid.IntRange(0, 6).Draw(t, "priority")) / 2
		}
		if m.Priority == 0 && !m.ArbiterOnly {
			m.Hidden = rapid.Bool().Draw(t, "hidden")
		}
		c.Members = append(c.Members, m)
	}
	return c
}

// DrawLegal draws one that a server takes.
func DrawLegal(t *rapid.T, label string) mongo.Config {
	c := DrawConfig(t, label)
	if mongo.Validate(c) != nil {
		i := slices.IndexFunc(c.Members, func(m mongo.Member) bool { return !m.ArbiterOnly })
		if i < 0 || c.Voters()-c.Members[i].Votes >= mongo.MaxVoters {
			t.Skip("no data member to make electable")
		}
		c.Members[i].Hidden, c.Members[i].Priority, c.Members[i].Votes = false, 1, 1
	}
	require.NoError(t, mongo.Validate(c))
	return c
}
