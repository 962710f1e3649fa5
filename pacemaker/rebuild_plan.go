package pacemaker

import (
	"bufio"
	"io"
	"strings"
)

// RebuildPlan is the cluster as a list of operations, in the order of the guide (PCM-062). The sections up to Constraints run on
// node 1 while node 2 still serves.
type RebuildPlan struct {
	Setup       []Operation // auth, setup, start, enable
	Properties  []Operation
	Defaults    []Operation
	Maintenance []Operation
	Stonith     []Operation
	Resources   []Operation // every one disabled
	Constraints []Operation // and what refers to resources as well: fencing levels, tags, access rights, alerts
	StopOther   []Operation // on node 2: the outage begins
	SwitchOver  []Operation // on node 1: the outage ends
	Join        []Operation // node 2 comes back
	Rebalance   []Operation
	Fencing     []Operation // last, so that nothing is fenced during the work (PCM-046)

	Dropped []Dropped // what the old configuration holds and the new one will not

	want    *CIB // the model: the configuration of the new cluster, with every target disabled
	roles   []targetRole
	fencing []nodeAttributes
}

type nodeAttributes struct {
	node  string
	pairs []NVPair
}

// targetRole is what a resource was meant to do in the old cluster: each one at the top level, and what says so inside one.
type targetRole struct {
	id    string
	kind  Kind
	was   string // empty where it is not said, which is Started
	inner bool   // it stands inside another, which is enabled
}

// Dropped is something of the old configuration that is not carried over, or not as it was, and why.
type Dropped struct {
	What string
	Why  string
}

// String is "what: why".
func (d Dropped) String() string { return d.What + ": " + d.Why }

// PlanSection is a named part of a plan.
type PlanSection struct {
	Name       string
	Operations []Operation
}

// Sections are the parts of the plan in the order in which they run.
func (p *RebuildPlan) Sections() []PlanSection {
	return []PlanSection{
		{"setup", p.Setup},
		{"properties", p.Properties},
		{"defaults", p.Defaults},
		{"maintenance", p.Maintenance},
		{"stonith", p.Stonith},
		{"resources", p.Resources},
		{"constraints", p.Constraints},
		{"stop the other node", p.StopOther},
		{"switch over", p.SwitchOver},
		{"join", p.Join},
		{"rebalance", p.Rebalance},
		{"fencing", p.Fencing},
	}
}

// Operations are all operations in the order in which they run.
func (p *RebuildPlan) Operations() []Operation {
	var all []Operation
	for _, s := range p.Sections() {
		all = append(all, s.Operations...)
	}
	return all
}

// String is the plan for a reader: each command with the node it runs on, secrets masked, and what is dropped.
func (p *RebuildPlan) String() string {
	var b strings.Builder
	_, _ = p.WriteTo(&b) // a strings.Builder does not fail
	return b.String()
}

// WriteTo writes what [RebuildPlan.String] is, without having all of it at once.
func (p *RebuildPlan) WriteTo(w io.Writer) (int64, error) {
	n, out := int64(0), bufio.NewWriter(w)
	line := func(parts ...string) {
		for _, part := range append(parts, "\n") {
			written, _ := out.WriteString(part) // the first error shows up in Flush
			n += int64(written)
		}
	}
	for _, s := range p.Sections() {
		line("# ", s.Name)
		for _, o := range s.Operations {
			line("[", o.Node, "] ", o.String())
		}
	}
	line("# dropped")
	for _, d := range p.Dropped {
		line(d.String())
	}
	return n, out.Flush()
}
