package mongotest

import (
	"math"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
)

// entrySize is the length of every simulated oplog entry, in bytes.
const entrySize = 1024

// maxReply is what a server puts into one reply, in bytes.
const maxReply = 16 << 20

// spacing is the time between two entries: the oplog is full, and its bytes fill its window evenly.
func (s *Set) spacing(window time.Duration) time.Duration {
	entries := max(s.oplogInUse()/entrySize, 1)
	return max(window/time.Duration(entries), time.Microsecond)
}

// leastOplog is what the oplog of a server grows to before it wraps, in bytes, however small it is configured.
const leastOplog = 104_000_000

// oplogInUse is how many bytes the oplog holds: it is full.
func (s *Set) oplogInUse() int64 { return max(s.opt.OplogSize, leastOplog) }

// stamp is a place on the axis of the oplog as a timestamp: the second, and a counter that the microsecond stands for.
func (s *Set) stamp(at time.Duration) primitive.Timestamp {
	t := s.opt.Epoch.Add(at)
	return primitive.Timestamp{T: uint32(t.Unix()), I: uint32(t.Nanosecond()/1000) + 1}
}

// place is the place on the axis that a timestamp stands for.
func (s *Set) place(ts primitive.Timestamp) time.Duration {
	return time.Unix(int64(ts.T), 0).Sub(s.opt.Epoch) + time.Duration(int64(ts.I)-1)*time.Microsecond
}

// findInOplog makes the entries that are asked for: by their place from one end, or those after a timestamp.
func (s *Set) findInOplog(q request, filter bson.Raw, limit int64) ([]bson.Raw, error) {
	last, window, ok := s.sim.Oplog(q.host)
	if !ok {
		return []bson.Raw{}, nil
	}
	step := s.spacing(window)
	if limit <= 0 {
		limit = math.MaxInt32
	}
	first := last.At - window
	order := 1
	if v, err := q.cmd.LookupErr("sort", "$natural"); err == nil {
		if n, ok := numeric(v); ok && n < 0 {
			order = -1
		}
	}
	from := first
	if t, i, ok := filter.Lookup("ts", "$gt").TimestampOK(); ok {
		after := s.place(primitive.Timestamp{T: t, I: i})
		if order < 0 {
			return nil, refuse(codeNotSupported, "mongotest: entries after a timestamp in descending order")
		}
		from = max(first, last.At-(last.At-after-1)/step*step)
		if after >= last.At {
			return []bson.Raw{}, nil
		}
	} else if els, err := filter.Elements(); err != nil || len(els) > 0 {
		return nil, refuse(codeNotSupported, "mongotest: the oplog can be filtered by ts > … only")
	}
	limit = min(limit, maxReply/entrySize)
	docs := []bson.Raw{}
	at, end := from, last.At
	if order < 0 {
		at, end = last.At, first
	}
	for int64(len(docs)) < limit && (order > 0 && at <= end || order < 0 && at >= end) {
		doc, err := s.entry(at, last)
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
		at += time.Duration(order) * step
	}
	return docs, nil
}

// entry is one oplog entry: a no-op of the size.
func (s *Set) entry(at time.Duration, last replsim.OpTime) (bson.Raw, error) {
	doc := bson.D{
		{Key: "ts", Value: s.stamp(at)}, {Key: "t", Value: last.Term}, {Key: "v", Value: int32(2)}, {Key: "op", Value: "n"},
		{Key: "ns", Value: ""},
		{Key: "o", Value: bson.D{{Key: "msg", Value: ""}}},
	}
	short, err := bson.Marshal(doc)
	if err != nil {
		return nil, err
	}
	doc[len(doc)-1].Value = bson.D{{Key: "msg", Value: string(make([]byte, max(entrySize-len(short), 0)))}}
	return bson.Marshal(doc)
}

// collStats knows the oplog only.
func (s *Set) collStats(q request) (bson.D, error) {
	coll, _ := q.cmd.Lookup("collStats").StringValueOK()
	if q.db != "local" || coll != "oplog.rs" {
		return nil, refuse(codeNotSupported, "mongotest: collStats of %s.%s", q.db, coll)
	}
	if _, _, ok := s.sim.Oplog(q.host); !ok {
		return bson.D{ // an arbiter has none, and says so in this way
			{Key: "ns", Value: "local.oplog.rs"}, {Key: "size", Value: int32(0)},
			{Key: "count", Value: int32(0)}, {Key: "capped", Value: false},
		}, nil
	}
	return bson.D{
		{Key: "ns", Value: "local.oplog.rs"}, {Key: "size", Value: s.oplogInUse()},
		{Key: "count", Value: s.oplogInUse() / entrySize},
		{Key: "avgObjSize", Value: int32(entrySize)}, {Key: "capped", Value: true}, {Key: "maxSize", Value: s.opt.OplogSize},
		{Key: "max", Value: int32(-1)},
	}, nil
}
