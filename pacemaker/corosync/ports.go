package corosync

import (
	"cmp"
	"fmt"
	"slices"
)

// Port is a port that a firewall has to let in.
type Port struct {
	Number   int
	Protocol string // udp or tcp
	Why      string
}

// String is the port as firewall-cmd takes it: "4242/udp".
func (p Port) String() string { return fmt.Sprintf("%d/%s", p.Number, p.Protocol) }

// Ports are the ports that corosync uses according to the file: the firewall service "high-availability" opens 5404 to 5412 only, and IML
// takes a port at random (H16, PCM-055). Multicast and broadcast use the port below as well, to send from. They come in order, each once.
func (c *Conf) Ports() ([]Port, error) {
	t, err := c.Totem()
	if err != nil {
		return nil, err
	}
	nodes, err := c.NodeList()
	if err != nil {
		return nil, err
	}
	quorum, err := c.Quorum()
	if err != nil {
		return nil, err
	}
	var ports []Port
	for _, l := range links(t, nodes) {
		port := l.McastPort
		switch {
		case port > 0:
		case l.Broadcast:
			port = DefaultPort + 2*l.Ring
		case transportOf(t, nodes) == "knet":
			port = DefaultPort + l.Ring
		default:
			port = DefaultPort
		}
		ports = append(ports, Port{port, "udp", fmt.Sprintf("corosync, link %d", l.Ring)})
		if transportOf(t, nodes) == "udp" {
			ports = append(ports, Port{port - 1, "udp", fmt.Sprintf("corosync, link %d, to send from", l.Ring)})
		}
	}
	if d := quorum.Device; d != nil && d.Model == "net" {
		ports = append(ports, Port{cmp.Or(d.Net.Port, defaultQnetdPort), "tcp", "the quorum device, on " + d.Net.Host})
	}
	slices.SortStableFunc(ports, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Number, b.Number))
	})
	return slices.CompactFunc(ports, func(a, b Port) bool { return a.Number == b.Number && a.Protocol == b.Protocol }), nil
}

// transportOf is the transport that is in force. A file that names none and could be for either release counts as udp: that is one port
// more than knet needs, and none less.
func transportOf(t Totem, nodes []Node) string {
	switch {
	case t.Transport != "":
		return t.Transport
	case t.LinkMode != "" || t.CryptoModel != "":
		return "knet"
	case slices.ContainsFunc(nodes, func(n Node) bool { return len(n.Addresses) > 1 }) && t.RRPMode == "":
		return "knet"
	}
	return "udp"
}

// links are the interfaces, and for knet and udpu those that only the nodelist names.
func links(t Totem, nodes []Node) []Interface {
	list := slices.Clone(t.Interfaces)
	for _, n := range nodes {
		for ring := range n.Addresses {
			if !slices.ContainsFunc(list, func(i Interface) bool { return i.Ring == ring }) {
				list = append(list, Interface{Ring: ring})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Interface) int { return a.Ring - b.Ring })
	return list
}
