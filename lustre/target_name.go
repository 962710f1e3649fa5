package lustre

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	labelPattern    = regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9_-]{0,7})-(MDT|OST)([0-9a-f]{4})$`)
	resourcePattern = regexp.MustCompile(`^(.+)_([0-9a-f]{6})$`)
	guidPattern     = regexp.MustCompile(`^[1-9][0-9]{0,19}$`)
	uuidPattern     = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// Label is a target's name, taken apart.
type Label struct {
	FileSystem string // empty for the MGS, which serves all file systems
	Kind       string // "MGS", "MDT" or "OST"
	Index      int
}

// ParseLabel takes the name of a target apart: MGS, <fs>-MDT0000, <fs>-OST0000, with the index in hexadecimal.
func ParseLabel(s string) (Label, error) {
	if s == "MGS" {
		return Label{Kind: "MGS"}, nil
	}
	m := labelPattern.FindStringSubmatch(s)
	if m == nil {
		return Label{}, fmt.Errorf("%q is not the name of a Lustre target (MGS, <fs>-MDT0000, <fs>-OST0000)", s)
	}
	index, err := strconv.ParseUint(m[3], 16, 16)
	if err != nil {
		return Label{}, fmt.Errorf("%q is not the name of a Lustre target: %w", s, err)
	}
	return Label{FileSystem: m[1], Kind: m[2], Index: int(index)}, nil
}

func validLabel(s string) bool {
	_, err := ParseLabel(s)
	return err == nil
}

// String is the name.
func (l Label) String() string {
	if l.Kind == "MGS" {
		return "MGS"
	}
	return fmt.Sprintf("%s-%s%04x", l.FileSystem, l.Kind, l.Index)
}

// ResourceLabel is the target's name in the id that IML gives to its resource: the name, an underscore and six
// hexadecimal digits (lustre:1018).
func ResourceLabel(id string) (Label, error) {
	m := resourcePattern.FindStringSubmatch(id)
	if m == nil {
		return Label{}, fmt.Errorf("%q is not the id of a target's resource: a name, an underscore, six hexadecimal digits", id)
	}
	return ParseLabel(m[1])
}

// TargetFileName is the name of a target's file in the target store: what the target is called by in URL-safe base64, with padding.
func TargetFileName(uuid string) string { return base64.URLEncoding.EncodeToString([]byte(uuid)) }

// IsTargetUUID tells whether IML calls a target so: by the UUID of its file system, or by the guid of its ZFS data set,
// a decimal number of 64 bits.
func IsTargetUUID(s string) bool {
	if guidPattern.MatchString(s) {
		_, err := strconv.ParseUint(s, 10, 64)
		return err == nil
	}
	return uuidPattern.MatchString(s)
}

// TargetUUID is what the target is called by that a file of the target store is named after; see [IsTargetUUID].
func TargetUUID(filename string) (string, error) {
	raw, err := base64.URLEncoding.DecodeString(filename)
	switch {
	case err != nil || strings.ContainsAny(filename, "\r\n"):
		return "", fmt.Errorf("%q is not the name of a target file: it is not URL-safe base64", filename)
	case !IsTargetUUID(string(raw)):
		return "", fmt.Errorf("%q is not the name of a target file: it stands for %q, which is neither a UUID nor the guid of a ZFS data set",
			filename, raw)
	case TargetFileName(string(raw)) != filename:
		return "", fmt.Errorf("%q is not the name of a target file: it would be %q", filename, TargetFileName(string(raw)))
	}
	return string(raw), nil
}
