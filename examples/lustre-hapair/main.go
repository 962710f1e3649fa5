// Command lustre-hapair upgrades a Lustre server pair under Pacemaker: node 1, then node 2, one always serving.
//
//	go run ./examples/lustre-hapair demo
//
// See the README for the other commands; package lustre/upgrade has the runbook.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
)

// version is part of what binds a journal to the tool that wrote it.
const version = "0.1.0"

func main() { os.Exit(app().Main(os.Args[1:])) }

func app() *cli.App {
	return &cli.App{
		Name: "lustre-hapair", Title: "upgrade of a Lustre server pair, one node serving while the other is rebuilt", Version: version,
		Read: cli.ReadConfig[lustrejob.Config], Schema: schemaOf("lustre-hapair"), Begin: begin,
		Load: lustrejob.Load, Example: lustrejob.Example, Private: lustrejob.Private, World: lustrejob.World,
		Inspect: files.Inspect, Kinds: kinds, Backup: takeNow, Person: pairfiles.Technician,
		Verbs: []func(*cli.App) *cobra.Command{siteCommand, waysCommand, pairfiles.DiffCommand},
		Jobs: map[string]func() *cli.App{"manager": managerApp,
			"preflight": func() *cli.App { return pairfiles.Preflight(app(), lustrejob.LoadPair, known) }},
	}
}

// known is what a configuration tells of the pair.
func known(cfg *cli.Config) pairfiles.Pair {
	c := lustrejob.Of(cfg)
	return pairfiles.Pair{Backups: []string{c.Node1.Backup, c.Node2.Backup}, Addresses: c.Addresses}
}
