package readiness

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The releases of Pacemaker that dropped most.
var two, three = Version{2, 0, 0}, Version{3, 0, 0}

// Version is the upstream release of a package: 2.1.7 of 1:2.1.7-5.el9_4. A part that is not written is 0.
type Version struct{ Major, Minor, Patch int }

var versionText = regexp.MustCompile(`^(?:\d{1,6}:)?(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?(?:[+~:_-]\S*|\.[^.\s]\S*)?$`)

// ParseVersion reads the version of a package, as rpm, dpkg or the program itself says it. What is no version is an error.
func ParseVersion(s string) (Version, error) {
	m := versionText.FindStringSubmatch(s)
	if m == nil {
		return Version{}, fmt.Errorf("%q is no version, such as 2.1.7-5.el9", s)
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n } // at most six digits, or none
	return Version{number(m[1]), number(m[2]), number(m[3])}, nil
}

// String is the version with its three parts.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Compare orders versions by their numbers.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

// Series are the releases of a package that a distribution has had: 2.0 to 2.1, or all of 3. The zero value is not known.
type Series struct {
	From, To Version // of Patch nothing is said
	anyMinor bool    // of the major number alone it is known
}

// parseSeries reads 2.0-2.1, 2.1, or 3.
func parseSeries(s string) (Series, error) {
	if s == "-" {
		return Series{}, nil
	}
	from, to, two := strings.Cut(s, "-")
	if !two {
		to = from
	}
	first, err := ParseVersion(from)
	if err != nil {
		return Series{}, err
	}
	last, err := ParseVersion(to)
	return Series{first, last, !strings.Contains(to, ".")}, err
}

// Known says whether anything is known.
func (s Series) Known() bool { return s.From.Major > 0 }

// String is the series as it is written in the table.
func (s Series) String() string {
	minor := func(v Version) string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }
	switch {
	case !s.Known():
		return "not known"
	case s.anyMinor:
		return strconv.Itoa(s.To.Major)
	case s.From == s.To:
		return minor(s.From)
	}
	return minor(s.From) + " to " + minor(s.To)
}

// below says whether all of the series is older than a version.
func (s Series) below(v Version) bool {
	return s.Known() && (s.To.Major < v.Major || s.To.Major == v.Major && !s.anyMinor && s.To.Minor < v.Minor)
}
