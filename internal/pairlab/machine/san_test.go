//go:build linux

package machine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

func storage(b wire.Behaviour) *san {
	return newSAN(time.Now(), []wire.Target{{UUID: "t"}}, b, "a", "b")
}

func events(s *san) (all []string) {
	for _, c := range s.tell().Changes {
		all = append(all, c.At.String()+" "+c.Node+" "+string(c.Event))
	}
	return all
}

func TestHandoverTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage(wire.Behaviour{StartDelay: 2 * time.Second, StopDelay: time.Second})
		life := t.Context()
		require.NoError(t, s.start(life, "a", "t"))
		require.NoError(t, s.start(life, "a", "t"), "again does nothing")
		require.Equal(t, []string{"t"}, s.mounted("a"))
		require.NoError(t, s.stop(life, "a", "t"))
		require.NoError(t, s.start(life, "b", "t"))
		require.Equal(t, []string{"0s a start-begin", "2s a started", "2s a stop-begin", "3s a stopped", "3s b start-begin",
			"5s b started"}, events(s))
		truth := s.tell()
		require.Equal(t, 3*time.Second, truth.Outages("t")[0].Length())
		require.Empty(t, truth.DoubleMounts)
		require.ErrorContains(t, s.start(life, "a", "x"), `no target "x"`)
	})
}

func TestDoubleMountIsNoticedWhenItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage(wire.Behaviour{StartDelay: 2 * time.Second, StopDelay: 10 * time.Second})
		life := t.Context()
		require.NoError(t, s.start(life, "a", "t"))
		go func() { _ = s.stop(life, "a", "t") }() // from 2 s to 12 s
		time.Sleep(time.Second)
		require.NoError(t, s.start(life, "b", "t"), "nothing prevents it")
		require.Equal(t, []wire.DoubleMount{{At: 3 * time.Second, Target: "t", Nodes: [2]string{"a", "b"}}}, s.tell().
			DoubleMounts, "also while the other still unmounts")
		synctest.Wait()
	})
}

func TestStartAndStopTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage(wire.Behaviour{StartDelay: 2 * time.Second, StopDelay: time.Second})
		done := make(chan error, 2)
		go func() { done <- s.start(t.Context(), "a", "t") }()
		synctest.Wait()
		require.Empty(t, s.mounted("a"), "a mount that goes on is not done")
		go func() { done <- s.stop(t.Context(), "a", "t") }()
		require.NoError(t, <-done)
		require.NoError(t, <-done)
		require.Equal(t, []string{"0s a start-begin", "2s a started", "2s a stop-begin", "3s a stopped"}, events(s))
	})
}

func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage(wire.Behaviour{FailStart: true})
		require.ErrorIs(t, s.start(t.Context(), "a", "t"), errStorage)
		require.Empty(t, s.mounted("a"))
		require.NoError(t, s.behave("t", wire.Behaviour{FailStop: true}))
		require.NoError(t, s.start(t.Context(), "a", "t"))
		require.ErrorIs(t, s.stop(t.Context(), "a", "t"), errStorage)
		require.Equal(t, []string{"t"}, s.mounted("a"), "it stays mounted")
		require.Error(t, s.behave("x", wire.Behaviour{}))
	})
}

func TestStopHangsUntilItIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage(wire.Behaviour{HangStop: true})
		require.NoError(t, s.start(t.Context(), "a", "t"))
		done := make(chan error, 1)
		go func() { done <- s.stop(t.Context(), "a", "t") }()
		time.Sleep(time.Hour)
		require.Empty(t, done)
		require.Equal(t, []string{"t"}, s.mounted("a"))
		require.NoError(t, s.behave("t", wire.Behaviour{}))
		require.NoError(t, <-done)
		require.Empty(t, s.mounted("a"))
	})
}

func TestPowerLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage(wire.Behaviour{StartDelay: 2 * time.Second, HangStop: true})
		life, end := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.start(life, "a", "t") }()
		time.Sleep(time.Second)
		s.lose("a", end)
		require.ErrorIs(t, <-done, errPower)
		require.Equal(t, []string{"0s a start-begin", "1s a lost"}, events(s), "what was going on is not recorded as done")
		require.NoError(t, s.start(t.Context(), "b", "t"))
		require.Empty(t, s.tell().DoubleMounts, "the other had lost it")

		life, end = context.WithCancel(t.Context())
		go func() { done <- s.stop(life, "b", "t") }()
		synctest.Wait()
		s.lose("b", end)
		require.ErrorIs(t, <-done, errPower, "power ends an unmount that hangs")
		require.Empty(t, s.mounted("b"))
	})
}

// A pool is on the storage by itself, once for all of its data sets, and whoever imports it on two nodes is noticed.
func TestDoubleImportIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSAN(time.Now(), []wire.Target{{UUID: "t", Device: "pool/t"}, {UUID: "u", Device: "pool/u"}, {UUID: "d", Device: "/dev/d"}},
			wire.Behaviour{}, "a", "b")
		require.Len(t, s.targets, 4)
		life := t.Context()
		require.NoError(t, s.start(life, "a", "zpool:pool"))
		require.NoError(t, s.start(life, "a", "t"))
		require.Empty(t, s.tell().DoubleMounts)
		require.NoError(t, s.start(life, "b", "zpool:pool"))
		require.Equal(t, []wire.DoubleMount{{Target: "zpool:pool", Nodes: [2]string{"a", "b"}}}, s.tell().DoubleMounts)
	})
}
