package mongotest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest/conformance"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sm1 = "sessionmgr01:27718"
	sm2 = "sessionmgr02:27718"
	arb = "arbitervip:27718"
)

func balance() mongo.Config {
	return mongo.Config{ID: "set02", Version: 7, Members: []mongo.Member{
		mongo.DataMember(1, sm1, 3), mongo.DataMember(2, sm2, 2), mongo.ArbiterMember(0, arb),
	}}
}

// The scenarios in simulated time, on each release whose rules differ.
func TestConformanceInProcess(t *testing.T) {
	for _, wire := range []int32{mongotest.Wire36, mongotest.Wire40, mongotest.Wire42, mongotest.Wire44, mongotest.Wire70} {
		t.Run(fmt.Sprintf("wire %d", wire), func(t *testing.T) {
			conformance.Run(t, func(t *testing.T) conformance.Cluster {
				set, err := mongotest.Start(balance(), mongotest.Options{Wire: wire})
				require.NoError(t, err)
				justElected(t, set)
				t.Cleanup(func() {
					require.NoError(t, set.Check())
					require.NoError(t, set.Close())
				})
				return conformance.Cluster{
					Name: "set02", First: sm1, Second: sm2, Arbiter: arb, Dial: set.Dial, Stop: set.StopMember, Start: set.StartMember,
					Kill: set.KillMember, Wipe: set.WipeMember, Suspend: set.SuspendMember, Resume: set.ResumeMember,
					Options: live.Options{Sleep: set.Sleep}, OneVoterRule: wire >= mongotest.Wire44, Patience: time.Minute,
				}
			})
		})
	}
}

// justElected makes sm1 a primary of this moment, as a real set's is when it was just initiated.
func justElected(t *testing.T, set *mongotest.Set) {
	require.NoError(t, set.StopMember(sm1))
	set.Advance(time.Minute)
	require.NoError(t, set.StartMember(sm1))
	for set.Truth().Primary != sm1 {
		set.Advance(50 * time.Millisecond)
	}
}
