//go:build integration

package sshexec_test

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// fencedPair is two OpenSSH servers, each in mount and host name spaces of its own, with a disk of its own below one
// path. Tools are processes.
type fencedPair struct {
	dir   string // what both see: the log of what was done
	at    string // where each has its own disk
	key   string
	nodes map[string]*sshd
}

// tool is what a tool process is told.
type tool struct {
	Resume  bool
	Journal string
	Lease   string
	Holder  string
	User    string
	Key     string
	Known   map[string]string // host → known_hosts
	Addr    map[string]string // host → address
	Dir     string
}

// toolBook changes n1 four times, one of them for long, and n2 once. What runs is in the log.
func toolBook(dir string) *evenkeel.Runbook {
	log := filepath.Join(dir, "log")
	act := func(id, script string) evenkeel.Action {
		return evenkeel.Action{
			ID: id,
			Change: evenkeel.Change{
				Title: id, Cmd: sshexec.Script(sshexec.Disruptive, script+`; echo "$1" >>"$2"`, id, log, dir), Repeat: evenkeel.ProbeFirst,
				Probe: &evenkeel.Probe{
					Cmd: sshexec.Command(sshexec.ReadOnly, "cat", log), Text: "it is in the log",
					Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
						if strings.Contains(o.Text()+"\n", id+"\n") {
							return evenkeel.Done, nil
						}
						return evenkeel.NotRun, nil
					},
				},
			},
		}
	}
	return &evenkeel.Runbook{Name: "tool", Title: "tool", Steps: []evenkeel.Step{
		{ID: "s1", Title: "s1", Host: "n1", Harmless: "a test", Actions: []evenkeel.Action{
			act("first", "true"), act("long", `touch "$3/started"; until [ -e "$3/go" ]; do sleep 0.1; done`),
			act("after-1", "true"), act("after-2", "true"),
		}},
		{ID: "s2", Title: "s2", Host: "n2", Harmless: "a test", Actions: []evenkeel.Action{act("second", "true")}},
	}}
}

// TestFenceTool is no test: it is a tool process of the tests here.
func TestFenceTool(t *testing.T) {
	told := os.Getenv("EVENKEEL_TEST_TOOL")
	if told == "" {
		t.Skip("not told to be a tool")
	}
	var c tool
	require.NoError(t, json.Unmarshal([]byte(told), &c))
	hosts := evenkeel.HostMap{}
	for host, addr := range c.Addr {
		client, err := sshexec.NewClient(sshexec.Config{
			Host: host, Addr: addr, User: c.User, Auth: sshexec.Auth{KeyFiles: []string{c.Key}}, KnownHosts: []string{c.Known[host]}, KeyAlias: host,
		})
		require.NoError(t, err)
		defer func() { _ = client.Close() }()
		hosts[host] = client
	}
	j, err := evenkeel.OpenJournal(c.Journal)
	require.NoError(t, err)
	defer func() { _ = j.Close() }()
	start := evenkeel.Run
	if c.Resume {
		start = evenkeel.Resume
	}
	_, err = start(t.Context(), toolBook(c.Dir), hosts, evenkeel.Options{
		Journal: j, Holder: c.Holder, LeasePath: c.Lease,
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) { fmt.Printf("EVENT %s %s\n", e.Kind, e.Text) }),
	})
	fmt.Printf("END %v\n", err)
}

func startFencedPair(t *testing.T) *fencedPair {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("it needs root, for a mount namespace for each node")
	}
	at, err := os.MkdirTemp("/var/lib", "evenkeel-test-") // no lease is kept in /tmp
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(at) })
	p := &fencedPair{dir: t.TempDir(), at: at, nodes: map[string]*sshd{}}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	p.key = filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(p.key, pem.EncodeToMemory(block), 0o600))
	login, err := ssh.NewPublicKey(public)
	require.NoError(t, err)
	for i, name := range []string{"n1", "n2"} {
		s := newSSHD(t, fmt.Sprintf("127.0.0.%d", 11+i))
		s.authorize(t, login)
		disk := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(disk, "machine-id"), []byte(strings.Repeat(fmt.Sprint(i+1), 32)+"\n"), 0o600))
		s.write(t, "known_hosts", name+" "+string(ssh.MarshalAuthorizedKey(s.newHostKey(t))))
		s.wrap = []string{"unshare", "-m", "-u", "sh", "-c",
			`hostname "$1" && mount --bind "$2" "$3" && { [ ! -e /etc/machine-id ] || mount --bind "$2/machine-id" /etc/machine-id; } && shift 3 && exec "$@"`, "sh", name, disk, p.at}
		if err := exec.Command("unshare", "-m", "-u", "true").Run(); err != nil {
			t.Skipf("no namespaces here: %v", err)
		}
		s.start(t)
		p.nodes[name] = s
	}
	return p
}

// told is what a tool is told whose way to some hosts leads nowhere.
func (p *fencedPair) told(holder, journal string, resume bool, far ...string) tool {
	c := tool{Resume: resume, Journal: journal, Lease: filepath.Join(p.at, "evenkeel.lease"), Holder: holder, Key: p.key,
		Dir: p.dir, Known: map[string]string{}, Addr: map[string]string{}}
	for name, s := range p.nodes {
		c.User = s.cfg.User
		c.Addr[name], c.Known[name] = s.addr, filepath.Join(s.dir, "known_hosts")
	}
	for _, name := range far {
		c.Addr[name] = "127.0.0.13:1" // nothing listens there
	}
	return c
}

// toolProcess is a running tool.
type toolProcess struct {
	cmd   *exec.Cmd
	lines chan string
}

func startTool(t *testing.T, c tool) *toolProcess {
	t.Helper()
	told, err := json.Marshal(c)
	require.NoError(t, err)
	p := &toolProcess{cmd: exec.Command(os.Args[0], "-test.run=^TestFenceTool$", "-test.v"), lines: make(chan string, 1000)}
	p.cmd.Env = append(os.Environ(), "EVENKEEL_TEST_TOOL="+string(told))
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	return p
}

// says waits for a line that begins so.
func (p *toolProcess) says(t *testing.T, begin, part string) string {
	t.Helper()
	limit := time.After(3 * time.Minute)
	for {
		select {
		case line, ok := <-p.lines:
			require.True(t, ok, "the tool ended without %q", begin)
			if strings.HasPrefix(line, begin) && strings.Contains(line, part) {
				return line
			}
		case <-limit:
			t.Fatalf("the tool does not say %q", begin)
		}
	}
}

func (p *fencedPair) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "log"))
	require.NoError(t, err)
	return string(text)
}

func waitForFile(t *testing.T, path string) {
	t.Helper()
	require.Eventually(t, func() bool { _, err := os.Stat(path); return err == nil }, 3*time.Minute, 20*time.Millisecond)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, text, 0o600))
}

// A tool is suspended in the middle of a long command; another process resumes from a copy of its journal. It waits for
// the command, takes over and comes to the end. The first wakes up: its next command is refused by the machine, and was
// not started.
func TestOpenSSHASuspendedToolIsFencedOff(t *testing.T) {
	p := startFencedPair(t)
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "log"), nil, 0o600))
	mine, theirs := filepath.Join(t.TempDir(), "journal"), filepath.Join(t.TempDir(), "copy")
	first := startTool(t, p.told("anna@ops", mine, false))
	waitForFile(t, filepath.Join(p.dir, "started"))
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGSTOP))
	copyFile(t, mine, theirs)

	second := startTool(t, p.told("bert@ops", theirs, true))
	require.Contains(t, second.says(t, "EVENT wait", "still runs"), "until [ -e")
	require.Equal(t, "first\n", p.log(t))
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "go"), nil, 0o600))
	require.Equal(t, "END <nil>", second.says(t, "END", ""))
	all := "first\nlong\nafter-1\nafter-2\nsecond\n"
	require.Equal(t, all, p.log(t))

	require.NoError(t, first.cmd.Process.Signal(syscall.SIGCONT))
	end := first.says(t, "END", "")
	require.Contains(t, end, "not started: refused by the machine")
	require.Contains(t, end, "bert@ops")
	require.Equal(t, all, p.log(t))
}

// Two operators with copies of one journal, each of whom reaches one node: none begins.
func TestOpenSSHTwoOperatorsWhoReachOneNodeEach(t *testing.T) {
	p := startFencedPair(t)
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "log"), nil, 0o600))
	mine, theirs := filepath.Join(t.TempDir(), "journal"), filepath.Join(t.TempDir(), "copy")
	first := startTool(t, p.told("anna@ops", mine, false))
	waitForFile(t, filepath.Join(p.dir, "started"))
	require.NoError(t, first.cmd.Process.Kill())
	_ = first.cmd.Wait()
	copyFile(t, mine, theirs)
	a, b := startTool(t, p.told("anna@ops", mine, true, "n2")), startTool(t, p.told("bert@ops", theirs, true, "n1"))
	require.Contains(t, a.says(t, "END", ""), "n2 cannot be reached")
	require.Contains(t, b.says(t, "END", ""), "n1 cannot be reached")
	require.Equal(t, "first\n", p.log(t))
	// The command whose client died still runs, and keeps the lease.
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "go"), nil, 0o600))
	require.Equal(t, "END <nil>", startTool(t, p.told("anna@ops", mine, true)).says(t, "END", ""))
	require.Equal(t, "first\nlong\nafter-1\nafter-2\nsecond\n", p.log(t))
}

// The addresses of the nodes are swapped: nothing runs on the wrong one.
func TestOpenSSHSwappedAddresses(t *testing.T) {
	p := startFencedPair(t)
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "log"), nil, 0o600))
	journal := filepath.Join(t.TempDir(), "journal")
	first := startTool(t, p.told("anna@ops", journal, false))
	waitForFile(t, filepath.Join(p.dir, "started"))
	require.NoError(t, first.cmd.Process.Kill())
	_ = first.cmd.Wait()
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "go"), nil, 0o600))
	c := p.told("anna@ops", journal, true)
	c.Addr["n1"], c.Addr["n2"] = c.Addr["n2"], c.Addr["n1"]
	c.Known["n1"], c.Known["n2"] = bothKeys(t, p), bothKeys(t, p)
	end := startTool(t, c).says(t, "END", "")
	require.Contains(t, end, "the address of n1 leads to the machine that is n2")
	require.NotContains(t, p.log(t), "after-1")
}

// bothKeys is a known_hosts file that takes either node for either name, as one without host names would.
func bothKeys(t *testing.T, p *fencedPair) string {
	t.Helper()
	var lines strings.Builder
	for _, s := range p.nodes {
		text, err := os.ReadFile(filepath.Join(s.dir, "known_hosts"))
		require.NoError(t, err)
		_, key, _ := strings.Cut(string(text), " ")
		lines.WriteString("n1,n2 " + key)
	}
	file := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(file, []byte(lines.String()), 0o600))
	return file
}
