package cps_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

var tables = []string{"get_rep-set1-removed.txt", "get-set2-removed.txt", "get_replica_status-recovering-wrapped.txt"}

func table(t testing.TB, name string) *cps.ReplicaTable {
	t.Helper()
	tab, err := cps.ParseReplicaTable(text(name, fixture(t, name)))
	require.NoError(t, err)
	return tab
}

// MON-001, MON-002, MON-003, MON-009.
func TestParseReplicaTableSet1Removed(t *testing.T) {
	tab := table(t, "get_rep-set1-removed.txt")
	require.Equal(t, "3.6.9", tab.MongoVersion)
	require.Equal(t, time.Date(2019, 8, 21, 2, 0, 27, 0, time.UTC), tab.Date)
	require.Len(t, tab.Sets, 6)
	var titles []string
	for _, s := range tab.Sets {
		titles = append(titles, s.Title())
		require.Len(t, s.Members, 2)
	}
	require.Equal(t, []string{"ADMIN:set06", "AUDIT:set05", "BALANCE:set02", "REPORTING:set03", "SESSION:set01", "SPR:set04"}, titles)
	s, ok := tab.Set("SESSION")
	require.True(t, ok)
	p, ok := s.Primary()
	require.True(t, ok)
	require.Equal(t, cps.TableMember{Number: 2, Port: 27717, IP: netip.MustParseAddr("172.16.2.22"), State: cps.StatePrimary,
		Host: "sessionmgr01", Health: cps.OnLine, LastSync: cps.SyncNone, Priority: 3, Line: p.Line}, p)
	a, ok := s.Member("arbitervip")
	require.True(t, ok)
	require.Equal(t, cps.SyncDashes, a.LastSync)
	require.InDelta(t, 1, a.Priority, 0, "MON-008: an arbiter's priority of 1 is accepted")
	require.Empty(t, tab.Findings())
	// CPS-230: set 1's session manager is gone, set 2's is not.
	require.Empty(t, tab.Removed(cps.ClusterSet{"lb02", "sessionmgr02"}))
	require.Len(t, tab.Removed(cps.ClusterSet{"sessionmgr01"}), 6)
}

// MON-008, MON-013: priority 0, title and heading in separate code blocks, other rules.
func TestParseReplicaTableSet2Removed(t *testing.T) {
	tab := table(t, "get-set2-removed.txt")
	require.Len(t, tab.Sets, 6)
	s, _ := tab.Set("set06")
	require.InDelta(t, 0, s.Members[0].Priority, 0)
	require.InDelta(t, 2, s.Members[1].Priority, 0)
	require.Empty(t, tab.Findings())
}

// MON-004, MON-006, MON-010, MON-011, MON-012: the wrapped table.
func TestParseReplicaTableWrapped(t *testing.T) {
	tab := table(t, "get_replica_status-recovering-wrapped.txt")
	require.Equal(t, "3.6.17", tab.MongoVersion)
	require.Equal(t, time.Date(2019, 7, 23, 10, 44, 20, 0, time.UTC), tab.Date)
	require.Len(t, tab.Sets, 2)
	for _, s := range tab.Sets {
		require.Len(t, s.Members, 3)
	}
	stuck := tab.InState(cps.StateRecovering)
	require.Len(t, stuck, 1)
	require.Equal(t, "BALANCE:set02", stuck[0].Set.Title())
	require.Equal(t, 27718, stuck[0].Member.Port)
	require.Equal(t, "sessionmgr02", stuck[0].Member.Host)
	lag, ok := stuck[0].Member.LastSync.Lag()
	require.True(t, ok)
	require.Equal(t, 12*time.Minute, lag)
	admin, _ := tab.Set("ADMIN")
	require.Equal(t, cps.SyncNoPrimary, admin.Members[0].LastSync)
	require.Len(t, tab.On("sessionmgr02"), 2)
	require.Equal(t, map[string]int{"MON-004": 1, "MON-006": 2}, rows(tab.Findings()))
}

// MON-006: a member that does not keep up is found: 18749 days is one that never copied.
func TestReplicaTableFindsLag(t *testing.T) {
	for lag, want := range map[string]int{"0 sec": 0, "60 sec": 0, "1 min": 0, "2 min": 1, "18749 days": 1, "--------": 0} {
		tab, err := cps.ParseReplicaTable(text("t", tableHead+"| A:s |\n"+memberRow+
			"| Member-2 - 1 : 10.0.0.2 - SECONDARY - b - ON-LINE - "+lag+" - 2 |\n|---|\n"))
		require.NoError(t, err)
		require.Len(t, tab.Findings(), want, lag)
	}
	tab, err := cps.ParseReplicaTable(text("t", tableHead+"| A:s |\n"+memberRow+
		"| Member-2 - 1 : 10.0.0.2 - SECONDARY - b - OFFLINE - 0 sec - 2 |\n|---|\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"b of A:s is OFFLINE"}, whats(tab.Findings()))
}

// MON-009, MON-010: printed in the guide's form, spelt right, and read back to the same.
func TestReplicaTableWriteTo(t *testing.T) {
	for _, name := range tables {
		tab := table(t, name)
		out := printed(t, tab)
		golden.Check(t, "printed-"+name, out)
		require.NotContains(t, out, "REPLICHA")
		again, err := cps.ParseReplicaTable(text(name, out))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(tab, again, ignoreLines...))
	}
	// But for its spelling and the rule at the top, the guide's table is printed as it is.
	in := fixture(t, "get-set2-removed.txt")
	in = "|" + strings.ReplaceAll(in[strings.Index(in, "-----|"):], "REPLICHA", "REPLICA")
	require.Equal(t, in, printed(t, table(t, "get-set2-removed.txt")))
}

var ignoreLines = []cmp.Option{
	cmpopts.IgnoreFields(cps.ReplicaTable{}, "File"), cmpopts.IgnoreFields(cps.TableSet{}, "Line"),
	cmpopts.IgnoreFields(cps.TableMember{}, "Line"),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

const tableHead = "|---|\n| Mongo:3.6.17 MONGODB REPLICA-SETS STATUS INFORMATION Date : 2019-07-23 10:44:20 |\n|---|\n" +
	"| SET NAME - PORT : IP ADDRESS - REPLICA STATE - HOST NAME - HEALTH - LAST SYNC - PRIORITY |\n|---|\n"

const memberRow = "| Member-1 - 27717 : 10.0.0.1 - PRIMARY - sm-01 - ON-LINE - No Sync - 3 |\n"

// Public scripts show captures of a terminal: cursor moves instead of blanks, colours, hot-standby marks (MON-009).
func TestParseReplicaTableTerminal(t *testing.T) {
	in := strings.ReplaceAll(tableHead, "INFORMATION Date", "INFORMATION OF site1 Date") +
		"| SESSION:set01a |\n| Status via arbitervip:27717 |\n" +
		"| Member-1 - 27717 : 10.0.0.1 - \x1b[42GPRI-PRIMARY\x1b[49G- sm-01\x1b[61G- \x1b[92mON-LINE\x1b[0m - 0 sec - 1.5 |\n" +
		"| Member-2 - 27717 :          - UNKNOWN - sm-02 - OFF-LINE - 19765 days - 2 |\n|---|\n[root@cluman ~]# "
	tab, err := cps.ParseReplicaTable(text("t", in))
	require.NoError(t, err)
	require.Equal(t, "site1", tab.Site)
	s := tab.Sets[0]
	require.Equal(t, []string{"Status via arbitervip:27717"}, s.Notes)
	require.Equal(t, "PRI", s.Members[0].Mark)
	require.Equal(t, cps.StatePrimary, s.Members[0].State)
	require.InDelta(t, 1.5, s.Members[0].Priority, 0)
	require.False(t, s.Members[1].IP.IsValid())
	require.Equal(t, cps.OffLine, s.Members[1].Health)
	// MON-005: one finding for the member that is off-line.
	require.Equal(t, map[string]int{"MON-005": 1}, rows(tab.Findings()))
	again, err := cps.ParseReplicaTable(text("t", printed(t, tab)))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(tab, again, ignoreLines...))
}

func TestParseReplicaTableErrors(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", "t:1: no replica table: its title is missing"},
		{"no sets", tableHead, "t:5: replica table has no sets"},
		{"no heading", "| Mongo:3.6.17 MONGODB REPLICA-SETS STATUS INFORMATION Date : 2019-07-23 10:44:20 |\n|---|\n| A:s |\n" +
			memberRow + "|---|\n", "t:3:1: expected the heading"},
		{"no title", "| SET NAME - PORT : IP ADDRESS - REPLICA STATE - HOST NAME - HEALTH - LAST SYNC - PRIORITY |\n|---|\n| A:s |\n" +
			memberRow + "|---|\n", "expected the title"},
		{"set without members", tableHead + "| A:s |\n|---|\n", `t:6:1: replica set has no member row: near "A:s"`},
		{"member before set", tableHead + memberRow + "|---|\n", "t:6:1: member row before any set"},
		{"cut off mid-row", tableHead + "| A:s |\n" + memberRow[:40], "row is cut off"},
		{"row not closed", tableHead + "| A:s |\n" + strings.TrimSuffix(memberRow, "|\n") + "\n|---|\n", "t:7:1: row is cut off"},
		{"row not closed, next row", tableHead + "| A:s |\n" + strings.TrimSuffix(memberRow, "|\n") + "\n" + memberRow +
			"|---|\n", "t:7:1: row is cut off"},
		{"no last rule", tableHead + "| A:s |\n" + memberRow, "t:7: replica table is cut off"},
		{"cell missing", tableHead + "| A:s |\n" + strings.Replace(memberRow, " - PRIMARY", "", 1) + "|---|\n", "t:7:1: not a member row"},
		{"bad health", tableHead + "| A:s |\n" + strings.Replace(memberRow, "ON-LINE", "FINE", 1) + "|---|\n", "not a member row"},
		{"no last sync", tableHead + "| A:s |\n" + strings.Replace(memberRow, "No Sync", "", 1) + "|---|\n", "has no last sync"},
		{"bad IP", tableHead + "| A:s |\n" + strings.Replace(memberRow, "10.0.0.1", "10.0.0.999", 1) + "|---|\n",
			`"10.0.0.999" is not an IP address`},
		{"bad port", tableHead + "| A:s |\n" + strings.Replace(memberRow, "27717", "70000", 1) + "|---|\n", `"70000" is not a port`},
		{"set twice", tableHead + "| A:s |\n" + memberRow + "|---|\n| B:s |\n" + memberRow + "|---|\n",
			"replica set printed twice, first on line 6"},
		{"member twice", tableHead + "| A:s |\n" + memberRow + memberRow + "|---|\n", "member printed twice"},
		{"bad date", strings.Replace(tableHead, "07-23", "13-23", 1) + "| A:s |\n" + memberRow + "|---|\n", "t:2:1: not a date and time"},
		{"unknown row", tableHead + "| A:s |\n" + memberRow + "| connection refused |\n|---|\n", "neither a set (TYPE:name) nor a member row"},
		{"second table", tableHead + "| A:s |\n" + memberRow + "|---|\n" + tableHead, "a second table begins here"},
		{"text inside", tableHead + "| A:s |\n" + memberRow + "oops\n|---|\n", "t:8:1: not a row of the replica table"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tab, err := cps.ParseReplicaTable(text("t", tt.in))
			requireError(t, err, tt.want)
			require.Nil(t, tab)
		})
	}
}

// MON-011: wherever a table is cut off, it is an error, or ends with a complete set.
func TestParseReplicaTableTruncated(t *testing.T) {
	for _, name := range tables {
		whole := fixture(t, name)
		full := table(t, name)
		for cut := range whole {
			tab, err := cps.ParseReplicaTable(text(name, whole[:cut]))
			if err != nil {
				continue
			}
			require.NotEmpty(t, tab.Sets)
			require.Empty(t, cmp.Diff(full.Sets[:len(tab.Sets)], tab.Sets, ignoreLines...), "cut at %d", cut)
		}
	}
}

// MON-016: a set without a primary, or with two.
func TestReplicaTableFindingsPrimary(t *testing.T) {
	for state, n := range map[string]int{"SECONDARY": 1, "PRIMARY": 0} {
		tab, err := cps.ParseReplicaTable(text("t", tableHead+"| A:s |\n"+strings.Replace(memberRow, "PRIMARY", state, 1)+"|---|\n"))
		require.NoError(t, err)
		require.Equal(t, n, rows(tab.Findings())["MON-016"])
	}
	tab, err := cps.ParseReplicaTable(text("t", tableHead+"| A:s |\n"+memberRow+
		strings.NewReplacer("r-1", "r-2", "sm-01", "sm-02").Replace(memberRow)+"|---|\n"))
	require.NoError(t, err)
	require.Contains(t, tab.Findings()[0].What, "A:s has 2 primaries")
	_, ok := tab.Sets[0].Primary()
	require.False(t, ok)
}

func TestLastSyncLag(t *testing.T) {
	for in, want := range map[cps.LastSync]time.Duration{"0 sec": 0, "12 min": 12 * time.Minute, "2 hrs": 2 * time.Hour,
		"1 Hours": time.Hour, "3 days": 72 * time.Hour} {
		lag, ok := in.Lag()
		require.True(t, ok, in)
		require.Equal(t, want, lag)
	}
	for _, in := range []cps.LastSync{"", "-----", "No Sync", "No Primary", "-1 min", "99999999999 days", "12 moons", "2000000000 days"} {
		_, ok := in.Lag()
		require.False(t, ok, in)
	}
}

// Any table that is printed is read back to the same.
func TestReplicaTableRoundTrip(t *testing.T) {
	word := rapid.StringMatching(`[A-Za-z][A-Za-z0-9]{0,8}(-[a-z0-9]{1,4})?`)
	rapid.Check(t, func(rt *rapid.T) {
		tab := &cps.ReplicaTable{MongoVersion: "3.6.17", Date: time.Unix(rapid.Int64Range(0, 4e9).Draw(rt, "date"), 0).UTC()}
		for _, name := range rapid.SliceOfNDistinct(word, 1, 4, rapid.ID).Draw(rt, "sets") {
			s := cps.TableSet{Type: rapid.SampledFrom([]string{"ADMIN", "SESSION", "SPR"}).Draw(rt, "type"), Name: name}
			for i, host := range rapid.SliceOfNDistinct(word, 1, 5, rapid.ID).Draw(rt, "hosts") {
				m := cps.TableMember{
					Number: i + 1, Port: rapid.IntRange(1, 65535).Draw(rt, "port"), Host: host,
					State: rapid.SampledFrom([]cps.MemberState{cps.StatePrimary, cps.StateSecondary, cps.StateArbiter,
						cps.StateRecovering, cps.StateUnknown, "STARTUP2"}).Draw(rt, "state"),
					Health:   rapid.SampledFrom([]cps.Health{cps.OnLine, cps.OffLine}).Draw(rt, "health"),
					LastSync: rapid.SampledFrom([]cps.LastSync{cps.SyncNone, cps.SyncNoPrimary, cps.SyncDashes, "12 min"}).Draw(rt, "sync"),
					Mark:     rapid.SampledFrom([]string{"", "PRI", "SEC"}).Draw(rt, "mark"),
					Priority: rapid.SampledFrom([]float64{0, 0.5, 1, 3, 1000}).Draw(rt, "priority"),
				}
				if rapid.Bool().Draw(rt, "ip") {
					m.IP = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "addr"))).Unmap()
					if m.IP.Is4() {
						m.IP = netip.Addr{}
					}
				} else {
					m.IP = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(rt, "addr4")))
				}
				s.Members = append(s.Members, m)
			}
			tab.Sets = append(tab.Sets, s)
		}
		var b strings.Builder
		if _, err := tab.WriteTo(&b); err != nil {
			rt.Fatal(err)
		}
		again, err := cps.ParseReplicaTable(strings.NewReader(b.String()))
		if err != nil {
			rt.Fatalf("%v\n%s", err, b.String())
		}
		if diff := cmp.Diff(tab, again, ignoreLines...); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func FuzzParseReplicaTable(f *testing.F) {
	for _, name := range tables {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, in string) {
		tab, err := cps.ParseReplicaTable(strings.NewReader(in))
		if err != nil {
			return
		}
		require.NotEmpty(t, tab.Sets)
		tab.Findings()
		again, err := cps.ParseReplicaTable(strings.NewReader(printed(t, tab)))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(tab, again, ignoreLines...))
	})
}

func BenchmarkParseReplicaTable(b *testing.B) {
	in := fixture(b, "get_rep-set1-removed.txt")
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := cps.ParseReplicaTable(strings.NewReader(in)); err != nil {
			b.Fatal(err)
		}
	}
}
