// Command cps-issm migrates a Cisco Policy Suite cluster in service: the Cluster Manager, then one half of the VMs, then the other.
//
//	go run ./examples/cps-issm demo
//
// See the README for the other commands; package cps/issm has the runbook.
package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/mongo"
)

// version is part of what binds a journal to the tool that wrote it.
const version = "0.1.0"

func main() { os.Exit(app().Main(os.Args[1:])) }

func app() *cli.App {
	return &cli.App{
		Name: "cps-issm", Title: "in-service migration of a Cisco Policy Suite cluster, one half serving while the other is redeployed",
		Version: version,
		Read:    cli.ReadConfig[issmConfig], Schema: schemaOf("cps-issm"), Begin: begin, Load: load, Findings: findings,
		Example: example, Private: private,
		World: world, Person: person, Inspect: inspect, Kinds: known(), Oplog: oplog,
		Verbs: []func(*cli.App) *cobra.Command{setsCommand},
		Jobs: map[string]func() *cli.App{"arbiter": arbiterApp, "haproxy": endpointsApp, "keys": keysApp,
			"monitoring": monitoringApp, "patch": patchApp,
			"preflight": preflightApp, "priorities": prioritiesApp, "recover": recoverApp, "restart": restartApp},
	}
}

// oplog is how far back an oplog reaches, from what rs.printReplicationInfo() printed on the primary (cps:1397-1401).
func oplog(name string) (time.Duration, error) {
	info, err := parse(name, mongo.ParseReplicationInfo)
	if err != nil {
		return 0, err
	}
	return info.Window(), nil
}

// issmConfig is the job of this binary in the configuration file.
type issmConfig struct {
	// a copy of the deploy folder (/var/qps/config/deploy/csv): all its tables are read and compared; it stands for hosts_csv
	// and configuration_csv
	DeployDir   string `yaml:"deploy_dir,omitempty"`
	HostsCSV    string `yaml:"hosts_csv,omitempty"` // the cluster's own Hosts.csv
	MongoConfig string `yaml:"mongo_config"`        // and mongoConfig.cfg
	// and Configuration.csv, for its passwords: what a program prints of them is not shown
	Configuration string `yaml:"configuration_csv,omitempty"`
	// the static route files of VMs: each VM with its files, called route-<interface> as they are there (cps:880)
	RouteFiles  map[string][]string `yaml:"route_files,omitempty"`
	issm.Config `yaml:",inline"`
}

// jobOf is the job of a configuration.
func jobOf(cfg *cli.Config) *issmConfig { return cfg.Job.(*issmConfig) } //nolint:forcetypeassert // App.Read and example make no other

// load makes the runbook that a configuration asks for.
func load(cfg *cli.Config) (*evenkeel.Runbook, error) {
	migration, err := planned(cfg)
	if err != nil {
		return nil, err
	}
	return migration.Runbook()
}

// findings are what was found in the inputs of a plan, and did not keep it from being made.
func findings(cfg *cli.Config) ([]cli.Finding, error) {
	migration, err := planned(cfg)
	if err != nil {
		return nil, err
	}
	var list []cli.Finding
	for _, f := range migration.Findings() {
		list = append(list, cli.Finding{Where: f.Where, What: fmt.Sprintf("%s: %s (%s)", f.Severity, f.What, f.Row)})
	}
	return list, nil
}

// planned is the migration that a configuration asks for.
func planned(cfg *cli.Config) (*issm.Migration, error) {
	c := jobOf(cfg)
	hosts, deploy, secrets, err1 := c.tables(cfg)
	mongo, err2 := needed("mongo_config", cfg.Path(c.MongoConfig), cps.ParseMongoConfig)
	options := c.Config
	options.ArchiveDir, options.Deploy, options.Secrets = cfg.Path(options.ArchiveDir), deploy, secrets
	var err3, err4 error
	options.Routes, err3 = c.routes(cfg)
	if c.Cloud != nil && c.Cloud.BootsFile != "" {
		cloud := *c.Cloud
		cloud.Boots, err4 = parse(cfg.Path(cloud.BootsFile), cps.ParseBoots)
		options.Cloud = &cloud
	}
	if err := errors.Join(err1, err2, err3, err4, canHold("archive_dir", options.ArchiveDir), c.machines(cfg, hosts)); err != nil {
		return nil, errors.Join(err, options.Validate()) // all that is wrong, at once: config check promises it
	}
	return issm.New(options, hosts, mongo)
}

// tables are Hosts.csv, with the deploy folder that it is from or the secrets of Configuration.csv, where they are given.
func (c *issmConfig) tables(cfg *cli.Config) (*cps.Hosts, *cps.Deploy, []cps.Secret, error) {
	if c.DeployDir != "" {
		if c.HostsCSV != "" || c.Configuration != "" {
			return nil, nil, nil, errors.New("deploy_dir stands for hosts_csv and configuration_csv: it excludes both")
		}
		if info, err := os.Stat(cfg.Path(c.DeployDir)); err != nil || !info.IsDir() {
			return nil, nil, nil, fmt.Errorf("deploy_dir: %s is no directory that can be read: a copy of /var/qps/config/deploy/csv is "+
				"wanted, with Hosts.csv in it", cfg.Path(c.DeployDir))
		}
		d, err := cps.ReadDeploy(os.DirFS(cfg.Path(c.DeployDir)))
		if err != nil {
			return nil, nil, nil, fmt.Errorf("deploy_dir %s: %w", cfg.Path(c.DeployDir), err)
		}
		return d.Hosts, d, nil, nil
	}
	hosts, err := needed("hosts_csv", cfg.Path(c.HostsCSV), cps.ParseHosts)
	if c.Configuration == "" {
		return hosts, nil, nil, err
	}
	csv, err2 := parse(cfg.Path(c.Configuration), cps.ParseConfiguration)
	if err2 != nil {
		return nil, nil, nil, errors.Join(err, err2)
	}
	return hosts, nil, csv.Secrets(), err
}

// machines refuses a machine of the site's own commands that is neither in the cluster nor among those of the
// configuration, where that names some: a letter may be wrong.
func (c *issmConfig) machines(cfg *cli.Config, hosts *cps.Hosts) error {
	if len(cfg.Hosts) == 0 || hosts == nil {
		return nil
	}
	named := map[string]string{}
	for i, k := range c.KPIs {
		named[fmt.Sprintf("kpis[%d].host", i)] = k.Host
	}
	if c.Alarms != nil {
		named["alarms.host"] = c.Alarms.Host
	}
	if c.Cloud != nil {
		named["openstack.host"] = c.Cloud.Host
	}
	known := append(slices.Collect(maps.Keys(cfg.Hosts)), append(hosts.Aliases(), managerOf(c.ClusterManager))...)
	slices.Sort(known)
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(named)) {
		if host := named[key]; host != "" && !slices.Contains(known, host) {
			errs = append(errs, fmt.Errorf("%s: %q is no machine of the cluster, and hosts does not say how it is reached; the nearest is %q",
				key, host, printable.Nearest(host, known)))
		}
	}
	return errors.Join(errs...)
}

// routes reads the static route files.
func (c *issmConfig) routes(cfg *cli.Config) ([]issm.RouteFile, error) {
	var list []issm.RouteFile
	var errs []error
	for _, vm := range slices.Sorted(maps.Keys(c.RouteFiles)) {
		for _, name := range c.RouteFiles[vm] {
			file, err := needed("route_files", cfg.Path(name), cps.ParseRoutes)
			if errs = append(errs, err); err == nil {
				list = append(list, issm.RouteFile{VM: vm, File: file})
			}
		}
	}
	return list, errors.Join(errs...)
}

// needed reads the file that a key of the configuration names.
func needed[T any](key, name string, parser func(io.Reader) (T, error)) (T, error) {
	if name == "" {
		var none T
		return none, fmt.Errorf("%s: no file is named", key)
	}
	return parse(name, parser)
}

// parse reads a file with a parser.
func parse[T any](name string, parser func(io.Reader) (T, error)) (T, error) {
	f, err := infile.Open(name)
	if err != nil {
		var none T
		return none, err
	}
	defer func() { _ = f.Close() }()
	parsed, err := parser(f)
	return parsed, infile.Why(name, err)
}
