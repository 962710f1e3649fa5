package issm

import (
	"fmt"
	"strconv"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// enableStep takes a half into service (cps:882-919,1253-1290).
func (m *Migration) enableStep(n int) evenkeel.Step {
	step := evenkeel.Step{
		ID: setID("enable-set", n), Title: fmt.Sprintf("Enable set %d", n), Host: m.cfg.ClusterManager, Ref: ref(n, "882-919", "1253-1290"),
		Needs:   setArchives[n].keys(),
		Actions: []evenkeel.Action{m.quietGuard(migrateScript), m.enableAction(n, m.cfg.enableTime(), ref(n, "884-919", "1255-1290"))},
		Takes:   m.cfg.carbonTakes(),
	}
	if !m.cfg.SkipCarbon {
		step.Why = "It copies Grafana's data. How long that takes is what the step whisper has noted (" + factCarbon.Variable() +
			"): 55 GB take 15 to 20 hours (cps:558)."
	}
	if w := m.noMajority(n); w != nil {
		step.Closes = append(step.Closes, w.ID)
	}
	step.Closes = append(step.Closes, windowIDs(m.vipAway(n))...)
	if n == 1 {
		step.Irreversible = "set 1 runs the new release; the rollback is the runbook " + rollbackName + " (cps:1814)"
	} else {
		step.Irreversible = pastRollback
		if m.cfg.PeerPcrfclient != "" {
			step.Closes = append(step.Closes, windowIDs(m.peerWindows())...)
		}
	}
	return step
}

// enableAction is "enable set", in the migration and in the rollback.
func (m *Migration) enableAction(n int, timeout time.Duration, at string) evenkeel.Action {
	return evenkeel.Action{
		ID: "enable", Paper: migrates(m.migrate(evenkeel.Disruptive, timeout, "enable", "set", strconv.Itoa(n), setArchives[n].path.Ref())),
		Change: evenkeel.Change{
			Title: fmt.Sprintf("Enable set %d from its archive", n), Ref: at, Repeat: evenkeel.ProbeFirst, Expect: succeeded,
			Probe: m.joinedProbe(n), Limit: time.Hour,
			Cmd:  m.migrate(evenkeel.Disruptive, timeout, "enable", "set", strconv.Itoa(n), setArchives[n].path.Ref()),
			Note: "The log warns of users that are not migrated; they are asked for below.",
		},
	}
}

// membersStep waits until the half's members have caught up (cps:1014,1321,1356).
func (m *Migration) membersStep(n int) evenkeel.Step {
	return evenkeel.Step{
		ID: setID("members-set", n), Title: "Wait until every replica set has its members back", Host: m.cfg.ClusterManager,
		Ref:   ref(n, "1012-1014", "1319-1321"),
		Needs: []evenkeel.FactKey{factReplicas},
		Actions: []evenkeel.Action{
			{
				ID: "synced", Paper: steps.Again(m.allAtWork()),
				Change: evenkeel.Change{
					Title: "Wait until no member is RECOVERING and all are at work", Cmd: m.replicaStatus(), Limit: 24 * time.Hour,
					Note: "A member comes back without data and copies all of it. One that stays RECOVERING applies less than the " +
						"primary writes, until the oplog has rolled over it: see cps:1382-1421.",
					Expect: evenkeel.Expect{Text: "every member PRIMARY, SECONDARY or ARBITER, and ON-LINE",
						Check: m.onTable(func(t *cps.ReplicaTable) error { return steps.Soon(time.Minute, m.complete(1, 2)(t)) })},
				},
			},
			{
				ID: "priorities", Paper: steps.Again(m.asRanked()),
				Change: evenkeel.Change{
					Title: "Wait until the priorities are as before", Ref: "cps:1321", Cmd: m.replicaStatus(), Limit: 15 * time.Minute,
					Expect: evenkeel.Expect{Text: "the same members in the same order of priority as noted at the beginning", Check: m.sameRanks},
				},
			},
		},
	}
}

// sameRanks compares the table with that of the beginning (CPS-233).
func (m *members) sameRanks(o evenkeel.Observed) error {
	before, err := factReplicas.Get(o.Facts)
	if err != nil {
		return err
	}
	return m.onTable(func(*cps.ReplicaTable) error {
		now, err := m.ranks(o)
		if err != nil {
			return err
		}
		return steps.Soon(30*time.Second, sameRanks(before, now))
	})(o)
}

// aboutStep proves which half runs which release (cps:958-987, CPS-231).
func (m *Migration) aboutStep(id string, halves ...int) evenkeel.Step {
	var upgraded cps.ClusterSet
	for _, n := range halves {
		upgraded = append(upgraded, m.sets[n]...)
	}
	text := fmt.Sprintf("every VM on %s", m.to)
	if len(halves) == 1 {
		text = fmt.Sprintf("the VMs of set %d on %s, all others on %s", halves[0], m.to, m.from)
	}
	return evenkeel.Step{
		ID: id, Title: "Verify that the releases are as they must be", Host: m.cfg.ClusterManager, Ref: "cps:958-987",
		Actions: []evenkeel.Action{{
			ID: "about", Paper: steps.Again(m.runs(nil,
				[3]cps.Release{1: m.to, 2: map[bool]cps.Release{true: m.to, false: m.from}[len(halves) == 2]})),
			Change: evenkeel.Change{
				Title: "Note the releases", Cmd: sshexec.Command(sshexec.ReadOnly, m.cfg.Tools.About), Limit: 15 * time.Minute,
				Expect: evenkeel.Expect{Text: text,
					Check: onAbout(func(a *cps.About) error { return steps.Soon(30*time.Second, m.releases(a, upgraded, m.from, m.to)) })},
			},
		}},
	}
}
