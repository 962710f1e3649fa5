package main

import (
	"cmp"
	"context"
	"strconv"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// endpointsConfig is the job "haproxy" in the configuration file.
type endpointsConfig struct {
	clusterFiles                `yaml:",inline"`
	maintenance.EndpointsConfig `yaml:",inline"`
}

// endpointsOf is the job of a configuration.
func endpointsOf(cfg *cli.Config) *endpointsConfig { return cfg.Job.(*endpointsConfig) } //nolint:forcetypeassert // App.Read makes no other

// endpointsApp is "cps-issm haproxy": bring Diameter endpoints back (cps:1710-1794).
func endpointsApp() *cli.App {
	return &cli.App{
		Name: "cps-issm haproxy", Title: "bring Diameter endpoints back that stay down after the traffic was moved", Version: version,
		Read: cli.ReadConfig[endpointsConfig], World: endpointsWorld, Private: func(*cli.Config, string) {},
		Load: func(cfg *cli.Config) (*evenkeel.Runbook, error) {
			job := endpointsOf(cfg)
			hosts, err := needed("hosts_csv", cfg.Path(job.HostsCSV), cps.ParseHosts)
			if err != nil {
				return nil, err
			}
			return maintenance.RestoreEndpoints(job.EndpointsConfig, hosts)
		},
		Example: func(into, dir string) (*cli.Config, error) {
			files, err := exampleFiles(into, dir)
			return &cli.Config{Journal: "journal.jsonl", Job: &endpointsConfig{files, maintenance.EndpointsConfig{LoadBalancer: "lb02"}}}, err
		},
	}
}

// endpointsWorld is the cluster that a configuration's files describe, simulated, with the endpoints down that it names.
func endpointsWorld(cfg *cli.Config) (cli.SimWorld, error) {
	job := endpointsOf(cfg)
	each := cmp.Or(job.Endpoints, 3)
	d, err := job.deployed(cfg, cpstest.Options{EndpointsPerLB: each})
	if err != nil {
		return nil, err
	}
	lb, err := d.Runner(job.LoadBalancer)
	for i := 0; i < each && err == nil; i++ {
		_, err = lb.Run(context.Background(), sshexec.Script(sshexec.Mutating, cpstest.OSGiScript, strconv.Itoa(9092+i), "excludeEndpoints"))
	}
	return simulated{d, managerOf(job.ClusterManager), ""}, err
}
