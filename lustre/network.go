package lustre

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Interface is a network interface with its addresses, each with the length of its network's prefix.
type Interface struct {
	Name      string
	Addresses []netip.Prefix
}

// HasAddress tells whether one of the interfaces has the address.
func HasAddress(list []Interface, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(i Interface) bool {
		return slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Addr() == a })
	})
}

// InNetwork is the first address whose network holds a, as corosync looks for the interface of a bindnetaddr. ok tells
// whether there is one.
func InNetwork(list []Interface, a netip.Addr) (found netip.Addr, ok bool) {
	for _, i := range list {
		for _, p := range i.Addresses {
			if p.Contains(a) {
				return p.Addr(), true
			}
		}
	}
	return netip.Addr{}, false
}

// ParseIPAddr reads what "ip -o addr" prints, with or without "show up": a line for each address, with the interface in
// its second field and the address in its fourth; a point-to-point address has the other end behind "peer". Lines about
// the link itself, which old releases print too, are left out. Output without any address is an error: each system has
// that of its loopback.
func ParseIPAddr(r io.Reader) ([]Interface, error) {
	var list []Interface
	err := eachLine(r, func(line string) error {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasSuffix(f[0], ":") {
			return errors.New("not a line of ip -o addr: it has no interface and no address")
		}
		if strings.HasSuffix(f[1], ":") || strings.HasPrefix(f[2], "link/") {
			return nil
		}
		if f[2] != "inet" && f[2] != "inet6" {
			return fmt.Errorf("%q is no family of addresses that is known here", f[2])
		}
		address := f[3]
		if len(f) > 5 && f[4] == "peer" && !strings.Contains(address, "/") {
			_, bits, _ := strings.Cut(f[5], "/")
			address += "/" + bits
		}
		p, err := netip.ParsePrefix(address)
		if err != nil {
			return err
		}
		list = withAddress(list, f[1], p)
		return nil
	})
	if err == nil && len(list) == 0 {
		err = srcerr.Errorf(srcerr.NameOf(r), 1, 1, "", "there is no address, not even that of the loopback")
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

func withAddress(list []Interface, name string, p netip.Prefix) []Interface {
	i := slices.IndexFunc(list, func(i Interface) bool { return i.Name == name })
	if i < 0 {
		return append(list, Interface{Name: name, Addresses: []netip.Prefix{p}})
	}
	list[i].Addresses = append(list[i].Addresses, p)
	return list
}

// ifcfgLine is a setting of a file below /etc/sysconfig/network-scripts.
var ifcfgLine = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(?:"([^"]*)"|'([^']*)'|([^\s#]*))\s*(?:#.*)?$`)

// ParseIfcfg reads an ifcfg file as initscripts do (lustre:465): IPADDR with NETMASK or PREFIX, and IPADDR0, IPADDR1 and
// so on for more addresses; a prefix that is not said is that of the address's class, as there. The interface's name is
// that of DEVICE; without it the name behind "ifcfg-". A file with no address, for DHCP, say, has none.
func ParseIfcfg(r io.Reader) (Interface, error) {
	set := map[string]string{}
	err := eachLine(r, func(line string) error {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			return nil
		}
		m := ifcfgLine.FindStringSubmatch(line)
		if m == nil {
			return errors.New("not a setting of an ifcfg file: NAME=value")
		}
		set[m[1]] = m[2] + m[3] + m[4]
		return nil
	})
	if err != nil {
		return Interface{}, err
	}
	i := Interface{Name: set["DEVICE"]}
	if i.Name == "" {
		_, i.Name, _ = strings.Cut(srcerr.NameOf(r), "ifcfg-")
	}
	for _, no := range slices.Concat([]string{""}, numbers(set)) {
		text := set["IPADDR"+no]
		if text == "" {
			continue
		}
		p, err := ifcfgAddress(text, set["PREFIX"+no], set["NETMASK"+no])
		if err != nil {
			return Interface{}, srcerr.Errorf(srcerr.NameOf(r), 1, 1, "", "IPADDR%s: %w", no, err)
		}
		i.Addresses = append(i.Addresses, p)
	}
	return i, nil
}

// numbers are those behind IPADDR, in order.
func numbers(set map[string]string) []string {
	var out []int
	for name := range set {
		if rest, ok := strings.CutPrefix(name, "IPADDR"); ok && rest != "" {
			if n, err := strconv.Atoi(rest); err == nil && n >= 0 {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	text := make([]string, len(out))
	for i, n := range out {
		text[i] = strconv.Itoa(n)
	}
	return text
}

func ifcfgAddress(text, prefix, mask string) (netip.Prefix, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return netip.Prefix{}, fmt.Errorf("%q is no IPv4 address", text)
	}
	bits := 24
	switch first := a.As4()[0]; {
	case first < 128:
		bits = 8
	case first < 192:
		bits = 16
	}
	switch {
	case prefix != "":
		if bits, err = strconv.Atoi(prefix); err != nil {
			return netip.Prefix{}, fmt.Errorf("the prefix %q is no number", prefix)
		}
	case mask != "":
		if bits, err = maskBits(mask); err != nil {
			return netip.Prefix{}, err
		}
	}
	if bits < 0 || bits > 32 {
		return netip.Prefix{}, fmt.Errorf("an IPv4 network has no prefix of %d bits", bits)
	}
	return netip.PrefixFrom(a, bits), nil
}

// maskBits is how many bits of a netmask are set; they must be the first ones.
func maskBits(mask string) (int, error) {
	m, err := netip.ParseAddr(mask)
	if err != nil || !m.Is4() {
		return 0, fmt.Errorf("%q is no netmask", mask)
	}
	b := m.As4()
	word := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	bits := 0
	for ; bits < 32 && word&(1<<31) != 0; bits++ {
		word <<= 1
	}
	if word != 0 {
		return 0, fmt.Errorf("%q is no netmask: its bits have a gap", mask)
	}
	return bits, nil
}

// eachLine gives each line that is not blank to a function, and puts the places to its errors.
func eachLine(r io.Reader, read func(string) error) error {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return err
	}
	var errs srcerr.List
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, "\r")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := read(line); err != nil {
			errs = append(errs, &ParseError{File: srcerr.NameOf(r), Line: i + 1, Col: 1, Near: line, Err: err})
		}
	}
	return errs.Err()
}
