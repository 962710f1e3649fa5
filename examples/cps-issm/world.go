package main

import (
	"context"
	_ "embed" // the built-in example
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/examples/internal/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The built-in example: the guide's Hosts.csv (cps:598-609) and its six replica sets (cps:729-751).
var (
	//go:embed input/Hosts.csv
	guideHosts []byte
	//go:embed input/mongoConfig.cfg
	guideMongo []byte
)

// example writes Hosts.csv and mongoConfig.cfg, those of the guide or those in dir, and returns the configuration for the migration.
func example(into, dir string) (*cli.Config, error) {
	const hosts, mongo, archives = "Hosts.csv", "mongoConfig.cfg", "archives"
	if dir != "" {
		// A mistake is reported where the operator can mend it: in dir, not in the copy.
		if err := errors.Join(readable(filepath.Join(dir, hosts), cps.ParseHosts), readable(filepath.Join(dir, mongo), cps.ParseMongoConfig)); err != nil {
			return nil, err
		}
	}
	for name, content := range map[string][]byte{hosts: guideHosts, mongo: guideMongo} {
		if dir != "" {
			raw, err := infile.Read(filepath.Join(dir, name), infile.Text)
			if err != nil {
				return nil, err
			}
			content = raw
		}
		if err := os.WriteFile(filepath.Join(into, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Join(into, archives), 0o700); err != nil {
		return nil, err
	}
	job := &issmConfig{HostsCSV: hosts, MongoConfig: mongo, ISSMConfig: cps.ISSMConfig{
		ArchiveDir: archives, From: "19.4.0", To: "21.1.0", Platform: cps.VMware, RestartAll: true, SingleClusterCorosync: true,
	}}
	return &cli.Config{Journal: "journal.jsonl", Job: job}, nil
}

// readable tells what is wrong with a file.
func readable[T any](name string, parser func(io.Reader) (T, error)) error {
	_, err := parse(name, parser)
	return err
}

// private has a run write its archives below a directory.
func private(cfg *cli.Config, dir string) { jobOf(cfg).ArchiveDir = filepath.Join(dir, "archives") }

// world is the cluster that a configuration's files describe, simulated.
func world(cfg *cli.Config) (cli.SimWorld, error) {
	job := jobOf(cfg)
	hosts, err1 := infile.Read(cfg.Path(job.HostsCSV), infile.Text)
	mongo, err2 := infile.Read(cfg.Path(job.MongoConfig), infile.Text)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	d, err := cpstest.New(cpstest.Options{HostsCSV: string(hosts), MongoConfig: string(mongo), From: job.From, To: job.To, SKDB: job.SKDB})
	if err != nil {
		return nil, err
	}
	return simulated{d}, nil
}

// simulated shows the simulated cluster in the words of the command line.
type simulated struct{ *cpstest.Deployment }

func (s simulated) Clock() evenkeel.Clock { return s.Deployment }
func (s simulated) Clone() evenkeel.World { return simulated{s.Deployment.Clone()} }
func (s simulated) Hash() string          { return s.EndState() }

// Machines are the Cluster Manager and the VMs.
func (s simulated) Machines() []string {
	names := []string{"cluman"}
	for _, vm := range s.Deployment.Report().VMs {
		names = append(names, vm.Alias)
	}
	return names
}

// Report is the truth about the cluster.
func (s simulated) Report() cli.WorldReport {
	r := s.Deployment.Report()
	var out cli.WorldReport
	for _, v := range r.Violations {
		out.Violations = append(out.Violations, v.String())
	}
	var taking []string
	for i, set := range r.Sets {
		if set.Traffic {
			taking = append(taking, []string{"set1", "set2"}[i])
		}
	}
	out.Serving = append(out.Serving, cli.Serving{What: "traffic", Where: strings.Join(taking, "+")})
	for _, set := range r.Replicas {
		primary, _, _ := strings.Cut(set.Primary, ":")
		out.Serving = append(out.Serving, cli.Serving{What: set.Set, Where: primary})
		out.Outages = append(out.Outages, cli.Outage{What: set.Set, Total: set.WithoutPrimary, Longest: set.Longest})
	}
	for _, e := range s.Log() {
		if len(e.Changed) > 0 && e.Host != "" {
			out.Log = append(out.Log, cli.Command{Host: e.Host, Line: strings.Join(e.Argv, " ")})
		}
	}
	return out
}

// makeUsers is adduser.sh, typed by a person on a simulated VM (cps:894): the action's evidence says who is missing.
func makeUsers(ctx context.Context, hosts evenkeel.Hosts, ask evenkeel.Ask) error {
	_, names, found := strings.Cut(ask.Why, " lacks ")
	if !found || !strings.HasPrefix(ask.Action.ID, "users-") {
		return nil
	}
	r, err := hosts.Runner(ask.Action.Host)
	if err != nil {
		return err
	}
	for _, name := range strings.Split(names, ", ") {
		if _, err := r.Run(ctx, sshexec.Command(sshexec.Mutating, "useradd", name)); err != nil {
			return err
		}
	}
	return nil
}
