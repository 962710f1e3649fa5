package main

import (
	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// preflightApp is "cps-issm preflight": the checks of the migration alone (cps:250-344).
func preflightApp() *cli.App {
	return cli.Preflight(app(), "look at a cluster days before its migration: say all that is wrong, and change nothing",
		func(cfg *cli.Config) (*evenkeel.Runbook, error) {
			migration, err := planned(cfg)
			if err != nil {
				return nil, err
			}
			return migration.Preflight()
		})
}
