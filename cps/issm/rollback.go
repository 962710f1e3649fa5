package issm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

const rollbackName = "cps-issm-rollback"

// recover is the rollback from a state of the migration (cps:1810-1832, CPS-245):
//
//   - before set 1 is disabled, the steps are undone one by one;
//   - while set 1 is out of service there is none: "enable set 1" comes first;
//   - with set 1 enabled and set 2 untouched, it is the guide's rollback, a runbook of its own;
//   - once set 2 is being disabled there is none any more.
func (m *Migration) recover(st *evenkeel.State) (*evenkeel.Runbook, error) {
	switch {
	case disabling(st, 2):
		return nil, &evenkeel.CannotRollBackError{Step: "disable-set-2", Reason: pastRollback}
	case st.Step("enable-set-1").Progress == evenkeel.Did:
		if sharded, where := m.mongo.Sharded(); sharded {
			return nil, &evenkeel.CannotRollBackError{Step: "enable-set-1",
				Reason: fmt.Sprintf("rollback is not supported with a mongoConfig.cfg that has sharding configured (cps:1822): %s", where[0])}
		}
		return m.Rollback(st)
	case disabling(st, 1):
		return nil, &evenkeel.CannotRollBackError{Step: "disable-set-1",
			Reason: "the rollback works only after \"migrate.sh enable set 1\" has been run (cps:1832): finish that step by " +
				"resuming this run, then roll back"}
	}
	plain, err := m.Runbook()
	if err != nil {
		return nil, err
	}
	plain.Recover = nil
	// it has changed nothing yet
	plain.Steps = slices.DeleteFunc(plain.Steps, func(s evenkeel.Step) bool { return s.ID == setID("disable-set", 1) })
	return plain.UndoPlan(st)
}

// disabling tells whether "disable set" may have begun. Its step looks around first, and a look that fails there must not close the
// way to a rollback; the users are noted last, right before the command.
func disabling(st *evenkeel.State, n int) bool {
	_, noted := st.Facts[factUsers[n].Name()]
	return noted && st.Step(setID("disable-set", n)).Touched()
}

// Rollback is the guide's rollback to the release before (cps:1810-1996, CPS-250, WF-004), for a migration whose set 1
// has been enabled and whose set 2 has not been touched. The state tells where set 1's archive is. evenkeel.Rollback
// runs it when it is the rollback from there; the migration is over then.
func (m *Migration) Rollback(st *evenkeel.State) (*evenkeel.Runbook, error) {
	if m == nil || m.halves == nil || st == nil {
		return nil, errNoPlan
	}
	known := evenkeel.Facts{}
	for _, key := range slices.Concat(setArchives[1].keys(), managerArchive.keys(), []evenkeel.FactKey{factReplicas, factUsers[1]}) {
		raw, ok := st.Facts[key.Name()]
		if !ok {
			return nil, fmt.Errorf("cannot roll back: the journal does not know the %s", key.Doc())
		}
		known[key.Name()] = raw
	}
	for _, key := range []evenkeel.FactKey{factKPIs, factAlarms} {
		if raw, ok := st.Facts[key.Name()]; ok {
			known[key.Name()] = raw
		}
	}
	rb := &evenkeel.Runbook{
		Functions: m.paperFunctions(),
		Name:      rollbackName,
		Title:     fmt.Sprintf("Roll set 1 back from CPS %s to %s", m.to, m.from),
		Intro: strings.Join([]string{
			"Set 2, which was not touched, serves alone while set 1 is put back. Calls are served on a best effort basis: do " +
				"it in a maintenance window (cps:1820). ",
			"Only the original release can be restored (cps:1818). Who is primary afterwards may differ from before " +
				"(cps:1823): the last step says so.\n\n",
			"The guide begins with \"monit stop corosync\" on pcrfclient01 (cps:1884). It is left out: pcrfclient01 belongs to " +
				"the half that stays, and its corosync must take arbitervip over when the new pcrfclient02 goes. cps:N is a line of the CPS " +
				"Migration and Upgrade Guide.",
		}, ""),
		Inputs: m.inputs(), Version: runbookVersion, Invariants: m.withVIP().invariants(), LeaseHosts: []string{m.cfg.ClusterManager},
		Known: known, Secrets: m.cfg.Secrets,
		EndsRun: true,
	}
	back := rollback{deployment{m.withVIP()}}
	rb.Steps = append(rb.Steps, back.beforeRollback())
	if st.Step("corosync").Touched() {
		rb.Steps = append(rb.Steps, back.oldCorosyncStep())
	}
	rb.Steps = append(rb.Steps, back.stopRecoveringStep(), back.rollbackStep(), back.restoreManagerStep(), back.rollbackSetsStep(),
		back.redeployOldStep(), back.bringArchiveStep(), back.enableOldStep(), back.rolledBackStep())
	if _, noted := known[factKPIs.Name()]; noted {
		rb.Steps = append(rb.Steps, m.kpiStep("kpis-back", "Watch the KPIs on the old release", "The cluster is rolled back: what is not as "+
			"before the migration by now has another cause, and somebody has to look for it.")...)
	}
	if st.Step(silenceAlarms).Touched() {
		rb.Steps = append(rb.Steps, m.unsilenceStep()...)
	}
	rb.Steps = append(rb.Steps, m.loggerSteps(loggerOut)...) // the old Cluster Manager has it still
	sayExpectations(rb)
	rb.MarkWide(m.wide)
	rb.MarkDetached(takesHours)
	return rb, rb.Validate()
}

// rollback makes the steps that put set 1 back.
type rollback struct{ deployment }

func (m rollback) beforeRollback() evenkeel.Step {
	mongoConfig := m.planFiles()[1]
	mongoConfig.Title, mongoConfig.Ref = "Verify that the replica sets are those of the plan, without sharding", "cps:1821-1822"
	step := evenkeel.Step{
		ID: "before", Title: "Confirm what a rollback needs", Host: m.cfg.ClusterManager, Ref: "cps:1816-1833",
		Needs: setArchives[1].keys(),
		Actions: []evenkeel.Action{
			evenkeel.ByHand("window", "Confirm the maintenance window",
				"Confirm that this is a maintenance window: calls may be lost.").From("cps:1820"),
			evenkeel.ByHand("calls", "Judge the call traffic", "Check the call traffic on both halves, and note it: set 2 alone takes all of it "+
				"in a moment. Confirm that it can.").From("cps:1831"),
			evenkeel.ByHand("snapshot", "Confirm that the snapshot of the old Cluster Manager is at hand",
				"Confirm that the backup (snapshot or clone) of the old Cluster Manager, or the preserved machine itself, is at hand.").
				From("cps:1819"),
			setArchives[1].kept("kept"), mongoConfig,
		},
	}
	if len(m.cfg.KPIs) > 0 {
		step.Makes = []evenkeel.FactKey{factKPIsBack}
		step.Actions[1].Manual += " The KPIs: " + factKPIsBack.Ref() + "."
		step.Actions = slices.Insert(step.Actions, 1, m.kpis().informs())
	}
	return step
}

// withVIP is the same migration with arbitervip at work while set 1 is away: in a rollback the old corosync keeps it.
func (m *Migration) withVIP() *Migration {
	c, h := *m, *m.halves
	h.gone = h.in
	c.halves, c.members, c.balancers = &h, &members{&h, m.mongo, m.accepted}, &balancers{&h, m.each}
	return &c
}

// oldCorosyncStep undoes the move of arbitervip, so that the half that stays can take it back.
func (m rollback) oldCorosyncStep() evenkeel.Step {
	host := m.ofClass(2, "pcrfclient")[0]
	return evenkeel.Step{
		ID: "corosync", Title: "Start the old corosync again", Host: host, Ref: "cps:1884",
		Why: "It was stopped to move arbitervip to set 1, which is about to go. It must wait until the new corosync has left " +
			"the address. Look at both hosts (" + evenkeel.Typed(listAddresses) + "): if both have it, stop the new one (monit " +
			"stop corosync on the pcrfclient of set 1), which is about to go.",
		Actions:  m.corosync("start", host, "cps:1884"),
		Harmless: "it is the rollback itself",
	}
}

// stopRecoveringStep ends the members of set 1 that are RECOVERING, which a rollback would stumble over (cps:1833,1866-1876, CPS-249).
func (m rollback) stopRecoveringStep() evenkeel.Step {
	var stops []evenkeel.OpCmd
	paper := []evenkeel.Block{{Script: evenkeel.Typed(m.replicaStatus()) +
		` | replicas | awk '$4 == "RECOVERING" { print "stop", $2, $3 } END { if (!NR) print "NOT known" }'`}}
	for _, rs := range m.mongo.Sets {
		for _, member := range rs.Members {
			if m.in[1][member.Host] {
				stop := stopMongod(member.Port)
				stops = append(stops, evenkeel.On(member.Host, stop)...)
				paper = append(paper, evenkeel.Block{Host: member.Host, Cmd: stop, If: fmt.Sprintf("stop %s %d", member.Host, member.Port)})
			}
		}
	}
	return evenkeel.Step{
		ID: "stop-recovering", Title: "Stop the RECOVERING members of set 1", Host: m.cfg.ClusterManager, Ref: "cps:1833-1876",
		Actions: []evenkeel.Action{{
			ID: "stop", Paper: paper,
			Change: evenkeel.Change{
				Title: "Stop every mongod of set 1 that is RECOVERING", Repeat: evenkeel.Idempotent,
				Note: "A member in an unknown state cannot be reached from another one, mostly an arbiter: look at it there (cps:1880-1882).",
				Op: &evenkeel.Op{
					Effect: evenkeel.Disruptive, Cmds: stops, Do: m.stopRecovering,
					Text: "Look at diagnostics.sh --get_replica_status. Where a member of " +
						strings.Join(m.ofClass(1, "sessionmgr"), ", ") +
						" is RECOVERING, stop its process on that VM by the command with its port, and prove with ps -ef that it is " +
						"gone; kill it if it is not.",
				},
			},
		}},
		Verify: []evenkeel.Action{{
			ID: "none", Paper: steps.Again(steps.Prints(m.replicaStatus(),
				`| replicas | awk '$4 == "RECOVERING" { print $2 } END { print NR ? "no other" : "NOT known" }' | grep -E `+
					shellescape.Quote("^("+strings.Join(m.sets[1], "|")+"|no other|NOT known)$"), "no other")),
			Change: evenkeel.Change{
				Title: "Wait until no member of set 1 is RECOVERING", Cmd: m.replicaStatus(), Limit: 10 * time.Minute,
				Expect: evenkeel.Expect{Text: "every member of set 1 PRIMARY or SECONDARY, or OFF-LINE",
					Check: m.onTable(func(t *cps.ReplicaTable) error { return steps.Soon(0, m.atWorkOrStopped(t)) })},
			},
		}},
		Irreversible: "these members are redeployed",
	}
}

func stopMongod(port int) sshexec.Cmd {
	return steps.WithTimeout(sshexec.Command(sshexec.Disruptive, "/usr/bin/systemctl", "stop", "sessionmgr-"+
		strconv.Itoa(port)), 10*time.Minute)
}

// atWorkOrStopped finds members of set 1 that are between the states that a rollback can take out: at work, or stopped.
func (m *members) atWorkOrStopped(t *cps.ReplicaTable) error {
	var errs []error
	for _, rs := range m.mongo.Sets {
		set, _ := t.Set(rs.Title())
		for _, planned := range m.dataMembers(rs, 1) {
			if member, ok := set.At(planned); !ok {
				errs = append(errs, fmt.Errorf("%s is not a member of %s", planned.Address(), rs.Title()))
			} else if !member.HoldsData() && member.Health != cps.OffLine {
				errs = append(errs, fmt.Errorf("%s is %s in %s", planned.Host, member.State, rs.Title()))
			}
		}
	}
	return errors.Join(errs...)
}

func (m *members) recovering(t *cps.ReplicaTable) []cps.Placed {
	return slices.DeleteFunc(t.InState(cps.StateRecovering), func(p cps.Placed) bool { return !m.in[1][p.Member.Host] })
}

func (m *members) stopRecovering(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
	t, err := m.readTable(ctx, at)
	if err != nil {
		return sshexec.Result{}, err
	}
	var stopped []string
	for _, p := range m.recovering(t) {
		if res, err := at.Run(ctx, p.Member.Host, stopMongod(p.Member.Port)); err != nil {
			return res, err
		}
		res, err := at.Run(ctx, p.Member.Host, steps.ListProcesses)
		if err != nil {
			return res, err
		}
		list, err := steps.ProcessesOf(res)
		if err != nil {
			return res, fmt.Errorf("%s: %w", p.Member.Host, err)
		}
		if cps.Listens(list, p.Member.Port) {
			return res, evenkeel.NeedsOperator("the mongod of port %d on %s does not stop: kill it by hand (cps:1876), then resume",
				p.Member.Port, p.Member.Host)
		}
		stopped = append(stopped, fmt.Sprintf("%s:%d", p.Member.Host, p.Member.Port))
	}
	return sshexec.Result{Stdout: []byte(strings.Join(stopped, "\n"))}, nil
}

// rollbackStep takes set 1 out of service (cps:1899-1912).
func (m rollback) rollbackStep() evenkeel.Step {
	window := evenkeel.Window{
		ID: "rollback", Invariant: invariantReplicas, Limit: 30 * time.Minute, Stop: evenkeel.StopAtClose,
		Reason: "the members of set 1 leave the replica sets, and arbitervip moves back to the pcrfclient of set 2",
	}
	opens, closes := m.downWindow(1, window)
	window.Reason = "arbitervip moves back to the pcrfclient of set 2"
	moves := m.vipWindow(window)
	opens, closes = append(opens, moves...), append(closes, windowIDs(moves)...)
	return evenkeel.Step{
		ID: "rollback", Title: "Stop set 1 and give the traffic to set 2", Host: m.cfg.ClusterManager, Ref: "cps:1899-1912",
		Opens: opens, Closes: closes,
		Actions: []evenkeel.Action{
			m.quietGuard(migrateScript),
			{
				ID: "other-half", Precondition: true, Paper: steps.Again(m.dataAtWork(2)),
				Change: evenkeel.Change{
					Title: "Wait until set 2 carries every replica set", Cmd: m.replicaStatus(), Limit: 30 * time.Minute,
					Expect: evenkeel.Expect{Text: "a primary and a majority everywhere, and a working member of set 2",
						Check: m.onTable(func(t *cps.ReplicaTable) error { return steps.Soon(0, m.serving(2)(t)) })},
				},
			},
			m.keepsAction(1),
			{
				ID: "rollback", Paper: migrates(m.migrate(evenkeel.Disruptive, disableTime, "rollback")),
				Change: evenkeel.Change{
					Title: "Roll set 1 back", Ref: "cps:1901", Cmd: m.migrate(evenkeel.Disruptive, disableTime, "rollback"),
					Repeat: evenkeel.Never, Expect: succeeded, Probe: m.leftProbe(1), Limit: time.Hour,
				},
			},
			{
				ID: "settled", Paper: steps.Again(m.aloneAtWork(2)),
				Change: evenkeel.Change{
					Title: "Wait until the replica sets have their primaries", Cmd: m.replicaStatus(), Limit: 20 * time.Minute,
					Expect: evenkeel.Expect{Text: m.everywhere(1),
						Check: m.onTable(func(t *cps.ReplicaTable) error { return steps.Soon(10*time.Second, m.servingAlone(2)(t)) })},
				},
			},
			{
				ID: "traffic", Paper: steps.Again(m.takes(2)),
				Change: evenkeel.Change{
					Title: "Wait until an endpoint of set 2 is up", Cmd: m.haproxyStatus(), Limit: 15 * time.Minute,
					Expect: evenkeel.Expect{Text: "an endpoint of set 2 is up", Check: m.traffic(2)},
				},
			},
		},
		Verify:       []evenkeel.Action{m.removedAction(1, "cps:1899-1912"), m.drainedAction(1)},
		Irreversible: "set 1 is out of service until it is enabled on the old release",
	}
}

// restoreManagerStep brings the old Cluster Manager back (cps:1914-1917).
func (m rollback) restoreManagerStep() evenkeel.Step {
	return evenkeel.Step{
		ID: "restore-cluman", Title: "Bring the old Cluster Manager back", Host: m.cfg.ClusterManager, Ref: "cps:1914-1917",
		Why:   "The archive of set 1 is on the operator's machine already: it was copied there when set 1 was disabled.",
		Needs: slices.Concat(setArchives[1].keys(), managerArchive.keys()), Reinstalls: []string{m.cfg.ClusterManager},
		Actions: []evenkeel.Action{
			setArchives[1].kept("kept"), m.oldManager(),
			{
				ID: "replicas", Paper: steps.Again(m.aloneAtWork(2)),
				Change: evenkeel.Change{
					Title: "Wait until it sees the replica sets", Cmd: m.replicaStatus(), Limit: time.Hour,
					Expect: evenkeel.Expect{Text: "set 2 carries them", Awaits: true,
						Check: m.onTable(func(t *cps.ReplicaTable) error { return steps.Soon(15*time.Second, m.servingAlone(2)(t)) })},
				},
			},
		},
	}
}

// isOldManager is the precondition that the machine is the old one.
func (m rollback) isOldManager() evenkeel.Action {
	return evenkeel.Action{
		ID: "old-cluman", Precondition: true, Paper: isRelease(m.cfg.SourceOS),
		Change: evenkeel.Change{
			Title: "Verify that this is the old Cluster Manager", Cmd: readSystem,
			Expect: evenkeel.Expect{Text: "CentOS " + strings.TrimSuffix(m.cfg.SourceOS, "."), Check: system(m.cfg.SourceOS)},
		},
	}
}

func (m rollback) rollbackSetsStep() evenkeel.Step {
	step := m.setsStep()
	step.Ref = "cps:1919-1930"
	step.Actions = append([]evenkeel.Action{m.isOldManager()}, step.Actions...)
	return step
}

// redeployOldStep puts the VMs of set 1 back on the old image (cps:1932-1950).
func (m rollback) redeployOldStep() evenkeel.Step {
	const at = "cps:1932-1950"
	step := evenkeel.Step{
		ID: "redeploy-set-1", Title: fmt.Sprintf("Redeploy the VMs of set 1 on %s", m.from), Host: m.cfg.ClusterManager, Ref: at,
		Needs:        setArchives[1].keys(),
		Irreversible: "the VMs of the new release are gone",
		Reinstalls:   slices.Clone(m.sets[1]),
	}
	step.Actions = append([]evenkeel.Action{setArchives[1].kept("kept"), m.isOldManager(), m.quietGuard(deployOneScript),
		m.copiesAction(1)}, m.deleteVMs(1)...)
	if m.cfg.Platform == OpenStack {
		step.Actions = append(step.Actions, evenkeel.Action{
			ID: "deploy", Manual: fmt.Sprintf("Boot the VMs %s from the base image of %s, each with the addresses and volumes that it had.",
				strings.Join(m.sets[1], ", "), m.from), Paper: steps.Again(isRelease(m.cfg.SourceOS)),
			Change: evenkeel.Change{
				Title: "Boot the old VMs", Host: m.sets[1][len(m.sets[1])-1],
				Cmd: readSystem, Expect: evenkeel.Expect{Text: "CentOS " + m.cfg.SourceOS + " on the last of them", Check: system(m.cfg.SourceOS)},
			},
		})
	} else {
		step.Actions = append(step.Actions, m.deployEach(1, m.cfg.SourceOS, at)...)
	}
	step.Actions = append(step.Actions, m.waitForVMs(1, m.cfg.SourceOS)...)
	for _, lb := range m.ofClass(1, "lb") {
		step.Actions = append(step.Actions, m.monit(lb, at)...)
	}
	if m.cfg.Platform == OpenStack {
		allow, makes := m.allowVIPs(1)
		step.Actions, step.Makes = append(step.Actions, allow...), makes
	}
	step.Actions = append(step.Actions, m.routeActions(1, "cps:880")...) // these VMs are new ones, too
	return step
}

// bringArchiveStep copies set 1's archive back and mounts the image of the new release, on the old Cluster Manager
// (cps:1952-1962, CPS-251).
func (m rollback) bringArchiveStep() evenkeel.Step {
	actions := append([]evenkeel.Action{m.isOldManager()}, setArchives[1].upload("cps:1952")...)
	return evenkeel.Step{
		ID: "bring-archive", Title: "Bring back the archive of set 1 and mount the image", Host: m.cfg.ClusterManager, Ref: "cps:1952-1962",
		Why:      "The image is the one that was migrated to, not the old one (cps:1954).",
		Needs:    setArchives[1].keys(),
		Actions:  slices.Concat(actions, []evenkeel.Action{m.imageThere()}, umount(), mount(m.cfg.TargetISO)),
		Harmless: "it is the rollback itself",
	}
}

// enableOldStep takes set 1 into service on the old release (cps:1964-1989).
func (m rollback) enableOldStep() evenkeel.Step {
	again := m.enableAction(1, m.cfg.enableTime(), "cps:1989")
	again.ID, again.Title, again.Repeat = "enable-again", "Enable set 1 once more, unless the ADMIN arbiters are at work", evenkeel.ProbeFirst
	again.Note = "Corosync may disable the arbiter of an ADMIN set on the active arbitervip; enabling once more brings it back."
	again.Probe = &evenkeel.Probe{
		Cmd: m.replicaStatus(), Text: "done when every arbiter of an ADMIN set is at work",
		Read: m.tableProbe(func(t *cps.ReplicaTable) evenkeel.ProbeResult { return steps.DoneIf(m.arbitersServe(t)) }),
	}
	var closes []string
	if w := m.noMajority(1); w != nil {
		closes = append(closes, w.ID)
	}
	return evenkeel.Step{
		ID: "enable-set-1", Closes: closes, Title: "Enable set 1 on " + m.from.String(),
		Host: m.cfg.ClusterManager, Ref: "cps:1964-1989",
		Needs: setArchives[1].keys(),
		Actions: []evenkeel.Action{
			m.quietGuard(migrateScript), m.isOldManager(), m.enableAction(1, m.cfg.enableTime(), "cps:1966-1987"), again,
		},
		Harmless: "it is the rollback itself",
	}
}

func (m *members) arbitersServe(t *cps.ReplicaTable) bool {
	for _, rs := range m.adminSets() {
		set, _ := t.Set(rs.Title())
		for _, arbiter := range rs.Arbiters {
			member, ok := set.At(arbiter)
			if !ok || member.Health != cps.OnLine || member.State != cps.StateArbiter {
				return false
			}
		}
	}
	return true
}

// factMoved is what a rollback does not bring back (cps:1823, CPS-248).
var factMoved = evenkeel.NewFact[[]string]("primaries.moved", "replica sets whose primary is another one than before the migration")

// rolledBackStep proves the end.
func (m rollback) rolledBackStep() evenkeel.Step {
	users := m.usersStep(1)
	return evenkeel.Step{
		ID: "rolled-back", Title: "Verify that the cluster is what it was", Host: m.cfg.ClusterManager, Ref: "cps:1823,1989-1996",
		Needs: []evenkeel.FactKey{factReplicas, factUsers[1]}, Makes: []evenkeel.FactKey{factMoved},
		Actions: append([]evenkeel.Action{
			{
				ID: "replicas", Paper: steps.Again(m.allAtWork()),
				Change: evenkeel.Change{
					Title: "Wait until every member is back", Cmd: m.replicaStatus(), Limit: 24 * time.Hour,
					Note: "A member that stays RECOVERING: stop its process, remove it from its replica set and add it again (cps:1993-1996).",
					Expect: evenkeel.Expect{Text: "every member PRIMARY, SECONDARY or ARBITER, and ON-LINE",
						Check: m.onTable(func(t *cps.ReplicaTable) error { return steps.Soon(time.Minute, m.complete(1, 2)(t)) })},
				},
			},
			{
				ID: "about", Paper: steps.Again(m.runs(&m.from, [3]cps.Release{1: m.from, 2: m.from})),
				Change: evenkeel.Change{
					Title: "Note the releases", Cmd: sshexec.Command(sshexec.ReadOnly, m.cfg.Tools.About), Limit: 30 * time.Minute,
					Expect: evenkeel.Expect{Text: fmt.Sprintf("installer and every VM on %s", m.from), Check: onAbout(func(a *cps.About) error {
						return steps.Soon(30*time.Second, errors.Join(m.installer(a, m.from), m.releases(a, nil, m.from, m.to)))
					})},
				},
			},
			{
				ID: "traffic", Paper: steps.Again(m.takes(1, 2)),
				Change: evenkeel.Change{
					Title: "Wait until an endpoint of each half is up", Cmd: m.haproxyStatus(), Limit: 30 * time.Minute,
					Expect: evenkeel.Expect{Text: "an endpoint of each half is up",
						Check: func(o evenkeel.Observed) error { return errors.Join(m.traffic(1)(o), m.traffic(2)(o)) }},
				},
			},
			{
				ID: "primaries", Makes: []evenkeel.Make{factMoved.From(m.movedPrimaries).
					Typed(evenkeel.Typed(m.replicaStatus()) + ` | replicas | awk '$4 == "PRIMARY" { print $1, $2 }'`)},
				Change: evenkeel.Change{
					Title: "Note who is primary now", Ref: "cps:1823", Cmd: m.replicaStatus(),
					Note: "A rollback does not bring the former primaries back. Reconfigure them by hand where you want them elsewhere.",
					Expect: evenkeel.Expect{Text: "a primary in every set; those that moved are noted", Check: m.onTable(func(t *cps.ReplicaTable) error {
						var errs []error
						for _, rs := range m.mongo.Sets {
							_, err := primaryOf(t, rs)
							errs = append(errs, err)
						}
						return errors.Join(errs...)
					})},
				},
			},
		}, users.Actions...),
	}
}

func (m *members) movedPrimaries(o evenkeel.Observed) ([]string, error) {
	before, err := factReplicas.Get(o.Facts)
	if err != nil {
		return nil, err
	}
	now, err := m.ranks(o)
	if err != nil {
		return nil, err
	}
	var moved []string
	for _, b := range before {
		for _, n := range now {
			if n.Set == b.Set && n.Primary != b.Primary {
				moved = append(moved, fmt.Sprintf("%s: %s was primary, %s is", b.Set, b.Primary, n.Primary))
			}
		}
	}
	return moved, nil
}
