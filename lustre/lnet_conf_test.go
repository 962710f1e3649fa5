package lustre_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

func lnetConf(t testing.TB, text string) *lustre.LNetConf {
	t.Helper()
	c, err := lustre.ParseLNetConf(strings.NewReader(text))
	require.NoError(t, err, text)
	return c
}

// LUS-012: a multi-rail configuration as lnetctl exports it; what is not known here is kept.
func TestLNetConfGolden(t *testing.T) {
	raw, err := os.ReadFile("testdata/lnet.conf")
	require.NoError(t, err)
	c := lnetConf(t, string(raw))
	var b strings.Builder
	for _, n := range c.NIs {
		fmt.Fprintf(&b, "%s: %v\n", n, n.Tunables)
	}
	for _, p := range c.Peers {
		fmt.Fprintf(&b, "peer %s, multi-rail %v: %v\n", p.Primary, p.MultiRail, p.NIDs)
	}
	for _, r := range c.Routes {
		fmt.Fprintf(&b, "route to %s by %s\n", r.Network, r.Gateway)
	}
	for _, o := range c.Other {
		fmt.Fprintf(&b, "%s: %q\n", o.Key, o.Value)
	}
	golden.Check(t, "lnet.conf.golden", b.String())
	require.Equal(t, []string{"bond0.120", "ib0", "ib1"}, c.Interfaces())
	faces := []lustre.Interface{{Name: "bond0.120", Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.120.11/24")}}}
	require.Equal(t, []lustre.NID{"0@lo", "10.20.0.11@o2ib", "10.20.1.11@o2ib", "192.168.120.11@tcp1"}, c.NIDs(faces))
	require.Len(t, c.NIDs(nil), 3, "an interface without an address has a NID that nobody knows")
	require.Empty(t, c.Missing(c))
	require.False(t, c.Empty())
}

// The forms beside that of the export: of import, of releases before 2.10, and of the package, which is all comments.
func TestLNetConfForms(t *testing.T) {
	for text, want := range map[string]string{
		"": "[]", "# nothing\n": "[]", "---\n": "[]", "net:\nroute:\npeer:\n": "[]",
		"net:\n - net type: tcp0\n   local NI(s):\n    - interfaces:\n       0: eth0\n    - interfaces: {0: 'eth1[0,1]'}\n":                               "[tcp on eth0 tcp on eth1]",
		"net:\n - net: tcp2\n   nid: 10.0.0.1@tcp2\n   status: up\n   interfaces:\n     0: eth0:1\n     1: eth1\n":                                        "[10.0.0.1@tcp2 on eth0, eth1]",
		"net:\n - net type: o2ib\n   local NI(s):\n    - {nid: 10.0.0.1@o2ib, interfaces: {0: ib0}}\n    - {nid: 10.0.0.2@o2ib0, interfaces: {0: ib0}}\n": "[10.0.0.1@o2ib on ib0 10.0.0.2@o2ib on ib0]",
	} {
		c := lnetConf(t, text)
		require.Equal(t, want, fmt.Sprint(c.NIs), text)
		require.Equal(t, want == "[]", c.Empty(), text)
	}
}

// Whatever a file configures, it is restored: routes, peers, and what is not known here.
func TestLNetConfWithoutNetworks(t *testing.T) {
	for _, text := range []string{"route:\n - {net: o2ib, gateway: 1@tcp}\n", "peer:\n - primary nid: 1@tcp\n",
		"ip2nets:\n - net-spec: tcp\n", "global: {discovery: 0}\n"} {
		require.False(t, lnetConf(t, text).Empty(), text)
	}
}

// What is of no known form is an error with its place, and never an empty list.
func TestLNetConfErrors(t *testing.T) {
	const ni, tcp = "net:\n - net type: tcp\n   local NI(s):\n", "net:\n - net type: tcp\n"
	for text, want := range map[string]string{
		"net:\n\t- x\n":                "lnet.conf:2:1: not one document",
		"- net\n":                      "lnet.conf:1:1: the file is no mapping",
		"hello\n":                      "lnet.conf:1:1: the file is no mapping",
		"net: tcp\n":                   `lnet.conf:1:6: net is no list: near "tcp"`,
		"net: {tcp: eth0}\n":           "lnet.conf:1:6: net is no list",
		"net:\n - tcp\n":               "lnet.conf:2:4: a network is no mapping",
		"net: []\nnet: []\n":           `the file has the key "net" twice`,
		"a: 1\n---\nb: 2\n":            "a second document",
		"net:\n - local NI(s): []\n":   "lnet.conf:2:4: a network has no name",
		tcp:                            "lnet.conf:2:4: network tcp has no interface",
		tcp + "   local NI(s): []\n":   "has no interface",
		tcp + "   local NI(s): eth0\n": "lnet.conf:3:17: local NI(s) is no list",
		tcp + "   nid: 10.0.0.1@tcp\n   local NI(s): [{nid: 10.0.0.2@tcp}]\n":      "of two forms",
		"net:\n - net type: tcp(eth0)\n":                                           "lnet.conf:2:14: net type: a network has its interfaces below",
		"net:\n - net type: 17\n":                                                  "is no network",
		"net:\n - net type: [tcp]\n":                                               "net type is no single value",
		ni + "    - eth0\n":                                                        "lnet.conf:4:7: an interface of tcp is no mapping",
		ni + "    - status: up\n":                                                  "has neither a NID nor interfaces",
		ni + "    - nid: 10.0.0.1\n":                                               `lnet.conf:4:12: nid: "10.0.0.1" is no NID`,
		ni + "    - nid: 10.0.0.1@o2ib\n":                                          "the NID 10.0.0.1@o2ib is not of the network tcp",
		ni + "    - nid: 1@tcp\n    - nid: 1@tcp0\n":                               "lnet.conf:5:7: the NID 1@tcp is there twice",
		ni + "    - interfaces: [eth0]\n":                                          "lnet.conf:4:19: interfaces is no mapping",
		ni + "    - interfaces: {a: eth0}\n":                                       `"a" is no number of an interface`,
		ni + "    - interfaces: {0: }\n":                                           "interfaces is no single value",
		ni + "    - interfaces: {0: 'eth0;reboot'}\n":                              "not the name of an interface",
		ni + "    - interfaces: {0: eth0, 1: eth0}\n":                              "on eth0 twice",
		ni + "    - interfaces: {0: eth0}\n    - interfaces: {0: eth0}\n":          "lnet.conf:5:7: network tcp is on eth0 twice",
		ni + "    - nid: 1@tcp\n      tunables: 8\n":                               "lnet.conf:5:17: tunables is no mapping",
		ni + "    - nid: 1@tcp\n      tunables: {credits: [8]}\n":                  "credits is no single value",
		ni + "    - &a\n      nid: 1@tcp\n    - *a\n":                              "is no mapping",
		"peer:\n - peer ni: []\n":                                                  "lnet.conf:2:4: a peer has no primary nid",
		"peer:\n - primary nid: 1@tcp\n   Multi-Rail: perhaps\n":                   "neither True nor False",
		"peer:\n - primary nid: 1@tcp\n   peer ni: [{state: NA}]\n":                "a peer ni has no nid",
		"peer:\n - primary nid: 1@tcp\n   peer ni: 1@tcp\n":                        "peer ni is no list",
		tcp + "   tunables: {credits: 8}\n   local NI(s): [{nid: 10.0.0.2@tcp}]\n": "of two forms",
		"route:\n - gateway: 1@tcp\n":                                              "lnet.conf:2:4: a route has no net, or no gateway",
		"route:\n - net: o2ib\n":                                                   "lnet.conf:2:4: a route has no net, or no gateway",
		"route:\n - {net: o2ib, gateway: 10.0.0.1}\n":                              "is no NID",
	} {
		c, err := lustre.ParseLNetConf(srcerr.Named("lnet.conf", strings.NewReader(text)))
		require.ErrorContains(t, err, want, text)
		require.Nil(t, c)
	}
}

// LUS-012: an interface that LNet has not again, or has for another network, is missing.
func TestLNetConfMissing(t *testing.T) {
	const two = "net:\n - net type: o2ib\n   local NI(s):\n    - {nid: 10.0.0.1@o2ib, interfaces: {0: ib0}}\n    - {interfaces: {0: ib1}}\n"
	c := lnetConf(t, two)
	for text, want := range map[string]string{
		two: "[]",
		strings.ReplaceAll(two, "    - {interfaces: {0: ib1}}\n", ""):                          "[o2ib on ib1]",
		strings.ReplaceAll(two, "ib1", "ib2"):                                                  "[o2ib on ib1]",
		strings.ReplaceAll(two, "ib0", "eth0"):                                                 "[10.0.0.1@o2ib on ib0]",
		strings.ReplaceAll(two, "10.0.0.1", "10.0.0.9"):                                        "[10.0.0.1@o2ib on ib0]",
		strings.ReplaceAll(two, "o2ib", "tcp"):                                                 "[10.0.0.1@o2ib on ib0 o2ib on ib1]",
		"net:\n - net type: lo\n   local NI(s):\n    - nid: 0@lo\n":                            "[10.0.0.1@o2ib on ib0 o2ib on ib1]",
		two + " - net type: tcp\n   local NI(s):\n    - {nid: 1@tcp, interfaces: {0: eth0}}\n": "[]",
	} {
		require.Equal(t, want, fmt.Sprint(c.Missing(lnetConf(t, text))), text)
	}
}

// What of a network is the same for the NID, for what is missing, and for what is kept, in whatever form it is said.
func TestLNetConfDetails(t *testing.T) {
	const ni = "net:\n - net type: %s\n   local NI(s):\n    - {interfaces: {0: ib0, 1: ib1}}\n"
	faces := []lustre.Interface{{Name: "ib0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}}}
	bonded := lnetConf(t, fmt.Sprintf(ni, "o2ib"))
	require.Empty(t, bonded.NIDs(faces), "of several interfaces nobody knows whose address it is")
	apart := lnetConf(t, "net:\n - net type: o2ib\n   local NI(s):\n    - {nid: 10.0.0.1@o2ib, interfaces: {0: ib0}}\n"+
		"    - {nid: 10.0.0.2@o2ib, interfaces: {0: ib1}}\n")
	require.Empty(t, bonded.Missing(apart), "a release shows one NI for each interface")
	require.Len(t, bonded.Missing(lnetConf(t, "net:\n - {net: o2ib, interfaces: {0: ib0}}\n")), 1)
	both := lnetConf(t, fmt.Sprintf(ni, "o2ib")+" - {net: o2ib1, interfaces: {0: ib0}}\n")
	require.Equal(t, []string{"ib0", "ib1"}, both.Interfaces(), "an interface may be in two networks")
	unplaced := lnetConf(t, "net:\n - {net: tcp, nid: 1@tcp}\n - {net: lo, nid: 0@lo}\n")
	require.Len(t, unplaced.Missing(apart), 1, "the loopback is everywhere")

	kept := lnetConf(t, strings.Replace(fmt.Sprintf(ni, "tcp"), "   local", "   CPT: \"[0,1]\"\n   local", 1)+
		"peer:\n - {primary nid: 1@tcp, health: 7, peer ni: [{nid: 1@tcp, state: up}]}\n"+
		"route:\n - {net: o2ib, gateway: 1@tcp, hop: 2}\n")
	require.Equal(t, []lustre.LNetSetting{{Key: "net tcp/CPT", Value: "[0,1]"}, {Key: "peer/health", Value: "7"}, {Key: "peer ni/state", Value: "up"},
		{Key: "route/hop", Value: "2"}}, kept.Other)
}

func FuzzLNetConf(f *testing.F) {
	raw, err := os.ReadFile("testdata/lnet.conf")
	require.NoError(f, err)
	for _, seed := range []string{string(raw), "", "net:\n - net type: tcp0\n   local NI(s):\n    - interfaces: {0: eth0}\n", "net: &a [*a]\n",
		"net:\n - net: tcp\n   nid: 1@tcp\n", "peer:\n - primary nid: 1@tcp\n", "route:\n - {net: o2ib, gateway: 1@tcp}\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := lustre.ParseLNetConf(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, n := range c.NIs {
			if n.Network == "" || n.NID == "" && len(n.Interfaces) == 0 {
				t.Fatalf("an interface of nothing: %+v", n)
			}
		}
		if m := c.Missing(c); len(m) > 0 {
			t.Fatalf("missing in itself: %v", m)
		}
		c.NIDs(nil)
	})
}
