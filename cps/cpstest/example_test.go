package cpstest_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

func Example() {
	d, err := cpstest.New(cpstest.Options{}) // the guide's own cluster
	if err != nil {
		log.Fatal(err)
	}
	pcrfclient, err := d.Runner("pcrfclient01")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := pcrfclient.Run(context.Background(), sshexec.Command(sshexec.Disruptive, "monit", "stop", "corosync")); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("arbitervip is on %q\n", d.Report().ArbiterVIP)
	d.Advance(time.Minute)
	fmt.Printf("arbitervip is on %q\n", d.Report().ArbiterVIP)
	fmt.Println("rules broken:", d.Check())
	// Output:
	// arbitervip is on ""
	// arbitervip is on "pcrfclient02"
	// rules broken: <nil>
}
