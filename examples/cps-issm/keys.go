package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
)

// keysConfig is the job "keys" in the configuration file.
type keysConfig struct {
	clusterFiles           `yaml:",inline"`
	Site2HostsCSV          string `yaml:"site2_hosts_csv,omitempty"` // the second site's own Hosts.csv, for a GR deployment
	maintenance.KeysConfig `yaml:",inline"`
}

// keysApp is "cps-issm keys": change the SSH keys (cps:1362-1381,1514-1559,1665-1693).
func keysApp() *cli.App {
	return smallApp("keys", "change the SSH keys by which the machines of Cisco Policy Suite log in to each other",
		cli.ReadConfig[keysConfig],
		func(files clusterFiles) *keysConfig {
			return &keysConfig{clusterFiles: files, KeysConfig: maintenance.KeysConfig{OwnKey: cpstest.OwnKey()}}
		},
		func(cfg *cli.Config, job *keysConfig, hosts *cps.Hosts) (*evenkeel.Runbook, error) {
			var second *cps.Hosts
			var err error
			if job.Site2HostsCSV != "" {
				second, err = parse(cfg.Path(job.Site2HostsCSV), cps.ParseHosts)
			}
			if err != nil {
				return nil, err
			}
			return maintenance.ChangeKeys(job.KeysConfig, hosts, second)
		}, keysWorld)
}

// keysWorld is the cluster that a configuration's files describe, simulated, with the default keys; and the second site
// and the arbiter that it names.
func keysWorld(cfg *cli.Config, job *keysConfig) (cli.SimWorld, error) {
	if job.RootKeys != "" || job.QNSKeys != "" || job.KeyFile != "" || job.OwnKeysFile != "" || job.Installer != "" {
		return nil, errors.New("root_keys, qns_keys, key_file, own_keys_file and installer: the simulated machines know " +
			"their defaults alone")
	}
	opts := &cpstest.KeyOptions{Arbiter: job.Arbiter.Host, OwnKey: job.OwnKey, Site2Manager: job.Site2.ClusterManager,
		Site2Prefix: job.Site2.Prefix,
		Addresses:   map[string]string{job.Site2.Address: job.Site2.ClusterManager, job.Arbiter.Address: job.Arbiter.Host}}
	if job.Site2HostsCSV != "" {
		raw, err := infile.Read(cfg.Path(job.Site2HostsCSV), infile.Text)
		if err != nil {
			return nil, err
		}
		opts.Site2 = string(raw)
	}
	d, err := job.deployed(cfg, cpstest.Options{Keys: opts})
	if err != nil {
		return nil, err
	}
	return keyed{simulated{d, managerOf(job.ClusterManager), nil}}, nil
}

// keyed is a simulated cluster of which the keys matter in the end.
type keyed struct{ simulated }

func (k keyed) Clone() evenkeel.World {
	s, _ := k.simulated.Clone().(simulated) // it is never another one
	return keyed{s}
}

func (k keyed) Hash() string { return fmt.Sprint(k.simulated.Hash(), k.KeyState()) }

// Machines are those of every site.
func (k keyed) Machines() []string {
	var list []string
	for line := range strings.Lines(k.KeyState()) {
		if name, _, ok := strings.Cut(line, ": "); ok {
			if name == clusterManager {
				name = k.manager
			}
			list = append(list, name)
		}
	}
	return list
}
