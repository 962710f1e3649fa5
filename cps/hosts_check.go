package cps

import (
	"fmt"
	"net/netip"
	"strings"
)

// Findings checks what create-cluster-sets.sh and the migration expect of Hosts.csv: the VMs of a class in the order of their numbers
// (cps:593), IPv6 addresses written without "::" (cps:302-306), no guest name and no address given twice.
func (h *Hosts) Findings() []Finding {
	f := findings{file: h.File}
	h.checkOrder(&f)
	guests := map[string]int{}
	addresses := map[string]Host{}
	for _, host := range h.Rows {
		if first := guests[host.Guest]; first != 0 {
			f.add(Error, host.Line, "CPS-002", "guest name %s of %s is already used on line %d", host.Guest, host.Alias, first)
		} else {
			guests[host.Guest] = host.Line
		}
		for i, network := range h.Networks {
			addr, ok := host.Addresses[network]
			if !ok {
				continue
			}
			if text := h.addressText(host, i); strings.Contains(text, "::") {
				f.add(Error, host.Line, "CPS-031", "IPv6 address %s of %s must be written in uncompressed form: %s", text,
					host.Alias, Uncompressed(addr))
			}
			key := network + " " + addr.String()
			if other, dup := addresses[key]; dup {
				f.add(Error, host.Line, "CPS-002", "%s address %s of %s already belongs to %s (line %d)", network, addr, host.Alias,
					other.Alias, other.Line)
			} else {
				addresses[key] = host
			}
		}
		if _, ok := host.Internal(); !ok {
			f.add(Warning, host.Line, "CPS-002", "%s has no internal address", host.Alias)
		}
		if canonical, changed := CanonicalAlias(host.Alias); changed {
			f.add(Warning, host.Line, "CPS-044", "alias %s looks like a misspelt %s", host.Alias, canonical)
		}
	}
	return f.list
}

// checkOrder reports a VM that stands before one of its class with a smaller number.
func (h *Hosts) checkOrder(f *findings) {
	last := map[string]numbered{}
	for _, host := range h.Rows {
		n, ok := splitAlias(host.Alias)
		if !ok {
			continue // SplitClusterSets refuses it, with the reason
		}
		n.class = host.Class()
		before, seen := last[n.class]
		if seen && n.number < before.number {
			f.add(Error, host.Line, "CPS-004", "%s stands after %s: create-cluster-sets.sh needs the VMs in order", host.Alias, before.alias)
			continue
		}
		last[n.class] = n
	}
}

// addressText is an address as the file has it.
func (h *Hosts) addressText(host Host, network int) string {
	if at := h.layout.networks[network]; at < len(host.cells) {
		return cellText(host.cells[at])
	}
	return ""
}

// Uncompressed writes an IPv6 address in the form the migration needs, with all eight groups and without leading zeros:
// 2345:f170:8306:8118:e0:208:0:100 (cps:306). An IPv4 address is written as always.
func Uncompressed(addr netip.Addr) string {
	if !addr.Is6() {
		return addr.String()
	}
	b := addr.As16()
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = fmt.Sprintf("%x", uint16(b[2*i])<<8|uint16(b[2*i+1]))
	}
	return strings.Join(groups, ":")
}
