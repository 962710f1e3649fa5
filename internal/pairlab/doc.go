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
// It needs root on a Debian with iproute2 and Go, and the network once, for the image of the nodes. It installs nothing
// on the machine, and leaves nothing there: processes, mounts, links and namespaces end with the supervisor, which ends
// with its owner, also when that is killed; only the image is kept, in the user's cache directory. Several labs may run
// at once.
//
// # What it is not
//
// The nodes are Debian underneath. A node says that it is CentOS 6.8 ([OldRelease]) or 7.3 ([NewRelease]), and what
// CentOS and Lustre have and Debian does not are stand-ins (package standin); there is no real Lustre, no disk below
// the file system, no systemd, D-Bus or journal (package initd). Both nodes share one kernel and one clock.
package pairlab
