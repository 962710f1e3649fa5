package standin

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// fenceable is a node whose cibadmin shows both nodes with these attributes, and the switch.
func fenceable(t *testing.T, attributes map[string]string) *node {
	n := newNode(t, wire.OldRelease)
	var pairs strings.Builder
	for name, value := range attributes {
		fmt.Fprintf(&pairs, `<nvpair id="i-%s" name="%s" value="%s"/>`, name, name, value)
	}
	cib := `<cib><configuration><nodes><node id="1" uname="ct6-mds1"><instance_attributes id="n">` + pairs.String() +
		`</instance_attributes></node><node id="2" uname="ct6-mds2"/></nodes></configuration></cib>`
	n.progs = map[string]func(string, []string) (string, int){"cibadmin": func(_ string, args []string) (string, int) {
		require.Equal(t, []string{"--query", "--local"}, args)
		return cib, 0
	}}
	return n
}

func whole() map[string]string {
	return map[string]string{
		"0_fence_agent": "fence_virsh", "0_fence_ipaddr": FenceAddress, "0_fence_ipport": "22", "0_fence_login": FenceLogin,
		"0_fence_password": FencePassword, "0_fence_plug": "ct6-mds1",
	}
}

func TestFencingCutsThePower(t *testing.T) {
	n := fenceable(t, whole())
	require.Equal(t, "ct6-mds1,\n", n.ok("fence_chroma -o list"))
	r := n.run("crm_feature_set=3.16.2\naction=off\nnodename=ct6-mds1\nport=ct6-mds1\n", "fence_chroma")
	require.Zero(t, r.exit, r.err)
	n.ok("fence_chroma --action=reboot --plug=ct6-mds1.lfs.intl")
	n.ok("fence_chroma -o on -n ct6-mds1")
	n.ok("fence_chroma -n ct6-mds1") // the default is to reboot
	n.ok("fence_chroma -o status -n ct6-mds1")
	n.ok("fence_chroma -o monitor")
	var asked []string
	for _, q := range n.orders() {
		require.Equal(t, "ct6-mds1", q.Node)
		asked = append(asked, q.Op+" "+q.Action)
	}
	require.Equal(t, []string{"power off", "power reboot", "power on", "power reboot", "power status"}, asked)
	require.NotContains(t, n.read(agentLog), "cal", "the password is not for the log")
}

func TestFencingTakesThePlug(t *testing.T) {
	a := whole()
	a["0_fence_plug"] = "other-2"
	n := fenceable(t, a)
	n.refused(2, "", "fence_chroma -o status -n ct6-mds1") // which is off
	require.Equal(t, []wire.HardwareRequest{{Op: "power", Node: "other-2", Action: "status"}}, n.orders())
}

// TestFencingRefuses is a node whose attributes are not whole (H10), or wrong.
func TestFencingRefuses(t *testing.T) {
	spoil := func(name, value string) map[string]string {
		a := whole()
		a[name] = value
		if value == "" {
			delete(a, name)
		}
		return a
	}
	for name, c := range map[string]struct {
		attributes map[string]string
		says       string
	}{
		"no agent":       {spoil("0_fence_agent", ""), "N_fence_agent is missing"},
		"no address":     {spoil("0_fence_ipaddr", ""), "needs the attribute 0_fence_ipaddr"},
		"no password":    {spoil("0_fence_password", ""), "0_fence_password"},
		"no plug":        {spoil("0_fence_plug", ""), "0_fence_plug"},
		"wrong password": {spoil("0_fence_password", "cal"), "login failed"},
		"wrong login":    {spoil("0_fence_login", "admin"), "login failed"},
		"wrong address":  {spoil("0_fence_ipaddr", "192.168.0.9"), "unable to connect"},
		"wrong port":     {spoil("0_fence_ipport", "23"), "unable to connect"},
		"unknown agent":  {spoil("0_fence_agent", "fence_magic"), "no FenceAgent class"},
		"nothing":        {nil, "N_fence_agent is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			n := fenceable(t, c.attributes)
			r := n.run("action=reboot\nport=ct6-mds1\n", "fence_chroma")
			require.Equal(t, 1, r.exit)
			require.Contains(t, r.err, c.says)
			require.NotContains(t, r.err+r.out, FencePassword)
			require.Empty(t, n.orders())
		})
	}
	n := fenceable(t, whole())
	n.refused(1, "does not exist in pacemaker", "fence_chroma -o off -n nobody")
	n.refused(1, "does not exist in pacemaker", "fence_chroma -o off")
	n.refused(1, "N_fence_agent", "fence_chroma -o off -n ct6-mds2")
	n.refused(2, "invalid choice", "fence_chroma -o explode -n ct6-mds1")
	n.refused(2, "unrecognized", "fence_chroma --what ct6-mds1")
	n.refused(2, "expected one", "fence_chroma -o")
	n.refuse = "power"
	n.refused(1, "made to fail", "fence_chroma -o off -n ct6-mds1")
	n.progs["cibadmin"] = func(string, []string) (string, int) { return "", 102 }
	n.refused(1, "not started", "fence_chroma -o off -n ct6-mds1")
	n.refused(1, "not started", "fence_chroma -o list")
}

// TestFencingSparesStandby is IML's rule: a node in standby is left alone, and that is called success.
func TestFencingSparesStandby(t *testing.T) {
	a := whole()
	a["standby"] = "on"
	n := fenceable(t, a)
	n.ok("fence_chroma -o reboot -n ct6-mds1")
	require.Empty(t, n.orders())
	n.write(FenceStandbyFile, "")
	n.ok("fence_chroma -o reboot -n ct6-mds1")
	require.Len(t, n.orders(), 1)
}

func TestFenceMetadata(t *testing.T) {
	n := fenceable(t, nil)
	var meta struct {
		Actions []struct {
			Name string `xml:"name,attr"`
		} `xml:"actions>action"`
	}
	require.NoError(t, xml.Unmarshal([]byte(n.ok("fence_chroma -o metadata")), &meta))
	var names []string
	for _, a := range meta.Actions {
		names = append(names, a.Name)
	}
	require.Subset(t, names, []string{"off", "reboot", "on", "list", "monitor", "metadata"})
}

// FuzzFenceOrder reads any orders: an action or a node that was not given in so many words is never acted on.
func FuzzFenceOrder(f *testing.F) {
	f.Add("action=off\nport=ct6-mds1\n")
	f.Add("nodename=a\nplug=b=c\n=\noption=reboot")
	f.Add("crm_feature_set=3.16.1\r\naction")
	f.Fuzz(func(t *testing.T, text string) {
		order, err := (&call{stdin: strings.NewReader(text)}).fenceOrder()
		if err != nil {
			return
		}
		for name, value := range order {
			require.Contains(t, []string{"action", "port", "nodename"}, name)
			require.Contains(t, text, value)
		}
	})
}
