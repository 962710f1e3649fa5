package evenkeel

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// Text writes the timetable for an operator who prints it: the steps, after a summary, then the totals, then how late it may be turned
// back. What nobody knows is said to be unknown.
func (t *Timetable) Text(w io.Writer) error {
	p := &printer{w: w, redact: t.rb.redaction()}
	p.line("Maintenance window: %s", plain(t.Title))
	p.line("%s", t.bounds())
	for _, f := range t.Findings {
		p.line("FINDING  %s", plain(f))
	}
	p.summary(t)
	p.steps(t)
	p.totals(t)
	p.suspended(t)
	p.turningBack(t)
	return p.err
}

// JSON writes the timetable for programs: times in seconds, where the name does not say otherwise.
func (t *Timetable) JSON(w io.Writer) error {
	raw, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	p := &printer{w: w, redact: t.rb.redaction()}
	p.line("%s", raw)
	return p.err
}

// bounds says when the maintenance window is.
func (t *Timetable) bounds() string {
	at := func(tm *time.Time) string { return tm.Format(clockTime + " MST") }
	return t.isFrom(at) + t.zones()
}

// zones says which time zone the times of the day are in: that of the start, where it is given. Two of them where the
// clocks change.
func (t *Timetable) zones() string {
	var list []string
	for _, at := range []*time.Time{t.Start, t.End} {
		if at == nil {
			continue
		}
		if zone := at.Format("MST, UTC-07:00"); !slices.Contains(list, zone) {
			list = append(list, zone)
		}
	}
	switch len(list) {
	case 0:
		return ""
	case 1:
		return " Times of the day are in " + list[0] + "."
	}
	return " Times of the day are in " + list[0] + ", and after the clocks change in " + list[1] + "."
}

// isFrom says from when to when the maintenance window is.
func (t *Timetable) isFrom(at func(*time.Time) string) string {
	switch {
	case t.Start != nil && t.End != nil:
		return "From " + at(t.Start) + " to " + at(t.End) + ", which is " + inWords(t.Within) + "."
	case t.End != nil:
		return "It ends at " + at(t.End) + "; its start is not given. Times of steps count from the start of the run."
	case t.Start != nil:
		return "From " + at(t.Start) + "; its end is not given."
	case t.Within > 0:
		return "It is " + inWords(t.Within) + " long. Times count from its start."
	}
	return "Neither its start nor its length is given (start, end, within). Times count from the start of the run."
}

// when is a time of the run.
func (t *Timetable) when(s Span) string {
	text := offset(s.For)
	if t.Start != nil {
		text = t.Start.Add(s.For).Format(clockTime)
	}
	return mark(s, ">= ") + text
}

func (p *printer) steps(t *Timetable) {
	p.line("")
	var sources []string
	rows := [][]string{{"step", "begins", "takes", "at most", "who", ""}}
	for i := range t.Steps {
		s := &t.Steps[i]
		takes := s.duration()
		if s.Takes.known() {
			var which []int
			for _, from := range strings.Split(s.Takes.From, fromAll) {
				if !slices.Contains(sources, from) {
					sources = append(sources, from)
				}
				which = append(which, slices.Index(sources, from)+1)
			}
			takes += " [" + numbers(which) + "]"
		}
		rows = append(rows, []string{strconv.Itoa(s.Number), t.when(s.Begins), takes, s.AtMost.limit(), s.who(),
			s.ID + ": " + s.Title})
	}
	widths := make([]int, len(rows[0])-1)
	for _, row := range rows {
		for i := range widths {
			widths[i] = max(widths[i], len(row[i]))
		}
	}
	indent := strings.Repeat(" ", widths[0]+2)
	for i, row := range rows {
		var b strings.Builder
		b.WriteString(strings.Repeat(" ", widths[0]-len(row[0])) + row[0])
		for j, cell := range row[1:] {
			b.WriteString("  " + cell)
			if j+1 < len(widths) {
				b.WriteString(strings.Repeat(" ", widths[j+1]-len(cell)))
			}
		}
		p.line("%s", strings.TrimRight(plain1(b.String()), " "))
		if i > 0 {
			p.remarks(t, &t.Steps[i-1], indent)
		}
	}
	for i, from := range sources {
		p.line("%s[%d] from: %s", map[bool]string{true: "\n"}[i == 0], i+1, plain(from))
	}
	p.line("%s", howToReadTimes)
}

// plain1 is plain for a line whose beginning is blank.
func plain1(line string) string {
	blank := len(line) - len(strings.TrimLeft(line, " "))
	return line[:blank] + plain(line)
}

// duration is what is known of the time that a step takes.
func (s *TimedStep) duration() string {
	if !s.Tool && !s.Operator {
		return "no time"
	}
	return s.Takes.String()
}

func (s *TimedStep) who() string {
	switch {
	case s.Tool && s.Operator:
		return "tool, operator"
	case s.Operator:
		return "operator"
	}
	return "tool"
}

// remarks are the lines below a step.
func (p *printer) remarks(t *Timetable, s *TimedStep, indent string) {
	note := func(format string, args ...any) { p.line(indent+format, args...) }
	if g := t.groupOf(s.Number - 1); g.n > 1 {
		note("  || in parallel: %s", numbers(t.numbersOf(g.first, g.n)))
	}
	for _, w := range t.Windows {
		if w.From == s.ID {
			note("  [ window %s opens, %s: at most %s", plain(w.ID), w.kind(), inWords(w.Limit))
		}
	}
	for _, a := range t.Absences {
		if a.From == s.ID {
			note("  < away from here on: %s", plain(a.What))
		}
		if a.Until == s.ID {
			note("  > back at its end: %s", plain(a.What))
		}
	}
	for _, id := range s.Closes {
		note("  ] window %s closes", plain(id))
	}
	for _, point := range t.NoReturns {
		if point.Step == s.ID {
			note("  ! POINT OF NO RETURN: %s", plain(point.Why))
		}
	}
}

func (w *TimedWindow) kind() string {
	if w.Stop == StopBetweenSteps {
		return "reduced redundancy"
	}
	return "an outage"
}

func (p *printer) totals(t *Timetable) {
	p.line("\nTotal")
	p.line("  The run takes: %s. By the tool's limits at most: %s.", t.Total, t.AtMost.limit())
	if n := len(t.Unknown); n > 0 {
		var which []int
		for _, s := range t.Steps {
			if slices.Contains(t.Unknown, s.ID) {
				which = append(which, s.Number)
			}
		}
		p.line("  The whole time of %d of the %s is not known: %s. Give the journal of an earlier run, or "+
			"state it.",
			n, printable.Count(len(t.Steps), "step"), numbers(which))
	}
	if end := t.latest(t.Total); t.End != nil || t.Within > 0 {
		p.line("  Begin the run at the latest: %s.", end)
	}
	var hand, path []int
	beside := false
	for _, s := range t.Steps {
		if s.Operator {
			hand = append(hand, s.Number)
		}
		if s.Critical {
			path = append(path, s.Number)
		}
		beside = beside || s.Beside != ""
	}
	if len(hand) > 0 {
		p.line("  The operator is needed in %s: %s.", printable.Count(len(hand), "step"), numbers(hand))
	}
	if !beside {
		p.line("  Critical path: all steps. Nothing runs in parallel.")
		return
	}
	p.line("  Critical path: %s. These run in parallel:", numbers(path))
	for _, g := range t.groups {
		if g.n > 1 {
			p.line("    %s, together %s", numbers(t.numbersOf(g.first, g.n)), g.takes)
		}
	}
}

// numbersOf are the numbers of n steps.
func (t *Timetable) numbersOf(first, n int) (list []int) {
	for _, s := range t.Steps[first : first+n] {
		list = append(list, s.Number)
	}
	return list
}

// suspended are the windows, and what is away.
func (p *printer) suspended(t *Timetable) {
	if len(t.Windows) > 0 {
		p.line("\nWindows")
	}
	for _, w := range t.Windows {
		p.line("  %s, %s (step %d to %d): opens %s; open for: %s, at most %s", plain(w.ID), w.kind(), w.first+1,
			w.last+1, t.when(w.Opens), w.Lasts, inWords(w.Limit))
	}
	if len(t.Windows) > 0 {
		p.line("  Counted from the beginning of the step that opens it to the end of the step that closes it. What these steps " +
			"verify before they change anything is in that time, so that a window is open for no longer.")
	}
	if len(t.Absences) > 0 {
		p.line("\nAway")
	}
	for _, a := range t.Absences {
		p.line("  %s%s (step %d to %d): from %s on; for: %s; by the tool's limits at most: %s", plain(a.What),
			in(" [", plain(a.Ref), "]"), a.first+1, a.last+1, t.when(a.Begins), a.Lasts, a.AtMost.limit())
	}
	switch {
	case !slices.ContainsFunc(t.Absences, func(a TimedAbsence) bool { return !a.Stopped }):
	case len(t.Oplogs) == 0:
		p.line("  No oplog was given: it is not compared how far back it reaches with how long these are away.")
	default:
		for _, log := range t.Oplogs {
			p.line("  Compared: %s.", plain(log.String()))
		}
	}
}

// turningBack are the points of no return, and how late it may be turned back.
func (p *printer) turningBack(t *Timetable) {
	if len(t.NoReturns) > 0 {
		p.line("\nPoints of no return")
	}
	for _, point := range t.NoReturns {
		p.line("  Step %d, %s: %s", point.Number, plain(point.Title), plain(point.Why))
		p.line("    Begin it at the latest: %s. From there the run takes to its end: %s.", t.latest(point.Ends), point.Ends)
		if point.Again == "" {
			p.line("    There is no rollback any more.")
			continue
		}
		p.line("    A rollback is possible again after step %d, to %s.", t.number(point.Again), plain(point.To))
		p.line("    To be able to take it, begin at the latest: %s. To there and back it takes: %s.",
			t.latest(point.Back), point.Back)
	}
	p.line("\nLast times to turn back, each when the step is done")
	for i := 0; i < len(t.TurnBacks); {
		back := t.TurnBacks[i]
		same := func(o TurnBack) bool {
			return o.To == back.To && o.Why == back.Why && o.Takes == back.Takes && o.AtMost == back.AtMost
		}
		first := t.groups[i].first + 1
		for i < len(t.TurnBacks) && same(t.TurnBacks[i]) {
			back = t.TurnBacks[i]
			i++
		}
		steps := "Step " + strconv.Itoa(first)
		if back.Number > first {
			steps = "Steps " + strconv.Itoa(first) + " to " + strconv.Itoa(back.Number)
		}
		switch {
		case back.To == "":
			p.line("  %s: no rollback: %s", steps, plain(back.Why))
		case back.Takes == (Span{}) && back.AtMost == (Span{}):
			p.line("  %s: nothing is to be undone: stop at any time", steps)
		default:
			p.line("  %s: turn back at the latest: %s, to %s.", steps, t.latest(back.Takes), plain(back.To))
			limit := back.AtMost.limit()
			if !back.AtMost.AtLeast {
				limit += "; for these turn back at the latest: " + t.latest(back.AtMost)
			}
			p.line("    It takes: %s. By the tool's limits at most: %s.", back.Takes, limit)
			if len(back.Unknown) > 0 {
				p.line("    Not known in full: %s", plain(strings.Join(back.Unknown, ", ")))
			}
		}
	}
	for i, back := range t.TurnBacks {
		if back.While == "" {
			continue
		}
		g := t.groups[i]
		p.line("  No rollback is possible during %s, only afterwards (the step begins: %s; it takes: %s): %s",
			way{from: g.first + 1, to: g.first + g.n}.steps(), t.when(g.begins), g.takes, plain(back.While))
	}
}
