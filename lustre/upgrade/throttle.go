package upgrade

import (
	"errors"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// Pacemaker throttles itself (H26): by itself it runs twice as many actions on a node as that has cores, and one at a
// time when the load is high, so that many targets move one after the other. The throttle is lifted in the old cluster
// before its targets move for the first time, and in the new one when it is made; it is put back when they are where
// they belong.

// notice is how long Pacemaker takes to see a changed throttle: each node looks at its load every 30 s, and tells the
// others only when its judgement changes.
const notice = 35 * time.Second

// throttle makes the steps around the limits that IML has set on how many resources start at once.
type throttle struct{ *Pair }

// liftStep lifts the throttle of the old cluster, before anything is down.
func (p throttle) liftStep() (evenkeel.Step, error) {
	n2 := p.node(1)
	lift, err := p.lift(n2.Name, p.CIB)
	return evenkeel.Step{
		ID: "lift-throttle", Title: "Lift Pacemaker's throttle in the old cluster", Host: n2.Name,
		Why: "Not in the guide (H26): throttled, Pacemaker stops and starts the targets one after the other, and each " +
			"waits for those before it. The new cluster is made without the throttle; it gets it back when the targets are where they belong.",
		Actions: lift, Undo: p.throttleAgain(n2.Name, p.Config.OldPCS),
	}, err
}

// lift lifts the throttle of a running cluster. cib has the ids of its settings. A limit that is set while nothing else
// changes is never told; so the node is first made to judge its load high, and then to judge it low.
func (p throttle) lift(host string, cib *pacemaker.CIB) ([]evenkeel.Action, error) {
	busy := slices.Clone(live.Unthrottled())
	for i := range busy {
		if busy[i].Name == "load-threshold" {
			busy[i].Value = "1%"
		}
	}
	tighten, err1 := pcs.Set(cib, pcs.Settings{Properties: busy})
	loosen, err2 := pcs.Set(cib, pcs.Settings{Properties: live.Unthrottled()})
	low, err1 := pushed("throttle-tight", "Let the cluster judge its load high, so that it tells a new judgement (H26)", host, tighten, err1)
	high, err2 := pushed("throttle-lifted", "Lift the throttle: targets are to stop and start all at once (H26)", host, loosen, err2)
	const told = "it looks at its load every 30 s, and tells it nowhere"
	return []evenkeel.Action{
		low.Noting("for half a minute the cluster moves one thing at a time; who gives up here goes back by `rollback`, which puts it back"),
		evenkeel.Rest("throttle-wait", "Wait until Pacemaker has looked at its load", notice).Noting(told).On(host),
		high, evenkeel.Rest("throttle-noticed", "Wait until Pacemaker has looked at its load again", notice).Noting(told).On(host),
	}, errors.Join(err1, err2)
}

// throttleAgain gives a cluster the throttle that the old one had.
func (p throttle) throttleAgain(host string, pcs pcs.Dialect) []evenkeel.Action {
	var actions []evenkeel.Action
	for _, u := range live.Unthrottled() {
		o := pcs.UnsetProperty(u.Name)
		if v, has := p.CIB.Property(u.Name); has {
			o = pcs.SetProperty(pacemaker.NVPair{Name: u.Name, Value: v})
		}
		actions = append(actions, evenkeel.Do("throttle-"+u.Name, "Put Pacemaker's throttle back: "+u.Name+" as it was", o.Argv...).On(host))
	}
	return actions
}

// throttled is a configuration with the throttle that the old cluster had.
func (p throttle) throttled(cib *pacemaker.CIB) *pacemaker.CIB {
	cib = cib.Clone()
	for _, u := range live.Unthrottled() {
		if v, has := p.CIB.Property(u.Name); has {
			cib.SetProperty(u.Name, v)
		} else {
			cib.RemoveProperty(u.Name)
		}
	}
	return cib
}
