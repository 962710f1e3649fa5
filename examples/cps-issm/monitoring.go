package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// monitoringConfig is the job "monitoring" in the configuration file.
type monitoringConfig struct {
	clusterFiles                 `yaml:",inline"`
	maintenance.MonitoringConfig `yaml:",inline"`

	Turn string `yaml:"turn"` // off, before a GR migration; on, after it
	// Files is a directory with the files as they are now, in HOST/NAME, as "cps-issm monitoring backup" takes them.
	Files string `yaml:"files"`
}

// monitoringApp is "cps-issm monitoring": comment the replica sets out of the lists that the monitoring reads, and put them
// in force again (cps:1470-1475,1500).
func monitoringApp() *cli.App {
	app := smallApp("monitoring", "stop watching the databases before a GR migration, and have them watched again after it",
		cli.ReadConfig[monitoringConfig],
		func(files clusterFiles) *monitoringConfig {
			return &monitoringConfig{clusterFiles: files, Turn: "off", Files: "lists"}
		},
		func(cfg *cli.Config, job *monitoringConfig, hosts *cps.Hosts) (*evenkeel.Runbook, error) {
			plan := maintenance.DisableMonitoring
			switch job.Turn {
			case "off":
			case "on":
				plan = maintenance.EnableMonitoring
			default:
				return nil, fmt.Errorf("turn: %q: write off, or on", job.Turn)
			}
			if job.Files == "" {
				return nil, errors.New("files: no directory is named for the files as they are now")
			}
			return plan(job.MonitoringConfig, hosts, func(f cps.SetFile) (io.Reader, error) { return openList(cfg, job, f) })
		}, monitoringWorld)
	files := app.Example
	app.Example = func(into, dir string) (*cli.Config, error) {
		cfg, err := files(into, dir)
		if err != nil {
			return cfg, err
		}
		job := monitoringOf(cfg)
		here := clusterFiles{filepath.Join(into, job.HostsCSV), filepath.Join(into, job.MongoConfig)}
		d, err := here.deployed(cfg, cpstest.Options{Monitored: true})
		if err != nil {
			return cfg, err
		}
		_, err = takeLists(context.Background(), cfg, here.HostsCSV, filepath.Join(into, job.Files), simulated{d, clusterManager, nil})
		return cfg, err
	}
	app.Backup = func(ctx context.Context, req cli.BackupRequest) ([]cli.Saved, error) {
		job := monitoringOf(req.Config)
		if req.CopyTo != "" {
			return nil, &cli.InputError{Err: errors.New("--copy-to: the files are kept in the directory files, and nowhere else")}
		}
		if job.Files == "" {
			return nil, &cli.InputError{Err: errors.New("files: no directory is named for the files")}
		}
		return takeLists(ctx, req.Config, req.Config.Path(job.HostsCSV), req.Config.Path(job.Files), req.Hosts)
	}
	return app
}

// monitoringOf is the job of a configuration.
func monitoringOf(cfg *cli.Config) *monitoringConfig {
	return cfg.Job.(*monitoringConfig) //nolint:forcetypeassert // read and example make no other
}

// openList opens a file that was taken.
func openList(cfg *cli.Config, job *monitoringConfig, f cps.SetFile) (io.Reader, error) {
	name := filepath.Join(cfg.Path(job.Files), f.Host, path.Base(f.Path))
	raw, err := infile.Read(name, infile.Text)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: take it with cps-issm monitoring backup; where the host has no such file, say so: missing: [%s:%s]", err,
			f.Host, f.Path)
	}
	if err != nil {
		return nil, err
	}
	return named{bytes.NewReader(raw), name}, nil
}

// named is a text under the name of its file.
type named struct {
	io.Reader
	name string
}

func (n named) Name() string { return n.name }

// takeLists copies the files of the monitoring into a directory, each as a new file.
func takeLists(ctx context.Context, cfg *cli.Config, hostsCSV, dir string, hosts evenkeel.Hosts) ([]cli.Saved, error) {
	table, err := needed("hosts_csv", hostsCSV, cps.ParseHosts)
	if err != nil {
		return nil, err
	}
	var saved []cli.Saved
	var errs []error
	for _, f := range cps.SetFiles(table, managerOf(monitoringOf(cfg).ClusterManager)) {
		one, err := takeList(ctx, dir, f, hosts)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%s: %w", f.Host, f.Path, err))
			continue
		}
		saved = append(saved, one)
	}
	return saved, errors.Join(errs...)
}

func takeList(ctx context.Context, dir string, f cps.SetFile, hosts evenkeel.Hosts) (cli.Saved, error) {
	r, err := hosts.Runner(f.Host)
	if err != nil {
		return cli.Saved{}, err
	}
	res, err := r.Run(ctx, sshexec.Command(sshexec.ReadOnly, "cat", f.Path))
	if err != nil {
		return cli.Saved{}, err
	}
	if res.Truncated {
		return cli.Saved{}, errors.New("it is too long")
	}
	name := filepath.Join(dir, f.Host, path.Base(f.Path))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return cli.Saved{}, err
	}
	if err := cli.WriteNew(name, res.Stdout); err != nil {
		return cli.Saved{}, err
	}
	return cli.Saved{Host: f.Host, File: name, SHA256: fmt.Sprintf("%x", sha256.Sum256(res.Stdout)), Size: int64(len(res.Stdout))}, nil
}

// monitoringWorld is the cluster that a configuration's files describe, simulated; where the databases are to be watched
// again it is migrated, and its lists are those that were taken.
func monitoringWorld(cfg *cli.Config, job *monitoringConfig) (cli.SimWorld, error) {
	d, err := job.deployed(cfg, cpstest.Options{Monitored: true, Migrated: job.Turn == "on"})
	if err != nil {
		return nil, err
	}
	w := simulated{d, managerOf(job.ClusterManager), nil}
	hosts, err := needed("hosts_csv", cfg.Path(job.HostsCSV), cps.ParseHosts)
	if err != nil {
		return nil, err
	}
	for _, f := range cps.SetFiles(hosts, w.manager) {
		put := sshexec.Command(sshexec.Mutating, "rm", "-f", f.Path)
		if !slices.Contains(job.Missing, f.Host+":"+f.Path) {
			r, err := openList(cfg, job, f)
			if err != nil {
				return nil, err
			}
			text, err := io.ReadAll(r)
			if err != nil {
				return nil, err
			}
			put = sshexec.Command(sshexec.Mutating, "tee", f.Path)
			put.Stdin = sshexec.Text(string(text))
		}
		vm, err := w.Runner(f.Host)
		if err == nil {
			_, err = vm.Run(context.Background(), put)
		}
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}
