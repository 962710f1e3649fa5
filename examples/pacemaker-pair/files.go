package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// files reads the files of a pair: of a CIB it says how each unit moves.
var files = pairfiles.Inspector{Refusals: refusals, CIB: units,
	Needed: func(*backup.Archive) []backup.Requirement { return pair.Requirements() }}

// kinds are what inspect knows, and where one gets it.
var kinds = slices.Concat(pairfiles.Kinds, []cli.Item{{Name: "server backup", Value: "pacemaker-pair backup"}})

func refusals(cib *pacemaker.CIB) []error {
	if _, err := pair.Units(cib, profiles); err != nil {
		return []error{err}
	}
	return nil
}

// units adds what moves as one, and how.
func units(in *cli.Inspection, cib *pacemaker.CIB) {
	list, err := pair.Units(cib, profiles)
	if err != nil {
		return // it is a finding
	}
	for _, u := range list {
		serves := ""
		if names := u.Serves(); len(names) > 0 {
			serves = "serves " + strings.Join(names, ", ") + "; "
		}
		in.Add("unit "+strings.Join(u.Tops, ", "), "%smoves %s", serves, u.How())
	}
}

// takeNow backs both nodes up.
func takeNow(ctx context.Context, req cli.BackupRequest) ([]cli.Saved, error) {
	c := jobOf(req.Config)
	return pairfiles.Taking{Hosts: []string{c.Node1.Name, c.Node2.Name}, Manifest: pair.Manifest(c.Restore...),
		Dir:    req.Config.Path(c.Archives),
		Needed: func(*backup.Archive) []backup.Requirement { return pair.Requirements(c.Restore...) }}.Take(ctx, req)
}

// begin is a configuration for the pair whose two backups (bck-*.tgz) are in a directory, the newest of each node, and what
// the operator alone can know of it.
func begin(dir string) (*cli.Config, map[string]string, error) {
	newest, err := pairfiles.Newest(dir, "Take them by pacemaker-pair backup, which needs no more than ssh, archives and the names of "+
		"node1 and node2")
	if err != nil {
		return nil, nil, err
	}
	job := &pairConfig{PasswordFile: "hacluster-password", Archives: "."}
	marks := map[string]string{
		"to":            "the release that you are going to install",
		"password_file": "the name of a file of mode 0600 that holds the password for hacluster alone",
		"ssh.keys":      "your private key; or take it out, and set agent: true",
		"restore":       "the files of your services that a node needs, such as /etc/exports; they have to be in the backups",
		"packages":      "the packages of your services, such as nfs-utils",
		"archives":      "a directory of this machine for the fresh backups, with room for two",
	}
	for i, server := range []*pairfiles.Server{&job.Node1, &job.Node2} {
		server.Backup = newest[i].Path
		name, full := newest[i].Name()
		if server.Name = name; !full {
			marks[fmt.Sprintf("node%d.name", i+1)] = "the full name of the node: its backup has the short one alone"
		}
		if job.From == "" {
			job.From = releaseIn(newest[i].Archive)
		}
	}
	if job.From == "" {
		marks["from"] = "the release that the pair runs on: its backups do not tell"
	}
	if rec := newest[0].Archive.Record(); rec != nil && strings.HasPrefix(rec.OSRelease, "Red Hat ") {
		marks["repositories"] = "the add-on's, as your subscription names it, such as rhel-9-for-x86_64-highavailability-rpms"
	}
	return &cli.Config{
		Journal: "upgrade.jsonl", Job: job,
		SSH: cli.SSHConfig{User: "root", KnownHosts: []string{"~/.ssh/known_hosts"}, Keys: []string{"~/.ssh/id_ed25519"}},
	}, marks, nil
}

// releaseIn is the release that a backup says its node runs on; empty where it does not, or where that is of no use here.
func releaseIn(a *backup.Archive) string {
	rec := a.Record()
	if rec == nil {
		return ""
	}
	r, err := readiness.ReleaseOf(rec.OSRelease)
	if err != nil || next[r.Name] == "" {
		return ""
	}
	return r.Name
}
