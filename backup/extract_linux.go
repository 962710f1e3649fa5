package backup

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// setAttrs sets the extended attributes and the SELinux label of a file.
func setAttrs(root *os.Root, name string, attrs map[string]string) (err error) {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for key, value := range attrs {
		attr, ok := strings.CutPrefix(key, "SCHILY.xattr.")
		if key == "RHT.security.selinux" {
			attr, ok = "security.selinux", true
		}
		if !ok {
			continue
		}
		if err := unix.Fsetxattr(int(f.Fd()), attr, []byte(value), 0); err != nil {
			return fmt.Errorf("cannot set the attribute %s of %s: %w", attr, shown(name), err)
		}
	}
	return nil
}

// syncTree puts everything on the disk that was written to the file system of a directory: one call instead of one for each file.
func syncTree(root *os.Root) (err error) {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return unix.Syncfs(int(f.Fd()))
}
