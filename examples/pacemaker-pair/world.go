package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// next is the release after each that a pair may run on.
var next = map[string]string{"el7": "el8", "el8": "el9", "el9": "el10"}

// example writes the backups of a pair, and returns the configuration for its upgrade. Without dir it is an NFS and PostgreSQL pair on
// EL 8; with dir it is the pair whose two backups (bck-*.tgz) are there, or whose cib.xml and corosync.conf are.
func example(into, dir string) (*cli.Config, error) {
	c := &pairConfig{From: "el8", To: "el9", PasswordFile: "hacluster-password"}
	return c.example(into, dir)
}

// example completes the configuration for a way.
func (c *pairConfig) example(into, dir string) (*cli.Config, error) {
	c.Node1.Name, c.Node2.Name, c.Archives = pairtest.Node1, pairtest.Node2, "archives"
	c.Restore, c.Packages = pairtest.Restore(), pairtest.Packages()
	cfg := &cli.Config{Journal: "journal.jsonl", Job: c}
	if err := pairfiles.Prepare(into, c.PasswordFile, c.Archives); err != nil {
		return nil, err
	}
	if dir == "" {
		o := pairtest.Options{}
		if c.Way == readiness.Rolling {
			o.Release = c.From
		}
		return cfg, c.takeBackups(into, pairtest.New(o))
	}
	c.Restore, c.Packages = nil, nil
	if given, err := pairfiles.HasBackups(dir); err != nil || given {
		return cfg, errors.Join(err, c.given(dir))
	}
	site, err := c.readSite(dir)
	if err != nil {
		return nil, err
	}
	w, err := pairtest.NewSite(site)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "cib.xml"), err)
	}
	err = c.takeBackups(into, w)
	for _, made := range []string{c.Node1.Backup, c.Node2.Backup} {
		cfg.Sources = append(cfg.Sources, made+"!"+pairfiles.CorosyncConf, "corosync.conf", made+"!cib.xml", "cib.xml", made, "cib.xml")
	}
	return cfg, err
}

func (c *pairConfig) takeBackups(into string, w *pairtest.World) error {
	return pairfiles.TakeBackups(w, pair.Manifest(c.Restore...), into, &c.Node1, &c.Node2)
}

// simulatedDomain completes short names where nothing else says the domain.
const simulatedDomain = "example.com"

// given takes the backups that the user has.
func (c *pairConfig) given(dir string) error {
	newest, err := pairfiles.Given(dir, simulatedDomain, &c.Node1, &c.Node2)
	for _, found := range newest {
		if from := releaseIn(found.Archive); from != "" {
			c.From, c.To = from, next[from]
			c.stay()
		}
	}
	return err
}

// readSite reads the files of a pair out of a directory. The release is the newest that its corosync.conf was made for.
func (c *pairConfig) readSite(dir string) (*pairtest.Site, error) {
	cluster, err := pairfiles.ReadCluster(dir)
	if err != nil {
		return nil, err
	}
	if totem, _ := cluster.Conf.Totem(); totem.Transport != "knet" && cluster.Conf.Releases().From < 3 {
		c.From, c.To = "el7", "el8"
		c.stay()
	}
	nodes := cluster.Is.Nodes()
	if len(nodes) != 2 {
		return nil, fmt.Errorf("%s: it has %d nodes: a pair has two", filepath.Join(dir, "cib.xml"), len(nodes))
	}
	c.Node1.Name = pairfiles.FullName(nodes[0].Uname, simulatedDomain)
	c.Node2.Name = pairfiles.FullName(nodes[1].Uname, simulatedDomain)
	return &pairtest.Site{CIB: cluster.CIB, Corosync: cluster.Corosync,
		Node1: c.Node1.Name, Node2: c.Node2.Name, From: c.From, To: c.To}, nil
}

// private has a run write its archives below a directory.
func private(cfg *cli.Config, dir string) { jobOf(cfg).Archives = filepath.Join(dir, "archives") }

// world is the pair that a configuration describes, simulated: its files are those in the backups, its releases, packages and
// repositories are those of the options.
func world(cfg *cli.Config) (cli.SimWorld, error) {
	c := jobOf(cfg)
	if err := c.releases(); err != nil {
		return nil, err
	}
	site := &pairtest.Site{Node1: c.Node1.Name, Node2: c.Node2.Name, From: c.From, To: c.To, Restore: c.Restore, Packages: c.Packages,
		Repositories: c.Repositories, Provisioning: c.Provision.Host, Versions: c.Versions, Files: map[string]map[string]string{}}
	if len(c.Provision.Command) > 0 {
		site.Reinstall = c.Provision.Command[0]
	}
	for _, server := range []pairfiles.Server{c.Node2, c.Node1} {
		a, err := backup.OpenFile(cfg.Path(server.Backup))
		if err != nil {
			return nil, err
		}
		raw, err1 := a.ClusterConfig()
		conf, err2 := a.ReadFile(pairfiles.CorosyncConf)
		its, err3 := c.restored(a)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		site.CIB, site.Corosync, site.Files[server.Name] = string(raw), string(conf), its
	}
	w, err := pairtest.NewSite(site)
	if err != nil {
		return nil, fmt.Errorf("%s: there is no simulated world of it: %w", c.Node1.Backup, err)
	}
	return simulated{w}, nil
}

// restored are the files of a backup that a new system gets back.
func (c *pairConfig) restored(a *backup.Archive) (map[string]string, error) {
	its := map[string]string{}
	for _, path := range c.Restore {
		if e, err := a.Stat(path); err == nil && e.Mode.IsDir() {
			its[filepath.Join(path, ".keep")] = "" // the directory is there, whatever is in it
		}
		for _, e := range a.Files() {
			if !e.Mode.IsRegular() || e.Path != path && !strings.HasPrefix(e.Path, path+"/") {
				continue
			}
			raw, err := a.ReadFile(e.Path)
			if err != nil {
				return nil, err
			}
			its[e.Path] = string(raw)
		}
	}
	return its, nil
}

// simulated shows the simulated pair in the words of the command line.
type simulated struct{ *pairtest.World }

func (s simulated) Clock() evenkeel.Clock { return s.World.Clock() }

func (s simulated) Clone() evenkeel.World {
	return simulated{s.World.Clone().(*pairtest.World)} //nolint:forcetypeassert // it is one
}

// Do does what the operator is prompted for.
func (s simulated) Do(_ context.Context, deed string) error {
	action, host, _ := strings.Cut(deed, " ")
	if s.HostKeyID(host) == "" {
		return fmt.Errorf("there is no machine %s", host)
	}
	s.Attend(action, host)
	return nil
}

// Report is the truth about the pair.
func (s simulated) Report() cli.WorldReport {
	r := s.World.Report()
	services := make([]pairfiles.Service, len(r.Services))
	for i, v := range r.Services {
		services[i] = pairfiles.Service(v)
	}
	return pairfiles.Account(r.Violations, services, s.Log())
}
