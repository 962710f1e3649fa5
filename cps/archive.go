package cps

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"time"
)

// ArchiveName is the name of a backup that migrate.sh makes: migrate_set-1_20180621_212456.tar.gz (cps:445-447,692,1037,1588).
type ArchiveName struct {
	Kind ArchiveKind
	Set  int       // 1 or 2 for ArchiveSet, else 0
	Time time.Time // when it was made, to the second, on the clock of the machine that made it; held as UTC
}

// ArchiveKind says what an archive holds.
type ArchiveKind uint8

// The kinds of archives.
const (
	ArchiveUnnamed ArchiveKind = iota // migrate_<time>: the guide shortens names to this when it copies them (cps:446)
	ArchiveCluman                     // the Cluster Manager
	ArchiveSet                        // the VMs of a cluster-upgrade set
	ArchiveArbiter                    // the third-site arbiter
)

const archiveTime = "20060102_150405"

var archiveForm = regexp.MustCompile(`^migrate(?:[_-](cluman|arbiter|set-(\d)))?[_-](\d{8}_\d{6})(?:\.tar\.gz)?$`)

// ErrNotArchive is what ParseArchiveName says of a name that is none of migrate.sh's.
var ErrNotArchive = errors.New("not the name of a migrate.sh archive such as migrate_set-1_20180621_212456.tar.gz")

// ParseArchiveName reads the last element of a path. The guide's variants are accepted: a dash for an underscore, a missing kind,
// a missing .tar.gz (cps:446,472,885,1967); String gives the name as migrate.sh writes it.
func ParseArchiveName(name string) (ArchiveName, error) {
	m := archiveForm.FindStringSubmatch(path.Base(name))
	if m == nil {
		return ArchiveName{}, fmt.Errorf("%q is %w", name, ErrNotArchive)
	}
	made, err := time.Parse(archiveTime, m[3])
	if err != nil {
		return ArchiveName{}, fmt.Errorf("%q is %w: %s is no date and time", name, ErrNotArchive, m[3])
	}
	a := ArchiveName{Time: made}
	switch m[1] {
	case "":
	case "cluman":
		a.Kind = ArchiveCluman
	case "arbiter":
		a.Kind = ArchiveArbiter
	default:
		a.Kind = ArchiveSet
		if a.Set, err = strconv.Atoi(m[2]); err != nil || a.Set < 1 || a.Set > 2 {
			return ArchiveName{}, fmt.Errorf("%q is %w: there is no set %s", name, ErrNotArchive, m[2])
		}
	}
	return a, nil
}

// String is the name as migrate.sh writes it, without a directory.
func (a ArchiveName) String() string {
	stamp := a.Time.Format(archiveTime) + ".tar.gz"
	switch a.Kind {
	case ArchiveCluman:
		return "migrate_cluman_" + stamp
	case ArchiveSet:
		return fmt.Sprintf("migrate_set-%d_%s", a.Set, stamp)
	case ArchiveArbiter:
		return "migrate_arbiter_" + stamp
	case ArchiveUnnamed:
	}
	return "migrate_" + stamp
}

// Path is where migrate.sh puts the archive.
func (a ArchiveName) Path() string { return "/var/tmp/" + a.String() }
