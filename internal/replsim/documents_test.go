package replsim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
)

type note string

func (n note) Hash() uint64 { return uint64(len(n)) }

func write(t *testing.T, s *replsim.Set, host string, n note) {
	t.Helper()
	require.NoError(t, s.WritePayload(host, func(replsim.Payload) (replsim.Payload, error) { return n, nil }))
}

func requireNote(t *testing.T, s *replsim.Set, host string, want note) {
	t.Helper()
	p, err := s.Payload(host)
	require.NoError(t, err)
	require.Equal(t, want, p)
}

// A member that catches up has what belongs to its place in the oplog, no more and no less.
func TestDocumentsFollowTheOplog(t *testing.T) {
	s := balance(t, replsim.Options{})
	s.SetPayload(note("start"))
	write(t, s, sm1, "one")
	requireNote(t, s, sm2, "one")
	require.True(t, s.Committed(sm1))

	require.NoError(t, s.Stop(sm2))
	s.Advance(10 * time.Minute)
	write(t, s, sm1, "two")
	require.False(t, s.Committed(sm1))
	s.Advance(30 * time.Minute)
	write(t, s, sm1, "three")
	twin := s.Clone()
	require.NoError(t, s.Start(sm2))
	s.Advance(4 * time.Second) // two of them for the start
	requireNote(t, s, sm2, "one")
	s.Advance(75 * time.Second) // past ten minutes of oplog at ten times the speed
	requireNote(t, s, sm2, "two")
	require.False(t, s.Committed(sm1))
	s.Advance(10 * time.Minute)
	requireNote(t, s, sm2, "three")
	require.True(t, s.Committed(sm1))
	require.NotEqual(t, s.Hash(), twin.Hash())
	p, err := twin.Payload(sm1)
	require.NoError(t, err)
	require.Equal(t, note("three"), p)
	requireCode(t, s.WritePayload(sm2, nil), replsim.CodeNotPrimary)
}

// What a primary wrote alone is lost, also for a member that had not got so far.
func TestDocumentsOfARollbackAreLost(t *testing.T) {
	s := balance(t, replsim.Options{})
	s.SetPayload(note("start"))
	s.Cut("sessionmgr01", "sessionmgr02")
	s.Cut("sessionmgr01", "arbitervip")
	write(t, s, sm1, "alone")
	require.False(t, s.Committed(sm1))
	s.Advance(time.Minute)
	requirePrimary(t, s, sm2)
	write(t, s, sm2, "with the majority")
	s.JoinAll()
	s.Advance(time.Minute)
	requireNote(t, s, sm1, "with the majority")
	require.NoError(t, s.Check())
}

// A forced reconfiguration asks nobody: with the other half alive there are two primaries, and Check says so.
func TestForceReconfigMakesTwoPrimaries(t *testing.T) {
	s := balance(t, replsim.Options{})
	s.Cut("sessionmgr01", "sessionmgr02")
	s.Cut("arbitervip", "sessionmgr02")
	s.Advance(time.Minute)
	requirePrimary(t, s, sm1)
	alone := s.Config()
	alone.Members = []replsim.MemberSpec{replsim.Data(2, sm2, 2)}
	requireCode(t, s.Reconfig(sm2, alone), replsim.CodeNotPrimary)
	require.NoError(t, s.ForceReconfig(sm2, alone))
	s.Advance(time.Minute)
	require.ErrorContains(t, s.Check(), "both primary")
	bad := alone
	bad.Members = nil
	requireCode(t, s.ForceReconfig(sm2, bad), replsim.CodeConfigIncompatible)
	other := alone.Clone()
	other.Members[0] = replsim.Data(9, "other:1", 1)
	requireCode(t, s.ForceReconfig(sm2, other), replsim.CodeConfigIncompatible)
}

// A member that catches up along the new primary's oplog never has what the old one wrote alone, although it passes the place.
func TestDocumentsFollowTheBranch(t *testing.T) {
	s, err := replsim.NewSet("rs", []replsim.MemberSpec{
		replsim.Data(0, "a:1", 3), replsim.Data(1, "b:1", 2), replsim.Data(2, "c:1", 1), replsim.ArbiterAt(3, "d:1"), replsim.ArbiterAt(4, "e:1"),
	}, replsim.Options{})
	require.NoError(t, err)
	s.SetPayload(note("start"))
	require.NoError(t, s.Stop("c:1"))
	s.Advance(10 * time.Minute)
	for _, other := range []string{"b:1", "d:1", "e:1", "c:1"} {
		s.Cut("a:1", other)
	}
	write(t, s, "a:1", "alone")
	s.Advance(2 * time.Minute)
	requirePrimary(t, s, "b:1")
	require.NoError(t, s.Start("c:1"))
	for s.Lag("c:1") > 0 || s.StateOf("c:1") != replsim.Secondary {
		s.Advance(time.Second)
		requireNote(t, s, "c:1", "start")
	}
}
