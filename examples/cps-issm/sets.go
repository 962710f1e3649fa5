package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// setsCommand is "cps-issm sets": how the VMs divide into the two cluster-upgrade sets, what is wrong with that, and the
// repair, days before the migration (cps:578-631). It asks no machine.
func setsCommand(a *cli.App) *cobra.Command {
	var config, dir, into string
	c := a.Command(&cobra.Command{
		Use: "sets", Short: "Divide the VMs into the two upgrade sets", GroupID: cli.GroupLook,
		Long: `Divide the VMs into the two cluster-upgrade sets, say what is wrong with them, and propose the repair. No machine is
reached; --write writes the files of both sets, as repaired. Exit status 1 tells that a finding keeps the migration from
being planned.`,
		Example: "  TOOL sets --dir ./csv --write ./sets\n  TOOL sets --config config.yaml",
	}, func(context.Context, []string) (int, error) {
		cfg := &cli.Config{Job: &issmConfig{HostsCSV: filepath.Join(dir, "Hosts.csv"), MongoConfig: filepath.Join(dir, "mongoConfig.cfg"),
			Config: issm.Config{ArchiveDir: dir}}} // nothing is written there
		switch {
		case (config == "") == (dir == ""):
			return cli.ExitInput, errors.New("it takes --config or --dir, one of them")
		case config != "":
			var err error
			if cfg, err = a.Read(config); err != nil {
				return cli.ExitInput, err
			}
		}
		return divide(a, cfg, into)
	})
	cli.ConfigFlag(c, &config, "the configuration `FILE` of the migration")
	c.Flags().StringVar(&dir, "dir", "", "take Hosts.csv and mongoConfig.cfg from this `DIR`, without a configuration")
	c.Flags().StringVar(&into, "write", "", "write the files of both sets, as repaired, into this `DIR`")
	return c
}

// divide prints the division with what a plan finds in it, and writes the files of the repaired one into a directory,
// where one is given.
func divide(a *cli.App, cfg *cli.Config, into string) (int, error) {
	migration, err := planned(cfg)
	var refused *issm.ReviewError
	if err != nil && !errors.As(err, &refused) {
		return cli.ExitInput, cfg.Placed(err)
	}
	if refused == nil {
		set1, set2 := migration.Sets()
		refused = &issm.ReviewError{Findings: migration.Findings(), Set1: set1, Set2: set2, Repair: cps.Repair{Set1: set1, Set2: set2}}
	}
	repair := refused.Repair

	var b strings.Builder
	fmt.Fprintf(&b, "set 1, upgraded first (%d VMs): %s\nset 2 (%d VMs): %s\n", len(refused.Set1), strings.Join(refused.Set1, ", "),
		len(refused.Set2), strings.Join(refused.Set2, ", "))
	for _, f := range refused.Findings {
		if f.Severity != cps.Info {
			fmt.Fprintln(&b, f)
		}
	}
	if len(repair.Moves)+len(repair.Impossible) > 0 {
		fmt.Fprintf(&b, "repair: %s\n", repair)
	}
	if len(repair.Moves) > 0 {
		fmt.Fprintf(&b, "in the configuration of the migration:\nset1: [%s]\nset2: [%s]\n", strings.Join(repair.Set1, ", "),
			strings.Join(repair.Set2, ", "))
	}
	if code, err := a.Say(b.String()); err != nil {
		return code, err
	}
	if into != "" {
		job := jobOf(cfg)
		job.Set1, job.Set2 = repair.Set1, repair.Set2
		if _, left := planned(cfg); left != nil {
			return cli.ExitFailed, errors.New("no file is written: moving VMs alone does not repair it; see the findings")
		}
		for n, set := range []cps.ClusterSet{repair.Set1, repair.Set2} {
			if err := cli.WriteNew(filepath.Join(into, filepath.Base(cps.ClusterSetPath(n+1))), []byte(set.String())); err != nil {
				return cli.ExitFailed, err
			}
		}
	}
	if worst, found := cps.Worst(refused.Findings); found && worst == cps.Error {
		return cli.ExitFailed, nil
	}
	return cli.ExitDone, nil
}
