package live

import (
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/internal/secretname"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Unthrottled lifts Pacemaker's throttle (H26): by itself it runs at most twice as many operations on a node as that
// has cores, and fewer when the load is above 80 %. See node-action-limit and load-threshold in
// https://clusterlabs.org/projects/pacemaker/doc/2.1/Pacemaker_Explained/html/options.html .
func Unthrottled() []pacemaker.NVPair {
	return []pacemaker.NVPair{{Name: "node-action-limit", Value: "256"}, {Name: "load-threshold", Value: "1000%"}}
}

// Throttle is what a cluster said of its throttle before it was lifted. It goes into the journal: what is put back must survive the tool.
type Throttle struct {
	Before []pacemaker.NVPair `json:"before"` // the properties that were set
}

// LiftThrottle lifts the throttle in one change, and remembers what was there before. live must be the CIB of that
// cluster. Pacemaker tells a raised limit to the other nodes only when a node's judgement of its load changes, which it
// looks at every 30 s: where that has to be sure, set load-threshold to 1 % first, wait for more than 30 s, lift, and
// wait again.
func (l Cluster) LiftThrottle(live *pacemaker.CIB) (change.Change, Throttle, error) {
	var was Throttle
	for _, p := range Unthrottled() {
		if v, has := live.Property(p.Name); has {
			was.Before = append(was.Before, pacemaker.NVPair{Name: p.Name, Value: v})
		}
	}
	o, err := pcs.Set(live, pcs.Settings{Properties: Unthrottled()})
	if err != nil {
		return change.Change{}, Throttle{}, err
	}
	o.Name, o.Effect, o.Why = "lift the throttle", op.Mutating, "all targets are to stop and start at once (H26)"
	return l.Change(l.via(o), change.Change{Limit: configLimit, Proof: []change.Proof{l.propertiesAre(Unthrottled())}}), was, nil
}

// RestoreThrottle puts back what was there before: a property that was not set is removed again.
func (l Cluster) RestoreThrottle(was Throttle) []change.Change {
	var changes []change.Change
	for _, p := range Unthrottled() {
		c := l.UnsetProperty(p.Name)
		for _, b := range was.Before {
			if b.Name == p.Name {
				c = l.Property(b)
			}
		}
		changes = append(changes, c)
	}
	return changes
}

func (l Cluster) propertiesAre(pairs []pacemaker.NVPair) change.Proof {
	words := make([]string, len(pairs))
	for i, p := range pairs {
		words[i] = p.String()
	}
	return l.InCIB("the CIB says "+strings.Join(words, ", "), func(c *pacemaker.CIB) error {
		for _, p := range pairs {
			if v, _ := c.Property(p.Name); v != p.Value {
				return notYet("%s is %q", p.Name, secretname.Masked(p.Name, v))
			}
		}
		return nil
	})
}

// Seed puts a CIB in place on a host before the first start of its cluster, so that this does not wait 20 s for other
// nodes (H5): see rebuild.Plan.Seed. It is for after the setup, which removes what is there. Pacemaker takes a file of
// its own user only, that others cannot read.
func (l Cluster) Seed(seed pcs.Operation) change.Change {
	look := pcs.NewOperation("owner, mode and size of "+pacemaker.CIBPath, "", op.ReadOnly, op.Idempotent, "stat", "-c",
		"%U:%G %a %s", pacemaker.CIBPath)
	look.Node = seed.Node
	idle := Cluster{Dialect: l.Dialect, Via: seed.Node, SysV: l.SysV}.Stopped(seed.Node)
	return l.Change(seed, change.Change{Needs: idle, Limit: 30 * time.Second,
		Proof: []change.Proof{proof(look, pacemaker.CIBPath+
			" belongs to hacluster:haclient, has the mode 0600 and the size of the seed", func(a answer) error {
			if want, is := seedStat(seed), strings.TrimSpace(string(a.Stdout)); is != want {
				return notYet("%s is %q, not %q", pacemaker.CIBPath, is, want)
			}
			return nil
		})}})
}
