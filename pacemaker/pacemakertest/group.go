package pacemakertest

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// barred tells whether a resource must not run anywhere: it is stopped, or one before it in its group is, or all are.
// A fence device runs although fencing is disabled.
func (d *document) barred(p primitive) bool {
	for _, m := range d.members(p.unit) {
		if strings.EqualFold(m.role, "Stopped") {
			return true
		}
		if m.id == p.id {
			break
		}
	}
	return d.flag("stop-all-resources", false)
}

// takes tells whether a node may run a resource, and the score that the location constraints give it there.
func (st *Stack) takes(s *simhost.State, n *node, p primitive) (pacemaker.Score, bool) {
	doc, name := n.doc, st.uname(s, n)
	if n.leaving || doc.nodeFlag(name, "standby") || doc.nodeFlag(name, "maintenance") ||
		slices.ContainsFunc(p.unit.ids, n.hasFailed) {
		return 0, false
	}
	score, named := p.unit.score(doc, n, name)
	return score, (named || doc.flag("symmetric-cluster", true)) && score > -pacemaker.Infinity
}

// follows tells whether the one before a resource in its group runs here.
func (n *node) follows(p primitive) bool {
	i := slices.Index(p.unit.ids, p.id)
	return p.unit.kind != pacemaker.Group || i < 1 || slices.ContainsFunc(n.active, func(a active) bool {
		return a.primitive.id == p.unit.ids[i-1] && a.phase == started
	})
}

// last tells whether none that comes after a resource in its group is active here: a group stops from its end.
func (n *node) last(p primitive) bool {
	i := slices.Index(p.unit.ids, p.id)
	return p.unit.kind != pacemaker.Group || !slices.ContainsFunc(p.unit.ids[i+1:], n.runs)
}

// spread settles a clone: one on each node that may have it.
func (st *Stack) spread(s *simhost.State, members []*node, p primitive, blocked bool) {
	for _, n := range members {
		_, wanted := st.takes(s, n, p)
		wanted = wanted && !n.doc.barred(p)
		i := slices.IndexFunc(n.active, func(a active) bool { return a.primitive.id == p.id })
		switch {
		case i >= 0 && !wanted:
			st.stop(s, n, i)
		case i < 0 && wanted && !blocked && !n.busy():
			st.start(s, n, p)
		}
	}
}
