package pacemakertest

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Pacemaker throttles itself (H26): each node's controller tells the DC how many operations it may have under way, and how loaded it is.

// throttleTime is how often a controller looks at its load.
const throttleTime = 30 * time.Second

// throttle is what a controller tells the DC.
type throttle struct {
	load throttleLoad
	max  int // operations at once, without load
}

type throttleLoad int

const (
	noLoad throttleLoad = iota
	noticeable
	moderate
	high
)

// limit is how many operations a node may have under way at once.
func (t throttle) limit() int {
	limit := t.max
	switch t.load {
	case noLoad:
	case noticeable:
		limit /= 2
	case moderate:
		limit /= 4
	case high:
		limit = 1
	}
	return max(limit, 1)
}

// throttle is what a controller would tell now: twice its cores, if node-action-limit sets no other number, and how far
// its load is above load-threshold.
func (st *Stack) throttle(d *document) throttle {
	t := throttle{max: 2 * cores}
	if v, err := strconv.Atoi(d.property("node-action-limit")); err == nil && v > 0 {
		t.max = v
	}
	number, isPercent := strings.CutSuffix(strings.TrimSpace(d.property("load-threshold")), "%")
	percent, err := strconv.ParseFloat(number, 64)
	if err != nil || !isPercent { // a plain 0 is no percentage, and does not switch it off
		percent = 80
	}
	over := math.Inf(-1)
	if percent > 0 {
		over = st.opts.Load / cores / (percent / 100)
	}
	for level, factor := range map[throttleLoad]float64{noticeable: 1.2, moderate: 1.6, high: 2} {
		if over > factor {
			t.load = max(t.load, level)
		}
	}
	return t
}

// watchThrottle lets the controller of a node tell the DC at its next look what has changed. It tells only when the
// load is another than before: a new node-action-limit alone is not told.
func (st *Stack) watchThrottle(s *simhost.State, n *node) {
	n.tellAt = time.Time{}
	if st.throttle(n.doc).load != n.told.load {
		n.tellAt = s.Now().Truncate(throttleTime).Add(throttleTime)
	}
}

// busy tells whether a node may begin nothing more now.
func (n *node) busy() bool {
	running := 0
	for _, a := range n.active {
		if a.phase != started {
			running++
		}
	}
	return running >= n.told.limit()
}
