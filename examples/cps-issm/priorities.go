package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongodriver"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// prioritiesConfig is the job "priorities" in the configuration file.
type prioritiesConfig struct {
	clusterFiles                 `yaml:",inline"`
	maintenance.PrioritiesConfig `yaml:",inline"`

	// Priorities are by member; a pointer, since a member without a number is a mistake, and no 0.
	Priorities map[string]*float64 `yaml:"priorities"`

	// Saved is the configuration that the set has now, as "cps-issm priorities backup" writes it.
	Saved string     `yaml:"saved"`
	Login mongoLogin `yaml:"mongo,omitempty"` // who logs in to the databases, where they want that
}

func number(n float64) *float64 { return &n }

// numbers are the priorities; one without a number is an error.
func (c *prioritiesConfig) numbers() (map[string]float64, error) {
	all := map[string]float64{}
	for _, member := range slices.Sorted(maps.Keys(c.Priorities)) {
		if c.Priorities[member] == nil {
			return nil, fmt.Errorf("priorities: %s: give a number", member)
		}
		all[member] = *c.Priorities[member]
	}
	return all, nil
}

// mongoLogin is who logs in to the databases of a cluster with db_authentication_enabled (cps:390-392).
type mongoLogin struct {
	User         string `yaml:"user,omitempty"`          // its name
	PasswordFile string `yaml:"password_file,omitempty"` // it holds the password alone, and nobody else may read it
	Source       string `yaml:"source,omitempty"`        // the database that holds the user; admin when empty
}

// credential reads the password; nil where nobody logs in.
func (m mongoLogin) credential(cfg *cli.Config) (*live.Credential, error) {
	if m == (mongoLogin{}) {
		return nil, nil
	}
	if m.User == "" {
		return nil, errors.New("mongo: user: name the user")
	}
	password, err := cfg.Secret(m.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("mongo: %w", err)
	}
	return &live.Credential{User: m.User, Password: live.Password(password.Reveal()), Source: m.Source}, nil
}

// prioritiesApp is "cps-issm priorities": make another member the primary of a set (cps:715-752).
func prioritiesApp() *cli.App {
	app := smallApp("priorities", "give the members of a replica set other priorities, so that another one is the primary",
		cli.ReadConfig[prioritiesConfig],
		func(files clusterFiles) *prioritiesConfig {
			return &prioritiesConfig{clusterFiles: files, Saved: "set02.json", PrioritiesConfig: maintenance.PrioritiesConfig{
				Set: "set02"}, Priorities: map[string]*float64{"sessionmgr01:27718": number(2), "sessionmgr02:27718": number(3)}}
		},
		func(cfg *cli.Config, job *prioritiesConfig, hosts *cps.Hosts) (*evenkeel.Runbook, error) {
			conf, err1 := needed("mongo_config", cfg.Path(job.MongoConfig), cps.ParseMongoConfig)
			now, err2 := needed("saved", cfg.Path(job.Saved), mongo.ParseConfig)
			if errors.Is(err2, os.ErrNotExist) {
				err2 = fmt.Errorf("saved: the configuration of the set is not there yet: take it with cps-issm priorities backup: %w", err2)
			}
			options := job.PrioritiesConfig
			var err3 error
			options.Priorities, err3 = job.numbers()
			if err := errors.Join(err1, err2, err3); err != nil {
				return nil, err
			}
			return maintenance.Priorities(options, hosts, conf, now)
		}, prioritiesWorld)
	files := app.Example
	app.Example = func(into, dir string) (*cli.Config, error) {
		cfg, err := files(into, dir)
		if err != nil {
			return cfg, err
		}
		return cfg, exampleSaved(cfg, into)
	}
	app.Servers = mongoServers
	app.Backup = savePriorities
	return app
}

// prioritiesOf is the job of a configuration.
func prioritiesOf(cfg *cli.Config) *prioritiesConfig {
	return cfg.Job.(*prioritiesConfig) //nolint:forcetypeassert // read and example make no other
}

// mongoServers are the members of the sets, by the official driver, through the Cluster Manager: it resolves their names.
func mongoServers(cfg *cli.Config, through cli.Tunnel) (change.Dialer, error) {
	job := prioritiesOf(cfg)
	credential, err := job.Login.credential(cfg)
	if err != nil {
		return nil, err
	}
	return live.Documents(mongodriver.Dialer(mongodriver.Options{
		Credential: credential,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return through(ctx, managerOf(job.ClusterManager), network, address)
		},
	})), nil
}

// savePriorities saves the configuration that the set has now.
func savePriorities(ctx context.Context, req cli.BackupRequest) ([]cli.Saved, error) {
	job := prioritiesOf(req.Config)
	conf, err := needed("mongo_config", req.Config.Path(job.MongoConfig), cps.ParseMongoConfig)
	name := req.Config.Path(job.Saved)
	if err == nil {
		_, known := conf.ByName(job.Set)
		switch _, there := os.Lstat(name); {
		case req.CopyTo != "":
			err = errors.New("--copy-to: the configuration of a set is kept beside the configuration file, and nowhere else")
		case name == "":
			err = errors.New("saved: no file is named for the configuration of the set")
		case there == nil:
			err = fmt.Errorf("saved: %s is there already: take it away, or name another file", name)
		case !known:
			err = fmt.Errorf("set %q is not in %s", job.Set, conf.File)
		}
	}
	if err != nil {
		return nil, &cli.InputError{Err: err}
	}
	saved, err := configurationOf(ctx, job.Set, conf, req.Hosts)
	if err == nil {
		err = cli.WriteNew(name, saved)
	}
	if err != nil {
		return nil, err
	}
	return []cli.Saved{{Host: job.Set, File: name, SHA256: fmt.Sprintf("%x", sha256.Sum256(saved)), Size: int64(len(saved))}}, nil
}

// configurationOf reads the configuration of a set.
func configurationOf(ctx context.Context, name string, conf *cps.MongoConfig, hosts evenkeel.Hosts) ([]byte, error) {
	set, ok := conf.ByName(name)
	servers, dials := hosts.(change.Dialer)
	switch {
	case !ok:
		return nil, fmt.Errorf("set %q is not in %s", name, conf.File)
	case !dials:
		return nil, change.ErrNoDialer
	}
	var seeds []string
	for _, m := range set.Members {
		seeds = append(seeds, m.Address())
	}
	rs := live.NewReplicaSet(set.Name, seeds, live.Over(change.Site{Connect: servers.Dial}, nil), live.Options{})
	defer func() { _ = rs.Close(context.WithoutCancel(ctx)) }()
	now, err := rs.Config(ctx)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	_, err = now.WriteTo(&text)
	return text.Bytes(), err
}

// exampleSaved saves the configuration of the example's set beside the example's other files.
func exampleSaved(cfg *cli.Config, into string) error {
	job := prioritiesOf(cfg)
	files := clusterFiles{filepath.Join(into, job.HostsCSV), filepath.Join(into, job.MongoConfig)}
	d, err := files.deployed(cfg, cpstest.Options{})
	if err != nil {
		return err
	}
	conf, err := parse(files.MongoConfig, cps.ParseMongoConfig)
	if err != nil {
		return err
	}
	saved, err := configurationOf(context.Background(), job.Set, conf, d)
	if err != nil {
		return err
	}
	return cli.WriteNew(filepath.Join(into, job.Saved), saved)
}

// prioritiesWorld is the cluster that a configuration's files describe, simulated.
func prioritiesWorld(cfg *cli.Config, job *prioritiesConfig) (cli.SimWorld, error) {
	credential, err := job.Login.credential(cfg)
	if err != nil {
		return nil, err
	}
	d, err := job.deployed(cfg, cpstest.Options{DBUser: credential})
	return simulated{d, managerOf(job.ClusterManager), nil}, err
}
