package pacemaker

import (
	"slices"
	"strings"
)

// Wanted is what the configuration wants of a primitive, by its own meta attributes and by those that it inherits: from
// its template, the group and clone around it, and the defaults of the cluster. A reason is like "is-managed=false in
// its group g"; a set with a rule counts as if the rule held, since it may hold when it is least convenient.
type Wanted struct {
	Resource
	Unmanaged string // why Pacemaker neither starts, stops nor moves it; empty where it does
	Disabled  string // why it stays stopped; empty where it runs
}

// Wanted is what the configuration wants of each primitive, in the order of the document.
func (c *CIB) Wanted() []Wanted {
	w := wanting{templates: make(map[string]Resource)}
	for _, r := range c.Resources() {
		if r.Kind == Template {
			w.templates[r.ID] = r
		}
	}
	w.defaults = []metaLevel{{"in the defaults of the resources", c.ResourceDefaults()}}
	if v, ok := c.Property("is-managed-default"); ok {
		pair := NVPair{Name: "is-managed", Value: v}
		w.defaults = append(w.defaults, metaLevel{"by the property is-managed-default", AttributeSets{{Pairs: []NVPair{pair}}}})
	}
	if v, _ := c.Property("maintenance-mode"); IsTrue(v) {
		w.mode = "the cluster is in maintenance mode"
	}
	if v, _ := c.Property("stop-all-resources"); IsTrue(v) {
		w.stopped = "stop-all-resources=" + v
	}
	for _, r := range c.Resources() {
		w.read(r, nil, "", "")
	}
	return w.list
}

type metaLevel struct {
	where string
	sets  AttributeSets
}

type wanting struct {
	templates     map[string]Resource
	defaults      []metaLevel
	mode, stopped string
	list          []Wanted
}

// read goes into a resource; around are the meta attributes of those that hold it, the nearest first. A group
// that is left alone takes its members with it, whatever they say themselves. What a member says of its role counts before
// what its group says; none starts without those before it.
func (w *wanting) read(r Resource, around []metaLevel, unmanaged, disabled string) {
	if r.Kind == Template {
		return
	}
	levels := []metaLevel{{"", r.Meta}}
	if r.Kind != Primitive {
		levels[0].where = "in its " + string(r.Kind) + " " + r.ID
	}
	if t, ok := w.templates[r.Template]; ok {
		levels = append(levels, metaLevel{"in its template " + t.ID, t.Meta})
	}
	levels = append(levels, around...)
	all := slices.Concat(levels, w.defaults)
	firstOf := func(reasons ...string) string {
		for _, reason := range reasons {
			if reason != "" {
				return reason
			}
		}
		return ""
	}
	alone := firstOf(w.mode, unmanaged,
		why(all, "is-managed", func(v string) bool { return v != "" && !strings.EqualFold(v, "default") && !IsTrue(v) }),
		why(all, "maintenance", IsTrue))
	stopped := firstOf(w.stopped, disabled, why(all, "target-role", func(v string) bool { return strings.EqualFold(v, "Stopped") }))
	if r.Kind == Primitive {
		w.list = append(w.list, Wanted{Resource: r, Unmanaged: alone, Disabled: stopped})
		return
	}
	if r.Kind != Group { // a clone's members inherit, and may say otherwise
		alone = ""
	}
	before := ""
	for _, m := range r.Members {
		w.read(m, levels, alone, before)
		if last := len(w.list) - 1; r.Kind == Group && before == "" && last >= 0 && w.list[last].Disabled != "" {
			before = "after " + w.list[last].ID + ", which has " + w.list[last].Disabled
		}
	}
}

// why is the pair that decides, and where it stands, if its value is such.
func why(levels []metaLevel, name string, such func(value string) bool) string {
	for _, l := range levels {
		for _, set := range l.sets {
			if v, ok := set.Get(name); ok && set.Rule != "" && such(v) {
				return strings.Join(strings.Fields(name+"="+v+" "+l.where+" under the rule of "+set.ID), " ")
			}
		}
		if v, ok := l.sets.Get(name); ok {
			if such(v) {
				return strings.TrimSpace(name + "=" + v + " " + l.where)
			}
			return ""
		}
	}
	return ""
}

// IsTrue reads a truth value as Pacemaker does.
func IsTrue(value string) bool {
	switch strings.ToLower(value) {
	case "true", "on", "yes", "y", "1":
		return true
	}
	return false
}

// isFalse reads a truth value as Pacemaker does; what is none is not false.
func isFalse(value string) bool {
	return slices.Contains([]string{"false", "off", "no", "n", "0"}, strings.ToLower(value))
}
