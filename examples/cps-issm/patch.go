package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
)

// patchConfig is the job "patch" in the configuration file.
type patchConfig struct {
	HostsCSV string `yaml:"hosts_csv"` // the cluster's own Hosts.csv
	// the cluster's own mongoConfig.cfg, for rehearsals: the simulated cluster is made of it
	MongoConfig             string `yaml:"mongo_config,omitempty"`
	Undo                    bool   `yaml:"undo,omitempty"` // undo and remove patch_applied; without it patch_file is applied
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
	const hosts, mongo = "Hosts.csv", "mongoConfig.cfg"
	for name, content := range map[string][]byte{hosts: guideHosts, mongo: guideMongo} {
		if dir != "" {
			raw, err := infile.Read(filepath.Join(dir, name), infile.Text)
			if err != nil {
				return nil, err
			}
			content = raw
		}
		if err := cli.WriteNew(filepath.Join(into, name), content); err != nil {
			return nil, err
		}
	}
	return &cli.Config{Journal: "journal.jsonl", Job: &patchConfig{HostsCSV: hosts, MongoConfig: mongo,
		PatchConfig: maintenance.PatchConfig{File: "/tmp/Patch_2_19.4.0.tar.gz", Applied: "Patch_1_19.4.0"}}}, nil
}

// patchWorld is the cluster that a configuration's files describe, simulated, with the patches that it names.
func patchWorld(cfg *cli.Config) (cli.SimWorld, error) {
	job := patchOf(cfg)
	hosts, err1 := infile.Read(cfg.Path(job.HostsCSV), infile.Text)
	mongo, err2 := infile.Read(cfg.Path(job.MongoConfig), infile.Text)
	if job.MongoConfig == "" {
		err2 = fmt.Errorf("mongo_config: no file is named: a simulated cluster is made of it")
	}
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	d, err := cpstest.New(cpstest.Options{HostsCSV: string(hosts), MongoConfig: string(mongo), PatchFile: job.File, PatchSum: job.SHA256,
		Patched: job.Applied})
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
