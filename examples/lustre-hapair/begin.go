package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// begin is a configuration for the pair whose two backups (bck-*.tgz) are in a directory, the newest of each server, and
// what the operator alone can know of it.
func begin(dir string) (*cli.Config, map[string]string, error) {
	newest, err := newestBackups(dir)
	if err != nil {
		return nil, nil, err
	}
	job := &pairConfig{PasswordFile: "hacluster-password", Archives: "."}
	marks := map[string]string{
		"password_file": "the name of a file of mode 0600 that holds the password for hacluster alone",
		"ssh.keys":      "your private key; or take it out, and set agent: true",
		"agent_repos":   "the repositories of the new system's packages, by their addresses; none where they are configured by hand",
		"archives":      "a directory of this machine for the fresh backups, with room for two",
	}
	for i, server := range []*serverConfig{&job.Node1, &job.Node2} {
		a := newest[i]
		server.Name, server.Backup = a.archive.Host(), a.path
		key := fmt.Sprintf("node%d.name", i+1)
		if r := a.archive.Record(); r != nil && r.FQDN != "" {
			server.Name = r.FQDN
		} else if !strings.Contains(server.Name, ".") {
			marks[key] = "the full name of the server: its backup has the short one alone"
		}
		raw, err := a.archive.ReadFile(corosyncConf)
		if err != nil {
			return nil, nil, err
		}
		if _, err := job.pcsFor(string(raw)); err != nil {
			return nil, nil, err
		}
		if len(a.archive.Glob(lustre.TargetStoreDir+"/*")) > 0 {
			marks["manager"] = "the full name of the manager (IML), where it manages these servers; else take it out"
		}
	}
	return &cli.Config{
		Journal: "upgrade.jsonl", Job: job,
		SSH: cli.SSHConfig{User: "root", KnownHosts: []string{"~/.ssh/known_hosts"}, Keys: []string{"~/.ssh/id_ed25519"}},
	}, marks, nil
}

// found is a backup, and where it is.
type found struct {
	path    string
	archive *backup.Archive
}

// newestBackups are the newest backups of the two servers that have one in a directory, by the servers' names.
func newestBackups(dir string) ([]found, error) {
	names, err := fs.Glob(os.DirFS(dir), "bck-*.tgz") // not of package filepath: a name of a folder may hold a [
	if err != nil {
		return nil, err
	}
	newest := map[string]found{}
	for _, name := range names {
		path, err := filepath.Abs(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		a, err := backup.OpenFile(path)
		if err != nil {
			return nil, err
		}
		if was, ok := newest[a.Host()]; !ok || a.Time().After(was.archive.Time()) {
			newest[a.Host()] = found{path, a}
		}
	}
	var list []found
	var hosts []string
	for host, one := range newest {
		if _, err := one.archive.ClusterConfig(); err != nil && len(newest) > 2 {
			continue // the manager's
		}
		list = append(list, one)
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	if len(list) != 2 {
		return nil, fmt.Errorf("%s: a pair has two servers, and there are backups (bck-*.tgz) of %s. Take them by lustre-hapair backup, "+
			"which needs no more than ssh, archives and the names of node1 and node2, or by the guide's script",
			dir, cmp.Or(strings.Join(hosts, ", "), "neither"))
	}
	slices.SortFunc(list, func(a, b found) int { return strings.Compare(a.archive.Host(), b.archive.Host()) })
	return list, nil
}
