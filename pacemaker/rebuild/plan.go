package rebuild

import (
	"bufio"
	"io"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// Plan is the cluster as a list of operations, in the order of the guide (PCM-062). The sections up to Constraints run on
// node 1 while node 2 still serves.
type Plan struct {
	Setup       []pcs.Operation // auth, setup, start, enable
	Properties  []pcs.Operation
	Defaults    []pcs.Operation
	Maintenance []pcs.Operation
	Stonith     []pcs.Operation
	Resources   []pcs.Operation // every one disabled
	Constraints []pcs.Operation // and what refers to resources as well: fencing levels, tags, access rights, alerts
	StopOther   []pcs.Operation // on node 2: the outage begins
	SwitchOver  []pcs.Operation // on node 1: the outage ends
	Join        []pcs.Operation // node 2 comes back
	Rebalance   []pcs.Operation
	Fencing     []pcs.Operation // last, so that nothing is fenced during the work (PCM-046)

	Dropped []Dropped // what the old configuration holds and the new one will not

	want    *pacemaker.CIB // the model: the configuration of the new cluster, with every target disabled
	roles   []targetRole
	fencing []nodeAttributes
}

type nodeAttributes struct {
	node  string
	pairs []pacemaker.NVPair
}

// targetRole is what a resource was meant to do in the old cluster: each one at the top level, and what says so inside one.
type targetRole struct {
	id    string
	kind  pacemaker.Kind
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
	Operations []pcs.Operation
}

// Sections are the parts of the plan in the order in which they run.
func (p *Plan) Sections() []PlanSection {
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
func (p *Plan) Operations() []pcs.Operation {
	var all []pcs.Operation
	for _, s := range p.Sections() {
		all = append(all, s.Operations...)
	}
	return all
}

// String is the plan for a reader: each command with the node it runs on, secrets masked, and what is dropped.
func (p *Plan) String() string {
	var b strings.Builder
	_, _ = p.WriteTo(&b) // a strings.Builder does not fail
	return b.String()
}

// WriteTo writes what [Plan.String] is, without having all of it at once.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
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
