package main

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
)

// clusterFiles are the files of a cluster in the configuration of a maintenance job.
type clusterFiles struct {
	HostsCSV string `yaml:"hosts_csv"` // the cluster's own Hosts.csv
	// the cluster's own mongoConfig.cfg, for rehearsals: the simulated cluster is made of it
	MongoConfig string `yaml:"mongo_config,omitempty"`
}

func (f clusterFiles) files() clusterFiles { return f }

// smallApp is a job of maintenance of this binary: "cps-issm WORD". Its section of the configuration, a J, has the files
// of the cluster. A run of it writes its journal alone.
func smallApp[J interface{ files() clusterFiles }](word, title string, read func(string) (*cli.Config, error), example func(clusterFiles) J,
	plan func(*cli.Config, J, *cps.Hosts) (*evenkeel.Runbook, error), world func(*cli.Config, J) (cli.SimWorld, error),
) *cli.App {
	of := func(cfg *cli.Config) J { return cfg.Job.(J) } //nolint:forcetypeassert // read and example make no other
	return &cli.App{
		Name: "cps-issm " + word, Title: title, Version: version, Read: read, Schema: schemaOf("cps-issm " + word),
		Private: func(*cli.Config, string) {}, Oplog: oplog,
		Load: func(cfg *cli.Config) (*evenkeel.Runbook, error) {
			hosts, err := needed("hosts_csv", cfg.Path(of(cfg).files().HostsCSV), cps.ParseHosts)
			if err != nil {
				return nil, err
			}
			return plan(cfg, of(cfg), hosts)
		},
		Example: func(into, dir string) (*cli.Config, error) {
			files, err := exampleFiles(into, dir)
			return &cli.Config{Journal: "journal.jsonl", Job: example(files)}, err
		},
		World: func(cfg *cli.Config) (cli.SimWorld, error) { return world(cfg, of(cfg)) },
	}
}

// exampleFiles writes Hosts.csv and mongoConfig.cfg, those of the guide or those in dir.
func exampleFiles(into, dir string) (clusterFiles, error) {
	files := clusterFiles{"Hosts.csv", "mongoConfig.cfg"}
	if dir != "" {
		// A mistake is reported where the operator can mend it: in dir, not in the copy.
		if err := errors.Join(readable(filepath.Join(dir, files.HostsCSV), cps.ParseHosts),
			readable(filepath.Join(dir, files.MongoConfig), cps.ParseMongoConfig)); err != nil {
			return files, err
		}
	}
	for name, content := range map[string][]byte{files.HostsCSV: guideHosts, files.MongoConfig: guideMongo} {
		if dir != "" {
			raw, err := infile.Read(filepath.Join(dir, name), infile.Text)
			if err != nil {
				return files, err
			}
			content = raw
		}
		if err := cli.WriteNew(filepath.Join(into, name), content); err != nil {
			return files, err
		}
	}
	return files, nil
}

// readable tells what is wrong with a file.
func readable[T any](name string, parser func(io.Reader) (T, error)) error {
	_, err := parse(name, parser)
	return err
}

// deployed is the cluster of these files, simulated.
func (f clusterFiles) deployed(cfg *cli.Config, opts cpstest.Options) (*cpstest.Deployment, error) {
	if f.MongoConfig == "" {
		return nil, errors.New("mongo_config: no file is named: a simulated cluster is made of it")
	}
	hosts, err1 := infile.Read(cfg.Path(f.HostsCSV), infile.Text)
	mongo, err2 := infile.Read(cfg.Path(f.MongoConfig), infile.Text)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	opts.HostsCSV, opts.MongoConfig = string(hosts), string(mongo)
	return cpstest.New(opts)
}
