package cps

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"time"
)

// OSRelease is /etc/redhat-release, or what "cat /etc/*release" prints of it (cps:520-521,1657-1660).
type OSRelease struct {
	Name    string // CentOS Linux
	Version string // 8.1.1911
}

var osReleaseForm = regexp.MustCompile(`^(\S.*?) release (\d+(?:\.\d+)*)(?: \([^)]*\))?$`)

// ParseOSRelease reads one or several copies of the line "CentOS Linux release 8.1.1911 (Core)"; copies that differ, or none, are
// errors. Lines of another form (KEY=VALUE of os-release) are skipped.
func ParseOSRelease(r io.Reader) (OSRelease, error) {
	src, err := readSource(r, "/etc/redhat-release")
	if err != nil {
		return OSRelease{}, err
	}
	var found OSRelease
	for _, l := range src.clean() {
		m := osReleaseForm.FindStringSubmatch(strings.TrimSpace(l.text))
		if m == nil {
			continue
		}
		got := OSRelease{Name: m[1], Version: m[2]}
		if found != (OSRelease{}) && got != found {
			src.failf(l.no, 1, l.text, "differs from the line before: %s %s", found.Name, found.Version)
		}
		found = got
	}
	if found == (OSRelease{}) {
		src.failf(src.end(), 0, "", "no line NAME release VERSION")
	}
	if err := src.err(); err != nil {
		return OSRelease{}, err
	}
	return found, nil
}

// Is tells whether the version is, or begins with, the given one: 8.1.1911 is 8.1.
func (o OSRelease) Is(version string) bool {
	return o.Version == version || strings.HasPrefix(o.Version, version+".")
}

// ErrNotUTC is what ParseArbiterDate says of a machine on another time zone.
var ErrNotUTC = errors.New("the time zone of the arbiter must be UTC")

// ParseArbiterDate reads the output of "date" on the arbiter, "Tue Jun 21 02:42:54 UTC 2020". Another time zone than UTC is ErrNotUTC
// (cps:1654-1662).
func ParseArbiterDate(r io.Reader) (time.Time, error) {
	src, err := readSource(r, "date")
	if err != nil {
		return time.Time{}, err
	}
	for _, l := range src.clean() {
		text := strings.TrimSpace(l.text)
		if text == "" {
			continue
		}
		t, err := time.Parse(time.UnixDate, strings.Join(strings.Fields(text), " "))
		switch zone, _ := t.Zone(); {
		case err != nil:
			src.failf(l.no, 1, text, "not an output of date, such as Tue Jun 21 02:42:54 UTC 2020")
		case zone != "UTC":
			src.failf(l.no, 1, text, "%w", ErrNotUTC)
		default:
			return t, nil
		}
		return time.Time{}, src.err()
	}
	src.failf(src.end(), 0, "", "no output of date")
	return time.Time{}, src.err()
}

// IsCentOS tells a version of CentOS: 8.1 is 8.1.1911 too, and not 8.10.
func (o OSRelease) IsCentOS(version string) bool {
	return strings.HasPrefix(o.Name, "CentOS") && o.Is(strings.TrimSuffix(version, "."))
}
