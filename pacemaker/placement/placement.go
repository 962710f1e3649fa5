package placement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// Placement says where every primitive of a CIB runs now and where Pacemaker would run it. [Of] computes it.
type Placement struct {
	Nodes     []Node     // by name
	Instances []Instance // in the order in which Pacemaker places resources: higher priority first, then as in the document
}

// Node is a node as the scheduler sees it.
type Node struct {
	Name      string
	Available bool   // resources may be placed on it
	Why       string // why not: offline, standby, maintenance, shutting down, to be fenced; empty when it is available
}

// Instance is a primitive, or one copy of a primitive in a clone.
type Instance struct {
	Resource  string      // the id of the primitive
	Parents   []string    // the ids of the groups and clones around it, the outermost first
	Managed   bool        // false: Pacemaker leaves it where it is
	Running   []string    // where it is active now; more than one node means trouble
	Node      string      // where it would be after Pacemaker has done what it wants; empty is nowhere
	Why       string      // why it would run nowhere; empty when it has a node
	Scores    []NodeScore // for each node, best first, as they were when it was placed
	Preferred []string    // the nodes that its location constraints alone score highest, above 0
}

// NodeScore is a node's score for a resource.
type NodeScore struct {
	Node  string
	Score pacemaker.Score
}

// Move is an instance that would run elsewhere than it does.
type Move struct {
	Resource string
	From     []string // empty: it starts
	To       string   // empty: it stops
	Why      string   // of a stop
}

// String is a sentence without a full stop.
func (m Move) String() string {
	switch {
	case len(m.From) == 0:
		return fmt.Sprintf("%s starts on %s", m.Resource, m.To)
	case m.To == "":
		return fmt.Sprintf("%s stops on %s: %s", m.Resource, strings.Join(m.From, " and "), m.Why)
	}
	return fmt.Sprintf("%s moves from %s to %s", m.Resource, strings.Join(m.From, " and "), m.To)
}

// Option changes the question that [Of] answers.
type Option func(*placing)

// IgnoreStickiness places resources as if none preferred to stay where it is: what `pcs resource relocate` does for a moment.
func IgnoreStickiness() Option { return func(p *placing) { p.ignoreStickiness = true } }

// WithoutNode places resources as if a node had left for good: switched off, fenced, or its cluster software stopped.
func WithoutNode(name string) Option { return func(p *placing) { p.lost = name } }

// Of computes where everything runs and where it should, from the configuration and the status of the CIB. It knows
// primitives, templates, groups and anonymous clones; location constraints with nodes, patterns, sets, tags and rules
// on node attributes; colocation and order constraints, also of sets; tickets; stickiness, priority, target-role,
// is-managed, maintenance, standby, fail counts with migration-threshold and whether changed parameters clear them,
// failed operations with their default consequence, symmetric and asymmetric clusters, quorum, fencing, and the state
// of nodes. Ties are broken as Pacemaker 2.1 does.
//
// Only properties, meta attributes, attributes of constraints, states of nodes and records of operations that are on a
// list are taken; so are names that cannot be Pacemaker's own. Whatever else could decide a placement (see
// [Unsupported]) is not guessed: the answer is a [*Error] that names each such thing and its place, and is
// [pacemaker.ErrUnsupported] for errors.Is. Actions are taken to succeed, and rules on dates are never computed, so
// that the same CIB always has the same answer.
//
// Upstream: https://clusterlabs.org/projects/pacemaker/doc/2.1/Pacemaker_Explained/html/constraints.html
func Of(c *pacemaker.CIB, options ...Option) (*Placement, error) {
	p, err := place(c, options)
	if err != nil {
		return nil, err
	}
	return p.result(), nil
}

// Relocate is what `pcs resource relocate run` would move: every resource to the node it would have if nothing held it where it is
// (PCM-041, H17, lustre:1656-1666). An empty list means that everything is where it prefers to be.
func Relocate(c *pacemaker.CIB) ([]Move, error) {
	p, err := Of(c, IgnoreStickiness())
	if err != nil {
		return nil, err
	}
	return p.Moves(), nil
}

// Moves is what Pacemaker would change: starts, stops and moves, in the order of the instances.
func (p *Placement) Moves() []Move {
	var moves []Move
	for _, i := range p.Instances {
		if i.settled() {
			continue
		}
		moves = append(moves, Move{Resource: i.Resource, From: i.Running, To: i.Node, Why: i.Why})
	}
	return moves
}

// settled says whether an instance is where it should be.
func (i Instance) settled() bool {
	if i.Node == "" {
		return len(i.Running) == 0
	}
	return len(i.Running) == 1 && i.Running[0] == i.Node
}

// Of are the instances of a primitive.
func (p *Placement) Of(resource string) []Instance {
	var all []Instance
	for _, i := range p.Instances {
		if i.Resource == resource {
			all = append(all, i)
		}
	}
	return all
}

// On are the instances that would run on a node.
func (p *Placement) On(node string) []Instance {
	var all []Instance
	for _, i := range p.Instances {
		if i.Node == node {
			all = append(all, i)
		}
	}
	return all
}

// NotPreferred are the instances that run, but not on a node that their location constraints score highest: what is left to do after
// the second node has come back (H17, lustre:1668-1673). An instance without a preference is never among them.
func (p *Placement) NotPreferred() []Instance {
	var all []Instance
	for _, i := range p.Instances {
		off := func(node string) bool { return !slices.Contains(i.Preferred, node) }
		if len(i.Preferred) > 0 && slices.ContainsFunc(i.Running, off) {
			all = append(all, i)
		}
	}
	return all
}
