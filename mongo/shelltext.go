package mongo

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// ParseError is what every parser of this package returns: what is wrong, and where it stands.
type ParseError = srcerr.Error

// The shell commands whose output this package reads (cps:1392, cps:1405). The second is called
// rs.printSecondaryReplicationInfo() from 4.4 on; mongosh knows no other name.
const (
	PrintReplicationInfo          = "rs.printReplicationInfo()"
	PrintSlaveReplicationInfo     = "rs.printSlaveReplicationInfo()"
	PrintSecondaryReplicationInfo = "rs.printSecondaryReplicationInfo()"
)

// What a shell says instead of an answer.
var (
	ErrOnArbiter    = errors.New("the shell was on an arbiter, which has no oplog: ask the primary")
	ErrOnSecondary  = errors.New("the shell was not on the primary: ask the primary")
	ErrNoSecondary  = errors.New("the shell printed no secondary: the set has none, or the text is something else")
	ErrShellMessage = errors.New("the shell printed an error")
)

// Field is a line "name: value" that the parser has no meaning for.
type Field struct{ Name, Value string }

// shellLine is one line of a shell's output without what surrounds the answer.
type shellLine struct {
	no, col int
	text    string
}

var (
	promptLine = regexp.MustCompile(`^(?:Enterprise |Atlas )?(?:[\w.-]+:[A-Z0-9_]+>|[\w.-]* ?\[[^\]]*\] [\w-]*>|>|\.\.\.)(?:\s|$)`)
	bannerLine = regexp.MustCompile(`^(?:mongo(?:sh)? |MongoDB (?:shell|server) version|connecting to:|Connecting to:|Current Mongosh Log ID|Using Mongo|` +
		`Implicit session:|Server has startup warnings|WARNING: print\w+ is deprecated|switched to db |bye$|---$|[{}],?$|` +
		`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)`)
)

// shellLines drops prompts with the commands typed there, banners, brackets and blank lines.
func shellLines(r io.Reader) ([]shellLine, string, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, "", err
	}
	var lines []shellLine
	for i, raw := range strings.Split(string(data), "\n") {
		text := strings.TrimSpace(raw)
		if text == "" || promptLine.MatchString(text) || bannerLine.MatchString(text) {
			continue
		}
		lines = append(lines, shellLine{no: i + 1, col: strings.Index(raw, text) + 1, text: text})
	}
	return lines, srcerr.NameOf(r), nil
}

var (
	urlSecret  = regexp.MustCompile(`://\S*@`)
	secretLine = regexp.MustCompile(`(?i)pass(?:word|phrase)|\bpwd\b|\bauth\(|\s-p\s?\S`)
)

// lineError is a mistake in a line, at the text near. A line that may show a password is not quoted.
func lineError(file string, l shellLine, near string, err error) *srcerr.Error {
	e := &srcerr.Error{File: file, Line: l.no, Col: l.col + max(strings.Index(l.text, near), 0), Near: near, Err: err}
	if secretLine.MatchString(l.text) {
		e.Near = "[redacted]"
	} else {
		e.Near = urlSecret.ReplaceAllString(near, "://[redacted]@")
	}
	return e
}

// unquote strips what mongosh puts around a value.
func unquote(s string) string {
	s = strings.TrimSuffix(strings.TrimSpace(s), ",")
	if len(s) >= 2 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0] {
		s = s[1 : len(s)-1]
	}
	return strings.TrimSpace(s)
}

// parseShellDate reads a date as JavaScript prints it: "Fri Feb 24 2017 19:51:25 GMT+0530 (IST)". The name of the zone
// may be missing, long, or in the user's language.
func parseShellDate(s string) (time.Time, error) {
	const layout = "Mon Jan 2 2006 15:04:05 GMT-0700"
	date, zone, named := strings.Cut(s, " (")
	if named && !strings.HasSuffix(zone, ")") {
		return time.Time{}, errors.New("cannot read date: the name of the zone is not closed")
	}
	t, err := time.Parse(layout, strings.TrimSpace(date))
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot read date like %q", layout)
	}
	return t, nil
}

// seconds turns a number of seconds into a duration, refusing what has no place in one.
func seconds(s float64) (time.Duration, error) {
	const century = 100 * 365 * 24 * 3600
	if !(s > -century && s < century) {
		return 0, fmt.Errorf("%v seconds is more than a century", s)
	}
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond), nil
}
