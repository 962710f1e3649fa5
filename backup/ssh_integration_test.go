//go:build integration

package backup_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// openSSH starts an OpenSSH server of the test's own (Debian: openssh-server), and returns a client of it and the
// command line of ssh to it.
func openSSH(tb testing.TB) (*sshexec.Client, []string) {
	tb.Helper()
	const program = "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		tb.Skip(err)
	}
	if os.Geteuid() == 0 {
		_ = os.Mkdir("/run/sshd", 0o755) // what its service makes at boot
	}
	dir := tb.TempDir()
	newKey := func(name string) ssh.Signer {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(tb, err)
		block, err := ssh.MarshalPrivateKey(private, "")
		require.NoError(tb, err)
		require.NoError(tb, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
		signer, err := ssh.NewSignerFromKey(private)
		require.NoError(tb, err)
		return signer
	}
	hostKey, key := newKey("host_key"), newKey("key")
	require.NoError(tb, os.WriteFile(filepath.Join(dir, "authorized"), ssh.MarshalAuthorizedKey(key.PublicKey()), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	addr := l.Addr().String()
	require.NoError(tb, l.Close())
	_, port, _ := net.SplitHostPort(addr)
	require.NoError(tb, os.WriteFile(filepath.Join(dir, "known"), []byte(knownhosts.Line([]string{addr}, hostKey.PublicKey())+"\n"), 0o600))
	text := fmt.Sprintf("ListenAddress 127.0.0.1\nPort %s\nHostKey %s/host_key\nAuthorizedKeysFile "+
		"%s/authorized\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n", port, dir, dir)
	require.NoError(tb, os.WriteFile(filepath.Join(dir, "config"), []byte(text), 0o600))
	server := exec.Command(program, "-D", "-e", "-f", filepath.Join(dir, "config"))
	require.NoError(tb, server.Start())
	tb.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	me, err := user.Current()
	require.NoError(tb, err)
	c, err := sshexec.NewClient(sshexec.Config{
		Host: "node1", Addr: addr, User: me.Username, Auth: sshexec.Auth{Keys: []ssh.Signer{key}},
		KnownHosts: []string{filepath.Join(dir, "known")},
	})
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = c.Close() })
	for range 200 {
		if _, err = c.Run(tb.Context(), sshexec.Command(sshexec.ReadOnly, "true")); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	require.NoError(tb, err)
	return c, []string{
		"ssh", "-i", filepath.Join(dir, "key"), "-o", "UserKnownHostsFile=" + filepath.Join(dir, "known"), "-o",
		"BatchMode=yes", "-p", port, me.Username + "@127.0.0.1",
	}
}

// named gives the machine at the other end of an SSH connection the name of a test machine.
func named(r sshexec.Runner) sshexec.Runner {
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[0] == "hostname" {
			return sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte("ct6-mds1\n")}, nil
		}
		return r.Run(ctx, cmd)
	})
}

// Over a real SSH connection every name and every byte comes through, whether the machine compresses or not.
func TestCreateOverSSH(t *testing.T) {
	c, _ := openSSH(t)
	m := newMachine(t)
	require.NoError(t, os.RemoveAll(m.at("/var/lib/chroma/repo")))
	skipped := m.awkward(t, "/var/lib/chroma")
	want := below(snapshot(t, m.root, skipped...), "/var/lib/chroma")
	for _, far := range []bool{false, true} {
		info, err := backup.Create(t.Context(), named(c), chromaOnly, backup.Options{Dir: t.TempDir(), Root: m.root, GzipOnMachine: far})
		require.NoError(t, err)
		a, err := backup.OpenFile(info.Path)
		require.NoError(t, err)
		require.NoError(t, a.Verify())
		tree, err := a.ExtractTo(t.TempDir(), backup.ExtractOptions{Owners: os.Geteuid() == 0, Setuid: true})
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want, below(snapshot(t, tree), "/var/lib/chroma")))
	}
	into := t.TempDir()
	proof, err := backup.CopyOff(t.Context(), named(c), filepath.Join(m.root, "etc/hosts"), into, []string{"other"}, noon)
	require.NoError(t, err)
	require.NoError(t, proof.Check(t.Context(), named(c)))
}

// BenchmarkSSH holds Create over SSH against "ssh host tar cz", side by side, with the same server and the same tree.
func BenchmarkSSH(b *testing.B) {
	c, line := openSSH(b)
	for name, root := range benchTrees(b) {
		b.Run(name+"/ssh_tar_cz", func(b *testing.B) {
			begun := cpu(b)
			for b.Loop() {
				into := b.TempDir()
				script := `dst=$1; shift; "$@" >"$dst"`
				argv := append([]string{"-c", script, "sh", filepath.Join(into, "a.tgz")}, append(line, "tar cz -C "+root+" var/lib/chroma")...)
				out, err := exec.Command("sh", argv...).CombinedOutput()
				require.NoError(b, err, "%s", out)
				_ = os.RemoveAll(into)
			}
			reportCPU(b, begun)
		})
		for how, far := range map[string]bool{"evenkeel": false, "evenkeel_gzip_on_machine": true} {
			b.Run(name+"/"+how, func(b *testing.B) {
				begun := cpu(b)
				for b.Loop() {
					into := b.TempDir()
					_, err := backup.Create(context.Background(), named(c), chromaOnly, backup.Options{Dir: into, Root: root, GzipOnMachine: far})
					require.NoError(b, err)
					_ = os.RemoveAll(into)
				}
				reportCPU(b, begun)
			})
		}
	}
}
