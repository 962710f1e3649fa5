//go:build linux

package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/standin"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// Program is where the lab's program lies in a node; the stand-ins, systemctl and PID 1 are links to it.
const Program = "/usr/lib/pairlab/pairlabd"

// InitName is the name by which the program is PID 1.
const InitName = "lab-init"

// The descriptors that a node's first process gets besides stdin, stdout and stderr.
const (
	FDOrders = 3 // its orders, which come when its cables are plugged in
	FDBooted = 4 // where it says that it has booted
)

// orders are what a node's first process needs to know.
type orders struct {
	Node    wire.Node
	Lower   string // image
	Upper   string // disk
	Work    string
	Root    string // where the root is put together
	Board   string // what is /run/lab in the node
	Disks   string // what is on the shared disks with ordinary file systems, where there are any
	Program string
	BootID  string
	Devices []string
}

// BootNode is the first process of a node, in new namespaces: it puts the root together, goes into it and becomes PID
// 1's program. It returns only with an error.
func BootNode() error {
	var o orders
	if err := json.NewDecoder(os.NewFile(FDOrders, "orders")).Decode(&o); err != nil {
		return fmt.Errorf("no orders: %w", err)
	}
	for _, step := range []func(orders) error{mountRoot, mountKernel, mountDevices, mountRun, enterRoot, hideKernel, configure} {
		if err := step(o); err != nil {
			return err
		}
	}
	unix.CloseOnExec(FDOrders)
	return syscall.Exec(Program, []string{InitName}, []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"})
}

// mount mounts, and names what could not be mounted where.
func mount(source, target, fstype string, flags uintptr, data string) error {
	if err := syscall.Mount(source, target, fstype, flags, data); err != nil {
		return &os.PathError{Op: "mount " + source, Path: target, Err: err}
	}
	return nil
}

func overlay(o orders) error {
	return mount("overlay", o.Root, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", o.Lower, o.Upper, o.Work))
}

func mountRoot(o orders) error {
	if err := mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := overlay(o); err != nil {
		return err
	}
	return mount(o.Program, filepath.Join(o.Root, Program), "", syscall.MS_BIND, "")
}

func mountKernel(o orders) error {
	return errors.Join(
		mount("proc", filepath.Join(o.Root, "proc"), "proc", 0, ""),
		mount("sysfs", filepath.Join(o.Root, "sys"), "sysfs", 0, ""),
	)
}

// mountDevices makes /dev: the usual character devices, the machine's own, and a block special file for every target
// that has one. Opening that gives ENXIO: the data is not there, only the name.
func mountDevices(o orders) error {
	dev := filepath.Join(o.Root, "dev")
	if err := mount("tmpfs", dev, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		path := filepath.Join(dev, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		if err := mount(filepath.Join("/dev", name), path, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
	}
	for link, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"} {
		if err := os.Symlink(to, filepath.Join(dev, link)); err != nil {
			return err
		}
	}
	for i, device := range o.Devices {
		path := filepath.Join(o.Root, device)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as in any /dev
			return err
		}
		if err := syscall.Mknod(path, syscall.S_IFBLK|0o660, int(unix.Mkdev(240, uint32(i)))); err != nil { //nolint:gosec // a handful of targets
			return &os.PathError{Op: "mknod", Path: device, Err: err}
		}
	}
	for _, m := range []struct{ name, fstype, data string }{
		// Private: libqb's ring buffers bear process ids, which are the same in both nodes.
		{"shm", "tmpfs", "mode=1777"},
		{"pts", "devpts", "newinstance,ptmxmode=0666,mode=620"},
	} {
		if err := os.Mkdir(filepath.Join(dev, m.name), 0o755); err != nil { //nolint:gosec // mounted over
			return err
		}
		if err := mount(m.fstype, filepath.Join(dev, m.name), m.fstype, 0, m.data); err != nil {
			return err
		}
	}
	return nil
}

func mountRun(o orders) error {
	run := filepath.Join(o.Root, "run")
	if err := mount("tmpfs", run, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	if err := mount("tmpfs", filepath.Join(o.Root, "tmp"), "tmpfs", 0, "mode=1777"); err != nil {
		return err
	}
	for _, dir := range []string{"lab", "lock", "resource-agents", "systemd/system"} {
		if err := os.MkdirAll(filepath.Join(run, dir), 0o755); err != nil { //nolint:gosec // as in any /run
			return err
		}
	}
	if err := mount(o.Board, filepath.Join(run, "lab"), "", syscall.MS_BIND, ""); err != nil || o.Disks == "" {
		return err
	}
	disks := filepath.Join(o.Root, standin.DisksDir)
	if err := os.Mkdir(disks, 0o700); err != nil {
		return err
	}
	return mount(o.Disks, disks, "", syscall.MS_BIND|syscall.MS_REC, "")
}

// enterRoot makes the new root the only one.
func enterRoot(o orders) error {
	if err := os.Chdir(o.Root); err != nil {
		return err
	}
	// The old root comes to lie over the new one, and is taken off.
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("cannot take off the old root: %w", err)
	}
	return os.Chdir("/")
}

// hideKernel puts files of the node's own over what the kernel has only one of: the boot ID is new at every boot, and
// what stand-ins load and mount appears in /proc/modules and /proc/mounts.
func hideKernel(o orders) error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"mounts": string(mounts), "modules": "", "boot_id": o.BootID + "\n"} {
		path := filepath.Join("/run/lab", name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // the kernel's are readable by all
			return err
		}
	}
	if err := standin.Boot("/"); err != nil {
		return fmt.Errorf("cannot load what is loaded at boot: %w", err)
	}
	if hasModules() {
		if err := mount("/run/lab/modules", kernelModules, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
	}
	return errors.Join(
		mount("/run/lab/boot_id", "/proc/sys/kernel/random/boot_id", "", syscall.MS_BIND, ""),
		mountOverLink("/run/lab/mounts", "/proc/mounts"),
	)
}

// mountOverLink mounts a file over a symbolic link itself, which mount(2) would follow.
func mountOverLink(source, link string) error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return &os.PathError{Op: "open_tree", Path: source, Err: err}
	}
	defer func() { _ = unix.Close(tree) }()
	at, err := unix.Open(link, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: link, Err: err}
	}
	defer func() { _ = unix.Close(at) }()
	if err := unix.MoveMount(tree, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return &os.PathError{Op: "move_mount", Path: link, Err: err}
	}
	return nil
}

// configure gives the node its name and addresses, from its disk and from the lab's plan.
func configure(o orders) error {
	name, err := os.ReadFile("/etc/hostname")
	if err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(strings.TrimSpace(string(name)))); err != nil {
		return fmt.Errorf("sethostname: %w", err)
	}
	commands := []string{"link set lo up"}
	for r, address := range o.Node.Rings {
		commands = append(commands, fmt.Sprintf("addr add %s/24 dev eth%d", address, r), fmt.Sprintf("link set eth%d up", r))
	}
	return runIP(commands...)
}
