// Command lustre-hapair upgrades a Lustre server pair under Pacemaker: node 1, then node 2, one always serving.
//
//	go run ./examples/lustre-hapair demo
//
// See the README for the other commands; package lustre has the runbook.
package main

import (
	"os"

	"github.com/evenkeel-ha/evenkeel/examples/internal/cli"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// version is part of what binds a journal to the tool that wrote it.
const version = "0.1.0"

func main() { os.Exit(app().Main(os.Args[1:])) }

func app() *cli.App {
	return &cli.App{
		Name: "lustre-hapair", Title: "upgrade of a Lustre server pair, one node serving while the other is rebuilt", Version: version,
		Load: load, Example: example, World: world, Inspect: inspect,
	}
}

// load makes the runbook that a configuration asks for.
func load(cfg *cli.Config) (*cli.Job, error) {
	pair, err := loadPair(cfg)
	if err != nil {
		return nil, err
	}
	rb, err := pair.Runbook()
	if err != nil {
		return nil, err
	}
	return &cli.Job{Runbook: rb}, nil
}

func loadPair(cfg *cli.Config) (*lustre.Pair, error) {
	c := cfg.Pair
	if c == nil {
		return nil, cli.Missing("pair")
	}
	var profile lustre.Profile
	if c.Profile != "" {
		if err := profile.UnmarshalText([]byte(c.Profile)); err != nil {
			return nil, err
		}
	}
	password, err := cfg.Secret(c.PasswordFile)
	if err != nil {
		return nil, err
	}
	return lustre.LoadPair(lustre.PairConfig{
		Node1:   lustre.Server{Name: c.Node1.Name, Backup: cfg.Path(c.Node1.Backup)},
		Node2:   lustre.Server{Name: c.Node2.Name, Backup: cfg.Path(c.Node2.Backup)},
		Manager: c.Manager, Password: password, ArchiveDir: cfg.Path(c.Archives), Profile: profile, Kernel: c.Kernel, AgentRepos: c.AgentRepos,
		ClusterName: c.Cluster, PlainPCS: c.PlainPCS, DisableFirewall: c.DisableFirewall, NoAutostart: c.NoAutostart, SELinux: c.SELinux,
	})
}
