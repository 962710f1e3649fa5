//go:build linux

package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/standin"
)

// What the operator needs beside the machines to try an upgrade: the old cluster, and a configuration for the tool.

func cluster(ctx context.Context, lab *pairlab.Lab, args []string) error {
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	targets := flags.Int("targets", 3, "Lustre targets")
	if err := flags.Parse(args); err != nil {
		return err
	}
	began := time.Now()
	if err := pairlab.BuildOldCluster(ctx, lab, pairlab.SiteOptions{Targets: pairlab.GuideTargets(*targets)}); err != nil {
		return err
	}
	return show("the old cluster serves %d targets, after %s\n", *targets, time.Since(began).Round(100*time.Millisecond))
}

// putAside moves what the tool left of an earlier pair out of the way of a new one, which that says nothing about: the
// journals and the backups.
func putAside(dir string, now time.Time) error {
	found, err := filepath.Glob(filepath.Join(dir, "journal.jsonl*"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "archives")); err == nil {
		found = append(found, filepath.Join(dir, "archives"))
	}
	if len(found) == 0 {
		return nil
	}
	aside := filepath.Join(dir, "earlier", now.UTC().Format("20060102-150405.000"))
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	for _, name := range found {
		if err := os.Rename(name, filepath.Join(aside, filepath.Base(name))); err != nil {
			return err
		}
	}
	return nil
}

const configText = `journal: %[1]s/journal.jsonl
ssh:
  user: root
  keys: [%[2]s]
  known_hosts: [%[3]s]
hosts:
  %[4]s: %[5]s
  %[6]s: %[7]s
job:
  node1: {name: %[4]s, backup: %[8]q}
  node2: {name: %[6]s, backup: %[9]q}
  manager: %[10]s
  password_file: %[1]s/hacluster
  archives: %[1]s/archives
  agent_repos:
    - https://copr.fedorainfracloud.org/coprs/managerforlustre/manager-for-lustre/repo/epel-7/managerforlustre-manager-for-lustre-epel-7.repo
    - https://copr.fedorainfracloud.org/coprs/ngompa/dnf-el7/repo/epel-7/ngompa-dnf-el7-epel-7.repo
  old_pcs: 0.11.5
  new_pcs: 0.11.5
  atomic: true
`

func config(lab *pairlab.Lab, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "archives"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "hacluster"), []byte(standin.HaclusterPassword+"\n"), 0o600); err != nil {
		return err
	}
	var backups [2]string
	for i, n := range lab.Nodes() {
		found, err := filepath.Glob(filepath.Join(dir, "archives", "bck-"+n.Short()+"-*.tgz"))
		if err != nil {
			return err
		}
		if len(found) > 0 {
			backups[i] = found[len(found)-1] // their names hold the time
		}
	}
	n := lab.Nodes()
	return show(configText, dir, lab.Key(), lab.KnownHosts(), n[0].Name(), n[0].Addr(), n[1].Name(), n[1].Addr(),
		backups[0], backups[1], standin.Manager)
}
