package pair_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

const (
	mounts = "22 1 253:0 / / rw shared:1 - xfs /dev/mapper/root rw\n23 22 0:21 / /proc rw,relatime - proc proc rw\n"
	nodev  = "directory /srv/nfs\ndevice -\n"
	sdb1   = "directory /srv/nfs\ndevice 8:11\n"
	table  = "Ss   /sbin/init\nS    [kthreadd]\nR+   ps -e -o stat= -o args=\n"
	tree   = "1 0 /sbin/init\n2 0 [kthreadd]\n9 3 ps -e -o pid= -o ppid= -o args=\n"
	lo     = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
)

// answers are what the looks of each profile may be told. found is what each means; 0 is an error.
var answers = []struct {
	resource string
	look     int // which of its proofs
	status   int
	out, err string
	found    pair.Found
}{
	{disk, 0, 0, mounts + nodev, "", pair.Absent},
	{disk, 0, 0, mounts + sdb1, "", pair.Absent},
	{disk, 0, 0, mounts + "40 22 8:17 / /srv/nfs rw - xfs /dev/sdb1 rw\n" + sdb1, "", pair.Present},
	{disk, 0, 0, mounts + "40 22 8:33 / /srv/nfs rw - xfs /dev/mapper/x rw\n" + sdb1, "", pair.Present}, // another one
	{disk, 0, 0, mounts + "40 22 8:17 / /mnt rw - xfs /dev/mapper/x rw\n" + sdb1, "", pair.Present},     // elsewhere, by another name
	{disk, 0, 0, mounts + "40 22 8:17 /info /var/lib/nfs rw - xfs /dev/mapper/x rw\n" + sdb1, "", pair.Present},
	{disk, 0, 0, mounts + "40 22 8:33 / /data/nfs rw - xfs /dev/sdc1 rw\ndirectory /data/nfs\ndevice 8:11\n", "",
		pair.Present}, // a link
	{disk, 0, 0, mounts + "40 22 8:18 / /srv/nfs2 rw - xfs /dev/sdb2 rw\n" + sdb1, "", pair.Absent},
	{strings.Replace(disk, "/srv/nfs", "/srv/my nfs/", 1), 0, 0, mounts + "40 22 8:33 / /srv/my\\040nfs rw - xfs /dev/sdx rw\n" + sdb1, "",
		pair.Present},
	{strings.Replace(disk, "/dev/sdb1", "nas:/srv", 1), 0, 0, mounts + "40 22 0:40 / /mnt rw - nfs4 nas:/srv rw\n" + nodev, "", pair.Present},
	{disk, 0, 0, "23 22 0:21 / /proc rw,relatime - proc proc rw\n" + nodev, "", 0}, // not the whole table
	{disk, 0, 0, mounts, "", 0},
	{disk, 0, 0, mounts + "directory /srv/nfs\n", "", 0},
	{disk, 0, 0, mounts + "directory /srv/nfs\ndevice 0:0\n", "", 0}, // of a file
	{disk, 0, 0, mounts + "40 22 8:17 / /srv\n" + sdb1, "", 0},
	{disk, 0, 1, mounts + nodev, "cat: read error", 0},
	{bound, 0, 0, mounts + "40 22 8:17 /www /var/www rw - xfs /dev/sdb1 rw\ndirectory /var/www\ndevice -\n", "", pair.Present},
	{bound, 0, 0, mounts + "40 22 8:17 / /srv/nfs rw - xfs /dev/sdb1 rw\ndirectory /var/www\ndevice -\n", "", pair.Absent},
	{disk, 1, 0, table, "", pair.Absent},
	{disk, 1, 0, "D    umount /srv/nfs\n" + table, "", pair.Perhaps},
	{disk, 1, 0, "D    umount -l /dev/sdb1\n" + table, "", pair.Perhaps},
	{disk, 1, 0, "D    umount -R /srv\n" + table, "", pair.Perhaps},
	{disk, 1, 0, "S    /bin/sh /usr/lib/ocf/resource.d/heartbeat/Filesystem stop\n" + table, "", pair.Perhaps},
	{disk, 1, 0, "D    umount /home\n" + table, "", pair.Absent},
	{disk, 1, 0, "D    umount /dev/dm-3\n" + table, "", pair.Perhaps}, // which one that is cannot be told
	{disk, 1, 0, "Z    [umount] <defunct> umount /srv/nfs\n" + table, "", pair.Absent},
	{disk, 1, 0, "Ss   /sbin/init\n", "", 0},

	{vip, 0, 0, lo, "", pair.Absent},
	{vip, 0, 0, lo + "2: eth0    inet 10.0.0.10/24 brd 10.0.0.255 scope global eth0\\  valid_lft forever\n", "", pair.Present},
	{vip, 0, 0, lo + "2: eth0    inet 10.0.0.100/24 brd 10.0.0.255 scope global eth0\\  valid_lft forever\n", "", pair.Absent},
	{vip, 0, 0, lo + "2: eth0    inet 10.0.0.10 peer 10.0.0.11/32 scope global eth0\n", "", pair.Present},
	{strings.Replace(vip, "10.0.0.10", "fd00:0::10", 1), 0, 0, lo + "2: eth0    inet6 fd00::10/64 scope global \\ valid_lft forever\n",
		"", pair.Present},
	{vip, 0, 0, "2: eth0    inet 10.0.0.11/24 scope global eth0\n", "", 0}, // where is the loopback address?
	{vip, 0, 0, lo + "2: eth0    inet 10.0.0\n", "", 0},
	{vip, 0, 127, "", "ip: command not found", 0},

	{primitive("z", "ocf:heartbeat:ZFS", "pool=tank"), 0, 0, "NAME\ntank\n", "", pair.Present},
	{primitive("z", "ocf:heartbeat:ZFS", "pool=tank"), 0, 0, "NAME\ntank2\n", "", pair.Absent},
	{primitive("z", "ocf:heartbeat:ZFS", "pool=tank"), 0, 0, "no pools available\n", "", pair.Absent},
	{primitive("z", "ocf:heartbeat:ZFS", "pool=tank"), 0, 1, "", "The ZFS modules are not loaded.\nTry …", pair.Absent},
	{primitive("z", "ocf:heartbeat:ZFS", "pool=tank"), 0, 1, "", "cannot open '/dev/zfs': Permission denied", 0},
	{primitive("z", "ocf:heartbeat:ZFS", "pool=tank"), 0, 0, "NAME\n", "", 0},
	{primitive("z", "ocf:heartbeat:ZFS", "pool=tank"), 1, 0, "D    zpool import -f tank\n" + table, "", pair.Perhaps},

	{primitive("l", "ocf:heartbeat:LVM-activate", "vgname=vg"), 0, 0, "No devices found\n", "", pair.Absent},
	{primitive("l", "ocf:heartbeat:LVM-activate", "vgname=vg"), 0, 0, "vg-data\t(253:0)\n", "", pair.Present},
	{primitive("l", "ocf:heartbeat:LVM-activate", "vgname=vg"), 0, 0, "vg--two-data\t(253:0)\n", "", pair.Absent},
	{primitive("l", "ocf:heartbeat:LVM-activate", "vgname=vg", "lvname=a-b"), 0, 0, "vg-a--b\t(253:0)\n", "", pair.Present},
	{primitive("l", "ocf:heartbeat:LVM-activate", "vgname=vg", "lvname=a-b"), 0, 0, "vg-c\t(253:0)\n", "", pair.Absent},
	{primitive("l", "ocf:heartbeat:LVM-activate", "vgname=vg"), 0, 1, "", "Permission denied", 0},
	{primitive("l", "ocf:heartbeat:LVM-activate", "vgname=vg"), 0, 0, "vg-data\n", "", 0},
	{primitive("l", "ocf:heartbeat:LVM-activate", "vgname=vg"), 0, 0, "", "a warning", 0},

	{primitive("d", "ocf:linbit:drbd", "drbd_resource=r0"), 0, 0, "Secondary/Primary\n", "", pair.Absent},
	{primitive("d", "ocf:linbit:drbd", "drbd_resource=r0"), 0, 0, "Primary/Secondary\n", "", pair.Present},
	{primitive("d", "ocf:linbit:drbd", "drbd_resource=r0"), 0, 0, "Unknown/Unknown\n", "", 0},
	{primitive("d", "ocf:linbit:drbd", "drbd_resource=r0"), 0, 10, "", "r0: No such resource", 0},

	{primitive("n", "ocf:heartbeat:nfsserver"), 0, 0, table, "", pair.Absent},
	{primitive("n", "ocf:heartbeat:nfsserver"), 0, 0, "S    [nfsd]\n" + table, "", pair.Present},
	{primitive("e", "ocf:heartbeat:exportfs", "directory=/srv/nfs"), 0, 1, "0\n", "", pair.Absent},
	{primitive("e", "ocf:heartbeat:exportfs", "directory=/srv/nfs"), 0, 0, "2\n", "", pair.Present},
	{primitive("e", "ocf:heartbeat:exportfs", "directory=/srv/nfs"), 0, 2, "", "grep: /var/lib/nfs/etab: No such file or directory\n",
		pair.Absent},
	{primitive("e", "ocf:heartbeat:exportfs", "directory=/srv/nfs"), 0, 2, "", "grep: /var/lib/nfs/etab: Permission denied\n", 0},

	{database, 0, 0, tree, "", pair.Absent},
	{database, 0, 0, "7 1 /usr/bin/postgres -D /srv/pg/data -c config_file=x\n" + tree, "", pair.Present},
	{database, 0, 0, "7 1 /usr/bin/postgres -D /srv/other\n" + tree, "", pair.Absent},
	{database, 0, 0, "7 1 /usr/bin/postgres -D /srv/other\n8 7 postgres: checkpointer \n" + tree, "", pair.Absent},
	{database, 0, 0, "8 1 postgres: checkpointer \n" + tree, "", pair.Perhaps}, // left behind by a server that was killed
	{database, 0, 0, "7 1 /usr/bin/postgres\n" + tree, "", pair.Perhaps},
	{database, 0, 0, "1 0 /sbin/init\n", "", 0},
	{database, 0, 0, "S 1 /sbin/init\n" + tree, "", 0},

	{primitive("s", "systemd:nginx"), 0, 3, "inactive\n", "", pair.Absent},
	{primitive("s", "systemd:nginx"), 0, 3, "unknown\n", "", pair.Absent},
	{primitive("s", "systemd:nginx"), 0, 0, "active\n", "", pair.Present},
	{primitive("s", "systemd:nginx"), 0, 3, "deactivating\n", "", pair.Present},
	{primitive("s", "systemd:nginx"), 0, 3, "failed\n", "", pair.Perhaps},
	{primitive("s", "systemd:nginx"), 0, 0, "inactive\n", "", 0}, // the two do not go together
	{primitive("s", "systemd:nginx"), 0, 1, "", "Failed to get D-Bus connection", 0},
	{primitive("s", "lsb:foo"), 0, 3, "inactive\n", "", pair.Absent},
	{primitive("s", "lsb:foo"), 0, 3, "deactivating\n", "", pair.Present},
	{primitive("s", "service:foo"), 0, 3, "failed\n", "", pair.Perhaps},
	{primitive("s", "lsb:foo"), 1, 3, "", "", pair.Absent},
	{primitive("s", "lsb:foo"), 1, 0, "", "", pair.Present},
	{primitive("s", "lsb:foo"), 1, 1, "", "", pair.Perhaps},
	{primitive("s", "lsb:foo"), 1, 4, "", "", 0},
	{primitive("s", "lsb:foo"), 1, 127, "", "service: command not found", 0},
}

// A device that is named by what is on it is looked for by the file that udev makes for it.
func TestDevicesByTheirTags(t *testing.T) {
	for device, want := range map[string]string{"UUID=0a-1b": "/dev/disk/by-uuid/0a-1b", "-U 0a-1b": "/dev/disk/by-uuid/0a-1b",
		"-L data": "/dev/disk/by-label/data", "LABEL=data": "/dev/disk/by-label/data", "/dev/vg/lv": "/dev/vg/lv"} {
		l := lookOf(t, strings.Replace(disk, "/dev/sdb1", device, 1), 0)
		require.Equal(t, want, l.Argv[len(l.Argv)-1])
	}
	for _, device := range []string{"LABEL=my data", "-o ro"} {
		units, err := pair.Units(cibOf(t, strings.Replace(disk, "/dev/sdb1", device, 1), ""), pair.Builtin())
		require.NoError(t, err)
		require.Contains(t, units[0].Unproven, "disk: ")
	}
	require.Empty(t, lookOf(t, bound, 0).Argv[5], "a directory has no number")
	units, err := pair.Units(cibOf(t, strings.Replace(disk, "/dev/sdb1", "/srv/image", 1), ""), pair.Builtin())
	require.NoError(t, err)
	require.Contains(t, units[0].Unproven, "/srv/image is no block device")
	units, err = pair.Units(cibOf(t, strings.Replace(disk, "xfs", "btrfs", 1), ""), pair.Builtin())
	require.NoError(t, err)
	require.Contains(t, units[0].Unproven, "another number than its device")
}

// An export may be of several directories, and the table writes them without a slash at the end.
func TestExportsOfSeveralDirectories(t *testing.T) {
	l := lookOf(t, primitive("e", "ocf:heartbeat:exportfs", "directory=/srv/a/ /srv/b.c"), 0)
	require.Equal(t, `^(/srv/a|/srv/b\.c)[[:space:]]`, l.Argv[2])
}

// What a process was told may be a password, and is not shown.
func TestArgumentsAreNotShown(t *testing.T) {
	l := lookOf(t, disk, 1)
	_, seen, err := l.Judge(sshexec.Result{Outcome: sshexec.Exited,
		Stdout: []byte("D    mount -t cifs -o password=geheim //nas/x /srv/nfs\n" + table)})
	require.NoError(t, err)
	require.Equal(t, `"mount" runs: a process mounts or unmounts /srv/nfs or /dev/sdb1`, seen)
}

// What a unit brings along is not wanted of a node that does not run it.
func TestWhatAUnitBringsAlong(t *testing.T) {
	needs := func(resources string) (argv []string) {
		units, err := pair.Units(cibOf(t, resources, ""), pair.Builtin())
		require.NoError(t, err)
		for _, u := range units {
			for _, m := range u.Members {
				for _, l := range m.Needs {
					argv = append(argv, strings.Join(l.Argv, " "))
				}
			}
		}
		return argv
	}
	onVolume := strings.Replace(disk, "/dev/sdb1", "/dev/my-vg/data", 1)
	volume := primitive("v", "ocf:heartbeat:LVM-activate", "vgname=my-vg", "vg_access_mode=system_id")
	require.Equal(t, []string{"vgs --foreign --noheadings -o vg_name my-vg"}, needs(`<group id="g">`+volume+onVolume+`</group>`))
	require.Equal(t, []string{"ls -d /dev/my-vg/data"}, needs(onVolume))
	below := primitive("below", "ocf:heartbeat:Filesystem", "device=/dev/sdc1", "directory=/srv/nfs/b", "fstype=xfs")
	require.Equal(t, []string{"ls -d /dev/sdb1", "ls -d /dev/sdc1"}, needs(`<group id="g">`+disk+below+`</group>`))
}

// lookOf is the proof of a resource that answers is about.
func lookOf(t *testing.T, resource string, n int) pair.Look {
	t.Helper()
	units, err := pair.Units(cibOf(t, resource, ""), pair.Builtin())
	require.NoError(t, err)
	require.Len(t, units, 1)
	require.Greater(t, len(units[0].Members[0].Gone), n, "%v", units[0].Unproven)
	return units[0].Members[0].Gone[n]
}

// Gone is what the answers say, and nothing that is not understood.
func TestLooks(t *testing.T) {
	for _, a := range answers {
		l := lookOf(t, a.resource, a.look)
		found, seen, err := l.Judge(sshexec.Result{Outcome: sshexec.Exited, ExitCode: a.status, Stdout: []byte(a.out), Stderr: []byte(a.err)})
		if a.found == 0 {
			require.ErrorIs(t, err, pair.ErrNotProven, "%v: %q %q", l.Argv, a.out, a.err)
			continue
		}
		require.NoError(t, err, "%v: %q %q", l.Argv, a.out, a.err)
		require.Equal(t, a.found, found, "%v: %q %q", l.Argv, a.out, a.err)
		if found != pair.Absent {
			require.NotEmpty(t, seen, "%v: %q", l.Argv, a.out)
		}
	}
}

// No answer that is empty, did not come to its end, or is cut off, wherever that is within a line, says "gone" of what is there.
func TestNothingIsGoneByHalfAnAnswer(t *testing.T) {
	for _, a := range answers {
		l := lookOf(t, a.resource, a.look)
		for _, res := range []sshexec.Result{
			{Outcome: sshexec.Unknown, ExitCode: a.status, Stdout: []byte(a.out)},
			{Outcome: sshexec.NotStarted, Stdout: []byte(a.out)},
			{Outcome: sshexec.Exited, ExitCode: a.status, Stdout: []byte(a.out), Truncated: true},
			{Outcome: sshexec.Exited}, // an idle success
		} {
			found, _, err := l.Judge(res)
			if l.Mute && res.Outcome == sshexec.Exited && !res.Truncated {
				require.NotEqual(t, pair.Absent, found)
				continue
			}
			require.ErrorIs(t, err, pair.ErrNotProven, "%v: %v", l.Argv, res)
		}
		for cut := range len(a.out) {
			found, _, _ := l.Judge(sshexec.Result{Outcome: sshexec.Exited, ExitCode: a.status, Stdout: []byte(a.out[:cut]), Stderr: []byte(a.err)})
			if a.found != pair.Absent && a.found != 0 && found == pair.Absent {
				require.Equal(t, byte('\n'), a.out[cut-1], "%v: %q", l.Argv, a.out[:cut]) // no reader can tell that lines are missing at the end
			}
		}
	}
}

// Whatever a command prints, a look has an answer or an error, and does not panic.
func TestLooksTakeAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := rapid.SampledFrom(answers).Draw(rt, "of")
		l := lookOf(t, a.resource, a.look)
		res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: rapid.IntRange(0, 4).Draw(rt, "status"),
			Stdout: []byte(rapid.StringN(0, 200, 400).Draw(rt, "out")), Stderr: []byte(rapid.String().Draw(rt, "err"))}
		if found, _, err := l.Judge(res); err == nil && found == pair.Absent && !l.Mute && res.ExitCode == 0 {
			rt.Fatalf("%v: gone by %q", l.Argv, res.Stdout)
		}
	})
}

// A name that other file systems have, too, shows nothing: only the directory counts then.
func TestMountedByAName(t *testing.T) {
	table := mounts + "41 22 0:30 / /run rw - tmpfs tmpfs rw\n42 22 0:40 / /mnt rw - nfs4 nas:/srv rw\n" + nodev
	for device, want := range map[string]pair.Found{"tmpfs": pair.Absent, "tank": pair.Absent, "nas:/srv": pair.Present} {
		found, _, err := pair.Mounted("/srv/nfs", device).Judge(sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(table)})
		require.NoError(t, err)
		require.Equal(t, want, found, device)
	}
}
