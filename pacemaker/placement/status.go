package placement

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// readStatus reads the nodes' states and, from the histories of operations, where everything is active.
func (p *placing) readStatus() {
	status := p.cib.Root().SelectElement("status")
	if status == nil {
		p.checkUnclean()
		return
	}
	states := status.SelectElements("node_state")
	for _, e := range states {
		p.readNodeState(e)
	}
	if at := p.nodeIndex(p.lost); at >= 0 {
		p.nodes[at] = &placeNode{name: p.nodes[at].name, id: p.nodes[at].id, attributes: p.nodes[at].attributes, seen: true}
	}
	// Without fencing, the nodes that are online come first: that numbers the instances of clones.
	if !p.options.fencing {
		slices.SortStableFunc(states, func(a, b *etree.Element) int { return cmp.Compare(p.later(a), p.later(b)) })
	}
	for _, e := range states {
		at := p.stateNode(e)
		if at < 0 || p.nodes[at].ping || p.nodes[at].name == p.lost {
			continue
		}
		if lrm := e.SelectElement("lrm"); lrm != nil {
			for _, list := range lrm.SelectElements("lrm_resources") {
				for _, r := range list.SelectElements("lrm_resource") {
					p.readHistory(at, r)
				}
			}
		}
	}
	p.checkUnclean()
}

func (p *placing) later(state *etree.Element) int {
	if at := p.stateNode(state); at >= 0 && p.nodes[at].online {
		return 0
	}
	return 1
}

// history is what the operations of one resource on one node add up to.
type history struct {
	active, failed bool
	failure        string // the operation that failed last, until it is cleared
	stuck          bool   // a stop failed: nobody but a fence device can get it off the node
	hidden         bool   // a probe found that the agent is not usable there
}

// readHistory reads what a resource did on a node, oldest first.
func (p *placing) readHistory(at int, e *etree.Element) {
	ops := e.SelectElements("lrm_rsc_op")
	if len(ops) == 0 {
		return
	}
	slices.SortStableFunc(ops, func(a, b *etree.Element) int { return cmp.Compare(pacemaker.CallID(a), pacemaker.CallID(b)) })
	id := e.SelectAttrValue("id", "")
	r := p.historyOf(at, id)
	what := "history of " + id + " on " + p.nodes[at].name
	if p.histories[failKey{at, id}] {
		p.refuse(featureHistory, what, "it stands there twice")
	}
	p.histories[failKey{at, id}] = true
	p.checkAgent(r, what, e)
	p.checkOperations(at, r, what, id, ops)
	var h history
	for _, op := range ops {
		p.readOperation(r, what, op, &h)
	}
	if r == nil {
		p.orphan(at, what, h)
		return
	}
	if h.hidden {
		r.anonymousTop().deny(at, "the agent cannot be used on "+p.nodes[at].name)
	}
	if h.stuck {
		p.stuck(at, r, what, &h)
	}
	if h.active {
		p.active(at, r, what, h)
	}
}

// checkAgent refuses a history of another agent than the resource has: Pacemaker stops what that one started, and forgets its failures.
func (p *placing) checkAgent(r *placeRes, what string, e *etree.Element) {
	if r == nil {
		return
	}
	for i, name := range []string{"class", "provider", "type"} {
		if value := e.SelectAttrValue(name, ""); value != r.agent[i] {
			p.refuse(featureHistory, what, "it is of an agent with %s=%s, and the resource has %s", name, value, r.agent[i])
		}
	}
}

// checkOperations refuses entries of another form than those that the cluster writes: all that is read later stands in them, and their
// order is known.
func (p *placing) checkOperations(at int, r *placeRes, what, id string, ops []*etree.Element) {
	calls := make(map[int]string)
	for _, op := range ops {
		if op.SelectAttrValue("operation", "") == "notify" || op.SelectAttrValue("operation", "") == "meta-data" {
			continue
		}
		entry := op.SelectAttrValue("id", "")
		for _, name := range []string{"rc-code", "op-status", "call-id", "interval"} {
			if _, err := strconv.Atoi(op.SelectAttrValue(name, "")); err != nil {
				p.refuse(featureHistory, what, "%s: %s=%q", entry, name, op.SelectAttrValue(name, ""))
			}
		}
		task := op.SelectAttrValue("operation", "")
		key := id + "_" + task + "_" + op.SelectAttrValue("interval", "")
		if written := op.SelectAttr("operation_key"); written != nil && written.Value != key {
			p.refuse(featureHistory, what, "%s: operation_key is not %s", entry, key)
		}
		if op.SelectAttrValue("op-status", "") != "-1" && strings.HasPrefix(op.SelectAttrValue("call-id", ""), "-") {
			p.refuse(featureHistory, what, "%s: it has a result and no call-id", entry)
		}
		// The last failure may be the last operation as well.
		same := key + " " + op.SelectAttrValue("rc-code", "") + " " + op.SelectAttrValue("op-status", "")
		call := pacemaker.CallID(op)
		if before, twice := calls[call]; twice && before != same {
			p.refuse(featureHistory, what, "%s: call-id %d is another operation as well", entry, call)
		}
		calls[call] = same
		p.readVerdict(at, r, id, op)
	}
}

// stuck deals with a stop that failed: with fencing the node is fenced, without it the resource is left alone.
func (p *placing) stuck(at int, r *placeRes, what string, h *history) {
	r.deny(at, "a stop failed on "+p.nodes[at].name)
	switch {
	case p.options.fencing:
		p.nodes[at].unclean = true
	case r.parent != nil:
		p.refuse(featureFailure, what, "a stop failed, and fencing is off")
	case h.active && h.failed:
		r.managed = false
	}
}

// anonymousTop is the clone around an instance, else the resource itself: what a failure on a node forbids there.
func (r *placeRes) anonymousTop() *placeRes {
	if top := r.topmost(); top.kind == pacemaker.Clone {
		return top
	}
	return r
}

// readOperation follows one operation.
func (p *placing) readOperation(r *placeRes, what string, op *etree.Element, h *history) {
	task := op.SelectAttrValue("operation", "")
	status, err := strconv.Atoi(op.SelectAttrValue("op-status", ""))
	if task == "notify" || task == "meta-data" || err != nil || status == 1 { // 1: cancelled
		return
	}
	probe := task == "monitor" && op.SelectAttrValue("interval", "0") == "0"
	rc, _ := strconv.Atoi(op.SelectAttrValue("rc-code", "0"))
	if task == "monitor" && rc == 190 { // degraded, but running
		rc = 0
	}
	switch {
	case task == "migrate_to" || task == "migrate_from" || status < 0 && task != "monitor":
		p.refuse(featurePending, what, "%s, status %d", task, status)
		return
	case task == "promote" || task == "demote" || rc == 8 || rc == 9:
		p.refuse(featurePromotable, what, "%s, result %d", task, rc)
		return
	case status < 0: // a monitor that has not answered yet
		return
	case probe && (rc == 5 || rc == 2 || status == 7): // not installed, not configured for this node
		p.checkExpiry(r, what, task)
		h.active, h.hidden = false, true
		return
	}
	expected, known := expectedResult(op)
	switch {
	case !known:
		p.refuse(featureFailure, what, "%s without an expected result", task)
	case status != 0 && status != 4, rc != 0 && rc != 7:
		p.failed(r, what, task, rc, status, op, h)
	case rc == 7 && (probe || expected == 7 || r != nil && !r.managed):
		*h = history{hidden: h.hidden, stuck: h.stuck}
	case rc == expected, probe && rc == 0 && expected == 7:
		h.succeed(task, op)
	default:
		p.failed(r, what, task, rc, status, op, h)
	}
}

// succeed takes a good result into account. A start or stop ends what failed before.
func (h *history) succeed(task string, op *etree.Element) {
	switch task {
	case "start":
		*h = history{active: true, hidden: h.hidden, stuck: h.stuck}
	case "stop":
		*h = history{hidden: h.hidden, stuck: h.stuck}
	default:
		h.active = true
		if task == "monitor" && h.failure == operationKey(op) {
			h.failed = false
		}
	}
}

// failed takes a failure into account, where all it means is that the resource is restarted.
func (p *placing) failed(r *placeRes, what, task string, rc, status int, op *etree.Element, h *history) {
	recoverable := (task == "start" || task == "monitor" || task == "stop" && rc != 7) && (rc == 1 || rc == 7 || status == 2) &&
		(status == 0 || status == 4 || status == 2)
	switch {
	case !recoverable:
		p.refuse(featureFailure, what, "%s, result %d, status %d", task, rc, status)
	case r != nil && p.ownFailurePolicy(r, op):
		p.refuse(featureFailure, what, "%s failed, and on-fail is set", task)
	}
	p.checkExpiry(r, what, task)
	if task == "stop" {
		h.stuck = true
	}
	h.active, h.failed, h.failure = true, true, operationKey(op)
}

// checkExpiry refuses a failure that the cluster forgets after a time: the answer would hang on the clock.
func (p *placing) checkExpiry(r *placeRes, what, task string) {
	if r != nil && r.expires() {
		p.refuse(featureFailureExpiry, what, "%s failed", task)
	}
}

func (r *placeRes) expires() bool {
	return r.meta["failure-timeout"] != "" && r.meta["failure-timeout"] != "0"
}

func operationKey(op *etree.Element) string {
	key := op.SelectAttrValue("operation_key", "")
	if key == "" {
		key = op.SelectAttrValue("id", "")
	}
	return key
}

// ownFailurePolicy says whether something else than the default is to follow on a failure of this operation.
func (p *placing) ownFailurePolicy(r *placeRes, op *etree.Element) bool {
	for _, s := range p.cib.OperationDefaults() {
		if _, ok := s.Get("on-fail"); ok {
			return true
		}
	}
	e := p.cib.ResourceElement(r.id)
	if e == nil {
		return true
	}
	places := []*etree.Element{e}
	if t := p.templates[e.SelectAttrValue("template", "")]; t != nil {
		places = append(places, t)
	}
	interval, _ := pacemaker.Milliseconds(op.SelectAttrValue("interval", "0") + "ms")
	for _, place := range places {
		ops := place.SelectElement("operations")
		if ops == nil {
			continue
		}
		if ops.SelectAttr("id-ref") != nil {
			return true
		}
		for _, o := range ops.SelectElements("op") {
			every, ok := pacemaker.Milliseconds(o.SelectAttrValue("interval", "0"))
			same := o.SelectAttrValue("name", "") == op.SelectAttrValue("operation", "") && (!ok || every == interval)
			if same && (o.SelectAttr("on-fail") != nil || o.SelectAttr("on_fail") != nil || o.SelectAttr("id-ref") != nil ||
				len(o.ChildElements()) > len(o.SelectElements("instance_attributes"))) {
				return true
			}
		}
	}
	return false
}

// expectedResult is the third number of a transition key, such as 10:2:0:UUID.
func expectedResult(op *etree.Element) (int, bool) {
	parts := strings.Split(op.SelectAttrValue("transition-key", ""), ":")
	if len(parts) != 4 {
		return 0, false
	}
	n, err := strconv.Atoi(parts[2])
	return n, err == nil
}

// historyOf finds the resource, or the instance of a clone, that a history is about; nil for one that is no longer configured.
func (p *placing) historyOf(at int, id string) *placeRes {
	if r := p.named[id]; r != nil && r.kind == pacemaker.Primitive {
		return r
	}
	base, _, _ := strings.Cut(id, ":")
	if clone := p.parts[base]; clone != nil {
		return p.instanceOn(at, clone, base)
	}
	return nil
}

// instanceOn chooses the instance of an anonymous clone that a node's history is about: the one that is active there already, else
// the first that is active nowhere, else the last.
func (p *placing) instanceOn(at int, clone *placeRes, id string) *placeRes {
	chosen := clone.parts[len(clone.parts)-1]
	for _, part := range slices.Backward(clone.parts) {
		if !slices.ContainsFunc(part.primitives(), func(r *placeRes) bool { return len(r.running) > 0 }) {
			chosen = part
		}
	}
	for _, part := range clone.parts {
		if slices.ContainsFunc(part.primitives(), func(r *placeRes) bool { return slices.Contains(r.running, at) }) {
			chosen = part
		}
	}
	for _, r := range chosen.primitives() {
		if r.id == id {
			return r
		}
	}
	return nil
}

// active notes that a resource is active on a node.
func (p *placing) active(at int, r *placeRes, what string, h history) {
	n := p.nodes[at]
	if !n.online && !n.maintenance && r.managed {
		if !p.options.fencing {
			p.refuse(featureUnclean, "node "+n.name, "%s is active there, and fencing is off", r.id)
			return
		}
		n.unclean = true
	}
	r.failed = r.failed || h.failed && !n.unclean
	if slices.Contains(r.running, at) {
		p.refuse(featureCloneInstance, what, "two instances on one node")
		return
	}
	r.running = append(r.running, at)
	if len(r.running) > 1 {
		p.refuse(featureMultipleActive, r.id, "on %s and %s", p.nodes[r.running[0]].name, n.name)
	}
	if n.maintenance {
		r.managed = false
	}
	if !r.managed {
		r.table.add(at, pacemaker.Infinity)
	}
}

// orphan is a resource in the status that is no longer configured: Pacemaker stops it.
func (p *placing) orphan(at int, what string, h history) {
	n := p.nodes[at]
	switch {
	case !h.active:
	case !p.options.stopOrphans || p.options.fencing && !p.options.canFence || h.failed || p.options.maintenance || n.maintenance:
		p.refuse(featureResourceState, what, "it is not configured any more")
	case !n.online && p.options.fencing:
		n.unclean = true
	case !n.online:
		p.refuse(featureUnclean, "node "+n.name, "%s", what)
	}
}
