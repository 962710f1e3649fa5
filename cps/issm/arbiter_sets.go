package issm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// What the replica sets say while their arbiter is migrated: asked of the members that hold data, never of the arbiter.

const (
	invariantMajority = "majority"
	invariantArbiter  = "arbiter"
)

func (a *arbiter) invariants() []evenkeel.Invariant {
	return []evenkeel.Invariant{
		{
			// Not absolute: a rollback starts the arbiter's processes where a set has lost its majority, since that is what helps.
			ID: invariantMajority, Check: a.watchMajority,
			Title: "Every replica set has a primary and a majority of its votes; an election of up to " + printable.Duration(electionTime) +
				" counts as none.",
		},
		{
			ID: invariantArbiter, Title: "Every replica set of the arbiter has it at work.",
			Check: func(ctx context.Context, at evenkeel.Site) error {
				t, err := a.readTable(ctx, at)
				if err != nil {
					return err
				}
				if err := a.atWork(t, a.own, a.isArbiter); err != nil {
					return evenkeel.Violated("%v", err)
				}
				return nil
			},
		},
	}
}

// watchMajority says what helps where a set has lost its majority while the arbiter is away.
func (a *arbiter) watchMajority(ctx context.Context, at evenkeel.Site) error {
	err := a.watchReplicas(ctx, at)
	var violation *evenkeel.Violation
	if !errors.As(err, &violation) {
		return err
	}
	var start []string
	for _, port := range a.ports {
		start = append(start, "sessionmgr-"+port)
	}
	return evenkeel.Violated("%v. Where the arbiter is away by this run, bring back the member that is down first: start its process by "+
		"hand, or that of the arbiter where its VM is still the old one (systemctl start %s on %s). Then resume, or roll back", err,
		strings.Join(start, " "), a.cfg.Arbiter)
}

func (a *arbiter) isArbiter(m cps.MongoMember) bool { return m.Host == a.cfg.Arbiter }

// atWork finds the members of mongoConfig.cfg that a table has not at work.
func (a *arbiter) atWork(t *cps.ReplicaTable, sets []cps.ReplicaSet, which func(cps.MongoMember) bool) error {
	var errs []error
	for _, rs := range sets {
		set, ok := t.Set(rs.Title())
		if !ok {
			errs = append(errs, fmt.Errorf("replica set %s is not in the table", rs.Title()))
		}
		for _, m := range slices.Concat(rs.Members, rs.Arbiters) {
			row, ok := set.At(m)
			arbiter := slices.Contains(rs.Arbiters, m)
			switch {
			case !which(m):
			case !ok:
				errs = append(errs, fmt.Errorf("%s is not a member of %s", m.Address(), rs.Title()))
			case arbiter && (row.State != cps.StateArbiter || row.Health != cps.OnLine), !arbiter && !row.HoldsData():
				errs = append(errs, fmt.Errorf("%s is %s (%s) in %s", m.Address(), row.State, row.Health, rs.Title()))
			}
		}
		for _, row := range set.Members {
			if !rs.Has(row) {
				errs = append(errs, fmt.Errorf("%s:%d is a member of %s, and mongoConfig.cfg does not know it", row.Host, row.Port,
					rs.Title()))
			}
		}
	}
	return errors.Join(errs...)
}

// whole wants every member of every replica set at work, on both sites: no other outage is open.
func (a *arbiter) whole(id string, limit time.Duration) evenkeel.Action {
	look := evenkeel.Look(id, "Verify that every member of every replica set is at work",
		a.replicaStatus().Argv...).On(a.manager).
		From("cps:1563").Until(limit, "a primary in each set, and every member on-line and PRIMARY, SECONDARY or ARBITER",
		a.onTable(func(t *cps.ReplicaTable) error {
			why := a.withoutMajority(t, 0)
			err := a.atWork(t, a.mongo.Sets, func(cps.MongoMember) bool { return true })
			if why != "" {
				err = errors.Join(errors.New(why), err)
			}
			return steps.Soon(15*time.Second, err)
		}))
	look.Paper = steps.Again(a.allAtWork())
	return look
}

// keeps queries each of its sets whether it can do without the arbiter, and whether that is an arbiter.
func (a *arbiter) keeps(id string) evenkeel.Action {
	var addresses, lines []string
	for _, rs := range a.own {
		addresses = append(addresses, rs.Members[0].Address())
		lines = append(lines, rs.Name+" keeps a majority", rs.Name+" keeps its data")
	}
	slices.Sort(lines)
	return evenkeel.Action{
		ID: id, Paper: steps.Prints(a.querying(addresses),
			"| left "+a.cfg.Arbiter, lines...),
		Change: evenkeel.Change{
			Title: "Verify that the replica sets keep their majority and their data without " + a.cfg.Arbiter, Ref: "cps:631",
			Host: a.manager,
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly, Text: fmt.Sprintf("Ask a member of each of %s for rs.conf() and rs.status(). Without "+
					"%s, which must be "+
					"arbiterOnly, the set must keep a majority of its votes, a member that can be primary, and a copy of the data "+
					"that is at "+
					"most %s behind.", titles(a.own), a.cfg.Arbiter, printable.Duration(mongo.MaxLag)),
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					var errs []error
					for _, rs := range a.own {
						errs = append(errs, a.lose(ctx, at, rs))
					}
					return sshexec.Result{}, errors.Join(errs...)
				},
			},
		},
	}
}

// querying is what the operator types to query members.
func (a *arbiter) querying(members []string) sshexec.Cmd {
	return sshexec.Command(sshexec.ReadOnly, append([]string{"asked", a.tools.Mongo}, members...)...)
}

func titles(sets []cps.ReplicaSet) string {
	var list []string
	for _, rs := range sets {
		list = append(list, rs.Title())
	}
	return strings.Join(list, ", ")
}

// lose queries a set what it loses without the arbiter.
func (a *arbiter) lose(ctx context.Context, at evenkeel.Site, rs cps.ReplicaSet) error {
	view, err := steps.View(ctx, steps.ReplicaSet(at, a.manager, a.tools.Mongo, rs), rs.Title(),
		steps.Addresses(rs.Members))
	if err != nil {
		return err
	}
	var faults []string
	for _, m := range view.Config.Members {
		if a.isOwn(m.Host) && !m.ArbiterOnly {
			faults = append(faults, m.Host+" is not arbiterOnly: it is no arbiter")
		}
	}
	losses, err := steps.Losses(view, a.cfg.Arbiter)
	if err != nil {
		return err
	}
	if losses != "" {
		faults = append(faults, losses)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%s cannot do without %s: %s", rs.Title(), a.cfg.Arbiter, strings.Join(faults, "; "))
	}
	return nil
}

// seen queries every member that holds data, of every replica set, how it sees the arbiter: ARBITER and healthy where
// mongoConfig.cfg has it, and nowhere else.
func (a *arbiter) seen(id string) evenkeel.Action {
	var addresses, lines []string
	for _, rs := range a.mongo.Sets {
		addresses = append(addresses, steps.Addresses(rs.Members)...)
		for _, m := range a.processesOf([]cps.ReplicaSet{rs}) {
			lines = append(lines, fmt.Sprintf("%d %s %s ARBITER", len(rs.Members), rs.Name, m.Address()))
		}
	}
	slices.SortFunc(lines, func(x, y string) int {
		_, x, _ = strings.Cut(x, " ")
		_, y, _ = strings.Cut(y, " ")
		return strings.Compare(x, y)
	})
	filter := `| awk '$1 == "NOT" { print } index($2, "` + a.cfg.Arbiter +
		`:") == 1 { print $1, $2, $5 }' | LC_ALL=C sort | uniq -c | sed 's/^ *//'`
	return evenkeel.Action{
		ID: id, Paper: steps.Again(steps.Prints(a.querying(addresses), filter, lines...)),
		Change: evenkeel.Change{
			Title: "Verify that the members that hold data see the arbiter at work", Ref: "cps:1639", Host: a.manager,
			Limit: 10 * time.Minute,
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly, Text: fmt.Sprintf("Ask each member that holds data, of every replica set, for "+
					"rs.status(): it sees %s as "+
					"ARBITER, with health 1, in %s, and in no other set.", a.cfg.Arbiter, titles(a.own)),
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					var errs []error
					for _, rs := range a.mongo.Sets {
						errs = append(errs, a.seenBy(ctx, at, rs))
					}
					return sshexec.Result{}, steps.Soon(15*time.Second, errors.Join(errs...))
				},
			},
		},
	}
}

func (a *arbiter) seenBy(ctx context.Context, at evenkeel.Site, rs cps.ReplicaSet) error {
	set := steps.ReplicaSet(at, a.manager, a.tools.Mongo, rs)
	var errs []error
	for _, host := range steps.Addresses(rs.Members) {
		status, err := set.StatusFrom(ctx, host)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", rs.Title(), err))
			continue
		}
		planned := steps.Addresses(a.processesOf([]cps.ReplicaSet{rs}))
		for _, m := range status.Members {
			if a.isOwn(m.Name) && !slices.Contains(planned, m.Name) {
				errs = append(errs, fmt.Errorf("%s of %s has %s, which mongoConfig.cfg does not have in this set", host, rs.Title(),
					m.Name))
			}
		}
		for _, address := range planned {
			switch m, ok := status.Member(address); {
			case !ok:
				errs = append(errs, fmt.Errorf("%s of %s does not have %s", host, rs.Title(), address))
			case m.StateStr != "ARBITER" || !m.Healthy():
				errs = append(errs, fmt.Errorf("%s of %s sees %s as %s, with health %g: look at its log on the arbiter, and "+
					"whether its port is "+
					"reached", host, rs.Title(), address, m.StateStr, m.Health))
			}
		}
	}
	return errors.Join(errs...)
}
