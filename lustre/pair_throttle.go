package lustre

import (
	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// unthrottled are the properties by which Pacemaker starts and stops all targets at once (H26): by itself it runs twice as many actions on a node as that has cores,
// and less when the load is above 80 %.
var unthrottled = []pacemaker.NVPair{{Name: "node-action-limit", Value: "256"}, {Name: "load-threshold", Value: "400%"}}

// liftOld lets the old cluster stop everything at once. It is not put back: that cluster is about to go, and after a switch back it is only faster.
func (p *Pair) liftOld() (evenkeel.Action, error) {
	o, err := p.CIB.Set(pacemaker.Settings{Properties: unthrottled})
	return pushed("lift", "Lift the throttle of the old cluster: its targets are to stop all at once (H26)", p.Config.Node2.Name, o, err)
}

// throttleAgain gives the new cluster the throttle that the old one had.
func (p *Pair) throttleAgain() []evenkeel.Action {
	var actions []evenkeel.Action
	for _, u := range unthrottled {
		o := p.Config.NewPCS.UnsetProperty(u.Name)
		if v, has := p.CIB.Property(u.Name); has {
			o = p.Config.NewPCS.SetProperty(pacemaker.NVPair{Name: u.Name, Value: v})
		}
		actions = append(actions, change("throttle-"+u.Name, "Put Pacemaker's throttle back: "+u.Name+" as it was", o.Argv...))
	}
	return actions
}
