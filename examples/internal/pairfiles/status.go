package pairfiles

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
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

// inspectRows reads the rows of resources that pcs and crm_mon print as text.
func inspectRows(in *cli.Inspection, name string, raw []byte) error {
	rows, err := pcs.ParseResourceRows(Reader(name, raw))
	if err != nil {
		return err
	}
	in.Kind = "rows of resources"
	outer := ""
	for _, row := range rows {
		around, kind := row.Group, "group"
		if row.Clone != "" {
			around, kind = row.Clone, "clone"
		}
		if around != outer && around != "" {
			in.Add(around, "%s", kind)
		}
		outer = around
		r, marks := rowStatus(row)
		all := []pacemaker.ResourceStatus{r}
		if row.Clone != "" && row.Agent == "" { // a list: one instance on each node
			all = nil
			for _, n := range row.Nodes {
				r.Nodes = []string{n}
				all = append(all, r)
			}
		}
		for _, r := range all {
			in.Add(strings.Repeat("  ", min(1, len(around)))+r.ID, "%s", r)
			for _, h := range r.Hindrances() {
				in.Find(name, "%s", h)
			}
			for _, mark := range marks {
				in.Find(name, "%s is marked as %s", r.ID, mark)
			}
		}
	}
	return nil
}

var laterRoles = strings.Fields("Started Stopped Starting Stopping Master Slave Promoted Unpromoted")

// rowStatus is what a row says, in the words of crm_mon's XML, and the marks that have no such word.
func rowStatus(row pcs.ResourceRow) (r pacemaker.ResourceStatus, marks []string) {
	r = pacemaker.ResourceStatus{ID: row.ID, Agent: row.Agent, Role: row.Role, Managed: true, Nodes: row.Nodes}
	for _, flag := range append([]string{row.Role}, row.Flags...) {
		target, isTarget := strings.CutPrefix(flag, "target-role:")
		switch {
		case isTarget:
			r.TargetRole = target
		case flag == "disabled":
			r.TargetRole = "Stopped"
		case flag == "FAILED":
			r.Failed = true
		case flag == "ORPHANED":
			r.Orphaned = true
		case flag == "blocked":
			r.Blocked = true
		case flag == "unmanaged", flag == "maintenance":
			r.Managed = false
		case flag == row.Role, flag == "promotable", flag == "unique":
		case slices.Contains(laterRoles, flag): // such as FAILED Promoted
			r.Role = flag
		default:
			marks = append(marks, flag)
		}
	}
	return r, marks
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
