package live

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// fencing is the answer to [Dialect.QueryFencing], in the order in which it was given.
func (a answer) fencing() ([]pacemaker.FenceEvent, error) {
	if len(a.look.Argv) > 0 && a.look.Argv[0] == "stonith_admin" {
		if err := a.failure(); err != nil {
			return nil, err
		}
		return ParseFencingHistory(strings.NewReader(string(a.Stdout)))
	}
	st, err := a.status()
	if err != nil {
		return nil, err
	}
	return st.Fencing, nil
}

// What `stonith_admin --history` prints of one event: the first two in Pacemaker 1.1, the third in 2.1.
var (
	fencedLine  = regexp.MustCompile(`^(\S+) was (able|not able|unable) to (\S+) node (\S+) on behalf of (\S+) from (\S+) at (.+)$`)
	fencingLine = regexp.MustCompile(`^(?:at \S+ +)?(\S+) wishes to (\S+) node (\S+)(?: - (\S+))?$`)
	modernLine  = regexp.MustCompile(`^(\S+) of (\S+) (successful|failed|pending)(?: \([^)]*\))?: (.*)$`)
	countLine   = regexp.MustCompile(`^\d+ events? found$`)
	modernPair  = regexp.MustCompile(`([\w-]+)=('[^']*'|[^,\s]+)`)
)

// ParseFencingHistory reads the text of `stonith_admin --history NODE` of Pacemaker 1.1 and 2.1. No event is an empty
// list; a line of another form is an error, because it could be a fencing.
func ParseFencingHistory(r io.Reader) ([]pacemaker.FenceEvent, error) {
	name := srcerr.NameOf(r)
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	var events []pacemaker.FenceEvent
	lines := bufio.NewScanner(strings.NewReader(printable.Plain(string(data))))
	lines.Buffer(nil, len(data)+1)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || countLine.MatchString(line):
		case fencedLine.MatchString(line):
			m := fencedLine.FindStringSubmatch(line)
			status := "failed"
			if m[2] == "able" {
				status = "success"
			}
			events = append(events, pacemaker.FenceEvent{Action: m[3], Target: m[4], Delegate: m[1], Client: m[5], Origin: m[6],
				Status: status, Completed: m[7]})
		case fencingLine.MatchString(line):
			m := fencingLine.FindStringSubmatch(line)
			events = append(events, pacemaker.FenceEvent{Action: m[2], Target: m[3], Origin: m[1], Status: "pending"})
		case modernLine.MatchString(line):
			events = append(events, modernEvent(modernLine.FindStringSubmatch(line)))
		default:
			return nil, srcerr.Errorf(name, number, 1, line, "not a line of the history of fencing")
		}
	}
	return events, lines.Err()
}

func modernEvent(m []string) pacemaker.FenceEvent {
	e := pacemaker.FenceEvent{Action: m[1], Target: m[2], Status: map[string]string{"successful": "success"}[m[3]]}
	if e.Status == "" {
		e.Status = m[3]
	}
	for _, pair := range modernPair.FindAllStringSubmatch(m[4], -1) {
		value := strings.Trim(pair[2], "'")
		switch pair[1] {
		case "delegate":
			e.Delegate = value
		case "client":
			e.Client = value
		case "origin":
			e.Origin = value
		case "last-successful", "last-failed", "completed":
			e.Completed = value
		default:
			e.Other = append(e.Other, pacemaker.NVPair{Name: pair[1], Value: value})
		}
	}
	return e
}

// NotFenced wants a node not to have been fenced by the cluster beyond what was known before: what [Cluster.InFencing]
// showed at the beginning. It is to be seen before every step that disturbs a node under rebuild (H1).
func (l Cluster) NotFenced(node string, known []pacemaker.FenceEvent) change.Proof {
	old := map[string]bool{}
	for _, e := range known {
		old[key(e)] = true
	}
	return l.InFencing("the cluster has not fenced "+node+" since", func(events []pacemaker.FenceEvent) error {
		for _, e := range events {
			if e.Target == node && !old[key(e)] {
				return fmt.Errorf("the cluster of %s ordered a %s of %s: %s %s (H1)", l.Via, e.Action, node, e.Status, e.Completed)
			}
		}
		return nil
	})
}

// InFencing is what the cluster's record of fencing must show.
func (l Cluster) InFencing(text string, judge func([]pacemaker.FenceEvent) error) change.Proof {
	return proof(l.via(l.Dialect.QueryFencing()), text, func(a answer) error {
		events, err := a.fencing()
		if err != nil {
			return err
		}
		return judge(events)
	})
}

func key(e pacemaker.FenceEvent) string {
	return strings.Join([]string{e.Action, e.Target, e.Origin, e.Status, e.Completed}, "\x00")
}

// HoldFencing keeps the cluster from fencing anybody, by disabling its fence device. Until [Cluster.ReleaseFencing] it
// starts nothing that a lost node may still have: the targets of such a node are down, and never twice up. That is why
// it is this, and not stonith-enabled=false, with which Pacemaker takes a lost node for stopped.
func (l Cluster) HoldFencing(device string) change.Change {
	o := l.fenceDevice("disable", device)
	o.Name, o.Why = "hold fencing", "a node that is lost meanwhile keeps its targets down, and is fenced on release"
	return l.Change(l.via(o), change.Change{Proof: l.roleProof(true, device), Limit: configLimit})
}

// ReleaseFencing enables the fence device again. A node that was lost meanwhile is fenced at once.
func (l Cluster) ReleaseFencing(device string) change.Change {
	o := l.fenceDevice("enable", device)
	o.Name, o.Effect, o.Why = "release fencing", op.Disruptive, "a node that was lost meanwhile is fenced at once"
	return l.Change(l.via(o), change.Change{Proof: l.roleProof(false, device), Limit: 2 * time.Minute})
}

// fenceDevice is `pcs stonith enable` or `disable`; pcs 0.9 has them as those of a resource.
func (l Cluster) fenceDevice(verb, device string) pcs.Operation {
	group := "stonith"
	if !l.Dialect.Modern() {
		group = "resource"
	}
	return pcs.NewOperation(verb+" "+device, "", op.Mutating, op.Idempotent, "pcs", group, verb, device)
}
