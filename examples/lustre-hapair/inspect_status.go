package main

import (
	"strings"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// statusFacts is what crm_mon says, and what is not as it should be before an upgrade.
func statusFacts(in *cli.Inspection, name string, s *pacemaker.Status) {
	in.Kind = "crm_mon status"
	if s.LastUpdate != "" {
		in.Add("as of", "%s", s.LastUpdate)
	}
	in.Add("DC", "%s, Pacemaker %s on %s", orNone(s.DC.Name), orNone(s.DC.Version), orNone(s.Stack))
	in.Add("quorum", "%s", yesNo(s.DC.Quorum))
	in.Add("fencing", "%s", onOff(s.FencingEnabled))
	in.Add("maintenance-mode", "%s", onOff(s.MaintenanceMode))
	for _, n := range s.Nodes {
		in.Add("node "+n.Name, "%s", n)
	}
	for _, r := range s.Resources {
		in.Add(strings.Repeat("  ", len(r.Parents))+r.ID, "%s", r)
	}
	for _, h := range s.History {
		if h.FailCount != "" && h.FailCount != "0" {
			in.Add("failures of "+h.Resource, "%s on %s", h.FailCount, h.Node)
		}
	}
	for _, e := range s.Fencing {
		in.Add("fenced", "%s of %s %s %s", e.Action, e.Target, e.Status, e.Completed)
	}
	for _, t := range s.Tickets {
		in.Add("ticket "+t.ID, "%s", t.Status)
	}
	for _, b := range s.Bans {
		in.Add("ban "+b.ID, "%s on %s (%s)", b.Resource, b.Node, b.Weight)
	}
	for _, h := range s.Hindrances() {
		in.Find(name, "%s", h)
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}
