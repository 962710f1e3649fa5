package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// readinessOf is "lustre-hapair preflight --target el9": what of a pair a release does not take, by files alone.
func readinessOf(a *cli.App, c *cobra.Command) func(context.Context, []string) (int, error) {
	var target, from, config, format string
	c.Long += `

With --target it says what of the pair that release of a distribution does not take, and what to do about it; no machine
is reached. The pair is that of --config, or any Pacemaker pair by its files: its CIB, corosync.conf or cluster.conf, of
each node what rpm -q or dpkg-query -W prints (NODE.versions), the list of the target's agents, or backups. Exit status
1 tells that something blocks, 2 that a file cannot be read or that the release is not known.`
	c.Example = strings.ReplaceAll("  TOOL --target el9 --config pair.yaml\n"+
		"  TOOL --target sles16 cib.xml corosync.conf node1.versions node2.versions", "TOOL", a.Name)
	c.Flags().StringVar(&target, "target", "", "the `RELEASE` that the pair is to run on: "+strings.Join(readiness.Targets(), ", "))
	c.Flags().StringVar(&from, "from", "", "the `RELEASE` that it runs on now, where no file says it")
	cli.ConfigFlag(c, &config, "the configuration `FILE` of the pair")
	cli.OutputFlag(c, &format, "text", "json", "yaml", "markdown")
	return func(_ context.Context, files []string) (int, error) {
		p := &pairFiles{in: readiness.Input{From: from}}
		switch {
		case target == "":
			return cli.ExitInput, fmt.Errorf("--target is needed: one of %s", strings.Join(readiness.Targets(), ", "))
		case config != "" && len(files) > 0:
			return cli.ExitInput, errors.New("give --config or files, not both")
		case config != "":
			cfg, err := a.Read(config)
			if err != nil {
				return cli.ExitInput, err
			}
			job := jobOf(cfg)
			p.in.Addresses = job.Addresses
			files = []string{cfg.Path(job.Node1.Backup), cfg.Path(job.Node2.Backup)}
		}
		for _, name := range files {
			if err := p.read(name); err != nil {
				return cli.ExitInput, infile.Why(name, err)
			}
		}
		report, err := readiness.Check(p.in, target)
		if err != nil {
			return cli.ExitInput, err
		}
		report.NotChecked = append(report.NotChecked, p.left...)
		text := report.Text
		if format == "markdown" {
			text = report.Markdown
		}
		if code, err := a.Answer(format, report, text); err != nil || report.Ready() {
			return code, err
		}
		return cli.ExitFailed, nil
	}
}

// pairFiles are the files of a pair.
type pairFiles struct {
	in   readiness.Input
	left []readiness.Gap // what is in them and was not looked at
}

// How the files that inspect does not know show themselves.
var (
	clusterConf  = regexp.MustCompile(`<cluster[\s>]`)
	agentsText   = regexp.MustCompile(`(?m)^(?:ocf:\S+:\S|stonith:\S|fence_\w)`)
	versionsText = regexp.MustCompile(`(?m)^(?:PRETTY_NAME=|package \S+ is not installed|` +
		`(?:pacemaker|corosync|pcs|crmsh|resource-agents)[\s:-])`)
)

// read takes a file in, by what is in it. What is of no kind is never handed to a parser, which would quote it.
func (p *pairFiles) read(name string) error {
	packed, err := compressed(name)
	if err != nil {
		return err
	}
	if packed {
		return p.archive(name)
	}
	raw, err := infile.Read(name, infile.Text)
	if err != nil {
		return err
	}
	text := bytes.TrimSpace(raw)
	switch {
	case bytes.HasPrefix(text, []byte("<")) && clusterConf.Match(text):
		p.in.ClusterConf = name
		return nil
	case bytes.HasPrefix(text, []byte("<")):
		return p.cib(name, raw)
	case corosyncText.Match(text):
		return p.corosync(name, raw)
	case agentsText.Match(text):
		agents, err := readiness.ParseAgents(reader(name, raw))
		p.in.Agents = append(p.in.Agents, agents...)
		return err
	case versionsText.Match(text):
		v, err := readiness.ParseVersions(reader(name, raw))
		if err != nil {
			return err
		}
		v.Node = strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
		p.in.Versions = append(p.in.Versions, *v)
		return nil
	}
	return fmt.Errorf("%s: neither a CIB, corosync.conf, cluster.conf, the packages of a node as rpm -q or dpkg-query -W print them, "+
		"a list of agents, nor a server backup. Nothing of it is shown, since it may hold a secret", name)
}

// cib takes a CIB in. A second one must mean the same: it is that of the other node.
func (p *pairFiles) cib(name string, raw []byte) error {
	cib, err := pacemaker.ParseCIB(reader(name, raw))
	if err != nil {
		return err
	}
	if p.in.CIB == nil {
		p.in.CIB = cib
		return nil
	}
	if differ := pacemaker.Diff(p.in.CIB, cib); len(differ) > 0 {
		return fmt.Errorf("%s: it is not the CIB that was read before: %s. Give the files of one pair, of one time", name, differ[0])
	}
	return nil
}

// corosync takes a corosync.conf in: the first. That of the other node may have another address in it, and is named.
func (p *pairFiles) corosync(name string, raw []byte) error {
	conf, err := corosync.Parse(reader(name, raw))
	if err != nil {
		return err
	}
	if p.in.Conf == nil {
		p.in.Conf = conf
		return nil
	}
	var first bytes.Buffer
	if _, err := p.in.Conf.WriteTo(&first); err != nil {
		return err
	}
	if !bytes.Equal(first.Bytes(), raw) {
		p.left = append(p.left, readiness.Gap{What: name + ", which differs from the corosync.conf before it",
			Needs: "a look of its own, with this file alone"})
	}
	return nil
}

// archive takes a backup in: the CIB, how the nodes talk, and the system.
func (p *pairFiles) archive(name string) error {
	a, err := backup.OpenFile(name)
	if err != nil {
		return err
	}
	switch raw, err := a.ClusterConfig(); {
	case err == nil:
		if err := p.cib(name+"!/cluster-cfg-"+a.Host()+".xml", raw); err != nil {
			return err
		}
	case !errors.Is(err, backup.ErrNoCluster):
		return fmt.Errorf("%s: %w", name, err)
	}
	if raw, err := a.ReadFile(corosyncConf); err == nil { // without it the report says what was not checked
		if err := p.corosync(name+"!"+corosyncConf, raw); err != nil {
			return err
		}
	}
	if _, err := a.ReadFile("/etc/cluster/cluster.conf"); err == nil {
		p.in.ClusterConf = name + "!/etc/cluster/cluster.conf"
	}
	v := readiness.Versions{Node: a.Host()}
	if rec := a.Record(); rec != nil {
		v.OS = rec.OSRelease
	}
	p.in.Versions = append(p.in.Versions, v)
	return nil
}
