package pcs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// pcsCannotSet says whether this pcs cannot set a pair: an empty value removes it, and pcs 0.9 takes name=value apart at every "=".
func (d Dialect) pcsCannotSet(p pacemaker.NVPair) bool {
	return p.Value == "" || !d.Modern() && strings.Contains(p.Value, "=")
}

// SetProperty sets one cluster property (lustre:934). pcs refuses names that it does not know from 0.11.4 on unless it is forced.
func (d Dialect) SetProperty(p pacemaker.NVPair) Operation {
	argv := []string{"pcs", "property", "set", p.Name + "=" + p.Value}
	why := ""
	switch {
	case d.pcsCannotSet(p):
		argv = []string{"crm_attribute", "--type", "crm_config", "--name", p.Name, "--update", p.Value}
		why = d.Name() + " cannot set an empty value or one with an equals sign"
	case d.from(11, 4) && !knownProperties[p.Name]:
		argv = append(argv, "--force")
		why = "pcs refuses properties that are not Pacemaker's own without --force"
	}
	o := NewOperation("property "+p.Name, "lustre:934", op.Mutating, op.Idempotent, argv...)
	o.Why = why
	return markSecrets(o, []pacemaker.NVPair{p})
}

// UnsetProperty removes a cluster property, or leaves it absent. pcs fails where there is none.
func (d Dialect) UnsetProperty(name string) Operation {
	return NewOperation("no property "+name, "", op.Mutating, op.Idempotent, "crm_attribute", "--type", "crm_config",
		"--name", name, "--delete")
}

// knownProperties are the cluster options that Pacemaker 2.1 and 3.0 document, and pcs 0.11.4 and later take without --force:
// https://clusterlabs.org/projects/pacemaker/doc/2.1/Pacemaker_Explained/html/options.html
var knownProperties = func() map[string]bool {
	known := make(map[string]bool)
	for _, name := range strings.Fields(`batch-limit cluster-delay cluster-ipc-limit cluster-recheck-interval concurrent-fencing dc-deadtime
		election-timeout enable-acl enable-startup-probes fence-reaction join-finalization-timeout join-integration-timeout
		load-threshold maintenance-mode migration-limit no-quorum-policy node-action-limit node-health-base node-health-green
		node-health-red node-health-strategy node-health-yellow pe-error-series-max pe-input-series-max pe-warn-series-max
		placement-strategy priority-fencing-delay remove-after-stop shutdown-escalation shutdown-lock shutdown-lock-limit
		start-failure-is-fatal startup-fencing stonith-action stonith-enabled stonith-max-attempts stonith-timeout
		stonith-watchdog-timeout stop-all-resources stop-orphan-actions stop-orphan-resources symmetric-cluster transition-delay`) {
		known[name] = true
	}
	return known
}()

// Maintenance switches maintenance-mode (lustre:976, 1136).
func (d Dialect) Maintenance(on bool) Operation {
	o := d.SetProperty(pacemaker.NVPair{Name: "maintenance-mode", Value: strconv.FormatBool(on)})
	o.Name, o.Ref = "maintenance-mode on", "lustre:976"
	if !on {
		o.Name, o.Ref, o.Effect = "maintenance-mode off", "lustre:1136", op.Disruptive
		o.Why = "from here on the cluster acts: every target must be disabled here and stopped on the other node (H8)"
	}
	return o
}

// defaultsWord is `update` from pcs 0.10.7 on; the form without it is deprecated from there and gone in 0.12.
func (d Dialect) defaultsWord() []string {
	if d.from(10, 7) {
		return []string{"update"}
	}
	return nil
}

// SetResourceDefault sets one default of all resources (lustre:963).
func (d Dialect) SetResourceDefault(p pacemaker.NVPair) Operation {
	return d.setDefault("resource default "+p.Name, "lustre:963", p, "rsc_defaults", "pcs", "resource", "defaults")
}

// SetOperationDefault sets one default of all operations.
func (d Dialect) SetOperationDefault(p pacemaker.NVPair) Operation {
	return d.setDefault("operation default "+p.Name, "", p, "op_defaults", "pcs", "resource", "op", "defaults")
}

func (d Dialect) setDefault(name, ref string, p pacemaker.NVPair, section string, words ...string) Operation {
	argv := append(append(words, d.defaultsWord()...), p.Name+"="+p.Value)
	if d.pcsCannotSet(p) {
		argv = []string{"crm_attribute", "--type", section, "--name", p.Name, "--update", p.Value}
	}
	return markSecrets(NewOperation(name, ref, op.Mutating, op.Idempotent, argv...), []pacemaker.NVPair{p})
}

// SetNodeAttributes sets permanent attributes of a node in the given order: one operation or more (lustre:1737). A node that is no
// member is refused (H7).
func (d Dialect) SetNodeAttributes(node string, pairs []pacemaker.NVPair) []Operation {
	var ops []Operation
	var simple []pacemaker.NVPair
	flush := func() {
		if len(simple) == 0 {
			return
		}
		argv := []string{"pcs", "property", "set", "--node", node}
		if d.Modern() {
			argv = []string{"pcs", "node", "attribute", node}
		}
		names := make([]string, len(simple))
		for i, p := range simple {
			argv = append(argv, p.Name+"="+p.Value)
			names[i] = p.Name
		}
		name := fmt.Sprintf("attributes of %s: %s", node, strings.Join(names, " "))
		ops = append(ops, markSecrets(NewOperation(name, "lustre:1737", op.Mutating, op.Idempotent, argv...), simple))
		simple = nil
	}
	for _, p := range pairs {
		if !d.pcsCannotSet(p) {
			simple = append(simple, p)
			continue
		}
		flush()
		o := NewOperation(fmt.Sprintf("attributes of %s: %s", node, p.Name), "lustre:1737", op.Mutating, op.Idempotent,
			"crm_attribute", "--type", "nodes", "--node", node, "--name", p.Name, "--update", p.Value)
		o.Why = d.Name() + " cannot set an empty value or one with an equals sign"
		ops = append(ops, markSecrets(o, []pacemaker.NVPair{p}))
	}
	flush()
	return ops
}

// markSecrets notes where the secrets among pairs stand in the command.
func markSecrets(o Operation, pairs []pacemaker.NVPair) Operation {
	for _, p := range pairs {
		if p.Masked() == p.Value {
			continue
		}
		for i, arg := range o.Argv {
			if (arg == p.Name+"="+p.Value || i > 0 && arg == p.Value && o.Argv[i-1] == "--update") && !slices.Contains(o.Secret, i) {
				o.Secret = append(o.Secret, i)
			}
		}
	}
	slices.Sort(o.Secret)
	return o
}

// CreateStonith makes a fence device from its agent, parameters, operations and meta attributes (lustre:982).
func (d Dialect) CreateStonith(r pacemaker.Resource) Operation {
	if r.Template == "" {
		r.Class = "stonith" // also where nobody said so
	}
	argv := append([]string{"pcs", "stonith", "create", r.ID, r.Type}, d.definition(r)...)
	o := NewOperation("create "+r.ID, "lustre:982", op.Mutating, op.ProbeFirst, argv...)
	o.Makes = Making{Kind: Resource, ID: r.ID}
	o.Why = "pcs adds an empty attribute set and a 60 s monitor that IML never had (H22)"
	return markSecrets(o, parameters(r))
}

// parameters are those of a resource and of its operations.
func parameters(r pacemaker.Resource) []pacemaker.NVPair {
	sets := slices.Clone(r.Instance)
	for _, o := range r.Operations {
		sets = append(sets, o.Instance...)
	}
	if r.MayFence() {
		sets = sets.OfFenceDevice()
	}
	var pairs []pacemaker.NVPair
	for _, set := range sets {
		pairs = append(pairs, set.Pairs...)
	}
	return pairs
}

// CreateResource makes a primitive from its agent, parameters, operations and meta attributes (lustre:988).
func (d Dialect) CreateResource(r pacemaker.Resource, disabled bool) Operation {
	argv := append([]string{"pcs", "resource", "create", r.ID, r.Agent()}, d.definition(r)...)
	o := NewOperation("create "+r.ID, "lustre:988", op.Mutating, op.ProbeFirst, argv...)
	o.Makes = Making{Kind: Resource, ID: r.ID}
	if !hasDefaultOperations(r) || d.Modern() { // from 0.10 on it would add notify and others that the agent offers
		o.Argv = append(o.Argv, "--no-default-ops")
	}
	if disabled {
		o.Argv = append(o.Argv, "--disabled")
		o.Why = "disabled: the other node still has the target mounted (PCM-026)"
	}
	return markSecrets(o, parameters(r))
}

// hasDefaultOperations says whether a resource has the operations that pcs would add by itself otherwise.
func hasDefaultOperations(r pacemaker.Resource) bool {
	for _, name := range []string{"monitor", "start", "stop"} {
		if !slices.ContainsFunc(r.Operations, func(o pacemaker.Op) bool { return o.Name == name }) {
			return false
		}
	}
	return true
}

// definition is what pcs takes after the agent: parameters, operations in the guide's order, meta attributes.
func (d Dialect) definition(r pacemaker.Resource) []string {
	var argv []string
	for _, p := range r.Instance.Effective() {
		argv = append(argv, p.Name+"="+p.Value)
	}
	ops := slices.Clone(r.Operations)
	slices.SortStableFunc(ops, func(a, b pacemaker.Op) int { return guideOrder(a) - guideOrder(b) })
	if len(ops) > 0 {
		argv = append(argv, "op")
	}
	for _, o := range ops {
		argv = append(argv, o.Name, "interval="+o.Interval)
		if o.Timeout != "" {
			argv = append(argv, "timeout="+o.Timeout)
		}
		for _, p := range o.Other {
			argv = append(argv, p.Name+"="+p.Value)
		}
		for _, p := range o.Instance.Effective() {
			argv = append(argv, p.Name+"="+p.Value)
		}
	}
	// A target's role is set by --disabled and by enabling it later (H8); only a fence device that was off stays off from the start.
	meta := slices.DeleteFunc(slices.Clone(r.Meta.Effective()), func(p pacemaker.NVPair) bool {
		return p.Name == "target-role" && (r.Class != "stonith" || !strings.EqualFold(p.Value, "Stopped"))
	})
	if len(meta) > 0 {
		argv = append(argv, "meta")
	}
	for _, p := range meta {
		argv = append(argv, p.Name+"="+p.Value)
	}
	return argv
}

// guideOrder is the order of operations in the guide's command: monitor, stop, start, and then the rest as in the CIB.
func guideOrder(o pacemaker.Op) int {
	if i := slices.Index([]string{"monitor", "stop", "start"}, o.Name); i >= 0 {
		return i
	}
	return 3
}

// PreferNode adds a location constraint (lustre:1040); its id is pcs's own choice (H9). From pcs 0.10 on a node that is no member is
// refused without --force (H7): absent says that it is none yet.
func (d Dialect) PreferNode(resource, node string, score pacemaker.Score, absent bool) Operation {
	o := NewOperation(fmt.Sprintf("%s prefers %s", resource, node), "lustre:1040", op.Mutating, op.ProbeFirst,
		"pcs", "constraint", "location", resource, "prefers", node+"="+score.String())
	o.Makes = Making{Kind: Preference, ID: resource, Node: node}
	if absent && d.Modern() {
		o.Argv = append(o.Argv, "--force")
		o.Why = node + " has not joined yet: " + d.Name() + " refuses to name it without --force (H7)"
	}
	return o
}

// EnableResource lets a resource run (lustre:1142).
func (d Dialect) EnableResource(id string) Operation {
	return NewOperation("enable "+id, "lustre:1142", op.Mutating, op.Idempotent, "pcs", "resource", "enable", id)
}

// DisableResource stops a resource and keeps it stopped.
func (d Dialect) DisableResource(id string) Operation {
	return NewOperation("disable "+id, "", op.Disruptive, op.Idempotent, "pcs", "resource", "disable", id)
}

// RelocateShow tells what RelocateRun would move (lustre:1659).
func (d Dialect) RelocateShow() Operation {
	return NewOperation("show what would move", "lustre:1659", op.ReadOnly, op.Idempotent, "pcs", "resource", "relocate", "show")
}

// RelocateRun moves every resource to the node that it prefers (lustre:1665).
func (d Dialect) RelocateRun() Operation {
	o := NewOperation("move every target to the node it prefers", "lustre:1665", op.Disruptive, op.ProbeFirst, "pcs",
		"resource", "relocate", "run")
	o.Makes = Making{Kind: Relocation}
	o.Why = "nothing moves back by itself: the stickiness is greater than the preference (H17)"
	return o
}

// RelocateClear removes the constraints that a relocate that was cut short left behind.
func (d Dialect) RelocateClear() Operation {
	return NewOperation("remove what relocate left behind", "", op.Mutating, op.Idempotent, "pcs", "resource", "relocate", "clear")
}
