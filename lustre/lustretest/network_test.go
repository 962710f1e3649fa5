package lustretest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// A pair with files of its own has their interfaces and NIDs, and what its rings need beside them; the network stays over
// an installation, and LNet's parameters do not.
func TestTheNetworkIsTheSites(t *testing.T) {
	site := *lustretest.GuideSite(pcs.V09)
	site.Network = map[string]map[string]string{lustretest.Node1: {
		"/etc/sysconfig/network-scripts/ifcfg-bond0": "DEVICE=bond0\nIPADDR=\"192.168.1.77\"\nPREFIX=24\n",
		"/etc/sysconfig/network-scripts/ifcfg-ib0":   "DEVICE=ib0\nIPADDR=172.16.5.1\nNETMASK=255.255.0.0\n",
		"/etc/modprobe.d/lustre.conf":                "options lnet networks=\"o2ib0(ib0),tcp1(bond0)\"\n",
	}}
	site.Addresses = map[string][]string{lustretest.Node2: {"10.9.0.2"}}
	ty := newTypist(t, lustretest.Options{Site: &site})
	ip := ty.ok("1", "ip -o addr show up")
	for _, a := range []string{" 192.168.1.77/24 ", " 172.16.5.1/16 ", " 10.42.42.11/24 "} {
		require.Contains(t, ip, a)
	}
	require.NotContains(t, ip, "192.168.1.11", "ring 0 has an address already")
	require.Equal(t, "172.16.5.1@o2ib\n192.168.1.77@tcp1\n", ty.ok("1", "lctl list_nids"))
	require.Equal(t, "192.168.1.12@tcp\n", ty.ok("2", "lctl list_nids"))
	require.Contains(t, ty.ok("2", "ip -o addr show up"), " 10.9.0.2/24 ")
	require.Contains(t, ty.ok("1", "lctl dl"), "osd")
	res, err := ty.run("1", "lnetctl net show", "")
	require.Error(t, err)
	require.Equal(t, 127, res.ExitCode, "Lustre 2.5 has none")

	require.NoError(t, ty.p.InstallOS(lustretest.Node1))
	ty.p.Advance(1e12)
	require.Equal(t, ip, ty.ok("1", "ip -o addr show up"))
	require.NotContains(t, ty.ok("1", "ls /etc/modprobe.d"), "lustre.conf")
	require.NotContains(t, ty.ok("1", "cat /proc/modules"), "lustre")
}
