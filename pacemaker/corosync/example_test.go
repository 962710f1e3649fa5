package corosync_test

import (
	"fmt"
	"os"

	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// A pair with two multicast rings moves to knet: pcs 0.10 and later refuse it as it is.
func ExampleConf_PlanKnet() {
	file, err := os.Open("testdata/iml-v2.4.2.7RC1-rendered.conf")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	conf, err := corosync.Parse(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := conf.PlanKnet(corosync.KnetOptions{
		ClusterName: "lustre-ha-cluster",
		Nodes: []corosync.Member{
			{Name: "ct6-mds1.lfs.intl", Addresses: []string{"192.168.1.21", "10.42.42.21"}},
			{Name: "ct6-mds2.lfs.intl", Addresses: []string{"192.168.1.22", "10.42.42.22"}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range plan.Changes[4:6] {
		fmt.Println(c)
	}
	fmt.Println("open", plan.Open, "close", plan.Close, "keep", plan.Keep)
	// Output:
	// new: transport: knet: corosync 3 has one link with udp and udpu, and 8 with knet (H15)
	// line 12: rrp_mode: active → link_mode: active: redundant rings are gone: knet uses its links by link_mode
	// open [] close [4241/udp] keep [4242/udp]
}
