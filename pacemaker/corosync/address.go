package corosync

import (
	"cmp"
	"math"
	"math/bits"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// ipVersion is the family that is in force.
func ipVersion(said, transport string) string {
	if said == "" && transport == "udp" {
		return "ipv4"
	}
	return cmp.Or(said, "ipv6-4")
}

// family is 4 or 6 for an address, and 0 for a name.
func family(s string) int {
	switch ip := address(s); {
	case ip == nil:
		return 0
	case strings.Contains(s, ":"):
		return 6
	}
	return 4
}

// address is what the C library takes for an address: 127.1, 010 and 0x7f000001 as well; nil for a name.
func address(s string) net.IP {
	plain, _, _ := strings.Cut(s, "%")
	if ip := net.ParseIP(plain); ip != nil {
		return ip
	}
	parts := strings.Split(s, ".")
	ip := make(net.IP, net.IPv4len)
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 0, 32)
		last := i == len(parts)-1
		if err != nil || i >= len(ip) || strings.ContainsAny(part, "_oObB+") || !last && n > math.MaxUint8 || last &&
			bits.Len64(n) > 8*(len(ip)-i) {
			return nil
		}
		if !last {
			ip[i] = byte(n)
			continue
		}
		for at := len(ip) - 1; at >= i; at-- { // the last fills up the rest
			ip[at], n = byte(n), n>>8
		}
	}
	return ip
}

// A name whose last label is a number is none: only an address can end so.
var (
	hostNameText = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	numeric      = regexp.MustCompile(`(?:^|\.)[0-9]+\.?$`)
)

func hostName(s string) bool { return hostNameText.MatchString(s) && !numeric.MatchString(s) }
