package upgrade

import (
	"errors"
	"slices"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

const stickinessName = "resource-stickiness"

// movesByItself tells whether a target would go to node 2 as soon as that joins: where it prefers node 2 by at least
// the stickiness (PCM-009), or where that is below zero, so that it leaves any node. What cannot be told, Load refuses.
func (p *Pair) movesByItself() bool {
	preference := p.preferences()
	return slices.ContainsFunc(p.enabled(), func(t Target) bool {
		sticky, err1 := p.stickiness(t)
		_, score, err2 := preference(t)
		return errors.Join(err1, err2) != nil || sticky < 0 || t.Preferred == p.Config.Node2.Name && score >= sticky
	})
}

// sticky wants to be able to tell how strongly each target stays where it runs.
func (p loading) sticky() error {
	var errs []error
	for _, t := range p.Targets {
		_, err := p.stickiness(t)
		errs = append(errs, err)
	}
	return errors.Join(firstOfEach(errs)...)
}

// firstOfEach are the errors, each text once: the defaults are those of every target.
func firstOfEach(errs []error) (out []error) {
	seen := map[string]bool{}
	for _, err := range errs {
		if err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			out = append(out, err)
		}
	}
	return out
}

// stickiness is how strongly a target stays where it runs: what it says itself, else its group, else the defaults. A
// group stays by the sum of its members', as Pacemaker has it.
func (p *Pair) stickiness(t Target) (pacemaker.Score, error) {
	top, _ := p.CIB.Resource(t.Switch)
	members := []pacemaker.Resource{top}
	if top.Kind == pacemaker.Group {
		members = top.Members
	}
	var sum pacemaker.Score
	var errs []error
	for _, m := range members {
		score, err := p.stickinessOf(m.Meta, top.Meta, p.CIB.ResourceDefaults())
		sum, errs = sum.Add(score), append(errs, err)
	}
	return sum, errors.Join(firstOfEach(errs)...)
}

// stickinessOf is the first that says it, the most particular one first; zero where none does.
func (p *Pair) stickinessOf(from ...pacemaker.AttributeSets) (pacemaker.Score, error) {
	for _, sets := range from {
		for _, set := range sets {
			if _, said := set.Get(stickinessName); said && set.Rule != "" {
				return 0, p.CIB.ErrorAt(set.ID, "%s has %s under a rule: this runbook cannot tell whether a target would move by itself when "+
					"node 2 joins. Say one value without a rule, and back up again", set.ID, stickinessName)
			}
		}
		value, said := sets.Get(stickinessName)
		if !said {
			continue
		}
		score, err := pacemaker.ParseScore(value)
		if err != nil {
			return 0, p.CIB.ErrorAt(placeOf(sets), "%s: %w", stickinessName, err)
		}
		return score, nil
	}
	return 0, nil
}

// placeOf is a set that says the stickiness, for an error.
func placeOf(sets pacemaker.AttributeSets) string {
	for _, set := range sets {
		if _, said := set.Get(stickinessName); said {
			return set.ID
		}
	}
	return ""
}
