package readiness

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/beevik/etree"
)

// rule is a line of rules.tsv: something in a CIB that Pacemaker takes no more, or not as before, from a release on; or
// that one release of a distribution does not take.
type rule struct {
	matcher

	since   Version // of Pacemaker; the zero value with a release below
	release string  // of the distribution; empty is any whose Pacemaker is not known to be older
	finding Finding // with all that does not come from the input
}

// theRules are those of rules.tsv.
var theRules = sync.OnceValue(func() (all []rule) {
	for _, row := range rows("rules.tsv", rulesTSV, 7) {
		m, ok := matchers[row[0]]
		if !ok {
			panic("rules.tsv: nothing finds what " + row[0] + " is about") // the table is a part of the program
		}
		r := rule{matcher: m, release: row[1],
			finding: Finding{Level: Level(row[2]), Check: row[3], Why: row[4], Next: row[5], Source: sourceOf(row[6])}}
		if version, ok := strings.CutPrefix(row[1], "pacemaker "); ok {
			since, err := ParseVersion(version)
			if err != nil {
				panic("rules.tsv: " + row[0] + ": " + err.Error())
			}
			r.since, r.release = since, ""
		}
		all = append(all, r)
	}
	return all
})

// applies says whether a rule is about a target.
func (r rule) applies(to Release) bool {
	if r.release != "" {
		return r.release == to.Name
	}
	return !to.Pacemaker.below(r.since)
}

// rules looks at every element of the configuration once.
func (c *checker) rules() {
	byTag := map[string][]rule{}
	for _, r := range theRules() {
		if r.applies(c.to) {
			for _, tag := range r.tags {
				byTag[tag] = append(byTag[tag], r)
			}
		}
	}
	at := c.in.CIB.ErrorsAt()
	var visit func(e *etree.Element)
	visit = func(e *etree.Element) {
		for _, r := range byTag[e.Tag] {
			if found := r.match(e); found != "" {
				f := r.finding
				f.Where, f.Object, f.Found = place(at(e, "")), object(e), found
				c.find(f)
			}
		}
		for child := range e.ChildElementsSeq() {
			visit(child)
		}
	}
	if conf := c.in.CIB.Root().SelectElement("configuration"); conf != nil {
		visit(conf)
	}
}

// place is file:line:column, as far as it is known.
func place(at *ParseError) string {
	switch {
	case at.Line > 0 && at.Col > 0:
		return strings.TrimPrefix(fmt.Sprintf("%s:%d:%d", at.File, at.Line, at.Col), ":")
	case at.Line > 0:
		return strings.TrimPrefix(fmt.Sprintf("%s:%d", at.File, at.Line), ":")
	}
	return at.File
}

// object is the id that an operator knows an element by: that of its resource, constraint or node, or the name of its option.
func object(e *etree.Element) string {
	if e.Tag == "nvpair" && under(e, "cluster_property_set") {
		return e.SelectAttrValue("name", "")
	}
	for up := e; up != nil; up = up.Parent() {
		switch up.Tag {
		case "primitive", "template", "group", "clone", "master", "bundle", "node", "rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket",
			"fencing-level", "alert":
			return up.SelectAttrValue("id", "")
		}
	}
	return e.SelectAttrValue("id", "")
}

// under says whether an element stands in one of a name and, if an owner is named, that one in one of the owners.
func under(e *etree.Element, set string, owners ...string) bool {
	p := e.Parent()
	return p != nil && p.Tag == set && (len(owners) == 0 || p.Parent() != nil && slices.Contains(owners, p.Parent().Tag))
}

var resourceTags = []string{"primitive", "template", "group", "clone", "master", "bundle"}

// option matches a cluster option by its name.
func option(names ...string) func(*etree.Element) string {
	return func(e *etree.Element) string {
		name := e.SelectAttrValue("name", "")
		if !under(e, "cluster_property_set") || !slices.Contains(names, name) {
			return ""
		}
		return "cluster option " + name
	}
}

// meta matches a meta attribute by its name, of some elements.
func meta(what string, owners []string, names ...string) func(*etree.Element) string {
	return func(e *etree.Element) string {
		name := e.SelectAttrValue("name", "")
		if !under(e, "meta_attributes", owners...) || !slices.Contains(names, name) {
			return ""
		}
		return what + " " + name
	}
}

// attribute matches an element that has one of some attributes.
func attribute(names ...string) func(*etree.Element) string {
	return func(e *etree.Element) string {
		for _, name := range names {
			if e.SelectAttr(name) != nil {
				return e.Tag + " with " + name
			}
		}
		return ""
	}
}

// class matches a resource or template of some classes, however they are written.
func class(names ...string) func(*etree.Element) string {
	return func(e *etree.Element) string {
		if name := strings.ToLower(e.SelectAttrValue("class", "")); slices.Contains(names, name) {
			return fmt.Sprintf("class %s: %s", name, e.SelectAttrValue("type", ""))
		}
		return ""
	}
}

// present matches any element, and says what it is.
func present(what string) func(*etree.Element) string {
	return func(*etree.Element) string { return what }
}

// parameter is the value of an instance attribute of a resource element; the first that is there.
func parameter(e *etree.Element, name string) string {
	for _, set := range e.SelectElements("instance_attributes") {
		for _, pair := range set.SelectElements("nvpair") {
			if pair.SelectAttrValue("name", "") == name {
				return pair.SelectAttrValue("value", "")
			}
		}
	}
	return ""
}

// isAgent says whether a primitive is of an agent, written as class:provider:type.
func isAgent(e *etree.Element, agent string) bool { return agentOf(e) == agent }

// agentOf is the agent of a primitive or template as class:provider:type.
func agentOf(e *etree.Element) string {
	parts := []string{e.SelectAttrValue("class", "")}
	if provider := e.SelectAttrValue("provider", ""); provider != "" {
		parts = append(parts, provider)
	}
	return strings.Join(append(parts, e.SelectAttrValue("type", "")), ":")
}
