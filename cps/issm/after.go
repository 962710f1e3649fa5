package issm

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// afterSteps give the traffic back to both halves and tidy up (cps:1323-1356,2000-2010).
func (m *Migration) afterSteps() []evenkeel.Step {
	steps := []evenkeel.Step{m.restoreTrafficStep()}
	if m.cfg.Provision {
		steps = append(steps, m.cleanUpStep())
	}
	if m.cfg.RestartAll {
		steps = append(steps, m.restartStep())
	}
	steps = append(steps, m.kpiStep("kpis-after", "Watch the KPIs on the new release", "")...)
	return slices.Concat(steps, []evenkeel.Step{m.finalStep()}, m.unsilenceStep(), []evenkeel.Step{m.imageStep()},
		m.loggerSteps(loggerOut), []evenkeel.Step{m.handOverStep()})
}

func (m *Migration) restoreTrafficStep() evenkeel.Step {
	return evenkeel.Step{
		ID: "traffic-restore", Title: "Give the traffic back to both halves", Host: m.cfg.ClusterManager, Ref: "cps:1323-1337",
		Actions: []evenkeel.Action{
			m.quietGuard(migrateScript),
			{
				ID: "whole", Precondition: true, Paper: steps.Again(m.allAtWork()),
				Change: evenkeel.Change{
					Title: "Wait until every replica set is whole", Ref: "cps:1321", Cmd: m.replicaStatus(), Limit: time.Hour,
					Expect: evenkeel.Expect{Text: "every member at work",
						Check: m.onTable(func(t *cps.ReplicaTable) error { return steps.Soon(15*time.Second, m.complete(1, 2)(t)) })},
				},
			},
			{
				ID: "restore", Paper: migrates(m.migrate(evenkeel.Disruptive, time.Hour, "traffic", "restore")),
				Change: evenkeel.Change{
					Title: "Restore the traffic", Ref: "cps:1326",
					Cmd: m.migrate(evenkeel.Disruptive, time.Hour, "traffic", "restore"), Repeat: evenkeel.Never, Expect: succeeded,
					Probe: m.trafficProbe("done when an endpoint of each half is up",
						func(first, second steps.Endpoints) bool { return first.Taking && second.Taking }),
				},
			},
		},
		Verify: []evenkeel.Action{{
			ID: "taken", Paper: steps.Again(m.takes(1, 2)),
			Change: evenkeel.Change{
				Title: "Wait until an endpoint of each half is up", Cmd: m.haproxyStatus(), Limit: 15 * time.Minute,
				Note: "Endpoints that stay down: the guide's work-around (cps:1712-1794), on the load balancer of set 2.",
				Expect: evenkeel.Expect{Text: "an endpoint of each half is up", Check: func(o evenkeel.Observed) error {
					return errors.Join(m.traffic(1)(o), m.traffic(2)(o))
				}},
			},
		}},
		Irreversible: pastRollback,
	}
}

func (m *Migration) cleanUpStep() evenkeel.Step {
	return evenkeel.Step{
		ID: "cleanup", Title: "Remove what the provisioning kept", Host: m.cfg.ClusterManager, Ref: "cps:1342-1345",
		Actions: []evenkeel.Action{evenkeel.Do("cleanup", "Delete the old disks", deployAllScript, "--cleanupbackup").
			Timeout(2 * time.Hour)},
		Irreversible: "the old disks are deleted",
	}
}

func (m *Migration) restartStep() evenkeel.Step {
	return evenkeel.Step{
		ID: "restart", Title: "Restart all processes, one VM after the other", Host: m.cfg.ClusterManager, Ref: "cps:1350-1354",
		Why: "It ends errors without effect in the logs (cps:1350). It drops messages (cps:1354).",
		Actions: []evenkeel.Action{
			evenkeel.ByHand("hour", "Confirm that the hour is quiet", "Confirm that messages may be dropped now: restartall.sh drops some."),
			evenkeel.Disrupt("restart", "Restart all", m.cfg.Tools.RestartAll).Timeout(6 * time.Hour).
				Noting("Once more restarts once more, and drops messages once more; nothing else."),
		},
		Harmless: "a restart is over when it is over",
	}
}

// finalStep is the state that the whole migration is for.
func (m *Migration) finalStep() evenkeel.Step {
	all := slices.Concat(m.sets[1], m.sets[2])
	return evenkeel.Step{
		ID: "final", Title: "Look at the whole cluster", Host: m.cfg.ClusterManager, Ref: "cps:337",
		Needs: []evenkeel.FactKey{factReplicas},
		Actions: []evenkeel.Action{
			{
				ID: "about", Paper: steps.Again(m.runs(&m.to, [3]cps.Release{1: m.to, 2: m.to})),
				Change: evenkeel.Change{
					Title: "Note the releases", Cmd: sshexec.Command(sshexec.ReadOnly, m.cfg.Tools.About), Limit: 15 * time.Minute,
					Expect: evenkeel.Expect{Text: fmt.Sprintf("installer and every VM on %s", m.to), Check: onAbout(func(a *cps.About) error {
						return steps.Soon(15*time.Second, errors.Join(m.installer(a, m.to), m.releases(a, all, m.from, m.to)))
					})},
				},
			},
			{
				ID: "replicas", Paper: steps.Again(append(m.allAtWork(), m.asRanked()...)),
				Change: evenkeel.Change{
					Title: "Wait until the replica sets and their priorities are as before", Cmd: m.replicaStatus(), Limit: time.Hour,
					Expect: evenkeel.Expect{Text: "every member at work, in the order of priority of the beginning",
						Check: func(o evenkeel.Observed) error {
							if err := m.onTable(func(t *cps.ReplicaTable) error { return steps.Soon(15*time.Second, m.complete(1, 2)(t)) })(o); err != nil {
								return err
							}
							return m.sameRanks(o)
						}},
				},
			},
			{
				ID: "health", Paper: steps.Again(steps.Prints(sshexec.Command(sshexec.ReadOnly, m.cfg.Tools.Diagnostics), verdicts, "[PASS]")),
				Change: evenkeel.Change{
					Title: "Run the full diagnostics",
					Cmd:   steps.WithTimeout(sshexec.Command(sshexec.ReadOnly, m.cfg.Tools.Diagnostics), 15*time.Minute), Limit: time.Hour,
					Expect: evenkeel.Expect{Text: "no [WARN], no [FAIL]", Check: func(o evenkeel.Observed) error {
						return steps.Soon(30*time.Second, m.healthy(o, cps.StageAfter))
					}},
				},
			},
		},
	}
}

// imageStep takes the image away (cps:2000-2010, CPS-219).
func (m *Migration) imageStep() evenkeel.Step {
	step := evenkeel.Step{
		ID: "image", Title: "Unmount the image", Host: m.cfg.ClusterManager, Ref: "cps:2000-2005",
		Why:      `It prevents "device is busy" at the next upgrade.`,
		Actions:  umount(),
		Harmless: "it is mounted again where it is needed",
	}
	if m.cfg.RemoveISO {
		step.Actions = append(step.Actions, evenkeel.Do("remove", "Delete the image", "rm", "-f", m.cfg.TargetISO).
			From("cps:2007-2010").Timeout(steps.Briefly))
	}
	return step
}

// logFiles is what the operator does with the logback files at the end (cps:299-301).
func (m *Migration) logFiles() evenkeel.Action {
	text := "Merge your own changes of the logback files."
	if !m.cfg.UpgradeLogger {
		text = "Take the ZMQInServiceUpgradeMgr logger out of logback.xml and merge your own changes of the logback files."
	}
	return evenkeel.ByHand("debug", "Check the log files", text).From("cps:299-301")
}

// handOverStep is what remains for people (CPS-152, CPS-155, CPS-162, CPS-163, CPS-182).
func (m *Migration) handOverStep() evenkeel.Step {
	return evenkeel.Step{
		ID: "hand-over", Title: "Do by hand what no command can", Ref: "cps:238-306,1358-1381",
		Actions: []evenkeel.Action{
			evenkeel.ByHand("grafana", "Configure Grafana's data source", "Configure the graphite data source in the Grafana GUI.").From("cps:238"),
			evenkeel.ByHand("overload", "Set Session Limit Overload Protection",
				"Set Session Limit Overload Protection back to the value for the session capacity, and publish without restarting "+
					"the qns processes.").From("cps:256"),
			m.logFiles(),
			evenkeel.ByHand("customizations", "Restore the customizations of the VMs",
				"Reapply the customizations that were made directly on VMs.").From("cps:261"),
			evenkeel.ByHand("keys", "Exchange the SSH keys",
				"If the cluster has default SSH keys, change them: manage_sshkey.sh --create, then --update, when diagnostics are clean.").
				From("cps:1362-1381"),
			evenkeel.ByHand("disk", "Check the disks of the pcrfclients",
				"Watch the disk use of the pcrfclient VMs: the new release writes more statistics.").From("cps:246"),
			evenkeel.ByHand("freeze", "End the change freeze", "End the change freeze when the cluster is validated.").From("cps:252"),
		},
	}
}
