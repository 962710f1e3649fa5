package sshexec_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// BenchmarkFanOut runs a command on 200 hosts in this process, 50 at a time: with a connection made for it, over
// connections that are open, and as a bare program of golang.org/x/crypto/ssh does it, without known_hosts, keep-alive,
// deadlines and outcomes. The servers' cost is in all three.
func BenchmarkFanOut(b *testing.B) {
	const hosts = 200
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	key, err := sshexectest.NewKey()
	must(err)
	s, err := sshexectest.NewServer(sshexectest.Config{
		HostKeys: []ssh.Signer{key}, Authorized: []ssh.PublicKey{key.PublicKey()},
		Handler: func(context.Context, sshexectest.Request) sshexectest.Exit { return sshexectest.Exit{} },
	})
	must(err)
	b.Cleanup(func() { _ = s.Close() })
	known := filepath.Join(b.TempDir(), "known_hosts")
	names, addrs, lines := make([]string, hosts), map[string]string{}, ""
	for i := range names {
		addr, err := s.Listen()
		must(err)
		names[i] = fmt.Sprintf("host%03d", i)
		addrs[names[i]] = addr
		lines += s.KnownHosts(addr)
	}
	must(os.WriteFile(known, []byte(lines), 0o600))
	cfg := func(host string) sshexec.Config {
		return sshexec.Config{
			Host: host, Addr: addrs[host], User: "root", Auth: sshexec.Auth{Keys: []ssh.Signer{key}}, KnownHosts: []string{known},
		}
	}
	cmd := sshexec.Command(sshexec.ReadOnly, "true")

	b.Run("connecting", func(b *testing.B) {
		for b.Loop() {
			_, err := sshexec.Each(b.Context(), names,
				func(h string) (sshexec.Runner, error) { return sshexec.OnceRunner(cfg(h)), nil }, cmd, sshexec.FanOptions{})
			must(err)
		}
	})
	b.Run("connected", func(b *testing.B) {
		clients := map[string]*sshexec.Client{}
		for _, h := range names {
			c, err := sshexec.Dial(b.Context(), cfg(h))
			must(err)
			defer func() { _ = c.Close() }()
			clients[h] = c
		}
		for b.Loop() {
			_, err := sshexec.Each(b.Context(), names, func(h string) (sshexec.Runner, error) { return clients[h], nil }, cmd, sshexec.FanOptions{})
			must(err)
		}
	})
	b.Run("bare x/crypto", func(b *testing.B) {
		bare := &ssh.ClientConfig{User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.FixedHostKey(key.PublicKey())}
		for b.Loop() {
			var all sync.WaitGroup
			slots := make(chan struct{}, sshexec.DefaultLimit)
			for _, h := range names {
				slots <- struct{}{}
				all.Go(func() {
					defer func() { <-slots }()
					c, err := ssh.Dial("tcp", addrs[h], bare)
					if err != nil {
						b.Error(err)
						return
					}
					defer func() { _ = c.Close() }()
					session, err := c.NewSession()
					if err == nil {
						err = session.Run("true")
					}
					if err != nil {
						b.Error(err)
					}
				})
			}
			all.Wait()
		}
	})
}
