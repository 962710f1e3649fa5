package cps_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/cps"
)

const header = "Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Management,\n"

func guideHosts(t testing.TB) *cps.Hosts {
	t.Helper()
	h, err := cps.ParseHosts(text("Hosts.csv", fixture(t, "Hosts.csv.txt")))
	require.NoError(t, err)
	return h
}

// CPS-001, CPS-002, CPS-003.
func TestParseHostsGuide(t *testing.T) {
	h := guideHosts(t)
	require.Equal(t, []string{"Internal", "Management"}, h.Networks)
	require.Len(t, h.Rows, 10)
	require.Equal(t, []string{"lb01", "lb02", "sessionmgr01", "sessionmgr02", "qns01", "qns02", "qns03", "qns04",
		"pcrfclient01", "pcrfclient02"}, h.Aliases())

	lb, ok := h.ByAlias("lb02")
	require.True(t, ok)
	require.Equal(t, "esxi-host-4", lb.Hypervisor)
	require.Equal(t, "lb02", lb.Role)
	require.Equal(t, "datastore4", lb.Datastore)
	mgmt, ok := lb.Address("management")
	require.True(t, ok)
	require.Equal(t, "10.197.98.62", mgmt.String())

	sm, _ := h.ByAlias("sessionmgr01")
	require.Equal(t, "sm", sm.Role)
	_, ok = sm.Address("Management")
	require.False(t, ok, "an empty cell is no address")
	internal, ok := sm.Internal()
	require.True(t, ok)
	require.Equal(t, "192.168.105.15", internal.String())
	require.Empty(t, h.Findings())
}

// CPS-001: what is read is printed back, unknown network columns and all.
func TestHostsWriteToIsLossless(t *testing.T) {
	for name, in := range map[string]string{
		"guide": withoutPrompts(fixture(t, "Hosts.csv.txt")),
		"crlf, comments, blanks, quotes, more networks": "# VMs of site 1\r\n" +
			"Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Management,Gx,\"Rx, backup\",\r\n" +
			"esxi-1, lb01 ,lb01,lb01,\"data store, 3\",,192.168.105.13,,2345:f170:8306:8118:e0:208:0:0100,10.0.0.1,\r\n" +
			"\r\n,,,\r\n" +
			"esxi-2,lb02,lb02,lb02,ds4,,192.168.105.14",
	} {
		t.Run(name, func(t *testing.T) {
			h, err := cps.ParseHosts(text("Hosts.csv", in))
			require.NoError(t, err)
			require.Equal(t, in, printed(t, h))
		})
	}
}

func TestHostsEdit(t *testing.T) {
	h, err := cps.ParseHosts(text("Hosts.csv", header+"e1,lb01,lb01,lb01, ds3 ,,10.0.0.1,,\ne2,lb02,lb02,lb02,ds4,,10.0.0.2,,"))
	require.NoError(t, err)
	h.Rows[0].Datastore = "ds,9"
	h.Rows[1].Addresses["Management"] = netip.MustParseAddr("10.9.9.9")
	h.Rows = append(h.Rows, cps.Host{Hypervisor: "e1", Guest: "qns01", Role: "qps", Alias: "qns01", Datastore: "ds3",
		Addresses: map[string]netip.Addr{"Internal": netip.MustParseAddr("fd00::7")}})
	require.Equal(t, header+"e1,lb01,lb01,lb01,\"ds,9\",,10.0.0.1,,\ne2,lb02,lb02,lb02,ds4,,10.0.0.2,10.9.9.9,\n"+
		"e1,qns01,qps,qns01,ds3,,fd00:0:0:0:0:0:0:7,,\n", printed(t, h))
	h.Rows = h.Rows[1:]
	require.NotContains(t, printed(t, h), "lb01")
}

func TestParseHostsErrors(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", `Hosts.csv:1: no header row`},
		{"CPS-001 missing column", "Hypervisor Name,Guest Name,Role,Datastore,Networks -->,Internal,\n",
			`Hosts.csv:1: column "Alias" is missing`},
		{"missing arrow", "Hypervisor Name,Guest Name,Role,Alias,Datastore,Internal,\n", `Hosts.csv:1: column "Networks -->" is missing`},
		{"no network", "Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,\n", `column "Internal" is missing`},
		{"column twice", "Hypervisor Name,Guest Name,Role,Alias,Alias,Datastore,Networks -->,Internal\n", `column named twice: near "Alias"`},
		{"no rows", header, `Hosts.csv:1: no VM is listed`},
		{"alias twice", header + "e,a,lb,lb01,d,,10.0.0.1,,\ne,b,lb,lb01,d,,10.0.0.2,,\n",
			`Hosts.csv:3:8: alias given twice, first on line 2: near "lb01"`},
		{"not an address", header + "e,lb01,lb01,lb01,d,,10.0.0.256,,\n",
			`Hosts.csv:2:21: column "Internal" of lb01 is not an IP address: near "10.0.0.256"`},
		{"zone", header + "e,lb01,lb01,lb01,d,,fe80::1%eth0,,\n", `is not an IP address`},
		{"too wide", header + "e,lb01,lb01,lb01,d,,10.0.0.1,,,x\n", `row has 10 cells, the header 9`},
		{"too short", header + "e,lb01,lb01\n", `row ends after 3 cells, before column "Datastore"`},
		{"empty alias", header + "e,lb01,lb01,,d,,10.0.0.1,,\n", `column "Alias" is empty`},
		{"open quote", header + "e,\"lb01,lb01,lb01,d,,10.0.0.1,,\n", `a quoted cell is not closed`},
		{"bad alias", header + "e,lb01,lb01,lb 01,d,,10.0.0.1,,\n", `not an alias`},
		{"binary", "Hypervisor\x00", `Hosts.csv:1:11: not a text file`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cps.ParseHosts(text("Hosts.csv", tt.in))
			requireError(t, err, tt.want)
		})
	}
}

func TestParseHostsReportsAllErrors(t *testing.T) {
	_, err := cps.ParseHosts(text("Hosts.csv", header+"e,a,lb,lb01,d,,nonsense,,\ne,b,lb\n"))
	requireError(t, err, "Hosts.csv:2:")
	requireError(t, err, "Hosts.csv:3:")
}

func TestHostsFindings(t *testing.T) {
	h, err := cps.ParseHosts(text("Hosts.csv", header+
		"e,lb02,lb02,lb02,d,,10.0.0.2,,\n"+
		"e,lb01,lb01,lb01,d,,10.0.0.2,,\n"+
		"e,lb01,sm,sessionmgr01,d,,2345:f170:8306:8118::100,,\n"+
		"e,pc,pcrfclient01,perfcient01,d,,,2345:f170:8306:8118:e0:208:0:100,\n"))
	require.NoError(t, err)
	found := h.Findings()
	require.Equal(t, map[string]int{"CPS-004": 1, "CPS-031": 1, "CPS-044": 1, "CPS-002": 3}, rows(found))
	require.Contains(t, found[0].String(), "Hosts.csv:3: error: lb01 stands after lb02")
	for _, f := range found {
		if f.Row == "CPS-031" {
			require.Equal(t, "Hosts.csv:4", f.Where)
			require.Contains(t, f.What, "2345:f170:8306:8118:0:0:0:100")
		}
	}
}

// CPS-031: the form the guide shows is the one that is written.
func TestUncompressed(t *testing.T) {
	require.Equal(t, "2345:f170:8306:8118:e0:208:0:100", cps.Uncompressed(netip.MustParseAddr("2345:f170:8306:8118:e0:208::100")))
	require.Equal(t, "10.1.2.3", cps.Uncompressed(netip.MustParseAddr("10.1.2.3")))
	rapid.Check(t, func(t *rapid.T) {
		addr := netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "addr")))
		s := cps.Uncompressed(addr)
		if strings.Count(s, ":") != 7 || strings.Contains(s, "::") || netip.MustParseAddr(s) != addr {
			t.Fatalf("%s became %s", addr, s)
		}
	})
}

func FuzzParseHosts(f *testing.F) {
	f.Add(fixture(f, "Hosts.csv.txt"))
	f.Add(header + "e,lb01,lb01,\"lb\"\"01\",d,,::1,,\r\n#\n")
	f.Fuzz(func(t *testing.T, in string) {
		h, err := cps.ParseHosts(strings.NewReader(in))
		if err != nil {
			require.Nil(t, h)
			return
		}
		h.Findings()
		once := printed(t, h)
		again, err := cps.ParseHosts(strings.NewReader(once))
		require.NoError(t, err, "%q", once)
		require.Equal(t, once, printed(t, again))
		require.Equal(t, h.Aliases(), again.Aliases())
		if set1, set2, err := cps.SplitClusterSets(h); err == nil {
			require.Len(t, h.Rows, len(set1)+len(set2))
		}
	})
}
