package cps

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// ReplicaTable is what diagnostics.sh --get_replica_status prints (cps:721-752,1104-1132,1839-1862).
type ReplicaTable struct {
	File         string    // the name errors and findings give
	MongoVersion string    // of the title, such as 3.6.17
	Site         string    // of a title "... INFORMATION OF site1"; empty as a rule
	Date         time.Time // of the title, to the second, on the clock of the machine; the table names no zone, so it is held as UTC
	Sets         []TableSet
}

// TableSet is a replica set of the table.
type TableSet struct {
	Type    string // SESSION
	Name    string // set01
	Notes   []string
	Members []TableMember
	Line    int
}

// TableMember is a row: "Member-2 - 27717 : 172.16.2.22 - PRIMARY - sessionmgr01 - ON-LINE - No Sync - 3".
type TableMember struct {
	Number   int
	Port     int
	IP       netip.Addr // not valid where the cell is empty
	Mark     string     // PRI or SEC before the state, in hot-standby sets; else empty
	State    MemberState
	Host     string
	Health   Health
	LastSync LastSync
	Priority float64 // an arbiter has 1 before MongoDB 3.6 and 0 from then on (cps:730,1110)
	Line     int
}

// MemberState is a state of a replica set's member, as MongoDB names it. A state that this package does not know is kept as it is
// printed, and counts as unhealthy.
type MemberState string

// The states (cps:730-731,1804,1851,1860).
const (
	StatePrimary    MemberState = "PRIMARY"
	StateSecondary  MemberState = "SECONDARY"
	StateArbiter    MemberState = "ARBITER"
	StateRecovering MemberState = "RECOVERING"
	StateUnknown    MemberState = "UNKNOWN"
	// StateUnreachable is what the table prints of a member that nobody can reach.
	StateUnreachable MemberState = "(not reachable/healthy)"
)

// Serving tells a state in which a member does its work: primary, secondary or arbiter.
func (s MemberState) Serving() bool {
	return s == StatePrimary || s == StateSecondary || s == StateArbiter
}

// Health is what the table says of a member's reachability.
type Health string

// The two healths. OFFLINE, UNKNOWN and DOWN are kept as they are printed, and count as not reachable.
const (
	OnLine  Health = "ON-LINE"
	OffLine Health = "OFF-LINE"
)

// LastSync is how far a member is behind, as printed: "12 min", "No Sync" (a primary), "No Primary", or dashes where it does not apply.
type LastSync string

// The words that stand instead of a time.
const (
	SyncNone      LastSync = "No Sync"
	SyncNoPrimary LastSync = "No Primary"
	SyncDashes    LastSync = "-----"
)

var lagUnits = map[string]time.Duration{
	"sec": time.Second, "min": time.Minute, "hr": time.Hour, "hour": time.Hour, "day": 24 * time.Hour,
}

// maxLag is how far a member that copies without trouble is behind at most; package mongo has the same bound.
const maxLag = time.Minute

// Lag is the time a member is behind; ok is false where the cell is no time.
func (l LastSync) Lag() (lag time.Duration, ok bool) {
	fields := strings.Fields(string(l))
	if len(fields) != 2 {
		return 0, false
	}
	n, err := strconv.ParseUint(fields[0], 10, 31)
	unit := lagUnits[strings.TrimSuffix(strings.ToLower(fields[1]), "s")]
	if err != nil || unit == 0 {
		return 0, false
	}
	if lag = time.Duration(n) * unit; lag/unit != time.Duration(n) {
		return 0, false
	}
	return lag, true
}

// Set finds a replica set by its name (set01), its type (SESSION) or both (SESSION:set01).
func (t *ReplicaTable) Set(name string) (TableSet, bool) {
	i := slices.IndexFunc(t.Sets, func(s TableSet) bool { return name == s.Name || name == s.Title() || name == s.Type })
	if i < 0 {
		return TableSet{}, false
	}
	return t.Sets[i], true
}

// Title is the set's header, SESSION:set01.
func (s TableSet) Title() string { return s.Type + ":" + s.Name }

// Primary is the member in state PRIMARY; ok is false where there is none, or more than one.
func (s TableSet) Primary() (m TableMember, ok bool) {
	for _, member := range s.Members {
		if member.State == StatePrimary {
			if ok {
				return TableMember{}, false
			}
			m, ok = member, true
		}
	}
	return m, ok
}

// Member finds a member by host name.
func (s TableSet) Member(host string) (TableMember, bool) {
	i := slices.IndexFunc(s.Members, func(m TableMember) bool { return m.Host == host })
	if i < 0 {
		return TableMember{}, false
	}
	return s.Members[i], true
}

// Placed is a member together with its set.
type Placed struct {
	Set    TableSet
	Member TableMember
}

// On lists the members that a host has in all sets: what must be empty after its upgrade set was disabled (cps:712,1086).
func (t *ReplicaTable) On(host string) []Placed {
	return t.where(func(m TableMember) bool { return m.Host == host })
}

// InState lists the members in a state, such as those in RECOVERING, which a rollback must stop first (cps:1833,1866).
func (t *ReplicaTable) InState(state MemberState) []Placed {
	return t.where(func(m TableMember) bool { return m.State == state })
}

func (t *ReplicaTable) where(match func(TableMember) bool) []Placed {
	var found []Placed
	for _, s := range t.Sets {
		for _, m := range s.Members {
			if match(m) {
				found = append(found, Placed{s, m})
			}
		}
	}
	return found
}

// Findings checks that every set serves: exactly one primary, every member on-line and in a working state, no member without a
// primary to sync from, or more than a minute behind it. Which sets and members there should be
// depends on the stage of the migration and is not judged here.
func (t *ReplicaTable) Findings() []Finding {
	f := findings{file: t.File}
	if len(t.Sets) == 0 {
		f.add(Error, 0, "MON-004", "there is no replica set in the table")
	}
	for _, s := range t.Sets {
		primaries := 0
		for _, m := range s.Members {
			if m.State == StatePrimary {
				primaries++
			}
			switch {
			case m.Health != OnLine:
				f.add(Error, m.Line, "MON-005", "%s of %s is %s", m.Host, s.Title(), m.Health)
			case !m.State.Serving():
				f.add(Error, m.Line, "MON-004", "%s of %s is in state %s", m.Host, s.Title(), m.State)
			case m.LastSync == SyncNoPrimary:
				f.add(Warning, m.Line, "MON-006", "%s of %s sees no primary", m.Host, s.Title())
			case m.State == StateSecondary:
				if lag, ok := m.LastSync.Lag(); ok && lag > maxLag {
					f.add(Warning, m.Line, "MON-006", "%s of %s is %s behind", m.Host, s.Title(), m.LastSync)
				}
			}
		}
		if primaries != 1 {
			f.add(Error, s.Line, "MON-016", "%s has %s", s.Title(), printable.Count(primaries, "primary"))
		}
	}
	return f.list
}

// Removed checks that the given hosts have no member left in any set, as it must be after their set was disabled (cps:712,1086).
func (t *ReplicaTable) Removed(set ClusterSet) []Finding {
	f := findings{file: t.File}
	for _, alias := range set {
		for _, p := range t.On(alias) {
			f.add(Error, p.Member.Line, "CPS-230", "%s is still a member of %s", alias, p.Set.Title())
		}
	}
	return f.list
}

// At finds the row of a member of mongoConfig.cfg.
func (s TableSet) At(m MongoMember) (TableMember, bool) {
	i := slices.IndexFunc(s.Members, func(row TableMember) bool { return row.Host == m.Host && row.Port == m.Port })
	if i < 0 {
		return TableMember{}, false
	}
	return s.Members[i], true
}

// Votes tells a member that takes part in elections.
func (m TableMember) Votes() bool {
	return m.Health == OnLine && (m.State.Serving() || slices.Contains([]MemberState{StateRecovering, "STARTUP2", "ROLLBACK"}, m.State))
}

// HoldsData tells a data member that works.
func (m TableMember) HoldsData() bool {
	return m.Health == OnLine && (m.State == StatePrimary || m.State == StateSecondary)
}
