package upgrade

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// seeHealth waits until the health clones have said that a node of the new cluster is well: a rule keeps every target
// away from one of which they have said nothing yet. There is nothing to see where no clone says it.
func (p *Pair) seeHealth(id, node string) []evenkeel.Action {
	names := p.attributes()
	if len(names) == 0 {
		return nil
	}
	look := p.newCluster(p.Config.Node1.Name).InCIB(strings.Join(names, ", ")+" of "+node+", each greater than 0",
		func(cib *pacemaker.CIB) error { return p.well(cib, node) })
	a := evenkeel.Await(placeLimit, id, "Wait until the health agents say that "+node+" is well", look)
	number := strconv.Itoa(1 + slices.IndexFunc(p.servers(), func(s Server) bool { return s.Name == node }))
	var lines []string
	for _, name := range names {
		lines = append(lines, "status-"+number+"-"+name)
	}
	return []evenkeel.Action{untilShows(a, "| grep -oE "+shellescape.Quote(`id="status-`+number+`-(`+strings.Join(names, "|")+
		`)" name="[^"]*" value="[1-9][0-9]*"`)+` | cut -d'"' -f2 | LC_ALL=C sort -u`, lines...)}
}

// well wants every attribute of health of a node to be known, and not to keep targets away.
func (p *Pair) well(cib *pacemaker.CIB, node string) error {
	have := cib.TransientAttributes(node)
	for _, name := range p.attributes() {
		i := slices.IndexFunc(have, func(a pacemaker.NVPair) bool { return a.Name == name })
		if i < 0 {
			return evenkeel.NotYet(tick, "%s of %s is not known yet: no target could start there", name, node)
		}
		if v, err := strconv.Atoi(have[i].Value); err != nil || v <= 0 {
			return evenkeel.NotYet(tick, "%s of %s is %s: its health agent finds something wrong there (LNet: lctl ping; Lustre: lctl get_param "+
				"health_check), and keeps every target away", name, node, have[i].Value)
		}
	}
	return nil
}

// preferences tells of a target the node that it prefers, with the score.
func (p *Pair) preferences() func(Target) (string, pacemaker.Score, error) {
	if p.byHand {
		return readByHand(p.CIB).preferred
	}
	preferences := p.CIB.Preferences()
	return func(t Target) (string, pacemaker.Score, error) { return preferences.Node(t.Resource) }
}

// roleOf expects a role of what is moved: of targets or their groups, and of the health clones.
func (p *Pair) roleOf(role string) pacemaker.Expectation {
	ids := p.switches(p.Targets)
	for _, h := range p.health {
		ids = append(ids, h.clone)
	}
	if !p.byHand {
		ids = nil
	}
	return pacemaker.ExpectRole(role, ids...)
}

// unsay is the command that takes the target-role of a resource of the old cluster away. pcs of a group takes those of
// its members along, which may have said one before.
func (p *Pair) unsay(id string) pcs.Operation {
	if r, _ := p.CIB.Resource(id); r.Kind == pacemaker.Group {
		o := p.Config.OldPCS.EnableResource(id)
		o.Argv = []string{"crm_resource", "--resource", id, "--meta", "--delete-parameter", "target-role"}
		return o
	}
	return p.Config.OldPCS.EnableResource(id)
}

// agentsThere wants the agents to be on a node: a resource whose agent is missing fails, and nothing brings it back.
func (p *Pair) agentsThere(n *node) []evenkeel.Action {
	files := p.agentFiles()
	if len(files) == 0 {
		return nil
	}
	a := evenkeel.Look("agents-"+n.no, "Verify that the resource agents are on "+n.Name, append([]string{"ls", "-d"}, files...)...).
		Expecting("nothing is missing", func(o evenkeel.Observed) error {
			var errs []error
			have := lines(string(o.Stdout))
			for _, f := range files {
				if !slices.Contains(have, f) {
					errs = append(errs, fmt.Errorf("%s is not there", f))
				}
			}
			if err := errors.Join(errs...); err != nil {
				return evenkeel.NeedsOperator("%v. Install it there: lustre-resource-agents has Lustre and the health agents, resource-agents ZFS; "+
					"an agent that was copied by hand is to be copied again", err)
			}
			return nil
		}).On(n.Name)
	return []evenkeel.Action{shows(a, ">/dev/null && echo nothing is missing", "nothing is missing").AsPrecondition()}
}
