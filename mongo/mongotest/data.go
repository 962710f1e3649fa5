package mongotest

import (
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
)

// The codes beside those of internal/replsim.
const (
	codeBadValue        = 2
	codeFailedToParse   = 9
	codeUnauthorized    = 13
	codeTypeMismatch    = 14
	codeAuthFailed      = 18
	codeNoSuchCommand   = 59
	codeWriteConcern    = 64
	codeMaxTime         = 50
	codeReconfigBusy    = 109
	codeNotSupported    = 115
	codeNoMajorityReads = 148
	codeExceededTime    = 262
	codeNoSecondaryOK   = 13435
	codeNotReadable     = 13436
)

var codeNames = map[int]string{
	codeBadValue: "BadValue", codeFailedToParse: "FailedToParse", codeUnauthorized: "Unauthorized", codeTypeMismatch: "TypeMismatch",
	codeAuthFailed: "AuthenticationFailed", codeNoSuchCommand: "CommandNotFound",
	codeWriteConcern: "WriteConcernFailed", codeNotSupported: "CommandNotSupported", codeExceededTime: "ExceededTimeLimit",
	codeMaxTime: "MaxTimeMSExpired", codeReconfigBusy: "ConfigurationInProgress", codeNoMajorityReads: "ReadConcernMajorityNotEnabled",
	codeNoSecondaryOK: "NotMasterNoSlaveOk", codeNotReadable: "NotMasterOrSecondary",
}

// readable refuses reads where a server does: the database local can be read in every state.
func (s *Set) readable(q request) error {
	state := s.sim.StateOf(q.host)
	switch {
	case q.db == "local" || state == replsim.Primary:
		return nil
	case state != replsim.Secondary:
		return refuse(codeNotReadable, "node is not in primary or recovering state")
	}
	mode, _ := q.cmd.Lookup("$readPreference", "mode").StringValueOK()
	if mode == "" || mode == "primary" {
		return refuse(codeNoSecondaryOK, "not master and slaveOk=false")
	}
	return nil
}

func (s *Set) find(q request) (bson.D, error) {
	if err := s.readable(q); err != nil {
		return nil, err
	}
	coll, ok := q.cmd.Lookup("find").StringValueOK()
	if !ok {
		return nil, refuse(codeBadValue, "find needs the name of a collection")
	}
	filter, err := q.document("filter")
	if err != nil {
		return nil, err
	}
	limit := int64(0)
	if n, ok := numeric(q.cmd.Lookup("limit")); ok {
		limit = int64(n)
	}
	var docs []bson.Raw
	if q.db == "local" && coll == "oplog.rs" {
		docs, err = s.findInOplog(q, filter, limit)
	} else {
		docs, err = s.findInCollection(q, coll, filter)
	}
	if err != nil {
		return nil, err
	}
	if limit > 0 && int64(len(docs)) > limit {
		docs = docs[:limit]
	}
	batch := make(bson.A, len(docs))
	for i, d := range docs {
		batch[i] = d
	}
	return bson.D{{Key: "cursor", Value: bson.D{
		{Key: "firstBatch", Value: batch}, {Key: "id", Value: int64(0)}, {Key: "ns", Value: q.db + "." + coll},
	}}}, nil
}

func (s *Set) findInCollection(q request, coll string, filter bson.Raw) ([]bson.Raw, error) {
	p, err := s.sim.Payload(q.host)
	if level, _ := q.cmd.Lookup("readConcern", "level").StringValueOK(); level == "majority" {
		if s.opt.NoMajorityReads {
			return nil, refuse(codeNoMajorityReads, "Majority read concern is not supported by the storage engine.")
		}
		p = s.sim.CommittedPayload()
	}
	if err != nil {
		return nil, err
	}
	docs := []bson.Raw{}
	for _, d := range contents(p)[q.db+"."+coll] {
		ok, err := matches(d, filter)
		if err != nil {
			return nil, err
		}
		if ok {
			docs = append(docs, d)
		}
	}
	return docs, nil
}

// write runs an insert, update or delete, and answers with what it did.
func (s *Set) write(q request) (bson.D, error) {
	coll, ok := q.cmd.Lookup(q.name).StringValueOK()
	if !ok {
		return nil, refuse(codeBadValue, "%s needs the name of a collection", q.name)
	}
	statements, err := q.array(map[string]string{"insert": "documents", "update": "updates", "delete": "deletes"}[q.name])
	if err != nil {
		return nil, err
	}
	var n, modified int
	failures := bson.A{}
	for i, st := range statements {
		err := s.sim.WritePayload(q.host, func(p replsim.Payload) (replsim.Payload, error) {
			db := contents(p)
			docs, hit, changed, err := statement(q.name, db[q.db+"."+coll], st)
			if err != nil {
				return nil, err
			}
			n, modified = n+hit, modified+changed
			return db.with(q.db+"."+coll, docs), nil
		})
		if e := asRefusal(err); e != nil && e.Code == replsim.CodeNotPrimary {
			return nil, err
		} else if e != nil {
			failures = append(failures, bson.D{{Key: "index", Value: int32(i)}, {Key: "code", Value: int32(e.Code)}, {Key: "errmsg", Value: e.Text}})
			break
		}
	}
	reply := bson.D{{Key: "n", Value: int32(n)}}
	if q.name == "update" {
		reply = append(reply, bson.E{Key: "nModified", Value: int32(modified)})
	}
	if len(failures) > 0 {
		reply = append(reply, bson.E{Key: "writeErrors", Value: failures})
	}
	w, _ := q.cmd.Lookup("writeConcern", "w").StringValueOK()
	if w == "majority" && !s.awaitCommit(q) {
		reply = append(reply, bson.E{Key: "writeConcernError", Value: bson.D{
			{Key: "code", Value: int32(codeWriteConcern)}, {Key: "codeName", Value: codeNames[codeWriteConcern]},
			{Key: "errmsg", Value: "waiting for replication timed out"},
		}})
	}
	return reply, nil
}

// awaitCommit waits, as a server does, until a majority has what the member at the host has, for wtimeout at most. In a
// set that a larger simulation holds no time passes here.
func (s *Set) awaitCommit(q request) bool {
	left := time.Hour // without a limit it is for ever
	if ms, ok := numeric(q.cmd.Lookup("writeConcern", "wtimeout")); ok && ms > 0 {
		left = time.Duration(ms) * time.Millisecond
	}
	for ; !s.sim.Committed(q.host) && left > 0 && !s.guest; left -= time.Second {
		s.take(q, min(left, time.Second))
	}
	return s.sim.Committed(q.host)
}

// statement runs one statement of a write on a collection.
func statement(name string, docs []bson.Raw, st bson.Raw) (out []bson.Raw, hit, changed int, err error) {
	if name == "insert" {
		id, err := st.LookupErr("_id")
		if err != nil {
			return nil, 0, 0, refuse(codeNotSupported, "mongotest: a document without _id")
		}
		for _, d := range docs {
			if compareValues(d.Lookup("_id"), id) == 0 {
				return nil, 0, 0, refuse(replsim.CodeDuplicateKey, "E11000 duplicate key error collection dup key: %s", id)
			}
		}
		return append(slices.Clone(docs), slices.Clone(st)), 1, 0, nil
	}
	filter, ok := st.Lookup("q").DocumentOK()
	if !ok {
		return nil, 0, 0, refuse(codeBadValue, "a statement of %s has no filter q", name)
	}
	one := name == "update" && !truth(st.Lookup("multi"))
	if n, ok := numeric(st.Lookup("limit")); ok && n == 1 {
		one = true
	}
	for _, d := range docs {
		ok, err := matches(d, filter)
		if err != nil {
			return nil, 0, 0, err
		}
		if !ok || one && hit == 1 {
			out = append(out, d)
			continue
		}
		hit++
		if name == "delete" {
			continue
		}
		u, ok := st.Lookup("u").DocumentOK()
		if !ok {
			return nil, 0, 0, refuse(codeNotSupported, "mongotest: an update that is no document")
		}
		fresh, err := change(d, u)
		if err != nil {
			return nil, 0, 0, err
		}
		if string(fresh) != string(d) {
			changed++
		}
		out = append(out, fresh)
	}
	if hit == 0 && truth(st.Lookup("upsert")) {
		return nil, 0, 0, refuse(codeNotSupported, "mongotest: an upsert")
	}
	return out, hit, changed, nil
}

func (s *Set) count(q request) (bson.D, error) {
	if err := s.readable(q); err != nil {
		return nil, err
	}
	filter, err := q.document("query")
	if err != nil {
		return nil, err
	}
	coll, _ := q.cmd.Lookup("count").StringValueOK()
	docs, err := s.findInCollection(q, coll, filter)
	return bson.D{{Key: "n", Value: int32(len(docs))}}, err
}

// document is a field of the command that is a document, empty when it is not there.
func (q request) document(name string) (bson.Raw, error) {
	v, err := q.cmd.LookupErr(name)
	if err != nil {
		return bson.Raw{5, 0, 0, 0, 0}, nil //nolint:nilerr // it may be left out
	}
	d, ok := v.DocumentOK()
	if !ok {
		return nil, refuse(codeTypeMismatch, "%s must be a document", name)
	}
	return d, nil
}

// array is a field of the command that is a list of documents.
func (q request) array(name string) ([]bson.Raw, error) {
	v := q.cmd.Lookup(name)
	if v.Type != bson.TypeArray {
		return nil, refuse(codeTypeMismatch, "%s must be an array", name)
	}
	values, err := bson.Raw(v.Value).Values()
	if err != nil || len(values) == 0 {
		return nil, refuse(codeBadValue, "%s is empty or cannot be read", name)
	}
	docs := make([]bson.Raw, len(values))
	for i, e := range values {
		d, ok := e.DocumentOK()
		if !ok {
			return nil, refuse(codeTypeMismatch, "%s must hold documents", name)
		}
		docs[i] = d
	}
	return docs, nil
}
