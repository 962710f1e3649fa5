package placement

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// placeNode is a node while resources are being placed.
type placeNode struct {
	name, id    string
	attributes  map[string]string
	online      bool
	unclean     bool // to be fenced before its resources may start elsewhere
	standby     bool
	maintenance bool
	shutdown    bool
	pending     bool // a member that has not joined yet
	ping        bool // not a node for resources at all
	seen        bool // it has a node_state
	resources   int  // primitives assigned to it: breaks ties
}

// available says whether resources may be placed on a node.
func (n *placeNode) available() bool {
	return n.online && !n.unclean && !n.standby && !n.maintenance && !n.shutdown
}

func (n *placeNode) why() string {
	switch {
	case n.available():
		return ""
	case n.unclean:
		return "to be fenced"
	case !n.online:
		return "offline"
	case n.shutdown:
		return "shutting down"
	case n.pending:
		return "pending"
	case n.maintenance:
		return "maintenance"
	}
	return "standby"
}

func (p *placing) readNodes() {
	for _, n := range p.cib.Nodes() {
		node := &placeNode{
			name: n.Uname, id: n.ID,
			attributes: p.plainPairs("node "+n.Uname, n.Attributes),
			unclean:    p.options.fencing && p.options.startupFencing, // until its node_state is seen
		}
		switch strings.ToLower(n.Type) {
		case "", "member", "normal":
		case "remote":
			p.refuse(featureRemoteNode, n.Uname, "")
		default:
			node.ping = true
		}
		if n.ID == "" || n.Uname == "" {
			p.refuse(featureNodeState, "node "+cmp.Or(n.Uname, n.ID), "it has no id or no name")
		}
		node.attributes["#uname"], node.attributes["#id"], node.attributes["#kind"] = n.Uname, n.ID, "cluster"
		if name, ok := p.cib.Property("cluster-name"); ok {
			node.attributes["#cluster-name"] = name
		}
		if site, ok := node.attributes["site-name"]; ok {
			node.attributes["#site-name"] = site
		} else if name, ok := p.cib.Property("cluster-name"); ok {
			node.attributes["#site-name"] = name
		}
		if dc, _ := p.cib.Attribute("dc-uuid"); dc == n.ID {
			node.attributes["#is_dc"] = "true"
		} else {
			node.attributes["#is_dc"] = "false"
		}
		p.nodes = append(p.nodes, node)
	}
	slices.SortStableFunc(p.nodes, func(a, b *placeNode) int { return strings.Compare(a.name, b.name) })
	for i, n := range p.nodes[min(1, len(p.nodes)):] {
		if n.name == p.nodes[i].name {
			p.refuse(featureNodeState, "node "+n.name, "two nodes have this name")
		}
	}
}

// nodeIndex finds a node by its name, in any case, as Pacemaker does.
func (p *placing) nodeIndex(name string) int {
	return slices.IndexFunc(p.nodes, func(n *placeNode) bool { return strings.EqualFold(n.name, name) })
}

// stateNode finds the node of a node_state.
func (p *placing) stateNode(e *etree.Element) int {
	id, name := e.SelectAttrValue("id", ""), e.SelectAttrValue("uname", "")
	if id == "" || name == "" {
		return nowhere
	}
	if i := slices.IndexFunc(p.nodes, func(n *placeNode) bool { return n.id == id }); i >= 0 {
		return i
	}
	return p.nodeIndex(name)
}

// readNodeState reads whether a node is online, and its transient attributes.
func (p *placing) readNodeState(e *etree.Element) {
	if e.SelectAttrValue("remote_node", "") == "true" {
		p.refuse(featureRemoteNode, "node_state "+e.SelectAttrValue("uname", ""), "")
		return
	}
	at := p.stateNode(e)
	if at < 0 {
		return // a node that is no longer configured
	}
	n := p.nodes[at]
	if transient := e.SelectElement("transient_attributes"); transient != nil {
		for name, value := range p.plainPairs("node_state "+n.name, p.cib.SetsOf(transient, "instance_attributes")) {
			n.attributes[name] = value
		}
	}
	n.seen, n.unclean = true, false
	n.standby = yes(n.attributes["standby"], false)
	n.maintenance = yes(n.attributes["maintenance"], false)
	if t := n.attributes["terminate"]; t != "" && t != "0" && !strings.EqualFold(t, "false") {
		p.refuse(featureNodeState, "node "+n.name, "terminate=%s", t)
	}
	if s := n.attributes["shutdown"]; s != "" && s != "0" {
		n.shutdown = true
	}
	if n.ping {
		return
	}
	p.checkState(n, e)
	if p.options.fencing {
		p.stateWithFencing(n, e)
	} else {
		p.stateWithoutFencing(n, e)
	}
	if n.pending {
		p.refuse(featureNodeState, "node "+n.name, "it is joining")
	}
	if n.online && !p.options.quorum && (p.options.noQuorum == "suicide" || p.options.noQuorum == "fence") {
		p.refuse(featureQuorum, "node "+n.name, "no-quorum-policy=%s without quorum", p.options.noQuorum)
	}
}

// member reads in_ccm, peer reads crmd: words in Pacemaker up to 2.1.6, times in seconds since 1970 later, 0 for not there.
func member(e *etree.Element) (is, known bool) {
	value := e.SelectAttrValue("in_ccm", "")
	if t, err := strconv.ParseInt(value, 10, 64); err == nil && t > 1 {
		return true, true
	}
	return yes(value, false), value != ""
}

func peer(e *etree.Element) bool {
	value := e.SelectAttrValue("crmd", "")
	if t, err := strconv.ParseInt(value, 10, 64); err == nil {
		return t > 1
	}
	return strings.EqualFold(value, "online")
}

// checkState refuses combinations that a settled cluster does not show: a member, a node that left in order, one that is lost.
func (p *placing) checkState(n *placeNode, e *etree.Element) {
	in, known := member(e)
	join, expected := strings.ToLower(e.SelectAttrValue("join", "")), strings.ToLower(e.SelectAttrValue("expected", ""))
	_, inTime := strconv.ParseInt(e.SelectAttrValue("in_ccm", ""), 10, 64)
	_, peerTime := strconv.ParseInt(e.SelectAttrValue("crmd", ""), 10, 64)
	word := slices.Contains([]string{"online", "offline"}, strings.ToLower(e.SelectAttrValue("crmd", "")))
	up, down := in && peer(e) && join == "member" && expected == "member", !in && !peer(e) && known && join != "banned"
	switch {
	case (inTime == nil) != (peerTime == nil), peerTime != nil && !word:
		p.refuse(featureNodeState, "node "+n.name, "in_ccm=%q, crmd=%q", e.SelectAttrValue("in_ccm", ""), e.SelectAttrValue("crmd", ""))
	case !up && !down, !slices.Contains([]string{"", "member", "down"}, expected),
		!slices.Contains([]string{"", "member", "down", "pending"}, join):
		p.refuse(featureNodeState, "node "+n.name, "join=%q, expected=%q", join, expected)
	}
}

func (p *placing) stateWithoutFencing(n *placeNode, e *etree.Element) {
	in, _ := member(e)
	switch {
	case !in:
	case peer(e):
		n.online = strings.EqualFold(e.SelectAttrValue("join", ""), "member")
	case strings.EqualFold(e.SelectAttrValue("expected", ""), "member") && !n.shutdown:
		n.unclean = true
	}
}

func (p *placing) stateWithFencing(n *placeNode, e *etree.Element) {
	in, known := member(e)
	join, expected := strings.ToLower(e.SelectAttrValue("join", "")), strings.ToLower(e.SelectAttrValue("expected", "down"))
	n.online = in
	switch {
	case n.shutdown:
		n.online = peer(e)
	case !known || join == "banned":
		n.unclean = true
	case expected == "down":
		if in || peer(e) {
			n.standby, n.pending = true, true
		}
	case !in || !peer(e):
		n.unclean = true
	case join == "member":
	case join == "pending" || join == "down":
		n.standby, n.pending = true, true
	default:
		n.unclean = true
	}
}

// checkUnclean refuses what depends on a node that should be fenced and cannot be: nobody knows whether its resources have stopped.
func (p *placing) checkUnclean() {
	if p.options.fencing && !p.options.canFence {
		return // then nothing is started or stopped at all
	}
	for at, n := range p.nodes {
		left := func(r *placeRes) bool { return !r.managed && slices.Contains(r.running, at) }
		if n.unclean && slices.ContainsFunc(p.primitives(), left) {
			p.refuse(featureUnclean, "node "+n.name, "something that is not managed runs there")
		}
		fence := p.options.fencing && (p.options.quorum || p.options.noQuorum == "ignore" || n.online)
		if !n.unclean || fence {
			continue
		}
		active := func(r *placeRes) bool { return slices.Contains(r.running, at) }
		if slices.ContainsFunc(p.nodes, (*placeNode).available) || slices.ContainsFunc(p.primitives(), active) {
			p.refuse(featureUnclean, "node "+n.name, "")
		}
	}
}

func (p *placing) primitives() []*placeRes {
	var all []*placeRes
	for _, top := range p.tops {
		all = append(all, top.primitives()...)
	}
	return all
}
