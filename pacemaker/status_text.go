package pacemaker

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// String is the state in one line: "online, DC, standby, 3 resources".
func (n NodeStatus) String() string {
	words := []string{"offline"}
	if n.Online {
		words[0] = "online"
	}
	for _, f := range []struct {
		is   bool
		word string
	}{
		{n.IsDC, "DC"}, {n.Maintenance, "maintenance"}, {n.Pending, "pending"}, {n.Shutdown, "shutting down"}, {n.Standby, "standby"},
		{n.StandbyOnFail, "standby after a failure"}, {n.Unclean, "unclean"},
	} {
		if f.is {
			words = append(words, f.word)
		}
	}
	return fmt.Sprintf("%s, %s", strings.Join(words, ", "), printable.Count(n.Running, "resource"))
}

// away is why the node takes no resources, or soon none.
func (n NodeStatus) away() string {
	switch {
	case n.Unclean:
		return "unclean: it will be fenced"
	case !n.Online:
		return "offline"
	case n.Standby || n.StandbyOnFail:
		return "in standby"
	case n.Maintenance:
		return "in maintenance"
	case n.Pending || n.Shutdown:
		return "coming or going"
	case n.Health != "" && n.Health != "green":
		return "of health " + n.Health
	}
	return ""
}

// String is the state in one line: "Started on n1, unmanaged".
func (r ResourceStatus) String() string {
	text := r.Role
	if len(r.Nodes) > 0 {
		text += " on " + strings.Join(r.Nodes, ", ")
	}
	if strings.EqualFold(r.TargetRole, "Stopped") {
		text += ", disabled"
	}
	for _, flag := range r.flags() {
		text += ", " + flag
	}
	if r.Pending != "" {
		text += ", " + strings.ToLower(r.Pending)
	}
	return text
}

// flags is what is not as it should be with the resource.
func (r ResourceStatus) flags() []string {
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
