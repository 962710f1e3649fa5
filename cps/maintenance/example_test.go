package maintenance_test

import (
	"fmt"
	"log"
	"os"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
)

// A patch takes the place of another one. The runbook is reviewed, rehearsed and run as every other.
func ExampleApplyPatch() {
	f, err := os.Open("../testdata/Hosts.csv.txt")
	if err != nil {
		log.Fatal(err)
	}
	hosts, err := cps.ParseHosts(f)
	if err != nil {
		log.Fatal(err)
	}
	runbook, err := maintenance.ApplyPatch(maintenance.PatchConfig{File: "/tmp/Patch_2_19.4.0.tar.gz", Applied: "Patch_1_19.4.0"}, hosts)
	if err != nil {
		log.Fatal(err)
	}
	for _, step := range runbook.Steps {
		fmt.Println(step.ID+":", step.Title)
	}
	// Output:
	// preflight: Check the cluster and the patch
	// confirm: Confirm the maintenance window
	// undo: Undo and remove the patch Patch_1_19.4.0
	// apply: Apply the patch Patch_2_19.4.0
	// restart-odd: Restart the processes of the odd VMs
	// restart-even: Restart the processes of the even VMs
	// finish: Bring the configuration up to date and verify the cluster
}
