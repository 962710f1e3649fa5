package pacemaker

import (
	"encoding/json"
	"slices"

	"github.com/beevik/etree"
)

// NVPair is a name and a value of the CIB. String, GoString and JSON mask the value of a secret; the field holds it.
type NVPair struct {
	ID    string
	Name  string
	Value string
}

// String is "name=value", masked for a secret.
func (p NVPair) String() string { return p.Name + "=" + masked(p.Name, p.Value) }

// GoString is String: %#v must not print a password either.
func (p NVPair) GoString() string { return p.String() }

// MarshalJSON masks the value of a secret: JSON is for reports, WriteTo is for round trips.
func (p NVPair) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID    string `json:"id,omitempty"`
		Name  string `json:"name"`
		Value string `json:"value"`
	}{p.ID, p.Name, masked(p.Name, p.Value)})
}

// AttributeSet is one set of pairs: cluster_property_set, instance_attributes, meta_attributes or utilization.
type AttributeSet struct {
	ID    string
	Score Score  // among several sets the greater one wins; 0 when absent or unreadable, as Pacemaker takes it
	Rule  string // the XML of its <rule>; a set with a rule holds only when the rule does
	Pairs []NVPair
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

// Effective is what holds when no rule does: the sets without a rule, merged as Pacemaker merges them (greater score first, then
// document order, the first value of a name wins). Pairs come in the order of the document.
func (s AttributeSets) Effective() []NVPair {
	plain := make(AttributeSets, 0, len(s))
	for _, set := range s {
		if set.Rule == "" {
			plain = append(plain, set)
		}
	}
	if len(plain) == 1 && !hasDuplicates(plain[0].Pairs) {
		return plain[0].Pairs
	}
	slices.SortStableFunc(plain, func(a, b AttributeSet) int { return int(b.Score - a.Score) })
	var pairs []NVPair
	seen := make(map[string]bool)
	for _, set := range plain {
		for _, p := range set.Pairs {
			if !seen[p.Name] {
				seen[p.Name] = true
				pairs = append(pairs, p)
			}
		}
	}
	return pairs
}

func hasDuplicates(pairs []NVPair) bool {
	for i, p := range pairs {
		for _, q := range pairs[:i] {
			if p.Name == q.Name {
				return true
			}
		}
	}
	return false
}

// Get is the effective value of a name.
func (s AttributeSets) Get(name string) (string, bool) {
	return AttributeSet{Pairs: s.Effective()}.Get(name)
}

// attributeSets reads the sets with this tag under e, following id-ref.
func (c *CIB) attributeSets(e *etree.Element, tag string) AttributeSets {
	if e == nil {
		return nil
	}
	var sets AttributeSets
	for _, child := range e.ChildElements() {
		if child.Tag != tag {
			continue
		}
		if set, ok := c.attributeSet(c.follow(child)); ok {
			sets = append(sets, set)
		}
	}
	return sets
}

func (c *CIB) attributeSet(e *etree.Element) (AttributeSet, bool) {
	if e == nil {
		return AttributeSet{}, false
	}
	set := AttributeSet{ID: e.SelectAttrValue("id", "")}
	set.Score, _ = ParseScore(e.SelectAttrValue("score", "0"))
	pairs := e
	if wrapped := e.SelectElement("attributes"); wrapped != nil { // the form of CIBs before 1.0
		pairs = wrapped
	}
	for _, child := range pairs.ChildElements() {
		switch child.Tag {
		case "rule":
			set.Rule = rawXML(child)
		case "nvpair":
			if p, ok := c.pair(child); ok {
				set.Pairs = append(set.Pairs, p)
			}
		}
	}
	return set, true
}

func (c *CIB) pair(e *etree.Element) (NVPair, bool) {
	name := e.SelectAttrValue("name", "")
	target := c.follow(e)
	if target == nil {
		return NVPair{}, false
	}
	if name == "" {
		name = target.SelectAttrValue("name", "")
	}
	return NVPair{ID: target.SelectAttrValue("id", ""), Name: name, Value: target.SelectAttrValue("value", "")}, true
}

// follow resolves id-ref, at most a few times: a circle leads nowhere. An element without a reference is its own target.
func (c *CIB) follow(e *etree.Element) *etree.Element {
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
func rawXML(e *etree.Element) string {
	doc := etree.NewDocument()
	doc.WriteSettings = etree.WriteSettings{CanonicalAttrVal: true, CanonicalText: true}
	doc.SetRoot(e.Copy())
	text, err := doc.WriteToString()
	if err != nil { // a strings.Builder does not fail
		return ""
	}
	return text
}
