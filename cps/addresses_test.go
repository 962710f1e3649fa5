package cps_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

const ipAddr = `1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
1: lo    inet6 ::1/128 scope host \       valid_lft forever preferred_lft forever
2: eth0    inet 192.168.105.19/24 brd 192.168.105.255 scope global noprefixroute eth0\       valid_lft forever preferred_lft forever
2: eth0    inet 192.168.105.100/24 brd 192.168.105.255 scope global secondary eth0:0\       valid_lft forever preferred_lft forever
3: tun0@if4    inet 10.8.0.1 peer 10.8.0.2/32 scope global tun0\       valid_lft forever preferred_lft forever
`

// What is not in the list is not on the machine, so a list that is not whole is an error.
func TestParseAddresses(t *testing.T) {
	list, err := cps.ParseAddresses(text("ip", "2: eth0: <BROADCAST,UP> mtu 1500 \\    link/ether 52:54:00:12:34:56\n"+ipAddr))
	require.NoError(t, err)
	require.Equal(t, []cps.InterfaceAddress{
		{"lo", netip.MustParseAddr("127.0.0.1")}, {"lo", netip.MustParseAddr("::1")},
		{"eth0", netip.MustParseAddr("192.168.105.19")}, {"eth0", netip.MustParseAddr("192.168.105.100")},
		{"tun0", netip.MustParseAddr("10.8.0.1")},
	}, list)
	for name, tc := range map[string]struct{ in, want string }{
		"nothing":         {"", "not whole: the loopback address is not in it"},
		"cut off":         {ipAddr[:len(ipAddr)-20], "ip:5:1: the list is cut off in this line"},
		"no loopback":     {ipAddr[len(ipAddr)-110:], "not a line of ip -o addr show"},
		"another program": {"bash: ip: command not found\n", "ip:1:1: not a line of ip -o addr show"},
		"no address":      {"1: lo    inet here/8 scope host lo\n", "not an address"},
		"another form":    {"1: lo: <LOOPBACK,UP>\n    inet 127.0.0.1/8 scope host lo\n", "ip:2:1: not a line of ip -o addr show"},
	} {
		_, err := cps.ParseAddresses(text("ip", tc.in))
		require.ErrorContains(t, err, tc.want, name)
	}
}
