package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// begin is a configuration for the cluster whose files are in a directory: a copy of the deploy folder, with mongoConfig.cfg
// in it or beside it; and what the operator alone can know.
func begin(dir string) (*cli.Config, map[string]string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, err
	}
	job := &issmConfig{Config: issm.Config{ArchiveDir: ".", Platform: issm.VMware, From: "19.4.0", To: "21.1.0"}}
	marks := map[string]string{
		"platform":    "vmware or openstack",
		"from":        "the release that runs",
		"to":          "the release to migrate to",
		"archive_dir": "a directory of this machine, with room for all archives",
		"ssh.keys":    "your private key; or take it out, and set agent: true",
	}
	if err := readable(filepath.Join(dir, "Hosts.csv"), cps.ParseHosts); err != nil {
		return nil, nil, err
	}
	if there(filepath.Join(dir, "Configuration.csv")) || there(filepath.Join(dir, "VMSpecification.csv")) {
		if _, err := cps.ReadDeploy(os.DirFS(dir)); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", dir, err)
		}
		job.DeployDir = dir
	} else {
		job.HostsCSV = filepath.Join(dir, "Hosts.csv")
	}
	for _, place := range []string{dir, filepath.Dir(dir)} {
		if name := filepath.Join(place, "mongoConfig.cfg"); job.MongoConfig == "" && there(name) {
			if err := readable(name, cps.ParseMongoConfig); err != nil {
				return nil, nil, err
			}
			job.MongoConfig = name
		}
	}
	if job.MongoConfig == "" {
		return nil, nil, errors.New("there is no mongoConfig.cfg in " + dir + " or beside it: copy /etc/broadhop/mongoConfig.cfg there")
	}
	return &cli.Config{
		Journal: "migration.jsonl", Job: job,
		SSH: cli.SSHConfig{User: "root", KnownHosts: []string{"~/.ssh/known_hosts"}, Keys: []string{"~/.ssh/id_ed25519"}},
	}, marks, nil
}

func there(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
