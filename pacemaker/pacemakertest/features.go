package pacemakertest

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// featureSet is the CRM feature set of a host's Pacemaker.
func (st *Stack) featureSet(h *simhost.Host) string {
	if st.opts.FeatureSet == nil {
		return st.software(h).features()
	}
	return st.opts.FeatureSet(h)
}

// minorOf is the number by which two feature sets of one major number differ.
func minorOf(set string) int {
	parts := strings.Split(set, ".")
	n, _ := strconv.Atoi(parts[min(1, len(parts)-1)]) // the world's own
	return n
}

// mayJoin has the DC turn away a node with an older feature set, whose Pacemaker then stays down.
func (st *Stack) mayJoin(s *simhost.State, n, dc *node) bool {
	h := s.Host(n.host)
	own, its := st.featureSet(h), st.featureSet(s.Host(dc.host))
	major := func(set string) string { m, _, _ := strings.Cut(set, "."); return m }
	if major(own) == major(its) && minorOf(own) >= minorOf(its) {
		return true
	}
	n.reset()
	h.MarkService(s, "pacemaker", false)
	s.Note(n.host, "was turned away: its feature set is %s, and the cluster's %s", own, its)
	return false
}

var featureAttr = regexp.MustCompile(`crm_feature_set="[^"]*"`)

// stamp has the DC write its feature set into the CIB when it takes over.
func (st *Stack) stamp(s *simhost.State, dc *node) {
	if st.opts.FeatureSet == nil {
		return
	}
	set := `crm_feature_set="` + st.featureSet(s.Host(dc.host)) + `"`
	was := featureAttr.FindString(dc.doc.text)
	if was == set || was == "" {
		return
	}
	next, err := parseDocument(strings.Replace(dc.doc.text, was, set, 1))
	if err != nil {
		s.Violate("the CIB of %s cannot be used: %v", dc.host, err)
		return
	}
	st.commit(s, dc, next)
}

// runPacemakerd is pacemakerd --features.
func runPacemakerd(c *simhost.Call) int {
	if len(c.Args) != 1 || c.Args[0] != "--features" {
		return c.Fail(64, "pacemakerd: only --features is simulated")
	}
	c.Printf("Pacemaker %s (Build: simulated)\n Supporting v%s: corosync-ge-2 generated-manpages monotonic ncurses systemd\n",
		Of(c.State).software(c.Host).pacemaker(), Of(c.State).featureSet(c.Host))
	return 0
}
