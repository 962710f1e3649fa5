package sshexec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	sshconfig "github.com/kevinburke/ssh_config"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// SSHConfig is what ssh_config(5) files say. These keywords count: Host, Match host and Match all, Include, HostName,
// User, Port, IdentityFile, IdentitiesOnly, ProxyJump, UserKnownHostsFile, GlobalKnownHostsFile, HostKeyAlias,
// StrictHostKeyChecking, ConnectTimeout, ServerAliveInterval and ServerAliveCountMax. Other kinds of Match are an
// error, and so is a ProxyCommand for a host that is asked for. Host keys are checked strictly where ssh would ask or
// not check; "accept-new" is AcceptNew.
type SSHConfig struct {
	files []*sshconfig.Config
	home  string
	local string // the local user's name
}

// LoadSSHConfig reads the files; without any, ~/.ssh/config and /etc/ssh/ssh_config, those of them that exist. Where
// several say something, the first counts.
func LoadSSHConfig(files ...string) (*SSHConfig, error) {
	c := newSSHConfig()
	optional := len(files) == 0
	if optional {
		files = []string{filepath.Join(c.home, ".ssh", "config"), "/etc/ssh/ssh_config"}
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		switch {
		case optional && errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("cannot read the SSH configuration: %w", err)
		}
		if err := c.add(name, text); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// ParseSSHConfig reads one configuration.
func ParseSSHConfig(r io.Reader) (*SSHConfig, error) {
	text, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	c := newSSHConfig()
	if err := c.add(srcerr.NameOf(r), text); err != nil {
		return nil, err
	}
	return c, nil
}

func newSSHConfig() *SSHConfig {
	c := &SSHConfig{}
	c.home, _ = os.UserHomeDir()
	if u, err := user.Current(); err == nil {
		c.local = u.Username
	}
	return c
}

func (c *SSHConfig) add(name string, text []byte) (err error) {
	defer func() {
		// The parser panics on some texts that are not a configuration.
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot read the SSH configuration %s: %v", name, p)
		}
	}()
	file, err := sshconfig.DecodeBytes(bytes.TrimPrefix(text, []byte("\ufeff")))
	if err != nil {
		return fmt.Errorf("cannot read the SSH configuration %s: %w", name, err)
	}
	c.files = append(c.files, file)
	return nil
}

// all are the values of a keyword for a host, the one that counts first.
func (c *SSHConfig) all(alias, keyword string) ([]string, error) {
	var list []string
	for _, f := range c.files {
		values, err := f.GetAll(alias, keyword)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", keyword, err)
		}
		list = append(list, values...)
	}
	return list, nil
}

// get is the value that counts, without quotes; empty when there is none.
func (c *SSHConfig) get(alias, keyword string) string {
	list, err := c.all(alias, keyword)
	if err != nil || len(list) == 0 {
		return ""
	}
	if words := splitQuoted(list[0]); len(words) == 1 {
		return words[0]
	}
	return list[0]
}

// splitQuoted splits at blanks that stand in no double quotes.
func splitQuoted(text string) []string {
	quoted := false
	words := strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\t')
	})
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], `"`, "")
	}
	return words
}

// Client is a client for a host as ssh would reach it; nothing is connected yet. What base says counts before the
// files, as options do before ssh's; its ways to log in and its limits count for jump hosts too. Closing the client
// closes the jump hosts' connections.
func (c *SSHConfig) Client(alias string, base Config) (*Client, error) {
	client, err := c.client(alias, base, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot make an SSH client for %s out of the SSH configuration: %w", alias, err)
	}
	return client, nil
}

func (c *SSHConfig) client(alias string, base Config, through []string) (*Client, error) {
	if slices.Contains(through, alias) {
		return nil, fmt.Errorf("the jump hosts go round in a circle: %s", strings.Join(append(through, alias), " → "))
	}
	cfg, err := c.resolve(alias, base)
	if err != nil {
		return nil, err
	}
	jumps, err := c.jumps(alias, cfg)
	if err != nil {
		return nil, err
	}
	var jump *Client
	for i, j := range jumps {
		next := base
		next.Host, next.Addr, next.KeyAlias, next.Dialer = "", "", "", nil
		next.User, next.Jump = j.user, jump
		if j.port != "" {
			next.Addr = net.JoinHostPort("", j.port)
		}
		seen := append(through[:len(through):len(through)], alias)
		if i > 0 {
			seen = append(seen, jumps[i-1].host)
		}
		made, err := c.client(j.host, next, seen)
		if err != nil {
			if jump != nil {
				_ = jump.Close()
			}
			return nil, err
		}
		if jump != nil {
			made.owned = jump
		}
		jump = made
	}
	if jump != nil {
		cfg.Jump = jump
	}
	client, err := NewClient(cfg)
	if err != nil {
		return nil, err
	}
	client.owned = jump
	return client, nil
}

// resolve fills in what base leaves open. A base.Addr without a host, as ":2222", gives the port only.
func (c *SSHConfig) resolve(alias string, base Config) (Config, error) {
	cfg := base
	host, port := "", ""
	if base.Addr != "" {
		var err error
		if host, port, err = net.SplitHostPort(base.Addr); err != nil {
			return cfg, err
		}
	}
	t := tokens{c: c, alias: alias}
	var err error
	if host == "" {
		if host, err = t.expand(first(c.get(alias, "HostName"), "%h"), map[byte]string{'h': alias}); err != nil {
			return cfg, err
		}
	}
	t.host, t.port = host, first(port, c.get(alias, "Port"), "22")
	if n, err := strconv.ParseUint(t.port, 10, 16); err != nil || n == 0 {
		return cfg, fmt.Errorf("Port %q is no port", t.port)
	}
	cfg.Host, cfg.Addr = first(base.Host, alias), net.JoinHostPort(strings.Trim(t.host, "[]"), t.port)
	t.user = first(base.User, c.get(alias, "User"), c.local)
	cfg.User = t.user
	cfg.KeyAlias = first(base.KeyAlias, c.get(alias, "HostKeyAlias"))
	if cfg.KnownHosts, err = c.knownHosts(alias, base, t); err != nil {
		return cfg, err
	}
	if !base.HostKeys.chosen && strings.EqualFold(c.get(alias, "StrictHostKeyChecking"), "accept-new") {
		cfg.HostKeys = AcceptNew(first(append(cfg.KnownHosts, filepath.Join(c.home, ".ssh", "known_hosts"))...))
	}
	if cfg.Auth, err = c.auth(alias, base.Auth, t); err != nil {
		return cfg, err
	}
	return cfg, c.limits(alias, &cfg)
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

func (c *SSHConfig) knownHosts(alias string, base Config, t tokens) ([]string, error) {
	if len(base.KnownHosts) > 0 {
		return base.KnownHosts, nil
	}
	var list []string
	said := false
	for _, keyword := range []string{"UserKnownHostsFile", "GlobalKnownHostsFile"} {
		values, err := c.all(alias, keyword)
		if err != nil {
			return nil, err
		}
		if len(values) == 0 {
			continue
		}
		said = true
		for _, name := range splitQuoted(values[0]) {
			file, err := t.file(name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", keyword, err)
			}
			if file != "none" {
				list = append(list, file)
			}
		}
	}
	if said && len(list) == 0 {
		return []string{os.DevNull}, nil
	}
	return list, nil
}

// defaultKeys are those that ssh tries where nothing is said (ssh_config(5), IdentityFile), but for the security keys.
var defaultKeys = []string{"id_rsa", "id_ecdsa", "id_ed25519"}

func (c *SSHConfig) auth(alias string, base Auth, t tokens) (Auth, error) {
	a := base
	a.KeyFiles = slices.Clone(base.KeyFiles)
	names, err := c.all(alias, "IdentityFile")
	if err != nil {
		return a, err
	}
	if len(names) == 0 && len(base.Keys) == 0 && len(base.KeyFiles) == 0 {
		for _, k := range defaultKeys {
			names = append(names, filepath.Join(c.home, ".ssh", k))
		}
	}
	for _, name := range names {
		file, err := t.file(strings.Trim(name, `"`))
		if err != nil {
			return a, fmt.Errorf("IdentityFile: %w", err)
		}
		// ssh passes over keys that are not there, too.
		if _, err := os.Stat(file); err == nil && !slices.Contains(a.KeyFiles, file) {
			a.KeyFiles = append(a.KeyFiles, file)
		}
	}
	if os.Getenv("SSH_AUTH_SOCK") != "" && !strings.EqualFold(c.get(alias, "IdentitiesOnly"), "yes") &&
		c.get(alias, "IdentityAgent") != "none" {
		a.Agent = true
	}
	return a, nil
}

func (c *SSHConfig) limits(alias string, cfg *Config) error {
	for _, l := range []struct {
		keyword string
		set     func(n int)
	}{
		{"ConnectTimeout", func(n int) {
			if cfg.ConnectTimeout == 0 {
				cfg.ConnectTimeout = time.Duration(n) * time.Second
			}
		}},
		{"ServerAliveInterval", func(n int) {
			if cfg.KeepAlive == 0 && n > 0 {
				cfg.KeepAlive = time.Duration(n) * time.Second
			}
		}},
		{"ServerAliveCountMax", func(n int) {
			if cfg.KeepAliveMisses == 0 {
				cfg.KeepAliveMisses = n
			}
		}},
	} {
		value := c.get(alias, l.keyword)
		if value == "" || strings.EqualFold(value, "none") {
			continue
		}
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return fmt.Errorf("%s %q is no number", l.keyword, value)
		}
		l.set(int(n))
	}
	return nil
}

// hop is one host of a ProxyJump.
type hop struct{ user, host, port string }

// jumps are the hosts on the way, the nearest first.
func (c *SSHConfig) jumps(alias string, cfg Config) ([]hop, error) {
	if cfg.Jump != nil || cfg.Dialer != nil {
		return nil, nil
	}
	text := c.get(alias, "ProxyJump")
	if text == "" {
		if command := c.get(alias, "ProxyCommand"); command != "" && !strings.EqualFold(command, "none") {
			return nil, errors.New("ProxyCommand is not supported: use ProxyJump or Config.Dialer")
		}
		return nil, nil
	}
	return parseJumps(text)
}

// parseJumps reads "[user@]host[:port],…", each also as ssh://[user@]host[:port].
func parseJumps(text string) ([]hop, error) {
	if strings.EqualFold(text, "none") {
		return nil, nil
	}
	var list []hop
	for _, item := range strings.Split(text, ",") {
		var h hop
		h.host = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(item), "ssh://"), "/")
		if i := strings.LastIndexByte(h.host, '@'); i >= 0 {
			h.user, h.host = h.host[:i], h.host[i+1:]
		}
		if host, port, err := net.SplitHostPort(h.host); err == nil {
			h.host, h.port = host, port
		}
		h.host = strings.Trim(h.host, "[]")
		if h.host == "" || strings.ContainsAny(h.host, " \t/") || strings.HasPrefix(h.host, "-") {
			return nil, fmt.Errorf("ProxyJump %q: %q is no host", text, item)
		}
		list = append(list, h)
	}
	return list, nil
}

// tokens fill in the %-signs of ssh_config(5), TOKENS.
type tokens struct {
	c                       *SSHConfig
	alias, host, port, user string
}

// file is the name of a file with ~ and tokens filled in.
func (t tokens) file(name string) (string, error) {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		name = strings.ReplaceAll(t.c.home, "%", "%%") + "/" + rest
	}
	return t.expand(name, map[byte]string{
		'd': t.c.home, 'h': t.host, 'n': t.alias, 'p': t.port, 'r': t.user, 'u': t.c.local, 'i': strconv.Itoa(os.Getuid()),
	})
}

func (t tokens) expand(text string, values map[byte]string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		if i++; i == len(text) {
			return "", fmt.Errorf("%q ends in %%", text)
		}
		value, ok := values[text[i]]
		switch {
		case text[i] == '%':
			b.WriteByte('%')
		case !ok:
			return "", fmt.Errorf("%q: %%%c is not supported", text, text[i])
		default:
			b.WriteString(value)
		}
	}
	return b.String(), nil
}
