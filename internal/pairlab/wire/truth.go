package wire

import (
	"slices"
	"time"
)

// Truth is what happened, as the storage and the power supply saw it, outside the nodes. Every time is measured by one
// monotonic clock, as time passed since the lab was started.
type Truth struct {
	Began        time.Time     `json:"began"` // the wall clock when that clock stood at 0
	Now          time.Duration `json:"now"`   // when this was asked
	Disks        []Target      `json:"disks"` // what the storage holds
	Changes      []Change      `json:"changes,omitempty"`
	DoubleMounts []DoubleMount `json:"double_mounts,omitempty"`
	Fencings     []Fencing     `json:"fencings,omitempty"`
	Power        []PowerChange `json:"power,omitempty"`
}

// Change is one thing that happened to a target on a node.
type Change struct {
	At     time.Duration `json:"at"`
	Target string        `json:"target"` // UUID
	Node   string        `json:"node"`   // full name
	Event  TargetEvent   `json:"event"`
}

// TargetEvent is what happened to a target.
type TargetEvent string

// The events. From StartBegin on the node has the target's disk in use: a mount reads and writes at once, long before
// it is reported as done. The use ends with Stopped, StartFailed or Lost. It serves clients from Started until
// StopBegin or Lost.
const (
	StartBegin  TargetEvent = "start-begin"
	Started     TargetEvent = "started"
	StartFailed TargetEvent = "start-failed"
	StopBegin   TargetEvent = "stop-begin"
	StopFailed  TargetEvent = "stop-failed" // it serves again
	Stopped     TargetEvent = "stopped"
	Lost        TargetEvent = "lost" // the node's power went
)

// DoubleMount is the accident: a target in use on two nodes at once. It is noticed at the instant at which the second mount begins.
type DoubleMount struct {
	At     time.Duration `json:"at"`
	Target string        `json:"target"`
	Nodes  [2]string     `json:"nodes"` // who had it, and who mounted it as well
}

// Fencing is a node's request that cut another's power, or its own.
type Fencing struct {
	Asked  time.Duration `json:"asked"`
	At     time.Duration `json:"at"` // the power was off
	By     string        `json:"by"`
	Victim string        `json:"victim"`
	Action string        `json:"action"` // "off" or "reboot"
}

// PowerChange is a node's power going on or off.
type PowerChange struct {
	At   time.Duration `json:"at"`
	Node string        `json:"node"`
	On   bool          `json:"on"`
	Why  string        `json:"why"` // such as "orderly reboot", "cut"
}

// Outage is a time during which no node served a target.
type Outage struct {
	Target   string
	From, To time.Duration // To is the Truth's Now when it goes on
	Ongoing  bool
	Before   string // the node that served it; after a double mount the last one that did
	After    string // the node that serves it now; empty while it goes on
}

// Length is how long nobody served the target.
func (o Outage) Length() time.Duration { return o.To - o.From }

// Outages are the times at which the target was served by no node, after it had been served once, in order.
func (t Truth) Outages(target string) []Outage {
	var all []Outage
	serving := map[string]bool{}
	var open *Outage
	for _, c := range t.Changes {
		if c.Target != target {
			continue
		}
		switch c.Event {
		case Started, StopFailed:
			serving[c.Node] = true
			if open != nil {
				open.To, open.After = c.At, c.Node
				all, open = append(all, *open), nil
			}
		case StopBegin, Lost:
			was := serving[c.Node]
			delete(serving, c.Node)
			if was && len(serving) == 0 {
				open = &Outage{Target: target, From: c.At, Before: c.Node}
			}
		case StartBegin, StartFailed, Stopped:
		}
	}
	if open != nil {
		open.To, open.Ongoing = t.Now, true
		all = append(all, *open)
	}
	return all
}

// Overlap is a time during which two nodes had a target's disk in use.
type Overlap struct {
	Target   string
	From, To time.Duration
	Ongoing  bool
	Nodes    [2]string
}

// Overlaps are the times at which two nodes had the target's disk in use: there must be none.
func (t Truth) Overlaps(target string) []Overlap {
	var all []Overlap
	var using []string
	open := -1
	for _, c := range t.Changes {
		if c.Target != target {
			continue
		}
		using = used(using, c)
		switch {
		case len(using) > 1 && open < 0:
			open = len(all)
			all = append(all, Overlap{Target: target, From: c.At, Nodes: [2]string{using[0], using[1]}})
		case len(using) < 2 && open >= 0:
			all[open].To = c.At
			open = -1
		}
	}
	if open >= 0 {
		all[open].To, all[open].Ongoing = t.Now, true
	}
	return all
}

// used are the nodes that have a target's disk in use after a change, in the order in which they took it.
func used(using []string, c Change) []string {
	switch c.Event {
	case StartBegin:
		if !slices.Contains(using, c.Node) {
			using = append(using, c.Node)
		}
	case StartFailed, Stopped, Lost:
		using = slices.DeleteFunc(using, func(n string) bool { return n == c.Node })
	case Started, StopBegin, StopFailed:
	}
	return using
}

// Serving are the nodes on which the target is mounted and serves now.
func (t Truth) Serving(target string) []string {
	var serving []string
	for _, c := range t.Changes {
		if c.Target != target {
			continue
		}
		switch c.Event {
		case Started, StopFailed:
			if !slices.Contains(serving, c.Node) {
				serving = append(serving, c.Node)
			}
		case StopBegin, Lost:
			serving = slices.DeleteFunc(serving, func(n string) bool { return n == c.Node })
		case StartBegin, StartFailed, Stopped:
		}
	}
	return serving
}

// Label is what people call a target: the label of its disk, or the UUID where the storage has no such target.
func (t Truth) Label(target string) string {
	for _, d := range t.Disks {
		if d.UUID == target && d.Label != "" {
			return d.Label
		}
	}
	return target
}

// Targets are all that something happened to, in the order of the first time.
func (t Truth) Targets() []string {
	var all []string
	for _, c := range t.Changes {
		if !slices.Contains(all, c.Target) {
			all = append(all, c.Target)
		}
	}
	return all
}
