package issm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The invariants of a migration.
const (
	invariantReplicas = "replica-sets"
	invariantHalves   = "one-half"
	invariantTraffic  = "traffic"
)

// electionTime is how long a replica set may be without a primary because it elects one; ten seconds are MongoDB's own patience, and a
// priority takeover comes on top.
const electionTime = 60 * time.Second

// electionLook is how often it is looked at meanwhile.
const electionLook = 15 * time.Second

// invariants are what must hold throughout a migration (WF-009). They are read on the Cluster Manager, arbitervip on the
// pcrfclients; while those are being replaced they cannot be observed.
func (m *Migration) invariants() []evenkeel.Invariant {
	return append([]evenkeel.Invariant{
		{
			ID: invariantReplicas,
			Title: "Every replica set has a primary and a majority of its votes (cps:631); an election of up to " +
				printable.Duration(electionTime) + " counts as none.",
			Check: m.watchReplicas,
		},
		{
			ID:       invariantHalves,
			Title:    "Never are both cluster-upgrade sets disabled: one of them has a working data member in every replica set.",
			Absolute: true,
			Check:    m.watchHalves,
		},
		{
			ID:       invariantTraffic,
			Title:    "At least one half takes traffic: not every Diameter endpoint of every load balancer is down (cps:224).",
			Absolute: true,
			Check:    m.watchTraffic,
		},
	}, m.vipInvariants()...)
}

func (m *members) watchReplicas(ctx context.Context, at evenkeel.Site) error {
	for waited := time.Duration(0); ; waited += electionLook {
		t, err := m.readTable(ctx, at)
		if err != nil {
			return err
		}
		tells(at, t)
		why := m.withoutMajority(t, 0)
		switch {
		case why == "":
			return nil
		case waited >= electionTime:
			return evenkeel.Violated("%s, for more than %s", why, printable.Duration(electionTime))
		}
		if err := at.Sleep(ctx, electionLook); err != nil {
			return err
		}
	}
}

// tells says who is the primary of every replica set, and how many of its members work.
func tells(at evenkeel.Site, t *cps.ReplicaTable) {
	serving := make([]evenkeel.Serving, 0, len(t.Sets))
	for _, set := range t.Sets {
		s := evenkeel.Serving{What: set.Title()}
		if p, ok := set.Primary(); ok && p.Health == cps.OnLine {
			s.Where = p.Host
		}
		working := 0
		for _, member := range set.Members {
			if member.Votes() {
				working++
			}
		}
		s.State = fmt.Sprintf("%d of %d members work", working, len(set.Members))
		serving = append(serving, s)
	}
	at.Saw(serving...)
}

// readTable asks for the replica sets.
func (m *members) readTable(ctx context.Context, at evenkeel.Site) (*cps.ReplicaTable, error) {
	res, err := at.Run(ctx, m.manager, m.replicaStatus())
	if err != nil {
		return nil, err
	}
	return m.parseTable(res)
}

// parseTable reads the table and holds it against mongoConfig.cfg: a table that lacks a set is no table of this cluster.
func (m *members) parseTable(res sshexec.Result) (*cps.ReplicaTable, error) {
	if res.Truncated {
		return nil, errors.New("the replica table is too long, and was cut off")
	}
	t, err := cps.ParseReplicaTable(steps.Output("diagnostics.sh --get_replica_status", res))
	if err != nil {
		return nil, err
	}
	for _, rs := range m.mongo.Sets {
		if _, ok := t.Set(rs.Title()); !ok {
			return nil, fmt.Errorf("replica set %s:%s of mongoConfig.cfg is not in the table", rs.Type, rs.Name)
		}
	}
	return t, nil
}

// withoutMajority names the replica sets that nobody can write to; empty when there are none. It takes every member of
// the table for one vote, which lookAtSets has proven. A set whose majority was signed for while the half is away
// counts as none.
func (m *members) withoutMajority(t *cps.ReplicaTable, away int) string {
	var why []string
	for _, set := range t.Sets {
		if rs, ok := m.mongo.ByName(set.Name); ok && m.signedFor(rs, away) {
			continue
		}
		votes, advice := 0, ""
		for _, member := range set.Members {
			if member.Votes() {
				votes++
			}
			if steps.UnknownCache(set.Type, member) {
				advice += ". " + steps.UnknownCacheAdvice(set.Title(), member)
			}
		}
		switch p, ok := set.Primary(); {
		case 2*votes <= len(set.Members):
			why = append(why, fmt.Sprintf("%s has %d of %d votes%s", set.Title(), votes, len(set.Members), advice))
		case !ok || p.Health != cps.OnLine:
			why = append(why, set.Title()+" has no primary"+advice)
		}
	}
	return strings.Join(why, "; ")
}

func (m *members) watchHalves(ctx context.Context, at evenkeel.Site) error {
	t, err := m.readTable(ctx, at)
	if err != nil {
		return err
	}
	tells(at, t)
	down1, down2 := m.notCarrying(t, 1), m.notCarrying(t, 2)
	if down1 != "" && down2 != "" {
		return evenkeel.Violated("neither half carries every replica set: %s; %s", down1, down2)
	}
	return nil
}

// notCarrying says what a half lacks to carry every replica set alone; empty when it lacks nothing.
func (m *members) notCarrying(t *cps.ReplicaTable, n int) string {
	var missing []string
	for _, set := range t.Sets {
		mine, working := 0, 0
		for _, host := range m.dataHosts(set.Name, n) {
			mine++
			if member, ok := set.Member(host); ok && member.HoldsData() {
				working++
			}
		}
		if mine > 0 && working == 0 {
			missing = append(missing, set.Title())
		}
	}
	if len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("set %d has no working member of %s", n, strings.Join(missing, ", "))
}

// dataHosts are the VMs of an upgrade set that have a data member of a replica set.
func (m *members) dataHosts(name string, n int) []string {
	rs, _ := m.mongo.ByName(name)
	return hostsOf(m.dataMembers(rs, n))
}

func hostsOf(members []cps.MongoMember) (hosts []string) {
	for _, m := range members {
		hosts = append(hosts, m.Host)
	}
	return hosts
}

// elsewhere are the data members of a replica set in neither half: see cps.ReplicaSet.Elsewhere.
func (m *halves) elsewhere(rs cps.ReplicaSet) (other, unknown []cps.MongoMember) {
	return rs.Elsewhere(rs.Hosting(m.in[1]), rs.Hosting(m.in[2]))
}

func (m *balancers) watchTraffic(ctx context.Context, at evenkeel.Site) error {
	res, err := at.Run(ctx, m.manager, m.haproxyStatus())
	if err != nil {
		return err
	}
	report, err := m.haproxy(evenkeel.Observed{Result: res})
	if err != nil {
		return err
	}
	first, second := m.endpoints(report, 1), m.endpoints(report, 2)
	where := map[[2]bool]string{{true, false}: "set 1", {false, true}: "set 2", {true, true}: "both sets"}
	at.Saw(evenkeel.Serving{What: "Diameter traffic", Where: where[[2]bool{first.Taking, second.Taking}]})
	if !first.Taking && !second.Taking {
		return evenkeel.Violated("no half takes traffic: the endpoints of every load balancer are down")
	}
	return nil
}
