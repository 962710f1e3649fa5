//go:build integration

package pair_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
)

// realPair is a real pair that serves a web site and a database, with its users, and the tool beside it.
type realPair struct {
	t     *testing.T
	lab   *pairlab.Lab
	dir   string
	job   job
	users []*user
	log   bytes.Buffer // everything that the tool printed
}

// newRealPair boots a pair of EL8, makes its cluster, and backs it up.
func newRealPair(t *testing.T, outage time.Duration, mend ...func(*job)) *realPair {
	t.Helper()
	r := &realPair{t: t, dir: t.TempDir()}
	lab, err := pairlab.Start(t.Context(), pairlab.Options{Dir: r.dir, Targets: pairlab.ServicesDisks(), Services: true,
		StartDelay: 500 * time.Millisecond, StopDelay: time.Second})
	if errors.Is(err, pairlab.ErrUnavailable) {
		t.Skipf("no real pair here: %v", err)
	}
	require.NoError(t, err)
	r.lab = lab
	t.Cleanup(func() { require.NoError(t, lab.Close()) })
	building, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	require.NoError(t, pairlab.BuildServices(building, lab))
	r.users = []*user{browser(lab.ServiceAddress(0)), psql(lab.ServiceAddress(1))}
	for _, u := range r.users {
		u.works(t)
	}

	require.NoError(t, os.Mkdir(filepath.Join(r.dir, "archives"), 0o700))
	r.job = job{Key: lab.Key(), KnownHosts: lab.KnownHosts(), Outage: outage}
	for _, m := range mend {
		m(&r.job)
	}
	for i, n := range lab.Nodes() {
		r.job.Nodes[i], r.job.Addrs[i] = n.Name(), n.Addr()
	}
	hosts, err := r.job.clients()
	require.NoError(t, err)
	for i, name := range r.job.Nodes {
		made, err := backup.Create(t.Context(), hosts[name], pair.Manifest(r.job.config(r.dir).Restore...),
			backup.Options{Dir: filepath.Join(r.dir, "archives")})
		require.NoError(t, err)
		r.job.Backups[i] = made.Path
	}
	raw, err := json.Marshal(r.job)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "job.json"), raw, 0o600))
	return r
}

// life is one life of the tool, and what it prints.
func (r *realPair) life(verb string) (*exec.Cmd, *bytes.Buffer) {
	var out bytes.Buffer
	cmd := exec.CommandContext(r.t.Context(), os.Args[0], verb) //nolint:gosec // this test's own program
	cmd.Env = append(os.Environ(), toolDir+"="+r.dir)
	cmd.Stdout = io.MultiWriter(&out, &r.log)
	cmd.Stderr = cmd.Stdout
	return cmd, &out
}

// until runs a life of the tool, and does something when the time for it has come.
func (r *realPair) until(verb string, come func() bool, do func(kill func())) (exit int, out string) {
	r.t.Helper()
	cmd, text := r.life(verb)
	require.NoError(r.t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	for done := false; !done; {
		select {
		case <-ended:
			return cmd.ProcessState.ExitCode(), text.String()
		case <-time.After(2 * time.Millisecond):
			done = come()
		}
	}
	do(func() { require.NoError(r.t, cmd.Process.Kill()) })
	<-ended
	return cmd.ProcessState.ExitCode(), text.String()
}

// tool runs a life to its end.
func (r *realPair) tool(verb string) (exit int, out string) {
	r.t.Helper()
	return r.until(verb, func() bool { return false }, nil)
}

var heldAt = regexp.MustCompile(`held at step install-node([12]), action install:`)

// updateAt is where the tool held for an update.
var updateAt = regexp.MustCompile(`held at step update-node([12]), action update:`)

// person installs the new system, or updates the old one, where the tool held for it, and tells whether it did.
func (r *realPair) person(out string) bool {
	r.t.Helper()
	if m := updateAt.FindStringSubmatch(out); m != nil {
		r.exec(int(m[1][0]-'1'), "sed -i 's/^pacemaker .*/pacemaker "+realUpdate+"/' /var/lib/rpm/installed")
		return true
	}
	m := heldAt.FindStringSubmatch(out)
	if m == nil {
		return false
	}
	n := r.lab.Nodes()[m[1][0]-'1']
	require.Eventually(r.t, func() bool { return !n.On() }, 2*time.Minute, 100*time.Millisecond, "%s does not go down", n.Name())
	require.NoError(r.t, n.Wipe(pairlab.NewRelease))
	require.NoError(r.t, r.lab.Trust())
	return true
}

// upgrade runs the tool to its end, playing the person.
func (r *realPair) upgrade(verb string) {
	r.t.Helper()
	for range 4 {
		exit, out := r.tool(verb)
		if exit == toolDone {
			return
		}
		require.Equal(r.t, toolHeld, exit, "%s", tail(out))
		require.True(r.t, r.person(out), "%s", tail(out))
		verb = "resume"
	}
	require.Fail(r.t, "it does not come to its end")
}

func tail(text string) string { return text[max(0, len(text)-6000):] }

// records reads the journal, which may be growing.
func (r *realPair) records() []evenkeel.Record {
	raw, err := os.ReadFile(filepath.Join(r.dir, "journal.jsonl"))
	if err != nil {
		return nil
	}
	records, _, _ := evenkeel.ReadJournal(bytes.NewReader(raw))
	return records
}

// stepAt is the step that the run was at.
func (r *realPair) stepAt(when time.Time) string {
	step := "no step"
	for _, rec := range r.records() {
		if rec.Kind == evenkeel.KindStep && rec.Time.Before(when.Add(useEvery)) {
			step = rec.Step
		}
	}
	return step
}

// sound wants what must hold whatever happened.
func (r *realPair) sound() pairlab.Truth {
	r.t.Helper()
	truth, err := r.lab.Truth()
	require.NoError(r.t, err)
	require.Empty(r.t, truth.DoubleMounts, "a disk was mounted twice")
	require.NotContains(r.t, r.log.String(), realPassword)
	return truth
}

// cib is the live CIB, as a node sees it.
func (r *realPair) cib(node int) *pacemaker.CIB {
	r.t.Helper()
	cib, err := pacemaker.ParseCIB(strings.NewReader(r.exec(node, "cibadmin --query")))
	require.NoError(r.t, err)
	return cib
}

// exec runs a line on a node, which must exit with 0.
func (r *realPair) exec(node int, line string) string {
	r.t.Helper()
	out, stderr, exit, err := r.lab.Nodes()[node].Exec(r.t.Context(), nil, "sh", "-c", line)
	require.NoError(r.t, err)
	require.Zero(r.t, exit, "%s: %s%s", line, out, stderr)
	return string(out)
}

// upgraded wants the end that every way must come to: everything where it belongs, the configuration as it was, and nobody fenced.
func (r *realPair) upgraded(before *pacemaker.CIB) {
	r.t.Helper()
	truth := r.sound()
	require.Empty(r.t, truth.Fencings)
	for _, d := range pairlab.ServicesDisks() {
		require.Equal(r.t, []string{r.job.Nodes[d.Preferred]}, truth.Serving(d.UUID), d.Label)
	}
	waiting, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	_, err := pairlab.WaitStatus(waiting, r.lab.Nodes()[0], pairlab.ServicesRun(r.job.Nodes))
	require.NoError(r.t, err)
	for i := range r.job.Nodes {
		require.Contains(r.t, r.exec(i, "cat /etc/redhat-release"), "release 9.4")
		require.Contains(r.t, r.exec(i, "cat /etc/nginx/nginx.conf"), "the site's own")
	}
	var ids []string
	for _, w := range before.Wanted() {
		ids = append(ids, w.ID)
	}
	for _, top := range before.Resources() {
		ids = append(ids, top.ID)
	}
	require.Empty(r.t, pacemaker.Diff(before, r.cib(0), pacemaker.ManagedIDs(), pacemaker.Expect(pacemaker.RebuildExpectations()...),
		pacemaker.Expect(pacemaker.ExpectRole("Started", ids...))))
	for _, u := range r.users {
		require.Eventually(r.t, u.served, 10*time.Second, useEvery, u.name)
	}
}

// told prints what the users felt, and how long each step took.
func (r *realPair) told() {
	for _, u := range r.users {
		r.t.Log(u.felt(r.stepAt))
	}
	began := map[string]time.Time{}
	var b strings.Builder
	for _, rec := range r.records() {
		if _, known := began[rec.Step]; !known {
			began[rec.Step] = rec.Time
		}
		if rec.Kind == evenkeel.KindStepDone {
			b.WriteString(rec.Step + " " + rec.Time.Sub(began[rec.Step]).Round(100*time.Millisecond).String() + ", ")
		}
	}
	r.t.Log(b.String())
}

// began tells whether an action has begun.
func (r *realPair) began(step, action string) bool {
	return slices.ContainsFunc(r.records(), func(rec evenkeel.Record) bool {
		return rec.Kind == evenkeel.KindStart && rec.Step == step && rec.Action == action
	})
}

// A real pair with a web site and a database, each in a group with its file system and its address, goes by way of two clusters from
// EL8 to EL9, with real commands over real SSH. Its users use both all along.
func TestRealPairOfServices(t *testing.T) {
	t.Parallel()
	r := newRealPair(t, 2*time.Minute)
	defer r.told()
	before := r.cib(0)
	r.upgrade("run")
	r.upgraded(before)
}
