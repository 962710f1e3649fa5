package pacemaker

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/secretname"
)

// NVPair is a name and a value of the CIB. String, GoString and JSON mask the value of a secret; the field holds it.
type NVPair struct {
	ID    string `cib:"id"`
	Name  string `cib:"name"`
	Value string `cib:"value"`
	Unset bool   // the element has no value at all, which is not the same as an empty one: Pacemaker passes over it
	// Fencing says that it is a parameter of a fence device: whatever is not known there to hold no secret is masked as one.
	Fencing bool
}

// String is "name=value", masked for a secret.
func (p NVPair) String() string { return p.Name + "=" + p.Masked() }

// Masked is the value as it may be shown.
func (p NVPair) Masked() string {
	if p.Value != "" && hidden(p.Name, p.Fencing) {
		return Redacted
	}
	return secretname.Masked(p.Name, p.Value)
}

// GoString is String: %#v must not print a password either.
func (p NVPair) GoString() string { return p.String() }

// MarshalJSON masks the value of a secret: JSON is for reports, WriteTo is for round trips.
func (p NVPair) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID    string `json:"id,omitempty"`
		Name  string `json:"name"`
		Value string `json:"value"`
	}{p.ID, p.Name, p.Masked()})
}

// AttributeSet is one set of pairs: cluster_property_set, instance_attributes, meta_attributes or utilization.
type AttributeSet struct {
	ID        string   `cib:"id"`
	Score     Score    `cib:"score"` // among several sets the greater one wins; 0 when absent or unreadable, as Pacemaker takes it
	Condition *Rule    `cib:"<rule"` // a set with a rule holds only when the rule does
	Rule      string   // the XML of that <rule>; empty without
	Pairs     []NVPair `cib:"<nvpair <attributes<nvpair"` // the second is the form of CIBs before 1.0
}

func (s *AttributeSet) readFrom(_ *CIB, e *etree.Element) {
	if rule := e.SelectElement("rule"); rule != nil {
		s.Rule = RawXML(rule)
	}
}

// Get is the value of a name in this set.
func (s AttributeSet) Get(name string) (string, bool) {
	for _, p := range s.Pairs {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// AttributeSets are the sets of one kind on one object, in the order of the document.
type AttributeSets []AttributeSet

// OfFenceDevice are the sets as those of a fence device: each pair says so.
func (s AttributeSets) OfFenceDevice() AttributeSets {
	sets := slices.Clone(s)
	for i := range sets {
		sets[i].Pairs = slices.Clone(sets[i].Pairs)
		for j := range sets[i].Pairs {
			sets[i].Pairs[j].Fencing = true
		}
	}
	return sets
}

// Effective is what holds when no rule does: the sets without a rule, merged as Pacemaker 1.1 and 2.x merge them. The set with the
// greater score comes first, of two with the same score the later one; the first value of a name wins. A pair without a value is
// passed over, and the value #default takes a name out again.
//
// Upstream: https://clusterlabs.org/projects/pacemaker/doc/2.1/Pacemaker_Explained/html/reusing-configuration.html
func (s AttributeSets) Effective() []NVPair {
	plain := s.precedence()
	plain = slices.DeleteFunc(plain, func(set AttributeSet) bool { return set.Rule != "" })
	var pairs []NVPair
	place := make(map[string]int)
	for _, set := range plain {
		for _, p := range set.Pairs {
			at, seen := place[p.Name]
			switch {
			case p.Unset:
			case strings.EqualFold(p.Value, "#default"):
				if seen {
					pairs[at].Unset = true // taken out below
					delete(place, p.Name)
				}
			case !seen:
				place[p.Name] = len(pairs)
				pairs = append(pairs, p)
			}
		}
	}
	return slices.DeleteFunc(pairs, func(p NVPair) bool { return p.Unset })
}

// precedence are the sets in the order in which Pacemaker reads them.
func (s AttributeSets) precedence() AttributeSets {
	sets := slices.Clone(s)
	slices.Reverse(sets)
	slices.SortStableFunc(sets, func(a, b AttributeSet) int { return int(b.Score - a.Score) })
	return sets
}

// Get is the effective value of a name.
func (s AttributeSets) Get(name string) (string, bool) {
	return AttributeSet{Pairs: s.Effective()}.Get(name)
}

// readFrom follows a reference: the name may be the pair's own, the rest is that of the pair it refers to.
func (p *NVPair) readFrom(c *CIB, e *etree.Element) {
	target := c.Follow(e)
	switch {
	case target == nil:
		p.Unset = true
		return
	case target != e:
		name := p.Name
		*p = NVPair{ID: target.SelectAttrValue("id", ""), Name: target.SelectAttrValue("name", ""), Value: target.SelectAttrValue("value", "")}
		if name != "" {
			p.Name = name
		}
	}
	p.Unset = target.SelectAttr("value") == nil
}

// SetsOf reads the sets with this tag under e, following id-ref.
func (c *CIB) SetsOf(e *etree.Element, tag string) AttributeSets {
	var sets AttributeSets
	if e != nil {
		c.readChildren(reflect.ValueOf(&sets).Elem(), e, [][]string{{tag}}, "")
		if tag == "instance_attributes" && aFenceDevice(e) {
			sets = sets.OfFenceDevice()
		}
	}
	return sets
}

// Follow resolves id-ref, at most a few times: a circle leads nowhere. An element without a reference is its own target.
func (c *CIB) Follow(e *etree.Element) *etree.Element {
	for range 8 {
		if e == nil {
			return nil
		}
		ref := e.SelectAttr("id-ref")
		if ref == nil {
			return e
		}
		e = c.byID(ref.Value)
	}
	return nil
}

// rawXML prints an element by itself.
