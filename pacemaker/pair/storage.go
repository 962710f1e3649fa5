package pair

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// filesystem is ocf:heartbeat:Filesystem.
func filesystem(r pacemaker.Resource) (Traits, error) {
	dir, err := parameter(r, "directory")
	if err != nil {
		return Traits{}, err
	}
	device, err := parameter(r, "device")
	if err != nil {
		return Traits{}, err
	}
	if err := absolute(dir); err != nil {
		return Traits{}, err
	}
	if slices.Contains(unnumbered, optional(r, "fstype", "")) {
		return Traits{}, errors.New("its file system has another number than its device: where it is mounted cannot be told by that")
	}
	file, err := DeviceFile(device)
	if err != nil {
		return Traits{}, err
	}
	t := Traits{Serves: dir, Gone: []Look{Mounted(dir, file), mountingOf(dir, device)}} // the agent makes the directory
	switch bound := isBound(r); {
	case bound: // it holds nothing of its own: what lies there is held by the file system that the directory is of
		t.Gone[0] = Mounted(dir, "")
		fallthrough
	case strings.HasPrefix(file, "/dev/"):
		t.Needs = append(t.Needs, Path(file))
	case strings.HasPrefix(file, "/"):
		return Traits{}, fmt.Errorf("its device %s is no block device: where it is mounted cannot be told by a number", file)
	case !telling(file):
		return Traits{}, fmt.Errorf("its device %q is no path and no share HOST:/DIR: other file systems may have the same name", file)
	}
	return t, nil
}

// isBound tells a directory that is shown at another place.
func isBound(r pacemaker.Resource) bool {
	return slices.ContainsFunc(strings.FieldsFunc(optional(r, "options", ""), func(c rune) bool { return c == ',' || c == ' ' }),
		func(o string) bool { return o == "bind" || o == "rbind" })
}

// unnumbered are the file systems that the kernel shows with a number of their own.
var unnumbered = []string{"btrfs", "bcachefs"}

// clustered are the file systems that both nodes mount at once, under a lock manager of their one cluster.
var clustered = []string{"gfs2", "ocfs2", "gpfs"}

// mountingOf is Perhaps while a process mounts or unmounts one of the names, or something that it does not name: the
// kernel takes a mount out of its table when the unmounting begins, and goes on writing.
func mountingOf(names ...string) Look {
	return process("a process mounts or unmounts "+strings.Join(names, " or "), Perhaps, func(args []string) bool {
		if !Mounting(args, "Filesystem", "ZFS") {
			return false
		}
		text := strings.Join(args, " ")
		if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(text, name) }) {
			return true
		}
		elsewhere := MountedElsewhere(args)
		return len(elsewhere) == 0 || slices.ContainsFunc(elsewhere, func(dir string) bool { // -R unmounts what is mounted below, too
			return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/") })
		})
	})
}

// zfs is ocf:heartbeat:ZFS.
func zfs(r pacemaker.Resource) (Traits, error) {
	pool, err := parameter(r, "pool")
	if err != nil {
		return Traits{}, err
	}
	return Traits{
		Gone:  []Look{Imported(pool), mountingOf(pool)},
		Needs: []Look{Module("zfs")},
	}, nil
}

// Imported is Present where a ZFS pool is imported.
func Imported(pool string) Look {
	return Look{Argv: []string{"zpool", "list", "-o", "name"}, Text: "the pool " + pool + " is imported",
		Read: func(res sshexec.Result) (Found, string, error) {
			pools, err := ReadPools(res)
			switch {
			case err != nil:
				return 0, "", err
			case slices.Contains(pools, pool):
				return Present, "the pool " + pool + " is imported", nil
			}
			return Absent, "", nil
		}}
}

// ReadPools reads what `zpool list -o name` printed: a heading and a pool a line, or that there is none.
func ReadPools(res sshexec.Result) ([]string, error) {
	list := strings.Fields(string(res.Stdout))
	switch {
	case res.ExitCode == 1 && len(list) == 0 && strings.HasPrefix(string(res.Stderr), "The ZFS modules are not loaded."):
		return nil, nil // without them none can be imported
	case res.ExitCode == 0 && strings.TrimSpace(string(res.Stdout)) == "no pools available":
		return nil, nil
	case res.ExitCode == 0 && len(list) > 1 && list[0] == "NAME":
		return list[1:], nil
	}
	return nil, unknown(res)
}

// lvm is ocf:heartbeat:LVM-activate. What shares its volumes between nodes needs a lock manager of one cluster.
func lvm(r pacemaker.Resource) (Traits, error) {
	vg, err := parameter(r, "vgname")
	if err != nil {
		return Traits{}, err
	}
	if mode := optional(r, "activation_mode", "exclusive"); mode != "exclusive" {
		return Traits{}, fmt.Errorf("its activation_mode is %s: both nodes have it at once, under one lock manager", mode)
	}
	if mode := optional(r, "vg_access_mode", ""); mode == "lvmlockd" || mode == "clvmd" {
		return Traits{}, fmt.Errorf("its vg_access_mode is %s: a lock manager that spans both nodes", mode)
	}
	return Traits{Gone: []Look{activeVolume(vg, optional(r, "lvname", ""))}, Needs: []Look{group(vg)}}, nil
}

// group is Present where a host sees a volume group, be it another's by its system id.
func group(vg string) Look {
	return Look{Argv: []string{"vgs", "--foreign", "--noheadings", "-o", "vg_name", vg}, Text: "there is the volume group " + vg,
		Read: func(res sshexec.Result) (Found, string, error) {
			switch {
			case res.ExitCode == 0 && res.Text() == vg:
				return Present, vg + " is there", nil
			case res.ExitCode == 5 && strings.Contains(string(res.Stderr), `Volume group "`+vg+`" not found`):
				return Absent, "there is no volume group " + vg, nil
			}
			return 0, "", unknown(res)
		}}
}

// activeVolume is Present where a volume of a group is active, or any where none is named: the device mapper has it then.
func activeVolume(vg, lv string) Look {
	name := strings.ReplaceAll(vg, "-", "--") + "-"
	what := "a volume of " + vg
	if lv != "" {
		what = "the volume " + vg + "/" + lv
	}
	return Look{Argv: []string{"dmsetup", "ls"}, Text: what + " is active", Read: func(res sshexec.Result) (Found, string, error) {
		if res.ExitCode != 0 {
			return 0, "", unknown(res)
		}
		if strings.TrimSpace(string(res.Stdout)) == "No devices found" {
			return Absent, "", nil
		}
		for line := range strings.Lines(string(res.Stdout)) { // such as "vg-lv	(253:0)"
			device, number, ok := strings.Cut(strings.TrimSpace(line), "\t")
			if !ok || !strings.HasPrefix(strings.TrimSpace(number), "(") {
				return 0, "", fmt.Errorf("%q is no line of dmsetup ls: %w", strings.TrimSpace(line), ErrNotProven)
			}
			rest, of := strings.CutPrefix(device, name)
			// a single dash ends the group's name: vg- and vg--x- are two groups
			if of && !strings.HasPrefix(rest, "-") && (lv == "" || strings.HasPrefix(rest, strings.ReplaceAll(lv, "-", "--"))) {
				return Present, device + " is active", nil
			}
		}
		return Absent, "", nil
	}}
}

// drbd is ocf:linbit:drbd: what it replicates stays on both nodes, and one of them may write.
func drbd(r pacemaker.Resource) (Traits, error) {
	name, err := parameter(r, "drbd_resource")
	if err != nil {
		return Traits{}, err
	}
	return Traits{Gone: []Look{Primary(name)}, Needs: []Look{Path("/etc/drbd.d")}}, nil
}

// drbdRoles are what `drbdadm role` prints of this node, before a slash and what it knows of the other one.
var drbdRoles = map[string]Found{"Primary": Present, "Secondary": Absent, "Unconfigured": Absent}

// Primary is Present where a node is the primary of a DRBD resource.
func Primary(resource string) Look {
	return Look{Argv: []string{"drbdadm", "role", resource}, Text: "it is the primary of " + resource,
		Read: func(res sshexec.Result) (Found, string, error) {
			role, _, _ := strings.Cut(res.Text(), "/")
			found, known := drbdRoles[role]
			if res.ExitCode != 0 || !known {
				return 0, "", unknown(res)
			}
			return found, resource + " is " + role, nil
		}}
}
