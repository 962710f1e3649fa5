package pacemakertest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// session is one run of a cluster program: where it takes its CIB from and gives it back to.
type session struct {
	*simhost.Call
	software software
	stack    *Stack
	node     *node
	file     string // pcs -f: a CIB in a file in place of the cluster's
}

func newSession(c *simhost.Call) *session {
	st := Of(c.State)
	return &session{Call: c, software: st.software(c.Host), stack: st, node: st.node(c.Host.Name)}
}

var errNoDC = errors.New("Timer expired")

// document is the CIB that the program works on.
func (s *session) document() (*document, error) {
	if s.file != "" {
		text, err := s.Host.ReadFile(s.Path(s.file))
		if err != nil {
			return nil, err
		}
		return parseDocument(text)
	}
	if !s.node.up {
		return nil, errNotRunning
	}
	return s.node.doc, nil
}

// edit changes the CIB. A cluster that has not elected anybody yet takes no change.
func (s *session) edit(change func(*pacemaker.CIB) error) error {
	d, err := s.document()
	if err != nil {
		return err
	}
	if s.undecided() {
		return errNoDC
	}
	next, err := d.edited(change)
	if err != nil {
		return err
	}
	return s.replace(next)
}

// undecided tells whether a change has to wait for an election. Pacemaker 2 takes changes on a node that waits for its
// first DC, and keeps them.
func (s *session) undecided() bool {
	return s.file == "" && !s.node.ready && !s.software.modern()
}

func (s *session) replace(next *document) error {
	if s.file != "" {
		return s.Host.WriteFile(s.State, s.Path(s.file), next.text)
	}
	if !s.node.ready && len(s.members()) == 0 {
		s.node.doc = next
		s.Host.MustGive(s.State, CIBPath, next.text, "hacluster", "haclient")
		s.Changed("CIB of this node is now at epoch %d", next.version.Epoch)
		return nil
	}
	s.stack.commit(s.State, s.node, next)
	s.Changed("CIB of its cluster is now at epoch %d", next.version.Epoch)
	s.stack.schedule(s.State)
	return nil
}

// name is what this host is called in its cluster.
func (s *session) name() string { return s.stack.uname(s.State, s.node) }

// members are the members of the program's cluster, the DC first.
func (s *session) members() []*node { return s.stack.members(s.State, s.node) }

// query is the CIB with the status section that the daemons would fill in.
func (s *session) query() (string, error) {
	d, err := s.document()
	if err != nil {
		return "", err
	}
	if s.file != "" {
		return d.text, nil
	}
	doc := etree.NewDocument()
	doc.WriteSettings.CanonicalAttrVal = true
	if err := doc.ReadFromString(d.text); err != nil {
		return "", err
	}
	root := doc.Root()
	members := s.members()
	root.CreateAttr("have-quorum", map[bool]string{true: "1", false: "0"}[s.stack.quorate(s.State, s.node)])
	if len(members) > 0 {
		root.CreateAttr("dc-uuid", s.nodeID(members[0]))
	}
	status := root.SelectElement("status")
	if status == nil {
		status = root.CreateElement("status")
	}
	status.Child = nil
	for _, n := range d.nodes {
		s.nodeState(status, n)
	}
	var buf bytes.Buffer
	if _, err := doc.WriteTo(&buf); err != nil {
		return "", err
	}
	return strings.TrimRight(buf.String(), "\n") + "\n", nil
}

func (s *session) nodeID(n *node) string { return n.conf.nodeID(s.State.Host(n.host)) }

// peer finds the node of the program's cluster that has a name; nil when it is no running part of it.
func (s *session) peer(uname string) *node {
	for _, m := range s.stack.cluster(s.State, s.node) {
		if s.stack.uname(s.State, m) == uname {
			return m
		}
	}
	return nil
}

// transition is the controller's own number in the keys of transitions.
const transition = "5b2d4f6e-0c3a-4f1d-9b7e-2a6c8d0e1f35"

// nodeState writes what the cluster knows of a node: whether it is there, and what runs on it.
func (s *session) nodeState(status *etree.Element, n pacemaker.Node) {
	e := status.CreateElement("node_state")
	m := s.peer(n.Uname)
	states := [4]string{"false", "offline", "down", "down"} // in_ccm, crmd, join, expected
	switch {
	case m != nil && m.ready:
		states = [4]string{"true", "online", "member", "member"}
	case m != nil:
		states = [4]string{"true", "online", "pending", "member"}
	case !slices.Contains(s.node.left, n.Uname):
		states[3] = "member" // it should be there
	}
	for _, pair := range [][2]string{{"id", n.ID}, {"uname", n.Uname}, {"in_ccm", states[0]}, {"crmd", states[1]},
		{"join", states[2]}, {"expected", states[3]}} {
		e.CreateAttr(pair[0], pair[1])
	}
	s.transient(e, n, m)
	lrm := e.CreateElement("lrm")
	lrm.CreateAttr("id", n.ID)
	list := lrm.CreateElement("lrm_resources")
	if m == nil {
		return
	}
	for i, done := range m.records {
		p, known := s.node.doc.primitive(done.Resource)
		if !known {
			continue
		}
		r := list.CreateElement("lrm_resource")
		r.CreateAttr("id", p.id)
		agent := []string{p.definition.Class, p.definition.Provider, p.definition.Type}
		if done.Agent != "" {
			agent = strings.SplitN(done.Agent+"::", ":", 4)
		}
		for k, name := range []string{"class", "provider", "type"} {
			if agent[k] != "" {
				r.CreateAttr(name, agent[k])
			}
		}
		h := r.CreateElement("lrm_rsc_op")
		call := strconv.Itoa(i + 1)
		if done.Status == -1 {
			call = "-1"
		}
		expected := 0
		if done.Operation == "monitor" {
			expected = 7 // the look before the first start: not running
		}
		key := fmt.Sprintf("%d:1:%d:%s", i+1, expected, transition)
		for _, pair := range [][2]string{
			{"id", p.id + "_last_0"}, {"operation_key", p.id + "_" + done.Operation + "_0"}, {"operation", done.Operation},
			{"transition-key", key}, {"transition-magic", fmt.Sprintf("%d:%d;%s", done.Status, done.Code, key)}, {"call-id", call},
			{"rc-code", strconv.Itoa(done.Code)}, {"op-status", strconv.Itoa(done.Status)}, {"interval", "0"},
			{"on_node", n.Uname}, {"last-rc-change", strconv.FormatInt(done.At.Unix(), 10)},
		} {
			h.CreateAttr(pair[0], pair[1])
		}
	}
}
