package pacemaker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors of [CIB.NodeScores] and [CIB.PreferredNode].
var (
	// ErrUnsupported says that the answer would need Pacemaker's own scheduler.
	ErrUnsupported = errors.New("outside what this package computes")
	// ErrNoPreference says that no node is preferred: no constraint, none with a positive score, or a tie.
	ErrNoPreference = errors.New("no node is preferred")
	// ErrNotFound says that the CIB has no such thing.
	ErrNotFound = errors.New("not in the CIB")
)

// NodeScores are the scores of a resource's location constraints by node, summed as Pacemaker does. Only constraints of the plain
// form are computed: with a rule, a pattern, a set or a role the answer is ErrUnsupported, never a guess. Who asks for many resources asks
// [CIB.Preferences].
func (c *CIB) NodeScores(resource string) (map[string]Score, error) {
	return c.Preferences().Scores(resource)
}

// PreferredNode is the node that a resource's location constraints prefer, with its score: 20 against 10 in an IML pair
// (lustre:1039-1062). A score of 0 or less prefers nothing.
func (c *CIB) PreferredNode(resource string) (string, Score, error) {
	return c.Preferences().Node(resource)
}

// Preferences answers for many resources which node each prefers: the location constraints are read once. It holds for
// the CIB as it was when it was made.
type Preferences struct {
	cib   *CIB
	named map[string][]Location // by the resource that they name, in their order
	broad []Location            // that name more than one, or none: by a pattern or a set
}

// Preferences reads the location constraints.
func (c *CIB) Preferences() *Preferences {
	p := &Preferences{cib: c, named: map[string][]Location{}}
	for _, l := range c.Locations() {
		if l.Pattern != "" || len(l.Sets) > 0 {
			p.broad = append(p.broad, l)
			continue
		}
		p.named[l.Resource] = append(p.named[l.Resource], l)
	}
	return p
}

// Scores is [CIB.NodeScores].
func (p *Preferences) Scores(resource string) (map[string]Score, error) {
	e := p.cib.ResourceElement(resource)
	switch {
	case e == nil:
		return nil, fmt.Errorf("resource %s: %w", resource, ErrNotFound)
	case e.Parent() != p.cib.Section("resources"):
		return nil, fmt.Errorf("resource %s is part of %s: %w", resource, e.Parent().SelectAttrValue("id", "a container"), ErrUnsupported)
	}
	for _, l := range p.broad {
		if l.Resource == resource || l.Pattern != "" ||
			slices.ContainsFunc(l.Sets, func(s ResourceSet) bool { return slices.Contains(s.Resources, resource) }) {
			return nil, notPlain(l, resource)
		}
	}
	scores := make(map[string]Score)
	for _, l := range p.named[resource] {
		if !l.Plain() {
			return nil, notPlain(l, resource)
		}
		score, err := ParseScore(l.Score)
		if err != nil {
			return nil, fmt.Errorf("location constraint %s: %w", l.ID, err)
		}
		scores[l.Node] = scores[l.Node].Add(score)
	}
	return scores, nil
}

func notPlain(l Location, resource string) error {
	return fmt.Errorf("location constraint %s of %s is not of the plain form: %w", l.ID, resource, ErrUnsupported)
}

// Node is [CIB.PreferredNode].
func (p *Preferences) Node(resource string) (string, Score, error) {
	scores, err := p.Scores(resource)
	if err != nil {
		return "", 0, err
	}
	var best []string
	var top Score
	for node, score := range scores {
		switch {
		case score <= 0 || score < top:
		case score > top:
			best, top = []string{node}, score
		default:
			best = append(best, node)
		}
	}
	switch len(best) {
	case 0:
		return "", 0, fmt.Errorf("resource %s: %w", resource, ErrNoPreference)
	case 1:
		return best[0], top, nil
	}
	slices.Sort(best)
	return "", 0, fmt.Errorf("resource %s: %w: %s have the same score %s", resource, ErrNoPreference, strings.Join(best, " and "), top)
}
