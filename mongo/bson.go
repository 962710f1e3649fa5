package mongo

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/mongo/internal/document"
)

// MarshalBSON writes the document with its unnamed fields, always in the same order.
func (c Config) MarshalBSON() ([]byte, error) {
	members := c.Members
	if members == nil {
		members = []Member{}
	}
	return bson.Marshal(c.Extra.after(bson.D{
		{Key: "_id", Value: c.ID}, {Key: "version", Value: c.Version}, {Key: "members", Value: members},
	}))
}

// MarshalBSON writes the member with its unnamed fields, always in the same order.
func (m Member) MarshalBSON() ([]byte, error) {
	return bson.Marshal(m.Extra.after(bson.D{
		{Key: "_id", Value: m.ID}, {Key: "host", Value: m.Host}, {Key: "arbiterOnly", Value: m.ArbiterOnly},
		{Key: "hidden", Value: m.Hidden}, {Key: "priority", Value: m.Priority}, {Key: "votes", Value: m.Votes},
	}))
}

// after appends the fields to a document, in the order of their names. A field that the document has already is left out.
func (f Fields) after(d bson.D) bson.D {
	for _, k := range slices.Sorted(maps.Keys(f)) {
		if !slices.ContainsFunc(d, func(e bson.E) bool { return e.Key == k }) {
			d = append(d, bson.E{Key: k, Value: f[k]})
		}
	}
	return d
}

// UnmarshalBSON reads the document. A configuration without _id, version or members is an error.
func (c *Config) UnmarshalBSON(data []byte) error {
	var doc struct {
		ID      *string                  `bson:"_id"`
		Version *int64                   `bson:"version"`
		Members *[]Member                `bson:"members"`
		Extra   map[string]bson.RawValue `bson:",inline"`
	}
	if err := document.Decode(data, &doc); err != nil {
		return fmt.Errorf("cannot read replica-set configuration: %w", err)
	}
	if doc.ID == nil || doc.Version == nil || doc.Members == nil {
		return errors.New("cannot read replica-set configuration: _id, version or members is missing")
	}
	*c = Config{ID: *doc.ID, Version: *doc.Version, Members: *doc.Members, Extra: fields(doc.Extra)}
	return nil
}

// UnmarshalBSON reads a member. What it leaves out has the server's default: one vote, priority 1, for an arbiter 0.
func (m *Member) UnmarshalBSON(data []byte) error {
	var doc struct {
		ID          *int                     `bson:"_id"`
		Host        *string                  `bson:"host"`
		ArbiterOnly bool                     `bson:"arbiterOnly"`
		Hidden      bool                     `bson:"hidden"`
		Priority    *float64                 `bson:"priority"`
		Votes       *int                     `bson:"votes"`
		Extra       map[string]bson.RawValue `bson:",inline"`
	}
	if err := document.Decode(data, &doc); err != nil {
		return fmt.Errorf("cannot read replica-set member: %w", err)
	}
	if doc.ID == nil || doc.Host == nil {
		return errors.New("cannot read replica-set member: _id or host is missing")
	}
	*m = Member{
		ID: *doc.ID, Host: *doc.Host, ArbiterOnly: doc.ArbiterOnly, Hidden: doc.Hidden, Priority: 1, Votes: 1,
		Extra: fields(doc.Extra),
	}
	if doc.ArbiterOnly {
		m.Priority = 0
	}
	if doc.Priority != nil {
		m.Priority = *doc.Priority
	}
	if doc.Votes != nil {
		m.Votes = *doc.Votes
	}
	return nil
}

// fields copies raw values out of the buffer that they were decoded from.
func fields(m map[string]bson.RawValue) Fields {
	if len(m) == 0 {
		return nil
	}
	f := make(Fields, len(m))
	for k, v := range m {
		f[k] = bson.RawValue{Type: v.Type, Value: slices.Clone(v.Value)}
	}
	return f
}

// UnmarshalBSONValue reads both forms: a document {ts, t}, and the bare timestamp of protocol version 0.
func (o *OpTime) UnmarshalBSONValue(t bsontype.Type, data []byte) error {
	v := bson.RawValue{Type: t, Value: data}
	if sec, inc, ok := v.TimestampOK(); ok {
		*o = OpTime{TS: primitive.Timestamp{T: sec, I: inc}, Term: -1}
		return nil
	}
	doc, ok := v.DocumentOK()
	if !ok {
		return fmt.Errorf("cannot read optime: it is a %s", t)
	}
	sec, inc, ok := doc.Lookup("ts").TimestampOK()
	if !ok {
		return errors.New("cannot read optime: it has no timestamp ts")
	}
	*o = OpTime{TS: primitive.Timestamp{T: sec, I: inc}, Term: -1}
	if n, ok := document.Number(doc.Lookup("t")); ok {
		o.Term = int64(n)
	}
	return nil
}

// MarshalBSONValue writes what UnmarshalBSONValue reads.
func (o OpTime) MarshalBSONValue() (bsontype.Type, []byte, error) {
	if o.Term < 0 {
		return bson.MarshalValue(o.TS)
	}
	return bson.MarshalValue(bson.D{{Key: "ts", Value: o.TS}, {Key: "t", Value: o.Term}})
}
