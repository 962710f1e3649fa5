package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
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
		in.Add("node "+n.Name, "%s", nodeState(n))
	}
	for _, r := range s.Resources {
		in.Add(strings.Repeat("  ", len(r.Parents))+r.ID, "%s", resourceState(r))
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
	statusFindings(in, name, s)
}

func nodeState(n pacemaker.NodeStatus) string {
	state := []string{"offline"}
	if n.Online {
		state[0] = "online"
	}
	for word, is := range map[string]bool{
		"standby": n.Standby, "standby after a failure": n.StandbyOnFail, "maintenance": n.Maintenance, "pending": n.Pending,
		"unclean":       n.Unclean,
		"shutting down": n.Shutdown, "DC": n.IsDC,
	} {
		if is {
			state = append(state, word)
		}
	}
	slices.Sort(state[1:])
	return fmt.Sprintf("%s, %s", strings.Join(state, ", "), printable.Count(n.Running, "resource"))
}

func resourceState(r pacemaker.ResourceStatus) string {
	text := r.Role
	if len(r.Nodes) > 0 {
		text += " on " + strings.Join(r.Nodes, ", ")
	}
	if strings.EqualFold(r.TargetRole, "Stopped") {
		text += ", disabled"
	}
	for _, flag := range resourceFlags(r) {
		text += ", " + flag
	}
	if r.Pending != "" {
		text += ", " + strings.ToLower(r.Pending)
	}
	return text
}

// resourceFlags is what is not as it should be with a resource.
func resourceFlags(r pacemaker.ResourceStatus) []string {
	var flags []string
	for _, f := range []struct {
		is   bool
		word string
	}{{r.Failed, "failed"}, {r.Blocked, "blocked"}, {r.Orphaned, "orphaned"}, {!r.Managed, "unmanaged"}} {
		if f.is {
			flags = append(flags, f.word)
		}
	}
	return flags
}

func statusFindings(in *cli.Inspection, name string, s *pacemaker.Status) {
	switch {
	case !s.DC.Present:
		in.Find(name, "no node decides: the cluster has no DC")
	case !s.DC.Quorum:
		in.Find(name, "the cluster has no quorum")
	}
	if !s.FencingEnabled {
		in.Find(name, "fencing is off: nothing protects the targets from a node that hangs")
	}
	if s.MaintenanceMode {
		in.Find(name, "maintenance-mode is on")
	}
	if s.StopAll {
		in.Find(name, "stop-all-resources is on")
	}
	for _, n := range s.Nodes {
		switch {
		case n.Unclean:
			in.Find(name, "node %s is unclean: it will be fenced", n.Name)
		case !n.Online:
			in.Find(name, "node %s is offline", n.Name)
		case n.Standby || n.StandbyOnFail:
			in.Find(name, "node %s is in standby", n.Name)
		case n.Maintenance:
			in.Find(name, "node %s is in maintenance", n.Name)
		case n.Pending || n.Shutdown:
			in.Find(name, "node %s is coming or going", n.Name)
		case n.Health == "red" || n.Health == "yellow":
			in.Find(name, "the health of node %s is %s", n.Name, n.Health)
		}
	}
	for _, r := range s.Resources {
		resourceFindings(in, name, r)
	}
	for _, f := range s.Failures {
		in.Find(name, "%s failed on %s: %s", f.Operation, f.Node, strings.Trim(strings.Join([]string{f.ExitStatus, f.ExitReason}, ", "), ", "))
	}
	for _, e := range s.Fencing {
		if e.Status != "success" {
			in.Find(name, "fencing of %s is %s", e.Target, e.Status)
		}
	}
	for _, b := range s.Bans {
		if strings.HasPrefix(b.ID, "cli-") {
			in.Find(name, "constraint %s is left over from a move by hand", b.ID)
		}
	}
}

func resourceFindings(in *cli.Inspection, name string, r pacemaker.ResourceStatus) {
	if flags := resourceFlags(r); len(flags) > 0 {
		in.Find(name, "%s is %s", r.ID, strings.Join(flags, " and "))
	}
	if len(r.Nodes) > 1 {
		in.Find(name, "%s is active on %s", r.ID, strings.Join(r.Nodes, " and "))
	}
	if r.Role == "Stopped" && !strings.EqualFold(r.TargetRole, "Stopped") {
		in.Find(name, "%s", strings.TrimSuffix(r.ID+" is stopped on "+strings.Join(r.Nodes, " and "), " on "))
	}
}

// inspectRows reads the rows of resources that pcs and crm_mon print as text.
func inspectRows(in *cli.Inspection, name string, raw []byte) error {
	rows, err := pcs.ParseResourceRows(reader(name, raw))
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
			in.Add(strings.Repeat("  ", min(1, len(around)))+r.ID, "%s", resourceState(r))
			resourceFindings(in, name, r)
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
