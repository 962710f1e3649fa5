package mongo

import (
	"fmt"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// Oplog is the oplog of one member: the collection oplog.rs of its database local
// (https://www.mongodb.com/docs/manual/core/replica-set-oplog/).
type Oplog struct {
	Host    string
	MaxSize int64               // configured, in bytes
	Size    int64               // in use, in bytes
	First   primitive.Timestamp // of the oldest event
	Last    primitive.Timestamp // of the newest event
}

// Window is the time from the first event to the last, in whole seconds.
func (o Oplog) Window() time.Duration {
	return time.Duration(max(0, int64(o.Last.T)-int64(o.First.T))) * time.Second
}

// Rate is how many bytes a second were written over the whole window; 0 when that cannot be told.
func (o Oplog) Rate() float64 {
	if w := o.Window(); w > 0 {
		return float64(o.Size) / w.Seconds()
	}
	return 0
}

// Reach is how far back the oplog will reach when it is full and its whole content was written at a rate in bytes a second.
func (o Oplog) Reach(rate float64) time.Duration {
	if !(rate > 0) {
		return math.MaxInt64
	}
	secs := float64(o.MaxSize) / rate
	if secs >= math.MaxInt64/float64(time.Second) {
		return math.MaxInt64
	}
	return time.Duration(secs * float64(time.Second))
}

// Outlook is the answer to "will this member still be able to catch up?".
type Outlook struct {
	CatchesUp bool
	Window    time.Duration // how far back the oplog reaches under the present or the average load, whichever is heavier
	Lag       time.Duration // how far the member is behind already
	Spare     time.Duration // what is left of the window after the outage; negative: how much is missing
	WriteRate float64       // bytes a second into the oplog at present
	Why       string        // one sentence
}

// Predict tells whether a member that is lag behind will catch up by itself after an outage of a length, when the oplog
// o of the member that it copies from is written at a rate in bytes a second. It counts with the heavier of that rate
// and the oplog's own ([Oplog.Rate]), since what is quiet now need not have been so: a prediction on the safe side. It
// assumes that the member applies faster than the primary writes.
func Predict(o Oplog, lag, outage time.Duration, rate float64) Outlook {
	p := Outlook{Lag: lag, WriteRate: rate, Window: o.Reach(max(rate, o.Rate()))}
	p.Spare = p.Window - outage - lag
	if o.MaxSize <= 0 {
		p.Window, p.Spare, p.Why = 0, -outage-lag, "nothing is known of the oplog: it has no size"
		return p
	}
	p.CatchesUp = p.Spare >= 0
	if p.Window == math.MaxInt64 {
		p.Why = "nothing is written into the oplog"
		return p
	}
	p.Why = fmt.Sprintf("the oplog of %s reaches back %s at %.0f B/s, and %s is needed: %s away and %s behind already",
		o.Host, printable.Duration(p.Window), max(rate, o.Rate()), printable.Duration(outage+lag),
		printable.Duration(outage), printable.Duration(lag))
	return p
}
