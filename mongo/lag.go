package mongo

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// SecondaryInfo is one member as rs.printSlaveReplicationInfo() prints it (cps:1410-1413).
type SecondaryInfo struct {
	Source      string        // "host:port"
	SyncedTo    time.Time     // its last operation; zero when it has none
	Lag         time.Duration // behind the reference; may be a little negative
	LagHours    float64       // the same in hours, as printed
	NoPrimary   bool          // the reference is the freshest member, since there is no primary
	State       MemberState   // only when it has no replication info yet: its state; else [StateSecondary]
	InitialSync bool          // it is copying the data
	Unknown     []Field       // other lines "name: value"
}

// ParseSlaveReplicationInfo reads the output of rs.printSlaveReplicationInfo(), and of rs.printSecondaryReplicationInfo() of
// newer shells, with or without the prompts around it. It never gives an empty list: a set without a secondary prints
// nothing, and the error then is [ErrNoSecondary].
func ParseSlaveReplicationInfo(r io.Reader) ([]SecondaryInfo, error) {
	lines, file, err := shellLines(r)
	if err != nil {
		return nil, err
	}
	var (
		infos []SecondaryInfo
		told  bool // the present member has said how far it is
		open  shellLine
		errs  srcerr.List
	)
	fail := func(l shellLine, near string, err error) {
		errs = append(errs, lineError(file, l, near, err))
	}
	closeMember := func() {
		if len(infos) > 0 && !told {
			fail(open, open.text, fmt.Errorf("this member has no line that says how far behind it is"))
		}
	}
	for _, l := range lines {
		err := shellComplaint(l.text)
		if errors.Is(err, ErrOnSecondary) { // it introduces the same list
			continue
		}
		if err != nil {
			fail(l, l.text, err)
			return nil, errs.Err()
		}
		if host, ok := strings.CutPrefix(l.text, "source:"); ok {
			closeMember()
			host = unquote(host)
			if host == "" {
				fail(l, l.text, fmt.Errorf("a member without a name"))
			}
			infos, told, open = append(infos, SecondaryInfo{Source: host, State: StateSecondary}), false, l
			continue
		}
		if len(infos) == 0 {
			fail(l, l.text, fmt.Errorf("unknown line before the first \"source:\""))
			continue
		}
		t, err := infos[len(infos)-1].line(l.text)
		if err != nil {
			fail(l, l.text, err)
		}
		told = told || t || err != nil
	}
	closeMember()
	if len(infos) == 0 && len(errs) == 0 {
		return nil, &srcerr.Error{File: file, Err: ErrNoSecondary}
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return infos, nil
}

var (
	lagText = regexp.MustCompile(`^(-?\d+(?:\.\d+)?) ?secs? \((-?\d+(?:\.\d+)?) ?hrs?\) behind the (primary|freshest member(?: \(.*\))?)$`)
	agoText = regexp.MustCompile(`^= (-?\d+(?:\.\d+)?) ?secs? ago \((-?\d+(?:\.\d+)?) ?hrs?\)$`)
	noInfo  = regexp.MustCompile(`^'?no replication info, yet\.\s+State'?:\s*(.+)$`)
)

// line reads one line of a member; told is true when it says how far the member is.
func (s *SecondaryInfo) line(text string) (told bool, err error) {
	if m := noInfo.FindStringSubmatch(text); m != nil {
		s.State, err = ParseMemberState(unquote(m[1]))
		return true, err
	}
	if text == "doing initial sync" {
		s.State, s.InitialSync = StateStartup2, true
		return true, nil
	}
	name, value, named := strings.Cut(text, ":")
	if named && name == "syncedTo" {
		s.SyncedTo, err = parseShellDate(unquote(value))
		return false, err
	}
	lag := unquote(text)
	if name == "replLag" {
		lag = unquote(value)
	}
	m := lagText.FindStringSubmatch(lag)
	if m == nil {
		m = agoText.FindStringSubmatch(lag)
	}
	switch {
	case m != nil:
		s.NoPrimary = len(m) > 3 && m[3] != "primary"
		return true, s.setLag(m[1], m[2])
	case named && name != "replLag" && !strings.ContainsAny(name, " \t"):
		if strings.HasPrefix(name, "InitialSync") {
			s.InitialSync = true
			told = true
		}
		s.Unknown = append(s.Unknown, Field{Name: name, Value: unquote(value)})
		return told, nil
	}
	return false, fmt.Errorf("unknown line, expected \"N secs (N hrs) behind the primary\"")
}

func (s *SecondaryInfo) setLag(secs, hours string) error {
	n, err := strconv.ParseFloat(secs, 64)
	if err != nil {
		return fmt.Errorf("cannot read lag: %w", err)
	}
	if s.LagHours, err = strconv.ParseFloat(hours, 64); err != nil {
		return fmt.Errorf("cannot read lag: %w", err)
	}
	s.Lag, err = seconds(n)
	return err
}
