package cps

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Move takes an alias out of one cluster-upgrade set file and puts it into the other.
type Move struct {
	Alias string `json:"alias"`
	From  int    `json:"from"` // set 1 or 2
	To    int    `json:"to"`
	Why   string `json:"why"` // the replica set whose members it parts
}

func (m Move) String() string {
	return fmt.Sprintf("move %s from %s to %s (%s)", m.Alias, ClusterSetPath(m.From), ClusterSetPath(m.To), m.Why)
}

// Repair is how to part the data members of every replica set: the fewest moves that do it, and the replica sets that no move can
// help, whose definition must be changed instead (cps:631).
type Repair struct {
	Moves      []Move
	Impossible []Impossible
	Set1, Set2 ClusterSet // the sets after the moves
}

// Impossible is a group of replica sets whose data members cannot be parted by moving VMs.
type Impossible struct {
	Sets []string // their labels
	Why  string
}

// String is the repair in words, one sentence an item.
func (r Repair) String() string {
	var items []string
	for _, m := range r.Moves {
		items = append(items, m.String())
	}
	for _, i := range r.Impossible {
		items = append(items, fmt.Sprintf("change the definition of %s in mongoConfig.cfg: %s", strings.Join(i.Sets, ", "), i.Why))
	}
	if len(items) == 0 {
		return "nothing to repair"
	}
	return strings.Join(items, "; ")
}

// ProposeRepair finds the fewest moves between two cluster-upgrade sets that leave no two data members of a replica set in the same
// one. Members outside both sets (another site's) do not count. Replica sets that cannot be parted are listed, and the VMs bound up
// with them stay where they are.
//
// Each replica set demands that its hosts be in different sets, so the hosts are the vertices and the demands the edges of a graph to
// be coloured with two colours. A connected part can be coloured in no way or in exactly two; the one that moves fewer VMs is taken,
// and of two equals the one that keeps more even numbers in set 1 and odd
// ones in set 2.
func ProposeRepair(set1, set2 ClusterSet, mc *MongoConfig) Repair {
	place := placement(set1, set2)
	g := demandGraph(mc, place)
	r := Repair{}
	target := map[string]int{}
	done := map[string]bool{}
	for _, start := range g.hosts {
		if done[start] {
			continue
		}
		part, colour, conflict := g.colour(start)
		for _, host := range part {
			done[host] = true
		}
		if conflict != nil {
			r.Impossible = append(r.Impossible, *conflict)
			continue
		}
		for _, host := range part {
			target[host] = colour[host]
		}
		if flipBetter(part, colour, place) {
			for _, host := range part {
				target[host] = 3 - colour[host]
			}
		}
	}
	r.Set1 = rearrange(set1, set2, target, place, 1)
	r.Set2 = rearrange(set2, set1, target, place, 2)
	for _, host := range g.hosts {
		if to := target[host]; to != 0 && to != place[host] {
			r.Moves = append(r.Moves, Move{Alias: host, From: place[host], To: to, Why: g.reason(host, place)})
		}
	}
	return r
}

// flipBetter compares a colouring with its mirror image.
func flipBetter(part []string, colour, place map[string]int) bool {
	moves, flipped := 0, 0
	parity, flippedParity := 0, 0
	for _, host := range part {
		if colour[host] == place[host] {
			flipped++
		} else {
			moves++
		}
		if n, ok := splitAlias(host); ok {
			if colour[host] == 1+n.number%2 {
				flippedParity++
			} else {
				parity++
			}
		}
	}
	if c := cmp.Or(cmp.Compare(flipped, moves), cmp.Compare(flippedParity, parity)); c != 0 {
		return c < 0
	}
	return colour[part[0]] != place[part[0]] // the VM named first stays
}

// rearrange gives a set after the moves: those that stay in their order, then those that come.
func rearrange(own, other ClusterSet, target, place map[string]int, set int) ClusterSet {
	var out ClusterSet
	for _, alias := range own {
		if to := target[alias]; to == 0 || to == set || place[alias] != set {
			out = append(out, alias)
		}
	}
	for _, alias := range other {
		if target[alias] == set && place[alias] != set {
			out = append(out, alias)
		}
	}
	return sortLikeFile(out)
}

// sortLikeFile puts aliases into the order of a cluster-upgrade-set file where their classes already are in it.
func sortLikeFile(set ClusterSet) ClusterSet {
	firstOfClass := map[string]int{}
	for i, alias := range set {
		if n, ok := splitAlias(alias); ok {
			if _, seen := firstOfClass[n.class]; !seen {
				firstOfClass[n.class] = i
			}
		} else {
			firstOfClass[alias] = i
		}
	}
	rank := func(alias string) (int, int) {
		if n, ok := splitAlias(alias); ok {
			return firstOfClass[n.class], n.number
		}
		return firstOfClass[alias], 0
	}
	slices.SortStableFunc(set, func(a, b string) int {
		ac, an := rank(a)
		bc, bn := rank(b)
		return cmp.Or(cmp.Compare(ac, bc), cmp.Compare(an, bn))
	})
	return set
}

// graph has an edge between two hosts for every replica set that has a data member on both.
type graph struct {
	hosts []string // in the order of mongoConfig.cfg
	edges map[string][]edge
}

type edge struct{ to, label string }

func demandGraph(mc *MongoConfig, place map[string]int) graph {
	g := graph{edges: map[string][]edge{}}
	if mc == nil {
		return g
	}
	seen := map[string]bool{}
	for _, rs := range mc.Sets {
		var hosts []string
		for _, m := range rs.Members {
			if place[m.Host] != 0 {
				hosts = append(hosts, m.Host)
			}
		}
		if len(rs.Members) > 2 && rs.outlives(place) { // it need not be parted
			continue
		}
		for i, a := range hosts {
			if !seen[a] {
				seen[a] = true
				g.hosts = append(g.hosts, a)
			}
			for _, b := range hosts[i+1:] {
				g.edges[a] = append(g.edges[a], edge{b, rs.Label})
				g.edges[b] = append(g.edges[b], edge{a, rs.Label})
			}
		}
	}
	return g
}

// outlives tells whether a replica set keeps a majority and a copy of the data whichever upgrade set goes down.
func (s ReplicaSet) outlives(place map[string]int) bool {
	for n := 1; n <= 2; n++ {
		var down ClusterSet
		for alias, at := range place {
			if at == n {
				down = append(down, alias)
			}
		}
		stays := func(m MongoMember) bool { return !down.Contains(m.Host) }
		if s.LosesMajority(down) || !slices.ContainsFunc(s.Members, stays) {
			return false
		}
	}
	return true
}

// colour walks the part of the graph that start belongs to, giving neighbours different colours. conflict says why there is no way.
func (g graph) colour(start string) (part []string, colour map[string]int, conflict *Impossible) {
	colour = map[string]int{start: 1}
	parent := map[string]edge{}
	part = []string{start}
	for i := 0; i < len(part); i++ {
		host := part[i]
		for _, e := range g.edges[host] {
			switch {
			case colour[e.to] == 0:
				colour[e.to] = 3 - colour[host]
				parent[e.to] = edge{host, e.label}
				part = append(part, e.to)
			case colour[e.to] == colour[host] && conflict == nil:
				conflict = g.explain(host, e, parent)
			}
		}
	}
	return part, colour, conflict
}

// explain names the replica sets on the odd circle that an edge closes.
func (g graph) explain(host string, closing edge, parent map[string]edge) *Impossible {
	if host == closing.to {
		return &Impossible{Sets: []string{closing.label}, Why: "two of its data members are on " + host}
	}
	path := func(from string) (hosts, labels []string) {
		for {
			hosts = append(hosts, from)
			up, ok := parent[from]
			if !ok {
				return hosts, labels
			}
			labels = append(labels, up.label)
			from = up.to
		}
	}
	aHosts, aLabels := path(host)
	bHosts, bLabels := path(closing.to)
	for len(aHosts) > 1 && len(bHosts) > 1 && aHosts[len(aHosts)-2] == bHosts[len(bHosts)-2] {
		aHosts, bHosts = aHosts[:len(aHosts)-1], bHosts[:len(bHosts)-1]
		aLabels, bLabels = aLabels[:len(aLabels)-1], bLabels[:len(bLabels)-1]
	}
	hosts := slices.Concat(aHosts, bHosts[:len(bHosts)-1])
	labels := slices.Concat(aLabels, bLabels, []string{closing.label})
	slices.Sort(hosts)
	slices.Sort(labels)
	labels = slices.Compact(labels)
	if len(labels) == 1 {
		return &Impossible{Sets: labels, Why: fmt.Sprintf("its data members on %s cannot be parted into two sets", strings.Join(hosts, ", "))}
	}
	return &Impossible{Sets: labels,
		Why: fmt.Sprintf("together they demand that %s be in different sets, each from the next", strings.Join(hosts, ", "))}
}

// reason names the replica set for whose sake a host is moved: one that it shares with a host of its old set, else any.
func (g graph) reason(host string, place map[string]int) string {
	for _, e := range g.edges[host] {
		if place[e.to] == place[host] {
			return fmt.Sprintf("parts it from %s in %s", e.to, e.label)
		}
	}
	for _, e := range g.edges[host] {
		return fmt.Sprintf("stays apart from %s in %s", e.to, e.label)
	}
	return ""
}
