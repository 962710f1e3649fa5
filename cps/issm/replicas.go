package issm

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// view is a replica set as its primary has it; members outside the half n are asked first, one after the other.
func (m *members) view(ctx context.Context, at evenkeel.Site, rs cps.ReplicaSet, n int) (mongo.SetView, error) {
	set := steps.ReplicaSet(at, m.manager, m.tools.Mongo, rs)
	return steps.View(ctx, set, rs.Title(), steps.Addresses(m.stayingFirst(rs, n)))
}

// stayingFirst are the data members of a replica set, those outside the half n first.
func (m *members) stayingFirst(rs cps.ReplicaSet, n int) []cps.MongoMember {
	members := slices.Clone(rs.Members)
	slices.SortStableFunc(members, func(a, b cps.MongoMember) int {
		rank := map[bool]int{true: 1}
		return rank[m.in[n][a.Host]] - rank[m.in[n][b.Host]]
	})
	return members
}

// remedies say of each loss what to do.
var remedies = map[mongo.LossKind]string{
	mongo.LosesData:     "Wait until a member that stays has caught up; recover one that does not (cps:1382-1421).",
	mongo.LosesMajority: "Start the members that are down, and give every member one vote.",
	mongo.LosesPrimary:  "Wait for the election; a member that stays needs a priority above 0 and the data.",
}

// lookAtSets asks every replica set what it loses without the half n, or what it lacks now when n is 0. A majority that
// the plan itself gives up was signed for (accept_no_majority): New refuses such a plan otherwise. Data never are. It
// also finds a set that is not the one of mongoConfig.cfg with one vote a member: everything else here counts members
// of the table for votes. Where only the data count, as the half is out of service already, it asks for nothing else.
//
// It does not ask how far the oplog reaches. The members of a half leave their sets and come back on new machines,
// without data: they copy all of it, however long they were away. Whether they keep up afterwards is seen when they
// are waited for (membersStep).
func (m *members) lookAtSets(ctx context.Context, at evenkeel.Site, n int, onlyData bool) error {
	var hosts, faults []string
	var views []mongo.SetView
	for _, rs := range m.mongo.Sets {
		v, err := m.view(ctx, at, rs, n)
		if err != nil {
			return err
		}
		views = append(views, v)
		if !onlyData {
			faults = append(faults, m.unlikePlan(rs, v.Config, n)...)
		}
		for _, member := range v.Config.Members {
			if host, _, err := net.SplitHostPort(member.Host); err == nil && m.in[n][host] {
				hosts = append(hosts, member.Host)
			}
		}
	}
	losses, err := mongo.CanLose(hosts, views...)
	if err != nil {
		return err
	}
	for _, l := range losses {
		rs, _ := m.mongo.ByName(l.Set)
		signed := l.What == mongo.LosesMajority && m.signedFor(rs, n)
		if l.What == mongo.MovesPrimary || signed || onlyData && l.What != mongo.LosesData {
			continue
		}
		lost := strings.TrimPrefix(l.What.String(), "all ")
		faults = append(faults, fmt.Sprintf("%s loses its %s: %s %s", rs.Title(), lost, l.Why, remedies[l.What]))
	}
	if len(faults) == 0 {
		return nil
	}
	what := fmt.Sprintf("set %d must not go down now", n)
	switch {
	case n == 0:
		what = "the replica sets are not fit for a migration"
	case onlyData:
		what = fmt.Sprintf("the VMs of set %d must not be deleted now", n)
	}
	return evenkeel.NeedsOperator("%s:\n  %s\nThen resume.", what, strings.Join(faults, "\n  "))
}

// unlikePlan finds what makes a configuration another one than mongoConfig.cfg with one vote a member. Members of the
// half n may have left already.
func (m *members) unlikePlan(rs cps.ReplicaSet, c mongo.Config, n int) []string {
	var faults []string
	planned := steps.Addresses(slices.Concat(rs.Members, rs.Arbiters))
	for _, member := range c.Members {
		if !slices.Contains(planned, member.Host) {
			faults = append(faults, fmt.Sprintf("%s has the member %s, which mongoConfig.cfg does not know. "+
				"Remove it, or plan again with a file that has it.", rs.Title(), member.Host))
		}
		if member.Votes != 1 {
			faults = append(faults, fmt.Sprintf("%s gives %s no vote, and the checks of this runbook take every member "+
				"for one vote. Give it one, by rs.reconfig() on the primary.", rs.Title(), member.Host))
		}
	}
	for _, address := range planned {
		if _, ok := c.Member(address); !ok && !slices.Contains(steps.Addresses(m.inHalf(rs, n)), address) {
			faults = append(faults, fmt.Sprintf("%s lacks the member %s of mongoConfig.cfg. Add it.", rs.Title(), address))
		}
	}
	return faults
}

// inHalf are the members of a replica set in a half, arbiters too.
func (m *members) inHalf(rs cps.ReplicaSet, n int) []cps.MongoMember {
	return slices.DeleteFunc(slices.Concat(rs.Members, rs.Arbiters), func(member cps.MongoMember) bool {
		return !m.in[n][member.Host]
	})
}

// votesAction proves that to count members of the table is to count votes.
func (m *members) votesAction() evenkeel.Action {
	var want []string
	for _, rs := range m.mongo.Sets {
		for _, address := range steps.Addresses(slices.Concat(rs.Members, rs.Arbiters)) {
			want = append(want, rs.Name+" "+address+" has a vote")
		}
	}
	slices.Sort(want)
	const filter = `| awk '{ print $1, $2, $3 == 1 ? "has a vote" : "has NO vote" }' | LC_ALL=C sort`
	paper := steps.Prints(m.asked(0), filter, want...)
	return m.setsAction(0, false, "votes", "Verify that every member of every replica set has one vote", paper,
		"Ask a member of every replica set for rs.conf() and rs.status(). The members must be those of mongoConfig.cfg, "+
			"each with one vote; a primary, a majority of the votes and a current copy of the data must be there.")
}

// keepsAction is the precondition for a half to go down.
func (m *members) keepsAction(n int) evenkeel.Action {
	var want, signed []string
	for _, rs := range m.mongo.Sets {
		want = append(want, rs.Name+" keeps its data")
		if m.signedFor(rs, n) {
			signed = append(signed, rs.Name)
		} else {
			want = append(want, rs.Name+" keeps a majority")
		}
	}
	slices.Sort(want)
	filter, accepted := m.left(n), ""
	if len(signed) > 0 {
		filter += " | grep -vE " + shellescape.Quote("^("+strings.Join(signed, "|")+") keeps .* majority$")
		accepted = " The majority of " + strings.Join(signed, ", ") + " was signed for by accept_no_majority."
	}
	a := m.setsAction(n, false, "keeps", fmt.Sprintf("Verify that every replica set keeps its data, majority and primary without set %d", n),
		steps.Prints(m.asked(n), filter, want...),
		fmt.Sprintf("Ask a member of every replica set for rs.conf() and rs.status(). Without set %d each set must keep a "+
			"majority of its votes, a member that can be primary, and a copy of the data that is at most %s behind.%s",
			n, printable.Duration(mongo.MaxLag), accepted))
	a.Precondition = true
	return a
}

// copiesAction is the precondition for the VMs of a half to be deleted, once their members have left.
func (m *members) copiesAction(n int) evenkeel.Action {
	var want []string
	for _, rs := range m.mongo.Sets {
		want = append(want, rs.Name+" keeps its data")
	}
	slices.Sort(want)
	a := m.setsAction(n, true, "copies", fmt.Sprintf("Verify that every replica set has its data outside set %d", n),
		steps.Prints(m.asked(n), m.left(n)+" | grep -v majority$", want...),
		fmt.Sprintf("Ask a member of every replica set for rs.conf() and rs.status(). Outside set %d each set must have a "+
			"copy of the data that is at most %s behind.", n, printable.Duration(mongo.MaxLag)))
	a.Precondition = true
	return a
}

// left is the filter on paper that tells what is left without the half n.
func (m *members) left(n int) string {
	var hosts []string
	for _, rs := range m.mongo.Sets {
		for _, member := range m.inHalf(rs, n) {
			hosts = append(hosts, member.Host)
		}
	}
	slices.Sort(hosts)
	return "| left " + strings.Join(slices.Compact(hosts), " ")
}

func (m *members) setsAction(n int, onlyData bool, id, title string, paper []evenkeel.Block, text string) evenkeel.Action {
	return evenkeel.Action{
		ID: id, Paper: paper,
		Change: evenkeel.Change{
			Title: title, Ref: "cps:631", Host: m.manager,
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly, Text: text,
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					return sshexec.Result{}, m.lookAtSets(ctx, at, n, onlyData)
				},
			},
		},
	}
}

// asked is what the operator types to ask one member of every replica set, of those that stay without the half n.
func (m *members) asked(n int) sshexec.Cmd {
	argv := []string{"asked", m.tools.Mongo}
	for _, rs := range m.mongo.Sets {
		argv = append(argv, m.stayingFirst(rs, n)[0].Address())
	}
	return sshexec.Command(sshexec.ReadOnly, argv...)
}
