//go:build integration

package sshexec_test

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// These are comparisons, not tests: each runs several programs on the same servers, in turns, and prints the medians
// with their ratios to the first one. They run when EVENKEEL_COMPARE says how many rounds, and they leave out what is
// not installed (Debian: clustershell pdsh pssh ansible-core rsync). Nothing is asserted but that every contender did
// its work.
//
//	EVENKEEL_COMPARE=5 go test -tags integration -run TestCompare -v ./sshexec

// contender is one way to do a job. It returns the processor time that it took on the client's side.
type contender struct {
	name string
	run  func(t *testing.T) time.Duration
}

// checked is called after each run, and is not timed.
type checked func(t *testing.T, name string)

// compare runs the contenders in turns and prints a table.
func compare(t *testing.T, rounds int, check checked, all ...contender) {
	t.Helper()
	wall, cpu := map[string][]time.Duration{}, map[string][]time.Duration{}
	for range rounds {
		for _, c := range all {
			start := time.Now()
			used := c.run(t)
			wall[c.name] = append(wall[c.name], time.Since(start))
			cpu[c.name] = append(cpu[c.name], used)
			if check != nil {
				check(t, c.name)
			}
		}
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "wall\tmin\tmax\tratio\tclient CPU\tratio\t   contender\t")
	baseWall, baseCPU := median(wall[all[0].name]), median(cpu[all[0].name])
	for _, c := range all {
		m, u := median(wall[c.name]), median(cpu[c.name])
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t%s\t%.2f\t   %s\t\n", ms(m), ms(slices.Min(wall[c.name])), ms(slices.Max(wall[c.name])),
			float64(m)/float64(baseWall), ms(u), float64(u)/float64(max(baseCPU, 1)), c.name)
	}
	_ = w.Flush()
	t.Logf("%d rounds\n%s", rounds, b.String())
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

func ms(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }

// compareRounds is how many rounds were asked for.
func compareRounds(t *testing.T) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(cmp.Or(os.Getenv("EVENKEEL_COMPARE"), "0"), &n); err != nil || n < 1 {
		t.Skip("a comparison; EVENKEEL_COMPARE=rounds runs it")
	}
	return n
}

// ours is a contender in this process.
func ours(name string, run func(t *testing.T)) contender {
	return contender{name, func(t *testing.T) time.Duration {
		before := processorTime(t)
		run(t)
		return processorTime(t) - before
	}}
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// theirs is a program, run through a shell. It is left out when it is not there.
func theirs(all []contender, name, program, script string, env ...string) []contender {
	if _, err := exec.LookPath(program); err != nil {
		return all
	}
	return append(all, contender{name, func(t *testing.T) time.Duration {
		cmd := exec.Command("bash", "-c", "set -o pipefail; "+script)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, tail(out))
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}})
}

func tail(out []byte) []byte { return out[max(0, len(out)-2000):] }

// park is a server with an ssh_config for OpenSSH's own client.
type park struct {
	*sshd
	config string // path of the ssh_config
	key    ssh.Signer
	public ssh.PublicKey
}

func startPark(t *testing.T) *park {
	t.Helper()
	s := startSSHD(t, "0.0.0.0", "MaxStartups 1000", "MaxSessions 100", "LogLevel ERROR", "Subsystem sftp internal-sftp")
	raw, public := newUserKey(t)
	key, err := ssh.ParsePrivateKey(raw)
	require.NoError(t, err)
	s.write(t, "id", string(raw))
	s.authorize(t, public)
	host, err := os.ReadFile(filepath.Join(s.dir, "host_key"))
	require.NoError(t, err)
	hostKey, err := ssh.ParsePrivateKey(host)
	require.NoError(t, err)
	_, port, _ := net.SplitHostPort(s.addr)
	var known strings.Builder
	for _, name := range append(addresses(200), "127.0.0.1") {
		known.WriteString(knownhosts.Line([]string{net.JoinHostPort(name, port)}, hostKey.PublicKey()) + "\n")
	}
	s.write(t, "known_hosts", known.String())
	s.write(t, "ssh_config", strings.Join([]string{
		"Host *", "Port " + port, "User " + s.cfg.User, "IdentityFile " + filepath.Join(s.dir, "id"), "IdentitiesOnly yes",
		"UserKnownHostsFile " + filepath.Join(s.dir, "known_hosts"), "GlobalKnownHostsFile /dev/null",
		"StrictHostKeyChecking yes", "BatchMode yes", "LogLevel ERROR",
	}, "\n")+"\n")
	return &park{s, filepath.Join(s.dir, "ssh_config"), key, hostKey.PublicKey()}
}

func newUserKey(t *testing.T) ([]byte, ssh.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	key, err := ssh.NewPublicKey(public)
	require.NoError(t, err)
	return pem.EncodeToMemory(block), key
}

// cfg is the configuration for one of the server's addresses.
func (p *park) cfg(address string) sshexec.Config {
	_, port, _ := net.SplitHostPort(p.addr)
	return sshexec.Config{
		Host: address, Addr: net.JoinHostPort(address, port), User: p.sshd.cfg.User,
		Auth: sshexec.Auth{Keys: []ssh.Signer{p.key}}, KnownHosts: []string{filepath.Join(p.dir, "known_hosts")},
	}
}

// bare is what a plain program of golang.org/x/crypto/ssh has in place of all that.
func (p *park) bare() *ssh.ClientConfig {
	return &ssh.ClientConfig{User: p.sshd.cfg.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(p.key)}, HostKeyCallback: ssh.FixedHostKey(p.public)}
}

func (p *park) dialed(t *testing.T) *sshexec.Client {
	t.Helper()
	c, err := sshexec.Dial(t.Context(), p.cfg("127.0.0.1"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func addresses(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("127.0.1.%d", i+1)
	}
	return list
}

func TestCompareFanOut(t *testing.T) {
	rounds := compareRounds(t)
	p := startPark(t)
	hosts := addresses(200)
	list := filepath.Join(p.dir, "hosts")
	p.write(t, "hosts", strings.Join(hosts, "\n")+"\n")
	_, port, _ := net.SplitHostPort(p.addr)
	once := func(h string) (sshexec.Runner, error) { return sshexec.OnceRunner(p.cfg(h)), nil }
	all := []contender{
		ours("evenkeel", func(t *testing.T) {
			_, err := sshexec.Each(t.Context(), hosts, once, sshexec.Command(sshexec.ReadOnly, "true"), sshexec.FanOptions{})
			require.NoError(t, err)
		}),
		ours("bare x/crypto", func(t *testing.T) {
			var work sync.WaitGroup
			slots := make(chan struct{}, sshexec.DefaultLimit)
			for _, h := range hosts {
				slots <- struct{}{}
				work.Go(func() {
					defer func() { <-slots }()
					if err := bareTrue(net.JoinHostPort(h, port), p.bare()); err != nil {
						t.Error(err)
					}
				})
			}
			work.Wait()
		}),
	}
	curve := " -o KexAlgorithms=curve25519-sha256"
	all = theirs(all, "xargs ssh, default exchange", "ssh", "xargs -P 50 -I{} ssh -F "+p.config+" {} true <"+list)
	all = theirs(all, "xargs ssh, curve25519", "ssh", "xargs -P 50 -I{} ssh -F "+p.config+curve+" {} true <"+list)
	all = theirs(all, "clush", "clush", "clush -f 50 -o '-F "+p.config+"' -w "+strings.Join(hosts, ",")+" true")
	all = theirs(all, "pdsh", "pdsh", "pdsh -R ssh -f 50 -w "+strings.Join(hosts, ",")+" true", "PDSH_SSH_ARGS_APPEND=-F "+p.config)
	all = theirs(all, "parallel-ssh", "parallel-ssh", "parallel-ssh -p 50 -t 0 -x '-F "+p.config+"' -h "+list+" true")
	all = theirs(all, "ansible raw, no ControlPersist", "ansible", "ansible all -i "+list+" -f 50 -m raw -a true",
		"ANSIBLE_SSH_ARGS=-F "+p.config, "ANSIBLE_HOME="+p.dir, "ANSIBLE_LOCAL_TEMP="+p.dir)
	compare(t, rounds, nil, all...)
}

func bareTrue(addr string, cfg *ssh.ClientConfig) error {
	c, err := ssh.Dial("tcp", addr, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	session, err := c.NewSession()
	if err == nil {
		err = session.Run("true")
	}
	return err
}

// The first command on a fresh connection: ten of them, one after another, without the connecting.
func TestCompareFirstCommand(t *testing.T) {
	rounds := compareRounds(t)
	p := startPark(t)
	const times = 10
	var oursTook, bareTook []time.Duration
	for range rounds * times {
		c, err := sshexec.Dial(t.Context(), p.cfg("127.0.0.1"))
		require.NoError(t, err)
		start := time.Now()
		_, err = c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		oursTook = append(oursTook, time.Since(start))
		require.NoError(t, err)
		require.NoError(t, c.Close())

		b, err := ssh.Dial("tcp", p.cfg("127.0.0.1").Addr, p.bare())
		require.NoError(t, err)
		start = time.Now()
		session, err := b.NewSession()
		require.NoError(t, err)
		require.NoError(t, session.Run("true"))
		bareTook = append(bareTook, time.Since(start))
		require.NoError(t, b.Close())
	}
	t.Logf("first command: evenkeel %s, bare x/crypto %s (ratio %.2f)", ms(median(oursTook)), ms(median(bareTook)),
		float64(median(bareTook))/float64(median(oursTook)))
}

// 1,000 commands on a connection that stands, one at a time and eight at a time. The ratio of a bare program is our rate :
// its rate. The command is a program, as every command of ours is; what a login shell does itself starts none.
func TestCompareCommands(t *testing.T) {
	rounds := compareRounds(t)
	p := startPark(t)
	const commands, turns = 200, 5 // of each contender, and in each round: short turns, so that other work hits all alike
	c := p.dialed(t)
	bare, err := ssh.Dial("tcp", p.cfg("127.0.0.1").Addr, p.bare())
	require.NoError(t, err)
	defer func() { _ = bare.Close() }()
	control := filepath.Join(p.dir, "control")
	master := exec.Command("ssh", "-F", p.config, "-M", "-N", "-S", control, "127.0.0.1")
	require.NoError(t, master.Start())
	defer func() { _ = master.Process.Signal(syscall.SIGTERM); _ = master.Wait() }()
	require.Eventually(t, func() bool { _, err := os.Stat(control); return err == nil }, 10*time.Second, 10*time.Millisecond)

	for _, at := range []int{1, 8} {
		t.Run(fmt.Sprintf("%d at a time", at), func(t *testing.T) {
			many := func(run func() error) func(*testing.T) {
				return func(t *testing.T) {
					var work sync.WaitGroup
					for range at {
						work.Go(func() {
							for range commands / at {
								if err := run(); err != nil {
									t.Error(err)
								}
							}
						})
					}
					work.Wait()
				}
			}
			run := func(line string) func(*testing.T) {
				return many(func() error {
					s, err := bare.NewSession()
					if err == nil {
						err = s.Run(line)
					}
					return err
				})
			}
			all := []contender{
				ours("evenkeel", many(func() error {
					_, err := c.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, "/bin/true"))
					return err
				})),
				ours("bare x/crypto", run("/bin/true")),
				ours("bare x/crypto, a builtin of the login shell", run("true")),
			}
			all = theirs(all, "ssh -S, ControlMaster", "ssh", fmt.Sprintf(
				"seq %d | xargs -P %d -I{} ssh -F %s -S %s 127.0.0.1 /bin/true", commands, at, p.config, control))
			compare(t, rounds*turns, nil, all...)
		})
	}
}

// A file of 200 MB, both ways. Ours is synced and its sha256 compared on both sides; scp's and rsync's is not.
func TestCompareBigFile(t *testing.T) {
	rounds := compareRounds(t)
	p := startPark(t)
	c := p.dialed(t)
	dir := t.TempDir()
	file, far := filepath.Join(dir, "image.iso"), filepath.Join(dir, "far.iso")
	require.NoError(t, exec.Command("bash", "-c", "head -c 200000000 /dev/urandom >"+file+"; sync "+file).Run())
	check := func(t *testing.T, _ string) {
		info, err := os.Stat(far)
		require.NoError(t, err)
		require.EqualValues(t, 200000000, info.Size())
		require.NoError(t, os.Remove(far))
	}
	scp := "scp -q -F " + p.config + " "
	t.Run("up", func(t *testing.T) {
		all := []contender{
			ours("evenkeel Upload, verified and synced", func(t *testing.T) {
				require.NoError(t, sshexec.UploadFile(t.Context(), c, file, far, 0o644))
			}),
			ours("evenkeel UploadResumable", func(t *testing.T) {
				_, err := sshexec.UploadResumable(t.Context(), c, file, far, sshexec.TransferOptions{})
				require.NoError(t, err)
			}),
			ours("a command: cat >file, verifies nothing", func(t *testing.T) {
				cat := sshexec.Script(sshexec.Mutating, `cat >"$1"`, far)
				cat.Stdin = sshexec.FileInput(file)
				_, err := c.Run(t.Context(), cat)
				require.NoError(t, err)
			}),
		}
		all = theirs(all, "scp", "scp", scp+file+" 127.0.0.1:"+far)
		all = theirs(all, "scp and a sync", "scp", scp+file+" 127.0.0.1:"+far+" && sync "+far)
		all = theirs(all, "rsync -W", "rsync", "rsync -W -e 'ssh -F "+p.config+"' "+file+" 127.0.0.1:"+far)
		compare(t, rounds, check, all...)
	})
	t.Run("down", func(t *testing.T) {
		all := []contender{
			ours("evenkeel DownloadFile, verified and synced", func(t *testing.T) {
				require.NoError(t, sshexec.DownloadFile(t.Context(), c, file, far, 0o644))
			}),
			ours("evenkeel DownloadResumable", func(t *testing.T) {
				_, err := sshexec.DownloadResumable(t.Context(), c, file, far, sshexec.TransferOptions{})
				require.NoError(t, err)
			}),
			ours("a command: cat, verifies nothing", func(t *testing.T) {
				f, err := os.Create(far)
				require.NoError(t, err)
				cat := sshexec.Command(sshexec.ReadOnly, "cat", file)
				cat.Stdout = f
				_, err = c.Run(t.Context(), cat)
				require.NoError(t, err)
				require.NoError(t, f.Close())
			}),
		}
		all = theirs(all, "scp", "scp", scp+"127.0.0.1:"+file+" "+far)
		all = theirs(all, "scp and a sync", "scp", scp+"127.0.0.1:"+file+" "+far+" && sync "+far)
		all = theirs(all, "rsync -W", "rsync", "rsync -W -e 'ssh -F "+p.config+"' 127.0.0.1:"+file+" "+far)
		compare(t, rounds, check, all...)
	})
}

// 2,000 small files, 40 MB, both ways. Ours are synced, and the sha256 of each is compared on both sides.
func TestCompareManyFiles(t *testing.T) {
	rounds := compareRounds(t)
	p := startPark(t)
	c := p.dialed(t)
	dir := t.TempDir()
	tree, far := filepath.Join(dir, "tree"), filepath.Join(dir, "far")
	for i := range 2000 {
		name := filepath.Join(tree, fmt.Sprintf("dir%02d", i%40), fmt.Sprintf("file%04d", i))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		text := make([]byte, 20<<10)
		_, _ = rand.Read(text)
		require.NoError(t, os.WriteFile(name, text, 0o600))
	}
	ssh := "ssh -F " + p.config
	check := func(t *testing.T, name string) {
		out, err := exec.Command("bash", "-c", "diff -r "+tree+" "+far+"; rm -rf "+far).CombinedOutput()
		require.NoError(t, err)
		require.Empty(t, string(out), name)
	}
	t.Run("up", func(t *testing.T) {
		all := []contender{ours("evenkeel UploadTree, verified and synced", func(t *testing.T) {
			_, err := sshexec.UploadTree(t.Context(), c, tree, far)
			require.NoError(t, err)
		})}
		all = theirs(all, "scp -r", "scp", "scp -q -r -F "+p.config+" "+tree+" 127.0.0.1:"+far)
		all = theirs(all, "rsync -a", "rsync", "rsync -a -e '"+ssh+"' "+tree+"/ 127.0.0.1:"+far)
		all = theirs(all, "tar | ssh tar", "tar", "tar -cf - -C "+tree+" . | "+ssh+" 127.0.0.1 'mkdir "+far+" && tar -xf - -C "+far+"'")
		compare(t, rounds, check, all...)
	})
	t.Run("down", func(t *testing.T) {
		all := []contender{ours("evenkeel DownloadTree, verified and synced", func(t *testing.T) {
			_, err := sshexec.DownloadTree(t.Context(), c, tree, far)
			require.NoError(t, err)
		})}
		all = theirs(all, "scp -r", "scp", "scp -q -r -F "+p.config+" 127.0.0.1:"+tree+" "+far)
		all = theirs(all, "rsync -a", "rsync", "rsync -a -e '"+ssh+"' 127.0.0.1:"+tree+"/ "+far)
		all = theirs(all, "ssh tar | tar", "tar", "mkdir "+far+" && "+ssh+" 127.0.0.1 tar -cf - -C "+tree+" . | tar -xf - -C "+far)
		compare(t, rounds, check, all...)
	})
}
