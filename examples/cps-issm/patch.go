package main

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// patchConfig is the job "patch" in the configuration file.
type patchConfig struct {
	clusterFiles            `yaml:",inline"`
	Undo                    bool `yaml:"undo,omitempty"` // undo and remove patch_applied; without it patch_file is applied
	maintenance.PatchConfig `yaml:",inline"`
}

// patchOf is the job of a configuration.
func patchOf(cfg *cli.Config) *patchConfig { return cfg.Job.(*patchConfig) } //nolint:forcetypeassert // App.Read makes no other

// patchApp is "cps-issm patch": apply, undo and remove patches (cps:2037-2293).
func patchApp() *cli.App {
	return &cli.App{
		Name: "cps-issm patch", Title: "apply, undo and remove a patch of a Cisco Policy Suite cluster while it serves", Version: version,
		Read: cli.ReadConfig[patchConfig], Load: loadPatch, Example: patchExample, World: patchWorld,
		Private: func(*cli.Config, string) {}, // a run writes its journal alone
	}
}

func loadPatch(cfg *cli.Config) (*evenkeel.Runbook, error) {
	job := patchOf(cfg)
	hosts, err := needed("hosts_csv", cfg.Path(job.HostsCSV), cps.ParseHosts)
	if err != nil {
		return nil, err
	}
	if job.Undo {
		return maintenance.UndoPatch(job.PatchConfig, hosts)
	}
	return maintenance.ApplyPatch(job.PatchConfig, hosts)
}

// patchExample is a patch for the cluster of the guide, or for the one whose files are in dir.
func patchExample(into, dir string) (*cli.Config, error) {
	files, err := exampleFiles(into, dir)
	return &cli.Config{Journal: "journal.jsonl", Job: &patchConfig{clusterFiles: files,
		PatchConfig: maintenance.PatchConfig{File: "/tmp/Patch_2_19.4.0.tar.gz", Applied: "Patch_1_19.4.0"}}}, err
}

// patchWorld is the cluster that a configuration's files describe, simulated, with the patches that it names.
func patchWorld(cfg *cli.Config) (cli.SimWorld, error) {
	job := patchOf(cfg)
	d, err := job.deployed(cfg, cpstest.Options{PatchFile: job.File, PatchSum: job.SHA256, Patched: job.Applied})
	if err != nil {
		return nil, err
	}
	return patched{simulated{d, managerOf(job.ClusterManager), ""}}, nil
}

// patched is a simulated cluster of which the patches matter in the end.
type patched struct{ simulated }

func (p patched) Clone() evenkeel.World {
	s, _ := p.simulated.Clone().(simulated) // it is never another one
	return patched{s}
}

func (p patched) Hash() string { return fmt.Sprint(p.simulated.Hash(), p.Patching()) }
