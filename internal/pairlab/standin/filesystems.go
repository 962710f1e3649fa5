package standin

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// DisksDir is where a node finds what is on the shared disks with an ordinary file system, each in a directory that is called by the
// disk's UUID. Nobody but mount looks there.
const DisksDir = "/run/lab/disks"

// The node's own programs, behind the stand-ins of the same names.
const (
	realMount  = "/usr/bin/mount"
	realUmount = "/usr/bin/umount"
)

// runMountDisk is mount. A shared disk it binds to its directory, and tells the storage; everything else is for the mount that the
// node has. The kernel's table shows the mount point, and the storage's name for the disk: the number of a block device, by which a
// real one is known, too, it cannot have.
func runMountDisk(c *call) int {
	if words := operands(c.args); len(words) == 2 {
		if t, ok := c.disk(func(t wire.Target) bool { return t.Ordinary() && t.Device == words[0] }); ok {
			if err := c.mountDisk(t, words[1]); err != nil {
				return c.fail(32, "mount: %s: %v", words[1], err)
			}
			return 0
		}
	}
	return c.exec(c.stdin, c.stdout, c.stderr, append([]string{realMount}, c.args...)...)
}

// operands are the words that are no options, nor the values of those.
func operands(args []string) (words []string) {
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "-t" || a == "-o":
			i++
		case !strings.HasPrefix(a, "-"):
			words = append(words, a)
		}
	}
	return words
}

func (c *call) mountDisk(t wire.Target, dir string) error {
	if info, err := os.Stat(c.path(dir)); err != nil || !info.IsDir() {
		return fmt.Errorf("mount point %s is not there", dir)
	}
	if _, err := c.ask(wire.HardwareRequest{Op: "start", Target: t.UUID}); err != nil {
		return err
	}
	return c.bind(t, dir)
}

// bind puts a disk, which the storage gives, into the tables of mounts.
func (c *call) bind(t wire.Target, dir string) error {
	if exit := c.exec(strings.NewReader(""), c.stdout, c.stderr, realMount, "--bind", path.Join(DisksDir, t.UUID), dir); exit != 0 {
		_, _ = c.ask(wire.HardwareRequest{Op: "stop", Target: t.UUID})
		return fmt.Errorf("exit status %d", exit)
	}
	line := diskLine(t, dir)
	return c.edit(mountsFile, addLine(line, line))
}

func diskLine(t wire.Target, dir string) string {
	return fmt.Sprintf("%s %s %s rw 0 0", escape(t.Device), escape(path.Clean(dir)), t.Backfs)
}

// runUmountDisk is umount. The kernel shows a mount no more as soon as the unmounting of it begins; the storage has it until what is in
// memory is written, as long as the program runs.
func runUmountDisk(c *call) int {
	words := operands(c.args)
	exit := c.exec(c.stdin, c.stdout, c.stderr, append([]string{realUmount}, c.args...)...)
	if exit != 0 || len(words) != 1 {
		return exit
	}
	for _, t := range c.disks() {
		line := diskLine(t, words[0])
		if !t.Ordinary() || !strings.Contains("\n"+c.read(mountsFile), "\n"+line+"\n") {
			continue
		}
		if err := c.edit(mountsFile, dropLines(line)); err != nil {
			return c.fail(32, "umount: %s: %v", words[0], err)
		}
		if _, err := c.ask(wire.HardwareRequest{Op: "stop", Target: t.UUID}); err != nil {
			_ = c.bind(t, words[0]) // the file system is mounted still
			return c.fail(32, "umount: %s: %v", words[0], err)
		}
	}
	return 0
}
