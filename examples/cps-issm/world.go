package main

import (
	"cmp"
	"context"
	_ "embed" // the built-in example
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
	vip := ""
	if dir == "" { // that of the guide's cluster, as it is simulated
		vip = "192.168.105.100"
	}
	job := &issmConfig{HostsCSV: files.HostsCSV, MongoConfig: files.MongoConfig, Config: issm.Config{
		ArchiveDir: archives, From: "19.4.0", To: "21.1.0", Platform: issm.VMware, RestartAll: true, SingleClusterCorosync: true,
		ArbiterVIP: vip,
	}}
	return &cli.Config{Journal: "journal.jsonl", Job: job}, nil
}

// private has a run write its archives below a directory.
func private(cfg *cli.Config, dir string) { jobOf(cfg).ArchiveDir = filepath.Join(dir, "archives") }

// world is the cluster that a configuration's files describe, simulated.
func world(cfg *cli.Config) (cli.SimWorld, error) {
	job := jobOf(cfg)
	hosts, deploy, _, err1 := job.tables(cfg)
	mongo, err2 := infile.Read(cfg.Path(job.MongoConfig), infile.Text)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	var table, configuration strings.Builder
	_, err := hosts.WriteTo(&table)
	address := job.ArbiterVIP
	switch {
	case err == nil && deploy != nil:
		if place, ok := deploy.Place("arbitervip"); ok {
			address = place.Address.String()
		}
		if deploy.Configuration != nil {
			_, err = deploy.Configuration.WriteTo(&configuration)
		}
	case err == nil && job.Configuration != "":
		var raw []byte
		raw, err = infile.Read(cfg.Path(job.Configuration), infile.Text)
		configuration.Write(raw)
	}
	if err != nil {
		return nil, err
	}
	site, cloud := 0, ""
	if job.Cloud != nil {
		cloud = job.Cloud.Host
	}
	if job.Geo != nil {
		site = job.Geo.Site
	}
	kpis, alarms := siteOf(&job.Config)
	d, err := cpstest.New(cpstest.Options{
		HostsCSV: table.String(), MongoConfig: string(mongo), Configuration: configuration.String(), From: job.From, To: job.To,
		SKDB: job.SKDB, Cloud: cloud, Geo: site, SignedFor: job.AcceptNoMajority, ArbiterVIP: address, KPIs: kpis, Alarms: alarms,
		SourceISO: job.SourceISO, TargetISO: job.TargetISO, SourceOS: job.SourceOS, TargetOS: job.TargetOS, Peer: job.PeerPcrfclient,
		EndpointsPerLB: job.EndpointsPerLB, OSGiPort: job.OSGiPort,
	})
	if err != nil {
		return nil, err
	}
	w := simulated{d, managerOf(job.ClusterManager), nil}
	others := []string{job.PeerPcrfclient}
	for _, k := range kpis {
		others = append(others, k.Host)
	}
	if alarms != nil {
		others = append(others, alarms.Host)
	}
	for _, host := range others {
		if host != "" && host != clusterManager && !slices.Contains(w.Machines(), host) {
			w.others = append(w.others, host)
		}
	}
	return w, nil
}

// siteOf are the commands of the site, each with what it prints when all is well.
func siteOf(cfg *issm.Config) ([]cpstest.KPI, *cpstest.Alarms) {
	at := func(host string) string {
		if host == "" || host == managerOf(cfg.ClusterManager) {
			return clusterManager
		}
		return host
	}
	var kpis []cpstest.KPI
	for _, k := range cfg.KPIs {
		value := 1.0
		switch {
		case k.AtLeast != nil:
			value = *k.AtLeast
		case k.AtMost != nil:
			value = *k.AtMost
		}
		kpis = append(kpis, cpstest.KPI{Name: k.Name, Host: at(k.Host), Command: k.Command, Prints: strconv.FormatFloat(value, 'g', -1, 64)})
	}
	if cfg.Alarms == nil {
		return kpis, nil
	}
	a := cfg.Alarms
	return kpis, &cpstest.Alarms{Host: at(a.Host), Silence: a.Silence, Unsilence: a.Unsilence, Check: a.Check,
		Silenced: a.Silenced, Unsilenced: a.Unsilenced}
}

// clusterManager is what the Cluster Manager is called in the simulated cluster.
const clusterManager = "cluman"

// managerOf is the configuration's name for the Cluster Manager.
func managerOf(name string) string { return cmp.Or(name, clusterManager) }

// simulated shows the simulated cluster in the words of the command line.
type simulated struct {
	*cpstest.Deployment
	manager string   // the configuration's name for the Cluster Manager
	others  []string // machines that are none of the cluster: another cluster's pcrfclient01, those of the site
}

func (s simulated) Clock() evenkeel.Clock { return s.Deployment }
func (s simulated) Clone() evenkeel.World {
	return simulated{s.Deployment.Clone(), s.manager, s.others}
}
func (s simulated) Hash() string { return s.EndState() }

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

// Machines are the Cluster Manager, the VMs, and others that the job needs.
func (s simulated) Machines() []string {
	names := []string{s.manager}
	for _, vm := range s.Deployment.Report().VMs {
		names = append(names, vm.Alias)
	}
	return append(names, s.others...)
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
