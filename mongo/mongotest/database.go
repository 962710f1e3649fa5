package mongotest

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
)

// database is the contents of all collections, by "db.collection". A value of it is never changed: every member has the one
// that belongs to its place in the oplog.
type database map[string][]bson.Raw

// Hash is equal for equal contents.
func (d database) Hash() uint64 {
	h := fnv.New64a()
	for _, name := range slices.Sorted(maps.Keys(d)) {
		_, _ = h.Write([]byte(name))
		for _, doc := range d[name] {
			_, _ = h.Write(doc)
		}
	}
	return h.Sum64()
}

// with is the database with one collection replaced.
func (d database) with(ns string, docs []bson.Raw) database {
	out := maps.Clone(d)
	if out == nil {
		out = database{}
	}
	out[ns] = docs
	return out
}

// Insert puts documents into a collection ("db.collection") on every member that holds data, before a scenario begins.
func (s *Set) Insert(ns string, docs ...any) error {
	raws := make([]bson.Raw, len(docs))
	for i, d := range docs {
		data, err := bson.Marshal(d)
		if err != nil {
			return fmt.Errorf("cannot encode a document for %s: %w", ns, err)
		}
		raws[i] = data
	}
	return s.do(func(sim *replsim.Set) error {
		primary, _ := sim.Primary()
		p, err := sim.Payload(primary)
		if err != nil {
			return err
		}
		db := contents(p)
		sim.SetPayload(db.with(ns, append(slices.Clone(db[ns]), raws...)))
		return nil
	})
}

// Documents are those of a collection on the member at host.
func (s *Set) Documents(host, ns string) (docs []bson.Raw, err error) {
	err = s.do(func(sim *replsim.Set) error {
		p, err := sim.Payload(host)
		docs = slices.Clone(contents(p)[ns])
		return err
	})
	return docs, err
}

func contents(p replsim.Payload) database {
	db, _ := p.(database)
	return db
}

// matches tells whether a document fits a filter: equality, $exists, $ne, $gt, $gte, $lt and $lte of top-level fields.
func matches(doc, filter bson.Raw) (bool, error) {
	conditions, err := filter.Elements()
	if err != nil {
		return false, refuse(codeBadValue, "cannot read the filter: %v", err)
	}
	for _, c := range conditions {
		have, missing := doc.LookupErr(c.Key())
		ok, err := fits(have, missing == nil, c.Value())
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func fits(have bson.RawValue, exists bool, want bson.RawValue) (bool, error) {
	ops, isDoc := want.DocumentOK()
	if !isDoc {
		return exists && compareValues(have, want) == 0, nil
	}
	elements, err := ops.Elements()
	if err != nil {
		return false, refuse(codeBadValue, "cannot read the filter: %v", err)
	}
	if len(elements) == 0 || !strings.HasPrefix(elements[0].Key(), "$") {
		return exists && compareValues(have, want) == 0, nil
	}
	for _, e := range elements {
		c := compareValues(have, e.Value())
		comparable := exists && c != incomparable
		var ok bool
		switch e.Key() {
		case "$exists":
			ok = exists == truth(e.Value())
		case "$ne":
			ok = !exists || c != 0
		case "$gt":
			ok = comparable && c > 0
		case "$gte":
			ok = comparable && c >= 0
		case "$lt":
			ok = comparable && c < 0
		case "$lte":
			ok = comparable && c <= 0
		default:
			return false, refuse(codeBadValue, "unknown operator: %s", e.Key())
		}
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

const incomparable = 2

// compareValues orders numbers, strings and timestamps; of others it tells only whether they are equal.
func compareValues(a, b bson.RawValue) int {
	if x, ok := numeric(a); ok {
		if y, ok := numeric(b); ok {
			return compare(x, y)
		}
		return incomparable
	}
	if x, ok := a.StringValueOK(); ok {
		if y, ok := b.StringValueOK(); ok {
			return compare(x, y)
		}
		return incomparable
	}
	if xt, xi, ok := a.TimestampOK(); ok {
		if yt, yi, ok := b.TimestampOK(); ok {
			return compare(uint64(xt)<<32|uint64(xi), uint64(yt)<<32|uint64(yi))
		}
		return incomparable
	}
	if a.Type == b.Type && bytes.Equal(a.Value, b.Value) {
		return 0
	}
	return incomparable
}

func compare[T uint64 | float64 | string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func numeric(v bson.RawValue) (float64, bool) {
	if n, ok := v.AsInt64OK(); ok && v.Type != bson.TypeDouble {
		return float64(n), true
	}
	return v.DoubleOK()
}

// truth reads a flag as a server does: a bool, or a number that is not 0.
func truth(v bson.RawValue) bool {
	if b, ok := v.BooleanOK(); ok {
		return b
	}
	n, ok := numeric(v)
	return ok && n != 0
}

// change applies an update: a replacement, or $set, $unset and $inc of top-level fields.
func change(doc, update bson.Raw) (bson.Raw, error) {
	ops, err := update.Elements()
	if err != nil {
		return nil, refuse(codeBadValue, "cannot read the update: %v", err)
	}
	var out bson.D
	if err := bson.Unmarshal(doc, &out); err != nil {
		return nil, refuse(codeBadValue, "cannot read a document: %v", err)
	}
	if len(ops) == 0 || !strings.HasPrefix(ops[0].Key(), "$") {
		replaced := bson.D{{Key: "_id", Value: doc.Lookup("_id")}}
		for _, e := range ops {
			if e.Key() != "_id" {
				replaced = append(replaced, bson.E{Key: e.Key(), Value: e.Value()})
			}
		}
		return bson.Marshal(replaced)
	}
	for _, op := range ops {
		args, ok := op.Value().DocumentOK()
		if !ok {
			return nil, refuse(codeBadValue, "the argument of %s is no document", op.Key())
		}
		fields, err := args.Elements()
		if err != nil {
			return nil, refuse(codeBadValue, "cannot read the update: %v", err)
		}
		for _, f := range fields {
			if out, err = changeField(out, op.Key(), f); err != nil {
				return nil, err
			}
		}
	}
	return bson.Marshal(out)
}

func changeField(doc bson.D, op string, f bson.RawElement) (bson.D, error) {
	i := slices.IndexFunc(doc, func(e bson.E) bool { return e.Key == f.Key() })
	switch op {
	case "$set":
		if i < 0 {
			return append(doc, bson.E{Key: f.Key(), Value: f.Value()}), nil
		}
		doc[i].Value = f.Value()
	case "$unset":
		if i >= 0 {
			return slices.Delete(doc, i, i+1), nil
		}
	case "$inc":
		by, ok := numeric(f.Value())
		if !ok {
			return nil, refuse(codeTypeMismatch, "Cannot increment with non-numeric argument: {%s}", f.Key())
		}
		had := 0.0
		if i >= 0 {
			if had, ok = numeric(rawValue(doc[i].Value)); !ok {
				return nil, refuse(codeTypeMismatch, "Cannot apply $inc to a value of non-numeric type: %s", f.Key())
			}
		} else {
			doc, i = append(doc, bson.E{Key: f.Key()}), len(doc)
		}
		if sum := had + by; sum == float64(int64(sum)) {
			doc[i].Value = int64(sum)
		} else {
			doc[i].Value = sum
		}
	default:
		return nil, refuse(codeFailedToParse, "Unknown modifier: %s", op)
	}
	return doc, nil
}
