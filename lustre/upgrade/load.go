package upgrade

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/pacemaker/rebuild"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Pair is a pair as its backups describe it: everything that the runbook is made from.
type Pair struct {
	Config   Config
	CIB      *pacemaker.CIB
	Corosync *corosync.Conf
	Names    pacemaker.NodeNames // from the names in the CIB to fully qualified ones (H12)
	Targets  []Target            // in the order of the CIB
	Plan     *rebuild.Plan
	Notes    []string // what the reviewer should know, though it stops nothing

	inBackups []sshexec.Secret // the passwords and keys in the backups

	byHand bool     // the facts of the targets are in the CIB, not in IML's store
	health []health // the clones that say how well a node is

	archives [2]*backup.Archive
	stores   [2]lustre.Store
	nets     [2]network
	rings    int      // of the old corosync
	ports    []string // that the new corosync listens on, such as 4242/udp
}

// Target is a Lustre target: what the cluster and the target store know of it.
type Target struct {
	Resource  string // the id in the CIB
	UUID      string
	Label     string // what Lustre calls it, such as demo-MDT0000; empty where nothing tells
	Mount     string // where it is mounted
	Device    string // the block device; empty for ZFS
	Pool      string // the ZFS pool; empty for a block device
	Preferred string // the node it belongs on, fully qualified
	Disabled  bool   // it was stopped on purpose, and stays so
	Switch    string // the resource whose target-role starts and stops it: itself, or its group
	Imports   string // the resource that imports its pool; empty where its own agent does

	dataset string // pool/name, where the CIB has it
}

const corosyncConf = "/etc/corosync/corosync.conf"

// Load reads the backups and finds everything that would stop an upgrade in the middle: a file that a later step needs
// and the backup lacks, a target that the cluster knows and a node's store does not, a cluster that the rebuild cannot
// express, backups of two different clusters. It touches no machine. The error joins all that is wrong with the options
// and with either backup; what is read out of the backups is looked at when these are well. What is wrong inside a file
// is a [lustre.ParseError], named ARCHIVE!FILE:LINE:COLUMN; what the rebuild cannot express is a
// [*pacemaker.UnsupportedError].
func Load(cfg Config) (*Pair, error) {
	var errs []error
	if err := cfg.defaults(); err != nil {
		errs = append(errs, err)
	}
	p := &Pair{Config: cfg}
	for i, s := range p.servers() {
		if s.Backup == "" {
			continue // that is said already
		}
		a, err := backup.OpenFile(s.Backup)
		if err == nil && s.Name != "" && !a.IsOf(s.Name) {
			err = fmt.Errorf("%s is a backup of %s, not of %s", s.Backup, a.Host(), s.Name)
		}
		errs = append(errs, err)
		p.archives[i] = a
	}
	l := loading{p}
	if l.maker(); !p.byHand && p.Config.Manager == "" {
		errs = append(errs, errors.New("the manager's name is not given (manager): IML's agent is installed from there"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, read := range []func() error{l.networks, l.covered, l.cluster, l.oneCluster, l.targets, l.sticky, l.profile} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	l.weakSecrets()
	return p, nil
}

func (p *Pair) servers() []Server { return []Server{p.Config.Node1, p.Config.Node2} }

// loading reads the backups of a pair into it, and finds what would stop an upgrade in the middle.
type loading struct{ *Pair }

// inside names a file in the backup of a node, for errors.
func (p loading) inside(i int, name string) string { return p.servers()[i].Backup + "!" + name }

// covered holds both backups against what the later steps read (BAK-026).
func (p loading) covered() error {
	var errs []error
	for i, s := range p.servers() {
		for _, m := range p.archives[i].Covers(p.requirements(i)) {
			errs = append(errs, fmt.Errorf("%s: %w", s.Backup, m))
		}
	}
	return errors.Join(errs...)
}

// requirements are what the steps of a node read from its backup.
func (p loading) requirements(i int) []backup.Requirement {
	reqs := []backup.Requirement{
		{Path: backup.ClusterConfigPath, Check: backup.NotEmpty, NeededBy: "making the cluster again (lustre:948)"},
		{Path: corosyncConf, Check: backup.NotEmpty, NeededBy: "making the cluster again (lustre:894)"},
	}
	if !p.byHand {
		reqs = append(reqs, backup.Requirement{Path: lustre.TargetStoreDir + "/*", Check: backup.NotEmpty,
			NeededBy: "making the mount points (lustre:1098)"})
	}
	return append(reqs, backup.Requirements(p.restore(i, ""))...)
}

// restore is the restore of a node from the tree dir.
func (p *Pair) restore(i int, dir string) []backup.Operation {
	pos := backup.FirstNode
	if i == 1 {
		pos = backup.SecondNode
	}
	a := p.archives[i]
	opts := backup.RestoreOptions{Position: pos, SELinux: p.Config.SELinux, LNetFiles: p.nets[i].lnet, Has: func(path string) bool {
		// What every server has must be in its backup; what only some have is restored where it was.
		return !p.optional(path) || a.Fills(path)
	}}
	return backup.RestoreServer(dir, opts)
}

// optional tells whether a server may be without a path that the guide backs up.
func (p *Pair) optional(path string) bool {
	for _, have := range guidePaths(!p.byHand).Paths {
		if have.Path == path {
			return have.Optional
		}
	}
	return false
}

// readCluster reads the CIB and corosync.conf in the backup of a node.
func (p loading) readCluster(i int) (*pacemaker.CIB, *corosync.Conf, error) {
	a := p.archives[i]
	raw, err := a.ClusterConfig()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a.Name(), err)
	}
	cib, err := pacemaker.ParseCIB(srcerr.Named(p.inside(i, "cluster-cfg-"+a.Host()+".xml"), bytes.NewReader(raw)))
	if err != nil {
		return nil, nil, err
	}
	if raw, err = a.ReadFile(corosyncConf); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a.Name(), err)
	}
	conf, err := corosync.Parse(srcerr.Named(p.inside(i, corosyncConf), bytes.NewReader(raw)))
	if err == nil {
		p.found(cib, conf)
	}
	return cib, conf, err
}

// guideToken is how long, in ms, the nodes wait for each other (lustre:891). A cluster that waits longer keeps its own.
const guideToken = 17000

// cluster reads the cluster from the backup of node 1 and plans the rebuild.
func (p loading) cluster() (err error) {
	if p.CIB, p.Corosync, err = p.readCluster(0); err != nil {
		return err
	}
	if err := p.Corosync.Check(); err != nil {
		return err
	}
	if err := p.agents(); err != nil {
		return err
	}
	if p.Names, err = pacemaker.ShortNames(p.Config.Node1.Name, p.Config.Node2.Name); err != nil {
		return err
	}
	names := p.oldNames()
	for _, s := range p.servers() {
		if names[s.Name] == "" {
			return fmt.Errorf("%s: the cluster has no node %s or %s", p.Config.Node1.Backup, s.Short(), s.Name)
		}
	}
	if err := errors.Join(p.noOtherNodes(), p.atWork()); err != nil {
		return err
	}
	rings, err := p.links(p.Corosync)
	if err != nil {
		return err
	}
	p.rings = len(rings)
	if p.ports, err = p.openPorts(); err != nil {
		return err
	}
	if len(rings) < 2 {
		p.Notes = append(p.Notes, "corosync has one ring only: when it fails, both nodes fence each other (H18)")
	}
	totem, err := p.Corosync.Totem()
	if err != nil {
		return err
	}
	p.Plan, err = rebuild.New(p.CIB, p.Corosync, rebuild.Options{
		Node1: p.Config.Node1.Name, Node2: p.Config.Node2.Name, Names: p.Names,
		ClusterName: p.Config.ClusterName, PlainConstraints: p.Config.PlainPCS, Token: max(totem.Token, guideToken),
		Dialect: cmp.Or(p.Config.NewPCS, pcs.V09), OldDialect: cmp.Or(p.Config.OldPCS, pcs.V09),
		Knet: p.Config.Knet, Addresses: p.Config.Addresses, ByXML: p.byHand,
	})
	var unsupported *pacemaker.UnsupportedError
	if errors.As(err, &unsupported) {
		err = fmt.Errorf("%s: %w", p.inside(0, "cluster-cfg-"+p.archives[0].Host()+".xml"), err)
	}
	return err
}

// agents wants the targets to be those of the agents that this runbook knows, and what goes with their maker to be said.
func (p loading) agents() error {
	ours := func(r pacemaker.Resource) bool { return r.Agent() == targetAgent }
	switch {
	case p.byHand:
		return p.ownAgents()
	case !slices.ContainsFunc(p.CIB.Primitives(), ours):
		return p.refuse("the cluster has no target of %s or %s: there is nothing to move", targetAgent, lustreAgent)
	}
	return nil
}

// atWork wants of the backup what the preflight wants of the live cluster: one that moves the targets that are to run,
// and nodes that take them.
func (p loading) atWork() error {
	var errs []error
	bad := func(format string, args ...any) {
		if p.Config.Node1.Backup == "" {
			errs = append(errs, fmt.Errorf(format+": an upgrade is refused until that is ended", args...))
			return
		}
		errs = append(errs, p.refuse("the backup says that "+format+": end that, and back up again", args...))
	}
	atRest := false
	for _, h := range p.CIB.Hindrances() {
		switch h.Kind {
		case pacemaker.AtRest, pacemaker.NodeAway:
			bad("%s", h)
			atRest = true
		case pacemaker.CannotFence:
			bad("%s", h)
		case pacemaker.Unmanaged: // of a target, below
		default:
			p.Notes = append(p.Notes, h.String())
		}
	}
	for _, h := range p.CIB.StatusHindrances() { // the preflight looks at how it is now
		p.Notes = append(p.Notes, "when it was backed up, "+h.String())
	}
	for _, r := range p.CIB.Wanted() {
		switch {
		case atRest || !p.isTarget(r.Resource): // a whole cluster at rest says enough
		case r.Disabled != "":
			p.Notes = append(p.Notes, fmt.Sprintf("target %s is disabled (%s): it is not moved, and stays disabled", r.ID, r.Disabled))
			if r.Unmanaged != "" {
				p.Notes = append(p.Notes, fmt.Sprintf("target %s is unmanaged (%s): see that it is mounted nowhere", r.ID, r.Unmanaged))
			}
		case r.Unmanaged != "":
			bad("target %s is unmanaged (%s), so that Pacemaker does not move it", r.ID, r.Unmanaged)
		}
	}
	return errors.Join(errs...)
}

// links are the rings of a corosync.conf, or the links of its node list, each by what makes it the same on both nodes.
// IML's file of EL7 has two rings, and in its node list one address a node.
func (p loading) links(conf *corosync.Conf) ([]string, error) {
	var out []string
	list, err := conf.NodeList()
	if err != nil {
		return nil, err
	}
	if len(list) > 0 {
		totem, err := conf.Totem()
		if err != nil {
			return nil, err
		}
		numbers := slices.Collect(maps.Keys(list[0].Addresses))
		for _, i := range totem.Interfaces {
			numbers = append(numbers, i.Ring)
		}
		slices.Sort(numbers)
		for _, link := range slices.Compact(numbers) {
			var addresses []string
			for _, n := range list {
				addresses = append(addresses, n.Addresses[link])
			}
			out = append(out, fmt.Sprint(link, addresses))
		}
		slices.Sort(out)
		return out, nil
	}
	rings, err := conf.Rings()
	for _, r := range rings {
		out = append(out, fmt.Sprint(r.Ring, r.McastAddr, r.McastPort))
	}
	return out, err
}

// openPorts are the ports that the new cluster's corosync needs open, which the firewall's own service may not know (H16).
func (p loading) openPorts() ([]string, error) {
	conf := p.Corosync
	if p.Config.Knet {
		var nodes []corosync.Member
		for _, s := range p.servers() {
			nodes = append(nodes, corosync.Member{Name: s.Name, Addresses: p.Config.Addresses[s.Name]})
		}
		plan, err := conf.PlanKnet(corosync.KnetOptions{ClusterName: p.Config.ClusterName, Nodes: nodes})
		if err != nil {
			return nil, err
		}
		conf = plan.Conf
	}
	ports, err := conf.Ports()
	var out []string
	for _, port := range ports {
		out = append(out, port.String())
	}
	return out, err
}

// oneCluster wants both backups to show the same cluster: two that differ were taken at different times, or while the
// nodes did not see each other.
func (p loading) oneCluster() error {
	cib, conf, err := p.readCluster(1)
	if err != nil {
		return err
	}
	if diff := pacemaker.Diff(p.CIB, cib); len(diff) > 0 {
		return fmt.Errorf("the two backups do not show the same cluster: %s (%d differences in all); back both nodes up again",
			diff[0], len(diff))
	}
	one, err := p.links(p.Corosync)
	if err != nil {
		return err
	}
	two, err := p.links(conf)
	if err != nil {
		return err
	}
	if !slices.Equal(one, two) {
		return fmt.Errorf("%s and %s do not have the same rings", p.inside(0, corosyncConf), p.inside(1, corosyncConf))
	}
	return nil
}

// oldNames are the names that the old cluster has for the nodes, by their full ones.
func (p *Pair) oldNames() map[string]string {
	names := map[string]string{}
	for _, n := range p.CIB.Nodes() {
		names[p.Names.New(n.Uname)] = n.Uname
	}
	return names
}

// old is the name that the old cluster has for a node.
func (p *Pair) old(fqdn string) string { return p.oldNames()[fqdn] }

// targets puts together what the CIB and the target stores of both nodes say (H24). Both must know every target: each mounts the other's.
func (p loading) targets() error {
	if p.byHand {
		return p.ownTargets()
	}
	resources := map[string]string{}
	for _, r := range p.CIB.Primitives() {
		if r.Agent() == targetAgent {
			resources[r.ID], _ = r.Instance.Get("target")
		}
	}
	var errs []error
	for i, s := range p.servers() {
		store, err := p.store(i)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.stores[i] = store
		for _, f := range lustre.Audit(store, resources, nil) {
			if f.Kind == lustre.NotInCluster || f.Kind == lustre.NoDataSet {
				p.Notes = append(p.Notes, s.Name+": "+f.Text)
				continue
			}
			errs = append(errs, fmt.Errorf("%s: %s", s.Backup, f))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	preferences := p.CIB.Preferences()
	for _, r := range p.CIB.Wanted() {
		if !p.isTarget(r.Resource) {
			continue
		}
		t, err := p.target(r, preferences)
		if err != nil {
			errs = append(errs, err)
		}
		p.Targets = append(p.Targets, t)
	}
	return errors.Join(append(errs, p.together()...)...)
}

// together wants targets that can be moved: at least one that runs, mount points that are plain words, and one place
// for the targets in one ZFS pool, which only one node can have imported.
func (p loading) together() []error {
	var errs []error
	if len(p.enabled()) == 0 {
		errs = append(errs, p.refuse("every target is disabled: there is none that an upgrade could keep running"))
	}
	first := map[string]Target{}
	for _, t := range p.Targets {
		if t.Mount != "" && !plainMount.MatchString(t.Mount) {
			errs = append(errs, p.refuse("resource %s: the mount point %q has other letters than A-Z a-z 0-9 . _ / : @ + -: "+
				"the checks by hand could not tell it apart", t.Resource, t.Mount))
		}
		for _, wrong := range []string{wrongMount(t.Mount), nested(t, p.Targets)} {
			if wrong != "" && !p.byHand { // of those that people made the audit says it, with its place in the CIB
				errs = append(errs, fmt.Errorf("%s: resource %s: %s", p.inside(0, lustre.TargetStoreDir+"/"+lustre.TargetFileName(t.UUID)),
					t.Resource, wrong))
			}
		}
		if t.Pool == "" {
			continue
		}
		other, shared := first[t.Pool]
		switch {
		case !shared:
			first[t.Pool] = t
		case t.Switch != "" && other.Switch == t.Switch: // their group says that they are together
		case other.Preferred != t.Preferred || other.Disabled != t.Disabled:
			errs = append(errs, p.refuse("targets %s and %s are in the ZFS pool %s, which only one node can have "+
				"imported, and the cluster wants them in two places: "+
				"let both prefer the same node, and run or be disabled together", other.Resource, t.Resource, t.Pool))
		default:
			p.Notes = append(p.Notes, fmt.Sprintf("targets %s and %s are in the ZFS pool %s: they must always be on one node, "+
				"and nothing in the cluster says so", other.Resource, t.Resource, t.Pool))
		}
	}
	return errs
}

// store reads the target store in the backup of a node.
func (p loading) store(i int) (lustre.Store, error) {
	files := map[string][]byte{}
	for _, name := range p.archives[i].Glob(lustre.TargetStoreDir + "/*") {
		raw, err := p.archives[i].ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[filepath.Base(name)] = raw
	}
	return lustre.ParseStore(p.inside(i, lustre.TargetStoreDir), files)
}

func (p loading) target(r pacemaker.Wanted, preferences *pacemaker.Preferences) (Target, error) {
	uuid, _ := r.Instance.Get("target")
	one, two := p.stores[0][uuid], p.stores[1][uuid]
	if path.Clean(one.MountPoint) != path.Clean(two.MountPoint) || one.Source() != two.Source() {
		return Target{}, fmt.Errorf("resource %s: %s has its target %s on %s, and %s has %s on %s", r.ID,
			p.Config.Node1.Name, one.Source(), one.MountPoint, p.Config.Node2.Name, two.Source(), two.MountPoint)
	}
	node, _, err := preferences.Node(r.ID)
	if err != nil {
		return Target{}, fmt.Errorf("resource %s: %w", r.ID, err)
	}
	t := Target{Resource: r.ID, UUID: uuid, Label: cmp.Or(one.Name, path.Base(one.MountPoint)),
		Mount: path.Clean(one.MountPoint), Preferred: p.Names.New(node), Disabled: r.Disabled != "", Switch: r.ID}
	if id, err := lustre.ResourceLabel(r.ID); err == nil && id.Kind == "MGS" {
		t.Label = "MGS" // without a recovery to wait for, wherever it is mounted
	}
	if strings.HasPrefix(one.Source(), "/dev/") {
		t.Device = one.Source()
	} else {
		t.Pool, _, _ = strings.Cut(one.Source(), "/")
	}
	return t, nil
}

// enabled are the targets that are meant to run.
func (p *Pair) enabled() []Target {
	return slices.DeleteFunc(slices.Clone(p.Targets), func(t Target) bool { return t.Disabled })
}

// inputs bind a journal to what the plan was made from.
func (p *Pair) inputs() []evenkeel.Input {
	var in []evenkeel.Input
	for i, s := range p.servers() {
		in = append(in, evenkeel.Input{Name: filepath.Base(s.Backup), SHA256: p.archives[i].SHA256()})
	}
	return in
}
