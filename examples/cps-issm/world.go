package main

import (
	"cmp"
	"context"
	_ "embed" // the built-in example
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
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
	const archives = "archives"
	files, err := exampleFiles(into, dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(into, archives), 0o700); err != nil {
		return nil, err
	}
	job := &issmConfig{HostsCSV: files.HostsCSV, MongoConfig: files.MongoConfig, Config: issm.Config{
		ArchiveDir: archives, From: "19.4.0", To: "21.1.0", Platform: issm.VMware, RestartAll: true, SingleClusterCorosync: true,
	}}
	return &cli.Config{Journal: "journal.jsonl", Job: job}, nil
}

// private has a run write its archives below a directory.
func private(cfg *cli.Config, dir string) { jobOf(cfg).ArchiveDir = filepath.Join(dir, "archives") }

// world is the cluster that a configuration's files describe, simulated.
func world(cfg *cli.Config) (cli.SimWorld, error) {
	job := jobOf(cfg)
	hosts, err1 := infile.Read(cfg.Path(job.HostsCSV), infile.Text)
	mongo, err2 := infile.Read(cfg.Path(job.MongoConfig), infile.Text)
	var configuration []byte
	var err3 error
	if job.Configuration != "" {
		configuration, err3 = infile.Read(cfg.Path(job.Configuration), infile.Text)
	}
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	site, cloud := 0, ""
	if job.Cloud != nil {
		cloud = job.Cloud.Host
	}
	if job.Geo != nil {
		site = job.Geo.Site
	}
	d, err := cpstest.New(cpstest.Options{
		HostsCSV: string(hosts), MongoConfig: string(mongo), Configuration: string(configuration), From: job.From, To: job.To,
		SKDB: job.SKDB, Cloud: cloud, Geo: site, SignedFor: job.AcceptNoMajority,
		SourceISO: job.SourceISO, TargetISO: job.TargetISO, SourceOS: job.SourceOS, TargetOS: job.TargetOS, Peer: job.PeerPcrfclient,
		EndpointsPerLB: job.EndpointsPerLB, OSGiPort: job.OSGiPort,
	})
	if err != nil {
		return nil, err
	}
	return simulated{d, managerOf(job.ClusterManager), job.PeerPcrfclient}, nil
}

// clusterManager is what the Cluster Manager is called in the simulated cluster.
const clusterManager = "cluman"

// managerOf is the configuration's name for the Cluster Manager.
func managerOf(name string) string { return cmp.Or(name, clusterManager) }

// simulated shows the simulated cluster in the words of the command line.
type simulated struct {
	*cpstest.Deployment
	manager string // the configuration's name for the Cluster Manager
	peer    string // another cluster's pcrfclient01; empty when there is none
}

func (s simulated) Clock() evenkeel.Clock { return s.Deployment }
func (s simulated) Clone() evenkeel.World { return simulated{s.Deployment.Clone(), s.manager, s.peer} }
func (s simulated) Hash() string          { return s.EndState() }

// inside is the simulated cluster's own name for a host.
func (s simulated) inside(host string) string {
	if host == s.manager {
		return clusterManager
	}
	return host
}

// Runner is the way to a host by the configuration's name for it.
func (s simulated) Runner(host string) (sshexec.Runner, error) {
	return s.Deployment.Runner(s.inside(host))
}

// Up tells whether a host answers.
func (s simulated) Up(host string) bool { return s.Deployment.Up(s.inside(host)) }

// HostKeyID changes when the host's SSH key does.
func (s simulated) HostKeyID(host string) string { return s.Deployment.HostKeyID(s.inside(host)) }

// Machines are the Cluster Manager, the VMs, and another cluster's VM if the job needs one.
func (s simulated) Machines() []string {
	names := []string{s.manager}
	for _, vm := range s.Deployment.Report().VMs {
		names = append(names, vm.Alias)
	}
	if s.peer != "" {
		names = append(names, s.peer)
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
			host := e.Host
			if host == clusterManager {
				host = s.manager
			}
			out.Log = append(out.Log, cli.Command{Host: host, Line: strings.Join(e.Argv, " ")})
		}
	}
	return out
}

// person does what nothing in a simulated cluster does by itself.
func person(ctx context.Context, hosts evenkeel.Hosts, ask evenkeel.Prompt) error {
	return errors.Join(makeUsers(ctx, hosts, ask), restartNetwork(ctx, hosts, ask), bootVMs(ctx, hosts, ask),
		stopHeartbeat(ctx, hosts, ask), restoreManager(ctx, hosts, ask))
}

// restartNetwork has the network services read the files with static routes (cps:880).
func restartNetwork(ctx context.Context, hosts evenkeel.Hosts, ask evenkeel.Prompt) error {
	if !strings.HasPrefix(ask.Action.ID, "network-") {
		return nil
	}
	r, err := hosts.Runner(ask.Action.Host)
	if err == nil {
		_, err = r.Run(ctx, sshexec.Command(sshexec.Mutating, "systemctl", "restart", "network"))
	}
	return err
}

// stopHeartbeat disables qns_hb on a load balancer of a GR system (cps:1435).
func stopHeartbeat(ctx context.Context, hosts evenkeel.Hosts, ask evenkeel.Prompt) error {
	if !strings.HasPrefix(ask.Action.ID, "heartbeat-") {
		return nil
	}
	r, err := hosts.Runner(ask.Action.Host)
	if err == nil {
		_, err = r.Run(ctx, sshexec.Command(sshexec.Mutating, "systemctl", "disable", "--now", "qns_hb"))
	}
	return err
}

// bringBack is the deed of the operator who powers the new Cluster Manager off and the preserved one on (cps:1917).
const bringBack = "restore-cluman"

// restoreManager has the old Cluster Manager brought back.
func restoreManager(ctx context.Context, hosts evenkeel.Hosts, ask evenkeel.Prompt) error {
	if ask.Action.ID != "old-cluman" || !strings.HasPrefix(ask.Step.ID, "undo-") {
		return nil
	}
	return cli.HaveDone(ctx, hosts, bringBack)
}

// Do is the operator in the machine room. Whoever asks may have died before it was seen done, and asks again.
func (s simulated) Do(ctx context.Context, deed string) error {
	if deed != bringBack {
		return fmt.Errorf("nobody here knows how to do %q", deed)
	}
	_ = s.RestoreManager()             // it fails where the old one is there already
	return s.Sleep(ctx, 5*time.Minute) // it boots
}

// bootVMs is nova boot (cps:784), as the simulated cluster knows it. One that exists is left alone.
func bootVMs(ctx context.Context, hosts evenkeel.Hosts, ask evenkeel.Prompt) error {
	set, deploys := strings.CutPrefix(ask.Step.ID, "redeploy-set-")
	if !deploys || ask.Action.ID != "deploy" && !strings.HasPrefix(ask.Action.ID, "deploy-") {
		return nil
	}
	r, err := hosts.Runner(ask.Step.Host)
	if err != nil {
		return err
	}
	_, err = r.Run(ctx, sshexec.Command(sshexec.Disruptive, "deploy_all.py", "--vms", "/var/tmp/cluster-upgrade-set-"+set+".txt"))
	if sshexec.OutcomeOf(err) == sshexec.Exited {
		return nil
	}
	return err
}

// makeUsers is adduser.sh, typed by the operator on a simulated VM (cps:894): the action's evidence says who is missing.
func makeUsers(ctx context.Context, hosts evenkeel.Hosts, ask evenkeel.Prompt) error {
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
