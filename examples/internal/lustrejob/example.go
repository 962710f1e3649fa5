package lustrejob

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/pacemaker/rebuild"
)

// Example writes the backups of a pair, and returns the configuration for its upgrade. Without dir it is the pair of
// the guide, as IML 2.4 made it; with dir it is the pair whose backups (bck-*.tgz) are there, the newest of each server, or whose
// cib.xml, corosync.conf and targets/ are.
func Example(into, dir string) (*cli.Config, error) {
	pair := &Config{
		Node1: pairfiles.Server{Name: lustretest.Node1}, Node2: pairfiles.Server{Name: lustretest.Node2},
		Manager: lustretest.Manager, PasswordFile: "hacluster-password", Archives: "archives", AgentRepos: lustretest.AgentRepos(),
	}
	cfg := &cli.Config{Journal: "journal.jsonl", Job: pair}
	if err := pairfiles.Prepare(into, pair.PasswordFile, pair.Archives); err != nil {
		return nil, err
	}
	options := lustretest.Options{}
	if dir != "" {
		given, err := pairfiles.HasBackups(dir)
		if err != nil {
			return nil, err
		}
		if given {
			return cfg, pair.given(dir)
		}
		if options.Site, err = readSite(dir); err != nil {
			return nil, err
		}
		pair.Node1.Name, pair.Node2.Name = options.Site.Node1, options.Site.Node2
		if options.OldPCS, err = pair.TakePCS(options.Site.Corosync); err != nil {
			return nil, err
		}
		if len(options.Site.Targets) == 0 { // IML is not there
			pair.withoutIML()
		}
	}
	err := pairfiles.TakeBackups(lustretest.NewPair(options), pair.Manifest(), into, &pair.Node1, &pair.Node2)
	if err != nil && dir != "" {
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

// TakePCS notes which pcs goes with a corosync.conf, on the new system as on the old one, where it is not the guide's.
func (c *Config) TakePCS(text string) (pcs.Dialect, error) {
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

// given takes the backups that the user has.
func (c *Config) given(dir string) error {
	newest, err := pairfiles.Given(dir, simulatedDomain, &c.Node1, &c.Node2)
	if err != nil {
		return err
	}
	for _, found := range newest {
		a := found.Archive
		raw, err := a.ReadFile(pairfiles.CorosyncConf)
		if err != nil {
			return err
		}
		if _, err := c.TakePCS(string(raw)); err != nil {
			return err
		}
		if cib, err := a.ClusterConfig(); err == nil && byHand(string(cib)) && len(a.Glob(lustre.TargetStoreDir+"/*")) == 0 {
			c.withoutIML()
		}
	}
	return nil
}

// withoutIML makes an example of a pair whose servers IML does not manage.
func (c *Config) withoutIML() { c.Manager, c.AgentRepos = "", lustretest.LustreRepos() }

// simulatedDomain completes the short names of EL6 where nothing else says the domain.
const simulatedDomain = "lfs.intl"

// readSite reads the files of a pair out of a directory.
func readSite(dir string) (*lustretest.Site, error) {
	cluster, err := pairfiles.ReadCluster(dir)
	if err != nil {
		return nil, err
	}
	site := &lustretest.Site{CIB: cluster.CIB, Corosync: cluster.Corosync, Targets: map[string]string{}}
	targets, err := fs.Glob(os.DirFS(dir), "targets/*") // not of package filepath: a name of a folder may hold a [
	if err != nil {
		return nil, err
	}
	if len(targets) == 0 && !upgrade.MadeByHand(cluster.Is) {
		return nil, fmt.Errorf("%s: there is no target file in it: copy those of /var/lib/chroma/targets", filepath.Join(dir, "targets"))
	}
	for _, name := range targets {
		text, err := pairfiles.ReadText(dir, name)
		if err != nil {
			return nil, err
		}
		if _, err := lustre.ParseTarget(pairfiles.Reader(filepath.Join(dir, name), []byte(text))); err != nil {
			return nil, err
		}
		site.Targets[filepath.Base(name)] = text
	}
	if err := refusals(filepath.Join(dir, "cib.xml"), cluster.Is); err != nil { // else the simulated cluster would, in words of its own
		return nil, err
	}
	nodes := cluster.Is.Nodes()
	site.Node1 = pairfiles.FullName(nodes[0].Uname, simulatedDomain)
	site.Node2 = pairfiles.FullName(nodes[1].Uname, simulatedDomain)
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
