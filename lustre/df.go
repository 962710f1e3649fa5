package lustre

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Usage is one line of df: a mounted file system and how full it is.
type Usage struct {
	Device     string
	Size       string // as printed, such as "9.4G"
	Used       string
	Available  string
	Percent    int // used, in per cent; -1 where df prints "-"
	MountPoint string
}

var (
	dfHeader  = regexp.MustCompile(`^Filesystem\s+(Size|1K-blocks|1024-blocks)\s+Used\s+(Avail|Available)\s+(Use%|Capacity)\s+Mounted on\s*$`)
	dfAmount  = regexp.MustCompile(`^(-|[0-9]+([.,][0-9]+)?[KMGTPEZY]?)$`)
	dfPercent = regexp.MustCompile(`^(-|[0-9]+%)$`)
)

// dfNone is what df says, and exits with status 1, where no file system of the type asked for is mounted.
const dfNone = "no file systems processed"

// ParseDF reads the table of "df -ht lustre" (lustre:437). Lines that df of EL6 wraps after a long device are put
// together again. The list is empty only when df said "no file systems processed"; an empty input is an error.
func ParseDF(r io.Reader) ([]Usage, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	name := srcerr.NameOf(r)
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	if strings.HasSuffix(strings.TrimSpace(lines[0]), dfNone) && len(lines) == 1 {
		return nil, nil
	}
	if !dfHeader.MatchString(lines[0]) {
		return nil, srcerr.Errorf(name, 1, 1, lines[0], "not the table that df prints")
	}
	var list []Usage
	var errs srcerr.List
	for i := 1; i < len(lines); i++ {
		line, start := lines[i], i
		if len(strings.Fields(line)) == 1 && i+1 < len(lines) && strings.HasPrefix(lines[i+1], " ") {
			i++
			line += lines[i]
		}
		u, err := parseUsage(line)
		if err != nil {
			errs = append(errs, &ParseError{File: name, Line: start + 1, Col: 1, Near: line, Err: err})
			continue
		}
		list = append(list, u)
	}
	if len(list) == 0 && len(errs) == 0 {
		errs = append(errs, srcerr.Errorf(name, 2, 1, "", "the table has no line"))
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return list, nil
}

func parseUsage(line string) (Usage, error) {
	rest := line
	var f [5]string
	for i := range f {
		rest = strings.TrimLeft(rest, " \t")
		end := strings.IndexAny(rest, " \t")
		if end < 0 {
			return Usage{}, errors.New("a line of df has 6 columns")
		}
		f[i], rest = rest[:end], rest[end:]
	}
	u := Usage{Device: f[0], Size: f[1], Used: f[2], Available: f[3], Percent: -1, MountPoint: strings.TrimSpace(rest)}
	for _, amount := range f[1:4] {
		if !dfAmount.MatchString(amount) {
			return Usage{}, fmt.Errorf("%q is not an amount of storage", amount)
		}
	}
	if !dfPercent.MatchString(f[4]) {
		return Usage{}, fmt.Errorf("%q is not a percentage", f[4])
	}
	if f[4] != "-" {
		n, err := strconv.Atoi(strings.TrimSuffix(f[4], "%"))
		if err != nil {
			return Usage{}, fmt.Errorf("%q is not a percentage", f[4])
		}
		u.Percent = n
	}
	if !strings.HasPrefix(u.MountPoint, "/") {
		return Usage{}, fmt.Errorf("the mount point %q is not an absolute path", u.MountPoint)
	}
	return u, nil
}
