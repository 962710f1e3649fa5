package pair_test

import (
	"context"
	"fmt"
	"os"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
)

// An NFS and PostgreSQL pair on EL8 is upgraded to EL9, in a simulated world: the plan is made of backups of both nodes.
func ExamplePair_Runbook() {
	dir, err := os.MkdirTemp("", "pair")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, world := context.Background(), pairtest.New(pairtest.Options{})
	cfg := pair.Config{From: "el8", To: "el9", Password: "secret", ArchiveDir: dir, Restore: pairtest.Restore(),
		Packages: pairtest.Packages(),
		Node1:    pair.Server{Name: pairtest.Node1}, Node2: pair.Server{Name: pairtest.Node2}}
	for _, s := range []*pair.Server{&cfg.Node1, &cfg.Node2} {
		r, err := world.Runner(s.Name)
		if err != nil {
			fmt.Println(err)
			return
		}
		made, err := backup.Create(ctx, r, pair.Manifest(cfg.Restore...), backup.Options{Dir: dir, Now: world.Now})
		if err != nil {
			fmt.Println(err)
			return
		}
		s.Backup = made.Path
	}
	p, err := pair.Load(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	rb, err := p.Runbook()
	if err != nil {
		fmt.Println(err)
		return
	}
	opts := options(world, &evenkeel.MemJournal{})
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventStep {
			fmt.Println(e.Step.Title)
		}
	})
	report, err := evenkeel.Run(ctx, rb, world, opts)
	fmt.Println("done:", report.State.Done, err, "in truth:", world.Check())
	// Output:
	// Verify that the pair is sound, and as it was when the plan was made
	// Back up nfs1.example.com
	// Back up nfs2.example.com
	// Move every unit to nfs2.example.com
	// Take nfs1.example.com out of the old cluster, cleanly, with fencing held
	// Shut nfs1.example.com down
	// Install the new operating system on nfs1.example.com
	// Restore the configuration of nfs1.example.com
	// Install the cluster's software on nfs1.example.com
	// Make the cluster again on nfs1.example.com, with every unit disabled
	// Let the new cluster act, with every unit disabled
	// Move nfs from nfs2.example.com to nfs1.example.com
	// Move database from nfs2.example.com to nfs1.example.com
	// Stop the old cluster on nfs2.example.com
	// Shut nfs2.example.com down
	// Install the new operating system on nfs2.example.com
	// Restore the configuration of nfs2.example.com
	// Install the cluster's software on nfs2.example.com
	// Take nfs2.example.com into the new cluster
	// Restore fencing
	// Move the units to the nodes that they prefer
	// Verify that the pair is upgraded
	// done: true <nil> in truth: <nil>
}
