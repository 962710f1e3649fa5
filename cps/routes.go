package cps

import (
	"io"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Routes is a file with the static routes of an interface, route-<iface> or route6-<iface> in /etc/sysconfig/network-scripts. It is
// copied to the new VM that had it, before the network services are restarted (cps:880,1251).
type Routes struct {
	File      string // the name errors and findings give
	Interface string // by the name of the file; empty where that is not route-<iface>
	Rows      []Route
	hiddenText
}

// Route is one route.
type Route struct {
	To      netip.Prefix // 0.0.0.0/0 or ::/0 for default
	Via     netip.Addr   // not valid for a network that is reached directly
	Dev     string       // empty where the line does not give it
	Options []string     // what else the line says, as ip route reads it
	Line    int
}

var (
	routesName  = regexp.MustCompile(`^route6?-([\w.:-]+)$`)
	routeNumber = regexp.MustCompile(`^\s*(ADDRESS|NETMASK|GATEWAY)(\d+)=["']?([^"'\s]*)["']?\s*$`)
	routeOption = regexp.MustCompile(`^[\w.:/-]+$`)
)

// ParseRoutes reads such a file, in either of its forms: "10.0.0.0/8 via 192.168.1.1 dev eth0" as ip route reads it, or ADDRESS0,
// NETMASK0 and GATEWAY0. A destination or a gateway that is no address, a destination with bits behind its netmask, and a file with
// both forms are errors.
func ParseRoutes(r io.Reader) (*Routes, error) {
	src, err := readSource(r, "route-<iface>")
	if err != nil {
		return nil, err
	}
	t := &Routes{File: src.name, hiddenText: src.hidden()}
	if m := routesName.FindStringSubmatch(path.Base(src.name)); m != nil {
		t.Interface = m[1]
	}
	type numbered struct {
		line               sourceLine
		address, mask, via string
	}
	var order []string
	numbers := map[string]*numbered{}
	for _, l := range src.lines {
		text := strings.TrimSpace(l.text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if m := routeNumber.FindStringSubmatch(l.text); m != nil {
			n := numbers[m[2]]
			if n == nil {
				n = &numbered{line: l}
				numbers[m[2]], order = n, append(order, m[2])
			}
			into := map[string]*string{"ADDRESS": &n.address, "NETMASK": &n.mask, "GATEWAY": &n.via}[m[1]]
			if *into != "" {
				src.failAt(l, m[1]+m[2], "given twice")
			}
			*into = m[3]
			continue
		}
		t.readLine(src, l)
	}
	if len(order) > 0 && len(t.Rows) > 0 {
		src.failf(t.Rows[0].Line, 1, "", "the file has routes in two forms, of which only one is read")
	}
	for _, number := range order {
		n := numbers[number]
		addr, err := netip.ParseAddr(n.address)
		bits := maskBits(n.mask)
		if err != nil || !addr.Is4() || bits == 0 && n.mask != "0.0.0.0" || strings.Trim(n.mask, "0123456789") == "" {
			src.failf(n.line.no, 1, "", "route %s needs ADDRESS%s and NETMASK%s, an IPv4 address and its netmask", number, number, number)
			continue
		}
		t.add(src, n.line, Route{To: netip.PrefixFrom(addr, bits), Via: src.address(n.line, "GATEWAY"+number, n.via), Line: n.line.no})
	}
	if len(t.Rows) == 0 && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "no route")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return t, nil
}

// readLine reads a route as ip route takes it.
func (t *Routes) readLine(src *source, l sourceLine) {
	words := strings.Fields(l.text)
	route := Route{Line: l.no}
	if words[0] != "default" {
		var err error
		if route.To, err = netip.ParsePrefix(words[0]); err != nil {
			addr, err := netip.ParseAddr(words[0])
			if err != nil || addr.Zone() != "" {
				src.failAt(l, words[0], "not the destination of a route, such as 10.0.0.0/8 or default")
				return
			}
			route.To = netip.PrefixFrom(addr, addr.BitLen())
		}
	}
	for i := 1; i < len(words); i++ {
		switch word := words[i]; {
		case (word == "via" || word == "dev" || word == "table") && i+1 == len(words), !routeOption.MatchString(word):
			src.failAt(l, word, "not understood in a route")
			return
		case word == "via" && !route.Via.IsValid():
			i++
			if route.Via = src.address(l, "via", words[i]); !route.Via.IsValid() {
				return
			}
		case word == "dev" && route.Dev == "":
			i++
			if route.Dev = words[i]; !routeOption.MatchString(route.Dev) {
				src.failAt(l, route.Dev, "not understood in a route")
				return
			}
		case word == "via" || word == "dev":
			src.failf(l.no, strings.LastIndex(l.text, word)+1, word, "given twice")
			return
		default:
			route.Options = append(route.Options, word)
		}
	}
	if !route.To.IsValid() { // default
		route.To = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if route.Via.Is6() {
			route.To = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	t.add(src, l, route)
}

func (t *Routes) add(src *source, l sourceLine, route Route) {
	switch {
	case route.To != route.To.Masked():
		src.failf(l.no, 1, l.text, "the destination has bits behind its netmask: %s would be meant", route.To.Masked())
	case route.Via.IsValid() && route.Via.Is4() != route.To.Addr().Is4():
		src.failf(l.no, 1, l.text, "destination and gateway are of two families")
	case !route.Via.IsValid() && route.Dev == "" && t.Interface == "":
		src.failf(l.no, 1, l.text, "the route has neither a gateway nor an interface")
	default:
		t.Rows = append(t.Rows, route)
	}
}

// Findings reports a destination that is given twice and a route over another interface than that of the file.
func (t *Routes) Findings() []Finding {
	f := findings{file: t.File}
	seen := map[netip.Prefix]int{}
	for _, route := range t.Rows {
		if first := seen[route.To]; first != 0 {
			f.add(Warning, route.Line, "CPS-029", "%s is also on line %d", route.To, first)
		}
		seen[route.To] = route.Line
		if t.Interface != "" && route.Dev != "" && route.Dev != t.Interface {
			f.add(Error, route.Line, "CPS-029", "%s goes over %s, and the file is for %s", route.To, route.Dev, t.Interface)
		}
	}
	return f.list
}

// Table is the routing table that a route is for; empty for the one that "ip route show" shows.
func (r Route) Table() string {
	if i := slices.Index(r.Options, "table"); i >= 0 && i+1 < len(r.Options) && r.Options[i+1] != "main" && r.Options[i+1] != "254" {
		return r.Options[i+1]
	}
	return ""
}

// Shown is the beginning of the line by which "ip route show", of its table, shows a route of the file once it is in force:
// destination, gateway and interface.
func (t *Routes) Shown(r Route) string {
	text := r.To.String()
	switch {
	case r.To.Bits() == 0:
		text = "default"
	case r.To.IsSingleIP():
		text = r.To.Addr().String()
	}
	if r.Via.IsValid() {
		text += " via " + r.Via.String()
	}
	if r.Dev != "" {
		return text + " dev " + r.Dev
	}
	return text + " dev " + t.Interface
}

// Review checks that a VM can reach the gateways: each is in a network of the VM, which has the netmask that Vlans.csv gives.
func (t *Routes) Review(host Host, d *Deploy) []Finding {
	f := findings{file: t.File, list: t.Findings()}
	for _, route := range t.Rows {
		reached := !route.Via.IsValid()
		known := false
		for _, vlan := range d.vlans() {
			if addr, ok := host.Address(vlan.Name); ok && vlan.Bits > 0 {
				known, reached = true, reached || vlan.network(addr).Contains(route.Via)
			}
		}
		if known && !reached {
			f.add(Error, route.Line, "CPS-029", "%s is in no network of %s", route.Via, host.Alias)
		}
	}
	return f.list
}
