package upgrade

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/placement"
)

// Whether a half can do without the other is asked of the placement that Pacemaker itself would compute, before anything is down.

// carries wants everything that runs in the old cluster to run on node 2 when node 1 is taken away. Once node 1 is in standby, that is
// what happens: how it goes, the next actions see.
func (p *Pair) carries(id string) evenkeel.Action {
	n1, n2 := p.Config.Node1.Name, p.Config.Node2.Name
	was := p.oldCluster(n2)
	look := was.InCIB("nothing that runs now would run nowhere without "+n1+orUnknown, func(cib *pacemaker.CIB) error {
		if inStandby(p.old(n1))(cib) == nil {
			return nil
		}
		loss, err := placement.CanLose(cib, p.old(n1), p.Corosync)
		return p.verdict(err, func() string {
			served := *loss
			served.Lost = slices.DeleteFunc(slices.Clone(loss.Lost), func(l placement.Lost) bool { return isFence(cib, l.Resource) })
			if len(served.Lost) == 0 {
				return ""
			}
			return served.String()
		}, "nothing was moved: put that right in the old cluster (pcs constraint, pcs resource failcount), then resume")
	})
	return p.showsUnbanned(evenkeel.Await(placeLimit, id, "Wait until "+n2+" can carry what runs on "+n1, look), p.old(n2))
}

// isFence tells a fence device: one that is kept from the node that it fences has no other where that is alone, and
// nobody to fence.
func isFence(cib *pacemaker.CIB, id string) bool {
	r, _ := cib.Resource(id)
	return r.Class == "stonith"
}

// orUnknown says what the configuration may let pass. It says so always, so that a run that paused here can go on with that key.
const orUnknown = ", as far as it can be computed (or with unknown_placement)"

// placeLimit is how long a cluster may be at work before it can be asked where its resources would run.
const placeLimit = 2 * time.Minute

// takes wants the new cluster to start every target on node 1 as soon as it is enabled: this is asked while all of them still run on
// node 2.
func (p *Pair) takes() evenkeel.Action {
	n1 := p.Config.Node1.Name
	look := p.newCluster(n1).InCIB("each has a place there once it is enabled"+orUnknown, func(cib *pacemaker.CIB) error {
		enabled := cib.Clone()
		for _, t := range p.enabled() {
			if err := enabled.SetMeta(t.Switch, "target-role", "Started"); err != nil {
				return err
			}
		}
		would, err := placement.Of(enabled)
		return p.verdict(err, func() string { return p.homeless(would, n1) },
			"every target still runs on "+p.Config.Node2.Name+": put that right in the new cluster, then resume")
	})
	return p.showsUnbanned(evenkeel.Await(placeLimit, "takes", "Wait until the new cluster would start every target on "+n1, look), n1)
}

// homeless says which enabled targets would not run on a node, and why; empty when all would.
func (p *Pair) homeless(would *placement.Placement, node string) string {
	var out []string
	for _, t := range p.enabled() {
		switch at := would.Of(t.Resource); {
		case len(at) != 1:
			out = append(out, fmt.Sprintf("%s would run %d times", t.Resource, len(at)))
		case at[0].Node == "":
			out = append(out, fmt.Sprintf("%s would run nowhere (%s)", t.Resource, at[0].Why))
		case at[0].Node != node:
			out = append(out, fmt.Sprintf("%s would run on %s", t.Resource, at[0].Node))
		}
	}
	return strings.Join(out, "; ")
}

// verdict asks for the operator where something is lost, and where nobody can tell; a cluster that is at work is waited for.
func (p *Pair) verdict(err error, lost func() string, advice string) error {
	var why *placement.Error
	switch {
	case errors.As(err, &why) && why.Pending():
		return evenkeel.NotYet(0, "%v", err)
	case errors.Is(err, pacemaker.ErrUnsupported) && p.Config.UnknownPlacement:
		return nil
	case errors.Is(err, pacemaker.ErrUnsupported):
		return evenkeel.NeedsOperator("whether every target would run cannot be computed: %v. See by `crm_simulate "+
			"--live-check --node-down` what "+
			"Pacemaker would do, then go on with unknown_placement: true in the configuration", err)
	case err != nil:
		return err
	}
	if text := lost(); text != "" {
		return evenkeel.NeedsOperator("%s; %s", text, advice)
	}
	return nil
}

// showsUnbanned is, by hand, the part of it that is seen at a glance: no constraint keeps a target from the node.
func (p *Pair) showsUnbanned(a evenkeel.Action, node string) evenkeel.Action {
	const none = "no constraint forbids it"
	fences := ""
	for _, l := range p.CIB.Locations() {
		if isFence(p.CIB, l.Resource) && strings.HasPrefix(l.Score, "-") {
			fences += " -e " + shellescape.Quote(`rsc="`+l.Resource+`"`)
		}
	}
	if fences != "" {
		fences = " | grep -vF" + fences
	}
	a.Paper = []evenkeel.Block{{Shows: []string{none}, Script: "cib=$(" + shellescape.QuoteCommand(a.Cmd.Argv) +
		`) && { printf "%s\n" "$cib" | grep '<rsc_location ' | grep -F ` +
		shellescape.Quote(`node="`+node+`"`) + fences + ` | grep -E 'score="-' || echo ` + none + "; }"}}
	return a
}
