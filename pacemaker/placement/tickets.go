package placement

import (
	"cmp"
	"strings"

	"github.com/beevik/etree"
)

// readTicket keeps resources from running while their ticket is not granted to this site, or is in standby. What a loss means beyond
// a stop (loss-policy fence or freeze) is computed only where nothing has been lost.
func (p *placing) readTicket(e *etree.Element) {
	id := e.SelectAttrValue("id", "")
	ticket := e.SelectAttrValue("ticket", "")
	granted, standby := p.ticketState(ticket)
	if granted && !standby {
		return
	}
	var members []*placeRes
	sets := e.SelectElements("resource_set")
	for _, s := range sets {
		if s = p.cib.Follow(s); s == nil {
			p.refuse(featureReference, id, "a set by reference")
			return
		}
		p.ticketRole(id, s.SelectAttrValue("role", ""))
		set, _ := p.setMembers(id, s) // it is refused where it cannot be read
		members = append(members, set...)
	}
	if len(sets) == 0 {
		p.ticketRole(id, e.SelectAttrValue("rsc-role", ""))
		members = p.constrained(id, e.SelectAttrValue("rsc", ""))
	}
	why := "ticket " + ticket + " is not granted"
	if granted {
		why = "ticket " + ticket + " is in standby"
	}
	policy := strings.ToLower(cmp.Or(e.SelectAttrValue("loss-policy", ""), "stop"))
	for _, r := range members {
		if !granted && r.runningAnywhere() && policy != "stop" && policy != "demote" {
			p.refuse(featureTicket, id, "loss-policy %s", policy)
			continue
		}
		for n := range p.nodes {
			r.deny(n, why)
		}
	}
}

// ticketRole refuses tickets for a role: promotable clones are not computed.
func (p *placing) ticketRole(id, role string) {
	switch strings.ToLower(role) {
	case "", "started":
	default:
		p.refuse(featureTicket, id, "for role %s", role)
	}
}

func (p *placing) ticketState(ticket string) (granted, standby bool) {
	status := p.cib.Root().SelectElement("status")
	if status == nil {
		return false, false
	}
	for _, list := range status.SelectElements("tickets") {
		for _, state := range list.SelectElements("ticket_state") {
			if state.SelectAttrValue("id", "") == ticket {
				return yes(state.SelectAttrValue("granted", ""), false), yes(state.SelectAttrValue("standby", ""), false)
			}
		}
	}
	return false, false
}
