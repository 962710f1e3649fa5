package main

import (
	"context"
	"net"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// recoverConfig is the job "recover" in the configuration file.
type recoverConfig struct {
	clusterFiles              `yaml:",inline"`
	maintenance.RecoverConfig `yaml:",inline"`
}

// recoverApp is "cps-issm recover": bring a member back that is stuck in RECOVERING (cps:1382-1421).
func recoverApp() *cli.App {
	return smallApp("recover", "bring a member of a replica set back that is stuck in RECOVERING", cli.ReadConfig[recoverConfig],
		func(files clusterFiles) *recoverConfig {
			return &recoverConfig{files, maintenance.RecoverConfig{Set: "set02", Member: "sessionmgr02:27718"}}
		},
		func(cfg *cli.Config, job *recoverConfig, hosts *cps.Hosts) (*evenkeel.Runbook, error) {
			mongo, err := needed("mongo_config", cfg.Path(job.MongoConfig), cps.ParseMongoConfig)
			if err != nil {
				return nil, err
			}
			return maintenance.Recover(job.RecoverConfig, hosts, mongo)
		}, recoverWorld)
}

// recoverWorld is the cluster that a configuration's files describe, simulated, in which the member was away for longer
// than the oplog reaches back.
func recoverWorld(cfg *cli.Config, job *recoverConfig) (cli.SimWorld, error) {
	const window = 10 * time.Minute
	d, err := job.deployed(cfg, cpstest.Options{Data: map[string]cpstest.Data{job.Set: {OplogWindow: window}}})
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(job.Member)
	if err != nil {
		return nil, err
	}
	vm, err := d.Runner(host)
	for _, verb := range []string{"stop", "start"} {
		if err == nil {
			_, err = vm.Run(context.Background(), sshexec.Command(sshexec.Mutating, "systemctl", verb, "sessionmgr-"+port))
		}
		if err == nil {
			err = d.Sleep(context.Background(), 2*window)
		}
	}
	return simulated{d, managerOf(job.ClusterManager), nil}, err
}
