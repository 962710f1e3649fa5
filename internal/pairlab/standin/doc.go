// Package standin is what a node of a lab has in place of the programs of CentOS, of Lustre and of Integrated Manager
// for Lustre (IML), which Debian does not have and a namespace cannot have. A node's root is a Debian; with [Furnish]
// and these programs it looks, to an upgrade, like a Lustre server.
//
// Each program acts on files of the node, so that the next one sees what the last one did, and prints and exits as the
// real one does as far as an upgrade looks:
//
//   - ocf:chroma:Target and fence_chroma, IML's agents. They ask the hardware, which is outside the node, over
//     [Socket]: the disks, which know where each target is mounted, and the power switch.
//   - ocf:lustre:Lustre, healthLNET, healthLUSTRE and fence_ipmilan, for a pair that people made: a target is mounted where the
//     parameters say, a data set only while its pool is imported; the health agents keep an attribute of their node by
//     the real attrd_updater. ocf:heartbeat:ZFS is Debian's own.
//   - yum, yum-config-manager, curl, rpm: packages are lines in a file. They come from the repositories that
//     /etc/yum.repos.d has, and need each other, as the real ones do, but bring almost nothing: the programs of a
//     package are there from the start and answer "command not found" until it is installed. The cluster software is
//     real, and is there from the start as well: before "yum install pacemaker" only the package is missing, not the
//     service.
//   - dkms, modprobe, rmmod, lsmod: modules of the kernel that a package would bring, built for the kernel that a node
//     was booted with ([Boot]), which "uname -r" names too. lctl and lnetctl know the node's NID.
//   - mount, umount, dnf, pcs, ocf:heartbeat:pgsql, pg_ctl, postgres and an init script nginx, for a pair that serves no Lustre: mount
//     and umount tell the hardware of the shared disks; dnf is yum with another catalogue; pcs is the real one, but on the old release
//     calls itself 0.10; the database answers "ready" to who connects. Filesystem, IPaddr2, ping and Delay are Debian's own.
//   - firewall-cmd keeps rules and filters nothing. ntpd sets no clock.
//   - service and chkconfig go through systemctl. shutdown, reboot, poweroff and halt signal the node's init. df shows
//     mounted targets, lctl their devices and how far their recovery is. zpool imports and exports pools, of which it tells
//     the hardware, and lists them and those of mounted targets: a pool that two nodes have imported is noticed outside
//     them, as a target is that two have mounted. genhostid makes the file that the real hostid reads,
//     passwd takes "--stdin".
//
// There is no SELinux, so no chcon.
package standin
