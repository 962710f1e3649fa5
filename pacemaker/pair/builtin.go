package pair

import "github.com/evenkeel-ha/evenkeel/pacemaker"

// Builtin are the profiles of the usual agents. The parameters that they read are those of the agents' own metadata:
// https://github.com/ClusterLabs/resource-agents/tree/main/heartbeat .
func Builtin() Profiles {
	return Profiles{
		{Name: "filesystem", Agents: []string{"ocf:heartbeat:Filesystem"}, Of: filesystem},
		{Name: "address", Agents: []string{"ocf:heartbeat:IPaddr2", "ocf:heartbeat:IPaddr"}, Of: address},
		{Name: "zfs", Agents: []string{"ocf:heartbeat:ZFS", "ocf:chroma:ZFS"}, Of: zfs},
		{Name: "lvm", Agents: []string{"ocf:heartbeat:LVM-activate"}, Of: lvm},
		{Name: "drbd", Agents: []string{"ocf:linbit:drbd"}, Promotable: true, Of: drbd},
		{Name: "nfsserver", Agents: []string{"ocf:heartbeat:nfsserver"}, Of: nfsserver},
		{Name: "exportfs", Agents: []string{"ocf:heartbeat:exportfs"}, Of: exportfs},
		{Name: "postgresql", Agents: []string{"ocf:heartbeat:pgsql", "ocf:heartbeat:pgsqlms"}, Of: postgres},
		{Name: "systemd", Agents: []string{"systemd:"}, PerNode: true, Of: systemd},
		{Name: "lsb", Agents: []string{"lsb:", "service:"}, PerNode: true, Of: lsb},
		{Name: "watch", PerNode: true, Of: nothing, Agents: []string{"ocf:pacemaker:ping", "ocf:pacemaker:ClusterMon", "ocf:pacemaker:SysInfo",
			"ocf:pacemaker:HealthCPU", "ocf:heartbeat:ethmonitor", "ocf:heartbeat:MailTo", "ocf:pacemaker:Dummy", "ocf:heartbeat:Dummy"}},
	}
}

// nothing is what an agent holds that only looks at its node, or does nothing at all. It has nothing to be gone.
func nothing(pacemaker.Resource) (Traits, error) { return Traits{}, nil }
