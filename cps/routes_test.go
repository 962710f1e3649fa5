package cps_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// CPS-029: both forms of a route file.
func TestParseRoutes(t *testing.T) {
	in := "# Gx peers\r\n10.1.0.0/16 via 192.0.2.1 dev eth1\r\n\r\ndefault via 192.0.2.2 metric 100\n172.16.0.9 dev eth1 " +
		"src 192.0.2.9\n2001:db8::/32 via 2001:db8:1::1"
	r, err := cps.ParseRoutes(text("/tmp/route-eth1", in))
	require.NoError(t, err)
	require.Equal(t, in, printed(t, r))
	require.Equal(t, "eth1", r.Interface)
	require.Equal(t, []cps.Route{
		{To: netip.MustParsePrefix("10.1.0.0/16"), Via: netip.MustParseAddr("192.0.2.1"), Dev: "eth1", Line: 2},
		{To: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("192.0.2.2"), Options: []string{"metric", "100"}, Line: 4},
		{To: netip.MustParsePrefix("172.16.0.9/32"), Dev: "eth1", Options: []string{"src", "192.0.2.9"}, Line: 5},
		{To: netip.MustParsePrefix("2001:db8::/32"), Via: netip.MustParseAddr("2001:db8:1::1"), Line: 6},
	}, r.Rows)
	require.Empty(t, r.Findings())
	var shown []string
	for _, row := range r.Rows {
		shown = append(shown, r.Shown(row))
	}
	require.Equal(t, []string{"10.1.0.0/16 via 192.0.2.1 dev eth1", "default via 192.0.2.2 dev eth1", "172.16.0.9 dev eth1",
		"2001:db8::/32 via 2001:db8:1::1 dev eth1"}, shown)

	r, err = cps.ParseRoutes(text("route6-eth0.5",
		"ADDRESS0=10.1.0.0\nNETMASK0=255.255.0.0\nGATEWAY0='192.0.2.1'\nADDRESS1=0.0.0.0\nNETMASK1=0.0.0.0\nGATEWAY1=192.0.2.2\n"))
	require.NoError(t, err)
	require.Equal(t, "eth0.5", r.Interface)
	require.Equal(t, []cps.Route{
		{To: netip.MustParsePrefix("10.1.0.0/16"), Via: netip.MustParseAddr("192.0.2.1"), Line: 1},
		{To: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("192.0.2.2"), Line: 4},
	}, r.Rows)
	require.Empty(t, r.Findings())

	r, err = cps.ParseRoutes(text("route-eth1", "default via 2001:db8::1\n10.0.0.0/8 via 192.0.2.1 dev eth2\n10.0.0.0/8 via 192.0.2.3\n"))
	require.NoError(t, err)
	require.Equal(t, "::/0", r.Rows[0].To.String())
	require.Equal(t, "[route-eth1:2: error: 10.0.0.0/8 goes over eth2, and the file is for eth1 (CPS-029) "+
		"route-eth1:3: warning: 10.0.0.0/8 is also on line 2 (CPS-029)]", fmt.Sprint(r.Findings()))
}

func TestParseRoutesErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "r:1: no route",
		"# x\n":                                "r:1: no route",
		"10.0.0.0/8 via\n":                     `r:1:12: not understood in a route: near "via"`,
		"10.0.0.0/8 via eth0\n":                `r:1:16: column "via" is not an IP address`,
		"10.0.0.1/8 via 192.0.2.1\n":           "r:1:1: the destination has bits behind its netmask: 10.0.0.0/8 would be meant",
		"10.0.0.0/33 via 192.0.2.1\n":          "r:1:1: not the destination of a route",
		"via 192.0.2.1\n":                      "r:1:1: not the destination of a route",
		"10.0.0.0/8 via 2001:db8::1\n":         "r:1:1: destination and gateway are of two families",
		"10.0.0.0/8 via 192.0.2.1 via 1.1.1.1": "r:1:26: given twice",
		"10.0.0.0/8 dev a dev b":               "r:1:18: given twice",
		"10.0.0.0/8\n":                         "r:1:1: the route has neither a gateway nor an interface",
		"10.0.0.0/8 dev a; reboot":             `r:1:16: not understood in a route: near "a;"`,
		"10.0.0.0/8 dev a $(reboot)":           "r:1:18: not understood in a route",
		"fe80::1%eth0 via fe80::2\n":           "r:1:1: not the destination of a route",
		"ADDRESS0=10.0.0.0\nGATEWAY0=1.1.1.1":  "r:1:1: route 0 needs ADDRESS0 and NETMASK0",
		"ADDRESS0=10.0.0.0\nNETMASK0=8":        "r:1:1: route 0 needs",
		"ADDRESS0=2001::\nNETMASK0=255.0.0.0":  "r:1:1: route 0 needs",
		"ADDRESS0=10.0.0.1\nNETMASK0=255.0.0.0\nGATEWAY0=192.0.2.1":                         "r:1:1: the destination has bits behind",
		"ADDRESS0=10.0.0.0\nADDRESS0=11.0.0.0":                                              "r:2:1: given twice",
		"10.0.0.0/8 via 1.1.1.1\nADDRESS0=11.0.0.0\nNETMASK0=255.0.0.0\nGATEWAY0=192.0.2.1": "r:1:1: the file has routes in two forms",
		"default via 1.1.1.1\x00":                                                           "r:1:20: not a text file",
	} {
		_, err := cps.ParseRoutes(text("r", in))
		require.Error(t, err, in)
		requireError(t, err, want)
	}
}

// CPS-029: the VM can reach the gateways.
func TestReviewRoutes(t *testing.T) {
	d := deploy(t)
	host, ok := d.Hosts.ByAlias("lb01")
	require.True(t, ok)
	r, err := cps.ParseRoutes(text("route-eth1", "10.0.0.0/8 via 198.51.100.9\n10.1.0.0/16 via 198.51.101.9\n10.2.0.0/16 dev eth1\n"))
	require.NoError(t, err)
	require.Equal(t, "[route-eth1:2: error: 198.51.101.9 is in no network of lb01 (CPS-029)]", fmt.Sprint(r.Review(host, d)))
	require.Empty(t, r.Review(host, deploy(t, [3]string{"Vlans.csv", "", ""})), "where no table gives a netmask")
}

// Read the routes of an interface.
func ExampleParseRoutes() {
	r, err := cps.ParseRoutes(strings.NewReader("10.1.0.0/16 via 192.0.2.1 dev eth1\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Rows[0].To, r.Rows[0].Via, r.Rows[0].Dev)
	// Output:
	// 10.1.0.0/16 192.0.2.1 eth1
}

func FuzzParseRoutes(f *testing.F) {
	f.Add("10.1.0.0/16 via 192.0.2.1 dev eth1\r\ndefault via ::1\n")
	f.Add("ADDRESS0=10.1.0.0\nNETMASK0=255.255.0.0\nGATEWAY0='192.0.2.1'\n")
	f.Fuzz(func(t *testing.T, in string) {
		if r, err := cps.ParseRoutes(strings.NewReader(in)); err == nil {
			require.Equal(t, in, printed(t, r))
			require.NotEmpty(t, r.Rows)
			r.Findings()
		}
	})
}
