package pacemakertest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/simhost"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// Places on a host's disk.
const (
	ConfPath = "/etc/corosync/corosync.conf"
	CIBPath  = "/var/lib/pacemaker/cib/cib.xml"
)

// identity is what a corosync.conf says of the cluster. It never changes.
type identity struct {
	text    string // the file
	el6     bool   // corosync 1 with the plugin
	name    string
	group   string // multicast address and port of the first ring
	port    int
	rings   int
	addr    []string
	nodes   []pacemaker.CorosyncNode
	twoNode bool
}

func readIdentity(h *simhost.Host) (*identity, error) {
	text, err := h.ReadFile(ConfPath)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", ConfPath, err)
	}
	conf, err := pacemaker.ParseCorosyncConf(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	totem, err := conf.Totem()
	if err != nil {
		return nil, err
	}
	nodes, err := conf.NodeList()
	if err != nil {
		return nil, err
	}
	quorum, err := conf.Quorum()
	if err != nil {
		return nil, err
	}
	id := &identity{text: text, el6: h.Major() == 6, name: totem.ClusterName, nodes: nodes, rings: len(totem.Interfaces), twoNode: quorum.TwoNode}
	if len(totem.Interfaces) == 0 {
		return nil, errors.New("no interfaces defined")
	}
	for _, i := range totem.Interfaces {
		id.addr = append(id.addr, i.BindNetAddr)
		if i.Ring == 0 {
			id.group, id.port = fmt.Sprintf("%s:%d", i.McastAddr, i.McastPort), i.McastPort
		}
	}
	return id, nil
}

// uname is what a host is called in its cluster.
func (id *identity) uname(h *simhost.Host) string {
	if id.el6 {
		return h.Short()
	}
	return h.Name
}

// nodeID is a node's id in the CIB.
func (id *identity) nodeID(h *simhost.Host) string {
	if id.el6 {
		return h.Short()
	}
	for _, n := range id.nodes {
		if slices.Contains(addresses(n), h.Name) {
			return strconv.Itoa(n.ID)
		}
	}
	return "1"
}

func addresses(n pacemaker.CorosyncNode) []string {
	list := []string{n.Name}
	for i := range 2 {
		list = append(list, n.Addresses[i])
	}
	return list
}

// knows tells whether the configuration lets a host in: by its node list where it has one.
func (id *identity) knows(h *simhost.Host) bool {
	return id.el6 || slices.ContainsFunc(id.nodes, func(n pacemaker.CorosyncNode) bool { return slices.Contains(addresses(n), h.Name) })
}

// same tells whether two configurations are of one cluster.
func (id *identity) same(other *identity) bool {
	return id != nil && other != nil && id.el6 == other.el6 && id.name == other.name && id.group == other.group
}

// sees tells whether the corosync of two hosts form one membership.
func (st *Stack) sees(s *simhost.State, a, b *node) bool {
	if a == b {
		return true
	}
	if !a.conf.same(b.conf) {
		return false
	}
	ha, hb := s.Host(a.host), s.Host(b.host)
	port := strconv.Itoa(a.conf.port) + "/udp"
	if !s.Connected(ha, hb) || !a.conf.knows(hb) || !b.conf.knows(ha) || !ha.Open(port) || !hb.Open(port) {
		return false
	}
	for number := range min(a.conf.rings, b.conf.rings) {
		if !slices.Contains(st.faulty, ring{a.host, number}) && !slices.Contains(st.faulty, ring{b.host, number}) {
			return true
		}
	}
	return false
}

// cluster is all nodes with a running Pacemaker in one membership with n, n among them.
func (st *Stack) cluster(s *simhost.State, n *node) []*node {
	var out []*node
	for _, m := range st.nodes {
		if m.up && n.up && st.sees(s, n, m) {
			out = append(out, m)
		}
	}
	return out
}

// members are those of a cluster that have joined; the first is the DC.
func (st *Stack) members(s *simhost.State, n *node) []*node {
	return slices.DeleteFunc(st.cluster(s, n), func(m *node) bool { return !m.ready })
}

// uname is what a node is called in its own cluster.
func (st *Stack) uname(s *simhost.State, n *node) string {
	h := s.Host(n.host)
	if n.conf == nil {
		return h.Hostname()
	}
	return n.conf.uname(h)
}

// membership is who sees whom, to find out who is missed after something changed.
func (st *Stack) membership(s *simhost.State) map[*node][]*node {
	out := map[*node][]*node{}
	for _, n := range st.nodes {
		if n.ready {
			out[n] = st.members(s, n)
		}
	}
	return out
}

// missed makes every node that has just lost sight of a member wait until it is sure.
func (st *Stack) missed(s *simhost.State, before map[*node][]*node) {
	for _, n := range st.nodes {
		if now := st.members(s, n); n.ready && len(now) < len(before[n]) {
			n.pause = s.Now().Add(DetectTime)
		}
	}
}

// enter starts Pacemaker on a node: it reads its CIB and waits for others.
func (st *Stack) enter(s *simhost.State, n *node) error {
	h := s.Host(n.host)
	n.up, n.ready, n.leaving, n.left, n.failed, n.active = true, false, false, nil, nil, nil
	text, err := h.ReadFile(CIBPath)
	if err != nil {
		text = emptyCIB
	}
	if n.doc, err = parseDocument(text); err != nil {
		n.up, n.doc = false, nil
		return err
	}
	wait := DeadTime
	if d, err := time.ParseDuration(n.doc.property("dc-deadtime")); err == nil {
		wait = d
	}
	if len(st.members(s, n)) > 0 {
		wait = JoinTime
	}
	n.readyAt = s.Now().Add(wait)
	return nil
}

const emptyCIB = `<cib crm_feature_set="3.0.11" validate-with="pacemaker-2.5" epoch="0" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config/>
    <nodes/>
    <resources/>
    <constraints/>
  </configuration>
  <status/>
</cib>
`

// join makes a node a member: of the cluster that runs, taking the newer CIB, or of a new one that it begins.
func (st *Stack) join(s *simhost.State, n *node) {
	n.readyAt = time.Time{}
	if !n.up {
		return
	}
	others := st.members(s, n)
	doc := n.doc
	var left []string
	for _, m := range others {
		if newer(m.doc.version, doc.version) || m.doc.version == doc.version {
			doc = m.doc
		}
		left = m.left
	}
	h, name := s.Host(n.host), st.uname(s, n)
	n.ready, n.doc, n.left = true, doc, slices.Clone(left)
	next, err := doc.edited(func(c *pacemaker.CIB) error {
		for _, m := range st.members(s, n) { // the CIB that counts may be one that was written before the others were there
			if err := st.introduce(c, m.conf, s.Host(m.host)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.Violate("the CIB of %s cannot be used: %v", n.host, err)
		return
	}
	if next.cib.Version() != doc.version && !sameButEpoch(next, doc) {
		st.commit(s, n, next)
	} else {
		st.commit(s, n, doc)
	}
	for _, m := range st.members(s, n) {
		m.left = slices.DeleteFunc(slices.Clone(m.left), func(u string) bool { return u == name })
		m.pause = time.Time{}
	}
	for _, m := range st.cluster(s, n) { // whoever waited for a decision now has somebody to ask
		if !m.ready && m.readyAt.After(s.Now().Add(JoinTime)) {
			m.readyAt = s.Now().Add(JoinTime)
		}
	}
	for _, p := range n.doc.primitives { // the first thing a new member does is to look what already runs on it
		if a := st.opts.Agents[p.agent]; a.Running != nil && a.Running(s, h, p.definition) {
			n.active = append(n.active, active{primitive: p, phase: started})
		}
	}
	s.Note(n.host, "joined its cluster as %s", name)
	if st.opts.Joined != nil {
		st.opts.Joined(s, h)
	}
}

func sameButEpoch(a, b *document) bool {
	strip := func(d *document) string {
		_, rest, _ := strings.Cut(d.text, ">")
		return rest
	}
	return strip(a) == strip(b)
}

// introduce writes into the CIB what a cluster writes by itself: the node, and the properties that name the software.
func (st *Stack) introduce(c *pacemaker.CIB, id *identity, h *simhost.Host) error {
	set := func(name, value string) {
		if old, _ := c.Property(name); old != value {
			c.SetProperty(name, value)
		}
	}
	if id.el6 {
		set("dc-version", "1.1.10-14.el6_5.3-368c726")
		set("cluster-infrastructure", "openais")
	} else {
		set("have-watchdog", "false")
		set("dc-version", "1.1.15-11.el7_3.4-e174ec8")
		set("cluster-infrastructure", "corosync")
		set("cluster-name", id.name)
	}
	if _, known := c.Node(id.uname(h)); !known {
		return c.AddNode(id.nodeID(h), id.uname(h))
	}
	return nil
}

// commit gives all members a document, and each writes it to its disk.
func (st *Stack) commit(s *simhost.State, n *node, d *document) {
	for _, m := range st.members(s, n) {
		changed := m.doc == nil || m.doc.sum != d.sum
		m.doc = d
		h := s.Host(m.host)
		if data, err := h.ReadFile(CIBPath); changed || err != nil || data != d.text {
			h.MustWrite(s, CIBPath, d.text, 0o600)
		}
	}
}

// leave takes a node out in good order: the others know that it is down.
func (st *Stack) leave(s *simhost.State, n *node) {
	name := st.uname(s, n)
	for _, m := range st.members(s, n) {
		if m != n && !slices.Contains(m.left, name) {
			m.left = append(slices.Clone(m.left), name)
		}
	}
	n.reset()
	s.Note(n.host, "left its cluster")
}

// vanish takes a node out without a word: the others will miss it.
func (st *Stack) vanish(s *simhost.State, n *node) {
	id, was := n.conf, n.ready
	n.reset()
	for _, m := range st.nodes { // the host may be off already, so nobody is asked who sees whom
		if was && m != n && m.ready && m.conf.same(id) {
			m.pause = s.Now().Add(DetectTime)
		}
	}
}

func (n *node) reset() {
	n.up, n.ready, n.leaving, n.readyAt, n.pause, n.doc, n.left, n.active, n.failed = false, false, false, time.Time{}, time.Time{}, nil, nil, nil, nil
}

// quorate tells whether a cluster has the votes to act.
func (st *Stack) quorate(s *simhost.State, n *node) bool {
	have, all := len(st.members(s, n)), 2
	if n.conf == nil {
		return false
	}
	if !n.conf.el6 {
		all = len(n.conf.nodes)
		if n.conf.twoNode {
			return have >= 1
		}
	}
	return 2*have > all
}

var errNotRunning = errors.New("Transport endpoint is not connected")
