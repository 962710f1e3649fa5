package lustretest

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// lnetConf is the configuration of LNet as IML names it (lustre:515).
const lnetConf = "/etc/modprobe.d/iml_lnet_module_parameters.conf"

// networks are the networks of the guide's pair, for the rings of which a site's corosync.conf has no address.
var networks = []string{"192.168.1.", "10.42.42."}

// wanted is an address that a node has for a ring: this one, or any in its network.
type wanted struct {
	netip.Addr
	any bool
}

// ringAddresses are the addresses of a node, by ring: those that the site's corosync.conf names, or such as fit its
// bindnetaddr.
func (p *Site) ringAddresses(fqdn string) []wanted {
	var out []wanted
	put := func(ring int, text string, free bool) {
		for ring >= len(out) {
			base := fmt.Sprintf("10.42.%d.", 42+len(out))
			if len(out) < len(networks) {
				base = networks[len(out)]
			}
			out = append(out, wanted{netip.MustParseAddr(base + p.octet(fqdn)), true})
		}
		if a, err := netip.ParseAddr(text); err == nil && ring >= 0 {
			out[ring] = wanted{a, free}
		}
	}
	put(len(networks)-1, "", true)
	conf, err := corosync.Parse(strings.NewReader(p.Corosync))
	if err != nil {
		return out
	}
	if totem, err := conf.Totem(); err == nil {
		for _, i := range totem.Interfaces {
			if bind, err := netip.ParseAddr(i.BindNetAddr); err == nil && bind.Is4() {
				b := bind.As4()
				put(i.Ring, fmt.Sprintf("%d.%d.%d.%s", b[0], b[1], b[2], p.octet(fqdn)), true)
			}
		}
	}
	for ring, text := range p.member(conf, fqdn).Addresses {
		put(ring, text, false)
	}
	return out
}

// member is a node in the node list of a corosync.conf; the zero value where there is none.
func (p *Site) member(conf *corosync.Conf, fqdn string) corosync.Node {
	list, err := conf.NodeList()
	if err != nil {
		return corosync.Node{}
	}
	for i, n := range list {
		if n.Name == fqdn || n.Name == short(fqdn) || n.Name == "" && (i == 0) == (fqdn == p.Node1) {
			return n
		}
	}
	return corosync.Node{}
}

const ifcfg = "/etc/sysconfig/network-scripts/ifcfg-"

// shared are the files that both systems of a host have alike, before and after: its network. What the site's files
// have not, and its corosync needs, is there as well, and so are addresses that are for the new cluster.
func (p *Site) shared(fqdn string) map[string]string {
	files, device := map[string]string{}, "eth"
	for name, text := range p.Network[fqdn] {
		if strings.HasPrefix(name, ifcfg) {
			files[name], device = text, "sim"
		}
	}
	have := interfaces(files)
	need := p.ringAddresses(fqdn)
	for _, text := range p.Addresses[fqdn] {
		if a, err := netip.ParseAddr(text); err == nil {
			need = append(need, wanted{a, false})
		}
	}
	for i, a := range need {
		if _, near := lustre.InNetwork(have, a.Addr); lustre.HasAddress(have, a.Addr) || a.any && near {
			continue
		}
		files[fmt.Sprintf("%s%s%d", ifcfg, device, i)] =
			fmt.Sprintf("DEVICE=%s%d\nBOOTPROTO=static\nONBOOT=yes\nIPADDR=%s\nNETMASK=255.255.255.0\n", device, i, a.Addr)
	}
	return files
}

// modprobe are the files with LNet's parameters on the old system.
func (p *Site) modprobe(fqdn string) map[string]string {
	files := map[string]string{}
	for name, text := range p.Network[fqdn] {
		if strings.HasPrefix(name, lustre.LNetDir+"/") || name == lustre.LNetConfPath {
			files[name] = text
		}
	}
	if len(files) == 0 {
		files[lnetConf] = "options lnet networks=tcp0(eth0)\n"
	}
	return files
}

// interfaces are those of ifcfg files.
func interfaces(files map[string]string) (list []lustre.Interface) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if i, err := lustre.ParseIfcfg(srcerr.Named(name, strings.NewReader(files[name]))); err == nil && len(i.Addresses) > 0 {
			list = append(list, i)
		}
	}
	return list
}

// interfacesOf are the interfaces of a host, by its files.
func interfacesOf(h *simhost.Host) []lustre.Interface {
	files := map[string]string{}
	for _, name := range h.Glob(ifcfg + "*") {
		files[name], _ = h.ReadFile(name)
	}
	return interfaces(files)
}

// runIP is `ip -o addr show up`.
func runIP(c *simhost.Call) int {
	if args := strings.Join(c.Args, " "); args != "-o addr" && args != "-o addr show up" {
		return c.Fail(255, "ip: only -o addr is simulated")
	}
	const forever = "\\       valid_lft forever preferred_lft forever"
	c.Printf("1: lo    inet 127.0.0.1/8 scope host lo%s\n", forever)
	for i, face := range interfacesOf(c.Host) {
		for _, p := range face.Addresses {
			c.Printf("%d: %s    inet %s scope global %[2]s%[4]s\n", i+2, face.Name, p, forever)
		}
	}
	return 0
}

// hostsLine is a node's line in /etc/hosts, with one for each further name that the rings have for it.
func (p *Site) hostsLine(fqdn string) string {
	addresses := p.ringAddresses(fqdn)
	text := addresses[0].String() + " " + fqdn + " " + short(fqdn) + "\n"
	conf, err := corosync.Parse(strings.NewReader(p.Corosync))
	if err != nil {
		return text
	}
	names := p.member(conf, fqdn).Addresses
	for ring := 1; ring < len(addresses); ring++ {
		if _, err := netip.ParseAddr(names[ring]); err != nil && names[ring] != "" {
			text += addresses[ring].String() + " " + names[ring] + "\n"
		}
	}
	return text
}

// imported is what the service lnet has imported on a host; on EL6, which has no such service, its init script did.
func imported(h *simhost.Host) *lustre.LNetConf {
	text, err := h.ReadFile(lustre.LNetConfPath)
	conf, bad := lustre.ParseLNetConf(strings.NewReader(text))
	if err != nil || bad != nil || conf.Empty() || h.Major() > 6 && !h.Active("lnet") {
		return nil
	}
	return conf
}

// importLNet is the start of the service lnet.
func importLNet(_ *simhost.State, h *simhost.Host) error {
	text, err := h.ReadFile(lustre.LNetConfPath)
	if err != nil {
		return fmt.Errorf("lnetctl import: %w", err)
	}
	conf, err := lustre.ParseLNetConf(strings.NewReader(text))
	if err != nil {
		return err
	}
	list := interfacesOf(h)
	for _, name := range conf.Interfaces() {
		if !slices.ContainsFunc(list, func(i lustre.Interface) bool { return i.Name == name }) {
			return fmt.Errorf("lnetctl import: cannot add network: interface %s: No such device", name)
		}
	}
	return nil
}

// nids are the NIDs of a host by its LNet configuration, where Lustre is loaded. Where that does not tell, LNet takes
// the first address that it finds.
func nids(s *simhost.State, h *simhost.Host) []lustre.NID {
	if !h.Loaded("lustre") {
		return nil
	}
	list := interfacesOf(h)
	if conf := imported(h); conf != nil {
		return slices.DeleteFunc(conf.NIDs(list), lustre.NID.Loopback)
	}
	for _, file := range h.Glob(lustre.LNetDir + "/*") {
		text, _ := h.ReadFile(file)
		if options, ok, err := lustre.ParseLNetOptions(strings.NewReader(text)); ok && err == nil {
			if out, known := options.NIDs(list); known {
				return out
			}
		}
	}
	site := of(s).opts.Site
	return []lustre.NID{lustre.NID(site.ringAddresses(h.Name)[0].String() + "@tcp")}
}

// withNIDs is an lctl that knows `lctl list_nids` as well.
func withNIDs(lctl simhost.Handler) simhost.Handler {
	return func(c *simhost.Call) int {
		if len(c.Args) != 1 || c.Args[0] != "list_nids" {
			return lctl(c)
		}
		list := nids(c.State, c.Host)
		if len(list) == 0 {
			return c.Fail(100, "IOC_LIBCFS_GET_NI error 100: Network is down")
		}
		for _, nid := range list {
			c.Printf("%s\n", nid)
		}
		return 0
	}
}

// runLnetctl is `lnetctl net show`, which comes with Lustre 2.7.
func runLnetctl(c *simhost.Call) int {
	if c.Host.Major() < 7 {
		return c.Fail(127, "sh: lnetctl: command not found")
	}
	if strings.Join(c.Args, " ") != "net show" {
		return c.Fail(1, "lnetctl: only net show is simulated")
	}
	c.Printf("net:\n    - net type: lo\n      local NI(s):\n        - nid: 0@lo\n          status: up\n")
	for _, nid := range nids(c.State, c.Host) {
		_, network, _ := strings.Cut(string(nid), "@")
		c.Printf("    - net type: %s\n      local NI(s):\n        - nid: %s\n          status: up\n", network, nid)
		address, _, _ := strings.Cut(string(nid), "@")
		for _, i := range interfacesOf(c.Host) {
			if slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Addr().String() == address }) {
				c.Printf("          interfaces:\n              0: %s\n", i.Name)
				break
			}
		}
	}
	return 0
}
