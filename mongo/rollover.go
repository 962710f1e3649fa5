package mongo

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// LagSample is how far a member was behind at a time.
type LagSample struct {
	At  time.Time
	Lag time.Duration
}

// Trend says what becomes of a member's lag.
type Trend int

// The trends, from the best to the worst.
const (
	TrendUnknown  Trend = iota // too few samples
	KeepingUp                  // the lag is what an idle or busy but healthy member shows
	CatchingUp                 // it lags, and less and less
	Lagging                    // it lags, neither more nor less
	FallingBehind              // it lags more and more: the oplog is getting rolled over
	RolledOver                 // it is further behind than the oplog reaches, and must copy the data anew
)

func (t Trend) String() string {
	names := [...]string{"unknown", "keeping up", "catching up", "lagging", "falling behind", "rolled over"}
	if t >= 0 && int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("Trend(%d)", int(t))
}

// Rollover is the answer to "is the oplog rolling over?" (cps:1405).
type Rollover struct {
	Trend Trend
	Left  time.Duration // when catching up: until it has; when falling behind: until the oplog has rolled over it; else 0
	Why   string        // one sentence
}

// RollingOver tells whether the guide's criterion holds: the lag is increasing and not catching up.
func (r Rollover) RollingOver() bool { return r.Trend == FallingBehind || r.Trend == RolledOver }

// lagNoise is what the lag of a healthy member varies by: an idle primary writes a no-op every ten seconds.
const lagNoise = 10 * time.Second

// RollingOver judges a member's lag over time against the oplog window of the member that it copies from (see
// [ReplicationInfo.Window]). Take at least two samples, a minute or more apart; their order does not matter.
func RollingOver(samples []LagSample, window time.Duration) Rollover {
	if len(samples) == 0 {
		return Rollover{Why: "there is no sample"}
	}
	ss := slices.Clone(samples)
	slices.SortStableFunc(ss, func(a, b LagSample) int { return a.At.Compare(b.At) })
	first, last := ss[0], ss[len(ss)-1]
	if last.Lag > window {
		return Rollover{Trend: RolledOver, Why: fmt.Sprintf("it is %s behind, and the oplog reaches back %s",
			printable.Duration(last.Lag), printable.Duration(window))}
	}
	span := last.At.Sub(first.At)
	if span <= 0 {
		return Rollover{Why: "one moment does not show a trend: take another sample a minute later"}
	}
	rate := slope(ss)
	rise := time.Duration(rate * float64(span))
	switch {
	case rise > lagNoise:
		left := time.Duration(float64(window-last.Lag) / rate)
		return Rollover{Trend: FallingBehind, Left: left, Why: fmt.Sprintf(
			"its lag rises by %.2f s each second and is %s; in %s the oplog will have rolled over it",
			rate, printable.Duration(last.Lag), printable.Duration(left))}
	case last.Lag <= lagNoise:
		return Rollover{Trend: KeepingUp, Why: fmt.Sprintf("it is %s behind, as a healthy member may be", printable.Duration(last.Lag))}
	case -rise > lagNoise:
		left := time.Duration(float64(last.Lag) / -rate)
		return Rollover{Trend: CatchingUp, Left: left, Why: fmt.Sprintf(
			"its lag falls by %.2f s each second and is %s; it will have caught up in %s",
			-rate, printable.Duration(last.Lag), printable.Duration(left))}
	}
	return Rollover{Trend: Lagging, Why: fmt.Sprintf("its lag stays at %s", printable.Duration(last.Lag))}
}

// slope fits a line through samples of at least two times, and gives seconds of lag for each second.
func slope(ss []LagSample) float64 {
	var n, sx, sy, sxx, sxy float64
	for _, s := range ss {
		x, y := s.At.Sub(ss[0].At).Seconds(), s.Lag.Seconds()
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
