package pairfiles

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// Pair is the pair of a configuration: its backups, and what is known of it beside them.
type Pair struct {
	Backups   []string
	Addresses map[string][]string
	From, To  string // releases; empty where the configuration does not say
}

// Asked is what a pair is held against, on a command line.
type Asked struct {
	target, from, config string
	of                   func(*cli.Config) Pair
}

// AskedBy declares the flags for a pair, by its configuration or its files, and a release.
func AskedBy(c *cobra.Command, of func(*cli.Config) Pair) *Asked {
	q := &Asked{of: of}
	c.Flags().StringVar(&q.target, "target", "", "the `RELEASE` that the pair is to run on: "+strings.Join(readiness.Targets(), ", "))
	c.Flags().StringVar(&q.from, "from", "", "the `RELEASE` that it runs on now, where no file says it")
	cli.ConfigFlag(c, &q.config, "the configuration `FILE` of the pair")
	return q
}

// Report says what of the pair the release does not take. The files are returned, too. Every error is a mistake in what was given.
func (q *Asked) Report(a *cli.App, files []string) (*readiness.Report, *Files, error) {
	p := &Files{In: readiness.Input{From: q.from}}
	target := q.target
	if q.config != "" {
		if len(files) > 0 {
			return nil, nil, errors.New("give --config or files, not both")
		}
		cfg, err := a.Read(q.config)
		if err != nil {
			return nil, nil, err
		}
		its := q.of(cfg)
		p.In.Addresses, p.In.From, target = its.Addresses, cmp.Or(q.from, its.From), cmp.Or(target, its.To)
		for _, name := range its.Backups {
			files = append(files, cfg.Path(name))
		}
	}
	if target == "" {
		return nil, nil, fmt.Errorf("--target is needed: one of %s", strings.Join(readiness.Targets(), ", "))
	}
	for _, name := range files {
		if err := p.Read(name); err != nil {
			return nil, nil, infile.Why(name, err)
		}
	}
	report, err := readiness.Check(p.In, target)
	if err != nil {
		return nil, nil, err
	}
	report.NotChecked = append(report.NotChecked, p.left...)
	return report, p, nil
}

// Preflight is the job "preflight" of a binary: the checks of the upgrade alone, and readiness for a release by files alone.
func Preflight[P interface {
	Preflight() (*evenkeel.Runbook, error)
}](job *cli.App, load func(*cli.Config) (P, error), of func(*cli.Config) Pair) *cli.App {
	a := cli.Preflight(job, "look at a pair days before its upgrade: say all that would stop it, and change nothing",
		func(cfg *cli.Config) (*evenkeel.Runbook, error) {
			p, err := load(cfg)
			if err != nil {
				return nil, err
			}
			return p.Preflight()
		})
	a.Bare = readyFor(of)
	return a
}

// readyFor is "preflight --target el9": what of a pair a release does not take, by files alone.
func readyFor(of func(*cli.Config) Pair) func(a *cli.App, c *cobra.Command) func(context.Context, []string) (int, error) {
	return func(a *cli.App, c *cobra.Command) func(context.Context, []string) (int, error) {
		var format string
		c.Long += `

With --target it says what of the pair that release of a distribution does not take, and what to do about it; no machine
is reached. The pair is that of --config, or any Pacemaker pair by its files: its CIB, corosync.conf or cluster.conf, of
each node what rpm -q or dpkg-query -W prints (NODE.versions), the list of the target's agents, or backups. Exit status
1 tells that something blocks, 2 that a file cannot be read or that the release is not known.`
		c.Example = strings.ReplaceAll("  TOOL --target el9 --config pair.yaml\n"+
			"  TOOL --target sles16 cib.xml corosync.conf node1.versions node2.versions", "TOOL", a.Name)
		asked := AskedBy(c, of)
		cli.OutputFlag(c, &format, "text", "json", "yaml", "markdown")
		return func(_ context.Context, files []string) (int, error) {
			report, _, err := asked.Report(a, files)
			if err != nil {
				return cli.ExitInput, err
			}
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
}

// Files are the files of a pair.
type Files struct {
	In   readiness.Input
	left []readiness.Gap // what is in them and was not looked at
}

// How the files that inspect does not know show themselves.
var (
	clusterConf  = regexp.MustCompile(`<cluster[\s>]`)
	agentsText   = regexp.MustCompile(`(?m)^(?:ocf:\S+:\S|stonith:\S|fence_\w)`)
	versionsText = regexp.MustCompile(`(?m)^(?:PRETTY_NAME=|package \S+ is not installed|` +
		`(?:pacemaker|corosync|pcs|crmsh|resource-agents)[\s:-])`)
)

// Read takes a file in, by what is in it. What is of no kind is never handed to a parser, which would quote it.
func (p *Files) Read(name string) error {
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
		p.In.ClusterConf = name
		return nil
	case bytes.HasPrefix(text, []byte("<")):
		return p.cib(name, raw)
	case corosyncText.Match(text):
		return p.corosync(name, raw)
	case agentsText.Match(text):
		agents, err := readiness.ParseAgents(Reader(name, raw))
		p.In.Agents = append(p.In.Agents, agents...)
		return err
	case versionsText.Match(text):
		v, err := readiness.ParseVersions(Reader(name, raw))
		if err != nil {
			return err
		}
		v.Node = strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
		p.In.Versions = append(p.In.Versions, *v)
		return nil
	}
	return fmt.Errorf("%s: neither a CIB, corosync.conf, cluster.conf, the packages of a node as rpm -q or dpkg-query -W print them, "+
		"a list of agents, nor a server backup. Nothing of it is shown, since it may hold a secret", name)
}

// cib takes a CIB in. A second one must mean the same: it is that of the other node.
func (p *Files) cib(name string, raw []byte) error {
	cib, err := pacemaker.ParseCIB(Reader(name, raw))
	if err != nil {
		return err
	}
	if p.In.CIB == nil {
		p.In.CIB = cib
		return nil
	}
	if differ := pacemaker.Diff(p.In.CIB, cib); len(differ) > 0 {
		return fmt.Errorf("%s: it is not the CIB that was read before: %s. Give the files of one pair, of one time", name, differ[0])
	}
	return nil
}

// corosync takes a corosync.conf in: the first. That of the other node may have another address in it, and is named.
func (p *Files) corosync(name string, raw []byte) error {
	conf, err := corosync.Parse(Reader(name, raw))
	if err != nil {
		return err
	}
	if p.In.Conf == nil {
		p.In.Conf = conf
		return nil
	}
	var first bytes.Buffer
	if _, err := p.In.Conf.WriteTo(&first); err != nil {
		return err
	}
	if !bytes.Equal(first.Bytes(), raw) {
		p.left = append(p.left, readiness.Gap{What: name + ", which differs from the corosync.conf before it",
			Needs: "a look of its own, with this file alone"})
	}
	return nil
}

// archive takes a backup in: the CIB, how the nodes talk, and the system.
func (p *Files) archive(name string) error {
	a, err := backup.OpenFile(name)
	if err != nil {
		return err
	}
	switch raw, err := a.ClusterConfig(); {
	case err == nil:
		if err := p.cib(Inside(name, "cluster-cfg-"+a.Host()+".xml"), raw); err != nil {
			return err
		}
	case !errors.Is(err, backup.ErrNoCluster):
		return fmt.Errorf("%s: %w", name, err)
	}
	if raw, err := a.ReadFile(CorosyncConf); err == nil { // without it the report says what was not checked
		if err := p.corosync(Inside(name, CorosyncConf), raw); err != nil {
			return err
		}
	}
	if _, err := a.ReadFile("/etc/cluster/cluster.conf"); err == nil {
		p.In.ClusterConf = Inside(name, "/etc/cluster/cluster.conf")
	}
	v := readiness.Versions{Node: a.Host()}
	if rec := a.Record(); rec != nil {
		v.OS = rec.OSRelease
	}
	p.In.Versions = append(p.In.Versions, v)
	return nil
}
