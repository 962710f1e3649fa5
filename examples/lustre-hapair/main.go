// Command lustre-hapair upgrades a Lustre server pair under Pacemaker: node 1, then node 2, one always serving.
//
//	go run ./examples/lustre-hapair demo
//
// See the README for the other commands; package lustre has the runbook.
package main

import (
	"os"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/internal/cli"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// version is part of what binds a journal to the tool that wrote it.
const version = "0.1.0"

func main() { os.Exit(app().Main(os.Args[1:])) }

func app() *cli.App {
	return &cli.App{
		Name: "lustre-hapair", Title: "upgrade of a Lustre server pair, one node serving while the other is rebuilt", Version: version,
		Read: cli.ReadConfig[pairConfig], Load: load, Example: example, World: world, Inspect: inspect, Backup: takeNow,
	}
}

// pairConfig is the job of this binary in the configuration file.
type pairConfig struct {
	Node1           serverConfig   `yaml:"node1"`
	Node2           serverConfig   `yaml:"node2"`
	Manager         string         `yaml:"manager"`
	PasswordFile    string         `yaml:"password_file"` // holds the password for hacluster
	Archives        string         `yaml:"archives"`      // the directory for fresh backups
	Profile         lustre.Profile `yaml:"profile"`
	Kernel          string         `yaml:"kernel,omitempty"`
	AgentRepos      []string       `yaml:"agent_repos,omitempty"`
	Cluster         string         `yaml:"cluster,omitempty"`
	PlainPCS        bool           `yaml:"plain_pcs_constraints,omitempty"`
	DisableFirewall bool           `yaml:"disable_firewall,omitempty"`
	NoAutostart     bool           `yaml:"no_autostart,omitempty"`
	SELinux         bool           `yaml:"selinux,omitempty"`
}

// serverConfig is one server of the pair.
type serverConfig struct {
	Name   string `yaml:"name"`
	Backup string `yaml:"backup"`
}

// jobOf is the job of a configuration.
func jobOf(cfg *cli.Config) *pairConfig { return cfg.Job.(*pairConfig) } //nolint:forcetypeassert // App.Read and example make no other

// load makes the runbook that a configuration asks for.
func load(cfg *cli.Config) (*evenkeel.Runbook, error) {
	c := jobOf(cfg)
	password, err := cfg.Secret(c.PasswordFile)
	if err != nil {
		return nil, err
	}
	pair, err := lustre.LoadPair(lustre.PairConfig{
		Node1:   lustre.Server{Name: c.Node1.Name, Backup: cfg.Path(c.Node1.Backup)},
		Node2:   lustre.Server{Name: c.Node2.Name, Backup: cfg.Path(c.Node2.Backup)},
		Manager: c.Manager, Password: password, ArchiveDir: cfg.Path(c.Archives), Profile: c.Profile, Kernel: c.Kernel, AgentRepos: c.AgentRepos,
		ClusterName: c.Cluster, PlainPCS: c.PlainPCS, DisableFirewall: c.DisableFirewall, NoAutostart: c.NoAutostart, SELinux: c.SELinux,
	})
	if err != nil {
		return nil, err
	}
	return pair.Runbook()
}
