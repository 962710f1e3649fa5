package live

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/internal/document"
)

const (
	localDB  = "local"
	oplogKey = "oplog.rs"
)

// Oplog reads size and ends of the oplog of the member at host. An arbiter has none ([mongo.ErrOnArbiter]).
func (r *ReplicaSet) Oplog(ctx context.Context, host string) (mongo.Oplog, error) {
	if _, err := r.dataMember(ctx, host); err != nil {
		return mongo.Oplog{}, err
	}
	raw, err := r.RunCommand(ctx, host, localDB, bson.D{{Key: "collStats", Value: oplogKey}})
	if err != nil {
		return mongo.Oplog{}, err
	}
	var stats struct {
		MaxSize *int64 `bson:"maxSize"`
		Size    *int64 `bson:"size"`
		Capped  bool   `bson:"capped"`
	}
	if err := document.Decode(raw, &stats); err != nil {
		return mongo.Oplog{}, fmt.Errorf("%s: cannot read the size of the oplog: %w", host, err)
	}
	if stats.MaxSize == nil || stats.Size == nil || !stats.Capped || *stats.MaxSize <= 0 {
		return mongo.Oplog{}, fmt.Errorf("%s: cannot read the size of the oplog: maxSize or size is missing, or it is not capped", host)
	}
	o := mongo.Oplog{Host: host, MaxSize: *stats.MaxSize, Size: *stats.Size}
	if o.First, err = r.oplogEnd(ctx, host, 1); err != nil {
		return mongo.Oplog{}, err
	}
	o.Last, err = r.oplogEnd(ctx, host, -1)
	return o, err
}

// dataMember is the hello of a member that has an oplog. A known arbiter is not even asked: it holds no users, so that
// nobody can authenticate there.
func (r *ReplicaSet) dataMember(ctx context.Context, host string) (mongo.Hello, error) {
	r.mu.Lock()
	arbiter := r.arbs[mongo.HostKey(host)]
	r.mu.Unlock()
	var h mongo.Hello
	var err error
	if !arbiter {
		if h, err = r.Hello(ctx, host); err != nil {
			return h, err
		}
	}
	if arbiter || h.ArbiterOnly {
		return h, fmt.Errorf("%s: %w", host, mongo.ErrOnArbiter)
	}
	return h, nil
}

// oplogEnd is the timestamp of the first entry (order 1) or the last (-1).
func (r *ReplicaSet) oplogEnd(ctx context.Context, host string, order int) (ts primitive.Timestamp, err error) {
	docs, err := r.find(ctx, host, localDB, bson.D{
		{Key: "find", Value: oplogKey}, {Key: "sort", Value: bson.D{{Key: "$natural", Value: order}}}, {Key: "limit", Value: 1},
		{Key: "singleBatch", Value: true}, {Key: "projection", Value: bson.D{{Key: "ts", Value: 1}}},
	})
	if err != nil {
		return ts, err
	}
	if len(docs) == 0 {
		return ts, fmt.Errorf("%s: the oplog is empty", host)
	}
	t, i, ok := docs[0].Lookup("ts").TimestampOK()
	if !ok {
		return ts, fmt.Errorf("%s: an oplog entry has no timestamp ts", host)
	}
	return primitive.Timestamp{T: t, I: i}, nil
}

// find runs the command find and gives its first batch.
func (r *ReplicaSet) find(ctx context.Context, host, db string, cmd bson.D) ([]bson.Raw, error) {
	raw, err := r.RunCommand(ctx, host, db, cmd)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Cursor *struct {
			FirstBatch *[]bson.Raw `bson:"firstBatch"`
		} `bson:"cursor"`
	}
	if err := document.Decode(raw, &doc); err != nil {
		return nil, fmt.Errorf("%s: cannot read what find gives: %w", host, err)
	}
	if doc.Cursor == nil || doc.Cursor.FirstBatch == nil {
		return nil, fmt.Errorf("%s: cannot read what find gives: no cursor.firstBatch", host)
	}
	return *doc.Cursor.FirstBatch, nil
}

// sampleEntries bounds what one look at the growing oplog reads.
const sampleEntries = 1000

// shortestSample is where the search for a sample of a busy oplog ends: 1000 entries in it are a hundred thousand a second.
const shortestSample = 10 * time.Millisecond

// WriteRate is how many bytes a second are written into the oplog of the member at host at present. It waits for
// Options.Sample and reads the entries that came meanwhile; when they are more than 1000, as on a busy member, it does
// so again for a tenth of the time. The time that the reading itself takes is not counted: the rate comes out rather
// too high than too low.
func (r *ReplicaSet) WriteRate(ctx context.Context, host string) (float64, error) {
	h, err := r.dataMember(ctx, host)
	if err != nil {
		return 0, err
	}
	for span := r.opt.Sample; ; span /= 10 {
		bytes, all, err := r.written(ctx, host, span, h.MaxWire < mongo.Wire44)
		if err != nil {
			return 0, err
		}
		if all || span <= shortestSample {
			return float64(bytes) / span.Seconds(), nil
		}
	}
}

// written is how many bytes come into the oplog in a time; all is false when there were more. Servers before 4.4 seek
// in the oplog only when told to: the others would read it from its beginning.
func (r *ReplicaSet) written(ctx context.Context, host string, span time.Duration, seek bool) (bytes int, all bool, err error) {
	last, err := r.oplogEnd(ctx, host, -1)
	if err != nil {
		return 0, false, err
	}
	if err := r.opt.Sleep(ctx, span); err != nil {
		return 0, false, err
	}
	cmd := bson.D{
		{Key: "find", Value: oplogKey}, {Key: "filter", Value: bson.D{{Key: "ts", Value: bson.D{{Key: "$gt", Value: last}}}}},
		{Key: "limit", Value: sampleEntries}, {Key: "batchSize", Value: sampleEntries}, {Key: "singleBatch", Value: true},
	}
	if seek {
		cmd = append(cmd, bson.E{Key: "oplogReplay", Value: true})
	}
	docs, err := r.find(ctx, host, localDB, cmd)
	for _, d := range docs {
		bytes += len(d)
	}
	return bytes, len(docs) < sampleEntries && bytes < fullBatch, err
}

// fullBatch is near what a server puts into one reply, in bytes: what reaches it may be cut off.
const fullBatch = 15 << 20

// RollingOver tells whether the member at host will still be able to catch up by itself after an outage of a length at
// the present write rate, or would come back RECOVERING (cps:1386). It judges by the primary's oplog and watches it for
// Options.Sample. Of a member whose lag cannot be told, as it is down, the answer is an error; for the trend of a
// member that lags see the function [mongo.RollingOver].
func (r *ReplicaSet) RollingOver(ctx context.Context, host string, outage time.Duration) (mongo.Outlook, error) {
	primary, err := r.Primary(ctx)
	if err != nil {
		return mongo.Outlook{}, err
	}
	rate, err := r.WriteRate(ctx, primary)
	if err != nil {
		return mongo.Outlook{}, err
	}
	o, err := r.Oplog(ctx, primary)
	if err != nil {
		return mongo.Outlook{}, err
	}
	s, err := r.StatusFrom(ctx, primary)
	if err != nil {
		return mongo.Outlook{}, err
	}
	for _, l := range s.Lags() {
		if mongo.HostKey(l.Host) == mongo.HostKey(host) {
			if !l.Known {
				return mongo.Outlook{}, fmt.Errorf("%s is %s: how far it is behind cannot be told", host, l.State)
			}
			return mongo.Predict(o, l.Lag, outage, rate), nil
		}
	}
	if m, ok := s.Member(host); ok && m.State == mongo.StateArbiter {
		return mongo.Outlook{}, fmt.Errorf("%s: %w", host, mongo.ErrOnArbiter)
	}
	return mongo.Outlook{}, r.noMember(host)
}
