package cps_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// mongoConfigOf makes a mongoConfig.cfg with one set for each list of data hosts, and arbitervip as arbiter.
func mongoConfigOf(t testing.TB, sets ...[]string) *cps.MongoConfig {
	t.Helper()
	var b strings.Builder
	for i, hosts := range sets {
		port := 27717 + i
		fmt.Fprintf(&b, "[SESSION-SET%d]\nSETNAME=set%02d\nARBITER=arbitervip:%d\n", i+1, i+1, port)
		for n, host := range hosts {
			fmt.Fprintf(&b, "MEMBER%d=%s:%d\n", n+1, host, port)
		}
		fmt.Fprintf(&b, "[SESSION-SET%d-END]\n", i+1)
	}
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", b.String()))
	require.NoError(t, err, "%s", b.String())
	return mc
}

// CPS-007: the guide's sets are right for the guide's replica sets.
func TestReviewSetsGuide(t *testing.T) {
	h := guideHosts(t)
	set1, set2, err := cps.SplitClusterSets(h)
	require.NoError(t, err)
	require.Empty(t, cps.ReviewSets(set1, set2, sixSets(t)))
	require.Empty(t, cps.ReviewHosts(h, set1, set2))
	require.Equal(t, "nothing to repair", cps.ProposeRepair(set1, set2, sixSets(t)).String())
}

// CPS-007, CPS-008: two data members in one set are found, with the repair in words and as data.
func TestReviewSetsFindsSharedSet(t *testing.T) {
	set1 := cps.ClusterSet{"pcrfclient02", "lb02", "sessionmgr02", "sessionmgr04", "qns02"}
	set2 := cps.ClusterSet{"pcrfclient01", "lb01", "sessionmgr01", "sessionmgr03", "qns01"}
	mc := mongoConfigOf(t, []string{"sessionmgr01", "sessionmgr03"}, []string{"sessionmgr02", "sessionmgr04"})
	found := cps.ReviewSets(set1, set2, mc)
	require.Equal(t, map[string]int{"CPS-007": 2, "CPS-008": 1}, rows(found))
	require.Equal(t, cps.Finding{
		Severity: cps.Error, Where: "mongoConfig.cfg:1", Row: "CPS-007",
		What: "data members sessionmgr01:27717 and sessionmgr03:27717 of replica set set01 (SESSION-SET1) are both in " +
			"upgrade set 2: while the set is down 1 of 3 votes remain, which is no majority",
	}, found[0])
	require.Equal(t, cps.Info, found[2].Severity)
	require.Contains(t, found[2].What, "/var/tmp/cluster-upgrade-set-2.txt to /var/tmp/cluster-upgrade-set-1.txt")

	repair := cps.ProposeRepair(set1, set2, mc)
	require.Len(t, repair.Moves, 2)
	require.Empty(t, repair.Impossible)
	require.Empty(t, cps.ReviewSets(repair.Set1, repair.Set2, mc))
	require.Len(t, repair.Set1, 5)
	for _, m := range repair.Moves {
		require.NotEqual(t, m.From, m.To)
		require.Contains(t, m.Why, "parts it from")
	}
}

// CPS-008: of two equal repairs the one that keeps even numbers in set 1 is proposed.
func TestProposeRepairPrefersParity(t *testing.T) {
	mc := mongoConfigOf(t, []string{"sessionmgr01", "sessionmgr02"})
	set1, set2 := cps.ClusterSet{"lb02", "sessionmgr01", "sessionmgr02", "qns02"}, cps.ClusterSet{"lb01", "qns01"}
	repair := cps.ProposeRepair(set1, set2, mc)
	require.Equal(t, []cps.Move{{Alias: "sessionmgr01", From: 1, To: 2, Why: "parts it from sessionmgr02 in SESSION-SET1"}}, repair.Moves)
	require.Equal(t, cps.ClusterSet{"lb02", "sessionmgr02", "qns02"}, repair.Set1)
	require.True(t, repair.Set2.Contains("sessionmgr01"))
}

// CPS-008: where no move helps, the definition must change.
func TestProposeRepairImpossible(t *testing.T) {
	set1, set2 := cps.ClusterSet{"sessionmgr02"}, cps.ClusterSet{"sessionmgr01", "sessionmgr03"}
	three := mongoConfigOf(t, []string{"sessionmgr01", "sessionmgr02", "sessionmgr03"})
	repair := cps.ProposeRepair(set1, set2, three)
	require.Empty(t, repair.Moves)
	require.Equal(t, []string{"SESSION-SET1"}, repair.Impossible[0].Sets)
	require.Equal(t, set1, repair.Set1)
	require.Contains(t, repair.String(), "change the definition of SESSION-SET1 in mongoConfig.cfg")

	circle := mongoConfigOf(t, []string{"sessionmgr01", "sessionmgr02"}, []string{"sessionmgr02", "sessionmgr03"},
		[]string{"sessionmgr03", "sessionmgr01"})
	repair = cps.ProposeRepair(set1, set2, circle)
	require.Equal(t, []string{"SESSION-SET1", "SESSION-SET2", "SESSION-SET3"}, repair.Impossible[0].Sets)
}

func TestReviewSetsPlacement(t *testing.T) {
	set1, set2 := cps.ClusterSet{"lb02", "lb01", "perfcient02"}, cps.ClusterSet{"lb01"}
	found := cps.ReviewSets(set1, set2, nil)
	require.Len(t, found, 1)
	require.Equal(t, "/var/tmp/cluster-upgrade-set-2.txt:1", found[0].Where)
	require.Contains(t, found[0].What, "lb01 is already in set 1 (line 2)")

	found = cps.ReviewHosts(hostsOf(t, "lb01", "lb02", "pcrfclient02"), set1, set2)
	require.Len(t, found, 2)
	require.Contains(t, found[0].What, "pcrfclient02 is in neither")
	require.Contains(t, found[1].What, "misspelt pcrfclient02")

	require.Len(t, cps.ReviewSets(nil, cps.ClusterSet{"lb01"}, nil), 1)

	// Another site's member is named: nobody can say when it goes.
	mc := mongoConfigOf(t, []string{"lb01", "psessionmgr01"})
	found = cps.ReviewSets(cps.ClusterSet{"lb02"}, cps.ClusterSet{"lb01"}, mc)
	require.Len(t, found, 1)
	require.Equal(t, cps.Error, found[0].Severity)
	require.Contains(t, found[0].What, "psessionmgr01:27717")
}

// MON-016: an arbiter that goes down with a data member takes the majority along.
func TestReviewSetsArbiterInSet(t *testing.T) {
	mc, err := cps.ParseMongoConfig(text("m.cfg",
		"[SPR-SET1]\nSETNAME=set04\nARBITER=pcrfclient01:27720\nMEMBER1=sessionmgr01:27720\nMEMBER2=sessionmgr02:27720\n[SPR-SET1-END]\n"))
	require.NoError(t, err)
	found := cps.ReviewSets(cps.ClusterSet{"sessionmgr02"}, cps.ClusterSet{"pcrfclient01", "sessionmgr01"}, mc)
	require.Equal(t, map[string]int{"MON-016": 1}, rows(found))
	require.Contains(t, found[0].What, "1 of 3 votes remain")
}

// MON-016: an arbiter goes down with its VM, whatever mongoConfig.cfg calls it.
func TestReviewMembersFindsOtherNamesOfVMs(t *testing.T) {
	h, err := cps.ParseHosts(text("Hosts.csv", "Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,\n"+
		"esxi-1,dc1-sm01,sm,sessionmgr01,ds1,,192.0.2.15,\nesxi-2,dc1-sm02,sm,sessionmgr02,ds2,,2001:db8:0:0:0:0:0:2,\n"))
	require.NoError(t, err)
	review := func(arbiter string) []cps.Finding {
		mc, err := cps.ParseMongoConfig(text("m.cfg", "[SPR-SET1]\nSETNAME=set04\nARBITER="+arbiter+
			":27720\nMEMBER1=sessionmgr01:27720\n[SPR-SET1-END]\n"))
		require.NoError(t, err)
		return cps.ReviewMembers(h, mc)
	}
	for _, other := range []string{"192.0.2.15", "dc1-sm01", "SessionMgr01", "sessionmgr01.example.com",
		"DC1-SM01.example.com", "[2001:db8::2]"} {
		found := review(other)
		require.Len(t, found, 1, other)
		require.Equal(t, cps.Error, found[0].Severity)
		require.Regexp(t, `is another name of sessionmgr0[12] \(Hosts.csv:[23]\): write the alias`, found[0].What)
		require.Equal(t, "m.cfg:3", found[0].Where)
	}
	for _, away := range []string{"SITE3-arbiter", "192.0.2.99", "sessionmgr09"} {
		found := review(away)
		require.Len(t, found, 1, away)
		require.Equal(t, cps.Warning, found[0].Severity)
		require.Contains(t, found[0].What, "is on no VM of Hosts.csv: it is taken for one that stays while either half is down")
	}
	require.Empty(t, review("arbitervip"))
	require.Empty(t, review("sessionmgr02"))
}

// CPS-008: on small clusters the proposal agrees with trying every placement: it exists exactly when one exists, and moves the fewest.
func TestProposeRepairAgainstBruteForce(t *testing.T) {
	hosts := []string{"sessionmgr01", "sessionmgr02", "sessionmgr03", "sessionmgr04", "sessionmgr05", "sessionmgr06"}
	rapid.Check(t, func(rt *rapid.T) {
		var set1, set2 cps.ClusterSet
		for _, host := range hosts {
			if rapid.Bool().Draw(rt, host) {
				set1 = append(set1, host)
			} else {
				set2 = append(set2, host)
			}
		}
		var sets [][]string
		for range rapid.IntRange(1, 5).Draw(rt, "sets") {
			n := rapid.SampledFrom([]int{2, 2, 2, 3}).Draw(rt, "members")
			sets = append(sets, rapid.Permutation(hosts).Draw(rt, "hosts")[:n])
		}
		mc := mongoConfigOf(t, sets...)
		fewest := bruteForce(hosts, set1, sets)
		repair := cps.ProposeRepair(set1, set2, mc)
		if possible := len(repair.Impossible) == 0; possible != (fewest >= 0) {
			rt.Fatalf("possible: %v, brute force: %d moves", possible, fewest)
		}
		if len(repair.Set1)+len(repair.Set2) != len(hosts) {
			rt.Fatalf("a VM was lost: %v %v", repair.Set1, repair.Set2)
		}
		if fewest < 0 {
			return
		}
		if len(repair.Moves) != fewest {
			rt.Fatalf("%d moves, brute force needs %d", len(repair.Moves), fewest)
		}
		if found := cps.ReviewSets(repair.Set1, repair.Set2, mc); rows(found)["CPS-007"] != 0 {
			rt.Fatalf("after the repair: %v", found)
		}
	})
}

// bruteForce is the smallest number of moves after which no set has two members on one side, or -1.
func bruteForce(hosts []string, set1 cps.ClusterSet, sets [][]string) int {
	best := -1
	for mask := range 1 << len(hosts) {
		moves := 0
		in1 := map[string]bool{}
		for i, host := range hosts {
			in1[host] = mask&(1<<i) != 0
			if in1[host] != set1.Contains(host) {
				moves++
			}
		}
		good := !slices.ContainsFunc(sets, func(members []string) bool {
			ones := 0
			for _, host := range members {
				if in1[host] {
					ones++
				}
			}
			return ones > 1 || len(members)-ones > 1
		})
		if good && (best < 0 || moves < best) {
			best = moves
		}
	}
	return best
}

// BenchmarkReviewHosts: ten times the hosts, ten times the time.
func BenchmarkReviewHosts(b *testing.B) {
	for _, n := range []int{2_000, 20_000} {
		var csv strings.Builder
		csv.WriteString("Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Management\n")
		var set cps.ClusterSet
		for i := range n {
			fmt.Fprintf(&csv, "esx%d,vm%d,qns,qns%05d,datastore1,,172.%d.%d.%d,\n", i, i, i, 16+i/62500, i/250%250, i%250+1)
			set = append(set, fmt.Sprintf("qns%05d", i))
		}
		h, err := cps.ParseHosts(strings.NewReader(csv.String()))
		require.NoError(b, err)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				require.Empty(b, cps.ReviewHosts(h, set[:n/2], set[n/2:]))
			}
		})
	}
}

// CPS-007: sets of three and four data members are accepted where a majority and a copy of the data stay, whichever
// half goes down; two of them in one half are a warning.
func TestSetsOfThreeAndFourMembers(t *testing.T) {
	set1, set2 := cps.ClusterSet{"sm02", "sm04"}, cps.ClusterSet{"sm01", "sm03"}
	for name, tc := range map[string]struct {
		members, arbiters []string
		accepted          bool
		worst             cps.Severity
		want              string
	}{
		"four and an arbiter": {[]string{"sm01", "sm02", "sm03", "sm04"}, []string{"arbitervip"}, false, cps.Warning,
			"3 of 5 votes remain, still a majority"},
		"three and two arbiters": {[]string{"sm01", "sm02", "sm03"}, []string{"arbitervip", "arb2"}, false,
			cps.Warning, "3 of 5 votes remain"},
		"one in a half, three": {[]string{"sm01", "sm02"}, []string{"arbitervip"}, false, cps.Info, ""},
		"four alone": {[]string{"sm01", "sm02", "sm03", "sm04"}, nil, false, cps.Error,
			"2 of 4 votes remain, which is no majority"},
		"three alone": {[]string{"sm01", "sm02", "sm03"}, nil, false, cps.Error,
			"1 of 3 votes remain, which is no majority; to go on all the same, name SPR-SET1 in accept_no_majority"},
		"three and an arbiter": {[]string{"sm01", "sm02", "sm03"}, []string{"arbitervip"}, false, cps.Error,
			"2 of 4 votes remain"},
		"four, the arbiter on a half": {[]string{"sm01", "sm02", "sm03", "sm04"}, []string{"sm05"}, false, cps.Warning,
			"3 of 5 votes remain"},
		"both, and arbiters enough": {[]string{"sm01", "sm03"}, []string{"arbitervip", "a2", "a3"}, false, cps.Error,
			"but no data"},
		"both, signed for": {[]string{"sm01", "sm03"}, []string{"arbitervip"}, true, cps.Error,
			"which is no majority"},
		"three alone, signed for": {[]string{"sm01", "sm02", "sm03"}, nil, true, cps.Warning,
			"accept_no_majority signs for it"},
		"one, and arbiters enough": {[]string{"sm01"}, []string{"arbitervip", "a2"}, false, cps.Error,
			"the only data member sm01:1"},
		"one of three on another site": {[]string{"sm01", "sm02", "SEC-sm01"}, nil, false, cps.Error,
			"in neither upgrade set"},
	} {
		in := "[SPR-SET1]\nSETNAME=set04\n"
		for i, m := range tc.members {
			in += fmt.Sprintf("MEMBER%d=%s:1\n", i+1, m)
		}
		for i, m := range tc.arbiters {
			in += fmt.Sprintf("ARBITER%d=%s:1\n", i+1, m)
		}
		mc, err := cps.ParseMongoConfig(text("m", in+"[SPR-SET1-END]\n"))
		require.NoError(t, err)
		var accepted []string
		if tc.accepted {
			accepted = []string{"SPR-SET1"}
		}
		found := cps.ReviewSets(set1, set2, mc, accepted...)
		worst, _ := cps.Worst(found)
		require.Equal(t, tc.worst, worst, "%s: %v", name, found)
		require.Contains(t, fmt.Sprint(found), tc.want, name)
	}
}

// TestMembersOfTheOtherSite: the members of a GR set that are elsewhere are counted as staying, by name; one that
// nobody can place keeps the plan from being made.
func TestMembersOfTheOtherSite(t *testing.T) {
	set1, set2 := cps.ClusterSet{"PRI-lb02", "PRI-sessionmgr02"}, cps.ClusterSet{"PRI-lb01", "PRI-sessionmgr01"}
	file := fixture(t, "mongoConfig-gr.cfg")
	review := func(file string) []string {
		mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", file))
		require.NoError(t, err)
		var found []string
		for _, f := range cps.ReviewSets(set1, set2, mc) {
			found = append(found, f.String())
		}
		return found
	}
	found := review(file)
	require.Len(t, found, 2)
	require.Contains(t, found[0], "mongoConfig.cfg:3: warning: SEC-sessionmgr01:27727 and SEC-sessionmgr02:27727 of replica set set10 "+
		"(SESSION-SET2) are not in Hosts.csv and count as members of the other site, which stays up: "+
		"4 of 5 votes remain while set 1 is down and 4 while set 2 is down, 2 of them there.")
	require.Contains(t, found[1], "mongoConfig.cfg:18: warning: SEC-sessionmgr01:27737 of replica set set11")
	require.Contains(t, found[1], "3 of 3 votes remain while set 1 is down and 2 while set 2 is down, 1 of them there.")
	for name, tc := range map[string]struct{ old, now, wants string }{
		"a misspelt name of this site": {"PRI-sessionmgr02:27727", "PRI-sesionmgr02:27727",
			"mongoConfig.cfg:10: error: data member PRI-sesionmgr02:27727"},
		"a third site": {"SEC-sessionmgr01:27737", "SEX-sessionmgr01:27737",
			`neither to this site nor to the other one, "SEC" (line 12)`},
		"no site in its name": {"SEC-sessionmgr02:27727", "sessionmgr12:27727",
			"mongoConfig.cfg:13: error: data member sessionmgr12:27727"},
		"its own site in the other list": {"SEC-sessionmgr02:27727", "PRI-sessionmgr09:27727",
			"mongoConfig.cfg:13: error: data member PRI-sessionmgr09:27727 of replica set set10 (SESSION-SET2) is in neither"},
		"both in one list": {"SECONDARY-MEMBERS\nMEMBER1=SEC-sessionmgr01:27727\nMEMBER2=",
			"MEMBER3=SEC-sessionmgr01:27727\nMEMBER4=", "mongoConfig.cfg:11: error: data member SEC-sessionmgr01:27727"},
		"nobody here": {"PRI-sessionmgr01:27737", "TER-sessionmgr01:27737",
			"mongoConfig.cfg:24: error: data member SEC-sessionmgr01:27737"},
	} {
		require.Contains(t, file, tc.old, name)
		require.Contains(t, strings.Join(review(strings.Replace(file, tc.old, tc.now, 1)), "\n"), tc.wants, name)
	}
}
