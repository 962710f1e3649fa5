package main

import (
	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
)

// preflightApp is "pacemaker-pair preflight": the checks of the upgrade alone, and readiness for a release by files alone.
func preflightApp() *cli.App {
	a := cli.Preflight(app(), "look at a pair days before its upgrade: say all that would stop it, and change nothing",
		func(cfg *cli.Config) (*evenkeel.Runbook, error) {
			p, err := loadPair(cfg)
			if err != nil {
				return nil, err
			}
			return p.Preflight()
		})
	a.Bare = pairfiles.Readiness(known)
	return a
}

// known is what a configuration tells of the pair.
func known(cfg *cli.Config) pairfiles.Pair {
	c := jobOf(cfg)
	return pairfiles.Pair{Backups: []string{c.Node1.Backup, c.Node2.Backup}, Addresses: c.Addresses, From: c.From, To: c.To}
}
