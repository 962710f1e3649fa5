package main

import (
	"path/filepath"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// preflightApp is "lustre-hapair preflight": the checks of the upgrade alone, which change nothing, with the configuration of
// the upgrade. Its journal is one of its own beside that of the upgrade.
func preflightApp() *cli.App {
	beside := func(cfg *cli.Config, err error) (*cli.Config, error) {
		if cfg != nil && cfg.Journal != "" {
			cfg.Journal = filepath.Join(filepath.Dir(cfg.Journal), "preflight-"+filepath.Base(cfg.Journal))
		}
		return cfg, err
	}
	return &cli.App{
		Name: "lustre-hapair preflight", Title: "look at a pair days before its upgrade: all that would stop it at once, and nothing changed",
		Version: version, Schema: schemaOf("lustre-hapair"), Private: private, World: world, Looks: true, Bare: readinessOf,
		Read:    func(path string) (*cli.Config, error) { return beside(cli.ReadConfig[pairConfig](path)) },
		Example: func(into, dir string) (*cli.Config, error) { return beside(example(into, dir)) },
		Load: func(cfg *cli.Config) (*evenkeel.Runbook, error) {
			pair, err := loadPair(cfg)
			if err != nil {
				return nil, err
			}
			return pair.Preflight()
		},
	}
}
