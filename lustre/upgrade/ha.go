package upgrade

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// haStep installs the cluster software (lustre:800-858, 1535-1596).
func (n *node) haStep(ref string) evenkeel.Step {
	password := evenkeel.Do("password", "Set the password of hacluster", "passwd", "--stdin", "hacluster")
	password.Cmd.Stdin = sshexec.SecretText(n.Config.Password + "\n")
	password.Cmd.Mask = []sshexec.Secret{n.Config.Password}
	actions := []evenkeel.Action{
		installing(evenkeel.Do("install", "Install the cluster software", "yum", "-y", "install", "pcs", "pacemaker", "corosync",
			"fence-agents").From("lustre:805"), "pcs", "pacemaker", "corosync"),
		showsText(evenkeel.Look("hacluster", "Verify that the user hacluster is there", "id", "hacluster").
			Expecting("uid=189(hacluster)", evenkeel.Contains("(hacluster)")), "(hacluster)").From("lustre:811"),
		password.From("lustre:820"),
	}
	actions = append(actions, n.firewall()...)
	actions = append(actions,
		// At boot first, unlike in the guide: a node that loses power between the two comes back with it.
		evenkeel.Do("pcsd-boot", "Start pcsd at boot", "systemctl", "enable", "pcsd.service").From("lustre:852"),
		evenkeel.Do("pcsd", "Start pcsd", "systemctl", "start", "pcsd.service").From("lustre:851"))
	return evenkeel.Step{
		ID: n.id("ha"), Title: "Install the cluster software on " + n.Name, Host: n.Name, Ref: ref, Actions: actions, Irreversible: n.gone(),
		Verify: []evenkeel.Action{shows(evenkeel.Look("pcsd-active", "Verify that pcsd runs", "systemctl", "is-active", "pcsd.service").
			Expecting("active", evenkeel.Says("active")), "", "active").From("lustre:857")},
	}
}

// firewall opens what the cluster needs: the service, and the ports that corosync.conf names, which the service does
// not know (H16, PCM-055).
func (n *node) firewall() []evenkeel.Action {
	if n.Config.DisableFirewall {
		return []evenkeel.Action{
			evenkeel.Do("firewall-stop", "Stop the firewall", "systemctl", "stop", "firewalld").From("lustre:844"),
			evenkeel.Do("firewall-boot", "Keep the firewall from starting at boot", "systemctl", "disable", "firewalld").From("lustre:845"),
		}
	}
	rules := []string{"--add-service=high-availability"}
	for _, port := range n.ports {
		rules = append(rules, "--add-port="+port)
	}
	var actions []evenkeel.Action
	for i, rule := range rules {
		no := strconv.Itoa(i + 1)
		actions = append(actions,
			evenkeel.Do("firewall-"+no, "Open the firewall for good: "+rule, "firewall-cmd", "--permanent", rule).From("lustre:829"),
			evenkeel.Do("firewall-now-"+no, "Open the firewall now: "+rule, "firewall-cmd", rule).From("lustre:830"))
	}
	return append(actions,
		shows(evenkeel.Look("firewall-list", "Verify that the firewall lets the cluster through", "firewall-cmd", "--list-services").
			Expecting("high-availability", evenkeel.Succeeding(func(o evenkeel.Observed) error {
				if !slices.Contains(strings.Fields(string(o.Stdout)), "high-availability") {
					return fmt.Errorf("the service high-availability is not open: %q", o.Text())
				}
				return nil
			})), `| tr ' ' '\n' | grep -xF high-availability`, "high-availability").From("lustre:838"),
		n.showsPorts(evenkeel.Look("firewall-ports", "Verify that the firewall lets corosync through (H16)", "firewall-cmd",
			"--list-ports").Expecting("the ports that corosync.conf names", evenkeel.Succeeding(n.portsOpen))))
}

// showsPorts has the operator look for the ports.
func (n *node) showsPorts(a evenkeel.Action) evenkeel.Action {
	if len(n.ports) == 0 {
		return a
	}
	return shows(a, "| tr ' ' '\\n' | grep -xE "+shellescape.Quote(strings.Join(n.ports, "|"))+" | sort",
		slices.Sorted(slices.Values(n.ports))...)
}

// portsOpen wants the ports that corosync.conf names among those that the firewall lists.
func (n *node) portsOpen(o evenkeel.Observed) error {
	open := strings.Fields(string(o.Stdout))
	for _, port := range n.ports {
		if !slices.Contains(open, port) {
			return fmt.Errorf("port %s is closed: the nodes would not see each other", port)
		}
	}
	return nil
}

// mountPoints makes the directories that the targets are mounted on: without one the resource agent fails (lustre:1064).
func (n *node) mountPoints(ref string) []evenkeel.Action {
	var actions []evenkeel.Action
	for _, t := range n.Targets {
		actions = append(actions, evenkeel.Do("mkdir-"+t.Resource, "Make the mount point of "+t.Resource, "mkdir", "-p", t.Mount).From(ref))
	}
	return actions
}

// startAgent starts IML's agent, where it is there, and loads Lustre's modules, which the targets need (lustre:1104-1118).
func (n *node) startAgent(ref string) []evenkeel.Action {
	modules := evenkeel.Do("modules", "Load Lustre's modules", "modprobe", "lustre").From(ref)
	if n.Config.Manager == "" {
		return []evenkeel.Action{modules}
	}
	is := func(id, title, verb, word string) evenkeel.Action {
		return shows(evenkeel.Look(id, title, "systemctl", verb, "chroma-agent").Expecting(word, evenkeel.Says(word)), "", word).From(ref)
	}
	return []evenkeel.Action{
		evenkeel.Do("agent-boot", "Start the agent at boot", "systemctl", "enable", "chroma-agent").From(ref),
		evenkeel.Do("agent-start", "Start the agent", "systemctl", "start", "chroma-agent").From(ref),
		is("agent-active", "Verify that the agent runs", "is-active", "active"),
		is("agent-enabled", "Verify that the agent starts at boot", "is-enabled", "enabled"),
		modules,
	}
}
