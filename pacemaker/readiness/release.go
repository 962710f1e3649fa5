package readiness

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Release is a release of a distribution, as far as its cluster software is known.
type Release struct {
	Name      string // el9, sles16, debian13
	Title     string // "RHEL 9 or a rebuild of it"
	Family    string // el, sles, debian
	Order     int    // its place among the releases of its family
	Target    bool   // pairs can be checked for it
	Pacemaker Series
	Corosync  int    // its major release; 0 is not known
	Tool      string // "pcs 0.11", "crmsh"
	Schema    string // the newest CIB schema that it takes, such as 3.9; empty is not known
	Sources   []Source
}

// ErrUnknownRelease says that nothing is known of a release: nothing about it is guessed.
var ErrUnknownRelease = errors.New("unknown release")

// Releases are all that are known, in the order of the table.
var Releases = sync.OnceValue(func() []Release {
	var all []Release
	for _, row := range rows("releases.tsv", releasesTSV, 10) {
		order, err1 := strconv.Atoi(row[3])
		pacemaker, err2 := parseSeries(row[5])
		corosync, err3 := 0, error(nil)
		if row[6] != "-" {
			corosync, err3 = strconv.Atoi(row[6])
		}
		if err := errors.Join(err1, err2, err3); err != nil {
			panic("releases.tsv: " + row[0] + ": " + err.Error()) // the table is a part of the program
		}
		all = append(all, Release{row[0], row[1], row[2], order, row[4] == "target", pacemaker, corosync, known(row[7]), known(row[8]),
			sourcesOf(row[9])})
	}
	return all
})

// Targets are the names of the releases that pairs can be checked for.
func Targets() (names []string) {
	for _, r := range Releases() {
		if r.Target {
			names = append(names, r.Name)
		}
	}
	return names
}

// ReleaseNamed is a release by its name. One that is not known is [ErrUnknownRelease], and the error names those that are.
func ReleaseNamed(name string) (Release, error) {
	all := Releases()
	i := slices.IndexFunc(all, func(r Release) bool { return r.Name == name })
	if i < 0 {
		return Release{}, fmt.Errorf("%w %q: known are %s", ErrUnknownRelease, name, strings.Join(releaseNames(), ", "))
	}
	return all[i], nil
}

func releaseNames() (names []string) {
	for _, r := range Releases() {
		names = append(names, r.Name)
	}
	return names
}

// MarshalText is the name of the release.
func (r Release) MarshalText() ([]byte, error) { return []byte(r.Name), nil }

// How a system calls itself: NAME and a number, as in /etc/redhat-release, or PRETTY_NAME of os-release(5).
var (
	elTitle = regexp.MustCompile(`^(?:Red Hat Enterprise Linux|CentOS|AlmaLinux|Rocky Linux|Oracle Linux|Scientific Linux)` +
		`(?: (?:Server|Linux|Linux Server|Stream))?(?: release)? (\d+)\b`)
	slesTitle   = regexp.MustCompile(`^SUSE Linux Enterprise Server(?: for SAP [Aa]pplications)? (\d+)\b`)
	debianTitle = regexp.MustCompile(`^Debian GNU/Linux (\d+)\b`)
)

// ReleaseOf is the release that a system calls itself by, such as "CentOS release 6.9 (Final)". One that is not known is
// [ErrUnknownRelease].
func ReleaseOf(title string) (Release, error) {
	for family, re := range map[string]*regexp.Regexp{"el": elTitle, "sles": slesTitle, "debian": debianTitle} {
		if m := re.FindStringSubmatch(title); m != nil {
			return ReleaseNamed(family + m[1])
		}
	}
	return Release{}, fmt.Errorf("%w %q", ErrUnknownRelease, title)
}
