// Package pacemakertest simulates Pacemaker and Corosync on the hosts of a simhost world, in two generations: EL6 (corosync 1 with
// Pacemaker as a plugin, short node names that are also the ids) and EL7 (corosync 2, full names, numeric ids), with pcs 0.9 on both.
//
// A cluster is the set of hosts whose daemons run on one corosync identity and that reach each other; two identities are two
// clusters that know nothing of one another, even on shared disks. Each host keeps its CIB on its own disk, where it survives a
// reboot but not a new operating system.
//
// [Install] adds the programs (pcs, cibadmin, crm_mon, crm_node, crm_attribute, crm_standby, crm_resource, stonith_admin, corosync-cfgtool) and the
// services (corosync, pacemaker, pcsd) to a registry; [New] makes the [Stack], the layer that holds what the daemons know. Resource agents are given as callbacks.
//
// # What is simulated
//
// Placement by target-role, is-managed, maintenance, standby, location scores, stickiness and failures, for plain primitives; starts and stops that take
// virtual time; the wait of a first start (H5); pcs's refusal of leftovers (H6); attributes of an absent node (H7); start-up fencing (H1); fencing after
// an unclean loss, and IML's rule that a node in standby is never fenced; a firewall that keeps corosync apart (H16); stickiness (H17); rings that
// fail (H18); exit statuses (H19); an init system that pcs does not recognise (H4).
//
// Groups, clones, templates and location rules are not: a CIB that has them is refused where it would come into force. Colocation and ordering are passed over.
package pacemakertest
