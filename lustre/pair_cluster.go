package lustre

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// preflight looks whether the pair is what the plan was made for, and sound; it changes nothing.
func (p *Pair) preflight() evenkeel.Step {
	n1, n2 := p.Config.Node1, p.Config.Node2
	var actions []evenkeel.Action
	for i, s := range []Server{n1, n2} {
		no := fmt.Sprint(i + 1)
		actions = append(actions,
			at(s.Name, expect(look("release-"+no, s.Name+" runs the old system", "cat", "/etc/redhat-release"), p.Config.OldRelease, contains(p.Config.OldRelease))),
			at(s.Name, expect(look("hostname-"+no, "It is the machine that it should be", "hostname"), s.Short(), contains(s.Short()))),
			at(s.Name, expect(look("rings-"+no, "Both rings of corosync are sound (H18)", "corosync-cfgtool", "-s"), "no ring is faulty", exited(func(o evenkeel.Observed) error {
				if strings.Contains(string(o.Stdout), "FAULTY") {
					return errors.New("a ring is faulty: with one ring left, the next fault lets both nodes fence each other")
				}
				return nil
			}))))
	}
	actions = append(actions,
		at(n1.Name, seeCIB("cib", "The cluster is configured as it was when the plan was made", "no difference to the backup", func(live *pacemaker.CIB) error {
			if diff := pacemaker.Diff(p.CIB, live); len(diff) > 0 {
				return evenkeel.NeedsPerson("%v: %s (%d differences in all). Make the plan anew from a fresh backup", errChanged, diff[0], len(diff))
			}
			return nil
		})),
		at(n1.Name, expect(look("status", "Both nodes are online, and every target runs", crmMon...), "both nodes online, nothing failed", p.healthy)))
	return evenkeel.Step{ID: "preflight", Title: "The pair is sound, and as it was when the plan was made", Ref: "lustre:363", Actions: actions}
}

func (p *Pair) healthy(o evenkeel.Observed) error {
	st, err := readStatus(o)
	if err != nil {
		return err
	}
	for old := range p.oldNames() {
		n, ok := st.Node(old)
		if !ok || !n.Online || n.Standby || n.Unclean {
			return evenkeel.NeedsPerson("node %s is not online and ready (standby %v, unclean %v): an upgrade begins with two sound nodes", old, n.Standby, n.Unclean)
		}
	}
	for _, t := range p.enabled() {
		if len(st.RunsOn(t.Resource)) != 1 {
			return evenkeel.NeedsPerson("target %s runs on %v: it must run on exactly one node", t.Resource, st.RunsOn(t.Resource))
		}
	}
	return nil
}

// oldNames are the names that the old cluster has for the two nodes, with the full ones.
func (p *Pair) oldNames() map[string]string {
	names := map[string]string{}
	for _, n := range p.CIB.Nodes() {
		names[n.Uname] = p.Names.New(n.Uname)
	}
	return names
}

// old is the name that the old cluster has for a node.
func (p *Pair) old(fqdn string) string {
	for old, full := range p.oldNames() {
		if full == fqdn {
			return old
		}
	}
	return fqdn
}

// evacuate moves every target to node 2 (lustre:422-448).
func (p *Pair) evacuate() evenkeel.Step {
	n1, n2 := p.Config.Node1.Name, p.Config.Node2.Name
	old := p.old(n1)
	return evenkeel.Step{
		ID: "evacuate-node1", Title: "Move every target to " + n2, Host: n1, Ref: "lustre:422",
		Opens: []evenkeel.Window{{ID: "evacuation", Invariant: "served", Limit: p.Config.Outage, Reason: "the targets of node 1 stop there before they start on node 2"}},
		Actions: []evenkeel.Action{
			from("lustre:428", disrupt("standby", "Put "+old+" into standby", "pcs", "cluster", "standby", old)),
			within(p.Config.Outage, seeMounts("empty", "Nothing is mounted on "+n1+" any more", "no Lustre target", noneMounted)),
			from("lustre:437", at(n2, within(p.Config.Outage, seeMounts("served", "Every target is mounted on "+n2, "every target", allMounted(p.enabled()))))),
			from("lustre:436", at(n2, expect(look("status", "Every target runs on "+n2, crmMon...), "every target Started on "+n2, p.runsOn(p.old(n2))))),
			from("lustre:444", change("disable", "Keep the old cluster from starting on "+n1+" at boot", "pcs", "cluster", "disable")),
		},
		Verify: []evenkeel.Action{at(n2, seeCIB("stored", "The standby is stored, so that it outlives a restart", "standby=on for "+old, func(cib *pacemaker.CIB) error {
			if v, _ := nodeAttribute(cib, old, "standby"); v != "on" && v != "true" {
				return fmt.Errorf("the CIB does not say that %s is in standby", old)
			}
			return nil
		}))},
		Closes: []string{"evacuation"},
		Undo: []evenkeel.Action{
			from("lustre:921", change("enable", "Let the old cluster start on "+n1+" at boot again", "pcs", "cluster", "enable")),
			note("with a stickiness of 1000 the targets stay on node 2 until they are moved", disrupt("unstandby", "Take "+old+" out of standby", "pcs", "cluster", "unstandby", old)),
		},
	}
}

func nodeAttribute(cib *pacemaker.CIB, uname, name string) (string, bool) {
	n, ok := cib.Node(uname)
	if !ok {
		return "", false
	}
	return n.Attributes.Get(name)
}

// runsOn wants every target to run on one node.
func (p *Pair) runsOn(name string) func(evenkeel.Observed) error {
	return p.placed(func(PairTarget) string { return name })
}

// placed wants every target to run on the node that where says.
func (p *Pair) placed(where func(PairTarget) string) func(evenkeel.Observed) error {
	return func(o evenkeel.Observed) error {
		st, err := readStatus(o)
		if err != nil {
			return err
		}
		for _, t := range p.enabled() {
			if on := st.RunsOn(t.Resource); !slices.Equal(on, []string{where(t)}) {
				return evenkeel.NotYet(0, "%s runs on %v, not on %s", t.Resource, on, where(t))
			}
		}
		return nil
	}
}

// holdFencing keeps the old cluster from shooting node 1 while it is rebuilt, and takes node 1 out of it cleanly (H1).
func (p *Pair) holdFencing() evenkeel.Step {
	n1, n2 := p.Config.Node1.Name, p.Config.Node2.Name
	return evenkeel.Step{
		ID: "leave-node1", Title: "Take " + n1 + " out of the old cluster, cleanly, with fencing held", Host: n1, Ref: "lustre:452",
		Why: "Not in the guide (H1): with no-quorum-policy=ignore the old cluster on node 2, if it is ever restarted alone, power-cycles node 1 in the middle of its rebuild.",
		Actions: []evenkeel.Action{
			at(n2, change("hold", "Hold fencing in the old cluster", "pcs", "property", "set", "stonith-enabled=false")),
			at(n2, asGuard(seeCIB("held", "Fencing is held, and node 1 stays in standby", "stonith-enabled=false, standby=on", p.fencingHeld))),
			from("lustre:1126", disrupt("pacemaker", "Stop Pacemaker", "service", "pacemaker", "stop")),
			from("lustre:1127", disrupt("corosync", "Stop Corosync", "service", "corosync", "stop")),
		},
		Verify: []evenkeel.Action{at(n2, within(p.Config.Outage, seeMounts("served", "Every target is still mounted on "+n2, "every target", allMounted(p.enabled()))))},
		Undo: []evenkeel.Action{
			disrupt("corosync-start", "Start Corosync", "service", "corosync", "start"),
			disrupt("pacemaker-start", "Start Pacemaker", "service", "pacemaker", "start"),
			at(n2, until(look("member", "Node 1 is a member again", crmMon...), p.Config.Outage, "both nodes online", online(p.old(n1), p.old(n2)))),
			at(n2, change("release", "Let the old cluster fence again", "pcs", "property", "set", "stonith-enabled=true")),
		},
	}
}

func asGuard(a evenkeel.Action) evenkeel.Action {
	a.Guard = true
	return a
}

func (p *Pair) fencingHeld(cib *pacemaker.CIB) error {
	if v, _ := cib.Property("stonith-enabled"); v != "false" {
		return fmt.Errorf("stonith-enabled is %q in the old cluster: it could fence node 1 while that is rebuilt", v)
	}
	if v, _ := nodeAttribute(cib, p.old(p.Config.Node1.Name), "standby"); v != "on" && v != "true" {
		return errors.New("node 1 is not in standby in the old cluster: its targets could come back")
	}
	return nil
}

// stillHeld is fencingHeld as a guard before a step that node 1 must survive.
func (p *Pair) stillHeld() evenkeel.Action {
	return at(p.Config.Node2.Name, asGuard(seeCIB("held", "The old cluster still holds its fire", "stonith-enabled=false, node 1 in standby", p.fencingHeld)))
}

// probeFor knows how to tell whether an operation of the rebuild ran.
func (p *Pair) probeFor(o pacemaker.Operation) (evenkeel.Probe, bool) {
	has := func(id string) func(*pacemaker.CIB) bool {
		return func(c *pacemaker.CIB) bool { _, ok := c.Resource(id); return ok }
	}
	for _, r := range p.CIB.Resources() {
		if o.Name == "create "+r.ID {
			return cibProbe("the CIB has "+r.ID, has(r.ID)), true
		}
	}
	switch {
	case slices.Contains(o.Argv, "setup"):
		return p.confProbe(p.Config.Node1.Name, "corosync.conf is that of "+p.Config.ClusterName+" with "+p.Config.Node1.Name, p.Config.Node1.Name), true
	case len(o.Argv) > 3 && o.Argv[1] == "cluster" && o.Argv[2] == "node" && o.Argv[3] == "add":
		return p.confProbe(p.Config.Node2.Name, "corosync.conf there names both nodes", p.Config.Node1.Name, p.Config.Node2.Name), true
	case slices.Contains(o.Argv, "relocate"):
		return p.relocated(), true
	}
	for _, l := range p.CIB.Locations() {
		where := p.Names.New(l.Node)
		if o.Name == "constraint "+l.ID || o.Name == fmt.Sprintf("%s prefers %s", l.Resource, where) {
			return cibProbe("the CIB has the constraint", func(c *pacemaker.CIB) bool {
				return slices.ContainsFunc(c.Locations(), func(have pacemaker.Location) bool { return have.Resource == l.Resource && have.Node == where })
			}), true
		}
	}
	return evenkeel.Probe{}, false
}

// confProbe looks for the nodes in a corosync.conf. Another cluster's file is a leftover, which setup refuses; a person decides about it (H6).
func (p *Pair) confProbe(host, text string, nodes ...string) evenkeel.Probe {
	const conf = "/etc/corosync/corosync.conf"
	return evenkeel.Probe{Host: host, Cmd: sshexec.Command(sshexec.ReadOnly, "cat", conf), Text: text, Read: func(o evenkeel.Observed) (evenkeel.Trace, error) {
		if o.ExitCode != 0 {
			return evenkeel.Absent, nil
		}
		c, err := pacemaker.ParseCorosyncConf(bytes.NewReader(o.Stdout))
		if err != nil {
			return evenkeel.Undecided, err
		}
		totem, err := c.Totem()
		if err != nil {
			return evenkeel.Undecided, err
		}
		if totem.ClusterName != p.Config.ClusterName {
			return evenkeel.Undecided, evenkeel.NeedsPerson("%s on %s is left over from another cluster (%q): look at it, and remove it (pcs cluster destroy) if this node is the one being rebuilt", conf, host, totem.ClusterName)
		}
		list, err := c.NodeList()
		if err != nil {
			return evenkeel.Undecided, err
		}
		for _, want := range nodes {
			if !slices.ContainsFunc(list, func(n pacemaker.CorosyncNode) bool { return n.Addresses[0] == want }) {
				return evenkeel.Partial, nil
			}
		}
		return evenkeel.Done, nil
	}}
}

// relocated tells whether the targets were moved to the nodes that they prefer.
func (p *Pair) relocated() evenkeel.Probe {
	return evenkeel.Probe{Cmd: sshexec.Command(sshexec.ReadOnly, crmMon...), Text: "every target runs on the node that it prefers", Settle: time.Minute,
		Read: func(o evenkeel.Observed) (evenkeel.Trace, error) {
			err := p.placed(func(t PairTarget) string { return t.Preferred })(o)
			var again *evenkeel.Retry
			switch {
			case err == nil:
				return evenkeel.Done, nil
			case errors.As(err, &again):
				return evenkeel.Absent, nil
			}
			return evenkeel.Undecided, err
		}}
}

// newCluster makes the cluster again on node 1, with every target disabled (lustre:861-1101).
func (p *Pair) newCluster() (evenkeel.Step, error) {
	n := p.node(0)
	s := evenkeel.Step{
		ID: "cluster-node1", Title: "Make the cluster again on " + n.Name + ", with every target disabled", Host: n.Name, Ref: "lustre:861", Irreversible: n.gone(),
		Why: "Every target is made disabled, and the cluster is in maintenance: node 2 still has them mounted (lustre:996, H8).",
	}
	plan := p.Plan
	s.Actions = append(s.Actions, p.stillHeld())
	for i, ops := range [][]pacemaker.Operation{plan.Setup, slices.Concat(plan.Properties, plan.Defaults, plan.Maintenance, plan.Stonith, plan.Resources, plan.Constraints)} {
		actions, err := operations(ops, p.probeFor)
		if err != nil {
			return s, err
		}
		for j := range actions {
			p.answer(&actions[j])
		}
		if p.Config.NoAutostart {
			actions = slices.DeleteFunc(actions, func(a evenkeel.Action) bool { return slices.Contains(a.Cmd.Argv, "enable") })
		}
		s.Actions = append(s.Actions, actions...)
		if i == 0 {
			s.Actions = append(s.Actions, from("lustre:924", until(look("online", "The cluster is up", crmMon...), 5*time.Minute, n.Name+" online, with a DC", online(n.Name))))
		}
	}
	s.Actions = append(s.Actions, n.mountPoints("lustre:1098")...)
	s.Actions = append(s.Actions, n.startAgent("lustre:1108")...)
	s.Verify = []evenkeel.Action{
		seeCIB("disabled", "Every target is disabled, and the cluster is in maintenance", "maintenance-mode=true; target-role=Stopped on each", p.harmless),
		seeCIB("same", "The configuration is the backed-up one, but for what is expected", "no other difference", func(live *pacemaker.CIB) error {
			return p.same(live, pacemaker.ExpectDisabled, pacemaker.ExpectFencingLater, pacemaker.ExpectNodeLater(p.Config.Node2.Name))
		}),
	}
	return s, nil
}

// answer gives a command what it asks for.
func (p *Pair) answer(a *evenkeel.Action) {
	if slices.Contains(a.Cmd.Argv, "auth") {
		a.Cmd.Stdin = sshexec.SecretText(p.Config.Password + "\n")
		a.Cmd.Mask = []sshexec.Secret{p.Config.Password}
	}
}

// harmless wants a cluster that touches no target.
func (p *Pair) harmless(cib *pacemaker.CIB) error {
	if v, _ := cib.Property("maintenance-mode"); v != "true" {
		return fmt.Errorf("maintenance-mode is %q", v)
	}
	for _, t := range p.enabled() {
		r, ok := cib.Resource(t.Resource)
		if !ok {
			return fmt.Errorf("target %s is missing", t.Resource)
		}
		if role, _ := r.Meta.Get("target-role"); role != "Stopped" {
			return fmt.Errorf("target %s is not disabled (target-role %q): it would be mounted on two nodes", t.Resource, role)
		}
	}
	return nil
}

// same wants the live configuration to be the backed-up one but for named differences.
func (p *Pair) same(live *pacemaker.CIB, also ...pacemaker.Expectation) error {
	opts := []pacemaker.DiffOption{pacemaker.RenameNodes(p.Names), pacemaker.Expect(pacemaker.RebuildExpectations()...), pacemaker.Expect(also...)}
	if !p.Config.PlainPCS {
		opts = append(opts, pacemaker.ManagedIDs())
	}
	diff := pacemaker.Diff(p.CIB, live, opts...)
	if len(diff) == 0 {
		return nil
	}
	lines := make([]string, len(diff))
	for i, d := range diff {
		lines[i] = d.String()
	}
	return fmt.Errorf("the configuration is not the backed-up one: %s", strings.Join(lines, "; "))
}

// switchOver is the outage: node 2 lets go of the targets, and node 1 takes them (lustre:1120-1168).
func (p *Pair) switchOver() (evenkeel.Step, error) {
	n1, n2 := p.Config.Node1.Name, p.Config.Node2.Name
	old2 := p.old(n2)
	s := evenkeel.Step{
		ID: "switch-over", Title: "Move every target from " + n2 + " to " + n1, Host: n1, Ref: "lustre:1120",
		Why: "The two clusters share no fencing: nothing but the order of these commands keeps a target from being mounted twice. " +
			"What proves that node 2 has let go is read again immediately before anything starts here.",
		Opens:  []evenkeel.Window{{ID: "switch-over", Invariant: "served", Limit: p.Config.Outage, Reason: "every target stops on node 2 before it starts on node 1 (lustre:1131)"}},
		Closes: []string{"switch-over"},
	}
	s.Actions = append(s.Actions,
		seeCIB("disabled", "The new cluster still touches no target", "maintenance-mode=true; target-role=Stopped on each", p.harmless),
		at(n2, disrupt("standby", "Put "+old2+" into standby in the old cluster", "pcs", "cluster", "standby", old2)),
		at(n2, within(p.Config.Outage, seeMounts("stopped", "Node 2 has let go of every target", "no Lustre target", noneMounted))),
		at(n2, from("lustre:1126", disrupt("pacemaker", "Stop Pacemaker on node 2", "service", "pacemaker", "stop"))),
		at(n2, from("lustre:1127", disrupt("corosync", "Stop Corosync on node 2", "service", "corosync", "stop"))),
		at(n2, from("lustre:1128", change("disable", "Keep the old cluster from starting on node 2 at boot", "pcs", "cluster", "disable"))),
		at(n2, asGuard(expect(look("off", "The old cluster has stopped", "service", "pacemaker", "status"), "it is stopped", func(o evenkeel.Observed) error {
			if o.ExitCode == 0 {
				return errors.New("pacemaker still runs on node 2: it could take a target back")
			}
			return nil
		}))),
		at(n2, asGuard(seeMounts("free", "Nothing is mounted on node 2", "no Lustre target", func(mounted []string) error {
			if len(mounted) > 0 {
				return fmt.Errorf("%s is mounted on node 2: to start it here would mount it twice", strings.Join(mounted, ", "))
			}
			return nil
		}))),
	)
	start, err := operations(p.Plan.SwitchOver, p.probeFor)
	if err != nil {
		return s, err
	}
	for i := range start {
		start[i].Cmd.Effect = evenkeel.Disruptive // a target starts
	}
	s.Actions = append(s.Actions, start...)
	s.Actions = append(s.Actions, within(p.Config.Outage, seeMounts("serving", "Every target is mounted here", "every target", allMounted(p.enabled()))))
	s.Verify = []evenkeel.Action{from("lustre:1155", until(look("status", "Every target runs on "+n1, crmMon...), p.Config.Outage, "every target Started on "+n1, p.runsOn(n1)))}
	s.Undo = p.switchBack()
	return s, nil
}

// switchBack gives the targets back to the old cluster on node 2, as long as that is there.
func (p *Pair) switchBack() []evenkeel.Action {
	n1, n2 := p.Config.Node1.Name, p.Config.Node2.Name
	old2 := p.old(n2)
	var undo []evenkeel.Action
	for _, t := range p.enabled() {
		undo = append(undo, disrupt("disable-"+t.Resource, "Disable "+t.Resource+" in the new cluster", "pcs", "resource", "disable", t.Resource))
	}
	undo = append(undo,
		within(p.Config.Outage, seeMounts("let-go", "Node 1 has let go of every target", "no Lustre target", noneMounted)),
		change("maintenance", "Put the new cluster into maintenance again", "pcs", "property", "set", "maintenance-mode=true"),
		at(n1, asGuard(seeMounts("free-1", "Nothing is mounted on node 1", "no Lustre target", noneMounted))),
		at(n2, disrupt("corosync-start", "Start Corosync on node 2", "service", "corosync", "start")),
		at(n2, disrupt("pacemaker-start", "Start Pacemaker on node 2", "service", "pacemaker", "start")),
		at(n2, until(look("up-2", "The old cluster is up on node 2", crmMon...), p.Config.Outage, old2+" online", online(old2))),
		at(n2, disrupt("unstandby", "Take "+old2+" out of standby", "pcs", "cluster", "unstandby", old2)),
		at(n2, within(p.Config.Outage, seeMounts("serving-2", "Every target is mounted on node 2", "every target", allMounted(p.enabled())))),
	)
	return undo
}

// join takes node 2 into the new cluster (lustre:1596-1650).
func (p *Pair) join() (evenkeel.Step, error) {
	n1, n := p.Config.Node1.Name, p.node(1)
	s := evenkeel.Step{
		ID: "join-node2", Title: "Take " + n.Name + " into the new cluster", Host: n.Name, Ref: "lustre:1596", Irreversible: n.gone(),
		Why: "The mount points and modules come before the node joins, not after it as in the guide (lustre:1628, 1646): without them a target that fails over would fail.",
	}
	s.Actions = append(n.mountPoints("lustre:1632"), n.startAgent("lustre:1640")...)
	ops, err := operations(p.Plan.Join, p.probeFor)
	if err != nil {
		return s, err
	}
	for i := range ops {
		p.answer(&ops[i])
	}
	if p.Config.NoAutostart {
		ops = slices.DeleteFunc(ops, func(a evenkeel.Action) bool { return slices.Contains(a.Cmd.Argv, "enable") })
	}
	s.Actions = append(s.Actions, ops...)
	s.Verify = []evenkeel.Action{at(n1, until(look("online", "Both nodes are online", crmMon...), 5*time.Minute, "both online, with a DC", online(n1, n.Name)))}
	return s, nil
}

// rebalance moves the targets to the nodes that they prefer (lustre:1652-1695).
func (p *Pair) rebalance() (evenkeel.Step, error) {
	n1 := p.Config.Node1.Name
	s := evenkeel.Step{
		ID: "rebalance", Title: "Move the targets to the nodes that they prefer", Host: n1, Ref: "lustre:1652",
		Why:    "Nothing moves back by itself: a stickiness of 1000 beats a preference of 20 against 10 (H17).",
		Opens:  []evenkeel.Window{{ID: "rebalance", Invariant: "served", Limit: p.Config.Outage, Reason: "a target stops on one node before it starts on the other"}},
		Closes: []string{"rebalance"},
	}
	actions, err := operations(p.Plan.Rebalance, p.probeFor)
	if err != nil {
		return s, err
	}
	s.Actions = append(s.Actions, actions...)
	s.Actions = append(s.Actions, until(look("placed", "Every target runs where it should", crmMon...), p.Config.Outage, "each on its preferred node", p.placed(func(t PairTarget) string { return t.Preferred })))
	for i, name := range []string{n1, p.Config.Node2.Name} {
		mine := slices.DeleteFunc(p.enabled(), func(t PairTarget) bool { return t.Preferred != name })
		s.Verify = append(s.Verify, at(name, seeMounts(fmt.Sprintf("mounts-%d", i+1), "Its own targets are mounted on "+name, "its targets, and no other", exactly(mine))))
	}
	s.Irreversible = "nothing needs to be taken back: every target runs on an upgraded node"
	return s, nil
}

// exactly wants these targets and no others.
func exactly(targets []PairTarget) func([]string) error {
	return func(mounted []string) error {
		if err := allMounted(targets)(mounted); err != nil {
			return err
		}
		if len(mounted) != len(targets) {
			return fmt.Errorf("more is mounted than belongs there: %s", strings.Join(mounted, ", "))
		}
		return nil
	}
}

// fencing restores the attributes by which nodes are fenced, last of all (lustre:1697-1760).
func (p *Pair) fencing() evenkeel.Step {
	n1 := p.Config.Node1.Name
	push := sshexec.Command(sshexec.Mutating, "cibadmin", "--modify", "--allow-create", "--scope", "nodes", "--xml-pipe")
	push.Stdin = sshexec.SecretText("the attributes, as XML")
	set := evenkeel.Action{
		ID: "attributes", Title: "Restore the fencing attributes of both nodes", Repeat: evenkeel.Safe, Ref: "lustre:1737",
		Op: &evenkeel.Op{
			Effect: evenkeel.Mutating, Cmds: []sshexec.Cmd{push},
			Text: "Set the attributes of both nodes from the backup, in one change of the CIB, read from standard input: pcs would take the passwords as arguments, where every user of the node " +
				"can read them. By hand, with `pcs property set --node NODE name=value …`: the agent last (H10), and never standby or maintenance (H11).",
			Do: p.pushFencing,
		},
	}
	return evenkeel.Step{
		ID: "fencing", Title: "Restore fencing", Host: n1, Ref: "lustre:1697", Actions: []evenkeel.Action{set},
		Why: "Last, so that nothing is fenced during the work (lustre:1759).",
		Verify: []evenkeel.Action{
			seeCIB("same", "The configuration is the backed-up one, but for what is expected", "no other difference", func(live *pacemaker.CIB) error { return p.same(live) }),
		},
		Irreversible: "a pair without fencing is not to be left alone",
	}
}

func (p *Pair) pushFencing(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
	res, err := at.Run(ctx, at.Host, sshexec.Command(sshexec.ReadOnly, queryCIB...))
	if err != nil {
		return res, err
	}
	live, err := pacemaker.ParseCIB(bytes.NewReader(res.Stdout))
	if err != nil {
		return res, err
	}
	o, err := p.Plan.FencingPush(live)
	if err != nil {
		return res, err
	}
	cmd := sshexec.Command(o.Effect, o.Argv...)
	cmd.Stdin = sshexec.SecretText(sshexec.Secret(o.Stdin))
	res, err = at.Run(ctx, at.Host, cmd)
	res.Stdout = nil
	return res, err
}

// finish looks at the whole once more, and cleans up what the tool brought.
func (p *Pair) finish() evenkeel.Step {
	s := evenkeel.Step{ID: "finish", Title: "The pair is upgraded", Host: p.Config.Node1.Name, Ref: "lustre:1695", Irreversible: "nothing is to be taken back"}
	for i, server := range []Server{p.Config.Node1, p.Config.Node2} {
		n := p.node(i)
		s.Needs = append(s.Needs, n.archiveName)
		s.Actions = append(s.Actions,
			at(server.Name, note("it holds /etc/shadow and private keys; the backup itself is on this machine", change(n.id("clean"), "Remove the copy of the backup from "+server.Name,
				"rm", "-rf", n.tree(), n.tree()+".tgz"))))
		s.Verify = append(s.Verify, at(server.Name, expect(look(n.id("release"), server.Name+" runs the new system", "cat", "/etc/redhat-release"), p.Config.NewRelease, contains(p.Config.NewRelease))))
	}
	s.Verify = append(s.Verify, expect(look("status", "Both nodes are online, and every target runs where it should", crmMon...), "each on its preferred node",
		p.placed(func(t PairTarget) string { return t.Preferred })))
	return s
}
