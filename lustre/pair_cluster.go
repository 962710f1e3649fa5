package lustre

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// newCluster makes the cluster again on node 1, with every target disabled (lustre:861-1101).
func (p *Pair) newCluster() (evenkeel.Step, error) {
	n, n2 := p.node(0), p.node(1)
	s := evenkeel.Step{
		ID: "cluster-node1", Title: "Make the cluster again on " + n.Name + ", with every target disabled", Host: n.Name, Ref: "lustre:861", Irreversible: n.gone(),
		Why:   "Every target is made disabled, and the cluster is in maintenance: node 2 still has them mounted (lustre:996, H8).",
		Needs: []evenkeel.FactKey{n2.bootSeen, n.fenced},
	}
	plan := p.Plan
	setup, err1 := p.planned(plan.Setup)
	settings, err2 := p.planned(plan.Properties, plan.Defaults, plan.Maintenance)
	content, err3 := p.planned(plan.Stonith, plan.Resources, plan.Constraints)
	if err := errors.Join(err1, err2, err3); err != nil {
		return s, err
	}
	s.Actions = slices.Concat(
		p.spareNode1(),
		[]evenkeel.Action{seeAbsent("leftovers", "Nothing is left over from another cluster", leftovers...)},
		setup,
		[]evenkeel.Action{from("lustre:924", within(startLimit, seeStatus("online", "The cluster is up", n.Name+" online, with a DC", online(n.Name))))},
		settings,
		[]evenkeel.Action{guard(seeCIB("maintenance", "The cluster is in maintenance: it acts on nothing", "maintenance-mode=true", inMaintenance))},
		content, n.mountPoints("lustre:1098"), n.startAgent("lustre:1108"))
	s.Verify = []evenkeel.Action{
		seeCIB("disabled", "Every target is disabled, and the cluster is in maintenance", "maintenance-mode=true; target-role=Stopped on each", p.harmless),
		seeCIB("same", "The configuration is the backed-up one, but for what is expected", "no other difference", func(live *pacemaker.CIB) error {
			return p.same(live, pacemaker.ExpectDisabled, pacemaker.ExpectFencingLater, pacemaker.ExpectNodeLater(n2.Name))
		}),
	}
	return s, nil
}

// leftovers are the files by which pcs takes a machine for a member of a cluster (H6).
var leftovers = []string{corosyncConf, "/etc/pacemaker/authkey", "/var/lib/pacemaker/cib/cib.xml"}

// startLimit is how long a cluster may take to come up; the first start waits 20 s for other nodes (H5).
const startLimit = 5 * time.Minute

// planned turns parts of the plan into actions: with the password where one is asked for, and with or without a start at boot (LUS-060).
func (p *Pair) planned(parts ...[]pacemaker.Operation) ([]evenkeel.Action, error) {
	actions, err := operations(slices.Concat(parts...), p.probeFor)
	for i := range actions {
		if clusterVerb(actions[i], "auth") { // it asks for the password
			actions[i].Cmd.Stdin = sshexec.SecretText(p.Config.Password + "\n")
			actions[i].Cmd.Mask = []sshexec.Secret{p.Config.Password}
		}
	}
	for i, a := range actions {
		switch {
		case !clusterVerb(a, "enable"):
		case p.Config.NoAutostart:
			return slices.Delete(actions, i, i+1), err
		case i > 0 && clusterVerb(actions[i-1], "start"):
			// Before the start, unlike in the guide: a node that loses power between the two comes back with its cluster.
			actions[i-1], actions[i] = actions[i], actions[i-1]
		}
	}
	return actions, err
}

// clusterVerb tells whether an action is `pcs cluster VERB`.
func clusterVerb(a evenkeel.Action, verb string) bool {
	return len(a.Cmd.Argv) > 2 && a.Cmd.Argv[1] == "cluster" && a.Cmd.Argv[2] == verb
}

func inMaintenance(cib *pacemaker.CIB) error {
	if v, _ := cib.Property("maintenance-mode"); v != "true" {
		return fmt.Errorf("maintenance-mode is %q", v)
	}
	return nil
}

// harmless wants a cluster that touches no target.
func (p *Pair) harmless(cib *pacemaker.CIB) error {
	if err := inMaintenance(cib); err != nil {
		return err
	}
	for _, t := range p.Targets {
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
