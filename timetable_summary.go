package evenkeel

import (
	"fmt"
	"strings"
)

// summary is what fits one screen: when, how long, what is down, who is needed, and how late it may be turned back.
func (p *printer) summary(t *Timetable) {
	add := func(name, format string, args ...any) {
		p.line("  %-10s %s", name, plain(fmt.Sprintf(format, args...)))
	}
	p.line("")
	add("takes", "%s, as expected; by the tool's limits at most: %s", t.Total, t.AtMost.limit())
	if t.End != nil || t.Within > 0 {
		add("begin", "at the latest: %s", t.latest(t.Total))
	}
	for _, text := range t.outages() {
		add("down", "%s", text)
	}
	for _, w := range t.Windows {
		add("window", "%s, %s: opens %s, at most %s", w.ID, w.kind(), t.when(w.Opens), inWords(w.Limit))
	}
	var hand []string
	for i := range t.Steps {
		if s := &t.Steps[i]; s.Operator {
			hand = append(hand, fmt.Sprintf("step %d (%s)", s.Number, t.when(s.Begins)))
		}
	}
	if len(hand) == 0 {
		hand = []string{"in no step"}
	}
	add("needed", "the operator: %s", some(hand, 8))
	for _, point := range t.NoReturns {
		add("no return", "step %d, %s: begins %s, at the latest: %s", point.Number, point.Title, t.when(point.Begins), t.latest(point.Ends))
	}
	for i, back := range t.TurnBacks {
		if last := i+1 == len(t.TurnBacks); back.To != "" && back.Takes != (Span{}) && (last || t.TurnBacks[i+1].To == "") {
			add("turn back", "after step %d at the latest: %s, to %s", back.Number, t.latest(back.Takes), back.To)
		}
	}
	if n := len(t.Unknown); n > 0 {
		add("unknown", "how long %d of the steps take: %s", n, strings.Join(t.Unknown[:min(n, 8)], ", "))
	}
}

// howToReadTimes explains the table of the steps.
const howToReadTimes = "\nOf an estimate with two numbers the longer one counts. Times with >= are then lower bounds: something " +
	"before them is unknown, and counts as nothing.\n" +
	"\"At most\" is what the tool's own limits allow for the commands of a step, and for what they wait for, in one life of the " +
	"tool. Not in it: the wait for a window to close (no longer than the window's own limit), looks at the invariants, " +
	"probes after a crash, and the operator, who has no limit."
