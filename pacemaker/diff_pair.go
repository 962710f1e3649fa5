package pacemaker

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// kindOrder is the order in which differences are told.
var kindOrder = []string{
	kindHeader, kindProperty, kindPropertySet, kindNode, kindResource, kindLocation, kindOrdering, kindColocation, kindTicket, kindConstraint,
	kindResourceDefault, kindOperationDefault, kindDefaultSet, kindFencingLevel, kindTag, kindACL, kindAlert, kindSection,
}

const (
	kindHeader           = "CIB attribute"
	kindProperty         = "property"
	kindPropertySet      = "property set"
	kindNode             = "node"
	kindResource         = "resource"
	kindLocation         = "location constraint"
	kindOrdering         = "order constraint"
	kindColocation       = "colocation constraint"
	kindTicket           = "ticket constraint"
	kindConstraint       = "constraint"
	kindResourceDefault  = "resource default"
	kindOperationDefault = "operation default"
	kindDefaultSet       = "defaults set"
	kindFencingLevel     = "fencing level"
	kindTag              = "tag"
	kindACL              = "ACL"
	kindAlert            = "alert"
	kindSection          = "configuration"
)

// noDetail is what is shown of an element that says nothing but that it is there.
const noDetail = "()"

// object is one thing that a configuration consists of. Two objects with the same fields mean the same.
type object struct {
	kind, subject string
	id            string // of its element; it tells which of several is which, and means nothing else
	fields        []field
	told          bool // when it comes or goes its fields are told, not only that it does
}

// field is one thing that an object says. There may be several of the same name; their order means nothing.
type field struct {
	name  string
	same  string // the value as it is compared
	shown string // the value as it is told, secrets masked
}

func (o *object) sort() {
	slices.SortStableFunc(o.fields, func(a, b field) int { return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.same, b.same)) })
}

// meaning is everything that the object says, as one text.
func (o *object) meaning() string {
	var b strings.Builder
	for _, f := range o.fields {
		b.WriteString(f.name)
		b.WriteByte(0)
		b.WriteString(f.same)
		b.WriteByte(0)
	}
	return b.String()
}

// objectPair is what became of an object; one of the two is nil when it came or went.
type objectPair struct{ old, new *object }

// pairUp finds the objects that belong together: the same kind and subject, then the same meaning, then the same id, then in order.
// Pairs that mean the same are left out.
func pairUp(old, new []*object) iter.Seq[objectPair] {
	type group struct{ old, new []*object }
	type key struct{ kind, subject string }
	groups := make(map[key]*group, len(old))
	var order []*group
	at := func(o *object) *group {
		k := key{o.kind, o.subject}
		if groups[k] == nil {
			groups[k] = &group{}
			order = append(order, groups[k])
		}
		return groups[k]
	}
	for _, o := range old {
		g := at(o)
		g.old = append(g.old, o)
	}
	for _, o := range new {
		g := at(o)
		g.new = append(g.new, o)
	}
	return func(yield func(objectPair) bool) {
		for _, g := range order {
			olds, news := withoutCommon(g.old, g.new, (*object).meaning, nil)
			var pairs []objectPair
			olds, news = withoutCommon(olds, news, func(o *object) string { return o.id },
				func(a, b *object) { pairs = append(pairs, objectPair{a, b}) })
			for i := range max(len(olds), len(news)) {
				var p objectPair
				if i < len(olds) {
					p.old = olds[i]
				}
				if i < len(news) {
					p.new = news[i]
				}
				pairs = append(pairs, p)
			}
			for _, p := range pairs {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// withoutCommon strikes out what stands in both lists under the same key, telling each pair, and leaves the rest of both sorted by it.
func withoutCommon[T any](old, new []T, key func(T) string, pair func(a, b T)) (oldRest, newRest []T) {
	type keyed struct {
		key string
		v   T
	}
	sorted := func(list []T) []keyed {
		all := make([]keyed, len(list))
		for i, v := range list {
			all[i] = keyed{key(v), v}
		}
		slices.SortStableFunc(all, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
		return all
	}
	a, b := sorted(old), sorted(new)
	for len(a) > 0 && len(b) > 0 {
		switch c := strings.Compare(a[0].key, b[0].key); {
		case c < 0:
			oldRest, a = append(oldRest, a[0].v), a[1:]
		case c > 0:
			newRest, b = append(newRest, b[0].v), b[1:]
		default:
			if pair != nil {
				pair(a[0].v, b[0].v)
			}
			a, b = a[1:], b[1:]
		}
	}
	for _, k := range a {
		oldRest = append(oldRest, k.v)
	}
	for _, k := range b {
		newRest = append(newRest, k.v)
	}
	return oldRest, newRest
}

// differences tells what became of the object.
func (p objectPair) differences() []Difference {
	one := cmp.Or(p.old, p.new)
	if (p.old == nil || p.new == nil) && !one.told {
		return []Difference{{Kind: one.kind, Subject: one.subject, InOld: p.old != nil, InNew: p.new != nil}}
	}
	fieldsOf := func(o *object) []field {
		if o == nil {
			return nil
		}
		return o.fields
	}
	olds, news := withoutCommon(fieldsOf(p.old), fieldsOf(p.new), func(f field) string { return f.name + "\x00" + f.same }, nil)
	var all []Difference
	olds, news = withoutCommon(olds, news, func(f field) string { return f.name }, func(a, b field) {
		all = append(all, Difference{one.kind, one.subject, a.name, true, true, a.shown, b.shown})
	})
	for _, f := range olds {
		all = append(all, Difference{Kind: one.kind, Subject: one.subject, Field: f.name, InOld: true, Old: f.shown})
	}
	for _, f := range news {
		all = append(all, Difference{Kind: one.kind, Subject: one.subject, Field: f.name, InNew: true, New: f.shown})
	}
	return all
}
