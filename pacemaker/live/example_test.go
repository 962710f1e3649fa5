package live_test

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// What a change runs, and what proves it: a runbook shows both to the reviewer.
func ExampleCluster() {
	live := live.Cluster{Dialect: pcs.V011, Via: "ct6-mds1.lfs.intl"}
	standby := live.Standby("ct6-mds2.lfs.intl")
	fmt.Println(standby)
	for _, e := range standby.Needs {
		fmt.Println("needs:", e.Text)
	}
	for _, e := range standby.Proof {
		fmt.Printf("proof: %s (%s)\n", e.Text, e.Cmd)
	}
	// Output:
	// pcs node standby ct6-mds2.lfs.intl
	// needs: the cluster is not in maintenance mode
	// proof: the CIB says that ct6-mds2.lfs.intl is in standby: true (cibadmin --query)
	// proof: crm_mon shows ct6-mds2.lfs.intl in standby and nothing on it (crm_mon -1 --as-xml)
}
