package pair

import (
	"strings"

	"github.com/evenkeel-ha/evenkeel/backup"
)

// notRestored are what a new system does not get back from the backup: its accounts and its clock are the installation's, and the others
// are Lustre's.
var notRestored = []backup.Group{backup.GroupUsers, backup.GroupNTP, backup.GroupLNet, backup.GroupAgent}

// Requirements are what the steps of an upgrade read from a node's backup, with the paths that are to be restored.
func Requirements(restore ...string) []backup.Requirement {
	reqs := []backup.Requirement{
		{Path: backup.ClusterConfigPath, Check: backup.NotEmpty, NeededBy: "making the cluster again"},
		{Path: "/etc/corosync/corosync.conf", Check: backup.NotEmpty, NeededBy: "making the cluster again"},
	}
	reqs = append(reqs, backup.Requirements(backup.RestoreServer("", backup.RestoreOptions{Skip: notRestored}))...)
	for _, path := range restore {
		reqs = append(reqs, backup.Requirement{Path: path, NeededBy: "restoring " + path})
	}
	return reqs
}

// name is what the unit is called where it is told of: all that moves as one.
func (u Unit) name() string { return strings.Join(u.Tops, ", ") }

// How says how a unit moves.
func (u Unit) How() string {
	switch {
	case u.PerNode:
		return "not at all: each node has its own"
	case u.Disabled != "":
		return "not at all: it is stopped, and stays so (" + u.Disabled + ")"
	case u.Unproven != "":
		return "when the whole old cluster has stopped: " + u.Unproven
	}
	return "by itself, when it is proven gone"
}
