package issm

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
)

// set1Steps migrate set 1 while set 2 serves (cps:562-1014, CPS-203).
func (m *Migration) set1Steps() []evenkeel.Step {
	steps := m.halfSteps(1)
	return slices.Concat(steps, []evenkeel.Step{m.aboutStep("about-set-1", 1)}, m.geoRow(1), []evenkeel.Step{m.swapStep()},
		m.kpiStep("kpis-swap", "Watch the KPIs while set 1 takes the traffic", "If they stay bad, roll set 1 back (cps:564)."),
		[]evenkeel.Step{m.callsStep()})
}

// set2Steps migrate set 2, once set 1 is proven (cps:564,1016-1321, CPS-205, CPS-206).
func (m *Migration) set2Steps() []evenkeel.Step {
	return slices.Concat(m.halfSteps(2), []evenkeel.Step{m.aboutStep("about-set-2", 1, 2)}, m.geoRow(2))
}

// halfSteps disable, redeploy and enable a half.
func (m *Migration) halfSteps(n int) []evenkeel.Step {
	var steps []evenkeel.Step
	if m.cfg.SingleClusterCorosync && m.cfg.guideOrder() == (n == 1) {
		steps = append(steps, m.corosyncStep())
	}
	disable := m.disableStep(n)
	if m.cfg.Provision {
		provision := deployment{m}.provisionStep(n)
		// Two terminals (cps:638-644). For set 2 the guide has it after the disabling; then it takes its time while nobody but set 1 serves.
		disable.Parallel, provision.Parallel = setID("set", n), setID("set", n)
		steps = append(steps, provision)
	}
	steps = append(steps, disable, m.archiveStep(n))
	if n == 2 && m.cfg.PeerPcrfclient != "" {
		steps = append(steps, m.peerCorosyncStep())
	}
	steps = append(steps, deployment{m}.redeployStep(n))
	steps = append(append(steps, m.geoRecreated(n)...), m.enableStep(n), m.membersStep(n), m.usersStep(n))
	for _, rs := range m.adminSets() {
		steps = append(steps, m.shardingStep(n, rs))
	}
	if !m.cfg.SKDB {
		steps = append(steps, m.ringsStep(n))
	}
	return steps
}

// setID names a step of a half.
func setID(what string, n int) string { return fmt.Sprintf("%s-%d", what, n) }

// ref picks the guide's line of a set.
func ref(n int, lines ...string) string { return "cps:" + lines[n-1] }

// disableStep takes a half out of service (cps:680-707,1026-1045).
func (m *Migration) disableStep(n int) evenkeel.Step {
	other := 3 - n
	window := evenkeel.Window{
		ID: setID("disable-set", n), Invariant: invariantReplicas, Limit: 30 * time.Minute, Stop: evenkeel.StopAtClose,
		Reason: fmt.Sprintf("the members of set %d leave the replica sets: primaries among them step down, and one vote is "+
			"gone until the sets have shrunk; arbitervip moves off the pcrfclient that stops (cps:669)", n),
	}
	opens, closes := m.downWindow(n, window)
	if away := m.vipAway(n); away != nil {
		opens = append(opens, away...)
	} else {
		window.Reason = "arbitervip moves off the pcrfclient that stops (cps:669)"
		moves := m.vipWindow(window)
		opens, closes = append(opens, moves...), append(closes, windowIDs(moves)...)
	}
	step := evenkeel.Step{
		ID: setID("disable-set", n), Title: fmt.Sprintf("Disable set %d", n), Host: m.cfg.ClusterManager, Ref: ref(n, "680-707", "1026-1045"),
		Makes: []evenkeel.FactKey{factUsers[n], setArchives[n].earlier}, Opens: opens, Closes: closes,
		Actions: []evenkeel.Action{
			m.quietGuard(migrateScript),
			{
				ID: "other-half", Precondition: true, Paper: steps.Again(m.dataAtWork(other)),
				Change: evenkeel.Change{
					Title: fmt.Sprintf("Wait until set %d carries every replica set", other), Cmd: m.replicaStatus(), Limit: 30 * time.Minute,
					Expect: evenkeel.Expect{Text: fmt.Sprintf("a primary and a majority everywhere, and a working member of set %d",
						other), Check: m.onTable(func(t *cps.ReplicaTable) error {
						return steps.Soon(0, m.serving(other)(t))
					})},
				},
			},
			m.keepsAction(n),
			{
				ID: "other-traffic", Precondition: true, Paper: steps.Again(m.takes(other)),
				Change: evenkeel.Change{
					Title: fmt.Sprintf("Wait until an endpoint of set %d is up", other), Cmd: m.haproxyStatus(), Limit: 10 * time.Minute,
					Expect: evenkeel.Expect{Text: fmt.Sprintf("an endpoint of set %d is up", other), Check: m.traffic(other)},
				},
			},
			setArchives[n].mark(),
			m.usersBefore(n),
			{
				ID: "disable", Paper: migrates(m.migrate(evenkeel.Disruptive, disableTime, "disable", "set", strconv.Itoa(n))),
				Change: evenkeel.Change{
					Title: fmt.Sprintf("Disable set %d", n), Cmd: m.migrate(evenkeel.Disruptive, disableTime, "disable", "set", strconv.Itoa(n)),
					Repeat: evenkeel.Never, Expect: succeeded, Probe: m.leftProbe(n), Limit: time.Hour,
				},
			},
			{
				ID: "settled", Paper: steps.Again(m.aloneAtWork(other)),
				Change: evenkeel.Change{
					Title: "Wait until the replica sets have their primaries", Cmd: m.replicaStatus(), Limit: 20 * time.Minute,
					Expect: evenkeel.Expect{Text: m.everywhere(n),
						Check: m.onTable(func(t *cps.ReplicaTable) error { return steps.Soon(10*time.Second, m.servingAlone(other)(t)) })},
				},
			},
		},
		Verify: []evenkeel.Action{m.removedAction(n, ref(n, "712-752", "1084-1132")), m.drainedAction(n)},
	}
	if n == 1 {
		step.Irreversible = "set 1 is out of service; it comes back by \"enable set 1\", and only then can it be rolled back (cps:1832)"
	} else {
		step.Irreversible = pastRollback
		step.Why = "The point of no return: from here on there is no rollback (cps:1814). Grafana shows nothing until " +
			"pcrfclient01 is deleted, and again until set 2 is enabled (cps:1052)."
		step.Actions = slices.Insert(step.Actions, 1, evenkeel.Action{
			ID: "first-half", Precondition: true, Paper: steps.Again(m.dataAtWork(1)),
			Change: evenkeel.Change{
				Title: "Wait until set 1 is whole", Ref: "cps:564", Cmd: m.replicaStatus(), Limit: 6 * time.Hour,
				Expect: evenkeel.Expect{Text: "every member of set 1 PRIMARY or SECONDARY",
					Check: m.onTable(func(t *cps.ReplicaTable) error { return steps.Soon(30*time.Second, m.complete(1)(t)) })},
			},
		})
	}
	before := func(a evenkeel.Action) bool { return a.ID == setArchives[n].mark().ID }
	step.Actions = slices.Insert(step.Actions, slices.IndexFunc(step.Actions, before), m.takesOver(n)...)
	if gate := m.kpiGate(fmt.Sprintf("Wait until the KPIs are good, before set %d goes", n)); gate != nil {
		gate[0].Precondition = true
		step.Needs = []evenkeel.FactKey{factKPIs}
		step.Actions = slices.Insert(step.Actions, slices.IndexFunc(step.Actions, before), gate...) // what comes before may take hours
	}
	return step
}

// removedAction proves that the data members of a half have left their replica sets, whatever migrate.sh says.
func (m *members) removedAction(n int, at string) evenkeel.Action {
	return evenkeel.Action{
		ID: "removed", Paper: steps.Again(m.noneOf(n)),
		Change: evenkeel.Change{
			Title: fmt.Sprintf("Wait until the session managers of set %d are in no replica set", n), Ref: at,
			Cmd: m.replicaStatus(), Limit: 10 * time.Minute,
			Expect: evenkeel.Expect{Text: fmt.Sprintf("none of them is listed, and set %d carries every replica set", 3-n),
				Check: m.onTable(func(t *cps.ReplicaTable) error {
					return steps.Soon(0, errors.Join(m.removed(t, n), m.servingAlone(3-n)(t)))
				})},
		},
	}
}

// drainedAction proves that a half takes no calls any more: its VMs are about to be deleted.
func (m *balancers) drainedAction(n int) evenkeel.Action {
	return evenkeel.Action{
		ID: "drained", Paper: steps.Again(m.takesNone(n)),
		Change: evenkeel.Change{
			Title: fmt.Sprintf("Wait until every endpoint of set %d is down", n), Ref: "cps:1717-1743",
			Cmd: m.haproxyStatus(), Limit: 5 * time.Minute,
			Expect: evenkeel.Expect{Text: fmt.Sprintf("every endpoint of set %d is down and without sessions", n), Check: m.silent(n)},
		},
	}
}

// pastRollback is why there is no rollback any more.
const pastRollback = "once set 2 is disabled the cluster can only be migrated to its end: \"these migration rollback " +
	"steps cannot be used if the entire CPS cluster has been migrated\" (cps:1814)"

// archiveStep brings the set's archive to safety (cps:690-707,1915).
func (m *Migration) archiveStep(n int) evenkeel.Step {
	a := setArchives[n]
	return evenkeel.Step{
		ID: setID("archive-set", n), Title: fmt.Sprintf("Copy the archive of set %d off the machine", n),
		Host: m.cfg.ClusterManager, Ref: ref(n, "690-707", "1035-1045"),
		Why:   "The guide needs it outside only for a rollback (cps:1915); then there may be no Cluster Manager left to copy it from.",
		Needs: []evenkeel.FactKey{a.earlier}, Makes: a.keys(),
		Actions: []evenkeel.Action{m.quietGuard(migrateScript), a.save(m.cfg.ClusterManager, m.cfg.ArchiveDir, "cps:1915")},
	}
}
