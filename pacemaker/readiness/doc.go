// Package readiness says what of a Pacemaker pair a release of a distribution does not take, why, and what to do about it;
// and which ways lead there.
//
// [Check] takes what is known of the pair today: its CIB, its corosync.conf (or that it runs on CMAN), the packages of its
// nodes, and the agents that the target has. Its [Report] has findings (blockers, warnings and notes), each with the place
// in the input, the reason, the public document that says so, and the next step; what was not checked, since the input does
// not tell; and each of four ways with whether it is possible: rolling, two clusters, reattach, offline. [Ways] answers the
// last without a pair. Nothing that is not known counts as fine: a release that is not in the table is an error.
//
// The targets are EL 8, 9 and 10, SLES 15 and 16, and Debian 12 and 13. The facts are tables: releases.tsv, agents.tsv and
// rules.tsv; sources.tsv has the document of each. All of it is pure: files in, findings out.
//
// It agrees with what `crm cluster health sles16` checks; crmsh_test.go has each of its checks beside ours.
//
// # Gaps
//
// Where no public document was found, nothing is said:
//
//   - the newest CIB schema of EL 8, EL 9 and SLES 15, whose Pacemaker changes within the release: the report says "not
//     checked" where it matters (a CIB of schema 3.0 or later);
//   - the exact versions of each minor release and service pack; Pacemaker's minor number in EL 10 and SLES 16; the corosync of
//     SLES 12; the pcs of Debian 13;
//   - which agents EL 8, 9 and 10, SLES 15 and Debian leave out of upstream's packages, beside those of agents.tsv: give the
//     list of the target's agents;
//   - whether corosync 2 and 3 understand each other with udpu: they count as not;
//   - what Red Hat removed in RHEL 10 beyond what its list says before "the legacy role names", and which commands of pcs
//     scripts have to be changed; crypto policies of the systems;
//   - the lower bound of Pacemaker for SLES 16 is 2.1.7; a later crmsh takes less for some service packs;
//   - options of agents, fence agents and the services themselves (PostgreSQL, NFS), which their own documents have.
package readiness
