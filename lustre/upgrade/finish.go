package upgrade

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// fencing restores the attributes by which nodes are fenced, last of all (lustre:1697-1760).
func (p *Pair) fencing() (evenkeel.Step, error) {
	n1, n2 := p.Config.Node1.Name, p.Config.Node2.Name
	now := p.newCluster(n1)
	same, err := p.showsSame(now.seeCIB("same", "Verify that the configuration is the backed-up one, but for what is expected",
		"no other difference", func(live *pacemaker.CIB) error { return p.same(live, p.roleOf("Started")) }), true)
	s := evenkeel.Step{
		ID: "fencing", Title: "Restore fencing", Host: n1, Ref: "lustre:1697",
		Why: "Last, so that nothing is fenced during the work (lustre:1759).",
		Actions: []evenkeel.Action{
			showsReady(now.seeStatus("ready", "Verify that both nodes are well: nothing would be fenced as soon as it can be",
				"online, and not unclean", ready(n1, n2)), n1, n2).AsPrecondition(),
			showsSettings(now.seeCIB("ids", "Verify that the nodes have the numbers that pcs gives", "1 and 2", p.numbered), "node "+n1+
				" id=1", "node "+n2+" id=2").AsPrecondition(),
		},
		Verify: []evenkeel.Action{
			same,
		},
		Harmless: "a pair without fencing is not to be left alone",
	}
	if err != nil || len(p.Plan.Fencing) == 0 {
		return s, err
	}
	nodes, err := pacemaker.ParseCIB(strings.NewReader(fmt.Sprintf(newNodes, n1, n2)))
	if err != nil {
		return s, err
	}
	push, err := p.Plan.FencingPush(nodes)
	if err != nil {
		return s, err
	}
	set := evenkeel.Do("attributes", "Restore the fencing attributes of both nodes", push.Argv...).From("lustre:1737").
		Noting("In one change of the CIB, read from standard input: pcs would take the passwords as arguments, where every " +
			"user of the node can read them. " +
			"By hand, with `pcs property set --node NODE name=value …`: the agent last (H10), and never standby or maintenance (H11)")
	set.Cmd.Stdin = push.Cmd("").Stdin
	set.Paper = []evenkeel.Block{{Cmd: set.Cmd, From: askedFor(push.Stdin)}}
	s.Actions = append(s.Actions, set)
	return s, nil
}

// newNodes are the nodes as pcs numbers them: in the order in which they came to the cluster.
const newNodes = `<cib><configuration><crm_config/><nodes><node id="1" uname="%s"/><node id="2" uname="%s"/></nodes><resources/><constraints/></configuration><status/></cib>`

// numbered wants the nodes of the live cluster to have the numbers that the attributes will be set by.
func (p *Pair) numbered(cib *pacemaker.CIB) error {
	for i, s := range p.servers() {
		n, ok := cib.Node(s.Name)
		if want := strconv.Itoa(i + 1); !ok || n.ID != want {
			return evenkeel.NeedsOperator("%s has the id %q in the cluster, not %s: set its fencing attributes by hand (lustre:1737)",
				s.Name, n.ID, want)
		}
	}
	return nil
}

// finish looks at the whole once more, and cleans up what the tool brought.
func (p *Pair) finish() evenkeel.Step {
	n1, n2 := p.node(0), p.node(1)
	now := p.newCluster(n1.Name)
	s := evenkeel.Step{ID: "finish", Title: "Verify that the pair is upgraded", Host: n1.Name, Ref: "lustre:1695",
		Harmless: "the backups themselves are on this machine"}
	for _, n := range []*node{n1, n2} {
		s.Needs = append(s.Needs, n.archiveName)
		s.Actions = append(s.Actions,
			evenkeel.Do(n.id("clean"), "Remove the copy of the backup from "+n.Name,
				"rm", "-rf", n.tree(), n.tree()+".tgz").
				Noting("it holds /etc/shadow and private keys; the backup itself is on this machine").On(n.Name))
		s.Verify = append(s.Verify,
			showsText(evenkeel.Look(n.id("release"), "Verify that "+n.Name+" runs the new system", "cat", "/etc/redhat-release").
				Expecting(p.Config.NewRelease, evenkeel.Contains(p.Config.NewRelease)), p.Config.NewRelease).On(n.Name),
			p.seeAutostart(n).On(n.Name))
	}
	s.Verify = append(s.Verify,
		showsReady(now.seeStatus("ready", "Verify that both nodes are ready", "online, and not in standby", ready(n1.Name, n2.Name)), n1.Name,
			n2.Name),
		showsPlaced(evenkeel.Prove("status", "Verify that every target runs where it should", now.Placed(p.placed(preferred))),
			p.placed(preferred)))
	return s
}

// seeAutostart wants the cluster to start at boot, or not to, as was asked for (LUS-059, LUS-060).
func (p *Pair) seeAutostart(n *node) evenkeel.Action {
	title := "Verify that the cluster starts at boot on " + n.Name
	if p.Config.NoAutostart {
		title = "Verify that the cluster does not start at boot on " + n.Name
	}
	word := map[bool]string{false: "enabled", true: "disabled"}[p.Config.NoAutostart]
	// systemd tells of all units at once
	return shows(evenkeel.Prove(n.id("autostart"), title, p.newCluster(n.Name).AtBoot(n.Name, !p.Config.NoAutostart)[0]),
		"| sort | uniq -c | awk '{ print $1, $2 }'", "2 "+word)
}
