package live_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
)

// Serial asks the members one after the other, in the order in which they are known, and nobody once the primary is certain. Who asks all at
// once comes to the same primary.
func TestSerial(t *testing.T) {
	set, _ := running(t, balance(), mongotest.Options{}, nil)
	ask := func(serial bool, seeds ...string) (primary string, asked []string, err error) {
		var mu sync.Mutex
		rs := live.NewReplicaSet("set02", seeds, func(ctx context.Context, host string) (live.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, host)
			return set.Dial(ctx, host)
		}, live.Options{Serial: serial})
		primary, err = rs.Primary(t.Context())
		return primary, asked, err
	}
	for _, tt := range [][]string{{sm1, sm2}, {sm2, sm1}} {
		primary, asked, err := ask(true, tt...)
		require.NoError(t, err)
		require.Equal(t, sm1, primary)
		if tt[0] == sm1 {
			tt = tt[:1]
		}
		require.Equal(t, tt, asked)
		primary, asked, err = ask(false, tt...)
		require.NoError(t, err)
		require.Equal(t, sm1, primary)
		require.Subset(t, asked, tt)
	}
	primary, asked, err := ask(true, sm2) // what a member names is asked next
	require.NoError(t, err)
	require.Equal(t, sm1, primary)
	require.Equal(t, []string{sm2, sm1}, asked)
	require.NoError(t, set.KillMember(sm1))
	require.NoError(t, set.KillMember(sm2))
	_, asked, err = ask(true, sm2, sm1)
	require.ErrorIs(t, err, live.ErrNoPrimary)
	require.Equal(t, []string{sm2, sm1}, asked)
}
