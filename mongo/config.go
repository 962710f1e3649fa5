package mongo

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/mongo/internal/document"
)

// Fields are the members of a document that this package has no name for, as the server sent them. They are written
// back unchanged, in the order of their names.
type Fields map[string]bson.RawValue

// Config is a replica-set configuration document
// (https://www.mongodb.com/docs/manual/reference/replica-configuration/).
//
// What is not named here (settings, protocolVersion, term, …) is kept in Extra, so that reading a configuration, changing it and
// writing it back loses nothing.
type Config struct {
	ID      string   // name of the set
	Version int64    // from 1, greater with every reconfiguration
	Members []Member // in the order of the document
	Extra   Fields
}

// Member is one member of a [Config]. A literal Member has priority 0 and no vote; see [DataMember] and [ArbiterMember].
type Member struct {
	ID          int    // 0 to 255, never reused for another host
	Host        string // "host:port"
	ArbiterOnly bool
	Hidden      bool
	Priority    float64 // 0 to 1000; 0 cannot be elected; fractions are legal
	Votes       int     // 0 or 1
	Extra       Fields  // buildIndexes, tags, slaveDelay or secondaryDelaySecs, horizons, …
}

// DataMember is a voting member that holds data.
func DataMember(id int, host string, priority float64) Member {
	return Member{ID: id, Host: host, Priority: priority, Votes: 1}
}

// ArbiterMember is a voting member without data; its priority is 0, as servers from 3.6 on print it.
func ArbiterMember(id int, host string) Member {
	return Member{ID: id, Host: host, ArbiterOnly: true, Votes: 1}
}

// Electable tells whether the member can become primary.
func (m Member) Electable() bool { return !m.ArbiterOnly && m.Priority > 0 && m.Votes > 0 }

// DelaySecs is how many seconds the member lags on purpose: slaveDelay up to 4.4, secondaryDelaySecs from 5.0 on.
func (m Member) DelaySecs() int64 {
	for _, name := range []string{"secondaryDelaySecs", "slaveDelay"} {
		if v, ok := m.Extra[name]; ok {
			n, _ := document.Number(v)
			return int64(n)
		}
	}
	return 0
}

// buildsIndexes is true unless buildIndexes says otherwise.
func (m Member) buildsIndexes() bool {
	b, isBool := m.Extra["buildIndexes"].BooleanOK()
	return !isBool || b
}

// Clone copies the configuration; raw values are shared, since nothing changes them in place.
func (c Config) Clone() Config {
	c.Members = slices.Clone(c.Members)
	for i := range c.Members {
		c.Members[i].Extra = c.Members[i].Extra.clone()
	}
	c.Extra = c.Extra.clone()
	return c
}

func (f Fields) clone() Fields {
	if f == nil {
		return nil
	}
	g := make(Fields, len(f))
	for k, v := range f {
		g[k] = v
	}
	return g
}

// Member finds a member by its host; the port 27017 may be left out.
func (c Config) Member(host string) (Member, bool) {
	if i := c.Index(host); i >= 0 {
		return c.Members[i], true
	}
	return Member{}, false
}

// Index is the place of a host among the members, -1 when it is none; the port 27017 may be left out.
func (c Config) Index(host string) int {
	return slices.IndexFunc(c.Members, func(m Member) bool { return HostKey(m.Host) == HostKey(host) })
}

// HostKey is the host with its port: hosts with the same one are the same member.
func HostKey(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host
	}
	return host + ":27017"
}

// Voters is the number of votes of the set.
func (c Config) Voters() int {
	n := 0
	for _, m := range c.Members {
		n += m.Votes
	}
	return n
}

// Majority is how many votes make a primary.
func (c Config) Majority() int { return c.Voters()/2 + 1 }

// Term is the term of the primary that wrote the configuration; servers before 4.4 have none.
func (c Config) Term() (int64, bool) {
	n, ok := document.Number(c.Extra["term"])
	return int64(n), ok
}

// electionTimeout is that of the settings, or the servers' default.
func (c Config) electionTimeout() time.Duration {
	settings, _ := c.Extra["settings"].DocumentOK()
	if ms, _ := document.Number(settings.Lookup("electionTimeoutMillis")); ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return 10 * time.Second
}

// Equal tells whether two configurations are the same but for version, term, the order of the members and an
// arbiter's priority of 1, which old servers print for 0 (MON-008).
func (c Config) Equal(d Config) bool {
	return c.Includes(d) && d.Includes(c)
}

// Includes is Equal, but that c may hold fields that d leaves out: what a server has made of a document, whose defaults it fills in.
func (c Config) Includes(d Config) bool {
	if c.ID != d.ID || len(c.Members) != len(d.Members) || !c.Extra.include(d.Extra, "term") {
		return false
	}
	for _, m := range c.Members {
		i := d.Index(m.Host)
		if i < 0 || !m.sameAs(d.Members[i]) || !m.Extra.include(d.Members[i].Extra) {
			return false
		}
	}
	return true
}

// sameAs compares the named fields of two with the same host.
func (m Member) sameAs(b Member) bool {
	a, b := m.normal(), b.normal()
	return a.ID == b.ID && a.ArbiterOnly == b.ArbiterOnly && a.Hidden == b.Hidden &&
		a.Priority == b.Priority && a.Votes == b.Votes
}

// normal is the member as a server from 3.6 on would print it: older ones gave arbiters the priority 1.
func (m Member) normal() Member {
	if m.ArbiterOnly && m.Priority == 1 {
		m.Priority = 0
	}
	return m
}

func (c Config) normal() Config {
	c = c.Clone()
	for i := range c.Members {
		c.Members[i] = c.Members[i].normal()
	}
	return c
}

// horizons are the names by which clients of other networks reach a member, by network
// (https://www.mongodb.com/docs/manual/reference/replica-configuration/).
const horizons = "horizons"

// with is a copy with one field of another value; none where the value is none.
func (f Fields) with(name string, v bson.RawValue) Fields {
	g := f.clone()
	if g == nil {
		g = Fields{}
	}
	if g[name] = v; len(v.Value) == 0 {
		delete(g, name)
	}
	return g
}

func (f Fields) equal(g Fields, except ...string) bool {
	return f.include(g, except...) && g.include(f, except...)
}

// include tells whether f has every field of g, with the same value.
func (f Fields) include(g Fields, except ...string) bool {
	for k, v := range g {
		if !slices.Contains(except, k) && !sameValue(v, f[k]) {
			return false
		}
	}
	return true
}

// sameValue compares two values: numbers are equal across their types, since a shell turns one into another and a
// server does so with the settings, and documents whatever the order of their fields.
func sameValue(v, w bson.RawValue) bool {
	a, aok := document.Number(v)
	b, bok := document.Number(w)
	if aok && bok {
		return a == b
	}
	if v.Type == w.Type && (v.Type == bson.TypeEmbeddedDocument || v.Type == bson.TypeArray) {
		f, ferr := bson.Raw(v.Value).Elements()
		g, gerr := bson.Raw(w.Value).Elements()
		return ferr == nil && gerr == nil && len(f) == len(g) && !slices.ContainsFunc(f, func(e bson.RawElement) bool {
			other, err := bson.Raw(w.Value).LookupErr(e.Key())
			return err != nil || !sameValue(e.Value(), other)
		})
	}
	return v.Type == w.Type && bytes.Equal(v.Value, w.Value)
}

// String is the set on one line: "set02 v7: sessionmgr01:27718 p3, sessionmgr02:27718 p2, arbitervip:27718 arbiter".
func (c Config) String() string {
	parts := make([]string, len(c.Members))
	for i, m := range c.Members {
		parts[i] = m.String()
	}
	return fmt.Sprintf("%s v%d: %s", c.ID, c.Version, strings.Join(parts, ", "))
}

// String is the member in a few words.
func (m Member) String() string {
	if m.ArbiterOnly {
		return m.Host + " arbiter"
	}
	s := m.Host + " p" + strconv.FormatFloat(m.Priority, 'g', -1, 64)
	if m.Votes == 0 {
		s += " no vote"
	}
	if m.Hidden {
		s += " hidden"
	}
	return s
}
