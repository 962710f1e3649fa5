package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/server/temporaltest"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/site"
)

// arena is a server in this process, simulated pairs behind SSH servers of this process, and workers that are processes
// of their own.
type arena struct {
	dir, file string
	server    *temporaltest.TestServer
	client    client.Client
	site      *site.Site
	sims      map[string]*cli.Simulation
	program   func(args ...string) *exec.Cmd // this program
	workers   map[string]*exec.Cmd
	leashes   map[string]io.Closer // of the workers: one ends when this does, or this process
}

// newArena makes pairs in a directory, in waves of the given sizes, and a server.
func newArena(ctx context.Context, dir string, server *temporaltest.TestServer, program func(args ...string) *exec.Cmd,
	waves ...int) (*arena, error) {
	a := &arena{dir: dir, file: filepath.Join(dir, "fleet.yaml"), server: server, client: server.GetDefaultClient(),
		sims: map[string]*cli.Simulation{}, program: program, workers: map[string]*exec.Cmd{},
		leashes: map[string]io.Closer{}}
	var pairs, list strings.Builder
	n := 0
	for _, size := range waves {
		var names []string
		for range size {
			n++
			name := fmt.Sprintf("pair%d", n)
			names = append(names, name)
			sim, err := site.Lustre().Serve(ctx, filepath.Join(dir, name))
			if err != nil {
				a.close()
				return nil, err
			}
			a.sims[name] = sim
			fmt.Fprintf(&pairs, "  %s: {config: %s/config.yaml}\n", name, name)
		}
		fmt.Fprintf(&list, "  - [%s]\n", strings.Join(names, ", "))
	}
	text := "fleet: demo\nlimit: 4\npairs:\n" + pairs.String() + "waves:\n" + list.String()
	err := os.WriteFile(a.file, []byte(text), 0o600)
	if err == nil {
		a.site, err = site.Read(a.file)
	}
	if err != nil {
		a.close()
	}
	return a, err
}

// id is the ID of a pair's workflow.
func (a *arena) id(pair string) string { return flow.PairID(a.site.Name, pair) }

// work starts a worker process.
func (a *arena) work(name string) error {
	c := a.program("worker", "--leash", "--fleet", a.file, "--name", name)
	c.Env = append(c.Environ(), "TEMPORAL_ADDRESS="+a.server.GetFrontendHostPort(), "TEMPORAL_NAMESPACE="+a.server.GetDefaultNamespace())
	log, err := os.OpenFile(filepath.Join(a.dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	c.Stdout, c.Stderr = log, log
	if a.leashes[name], err = c.StdinPipe(); err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	a.workers[name] = c
	return nil
}

// kill is kill -9 of a worker.
func (a *arena) kill(name string) {
	if c := a.workers[name]; c != nil {
		delete(a.workers, name)
		_ = c.Process.Kill()
		_ = c.Wait()
	}
}

// close ends everything but the server.
func (a *arena) close() {
	for name := range a.workers {
		a.kill(name)
	}
	for _, sim := range a.sims {
		sim.Close()
	}
}

// truth is what a simulated pair itself says.
type truth struct {
	end      string // the state in which it ends by itself
	violated []string
	changes  map[string]int // how often each change took effect: host and command
	commands int            // that were sent, looks among them
}

func tell(sim *cli.Simulation) (t truth, err error) {
	err = sim.Do(func(w cli.SimWorld) error {
		r := w.Report()
		t.end, t.violated, t.changes = w.Hash(), r.Violations, map[string]int{}
		for _, c := range r.Log {
			t.changes[c.Host+" "+c.Line]++
		}
		return nil
	})
	t.commands = sim.Commands()
	return t, err
}

// with is how often changes with a word in them took effect.
func (t truth) with(word string) (n int) {
	for change, times := range t.changes {
		if strings.Contains(change, word) {
			n += times
		}
	}
	return n
}

// plain is the truth of a pair that the library's own Run has upgraded, with nothing that disturbs it.
func plain(ctx context.Context, dir string) (truth, error) {
	sim, err := site.Lustre().Serve(ctx, dir)
	if err != nil {
		return truth{}, err
	}
	defer sim.Close()
	ready, err := site.Lustre().Ready(ctx, sim.Config())
	if err != nil {
		return truth{}, err
	}
	defer ready.Close()
	opts := ready.Options
	opts.Journal = &evenkeel.MemJournal{}
	if _, err := evenkeel.Run(ctx, ready.Runbook, ready.Hosts, opts); err != nil {
		return truth{}, err
	}
	return tell(sim)
}

// until waits until something is so.
func until(ctx context.Context, what string, limit time.Duration, so func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !so() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %s", limit, what)
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}
