package pacemaker

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// LastOperation is the newest thing that a node did, or is doing, with a resource, by the status section of a live CIB.
type LastOperation struct {
	Task     string // start, stop, monitor, …
	Interval string // of a recurring monitor; "0" of everything else
	ExitCode int    // -1 where the record does not say
	// 0 is an operation that was done, -1 one under way, all else one that was not; -2 where the record does not say:
	// https://clusterlabs.org/projects/pacemaker/doc/2.1/Pacemaker_Explained/html/status.html
	Status int
}

// noStatus is the Status of a record that has none that can be read.
const noStatus = -2

// RecordState is what a [LastOperation] says of a resource.
type RecordState uint8

// What a record can say. The zero value is one that says nothing that can be relied on.
const (
	RecordOther RecordState = iota // migrated, promoted, cancelled, or of a form that is not known
	RecordNone                     // nothing is recorded: never probed, cleaned up, expired, or of another agent
	// looked for, and not found. A probe sees what the agent sees: an unmount that is still at work escapes it
	RecordNotFound
	RecordStopped  // the last stop succeeded
	RecordRunning  // a start or a monitor succeeded
	RecordUnderWay // an operation has begun, and no end of it is recorded
	RecordFailed   // an operation failed, or ran out of time
)

func (r RecordState) String() string {
	return [...]string{"in no known state", "not recorded", "probed and not found", "stopped", "running", "being worked on", "failed"}[r]
}

// State is what the operation says of its resource. Only a stop that was done and succeeded says that the resource is gone.
func (o LastOperation) State() RecordState {
	once := strings.TrimRight(o.Interval, "ms") == "0"
	switch {
	case o.Status == -1:
		return RecordUnderWay
	case o.Task == "monitor" && once && o.ExitCode == 7 && (o.Status == 0 || o.Status == 4):
		return RecordNotFound
	case (o.Task == "start" || o.Task == "monitor") && o.ExitCode == 0 && (o.Status == 0 || o.Status == 4):
		return RecordRunning
	case o.Status == noStatus, o.ExitCode < 0, o.Status == 1:
		return RecordOther
	case o.Status > 0 || o.ExitCode > 0:
		return RecordFailed
	case o.Task == "stop":
		return RecordStopped
	}
	return RecordOther
}

// LastOperation is the newest operation of a resource on a node, and what it says of the resource; [RecordNone] where
// the cluster knows of none. The history of another agent under the same id is that of another resource. Pacemaker
// before 1.1.18 does not write down what is under way unless record-pending is set: there the newest one is the last
// that came to its end.
func (c *CIB) LastOperation(node, resource string) (LastOperation, RecordState) {
	var last *etree.Element
	for _, state := range children(c.Root(), "status", "node_state") {
		if state.SelectAttrValue("uname", "") != node {
			continue
		}
		for _, history := range children(state, "lrm", "lrm_resources", "lrm_resource") {
			if history.SelectAttrValue("id", "") != resource || !c.sameAgent(resource, history) {
				continue
			}
			for _, op := range history.SelectElements("lrm_rsc_op") {
				if last == nil || CallID(op) >= CallID(last) {
					last = op
				}
			}
		}
	}
	if last == nil {
		return LastOperation{}, RecordNone
	}
	o := LastOperation{
		Task: last.SelectAttrValue("operation", ""), Interval: cmp.Or(last.SelectAttrValue("interval", ""), "0"),
		ExitCode: numberOr(last, "rc-code", -1), Status: numberOr(last, "op-status", noStatus),
	}
	return o, o.State()
}

// sameAgent tells whether a history is that of the resource as it is configured. A history that does not name its agent is.
func (c *CIB) sameAgent(resource string, history *etree.Element) bool {
	r, ok := c.Resource(resource)
	if !ok || r.Class == "" { // of a template, which names the agent
		return true
	}
	for name, want := range map[string]string{"class": r.Class, "provider": r.Provider, "type": r.Type} {
		if have := history.SelectAttr(name); have != nil && have.Value != want {
			return false
		}
	}
	return true
}

// children are the elements at the end of a path of tags.
func children(e *etree.Element, path ...string) []*etree.Element {
	level := []*etree.Element{e}
	for _, tag := range path {
		var next []*etree.Element
		for _, e := range level {
			next = append(next, e.SelectElements(tag)...)
		}
		level = next
	}
	return level
}

func numberOr(e *etree.Element, key string, otherwise int) int {
	if n, err := strconv.Atoi(e.SelectAttrValue(key, "")); err == nil {
		return n
	}
	return otherwise
}

// CallID is the number of an operation in the record of its node; operations follow each other by it.
func CallID(op *etree.Element) int {
	n, err := strconv.Atoi(op.SelectAttrValue("call-id", ""))
	if err != nil || n < 0 { // not finished yet: the newest
		return int(^uint(0) >> 1)
	}
	return n
}
