package standin

import (
	"bufio"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// runFenceIPMI is fence_ipmilan: each node has a power switch of its own, whose address is [BMC]. It takes its orders as
// Pacemaker gives them, "name=value" a line on standard input, or as "-o action".
//
// https://github.com/ClusterLabs/fence-agents/blob/main/doc/FenceAgentAPI.md
func runFenceIPMI(c *call) int {
	option := map[string]string{"action": "reboot"}
	for lines := bufio.NewScanner(c.stdin); len(c.args) == 0 && lines.Scan(); {
		if name, value, given := strings.Cut(strings.TrimSpace(lines.Text()), "="); given {
			option[name] = value
		}
	}
	if len(c.args) == 2 && c.args[0] == "-o" {
		option["action"] = c.args[1]
	}
	either := func(old, now string) string { // EL8 has new names for them, and takes the old ones
		if v, given := option[now]; given {
			return v
		}
		return option[old]
	}
	node, known := strings.CutSuffix(either("ipaddr", "ip"), bmcSuffix)
	switch action := option["action"]; {
	case action == "metadata":
		c.printf("%s", ipmiMetadata)
		return 0
	case !known:
		return c.fail(1, "fence_ipmilan: unable to connect to %q", either("ipaddr", "ip"))
	case either("login", "username") != FenceLogin, either("passwd", "password") != FencePassword:
		return c.fail(1, "fence_ipmilan: Unable to obtain correct plug status or plug is not available")
	default:
		if action == "monitor" {
			action = "status"
		}
		reply, err := c.ask(wire.HardwareRequest{Op: "power", Node: node, Action: action})
		switch {
		case err != nil:
			return c.fail(1, "fence_ipmilan: %s: %v", action, err)
		case option["action"] == "status" && reply.Power == "off":
			return 2
		}
		return 0
	}
}

const ipmiMetadata = `<?xml version="1.0" ?>
<resource-agent name="fence_ipmilan" shortdesc="Fence agent for IPMI">
<longdesc>A stand-in for fence_ipmilan: it cuts the power of the node of the lab that its address names.</longdesc>
<vendor-url></vendor-url>
<parameters>
<parameter name="action"><content type="string" default="reboot"/><shortdesc lang="en">Fencing action</shortdesc></parameter>
<parameter name="ipaddr" required="1"><content type="string"/><shortdesc lang="en">Address</shortdesc></parameter>
<parameter name="login"><content type="string"/><shortdesc lang="en">Login</shortdesc></parameter>
<parameter name="passwd"><content type="string"/><shortdesc lang="en">Password</shortdesc></parameter>
<parameter name="ip"><content type="string"/><shortdesc lang="en">Address</shortdesc></parameter>
<parameter name="username"><content type="string"/><shortdesc lang="en">Login</shortdesc></parameter>
<parameter name="password"><content type="string"/><shortdesc lang="en">Password</shortdesc></parameter>
<parameter name="port"><content type="string"/><shortdesc lang="en">Which node</shortdesc></parameter>
</parameters>
<actions>
<action name="on"/>
<action name="off"/>
<action name="reboot"/>
<action name="status"/>
<action name="monitor"/>
<action name="metadata"/>
</actions>
</resource-agent>
`
