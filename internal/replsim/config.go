package replsim

import (
	"fmt"
	"slices"
	"strings"
)

// State is the state of a member, numbered as the server numbers it.
type State uint8

// The states of a member.
const (
	Startup    State = 0
	Primary    State = 1
	Secondary  State = 2
	Recovering State = 3
	Startup2   State = 5
	Unknown    State = 6
	Arbiter    State = 7
	Down       State = 8
	Rollback   State = 9
	Removed    State = 10
)

func (s State) String() string {
	names := [...]string{
		"STARTUP", "PRIMARY", "SECONDARY", "RECOVERING", "FATAL", "STARTUP2", "UNKNOWN", "ARBITER", "DOWN",
		"ROLLBACK", "REMOVED",
	}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// MemberSpec is one member as the configuration describes it.
type MemberSpec struct {
	ID          int
	Host        string // "machine:port"
	ArbiterOnly bool
	Hidden      bool
	Priority    float64
	Votes       int
}

// Data is an ordinary voting member that holds data.
func Data(id int, host string, priority float64) MemberSpec {
	return MemberSpec{ID: id, Host: host, Priority: priority, Votes: 1}
}

// ArbiterAt is a voting member without data.
func ArbiterAt(id int, host string) MemberSpec {
	return MemberSpec{ID: id, Host: host, ArbiterOnly: true, Votes: 1}
}

func (m MemberSpec) electable() bool { return !m.ArbiterOnly && m.Priority > 0 && m.Votes > 0 }

// Machine is the part of "machine:port" before the port.
func Machine(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		return host[:i]
	}
	return host
}

// Config is a replica-set configuration. The set keeps configurations as values that are never changed in place.
type Config struct {
	Version int64
	Term    int64 // the term of the primary that wrote it
	Members []MemberSpec
	Doc     []byte // the document as a client sent it, carried along and never read here; nil for one made here
}

// Clone copies the configuration in full.
func (c Config) Clone() Config {
	c.Members = slices.Clone(c.Members)
	return c
}

func (c *Config) index(host string) int {
	for i := range c.Members {
		if c.Members[i].Host == host {
			return i
		}
	}
	return -1
}

func (c *Config) votes() int {
	n := 0
	for i := range c.Members {
		n += c.Members[i].Votes
	}
	return n
}

func (c *Config) newerThan(d *Config) bool {
	if c.Term != d.Term {
		return c.Term > d.Term
	}
	return c.Version > d.Version
}

// Error is a refusal as a server gives it.
type Error struct {
	Code int
	Name string
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("(%s, %d) %s", e.Name, e.Code, e.Text) }

// The codes of the refusals.
const (
	CodeHostUnreachable    = 6
	CodeExceededTimeLimit  = 50
	CodeNodeNotFound       = 74
	CodeInvalidConfig      = 93
	CodeNotYetInitialized  = 94
	CodeNotSecondary       = 95
	CodeOperationFailed    = 96
	CodeConfigIncompatible = 103
	CodeConfigUncommitted  = 308
	CodeNotPrimary         = 10107
	CodeDuplicateKey       = 11000
)

var codeNames = map[int]string{
	CodeHostUnreachable:    "HostUnreachable",
	CodeExceededTimeLimit:  "ExceededTimeLimit",
	CodeNodeNotFound:       "NodeNotFound",
	CodeInvalidConfig:      "InvalidReplicaSetConfig",
	CodeNotSecondary:       "NotSecondary",
	CodeOperationFailed:    "OperationFailed",
	CodeNotYetInitialized:  "NotYetInitialized",
	CodeConfigIncompatible: "NewReplicaSetConfigurationIncompatible",
	CodeConfigUncommitted:  "CurrentConfigNotCommittedYet",
	CodeNotPrimary:         "NotMaster",
	CodeDuplicateKey:       "DuplicateKey",
}

func refuse(code int, format string, args ...any) error {
	return &Error{Code: code, Name: codeNames[code], Text: fmt.Sprintf(format, args...)}
}

// validate applies the server's rules for a single configuration.
func (c *Config) validate() error {
	if len(c.Members) == 0 || len(c.Members) > 50 {
		return refuse(CodeInvalidConfig, "a replica set has 1 to 50 members, not %d", len(c.Members))
	}
	voters, electable := 0, 0
	for i, m := range c.Members {
		for _, o := range c.Members[:i] {
			if o.ID == m.ID || o.Host == m.Host {
				return refuse(CodeInvalidConfig, "two members share the _id %d or the host %s", m.ID, m.Host)
			}
		}
		switch {
		case m.Host == "":
			return refuse(CodeInvalidConfig, "member %d has no host", m.ID)
		case m.ID < 0 || m.ID > 255:
			return refuse(CodeInvalidConfig, "_id %d is not in 0..255", m.ID)
		case m.Votes != 0 && m.Votes != 1:
			return refuse(CodeInvalidConfig, "votes of %s must be 0 or 1, not %d", m.Host, m.Votes)
		case !(m.Priority >= 0 && m.Priority <= 1000):
			return refuse(CodeInvalidConfig, "priority of %s must be in 0..1000, not %v", m.Host, m.Priority)
		case m.ArbiterOnly && m.Votes == 0:
			return refuse(CodeInvalidConfig, "arbiter %s must vote", m.Host)
		case m.ArbiterOnly && m.Priority != 0:
			return refuse(CodeInvalidConfig, "arbiter %s must have priority 0", m.Host)
		case m.Votes == 0 && m.Priority != 0:
			return refuse(CodeInvalidConfig, "priority must be 0 when %s has no vote", m.Host)
		case m.Hidden && m.Priority != 0:
			return refuse(CodeInvalidConfig, "priority must be 0 when %s is hidden", m.Host)
		}
		voters += m.Votes
		if m.electable() {
			electable++
		}
	}
	if voters > 7 {
		return refuse(CodeInvalidConfig, "%d voting members, at most 7 are allowed", voters)
	}
	if electable == 0 {
		return refuse(CodeInvalidConfig, "no member can be elected")
	}
	return nil
}

// succeeds applies the server's rules for a configuration that follows another.
func (c *Config) succeeds(old *Config, oneVoter bool) error {
	if c.Version <= old.Version {
		return refuse(CodeConfigIncompatible,
			"New replica set configuration version must be greater than old, but %d is not greater than %d",
			c.Version, old.Version)
	}
	for _, m := range c.Members {
		for _, o := range old.Members {
			if m.Host == o.Host && m.ID != o.ID {
				return refuse(CodeConfigIncompatible, "%s changes its _id from %d to %d", m.Host, o.ID, m.ID)
			}
			if m.ID == o.ID && m.ArbiterOnly != o.ArbiterOnly {
				return refuse(CodeConfigIncompatible, "arbiterOnly of _id %d cannot be changed", m.ID)
			}
		}
	}
	if n := voterChanges(old, c); oneVoter && n > 1 {
		return refuse(CodeConfigIncompatible,
			"Non force replica set reconfig can only add or remove at most 1 voting member, not %d", n)
	}
	return nil
}

// voterChanges counts the voters that come or go, whichever are more.
func voterChanges(a, b *Config) int {
	gone, come := 0, 0
	for _, m := range a.Members {
		if i := b.index(m.Host); m.Votes > 0 && (i < 0 || b.Members[i].Votes == 0) {
			gone++
		}
	}
	for _, m := range b.Members {
		if i := a.index(m.Host); m.Votes > 0 && (i < 0 || a.Members[i].Votes == 0) {
			come++
		}
	}
	return gone + come
}
