package pair

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/secretname"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
	"github.com/evenkeel-ha/evenkeel/pacemaker/rebuild"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Server is one of the two nodes.
type Server struct {
	Name   string // fully qualified; the runbook's name for it
	Backup string // a backup of it by [Manifest]: what the plan is made from
}

// Config says which pair is upgraded and how.
type Config struct {
	Node1, Node2 Server
	From, To     string         // the releases of the system, such as el8 and el9
	Password     sshexec.Secret // for the user hacluster of the new cluster
	ArchiveDir   string         // where the fresh backups go, on the machine that evenkeel runs on

	Profiles     Profiles            // [Builtin] when nil
	Restore      []string            // files and directories that are restored beside the host table and the SSH keys: /etc/exports
	Packages     []string            // that the resources need, beside the cluster's own
	Repositories []string            // by the names that dnf has for them; those of the release's add-on when empty
	Addresses    map[string][]string // of each node in the new cluster, one a link; those of corosync.conf when empty
	Provision    *Provision          // how the site installs a node by itself; the operator does when nil

	// Way is the way that the pair goes: [readiness.TwoClusters], also when empty, or [readiness.Rolling]. On that the password, the addresses
	// and the repositories have no use, and Provision updates a node.
	Way      string
	Versions map[string]string // of the way rolling: what shows that a node is updated, the versions of packages by name, such as 2.1.7-5.el9
	Restart  bool              // of the way rolling: restart each node when it is updated

	InSpite bool          // go on although the new release does not take the pair as it is
	Outage  time.Duration // how long each wait for services that move may last: 5 minutes
	Install time.Duration // how long the wait for a machine may last: 30 minutes
}

// Provision is how a site installs a node: a command on a machine of its own. That it did is seen on the node, as it is
// where the operator installs it.
type Provision struct {
	Host string   // where the command runs
	Argv []string // the node's name is added as its last argument
}

// Pair is a pair as its backups describe it: everything that the runbook is made from.
type Pair struct {
	Config   Config
	CIB      *pacemaker.CIB
	Corosync *corosync.Conf
	Names    pacemaker.NodeNames // from the names in the CIB to those of the hosts
	Units    []Unit
	Plan     *rebuild.Plan
	Report   *readiness.Report
	Way      Way
	InSpite  []string // blockers that do not keep the upgrade back, because somebody says so
	Notes    []string // what is not as it should be, and does not keep the upgrade back

	from, to       software
	oldPCS, newPCS pcs.Dialect
	cluster        string // its name
	ports          []corosync.Port
	archives       [2]*backup.Archive
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Manifest is what is backed up of a node, with the paths that are to be restored.
func Manifest(restore ...string) backup.Manifest {
	m := backup.ServerManifest()
	m.Name = "pair"
	var paths []backup.Path
	for _, p := range m.Paths {
		if p.Path != backup.IMLState && !strings.HasPrefix(p.Path, "/etc/modprobe.d/") {
			paths = append(paths, p)
		}
	}
	for _, p := range restore {
		if !slices.ContainsFunc(paths, func(have backup.Path) bool { return have.Path == p }) {
			paths = append(paths, backup.Path{Path: p})
		}
	}
	m.Paths = paths
	return m
}

func (c *Config) defaults() error {
	c.Outage, c.Install = cmp.Or(c.Outage, 5*time.Minute), cmp.Or(c.Install, 30*time.Minute)
	c.ArchiveDir, c.Way = cmp.Or(c.ArchiveDir, "."), cmp.Or(c.Way, readiness.TwoClusters)
	if c.Profiles == nil {
		c.Profiles = Builtin()
	}
	var errs []error
	for i, s := range []Server{c.Node1, c.Node2} {
		if !hostName.MatchString(s.Name) || !strings.Contains(s.Name, ".") {
			errs = append(errs, fmt.Errorf("node%d: %q is not a fully qualified name, such as nfs1.example.com", i+1, s.Name))
		}
	}
	if c.Node1.Name == c.Node2.Name {
		errs = append(errs, errors.New("node 1 and node 2 are the same machine"))
	}
	if c.Way != readiness.TwoClusters && c.Way != readiness.Rolling {
		errs = append(errs, fmt.Errorf("way: there is no runbook for the way %q: known are %s and %s", c.Way, readiness.TwoClusters,
			readiness.Rolling))
	}
	errs = append(errs, c.rollingDefaults())
	if c.Password == "" && c.Way != readiness.Rolling {
		errs = append(errs, errors.New("no password for hacluster is given"))
	}
	for name, d := range map[string]time.Duration{"outage": c.Outage, "install": c.Install} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s: %s is no time to wait", name, d))
		}
	}
	for _, p := range c.Restore {
		if path.Clean(p) != p || !path.IsAbs(p) || p == "/" || strings.ContainsAny(p, "*?[\\ \t\n") {
			errs = append(errs, fmt.Errorf("restore: %q is no absolute path of one file or directory", p))
		}
	}
	for _, name := range append(slices.Clone(c.Packages), c.Repositories...) {
		if !hostName.MatchString(name) {
			errs = append(errs, fmt.Errorf("%q is no name of a package or a repository", name))
		}
	}
	if c.Provision != nil && (c.Provision.Host == "" || len(c.Provision.Argv) == 0) {
		errs = append(errs, errors.New("provision: a host and a command are wanted"))
	}
	if c.Provision != nil && hasSecret(c.Provision.Argv) {
		errs = append(errs, errors.New("provision: its command has what looks like a password, and a command is shown and journalled: have it "+
			"read that from a file on its host"))
	}
	return errors.Join(errs...)
}

func hasSecret(argv []string) bool {
	return secretname.Pair("", strings.Join(argv, " ")) || slices.ContainsFunc(argv, func(word string) bool {
		name, value, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		return secretname.Pair(name, value)
	})
}

// Load reads the backups, and finds everything that would stop the upgrade in the middle. It touches no machine.
func Load(cfg Config) (*Pair, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	p := &Pair{Config: cfg}
	var err1, err2 error
	p.from, err1 = softwareOf(cfg.From)
	p.to, err2 = softwareOf(cfg.To)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if !p.rolling() && p.from.Family == p.to.Family && p.to.Order <= p.from.Order {
		return nil, fmt.Errorf("to: %s is no newer release than %s, which the pair runs on", p.to.Name, p.from.Name)
	}
	p.oldPCS, err1 = p.from.dialect()
	p.newPCS, err2 = p.to.dialect()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	var cibs [2]*pacemaker.CIB
	var errs []error
	for i, s := range p.servers() {
		var err error
		cibs[i], err = p.open(i, s)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p.CIB = cibs[0]
	if diff := pacemaker.Diff(cibs[0], cibs[1]); len(diff) > 0 {
		return nil, fmt.Errorf("the backups are of two clusters, or of two times: %s (%d differences in all)", diff[0], len(diff))
	}
	return p, p.understand()
}

func (p *Pair) servers() []Server { return []Server{p.Config.Node1, p.Config.Node2} }

// open reads the backup of a node.
func (p *Pair) open(i int, s Server) (*pacemaker.CIB, error) {
	if s.Backup == "" {
		return nil, fmt.Errorf("node%d: there is no backup of it to plan from", i+1)
	}
	a, err := backup.OpenFile(s.Backup)
	if err != nil {
		return nil, err
	}
	p.archives[i] = a
	if !a.IsOf(s.Name) {
		return nil, fmt.Errorf("%s is a backup of %s, not of %s", s.Backup, a.Host(), s.Name)
	}
	if its, err := releaseOf(a); err == nil && its.Name != p.Config.From {
		return nil, fmt.Errorf("from: %s is of a node that runs %s (%q), and not %s", s.Backup, its.Name, a.Record().OSRelease, p.Config.From)
	}
	for _, file := range append([]string{"/etc/corosync/corosync.conf", "/etc/hosts"}, p.Config.Restore...) {
		if !a.Has(file) {
			return nil, fmt.Errorf("%s has no %s, which is needed later on", s.Backup, file)
		}
	}
	raw, err := a.ClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Backup, err)
	}
	return pacemaker.ParseCIB(srcerr.Named(s.Backup+"!cib.xml", bytes.NewReader(raw)))
}

// releaseOf is the release of the node that a backup is of, by what its system called itself.
func releaseOf(a *backup.Archive) (readiness.Release, error) {
	rec := a.Record()
	if rec == nil {
		return readiness.Release{}, readiness.ErrUnknownRelease
	}
	return readiness.ReleaseOf(rec.OSRelease)
}

// understand makes of what was read all that the runbook is made from.
func (p *Pair) understand() error {
	const confPath = "/etc/corosync/corosync.conf"
	raw, err := p.archives[0].ReadFile(confPath)
	if err != nil {
		return err
	}
	if p.Corosync, err = corosync.Parse(srcerr.Named(p.Config.Node1.Backup+"!"+confPath, bytes.NewReader(raw))); err != nil {
		return err
	}
	if err := p.addressed(); err != nil {
		return err
	}
	if p.Units, err = Units(p.CIB, p.Config.Profiles); err != nil {
		return err
	}
	if p.Report, err = readiness.Check(readiness.Input{CIB: p.CIB, Conf: p.Corosync, From: p.Config.From,
		Addresses: p.Config.Addresses}, p.Config.To); err != nil {
		return err
	}
	if p.Way, p.InSpite, err = Choose(p.Report, Ways(p.Report, p.Units, Durations{}), p.Config.Way, p.Config.InSpite); err != nil {
		return err
	}
	if p.Names, err = pacemaker.ShortNames(p.Config.Node1.Name, p.Config.Node2.Name); err != nil {
		return err
	}
	for _, s := range p.servers() {
		if p.old(s.Name) == "" {
			return fmt.Errorf("the cluster has no node %s", s.Name)
		}
	}
	if n := len(p.CIB.Nodes()); n != 2 {
		return fmt.Errorf("the cluster has %d nodes: this runbook is for two", n)
	}
	totem, err := p.Corosync.Totem()
	if err != nil {
		return err
	}
	p.cluster = totem.ClusterName
	if p.cluster == "" {
		return fmt.Errorf("%s names no cluster (cluster_name)", confPath)
	}
	if p.rolling() {
		return errors.Join(p.refuseRolling(), p.sound())
	}
	if p.Plan, err = rebuild.New(p.CIB, p.Corosync, rebuild.Options{
		Node1: p.Config.Node1.Name, Node2: p.Config.Node2.Name, Names: p.Names, ClusterName: p.cluster, ByXML: true, OwnProperties: true,
		Dialect: p.newPCS, OldDialect: p.oldPCS, Addresses: p.Config.Addresses, Knet: totem.Transport != "knet" && p.newPCS.Modern(),
	}); err != nil {
		return err
	}
	if p.ports, err = p.openPorts(totem.Transport); err != nil {
		return err
	}
	return p.sound()
}

// sound refuses a cluster that would not move what it is told to move, or of which the new one would not run all.
func (p *Pair) sound() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, h := range p.CIB.Hindrances() {
		switch h.Kind {
		case pacemaker.AtRest, pacemaker.NodeAway, pacemaker.CannotFence:
			bad("%s", h)
		case pacemaker.Unmanaged: // below, with why
		default:
			p.Notes = append(p.Notes, h.String())
		}
	}
	for _, h := range p.CIB.StatusHindrances() { // the preflight looks at how it is now
		p.Notes = append(p.Notes, "when it was backed up, "+h.String())
	}
	for _, w := range p.CIB.Wanted() {
		if w.Unmanaged != "" {
			bad("the cluster does not move %s (%s)", w.ID, w.Unmanaged)
		}
	}
	for _, t := range p.CIB.Tickets() {
		if p.rolling() {
			break // the cluster stays, and keeps them
		}
		bad("constraint %s wants the ticket %s, which nobody grants to the new cluster: remove it for the time of the upgrade", t.ID, t.Ticket)
	}
	return errors.Join(errs...)
}

// old is what the old cluster calls a host.
func (p *Pair) old(host string) string {
	for _, n := range p.CIB.Nodes() {
		if p.Names.New(n.Uname) == host {
			return n.Uname
		}
	}
	return ""
}

// moved are the units that move: those that run, and of which not each node has its own.
func (p *Pair) moved() []Unit {
	return slices.DeleteFunc(slices.Clone(p.Units), func(u Unit) bool { return u.PerNode || u.Disabled != "" })
}

// proven are those of them that can be proven to be gone; the others move when the whole old cluster has stopped.
func (p *Pair) proven() []Unit {
	return slices.DeleteFunc(p.moved(), func(u Unit) bool { return u.Unproven != "" })
}

// home is the node that a unit prefers, by the host's name; empty where it prefers none.
func (p *Pair) home(u Unit) string {
	for _, id := range u.Tops {
		if node, _, err := p.CIB.PreferredNode(id); err == nil {
			return p.Names.New(node)
		}
	}
	return ""
}

// placed is each resource of the units that runs, on a node.
func (p *Pair) placed(node string, units ...Unit) map[string]string {
	disabled := map[string]bool{}
	for _, w := range p.CIB.Wanted() {
		disabled[w.ID] = w.Disabled != ""
	}
	where := map[string]string{}
	for _, u := range units {
		for _, m := range u.Members {
			if !disabled[m.ID] {
				where[m.ID] = node
			}
		}
	}
	return where
}
