package placement

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// Loss is what the loss of one node would do to a cluster. [CanLose] computes it.
type Loss struct {
	Node    string
	OK      bool   // everything that should run would still run
	Lost    []Lost // what would not, and why
	Moves   []Move // what would start elsewhere instead
	Quorum  string // what becomes of the quorum, in words; empty when nothing was to be said
	Already bool   // the node is not available even now
}

// Lost is a resource that would run nowhere any more. A clone is lost with its last instance; what needs more of them, by clone-min, is
// lost itself.
type Lost struct {
	Resource string
	Why      string
}

// String is a verdict in one sentence.
func (l Loss) String() string {
	if l.OK {
		return fmt.Sprintf("%s can be lost: %d resources would move", l.Node, len(l.Moves))
	}
	texts := make([]string, len(l.Lost))
	for i, x := range l.Lost {
		texts[i] = x.Resource + " (" + x.Why + ")"
	}
	return fmt.Sprintf("%s must not be lost: %s would run nowhere", l.Node, strings.Join(texts, ", "))
}

// CanLose says whether a node can be taken away, by a stop or by its death, with everything that should run now still running
// elsewhere afterwards. It is the check before each half of an upgrade: put node 1 to sleep only when node 2 can carry all of it.
//
// Quorum is corosync's: conf is the cluster's corosync.conf, for two_node, expected_votes and a quorum device. It may be nil when
// no-quorum-policy is ignore, as it always is under IML. Every node has one vote. A quorum device, or a cluster whose
// quorum cannot be told from what is known, is an error that is [pacemaker.ErrUnsupported]; so is everything that [Of] does not
// compute. A node that is not in the CIB is [pacemaker.ErrNotFound]; a CIB that does not say what runs now is [ErrNoState].
func CanLose(c *pacemaker.CIB, node string, conf *corosync.Conf) (*Loss, error) {
	if c.Root() == nil {
		return nil, fmt.Errorf("cannot tell whether %s can be lost: %w", node, pacemaker.ErrNoCIB)
	}
	if _, ok := c.Node(node); !ok {
		return nil, fmt.Errorf("node %s: %w", node, pacemaker.ErrNotFound)
	}
	now, err := place(c, nil)
	if err != nil {
		return nil, err
	}
	if err := now.stateKnown(node); err != nil {
		return nil, err
	}
	quorum, words, err := now.quorumWithout(node, conf)
	if err != nil {
		return nil, fmt.Errorf("quorum without %s: %w", node, err)
	}
	then, err := place(c, []Option{WithoutNode(node), withQuorum(quorum)})
	if err != nil {
		return nil, err
	}
	loss := &Loss{Node: node, Quorum: words, Already: !now.nodes[now.nodeIndex(node)].available()}
	for i, top := range now.tops {
		loss.compare(top, then.tops[i], then)
	}
	loss.OK = len(loss.Lost) == 0
	return loss, nil
}

// ErrNoState means that a CIB does not say what runs now: it is a configuration without a status, a backup, or of a
// cluster that is down. Nothing that runs there is known, so nothing can be said of what would be lost.
var ErrNoState = errors.New("the CIB does not say what runs now: read it from the running cluster, with its status section")

// stateKnown finds out whether the status has the node, and one that is online.
func (p *placing) stateKnown(node string) error {
	var why string
	switch at := p.nodeIndex(node); {
	case p.cib.Root().SelectElement("status") == nil:
		why = "there is no status section"
	case !p.nodes[at].seen:
		why = "the status does not name the node"
	case !slices.ContainsFunc(p.nodes, func(n *placeNode) bool { return n.online && !n.unclean }):
		why = "no node is online"
	default:
		return nil
	}
	return fmt.Errorf("cannot tell whether %s can be lost: %w (%s)", node, ErrNoState, why)
}

func withQuorum(has bool) Option { return func(p *placing) { p.quorum = &has } }

// compare notes what becomes of a resource at the top level.
func (l *Loss) compare(now, then *placeRes, p *placing) {
	if now.kind == pacemaker.Clone {
		up := func(clone *placeRes) int {
			n := 0
			for _, part := range clone.parts {
				if part.whole() {
					n++
				}
			}
			return n
		}
		if before, after := up(now), up(then); before > 0 && after == 0 {
			l.Lost = append(l.Lost, Lost{now.id, then.parts[0].primitives()[0].reasonOf(p)})
		}
		return
	}
	after := then.primitives()
	for i, r := range now.primitives() {
		switch {
		case !r.runs:
		case !after[i].runs:
			l.Lost = append(l.Lost, Lost{r.id, after[i].reasonOf(p)})
		case after[i].assigned != r.assigned:
			l.Moves = append(l.Moves, Move{Resource: r.id, From: []string{p.nodes[r.assigned].name}, To: p.nodes[after[i].assigned].name})
		}
	}
}

// reasonOf is why a resource has no node.
func (r *placeRes) reasonOf(p *placing) string {
	if r.why != "" {
		return r.why
	}
	return p.reason(r)
}

var errQuorumUnknown = errors.New("corosync.conf is needed to tell")

// quorumWithout says whether the cluster keeps its quorum without a node, and how that is known.
func (p *placing) quorumWithout(node string, conf *corosync.Conf) (bool, string, error) {
	if p.options.noQuorum == "ignore" {
		return p.options.quorum, "no-quorum-policy is ignore", nil
	}
	votes, left := 0, 0
	for _, n := range p.nodes {
		if n.ping {
			continue
		}
		votes++
		if n.online && n.name != node {
			left++
		}
	}
	twoNode := false
	if conf != nil {
		q, err := conf.Quorum()
		switch {
		case err != nil:
			return false, "", err
		case q.Device != nil:
			return false, "", fmt.Errorf("a quorum device votes as well: %w", pacemaker.ErrUnsupported)
		case q.AutoTieBreaker || q.LastManStanding:
			return false, "", fmt.Errorf("auto_tie_breaker or last_man_standing: %w", pacemaker.ErrUnsupported)
		}
		members, err := conf.NodeList()
		if err != nil {
			return false, "", err
		}
		if slices.ContainsFunc(members, func(n corosync.Node) bool { return n.Votes > 1 }) {
			return false, "", fmt.Errorf("a node with several votes: %w", pacemaker.ErrUnsupported)
		}
		twoNode = q.TwoNode
		votes = max(votes, q.ExpectedVotes)
	}
	switch {
	case twoNode && votes == 2:
		return left >= 1, "two_node: one node is enough", nil
	case votes == 2 && conf == nil && left == 1:
		return false, "", fmt.Errorf("two nodes, of which one stays: %w: %w", errQuorumUnknown, pacemaker.ErrUnsupported)
	}
	return left > votes/2, fmt.Sprintf("%d of %d votes stay", left, votes), nil
}
