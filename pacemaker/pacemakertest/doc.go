// Package pacemakertest simulates Pacemaker and Corosync on the hosts of a simhost world, in three generations: EL6
// (corosync 1 with Pacemaker as a plugin, short node names that are also the ids) and EL7 (corosync 2, full names,
// numeric ids), both with pcs 0.9; and corosync 3 with Pacemaker 2.1 and pcs 0.10 and later (knet, names as the node
// list has them). What a host has is decided by Options.PCS.
//
// A cluster is the set of hosts whose daemons run on one corosync identity and that reach each other; two identities
// are two clusters that know nothing of one another, even on shared disks. With corosync 3 the identity is the key.
// Each host keeps its CIB on its own disk, where it survives a reboot but not a new operating system.
//
// [Install] adds the programs (pcs, cibadmin, crm_mon, crm_node, crm_attribute, crm_standby, crm_resource,
// stonith_admin, corosync-cfgtool) and the services (corosync, pacemaker, pcsd) to a registry; [New] makes the [Stack],
// the layer that holds what the daemons know. Resource agents are given as callbacks.
//
// # What is simulated
//
// Placement by target-role, is-managed, maintenance, standby, location scores, rules on node attributes, stickiness and
// failures, for primitives, groups of them, and anonymous clones of one; transient attributes of nodes; the probe of what
// runs already; starts and stops that take virtual time, as many at once as the throttle allows (H26); the wait
// of a first start, and a CIB put in place before it, which must belong to hacluster (H5); pcs's
// refusal of leftovers (H6); attributes of an absent node (H7); start-up fencing (H1), and two_node's wait for all
// nodes; fencing after an unclean loss, and IML's rule that a node in standby is never fenced; a firewall that keeps
// corosync apart (H16); stickiness (H17); rings that fail (H18); exit statuses (H19); an init system that pcs does not
// recognise (H4).
//
// Other clones, groups of groups, templates, and rules on dates or with inner rules are not: a CIB that has them is refused where it
// would come into force. A clone does not wait for another, and pcs shows of a group and a clone only what a runbook asks.
// Colocation and ordering are passed over. Of pcs 0.10 and 0.12 the words of 0.11 are known, with what is told apart by
// the release. A stop that fails is tried again, where Pacemaker would fence the node. A controller has told its limits
// when it joins, where Pacemaker's is held at half of them for up to 30 s.
//
// What a real pair answers to the same commands is compared by the tests with the build tag "integration", which make
// one (internal/pairlab).
package pacemakertest
