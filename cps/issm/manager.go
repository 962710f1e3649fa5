package issm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// managerSteps replace the Cluster Manager (cps:377-560, CPS-201).
func (m *Migration) managerSteps() []evenkeel.Step {
	steps := []evenkeel.Step{m.backupStep(), m.deployManagerStep(), m.restoreStep()}
	if m.cfg.SkipCarbon {
		steps = append(steps, m.skipCarbonStep())
	}
	return append(steps, m.setsStep())
}

// migrate is a run of migrate.sh.
func (m *Migration) migrate(effect evenkeel.Effect, timeout time.Duration, args ...string) sshexec.Cmd {
	return steps.WithTimeout(sshexec.Command(effect, append([]string{migrateScript}, args...)...), timeout)
}

// succeeded is what every run of migrate.sh must show (CPS-111).
var succeeded = evenkeel.Expect{Text: "the log ends with SUCCESS and ===== END =====, without an ERROR", Check: migrated}

// backupStep saves the Cluster Manager's data (cps:409-447).
func (m *Migration) backupStep() evenkeel.Step {
	step := evenkeel.Step{
		ID: "backup-cluman", Title: "Back up the data of the Cluster Manager and copy them off it",
		Host: m.cfg.ClusterManager, Ref: "cps:409-447",
		Makes: append(managerArchive.keys(), managerArchive.earlier),
		Actions: slices.Concat([]evenkeel.Action{m.imageThere(), m.quietGuard(migrateScript)}, umount(),
			mount(m.cfg.TargetISO), []evenkeel.Action{
				managerArchive.mark(),
				{
					ID: "backup", Paper: migrates(m.migrate(evenkeel.Mutating, managerTime, "backup", "cluman")),
					Change: evenkeel.Change{
						Title: "Back up the Cluster Manager", Ref: "cps:424-434", Cmd: m.migrate(evenkeel.Mutating, managerTime, "backup", "cluman"),
						Repeat: evenkeel.Never, Expect: succeeded, Probe: managerArchive.madeProbe(),
					},
				},
				managerArchive.save(m.cfg.ClusterManager, m.cfg.ArchiveDir, "cps:439-447"),
			}),
		Undo: umount(),
	}
	if m.cfg.SourceISO != "" {
		step.Undo = append(step.Undo, mount(m.cfg.SourceISO)...)
	}
	return step
}

// imageThere lets the operator bring the image, unless it is there.
func (m *Migration) imageThere() evenkeel.Action {
	return evenkeel.Action{
		ID: "image", Manual: fmt.Sprintf("Load the image of %s onto the Cluster Manager as %s, by wget or from a machine of yours, "+
			"and compare its checksum with the one that Cisco publishes.", m.to, m.cfg.TargetISO),
		Paper: steps.Again(steps.Prints(sshexec.Command(sshexec.ReadOnly, "test", "-s", m.cfg.TargetISO), "&& echo it is there", "it is there")),
		Change: evenkeel.Change{
			Title: "Verify that the image is on the Cluster Manager", Ref: "cps:346-351", Host: m.cfg.ClusterManager,
			Cmd:    sshexec.Command(sshexec.ReadOnly, "test", "-s", m.cfg.TargetISO),
			Expect: evenkeel.Expect{Text: "exit status 0"},
		},
	}
}

// deployManagerStep is the operator's part: a new machine in the place of the old one (cps:449-469).
func (m *Migration) deployManagerStep() evenkeel.Step {
	old := "Keep the old Cluster Manager, powered off: a rollback needs it."
	if m.cfg.Platform == OpenStack {
		old = "Delete the old Cluster Manager first, else the deployment fails (cps:457); a rollback needs its snapshot."
	}
	return evenkeel.Step{
		ID: "deploy-cluman", Title: "Deploy the new Cluster Manager", Host: m.cfg.ClusterManager, Ref: "cps:449-469",
		Needs: managerArchive.keys(), Reinstalls: []string{m.cfg.ClusterManager},
		Actions: []evenkeel.Action{
			managerArchive.kept("kept"),
			{
				ID: "deploy", Manual: fmt.Sprintf("Deploy a Cluster Manager of %s under the address of the old one. %s Its first "+
					"boot is into rescue mode. Its SSH host key is new: put it into known_hosts.", m.to, old), Paper: isRelease(m.cfg.TargetOS),
				Change: evenkeel.Change{
					Title:  "Deploy the new Cluster Manager",
					Cmd:    readSystem,
					Expect: evenkeel.Expect{Text: "CentOS " + m.cfg.TargetOS, Check: system(m.cfg.TargetOS)},
				},
			},
			{
				ID: "ready", Paper: steps.Again(steps.Prints(sshexec.Command(sshexec.ReadOnly, "curl", "-s", "-S", "--max-time", "20", "-H",
					"Content-Type: application/json", cps.StatusURL(m.cfg.StatusHost)),
					`2>/dev/null | tr -d ' \n' | grep -oF '"status":"ready"'`, `"status":"ready"`)),
				Change: evenkeel.Change{
					Title: "Wait until the Status API says ready", Ref: "cps:462-469", Limit: 3 * time.Hour,
					Cmd: sshexec.Command(sshexec.ReadOnly, "curl", "-s", "-S", "--max-time", "20", "-H",
						"Content-Type: application/json", cps.StatusURL(m.cfg.StatusHost)),
					Expect: evenkeel.Expect{Text: `"status": "ready"`, Awaits: true, Check: func(o evenkeel.Observed) error {
						s, err := cps.ParseClusterStatus(steps.Output("Status API", o.Result))
						if err == nil && !s.Ready() {
							err = fmt.Errorf("the status is %s", s.Status)
						}
						return steps.Soon(30*time.Second, errors.Join(o.Succeeded(), err))
					}},
				},
			},
			m.imageThere(),
		},
		Undo: []evenkeel.Action{m.oldManager()},
	}
}

// oldManager undoes a replaced Cluster Manager.
func (m *Migration) oldManager() evenkeel.Action {
	return evenkeel.Action{
		ID: "old-cluman", Manual: fmt.Sprintf("Power the Cluster Manager of %s off and bring the one of %s back: power the "+
			"preserved one on, or restore its snapshot or clone. Its SSH host key is the old one.", m.to, m.from), Paper: isRelease(m.cfg.SourceOS),
		Change: evenkeel.Change{
			Title: "Bring the old Cluster Manager back", Ref: "cps:1917", Host: m.cfg.ClusterManager,
			Cmd:    readSystem,
			Expect: evenkeel.Expect{Text: "CentOS " + strings.TrimSuffix(m.cfg.SourceOS, "."), Check: system(m.cfg.SourceOS)},
		},
	}
}

// newManager is the precondition that the machine is the new one.
func (m *Migration) newManager() evenkeel.Action {
	return evenkeel.Action{
		ID: "new-cluman", Precondition: true, Paper: isRelease(m.cfg.TargetOS),
		Change: evenkeel.Change{
			Title: "Verify that this is the new Cluster Manager", Cmd: readSystem, Ref: "cps:520",
			Expect: evenkeel.Expect{Text: "CentOS " + m.cfg.TargetOS, Check: system(m.cfg.TargetOS)},
		},
	}
}

// restoreStep makes the new machine the Cluster Manager (cps:471-521).
func (m *Migration) restoreStep() evenkeel.Step {
	actions := append([]evenkeel.Action{m.newManager(), m.quietGuard(migrateScript)}, managerArchive.upload("cps:472-475")...)
	actions = slices.Concat(actions, umount(), mount(m.cfg.TargetISO), []evenkeel.Action{
		{
			ID: "restore", Paper: migrates(m.migrate(evenkeel.Mutating, managerTime, "restore", "cluman", managerArchive.path.Ref())),
			Change: evenkeel.Change{
				Title: "Restore the Cluster Manager's data", Ref: "cps:476-492", Repeat: evenkeel.Idempotent, Expect: succeeded,
				Cmd: m.migrate(evenkeel.Mutating, managerTime, "restore", "cluman", managerArchive.path.Ref()),
			},
		},
		{
			ID: "reapply", Manual: "Reapply the customizations of the Cluster Manager. Five logback files are overwritten: " +
				"/etc/broadhop/logback-debug.xml, logback-netcut.xml, logback-pb.xml and logback.xml, and " +
				"/etc/broadhop/controlcenter/logback.xml. The old ones are in /var/tmp/logback_backup, and in the archive of the " +
				"Cluster Manager. Merge your changes.",
			Change: evenkeel.Change{
				Title: "Restore the customizations of the Cluster Manager", Ref: "cps:399-407,495",
			},
		},
	})
	return evenkeel.Step{
		ID: "restore-cluman", Title: "Restore the data onto the new Cluster Manager", Host: m.cfg.ClusterManager, Ref: "cps:471-521",
		Needs: managerArchive.keys(), Actions: actions,
		Verify: append(m.planFiles(), []evenkeel.Action{
			{
				ID: "about", Paper: m.runs(&m.to, [3]cps.Release{1: m.from, 2: m.from}),
				Change: evenkeel.Change{
					Title: "Verify that it reaches the other VMs, which are old", Ref: "cps:497-515", Cmd: sshexec.Command(sshexec.ReadOnly,
						m.cfg.Tools.About),
					Expect: evenkeel.Expect{Text: fmt.Sprintf("installer %s, every VM %s", m.to, m.from), Check: onAbout(func(a *cps.About) error {
						return errors.Join(m.installer(a, m.to), m.releases(a, nil, m.from, m.to))
					})},
				},
			},
			{
				ID: "replicas", Paper: m.allAtWork(),
				Change: evenkeel.Change{
					Title: "Wait until it sees every replica set whole", Ref: "cps:500", Cmd: m.replicaStatus(),
					Expect: evenkeel.Expect{Text: "every member at work", Check: m.onTable(m.complete(1, 2))},
				},
			},
			{
				ID: "diagnostics", Paper: steps.Prints(sshexec.Command(sshexec.ReadOnly, m.cfg.Tools.Diagnostics),
					`2>&1 | grep -E '`+logins+`.*\[PASS\]$' | grep -o '\[PASS\]'`, "[PASS]"),
				Change: evenkeel.Change{
					Title: "Verify that its diagnostics log in to every VM", Ref: "cps:497-540", Limit: time.Hour,
					Cmd: steps.WithTimeout(sshexec.Command(sshexec.ReadOnly, m.cfg.Tools.Diagnostics), 15*time.Minute),
					Note: "Other checks may fail at this stage: clocks converge, and the AIDO service is not installed on VMs of the release " +
						"before (cps:385,523).",
					Expect: evenkeel.Expect{Text: "the check of " + logins + " is [PASS]", Check: reaches},
				},
			},
		}...),
		Undo: umount(),
	}
}

// skipCarbonStep leaves Grafana's and the bulk statistics' history behind (cps:542-558).
func (m *Migration) skipCarbonStep() evenkeel.Step {
	const lines = "SKIP_BLKSTATS=1\nSKIP_CARBONDB=1\n"
	add := steps.Brief(sshexec.Command(sshexec.Mutating, "tee", "-a", cps.InstallConfigPath))
	add.Stdin = sshexec.Text("\n" + lines)
	skip := evenkeel.Action{
		ID: "skip",
		Change: evenkeel.Change{
			Title: "Add both parameters", Cmd: add, Repeat: evenkeel.ProbeFirst,
			Probe: &evenkeel.Probe{
				Cmd: sshexec.Command(sshexec.ReadOnly, "cat", cps.InstallConfigPath), Text: "both parameters are 1",
				Paper: steps.Prints(sshexec.Command(sshexec.ReadOnly, "cat", cps.InstallConfigPath),
					"| grep -xE 'SKIP_(BLKSTATS|CARBONDB)=1' | LC_ALL=C sort -u", strings.Fields(lines)...),
				Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
					if o.ExitCode == 1 && o.Text() == "" {
						return evenkeel.NotRun, nil // cat could not read it: there is no such file yet
					}
					both, err := steps.Skips(o.Result, cps.SkipBulkStats, cps.SkipCarbonDB)
					if err = errors.Join(o.Succeeded(), err); err != nil {
						return evenkeel.Inconclusive, err
					}
					return steps.DoneIf(both), nil
				},
			},
		},
	}
	return evenkeel.Step{
		ID: "skip-carbon", Title: "Leave carbon and bulk statistics behind", Host: m.cfg.ClusterManager, Ref: "cps:542-558,1696-1707",
		Why: "The history of Grafana and of the bulk statistics is lost with it (cps:554). " +
			"Carrying 55 GB over takes 15 to 20 hours (cps:558).",
		Actions:  []evenkeel.Action{skip, steps.Proof(skip, "skipped", "Verify that both parameters are there")},
		Harmless: "the lines in " + cps.InstallConfigPath + " of the new Cluster Manager are taken out by hand",
	}
}
