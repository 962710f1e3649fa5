package placement

import (
	"cmp"
	"strings"

	"github.com/beevik/etree"
)

// readOrder reads a mandatory order of starts. Optional ones and those that only serialise do not decide where something runs.
func (p *placing) readOrder(e *etree.Element) {
	id := e.SelectAttrValue("id", "")
	if !p.mandatory(id, e, "") {
		for _, first := range p.constrained(id, e.SelectAttrValue("first", "")) {
			if first.min > 0 || !yes(e.SelectAttrValue("require-all", ""), true) {
				p.refuse(featureOrderAction, id, "an optional order on clone-min or require-all")
			}
		}
		p.optional = append(p.optional, [2]string{e.SelectAttrValue("first", ""), e.SelectAttrValue("then", "")})
		return
	}
	oneWay := !yes(e.SelectAttrValue("symmetrical", ""), true)
	sets := e.SelectElements("resource_set")
	if len(sets) == 0 {
		action := strings.ToLower(cmp.Or(e.SelectAttrValue("first-action", ""), "start"))
		thenAction := strings.ToLower(cmp.Or(e.SelectAttrValue("then-action", ""), action))
		for _, first := range p.constrained(id, e.SelectAttrValue("first", "")) {
			for _, then := range p.constrained(id, e.SelectAttrValue("then", "")) {
				p.addOrder(placeOrder{id: id, first: first, then: then, oneWay: oneWay, min: first.min,
					any: !yes(e.SelectAttrValue("require-all", ""), true)}, action, thenAction)
			}
		}
		return
	}
	var last []*placeRes
	var lastAction string
	var lastSequential bool
	for _, s := range sets {
		s = p.cib.Follow(s)
		if s == nil {
			p.refuse(featureReference, id, "a set by reference")
			return
		}
		members, ok := p.orderSet(id, s)
		if !ok {
			return
		}
		action := strings.ToLower(s.SelectAttrValue("action", "start"))
		sequential := yes(s.SelectAttrValue("sequential", ""), true)
		if sequential && p.mandatory(id, s, e.SelectAttrValue("kind", "")) {
			for i := 1; i < len(members); i++ {
				p.addOrder(placeOrder{id: id, first: members[i-1], then: members[i], oneWay: oneWay}, action, action)
			}
		}
		first, then := last, members
		if lastSequential && len(first) > 0 {
			first = first[len(first)-1:]
		}
		if sequential && len(then) > 0 {
			then = then[:1]
		}
		for _, f := range first {
			for _, t := range then {
				p.addOrder(placeOrder{id: id, first: f, then: t, oneWay: oneWay}, lastAction, action)
			}
		}
		last, lastAction, lastSequential = members, action, sequential
	}
}

// mandatory says whether an order, or a set of one, binds.
func (p *placing) mandatory(id string, e *etree.Element, absent string) bool {
	kind := strings.ToLower(cmp.Or(e.SelectAttrValue("kind", ""), absent))
	if kind == "" {
		if score := e.SelectAttrValue("score", ""); score != "" && p.score(id, score) == 0 {
			return false
		}
		return true
	}
	if kind != "mandatory" && kind != "optional" && kind != "serialize" {
		p.refuse(featureOrderAction, id, "kind %s", kind)
	}
	return kind == "mandatory"
}

func (p *placing) orderSet(id string, s *etree.Element) ([]*placeRes, bool) {
	if !yes(s.SelectAttrValue("require-all", ""), true) {
		p.refuse(featureOrderAction, id, "require-all=false in a set")
	}
	p.plainRole(id, s.SelectAttrValue("role", ""))
	return p.setMembers(id, s)
}

func (p *placing) addOrder(o placeOrder, firstAction, thenAction string) {
	switch {
	case firstAction == "start" && thenAction == "start":
		p.orders = append(p.orders, o)
	case firstAction == "stop" && thenAction == "stop" && !o.oneWay && !o.any: // the same, told the other way round
		o.first, o.then = o.then, o.first
		p.orders = append(p.orders, o)
	default:
		p.refuse(featureOrderAction, o.id, "%s then %s", firstAction, thenAction)
	}
}
