package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// thing is one thing that serves, as it was last seen.
type thing struct {
	what, where, state, home string
	seen                     time.Time
	since                    time.Time // that it is where it is
}

// away tells that it is not where it normally is.
func (t *thing) away() bool { return t.where != t.home || t.where == "" }

// says is what is to be said of it beside its place.
func (t *thing) says(now time.Time) string {
	text := t.state
	switch {
	case t.where == "":
		text = join(text, "DOWN for "+words(now.Sub(t.since)))
	case t.home != "" && t.away():
		text = join(text, "away from "+t.home)
	}
	if age := now.Sub(t.seen); age >= 2*time.Minute {
		text = join(text, "seen "+words(age)+" ago")
	}
	return text
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// things is what serves where, in the order in which it was first seen.
type things []*thing

// take takes in what a look saw, and tells whether something is elsewhere, or in another state, than before. A thing that has no normal
// place is at home where it was seen first.
func (all *things) take(saw []evenkeel.Serving, at time.Time) (changed bool) {
	for _, s := range saw {
		what, where, state, home := printable.Line(s.What), places(s.Where), printable.Line(s.State), places(s.Home)
		i := slices.IndexFunc(*all, func(t *thing) bool { return t.what == what })
		if i < 0 {
			if home == "" {
				home = where
			}
			*all = append(*all, &thing{what, where, state, home, at, at})
			changed = true
			continue
		}
		t := (*all)[i]
		if t.where != where {
			t.since = at
		}
		changed = changed || t.where != where || t.state != state
		if t.home == "" {
			t.home = where
		}
		t.where, t.state, t.seen = where, state, at
	}
	return changed
}

// many is from how many things on only those are listed that are away.
const many = 8

// few are the things to list, those that are away first, and how many are left out. At most n are listed.
func (all things) few(n int) (list things, rest int) {
	list = slices.Clone(all)
	if len(list) > min(n, many) {
		list = slices.DeleteFunc(list, func(t *thing) bool { return !t.away() })
		slices.SortStableFunc(list, func(a, b *thing) int { // what is down comes first
			return strings.Compare(min(a.where, "1"), min(b.where, "1"))
		})
	}
	list = list[:min(len(list), max(0, n))]
	return list, len(all) - len(list)
}

// restText says of how many things nothing else is said.
func (all things) restText(list things) string {
	away := 0
	for _, t := range all {
		if t.away() {
			away++
		}
	}
	for _, t := range list {
		if t.away() {
			away--
		}
	}
	home := len(all) - len(list) - away
	text := fmt.Sprintf("%d of %d serve in their normal place", home, len(all))
	if away > 0 {
		text += fmt.Sprintf(", %d more are away", away)
	}
	return text
}

// String is what serves where, on one line.
func (all things) String() string {
	list, rest := all.few(many)
	if rest > 0 {
		list, rest = all.few(many / 2)
	}
	var parts, wheres []string
	on := map[string][]string{}
	for _, t := range list {
		if on[t.where] == nil {
			wheres = append(wheres, t.where)
		}
		on[t.where] = append(on[t.where], t.what)
	}
	for _, where := range wheres {
		if text := strings.Join(on[where], ", "); where == "" {
			parts = append(parts, text+" DOWN")
		} else {
			parts = append(parts, text+" on "+where)
		}
	}
	if rest > 0 {
		parts = append(parts, all.restText(list))
	}
	return strings.Join(parts, "; ")
}

// seenAt is String, with the time of the last look.
func (all things) seenAt() string {
	var last time.Time
	for _, t := range all {
		if t.seen.After(last) {
			last = t.seen
		}
	}
	if last.IsZero() {
		return ""
	}
	return all.String() + " (seen at " + last.Format("15:04:05") + ")"
}
