package lustre

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// RecoveryStatus is the first word of a target's recovery_status.
type RecoveryStatus string

// All of them. Up to Lustre 2.5 there are INACTIVE, RECOVERING and COMPLETE only.
const (
	RecoveryInactive   RecoveryStatus = "INACTIVE"            // no client had it mounted: there is nothing to recover
	RecoveryForMDTs    RecoveryStatus = "WAITING"             // an MDT waits for other MDTs
	RecoveryForClients RecoveryStatus = "WAITING_FOR_CLIENTS" // no client has come back: the time does not run yet
	RecoveryRuns       RecoveryStatus = "RECOVERING"
	RecoveryComplete   RecoveryStatus = "COMPLETE"
)

// Recovery is what a target says of its recovery after it was mounted. New requests are answered when it is over; a
// client that does not come back in time is evicted, and what it had not written is lost.
type Recovery struct {
	Target string // such as demo-OST0000; empty where lctl was told to leave names out
	Status RecoveryStatus

	Clients   int // that it had when it stopped; 0 where that is not told
	Connected int // of them back again, while it runs
	Completed int // of them with their recovery behind them
	Evicted   int // given up; those that are missing where it is complete

	Started time.Time     // on the clock of the server; zero where that is not told
	Took    time.Duration // how long it took, where it is complete
	Left    time.Duration // until who is missing is evicted, while it runs; it may be extended meanwhile
	Waited  time.Duration // for other MDTs so far
	MDTs    []string      // that it waits for: their indices, such as 0001

	Imperative bool              // clients were told that it is back (IR)
	Versions   bool              // gaps in the replay were bridged by the versions of objects (VBR)
	Other      map[string]string // every other field, as it stands

	total *int // the number of clients, as soon as a field has told it
}

// ErrCounts says that the numbers of clients of a recovery contradict one another, or are below zero. The kernel reads its counters one
// after the other, so that this can be so for a moment: who waits may look again, and nobody may take it for an answer.
var ErrCounts = errors.New("the numbers of clients contradict one another")

// recoveryName is the name of the parameter. An MDT has it as mdt.X, an OST as obdfilter.X; the MGS has none.
var recoveryName = regexp.MustCompile(`^[a-z0-9_-]+\.[^ =.]+\.recovery_status=`)

// recoveryField is the name of a field, such as "non-ready MDTs".
var recoveryField = regexp.MustCompile(`^[A-Za-z][A-Za-z_ -]*$`)

// ParseRecovery reads what `lctl get_param *.*.recovery_status` prints, of Lustre 2.4 to 2.15:
//
//	obdfilter.demo-OST0000.recovery_status=
//	status: RECOVERING
//	recovery_start: 1528840800
//	time_remaining: 119
//	connected_clients: 3/7
//	…
//
// A word that is not a known status, a number that is none, and a field that the status must have and that is missing
// are errors, and so is no target at all: who asks wants to know of one. Fields that are not known are kept in Other.
// The source is lprocfs_recovery_status_seq_show of Lustre, and lprocfs_obd_rd_recovery_status up to 2.5; both spell
// lock_repay_clients so.
func ParseRecovery(r io.Reader) ([]Recovery, error) {
	file, params, err := readParams(r, recoveryName)
	if err != nil {
		return nil, err
	}
	var list []Recovery
	seen := map[string]bool{}
	for _, p := range params {
		one, err := parseRecovery(file, p)
		if err != nil {
			return nil, err
		}
		if seen[one.Target] {
			return nil, p.at(file, 0, "%q is told twice", one.Target)
		}
		seen[one.Target] = true
		list = append(list, one)
	}
	return list, nil
}

func parseRecovery(file string, p param) (one Recovery, _ error) {
	if p.name != "" {
		target, err := recoveryTarget(p.name)
		if err != nil {
			return one, p.misnamed(file, err)
		}
		one.Target = target
	}
	has := map[string]bool{}
	for i, line := range p.value {
		if strings.TrimSpace(line) == "" {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if key == "error" { // lctl's own word, such as of a parameter that it cannot read
			return one, p.at(file, i, "lctl could not read everything")
		}
		if !ok || !recoveryField.MatchString(key) {
			return one, p.at(file, i, "a line of recovery_status is NAME: VALUE")
		}
		if first := len(has) == 0; first != (key == "status") {
			return one, p.at(file, i, "recovery_status begins with its status, and has one")
		}
		if has[key] {
			return one, p.at(file, i, "%s is told twice", key)
		}
		has[key] = true
		if err := one.take(key, strings.TrimSpace(value)); err != nil {
			return one, p.at(file, i, "%w", err)
		}
	}
	if err := one.whole(has); err != nil {
		return one, p.at(file, 0, "%w", err)
	}
	return one, nil
}

// recoveryTarget is the target in the name of the parameter.
func recoveryTarget(name string) (string, error) {
	kind, rest, _ := strings.Cut(name, ".")
	label, err := ParseLabel(strings.TrimSuffix(rest, ".recovery_status"))
	if err != nil {
		return "", err
	}
	if want := map[string]string{"mdt": "MDT", "obdfilter": "OST"}[kind]; want == "" || label.Kind != want {
		return "", fmt.Errorf("%q is not the recovery_status of an MDT (mdt) or an OST (obdfilter)", name)
	}
	return label.String(), nil
}

// take takes a field in.
func (r *Recovery) take(key, value string) (err error) {
	switch key {
	case "status":
		r.Status = RecoveryStatus(value)
		err = r.Status.known()
	case "recovery_start":
		var s time.Duration
		if s, err = seconds(value); s > 0 {
			r.Started = time.Unix(int64(s/time.Second), 0).UTC()
		}
	case "recovery_duration":
		r.Took, err = seconds(value)
	case "time_remaining":
		r.Left, err = seconds(value)
	case "time_waited":
		r.Waited, err = seconds(value)
	case "connected_clients":
		r.Connected, err = r.ofAll(value)
	case "completed_clients":
		if r.Status == RecoveryComplete || strings.Contains(value, "/") {
			r.Completed, err = r.ofAll(value)
			break
		}
		r.Completed, err = number(value)
	case "evicted_clients":
		r.Evicted, err = number(value)
	case "non-ready MDTs":
		r.MDTs = strings.Fields(value)
	case "IR":
		r.Imperative, err = enabled(value)
	case "VBR":
		r.Versions, err = enabled(value)
	default:
		r.Other = keep(r.Other, key, value)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", key, err)
	}
	return err
}

func keep(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

func (s RecoveryStatus) known() error {
	switch s {
	case RecoveryInactive, RecoveryForMDTs, RecoveryForClients, RecoveryRuns, RecoveryComplete:
		return nil
	}
	return fmt.Errorf("%q is no status of a recovery that is known here", string(s))
}

// whole wants the fields without which a status says nothing.
func (r *Recovery) whole(has map[string]bool) error {
	var needs []string
	switch r.Status {
	case RecoveryComplete:
		needs = []string{"completed_clients"}
	case RecoveryRuns:
		needs = []string{"connected_clients", "completed_clients", "time_remaining"}
	case RecoveryForMDTs:
		needs = []string{"non-ready MDTs"}
	case RecoveryInactive, RecoveryForClients:
	default:
		return errors.New("recovery_status has no status")
	}
	for _, key := range needs {
		if !has[key] {
			return fmt.Errorf("%s without %s: the output was cut off, or is of a release that is not known here", r.Status, key)
		}
	}
	return r.counts(has)
}

// counts wants the numbers of clients to fit together. Who is missing where the recovery is complete was evicted.
func (r *Recovery) counts(has map[string]bool) error {
	if r.total != nil && max(r.Connected, r.Completed, r.Evicted) > r.Clients {
		return fmt.Errorf("%w: %d connected, %d completed and %d evicted, of %d", ErrCounts, r.Connected, r.Completed, r.Evicted, r.Clients)
	}
	if r.Status == RecoveryComplete {
		missing := r.Clients - r.Completed
		if has["evicted_clients"] && r.Evicted != missing {
			return fmt.Errorf("%w: %d of %d completed, and %d were evicted", ErrCounts, r.Completed, r.Clients, r.Evicted)
		}
		r.Evicted = missing
	}
	return nil
}

// ofAll reads "3/7", with as many in all as any other field has told.
func (r *Recovery) ofAll(text string) (some int, err error) {
	one, other, ok := strings.Cut(text, "/")
	if !ok {
		return 0, fmt.Errorf("%q does not say of how many", text)
	}
	if some, err = number(one); err != nil {
		return 0, err
	}
	all, err := number(other)
	switch {
	case err != nil:
		return 0, err
	case some > all:
		return 0, fmt.Errorf("%q: more than there are: %w", text, ErrCounts)
	case r.total != nil && *r.total != all:
		return 0, fmt.Errorf("%q: another field tells of %d: %w", text, *r.total, ErrCounts)
	}
	r.total, r.Clients = &all, all
	return some, nil
}

// number reads a count.
func number(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	switch {
	case err != nil || text[0] == '+' || text == "-0":
		return 0, fmt.Errorf("%q is not a number of clients", text)
	case n < 0:
		return 0, fmt.Errorf("%q: below zero: %w", text, ErrCounts)
	}
	return int(n), nil
}

func seconds(text string) (time.Duration, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of seconds", text)
	}
	return time.Duration(n) * time.Second, nil
}

// enabled reads ENABLED and DISABLED; imports of Lustre say ON and OFF.
func enabled(text string) (bool, error) {
	switch text {
	case "ENABLED", "ON":
		return true, nil
	case "DISABLED", "OFF":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither ENABLED nor DISABLED", text)
}

// Over tells whether the target answers new requests: its recovery is complete, or there was nothing to recover.
func (r Recovery) Over() bool { return r.Status == RecoveryComplete || r.Status == RecoveryInactive }

// String says how far it is, without the name of the target.
func (r Recovery) String() string {
	text := string(r.Status)
	switch r.Status {
	case RecoveryRuns:
		text += fmt.Sprintf(", %d of %d clients are back, %d have completed, %d are evicted, %s left",
			r.Connected, r.Clients, r.Completed, r.Evicted, printable.Duration(r.Left))
	case RecoveryComplete:
		text += fmt.Sprintf(", %d of %d clients in %s", r.Completed, r.Clients, printable.Duration(r.Took))
	case RecoveryForMDTs:
		text += ", not ready: MDT " + strings.Join(r.MDTs, " ")
	case RecoveryInactive, RecoveryForClients:
	}
	return text
}
