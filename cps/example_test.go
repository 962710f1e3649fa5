package cps_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// Divide a cluster into its two upgrade sets and review them against its replica sets.
func Example() {
	hosts, err := cps.ParseHosts(strings.NewReader(`Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Management,
esxi-host-3,lb01,lb01,lb01,datastore3,,192.168.105.13,10.197.98.61,
esxi-host-4,lb02,lb02,lb02,datastore4,,192.168.105.14,10.197.98.62,
esxi-host-3,sessionmgr01,sm,sessionmgr01,datastore3,,192.168.105.15,,
esxi-host-4,sessionmgr02,sm,sessionmgr02,datastore4,,192.168.105.16,,
esxi-host-3,sessionmgr03,sm,sessionmgr03,datastore3,,192.168.105.17,,
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	mongo, err := cps.ParseMongoConfig(strings.NewReader(`[SPR-SET1]
SETNAME=set04
ARBITER=arbitervip:27720
MEMBER1=sessionmgr01:27720
MEMBER2=sessionmgr03:27720
[SPR-SET1-END]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	set1, set2, err := cps.SplitClusterSets(hosts)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, finding := range cps.ReviewSets(set1, set2, mongo) {
		fmt.Println(finding.Severity, finding.Row)
	}
	repair := cps.ProposeRepair(set1, set2, mongo)
	fmt.Println(repair)
	if _, err := repair.Set1.WriteTo(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// error CPS-007
	// info CPS-008
	// move sessionmgr03 from /var/tmp/cluster-upgrade-set-2.txt to /var/tmp/cluster-upgrade-set-1.txt (parts it from sessionmgr01 in SPR-SET1)
	// lb02
	// sessionmgr02
	// sessionmgr03
}

// Errors name the file, the line, the column and the text.
func ExampleParseError() {
	_, err := cps.ParseMongoConfig(strings.NewReader("[SPR-SET1]\nSETNAME=set04\nMEMBER1=sessionmgr01\n[SPR-SET1-END]\n"))
	fmt.Println(strings.SplitN(err.Error(), "\n", 2)[0])
	// Output:
	// mongoConfig.cfg:3:9: MEMBER1 must be host:port: near "sessionmgr01"
}
