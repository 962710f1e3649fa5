package lustre

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Mount is one line of /proc/mounts.
type Mount struct {
	Device     string            // a device, a ZFS data set, or for a client <nid>:/<fs>
	MountPoint string            // with the kernel's octal escapes undone
	FSType     string            // "lustre" for targets and clients alike
	Options    map[string]string // by name; an option without a value has an empty one
}

// Mounts is a mount table.
type Mounts []Mount

// ParseMounts reads /proc/mounts, or /etc/mtab. An empty table is an error: there always is a root.
func ParseMounts(r io.Reader) (Mounts, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	name := srcerr.NameOf(r)
	var mounts Mounts
	var errs srcerr.List
	for i, line := range strings.Split(string(data), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		m, err := parseMount(line)
		if err != nil {
			errs = append(errs, &ParseError{File: name, Line: i + 1, Col: 1, Near: line, Err: err})
			continue
		}
		mounts = append(mounts, m)
	}
	if len(mounts) == 0 && len(errs) == 0 {
		errs = append(errs, srcerr.Errorf(name, 1, 1, "", "the mount table is empty"))
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return mounts, nil
}

func parseMount(line string) (Mount, error) {
	f := strings.Fields(line)
	if len(f) != 6 {
		return Mount{}, fmt.Errorf("a line of a mount table has 6 fields, this one has %d", len(f))
	}
	for _, number := range f[4:] {
		if _, err := strconv.ParseUint(number, 10, 32); err != nil {
			return Mount{}, fmt.Errorf("%q is not a number, as the last two fields are", number)
		}
	}
	m := Mount{Device: unescape(f[0]), MountPoint: unescape(f[1]), FSType: f[2], Options: map[string]string{}}
	if !strings.HasPrefix(m.MountPoint, "/") {
		return Mount{}, fmt.Errorf("the mount point %q is not an absolute path", m.MountPoint)
	}
	for _, option := range strings.Split(f[3], ",") {
		key, value, _ := strings.Cut(unescape(option), "=")
		m.Options[key] = value
	}
	return m, nil
}

// unescape undoes the octal escapes with which the kernel writes blanks, tabs, newlines, number signs and backslashes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// IsTarget tells whether a Lustre target is mounted, as opposed to a client or another file system.
func (m Mount) IsTarget() bool {
	return (m.FSType == "lustre" || m.FSType == "lustre_tgt") && !strings.Contains(m.Device, ":/")
}

// Lustre are the Lustre targets among the mounts; clients are left out.
func (ms Mounts) Lustre() Mounts {
	var out Mounts
	for _, m := range ms {
		if m.IsTarget() {
			out = append(out, m)
		}
	}
	return out
}

// At is the mount that is seen at a mount point: the last one, for a later mount covers an earlier one.
func (ms Mounts) At(mountPoint string) (Mount, bool) {
	for i := len(ms) - 1; i >= 0; i-- {
		if ms[i].MountPoint == mountPoint {
			return ms[i], true
		}
	}
	return Mount{}, false
}
