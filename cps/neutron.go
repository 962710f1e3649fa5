package cps

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
)

// Port is a row of "neutron port-list" (cps:846-849,1221-1223).
type Port struct {
	ID       string // a UUID, as printed: see Check
	Name     string // empty as a rule
	MAC      string
	SubnetID string // a UUID, as printed
	IP       netip.Addr
	Line     int
}

var (
	idForm     = regexp.MustCompile(`^[0-9A-Za-z]+(?:-[0-9A-Za-z]+)+$`)
	uuidForm   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	portCells  = regexp.MustCompile(`^\|\s*([^|{]*?)\s*\|(?:\s*([^|{]*?)\s*\|)?\s*([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})\s*\|\s*(\{[^{}]*\})\s*\|\s*`)
	gridRule   = regexp.MustCompile(`^\+[-+=]+\+$`)
	portHead   = regexp.MustCompile(`^\|\s*id\s*\|`)
	updatedRow = regexp.MustCompile(`^Updated port: (\S+)$`)
)

// ErrNotUUID is what CheckUUID says of a text that is none.
var ErrNotUUID = errors.New("not a UUID")

// CheckUUID tells whether a text is a UUID in lower case. The guide prints one with a letter l for the digit 1 (cps:1165): that
// likeness is named, and never corrected.
func CheckUUID(s string) error {
	if uuidForm.MatchString(s) {
		return nil
	}
	likely := strings.NewReplacer("l", "1", "I", "1", "O", "0", "o", "0").Replace(s)
	if uuidForm.MatchString(likely) {
		return fmt.Errorf("%q is %w: did a letter slip in for a digit (%s)?", s, ErrNotUUID, likely)
	}
	return fmt.Errorf("%q is %w", s, ErrNotUUID)
}

// Check tells whether the ids of the port are UUIDs. They are not always so in print: the guide's last port has lost a digit
// (cps:1239). An id that fails must not be put into a command.
func (p Port) Check() error { return errors.Join(CheckUUID(p.ID), CheckUUID(p.SubnetID)) }

// ParsePorts reads the rows of "neutron port-list", as they are or filtered by grep, with the commands around them. A row may be
// wrapped, and the column of names may be missing. No row, or one of another shape, is an error; an id that is no UUID is not: see Check.
func ParsePorts(r io.Reader) ([]Port, error) {
	src, err := readSource(r, "neutron port-list")
	if err != nil {
		return nil, err
	}
	var ports []Port
	row, start := "", 0
	flush := func() {
		for row = strings.TrimSpace(row); row != ""; row = strings.TrimSpace(row) {
			m := portCells.FindStringSubmatch(row)
			if m == nil {
				src.failf(start, 1, row, "not a port: | id | name | mac address | {subnet_id, ip_address} |")
				row = ""
				return
			}
			if p, err := newPort(m); err != nil {
				src.failf(start, 1, m[0], "%w", err)
			} else {
				p.Line = start
				ports = append(ports, p)
			}
			row = row[len(m[0]):]
		}
	}
	for _, l := range src.lines {
		text := strings.TrimSpace(stripEscapes(l.text))
		switch {
		case text == "", isFence(text), isPrompt(text), gridRule.MatchString(text), portHead.MatchString(text),
			updatedRow.MatchString(text), strings.HasPrefix(text, "--"):
			flush()
		case row == "" && !strings.HasPrefix(text, "|"):
			src.failf(l.no, 1, text, "not a row of neutron port-list")
		default:
			// A row is done when its closing bar follows the object; a new one may then begin.
			if strings.HasPrefix(text, "|") && portCells.MatchString(row) {
				flush()
			}
			if row == "" {
				start = l.no
			}
			row = strings.TrimSpace(row + " " + text)
		}
	}
	flush()
	if len(ports) == 0 && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "no port is listed")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return ports, nil
}

func newPort(m []string) (Port, error) {
	p := Port{ID: m[1], Name: m[2], MAC: strings.ToLower(m[3])}
	if !idForm.MatchString(p.ID) {
		return p, fmt.Errorf("%q is not an id", p.ID)
	}
	if _, err := net.ParseMAC(p.MAC); err != nil {
		return p, fmt.Errorf("%q is not a MAC address", p.MAC)
	}
	var fixed struct {
		SubnetID  string     `json:"subnet_id"`
		IPAddress netip.Addr `json:"ip_address"`
	}
	if err := json.Unmarshal([]byte(m[4]), &fixed); err != nil {
		return p, fmt.Errorf("cannot read the fixed IP: %w", err)
	}
	if !fixed.IPAddress.IsValid() {
		return p, errors.New("the port has no ip_address")
	}
	if !idForm.MatchString(fixed.SubnetID) {
		return p, fmt.Errorf("%q is not an id", fixed.SubnetID)
	}
	p.SubnetID, p.IP = fixed.SubnetID, fixed.IPAddress
	return p, nil
}

// PortWithIP finds the port of an address. It compares whole addresses, which the guide's grep does not: grep 172.16.2.20 finds
// 172.16.2.201 too (cps:1221).
func PortWithIP(ports []Port, ip netip.Addr) (Port, bool) {
	for _, p := range ports {
		if p.IP == ip {
			return p, true
		}
	}
	return Port{}, false
}

// ParseUpdatedPort reads the output of "neutron port-update" and gives the id of the port as printed (cps:852).
func ParseUpdatedPort(r io.Reader) (id string, err error) {
	src, err := readSource(r, "neutron port-update")
	if err != nil {
		return "", err
	}
	for _, l := range src.clean() {
		m := updatedRow.FindStringSubmatch(strings.TrimSpace(l.text))
		if m == nil {
			continue
		}
		if !idForm.MatchString(m[1]) {
			src.failAt(l, m[1], "not an id")
		}
		if id != "" {
			src.failf(l.no, 1, l.text, "a second port")
		}
		id = m[1]
	}
	if id == "" {
		src.failf(src.end(), 0, "", "no line Updated port: ID")
	}
	if err := src.err(); err != nil {
		return "", err
	}
	return id, nil
}
