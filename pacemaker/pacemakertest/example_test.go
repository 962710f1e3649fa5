package pacemakertest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// A host without a corosync.conf: the cluster does not start, and its programs say so.
func Example() {
	reg := simhost.NewRegistry()
	pacemakertest.Install(reg)
	s := simhost.NewState(reg, time.Date(2018, 6, 12, 22, 0, 0, 0, time.UTC))
	s.AddLayer(pacemakertest.New(pacemakertest.Options{}))
	s.AddHost("ct6-mds1.lfs.intl", simhost.EL7())
	run, err := simhost.NewWorld(s).Runner("ct6-mds1")
	if err != nil {
		fmt.Println(err)
		return
	}
	res, _ := run.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, "pcs", "status"))
	fmt.Print(res.ExitCode, " ", string(res.Stderr))
	// Output: 1 Error: cluster is not currently running on this node
}
