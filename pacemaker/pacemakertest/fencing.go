package pacemakertest

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// fenceUnclean orders the power cycle of every node that the CIB lists, that is no member, and that is not known to be
// safely down: one that was lost, and, after a start, one that was never seen (H1). It tells whether resources must
// wait for that.
func (st *Stack) fenceUnclean(s *simhost.State, members []*node, mayAct bool) (blocked bool) {
	dc := members[0]
	if !dc.doc.flag("stonith-enabled", true) {
		return false
	}
	for _, target := range st.unclean(s, members) {
		switch st.fencing(dc.doc, target) {
		case spared:
			continue
		case impossible:
			blocked = true
			continue
		case possible:
		}
		blocked = true
		h := s.Host(target.Uname)
		ordered := slices.ContainsFunc(st.orders, func(o fenceOrder) bool { return o.target == h.Name && o.by == dc.host })
		if mayAct && !ordered {
			st.orders = append(slices.Clip(st.orders), fenceOrder{h.Name, dc.host, s.Now().Add(FenceTime)})
			s.Note(dc.host, "ordered the fencing of %s", target.Uname)
		}
	}
	return blocked
}

// unclean are the nodes of the CIB that a cluster knows nothing good of.
func (st *Stack) unclean(s *simhost.State, members []*node) []pacemaker.Node {
	dc := members[0]
	if dc.doc.property("startup-fencing") == "false" && len(dc.left) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(dc.doc.nodes), func(n pacemaker.Node) bool {
		if n.Type != "" && n.Type != "normal" && n.Type != "member" || s.Host(n.Uname) == nil || slices.Contains(dc.left, n.Uname) {
			return true
		}
		return slices.ContainsFunc(st.cluster(s, dc), func(m *node) bool { return st.uname(s, m) == n.Uname })
	})
}

// verdict is what fencing can do about a node.
type verdict uint8

const (
	possible   verdict = iota
	impossible         // nobody knows how: resources wait for ever
	spared             // the agent leaves it alone and calls it safe
)

// fencing tells what the configured device does about a node. fence_chroma takes its orders from the node's attributes,
// the agent's name among them (H10), and never touches a node in standby.
func (st *Stack) fencing(d *document, target pacemaker.Node) verdict {
	for _, p := range d.primitives {
		if p.definition.Class != "stonith" || strings.EqualFold(p.role, "Stopped") {
			continue
		}
		if p.definition.Type != "fence_chroma" {
			return possible
		}
		if d.nodeFlag(target.Uname, "standby") && !st.opts.FenceStandby {
			return spared
		}
		agent, where := false, false
		for _, a := range target.Attributes.Effective() {
			agent = agent || strings.HasSuffix(a.Name, "_fence_agent")
			where = where || strings.HasSuffix(a.Name, "_fence_ipaddr")
		}
		if agent && where {
			return possible
		}
	}
	return impossible
}

// strike power-cycles a host, unless the cluster that ordered it is gone or has found the node well.
func (st *Stack) strike(s *simhost.State, o fenceOrder) {
	by := st.node(o.by)
	target := s.Host(o.target)
	members := st.members(s, by)
	if len(members) == 0 || !by.doc.flag("stonith-enabled", true) {
		return
	}
	i := slices.IndexFunc(st.unclean(s, members), func(n pacemaker.Node) bool { return s.Host(n.Uname) == target })
	if i < 0 {
		return
	}
	name := st.unclean(s, members)[i].Uname
	f := Fence{Time: s.Now(), Target: name, By: st.uname(s, by), OK: true}
	st.fences = append(st.fences, f)
	for _, m := range members {
		m.history = append(m.history, f)
		m.left = append(slices.Clone(m.left), name)
		m.forget(name)
	}
	s.Note(o.by, "fenced %s", name)
	if st.opts.Fenced != nil {
		st.opts.Fenced(s, o.by, target)
	}
	if target.Power != simhost.Off && !st.opts.HollowFencing {
		target.Restart(s)
	}
}
