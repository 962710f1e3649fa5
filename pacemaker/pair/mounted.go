package pair

import (
	_ "embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// MountScript prints the mounts of a host, where its first argument is when every link in it is followed, and the number of the block
// device that its second argument names, in hexadecimal; "-" where there is no such device.
//
//go:embed mounted.sh
var MountScript string

// Mounted is Present where a directory is a mount point, or a device is mounted, wherever that is and by whatever name: it is told by
// its number. A share of another host, HOST:/DIR, is compared by its name. Without a device, and of one whose name tells nothing, such as
// tmpfs, only the directory counts.
func Mounted(dir, device string) Look {
	local, text := "", path.Clean(dir)+" or "+device+" is mounted"
	if strings.HasPrefix(device, "/") {
		local = device
	}
	if device == "" {
		text = path.Clean(dir) + " is a mount point"
	}
	return Look{Argv: []string{"/bin/sh", "-c", MountScript, "sh", path.Clean(dir), local},
		Text: text,
		Read: func(res sshexec.Result) (Found, string, error) {
			m, err := readMounts(res)
			if err != nil {
				return 0, "", err
			}
			for _, at := range m.list {
				if at.dir == path.Clean(dir) || at.dir == m.directory ||
					telling(device) && at.source == device || m.device != "" && at.device == m.device {
					return Present, fmt.Sprintf("%s is mounted on %s", at.source, at.dir), nil
				}
			}
			return Absent, "", nil
		}}
}

// telling is the name of a device that no other mounted file system has by chance: a path, or a share.
func telling(device string) bool {
	return strings.HasPrefix(device, "/") || strings.Contains(device, ":/")
}

type mounts struct {
	list      []mounted
	directory string // that was asked for, with no link in it
	device    string // that was asked for, as major:minor; empty where there is none
}

type mounted struct{ device, dir, source string }

// readMounts reads what [MountScript] printed. Its last line tells that it is whole.
func readMounts(res sshexec.Result) (m mounts, _ error) {
	bad := func(line string) (mounts, error) {
		return mounts{}, fmt.Errorf("%q is no line of /proc/self/mountinfo, or of what follows it: %w", line, ErrNotProven)
	}
	lines := strings.Split(strings.TrimSuffix(string(res.Stdout), "\n"), "\n")
	if res.ExitCode != 0 || len(lines) < 3 {
		return mounts{}, unknown(res)
	}
	last := len(lines) - 1
	directory, named := strings.CutPrefix(lines[last-1], "directory /")
	number, numbered := strings.CutPrefix(lines[last], "device ")
	m.directory = "/" + directory
	if !named || !numbered {
		return bad(lines[last])
	}
	if number != "-" {
		major, minor, _ := strings.Cut(number, ":")
		a, err1 := strconv.ParseUint(major, 16, 32)
		b, err2 := strconv.ParseUint(minor, 16, 32)
		if err1 != nil || err2 != nil || a == 0 { // no block device has the major 0
			return bad(lines[last])
		}
		m.device = fmt.Sprintf("%d:%d", a, b)
	}
	root := false
	for _, line := range lines[:last-1] { // such as "36 35 253:0 / /srv rw,relatime shared:1 - xfs /dev/mapper/srv rw"
		f := strings.Fields(line)
		dash := slices.Index(f, "-")
		if dash < 6 || len(f) < dash+3 || !strings.Contains(f[2], ":") {
			return bad(line)
		}
		at := mounted{device: f[2], dir: unescaped(f[4]), source: unescaped(f[dash+2])}
		root = root || at.dir == "/"
		m.list = append(m.list, at)
	}
	if !root {
		return mounts{}, fmt.Errorf("the table of mounts is not whole: nothing is mounted on /: %w", ErrNotProven)
	}
	return m, nil
}

// octal is how the table of mounts writes white space and backslashes.
var octal = regexp.MustCompile(`\\[0-7]{3}`)

func unescaped(word string) string {
	return octal.ReplaceAllStringFunc(word, func(s string) string {
		n, err := strconv.ParseUint(s[1:], 8, 8)
		if err != nil {
			return s
		}
		return string([]byte{byte(n)})
	})
}

// tag is a device that is named by what is on it, as mount and the agent take it: UUID=x, -U x, LABEL=x, -L x.
var tag = regexp.MustCompile(`^(?:(UUID|LABEL|PARTUUID|PARTLABEL)=|-([UL]) +)"?([^"]*)"?$`)

// DeviceFile is the file of a device; what has none stays as it is, such as a share of another host.
func DeviceFile(device string) (string, error) {
	m := tag.FindStringSubmatch(device)
	if m == nil {
		if strings.HasPrefix(device, "-") {
			return "", fmt.Errorf("its device %q is of no known form", device)
		}
		return device, nil
	}
	dir := map[string]string{"UUID": "uuid", "U": "uuid", "LABEL": "label", "L": "label", "PARTUUID": "partuuid",
		"PARTLABEL": "partlabel"}[m[1]+m[2]]
	if !hostName.MatchString(m[3]) { // udev writes other characters in its own way
		return "", fmt.Errorf("the file of its device %q is not known", device)
	}
	return "/dev/disk/by-" + dir + "/" + m[3], nil
}
