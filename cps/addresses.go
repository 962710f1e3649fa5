package cps

import (
	"errors"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// InterfaceAddress is an address that a machine has now.
type InterfaceAddress struct {
	Interface string // without its peer behind an @
	Addr      netip.Addr
}

// The lines of ip -o addr show: "2: eth0    inet 192.168.105.19/24 brd …". Old releases print the link, too.
var (
	addressLine = regexp.MustCompile(`^\d+: (\S+)\s+inet6? (\S+)(?: peer \S+)? `)
	linkLine    = regexp.MustCompile(`^\d+: \S+: <`)
)

// ParseAddresses reads "ip -o addr show" without a filter. An address that is absent from the list is taken to be
// absent from the machine, so the list must be whole: it ends with a line's end, and the loopback address is in it.
func ParseAddresses(r io.Reader) ([]InterfaceAddress, error) {
	src, err := readSource(r, "ip -o addr show")
	if err != nil {
		return nil, err
	}
	var list []InterfaceAddress
	for _, l := range src.lines {
		m := addressLine.FindStringSubmatch(l.text)
		switch {
		case l.eol == "":
			src.failf(l.no, 1, l.text, "the list is cut off in this line")
		case m != nil:
			text, _, _ := strings.Cut(m[2], "/")
			addr, err := netip.ParseAddr(text)
			if err != nil {
				src.failAt(l, m[2], "not an address")
			}
			name, _, _ := strings.Cut(m[1], "@")
			list = append(list, InterfaceAddress{name, addr})
		case !linkLine.MatchString(l.text):
			src.failf(l.no, 1, l.text, "not a line of ip -o addr show")
		}
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(list, func(a InterfaceAddress) bool { return a.Addr.IsLoopback() }) {
		return nil, errors.New("the list of ip -o addr show is not whole: the loopback address is not in it")
	}
	return list, nil
}
