package lustretest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

func Example() {
	pair := lustretest.NewPair(lustretest.Options{})
	run, err := pair.Runner("ct6-mds1")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := run.Run(context.Background(), sshexec.Command(sshexec.Disruptive, "pcs", "cluster", "standby")); err != nil {
		fmt.Println(err)
	}
	pair.Advance(10 * time.Second)
	for _, t := range pair.Report().Targets {
		fmt.Println(t.Label, t.On, t.Down)
	}
	fmt.Println(pair.Check())
	// Output:
	// MGS [ct6-mds2.lfs.intl] 3s
	// demo-MDT0000 [ct6-mds2.lfs.intl] 0s
	// <nil>
}
