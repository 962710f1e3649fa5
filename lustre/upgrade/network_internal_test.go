package upgrade

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre"
)

// LUS-043: the operator finds the network of a ring where the tool does, and nowhere else.
func TestANetworkIsFoundOnPaperAsByTheTool(t *testing.T) {
	for network, of := range map[string]map[string]bool{
		"10.10.0.0": {"10.10.5.3/16": true, "10.10.0.3/24": true, "10.11.0.3/16": false, "10.10.5.3/24": false, "10.100.0.1/16": false,
			"10.10.5.3 peer 10.10.9.9/16": true, "10.10.5.3 peer 10.10.9.9/32": false},
		"192.168.1.0":  {"192.168.1.11/24": true, "192.168.10.1/24": false, "192.168.1.11/32": false},
		"10.0.0.128":   {"10.0.0.200/25": true, "10.0.0.100/25": false},
		"172.16.0.0":   {"172.31.0.1/12": true, "fd00::1/12": false},
		"fd00::":       {"fd00::5/64": true, "fd00:0:0:1::5/64": false, "fd00:0:0:1::5/48": true, "fd01::5/64": false, "fe80::1/64": false},
		"2001:db8:5::": {"2001:db8:5:0:a::1/64": true, "2001:db8:50::1/48": false},
		"::":           {"::1/64": true, "1::/64": false},
	} {
		link := ringLink{network: netip.MustParseAddr(network)}
		for address, want := range of {
			family := "inet"
			if strings.Contains(address, ":") {
				family = "inet6"
			}
			text := "1: lo    inet 127.0.0.1/8 scope host lo\n2: eth1    " + family + " " + address + " scope global eth1\n"
			list, err := lustre.ParseIPAddr(strings.NewReader(text))
			require.NoError(t, err)
			require.Equal(t, want, link.on(list), "%s %s", network, address)
			cmd := exec.CommandContext(t.Context(), "bash", "-c", networkFunction+link.onPaper())
			cmd.Stdin = strings.NewReader(text)
			out, err := cmd.CombinedOutput()
			require.Equal(t, want, err == nil, "%s %s: %v %s", network, address, err, out)
			require.Empty(t, out)
		}
	}
}
