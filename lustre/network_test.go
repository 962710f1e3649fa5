package lustre_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// LUS-043: the addresses that a system has, and the networks that it had.
func TestParseIPAddr(t *testing.T) {
	list, err := lustre.ParseIPAddr(strings.NewReader(`1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN
1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
2: eth0    inet 192.168.1.11/24 brd 192.168.1.255 scope global eth0\       valid_lft forever
2: eth0    inet6 fe80::1/64 scope link \       valid_lft forever
5: tun0    inet 10.8.0.1 peer 10.8.0.2/32 scope global tun0
`))
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.True(t, lustre.HasAddress(list, netip.MustParseAddr("192.168.1.11")))
	require.True(t, lustre.HasAddress(list, netip.MustParseAddr("10.8.0.1")))
	require.False(t, lustre.HasAddress(list, netip.MustParseAddr("192.168.1.12")))
	a, ok := lustre.InNetwork(list, netip.MustParseAddr("192.168.1.0"))
	require.True(t, ok)
	require.Equal(t, "192.168.1.11", a.String())
	_, ok = lustre.InNetwork(list, netip.MustParseAddr("10.42.42.0"))
	require.False(t, ok)
	for _, bad := range []string{"", "\n", "ip: command not found\n", "1: lo    inet 127.0.0.1/33 scope\n", "1: lo    inet4 127.0.0.1/8 scope\n",
		"1: lo: <UP> mtu 1\n"} {
		_, err := lustre.ParseIPAddr(strings.NewReader(bad))
		require.Error(t, err, "%q", bad)
	}
}

func TestParseIfcfg(t *testing.T) {
	for text, want := range map[string]string{
		"DEVICE=eth0\nIPADDR=192.168.1.11\nNETMASK=255.255.255.0\n":                "eth0 192.168.1.11/24",
		"# a comment\nDEVICE=\"bond0\" # the ring\nIPADDR0='10.0.0.1'\nPREFIX0=28": "bond0 10.0.0.1/28",
		"IPADDR=10.0.0.1\n": "ring1 10.0.0.1/8",
		"DEVICE=eth0\nIPADDR=172.16.0.1\nIPADDR2=192.168.0.1\n":      "eth0 172.16.0.1/16 192.168.0.1/24",
		"DEVICE=eth0\nBOOTPROTO=dhcp\nBONDING_OPTS=\"mode=1 x=2\"\n": "eth0",
	} {
		i, err := lustre.ParseIfcfg(srcerr.Named("a!/etc/sysconfig/network-scripts/ifcfg-ring1", strings.NewReader(text)))
		require.NoError(t, err, text)
		got := i.Name
		for _, p := range i.Addresses {
			got += " " + p.String()
		}
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"IPADDR=10.0.0\n", "IPADDR=10.0.0.1\nNETMASK=255.0.255.0\n", "IPADDR=10.0.0.1\nPREFIX=33\n",
		"IPADDR=10.0.0.1\nPREFIX=x\n", "eth0 up\n", "IPADDR=::1\n", "IPADDR=10.0.0.1\nNETMASK=x\n"} {
		_, err := lustre.ParseIfcfg(strings.NewReader(bad))
		require.Error(t, err, bad)
	}
}

// LUS-012: LNet's parameters, in a file of any name, and the NIDs that come of them.
func TestLNetOptions(t *testing.T) {
	list := []lustre.Interface{{Name: "eth0", Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.11/24")}},
		{Name: "ib0", Addresses: []netip.Prefix{netip.MustParsePrefix("fe80::2/64"), netip.MustParsePrefix("10.0.0.1/16")}}, {Name: "ib1"}}
	for text, want := range map[string]string{
		"options lnet networks=tcp0(eth0)\n":                                     "192.168.1.11@tcp",
		"options lnet networks=\"tcp0(eth0), o2ib01(ib0,ib1)\" routes=\"x\"\n":   "192.168.1.11@tcp 10.0.0.1@o2ib1",
		"# IML\nalias x y\noptions lnet \\\n  networks='o2ib(ib0)[1]'\n":         "10.0.0.1@o2ib",
		"options lnet networks=tcp\n":                                            "?",
		"options lnet networks=tcp(eth7)\n":                                      "?",
		"options lnet networks=tcp(ib1)\n":                                       "?",
		"options lnet networks=gni\n":                                            "?",
		"options lnet ip2nets=\"tcp0(eth0) 192.168.*.*\"\n":                      "?",
		"options lnet accept=all # what comes\n":                                 "?",
		"options ko2iblnd peer_credits=8\noptions lnetx networks=tcp0(eth0)\n\n": "-",
		"": "-",
	} {
		o, ok, err := lustre.ParseLNetOptions(strings.NewReader(text))
		require.NoError(t, err, text)
		got := "-"
		if ok {
			nids, known := o.NIDs(list)
			words := make([]string, len(nids))
			for i, n := range nids {
				words[i] = string(n)
			}
			if got = strings.Join(words, " "); !known {
				got = "?"
			}
		}
		require.Equal(t, want, got, text)
	}
	for _, bad := range []string{"options lnet networks=tcp0(eth0\n", "options lnet networks\n", "options lnet networks=\"tcp0(eth0)\n",
		"options lnet networks=tcp ip2nets=x\n"} {
		_, _, err := lustre.ParseLNetOptions(strings.NewReader(bad))
		require.Error(t, err, bad)
	}
}

// LUS-012: a NID that is missing, or not up, is seen.
func TestNIDs(t *testing.T) {
	nids, err := lustre.ParseNIDs(strings.NewReader("192.168.1.11@tcp\n10.0.0.1@o2ib1\n10.0.0.2@tcp0\n"))
	require.NoError(t, err)
	require.Equal(t, []lustre.NID{"192.168.1.11@tcp", "10.0.0.1@o2ib1", "10.0.0.2@tcp"}, nids)
	require.Equal(t, []lustre.NID{"10.0.0.1@o2ib"}, lustre.MissingNIDs([]lustre.NID{"10.0.0.1@o2ib", "0@lo", "192.168.1.11@tcp"}, nids))
	for _, bad := range []string{"", "IOC_LIBCFS_GET_NI error 100: Network is down\n", "192.168.1.11\n"} {
		_, err := lustre.ParseNIDs(strings.NewReader(bad))
		require.Error(t, err, bad)
	}
	const modern = "net:\n    - net type: lo\n      local NI(s):\n        - nid: 0@lo\n          status: up\n    - net type: o2ib\n" +
		"      local NI(s):\n        - nid: 10.0.0.1@o2ib\n          status: down\n          interfaces:\n              0: ib0\n" +
		"        - nid: 10.0.0.2@o2ib\n          status: up\n"
	for text, want := range map[string][]lustre.LNetNI{
		modern: {{"0@lo", true}, {"10.0.0.1@o2ib", false}, {"10.0.0.2@o2ib", true}},
		"net:\n    - net: tcp\n      nid: 192.168.1.11@tcp\n      status: up\n      interfaces:\n          0: eth0\n": {{"192.168.1.11@tcp", true}},
	} {
		list, err := lustre.ParseLNetNet(strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, want, list)
	}
	for _, bad := range []string{"", "net:\n", "show:\n    - net:\n          errno: -100\n", "net:\n    - net type: tcp\n",
		"net:\n    - nid: x\n      status: up\n", "net:\n    - nid: 1@tcp\n      status: busy\n", "net: [\n"} {
		_, err := lustre.ParseLNetNet(strings.NewReader(bad))
		require.Error(t, err, bad)
	}
}

func FuzzNetwork(f *testing.F) {
	for _, seed := range []string{"1: lo    inet 127.0.0.1/8 scope host lo\n", "DEVICE=eth0\nIPADDR=10.0.0.1\n", "options lnet networks=tcp0(eth0)\n",
		"10.0.0.1@tcp\n", "net:\n    - nid: 1@tcp\n      status: up\n", "kernel 1-2\n", benignWarning} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in := func() *strings.Reader { return strings.NewReader(text) }
		if list, err := lustre.ParseIPAddr(in()); err == nil && len(list) == 0 {
			t.Fatal("no address was accepted")
		}
		if list, err := lustre.ParseNIDs(in()); err == nil && len(list) == 0 {
			t.Fatal("no NID was accepted")
		}
		if list, err := lustre.ParseLNetNet(in()); err == nil && len(list) == 0 {
			t.Fatal("no network was accepted")
		}
		i, _ := lustre.ParseIfcfg(in())
		o, _, _ := lustre.ParseLNetOptions(in())
		o.NIDs([]lustre.Interface{i})
		list, _ := lustre.ParseBuilds(in())
		_, _ = lustre.CheckKernel(list, "")
		_, _ = lustre.ReadInstall(in())
	})
}
