package pair

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// addressed wants addresses of the two nodes, where they are given, for every link of the cluster: a missing one would go unnoticed.
func (p *Pair) addressed() error {
	given := p.Config.Addresses
	if len(given) == 0 {
		return nil
	}
	_, links, err := p.Corosync.Transport()
	if err != nil {
		return err
	}
	var errs []error
	one, other := p.Config.Node1.Name, p.Config.Node2.Name
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if name != one && name != other {
			errs = append(errs, fmt.Errorf("addresses: %q is neither %s nor %s", name, one, other))
		}
	}
	for _, name := range []string{one, other} {
		if n := len(given[name]); n < links {
			errs = append(errs, fmt.Errorf("addresses: %s has %d, and corosync.conf has %d links: the new cluster would have fewer", name, n, links))
		}
	}
	if a, b := len(given[one]), len(given[other]); a != b {
		errs = append(errs, fmt.Errorf("addresses: %s has %d and %s has %d: a link wants one of each", one, a, other, b))
	}
	return errors.Join(errs...)
}

// openPorts are those that corosync listens on in the new cluster.
func (p *Pair) openPorts(transport string) ([]corosync.Port, error) {
	conf := p.Corosync
	if transport != "knet" && p.newPCS.Modern() {
		var nodes []corosync.Member
		for _, s := range p.servers() {
			nodes = append(nodes, corosync.Member{Name: s.Name, Addresses: p.Config.Addresses[s.Name]})
		}
		plan, err := conf.PlanKnet(corosync.KnetOptions{ClusterName: p.cluster, Nodes: nodes})
		if err != nil {
			return nil, err
		}
		conf = plan.Conf
	}
	return conf.Ports()
}
