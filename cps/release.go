package cps

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Release is a CPS release such as 21.1.0, or 7.5.0.12 with its patch level (cps:507-512,2199). Releases compare with Compare; two
// releases with the same numbers are equal whatever their suffix, so == is not the way.
type Release struct {
	Numbers []int  // the dotted numbers
	Suffix  string // what follows them, such as "release"; empty for an installer version
}

var releaseForm = regexp.MustCompile(`^(\d{1,6}(?:\.\d{1,6})+)(?:[.-]([A-Za-z][\w.-]*))?$`)

// ErrNotRelease is what ParseRelease says of a text that is no release.
var ErrNotRelease = errors.New("not a release such as 21.1.0 or 19.4.0.release")

// ParseRelease reads 21.1.0, 21.1.0.release or 7.5.0.12.
func ParseRelease(s string) (Release, error) {
	m := releaseForm.FindStringSubmatch(s)
	if m == nil {
		return Release{}, fmt.Errorf("%q is %w", s, ErrNotRelease)
	}
	r := Release{Suffix: m[2]}
	for _, part := range strings.Split(m[1], ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return Release{}, fmt.Errorf("%q is %w", s, ErrNotRelease)
		}
		r.Numbers = append(r.Numbers, n)
	}
	return r, nil
}

func mustRelease(s string) Release {
	r, err := ParseRelease(s)
	if err != nil {
		panic(err) // only called with the constants below
	}
	return r
}

// String prints the release as it was read.
func (r Release) String() string {
	s := r.Version()
	if r.Suffix != "" {
		s += "." + r.Suffix
	}
	return s
}

// Version is the dotted numbers without the suffix: 21.1.0 for 21.1.0.release.
func (r Release) Version() string {
	parts := make([]string, len(r.Numbers))
	for i, n := range r.Numbers {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ".")
}

// MarshalText writes what String prints.
func (r Release) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (r *Release) UnmarshalText(b []byte) error {
	parsed, err := ParseRelease(string(b))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// Compare is negative, zero or positive as r is older than, the same as or newer than other. Missing numbers count as zero, suffixes
// do not count.
func (r Release) Compare(other Release) int {
	for i := range max(len(r.Numbers), len(other.Numbers)) {
		if c := cmp.Compare(r.number(i), other.number(i)); c != 0 {
			return c
		}
	}
	return 0
}

// Equal tells the same release.
func (r Release) Equal(other Release) bool { return r.Compare(other) == 0 }

// Base is the release without its patch level: 7.5.0 for 7.5.0.12. "patch -u" goes back to it (cps:2199).
func (r Release) Base() Release { return Release{Numbers: r.Numbers[:min(3, len(r.Numbers))]} }

// Patched tells a release with a patch level.
func (r Release) Patched() bool { return len(r.Numbers) > 3 && !r.Equal(r.Base()) }

func (r Release) number(i int) int {
	if i < len(r.Numbers) {
		return r.Numbers[i]
	}
	return 0
}

var (
	release194 = mustRelease("19.4.0")
	release195 = mustRelease("19.5.0")
	release211 = mustRelease("21.1.0")
)

// CheckMigration says whether the guide covers a migration: from 19.4.0 or 19.5.0 to 21.1.0 (cps:224,230).
func CheckMigration(from, to Release) []Finding {
	var f findings
	if !to.Equal(release211) {
		f.add(Error, 0, "CPS-150", "the target release is %s; only migrations to %s are supported", to, release211)
	}
	switch {
	case from.Equal(release195):
		f.add(Info, 0, "CPS-150", "%s was a limited availability release with user restrictions", from)
	case !from.Equal(release194):
		f.add(Error, 0, "CPS-150", "the source release is %s; only %s and %s can be migrated in service", from, release194, release195)
		if from.Patched() && (from.Base().Equal(release194) || from.Base().Equal(release195)) {
			f.add(Error, 0, "CPS-158", "remove the patch that makes %s of %s first", from, from.Base())
		}
	}
	return f.list
}
