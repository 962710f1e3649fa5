package main

import (
	"path/filepath"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// preflightApp is "cps-issm preflight": the checks of the migration alone, which change nothing, with the configuration
// of the migration (cps:250-344). Its journal is one of its own beside that of the migration.
func preflightApp() *cli.App {
	beside := func(cfg *cli.Config) {
		if cfg != nil && cfg.Journal != "" {
			cfg.Journal = filepath.Join(filepath.Dir(cfg.Journal), "preflight-"+filepath.Base(cfg.Journal))
		}
	}
	a := app()
	a.Name, a.Title = a.Name+" preflight", "look at a cluster days before its migration: all that is wrong at once, and nothing changed"
	a.Jobs, a.Verbs, a.Inspect, a.Kinds, a.Begin, a.Person, a.Looks = nil, nil, nil, nil, nil, nil, true
	a.Read = func(path string) (*cli.Config, error) {
		cfg, err := cli.ReadConfig[issmConfig](path)
		beside(cfg)
		return cfg, err
	}
	a.Example = func(into, dir string) (*cli.Config, error) {
		cfg, err := example(into, dir)
		beside(cfg)
		return cfg, err
	}
	a.Load = func(cfg *cli.Config) (*evenkeel.Runbook, error) {
		migration, err := planned(cfg)
		if err != nil {
			return nil, err
		}
		return migration.Preflight()
	}
	return a
}
