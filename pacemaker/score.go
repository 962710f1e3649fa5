package pacemaker

import (
	"fmt"
	"strconv"
	"strings"
)

// Score is a weight of Pacemaker's: how much a resource wants, or must, or must not run somewhere.
type Score int

// Infinity is Pacemaker's infinity: at and beyond it a score is an order, not a wish.
const Infinity Score = 1_000_000

// ParseScore reads a score: a whole number, INFINITY, +INFINITY or -INFINITY in any case. Numbers beyond a million are infinite.
func ParseScore(s string) (Score, error) {
	switch strings.ToUpper(s) {
	case "INFINITY", "+INFINITY":
		return Infinity, nil
	case "-INFINITY":
		return -Infinity, nil
	}
	digits := strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+"), "0123456789")
	if s == "" || digits != "" || strings.HasPrefix(s, "-+") {
		return 0, fmt.Errorf("%q is not a score: a whole number, INFINITY or -INFINITY", s)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		if strings.Trim(s, "+-") == "" {
			return 0, fmt.Errorf("%q is not a score: it has no digits", s)
		}
		if s[0] == '-' { // only out of range is left
			return -Infinity, nil
		}
		return Infinity, nil
	}
	return Score(max(min(n, int64(Infinity)), -int64(Infinity))), nil
}

// Add adds as Pacemaker does: minus infinity beats everything, then plus infinity, and sums stay within the two.
func (s Score) Add(t Score) Score {
	switch {
	case s <= -Infinity || t <= -Infinity:
		return -Infinity
	case s >= Infinity || t >= Infinity:
		return Infinity
	}
	return max(min(s+t, Infinity), -Infinity)
}

// String is the score as Pacemaker writes it.
func (s Score) String() string {
	switch {
	case s >= Infinity:
		return "INFINITY"
	case s <= -Infinity:
		return "-INFINITY"
	}
	return strconv.Itoa(int(s))
}
