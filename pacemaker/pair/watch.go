package pair

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// sighting is what was seen of the members of units: the hosts that have each, by its id.
type sighting map[string][]string

// sight looks on both nodes. A node that does not answer is returned as unseen, as is a look that says nothing.
func (p *Pair) sight(ctx context.Context, at evenkeel.Site) (seen sighting, unseen error) {
	seen = sighting{}
	for _, s := range p.servers() {
		asked := answers{at: at, host: s.Name, got: map[string]sshexec.Result{}}
		for _, u := range p.moved() {
			for _, m := range u.Members {
				found, _, err := asked.of(ctx, m)
				if err != nil {
					unseen = err
				}
				if found == Present {
					seen[m.ID] = append(seen[m.ID], s.Name)
				}
			}
		}
	}
	p.tell(at, seen, unseen)
	return seen, unseen
}

// tell says where everything is served that users see. What is not seen is served nowhere only where both nodes were seen.
func (p *Pair) tell(at evenkeel.Site, seen sighting, unseen error) {
	var list []evenkeel.Serving
	for _, u := range p.moved() {
		for _, m := range u.Members {
			s := evenkeel.Serving{What: m.Serves, Where: strings.Join(seen[m.ID], " and "), State: "up", Home: p.home(u)}
			if s.Where == "" {
				s.State = "down"
			}
			if m.told() && (s.Where != "" || unseen == nil) {
				list = append(list, s)
			}
		}
	}
	at.Saw(list...)
}

// twice says what is on both nodes.
func (p *Pair) twice(seen sighting) (list []string) {
	for _, u := range p.moved() {
		for _, m := range u.Members {
			if on := seen[m.ID]; len(on) > 1 {
				list = append(list, fmt.Sprintf("%s of %s is active on %s: stop one of them NOW", m.ID, u.ID, strings.Join(on, " and ")))
			}
		}
	}
	return list
}

// once is what must never be: two nodes that have the same file system, address or database.
func (p *Pair) once() evenkeel.Invariant {
	return evenkeel.Invariant{ID: "once", Title: "Nothing is active on both nodes.", Absolute: true, Check: func(ctx context.Context,
		at evenkeel.Site) error {
		seen, unseen := p.sight(ctx, at)
		found := p.twice(seen)
		if len(found) == 0 {
			return unseen
		}
		// The nodes are read one after the other: what moves meanwhile is seen on both, once. What is on both is seen so again.
		again, blind := p.sight(ctx, at)
		for _, text := range found {
			if blind != nil || slices.Contains(p.twice(again), text) {
				return evenkeel.Violated("%s", text)
			}
		}
		return nil
	}}
}

// served is what users notice.
func (p *Pair) served() evenkeel.Invariant {
	return evenkeel.Invariant{ID: "served", Title: "Every unit is served by one of the nodes.", Check: func(ctx context.Context,
		at evenkeel.Site) error {
		seen, unseen := p.sight(ctx, at)
		for _, u := range p.moved() {
			for _, m := range u.Members {
				if _, runs := p.placed("", u)[m.ID]; !m.told() || !runs || len(seen[m.ID]) > 0 {
					continue
				}
				if unseen != nil {
					return unseen // it may be served where nobody can look
				}
				return evenkeel.Violated("%s of %s is served nowhere", m.Serves, u.ID)
			}
		}
		return nil
	}}
}

// compare says, at the end of a rollback, what differs from the state before the run.
func (p *Pair) compare(ctx context.Context, at evenkeel.Site) (differs []string, _ error) {
	for i, s := range p.servers() {
		if p.rebuilt(ctx, at, s.Name) {
			text := fmt.Sprintf("%s runs %s already: what it was before is not there to be compared", s.Name, p.to.Title)
			if other := p.servers()[1-i].Name; !p.rebuilt(ctx, at, other) {
				text += ". Enable nothing in a cluster there: the units are those of " + other + p.stillEnabled(ctx, at, s.Name)
			}
			differs = append(differs, text)
			continue
		}
		was := p.oldCluster(s.Name)
		proofs := []evenkeel.Proof{was.Online(p.old(p.Config.Node1.Name), p.old(p.Config.Node2.Name))}
		if verb, err := p.node(i).autostart.Get(at.Facts); err == nil {
			proofs = append(proofs, was.AtBoot(p.old(s.Name), verb == "enable")...)
		}
		proofs = append(proofs, was.InCIB("it is configured as before", func(cib *pacemaker.CIB) error {
			differs = append(differs, p.differences(s.Name, cib)...)
			return nil
		}))
		for _, proof := range proofs {
			if err := ask(ctx, at, s.Name, []evenkeel.Proof{proof}); err != nil {
				differs = append(differs, fmt.Sprintf("%s: %s: %v", s.Name, proof.Text, err))
			}
		}
	}
	seen, unseen := p.sight(ctx, at)
	for _, u := range p.moved() {
		for _, m := range u.Members {
			if _, runs := p.placed("", u)[m.ID]; !runs {
				continue
			}
			on := strings.Join(seen[m.ID], " and ")
			switch home := p.home(u); {
			case len(m.Gone) == 0:
				differs = append(differs, fmt.Sprintf("%s: where it runs no look can tell: see crm_mon -1", m.ID))
			case unseen != nil:
				differs = append(differs, fmt.Sprintf("%s: where it runs is not known: %v", m.ID, unseen))
			case on == "":
				differs = append(differs, fmt.Sprintf("%s runs on neither node: see crm_mon -1 why", m.ID))
			case home != "" && on != home:
				differs = append(differs, fmt.Sprintf("%s runs on %s, not on the node that it prefers, %s: move it when its users can wait "+
					"for it", m.ID, on, home))
			}
		}
	}
	return differs, nil
}

// stillEnabled says, after a rollback, which units are enabled in the new cluster of a host nevertheless.
func (p *Pair) stillEnabled(ctx context.Context, at evenkeel.Site, host string) string {
	var names []string
	look := p.newCluster(host).InCIB("", func(cib *pacemaker.CIB) error {
		for _, u := range p.moved() {
			if stopped(cib, u) != nil {
				names = append(names, u.name())
			}
		}
		return nil
	})
	switch err := ask(ctx, at, host, []evenkeel.Proof{look}); {
	case err != nil:
		return fmt.Sprintf(". Whether any is enabled there cannot be told: %v", err)
	case len(names) > 0:
		return ". Still enabled there: " + strings.Join(names, ", ") + ". Disable them before that cluster acts again"
	}
	return ""
}

// rebuilt tells whether a host is seen to run the new system. What its cluster says differs from the old one's everywhere, and to make
// it alike would be to start what the other node has.
func (p *Pair) rebuilt(ctx context.Context, at evenkeel.Site, host string) bool {
	look := p.to.runs("", "", host)
	res, err := at.Run(ctx, host, Brief(look.Cmd.Argv...))
	return err == nil && p.from.Name != p.to.Name && look.Expect.Check(evenkeel.Observed{Result: res, Host: host}) == nil
}

// advices are what to do about a setting that the upgrade changed, by what a difference names.
var advices = map[string]string{
	"stonith-enabled":  "the cluster fences nobody. Set it as it was, when both nodes are online",
	"no-quorum-policy": "the cluster acts without a quorum. Set it as it was, when both nodes are online",
	"standby":          "the node runs no units. End its standby when it may run them",
}

// differences are all that the cluster is configured otherwise than before, with what to do.
func (p *Pair) differences(host string, cib *pacemaker.CIB) (list []string) {
	for _, d := range pacemaker.Diff(p.CIB, cib, pacemaker.Expect(pacemaker.ExpectRole("Started", p.switches()...))) {
		text := fmt.Sprintf("%s: %s", host, d)
		for name, advice := range advices {
			if strings.Contains(d.String(), name) {
				text += ": " + advice
			}
		}
		list = append(list, text)
	}
	return list
}

// unchanged wants the old cluster to be configured as it was when the plan was made.
func (p *Pair) unchanged(live *pacemaker.CIB) error {
	if diff := pacemaker.Diff(p.CIB, live); len(diff) > 0 {
		return evenkeel.NeedsOperator("the cluster is not as it was when the plan was made: %s (%d differences in all). Make the plan anew "+
			"from a fresh backup", diff[0], len(diff))
	}
	return nil
}
