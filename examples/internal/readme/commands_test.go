package readme_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// promise is what README.md promises of a command.
type promise struct {
	before func(t *testing.T, c *site) // makes what the reader is said to have by then
	exit   int
	after  func(t *testing.T, c *site, out string) // looks for the effect
}

// elsewhere are commands that are run somewhere else than here.
var elsewhere = map[string]string{
	"go test ./...": "this test is part of it",
}

// promises are those of all other commands, as they stand in README.md.
var promises = map[string]promise{
	"go run ./examples/lustre-hapair demo":                                                   {after: wholeJob},
	"go run ./examples/cps-issm demo":                                                        {after: wholeJob},
	"go build ./examples/lustre-hapair":                                                      {after: built("lustre-hapair")},
	"go run ./examples/pacemaker-pair demo":                                                  {after: wholeJob},
	"go build ./examples/pacemaker-pair":                                                     {after: built("pacemaker-pair")},
	"./pacemaker-pair ways --target el9 --from el8 pacemaker/pair/pairtest/testdata/cib.xml": {after: prints("two clusters: possible")},
	"./pacemaker-pair demo --dir examples/pacemaker-pair/testdata/web":                       {after: wholeJob},
	"./lustre-hapair backup --config pair.yaml --copy-to vault:/srv/backups": {
		before: func(t *testing.T, c *site) { t.Helper(); c.pair(t); c.vault(t) },
		after: func(t *testing.T, c *site, out string) {
			t.Helper()
			for _, node := range []string{"oss1", "oss2"} {
				taken := c.glob(t, "archives/bck-"+node+"*.tgz")
				require.Len(t, taken, 1, "%s", out)
				require.Contains(t, out, "vault:/srv/backups/"+filepath.Base(taken[0])+", read back")
				raw, err := os.ReadFile(taken[0])
				require.NoError(t, err)
				var copied string
				c.far.Do(func(s *simhost.State) {
					copied, err = s.Host("vault").ReadFile("/srv/backups/" + filepath.Base(taken[0]))
				})
				require.NoError(t, err)
				require.Equal(t, string(raw), copied, "the copy")
			}
		},
	},
	"./lustre-hapair inspect bck-oss1-20260101-220000.tgz": {
		before: func(t *testing.T, c *site) {
			t.Helper()
			c.pair(t)
			taken := c.glob(t, "bck-oss1*.tgz")
			require.Len(t, taken, 1)
			require.NoError(t, os.Rename(taken[0], filepath.Join(c.dir, "bck-oss1-20260101-220000.tgz")))
		},
		after: func(t *testing.T, c *site, out string) {
			t.Helper()
			require.Contains(t, out, "nothing is wrong with it")
			raw, err := os.ReadFile(filepath.Join(c.dir, "bck-oss1-20260101-220000.tgz"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(c.dir, "half.tgz"), raw[:len(raw)/2], 0o600))
			exit, out := shell(t, c.dir, "./lustre-hapair inspect half.tgz")
			require.Equal(t, cli.ExitInput, exit, "2 unreadable: %s", out)
			exit, out = shell(t, c.dir, "./lustre-hapair inspect pair/with-a-finding.xml")
			require.Equal(t, cli.ExitFailed, exit, "1 findings: %s", out)
		},
	},
	"./lustre-hapair inspect examples/lustre-hapair/testdata/pairs/zfs-groups/cib.xml": {after: prints("nothing is wrong with it")},
	"./lustre-hapair plan --dir examples/lustre-hapair/testdata/pairs/zfs-groups":      {after: prints("Move every target from")},
	"./lustre-hapair demo --dir examples/lustre-hapair/testdata/pairs/ldiskfs-by-hand": {after: wholeJob},
	"./lustre-hapair plan --config pair.yaml -o markdown > runbook.md": {
		before: func(t *testing.T, c *site) { t.Helper(); c.pair(t) },
		after: func(t *testing.T, c *site, _ string) {
			t.Helper()
			raw, err := os.ReadFile(filepath.Join(c.dir, "runbook.md"))
			require.NoError(t, err)
			require.Regexp(t, `(?s)^# .*oss1\.example\.com.*oss2\.example\.com`, string(raw))
			require.NoFileExists(t, filepath.Join(c.dir, "journal.jsonl"))
		},
	},
	"./lustre-hapair plan --config pair.yaml -o html > plan.html": {
		before: func(t *testing.T, c *site) { t.Helper(); c.pair(t) },
		after: func(t *testing.T, c *site, _ string) {
			t.Helper()
			raw, err := os.ReadFile(filepath.Join(c.dir, "plan.html"))
			require.NoError(t, err)
			require.Regexp(t, `(?s)<h1>.*oss1.*<svg role="img".*a simulated world made of its inputs`, string(raw))
			require.NoFileExists(t, filepath.Join(c.dir, "journal.jsonl"))
			require.Zero(t, c.report(t).Log, "the machines that the configuration leads to were touched")
		},
	},
	"./lustre-hapair report --config pair.yaml -o html > report.html": {
		exit:   cli.ExitFailed, // it has not ended
		before: func(t *testing.T, c *site) { t.Helper(); c.pair(t); c.paused(t) },
		after: func(t *testing.T, c *site, out string) {
			t.Helper()
			require.Contains(t, out, "the run has not ended")
			raw, err := os.ReadFile(filepath.Join(c.dir, "report.html"))
			require.NoError(t, err)
			require.Contains(t, string(raw), "not finished: paused in step install-node1")
		},
	},
	"./lustre-hapair plan --config pair.yaml -o window --within 10h": {
		exit:   cli.ExitFailed, // it rests on guesses
		before: func(t *testing.T, c *site) { t.Helper(); c.pair(t) },
		after: func(t *testing.T, c *site, out string) {
			t.Helper()
			require.Regexp(t, `(?m)^Maintenance window: .*oss1`, out)
			require.Contains(t, out, "that the run fits into the maintenance window of 10 h rests on guesses")
			require.NoFileExists(t, filepath.Join(c.dir, "journal.jsonl"))
		},
	},
	"go build ./examples/cps-issm": {after: built("cps-issm")},
	"./cps-issm plan --config cluster.yaml -o window --start '2026-11-29 22:00' --end '2026-11-30 06:00' " +
		"--journal lab.jsonl --takes redeploy-set-1=90m --oplog oplog.txt": {
		exit:   cli.ExitFailed, // the journal is that of a simulated world
		before: func(t *testing.T, c *site) { t.Helper(); c.cluster(t) },
		after: func(t *testing.T, _ *site, out string) {
			t.Helper()
			require.Contains(t, out, "Maintenance window: In-service migration of CPS")
			require.Regexp(t, `redeploy-set-1: .*`, out)
			require.Contains(t, out, "journal lab.jsonl of ")
			require.Regexp(t, `(?m)^ +12 .* 1 h 30 m `, out, "what was stated")
		},
	},
	"./cps-issm plan --config cluster.yaml -o window-svg --within 8h --journal lab.jsonl > window.svg": {
		exit:   cli.ExitFailed,
		before: func(t *testing.T, c *site) { t.Helper(); c.cluster(t) },
		after: func(t *testing.T, c *site, _ string) {
			t.Helper()
			raw, err := os.ReadFile(filepath.Join(c.dir, "window.svg"))
			require.NoError(t, err)
			require.Regexp(t, `(?s)^<svg .*</svg>\s*$`, string(raw))
		},
	},
	"./lustre-hapair rehearse --config pair.yaml --every 100": {
		before: func(t *testing.T, c *site) { t.Helper(); c.pair(t) },
		after: func(t *testing.T, c *site, out string) {
			t.Helper()
			require.Regexp(t, `(?m)^schedules .*: [1-9]\d+, of which broke something: 0$`, out)
			require.Empty(t, c.glob(t, "archives/*"), "simulated backups in the operator's directory")
			require.NoFileExists(t, filepath.Join(c.dir, "journal.jsonl"))
			require.Zero(t, c.report(t).Log, "the machines that the configuration leads to were touched")
		},
	},
	"./lustre-hapair config check --config pair.yaml": {
		before: func(t *testing.T, c *site) { t.Helper(); c.pair(t) },
		after: func(t *testing.T, c *site, out string) {
			t.Helper()
			require.Contains(t, out, "nothing is missing")
			require.NoFileExists(t, filepath.Join(c.dir, "journal.jsonl"))
		},
	},
	"./lustre-hapair run --config pair.yaml": {
		before: func(t *testing.T, c *site) { t.Helper(); c.pair(t) },
		after:  upgraded,
	},
	"./lustre-hapair status --config pair.yaml": {
		before: func(t *testing.T, c *site) { t.Helper(); c.pair(t); c.paused(t) },
		after: func(t *testing.T, _ *site, out string) {
			t.Helper()
			require.Regexp(t, `(?m)^  paused +at step install-node1 \(.*\), action install: `, out, "what it waits for")
			require.Regexp(t, `(?m)^ +\d+ +backup-node1 +done in `, out)
		},
	},
	"./lustre-hapair resume --config pair.yaml": {
		before: func(t *testing.T, c *site) { t.Helper(); c.pair(t); c.paused(t) },
		after:  upgraded,
	},
	"./lustre-hapair rollback --config pair.yaml": {
		before: func(t *testing.T, c *site) { t.Helper(); c.pair(t); c.crashed(t, "standby") },
		after: func(t *testing.T, c *site, _ string) {
			t.Helper()
			r := c.report(t)
			require.Empty(t, r.Violations)
			require.Len(t, r.Serving, len(c.served))
			for _, target := range r.Serving {
				require.Contains(t, []string{"oss1", "oss2"}, target.Where, "%s is served by one node", target.What)
			}
			require.True(t, slices.ContainsFunc(r.Log, func(l cli.Command) bool { return strings.Contains(l.Line, "unstandby") }), "%v", r.Log)
		},
	},
}

// TestCommands runs every command of README.md, but for the chapter of the real pair, one after the other in one clone.
func TestCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds everything anew: not with -short")
	}
	c := &site{dir: clone(t)}
	all := commands(t, false)
	for line := range promises {
		require.Contains(t, all, line, "README.md has no such command any more")
	}
	for _, line := range all {
		if elsewhere[line] != "" {
			continue
		}
		t.Run(line, func(t *testing.T) {
			p, ok := promises[line]
			require.True(t, ok, "no test knows what is promised of this command of README.md: %s", line)
			if p.before != nil {
				p.before(t, c)
			}
			exit, out := shell(t, c.dir, line)
			require.Equal(t, p.exit, exit, "%s", out)
			p.after(t, c, out)
		})
	}
}

// wholeJob is a demo's end.
func wholeJob(t *testing.T, _ *site, out string) {
	t.Helper()
	require.Contains(t, out, "invariants violated: none")
	require.Contains(t, out, "outage, on the world's clock:")
	require.Regexp(t, `(?m): (\d+) of (\d+) steps done`, out)
}

// prints wants a text in what a command prints.
func prints(text string) func(*testing.T, *site, string) {
	return func(t *testing.T, _ *site, out string) {
		t.Helper()
		require.Contains(t, out, text)
	}
}

func built(name string) func(*testing.T, *site, string) {
	return func(t *testing.T, c *site, _ string) {
		t.Helper()
		info, err := os.Stat(filepath.Join(c.dir, name))
		require.NoError(t, err)
		require.NotZero(t, info.Mode()&0o100)
	}
}

// upgraded is the end of a whole run.
func upgraded(t *testing.T, c *site, out string) {
	t.Helper()
	require.Regexp(t, `(?m): (\d+) of (\d+) steps done`, out)
	r := c.report(t)
	require.Empty(t, r.Violations)
	require.Equal(t, c.served, r.Serving, "each target is where it belongs")
	exit, out := shell(t, c.dir, "./lustre-hapair status --config pair.yaml")
	require.Zero(t, exit)
	require.Regexp(t, `(?m)^journal\.jsonl: finished, (\d+) done`, out)
}

// site is a user's directory, a clone of the repository, and the machines that pair.yaml leads to.
type site struct {
	dir    string
	world  *sshexec.Client
	far    *simhost.World // of vault
	served []cli.Serving  // at the beginning
}

// pair serves a fresh pair, oss1.example.com and oss2.example.com, out of the directory, and makes pair.yaml lead there.
func (c *site) pair(t *testing.T) {
	t.Helper()
	for _, stale := range append(c.glob(t, "bck-*"), c.glob(t, "journal.jsonl*")...) {
		require.NoError(t, os.Remove(stale))
	}
	require.NoError(t, os.RemoveAll(filepath.Join(c.dir, "archives")))
	for _, name := range []string{"config.yaml", "id_ed25519", "known_hosts"} { // of the world before: simulate writes over no other
		_ = os.Remove(filepath.Join(c.dir, name))
	}
	files := filepath.Join(c.dir, "pair")
	require.NoError(t, os.RemoveAll(files))
	require.NoError(t, os.CopyFS(files, os.DirFS(filepath.Join(c.dir, "examples", "lustre-hapair", "testdata", "pairs", "full-names"))))
	raw, err := os.ReadFile(filepath.Join(files, "cib.xml"))
	require.NoError(t, err)
	cib := strings.NewReplacer("oss15", "oss1", "oss16", "oss2").Replace(string(raw))
	require.NoError(t, os.WriteFile(filepath.Join(files, "cib.xml"), []byte(cib), 0o600))
	finding := strings.Replace(cib, `rsc="MGS_c14c75" score="20"`, `rsc="no-such-target" score="20"`, 1)
	require.NotEqual(t, cib, finding)
	require.NoError(t, os.WriteFile(filepath.Join(files, "with-a-finding.xml"), []byte(finding), 0o600))

	simulated(t, c.dir, "./lustre-hapair", "--into", ".", "--dir", "pair")
	raw, err = os.ReadFile(filepath.Join(c.dir, "config.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "pair.yaml"), raw, 0o600))
	c.world = c.client(t, "world")
	c.served = c.report(t).Serving
}

// simulated serves a world until the test ends.
func simulated(t *testing.T, dir, binary string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, append([]string{"simulate"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	drained := make(chan struct{})
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		<-drained
		require.Error(t, cmd.Wait())
		require.Equal(t, cli.ExitStopped, cmd.ProcessState.ExitCode(), "stopped as asked")
	})
	ready := make(chan bool, 1)
	go func() {
		defer close(drained)
		s := bufio.NewScanner(out)
		for s.Scan() {
			if strings.HasPrefix(s.Text(), "world:") {
				ready <- true
			}
		}
		close(ready)
	}()
	require.True(t, <-ready, "the world is not served")
}

// cluster makes cluster.yaml for the guide's cluster, lab.jsonl, the journal of its migration in a simulated world, and
// oplog.txt.
func (c *site) cluster(t *testing.T) {
	t.Helper()
	exit, out := shell(t, c.dir, "./cps-issm demo")
	require.Equal(t, cli.ExitDone, exit, "%s", out)
	left := regexp.MustCompile(`journal are in (\S+)`).FindStringSubmatch(out)
	require.NotNil(t, left, "%s", out)
	t.Cleanup(func() { _ = os.RemoveAll(left[1]) })
	copied := map[string]string{filepath.Join(left[1], "journal.jsonl"): "lab.jsonl",
		filepath.Join(c.dir, "mongo", "testdata", "cps-printReplicationInfo.txt"): "oplog.txt"}
	for from, to := range copied {
		raw, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(c.dir, to), raw, 0o600))
	}
	const job = "journal: cluster.jsonl\njob:\n  hosts_csv: examples/cps-issm/input/Hosts.csv\n" +
		"  mongo_config: examples/cps-issm/input/mongoConfig.cfg\n  archive_dir: .\n  arbitervip: 192.168.105.100\n"
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "cluster.yaml"), []byte(job), 0o600))
}

// client reaches a host of pair.yaml.
func (c *site) client(t *testing.T, host string) *sshexec.Client {
	t.Helper()
	cfg, err := cli.ReadConfig[map[string]any](filepath.Join(c.dir, "pair.yaml"))
	require.NoError(t, err)
	client, err := sshexec.NewClient(sshexec.Config{
		Host: host, Addr: cfg.Hosts[host], User: "root", KnownHosts: []string{filepath.Join(c.dir, "known_hosts")},
		Auth: sshexec.Auth{KeyFiles: []string{filepath.Join(c.dir, "id_ed25519")}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func (c *site) ask(t *testing.T, question ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	res, err := c.world.Run(ctx, sshexec.Command(sshexec.ReadOnly, append([]string{"world"}, question...)...))
	require.NoError(t, err)
	return res.Text()
}

// report is the world's own account.
func (c *site) report(t *testing.T) (r cli.WorldReport) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(c.ask(t, "report")), &r))
	return r
}

// paused has a run that waits for the person who installs a system.
func (c *site) paused(t *testing.T) {
	t.Helper()
	exit, out := shell(t, c.dir, "./lustre-hapair run --no-wait --config pair.yaml")
	require.Equal(t, cli.ExitHeld, exit, "%s", out)
}

// crashed has a run of which the tool was killed right after the first command with a word in it.
func (c *site) crashed(t *testing.T, word string) {
	t.Helper()
	c.ask(t, "hold", "after", word)
	cmd := exec.CommandContext(t.Context(), "./lustre-hapair", "run", "--config", "pair.yaml")
	cmd.Dir = c.dir
	require.NoError(t, cmd.Start())
	require.Equal(t, "held", strings.TrimSpace(c.ask(t, "held")))
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	c.ask(t, "release")
}

// vault adds a machine that backups are copied to.
func (c *site) vault(t *testing.T) {
	t.Helper()
	key, err := sshexectest.NewKey()
	require.NoError(t, err)
	state := simhost.NewState(simhost.NewRegistry(), time.Date(2018, time.June, 12, 22, 0, 0, 0, time.UTC))
	system := simhost.EL7()
	system.Files["/dev/null"], system.Files["/srv/backups/.keep"] = "", ""
	state.AddHost("vault", system)
	c.far = simhost.NewWorld(state)
	runner, err := c.far.Runner("vault")
	require.NoError(t, err)
	private, err := os.ReadFile(filepath.Join(c.dir, "id_ed25519"))
	require.NoError(t, err)
	signer, err := ssh.ParsePrivateKey(private)
	require.NoError(t, err)
	server, err := sshexectest.NewServer(sshexectest.Config{
		HostKeys: []ssh.Signer{key}, Authorized: []ssh.PublicKey{signer.PublicKey()}, Handler: sshexectest.RunnerHandler(runner),
	})
	require.NoError(t, err)
	addr, err := server.Listen()
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })

	path := filepath.Join(c.dir, "pair.yaml")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var cfg map[string]any
	require.NoError(t, yaml.Unmarshal(raw, &cfg))
	cfg["hosts"].(map[string]any)["vault"] = addr
	raw, err = yaml.Marshal(cfg)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	known, err := os.OpenFile(filepath.Join(c.dir, "known_hosts"), os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = io.WriteString(known, server.KnownHosts(addr)+"\n")
	require.NoError(t, err)
	require.NoError(t, known.Close())
}

func (c *site) glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(c.dir, pattern))
	require.NoError(t, err)
	slices.Sort(found)
	return found
}
