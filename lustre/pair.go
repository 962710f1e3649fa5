package lustre

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Server is one of the two servers of a pair.
type Server struct {
	Name   string // fully qualified; the runbook's name for it (lustre:877)
	Backup string // a backup of it in the guide's layout: what the plan is made from (lustre:365)
}

// Short is the first label of the name: what EL6 calls the node.
func (s Server) Short() string {
	short, _, _ := strings.Cut(s.Name, ".")
	return short
}

// PairConfig says which pair is upgraded and how. Zero values take what the guide says.
type PairConfig struct {
	Node1, Node2 Server
	Manager      string         // fully qualified name of the IML manager, where the package definitions come from (lustre:556)
	Password     sshexec.Secret // for the user hacluster of the new cluster (lustre:820)
	ArchiveDir   string         // where the fresh backups go, on the machine that evenkeel runs on (lustre:403)

	OldRelease      string        // what /etc/redhat-release says before: "release 6"
	NewRelease      string        // and after: "release 7"
	Profile         Profile       // which OSDs the servers have: both, as IML installs them (lustre:587)
	Kernel          string        // the exact kernel for ZFS-only servers; the newest when empty (lustre:733)
	AgentRepos      []string      // package definitions for the agent's dependencies (lustre:535-541); addresses are inputs
	ClusterName     string        // lustre-ha-cluster
	PlainPCS        bool          // make constraints by pcs as the guide does; their ids are then not IML's (H9)
	DisableFirewall bool          // disable the firewall instead of opening its ports (lustre:844)
	NoAutostart     bool          // do not start the cluster at boot (lustre:1697)
	SELinux         bool          // label restored SSH keys (lustre:493)
	Outage          time.Duration // how long a target may be down while it moves, before an alarm: 10 minutes
	Install         time.Duration // how long the waits for a reboot last: 30 minutes
}

func (c *PairConfig) defaults() error {
	c.OldRelease = cmp.Or(c.OldRelease, "release 6")
	c.NewRelease = cmp.Or(c.NewRelease, "release 7")
	c.ClusterName = cmp.Or(c.ClusterName, "lustre-ha-cluster")
	c.Outage = cmp.Or(c.Outage, 10*time.Minute)
	c.Install = cmp.Or(c.Install, 30*time.Minute)
	c.ArchiveDir = cmp.Or(c.ArchiveDir, ".")
	var errs []error
	for _, s := range []Server{c.Node1, c.Node2} {
		if !strings.Contains(s.Name, ".") {
			errs = append(errs, fmt.Errorf("node %q is not a fully qualified name", s.Name))
		}
		if s.Backup == "" {
			errs = append(errs, fmt.Errorf("node %s has no backup to plan from", s.Name))
		}
	}
	if c.Node1.Name == c.Node2.Name {
		errs = append(errs, errors.New("node 1 and node 2 are the same machine"))
	}
	if c.Password == "" {
		errs = append(errs, errors.New("no password for hacluster is given"))
	}
	if c.Manager == "" {
		errs = append(errs, errors.New("the manager's name is not given"))
	}
	return errors.Join(errs...)
}

// Pair is a pair as its backups describe it: everything that the runbook is made from.
type Pair struct {
	Config   PairConfig
	CIB      *pacemaker.CIB
	Corosync *pacemaker.CorosyncConf
	Names    pacemaker.NodeNames // from the names in the CIB to fully qualified ones (H12)
	Targets  []PairTarget        // in the order of the CIB
	Plan     *pacemaker.RebuildPlan

	archives [2]*backup.Archive
	ports    []int // that corosync.conf names
}

// PairTarget is a Lustre target: what the cluster and the target store know of it.
type PairTarget struct {
	Resource  string // the id in the CIB
	UUID      string
	Mount     string // where it is mounted
	Preferred string // the node it belongs on, fully qualified
	Disabled  bool   // it was stopped on purpose, and stays so
}

// LoadPair reads the backups and finds everything that would stop an upgrade in the middle: a file that a later step needs and the backup lacks, a
// target that the cluster knows and the store does not, a cluster that the rebuild cannot express. It touches no machine.
func LoadPair(cfg PairConfig) (*Pair, error) {
	if err := cfg.defaults(); err != nil {
		return nil, fmt.Errorf("the configuration of the pair is not complete: %w", err)
	}
	p := &Pair{Config: cfg}
	for i, s := range []Server{cfg.Node1, cfg.Node2} {
		a, err := backup.OpenFile(s.Backup)
		if err != nil {
			return nil, err
		}
		if !a.IsOf(s.Name) {
			return nil, fmt.Errorf("%s is a backup of %s, not of %s", s.Backup, a.Host(), s.Name)
		}
		p.archives[i] = a
	}
	if err := p.covered(); err != nil {
		return nil, err
	}
	if err := p.cluster(); err != nil {
		return nil, err
	}
	return p, p.targets()
}

// covered holds both backups against what the later steps read (BAK-026).
func (p *Pair) covered() error {
	var errs []error
	for i, s := range []Server{p.Config.Node1, p.Config.Node2} {
		for _, m := range p.archives[i].Covers(p.requirements(i)) {
			errs = append(errs, fmt.Errorf("%s: %w", s.Backup, m))
		}
	}
	return errors.Join(errs...)
}

// requirements are what the steps of a node read from its backup.
func (p *Pair) requirements(i int) []backup.Requirement {
	reqs := []backup.Requirement{
		{Path: backup.ClusterConfigPath, Check: backup.NotEmpty, NeededBy: "making the cluster again (lustre:948)"},
		{Path: "/etc/corosync/corosync.conf", Check: backup.NotEmpty, NeededBy: "making the cluster again (lustre:894)"},
		{Path: targetStore + "/*", Check: backup.NotEmpty, NeededBy: "making the mount points (lustre:1098)"},
	}
	return append(reqs, backup.Requirements(p.restore(i, ""))...)
}

// targetStore is where IML keeps a file for each target (LUS-003).
const targetStore = TargetStoreDir

// restore is the restore of a node from the tree dir.
func (p *Pair) restore(i int, dir string) []backup.Operation {
	pos := backup.FirstNode
	if i == 1 {
		pos = backup.SecondNode
	}
	a := p.archives[i]
	return backup.RestoreServer(dir, backup.RestoreOptions{Position: pos, SELinux: p.Config.SELinux, Has: func(path string) bool {
		// What every server has must be in its backup; what only some have is restored where it was.
		return !optional(path) || a.Has(path)
	}})
}

// optional tells whether a server may be without a path that the guide backs up.
func optional(path string) bool {
	for _, p := range backup.ServerManifest().Paths {
		if p.Path == path {
			return p.Optional
		}
	}
	return false
}

// cluster reads the CIB and corosync.conf of node 1 and plans the rebuild.
func (p *Pair) cluster() error {
	a := p.archives[0]
	raw, err := a.ClusterConfig()
	if err != nil {
		return fmt.Errorf("%s: %w", p.Config.Node1.Backup, err)
	}
	inside := func(name string) string { return p.Config.Node1.Backup + "!" + name }
	if p.CIB, err = pacemaker.ParseCIB(srcerr.Named(inside("cluster-cfg-"+a.Host()+".xml"), bytes.NewReader(raw))); err != nil {
		return err
	}
	const conf = "/etc/corosync/corosync.conf"
	if raw, err = a.ReadFile(conf); err != nil {
		return fmt.Errorf("%s: %w", p.Config.Node1.Backup, err)
	}
	if p.Corosync, err = pacemaker.ParseCorosyncConf(srcerr.Named(inside(conf), bytes.NewReader(raw))); err != nil {
		return err
	}
	if p.Names, err = pacemaker.ShortNames(p.Config.Node1.Name, p.Config.Node2.Name); err != nil {
		return err
	}
	rings, err := p.Corosync.Rings()
	if err != nil {
		return err
	}
	for _, r := range rings {
		if !slices.Contains(p.ports, r.McastPort) {
			p.ports = append(p.ports, r.McastPort)
		}
	}
	p.Plan, err = pacemaker.Rebuild(p.CIB, p.Corosync, pacemaker.RebuildOptions{
		Node1: p.Config.Node1.Name, Node2: p.Config.Node2.Name, Names: p.Names,
		ClusterName: p.Config.ClusterName, PlainConstraints: p.Config.PlainPCS,
	})
	return err
}

// targets puts together what the CIB and the target store say (H24).
func (p *Pair) targets() error {
	var errs []error
	stored := map[string]*Target{}
	for _, name := range p.archives[0].Glob(targetStore + "/*") {
		raw, err := p.archives[0].ReadFile(name)
		if err != nil {
			return err
		}
		t, err := ParseTarget(srcerr.Named(p.Config.Node1.Backup+"!"+name, bytes.NewReader(raw)))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		uuid, err := TargetUUID(filepath.Base(name))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s!%s: %w", p.Config.Node1.Backup, name, err))
			continue
		}
		stored[uuid] = t
	}
	for _, r := range p.CIB.Primitives() {
		if r.Agent() != "ocf:chroma:Target" {
			continue
		}
		t, err := p.target(r, stored)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.Targets = append(p.Targets, t)
	}
	if len(p.Targets) == 0 && len(errs) == 0 {
		return fmt.Errorf("%s: the cluster has no ocf:chroma:Target: this is no pair that IML made", p.Config.Node1.Backup)
	}
	return errors.Join(errs...)
}

func (p *Pair) target(r pacemaker.Resource, stored map[string]*Target) (PairTarget, error) {
	uuid, ok := r.Instance.Get("target")
	if !ok {
		return PairTarget{}, fmt.Errorf("resource %s has no parameter target", r.ID)
	}
	file := stored[uuid]
	if file == nil {
		return PairTarget{}, fmt.Errorf("%s: resource %s has target %s, and the target store has no file %s for it", p.Config.Node1.Backup, r.ID, uuid, TargetFileName(uuid))
	}
	node, _, err := p.CIB.PreferredNode(r.ID)
	if err != nil {
		return PairTarget{}, fmt.Errorf("resource %s: %w", r.ID, err)
	}
	preferred := p.Names.New(node)
	if preferred != p.Config.Node1.Name && preferred != p.Config.Node2.Name {
		return PairTarget{}, fmt.Errorf("resource %s prefers %s, which is neither %s nor %s", r.ID, preferred, p.Config.Node1.Name, p.Config.Node2.Name)
	}
	role, _ := r.Meta.Get("target-role")
	return PairTarget{Resource: r.ID, UUID: uuid, Mount: file.MountPoint, Preferred: preferred, Disabled: strings.EqualFold(role, "Stopped")}, nil
}

// enabled are the targets that are meant to run.
func (p *Pair) enabled() []PairTarget {
	return slices.DeleteFunc(slices.Clone(p.Targets), func(t PairTarget) bool { return t.Disabled })
}

// inputs bind a journal to what the plan was made from.
func (p *Pair) inputs() []evenkeel.Input {
	return []evenkeel.Input{
		{Name: filepath.Base(p.Config.Node1.Backup), SHA256: p.archives[0].SHA256()},
		{Name: filepath.Base(p.Config.Node2.Backup), SHA256: p.archives[1].SHA256()},
	}
}
