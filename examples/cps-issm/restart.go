package main

import (
	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// restartConfig is the job "restart" in the configuration file.
type restartConfig struct {
	clusterFiles              `yaml:",inline"`
	maintenance.RestartConfig `yaml:",inline"`
}

// restartApp is "cps-issm restart": restartall.sh, with its caution (cps:1348-1354).
func restartApp() *cli.App {
	return smallApp("restart", "restart the processes of every VM of a Cisco Policy Suite cluster, which drops messages",
		cli.ReadConfig[restartConfig],
		func(files clusterFiles) *restartConfig { return &restartConfig{clusterFiles: files} },
		func(_ *cli.Config, job *restartConfig, hosts *cps.Hosts) (*evenkeel.Runbook, error) {
			return maintenance.RestartAll(job.RestartConfig, hosts)
		},
		func(cfg *cli.Config, job *restartConfig) (cli.SimWorld, error) {
			d, err := job.deployed(cfg, cpstest.Options{})
			return simulated{d, managerOf(job.ClusterManager), nil}, err
		})
}
