package cps

import (
	"slices"
	"strings"
)

// ReviewMembers is [ReviewMembers] with what the other tables tell: where an arbiter is that is on no VM of Hosts.csv, and
// a name that no table has. Under the name of an additional host that has the address of a VM a member would be counted
// as one that stays while the VM is down; Findings has that mistake.
func (d *Deploy) ReviewMembers(mc *MongoConfig) []Finding {
	if d.Additional == nil {
		return ReviewMembers(d.Hosts, mc)
	}
	f := findings{file: mc.File}
	for _, rs := range mc.Sets {
		for _, m := range slices.Concat(rs.Members, rs.Arbiters) {
			if _, called := d.Hosts.alsoCalled(m.Host); called {
				continue // ReviewMembers says it, where it is not the alias
			}
			switch place, ok := d.Place(m.Host); {
			case !ok:
				f.add(Error, m.Line, "CPS-007", "%s of %s is on no VM of %s, and not in %s: nobody can tell where it is", m.Host, rs,
					d.Hosts.File, d.Additional.File)
			case strings.HasPrefix(m.Host, arbiterVIP): // it moves with corosync
			case d.VLANs == nil:
				f.add(Warning, m.Line, "MON-016", "%s of %s is at %s, and without Vlans.csv nobody can tell whether that is in this cluster: "+
					"it is taken for one that stays while either half is down", m.Address(), rs, place.Address)
			case place.Kind == PlaceVirtual:
				f.add(Warning, m.Line, "MON-016", "%s of %s is a virtual address of this cluster (%s): make sure that it moves away from "+
					"a half before the half goes down", m.Address(), rs, place.Network)
			case place.Kind == PlaceElsewhere:
				f.add(Info, m.Line, "MON-016", "%s of %s is at %s, in no network of this cluster: it stays while either half is down",
					m.Address(), rs, place.Address)
			}
		}
	}
	known := func(told Finding) bool { return told.Severity != Error } // of an arbiter elsewhere, which is said above
	return append(slices.DeleteFunc(ReviewMembers(d.Hosts, mc), known), f.list...)
}
