package cli

import (
	"al.essio.dev/pkg/shellescape"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// worldHost is the name of the machine that answers for the world itself.
const worldHost = "world"

func (a *App) simulateCommand() *cobra.Command {
	var dir, into string
	c := a.Command(&cobra.Command{
		Use: "simulate", Short: "Serve a simulated world over SSH, to try every other command on", GroupID: GroupPrepare,
		Long: `Serve a simulated world over SSH until Ctrl-C, and print the configuration by which the other commands work on it. Its
clock is simulated, too: a wait of hours takes seconds.`,
		Example: "  TOOL simulate --into ./world\n  TOOL run --config ./world/config.yaml     (in another terminal)",
	}, func(ctx context.Context, _ []string) (int, error) { return a.simulate(ctx, dir, into) })
	dirFlag(c, &dir)
	folderFlag(c, &into, "into", "", "write keys, inputs and config.yaml into this `DIR`; without it into a new one")
	return c
}

// simulate serves a world until it is interrupted.
func (a *App) simulate(ctx context.Context, dir, into string) (int, error) {
	if into == "" {
		tmp, err := os.MkdirTemp("", a.word()+"-")
		if err != nil {
			return ExitFailed, err
		}
		into = tmp
	}
	ctx, done := interruptible(ctx)
	defer done()
	s, err := a.serve(ctx, into, dir)
	if err != nil {
		return ExitInput, err
	}
	defer s.Close()
	raw, err := os.ReadFile(s.ConfigFile)
	if err != nil {
		return ExitFailed, err
	}
	_, _ = fmt.Fprintf(a.Stdout, "# %s\n# %s run --config %s\n%s",
		"The simulated world is served until this process ends. Run it with:", a.Name, shellescape.Quote(s.ConfigFile), raw)
	<-ctx.Done()
	return ExitStopped, evenkeel.ErrStopped
}

// served is a world behind SSH servers.
type served struct {
	ConfigFile string
	world      SimWorld
	servers    map[string]*sshexectest.Server
	addrs      map[string]string
	gates      map[string]*gate
	keys       map[string]string // host → the key ID that its server shows
	known      string            // the known_hosts file

	commands int // that were sent to its machines

	turn sync.Mutex // one command at a time, so that what a schedule does can be said again
	hold holding
}

// serve makes the example in a directory and serves its world.
func (a *App) serve(_ context.Context, into, dir string) (*served, error) {
	into, err := filepath.Abs(into)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(into, 0o700); err != nil {
		return nil, err
	}
	// A world may live there, and its files are all that leads to it; or they are an operator's own.
	for _, name := range []string{"config.yaml", "id_ed25519", "known_hosts", "journal.jsonl"} {
		if _, err := os.Lstat(filepath.Join(into, name)); err == nil {
			return nil, occupied(filepath.Join(into, name))
		}
	}
	if err := noInput(dir); dir != "" && err != nil {
		return nil, err
	}
	cfg, err := a.Example(into, dir)
	if err != nil {
		return nil, ofUser(err, into, dir, nil)
	}
	cfg.dir = into
	world, err := a.World(cfg)
	if err != nil {
		return nil, ofUser(err, into, dir, cfg.Sources)
	}
	s := &served{
		ConfigFile: filepath.Join(into, "config.yaml"), world: world, servers: map[string]*sshexectest.Server{}, addrs: map[string]string{},
		gates: map[string]*gate{}, keys: map[string]string{}, known: filepath.Join(into, "known_hosts"),
	}
	user, err := userKey(filepath.Join(into, "id_ed25519"))
	if err != nil {
		return nil, err
	}
	cfg.SSH = SSHConfig{User: "root", KnownHosts: []string{"known_hosts"}, Keys: []string{"id_ed25519"}}
	cfg.World, cfg.Hosts = worldHost, map[string]string{}
	if cfg.Journal == "" {
		cfg.Journal = "journal.jsonl"
	}
	for _, host := range append(world.Machines(), worldHost) {
		if err := s.listen(host, user); err != nil {
			s.Close()
			return nil, err
		}
		cfg.Hosts[host] = s.addrs[host]
	}
	if err := s.writeKnownHosts(); err != nil {
		s.Close()
		return nil, err
	}
	return s, cfg.Write(s.ConfigFile)
}

// WriteNew writes an input of the example into a directory that the user named: over no file, unless it says the same.
func WriteNew(path string, content []byte) error {
	if was, err := infile.Read(path, infile.Text); err == nil && bytes.Equal(was, content) {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return occupied(path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil { // half of a file would be taken for all of it, and keep the next one out
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// occupied refuses to write over a file.
func occupied(path string) error {
	return fmt.Errorf("%s is there already, and would be overwritten: give a new directory", path)
}

func (s *served) listen(host string, user ssh.PublicKey) error {
	key, err := s.hostKey(host)
	if err != nil {
		return err
	}
	run := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) { return s.run(ctx, host, cmd) })
	config := sshexectest.Config{HostKeys: []ssh.Signer{key}, Authorized: []ssh.PublicKey{user}, Handler: sshexectest.RunnerHandler(run)}
	if n, ok := s.world.(Network); ok && host != worldHost {
		config.Forward, config.Dial = true, n.DialContext
	}
	server, err := sshexectest.NewServer(config)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	g := &gate{Listener: l}
	go func() { _ = server.Serve(g) }() // it ends when the server is closed
	s.servers[host], s.addrs[host], s.gates[host] = server, l.Addr().String(), g
	return nil
}

// gate is the listener of a machine: while the machine is off, it turns every connection away.
type gate struct {
	net.Listener
	shut atomic.Bool
}

// Accept waits for a connection that the machine is there to take.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil || !g.shut.Load() {
			return c, err
		}
		_ = c.Close()
	}
}

// hostKey is the key that goes with a host's present identity.
func (s *served) hostKey(host string) (ssh.Signer, error) {
	id := host
	if host != worldHost {
		id = s.world.HostKeyID(host)
	}
	s.keys[host] = id
	seed := sha256.Sum256([]byte("simulated host key " + host + " " + id))
	return ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed[:]))
}

// follow makes the servers what the machines are now: off, on, or with another key.
func (s *served) follow() error {
	for host, g := range s.gates {
		if host == worldHost {
			continue
		}
		if up := s.world.Up(host); up == g.shut.Load() {
			g.shut.Store(!up)
			if !up {
				s.servers[host].Drop()
			}
		}
	}
	return s.rekey()
}

// rekey shows new keys where a machine has them, and does what the person at the keyboard does: adds them to known_hosts.
func (s *served) rekey() error {
	changed := false
	for _, host := range s.world.Machines() {
		if s.world.HostKeyID(host) == s.keys[host] {
			continue
		}
		key, err := s.hostKey(host)
		if err != nil {
			return err
		}
		s.servers[host].SetHostKeys(key)
		changed = true
	}
	if !changed {
		return nil
	}
	return s.writeKnownHosts()
}

// writeKnownHosts writes the present keys, at once or not at all.
func (s *served) writeKnownHosts() error {
	var b strings.Builder
	for _, host := range append(s.world.Machines(), worldHost) {
		b.WriteString(s.servers[host].KnownHosts(s.addrs[host]) + "\n")
	}
	if err := os.WriteFile(s.known+".new", []byte(b.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(s.known+".new", s.known)
}

// Close ends the servers.
func (s *served) Close() {
	s.hold.release()
	for _, server := range s.servers {
		_ = server.Close()
	}
}

// run runs a command in the world, or on it.
func (s *served) run(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error) {
	if host == worldHost {
		return s.control(ctx, cmd)
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	runner, err := s.world.Runner(host)
	if err != nil {
		return sshexec.Result{}, err
	}
	s.commands++
	what := host + " " + sameInEachLife(cmd)
	if s.hold.at("before", what) {
		return s.lost(host, cmd)
	}
	res, err := runner.Run(ctx, cmd)
	if kerr := s.follow(); kerr != nil {
		return res, kerr
	}
	if s.hold.at("after", what) {
		return s.lost(host, cmd)
	}
	return res, err
}

// lost is what a client gets whose command was held: nothing.
func (s *served) lost(host string, cmd sshexec.Cmd) (sshexec.Result, error) {
	res := sshexec.Result{Outcome: sshexec.Unknown}
	return res, sshexec.Failure(host, cmd, res, errors.New("held back"))
}

// holding stops the world at a command, so that a test can kill the tool right there.
type holding struct {
	mu       sync.Mutex
	when     string          // before or after its effect; empty: nowhere
	left     int             // commands until then; 0: the first command that was never held
	word     string          // or the first command with this in it
	each     int             // with left 0: of the commands that were never held, each n-th
	fresh    int             // how many of these there were
	known    map[string]bool // what was held
	reached  chan struct{}   // closed when it is held, or will not be
	released chan struct{}
}

// ask has the n-th command from now held, or, with 0, the first that was never held; with a word, the first that has it.
func (h *holding) ask(when string, n int, word string, each int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.when, h.left, h.word, h.each = when, n, word, each
	h.reached, h.released = make(chan struct{}), make(chan struct{})
	if h.known == nil {
		h.known = map[string]bool{}
	}
}

// at waits where the world is to be held. It tells whether it was.
func (h *holding) at(when, command string) bool {
	h.mu.Lock()
	if h.when != when {
		h.mu.Unlock()
		return false
	}
	hit := h.left == 1
	switch {
	case h.word != "":
		hit = strings.Contains(command, h.word)
	case h.left == 0 && !h.known[command]:
		h.known[command] = true
		h.fresh++
		hit = h.fresh%h.each == 0
	}
	if h.left > 1 {
		h.left--
	}
	if !hit {
		h.mu.Unlock()
		return false
	}
	h.when = ""
	h.known[command] = true
	reached, released := h.reached, h.released
	h.mu.Unlock()
	close(reached)
	<-released
	return true
}

// sameInEachLife is a command without what differs in each life of the tool: a lease names the life. Else a tool that
// is killed at each command that it never sent before would be killed at its leases for ever.
func sameInEachLife(cmd sshexec.Cmd) string {
	if at := slices.Index(cmd.Argv, evenkeel.LeasePath); at >= 0 {
		cmd.Argv = cmd.Argv[:at+1]
	}
	return cmd.String()
}

// waits is closed when the world is held.
func (h *holding) waits() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reached
}

// release lets the held command go; where none is, none will be held any more.
func (h *holding) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released == nil {
		return
	}
	if h.when != "" {
		h.when = ""
		close(h.reached)
	}
	close(h.released)
	h.released = nil
}

// control answers the commands of the world's own host:
//
//	world now | sleep DURATION | report | hash | commands | addresses
//	world do DEED                 have the person of the world do what no machine there does
//	world hold before|after N     hold the N-th command from now, before or after its effect; with "new" the first that was never held
//	                              ("new/3": the third of those),
//	                              with any other word the first that has it
//	world held                    wait until it is held, or will not be
//	world release                 let it go: its effect stays or stays away, and nobody hears of it
func (s *served) control(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	ok := func(text string) (sshexec.Result, error) {
		return sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(text + "\n")}, nil
	}
	usage := sshexec.Result{Outcome: sshexec.Exited, ExitCode: 2,
		Stderr: []byte("usage: world now | sleep DURATION | report | hash | commands | addresses | do DEED | hold " +
			"before|after N|new|new/N|WORD | held | release\n")}
	args := append(cmd.Argv, "", "", "")
	if args[0] != "world" {
		return usage, nil
	}
	switch args[1] {
	case "held":
		select {
		case <-s.hold.waits():
			return ok("held")
		case <-ctx.Done():
			return usage, ctx.Err()
		}
	case "release":
		s.hold.release()
		return ok("released")
	case "hold":
		n, word, each := 0, "", 1
		switch nth, isNew := strings.CutPrefix(args[3], "new/"); {
		case isNew:
			var err error
			if each, err = strconv.Atoi(nth); err != nil || each < 1 {
				return usage, nil
			}
		case args[3] != "new":
			var err error
			if n, err = strconv.Atoi(args[3]); err != nil {
				n, word = 0, args[3]
			}
		}
		if n < 0 || n == 0 && word == "" && !strings.HasPrefix(args[3], "new") || args[2] != "before" && args[2] != "after" {
			return usage, nil
		}
		s.hold.ask(args[2], n, word, each)
		return ok("will hold")
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	switch args[1] {
	case "now":
		return ok(s.world.Clock().Now().Format(time.RFC3339Nano))
	case "sleep":
		d, err := time.ParseDuration(args[2])
		if err != nil || d < 0 {
			return usage, nil
		}
		if err := s.world.Clock().Sleep(ctx, d); err != nil {
			return usage, err
		}
		if err := s.follow(); err != nil {
			return usage, err
		}
		return ok(s.world.Clock().Now().Format(time.RFC3339Nano))
	case "do":
		doer, can := s.world.(Doer)
		if !can {
			return usage, nil
		}
		if err := errors.Join(doer.Do(ctx, args[2]), s.follow()); err != nil {
			return sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1, Stderr: []byte(err.Error() + "\n")}, nil
		}
		return ok("done")
	case "addresses":
		raw, err := json.Marshal(s.addrs)
		if err != nil {
			return usage, err
		}
		return ok(string(raw))
	case "commands":
		return ok(strconv.Itoa(s.commands))
	case "hash":
		return ok(s.world.Hash())
	case "report":
		raw, err := json.Marshal(s.world.Report())
		if err != nil {
			return usage, err
		}
		return ok(string(raw))
	}
	return usage, nil
}

// userKey makes the key that logs in to the simulated machines, in a file of its own.
func userKey(path string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "simulated world")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(public)
}
