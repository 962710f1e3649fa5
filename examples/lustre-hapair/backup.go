package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// needed is what the steps of an upgrade read from a server's backup. Only IML has a store of targets, and an agent to restore.
func needed(a *backup.Archive) []backup.Requirement {
	reqs, iml := []backup.Requirement{
		{Path: backup.ClusterConfigPath, Check: backup.NotEmpty, NeededBy: "making the cluster again (lustre:948)"},
		{Path: corosyncConf, Check: backup.NotEmpty, NeededBy: "making the cluster again (lustre:894)"},
	}, true
	if raw, err := a.ClusterConfig(); err == nil {
		cib, err := pacemaker.ParseCIB(bytes.NewReader(raw))
		iml = err != nil || !upgrade.MadeByHand(cib)
	}
	options := backup.RestoreOptions{}
	if iml {
		reqs = append(reqs, backup.Requirement{Path: lustre.TargetStoreDir + "/*", Check: backup.NotEmpty,
			NeededBy: "making the mount points (lustre:1098)"})
	} else {
		options.Skip = []backup.Group{backup.GroupAgent}
	}
	return append(reqs, backup.Requirements(backup.RestoreServer("", options))...)
}

// takeNow backs both servers up, reads the archives again, and copies them on where that is asked for. It stops at the
// first server that it cannot back up.
func takeNow(ctx context.Context, req cli.BackupRequest) ([]cli.Saved, error) {
	job := jobOf(req.Config)
	var saved []cli.Saved
	for _, server := range []serverConfig{job.Node1, job.Node2} {
		s, err := takeOne(ctx, req, server.Name, job.manifest())
		if s != nil {
			saved = append(saved, *s)
		}
		if err != nil {
			return saved, fmt.Errorf("%s: %w", server.Name, err)
		}
	}
	return saved, nil
}

func takeOne(ctx context.Context, req cli.BackupRequest, host string, manifest backup.Manifest) (*cli.Saved, error) {
	r, err := req.Hosts.Runner(host)
	if err != nil {
		return nil, err
	}
	info, err := backup.Create(ctx, r, manifest.With(backup.MultipathPaths()...), backup.Options{
		Dir: req.Config.Path(jobOf(req.Config).Archives), Now: req.Now,
	})
	if err != nil {
		return nil, err
	}
	s := &cli.Saved{Host: host, File: info.Path, SHA256: info.SHA256, Size: info.Size, Notes: notes(info.Record)}
	for _, p := range info.Record.Paths {
		if len(p.Taken) == 0 {
			s.Absent = append(s.Absent, cli.Note{Path: p.Path, What: "absent"})
		}
	}
	a, err := backup.OpenFile(info.Path)
	if err != nil {
		return s, err
	}
	errs := []error{a.Verify()}
	for _, m := range a.Covers(needed(a)) {
		if absent := errors.Is(m, backup.ErrAbsent); !absent || !optional(m.Path) {
			errs = append(errs, m)
		}
	}
	if err := errors.Join(errs...); err != nil || req.CopyTo == "" {
		return s, err
	}
	far, into, _ := strings.Cut(req.CopyTo, ":")
	if r, err = req.Hosts.Runner(far); err != nil {
		return s, err
	}
	proof, err := backup.CopyOff(ctx, r, info.Path, into, []string{info.Host, info.FQDN}, req.Now())
	if err == nil {
		s.Copy = far + ":" + proof.Path
	}
	return s, err
}

// manifest is what is backed up of a server: IML's state must be there where a manager is given.
func (c *pairConfig) manifest() backup.Manifest { return upgrade.Manifest(c.Manager != "") }

// optional tells whether a server may be without a path.
func optional(path string) bool {
	for _, p := range backup.ServerManifest().Paths {
		if p.Path == path {
			return p.Optional
		}
	}
	return false
}

// notes are what the operator should know of a backup: what was found and left out, and what changed all the time.
func notes(rec *backup.Record) []cli.Note {
	var all []cli.Note
	for _, s := range rec.Skipped {
		all = append(all, cli.Note{Path: string(s.Path), What: "not taken: " + s.Why})
	}
	for _, name := range rec.Changed {
		all = append(all, cli.Note{Path: string(name), What: "it changed whenever it was read; what is in the backup may be of no single moment"})
	}
	return all
}

// recordFacts says what an archive tells of itself.
func recordFacts(in *cli.Inspection, name string, rec *backup.Record) {
	if rec == nil {
		return
	}
	if rec.FQDN != "" {
		in.Add("full name", "%s", rec.FQDN)
	}
	if rec.OSRelease != "" {
		in.Add("system", "%s", rec.OSRelease)
	}
	if rec.Means != "" {
		in.Add("read with", "%s", rec.Means)
	}
	for _, p := range rec.Paths {
		if len(p.Taken) == 0 {
			in.Add("absent", "%s", p.Path)
		}
	}
	for _, s := range rec.Skipped {
		in.Add("not taken", "%s: %s", s.Path, s.Why)
	}
	for _, f := range rec.Changed {
		in.Find(name, "%s changed whenever it was read; what is in the backup may be of no single moment", f)
	}
}
