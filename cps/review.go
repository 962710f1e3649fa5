package cps

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ReviewSets checks two cluster-upgrade sets against the replica sets of the cluster, as the guide asks of the operator
// (cps:631): no two data members of a replica set in the same upgrade set, every alias in one set and once. Two in one
// are a warning where a majority and a copy of the data stay, as with sets of four; otherwise the last finding
// (CPS-008) proposes the repair; ProposeRepair gives it as data. mc may be nil to check the sets alone.
//
// What it finds of severity Error, no migration is planned with: also a data member in neither set, and a set that
// keeps no majority of its votes, unless somebody has signed for it: accepted has the labels of such replica sets.
func ReviewSets(set1, set2 ClusterSet, mc *MongoConfig, accepted ...string) []Finding {
	var f findings
	reviewPlacement(&f, set1, set2)
	if mc == nil {
		return f.list
	}
	f.file = mc.File
	in := [3]map[string]bool{1: members(set1), 2: members(set2)}
	violated := false
	reviewSites(&f, mc, in)
	for _, rs := range mc.Sets {
		if reviewReplicaSet(&f, rs, rs.hosting(in), slices.Contains(accepted, rs.Label)) {
			violated = true
		}
	}
	for _, label := range accepted {
		i := slices.IndexFunc(mc.Sets, func(rs ReplicaSet) bool { return rs.Label == label })
		if i < 0 || !mc.Sets[i].LosesMajority(set1) && !mc.Sets[i].LosesMajority(set2) {
			f.add(Error, 0, "MON-016", "accept_no_majority names %s, which is no replica set that would be without a majority", label)
		}
	}
	if violated {
		repair := ProposeRepair(set1, set2, mc)
		f.list = append(f.list, Finding{Severity: Info, Where: mc.File, What: repair.String(), Row: "CPS-008"})
	}
	return f.list
}

// members is a list as a set.
func members(list []string) map[string]bool {
	in := make(map[string]bool, len(list))
	for _, name := range list {
		in[name] = true
	}
	return in
}

// Hosting is the part of a list of hosts on which a replica set has members: of many hosts few matter to one set.
func (s ReplicaSet) Hosting(in map[string]bool) (list ClusterSet) {
	for _, m := range slices.Concat(s.Members, s.Arbiters) {
		if in[m.Host] {
			list = append(list, m.Host)
		}
	}
	return list
}

func (s ReplicaSet) hosting(in [3]map[string]bool) [3]ClusterSet {
	return [3]ClusterSet{1: s.Hosting(in[1]), 2: s.Hosting(in[2])}
}

// ReviewHosts checks two cluster-upgrade sets against Hosts.csv: every VM in one of them, nothing in them that is no VM.
func ReviewHosts(h *Hosts, set1, set2 ClusterSet) []Finding {
	if h == nil {
		return []Finding{{Severity: Error, What: "there is no Hosts.csv", Row: "CPS-005"}}
	}
	f := findings{file: h.File}
	if len(h.Rows) == 0 {
		f.add(Error, 0, "CPS-005", "there is no VM in Hosts.csv")
	}
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

// ReviewMembers checks that mongoConfig.cfg calls the VMs of Hosts.csv by their aliases. Under another name of a VM, such
// as its address, a member would be counted as one that stays while the VM is down: an error. An arbiter on no VM of
// Hosts.csv does stay, as far as anybody can tell from the files: a warning, but for arbitervip.
func ReviewMembers(h *Hosts, mc *MongoConfig) []Finding {
	f := findings{file: mc.File}
	vms, others := members(h.Aliases()), map[string]*Host{}
	for _, rs := range mc.Sets {
		for _, m := range slices.Concat(rs.Members, rs.Arbiters) {
			if vms[m.Host] || strings.HasPrefix(m.Host, arbiterVIP) {
				continue
			}
			host, sought := others[m.Host]
			if !sought {
				if found, ok := h.alsoCalled(m.Host); ok {
					host = &found
				}
				others[m.Host] = host
			}
			switch {
			case host != nil:
				f.add(Error, m.Line, "CPS-007", "%s of %s is another name of %s (%s): write the alias", m.Host, rs, host.Alias,
					where(h.File, host.Line))
			case !slices.Contains(rs.Members, m): // of a data member ReviewSets says it
				f.add(Warning, m.Line, "MON-016", "arbiter %s of %s is on no VM of Hosts.csv: it is taken for one that stays "+
					"while either half is down", m.Address(), rs)
			}
		}
	}
	return f.list
}

// alsoCalled finds the VM that has a name beside its alias: an address, its guest name, another spelling, a domain behind.
func (h *Hosts) alsoCalled(name string) (Host, bool) {
	addr, err := netip.ParseAddr(name)
	for _, host := range h.Rows {
		for _, a := range host.Addresses {
			if err == nil && a.Unmap() == addr.Unmap() {
				return host, true
			}
		}
		short, _, _ := strings.Cut(name, ".")
		for _, own := range []string{host.Alias, host.Guest} {
			if err != nil && (strings.EqualFold(own, name) || strings.EqualFold(own, short)) {
				return host, true
			}
		}
	}
	return Host{}, false
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

// arbiterVIP is the address that corosync keeps on a pcrfclient that is up (cps:665-677); a number may follow it.
const arbiterVIP = "arbitervip"

// VotesLeft is how many votes of a replica set remain while an upgrade set is down, and of how many.
func (s ReplicaSet) VotesLeft(down ClusterSet) (left, of int) {
	for _, m := range slices.Concat(s.Members, s.Arbiters) {
		of++
		if !down.Contains(m.Host) {
			left++
		}
	}
	return left, of
}

// LosesMajority tells whether nobody can write to a replica set while an upgrade set is down.
func (s ReplicaSet) LosesMajority(down ClusterSet) bool {
	left, of := s.VotesLeft(down)
	return left < of/2+1
}

// reviewReplicaSet checks one replica set; true when two of its data members go down together. accepted tells that
// somebody has signed for the loss of its majority.
func reviewReplicaSet(f *findings, rs ReplicaSet, sets [3]ClusterSet, accepted bool) bool {
	violated := false
	toGoOn := "; to go on all the same, name " + rs.Label + " in accept_no_majority"
	for set := 1; set <= 2; set++ {
		var data []string
		for _, m := range rs.Members {
			if sets[set].Contains(m.Host) {
				data = append(data, m.Address())
			}
		}
		var arbiters []string
		for _, m := range rs.Arbiters {
			if sets[set].Contains(m.Host) {
				arbiters = append(arbiters, m.Address())
			}
		}
		left, voters := rs.VotesLeft(sets[set])
		remain := fmt.Sprintf("while the set is down %d of %d votes remain", left, voters)
		majority, copies := !rs.LosesMajority(sets[set]), len(data) < len(rs.Members)
		switch {
		case !majority:
			remain += ", which is no majority"
		case !copies:
			remain += ", but no data"
		default:
			remain += ", still a majority"
		}
		word := "both"
		if len(data) > 2 {
			word = "all"
		}
		both := fmt.Sprintf("data members %s of %s are %s in upgrade set %d", strings.Join(data, " and "), rs, word, set)
		if len(data) == 1 {
			both = fmt.Sprintf("the only data member %s of %s is in upgrade set %d", data[0], rs, set)
		}
		switch {
		case len(data) > 0 && (!copies || len(data) > 1 && !majority && !accepted):
			violated = violated || len(data) > 1
			if copies {
				remain += toGoOn
			}
			f.add(Error, rs.Line, "CPS-007", "%s: %s", both, remain)
		case !majority:
			severity, advice := Error, "an arbiter on "+arbiterVIP+" moves out of the way"+toGoOn
			if accepted {
				severity, advice = Warning, "accept_no_majority signs for it: nobody can write to it meanwhile"
			}
			down := slices.Concat(data, arbiters)
			verb := "are"
			if len(down) == 1 {
				verb = "is"
			}
			f.add(severity, rs.Line, "MON-016", "%s of %s %s in upgrade set %d: %s; %s", strings.Join(down, " and "), rs, verb, set,
				remain, advice)
		case len(data) > 1:
			f.add(Warning, rs.Line, "CPS-007", "%s, which the guide does not recommend (cps:631): %s", both, remain)
		}
	}
	_, unknown := rs.Elsewhere(sets[1], sets[2])
	for _, m := range unknown {
		hint := "another name of a VM, another site, or a misspelt name"
		if canonical, changed := CanonicalAlias(m.Host); changed {
			hint = "it looks like a misspelt " + canonical
		}
		f.add(Error, m.Line, "CPS-007", "data member %s of %s is in neither upgrade set, and nobody can say in which half it is: %s; "+
			"members of the other site stand alone under PRIMARY-MEMBERS or SECONDARY-MEMBERS, and have another site in their names",
			m.Address(), rs, hint)
	}
	return violated
}

// siteOf is the site in an alias: what stands before its last dash, empty where there is none.
func siteOf(alias string) string { return alias[:max(0, strings.LastIndexByte(alias, '-'))] }

// Elsewhere are the data members of a replica set that are in neither upgrade set: those of the other site, and those of
// which nobody can say where they are. A member is of the other site where its name has another site than those of this
// one, and its list, PRIMARY-MEMBERS or SECONDARY-MEMBERS, has no member of this site while the other list has.
func (s ReplicaSet) Elsewhere(set1, set2 ClusterSet) (other, unknown []MongoMember) {
	roles, sites := map[string]bool{}, map[string]bool{} // those of the members that are here
	for _, m := range s.Members {
		if set1.Contains(m.Host) || set2.Contains(m.Host) {
			roles[m.Role], sites[siteOf(m.Host)] = true, true
		}
	}
	for _, m := range s.Members {
		_, misspelt := CanonicalAlias(m.Host)
		switch {
		case set1.Contains(m.Host) || set2.Contains(m.Host):
		case m.Role == "" || len(roles) != 1 || roles[m.Role] || sites[siteOf(m.Host)] || misspelt:
			unknown = append(unknown, m)
		default:
			other = append(other, m)
		}
	}
	return other, unknown
}

// reviewSites tells what the members of the other site of a GR system count for.
func reviewSites(f *findings, mc *MongoConfig, in [3]map[string]bool) {
	site, line := "", 0
	for _, rs := range mc.Sets {
		sets := rs.hosting(in)
		other, _ := rs.Elsewhere(sets[1], sets[2])
		var names []string
		for _, m := range other {
			if line == 0 {
				site, line = siteOf(m.Host), m.Line
			}
			if siteOf(m.Host) != site {
				f.add(Error, m.Line, "CPS-007", "data member %s of %s belongs neither to this site nor to the other one, %q (line %d)",
					m.Address(), rs, site, line)
			}
			names = append(names, m.Address())
		}
		if len(other) == 0 {
			continue
		}
		left1, of := rs.VotesLeft(sets[1])
		left2, _ := rs.VotesLeft(sets[2])
		f.add(Warning, rs.Line, "CPS-007", "%s of %s are not in Hosts.csv and count as members of the other site, which stays up: %d of %d "+
			"votes remain while set 1 is down and %d while set 2 is down, %d of them there. The plan changes nothing there. It verifies "+
			"that they are at work, and cannot keep anybody from stopping them: change nothing at the other site until this migration "+
			"has ended", strings.Join(names, " and "), rs, left1, of, left2, len(other))
	}
}
