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

// recoverOf is the job of a configuration.
func recoverOf(cfg *cli.Config) *recoverConfig { return cfg.Job.(*recoverConfig) } //nolint:forcetypeassert // App.Read makes no other

// recoverApp is "cps-issm recover": bring a member back that is stuck in RECOVERING (cps:1382-1421).
func recoverApp() *cli.App {
	return &cli.App{
		Name: "cps-issm recover", Title: "bring a member of a replica set back that is stuck in RECOVERING", Version: version,
		Read: cli.ReadConfig[recoverConfig], World: recoverWorld, Private: func(*cli.Config, string) {},
		Load: func(cfg *cli.Config) (*evenkeel.Runbook, error) {
			job := recoverOf(cfg)
			hosts, err := needed("hosts_csv", cfg.Path(job.HostsCSV), cps.ParseHosts)
			if err != nil {
				return nil, err
			}
			mongo, err := needed("mongo_config", cfg.Path(job.MongoConfig), cps.ParseMongoConfig)
			if err != nil {
				return nil, err
			}
			return maintenance.Recover(job.RecoverConfig, hosts, mongo)
		},
		Example: func(into, dir string) (*cli.Config, error) {
			files, err := exampleFiles(into, dir)
			return &cli.Config{Journal: "journal.jsonl",
				Job: &recoverConfig{files, maintenance.RecoverConfig{Set: "set02", Member: "sessionmgr02:27718"}}}, err
		},
	}
}

// recoverWorld is the cluster that a configuration's files describe, simulated, in which the member was away for longer
// than the oplog reaches back.
func recoverWorld(cfg *cli.Config) (cli.SimWorld, error) {
	job := recoverOf(cfg)
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
	return simulated{d, managerOf(job.ClusterManager), ""}, err
}
