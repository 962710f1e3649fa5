package main

import (
	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
)

// preflightApp is "lustre-hapair preflight": the checks of the upgrade alone, and readiness for a release by files alone.
func preflightApp() *cli.App {
	a := cli.Preflight(app(), "look at a pair days before its upgrade: say all that would stop it, and change nothing",
		func(cfg *cli.Config) (*evenkeel.Runbook, error) {
			pair, err := loadPair(cfg)
			if err != nil {
				return nil, err
			}
			return pair.Preflight()
		})
	a.Bare = pairfiles.Readiness(func(cfg *cli.Config) pairfiles.Pair {
		job := jobOf(cfg)
		return pairfiles.Pair{Backups: []string{job.Node1.Backup, job.Node2.Backup}, Addresses: job.Addresses}
	})
	return a
}
