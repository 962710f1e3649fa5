package cps

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// VLANs is Vlans.csv: the networks that the columns of Hosts.csv name.
type VLANs struct {
	File string // the name errors and findings give
	Rows []VLAN
	hiddenText
}

// VLAN is a network of the deployment.
type VLAN struct {
	Name    string     // the column of Hosts.csv
	Target  string     // what the hypervisor calls it
	Bits    int        // the length of its netmask; 0 where the file does not give it
	Gateway netip.Addr // not valid where there is none (NA)
	VIP     string     // the alias of its virtual address; empty where it has none
	Line    int
}

// ParseVLANs reads Vlans.csv: "VLAN Name,Network Target Name,Netmask,Gateway,VIP Alias", of which only the first two must be there.
// The netmask is 255.255.255.0 or, of IPv6, 64.
func ParseVLANs(r io.Reader) (*VLANs, error) {
	t, src, err := readTable(r, "Vlans.csv", "VLAN Name", "Network Target Name")
	if err != nil {
		return nil, err
	}
	v := &VLANs{File: t.file, hiddenText: t.hiddenText}
	seen := map[string]int{}
	for _, row := range t.rows {
		l := row.line
		vlan := VLAN{
			Name: t.cell(row, "VLAN Name"), Target: t.cell(row, "Network Target Name"), VIP: t.option(row, "VIP Alias"), Line: l.no,
			Gateway: src.address(l, "Gateway", t.option(row, "Gateway")),
		}
		if first := seen[columnKey(vlan.Name)]; first != 0 {
			src.failAt(l, vlan.Name, "VLAN named twice, first on line %d", first)
		}
		seen[columnKey(vlan.Name)] = l.no
		if mask := t.option(row, "Netmask"); mask != "" {
			if vlan.Bits = maskBits(mask); vlan.Bits == 0 {
				src.failAt(l, mask, "column %q must be 255.255.255.0, or 64 of IPv6", "Netmask")
			} else if vlan.Bits > 32 && vlan.Gateway.Is4() || vlan.Bits > 128 {
				src.failAt(l, mask, "the netmask does not fit the gateway")
			}
		}
		if vlan.VIP != "" && !aliasForm.MatchString(vlan.VIP) {
			src.failAt(l, vlan.VIP, "not an alias: letters, digits, dots and dashes only")
		}
		v.Rows = append(v.Rows, vlan)
	}
	return v, src.err()
}

// maskBits is the length of a netmask, 0 where the text is none.
func maskBits(text string) int {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Is4() {
		bits, _ := net.IPMask(addr.AsSlice()).Size()
		return bits
	}
	bits, err := strconv.Atoi(strings.TrimPrefix(text, "/"))
	if err != nil || bits < 1 || bits > 128 {
		return 0
	}
	return bits
}

// network is the network of a VLAN that holds this address; not valid where the file does not tell.
func (v VLAN) network(addr netip.Addr) netip.Prefix {
	p, err := addr.Prefix(v.Bits)
	if err != nil || v.Bits == 0 {
		return netip.Prefix{}
	}
	return p
}

// AdditionalHosts is AdditionalHosts.csv: addresses that the VMs must know and that are no VM of this cluster: virtual addresses,
// NTP servers, the VMs and the arbiter of another site.
type AdditionalHosts struct {
	File string // the name errors and findings give
	Rows []AdditionalHost
	hiddenText
}

// AdditionalHost is one of them.
type AdditionalHost struct {
	Host    string
	Aliases []string
	IP      netip.Addr
	Line    int
	text    string // of the address
}

// Is tells whether a name is the host's, or an alias of it.
func (a AdditionalHost) Is(name string) bool {
	for _, known := range append(a.Aliases, a.Host) {
		if strings.EqualFold(known, name) {
			return true
		}
	}
	return false
}

// ParseAdditionalHosts reads AdditionalHosts.csv: "Host,Alias,IP Address". A name may be an address's only once.
func ParseAdditionalHosts(r io.Reader) (*AdditionalHosts, error) {
	t, src, err := readTable(r, "AdditionalHosts.csv", "Host", "IP Address")
	if err != nil {
		return nil, err
	}
	h := &AdditionalHosts{File: t.file, hiddenText: t.hiddenText}
	for _, row := range t.rows {
		host := AdditionalHost{
			Host: t.cell(row, "Host"), Aliases: strings.Fields(t.option(row, "Alias")), Line: row.line.no, text: t.cell(row, "IP Address"),
		}
		host.IP = src.address(row.line, "IP Address", host.text)
		for _, name := range append(host.Aliases, host.Host) {
			if !aliasForm.MatchString(name) {
				src.failAt(row.line, name, "not the name of a host: letters, digits, dots and dashes only")
			}
		}
		h.Rows = append(h.Rows, host)
	}
	return h, src.err()
}

// Find is the host with a name or an alias.
func (h *AdditionalHosts) Find(name string) (AdditionalHost, bool) {
	for _, host := range h.Rows {
		if host.Is(name) {
			return host, true
		}
	}
	return AdditionalHost{}, false
}

// Findings reports a name with two addresses, an address with two names, and IPv6 addresses in compressed form (cps:302-306).
func (h *AdditionalHosts) Findings() []Finding {
	f := findings{file: h.File}
	names, addresses := map[string]AdditionalHost{}, map[netip.Addr]AdditionalHost{}
	for _, host := range h.Rows {
		for _, name := range append(host.Aliases, host.Host) {
			if other, dup := names[strings.ToLower(name)]; dup && other.Line != host.Line {
				f.add(Error, host.Line, "CPS-002", "%s is also named on line %d: %s and %s", name, other.Line, other.IP, host.IP)
			}
			names[strings.ToLower(name)] = host
		}
		if other, dup := addresses[host.IP]; dup {
			f.add(Warning, host.Line, "CPS-002", "address %s of %s is also that of %s (line %d)", host.IP, host.Host, other.Host, other.Line)
		}
		addresses[host.IP] = host
		if strings.Contains(host.text, "::") {
			f.add(Error, host.Line, "CPS-031", "IPv6 address %s of %s must be written in uncompressed form: %s", host.text, host.Host,
				Uncompressed(host.IP))
		}
	}
	return f.list
}

// VMSpecs is VMSpecification.csv: what the VMs of each role are made of.
type VMSpecs struct {
	File string // the name errors and findings give
	Rows []VMSpec
	hiddenText
}

// VMSpec is the specification of a role.
type VMSpec struct {
	Role      string // as in Hosts.csv
	Prefix    string // what stands before the alias in the name of a VM
	MemoryMB  int    // in megabytes
	CPUs      int    // 0 where the file does not give it
	DiskMode  string // thin or thick
	Overrides Secret // the column Configuration Overrides: free text, which may hold a password
	Line      int
}

// ParseVMSpecs reads VMSpecification.csv: "Role,Host Name Prefix,Memory,vCPU,Diskmode,Configuration Overrides", of which Role and
// Memory must be there. A role given twice is an error.
func ParseVMSpecs(r io.Reader) (*VMSpecs, error) {
	t, src, err := readTable(r, "VMSpecification.csv", "Role", "Memory")
	if err != nil {
		return nil, err
	}
	s := &VMSpecs{File: t.file, hiddenText: t.hiddenText}
	seen := map[string]int{}
	for _, row := range t.rows {
		l := row.line
		spec := VMSpec{
			Role: t.cell(row, "Role"), Prefix: t.option(row, "Host Name Prefix"), DiskMode: t.option(row, "Diskmode"),
			Overrides: Secret(t.cell(row, "Configuration Overrides")), Line: l.no,
		}
		for _, number := range []struct {
			column string
			into   *int
		}{{"Memory", &spec.MemoryMB}, {"vCPU", &spec.CPUs}} {
			text := t.cell(row, number.column)
			if text == "" {
				continue // that memory is there, readTable knows
			}
			if *number.into, err = strconv.Atoi(text); err != nil || *number.into < 1 {
				src.failAt(l, text, "column %q must be a number", number.column)
			}
		}
		if first := seen[spec.Role]; first != 0 {
			src.failAt(l, spec.Role, "role given twice, first on line %d", first)
		}
		seen[spec.Role] = l.no
		s.Rows = append(s.Rows, spec)
	}
	return s, src.err()
}

// OfRole is the specification of a role.
func (s *VMSpecs) OfRole(role string) (VMSpec, bool) {
	for _, spec := range s.Rows {
		if spec.Role == role {
			return spec, true
		}
	}
	return VMSpec{}, false
}

// Findings reports memory and vCPU that no VM has: the two may be swapped, or one of them in another unit.
func (s *VMSpecs) Findings() []Finding {
	f := findings{file: s.File}
	for _, spec := range s.Rows {
		if spec.MemoryMB < 1024 || spec.MemoryMB > 4<<20 {
			f.add(Warning, spec.Line, "CPS-003", "column %q of role %s: %d MB is no size of a VM's memory", "Memory", spec.Role, spec.MemoryMB)
		}
		if spec.CPUs > 512 {
			f.add(Warning, spec.Line, "CPS-003", "column %q of role %s: %d is no number of CPUs of a VM", "vCPU", spec.Role, spec.CPUs)
		}
	}
	return f.list
}

func (s VMSpec) String() string { return fmt.Sprintf("%d MB, %d vCPU", s.MemoryMB, s.CPUs) }
