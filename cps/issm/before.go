package issm

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The facts of the cluster as it was before.
var (
	factReplicas = evenkeel.NewFact[[]ranked]("replicas.before", "primary and priorities of every replica set before the migration")
	factHtpasswd = evenkeel.NewFact[string]("htpasswd.sha256", "sha256 of .htpasswd on the first pcrfclient")
)

// beforeSteps look at the cluster and let the operator confirm what no command can tell (cps:250-306).
func (m *Migration) beforeSteps() []evenkeel.Step {
	first, second := m.ofClass(2, "pcrfclient")[0], m.ofClass(1, "pcrfclient")[0]
	kpis, noted := m.kpiBefore()
	steps := []evenkeel.Step{
		{
			ID: "preflight", Title: "Look at the cluster before anything is changed", Host: m.cfg.ClusterManager, Ref: "cps:250-344",
			Makes:   append(slices.Concat([]evenkeel.FactKey{factReplicas, factHtpasswd}, m.alarmFacts()), noted...),
			Actions: slices.Concat(m.fileChecks(), m.healthChecks(second, first), m.cloudChecks(), m.alarmsReadable(), kpis),
		},
		{
			ID: "confirm", Title: "Confirm what no command can tell", Ref: "cps:250-306",
			Actions: m.attestations(),
		},
	}
	steps = slices.Concat(steps, m.silenceStep(), m.loggerSteps(loggerIn), []evenkeel.Step{{
		ID: "grafana", Title: "Bring Grafana's users and dashboards to both OAM VMs", Host: first, Ref: "cps:240,285",
		Actions:  []evenkeel.Action{evenkeel.Do("sync", "Copy Grafana's information", grafanaScript).Timeout(time.Hour)},
		Harmless: "the same users and dashboards on both VMs harm nothing",
	}})
	if !m.cfg.SkipCarbon {
		steps = append(steps, m.whisperStep())
	}
	if m.cfg.RemoveUdevRules {
		steps = append(steps, m.udevStep())
	}
	return append(steps, evenkeel.Step{
		ID: "snapshot", Title: "Back the Cluster Manager up as a whole", Ref: "cps:260,377",
		Why: "A rollback needs it (cps:1819).",
		Actions: []evenkeel.Action{{
			ID: "snapshot", Manual: "Make a snapshot or a clone of the Cluster Manager VM, following the CPS Backup and " +
				"Restore Guide. Say where it is.",
			Change: evenkeel.Change{
				Title: "Make a snapshot or a clone of the Cluster Manager",
			},
		}},
	})
}

// verdicts is the filter of a full diagnostics on paper.
const verdicts = "2>&1 | verdicts"

// planFiles compare the cluster's files with those that the plan was made from.
func (m *Migration) planFiles() []evenkeel.Action {
	var actions []evenkeel.Action
	for i, input := range m.files() {
		actions = append(actions, evenkeel.Action{
			ID:    []string{"hosts", "mongo-config"}[i],
			Paper: steps.Prints(sshexec.Command(sshexec.ReadOnly, "sha256sum", input.Name), "| cut -c1-64", input.SHA256),
			Change: evenkeel.Change{
				Title: "Verify that the plan was made from this " + path.Base(input.Name), Ref: "cps:593,631",
				Cmd:    sshexec.Command(sshexec.ReadOnly, "sha256sum", input.Name),
				Expect: evenkeel.Expect{Text: "`" + input.SHA256 + "`", Check: sameFile(input)},
			},
		})
	}
	return actions
}

// fileChecks compare the cluster's files with the plan's, and look for room.
func (m *Migration) fileChecks() []evenkeel.Action {
	return append(m.planFiles(), evenkeel.Action{
		ID: "space", Paper: steps.Prints(sshexec.Command(sshexec.ReadOnly, "df", "-Pk", archiveDir),
			fmt.Sprintf("| awk 'NR == 2 { print ($4 >= %d ? \"enough\" : \"NOT enough: \" $4) }'", cps.MinFreeKB), "enough"),
		Change: evenkeel.Change{
			Title: "Verify that there is room for the backup", Ref: "cps:281", Cmd: sshexec.Command(sshexec.ReadOnly, "df", "-Pk", archiveDir),
			Expect: evenkeel.Expect{Text: "at least 10 GB free", Check: func(o evenkeel.Observed) error {
				free, err := cps.ParseFreeSpace(steps.Output("df -Pk", o.Result))
				if err == nil && free < cps.MinFreeKB {
					err = fmt.Errorf("%d MB are free in %s, 10 GB are needed", free>>10, archiveDir)
				}
				return errors.Join(o.Succeeded(), err)
			}},
		},
	})
}

// healthChecks look at everything that runs. second and first are the pcrfclients of set 1 and set 2.
func (m *Migration) healthChecks(second, first string) []evenkeel.Action {
	sum := sshexec.Command(sshexec.ReadOnly, "sha256sum", htpasswdPath)
	return []evenkeel.Action{
		m.installationAction(),
		{
			ID: "health", Paper: steps.Prints(sshexec.Command(sshexec.ReadOnly, m.cfg.Tools.Diagnostics), verdicts, "[PASS]"),
			Change: evenkeel.Change{
				Title: "Run the full diagnostics", Ref: "cps:333-340",
				Cmd: steps.WithTimeout(sshexec.Command(sshexec.ReadOnly, m.cfg.Tools.Diagnostics), 15*time.Minute),
				Expect: evenkeel.Expect{Text: "no [WARN], no [FAIL], every replica set whole", Check: func(o evenkeel.Observed) error {
					if err := m.healthy(o, cps.StageBefore); err != nil {
						return fmt.Errorf("clear this first: %w", err)
					}
					return nil
				}},
			},
		},
		{
			ID: "replicas", Paper: m.allAtWork(),
			Makes: []evenkeel.Make{factReplicas.From(m.ranks).Typed(evenkeel.Typed(m.replicaStatus()) + " | ranks")},
			Change: evenkeel.Change{
				Title: "Note the replica sets, their primaries and priorities", Ref: "cps:1804", Cmd: m.replicaStatus(),
				Expect: evenkeel.Expect{Text: "every member PRIMARY, SECONDARY or ARBITER, and ON-LINE",
					Check: m.onTable(func(t *cps.ReplicaTable) error {
						return errors.Join(steps.FailOn(t.Findings()), m.complete(1, 2)(t))
					})},
			},
		},
		m.votesAction(),
		{
			ID: "about", Paper: m.runs(&m.from, [3]cps.Release{1: m.from, 2: m.from}),
			Change: evenkeel.Change{
				Title: "Note the releases", Ref: "cps:224,262", Cmd: sshexec.Command(sshexec.ReadOnly, m.cfg.Tools.About),
				Expect: evenkeel.Expect{Text: fmt.Sprintf("installer and every VM on %s, no patch", m.from), Check: onAbout(func(a *cps.About) error {
					return errors.Join(m.releases(a, nil, m.from, m.to), m.installer(a, m.from), steps.FailOn(a.CheckPatches()))
				})},
			},
		},
		{
			ID: "htpasswd-first", Makes: []evenkeel.Make{factHtpasswd.From(func(o evenkeel.Observed) (string,
				error) {
				return steps.Digest(o.Result)
			}).Typed(evenkeel.Typed(sum) + " | cut -c1-64")},
			Change: evenkeel.Change{
				Title: "Note the checksum of Grafana's user file", Host: first, Ref: "cps:288", Cmd: sum,
				Expect: evenkeel.Expect{Text: "a sum", Check: func(o evenkeel.Observed) error {
					_, err := steps.Digest(o.Result)
					return errors.Join(o.Succeeded(), err)
				}},
			},
		},
		{
			ID: "htpasswd-second", Paper: []evenkeel.Block{{Script: evenkeel.Typed(sum) + " | grep -c " + factHtpasswd.Ref(), Shows: []string{"1"}}},
			Change: evenkeel.Change{
				Title: "Verify that Grafana's user file is the same on the other side", Host: second, Ref: "cps:288", Cmd: sum,
				Expect: evenkeel.Expect{Text: "the same sum", Check: func(o evenkeel.Observed) error {
					want, err1 := factHtpasswd.Get(o.Facts)
					sum, err2 := steps.Digest(o.Result)
					err := errors.Join(o.Succeeded(), err1, err2)
					if err == nil && sum != want {
						err = fmt.Errorf("%s differs between %s and %s: copy it from %s", htpasswdPath, first, second, first)
					}
					return err
				}},
			},
		},
	}
}

// installationAction refuses what is no HA and no GR installation (cps:232, CPS-038).
func (m *halves) installationAction() evenkeel.Action {
	return evenkeel.Action{
		ID: "installation", Paper: steps.Prints(m.replicaStatus(), "| grep -cE '^CPS Diagnostics (HA|GR) Multi-Node Environment$'", "1"),
		Change: evenkeel.Change{
			Title: "Verify that this kind of installation can be migrated", Ref: "cps:232", Cmd: m.replicaStatus(),
			Expect: evenkeel.Expect{Text: "CPS Diagnostics HA Multi-Node Environment, or GR in the place of HA",
				Check: evenkeel.Succeeding(func(o evenkeel.Observed) error {
					d, err := cps.ParseDiagnostics(steps.Output("diagnostics.sh", o.Result))
					if err != nil {
						return err
					}
					return d.CheckInstallation()
				})},
		},
	}
}

// installer checks the installer version of about.sh.
func (m *Migration) installer(a *cps.About, want cps.Release) error {
	if a.Installer == nil || !a.Installer.Equal(want) {
		return fmt.Errorf("the installer is on %v, not %s", a.Installer, want)
	}
	return nil
}

// attestations are what only the operator knows (WF-007).
func (m *Migration) attestations() []evenkeel.Action {
	actions := []evenkeel.Action{
		evenkeel.ByHand("freeze", "Confirm the change freeze",
			"Confirm that nobody changes policies, CRD tables or system configuration until the migration is complete and validated.").
			From("cps:252"),
		evenkeel.ByHand("overload", "Set Session Limit Overload Protection",
			"In Policy Builder, set Session Limit Overload Protection to 0 and note its value, or confirm that it stays as it is.").From("cps:256"),
		evenkeel.ByHand("grafana-user", "Confirm the Graphite credentials",
			"Confirm that at least one Graphite/Grafana user and the data source credential are configured.").From("cps:236,323"),
		evenkeel.ByHand("customizations", "Save the customizations",
			"Save every nonstandard customization: only those of configuration files on the Cluster Manager are backed up; "+
				"what was changed on a VM itself is reapplied by hand.").From("cps:261,437"),
		evenkeel.ByHand("licences", "Confirm the licences of the new release",
			fmt.Sprintf("Confirm that the licences of this cluster hold for %s "+
				"and for its sessions, and that Smart Licensing is set up where it is used. No command of the guide shows them: look "+
				"them up as the CPS Operations Guide says.", m.to)).From("cps:312"),
	}
	if !m.cfg.UpgradeLogger {
		actions = append(actions, evenkeel.ByHand("debug", "Switch the debug log of the upgrade on",
			"Add "+cps.UpgradeLoggerEntry+" to logback.xml; it is taken out again at the end.").From("cps:293-299"))
	}
	if m.cfg.Platform == VMware {
		actions = append(actions,
			evenkeel.ByHand("hypervisor", "Confirm the hypervisor",
				"Confirm that the hypervisor is supported and that ovftool 4.3.0 is installed.").From("cps:268-275"),
			evenkeel.ByHand("db-authentication", "Confirm how the databases authenticate",
				"Confirm that Configuration.csv has db_authentication_enabled: FALSE, or TRUE with both password rows. Without "+
					"the row the migration fails.").From("cps:387-393"))
	}
	if m.cfg.NoSSH {
		actions = append(actions, evenkeel.ByHand("vcenter", "Confirm vCenter, for --nossh",
			fmt.Sprintf("Confirm that vCenter 6.5 is deployed, or a later one that Cisco supports, that the ESXi hosts %s are mapped to "+
				"it under these names, and that no two of their datastores have the same name.", strings.Join(m.hypervisors(), ", "))).
			From("cps:648,660-663"))
	}
	if m.cfg.UseCL {
		actions = append(actions, evenkeel.ByHand("content-libraries", "Confirm the content libraries, for --usecl",
			"Confirm that the content libraries are configured, and that vCenter is used as a user of its own with the basic "+
				"privileges, not as its administrator.").From("cps:648,1069"))
	}
	for i, text := range m.cfg.Attestations {
		actions = append(actions, evenkeel.ByHand(fmt.Sprintf("site-%d", i+1), "Confirm what this site asks for", text))
	}
	return actions
}

// hypervisors are the ESXi hosts as Hosts.csv names them, each once.
func (m *Migration) hypervisors() []string {
	var names []string
	for _, host := range m.hosts.Rows {
		if host.Hypervisor != "" {
			names = append(names, host.Hypervisor)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// udevStep removes the rules that tie interface names to the old machine (cps:366-375).
func (m *Migration) udevStep() evenkeel.Step {
	const dir, rename, persistent = "/etc/udev/rules.d", "65-cps-ifrename.rules", "70-persistent-net.rules"
	list := sshexec.Command(sshexec.ReadOnly, "ls", "-1a", dir)
	factBoot := evenkeel.NewFact[string]("boot.cluman", "boot id of the Cluster Manager before its restart")
	reboot := evenkeel.Action{
		ID: "reboot",
		Change: evenkeel.Change{
			Title: "Restart the Cluster Manager", Ref: "cps:375", Cmd: steps.Brief(sshexec.Command(sshexec.Disruptive, "reboot")),
			DropsConnection: true, Repeat: evenkeel.Never, Limit: 30 * time.Minute,
			Probe: &evenkeel.Probe{Cmd: steps.ReadBootID, Text: "done when the boot id is another", Settle: 5 * time.Minute,
				Paper: steps.Prints(steps.ReadBootID, "| grep -cvx "+factBoot.Ref(), "1"),
				Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
					before, err1 := factBoot.Get(o.Facts)
					now, err2 := steps.BootID(o)
					if err := errors.Join(err1, err2); err != nil {
						return evenkeel.Inconclusive, err
					}
					return steps.DoneIf(now != before), nil
				}},
		},
	}
	return evenkeel.Step{
		ID: "udev", Title: "Remove the udev rules that name interfaces, and restart the Cluster Manager",
		Host: m.cfg.ClusterManager, Ref: "cps:366-375",
		Makes: []evenkeel.FactKey{factBoot},
		Actions: []evenkeel.Action{
			evenkeel.Do("remove", "Remove the rules", "rm", "-f", path.Join(dir, rename), path.Join(dir, persistent)).Timeout(steps.Briefly),
			{
				ID: "removed", Paper: steps.Prints(list, "| grep -xE '[.]{1,2}|"+rename+"|"+persistent+"'", ".", ".."),
				Change: evenkeel.Change{
					Title: "Verify that the rules are gone", Ref: "cps:368-374", Cmd: list,
					Expect: evenkeel.Expect{Text: "the whole list, and neither file in it", Check: func(o evenkeel.Observed) error {
						names, err := steps.Listed(string(o.Stdout), dir)
						if err == nil && (slices.Contains(names, rename) || slices.Contains(names, persistent)) {
							err = fmt.Errorf("a rule that names interfaces is still in %s: remove it, then resume", dir)
						}
						return errors.Join(o.Succeeded(), err)
					}},
				},
			},
			{
				ID: "boot-id", Makes: []evenkeel.Make{factBoot.From(steps.BootID)},
				Change: evenkeel.Change{
					Title: "Note the boot id", Cmd: steps.ReadBootID, Expect: evenkeel.Expect{Text: "a UUID", Check: func(o evenkeel.Observed) error {
						_, err := steps.BootID(o)
						return err
					}},
				},
			},
			reboot, steps.Proof(reboot, "restarted", "Verify that it has restarted"),
		},
		Verify: []evenkeel.Action{{
			ID: "back", Paper: steps.Again(m.allAtWork()),
			Change: evenkeel.Change{
				Title: "Wait until it answers again", Cmd: m.replicaStatus(), Limit: 30 * time.Minute,
				Expect: evenkeel.Expect{Text: "the replica sets as before", Awaits: true, Check: m.onTable(m.complete(1, 2))},
			},
		}},
		Harmless: "the removed rules are made anew where they are needed",
	}
}
