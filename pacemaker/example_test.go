package pacemaker_test

import (
	"fmt"
	"os"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/rebuild"
)

func read() (*pacemaker.CIB, *corosync.Conf, error) {
	file, err := os.Open("testdata/constructed-iml-2.4-el6-short-nodenames.xml")
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	cib, err := pacemaker.ParseCIB(file)
	if err != nil {
		return nil, nil, err
	}
	conf, err := os.Open("corosync/testdata/iml-v2.4.2.7RC1-rendered.conf")
	if err != nil {
		return nil, nil, err
	}
	defer conf.Close()
	corosync, err := corosync.Parse(conf)
	return cib, corosync, err
}

// From the backup of a pair to the commands that make its cluster again.
func Example() {
	cib, corosync, err := read()
	if err != nil {
		fmt.Println(err)
		return
	}
	names, err := pacemaker.ShortNames("ct6-mds1.lfs.intl", "ct6-mds2.lfs.intl")
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := rebuild.New(cib, corosync, rebuild.Options{
		Node1: "ct6-mds1.lfs.intl", Node2: "ct6-mds2.lfs.intl", Names: names,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range plan.Stonith {
		fmt.Println(o)
	}
	for _, o := range plan.Fencing[:2] {
		fmt.Println(o)
	}
	// Output:
	// pcs stonith create st-fencing fence_chroma
	// pcs property set --node ct6-mds1.lfs.intl 0_fence_ipport=22 0_fence_login=root 0_fence_password=[redacted] 0_fence_plug=ct6-mds1 0_fence_ipaddr=192.168.0.1
	// pcs property set --node ct6-mds1.lfs.intl 0_fence_agent=fence_virsh
}

func ExampleDiff() {
	old, _, err := read()
	if err != nil {
		fmt.Println(err)
		return
	}
	changed := old.Clone()
	changed.RemoveConstraint("MGS_32834e-secondary")
	changed.BumpEpoch()
	for _, d := range pacemaker.Diff(old, changed) {
		fmt.Println(d)
	}
	// Output:
	// location constraint MGS_32834e → ct6-mds2: score 10 is gone
}

// An expectation of one's own leaves out what the site has decided to change, and nothing else.
func ExampleExpectation() {
	old, _, err := read()
	if err != nil {
		fmt.Println(err)
		return
	}
	changed := old.Clone()
	changed.SetResourceDefault("resource-stickiness", "2000")
	if err := changed.SetLocationScore("MGS_32834e-secondary", "15"); err != nil {
		fmt.Println(err)
		return
	}
	stickier := pacemaker.Expectation{
		Name: "stickier", Why: "a target must not move back by itself (CHG-12)",
		Matches: func(d pacemaker.Difference) bool {
			return d.Kind == "resource default" && d.Subject == "resource-stickiness" && d.New == "2000"
		},
	}
	for _, d := range pacemaker.Diff(old, changed, pacemaker.Expect(stickier)) {
		fmt.Println(d)
	}
	// Output:
	// location constraint MGS_32834e → ct6-mds2: score was 10, is now 15
}

func ExampleCIB_PreferredNode() {
	cib, _, err := read()
	if err != nil {
		fmt.Println(err)
		return
	}
	node, score, err := cib.PreferredNode("MGS_32834e")
	fmt.Println(node, score, err)
	// Output:
	// ct6-mds1 20 <nil>
}
