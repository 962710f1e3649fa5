package mongodriver_test

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongodriver"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
)

// Before sessionmgr02 is redeployed: what would be lost with it, and will it catch up by itself? The set is simulated, the driver is not.
func ExampleDialer() {
	set, err := mongotest.Start(psa(sm1, sm2, arb), mongotest.Options{Speed: 1000, OplogWindow: 30 * time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer set.Close()
	ctx := context.Background()
	rs := live.NewReplicaSet("set02", []string{sm1},
		mongodriver.Dialer(mongodriver.Options{DialContext: set.DialContext}), live.Options{Sample: time.Millisecond})
	defer rs.Close(ctx)
	config, err := rs.Config(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(config)
	fmt.Println(mongo.CanLose([]string{"sessionmgr02"}, mongo.SetView{Config: config}))
	look, err := rs.RollingOver(ctx, sm2, 2*time.Hour)
	fmt.Println(look.CatchesUp, err)
	// Output:
	// set02 v7: sessionmgr01:27718 p3, sessionmgr02:27718 p2, arbitervip:27718 arbiter
	// [] <nil>
	// false <nil>
}
