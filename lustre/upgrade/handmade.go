package upgrade

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// byHand is what the CIB says of the targets of a pair that people made, or IML 5 and EMF: they have no store, or one
// that nothing starts a target from. What is not understood is a finding: it is never planned.
type byHand struct {
	cib     *pacemaker.CIB
	found   []error
	targets []Target
	health  []health
	owner   map[string]string // the resource that imports each pool
	home    map[string]string // the group or clone around each primitive; itself where there is none
}

// AuditTargets finds what keeps the Lustre targets of a cluster from being moved, each with its place in the CIB: a
// dataset whose pool nothing imports, a group in the wrong order, a pool, a device or a mount point that is there twice,
// an agent or a parameter that this runbook does not know (H24). A cluster whose targets are IML's has no findings: what
// there is to say of them is in their store.
func AuditTargets(c *pacemaker.CIB) []error {
	if !MadeByHand(c) {
		return nil
	}
	return readByHand(c).found
}

// MadeByHand tells whether a cluster has targets whose facts are in the CIB itself, and not in IML's store: those of ocf:lustre:Lustre,
// that people make, and IML from 5.0 on.
func MadeByHand(c *pacemaker.CIB) bool {
	return slices.ContainsFunc(c.Primitives(), func(r pacemaker.Resource) bool { return r.Agent() == lustreAgent })
}

// readByHand reads the targets of a cluster that people made.
func readByHand(c *pacemaker.CIB) *byHand {
	b := &byHand{cib: c, owner: map[string]string{}, home: map[string]string{}}
	for _, r := range c.Resources() {
		b.pools(r)
	}
	for _, r := range c.Resources() {
		b.resource(r)
	}
	b.twice("mount point", func(t Target) string { return t.Mount })
	for _, t := range b.targets {
		if wrong := nested(t, b.targets); wrong != "" {
			b.find(t.Resource, "%s: %s", t.Resource, wrong)
		}
	}
	b.twice("device", func(t Target) string { return cmp.Or(oneDisk(t.Device), t.dataset) })
	b.constraints()
	b.defaults()
	return b
}

// find notes what is wrong with a resource or a constraint.
func (b *byHand) find(id, format string, args ...any) {
	b.found = append(b.found, b.cib.ErrorAt(id, format, args...))
}

// pools notes which resource imports which pool.
func (b *byHand) pools(top pacemaker.Resource) {
	for r := range pacemaker.Walk([]pacemaker.Resource{top}) {
		if r.Kind == pacemaker.Primitive {
			b.home[r.ID] = top.ID
		}
		pool, _ := r.Instance.Get("pool")
		if !slices.Contains(poolAgents, r.Agent()) || pool == "" {
			continue
		}
		if other, twice := b.owner[pool]; twice {
			b.find(r.ID, "the pool %s is imported by %s as well: it would be exported under the targets of the one when the other "+
				"stops. Let one of the two import it, in one group with all of its targets", pool, other)
			continue
		}
		b.owner[pool] = r.ID
	}
}

// resource reads what stands at the top level.
func (b *byHand) resource(r pacemaker.Resource) {
	switch {
	case r.Kind == pacemaker.Primitive && r.Class == "stonith", r.Kind == pacemaker.Template:
	case r.Kind == pacemaker.Group:
		b.group(r)
	case r.Kind == pacemaker.Clone && len(r.Members) == 1 && healthAgents[r.Members[0].Agent()] != "":
		b.clone(r)
	case r.Kind != pacemaker.Primitive:
		b.find(r.ID, "%s is a %s that this runbook does not know: it moves targets of %s, alone or in groups, and clones of %s",
			r.ID, r.Kind, lustreAgent, strings.Join(sortedKeys(healthAgents), ", "))
	case r.Agent() == lustreAgent:
		b.target(r, r.ID)
	case slices.Contains(poolAgents, r.Agent()):
		b.find(r.ID, "%s imports its pool outside of any group: put it into the group of its targets, before them "+
			"(pcs resource group add GROUP %[1]s TARGET)", r.ID)
	case r.Agent() == targetAgent:
		b.find(r.ID, "%s is of the agent %s, and others are of %s: a pair of two makers is not one that this runbook moves",
			r.ID, targetAgent, lustreAgent)
	default:
		b.find(r.ID, "%s is of the agent %s: this runbook does not know it, nor what proves that it is gone from a node. Move it out of "+
			"this cluster, or upgrade the pair by hand", r.ID, cmp.Or(r.Agent(), "of a template"))
	}
}

// group reads a group: pools first, then targets.
func (b *byHand) group(g pacemaker.Resource) {
	targets := 0
	b.failing(g)
	for _, name := range []string{"ordered", "collocated"} {
		if v, said := g.Meta.Get(name); said && !pacemaker.IsTrue(v) {
			b.find(g.ID, "the group %s has %s=%s: its pool could be exported under its targets. Take that away", g.ID, name, v)
		}
	}
	for _, m := range g.Members {
		switch {
		case m.Agent() == lustreAgent:
			targets++
			b.target(m, g.ID)
		case !slices.Contains(poolAgents, m.Agent()):
			b.find(m.ID, "%s in the group %s is of the agent %s: this runbook does not know it, nor what proves that it is gone from "+
				"a node", m.ID, g.ID, cmp.Or(m.Agent(), "of a template"))
		case targets > 0:
			b.find(m.ID, "%s comes after a target in the group %s: a group starts in its order, so the pool would be imported too late, "+
				"and exported under the target. Put it first (pcs resource group add %[2]s %[1]s --before TARGET)", m.ID, g.ID)
		default:
			b.parameters(m, "pool", "importargs", "importforce")
			if _, has := m.Instance.Get("pool"); !has {
				b.find(m.ID, "%s has no pool: the parameter is missing", m.ID)
			} else {
				b.imports(m)
			}
			b.failing(m)
		}
		if role, said := m.Meta.Get("target-role"); said {
			b.find(m.ID, "%s in the group %s has target-role=%s of its own, which counts before the group's: it would start when the "+
				"group is disabled, or stay down when it is enabled. Take it away (crm_resource --resource %[1]s --meta "+
				"--delete-parameter target-role), and enable or disable the group", m.ID, g.ID, role)
		}
	}
	if targets == 0 {
		b.find(g.ID, "the group %s has no target of %s: this runbook does not know what it is for", g.ID, lustreAgent)
		return
	}
	for pool, id := range b.owner {
		if b.home[id] == g.ID && !slices.ContainsFunc(b.targets, func(t Target) bool { return t.Pool == pool }) {
			b.find(id, "no target of the group %s is in the pool %s, which %s imports: this runbook does not know what it is for", g.ID, pool, id)
		}
	}
}

// onceOnEach are the values with which an option lets a clone run on both nodes, once on each.
var onceOnEach = func() map[string][]string {
	no := []string{"false", "off", "no", "n", "0"}
	return map[string][]string{
		"clone-max": {"2"}, "clone-node-max": {"1"}, "clone-min": {"0", "1"}, "globally-unique": no, "promotable": no, "notify": no,
	}
}()

// clone reads a health clone.
func (b *byHand) clone(c pacemaker.Resource) {
	r := c.Members[0]
	name, _ := r.Instance.Get("name")
	b.health = append(b.health, health{clone: c.ID, attribute: cmp.Or(name, healthAgents[r.Agent()])})
	for _, option := range slices.Sorted(maps.Keys(onceOnEach)) {
		if v, said := c.Meta.Get(option); said && !slices.Contains(onceOnEach[option], strings.ToLower(v)) {
			b.find(c.ID, "the clone %s has %s=%s: it is to run on both nodes, once on each, and no agent of health wants to be notified",
				c.ID, option, v)
		}
	}
}

// target reads a target; home is the resource whose target-role starts and stops it.
func (b *byHand) target(r pacemaker.Resource, home string) {
	b.parameters(r, "target", "mountpoint", "mountoptions")
	source, _ := r.Instance.Get("target")
	mount, _ := r.Instance.Get("mountpoint")
	t := Target{Resource: r.ID, UUID: r.ID, Switch: home}
	if mount != "" {
		t.Mount = path.Clean(mount)
	}
	if wrong := wrongMount(t.Mount); wrong != "" {
		b.find(r.ID, "%s: %s", r.ID, wrong)
	}
	if !plainMount.MatchString(mount) || strings.Contains(mount, "/../") {
		b.find(r.ID, "%s has the mountpoint %q: it must be an absolute path of A-Z a-z 0-9 . _ / : @ + -, for the agent, and for the "+
			"checks by hand", r.ID, mount)
	}
	b.options(r)
	b.failing(r)
	pool, _, _ := strings.Cut(source, "/")
	switch {
	case otherDevice.MatchString(source):
		b.find(r.ID, "%s has the target %q, which is no disk of its own: name the dataset (pool/name) of a target on ZFS, or the block "+
			"device of one on ldiskfs", r.ID, source)
	case plainDevice.MatchString(source):
		t.Device = source
	case !plainDataset.MatchString(source):
		b.find(r.ID, "%s has the target %q, which is neither a block device (/dev/…) nor a dataset (pool/name)", r.ID, source)
	default:
		t.Pool, t.dataset, t.Imports = pool, source, b.owner[pool]
		switch {
		case t.Imports == "":
			b.find(r.ID, "%s is in the pool %s, and no resource of %s imports it: where the pool stays imported, nothing proves that "+
				"the target can start elsewhere. Make a resource for the pool, first in one group with %[1]s", r.ID, pool, poolAgents[0])
		case b.home[t.Imports] != home:
			b.find(r.ID, "%s is in the pool %s, which %s imports, and that is not in the group of %[1]s: put the two into one group, the "+
				"pool first", r.ID, pool, t.Imports)
		}
	}
	if t.Label = labelOf(r.ID, path.Base(source), path.Base(t.Mount)); t.Label == "" {
		b.find(r.ID, "%s does not tell which target of Lustre it is, and so nothing could tell whether its recovery is over: rename the "+
			"resource, or its mount point, so that it ends in FSNAME-OST0000 or FSNAME-MDT0000 as `lctl dl` names it, or in MGS (%[2]s/MGS)",
			r.ID, path.Dir(t.Mount))
	}
	b.targets = append(b.targets, t)
}

// parameters wants a primitive to have none but these, and none under a rule.
func (b *byHand) parameters(r pacemaker.Resource, known ...string) {
	if r.Template != "" {
		b.find(r.ID, "%s is made from the template %s: this runbook wants the parameters of a target with the target", r.ID, r.Template)
	}
	for _, set := range r.Instance {
		if set.Rule != "" {
			b.find(r.ID, "%s has parameters under a rule: what is mounted where cannot be told from that", r.ID)
		}
		for _, p := range set.Pairs {
			if !slices.Contains(known, p.Name) {
				b.find(r.ID, "%s has the parameter %s, which this runbook does not know of %s: it could change what is mounted",
					r.ID, p.Name, r.Agent())
			}
		}
	}
}

// twice finds what two targets have in common that each must have for itself.
func (b *byHand) twice(what string, of func(Target) string) {
	first := map[string]string{}
	for _, t := range b.targets {
		value := of(t)
		if other := first[value]; value != "" && other != "" {
			b.find(t.Resource, "%s has the %s %s, and so has %s: one of the two is not what it should be", t.Resource, what, value, other)
			continue
		}
		first[value] = t.Resource
	}
}

// store is what IML's store would hold: it is how all else asks for a target's device and mount point.
func (b *byHand) store() lustre.Store {
	store := lustre.Store{}
	for _, t := range b.targets {
		backend := "ldiskfs"
		if t.Pool != "" {
			backend = "zfs"
		}
		store[t.UUID] = &lustre.Target{Name: t.Label, Backend: backend, Device: cmp.Or(t.Device, t.dataset), MountPoint: t.Mount}
	}
	return store
}
