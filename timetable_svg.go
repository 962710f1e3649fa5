package evenkeel

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
)

// SVG writes the timetable as one picture that needs nothing else: time from left to right, a bar a step, the windows
// and absences above it, a line for each point of no return. It can be read in black and white. The notes stand below
// its title.
func (t *Timetable) SVG(w io.Writer, notes ...string) error {
	p := &picture{printer: printer{w: w, redact: t.rb.redaction()}, t: t}
	p.measure()
	var above []string
	total := fmt.Sprintf("The run takes: %s. By the tool's limits at most: %s.", t.Total, t.AtMost.limit())
	for _, note := range append(notes, t.bounds(), total) {
		above = append(above, wrapped(note)...)
	}
	for _, f := range t.Findings {
		above = append(above, wrapped("FINDING: "+f)...)
	}
	lanes := len(t.Windows) + len(t.Absences)
	top := 40 + 16*len(above)
	rows := top + 20*lanes + 24
	bottom := rows + 20*len(t.Steps)
	legend := p.legend()
	height := bottom + 40 + 16*len(legend)
	p.line(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" `+
		`font-family="sans-serif" font-size="12">`,
		pictureWidth, height, pictureWidth, height)
	p.line(`<title>%s</title>`, p.text("Maintenance window: "+t.Title))
	p.line(`<defs><pattern id="outage" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">` +
		`<rect width="6" height="6" fill="#fff"/><rect width="3" height="6" fill="#c33"/></pattern>` +
		`<pattern id="reduced" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">` +
		`<rect width="6" height="6" fill="#fff"/><rect width="1" height="6" fill="#555"/></pattern></defs>`)
	p.line(`<rect width="%d" height="%d" fill="#fff"/>`, pictureWidth, height)
	p.label(10, 22, `font-size="16" font-weight="bold"`, "Maintenance window: "+t.Title)
	for i, line := range above {
		p.label(10, 42+16*i, "", line)
	}
	p.lanes(top)
	p.axis(rows-8, bottom)
	p.bars(rows)
	p.points(top, bottom)
	for i, line := range legend {
		p.label(10, bottom+36+16*i, "", line)
	}
	p.line(`</svg>`)
	return p.err
}

// The measures of the picture, in pixels.
const (
	pictureWidth = 1240
	pictureLeft  = 400 // where time begins
	barLeast     = 8   // of a step that takes no time to speak of
	barUnknown   = 16  // of a step of which nobody knows how long it takes
)

// picture draws a timetable.
type picture struct {
	printer
	t *Timetable
	x []float64 // where each group begins, and where the last one ends
}

// measure gives each group its place: what is known in proportion, beside a least width.
func (p *picture) measure() {
	least := make([]float64, len(p.t.groups))
	room := float64(pictureWidth - pictureLeft - 20)
	var sum float64
	for i, g := range p.t.groups {
		least[i] = barLeast
		if g.takes.AtLeast {
			least[i] = barUnknown
		}
		sum += least[i]
	}
	squeeze := min(1, room/max(sum, 1))
	rest := max(0, room-sum)
	at := float64(pictureLeft)
	for i, g := range p.t.groups {
		p.x = append(p.x, at)
		at += least[i] * squeeze
		switch {
		case p.t.Total.For > 0:
			at += rest * float64(g.takes.For) / float64(p.t.Total.For)
		default: // nothing is known: the steps stand in their order
			at += rest / float64(len(p.t.groups))
		}
	}
	p.x = append(p.x, at)
}

// text is text for the picture.
func (p *picture) text(s string) string { return html.EscapeString(p.redact.Own(plain(s))) }

func (p *picture) label(x, y int, style, text string) {
	p.line(`<text x="%d" y="%d" %s>%s</text>`, x, y, style, p.text(text))
}

// named is a label in the column of names, cut to its width; the whole stands in its tooltip.
func (p *picture) named(y int, text string) {
	shown := []rune(plain(text))
	if len(shown) > 58 {
		shown = append(shown[:57], '…')
	}
	p.line(`<text x="10" y="%d">%s<title>%s</title></text>`, y, p.text(string(shown)), p.text(text))
}

// lanes are the windows and the absences.
func (p *picture) lanes(y int) {
	lane := func(name, fill string, first, last int) {
		from, to := p.x[p.t.column(first)], p.x[p.t.column(last)+1]
		p.named(y+13, name)
		p.line(`<rect x="%.1f" y="%d" width="%.1f" height="14" fill="%s" stroke="#000"/>`, from, y+2, to-from, fill)
		y += 20
	}
	for _, w := range p.t.Windows {
		fill := "url(#outage)"
		if w.Stop == StopBetweenSteps {
			fill = "url(#reduced)"
		}
		lane(fmt.Sprintf("Window %s, %s: %s", w.ID, w.kind(), w.Lasts), fill, w.first, w.last)
	}
	for _, a := range p.t.Absences {
		lane(fmt.Sprintf("Away %s: %s", a.Lasts, a.What), "url(#reduced)", a.first, a.last)
	}
}

// axis names the times where there is room for it.
func (p *picture) axis(y, bottom int) {
	free := 0.0
	for i, g := range p.t.groups {
		text := p.t.when(g.begins)
		if p.x[i] < free || p.x[i]+float64(7*len(text)) > pictureWidth {
			continue
		}
		free = p.x[i] + float64(7*len(text)+10)
		p.line(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#ccc"/>`, p.x[i], y+2, p.x[i], bottom)
		p.line(`<text x="%.1f" y="%d" font-size="11">%s</text>`, p.x[i], y, p.text(text))
	}
}

// bars are the steps.
func (p *picture) bars(y int) {
	for i := range p.t.Steps {
		s := &p.t.Steps[i]
		column := p.t.column(i)
		g := p.t.groups[column]
		from, width := p.x[column], p.x[column+1]-p.x[column]
		takes := p.t.took.span(p.t.rb.Name, &p.t.rb.Steps[i])
		if g.n > 1 && !takes.AtLeast && takes.For < g.takes.For {
			width = max(2, width*float64(takes.For)/float64(g.takes.For))
		}
		fill, dash, said := "#fff", "", s.duration()
		if s.Critical {
			fill = "#444"
		}
		if takes.AtLeast {
			fill, dash = "#ddd", ` stroke-dasharray="3 2"`
		}
		p.named(y+14, fmt.Sprintf("%d %s: %s", s.Number, s.ID, s.Title))
		tip := fmt.Sprintf("%d %s: begins %s, takes %s, at most %s, by the %s", s.Number, s.ID, p.t.when(s.Begins), said,
			s.AtMost.limit(), s.who())
		p.line(`<rect x="%.1f" y="%d" width="%.1f" height="12" fill="%s" stroke="#000"%s><title>%s</title></rect>`,
			from, y+4, width, fill, dash, p.text(tip))
		if s.Operator {
			p.line(`<path d="M%.1f %d l5 5 l-5 5 l-5 -5 z" fill="#fff" stroke="#000"/>`, from, y+5)
		}
		y += 20
	}
}

// points are the points of no return.
func (p *picture) points(top, bottom int) {
	for _, point := range p.t.NoReturns {
		x := p.x[p.t.column(point.first)]
		p.line(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#c00" stroke-width="2" stroke-dasharray="8 3"/>`,
			x, top, x, bottom+6)
		p.line(`<text x="%.1f" y="%d" font-size="11" text-anchor="middle">no rollback from step %d</text>`,
			x, bottom+16, point.Number)
	}
}

// wrapped are the lines of a text, so long as the picture is wide.
func wrapped(text string) (lines []string) {
	const most = 170
	for _, word := range strings.Fields(text) {
		if last := len(lines) - 1; last >= 0 && len(lines[last])+len(word) < most {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

// legend says in words what the picture shows, and how late it may be turned back.
func (p *picture) legend() (list []string) {
	say := func(format string, args ...any) { list = append(list, wrapped(fmt.Sprintf(format, args...))...) }
	say("Dark bar: its time is known, and the run takes longer when it does. White bar: there is time to " +
		"spare. Dashed bar: the whole time is not known, and its width says nothing. Diamond: the operator is needed.")
	say("Red stripes: an outage window. Thin stripes: reduced redundancy, or an absence. Dashed red line: from there on " +
		"there is no rollback, for a while or for good.")
	if p.t.Total.AtLeast {
		say("The longer number of an estimate counts. Times with >= are then lower bounds: what is unknown counts as nothing.")
	}
	for _, point := range p.t.NoReturns {
		say("Step %d begins at the latest: %s, for the run to end in the maintenance window.", point.Number,
			p.t.latest(point.Ends))
	}
	for _, back := range p.t.TurnBacks {
		if i := back.Number; back.To != "" && back.Takes != (Span{}) && (i == len(p.t.Steps) || p.t.returns(i)) {
			say("Turn back from step %d at the latest: %s, to %s.", i, p.t.latest(back.Takes), back.To)
		}
	}
	return list
}

// returns tells whether the step after the first n is a point of no return.
func (t *Timetable) returns(n int) bool {
	return slices.ContainsFunc(t.NoReturns, func(point TimedNoReturn) bool { return point.first == n })
}
