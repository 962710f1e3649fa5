package mongo

import (
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// ReplicationInfo is what rs.printReplicationInfo() prints on the primary (cps:1397-1401).
type ReplicationInfo struct {
	SizeMB       float64       // configured oplog size, in MB of 1024 × 1024 bytes
	ActualSizeMB float64       // actual size, printed by mongosh only; else 0
	Length       time.Duration // "log length start to end", as printed
	LengthHours  float64       // the same in hours, as printed: rounded to 0.01, or cut off
	First        time.Time     // first event
	Last         time.Time     // last event
	Now          time.Time     // the clock of the shell
	Unknown      []Field       // other lines "name: value"
}

// The names of the lines.
const (
	oplogSize   = "configured oplog size"
	oplogActual = "actual oplog size"
	oplogLength = "log length start to end"
	oplogFirst  = "oplog first event time"
	oplogLast   = "oplog last event time"
	oplogNow    = "now"
)

var oplogRequired = []string{oplogSize, oplogLength, oplogFirst, oplogLast, oplogNow}

// ParseReplicationInfo reads the output of rs.printReplicationInfo() as the shells from 2.x to 8.x print it, with or without the
// prompts around it. Lines with unknown names are kept, anything else unknown is an error. When the shell was on another
// member than the primary the error wraps [ErrOnArbiter] or [ErrOnSecondary].
func ParseReplicationInfo(r io.Reader) (*ReplicationInfo, error) {
	lines, file, err := shellLines(r)
	if err != nil {
		return nil, err
	}
	info := &ReplicationInfo{}
	seen := map[string]bool{}
	var errs srcerr.List
	fail := func(l shellLine, near string, err error) {
		errs = append(errs, lineError(file, l, near, err))
	}
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		if err := shellComplaint(l.text); err != nil {
			fail(l, l.text, err)
			return nil, errs.Err()
		}
		name, value, ok := strings.Cut(l.text, ":")
		name = strings.TrimSpace(name)
		if !ok && i+1 < len(lines) && strings.HasPrefix(lines[i+1].text, "'") { // mongosh: the value on its own line
			i++
			l, value, ok = lines[i], lines[i].text, true
		}
		value = unquote(value)
		switch {
		case !ok:
			fail(l, l.text, fmt.Errorf("unknown line, expected \"name: value\""))
			continue
		case seen[name]:
			fail(l, l.text, fmt.Errorf("%q stands here a second time", name))
			continue
		}
		seen[name] = true
		if err := info.set(name, value); err != nil {
			fail(l, value, err)
		}
	}
	for _, name := range oplogRequired {
		if !seen[name] {
			errs = append(errs, &srcerr.Error{File: file, Err: fmt.Errorf("no line %q", name)})
		}
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return info, nil
}

// shellComplaint recognises what a shell says instead of an answer.
func shellComplaint(text string) error {
	switch {
	case strings.Contains(text, "cannot provide replication status from an arbiter"):
		return ErrOnArbiter
	case strings.HasPrefix(text, "this is a slave"), strings.HasPrefix(text, "this is a secondary"):
		return ErrOnSecondary
	case strings.Contains(text, "errmsg"), strings.HasPrefix(text, "Error:"), strings.HasPrefix(text, "uncaught exception"),
		strings.HasPrefix(text, "MongoServerError"), strings.Contains(text, "exception: connect failed"):
		return ErrShellMessage
	}
	return nil
}

func (i *ReplicationInfo) set(name, value string) (err error) {
	switch name {
	case oplogSize:
		i.SizeMB, err = parseMB(value)
	case oplogActual:
		i.ActualSizeMB, err = parseMB(value)
	case oplogLength:
		i.Length, i.LengthHours, err = parseLength(value)
	case oplogFirst:
		i.First, err = parseShellDate(value)
	case oplogLast:
		i.Last, err = parseShellDate(value)
	case oplogNow:
		i.Now, err = parseShellDate(value)
	default:
		i.Unknown = append(i.Unknown, Field{Name: name, Value: value})
	}
	return err
}

func parseMB(s string) (float64, error) {
	n, ok := strings.CutSuffix(s, "MB")
	mb, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
	if !ok || err != nil || !(mb >= 0) || math.IsInf(mb, 0) {
		return 0, fmt.Errorf("cannot read size like \"5120MB\"")
	}
	return mb, nil
}

var lengthText = regexp.MustCompile(`^(\d+(?:\.\d+)?) ?secs \((\d+(?:\.\d+)?) ?hrs\)$`)

func parseLength(s string) (time.Duration, float64, error) {
	m := lengthText.FindStringSubmatch(s)
	if m == nil {
		return 0, 0, fmt.Errorf("cannot read length like \"600secs (0.16hrs)\"")
	}
	secs, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, 0, fmt.Errorf("cannot read length: %w", err)
	}
	hours, err := strconv.ParseFloat(m[2], 64)
	if err != nil {
		return 0, 0, fmt.Errorf("cannot read length: %w", err)
	}
	d, err := seconds(secs)
	return d, hours, err
}

// Window is how far back the oplog reaches: the printed length, or the time from the first event to the last where that
// is shorter. A member that was away longer comes back RECOVERING.
func (i *ReplicationInfo) Window() time.Duration {
	return max(0, min(i.Length, i.Last.Sub(i.First)))
}

// Covers tells whether a member that is away for a time will catch up by itself, and how much time it has to spare
// (negative: how much it is short). Load is the write rate to expect against that of the time the oplog covers: 2 for twice as much. An
// oplog that is not full yet reaches further than it shows; Covers is on the safe side then.
func (i *ReplicationInfo) Covers(away time.Duration, load float64) (ok bool, spare time.Duration) {
	window := i.Window()
	if load > 0 {
		scaled := float64(window) / load
		window = time.Duration(min(scaled, math.MaxInt64/2))
	}
	return away <= window, window - away
}

// Findings names what does not fit together in the printed values, empty when all does. The guide's own example has one:
// 600 seconds from Friday to Monday (cps:1398-1400).
func (i *ReplicationInfo) Findings() []string {
	var out []string
	if span := i.Last.Sub(i.First); (span - i.Length).Abs() > time.Second {
		out = append(out, fmt.Sprintf("the log length is printed as %s, but its first and last event are %s apart",
			printable.Duration(i.Length), printable.Duration(span)))
	}
	if math.Abs(i.Length.Hours()-i.LengthHours) > 0.011 {
		out = append(out, fmt.Sprintf("the log length is printed as %s and as %v hours", printable.Duration(i.Length), i.LengthHours))
	}
	if i.Last.After(i.Now.Add(time.Minute)) {
		out = append(out, fmt.Sprintf("the last event is %s ahead of the clock", printable.Duration(i.Last.Sub(i.Now))))
	}
	return out
}
