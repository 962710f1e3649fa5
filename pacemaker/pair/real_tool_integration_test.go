//go:build integration

package pair_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// toolDir is the environment variable that makes of this test's program the tool that upgrades a real pair, so that it can be killed.
// It names the directory of the job.
const toolDir = "EVENKEEL_REAL_PAIR"

// realPassword is that of hacluster in the new cluster.
const realPassword = "correct horse $battery"

// realUpdate is the version of pacemaker that an update brings.
const realUpdate = "2.1.9-1.el8"

// How a life of the tool can end, beside being killed.
const (
	toolDone   = 0
	toolFailed = 1
	toolHeld   = 3 // for the operator
)

// job is what the tool is told, in job.json.
type job struct {
	Nodes, Addrs, Backups [2]string
	Key, KnownHosts       string
	Outage                time.Duration // how long each wait for services may last
	Rolling               bool          // the pair stays on its release
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(toolDir); dir != "" {
		exit, err := tool(dir, os.Args[len(os.Args)-1])
		if err != nil {
			fmt.Println(err)
		}
		os.Exit(exit)
	}
	os.Exit(m.Run())
}

// config is what the plan is made from.
func (j job) config(dir string) pair.Config {
	cfg := pair.Config{Node1: pair.Server{Name: j.Nodes[0], Backup: j.Backups[0]}, Node2: pair.Server{Name: j.Nodes[1], Backup: j.Backups[1]},
		From: "el8", To: "el9", Password: realPassword, ArchiveDir: filepath.Join(dir, "archives"), Restore: []string{"/etc/nginx"},
		Packages: []string{"nginx", "postgresql-server"}, Outage: j.Outage}
	if j.Rolling {
		cfg.Way, cfg.To, cfg.Versions, cfg.Restart = readiness.Rolling, cfg.From, map[string]string{"pacemaker": realUpdate}, true
	}
	return cfg
}

// clients are ways to both nodes.
func (j job) clients() (evenkeel.HostMap, error) {
	hosts := evenkeel.HostMap{}
	for i, name := range j.Nodes {
		c, err := sshexec.NewClient(sshexec.Config{Host: name, Addr: j.Addrs[i], User: "root", KnownHosts: []string{j.KnownHosts},
			Auth: sshexec.Auth{KeyFiles: []string{j.Key}}, KeepAlive: 5 * time.Second}) // a node that goes down may say nothing
		if err != nil {
			return nil, err
		}
		hosts[name] = c
	}
	return hosts, nil
}

// sayer confirms what only a person can, and has the tool hold for the rest.
type sayer struct{}

func (sayer) Prompt(_ context.Context, ask evenkeel.Prompt) (string, error) {
	if ask.Why == "" {
		return "confirmed", nil
	}
	return "", evenkeel.NeedsOperator("%s (not there yet: %s)", ask.Instruction, ask.Why)
}

// tool is one life: it runs the upgrade, or takes it up; or it leads it back.
func tool(dir, verb string) (exit int, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, "job.json"))
	if err != nil {
		return toolFailed, err
	}
	var j job
	if err := json.Unmarshal(raw, &j); err != nil {
		return toolFailed, err
	}
	p, err := pair.Load(j.config(dir))
	if err != nil {
		return toolFailed, err
	}
	book, err := p.Runbook()
	if err != nil {
		return toolFailed, err
	}
	hosts, err := j.clients()
	if err != nil {
		return toolFailed, err
	}
	journal, err := evenkeel.OpenJournal(filepath.Join(dir, "journal.jsonl"))
	if err != nil {
		return toolFailed, err
	}
	defer func() { _ = journal.Close() }()
	opts := evenkeel.Options{Journal: journal, Operator: sayer{}, Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
		fmt.Println(e.Time.Format("15:04:05.000"), e.Kind, e.Host, e.Text)
	})}
	does := map[string]func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Report, error){
		"run": evenkeel.Run, "resume": evenkeel.Resume, "rollback": evenkeel.Rollback}
	report, err := does[verb](context.Background(), book, hosts, opts)
	if report != nil && verb == "rollback" {
		fmt.Printf("barrier: %v\ndiffers: %q\n", report.Barrier, report.Differs)
	}
	var pause *evenkeel.Pause
	switch {
	case errors.As(err, &pause):
		return toolHeld, fmt.Errorf("held at step %s, action %s: %w", pause.Step, pause.Action, err)
	case err != nil:
		return toolFailed, err
	}
	return toolDone, nil
}
