package corosync

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// links3 is what corosync 3 wants of the links: those of the interface blocks and those of the nodelist.
func (m *model) links3(transport string) {
	ip := ipVersion(m.get("totem.ip_version"), transport)
	configured := m.configured(transport, ip)
	if len(configured) == 0 {
		if len(m.errs) == 0 {
			m.fail(m.section("nodelist"), "no node has an address: corosync 3 does not know where to listen")
		}
		return
	}
	if len(configured) > 1 && transport != "knet" {
		m.fail(cmp.Or(m.keys["totem.transport"], m.section("totem")), "corosync 3 takes one link with %s, and there are %d",
			transport, len(configured))
		return
	}
	if len(configured) > 1 {
		m.sameLinks(configured)
	}
	for _, link := range configured {
		m.link3(transport, ip, link)
	}
}

// configured are the numbers of the links. An address that cannot be one is refused on the way.
func (m *model) configured(transport, ip string) []int {
	set := make(map[int]bool)
	for number, s := range m.links {
		if number >= MaxLinks {
			m.fail(&entry{section: s}, "link %d: they are numbered from 0 to %d", number, MaxLinks-1)
			continue
		}
		prefix := fmt.Sprintf("totem.interface.%d.", number)
		if transport == "udp" && m.keys[prefix+"bindnetaddr"] == nil {
			continue // such a block is not looked at, unless the nodelist makes its link
		}
		set[number] = true
	}
	for node := range m.nodes {
		for key, item := range m.keys {
			rest, mine := strings.CutPrefix(key, fmt.Sprintf("nodelist.node.%d.", node))
			if link, ok := ringAddress(rest); mine && ok {
				if link >= MaxLinks {
					m.fail(item, "link %d: they are numbered from 0 to %d", link, MaxLinks-1)
					continue
				}
				set[link] = true
				m.resolves(item, ip)
			}
		}
	}
	links := make([]int, 0, len(set))
	for link := range set {
		links = append(links, link)
	}
	slices.Sort(links)
	return links
}

// sameLinks: with several links every node has a name and an address on each.
func (m *model) sameLinks(configured []int) {
	for node, s := range m.nodes {
		if m.keys[fmt.Sprintf("nodelist.node.%d.name", node)] == nil {
			m.fail(&entry{section: s}, "the node has no name: corosync 3 wants one where there are several links")
		}
	}
	for _, link := range configured {
		if n := m.members(link); n != m.members(configured[0]) {
			m.fail(m.section("nodelist"), "link %d has %d nodes and link %d %d: corosync 3 wants all nodes on all links",
				configured[0], m.members(configured[0]), link, n)
		}
	}
}

// link3 is what corosync 3 wants of one link.
func (m *model) link3(transport, ip string, link int) {
	key := func(name string) *entry { return m.keys[fmt.Sprintf("totem.interface.%d.%s", link, name)] }
	value := func(name, missing string) string {
		if item := key(name); item != nil {
			return item.value
		}
		return missing
	}
	if transport != "udp" && strings.TrimLeft(value("ttl", "1"), "+0") != "1" {
		m.fail(key("ttl"), "corosync 3 takes a ttl with udp only, and the transport is %s", transport)
	}
	// A priority of 0 is none, and becomes 1.
	if priority := strings.TrimLeft(value("knet_link_priority", ""), "+0"); transport != "knet" && priority != "" && priority != "1" {
		m.fail(key("knet_link_priority"), "corosync 3 takes a link priority with knet only, and the transport is %s", transport)
	}
	if t := value("knet_transport", "udp"); t != "udp" && t != "sctp" {
		m.fail(key("knet_transport"), "corosync 3 knows udp and sctp")
	}
	families := make(map[int]*entry)
	missing := -1
	for node := range m.nodes {
		item := m.address(node, link)
		if item == nil {
			missing = node
		} else if f := family(item.value); f != 0 {
			families[f] = item
		}
	}
	if len(families) > 1 {
		m.fail(families[6], "the nodes have addresses of IPv4 and of IPv6 on link %d", link)
	}
	if missing >= 0 && m.links[link] == nil { // then nothing tells it the ttl, and it takes 0
		m.fail(&entry{section: m.nodes[missing]}, "the node has no ring%d_addr, and others have", link)
	}
	bind := key("bindnetaddr")
	if first := m.address(0, link); first != nil {
		bind = first // the nodelist goes before
	} else if bind != nil {
		m.resolves(bind, ip)
	}
	mcast := key("mcastaddr")
	if mcast != nil {
		m.resolves(mcast, ip)
	}
	if transport != "udp" || m.broadcast() {
		return
	}
	switch {
	case mcast == nil && m.keys["totem.cluster_name"] == nil:
		m.fail(cmp.Or(m.section("totem"), bind), "there is neither a mcastaddr nor a cluster_name to make one of")
	case mcast != nil && family(mcast.value) != 0:
		if f := family(bind.value); f != 0 && f != family(mcast.value) {
			m.fail(mcast, "the multicast address is of another family than the address of the node")
		} else if !address(mcast.value).IsMulticast() {
			m.fail(mcast, "not a multicast address")
		}
	}
}

func (m *model) broadcast() bool {
	for number := range m.links {
		if m.get(fmt.Sprintf("totem.interface.%d.broadcast", number)) == "yes" {
			return true
		}
	}
	return false
}

// nodes3 is what corosync 3 wants of the nodes.
func (m *model) nodes3(transport string) {
	ids := make(map[uint32]int) // the lines of their nodes
	for node, s := range m.nodes {
		at := &entry{section: s}
		first := m.address(node, 0)
		if first == nil && m.keys[fmt.Sprintf("nodelist.node.%d.name", node)] == nil {
			m.fail(at, "the node has neither a name nor a ring0_addr: corosync 3 does not find itself")
		}
		item := m.keys[fmt.Sprintf("nodelist.node.%d.nodeid", node)]
		id := m.number(fmt.Sprintf("nodelist.node.%d.nodeid", node))
		switch {
		case id == 0 && transport == "knet":
			m.fail(cmp.Or(item, at), "no nodeid: knet wants one")
			continue
		case id == 0 && first != nil:
			if family(first.value) == 6 {
				m.fail(first, "no nodeid: with an address of IPv6 corosync wants one")
			}
			id = m.generated(first.value)
		case transport == "knet" && id > maxKnetNode:
			m.fail(item, "knet takes nodeids up to %d", maxKnetNode)
		}
		if line := ids[id]; line != 0 && id != 0 {
			m.fail(at, "nodeid %d is also that of line %d", id, line)
		}
		ids[id] = s.Line
	}
}

// generated is the id that corosync makes of an address of IPv4; 0 where it is a name.
func (m *model) generated(said string) uint32 {
	ip := address(said).To4()
	if ip == nil {
		return 0
	}
	id := uint32(ip[0])<<24 | uint32(ip[1])<<16 | uint32(ip[2])<<8 | uint32(ip[3])
	if m.get("totem.clear_node_high_bit") == "yes" {
		id &= math.MaxInt32
	}
	return id
}

// resolves refuses what no resolver takes for an address.
func (m *model) resolves(item *entry, ip string) {
	f := family(item.value)
	switch {
	case f == 0 && !hostName(item.value):
		m.fail(item, "neither an address nor the name of a host%s", behind(item.value))
	case f == 6 && ip == "ipv4", f == 4 && ip == "ipv6":
		m.fail(item, "an address of IPv%d, and corosync is to use %s (ip_version)", f, ip)
	}
}
