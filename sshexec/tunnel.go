package sshexec

import (
	"context"
	"fmt"
	"io"
	"net"
)

// DialContext connects to addr from the machine, as ssh -W does: for services that listen only there, and for hosts
// behind it. The connection has deadlines, which a channel of SSH has not.
func (c *Client) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	channel, err := c.channel(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	go func() {
		_, _ = io.Copy(far, channel)
		_ = far.Close()
	}()
	go func() {
		_, _ = io.Copy(channel, far)
		_ = channel.Close()
	}()
	return near, nil
}

// channel is a channel of SSH to addr.
func (c *Client) channel(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	if !conn.line.ask() {
		return nil, fmt.Errorf("cannot connect to %s from %s: %w", addr, c.cfg.Host, errEnded)
	}
	defer conn.line.answered()
	channel, err := conn.ssh.DialContext(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to %s from %s: %w", addr, c.cfg.Host, err)
	}
	return channel, nil
}
