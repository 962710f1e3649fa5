package main

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// begin is a configuration for the pair whose two backups (bck-*.tgz) are in a directory, the newest of each server, and
// what the operator alone can know of it.
func begin(dir string) (*cli.Config, map[string]string, error) {
	newest, err := pairfiles.Newest(dir, "Take them by lustre-hapair backup, which needs no more than ssh, archives and the names of node1 "+
		"and node2, or by the guide's script")
	if err != nil {
		return nil, nil, err
	}
	job := &lustrejob.Config{PasswordFile: "hacluster-password", Archives: "."}
	marks := map[string]string{
		"password_file": "the name of a file of mode 0600 that holds the password for hacluster alone",
		"ssh.keys":      "your private key; or take it out, and set agent: true",
		"agent_repos":   "the repositories of the new system's packages, by their addresses; none where they are configured by hand",
		"archives":      "a directory of this machine for the fresh backups, with room for two",
	}
	for i, server := range []*pairfiles.Server{&job.Node1, &job.Node2} {
		a := newest[i].Archive
		server.Backup = newest[i].Path
		name, full := newest[i].Name()
		if server.Name = name; !full {
			marks[fmt.Sprintf("node%d.name", i+1)] = "the full name of the server: its backup has the short one alone"
		}
		raw, err := a.ReadFile(pairfiles.CorosyncConf)
		if err != nil {
			return nil, nil, err
		}
		if _, err := job.TakePCS(string(raw)); err != nil {
			return nil, nil, err
		}
		if len(a.Glob(lustre.TargetStoreDir+"/*")) > 0 {
			marks["manager"] = "the full name of the manager (IML), where it manages these servers; else take it out"
		}
	}
	return &cli.Config{
		Journal: "upgrade.jsonl", Job: job,
		SSH: cli.SSHConfig{User: "root", KnownHosts: []string{"~/.ssh/known_hosts"}, Keys: []string{"~/.ssh/id_ed25519"}},
	}, marks, nil
}
