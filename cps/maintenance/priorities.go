package maintenance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// PrioritiesConfig says which member of a replica set is to be its primary. The zero value of a field is its default.
type PrioritiesConfig struct {
	ClusterManager string `yaml:"cluster_manager"` // control name of the Cluster Manager; "cluman"

	Set        string             `yaml:"set"` // SETNAME of mongoConfig.cfg: set02
	Priorities map[string]float64 `yaml:"-"`   // of each member that gets another one, as in mongoConfig.cfg: sessionmgr02:27718: 5

	Tools Tools `yaml:"tools"` // paths of the guide's programs, where a login does not find them by name
}

// priorities is the plan of new priorities for one set.
type priorities struct {
	*cluster
	set  cps.ReplicaSet
	now  mongo.Config
	last mongo.Config // what the set has in the end
}

// Priorities gives the members of a replica set other priorities, so that another member becomes the primary, as before
// the machine of the present one is serviced (cps:715-752). The reconfigurations are planned from what the set has now:
// each is one document, which the reader of the plan sees, and which is sent to the primary itself and to no other
// ([live.Changes]). A set that was reconfigured by somebody else in between is left alone.
//
// Now is the configuration of the set, as [mongo.ParseConfig] reads it. The error says everything that is wrong with the
// inputs; it is one, too, when the members have these priorities already.
func Priorities(cfg PrioritiesConfig, hosts *cps.Hosts, conf *cps.MongoConfig, now mongo.Config) (*evenkeel.Runbook, error) {
	c, err := newCluster(cfg.ClusterManager, hosts, cfg.Tools)
	p := &priorities{cluster: c, now: now}
	if err == nil {
		err = p.find(cfg, conf)
	}
	var changes []evenkeel.Change
	if err == nil {
		changes, p.last, err = p.plan(cfg.Priorities)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot plan the priorities: %w", err)
	}
	var text strings.Builder
	if _, err := conf.WriteTo(&text); err != nil {
		return nil, err
	}
	rb := &evenkeel.Runbook{
		Name: "cps-priorities", Title: fmt.Sprintf("Make %s the primary of %s", p.wished().Host, p.set.Title()), Version: "cps-priorities 1",
		Inputs:     []evenkeel.Input{c.input(), evenkeel.NewInput(mongoConfigPath, []byte(text.String()))},
		LeaseHosts: []string{c.manager}, Functions: steps.PaperFunctions + "\n" + fitFunction, Invariants: []evenkeel.Invariant{p.invariant()},
		Intro: "The member with the highest priority becomes the primary. Each reconfiguration is sent once, and only to a set that has " +
			"exactly what it was planned from. It follows the CPS Migration and Upgrade Guide; cps:N is a line of it." + p.findings(),
		Steps: []evenkeel.Step{p.preflight()},
	}
	for i, c := range changes {
		rb.Steps = append(rb.Steps, evenkeel.Step{
			ID: fmt.Sprintf("reconfigure-%d", i+1), Title: c.Title, Host: c.Host, Ref: "cps:715",
			Actions: p.typed(c, now.Version+int64(i)),
			Irreversible: "A reconfiguration is undone by another one: take the configuration of the set anew, and plan the former " +
				"priorities (" + p.former(cfg.Priorities) + ").",
		})
	}
	rb.Steps = append(rb.Steps, p.verify())
	rb.Estimate(evenkeel.Guess)
	return rb, rb.Validate()
}

// typed are the actions of a reconfiguration, with how its checks are typed: each reconfiguration counts the version up
// by one.
func (p *priorities) typed(c evenkeel.Change, version int64) []evenkeel.Action {
	actions := evenkeel.Actions("send", c)
	for i := range actions {
		a := &actions[i]
		if len(a.Op.Docs) > 0 {
			version++
			continue
		}
		var shows []string
		for _, member := range p.data() {
			shows = append(shows, fmt.Sprintf("%s %d", member, version))
		}
		a.Paper = steps.Again([]evenkeel.Block{{Host: p.manager, Shows: shows, Script: fmt.Sprintf(
			`for m in %s; do echo "$m $(%s --quiet "$m" --eval 'print(rs.conf().version)')"; done`, strings.Join(p.data(), " "), p.tools.Mongo)}})
	}
	return actions
}

// find makes sure that the inputs speak of the same set, and that its machines can keep a lease.
func (p *priorities) find(cfg PrioritiesConfig, conf *cps.MongoConfig) error {
	if conf == nil {
		return errors.New("mongoConfig.cfg is needed")
	}
	set, ok := conf.ByName(cfg.Set)
	if !ok {
		return fmt.Errorf("set %q is not in %s", cfg.Set, conf.File)
	}
	p.set = set
	at := fmt.Sprintf("%s:%d", conf.File, set.Line)
	if p.now.ID != set.Name {
		return fmt.Errorf("the saved configuration is that of the set %q, and not of %q", p.now.ID, set.Name)
	}
	if len(cfg.Priorities) == 0 {
		return errors.New("no priorities are given: say for each member that gets another one, host:port: number")
	}
	var errs []error
	listed := slices.Concat(set.Members, set.Arbiters)
	for _, m := range listed {
		if _, in := p.now.Member(m.Address()); !in {
			errs = append(errs, fmt.Errorf("%s: %s is no member in the saved configuration of %s: the two are of different times, or of "+
				"different clusters", at, m.Address(), set))
		}
	}
	for _, m := range p.now.Members {
		host, _, err := net.SplitHostPort(m.Host)
		_, known := p.hosts.ByAlias(host)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("the saved configuration of %s: member %q: %w", set, m.Host, err))
		case !slices.Contains(steps.Addresses(listed), m.Host):
			errs = append(errs, fmt.Errorf("%s: %s has no member %s, and the saved configuration has it", at, set, m.Host))
		case !m.ArbiterOnly && !known:
			errs = append(errs, fmt.Errorf("%s: %s is no VM of %s: a set whose members stand at two sites is changed from both", at, host,
				p.hosts.File))
		}
	}
	return errors.Join(errs...)
}

// plan makes the reconfigurations, and says what the set has in the end.
func (p *priorities) plan(want map[string]float64) ([]evenkeel.Change, mongo.Config, error) {
	changes, err := live.Changes{}.SetPriorities(p.now, want)
	if err == nil && len(changes) == 0 {
		err = fmt.Errorf("the members of %s have these priorities already", p.set)
	}
	last := p.now.Clone()
	for host, priority := range want {
		if i := last.Index(host); i >= 0 {
			last.Members[i].Priority = priority
		}
	}
	return changes, last, errors.Join(err, p.oneHighest(last))
}

// oneHighest wants one member to have the highest priority: with two of them nobody can say which will be the primary.
func (p *priorities) oneHighest(last mongo.Config) error {
	var highest []string
	best := 0.0
	for _, m := range last.Members {
		switch {
		case !m.Electable() || m.Priority < best:
		case m.Priority > best:
			best, highest = m.Priority, []string{m.Host}
		default:
			highest = append(highest, m.Host)
		}
	}
	if len(highest) > 1 {
		return fmt.Errorf("%s would have the same highest priority, %g: give the one that is to be the primary of %s a higher one",
			strings.Join(highest, " and "), best, p.set)
	}
	return nil
}

// findings are what the reader of the plan has to know.
func (p *priorities) findings() string {
	electable := 0
	for _, m := range p.last.Members {
		if m.Electable() {
			electable++
		}
	}
	if electable > 1 {
		return ""
	}
	return fmt.Sprintf("\n\nFinding: afterwards %s alone can be the primary of %s: nobody takes over when it fails.",
		p.wished().Host, p.set.Title())
}

// wished is the member that is to be the primary: the one with the highest priority; of several the first.
func (p *priorities) wished() mongo.Member {
	return slices.MaxFunc(p.last.Members, func(a, b mongo.Member) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.ID, a.ID))
	})
}

// former are the priorities that the members had before, in words.
func (p *priorities) former(want map[string]float64) string {
	var list []string
	for _, host := range slices.Sorted(maps.Keys(want)) {
		m, _ := p.now.Member(host)
		list = append(list, fmt.Sprintf("%s %g", host, m.Priority))
	}
	return strings.Join(list, ", ")
}

// data are the members that can be queried: an arbiter knows no users.
func (p *priorities) data() []string { return steps.Addresses(p.set.Members) }

// servers are they as servers.
func (p *priorities) servers() []change.Endpoint {
	var list []change.Endpoint
	for _, m := range p.set.Members {
		list = append(list, change.Endpoint{Host: m.Host, Address: m.Address()})
	}
	return list
}

// view queries the set.
func (p *priorities) view(ctx context.Context, at evenkeel.Site) (mongo.SetView, error) {
	set := live.NewReplicaSet(p.set.Name, p.data(), live.Over(at, nil), live.Options{Sleep: at.Sleep, Serial: at.Serial})
	defer func() { _ = set.Close(context.WithoutCancel(ctx)) }()
	return steps.View(ctx, set, p.set.Title(), p.data())
}

// well tells whether the set lacks nothing, and its wished primary can take over.
func (p *priorities) well(ctx context.Context, at evenkeel.Site) error {
	view, err := p.view(ctx, at)
	if err != nil {
		return err
	}
	if !view.Config.Equal(p.now) {
		return evenkeel.NeedsOperator("%s has another configuration than the plan was made from: version %d, and not version %d as it was "+
			"saved. Save it anew, under another name, and plan again", p.set.Title(), view.Config.Version, p.now.Version)
	}
	var errs []error
	for _, m := range view.Status.Members {
		switch m.State {
		case mongo.StatePrimary, mongo.StateSecondary, mongo.StateArbiter:
		default:
			errs = append(errs, fmt.Errorf("%s is %s", m.Name, m.State))
		}
	}
	wished := p.wished().Host
	lags := view.Status.Lags()
	i := slices.IndexFunc(lags, func(l mongo.MemberLag) bool { return l.Host == wished })
	switch {
	case i < 0 || !lags[i].Known:
		errs = append(errs, fmt.Errorf("how far %s is behind is not known", wished))
	case lags[i].Lag > mongo.MaxLag:
		errs = append(errs, fmt.Errorf("%s is %s behind: it could not become the primary", wished, printable.Duration(lags[i].Lag)))
	}
	if len(errs) > 0 {
		return evenkeel.NeedsOperator("%s is not ready for another primary: %v", p.set.Title(), errors.Join(errs...))
	}
	return nil
}

func (p *priorities) preflight() evenkeel.Step {
	well := evenkeel.Action{
		ID: "well", Paper: steps.Prints(sshexec.Command(sshexec.ReadOnly, slices.Concat([]string{"asked", p.tools.Mongo}, p.data())...),
			"| fit "+p.wished().Host, "a primary", p.wished().Host+" is up to date",
			fmt.Sprintf("%d members at work", len(p.now.Members))),
		Change: evenkeel.Change{
			Title: "Verify that every member of " + p.set.Title() + " is at work, and " + p.wished().Host + " is up to date", Ref: "cps:631",
			Host: p.manager,
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly, Reads: p.servers(), Text: fmt.Sprintf("Ask the primary for rs.status(): each member is PRIMARY, "+
					"SECONDARY or ARBITER, and %s at most %s behind.", p.wished().Host, printable.Duration(mongo.MaxLag)),
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					return sshexec.Result{}, p.well(ctx, at)
				},
			},
		},
	}
	return evenkeel.Step{
		ID: "preflight", Title: "Verify that the set is ready for another primary", Host: p.manager, Ref: "cps:631,715",
		Actions: []evenkeel.Action{well},
	}
}

// takeoverTime is how long the table may take to show the new primary.
const takeoverTime = 2 * time.Minute

// shown wants the set in the table of the replica sets as it is to be: its primary, and the priority of every member.
func (p *priorities) shown(t *cps.ReplicaTable) error {
	set, ok := t.Set(p.set.Title())
	if !ok {
		return fmt.Errorf("%s is not in the table: it is not whole", p.set.Title())
	}
	for _, m := range p.set.Members {
		row, there := set.At(m)
		want, _ := p.last.Member(m.Address())
		switch primary := m.Address() == p.wished().Host; {
		case !there:
			return fmt.Errorf("%s is not in the table of %s", m.Address(), p.set.Title())
		case row.Health != cps.OnLine:
			return fmt.Errorf("%s is %s", m.Address(), row.Health)
		case row.Priority != want.Priority:
			return fmt.Errorf("%s has the priority %g in the table, and is to have %g", m.Address(), row.Priority, want.Priority)
		case primary != (row.State == cps.StatePrimary):
			return evenkeel.NotYet(5*time.Second, "%s is %s", m.Address(), row.State)
		}
	}
	return nil
}

// invariant: the set keeps its data, a majority and a primary, but for the time of a takeover.
func (p *priorities) invariant() evenkeel.Invariant {
	return evenkeel.Invariant{
		ID: "replica-set", Absolute: true,
		Title: p.set.Title() + " has its data and a majority of its votes.",
		Check: func(ctx context.Context, at evenkeel.Site) error {
			view, err := p.view(ctx, at)
			if err != nil {
				return err
			}
			steps.Saw(at, p.set.Title(), view)
			losses, err := steps.Losses(view)
			if err == nil && losses != "" {
				err = evenkeel.Violated("%s: %s", p.set.Title(), losses)
			}
			return err
		},
	}
}

// verify has the guide's own table show the wished primary (cps:715-752).
func (p *priorities) verify() evenkeel.Step {
	wished := p.wished()
	look := evenkeel.Look("table", "Verify in the table of the replica sets that "+wished.Host+" is the primary",
		p.tools.Diagnostics, "--get_replica_status").On(p.manager).From("cps:715").
		Until(takeoverTime, fmt.Sprintf("%s PRIMARY, with priority %g", wished.Host, wished.Priority),
			parsed("diagnostics.sh --get_replica_status", cps.ParseReplicaTable, p.shown))
	host, port, _ := strings.Cut(wished.Host, ":")
	look.Paper = steps.Again(steps.Prints(look.Cmd, fmt.Sprintf(`| replicas | awk '$1 == "%s" && $2 == "%s" && $3 == "%s" { print $4, $6 }'`,
		p.set.Title(), host, port), fmt.Sprintf("PRIMARY %g", wished.Priority)))
	return evenkeel.Step{
		ID: "verify", Title: "Verify the primary", Host: p.manager, Ref: "cps:715", Actions: []evenkeel.Action{look},
	}
}
