package upgrade

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// The agents that this runbook knows. IML up to 4 makes ocf:chroma:Target, which finds all that it needs in a store of
// its own. ocf:lustre:Lustre comes with Lustre and mounts what its parameters say; ZFS pools are imported by an agent of
// their own. The health agents keep an attribute of each node, by which rules keep targets away from it.
const (
	targetAgent = "ocf:chroma:Target"
	lustreAgent = "ocf:lustre:Lustre"
)

// poolAgents import a ZFS pool: that of the resource agents, and that of IML 5 with the same parameter.
var poolAgents = []string{"ocf:heartbeat:ZFS", "ocf:chroma:ZFS"}

// healthAgents keep an attribute of each node, by the name in the parameter "name", or by this one.
var healthAgents = map[string]string{
	"ocf:lustre:healthLNET": "pingd", "ocf:lustre:healthLUSTRE": "lustred", "ocf:pacemaker:ping": "pingd",
}

// health is a clone that keeps an attribute of each node.
type health struct {
	clone, attribute string
	disabled         bool
}

// unit is what is started and stopped as one: a target, or the group that it stands in, with all of its targets.
type unit struct {
	id      string // whose target-role decides
	targets []Target
}

// inGroup tells whether a target is started and stopped with a group.
func (t Target) inGroup() bool { return t.Switch != t.Resource }

// units are the units of targets, in their order.
func (p *Pair) units(targets []Target) []unit {
	var out []unit
	for _, t := range targets {
		i := slices.IndexFunc(out, func(u unit) bool { return u.id == t.Switch })
		if i < 0 {
			i, out = len(out), append(out, unit{id: t.Switch})
		}
		out[i].targets = append(out[i].targets, t)
	}
	return out
}

// switches are the resources whose target-role starts and stops targets.
func (p *Pair) switches(targets []Target) []string {
	var out []string
	for _, u := range p.units(targets) {
		out = append(out, u.id)
	}
	return out
}

// started enables units in the new cluster.
func started(units ...unit) []pcs.RoleSetting {
	var ids []string
	for _, u := range units {
		ids = append(ids, u.id)
	}
	return pcs.Roles("Started", ids...)
}

// watch starts the health clones that ran in the old cluster, without whose attributes no target has a place; or stops them again.
func (p *Pair) watch(role string) []pcs.RoleSetting {
	var out []pcs.RoleSetting
	for _, h := range p.health {
		if !h.disabled {
			out = append(out, pcs.RoleSetting{Resource: h.clone, Role: role})
		}
	}
	return out
}

// attributes are those that the health clones keep, each once.
func (p *Pair) attributes() []string {
	var out []string
	for _, h := range p.health {
		if !h.disabled {
			out = append(out, h.attribute)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// isTarget tells whether a resource is a target of this pair.
func (p *Pair) isTarget(r pacemaker.Resource) bool {
	if p.byHand {
		return r.Agent() == lustreAgent
	}
	return r.Agent() == targetAgent
}

// manifest is what is backed up of a server: IML's state must be there where the targets are IML's.
func (p *Pair) manifest() backup.Manifest { return Manifest(!p.byHand) }

// agentFile is where an agent of the Open Cluster Framework lies.
func agentFile(agent string) string {
	part := strings.Split(agent, ":")
	return "/usr/lib/ocf/resource.d/" + part[1] + "/" + part[2]
}

// agentFiles are those of the agents that the pair needs beside IML's.
func (p *Pair) agentFiles() []string {
	var out []string
	if !p.byHand {
		return nil
	}
	for _, r := range p.CIB.Primitives() {
		if r.Class == "ocf" {
			out = append(out, agentFile(r.Agent()))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
