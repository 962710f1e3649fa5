package standin

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// The power switch that the node attributes of a lab have to name: the person who configured fencing knew these.
const (
	FenceAddress  = "192.168.0.1"
	FencePort     = "22"
	FenceLogin    = "root"
	FencePassword = "cal vin$1" // #nosec G101 -- of a switch that does not exist; a blank and a "$" break commands that do not quote (H13)
)

// FenceStandbyFile makes fence_chroma fence nodes in standby, too. IML's agent spares them and says that all went well.
const FenceStandbyFile = "/etc/fence-standby"

// fenceNeeds are the attributes without which an agent cannot be called, by the agent: the arguments that IML's class
// of that name has no default for.
var fenceNeeds = map[string][]string{
	"fence_virsh": {"login", "password", "plug", "ipaddr"},
	"fence_apc":   {"login", "password", "plug", "ipaddr"},
}

// runFence is fence_chroma. It takes its orders as Pacemaker gives them, "name=value" a line on standard input, or as
// arguments. What it does about a node says the node's attributes in the CIB: N_fence_agent and its like (lustre:1723).
//
// IML's agent does nothing at all, and calls that success, for a node that has no N_fence_agent; Pacemaker does not ask
// it about such a node, which the list leaves out. This one refuses, so that it cannot be believed by mistake (H2).
func runFence(c *call) int {
	o, err := c.fenceOrder()
	if err != nil {
		return c.fail(2, "fence_chroma: %v", err)
	}
	switch o["action"] {
	case "metadata":
		c.printf("%s", fenceMetadata)
		return 0
	case "monitor":
		return 0
	case "list":
		return c.fenceList()
	case "off", "on", "reboot", "", "status":
	default:
		return c.fail(2, "fence_chroma: argument -o/--option/--action: invalid choice: %q", o["action"])
	}
	action := o["action"]
	if action == "" {
		action = "reboot"
	}
	status, err := c.fence(action, o["port"])
	if err != nil {
		c.log("%s of %q: %v", action, o["port"], err)
		return c.fail(1, "fence_chroma: %s of %q: %v", action, o["port"], err)
	}
	return status
}

// fenceOrder reads what to do: action and port, under any of their names.
func (c *call) fenceOrder() (map[string]string, error) {
	names := map[string]string{
		"-o": "action", "option": "action", "action": "action", "-n": "port", "plug": "port", "port": "port", "nodename": "nodename",
	}
	order := map[string]string{}
	for i := 0; i < len(c.args); i++ {
		key, value, given := strings.Cut(strings.TrimPrefix(c.args[i], "--"), "=")
		name := names[key]
		if name == "" {
			return nil, fmt.Errorf("unrecognized argument: %s", key)
		}
		if !given {
			if i++; i == len(c.args) {
				return nil, fmt.Errorf("argument %s: expected one argument", key)
			}
			value = c.args[i]
		}
		order[name] = value
	}
	if len(c.args) == 0 {
		in := bufio.NewScanner(c.stdin)
		for in.Scan() {
			key, value, given := strings.Cut(strings.TrimSpace(in.Text()), "=")
			if name := names[key]; given && name != "" { // Pacemaker adds others, such as crm_feature_set
				order[name] = value
			}
		}
		if err := in.Err(); err != nil {
			return nil, err
		}
	}
	if order["port"] == "" {
		order["port"] = order["nodename"]
	}
	return order, nil
}

// device is one fence device of a node, from the attributes that begin with its number.
type device struct {
	number string
	option map[string]string
}

// usable says why the device could not be used.
func (d device) usable() error {
	agent := d.option["agent"]
	needs, known := fenceNeeds[agent]
	if !known {
		return fmt.Errorf("no FenceAgent class for %s", agent)
	}
	for _, name := range needs {
		if d.option[name] == "" {
			return fmt.Errorf("%s needs the attribute %s_fence_%s", agent, d.number, name)
		}
	}
	switch port := d.option["ipport"]; {
	case d.option["ipaddr"] != FenceAddress, port != "" && port != FencePort:
		return fmt.Errorf("%s: unable to connect to %s", agent, d.option["ipaddr"])
	case d.option["login"] != FenceLogin, d.option["password"] != FencePassword:
		return fmt.Errorf("%s: login failed: please check your credentials", agent)
	}
	return nil
}

// fence does to a node what its attributes say, and gives the exit status: for status 0 when the power is on, 2 when it is off.
func (c *call) fence(action, name string) (int, error) {
	nodes, err := c.clusterNodes()
	if err != nil {
		return 1, err
	}
	for _, n := range nodes {
		if short(n.Uname) != short(name) {
			continue
		}
		if n.inStandby() && action != "status" && !c.exists(FenceStandbyFile) {
			c.log("%s of %s: it is in standby, and spared", action, name)
			return 0, nil
		}
		devices := n.devices()
		if len(devices) == 0 {
			return 1, errors.New("the node has no fence agent: its attribute N_fence_agent is missing")
		}
		status := 0
		for _, d := range devices {
			reply, err := c.power(d, action)
			if err != nil {
				return 1, err
			}
			if action == "status" && reply.Power != "on" {
				status = 2
			}
		}
		c.log("%s of %s: done", action, name)
		return status, nil
	}
	return 1, errors.New("it does not exist in pacemaker")
}

// power turns the switch: the device's plug says whose.
func (c *call) power(d device, action string) (wire.HardwareAnswer, error) {
	if err := d.usable(); err != nil {
		return wire.HardwareAnswer{}, err
	}
	return c.ask(wire.HardwareRequest{Op: "power", Node: d.option["plug"], Action: action})
}

// fenceList prints the nodes that can be fenced: those with an agent. Pacemaker asks for it to know whom it may order to be fenced.
func (c *call) fenceList() int {
	nodes, err := c.clusterNodes()
	if err != nil {
		return c.fail(1, "fence_chroma: %v", err)
	}
	for _, n := range nodes {
		if len(n.devices()) > 0 {
			c.printf("%s,\n", n.Uname)
		}
	}
	return 0
}

// clusterNode is a node in the CIB.
type clusterNode struct {
	Uname      string `xml:"uname,attr"`
	Attributes []struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	} `xml:"instance_attributes>nvpair"`
}

// clusterNodes reads the nodes from this node's own copy of the CIB: the others may be why somebody is fenced.
func (c *call) clusterNodes() ([]clusterNode, error) {
	out, status := c.output("/usr/sbin/cibadmin", "--query", "--local")
	if status != 0 {
		return nil, fmt.Errorf("pacemaker is either unconfigured or not started: cibadmin: exit status %d", status)
	}
	var cib struct {
		Nodes []clusterNode `xml:"configuration>nodes>node"`
	}
	if err := xml.Unmarshal([]byte(out), &cib); err != nil {
		return nil, fmt.Errorf("the CIB cannot be read: %w", err)
	}
	return cib.Nodes, nil
}

// inStandby tells whether the node is in standby for good.
func (n clusterNode) inStandby() bool {
	for _, a := range n.Attributes {
		if a.Name == "standby" && (a.Value == "on" || a.Value == "true") {
			return true
		}
	}
	return false
}

// devices are the fence devices that have an agent, in the order of their agents.
func (n clusterNode) devices() []device {
	var out []device
	for _, a := range n.Attributes {
		number, isAgent := strings.CutSuffix(a.Name, "_fence_agent")
		if !isAgent {
			continue
		}
		d := device{number, map[string]string{}}
		for _, b := range n.Attributes {
			if name, ok := strings.CutPrefix(b.Name, number+"_fence_"); ok {
				d.option[name] = b.Value
			}
		}
		out = append(out, d)
	}
	return out
}

func short(name string) string {
	s, _, _ := strings.Cut(name, ".")
	return s
}

const fenceMetadata = `<?xml version="1.0" ?>
<resource-agent name="fence_chroma" shortdesc="Fence agent for Intel Manager for Lustre Storage Servers">
<longdesc>A stand-in for fence_chroma: it cuts the power of a node of the lab, as the node's attributes say.</longdesc>
<vendor-url>http://www.intel.com</vendor-url>
<parameters>
    <parameter name="action" unique="0" required="0">
        <getopt mixed="-o" />
        <content type="string" default="reboot" />
        <shortdesc lang="en">Fencing action (off, on, reboot, metadata, list, monitor, status)</shortdesc>
    </parameter>
    <parameter name="port" unique="0" required="0">
        <getopt mixed="-n, --plug=&lt;id&gt;" />
        <content type="string" />
        <shortdesc lang="en">Storage Server (machine name) to fence</shortdesc>
    </parameter>
</parameters>
<actions>
    <action name="reboot" />
    <action name="off" />
    <action name="on" />
    <action name="status" />
    <action name="metadata" />
    <action name="list" />
    <action name="monitor" />
</actions>
</resource-agent>
`
