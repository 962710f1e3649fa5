package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
)

// next is the release after each that a pair may run on.
var next = map[string]string{"el7": "el8", "el8": "el9", "el9": "el10"}

// example writes the backups of a pair, and returns the configuration for its upgrade. Without dir it is an NFS and PostgreSQL pair on
// EL 8; with dir it is the pair whose two backups (bck-*.tgz) are there, or whose cib.xml and corosync.conf are.
func example(into, dir string) (*cli.Config, error) {
	c := &pairConfig{
		Node1: serverConfig{Name: pairtest.Node1}, Node2: serverConfig{Name: pairtest.Node2}, From: "el8", To: "el9",
		PasswordFile: "hacluster-password", Archives: "archives", Restore: pairtest.Restore(), Packages: pairtest.Packages(),
	}
	cfg := &cli.Config{Journal: "journal.jsonl", Job: c}
	if err := cli.WriteNew(filepath.Join(into, c.PasswordFile), []byte("simulated-password\n")); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(into, c.Archives), 0o700); err != nil {
		return nil, err
	}
	if dir == "" {
		return cfg, c.takeBackups(into, pairtest.New(pairtest.Options{}))
	}
	c.Restore, c.Packages = nil, nil
	if found, err := filepath.Glob(filepath.Join(dir, "bck-*.tgz")); err != nil || len(found) > 0 {
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

// takeBackups backs the nodes of a simulated pair up, as an operator would those of a real one.
func (c *pairConfig) takeBackups(into string, w *pairtest.World) error {
	for _, server := range []*serverConfig{&c.Node1, &c.Node2} {
		r, err := w.Runner(server.Name)
		if err != nil {
			return err
		}
		info, err := backup.Create(context.Background(), r, pair.Manifest(c.Restore...), backup.Options{Dir: into, Now: w.Now})
		if err != nil {
			return err
		}
		server.Backup = filepath.Base(info.Path)
	}
	return nil
}

// given takes the backups that the user has.
func (c *pairConfig) given(dir string) error {
	newest, err := pairfiles.Newest(dir, "Leave two of them there")
	if err != nil {
		return err
	}
	for i, server := range []*serverConfig{&c.Node1, &c.Node2} {
		server.Backup = newest[i].Path
		server.Name, _ = newest[i].Name()
		server.Name = fullName(server.Name)
		if from := releaseIn(newest[i].Archive); from != "" {
			c.From, c.To = from, next[from]
		}
	}
	return nil
}

// readSite reads the files of a pair out of a directory. The release is the newest that its corosync.conf was made for.
func (c *pairConfig) readSite(dir string) (*pairtest.Site, error) {
	read := func(name string) (string, error) {
		raw, err := infile.Read(filepath.Join(dir, name), infile.Text)
		if err == nil {
			err = infile.Other(filepath.Join(dir, name), raw)
		}
		return string(raw), err
	}
	site := &pairtest.Site{}
	var err1, err2 error
	site.CIB, err1 = read("cib.xml")
	site.Corosync, err2 = read("corosync.conf")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	conf, err1 := corosync.Parse(pairfiles.Reader(filepath.Join(dir, "corosync.conf"), []byte(site.Corosync)))
	cib, err2 := pacemaker.ParseCIB(pairfiles.Reader(filepath.Join(dir, "cib.xml"), []byte(site.CIB)))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if totem, _ := conf.Totem(); totem.Transport != "knet" && conf.Releases().From < 3 {
		c.From, c.To = "el7", "el8"
	}
	nodes := cib.Nodes()
	if len(nodes) != 2 {
		return nil, fmt.Errorf("%s: it has %d nodes: a pair has two", filepath.Join(dir, "cib.xml"), len(nodes))
	}
	c.Node1.Name, c.Node2.Name = fullName(nodes[0].Uname), fullName(nodes[1].Uname)
	site.Node1, site.Node2, site.From, site.To = c.Node1.Name, c.Node2.Name, c.From, c.To
	return site, nil
}

// fullName completes a short name where nothing else says the domain.
func fullName(host string) string {
	if strings.Contains(host, ".") {
		return host
	}
	return host + ".example.com"
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
		Repositories: c.Repositories, Provisioning: c.Provision.Host, Files: map[string]map[string]string{}}
	if len(c.Provision.Command) > 0 {
		site.Reinstall = c.Provision.Command[0]
	}
	for _, server := range []serverConfig{c.Node2, c.Node1} {
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
	out := cli.WorldReport{Violations: r.Violations}
	for _, v := range r.Services {
		where := make([]string, len(v.On))
		for i, name := range v.On {
			where[i], _, _ = strings.Cut(name, ".")
		}
		out.Serving = append(out.Serving, cli.Serving{What: v.What, Where: strings.Join(where, " AND ")})
		out.Outages = append(out.Outages, cli.Outage{What: v.What, Total: v.Down, Longest: v.Longest})
	}
	for _, e := range s.Log() {
		if len(e.Changed) > 0 && e.Host != "" {
			out.Log = append(out.Log, cli.Command{Host: e.Host, Line: strings.Join(e.Argv, " ")})
		}
	}
	return out
}
