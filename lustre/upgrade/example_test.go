package upgrade_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
)

// The backups of both nodes are enough to plan the upgrade of a pair, to review it, and to run it; here in a simulated pair.
func ExampleLoad() {
	world := lustretest.NewPair(lustretest.Options{})
	dir, err := os.MkdirTemp("", "pair")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cfg := upgrade.Config{Manager: lustretest.Manager, AgentRepos: lustretest.AgentRepos(), Password: "from a file", ArchiveDir: dir}
	servers := []*upgrade.Server{&cfg.Node1, &cfg.Node2}
	for i, name := range []string{lustretest.Node1, lustretest.Node2} {
		runner, err := world.Runner(name)
		if err != nil {
			fmt.Println(err)
			return
		}
		made, err := backup.Create(context.Background(), runner, backup.ServerManifest(), backup.Options{Dir: dir, Now: world.Now})
		if err != nil {
			fmt.Println(err)
			return
		}
		*servers[i] = upgrade.Server{Name: name, Backup: made.Path}
	}

	pair, err := upgrade.Load(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range pair.Targets {
		fmt.Println(t.Resource, "belongs on", t.Preferred)
	}
	runbook, err := pair.Runbook()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = evenkeel.Run(context.Background(), runbook, world,
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: world, Operator: &person{w: world}})
	fmt.Println("error:", err)
	for _, t := range world.Report().Targets {
		fmt.Println(t.Label, "is mounted on", strings.Join(t.On, " AND "))
	}
	// Output:
	// MGS_32834e belongs on ct6-mds1.lfs.intl
	// demo-MDT0000_802c1b belongs on ct6-mds2.lfs.intl
	// error: <nil>
	// MGS is mounted on ct6-mds1.lfs.intl
	// demo-MDT0000 is mounted on ct6-mds2.lfs.intl
}
