package main

import (
	"bytes"
	"context"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// needed is what the steps of an upgrade read from a server's backup. Only IML has a store of targets, and an agent to restore.
func needed(a *backup.Archive) []backup.Requirement {
	reqs, iml := []backup.Requirement{
		{Path: backup.ClusterConfigPath, Check: backup.NotEmpty, NeededBy: "making the cluster again (lustre:948)"},
		{Path: pairfiles.CorosyncConf, Check: backup.NotEmpty, NeededBy: "making the cluster again (lustre:894)"},
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

// takeNow backs both servers up.
func takeNow(ctx context.Context, req cli.BackupRequest) ([]cli.Saved, error) {
	job := lustrejob.Of(req.Config)
	return pairfiles.Taking{Hosts: []string{job.Node1.Name, job.Node2.Name}, Manifest: job.Manifest(),
		Dir: req.Config.Path(job.Archives), Needed: needed}.Take(ctx, req)
}
