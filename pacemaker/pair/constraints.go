package pair

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// referred are the resources that each id means in a constraint: itself, those of a tag, or those that are made from a template.
func referred(cib *pacemaker.CIB) map[string][]string {
	means := map[string][]string{}
	for r := range pacemaker.Walk(cib.Resources()) {
		means[r.ID] = append(means[r.ID], r.ID)
		if r.Template != "" {
			means[r.Template] = append(means[r.Template], r.ID)
		}
	}
	for _, t := range cib.Tags() {
		means[t.ID] = t.Refs
	}
	return means
}

// constrained are the resources of each constraint that ties resources together: colocations and orders, whatever their
// score, for a preference that one follows another is a move, too.
func constrained(cib *pacemaker.CIB) (list [][]string, err error) {
	means := referred(cib)
	add := func(constraint string, sets []pacemaker.ResourceSet, ids ...string) {
		for _, s := range sets {
			ids = append(ids, s.Resources...)
		}
		var all []string
		for _, id := range ids {
			if means[id] == nil && id != "" && err == nil {
				err = fmt.Errorf("constraint %s names %s, which is no resource, tag or template", constraint, id)
			}
			all = append(all, means[id]...)
		}
		list = append(list, all)
	}
	for _, c := range cib.Colocations() {
		if !strings.HasPrefix(c.Score, "-") { // apart, not together
			add(c.ID, c.Sets, c.Resource, c.With)
		}
	}
	for _, o := range cib.Orders() {
		add(o.ID, o.Sets, o.First, o.Then)
	}
	return list, err
}

// single says why a clone may not have a copy on each node, by the primitive in it and what stands around that: then it is one that moves.
// It is empty where each node has one.
func single(cib *pacemaker.CIB, primitive pacemaker.Resource, around []pacemaker.Resource) string {
	defaults := cib.ResourceDefaults()
	ids := []string{primitive.ID}
	for _, r := range around {
		ids = append(ids, r.ID)
		if r.Kind == pacemaker.Group {
			continue
		}
		for _, set := range append(slices.Clone(r.Meta), defaults...) {
			if set.Rule != "" {
				return "meta attributes of " + r.ID + " depend on a rule (" + set.ID + ")"
			}
		}
		meta := func(name, otherwise string) string {
			if v, said := r.Meta.Get(name); said {
				return v
			}
			if v, said := defaults.Get(name); said {
				return v
			}
			return otherwise
		}
		if most, err := strconv.Atoi(meta("clone-max", "2")); err != nil || most < 2 {
			return "clone-max of " + r.ID + " is " + meta("clone-max", "")
		}
		if unique := meta("globally-unique", "false"); !isFalse(unique) {
			return "globally-unique of " + r.ID + " is " + unique
		}
	}
	if v, said := cib.Property("symmetric-cluster"); said && isFalse(v) {
		return "it runs only where a constraint lets it (symmetric-cluster is " + v + ")"
	}
	means := referred(cib)
	for _, l := range cib.Locations() {
		if !(l.Plain() && !strings.HasPrefix(l.Score, "-")) && slices.ContainsFunc(ids, func(id string) bool { return locates(l, means, id) }) {
			return "constraint " + l.ID + " may keep it from a node"
		}
	}
	return ""
}

// locates tells whether a location constraint may be about a resource.
func locates(l pacemaker.Location, means map[string][]string, id string) bool {
	named := slices.Clone(means[l.Resource])
	for _, s := range l.Sets {
		for _, r := range s.Resources {
			named = append(named, means[r]...)
		}
	}
	if l.Pattern == "" {
		return slices.Contains(named, id)
	}
	re, err := regexp.CompilePOSIX(strings.TrimPrefix(l.Pattern, "!"))
	return err != nil || re.MatchString(id) != strings.HasPrefix(l.Pattern, "!")
}

// isFalse reads a truth value as Pacemaker does; what is none is not false.
func isFalse(value string) bool {
	return slices.Contains([]string{"false", "off", "no", "n", "0"}, strings.ToLower(value))
}
