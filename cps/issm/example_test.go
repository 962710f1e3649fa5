package issm_test

import (
	"fmt"
	"log"
	"os"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// A migration is planned from the cluster's own files; what comes of it is reviewed before it is run.
func ExampleNew() {
	file := func(name string) *os.File {
		f, err := os.Open(name) // #nosec G304 -- the example's own files
		if err != nil {
			log.Fatal(err)
		}
		return f
	}
	hosts, err := cps.ParseHosts(file("../testdata/Hosts.csv.txt"))
	if err != nil {
		log.Fatal(err)
	}
	mongo, err := cps.ParseMongoConfig(file("../testdata/mongoConfig-six-sets.cfg"))
	if err != nil {
		log.Fatal(err)
	}
	migration, err := issm.New(issm.Config{ArchiveDir: "/srv/cps-archives", SkipCarbon: true}, hosts, mongo)
	if err != nil {
		log.Fatal(err)
	}
	set1, _ := migration.Sets()
	fmt.Println("first:", set1.Contains("lb02"))

	runbook, err := migration.Runbook()
	if err != nil {
		log.Fatal(err)
	}
	for _, step := range runbook.Steps[:8] {
		fmt.Println(step.ID)
	}
	// Output:
	// first: true
	// preflight
	// confirm
	// grafana
	// snapshot
	// backup-cluman
	// deploy-cluman
	// restore-cluman
	// skip-carbon
}
