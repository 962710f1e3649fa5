//go:build integration

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// labPCS is the pcs of the lab's image, in the old system as in the new one.
const labPCS = "0.11.5"

// labPassword is that of hacluster.
const labPassword = "correct horse $battery"

// real is a real pair with its old cluster in service, and the tool beside it.
type real struct {
	t       testing.TB
	lab     *pairlab.Lab
	targets []pairlab.Target
	byHand  bool // people made the pair
	dir     string
	binary  string
	config  string
	log     bytes.Buffer // everything that the tool printed
}

// newReal boots a pair, makes its old cluster, and backs it up with the tool.
func newReal(t testing.TB, targets int, mend func(*lustrejob.Config)) *real {
	t.Helper()
	return bootReal(t, pairlab.GuideTargets(targets), false, mend)
}

// newHandmade is the same with a pair that people made.
func newHandmade(t testing.TB, mend func(*lustrejob.Config)) *real {
	t.Helper()
	return bootReal(t, pairlab.HandMadeTargets(), true, mend)
}

func bootReal(t testing.TB, targets []pairlab.Target, byHand bool, mend func(*lustrejob.Config)) *real {
	t.Helper()
	r := &real{t: t, dir: t.TempDir(), targets: targets, byHand: byHand}
	lab, err := pairlab.Start(t.Context(),
		pairlab.Options{Dir: r.dir, Targets: r.targets, ByHand: byHand, StopDelay: time.Second, StartDelay: 2 * time.Second})
	if errors.Is(err, pairlab.ErrUnavailable) {
		t.Skipf("no real pair here: %v", err)
	}
	require.NoError(t, err)
	r.lab = lab
	t.Cleanup(func() { require.NoError(t, lab.Close()) })
	building, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	require.NoError(t, pairlab.BuildOldCluster(building, lab, pairlab.SiteOptions{Targets: r.targets, ByHand: byHand}))

	r.binary = filepath.Join(r.dir, "lustre-hapair")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", r.binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)

	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "hacluster"), []byte(labPassword+"\n"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(r.dir, "archives"), 0o700))
	job := &lustrejob.Config{
		Node1: pairfiles.Server{Name: lab.Nodes()[0].Name()}, Node2: pairfiles.Server{Name: lab.Nodes()[1].Name()},
		Manager: "ct6-iml.lfs.intl", PasswordFile: "hacluster", Archives: "archives", AgentRepos: lustretest.AgentRepos(),
		OldPCS: labPCS, NewPCS: labPCS,
	}
	if byHand {
		job.Manager, job.AgentRepos = "", lustretest.LustreRepos()
	}
	if mend != nil {
		mend(job)
	}
	cfg := &cli.Config{Journal: "journal.jsonl", Job: job, Hosts: map[string]string{}}
	cfg.SSH = cli.SSHConfig{User: "root", Keys: []string{lab.Key()}, KnownHosts: []string{lab.KnownHosts()}}
	for _, n := range lab.Nodes() {
		cfg.Hosts[n.Name()] = n.Addr()
	}
	r.config = filepath.Join(r.dir, "pair.yaml")
	require.NoError(t, cfg.Write(r.config))

	exit, text := r.tool("backup")
	require.Zero(t, exit, text)
	for i, server := range []*pairfiles.Server{&job.Node1, &job.Node2} {
		short, _, _ := strings.Cut(lab.Nodes()[i].Name(), ".")
		found, err := filepath.Glob(filepath.Join(r.dir, "archives", "bck-"+short+"-*.tgz"))
		require.NoError(t, err)
		require.Len(t, found, 1)
		server.Backup = found[0]
	}
	require.NoError(t, cfg.Write(r.config))
	return r
}

// command is a life of the tool.
func (r *real) command(ctx context.Context, args ...string) (*exec.Cmd, *bytes.Buffer) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, r.binary, append(args, "--config", r.config)...)
	cmd.Stdout = io.MultiWriter(&out, &r.log)
	cmd.Stderr = cmd.Stdout
	return cmd, &out
}

// tool runs it to its end.
func (r *real) tool(args ...string) (exit int, out string) {
	r.t.Helper()
	cmd, text := r.command(r.t.Context(), args...)
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		require.NoError(r.t, err)
	}
	return cmd.ProcessState.ExitCode(), text.String()
}

var installs = regexp.MustCompile(`at step install-node([12]),`)

// person does what the tool asked for before it held, and tells whether there was anything.
func (r *real) person(out string) bool {
	r.t.Helper()
	m := installs.FindStringSubmatch(out)
	if m == nil {
		return false
	}
	n := r.lab.Nodes()[m[1][0]-'1']
	require.NoError(r.t, n.Wipe(pairlab.NewRelease))
	require.NoError(r.t, r.lab.Trust())
	return true
}

// upgrade runs the tool to its end, playing the person. It returns how the last life ended.
func (r *real) upgrade(verb string) (exit int, out string) {
	r.t.Helper()
	for lives := 0; lives < 20; lives++ {
		exit, out = r.tool(verb, "--no-wait")
		if exit != cli.ExitHeld || !r.person(out) {
			return exit, out
		}
		verb = "resume"
	}
	return exit, out
}

// sound wants what must hold whatever happened.
func (r *real) sound() {
	r.t.Helper()
	truth, err := r.lab.Truth()
	require.NoError(r.t, err)
	require.Empty(r.t, truth.DoubleMounts, "a target was mounted, or a pool imported, twice")
	require.NotContains(r.t, r.log.String(), labPassword)
}

// upgraded wants the end that every way must come to: no target lost, each on its preferred node, the backed-up
// configuration but for the declared differences.
func (r *real) upgraded() *pacemaker.CIB {
	r.t.Helper()
	r.sound()
	truth, err := r.lab.Truth()
	require.NoError(r.t, err)
	for _, target := range r.targets {
		node := []string{r.lab.Nodes()[target.Preferred].Name()}
		require.Equal(r.t, node, truth.Serving(target.UUID), target.Label)
		if pool := target.Pool(); pool != "" {
			require.Equal(r.t, node, truth.Serving(pool), pool)
		}
	}
	return r.cib(0)
}

// cib is the live CIB, as a node sees it.
func (r *real) cib(node int) *pacemaker.CIB {
	r.t.Helper()
	out, stderr, exit, err := r.lab.Nodes()[node].Exec(r.t.Context(), nil, "cibadmin", "--query")
	require.NoError(r.t, err)
	require.Zero(r.t, exit, "%s", stderr)
	cib, err := pacemaker.ParseCIB(bytes.NewReader(out))
	require.NoError(r.t, err)
	return cib
}

// pair is the plan that the tool makes.
func (r *real) pair() *upgrade.Pair {
	r.t.Helper()
	cfg, err := cli.ReadConfig[lustrejob.Config](r.config)
	require.NoError(r.t, err)
	p, err := lustrejob.LoadPair(cfg)
	require.NoError(r.t, err)
	return p
}
