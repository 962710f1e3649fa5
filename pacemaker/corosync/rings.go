package corosync

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// RingStatus is what corosync says of one of its rings, or links, on a node.
type RingStatus struct {
	Number  int
	Address string
	Sound   bool
	// Says is the state as it is written, of a link that of each node: "ring 0 active with no faults", "nodeid 1:
	// localhost; nodeid 2: connected".
	Says string
	// Nodes are the ids of the nodes of which a link says how it reaches them, this one among them; none of a ring of
	// corosync 1 and 2, or of udpu.
	Nodes []int
}

var (
	ringLine   = regexp.MustCompile(`^(?:RING|LINK) ID (\d+)(?: \w+)?$`)
	ringField  = regexp.MustCompile(`^(id|addr|status)\s*[=:]\s*(.*)$`)
	linkedNode = regexp.MustCompile(`^nodeid[: ]\s*(\d+):\s*(.+)$`)
	soundRing  = regexp.MustCompile(`^(?:ring \d+ active with no faults|OK)$`)
	soundLink  = regexp.MustCompile(`^(?:localhost|connected|link enabled:1\s+link connected:1)$`)
)

// ParseRings reads `corosync-cfgtool -s`, of corosync 1 to 3. A ring is sound when it is said to be; one without a
// state, a line of another form, or no ring at all is an error.
func ParseRings(r io.Reader) ([]RingStatus, error) {
	name := srcerr.NameOf(r)
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	var rings []RingStatus
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		text := strings.TrimSpace(line)
		switch {
		case text == "", strings.HasPrefix(text, "Printing "), strings.HasPrefix(text, "Local node ID "):
			continue
		case ringLine.MatchString(text):
			n, err := strconv.Atoi(ringLine.FindStringSubmatch(text)[1])
			if err != nil {
				return nil, srcerr.Errorf(name, number, 1, line, "not the number of a ring")
			}
			rings = append(rings, RingStatus{Number: n})
			continue
		case len(rings) == 0:
			return nil, srcerr.Errorf(name, number, 1, line, "not a line of corosync-cfgtool -s")
		}
		if err := rings[len(rings)-1].read(text); err != nil {
			return nil, srcerr.Errorf(name, number, 1, line, "%v", err)
		}
	}
	if len(rings) == 0 {
		return nil, srcerr.Errorf(name, 1, 1, "", "corosync-cfgtool tells of no ring")
	}
	for _, ring := range rings {
		if ring.Says == "" {
			return nil, srcerr.Errorf(name, number, 1, "", "corosync-cfgtool does not tell how ring %d is", ring.Number)
		}
	}
	return rings, nil
}

func (s *RingStatus) read(text string) error {
	if m := ringField.FindStringSubmatch(text); m != nil {
		switch {
		case m[1] != "status":
			s.Address = m[2]
		case m[2] != "":
			s.Says, s.Sound = m[2], soundRing.MatchString(m[2])
		}
		return nil
	}
	m := linkedNode.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("not a line of the state of ring %d", s.Number)
	}
	id, err := strconv.Atoi(m[1])
	if err != nil {
		return fmt.Errorf("%s is no node id", m[1])
	}
	s.Nodes = append(s.Nodes, id)
	sound := soundLink.MatchString(m[2])
	if s.Says == "" {
		s.Says, s.Sound = "nodeid "+m[1]+": "+m[2], sound
		return nil
	}
	s.Says, s.Sound = s.Says+"; nodeid "+m[1]+": "+m[2], s.Sound && sound
	return nil
}
