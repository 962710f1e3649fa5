// Command pacemaker-pair upgrades a two-node Pacemaker pair to another release of its system, or updates it within its release: node 1,
// then node 2, one always serving.
//
//	go run ./examples/pacemaker-pair demo
//
// See docs/pair.md for the other commands; package pacemaker/pair has the runbook.
package main

import (
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// version is part of what binds a journal to the tool that wrote it.
const version = "0.1.0"

// profiles are what the tool knows of resource agents. An agent of your own gets a profile here:
//
//	var profiles = pair.Builtin().With(redis)
//
// See the example "profile" of package pacemaker/pair.
var profiles = pair.Builtin()

func main() { os.Exit(app().Main(os.Args[1:])) }

func app() *cli.App {
	return &cli.App{
		Name: "pacemaker-pair", Title: "upgrade of a Pacemaker pair, one node serving while the other is rebuilt", Version: version,
		Read: cli.ReadConfig[pairConfig], Schema: schemaOf("pacemaker-pair"), Begin: begin, Load: load, Example: example,
		Private: private, World: world, Inspect: files.Inspect, Kinds: kinds, Backup: takeNow, Person: pairfiles.Technician,
		Verbs: []func(*cli.App) *cobra.Command{waysCommand, pairfiles.DiffCommand},
		Jobs: map[string]func() *cli.App{"preflight": func() *cli.App { return pairfiles.Preflight(app(), loadPair, known) },
			"rolling": rollingApp},
	}
}

// pairConfig is the job of this binary in the configuration file.
type pairConfig struct {
	// the way that the pair goes: two clusters, also when empty, or rolling, within a release
	Way          string           `yaml:"way,omitempty" oneof:"two clusters,rolling"`
	Node1        pairfiles.Server `yaml:"node1"`                         // the node that is rebuilt first
	Node2        pairfiles.Server `yaml:"node2"`                         // the other node
	From         string           `yaml:"from" oneof:"el7,el8,el9,el10"` // the release that the pair runs on: RHEL 7 to 10, or a rebuild of it
	To           string           `yaml:"to" oneof:"el8,el9,el10"`       // the release that it is to run on; the same on the way rolling
	PasswordFile string           `yaml:"password_file,omitempty"`       // a file of mode 0600 with the password for hacluster; not needed for rolling
	Archives     string           `yaml:"archives"`                      // the directory for fresh backups
	// files and directories that the services need, beside the host table and the SSH keys: /etc/exports
	Restore []string `yaml:"restore,omitempty"`
	// what the services need, by the names that dnf has for it, beside the cluster's own software
	Packages []string `yaml:"packages,omitempty"`
	// those with the cluster's software, by the names that dnf has for them; those of the release's add-on when empty
	Repositories []string `yaml:"repositories,omitempty"`
	// of each node in the new cluster, by its full name, one for each link; those of corosync.conf when empty
	Addresses map[string][]string `yaml:"addresses,omitempty"`
	Provision provisionConfig     `yaml:"provision,omitempty"` // how your own provisioning installs a node, or updates it; you do when empty
	// of the way rolling: the versions of packages that the update brings, by name, such as pacemaker: 2.1.7-5.el9; pacemaker is wanted
	Versions map[string]string `yaml:"versions,omitempty"`
	Restart  bool              `yaml:"restart,omitempty"` // of the way rolling: restart each node when it is updated
	// go on although the new release does not take the pair as it is (preflight --target); the plan says so, and who signs it
	InSpite bool          `yaml:"in_spite,omitempty"`
	Outage  time.Duration `yaml:"outage,omitempty"`  // how long each wait for services that move may last; 5m when empty
	Install time.Duration `yaml:"install,omitempty"` // how long the wait for a machine may last; 30m when empty
}

// provisionConfig is how a site installs a node by itself.
type provisionConfig struct {
	Host    string   `yaml:"host"`    // the machine that the command runs on
	Command []string `yaml:"command"` // the command, a word each, without a secret; the node's full name is added
}

// jobOf is the job of a configuration.
func jobOf(cfg *cli.Config) *pairConfig { return cfg.Job.(*pairConfig) } //nolint:forcetypeassert // App.Read and example make no other

// known is what a configuration tells of the pair.
func known(cfg *cli.Config) pairfiles.Pair {
	c := jobOf(cfg)
	return pairfiles.Pair{Backups: []string{c.Node1.Backup, c.Node2.Backup}, Addresses: c.Addresses, From: c.From, To: c.To}
}

// load makes the runbook that a configuration asks for.
func load(cfg *cli.Config) (*evenkeel.Runbook, error) {
	p, err := loadPair(cfg)
	if err != nil {
		return nil, err
	}
	return p.Runbook()
}

func loadPair(cfg *cli.Config) (*pair.Pair, error) {
	c := jobOf(cfg)
	var password sshexec.Secret
	var err1 error
	if c.Way != readiness.Rolling {
		if password, err1 = cfg.Secret(c.PasswordFile); err1 != nil {
			password = "unknown" // so that Load does not say once more that there is none: nothing is planned with it
		}
	}
	archives, err2 := cfg.Directory("archives", c.Archives)
	p, err := pair.Load(pair.Config{
		Node1: pair.Server{Name: c.Node1.Name, Backup: cfg.Path(c.Node1.Backup)},
		Node2: pair.Server{Name: c.Node2.Name, Backup: cfg.Path(c.Node2.Backup)},
		From:  c.From, To: c.To, Password: password, ArchiveDir: archives, Profiles: profiles, Restore: c.Restore, Packages: c.Packages,
		Repositories: c.Repositories, Addresses: c.Addresses, Provision: c.provision(), InSpite: c.InSpite, Outage: c.Outage, Install: c.Install,
		Way: c.Way, Versions: c.Versions, Restart: c.Restart,
	})
	if err := errors.Join(c.releases(), err1, err2, err); err != nil { // all of them: config check promises it
		return nil, err
	}
	return p, nil
}

// releases wants both releases to be named.
func (c *pairConfig) releases() error {
	var errs []error
	if c.From == "" {
		errs = append(errs, errors.New("from: name the release that the pair runs on, such as el8"))
	}
	if c.To == "" {
		errs = append(errs, errors.New("to: name the release that it is to run on, such as el9"))
	}
	return errors.Join(errs...)
}

// provision is how the site installs a node; nil where the operator does.
func (c *pairConfig) provision() *pair.Provision {
	if c.Provision.Host == "" && len(c.Provision.Command) == 0 {
		return nil
	}
	return &pair.Provision{Host: c.Provision.Host, Argv: c.Provision.Command}
}
