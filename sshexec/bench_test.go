package sshexec_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// benchClient is a client of a server in this process, whose cost is in the figures too.
func benchClient(b *testing.B) *sshexec.Client {
	b.Helper()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	key, err := sshexectest.NewKey()
	must(err)
	s, err := sshexectest.NewServer(sshexectest.Config{
		HostKeys: []ssh.Signer{key}, Authorized: []ssh.PublicKey{key.PublicKey()}, Handler: sshexectest.RunnerHandler(sshexec.Local{}),
	})
	must(err)
	b.Cleanup(func() { _ = s.Close() })
	addr, err := s.Listen()
	must(err)
	known := filepath.Join(b.TempDir(), "known_hosts")
	must(os.WriteFile(known, []byte(s.KnownHosts(addr)), 0o600))
	c, err := sshexec.Dial(b.Context(), sshexec.Config{
		Host: "bench", Addr: addr, User: "root", Auth: sshexec.Auth{Keys: []ssh.Signer{key}}, KnownHosts: []string{known},
	})
	must(err)
	b.Cleanup(func() { _ = c.Close() })
	return c
}

func BenchmarkCommand(b *testing.B) {
	for name, r := range map[string]sshexec.Runner{"local": sshexec.Local{}, "ssh": benchClient(b)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := r.Run(b.Context(), sshexec.Command(sshexec.ReadOnly, "true")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStream(b *testing.B) {
	c := benchClient(b)
	cmd := sshexec.Command(sshexec.ReadOnly, "head", "-c", "67108864", "/dev/zero")
	cmd.Stdout = io.Discard
	b.SetBytes(64 << 20)
	for b.Loop() {
		if _, err := c.Run(b.Context(), cmd); err != nil {
			b.Fatal(err)
		}
	}
}
