package pacemakertest

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// moves are the resources that would run elsewhere without their stickiness: what relocate is about (H17).
func (p *pcsCommand) moves(only []string) (out []move) {
	members := p.members()
	for _, r := range p.node.doc.primitives {
		if r.unit.kind == pacemaker.Clone || len(only) > 0 && !slices.Contains(only, r.unit.id) {
			continue // the stickiness of the others would hold a member of a group
		}
		want := p.stack.place(p.State, members, r, false)
		for _, n := range members {
			running := slices.ContainsFunc(n.active, func(a active) bool { return a.primitive.id == r.id })
			if running && want != nil && want != n && r.managed && r.definition.Class != "stonith" {
				out = append(out, move{r.id, p.stack.uname(p.State, n), p.stack.uname(p.State, want)})
			}
		}
	}
	return out
}

type move struct{ resource, from, to string }

func (p *pcsCommand) relocate() int {
	verb := p.next()
	if !p.node.ready {
		return p.fail(errNotRunning, "")
	}
	moves := p.moves(p.words)
	switch verb {
	case "show", "dry-run":
		p.Printf("Current cluster status:\n")
		p.clusterRows("  * ", "    * ")
		p.Printf("\nTransition Summary:\n")
		width := 0 // crm_simulate of Pacemaker 2 pads the names to the longest
		for _, m := range moves {
			if p.software.modern() {
				width = max(width, len(m.resource)+2, 5)
			}
		}
		for _, m := range moves {
			gap := "     "
			if width > 0 {
				gap = strings.Repeat(" ", width-len(m.resource)+3)
			}
			p.Printf("  * Move       %s%s( %s -> %s )\n", m.resource, gap, m.from, m.to)
		}
		return 0
	case "clear":
		return p.clearRelocation()
	case "run":
	default:
		return p.Fail(1, "Usage: pcs resource relocate <show|run|clear|dry-run>")
	}
	err := p.edit(func(c *pacemaker.CIB) error {
		for _, m := range moves {
			id := "pcs-relocate-" + m.resource
			c.RemoveConstraint(id)
			if err := c.AddLocation(pacemaker.Location{ID: id, Resource: m.resource, Node: m.to, Score: "INFINITY"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return p.fail(err, "unable to relocate")
	}
	if p.software.modern() && len(moves) > 0 {
		for _, m := range moves {
			p.tell("Creating location constraint: %s prefers %s=INFINITY\n", m.resource, m.to)
		}
		p.tell("\nWaiting for resources to move...\n\n")
		for _, m := range moves {
			defer p.tell("Removing constraint pcs-relocate-%s\n", m.resource)
		}
	}
	arrived := func() bool { return !p.node.ready || len(p.moves(p.words)) == 0 && p.stack.settled(p.State, p.node) }
	if !p.Until(ShutdownTime, arrived) {
		return p.Fail(1, "Error: waiting timeout\n\n%d resources were not relocated", len(moves))
	}
	return p.clearRelocation()
}

// clearRelocation takes away the constraints by which relocate moves.
func (p *pcsCommand) clearRelocation() int {
	err := p.edit(func(c *pacemaker.CIB) error {
		for _, l := range c.Locations() {
			if strings.HasPrefix(l.ID, "pcs-relocate-") {
				c.RemoveConstraint(l.ID)
			}
		}
		return nil
	})
	if err != nil {
		return p.fail(err, "unable to clear")
	}
	return 0
}
