package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/pacemaker/rebuild"
)

// example writes the backups of a pair, and returns the configuration for its upgrade. Without dir it is the pair of
// the guide, as IML 2.4 made it; with dir it is the pair whose two backups (bck-*.tgz) are there, or whose cib.xml,
// corosync.conf and targets/ are.
func example(into, dir string) (*cli.Config, error) {
	pair := &pairConfig{
		Node1: serverConfig{Name: lustretest.Node1}, Node2: serverConfig{Name: lustretest.Node2},
		Manager: lustretest.Manager, PasswordFile: "hacluster-password", Archives: "archives", AgentRepos: lustretest.AgentRepos(),
	}
	cfg := &cli.Config{Journal: "journal.jsonl", Job: pair}
	if err := cli.WriteNew(filepath.Join(into, pair.PasswordFile), []byte("simulated-password\n")); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(into, pair.Archives), 0o700); err != nil {
		return nil, err
	}
	found, err := filepath.Glob(filepath.Join(dir, "bck-*.tgz"))
	if err != nil {
		return nil, err
	}
	if dir != "" && len(found) > 0 {
		return cfg, given(pair, found)
	}
	options := lustretest.Options{}
	if dir != "" {
		if options.Site, err = readSite(dir); err != nil {
			return nil, err
		}
		pair.Node1.Name, pair.Node2.Name = options.Site.Node1, options.Site.Node2
		if options.OldPCS, err = pair.pcsFor(options.Site.Corosync); err != nil {
			return nil, err
		}
		if len(options.Site.Targets) == 0 { // IML is not there
			pair.withoutIML()
		}
	}
	if err = takeBackups(pair, into, lustretest.NewPair(options)); err != nil && dir != "" {
		err = cmp.Or(unfit(dir, options), err)
	}
	for _, made := range []string{pair.Node1.Backup, pair.Node2.Backup} {
		for _, inside := range [][2]string{
			{"!cluster-cfg-" + hostIn(made) + ".xml", "cib.xml"}, {"!" + pairfiles.CorosyncConf, "corosync.conf"},
			{"!" + lustre.TargetStoreDir, "targets"}, {"", "cib.xml"},
		} {
			cfg.Sources = append(cfg.Sources, made+inside[0], inside[1])
		}
	}
	return cfg, err
}

// hostIn is the host in the name of a backup.
func hostIn(name string) string {
	host := strings.TrimPrefix(name, "bck-")
	return host[:max(0, len(host)-len("-20060102-150405.tgz"))]
}

// pcsFor notes which pcs goes with a corosync.conf, on the new system as on the old one, where it is not the guide's.
func (c *pairConfig) pcsFor(text string) (pcs.Dialect, error) {
	conf, err := corosync.Parse(strings.NewReader(text))
	if err != nil {
		return pcs.Dialect{}, err
	}
	d := lustretest.PCSFor(conf)
	if d != pcs.V09 {
		c.OldPCS, c.NewPCS = d.Version().String(), d.Version().String()
	}
	return d, nil
}

// unfit is what makes the files of a pair unfit for a plan, where the simulated cluster does not come up with them: a
// corosync.conf that no release takes, or a CIB that the rebuild cannot express.
func unfit(dir string, options lustretest.Options) error {
	site := options.Site
	conf, err := corosync.Parse(srcerr.Named(filepath.Join(dir, "corosync.conf"), strings.NewReader(site.Corosync)))
	if err != nil {
		return err
	}
	if err := conf.Check(); err != nil {
		return err
	}
	cib, err1 := pacemaker.ParseCIB(strings.NewReader(site.CIB))
	names, err2 := pacemaker.ShortNames(site.Node1, site.Node2)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	d := cmp.Or(options.OldPCS, pcs.V09)
	_, err = rebuild.New(cib, conf, rebuild.Options{Node1: site.Node1, Node2: site.Node2, Names: names, Dialect: d, OldDialect: d,
		ByXML: byHand(site.CIB)})
	var at *pacemaker.ParseError
	if err != nil && !errors.As(err, &at) { // else it says itself where
		err = fmt.Errorf("%s: %w", filepath.Join(dir, "cib.xml"), err)
	}
	return err
}

// takeBackups backs the nodes of a simulated pair up, as an operator would those of a real one.
func takeBackups(pair *pairConfig, into string, world *lustretest.Pair) error {
	for _, server := range []*serverConfig{&pair.Node1, &pair.Node2} {
		r, err := world.Runner(server.Name)
		if err != nil {
			return err
		}
		info, err := backup.Create(context.Background(), r, pair.manifest(), backup.Options{Dir: into, Now: world.Now})
		if err != nil {
			return err
		}
		server.Backup = filepath.Base(info.Path)
	}
	return nil
}

// given takes the backups that the user has.
func given(pair *pairConfig, found []string) error {
	if len(found) != 2 {
		return fmt.Errorf("a pair has two backups, and there are %d: %s", len(found), strings.Join(found, ", "))
	}
	for i, server := range []*serverConfig{&pair.Node1, &pair.Node2} {
		path, err := filepath.Abs(found[i])
		if err != nil {
			return err
		}
		a, err := backup.OpenFile(path)
		if err != nil {
			return err
		}
		server.Backup, server.Name = path, fullName(a.Host())
		raw, err := a.ReadFile(pairfiles.CorosyncConf)
		if err != nil {
			return err
		}
		if _, err := pair.pcsFor(string(raw)); err != nil {
			return err
		}
		if cib, err := a.ClusterConfig(); err == nil && byHand(string(cib)) && len(a.Glob(lustre.TargetStoreDir+"/*")) == 0 {
			pair.withoutIML()
		}
	}
	return nil
}

// withoutIML makes an example of a pair whose servers IML does not manage.
func (c *pairConfig) withoutIML() { c.Manager, c.AgentRepos = "", lustretest.LustreRepos() }

// simulatedDomain completes the short names of EL6 where nothing else says the domain.
const simulatedDomain = ".lfs.intl"

func fullName(host string) string {
	if strings.Contains(host, ".") {
		return host
	}
	return host + simulatedDomain
}

// readSite reads the files of a pair out of a directory.
func readSite(dir string) (*lustretest.Site, error) {
	read := func(name string) (string, error) {
		raw, err := infile.Read(filepath.Join(dir, name), infile.Text)
		if err == nil {
			err = infile.Other(filepath.Join(dir, name), raw)
		}
		return string(raw), err
	}
	site := &lustretest.Site{Targets: map[string]string{}}
	var err1, err2 error
	site.CIB, err1 = read("cib.xml")
	site.Corosync, err2 = read("corosync.conf")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	targets, err := filepath.Glob(filepath.Join(dir, "targets", "*"))
	if err != nil {
		return nil, err
	}
	if len(targets) == 0 && !byHand(site.CIB) {
		return nil, fmt.Errorf("%s: there is no target file in it: copy those of /var/lib/chroma/targets", filepath.Join(dir, "targets"))
	}
	for _, name := range targets {
		text, err := read(filepath.Join("targets", filepath.Base(name)))
		if err != nil {
			return nil, err
		}
		if _, err := lustre.ParseTarget(srcerr.Named(name, strings.NewReader(text))); err != nil {
			return nil, err
		}
		site.Targets[filepath.Base(name)] = text
	}
	if _, err := corosync.Parse(srcerr.Named(filepath.Join(dir, "corosync.conf"), strings.NewReader(site.Corosync))); err != nil {
		return nil, err
	}
	cib, err := pacemaker.ParseCIB(srcerr.Named(filepath.Join(dir, "cib.xml"), strings.NewReader(site.CIB)))
	if err != nil {
		return nil, err
	}
	if err := refusals(filepath.Join(dir, "cib.xml"), cib); err != nil { // else the simulated cluster would, in words of its own
		return nil, err
	}
	nodes := cib.Nodes()
	site.Node1, site.Node2 = fullName(nodes[0].Uname), fullName(nodes[1].Uname)
	return site, nil
}

// refusals are what an upgrade refuses of a CIB, each with its place.
func refusals(name string, cib *pacemaker.CIB) error {
	var errs []error
	for _, err := range upgrade.Refusals(cib) {
		var at *pacemaker.ParseError
		if !errors.As(err, &at) {
			err = fmt.Errorf("%s: %w", name, err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// byHand tells whether the targets of a cluster are in its CIB.
func byHand(text string) bool {
	cib, err := pacemaker.ParseCIB(strings.NewReader(text))
	return err == nil && upgrade.MadeByHand(cib)
}

// private has a run write its archives below a directory.
func private(cfg *cli.Config, dir string) { jobOf(cfg).Archives = filepath.Join(dir, "archives") }

// world is the pair that a configuration describes, simulated: its files are those in node 1's backup, its software and
// the repositories are those of the options.
func world(cfg *cli.Config) (cli.SimWorld, error) {
	pair := jobOf(cfg)
	site := &lustretest.Site{
		Node1: pair.Node1.Name, Node2: pair.Node2.Name, Targets: map[string]string{}, Manager: pair.Manager,
		AgentRepos: pair.AgentRepos, Kernel: pair.Kernel, Addresses: pair.Addresses, Network: map[string]map[string]string{},
	}
	oldPCS, err1 := dialect("old_pcs", pair.OldPCS)
	newPCS, err2 := dialect("new_pcs", pair.NewPCS)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	a, err := backup.OpenFile(cfg.Path(pair.Node1.Backup))
	if err != nil {
		return nil, err
	}
	raw, err := a.ClusterConfig()
	if err != nil {
		return nil, err
	}
	site.CIB = string(raw)
	if raw, err = a.ReadFile(pairfiles.CorosyncConf); err != nil {
		return nil, err
	}
	site.Corosync = string(raw)
	for _, name := range a.Glob(lustre.TargetStoreDir + "/*") {
		if raw, err = a.ReadFile(name); err != nil {
			return nil, err
		}
		site.Targets[filepath.Base(name)] = string(raw)
	}
	if err := site.Check(oldPCS); err != nil {
		return nil, fmt.Errorf("%s: %w", pair.Node1.Backup, err)
	}
	for _, server := range []serverConfig{pair.Node1, pair.Node2} {
		if site.Network[server.Name], err = networkFiles(cfg.Path(server.Backup)); err != nil {
			return nil, err
		}
	}
	return simulated{lustretest.NewPair(lustretest.Options{Site: site, OldPCS: oldPCS, NewPCS: newPCS})}, nil
}

// networkFiles are the files of interfaces and of LNet in a backup.
func networkFiles(path string) (map[string]string, error) {
	a, err := backup.OpenFile(path)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, name := range slices.Concat(
		a.Glob("/etc/sysconfig/network-scripts/ifcfg-*"), a.Glob(lustre.LNetDir+"/*"), a.Glob(lustre.LNetConfPath),
	) {
		raw, err := a.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[name] = string(raw)
	}
	return files, nil
}

// simulated shows the simulated pair in the words of the command line.
type simulated struct{ *lustretest.Pair }

func (s simulated) Clock() evenkeel.Clock { return s.World }
func (s simulated) Clone() evenkeel.World { return simulated{s.Pair.Clone()} }
func (s simulated) Hash() string          { return s.Rehearsal().Hash() }

// Do does what the operator is prompted for.
func (s simulated) Do(_ context.Context, deed string) error {
	action, host, _ := strings.Cut(deed, " ")
	return s.Attend(action, host)
}

// Machines are the servers.
func (s simulated) Machines() []string {
	var names []string
	for _, h := range s.Pair.Report().Hosts {
		names = append(names, h.Name)
	}
	return names
}

// Report is the truth about the pair.
func (s simulated) Report() cli.WorldReport {
	r := s.Pair.Report()
	out := cli.WorldReport{Violations: r.Violations}
	for _, t := range r.Targets {
		where := make([]string, len(t.On))
		for i, name := range t.On {
			where[i], _, _ = strings.Cut(name, ".")
		}
		out.Serving = append(out.Serving, cli.Serving{What: t.Label, Where: strings.Join(where, " AND ")})
		out.Outages = append(out.Outages, cli.Outage{What: t.Label, Total: t.Down, Longest: t.Longest})
	}
	for _, e := range s.Log() {
		if len(e.Changed) > 0 && e.Host != "" {
			out.Log = append(out.Log, cli.Command{Host: e.Host, Line: strings.Join(e.Argv, " ")})
		}
	}
	return out
}
