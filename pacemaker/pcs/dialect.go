package pcs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Version is a release of pcs, such as 0.9.152.
type Version struct{ Major, Minor, Patch int }

// String is the version as pcs prints it.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Compare orders versions by number: 0.9.169 comes before 0.10.1.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

var versionLine = regexp.MustCompile(`^(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?:(?:\.\d|[-+~a-z])\S*)?$`)

// ParseVersion reads what `pcs --version` prints, also with --full, which adds the capabilities below. Warnings of the Python that
// runs pcs may stand in front, and colour sequences around it. No version in the first lines is an error.
func ParseVersion(r io.Reader) (Version, error) {
	name := srcerr.NameOf(r)
	data, err := srcerr.ReadText(r)
	if err != nil {
		return Version{}, err
	}
	for line := range strings.Lines(string(data)) {
		m := versionLine.FindStringSubmatch(strings.TrimSpace(printable.Plain(line)))
		if m == nil {
			continue
		}
		number := func(s string) int { n, _ := strconv.Atoi(s); return n } // at most six digits
		return Version{number(m[1]), number(m[2]), number(m[3])}, nil
	}
	first, _, _ := strings.Cut(string(data), "\n")
	return Version{}, srcerr.Errorf(name, 1, 1, strings.TrimSpace(first), "not the output of pcs --version: there is no line such as 0.9.152")
}

// Dialect knows the command of each operation in one release of pcs. The zero value is that of the guide, [V09]. The node that an
// operation runs on is left empty where the command itself does not decide it.
//
// What the releases of a generation do differently is known by its first release: 0.10.7 for `resource defaults update`, for instance.
// The manual pages are at https://github.com/ClusterLabs/pcs/blob/main/pcs/pcs.8.in, the changes in CHANGELOG.md there.
type Dialect struct{ version Version }

// The generations, each by a release that stands for it.
var (
	// V09 is the only one for corosync 1 and 2 with Pacemaker 1.1, on EL6 and EL7. It is the dialect of the guide.
	V09 = Dialect{Version{0, 9, 152}}
	// V010 is that of EL8: corosync 3 and Pacemaker 2 only.
	V010 = Dialect{Version{0, 10, 18}}
	// V011 is that of EL9 and Debian 12.
	V011 = Dialect{Version{0, 11, 5}}
	// V012 is that of EL10, with Pacemaker 3.
	V012 = Dialect{Version{0, 12, 0}}
)

// ErrUnknownDialect says that a release of pcs is of no generation that this package knows: what it takes is not guessed.
var ErrUnknownDialect = errors.New("unknown generation of pcs")

// DialectOf is the dialect of a release. Generations older than 0.9 and newer than 0.12 are ErrUnknownDialect.
func DialectOf(v Version) (Dialect, error) {
	if v.Major != 0 || v.Minor < 9 || v.Minor > 12 {
		return Dialect{}, fmt.Errorf("pcs %s: %w: known are 0.9 to 0.12", v, ErrUnknownDialect)
	}
	return Dialect{v}, nil
}

// QueryVersion asks a node for its pcs; its output is for [ParseVersion].
func QueryVersion() Operation {
	return NewOperation("version of pcs", "", op.ReadOnly, op.Idempotent, "pcs", "--version")
}

// Version is the release; that of the guide for the zero value.
func (d Dialect) Version() Version {
	if d.version == (Version{}) {
		return V09.version
	}
	return d.version
}

// Name is the generation, such as "pcs 0.9".
func (d Dialect) Name() string {
	v := d.Version()
	return fmt.Sprintf("pcs %d.%d", v.Major, v.Minor)
}

// from says whether the release is this one or a later one.
func (d Dialect) from(minor, patch int) bool {
	return d.Version().Compare(Version{0, minor, patch}) >= 0
}

// Modern says whether the release is for corosync 3 and Pacemaker 2 or later: everything but pcs 0.9.
func (d Dialect) Modern() bool { return d.from(10, 0) }

// NewOperation is an operation without a node: its name, its place in the guide, its effect, whether it may be repeated, and its command.
func NewOperation(name, ref string, effect op.Effect, repeat op.Repeat, argv ...string) Operation {
	return Operation{Name: name, Argv: argv, Effect: effect, Repeat: repeat, Ref: ref}
}
