//go:build linux

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
)

// account is the record in the order of time, and then what follows from it, always: where each target is mounted now,
// and whether one was mounted twice.
func account(t pairlab.Truth) string {
	type line struct {
		at   time.Duration
		text string
	}
	var lines []line
	add := func(at time.Duration, format string, args ...any) {
		lines = append(lines, line{at, fmt.Sprintf(format, args...)})
	}
	for _, p := range t.Power {
		add(p.At, "%s power %s: %s", p.Node, map[bool]string{true: "on", false: "off"}[p.On], p.Why)
	}
	for _, f := range t.Fencings {
		add(f.At, "%s fenced %s (%s, asked at %.3f)", f.By, f.Victim, f.Action, f.Asked.Seconds())
	}
	for _, c := range t.Changes {
		add(c.At, "%s %s %s", t.Label(c.Target), c.Event, c.Node)
	}
	for _, target := range t.Targets() {
		for _, o := range t.Outages(target) {
			add(o.From, "%s not served for %.3f s, until %s", t.Label(target), o.Length().Seconds(), cmp.Or(o.After, "now"))
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })

	var out strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&out, "%10.3f  %s\n", l.at.Seconds(), l.text)
	}
	out.WriteString("mounted now:\n")
	for _, d := range t.Disks {
		fmt.Fprintf(&out, "  %-16s %s  %s\n", t.Label(d.UUID), d.UUID, cmp.Or(strings.Join(t.Serving(d.UUID), " AND "), "nowhere"))
	}
	if len(t.Disks) == 0 {
		out.WriteString("  the storage holds no targets\n")
	}
	doubles := 0
	for _, d := range t.DoubleMounts {
		fmt.Fprintf(&out, "DOUBLE MOUNT at %.3f: %s on %s and %s\n", d.At.Seconds(), t.Label(d.Target), d.Nodes[0], d.Nodes[1])
		doubles++
	}
	for _, d := range t.Disks { // seen a second time, in what the nodes did
		for _, o := range t.Overlaps(d.UUID) {
			fmt.Fprintf(&out, "DOUBLE USE from %.3f: %s on %s and %s, for %.3f s\n", o.From.Seconds(), t.Label(d.UUID),
				o.Nodes[0], o.Nodes[1], (o.To - o.From).Seconds())
			doubles++
		}
	}
	if doubles == 0 {
		out.WriteString("double mounts: none\n")
	}
	return out.String()
}
