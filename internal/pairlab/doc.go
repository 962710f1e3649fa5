// Package pairlab is a real two-node Pacemaker pair on one Linux machine, for tests and for people: real corosync,
// pacemaker, pcs and sshd of Debian's own packages, in network, mount, uts, ipc and pid namespaces; power that can be
// cut, cables that can be pulled, disks that can be wiped, and storage that records outside the nodes what was mounted
// where and when.
//
//	lab, err := pairlab.Start(ctx, pairlab.Options{Dir: t.TempDir(), Targets: targets})
//	if errors.Is(err, pairlab.ErrUnavailable) {
//		t.Skip(err)
//	}
//	defer lab.Close()
//	err = pairlab.BuildOldCluster(ctx, lab, pairlab.SiteOptions{Targets: targets})
//
// The old cluster is one as IML made them, or ([Options.ByHand], [HandMadeTargets]) as people make them: targets of Lustre's own
// agents, on ldiskfs and in groups with their ZFS pools, health clones and their rules.
//
// A pair need not serve Lustre. With [Options.Services] the nodes are EL8, and EL9 is installed on them; [BuildServices] makes their
// cluster: a web site and a database, each in a group with its file system and its address, a clone on both nodes, and a resource of
// an agent of which nobody knows much. Whoever is outside uses them at [Lab.ServiceAddress].
//
// It needs root on a Debian with iproute2 and Go, and the network once, for the image of the nodes. It installs nothing
// on the machine, and leaves nothing there: processes, mounts, links and namespaces end with the supervisor, which ends
// with its owner, also when that is killed; only the image is kept, in the user's cache directory. Several labs may run
// at once.
//
// # What it is not
//
// The nodes are Debian underneath. A node says that it is CentOS 6.8 ([OldRelease]) or 7.3 ([NewRelease]), or AlmaLinux 8.10 or 9.4, and
// what those and Lustre have and Debian does not are stand-ins (package standin); there is no real Lustre, no disk below
// the file system, no systemd, D-Bus or journal (package initd): Pacemaker's resources of the class systemd cannot be had, those of lsb
// can. A shared disk with an ordinary file system is a directory that is bound, so its device has a number that no mount shows. Both
// nodes share one kernel and one clock.
package pairlab
