package sshexec

import (
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/evenkeel-ha/evenkeel/sshexec/internal/execline"
)

// Lease is what a lease file says: one line, padded with blanks to a fixed length, so that it is replaced in place and
// never shorter. The file is made once and stays: it is also the lock that running commands share, and that a takeover
// must have for itself.
type Lease struct {
	Held   bool   // false: it was given back
	Run    string // whose it is, or was
	Epoch  int    // which life of the run; it only grows
	Life   string // a random name of that life
	Host   string // the machine, as the run names it
	Since  time.Time
	Holder string // who runs it: user@host
}

// leaseSize is the length of the line in the file, without its newline.
const leaseSize = 511

const (
	leaseKind    = "evenkeel-lease "
	leaseVersion = leaseKind + "1 "
	// leaseUnreadable stands for a first line that is blank in a file that is not empty: a write was torn.
	leaseUnreadable = "unreadable"
)

// words are the part of the lease that a fence compares.
func (l Lease) words() string {
	state := "free"
	if l.Held {
		state = "held"
	}
	return leaseVersion + state + " " + leaseWord(l.Run) + " " + strconv.Itoa(l.Epoch) + " " + leaseWord(l.Life) + " " + leaseWord(l.Host)
}

// String is the line of the lease file. A holder who is too long for it is cut.
func (l Lease) String() string {
	line := l.words() + " " + l.Since.UTC().Format(time.RFC3339) + " "
	holder := l.Holder
	for len(line)+len(leaseWord(holder)) > leaseSize && holder != "" {
		_, n := utf8.DecodeLastRuneInString(holder)
		holder = holder[:len(holder)-n]
	}
	return line + leaseWord(holder)
}

// Validate refuses a lease that has no place in a lease file, or that nobody could read there.
func (l Lease) Validate() error {
	line := l.String()
	if len(line) > leaseSize {
		return fmt.Errorf("%w: the names of its run, life and host are too long for a line of %d bytes: %.80q…", ErrLease, leaseSize, line)
	}
	_, err := ParseLease(line)
	return err
}

// Describe is the lease in words, on one line: whoever wrote it chose them.
func (l Lease) Describe() string {
	verb := "held"
	if !l.Held {
		verb = "given back"
	}
	return fmt.Sprintf("run %s, epoch %d, %s by %s since %s, for host %s", oneLine(l.Run), l.Epoch, verb,
		oneLine(l.Holder), l.Since.Format(time.RFC3339), oneLine(l.Host))
}

// oneLine is text without the control characters and line ends in it.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}

// ErrLease means that a lease file holds something else than a lease.
var ErrLease = errors.New("it is no lease")

// ParseLease reads the line of a lease file, or no more than the words that a fence compares.
func ParseLease(line string) (Lease, error) {
	bad := fmt.Errorf("%w: %.80q", ErrLease, line)
	rest, ok := strings.CutPrefix(strings.TrimRight(line, " \n"), leaseVersion)
	f := strings.Split(rest, " ")
	if !ok || len(f) != 5 && len(f) != 7 || f[0] != "held" && f[0] != "free" {
		return Lease{}, bad
	}
	l := Lease{Held: f[0] == "held"}
	var err error
	if l.Epoch, err = strconv.Atoi(f[2]); err != nil || l.Epoch < 1 || strconv.Itoa(l.Epoch) != f[2] {
		return Lease{}, bad
	}
	words := append([]string{f[1], f[3], f[4]}, f[min(6, len(f)):]...)
	for i, to := range []*string{&l.Run, &l.Life, &l.Host, &l.Holder}[:len(words)] {
		if *to, ok = leaseUnword(words[i]); !ok {
			return Lease{}, bad
		}
	}
	if len(f) == 7 {
		if l.Since, err = time.Parse(time.RFC3339, f[5]); err != nil {
			return Lease{}, bad
		}
	}
	return l, nil
}

func leaseSafe(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._@+=:/-", c) >= 0
}

// leaseWord writes a text as one word of a lease: every other byte than the common ones as %XX.
func leaseWord(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; leaseSafe(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func leaseUnword(word string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		switch c := word[i]; {
		case leaseSafe(c):
			b.WriteByte(c)
		case c == '%' && i+2 < len(word):
			n, err := strconv.ParseUint(word[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			return "", false
		}
	}
	return b.String(), b.Len() > 0
}

// atLine is the line behind that of the lease: how many records the life's journal had when it sent its last command there.
func atLine(life string, number int) string {
	return execline.AtLine(leaseWord(life), strconv.Itoa(number))
}

// parseAt reads it. It is -1 where it is not that of the lease's own life: whoever takes a lease begins the line anew.
func parseAt(line string, l Lease) int {
	number, ok := strings.CutPrefix(line, "at "+leaseWord(l.Life)+" ")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 || strconv.Itoa(n) != number {
		return -1
	}
	return n
}

//go:embed scripts/lease_look.sh
var leaseLook string

//go:embed scripts/lease_swap.sh
var leaseSwap string

// LeaseTimeout bounds the commands on a lease.
const LeaseTimeout = time.Minute

// LookLease makes the command that reads a machine's lease, who the machine is, and whether the lease can be used. It
// makes the lease file where there is none. ReadLeaseLook reads its output. It also reads the lease at the standard
// path, where that is another and not empty, and makes nothing there.
func LookLease(path, standard string) Cmd {
	if standard == path {
		standard = ""
	}
	cmd := Script(Mutating, leaseLook, path, standard)
	cmd.Timeout = LeaseTimeout
	return cmd
}

// LeaseLook is what LookLease sees.
type LeaseLook struct {
	Line  string // what the lease file says; empty when it is new
	At    int    // how many records the journal of the lease's life had at its last command there (Fence.At); -1 when that cannot be read
	Other string // what the lease file at the standard path says, where another path is used; empty when there is none
	Flock bool   // whether the machine has flock(1)
	Fault string // why the lease file cannot be written; empty when it can
	Machine
}

// Machine is who a machine is.
type Machine struct {
	HostKey string `json:"hostKey,omitempty"` // the fingerprint of its SSH host key; empty where it is reached in another way
	ID      string `json:"id,omitempty"`      // its machine id; empty when it has none
	IDFrom  string `json:"idFrom,omitempty"`  // the file that the id is from
	Name    string `json:"name,omitempty"`    // what hostname prints
}

// ReadLeaseLook reads what LookLease printed.
func ReadLeaseLook(res Result) (LeaseLook, error) {
	l := LeaseLook{Machine: Machine{HostKey: res.HostKey}}
	seen, at := map[string]bool{}, ""
	for line := range strings.Lines(res.Text() + "\n") {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if seen[name] {
			return LeaseLook{}, fmt.Errorf("cannot read what the machine says of its lease: two lines %q", name)
		}
		seen[name] = true
		value = strings.TrimSpace(value)
		switch name {
		case "lease":
			l.Line = value
		case "at":
			at = value
		case "other":
			l.Other = value
		case "flock":
			l.Flock = value == "yes"
		case "fault":
			l.Fault = value
		case "id":
			l.IDFrom, l.ID, _ = strings.Cut(value, " ")
		case "name":
			l.Name = value
		default:
			return LeaseLook{}, fmt.Errorf("cannot read what the machine says of its lease: %.80q", line)
		}
	}
	for _, name := range []string{"lease", "at", "other", "flock", "fault", "id", "name"} {
		if !seen[name] {
			return LeaseLook{}, fmt.Errorf("cannot read what the machine says of its lease: no line %q", name)
		}
	}
	lease, _ := ParseLease(l.Line)
	l.At = parseAt(at, lease)
	return l, nil
}

// Foreign tells whether the file at the path of the lease is somebody else's: neither new, nor a lease of any version,
// nor one whose write was torn.
func (l LeaseLook) Foreign() bool {
	return l.Line != "" && l.Line != leaseUnreadable && !strings.HasPrefix(l.Line, leaseKind)
}

// CheckLease makes the command that does nothing but have a machine check its lease.
func CheckLease(f *Fence) Cmd {
	cmd := Command(ReadOnly, checkProgram)
	cmd.Fence, cmd.Timeout = f, LeaseTimeout
	return cmd
}

const checkProgram = "true"

// SwapLease makes the command that puts another lease in the place of the one that was seen (empty for none), while no
// fenced command runs. Sent twice it does the same as once. ReadLeaseSwap reads its output.
func SwapLease(path, seen string, lease Lease) Cmd {
	cmd := Script(Mutating, leaseSwap, path, seen, lease.String(), strconv.Itoa(leaseSize), strings.TrimSpace(atLine(lease.Life, 0)))
	cmd.Timeout = LeaseTimeout
	return cmd
}

// LeaseSwap is what came of SwapLease.
type LeaseSwap struct {
	Taken bool
	// Where it is not: what the lease says instead of what was seen; or the command of the life before that still runs, as
	// PID and command line.
	Line string
	Busy string
}

// ReadLeaseSwap reads what SwapLease printed.
func ReadLeaseSwap(res Result) (LeaseSwap, error) {
	verb, rest, _ := strings.Cut(res.Text(), " ")
	rest = strings.TrimSpace(strings.ReplaceAll(rest, "\n", "; "))
	switch verb {
	case "taken":
		return LeaseSwap{Taken: true}, nil
	case "changed":
		return LeaseSwap{Line: rest}, nil
	case "busy":
		if rest == "" {
			rest = "a command that cannot be seen from this account"
		}
		return LeaseSwap{Busy: rest}, nil
	}
	return LeaseSwap{}, fmt.Errorf("cannot read what became of the lease: %.80q", res.Text())
}
