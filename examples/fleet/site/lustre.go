package site

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// lustreVersion is the version of lustre-hapair whose runs these are: its status and report read their journals.
const lustreVersion = "0.1.0"

// Lustre is the job of lustre-hapair, with the keys of its configuration (a test compares them with its schema). The
// binary's own code is no package that could be imported.
func Lustre() *cli.App {
	return &cli.App{
		Name: "lustre-hapair", Title: "upgrade of a Lustre server pair", Version: lustreVersion,
		Read: cli.ReadConfig[lustreJob], Load: loadLustre, Example: exampleLustre, World: worldLustre, Person: personLustre,
	}
}

type lustreServer struct {
	Name   string `yaml:"name"`
	Backup string `yaml:"backup"`
}

type lustreJob struct {
	Node1           lustreServer        `yaml:"node1"`
	Node2           lustreServer        `yaml:"node2"`
	Manager         string              `yaml:"manager,omitempty"`
	PasswordFile    string              `yaml:"password_file"`
	Archives        string              `yaml:"archives"`
	Profile         string              `yaml:"profile,omitempty" oneof:"both,ldiskfs,zfs"`
	Kernel          string              `yaml:"kernel,omitempty"`
	AgentRepos      []string            `yaml:"agent_repos,omitempty"`
	Cluster         string              `yaml:"cluster,omitempty"`
	OldPCS          string              `yaml:"old_pcs,omitempty"`
	NewPCS          string              `yaml:"new_pcs,omitempty"`
	Atomic          bool                `yaml:"atomic,omitempty"`
	Knet            bool                `yaml:"knet,omitempty"`
	Addresses       map[string][]string `yaml:"addresses,omitempty"`
	PlainPCS        bool                `yaml:"plain_pcs_constraints,omitempty"`
	DisableFirewall bool                `yaml:"disable_firewall,omitempty"`
	NoAutostart     bool                `yaml:"no_autostart,omitempty"`
	Unknown         bool                `yaml:"unknown_placement,omitempty"`
	Offline         bool                `yaml:"offline,omitempty"`
	SELinux         bool                `yaml:"selinux,omitempty"`
	Outage          time.Duration       `yaml:"outage,omitempty"`
	Recovery        time.Duration       `yaml:"recovery,omitempty"`
	Reinstall       time.Duration       `yaml:"reinstall_takes,omitempty"`
}

func loadLustre(cfg *cli.Config) (*evenkeel.Runbook, error) {
	c := cfg.Job.(*lustreJob) //nolint:forcetypeassert // App.Read and Example make no other
	password, err1 := cfg.Secret(c.PasswordFile)
	oldPCS, err2 := dialect("old_pcs", c.OldPCS)
	newPCS, err3 := dialect("new_pcs", c.NewPCS)
	profile, err4 := lustre.BothOSDs, error(nil)
	if c.Profile != "" {
		err4 = profile.UnmarshalText([]byte(c.Profile))
	}
	archives, err5 := cfg.Directory("archives", c.Archives)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	pair, err := upgrade.Load(upgrade.Config{
		Node1:   upgrade.Server{Name: c.Node1.Name, Backup: cfg.Path(c.Node1.Backup)},
		Node2:   upgrade.Server{Name: c.Node2.Name, Backup: cfg.Path(c.Node2.Backup)},
		Manager: c.Manager, Password: password, ArchiveDir: archives, Profile: profile, Kernel: c.Kernel, AgentRepos: c.AgentRepos,
		OldPCS: oldPCS, NewPCS: newPCS, Atomic: c.Atomic, Knet: c.Knet, Addresses: c.Addresses,
		ClusterName: c.Cluster, PlainPCS: c.PlainPCS, DisableFirewall: c.DisableFirewall, NoAutostart: c.NoAutostart,
		UnknownPlacement: c.Unknown, Offline: c.Offline, SELinux: c.SELinux, Outage: c.Outage, Recovery: c.Recovery, Reinstall: c.Reinstall,
	})
	if err != nil {
		return nil, err
	}
	return pair.Runbook()
}

func dialect(key, version string) (pcs.Dialect, error) {
	if version == "" {
		return pcs.V09, nil
	}
	v, err := pcs.ParseVersion(strings.NewReader(version))
	if err != nil {
		return pcs.Dialect{}, fmt.Errorf("%s: %q is no version of pcs, such as 0.11.5", key, version)
	}
	d, err := pcs.DialectOf(v)
	if err != nil {
		err = fmt.Errorf("%s: %w", key, err)
	}
	return d, err
}

// exampleLustre writes the backups of the guide's pair, and a configuration for its upgrade.
func exampleLustre(into, _ string) (*cli.Config, error) {
	job := &lustreJob{
		Node1: lustreServer{Name: lustretest.Node1}, Node2: lustreServer{Name: lustretest.Node2}, Manager: lustretest.Manager,
		PasswordFile: "hacluster-password", Archives: "archives", AgentRepos: lustretest.AgentRepos(),
	}
	if err := cli.WriteNew(filepath.Join(into, job.PasswordFile), []byte("simulated-password\n")); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(into, job.Archives), 0o700); err != nil {
		return nil, err
	}
	world := lustretest.NewPair(lustretest.Options{})
	for _, server := range []*lustreServer{&job.Node1, &job.Node2} {
		r, err := world.Runner(server.Name)
		if err != nil {
			return nil, err
		}
		info, err := backup.Create(context.Background(), r, upgrade.Manifest(true), backup.Options{Dir: into, Now: world.Now})
		if err != nil {
			return nil, err
		}
		server.Backup = filepath.Base(info.Path)
	}
	return &cli.Config{Journal: "journal.jsonl", Job: job}, nil
}

func worldLustre(*cli.Config) (cli.SimWorld, error) {
	return Pair{lustretest.NewPair(lustretest.Options{})}, nil
}

// Pair is a simulated pair that can be served.
type Pair struct{ *lustretest.Pair }

// Clock is the pair's.
func (p Pair) Clock() evenkeel.Clock { return p.World }

// Clone is a deep copy.
func (p Pair) Clone() evenkeel.World { return Pair{p.Pair.Clone()} }

// Hash is the state in which the pair ends by itself.
func (p Pair) Hash() string { return p.Rehearsal().Hash() }

// Seen is what an operator says on a host that has restarted, having found out why and seen that all is mounted: the pause
// of the run asks for it.
func (p Pair) Seen(host string) {
	p.World.Do(func(s *simhost.State) {
		h := s.Host(host)
		h.MustWrite(s, "/root/evenkeel-seen", h.BootID()+"\n", 0o600)
	})
}

// Machines are the servers.
func (p Pair) Machines() (names []string) {
	for _, h := range p.Pair.Report().Hosts {
		names = append(names, h.Name)
	}
	return names
}

// Do does what the operator in the machine room is asked for.
func (p Pair) Do(_ context.Context, deed string) error {
	action, host, _ := strings.Cut(deed, " ")
	return p.Attend(action, host)
}

// Report is the truth about the pair.
func (p Pair) Report() cli.WorldReport {
	r := p.Pair.Report()
	out := cli.WorldReport{Violations: r.Violations}
	for _, t := range r.Targets {
		where := make([]string, len(t.On))
		for i, name := range t.On {
			where[i], _, _ = strings.Cut(name, ".")
		}
		out.Serving = append(out.Serving, cli.Serving{What: t.Label, Where: strings.Join(where, " AND ")})
		out.Outages = append(out.Outages, cli.Outage{What: t.Label, Total: t.Down, Longest: t.Longest})
	}
	for _, e := range p.Log() {
		if len(e.Changed) > 0 && e.Host != "" {
			out.Log = append(out.Log, cli.Command{Host: e.Host, Line: strings.Join(e.Argv, " ")})
		}
	}
	return out
}

// personLustre plays the operator in the machine room.
func personLustre(ctx context.Context, hosts evenkeel.Hosts, ask evenkeel.Prompt) error {
	if id := ask.Action.ID; id == "install" || id == "switch-on" {
		return cli.HaveDone(ctx, hosts, id+" "+ask.Step.Host)
	}
	return nil
}
