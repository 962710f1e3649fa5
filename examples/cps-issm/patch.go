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

// patchApp is "cps-issm patch": apply, undo and remove patches (cps:2037-2293).
func patchApp() *cli.App {
	return smallApp("patch", "apply, undo and remove a patch of a Cisco Policy Suite cluster while it serves", cli.ReadConfig[patchConfig],
		func(files clusterFiles) *patchConfig {
			return &patchConfig{clusterFiles: files, PatchConfig: maintenance.PatchConfig{
				File: "/tmp/Patch_2_19.4.0.tar.gz", Applied: "Patch_1_19.4.0",
			}}
		},
		func(_ *cli.Config, job *patchConfig, hosts *cps.Hosts) (*evenkeel.Runbook, error) {
			if job.Undo {
				return maintenance.UndoPatch(job.PatchConfig, hosts)
			}
			return maintenance.ApplyPatch(job.PatchConfig, hosts)
		}, patchWorld)
}

// patchWorld is the cluster that a configuration's files describe, simulated, with the patches that it names.
func patchWorld(cfg *cli.Config, job *patchConfig) (cli.SimWorld, error) {
	d, err := job.deployed(cfg, cpstest.Options{PatchFile: job.File, PatchSum: job.SHA256, Patched: job.Applied})
	if err != nil {
		return nil, err
	}
	return patched{simulated{d, managerOf(job.ClusterManager), nil}}, nil
}

// patched is a simulated cluster of which the patches matter in the end.
type patched struct{ simulated }

func (p patched) Clone() evenkeel.World {
	s, _ := p.simulated.Clone().(simulated) // it is never another one
	return patched{s}
}

func (p patched) Hash() string { return fmt.Sprint(p.simulated.Hash(), p.Patching()) }
