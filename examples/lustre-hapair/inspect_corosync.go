package main

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

func inspectCorosync(in *cli.Inspection, name string, raw []byte) error {
	conf, err := corosync.Parse(reader(name, raw))
	if err != nil {
		return err
	}
	in.Kind = "corosync.conf"
	return corosyncFacts(in, name, conf)
}

func corosyncFacts(in *cli.Inspection, name string, conf *corosync.Conf) error {
	totem, err := conf.Totem()
	if err != nil {
		return err
	}
	rings, err := conf.Rings()
	if err != nil {
		return err
	}
	quorum, err := conf.Quorum()
	if err != nil {
		return err
	}
	nodes, err := conf.NodeList()
	if err != nil {
		return err
	}
	releases := conf.Releases()
	if releases.From > releases.To {
		in.Add("for corosync", "no release")
	} else {
		in.Add("for corosync", "%d to %d", releases.From, releases.To)
	}
	in.Add("cluster", "%s, transport %s, token %d ms", orNone(totem.ClusterName), orNone(totem.Transport), totem.Token)
	if totem.RRPMode != "" {
		in.Add("rrp_mode", "%s", totem.RRPMode)
	}
	for _, r := range rings {
		in.Add(fmt.Sprintf("ring %d", r.Ring), "%s, multicast %s port %d", r.BindNetAddr, r.McastAddr, r.McastPort)
	}
	for _, n := range nodes {
		var addresses []string
		for link := range 8 {
			if a := n.Addresses[link]; a != "" {
				addresses = append(addresses, a)
			}
		}
		in.Add("node "+n.Name, "id %d, %s", n.ID, strings.Join(addresses, " "))
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
	links := len(rings)
	for _, n := range nodes {
		links = max(links, len(n.Addresses))
	}
	if links < 2 {
		in.Find(name, "there is one ring only: when it fails, both nodes fence each other")
	}
	for _, p := range conf.Problems() {
		where, what := place(name, p)
		in.Find(where, "%s", what)
	}
	return nil
}
