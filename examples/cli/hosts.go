package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// hosts reaches the machines of a configuration over SSH, each when it is first needed.
type hosts struct {
	cfg *Config

	mu      sync.Mutex
	clients map[string]*sshexec.Client
	clock   *worldClock // told that time has moved; nil for the real world
}

func connect(cfg *Config) *hosts {
	h := &hosts{cfg: cfg, clients: map[string]*sshexec.Client{}}
	if cfg.World != "" {
		h.clock = &worldClock{hosts: h, host: cfg.World}
	}
	return h
}

// Runner is the way to a machine.
func (h *hosts) Runner(host string) (sshexec.Runner, error) {
	c, err := h.client(host)
	if err != nil {
		return nil, err
	}
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if h.clock != nil {
			defer h.clock.moved()
		}
		return c.Run(ctx, cmd)
	}), nil
}

func (h *hosts) client(host string) (*sshexec.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.clients[host]; c != nil {
		return c, nil
	}
	if err := h.cfg.checkLogin(); err != nil {
		return nil, &InputError{err}
	}
	cfg := sshexec.Config{Host: host, Addr: h.cfg.Hosts[host], User: h.cfg.SSH.User}
	if cfg.Addr != "" {
		if _, _, err := net.SplitHostPort(cfg.Addr); err != nil {
			return nil, fmt.Errorf("hosts: %s: %w", host, err)
		}
	}
	for _, f := range h.cfg.SSH.KnownHosts {
		cfg.KnownHosts = append(cfg.KnownHosts, h.cfg.Path(f))
	}
	for _, f := range h.cfg.SSH.Keys {
		cfg.Auth.KeyFiles = append(cfg.Auth.KeyFiles, h.cfg.Path(f))
	}
	cfg.Auth.Agent = h.cfg.SSH.Agent
	c, err := sshexec.NewClient(cfg)
	if err == nil {
		h.clients[host] = c
	}
	return c, err
}

// Clock is the time of the world that the hosts are in.
func (h *hosts) Clock() evenkeel.Clock {
	if h.clock != nil {
		return h.clock
	}
	return evenkeel.WallClock{}
}

// ready tells whether the world that the hosts are in answers, and whether the machines are its own. One that is gone
// has no time, and nothing may be journalled without it; and on real machines nobody would confirm what the operator of
// a simulated world does.
func (h *hosts) ready(ctx context.Context, machines []string) error {
	if h.clock == nil {
		return nil
	}
	if err := h.clock.look(ctx); err != nil {
		return fmt.Errorf("the simulated world (world: %s) does not answer, and nothing was done. If its simulate has ended it is gone with all "+
			"that was in it; serve a new one. For real machines take world out of the configuration: %w", h.cfg.World, err)
	}
	text, err := h.clock.ask(ctx, "addresses")
	var own map[string]string
	if err == nil {
		err = json.Unmarshal([]byte(text), &own)
	}
	if err != nil {
		return fmt.Errorf("world: %s does not say which machines are its own, and nothing was done: %w", h.cfg.World, err)
	}
	for _, name := range machines {
		if own[name] == "" || h.cfg.Hosts[name] != own[name] {
			return fmt.Errorf("world: %s is set, and %s is not one of its machines. Nothing was done. For real machines remove "+
				"world from the configuration", h.cfg.World, name)
		}
	}
	return nil
}

// Close closes the connections.
func (h *hosts) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.clients {
		_ = c.Close()
	}
}

// worldClock is the virtual clock of a simulated world in another process: it asks the world, and asks again only after
// something happened there.
type worldClock struct {
	hosts *hosts
	host  string

	mu    sync.Mutex
	now   time.Time
	valid bool
}

func (c *worldClock) moved() {
	c.mu.Lock()
	c.valid = false
	c.mu.Unlock()
}

// Now is the world's time; when the world is gone the last that it told, and whatever is done next says so. There is one:
// see hosts.ready.
func (c *worldClock) Now() time.Time {
	_ = c.look(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// look asks for the world's time where it may have changed.
func (c *worldClock) look(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.valid {
		return nil
	}
	out, err := c.ask(ctx, "now")
	if err != nil {
		return err
	}
	t, err := time.Parse(time.RFC3339Nano, out)
	if err == nil {
		c.now, c.valid = t, true
	}
	return err
}

// Sleep lets the world's time pass.
func (c *worldClock) Sleep(ctx context.Context, d time.Duration) error {
	_, err := c.ask(ctx, "sleep", d.String())
	c.moved()
	return err
}

func (c *worldClock) ask(ctx context.Context, args ...string) (string, error) {
	client, err := c.hosts.client(c.host)
	if err != nil {
		return "", err
	}
	res, err := client.Run(ctx, sshexec.Command(sshexec.ReadOnly, append([]string{"world"}, args...)...))
	var ce *sshexec.CommandError
	if errors.As(err, &ce) && ctx.Err() != nil {
		return "", ctx.Err()
	}
	return strings.TrimSpace(res.Text()), err
}
