package pacemakertest

import (
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// SetAttribute is attrd_updater on a host: it sets a transient attribute of the node, or deletes it when the value is
// empty. The cluster acts on it at its next look, which comes at once. It lasts until the node leaves its cluster.
func (st *Stack) SetAttribute(s *simhost.State, host, name, value string) {
	n := st.node(s.Host(host).Name)
	attrs := slices.DeleteFunc(slices.Clone(n.attrs), func(a pacemaker.NVPair) bool { return a.Name == name })
	if value != "" {
		attrs = append(attrs, pacemaker.NVPair{Name: name, Value: value})
	}
	slices.SortFunc(attrs, func(a, b pacemaker.NVPair) int { return strings.Compare(a.Name, b.Name) })
	if slices.Equal(attrs, n.attrs) {
		return
	}
	n.attrs, n.lookAt = attrs, s.Now()
	s.Note(n.host, "attribute %s is now %q", name, value)
}

// looked ends the wait for a look.
func (n *node) looked(now time.Time) {
	if !n.lookAt.IsZero() && !n.lookAt.After(now) {
		n.lookAt = time.Time{}
	}
}
