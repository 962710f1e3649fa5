package cps

import (
	"fmt"
	"strings"
)

// ReviewSets checks two cluster-upgrade sets against the replica sets of the cluster, as the guide asks of the operator (cps:631): no
// two data members of a replica set in the same upgrade set, every alias in one set and once. Where that is not so, the last finding
// (CPS-008) proposes the repair; ProposeRepair gives it as data. mc may be nil to check the sets alone.
func ReviewSets(set1, set2 ClusterSet, mc *MongoConfig) []Finding {
	var f findings
	reviewPlacement(&f, set1, set2)
	if mc == nil {
		return f.list
	}
	f.file = mc.File
	place := placement(set1, set2)
	violated := false
	for _, rs := range mc.Sets {
		if reviewReplicaSet(&f, rs, place) {
			violated = true
		}
	}
	if violated {
		repair := ProposeRepair(set1, set2, mc)
		f.list = append(f.list, Finding{Severity: Info, Where: mc.File, What: repair.String(), Row: "CPS-008"})
	}
	return f.list
}

// ReviewHosts checks two cluster-upgrade sets against Hosts.csv: every VM in one of them, nothing in them that is no VM.
func ReviewHosts(h *Hosts, set1, set2 ClusterSet) []Finding {
	f := findings{file: h.File}
	place := placement(set1, set2)
	known := map[string]bool{}
	for _, host := range h.Rows {
		known[host.Alias] = true
		if place[host.Alias] == 0 {
			f.add(Error, host.Line, "CPS-005", "%s is in neither cluster-upgrade set: it would never be upgraded", host.Alias)
		}
	}
	for i, set := range []ClusterSet{set1, set2} {
		f.file = ClusterSetPath(i + 1)
		for n, alias := range set {
			if known[alias] {
				continue
			}
			hint := ""
			if canonical, changed := CanonicalAlias(alias); changed {
				hint = "; it looks like a misspelt " + canonical
			}
			f.add(Error, n+1, "CPS-005", "%s is not a VM of %s%s", alias, h.File, hint)
		}
	}
	return f.list
}

// placement maps each alias to its set, 1 or 2; the first place counts.
func placement(set1, set2 ClusterSet) map[string]int {
	place := map[string]int{}
	for i, set := range []ClusterSet{set1, set2} {
		for _, alias := range set {
			if place[alias] == 0 {
				place[alias] = i + 1
			}
		}
	}
	return place
}

// reviewPlacement checks the sets alone.
func reviewPlacement(f *findings, set1, set2 ClusterSet) {
	type spot struct{ set, line int }
	first := map[string]spot{}
	for i, set := range []ClusterSet{set1, set2} {
		f.file = ClusterSetPath(i + 1)
		if len(set) == 0 {
			f.add(Error, 0, "CPS-005", "set %d is empty", i+1)
		}
		for n, alias := range set {
			if at, dup := first[alias]; dup {
				f.add(Error, n+1, "CPS-005", "%s is already in set %d (line %d): it would be upgraded twice", alias, at.set, at.line)
				continue
			}
			first[alias] = spot{i + 1, n + 1}
		}
	}
}

// reviewReplicaSet checks one replica set; true when two of its data members go down together.
func reviewReplicaSet(f *findings, rs ReplicaSet, place map[string]int) bool {
	voters := len(rs.Members) + len(rs.Arbiters)
	violated := false
	for set := 1; set <= 2; set++ {
		var data, down []string
		for _, m := range rs.Members {
			if place[m.Host] == set {
				data = append(data, m.Address())
				down = append(down, m.Address())
			}
		}
		var arbiters []string
		for _, m := range rs.Arbiters {
			if place[m.Host] == set {
				arbiters = append(arbiters, m.Address())
				down = append(down, m.Address())
			}
		}
		remain := fmt.Sprintf("while the set is down %d of %d votes remain", voters-len(down), voters)
		majority := voters-len(down) >= voters/2+1
		switch {
		case !majority:
			remain += ", which is no majority"
		case len(data) == len(rs.Members):
			remain += ", but no data"
		default:
			remain += ", still a majority"
		}
		switch {
		case len(data) > 1:
			violated = true
			f.add(Error, rs.Line, "CPS-007", "data members %s of %s are both in upgrade set %d: %s", strings.Join(data, " and "), rs.describe(), set, remain)
		case len(arbiters) > 0 && len(data) > 0 && !majority:
			f.add(Warning, rs.Line, "MON-016", "arbiter %s and data member %s of %s are both in upgrade set %d: %s; an arbiter on arbitervip moves out of the way",
				strings.Join(arbiters, " and "), data[0], rs.describe(), set, remain)
		}
	}
	for _, m := range rs.Members {
		if place[m.Host] != 0 {
			continue
		}
		hint := "another site, or a misspelt name"
		if canonical, changed := CanonicalAlias(m.Host); changed {
			hint = "it looks like a misspelt " + canonical
		}
		f.add(Warning, m.Line, "CPS-007", "data member %s of %s is in neither upgrade set: %s", m.Address(), rs.describe(), hint)
	}
	return violated
}
