package mongo

import (
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// Hello is the answer of hello, or of isMaster on servers before 4.4.2
// (https://www.mongodb.com/docs/manual/reference/command/hello/). What is not named here is in Extra.
type Hello struct {
	Set         string                   `bson:"setName"`    // "" while the member has no configuration
	SetVersion  int64                    `bson:"setVersion"` // of the configuration that the member has
	IsMaster    bool                     `bson:"ismaster"`   // what isMaster calls a writable primary
	Writable    bool                     `bson:"isWritablePrimary"`
	Secondary   bool                     `bson:"secondary"`
	ArbiterOnly bool                     `bson:"arbiterOnly"`
	Hidden      bool                     `bson:"hidden"`
	Me          string                   `bson:"me"`       // "host:port" as the configuration has it
	PrimaryHost string                   `bson:"primary"`  // "host:port", "" while the member knows none
	Hosts       []string                 `bson:"hosts"`    // members with a priority
	Passives    []string                 `bson:"passives"` // members with priority 0
	Arbiters    []string                 `bson:"arbiters"`
	ElectionID  primitive.ObjectID       `bson:"electionId"` // greater with every election; on a primary only
	MinWire     int32                    `bson:"minWireVersion"`
	MaxWire     int32                    `bson:"maxWireVersion"`
	Extra       map[string]bson.RawValue `bson:",inline"`
}

// Primary tells whether the member takes writes.
func (h Hello) Primary() bool { return h.IsMaster || h.Writable }

// Members are all members that the answer names. Hidden ones are not among them.
func (h Hello) Members() []string {
	all := append([]string{}, h.Hosts...)
	return append(append(all, h.Passives...), h.Arbiters...)
}

// The wire versions of servers that matter here
// (https://github.com/mongodb/mongo/blob/master/src/mongo/db/wire_version.h).
const (
	Wire36 = 6 // MongoDB 3.6, the oldest that is supported
	Wire44 = 9 // MongoDB 4.4: one voter a reconfiguration, terms in configurations, commitmentStatus
)

// ErrTooOld says that a server is older than MongoDB 3.6. For such a server only the texts of its shell can be read, see
// [ParseReplicationInfo] and [ParseSlaveReplicationInfo].
var ErrTooOld = errors.New("older than MongoDB 3.6, the oldest server that is supported")

// Supported refuses servers that this package does not know.
func (h Hello) Supported(host string) error {
	if h.MaxWire < Wire36 {
		return fmt.Errorf("%s speaks wire version %d: it is %w", host, h.MaxWire, ErrTooOld)
	}
	return nil
}
