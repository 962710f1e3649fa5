package pacemaker

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// SavedNode is what the status section of a CIB says of a node. A saved CIB has that of the moment when it was saved.
type SavedNode struct {
	Name   string
	Remote bool
	Away   string   // why it takes no resources, such as "offline" or "in standby until it restarts"; empty where it does
	Runs   []string // the resources whose last operation there says that they run
	Failed []string // the operations that failed and are still on record, each with its exit code
	Busy   []string // the operations that were under way
}

// String is the state in a line.
func (s SavedNode) String() string {
	parts := []string{cmp.Or(s.Away, "online"), "runs " + cmp.Or(strings.Join(s.Runs, " "), "nothing")}
	if len(s.Failed) > 0 {
		parts = append(parts, "failed "+strings.Join(s.Failed, ", "))
	}
	if len(s.Busy) > 0 {
		parts = append(parts, "under way "+strings.Join(s.Busy, ", "))
	}
	return strings.Join(parts, "; ")
}

// SavedNodes are the nodes in the status section, in its order; none where a CIB was saved without one.
func (c *CIB) SavedNodes() []SavedNode {
	var out []SavedNode
	for _, e := range children(c.Root(), "status", "node_state") {
		s := SavedNode{Name: e.SelectAttrValue("uname", e.SelectAttrValue("id", "")), Remote: IsTrue(e.SelectAttrValue("remote_node", ""))}
		s.Away = c.away(e, s)
		for _, history := range children(e, "lrm", "lrm_resources", "lrm_resource") {
			id := history.SelectAttrValue("id", "")
			if _, state := c.LastOperation(s.Name, id); state == RecordRunning {
				s.Runs = append(s.Runs, id)
			}
			for _, op := range history.SelectElements("lrm_rsc_op") {
				s.operation(id, op)
			}
		}
		out = append(out, s)
	}
	return out
}

func (s *SavedNode) operation(id string, op *etree.Element) {
	name := id + " " + op.SelectAttrValue("operation", "?")
	status, rc := numberOr(op, "op-status", noStatus), numberOr(op, "rc-code", -1)
	expected := 0
	if parts := strings.Split(op.SelectAttrValue("transition-key", ""), ":"); len(parts) == 4 {
		expected, _ = strconv.Atoi(parts[2])
	}
	probe := strings.TrimRight(op.SelectAttrValue("interval", "0"), "ms") == "0" && op.SelectAttrValue("operation", "") == "monitor"
	switch {
	case op.SelectAttrValue("operation", "") == "notify", status == 1: // cancelled
	case status == -1:
		s.Busy = append(s.Busy, name)
	case rc == expected, probe && (rc == 0 || rc == 7 || rc == 8):
	default:
		if text := fmt.Sprintf("%s (exit code %d)", name, rc); !slices.Contains(s.Failed, text) {
			s.Failed = append(s.Failed, text)
		}
	}
}

// away says why a node takes no resources. in_ccm and crmd are words in Pacemaker up to 2.1.6, later times, with 0 for "not there".
func (c *CIB) away(e *etree.Element, s SavedNode) string {
	is := func(key, word string) bool {
		value := e.SelectAttrValue(key, "")
		if t, err := strconv.ParseInt(value, 10, 64); err == nil {
			return t > 0
		}
		return strings.EqualFold(value, word)
	}
	member, peer := is("in_ccm", "true"), is("crmd", "online")
	joined := strings.EqualFold(e.SelectAttrValue("join", ""), "member")
	expected := strings.EqualFold(e.SelectAttrValue("expected", ""), "member")
	has := map[string]string{}
	for _, p := range c.TransientAttributes(s.Name) {
		has[p.Name] = p.Value
	}
	said := func(name string) bool { v := has[name]; return v != "" && !isFalse(v) }
	switch {
	case s.Remote: // its connection is a resource
	case !member && !peer && expected && joined:
		return "unclean: it was lost, and is to be fenced"
	case !member && !peer:
		return "offline"
	case !member || !peer:
		return "unclean: only a part of its cluster software was seen"
	case !joined:
		return "pending: it has not joined yet"
	case said("shutdown"):
		return "shutting down"
	}
	switch {
	case said("standby"):
		return "in standby until it restarts"
	case said("maintenance"):
		return "in maintenance until it restarts"
	case said("terminate"):
		return "to be fenced (terminate)"
	}
	return ""
}

// StatusHindrances are what stands in the way of moving resources as the status section tells, which a live CIB and a saved one have:
// nodes that took none, operations that failed, or were under way, and resources on two nodes that are no clones. A node of the
// configuration that the status does not know is one that is away.
func (c *CIB) StatusHindrances() []Hindrance {
	var h hindrances
	states := c.SavedNodes()
	seen, runs := map[string]bool{}, map[string][]string{}
	for _, s := range states {
		seen[strings.ToLower(s.Name)] = true
		if s.Away != "" {
			h.add(NodeAway, s.Name, "node %s was %s", s.Name, s.Away)
		}
		for _, op := range s.Failed {
			h.add(PastFailure, s.Name, "%s had failed on %s", op, s.Name)
		}
		for _, op := range s.Busy {
			h.add(NotSound, s.Name, "%s was under way on %s", op, s.Name)
		}
		for _, id := range s.Runs {
			runs[id] = append(runs[id], s.Name)
		}
	}
	if len(states) == 0 {
		return nil
	}
	for _, n := range c.Nodes() {
		if !seen[strings.ToLower(n.Uname)] {
			h.add(NodeAway, n.Uname, "node %s was never seen", n.Uname)
		}
	}
	for _, r := range c.Resources() {
		for m := range Walk([]Resource{r}) {
			if on := runs[m.ID]; m.Kind == Primitive && len(on) > 1 && (r.Kind == Primitive || r.Kind == Group) {
				h.add(NotSound, m.ID, "%s ran on %s", m.ID, strings.Join(on, " and "))
			}
		}
	}
	return h
}
