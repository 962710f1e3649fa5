package mongo

import (
	"cmp"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// OpTime is a position in the oplog: the time and counter of the operation, and the term that wrote it (-1: none).
type OpTime struct {
	TS   primitive.Timestamp
	Term int64
}

// Before orders places in the oplog: by term where both have one, then by time.
func (o OpTime) Before(p OpTime) bool {
	term := 0
	if o.Term >= 0 && p.Term >= 0 {
		term = cmp.Compare(o.Term, p.Term)
	}
	return cmp.Or(term, cmp.Compare(o.TS.T, p.TS.T), cmp.Compare(o.TS.I, p.TS.I)) < 0
}

// Status is the answer of replSetGetStatus (https://www.mongodb.com/docs/manual/reference/command/replSetGetStatus/).
// What is not named here is in Extra.
type Status struct {
	Set     string                   `bson:"set"`
	Date    time.Time                `bson:"date"`    // the server's clock
	MyState MemberState              `bson:"myState"` // of the member that answers
	Term    int64                    `bson:"term"`    // 0 in protocol version 0
	Members []MemberStatus           `bson:"members"`
	Extra   map[string]bson.RawValue `bson:",inline"`
}

// MemberStatus is one member as the answering member sees it.
type MemberStatus struct {
	ID            int                      `bson:"_id"`
	Name          string                   `bson:"name"` // "host:port"
	Health        float64                  `bson:"health"`
	State         MemberState              `bson:"state"`
	StateStr      string                   `bson:"stateStr"` // "(not reachable/healthy)" for a dead member
	UptimeSecs    int64                    `bson:"uptime"`
	Optime        OpTime                   `bson:"optime"`
	OptimeDate    time.Time                `bson:"optimeDate"`
	ConfigVersion int64                    `bson:"configVersion"`
	Self          bool                     `bson:"self"`
	Message       string                   `bson:"lastHeartbeatMessage"`
	Extra         map[string]bson.RawValue `bson:",inline"`
}

// Healthy tells whether the answering member reaches this one.
func (m MemberStatus) Healthy() bool { return m.Health > 0 }

// Primary is the healthy member in the state PRIMARY.
func (s Status) Primary() (MemberStatus, bool) {
	for _, m := range s.Members {
		if m.Healthy() && m.State == StatePrimary {
			return m, true
		}
	}
	return MemberStatus{}, false
}

// Member finds a member by its host.
func (s Status) Member(host string) (MemberStatus, bool) {
	for _, m := range s.Members {
		if HostKey(m.Name) == HostKey(host) {
			return m, true
		}
	}
	return MemberStatus{}, false
}

// MemberLag is how far the data of one member are behind.
type MemberLag struct {
	Host  string
	State MemberState
	Lag   time.Duration // in whole seconds, as optimes count them
	Known bool          // false for a member that does not answer, or has no data yet
}

// Lags are the lags of all members with data, in the order of the status, behind the primary or, without one, behind the freshest member.
func (s Status) Lags() []MemberLag {
	var head uint32
	if p, ok := s.Primary(); ok {
		head = p.Optime.TS.T
	} else {
		for _, m := range s.Members {
			if m.Healthy() {
				head = max(head, m.Optime.TS.T)
			}
		}
	}
	var lags []MemberLag
	for _, m := range s.Members {
		if m.State == StateArbiter {
			continue
		}
		l := MemberLag{Host: m.Name, State: m.State, Known: m.Healthy() && m.Optime.TS.T > 0}
		if l.Known {
			l.Lag = time.Duration(max(0, int64(head)-int64(m.Optime.TS.T))) * time.Second
		}
		lags = append(lags, l)
	}
	return lags
}
