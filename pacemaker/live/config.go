package live

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/internal/secretname"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// configLimit is how long a change of the configuration alone may take.
const configLimit = time.Minute

// Property sets a cluster property (lustre:934, PCM-021).
func (l Cluster) Property(p pacemaker.NVPair) change.Change {
	return l.pair(l.Dialect.SetProperty(p), "the property", p, func(c *pacemaker.CIB) (string, bool) { return c.Property(p.Name) })
}

// UnsetProperty removes a cluster property.
func (l Cluster) UnsetProperty(name string) change.Change {
	return l.Change(l.via(l.Dialect.UnsetProperty(name)),
		change.Change{Limit: configLimit, Proof: []change.Proof{l.InCIB("the CIB has no property "+name, func(c *pacemaker.CIB) error {
			if v, has := c.Property(name); has {
				return notYet("the property %s is %q", name, secretname.Masked(name, v))
			}
			return nil
		})}})
}

// ResourceDefault sets a default of all resources (lustre:963, PCM-022).
func (l Cluster) ResourceDefault(p pacemaker.NVPair) change.Change {
	return l.pair(l.Dialect.SetResourceDefault(p), "the resource default", p,
		func(c *pacemaker.CIB) (string, bool) { return c.ResourceDefaults().Get(p.Name) })
}

// OperationDefault sets a default of all operations.
func (l Cluster) OperationDefault(p pacemaker.NVPair) change.Change {
	return l.pair(l.Dialect.SetOperationDefault(p), "the operation default", p,
		func(c *pacemaker.CIB) (string, bool) { return c.OperationDefaults().Get(p.Name) })
}

func (l Cluster) pair(o pcs.Operation, what string, p pacemaker.NVPair, get func(*pacemaker.CIB) (string, bool)) change.Change {
	means := fmt.Sprintf("the CIB has %s %s", what, p)
	return l.Change(l.via(o), change.Change{Limit: configLimit, Proof: []change.Proof{l.InCIB(means, func(c *pacemaker.CIB) error {
		if v, has := get(c); !has || v != p.Value {
			return notYet("%s %s is %q in the CIB", what, p.Name, pacemaker.NVPair{Name: p.Name, Value: v}.Masked())
		}
		return nil
	})}})
}

// ErrOther says that something of the name is there, but it is not what was asked for.
var ErrOther = errors.New("it is there, but not as it should be")

// CreateStonith makes a fence device (lustre:982, PCM-024). Secrets among its parameters go by standard input.
func (l Cluster) CreateStonith(r pacemaker.Resource) (change.Change, error) {
	if r.Template == "" {
		r.Class = "stonith" // also where nobody said so
	}
	return l.create(l.Dialect.CreateStonith(r), r, l.created(r, false))
}

// CreateResource makes a primitive (lustre:988, PCM-025). Disabled, it is done when the CIB says so and crm_mon shows
// it active nowhere: the other node of a pair may still have the target mounted (PCM-026).
func (l Cluster) CreateResource(r pacemaker.Resource, disabled bool) (change.Change, error) {
	proof := l.created(r, disabled)
	if disabled {
		proof = append(proof, l.Inactive(r.ID))
	}
	return l.create(l.Dialect.CreateResource(r, disabled), r, proof)
}

func (l Cluster) create(o pcs.Operation, r pacemaker.Resource, proof []change.Proof) (change.Change, error) {
	if err := pacemaker.CheckID(r.ID); err != nil {
		return change.Change{}, err
	}
	if len(o.Secret) > 0 {
		e, err := resourceXML(r, slices.Contains(o.Argv, "--disabled"))
		if err != nil {
			return change.Change{}, err
		}
		private := pcs.AddXML(o.Name, "resources", e)
		private.Ref, private.Repeat, private.Why, private.Node = o.Ref, o.Repeat, "the secrets go by standard input", l.Via
		o.Private = &private
	}
	return l.Change(l.via(o), change.Change{Proof: proof, Limit: configLimit}), nil
}

// resourceXML is a primitive as it stands in a CIB.
func resourceXML(r pacemaker.Resource, disabled bool) (*etree.Element, error) {
	cib, err := pacemaker.ParseCIB(strings.NewReader(`<cib><configuration><crm_config/><nodes/><resources/><constraints/></configuration></cib>`))
	if err != nil {
		return nil, err
	}
	if err := cib.AddResource(r); err != nil {
		return nil, err
	}
	if disabled {
		if err := cib.SetMeta(r.ID, "target-role", "Stopped"); err != nil {
			return nil, err
		}
	}
	return cib.ResourceElement(r.ID), nil
}

// created wants a resource in the CIB, made as asked.
func (l Cluster) created(r pacemaker.Resource, disabled bool) []change.Proof {
	means := "the CIB has " + r.ID + " as " + r.Agent()
	if disabled {
		means += ", disabled"
	}
	return []change.Proof{l.InCIB(means, func(c *pacemaker.CIB) error {
		have, ok := c.Resource(r.ID)
		if !ok {
			return notYet("the CIB has no %s", r.ID)
		}
		if have.Agent() != r.Agent() {
			return fmt.Errorf("%s: %w: it is of %s, not of %s", r.ID, ErrOther, have.Agent(), r.Agent())
		}
		for _, p := range r.Instance.Effective() {
			if v, _ := have.Instance.Get(p.Name); v != p.Value {
				p.Fencing = p.Fencing || r.MayFence() || have.MayFence()
				is := p
				is.Value = v
				return fmt.Errorf("%s: %w: its %s is %q, not %q", r.ID, ErrOther, p.Name, is.Masked(), p.Masked())
			}
		}
		for _, o := range r.Operations {
			if !slices.ContainsFunc(have.Operations, func(h pacemaker.Op) bool {
				return h.Name == o.Name && pacemaker.SameTime(h.Interval) == pacemaker.SameTime(o.Interval) &&
					pacemaker.SameTime(h.Timeout) == pacemaker.SameTime(o.Timeout)
			}) {
				return fmt.Errorf("%s: %w: it has no operation %s every %s with the time limit %s", r.ID, ErrOther, o.Name, o.Interval, o.Timeout)
			}
		}
		if role, _ := have.Meta.Get("target-role"); disabled && !strings.EqualFold(role, "Stopped") {
			return fmt.Errorf("%s: %w: it is not disabled: its target-role is %q (H8)", r.ID, ErrOther, role)
		}
		return nil
	})}
}

// Inactive wants resources to be active nowhere.
func (l Cluster) Inactive(ids ...string) change.Proof {
	return l.InStatus("crm_mon shows active nowhere: "+strings.Join(ids, ", "), func(st *pacemaker.Status) error {
		for _, id := range ids {
			r, shown := st.Resource(id)
			if !shown {
				return notYet("crm_mon does not show %s", id)
			}
			if on := st.RunsOn(id); len(on) > 0 {
				return notYet("%s is %s on %s", id, r.Role, strings.Join(on, ", "))
			}
		}
		return nil
	})
}

// Active wants each of the resources to run, on exactly one node.
func (l Cluster) Active(ids ...string) change.Proof {
	return l.InStatus("crm_mon shows started, each on one node: "+strings.Join(ids, ", "), func(st *pacemaker.Status) error {
		for _, id := range ids {
			if err := runsOn(st, id, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// Constraint makes a plain location constraint with its own id (lustre:1040, PCM-030, H9).
func (l Cluster) Constraint(loc pacemaker.Location) change.Change {
	means := fmt.Sprintf("the CIB has the constraint %s: %s on %s, %s", loc.ID, loc.Resource, loc.Node, loc.Score)
	return l.Change(l.via(pcs.ConstraintByID(loc)),
		change.Change{Limit: configLimit, Proof: []change.Proof{l.InCIB(means, func(c *pacemaker.CIB) error {
			for _, have := range c.Locations() {
				switch {
				case have.ID != loc.ID:
				case have.Resource != loc.Resource || have.Node != loc.Node || have.Score != loc.Score || !have.Plain():
					return fmt.Errorf("constraint %s: %w: it says %s on %s, %s", loc.ID, ErrOther, have.Resource, have.Node, have.Score)
				default:
					return nil
				}
			}
			return notYet("the CIB has no constraint %s", loc.ID)
		})}})
}

// Roles enables or disables resources: all of them in one change of the CIB, from which Pacemaker makes one transition,
// where a command for each makes one for each (H25). live must be the CIB of that cluster. Done is when each runs on
// exactly one node, or none anywhere.
func (l Cluster) Roles(live *pacemaker.CIB, role string, ids ...string) (change.Change, error) {
	stop := strings.EqualFold(role, "Stopped")
	if !stop && !strings.EqualFold(role, "Started") {
		return change.Change{}, &pacemaker.UnsupportedError{What: []string{"the target-role " + role}}
	}
	o, err := pcs.Set(live, pcs.Settings{Roles: pcs.Roles(role, ids...)})
	if err != nil {
		return change.Change{}, err
	}
	o.Name = map[bool]string{true: "disable ", false: "enable "}[stop] + strings.Join(ids, " ")
	c := l.Change(l.via(o), change.Change{Proof: l.roleProof(stop, ids...), Limit: roleLimit(ids)})
	if !stop {
		c.Needs = l.managed()
	}
	return c, nil
}

// roleLimit leaves each start and stop its 300 s (lustre:988).
func roleLimit(ids []string) time.Duration { return time.Duration(1+len(ids)) * 5 * time.Minute }

// EnableResource lets a resource run (lustre:1142, PCM-035). It is done when it runs on exactly one node.
func (l Cluster) EnableResource(id string) change.Change {
	return l.Change(l.via(l.Dialect.EnableResource(id)),
		change.Change{Needs: l.managed(), Proof: l.roleProof(false, id), Limit: roleLimit(nil)})
}

// DisableResource stops a resource and keeps it stopped. It is done when it is active nowhere.
func (l Cluster) DisableResource(id string) change.Change {
	return l.Change(l.via(l.Dialect.DisableResource(id)), change.Change{Proof: l.roleProof(true, id), Limit: roleLimit(nil)})
}

func (l Cluster) roleProof(stop bool, ids ...string) []change.Proof {
	means := map[bool]string{true: "the CIB disables ", false: "the CIB disables none of "}[stop] + strings.Join(ids, ", ")
	stored := l.InCIB(means, func(c *pacemaker.CIB) error {
		for _, id := range ids {
			r, ok := c.Resource(id)
			if !ok {
				return fmt.Errorf("resource %s: %w", id, pacemaker.ErrNotFound)
			}
			role, _ := r.Meta.Get("target-role")
			if strings.EqualFold(role, "Stopped") != stop {
				return notYet("the target-role of %s is %q", id, role)
			}
		}
		return nil
	})
	if stop {
		return []change.Proof{stored, l.Inactive(ids...)}
	}
	return []change.Proof{stored, l.Active(ids...)}
}

// NodeAttributes sets permanent attributes of a node in one change of the CIB, on standard input: passwords are among
// them. The agent of each fence device stands last, because fence_chroma takes a device as configured when it has one
// (H10, PCM-044, PCM-046). live must be the CIB of that cluster: a node that it does not know is [pacemaker.ErrAbsentNode] (H7).
// What says how a node is at the moment (standby, maintenance, terminate) is refused (H11).
func (l Cluster) NodeAttributes(live *pacemaker.CIB, node string, pairs []pacemaker.NVPair) (change.Change, error) {
	if _, known := live.Node(node); !known {
		return change.Change{}, fmt.Errorf("cannot set attributes of %s: %w (H7)", node, pacemaker.ErrAbsentNode)
	}
	var s pcs.Settings
	for _, p := range FencingOrder(pairs) {
		if why, state := pacemaker.NodeState(p.Name); state {
			return change.Change{}, fmt.Errorf("cannot set %s of %s: %s", p, node, why)
		}
		s.Attributes = append(s.Attributes, pcs.NodeSetting{Node: node, NVPair: p})
	}
	o, err := pcs.Set(live, s)
	if err != nil {
		return change.Change{}, err
	}
	o.Name, o.Ref, o.Effect, o.Hidden = "set attributes of "+node, "lustre:1737", op.Mutating, true
	o.Why = "one change: no agent is seen without its parameters (H10)"
	return l.Change(l.via(o), change.Change{Limit: configLimit,
		Proof: []change.Proof{l.InCIB("the CIB has these attributes of "+node, func(c *pacemaker.CIB) error {
			n, ok := c.Node(node)
			if !ok {
				return fmt.Errorf("%s: %w", node, pacemaker.ErrAbsentNode)
			}
			for _, p := range pairs {
				if v, _ := n.Attributes.Get(p.Name); v != p.Value {
					return notYet("%s of %s is %q", p.Name, node, pacemaker.NVPair{Name: p.Name, Value: v}.Masked())
				}
			}
			return nil
		})}}), nil
}

// RemoveNodeAttributes removes permanent attributes of a node one after the other, the agents of fence devices first (H10).
func (l Cluster) RemoveNodeAttributes(node string, names ...string) []change.Change {
	pairs := make([]pacemaker.NVPair, len(names))
	for i, n := range names {
		pairs[i].Name = n
	}
	ordered := FencingOrder(pairs)
	slices.Reverse(ordered)
	changes := make([]change.Change, len(ordered))
	for i, p := range ordered {
		o := pcs.NewOperation("remove "+p.Name+" of "+node, "", op.Mutating, op.Idempotent, "crm_attribute", "--type",
			"nodes", "--node", node, "--name", p.Name, "--delete")
		changes[i] = l.Change(l.via(o),
			change.Change{Limit: configLimit, Proof: []change.Proof{l.InCIB("the CIB has no "+p.Name+" of "+node, func(c *pacemaker.CIB) error {
				n, ok := c.Node(node)
				if !ok {
					return fmt.Errorf("%s: %w", node, pacemaker.ErrAbsentNode)
				}
				if _, has := n.Attributes.Get(p.Name); has {
					return notYet("%s has %s", node, p.Name)
				}
				return nil
			})}})
	}
	return changes
}

// FencingOrder is the order in which node attributes for fencing are to be set: the agent of each device after all else
// (H10). To remove them, go through it backwards.
func FencingOrder(pairs []pacemaker.NVPair) []pacemaker.NVPair {
	out := slices.Clone(pairs)
	rank := func(p pacemaker.NVPair) int {
		if strings.HasSuffix(p.Name, "_fence_agent") {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b pacemaker.NVPair) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}
