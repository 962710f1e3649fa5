package pacemaker

import (
	"strconv"
	"strings"
)

// LastOperation is the newest thing that a node did, or is doing, with a resource, by the status section of a live CIB.
type LastOperation struct {
	Task     string // start, stop, monitor, …
	Interval string // of a recurring monitor; "0" of everything else
	ExitCode int
	Status   int // 0 and 4 are an operation that came to its end, -1 is one under way: https://clusterlabs.org/projects/pacemaker/doc/2.1/Pacemaker_Explained/html/status.html
}

// Released says that the resource is provably not active on the node, and not about to be: its last stop succeeded, or it was looked for and not found. The mount
// table proves less: the kernel takes a mount out of it when the unmounting begins.
func (o LastOperation) Released() bool {
	switch {
	case o.Status != 0 && o.Status != 4:
		return false
	case o.Task == "stop":
		return o.ExitCode == 0
	}
	return o.Task == "monitor" && strings.TrimSuffix(o.Interval, "s") == "0" && o.ExitCode == 7
}

// Running says that the resource is active on the node, and that nothing is being done with it.
func (o LastOperation) Running() bool {
	return (o.Status == 0 || o.Status == 4) && o.ExitCode == 0 && (o.Task == "start" || o.Task == "monitor")
}

// LastOperation is the newest operation of a resource on a node; ok is false where the cluster knows of none. Pacemaker before 1.1.18 does not write down what
// is under way unless record-pending is set: there the newest one is the last that came to its end.
func (c *CIB) LastOperation(node, resource string) (o LastOperation, ok bool) {
	status := c.root().SelectElement("status")
	if status == nil {
		return o, false
	}
	newest := -1
	for _, state := range status.SelectElements("node_state") {
		if state.SelectAttrValue("uname", "") != node {
			continue
		}
		for _, op := range state.FindElements("lrm/lrm_resources/lrm_resource/lrm_rsc_op") {
			if op.Parent().SelectAttrValue("id", "") != resource || callID(op) < newest {
				continue
			}
			number := func(key string) int { n, _ := strconv.Atoi(op.SelectAttrValue(key, "-1")); return n }
			newest, ok = callID(op), true
			o = LastOperation{Task: op.SelectAttrValue("operation", ""), Interval: op.SelectAttrValue("interval", "0"), ExitCode: number("rc-code"), Status: number("op-status")}
		}
	}
	return o, ok
}
