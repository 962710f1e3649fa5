package pacemakertest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Places on a host's disk.
const (
	ConfPath    = "/etc/corosync/corosync.conf"
	AuthKeyPath = "/etc/corosync/authkey" // by which the nodes of a cluster of corosync 3 know each other
	CIBPath     = "/var/lib/pacemaker/cib/cib.xml"
)

// identity is what a corosync.conf says of the cluster. It never changes.
type identity struct {
	text string // the file
	software
	name    string
	wire    string // what two nodes must have alike to understand each other
	port    int
	rings   int
	addr    []string // of the node itself, or the networks of its rings up to corosync 2
	nodes   []corosync.Node
	twoNode bool
}

func (st *Stack) readIdentity(h *simhost.Host) (*identity, error) {
	text, err := h.ReadFile(ConfPath)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", ConfPath, err)
	}
	conf, err := corosync.Parse(strings.NewReader(text))
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
	id := &identity{text: text, software: st.software(h), name: totem.ClusterName, nodes: nodes, twoNode: quorum.TwoNode}
	if id.modern() {
		return id, id.links(h, totem)
	}
	id.rings = len(totem.Interfaces)
	if id.rings == 0 {
		return nil, errors.New("no interfaces defined")
	}
	for _, i := range totem.Interfaces {
		id.addr = append(id.addr, i.BindNetAddr)
		if i.Ring == 0 {
			id.port = i.McastPort
			id.wire = fmt.Sprintf("%v %s %s:%d", id.plugin, id.name, i.McastAddr, i.McastPort)
		}
	}
	return id, nil
}

// links fills in what corosync 3 takes from its node list. Who talks to whom is not decided by the name of the cluster but by the key.
func (id *identity) links(h *simhost.Host, totem corosync.Totem) error {
	self, ok := id.entry(h)
	if !ok {
		return fmt.Errorf("the node list of %s does not have this host", ConfPath)
	}
	for number := range 8 {
		if a := self.Addresses[number]; a != "" {
			id.addr = append(id.addr, a)
		}
	}
	id.rings, id.port = len(id.addr), 5405
	if len(totem.Interfaces) > 0 && totem.Interfaces[0].McastPort > 0 {
		id.port = totem.Interfaces[0].McastPort
	}
	key := "in clear"
	if secret := func(a string) bool { return a != "" && a != "none" }; secret(totem.CryptoCipher) || secret(totem.CryptoHash) {
		var err error
		if key, err = h.ReadFile(AuthKeyPath); err != nil {
			return fmt.Errorf("Could not open %s: %w", AuthKeyPath, err)
		}
	}
	id.wire = fmt.Sprintf("knet %d %s", id.port, key)
	return nil
}

// entry is a host's place in the node list: by its name, full or short, or by an address that is one.
func (id *identity) entry(h *simhost.Host) (corosync.Node, bool) {
	for _, n := range id.nodes {
		if n.Name == h.Name || n.Name == h.Short() {
			return n, true
		}
	}
	for _, n := range id.nodes {
		if slices.Contains(addresses(n), h.Name) || id.modern() && slices.Contains(addresses(n), h.Short()) {
			return n, true
		}
	}
	return corosync.Node{}, false
}

// uname is what a host is called in its cluster: corosync 3 goes by the node list.
func (id *identity) uname(h *simhost.Host) string {
	if id.plugin {
		return h.Hostname()
	}
	if n, ok := id.entry(h); id.modern() && ok && n.Name != "" {
		return n.Name
	}
	return h.Name
}

// nodeID is a node's id in the CIB.
func (id *identity) nodeID(h *simhost.Host) string {
	if id.plugin {
		return h.Hostname()
	}
	if n, ok := id.entry(h); ok {
		return strconv.Itoa(n.ID)
	}
	return "1"
}

func addresses(n corosync.Node) []string {
	list := []string{n.Name}
	for i := range 2 {
		list = append(list, n.Addresses[i])
	}
	return list
}

// knows tells whether the configuration lets a host in: by its node list where it has one.
func (id *identity) knows(h *simhost.Host) bool {
	_, ok := id.entry(h)
	return id.plugin || ok
}

// same tells whether two configurations are of one cluster.
func (id *identity) same(other *identity) bool {
	return id != nil && other != nil && id.wire == other.wire
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

// members are those of a cluster that have joined; the first is the DC: the one with the oldest software.
func (st *Stack) members(s *simhost.State, n *node) []*node {
	list := slices.DeleteFunc(st.cluster(s, n), func(m *node) bool { return !m.ready })
	slices.SortStableFunc(list, func(a, b *node) int {
		return minorOf(st.featureSet(s.Host(a.host))) - minorOf(st.featureSet(s.Host(b.host)))
	})
	return list
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

// enter starts Pacemaker on a node: it reads its CIB and waits for others. A CIB that it may not read and write keeps
// it down, while its service runs (H5).
func (st *Stack) enter(s *simhost.State, n *node) error {
	h := s.Host(n.host)
	n.attrs, n.lookAt = nil, time.Time{}
	n.broken, n.up, n.ready, n.leaving, n.left, n.failed, n.active, n.probed, n.lost, n.records = false, false, false,
		false, nil, nil, nil, nil, nil, nil
	text, err := h.ReadFile(CIBPath)
	switch {
	case err != nil:
		text = st.software(h).emptyCIB()
	case !ownCIB(h):
		s.Note(n.host, "pacemaker-based cannot start: %s must be owned and writable by user hacluster", CIBPath)
		n.broken = true
		return nil
	}
	if n.doc, err = parseDocument(text); err != nil {
		n.doc = nil
		return err
	}
	n.up, n.cibAt = true, s.Now().Add(2*time.Second)
	wait := DeadTime
	if d, ok := n.doc.duration("dc-deadtime"); ok {
		wait = max(d, ElectionTime)
	}
	if len(st.members(s, n)) > 0 {
		wait = JoinTime
	}
	n.readyAt = s.Now().Add(wait)
	return nil
}

// ownCIB tells whether Pacemaker may use the CIB on a host's disk: it must belong to hacluster, or to the group
// haclient, and be writable for it.
func ownCIB(h *simhost.Host) bool {
	f, err := h.Stat(CIBPath)
	return err == nil && (h.UserName(f.UID) == "hacluster" && f.Mode&0o600 == 0o600 || h.GroupName(f.GID) == "haclient" &&
		f.Mode&0o060 == 0o060)
}

// join makes a node a member: of the cluster that runs, taking the newer CIB, or of a new one that it begins.
func (st *Stack) join(s *simhost.State, n *node) {
	n.readyAt = time.Time{}
	if !n.up {
		return
	}
	others := st.members(s, n)
	if len(others) > 0 && !st.mayJoin(s, n, others[0]) {
		return
	}
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
		m.forget(name)
		m.pause = time.Time{}
	}
	for _, m := range st.cluster(s, n) { // whoever waited for a decision now has somebody to ask
		if !m.ready && m.readyAt.After(s.Now().Add(JoinTime)) {
			m.readyAt = s.Now().Add(JoinTime)
		}
	}
	n.told, n.tellAt = st.throttle(n.doc), time.Time{}
	st.probe(s, n) // the first thing a new member does is to look what already runs on it
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
	for _, p := range id.signature(id.name) {
		if old, _ := c.Property(p.Name); old != p.Value {
			c.SetProperty(p.Name, p.Value)
		}
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
		st.watchThrottle(s, m)
		h := s.Host(m.host)
		if data, err := h.ReadFile(CIBPath); changed || err != nil || data != d.text {
			h.MustGive(s, CIBPath, d.text, "hacluster", "haclient")
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
	gone := ghost{uname: st.uname(s, n)}
	for _, a := range n.active {
		gone.resources = append(gone.resources, a.primitive.id)
	}
	n.reset()
	for _, m := range st.nodes { // the host may be off already, so nobody is asked who sees whom
		if was && m != n && m.ready && m.conf.same(id) {
			m.pause = s.Now().Add(DetectTime)
			m.lost = append(slices.Clip(m.lost), gone)
		}
	}
}

// forget ends the doubt about a node that was lost: it is fenced, or back.
func (n *node) forget(uname string) {
	n.lost = slices.DeleteFunc(slices.Clone(n.lost), func(g ghost) bool { return g.uname == uname })
}

func (n *node) reset() {
	n.tellAt, n.lookAt, n.attrs = time.Time{}, time.Time{}, nil
	n.cibAt = time.Time{}
	n.broken, n.up, n.ready, n.leaving, n.readyAt, n.pause, n.doc, n.left, n.active, n.probed, n.failed, n.lost,
		n.records = false, false, false, false, time.Time{}, time.Time{}, nil, nil, nil, nil, nil, nil, nil
}

// meet notes which corosync has had all its nodes in sight.
func (st *Stack) meet(s *simhost.State) {
	for _, n := range st.nodes {
		if n.conf == nil || n.met {
			continue
		}
		n.met = !n.conf.twoNode || !slices.ContainsFunc(s.Hosts(), func(h *simhost.Host) bool {
			m := st.node(h.Name)
			return n.conf.knows(h) && (m.conf == nil || !st.sees(s, n, m))
		})
	}
}

// quorate tells whether a cluster has the votes to act.
func (st *Stack) quorate(s *simhost.State, n *node) bool {
	have, all := len(st.members(s, n)), 2
	if n.conf == nil {
		return false
	}
	if !n.conf.plugin {
		all = len(n.conf.nodes)
		if n.conf.twoNode {
			return n.met || have == all
		}
	}
	return 2*have > all
}

var errNotRunning = errors.New("Transport endpoint is not connected")
