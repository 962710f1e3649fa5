package pacemaker

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// Location is an rsc_location: how much a resource wants to run on a node (PCM-004).
type Location struct {
	ID       string
	Resource string // empty when Pattern or Sets name the resources
	Pattern  string
	Node     string // empty when a rule names the nodes
	Score    string // as written: "20", "INFINITY"; see [ParseScore]
	Role     string
	Rules    []string // the XML of each rule
	Sets     []ResourceSet
	Other    []NVPair // further XML attributes, such as resource-discovery
}

// Plain says whether the constraint is of the simple form: one resource, one node, one score.
func (l Location) Plain() bool {
	return l.Resource != "" && l.Node != "" && l.Role == "" && len(l.Rules) == 0 && len(l.Sets) == 0 && len(l.Other) == 0
}

// ResourceSet is a set inside a constraint.
type ResourceSet struct {
	ID        string
	Resources []string
	Options   []NVPair // action, role, sequential, require-all, score …; these have no ID
}

// Order is an rsc_order: what starts before what.
type Order struct {
	ID                string
	First, Then       string
	FirstAct, ThenAct string
	Kind              string // Mandatory, Optional, Serialize; empty when a score stands instead
	Score             string
	Symmetrical       string
	Sets              []ResourceSet
}

// Colocation is an rsc_colocation: what runs where something else runs.
type Colocation struct {
	ID             string
	Resource, With string
	Score          string
	Role, WithRole string
	Sets           []ResourceSet
}

// Ticket is an rsc_ticket: what needs a ticket of a site.
type Ticket struct {
	ID         string
	Ticket     string
	Resource   string
	LossPolicy string
	Sets       []ResourceSet
}

// Locations are the location constraints in the order of the document.
func (c *CIB) Locations() []Location {
	var all []Location
	for _, e := range c.children("constraints") {
		if e.Tag == "rsc_location" {
			all = append(all, location(e))
		}
	}
	return all
}

func location(e *etree.Element) Location {
	l := Location{Sets: resourceSets(e)}
	for _, a := range e.Attr {
		switch a.FullKey() {
		case "id":
			l.ID = a.Value
		case "rsc":
			l.Resource = a.Value
		case "rsc-pattern":
			l.Pattern = a.Value
		case "node":
			l.Node = a.Value
		case "score":
			l.Score = a.Value
		case "role":
			l.Role = a.Value
		default:
			l.Other = append(l.Other, NVPair{Name: a.FullKey(), Value: a.Value})
		}
	}
	for _, r := range e.SelectElements("rule") {
		l.Rules = append(l.Rules, rawXML(r))
	}
	return l
}

// Orders are the ordering constraints.
func (c *CIB) Orders() []Order {
	var all []Order
	for _, e := range c.children("constraints") {
		if e.Tag == "rsc_order" {
			get := func(k string) string { return e.SelectAttrValue(k, "") }
			all = append(all, Order{
				ID: get("id"), First: get("first"), Then: get("then"), FirstAct: get("first-action"), ThenAct: get("then-action"),
				Kind: get("kind"), Score: get("score"), Symmetrical: get("symmetrical"), Sets: resourceSets(e),
			})
		}
	}
	return all
}

// Colocations are the colocation constraints.
func (c *CIB) Colocations() []Colocation {
	var all []Colocation
	for _, e := range c.children("constraints") {
		if e.Tag == "rsc_colocation" {
			get := func(k string) string { return e.SelectAttrValue(k, "") }
			all = append(all, Colocation{
				ID: get("id"), Resource: get("rsc"), With: get("with-rsc"), Score: get("score"), Role: get("rsc-role"), WithRole: get("with-rsc-role"),
				Sets: resourceSets(e),
			})
		}
	}
	return all
}

// Tickets are the ticket constraints.
func (c *CIB) Tickets() []Ticket {
	var all []Ticket
	for _, e := range c.children("constraints") {
		if e.Tag == "rsc_ticket" {
			get := func(k string) string { return e.SelectAttrValue(k, "") }
			all = append(all, Ticket{ID: get("id"), Ticket: get("ticket"), Resource: get("rsc"), LossPolicy: get("loss-policy"), Sets: resourceSets(e)})
		}
	}
	return all
}

func resourceSets(e *etree.Element) []ResourceSet {
	var sets []ResourceSet
	for _, s := range e.SelectElements("resource_set") {
		set := ResourceSet{}
		for _, a := range s.Attr {
			if a.FullKey() == "id" {
				set.ID = a.Value
			} else {
				set.Options = append(set.Options, NVPair{Name: a.FullKey(), Value: a.Value})
			}
		}
		for _, ref := range s.SelectElements("resource_ref") {
			set.Resources = append(set.Resources, ref.SelectAttrValue("id", ""))
		}
		sets = append(sets, set)
	}
	return sets
}

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
// form are computed: with a rule, a pattern, a set or a role the answer is ErrUnsupported, never a guess.
func (c *CIB) NodeScores(resource string) (map[string]Score, error) {
	e := c.resourceElement(resource)
	switch {
	case e == nil:
		return nil, fmt.Errorf("resource %s: %w", resource, ErrNotFound)
	case e.Parent() != c.section("resources"):
		return nil, fmt.Errorf("resource %s is part of %s: %w", resource, e.Parent().SelectAttrValue("id", "a container"), ErrUnsupported)
	}
	scores := make(map[string]Score)
	for _, l := range c.Locations() {
		named := l.Resource == resource || l.Pattern != "" || slices.ContainsFunc(l.Sets, func(s ResourceSet) bool { return slices.Contains(s.Resources, resource) })
		if !named {
			continue
		}
		if !l.Plain() {
			return nil, fmt.Errorf("location constraint %s of %s is not of the plain form: %w", l.ID, resource, ErrUnsupported)
		}
		score, err := ParseScore(l.Score)
		if err != nil {
			return nil, fmt.Errorf("location constraint %s: %w", l.ID, err)
		}
		scores[l.Node] = scores[l.Node].Add(score)
	}
	return scores, nil
}

// PreferredNode is the node that a resource's location constraints prefer, with its score: 20 against 10 in an IML pair
// (lustre:1039-1062). A score of 0 or less prefers nothing.
func (c *CIB) PreferredNode(resource string) (string, Score, error) {
	scores, err := c.NodeScores(resource)
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
