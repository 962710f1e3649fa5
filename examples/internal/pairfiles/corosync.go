package pairfiles

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

func inspectCorosync(in *cli.Inspection, name string, raw []byte) error {
	conf, err := corosync.Parse(Reader(name, raw))
	if err != nil {
		return err
	}
	in.Kind = "corosync.conf"
	corosyncFacts(in, name, conf)
	return nil
}

// corosyncFacts shows what can be read, of every transport. A value that cannot is among the problems of the file, and so a finding.
func corosyncFacts(in *cli.Inspection, name string, conf *corosync.Conf) {
	totem, _ := conf.Totem()
	quorum, _ := conf.Quorum()
	nodes, _ := conf.NodeList()
	releases := conf.Releases()
	if releases.From > releases.To {
		in.Add("for corosync", "no release")
	} else {
		in.Add("for corosync", "%d to %d", releases.From, releases.To)
	}
	token := "by default"
	if totem.Token != 0 {
		token = fmt.Sprintf("%d ms", totem.Token)
	}
	in.Add("cluster", "%s, transport %s, token %s", orNone(totem.ClusterName), orNone(totem.Transport), token)
	if totem.RRPMode != "" {
		in.Add("rrp_mode", "%s", totem.RRPMode)
	}
	links := make(map[int]bool)
	for _, i := range totem.Interfaces {
		links[i.Ring] = true
		in.Add(fmt.Sprintf("ring %d", i.Ring), "%s", ring(i))
	}
	for _, n := range nodes {
		for link := range n.Addresses {
			links[link] = true
		}
	}
	for _, n := range nodes {
		var addresses []string
		for link := range corosync.MaxLinks {
			if a := n.Addresses[link]; a != "" {
				addresses = append(addresses, a)
			}
		}
		id := "no id"
		if n.ID != 0 {
			id = fmt.Sprintf("id %d", n.ID)
		}
		in.Add("node "+n.Name, "%s, %s", id, strings.Join(addresses, " "))
	}
	if quorum.Provider != "" {
		in.Add("quorum", "%s, two_node %s, wait_for_all %s", quorum.Provider, yesNo(quorum.TwoNode), yesNo(quorum.WaitForAll))
	}
	if ports, err := conf.Ports(); err == nil {
		texts := make([]string, len(ports))
		for i, p := range ports {
			texts[i] = p.String()
		}
		in.Add("firewall", "%s", strings.Join(texts, ", "))
	}
	if len(links) < 2 {
		in.Find(name, "there is one ring only: when it fails, both nodes fence each other")
	}
	for major := releases.To + 1; releases.From <= releases.To && major <= newestCorosync; major++ {
		for _, p := range conf.Refusals(major) {
			where, what := place(name, p)
			in.Add(fmt.Sprintf("corosync %d", major), "refuses it: %s: %s", where, what)
		}
	}
	for _, p := range conf.Problems() {
		where, what := place(name, p)
		in.Find(where, "%s", what)
	}
}

// newestCorosync is the newest release that one may move to.
const newestCorosync = 3

// ring is what an interface block says.
func ring(i corosync.Interface) string {
	parts := []string{orNone(i.BindNetAddr)}
	switch {
	case i.McastAddr != "":
		parts = append(parts, "multicast "+i.McastAddr)
	case i.Broadcast:
		parts = append(parts, "broadcast")
	}
	last := len(parts) - 1
	if i.McastPort != 0 {
		parts[last] += fmt.Sprintf(" port %d", i.McastPort)
	}
	if len(i.Members) > 0 {
		parts = append(parts, "members "+strings.Join(i.Members, " "))
	}
	return strings.Join(parts, ", ")
}
