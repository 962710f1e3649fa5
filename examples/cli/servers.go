package cli

import (
	"context"
	"net"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Tunnel connects to an address from a machine of the configuration, over SSH.
type Tunnel func(ctx context.Context, machine, network, address string) (net.Conn, error)

// Network is what a simulated world offers whose servers speak a protocol of their own: the way to them, from any of its
// machines.
type Network interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// within are the machines of a run, with the way to the servers of a job that has some.
func (a *App) within(h *hosts) (evenkeel.Hosts, error) {
	if a.Servers == nil {
		return h, nil
	}
	servers, err := a.Servers(h.cfg, h.tunnel)
	if err != nil {
		return nil, err
	}
	return &network{h, servers}, nil
}

func (h *hosts) tunnel(ctx context.Context, machine, protocol, address string) (net.Conn, error) {
	c, err := h.client(machine)
	if err != nil {
		return nil, err
	}
	return c.DialContext(ctx, protocol, address)
}

// network is machines and servers.
type network struct {
	*hosts
	servers change.Dialer
}

// Dial connects to a server.
func (n *network) Dial(ctx context.Context, host, address string) (change.Conn, error) {
	defer n.moved()
	conn, err := n.servers.Dial(ctx, host, address)
	if err != nil {
		return nil, err
	}
	return &connected{conn, n}, nil
}

// moved has the time asked for anew.
func (n *network) moved() {
	if n.clock != nil {
		n.clock.moved()
	}
}

type connected struct {
	change.Conn
	network *network
}

// Send sends a document.
func (c *connected) Send(ctx context.Context, d change.Doc) (string, error) {
	defer c.network.moved()
	return c.Conn.Send(ctx, d)
}
