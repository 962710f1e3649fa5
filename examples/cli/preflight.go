package cli

import (
	"path/filepath"

	"github.com/evenkeel-ha/evenkeel"
)

// Preflight is the job "preflight" of a binary: the checks alone of its own job, by the same configuration, which change nothing.
// Its journal is one of its own, beside that of the job.
func Preflight(job *App, title string, load func(*Config) (*evenkeel.Runbook, error)) *App {
	beside := func(cfg *Config, err error) (*Config, error) {
		if cfg != nil && cfg.Journal != "" {
			cfg.Journal = filepath.Join(filepath.Dir(cfg.Journal), "preflight-"+filepath.Base(cfg.Journal))
		}
		return cfg, err
	}
	return &App{
		Name: job.Name + " preflight", Title: title, Version: job.Version, Schema: job.Schema, Load: load, Looks: true,
		Private: job.Private, World: job.World, Findings: job.Findings, Oplog: job.Oplog,
		Read:    func(path string) (*Config, error) { return beside(job.Read(path)) },
		Example: func(into, dir string) (*Config, error) { return beside(job.Example(into, dir)) },
	}
}
