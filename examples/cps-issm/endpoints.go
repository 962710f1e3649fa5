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

// endpointsApp is "cps-issm haproxy": bring Diameter endpoints back (cps:1710-1794).
func endpointsApp() *cli.App {
	return smallApp("haproxy", "bring Diameter endpoints back that stay down after the traffic was moved", cli.ReadConfig[endpointsConfig],
		func(files clusterFiles) *endpointsConfig {
			return &endpointsConfig{files, maintenance.EndpointsConfig{LoadBalancer: "lb02"}}
		},
		func(_ *cli.Config, job *endpointsConfig, hosts *cps.Hosts) (*evenkeel.Runbook, error) {
			return maintenance.RestoreEndpoints(job.EndpointsConfig, hosts)
		}, endpointsWorld)
}

// endpointsWorld is the cluster that a configuration's files describe, simulated, with the endpoints down that it names.
func endpointsWorld(cfg *cli.Config, job *endpointsConfig) (cli.SimWorld, error) {
	each := cmp.Or(job.Endpoints, 3)
	d, err := job.deployed(cfg, cpstest.Options{EndpointsPerLB: each})
	if err != nil {
		return nil, err
	}
	lb, err := d.Runner(job.LoadBalancer)
	for i := 0; i < each && err == nil; i++ {
		_, err = lb.Run(context.Background(), sshexec.Script(sshexec.Mutating, cpstest.OSGiScript, strconv.Itoa(9092+i), "excludeEndpoints"))
	}
	return simulated{d, managerOf(job.ClusterManager), nil}, err
}
