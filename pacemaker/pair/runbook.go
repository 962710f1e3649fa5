package pair

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Runbook is the upgrade of the pair by way of two clusters: node 1 is rebuilt while node 2 serves, the units move to it
// one by one, then node 2 is rebuilt and joins, and the units go where they belong. On the way rolling it is the update node by node, in
// one cluster.
func (p *Pair) Runbook() (*evenkeel.Runbook, error) {
	if p.rolling() {
		return p.rollingRunbook()
	}
	n1, n2 := p.node(0), p.node(1)
	first, err0 := p.preflight()
	cluster, err1 := p.makeCluster()
	moves, err2 := p.moves()
	join, err3 := p.join()
	if err := errors.Join(err0, err1, err2, err3); err != nil {
		return nil, err
	}
	rb := &evenkeel.Runbook{
		Name: "pacemaker-pair", Title: fmt.Sprintf("Upgrade of the pair %s and %s to %s", n1.Name, n2.Name, p.to.Title),
		Intro: p.intro(), Dropped: p.dropped(), Inputs: p.inputs(), LeaseHosts: []string{n1.Name, n2.Name},
		Invariants: []evenkeel.Invariant{p.once(), p.served()}, Compare: p.compare,
		Secrets: p.secrets(),
		Steps: slices.Concat([]evenkeel.Step{
			first, n1.backupStep(), n2.backupStep(), p.evacuate(), p.leave(),
			n1.shutDownStep(p.spareNode1()...), n1.installStep(), n1.restoreStep(), n1.softwareStep(), cluster,
		}, moves, []evenkeel.Step{
			n2.shutDownStep(p.seeStopped("stopped", n2.Name)...), n2.installStep(), n2.restoreStep(), n2.softwareStep(),
			join, p.fencing(), p.rebalance(p.newCluster(n1.Name), itself), p.finish(),
		}),
	}
	installs := func(c sshexec.Cmd) bool {
		return slices.Equal(c.Argv[:min(len(c.Argv), len(p.to.install))], p.to.install)
	}
	BoundCommands(rb, installs)
	LimitWindows(rb)
	rb.MarkWide(Wide)
	rb.MarkDetached(installs) // killed half-way, with its connection, it leaves the packages in disorder
	return rb, rb.Validate()
}

func (p *Pair) intro() string {
	return "One node is rebuilt while the other serves, in a cluster of its own. A unit is what is moved as one; it starts in " +
		"the new " +
		"cluster only when it is proven gone from the node of the old one. Made from the backups of both nodes; the cluster is made " +
		"again as it was. What is served is seen on the node itself: the firewall of the new system is opened for the cluster " +
		"alone, so have it restored, or installed, with what clients need. HN is a hazard of docs/references.md." +
		p.unitTable(Unit.How) + p.remarks()
}

// unitTable is what the units serve, where, and how they move.
func (p *Pair) unitTable(how func(Unit) string) string {
	var b strings.Builder
	b.WriteString("\n\n| unit | serves | prefers | how it moves |\n|---|---|---|---|\n")
	for _, u := range p.Units {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", strings.Join(u.Tops, ", "), strings.Join(u.Serves(), ", "), p.home(u), how(u))
	}
	return b.String()
}

// remarks are what the way costs, and what is not as it should be.
func (p *Pair) remarks() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nOutage: %s.\n", p.Way.Outage)
	for _, c := range p.Way.Costs {
		fmt.Fprintf(&b, "\n- %s", c)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "\n- NOTE: %s", n)
	}
	for _, s := range p.InSpite {
		fmt.Fprintf(&b, "\n- BLOCKER, OVERRIDDEN: %s", s)
	}
	return strings.TrimRight(b.String(), " \n")
}

func (p *Pair) dropped() (list []string) {
	for _, d := range p.Plan.Dropped {
		list = append(list, d.String())
	}
	return list
}

func (p *Pair) inputs() []evenkeel.Input {
	var list []evenkeel.Input
	for i, s := range p.servers() {
		list = append(list, evenkeel.NewInput(s.Backup, []byte(p.archives[i].SHA256())))
	}
	// An overridden blocker is signed with the rest, and stands in the journal.
	return append(list, evenkeel.NewInput("overridden blockers", []byte(strings.Join(p.InSpite, "\n"))))
}

func (p *Pair) secrets() []sshexec.Secret {
	if p.Config.Password == "" { // on the way rolling nothing asks for it
		return p.CIB.Secrets()
	}
	return append(p.CIB.Secrets(), p.Config.Password)
}

// oldCluster is the one that is given up, asked on a host.
func (p *Pair) oldCluster(host string) live.Cluster {
	return live.Cluster{Dialect: p.oldPCS, Via: host, Hosts: p.Names}
}

// newCluster is the one that is made.
func (p *Pair) newCluster(host string) live.Cluster {
	return live.Cluster{Dialect: p.newPCS, Via: host, Password: p.Config.Password}
}

// changed are the actions of a change of a cluster, under a title.
func changed(id, title string, c change.Change) []evenkeel.Action {
	c.Title, c.Ref = title, ""
	return evenkeel.Actions(id, c)
}

// disrupting is a change that users feel.
func disrupting(c change.Change) change.Change {
	c.Cmd.Effect = evenkeel.Disruptive
	return c
}
