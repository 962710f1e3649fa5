package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/manager"
)

// managerConfig is the job "manager" in the configuration file.
type managerConfig struct {
	manager.Config `yaml:",inline"`
	PasswordFile   string `yaml:"password_file"` // holds the password of the account that the installer makes
}

// managerApp is "lustre-hapair manager": upgrade the manager, before any pair (lustre:51-345).
func managerApp() *cli.App {
	return &cli.App{
		Name: "lustre-hapair manager", Title: "upgrade of the manager (IML), before the pairs; the file system is left alone",
		Version: version, Read: cli.ReadConfig[managerConfig], Schema: schemaOf("lustre-hapair manager"),
		Load: loadManager, Example: managerExample,
		World: managerWorld, Person: technician,
		Private: func(cfg *cli.Config, dir string) { managerOf(cfg).Archives = filepath.Join(dir, "archives") },
	}
}

// managerOf is the job of a configuration.
func managerOf(cfg *cli.Config) *managerConfig {
	return cfg.Job.(*managerConfig) //nolint:forcetypeassert // App.Read and the example make no other
}

// loadManager makes the runbook that a configuration asks for.
func loadManager(cfg *cli.Config) (*evenkeel.Runbook, error) {
	job := managerOf(cfg)
	c := job.Config
	password, err1 := cfg.Secret(job.PasswordFile)
	if c.Password = password; err1 != nil {
		c.Password = "unknown" // so that New does not say once more that there is none: nothing is planned with it
	}
	var err3 error
	c.Archives, err3 = cfg.Directory("archives", c.Archives)
	c.Bundle = cfg.Path(c.Bundle)
	m, err2 := manager.New(c)
	if err := errors.Join(err1, err2, err3); err != nil { // all of them: config check promises it
		return nil, err
	}
	return m.Runbook()
}

// managerExample writes a simulated installer, and returns the configuration for the manager of the guide's pair; with
// dir the installer is the only .tar.gz in it, named iml-VERSION.
func managerExample(into, dir string) (*cli.Config, error) {
	const version = "4.0.7.0"
	job := &managerConfig{PasswordFile: "account-password", Config: manager.Config{
		Host: lustretest.Manager, Servers: []string{lustretest.Node1, lustretest.Node2}, StopAgents: true,
		Archives: "archives",
		Version:  version, Bundle: "iml-" + version + ".tar.gz", SELinux: true,
		LustreURL:    "https://downloads.example.com/lustre/latest-release/el7",
		E2fsprogsURL: "https://downloads.example.com/e2fsprogs/latest/el7",
	}}
	cfg := &cli.Config{Journal: "journal.jsonl", Job: job}
	if dir != "" {
		found, err := filepath.Glob(filepath.Join(dir, "iml-*.tar.gz"))
		if err == nil && len(found) != 1 {
			err = fmt.Errorf("%s: there must be one installer in it, iml-VERSION.tar.gz, and there are %d", dir, len(found))
		}
		if err != nil {
			return nil, err
		}
		if job.Bundle, err = filepath.Abs(found[0]); err != nil {
			return nil, err
		}
		job.Version = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(found[0]), "iml-"), ".tar.gz")
	} else if err := cli.WriteNew(filepath.Join(into, job.Bundle), lustretest.Bundle(version)); err != nil {
		return nil, err
	}
	return cfg, errors.Join(cli.WriteNew(filepath.Join(into, job.PasswordFile), []byte("simulated-password\n")),
		os.MkdirAll(filepath.Join(into, job.Archives), 0o700))
}

// managerWorld is the manager that a configuration describes, simulated.
func managerWorld(cfg *cli.Config) (cli.SimWorld, error) {
	c := managerOf(cfg).Config
	if c.Host == "" {
		return nil, errors.New("host is missing: the simulated manager is called by it")
	}
	servers := c.Servers
	if servers == nil {
		servers = []string{}
	}
	return simulatedManager{lustretest.NewManager(lustretest.ManagerOptions{Host: c.Host, Servers: servers,
		OldVersion: c.OldVersion,
		Version:    c.Version, OldPackage: c.OldPackage, Package: c.Package, Database: c.Database, Tables: c.Tables,
		Certificates: c.Certificates})}, nil
}

// technician plays the operator who installs the manager's system, or switches the manager on.
func technician(ctx context.Context, hosts evenkeel.Hosts, ask evenkeel.Prompt) error {
	if id := ask.Action.ID; id == "install" || id == "switch-on" {
		return cli.HaveDone(ctx, hosts, id)
	}
	return nil
}

// simulatedManager shows the simulated manager in the words of the command line.
type simulatedManager struct{ *lustretest.ManagerWorld }

func (s simulatedManager) Clock() evenkeel.Clock { return s.World }
func (s simulatedManager) Clone() evenkeel.World { return simulatedManager{s.ManagerWorld.Clone()} }
func (s simulatedManager) Hash() string          { return s.EndState() }

// Do does what the operator is prompted for.
func (s simulatedManager) Do(_ context.Context, deed string) error {
	if deed == "switch-on" {
		s.SwitchOn()
		return nil
	}
	return s.InstallOS()
}

// Report is the truth about the manager.
func (s simulatedManager) Report() cli.WorldReport {
	out := cli.WorldReport{Serving: []cli.Serving{{What: "IML", Where: s.Serving()}}}
	for _, v := range s.Violations() {
		out.Violations = append(out.Violations, v.String())
	}
	for _, e := range s.Log() {
		if len(e.Changed) > 0 && e.Host != "" {
			out.Log = append(out.Log, cli.Command{Host: e.Host, Line: strings.Join(e.Argv, " ")})
		}
	}
	return out
}
