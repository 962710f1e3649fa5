package issm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// deployment is how the VMs of a half are made anew, in the migration and in the rollback.
type deployment struct{ *Migration }

// deployOptions are the options of deploy_all.py for a set that was not provisioned (cps:648).
func (m deployment) deployOptions() []string {
	switch {
	case m.cfg.UseCL:
		return []string{"--nossh", "--usecl"}
	case m.cfg.NoSSH:
		return []string{"--nossh"}
	}
	return nil
}

// deployAll is a run of deploy_all.py for a half.
func (m deployment) deployAll(effect evenkeel.Effect, n int, options ...string) sshexec.Cmd {
	argv := append([]string{deployAllScript}, options...)
	return steps.WithTimeout(sshexec.Command(effect, append(argv, "--vms", cps.ClusterSetPath(n))...), deployTime)
}

// provisionStep prepares new disks beforehand (cps:633-648).
func (m deployment) provisionStep(n int) evenkeel.Step {
	return evenkeel.Step{
		ID: setID("provision-set", n), Title: fmt.Sprintf("Provision the VMs of set %d", n), Host: m.cfg.ClusterManager,
		Ref: ref(n, "633-648", "1054-1069"),
		Why: "It prepares the new disks beside the VMs in use, and needs room for them (cps:635).",
		Actions: []evenkeel.Action{
			m.quietGuard(deployAllScript),
			{
				ID: "provision",
				Change: evenkeel.Change{
					Title: "Prepare the new disks", Cmd: m.deployAll(evenkeel.Mutating, n, "--provision"), Repeat: evenkeel.Idempotent,
					Note: "Type it by hand: copied text may hold other characters (cps:646).",
				},
			},
		},
		Harmless: "the prepared disks do no harm; deploy_all.py --cleanupbackup removes them",
	}
}

// redeployStep replaces the VMs of a half (cps:755-880,1134-1251).
func (m deployment) redeployStep(n int) evenkeel.Step {
	step := evenkeel.Step{
		ID: setID("redeploy-set", n), Title: fmt.Sprintf("Redeploy the VMs of set %d", n), Host: m.cfg.ClusterManager,
		Ref:          ref(n, "755-880", "1134-1251"),
		Why:          "The first boot of each new VM is into rescue mode; that is normal (cps:878).",
		Needs:        setArchives[n].keys(),
		Irreversible: "the old VMs are gone",
		Reinstalls:   slices.Clone(m.sets[n]),
	}
	step.Actions = append(step.Actions, setArchives[n].kept("kept"),
		m.quietGuard(migrateScript, deployAllScript, deployOneScript), m.copiesAction(n))
	if m.cfg.Provision {
		step.Actions = append(step.Actions, m.deployed(n, evenkeel.Action{
			ID: "deploy",
			Change: evenkeel.Change{
				Title: "Restart the VMs with their provisioned vmdk images", Ref: ref(n, "760", "1138"),
				Cmd: m.deployAll(evenkeel.Disruptive, n, "--useprovision"),
			},
		}, m.cfg.TargetOS))
	} else {
		gone := m.deleteVMs(n)
		if m.cfg.Platform == VMware {
			gone[0].Note = "The new VMs are made of the base.vmdk of the new release."
		}
		step.Actions = append(step.Actions, gone...)
		step.Actions = append(step.Actions, m.deployVMs(n)...)
	}
	step.Actions = append(step.Actions, m.waitForVMs(n, m.cfg.TargetOS)...)
	for _, lb := range m.ofClass(n, "lb") {
		step.Actions = append(step.Actions, m.monit(lb, ref(n, "824-833", "1198-1207"))...)
	}
	if m.cfg.Platform == OpenStack {
		allow, makes := m.allowVIPs(n)
		step.Actions, step.Makes = append(step.Actions, allow...), append(step.Makes, makes...)
	}
	step.Actions = append(step.Actions, m.routeActions(n, ref(n, "880", "1251"))...)
	return step
}

// downWindow is the window in which a half goes down, and the windows that end with that step. Where a majority was
// signed away, the window stays open until the half is enabled. Where migrate.sh takes the arbiters of a half out of
// their sets, these have a majority meanwhile; the guide does not say whether it does.
func (m *Migration) downWindow(n int, w evenkeel.Window) (opens []evenkeel.Window, closes []string) {
	if long := m.noMajority(n); long != nil {
		return []evenkeel.Window{*long}, nil
	}
	return []evenkeel.Window{w}, []string{w.ID}
}

// noMajority is the window in which the replica sets that were signed for have no majority while a half is away; nil where there are none.
func (m *Migration) noMajority(n int) *evenkeel.Window {
	var sets []string
	for _, rs := range m.mongo.Sets {
		if m.signedFor(rs, n) {
			left, of := rs.VotesLeft(rs.Hosting(m.gone[n]))
			sets = append(sets, fmt.Sprintf("%s: %d of %d votes remain, which is no majority", rs.Label, left, of))
		}
	}
	if len(sets) == 0 {
		return nil
	}
	return &evenkeel.Window{
		ID: setID("no-majority-set", n), Invariant: invariantReplicas, Stop: evenkeel.StopBetweenSteps,
		Limit: disableTime + deployTime + m.cfg.enableTime(),
		Reason: fmt.Sprintf("nobody can write to these replica sets until set %d is enabled, which accept_no_majority signs for: %s",
			n, strings.Join(sets, "; ")),
	}
}

// deleteVMs are the operator's part at vCenter or the cloud (cps:772,1146). The last VM of the set stands for the
// instruction, all are looked at.
func (m deployment) deleteVMs(n int) []evenkeel.Action {
	set := m.sets[n]
	var actions []evenkeel.Action
	for i, alias := range set {
		a := evenkeel.Action{
			ID: "gone-" + alias, Paper: steps.Again(steps.Prints(sshexec.Command(sshexec.ReadOnly, "ping", "-c", "1", "-W", "2", alias),
				`>/dev/null 2>&1; echo "exit status $?"`, "exit status 1")),
			Change: evenkeel.Change{
				Title: "Wait until " + alias + " is gone", Ref: ref(n, "772", "1146"), Limit: time.Hour,
				Cmd:    sshexec.Command(sshexec.ReadOnly, "ping", "-c", "1", "-W", "2", alias),
				Expect: evenkeel.Expect{Text: "1 packets transmitted, 0 received (exit status 1)", Check: steps.Gone(alias)},
			},
		}
		if i == 0 {
			a.ID, a.Title = "delete", fmt.Sprintf("Delete the VMs of set %d", n)
			a.Manual = fmt.Sprintf("Delete the VMs %s from the hypervisor, and no other.", strings.Join(set, ", "))
		}
		actions = append(actions, a)
	}
	return actions
}

// deployVMs make the new VMs: one command for all, one for each with shared storage (cps:774), by hand on OpenStack (cps:784-821).
func (m deployment) deployVMs(n int) []evenkeel.Action {
	switch {
	case m.cfg.Cloud != nil && len(m.cfg.Cloud.Boots) > 0:
		return m.bootVMs(n)
	case m.cfg.Platform == OpenStack:
		return []evenkeel.Action{{
			ID: "deploy", Manual: fmt.Sprintf("Boot the VMs %s from the new base image, by nova boot with <alias>-cloud.cfg as "+
				"user data or by a Heat template, each with the addresses and volumes that it had.", strings.Join(m.sets[n], ", ")),
			Paper: steps.Again(isRelease(m.cfg.TargetOS)),
			Change: evenkeel.Change{
				Title: "Boot the new VMs", Host: m.sets[n][len(m.sets[n])-1], Ref: ref(n, "784-821", "1158-1195"),
				Cmd: readSystem, Expect: evenkeel.Expect{Text: "CentOS " + m.cfg.TargetOS + " on the last of them", Check: system(m.cfg.TargetOS)},
			},
		}}
	case m.cfg.UseSharedStorage:
		return m.deployEach(n, m.cfg.TargetOS, ref(n, "774-775", "1148-1149"))
	}
	return []evenkeel.Action{m.deployed(n, evenkeel.Action{
		ID: "deploy",
		Change: evenkeel.Change{
			Title: "Deploy the new VMs", Ref: ref(n, "779", "1153"), Cmd: m.deployAll(evenkeel.Disruptive, n, m.deployOptions()...),
			Note: "Type it by hand: copied text may hold other characters (cps:646).",
		},
	}, m.cfg.TargetOS)}
}

// deployed completes an action that deploys a set: it is looked for on the last VM of the file.
func (m deployment) deployed(n int, a evenkeel.Action, version string) evenkeel.Action {
	last := m.sets[n][len(m.sets[n])-1]
	a.Repeat, a.Limit = evenkeel.ProbeFirst, time.Hour
	a.Probe = m.bootedProbe(last, version)
	return a
}

// bootedProbe tells whether a VM runs a system; the silence of one that was deleted says that it does not.
func (m deployment) bootedProbe(alias, version string) *evenkeel.Probe {
	return &evenkeel.Probe{
		Host: alias, Cmd: readSystem, Paper: isRelease(version), Silent: evenkeel.NotRun, Settle: 15 * time.Minute,
		Read: isSystem(version, m.otherOS(version)),
		Text: fmt.Sprintf("done when %s answers with CentOS %s, not begun when it does not answer", alias, strings.TrimSuffix(version, ".")),
	}
}

// otherOS is the system that a VM runs where it does not run the given one.
func (m deployment) otherOS(version string) string {
	if version == m.cfg.TargetOS {
		return m.cfg.SourceOS
	}
	return m.cfg.TargetOS
}

// deployEach deploys VM by VM with deploy.sh, which takes the alias (cps:1939-1947).
func (m deployment) deployEach(n int, version, at string) []evenkeel.Action {
	var actions []evenkeel.Action
	for _, alias := range m.sets[n] {
		actions = append(actions, evenkeel.Action{
			ID: "deploy-" + alias,
			Change: evenkeel.Change{
				Title: "Deploy " + alias, Ref: at, Repeat: evenkeel.ProbeFirst, Limit: time.Hour,
				Cmd:   steps.WithTimeout(sshexec.Command(sshexec.Disruptive, deployOneScript, alias), deployTime),
				Probe: m.bootedProbe(alias, version),
			},
		})
	}
	return actions
}

// waitForVMs waits until every VM of a half has booted.
func (m deployment) waitForVMs(n int, version string) []evenkeel.Action {
	var actions []evenkeel.Action
	for _, alias := range m.sets[n] {
		actions = append(actions, evenkeel.Action{
			ID: "up-" + alias, Paper: steps.Again(isRelease(version)),
			Change: evenkeel.Change{
				Title: "Wait until " + alias + " has booted", Host: alias, Cmd: readSystem, Limit: time.Hour,
				Expect: evenkeel.Expect{Text: "CentOS " + strings.TrimSuffix(version, "."), Awaits: true, Check: system(version)},
			},
		})
	}
	return actions
}

// monit starts monit on a load balancer where it does not run by itself, and proves it (cps:824-833, CPS-209).
func (m deployment) monit(lb, at string) []evenkeel.Action {
	a := evenkeel.Action{
		ID: "monit-" + lb,
		Change: evenkeel.Change{
			Title: "Wait until monit runs on " + lb, Host: lb, Ref: at, Repeat: evenkeel.ProbeFirst,
			Cmd: steps.Brief(sshexec.Command(sshexec.Mutating, "/bin/systemctl", "start", "monit.service")),
			Probe: &evenkeel.Probe{
				Cmd: sshexec.Command(sshexec.ReadOnly, "/bin/systemctl", "status", "monit.service"), Text: "active (running)",
				Paper: steps.Prints(sshexec.Command(sshexec.ReadOnly, "/bin/systemctl", "status", "monit.service"),
					"| grep -oF 'active (running)'", "active (running)"),
				Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
					active, err := steps.UnitActive(o)
					if err != nil {
						return evenkeel.Inconclusive, err
					}
					return steps.DoneIf(active), nil
				},
			},
		},
	}
	return []evenkeel.Action{a, steps.Proof(a, "runs-"+lb, "Wait until monit has started on "+lb)}
}

// assignVIPs is OpenStack's part: the ports must allow the virtual addresses (cps:836-873,1212-1248, CPS-040, CPS-208).
func (m deployment) assignVIPs(n int) evenkeel.Action {
	address := func(class, network string) string {
		for _, alias := range m.ofClass(n, class) {
			if host, ok := m.hosts.ByAlias(alias); ok {
				if addr, ok := host.Address(network); ok {
					return fmt.Sprintf("the port of %s with %s", alias, addr)
				}
				return fmt.Sprintf("the %s port of %s", strings.ToLower(network), alias)
			}
		}
		return "the " + strings.ToLower(network) + " port"
	}
	return evenkeel.Action{
		ID: "vips", Manual: fmt.Sprintf("By neutron port-list and neutron port-update PORT --allowed-address-pairs "+
			"type=dict list=true ip_address=VIP, allow arbitervip on %s, lbvip01 on %s, lbvip02 on %s, and the Gx VIP on the Gx port of %s.",
			address("pcrfclient", "Internal"), address("lb", "Management"), address("lb", "Internal"),
			strings.Join(m.ofClass(n, "lb"), ", ")),
		Change: evenkeel.Change{
			Title: "Assign the virtual addresses", Ref: ref(n, "836-873", "1209-1248"),
			Note: "grep 172.16.2.20 finds 172.16.2.201 too: compare the whole address.",
		},
	}
}
