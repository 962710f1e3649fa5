package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// arbiterConfig is the job "arbiter" in the configuration file.
type arbiterConfig struct {
	clusterFiles       `yaml:",inline"`
	issm.ArbiterConfig `yaml:",inline"`
}

// arbiterApp is "cps-issm arbiter": migrate the arbiter at the third site (cps:1561-1662).
func arbiterApp() *cli.App {
	app := smallApp("arbiter", "migrate the arbiter at the third site of a GR system", cli.ReadConfig[arbiterConfig],
		func(files clusterFiles) *arbiterConfig { return &arbiterConfig{clusterFiles: files} },
		func(cfg *cli.Config, job *arbiterConfig, hosts *cps.Hosts) (*evenkeel.Runbook, error) {
			options := job.ArbiterConfig
			options.ArchiveDir = cfg.Path(options.ArchiveDir)
			mongo, err := needed("mongo_config", cfg.Path(job.MongoConfig), cps.ParseMongoConfig)
			if err := errors.Join(err, canHold("archive_dir", options.ArchiveDir)); err != nil {
				return nil, err
			}
			return issm.MigrateArbiter(options, hosts, mongo)
		}, arbiterWorld)
	app.Example, app.Person = arbiterExample, bringArbiterBack
	app.Private = func(cfg *cli.Config, dir string) { arbiterJob(cfg).ArchiveDir = filepath.Join(dir, "archives") }
	return app
}

func arbiterJob(cfg *cli.Config) *arbiterConfig {
	return cfg.Job.(*arbiterConfig) //nolint:forcetypeassert // ReadConfig and the example make no other
}

// arbiterExample is the guide's cluster with its arbiters at a third site; or the files in dir, with the arbiter that
// they name.
func arbiterExample(into, dir string) (*cli.Config, error) {
	files, err := exampleFiles(into, dir)
	if err != nil {
		return nil, err
	}
	name := "site3-arbiter"
	if dir == "" {
		text := bytes.ReplaceAll(guideMongo, []byte("=arbitervip:"), []byte("="+name+":"))
		err = os.WriteFile(filepath.Join(into, files.MongoConfig), text, 0o600)
	} else {
		name, err = arbiterIn(filepath.Join(into, files.HostsCSV), filepath.Join(into, files.MongoConfig))
	}
	job := &arbiterConfig{files, issm.ArbiterConfig{Arbiter: name, ArchiveDir: "archives"}}
	return &cli.Config{Journal: "journal.jsonl", Job: job}, err
}

// arbiterIn is the first arbiter that is no VM of the cluster; empty where there is none, which the plan then says.
func arbiterIn(hostsFile, mongoFile string) (string, error) {
	hosts, err := parse(hostsFile, cps.ParseHosts)
	if err != nil {
		return "", err
	}
	mongo, err := parse(mongoFile, cps.ParseMongoConfig)
	if err != nil {
		return "", err
	}
	for _, rs := range mongo.Sets {
		for _, m := range rs.Arbiters {
			if _, vm := hosts.ByAlias(m.Host); !vm && !strings.HasPrefix(m.Host, "arbitervip") {
				return m.Host, nil
			}
		}
	}
	return "", nil
}

// arbiterWorld is the cluster that a configuration's files describe, simulated, migrated, with its arbiter on the old
// release.
func arbiterWorld(cfg *cli.Config, job *arbiterConfig) (cli.SimWorld, error) {
	d, err := job.deployed(cfg, cpstest.Options{
		From: job.From, To: job.To, SourceOS: job.SourceOS, TargetOS: job.TargetOS, Migrated: true,
		ThirdSite: cpstest.ThirdSite{Name: job.Arbiter, SourceISO: job.SourceISO, TargetISO: job.TargetISO},
	})
	if err != nil {
		return nil, err
	}
	return withArbiter{simulated{d, managerOf(job.ClusterManager), nil}, job.Arbiter}, nil
}

// withArbiter is a simulated cluster with an arbiter at a third site.
type withArbiter struct {
	simulated
	arbiter string
}

func (w withArbiter) Clone() evenkeel.World {
	s, _ := w.simulated.Clone().(simulated) // it is never another one
	return withArbiter{s, w.arbiter}
}

// Machines are those of the cluster, and the arbiter.
func (w withArbiter) Machines() []string { return append(w.simulated.Machines(), w.arbiter) }

// oldArbiter is the deed of the operator who powers the new arbiter off and the preserved one on.
const oldArbiter = "restore-arbiter"

// Do is that operator. The tool may have crashed before it saw the deed, and prompts again.
func (w withArbiter) Do(ctx context.Context, deed string) error {
	if deed != oldArbiter {
		return w.simulated.Do(ctx, deed)
	}
	_ = w.RestoreArbiter()             // it fails where the old one is there already
	return w.Sleep(ctx, 5*time.Minute) // it boots
}

func bringArbiterBack(ctx context.Context, hosts evenkeel.Hosts, ask evenkeel.Prompt) error {
	if ask.Action.ID != "old-arbiter" {
		return nil
	}
	return cli.HaveDone(ctx, hosts, oldArbiter)
}
