package page

import (
	"fmt"
	"html"
	"html/template"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// The measures of the picture, in its own units: pixels where it is shown in full size.
const (
	left      = 210 // the names
	timeWidth = 950 // all columns together, where there are not many
	least     = 24  // of a column
	rowHeight = 24
	letter    = 6.6 // a letter of the labels
)

// patterns are how the places are told apart without colours: what is drawn on a tile of eight by eight.
var patterns = []string{
	``,
	`<path class="ink" d="M0 8L8 0M-2 2L2 -2M6 10L10 6"/>`,
	`<circle class="dot" cx="4" cy="4" r="1.5"/>`,
	`<path class="ink" d="M0 4H8"/>`,
	`<path class="ink" d="M4 0V8"/>`,
	`<path class="ink" d="M0 4H8M4 0V8"/>`,
}

// picture is the run from left to right: a column a step.
type picture struct {
	b      strings.Builder
	sheet  *evenkeel.Sheet
	walk   *Walk
	places []string
	x      []float64 // where each column begins, and where the last one ends
	y      int
}

func newPicture(sheet *evenkeel.Sheet, walk *Walk) *picture {
	p := &picture{sheet: sheet, walk: walk, places: walk.places()}
	p.measure()
	return p
}

// measure gives each column its width: the expected time in proportion, beside a least width.
func (p *picture) measure() {
	var known, fixed float64
	for _, c := range p.sheet.Drawn {
		known += c.Known.For.Seconds()
		fixed += width(c)
	}
	rest, at := max(0, timeWidth-fixed), float64(left)
	for _, c := range p.sheet.Drawn {
		p.x = append(p.x, at)
		at += width(c)
		if known > 0 {
			at += rest * c.Known.For.Seconds() / known
		} else {
			at += rest / float64(len(p.sheet.Drawn))
		}
	}
	p.x = append(p.x, at)
}

// width is the least width of a column: room for its number.
func width(c evenkeel.Column) float64 { return max(least, letter*float64(len(number(c)))+8) }

func number(c evenkeel.Column) string {
	if c.First == c.Last {
		return fmt.Sprint(c.First)
	}
	return fmt.Sprintf("%d–%d", c.First, c.Last)
}

func (p *picture) put(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

// at is a place in columns as one in the picture.
func (p *picture) at(column float64) float64 {
	i := min(int(column), len(p.x)-2)
	return p.x[i] + (column-float64(i))*(p.x[i+1]-p.x[i])
}

// draw makes the picture.
func (p *picture) draw() template.HTML {
	if len(p.sheet.Drawn) == 0 {
		return ""
	}
	top := 20
	p.y = top + 8
	p.begins()
	p.hands()
	p.targets()
	p.windows()
	p.axis(top)
	p.noReturn()
	height, wide := p.y+36, p.x[len(p.x)-1]+12
	open := `<svg role="img" aria-labelledby="pic-t pic-d" viewBox="0 0 %.0f %d" width="%.0f" height="%d">`
	return template.HTML(fmt.Sprintf(open+ //nolint:gosec // all is escaped
		"\n<title id=\"pic-t\">%s</title>\n<desc id=\"pic-d\">%s</desc>\n<defs>%s</defs>\n", wide, height, wide, height,
		text("What is served when, from the first step to the last"), text(p.inWords()), p.defs()) + p.b.String() + "</svg>")
}

func text(s string) string { return html.EscapeString(printable.Line(s)) }

func (p *picture) defs() string {
	var b strings.Builder
	for i, tile := range patterns {
		fmt.Fprintf(&b, `<pattern id="place%d" width="8" height="8" patternUnits="userSpaceOnUse">`+
			`<rect class="place%d" width="8" height="8"/>%s</pattern>`, i, i, tile)
	}
	b.WriteString(`<pattern id="outage" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">` +
		`<rect class="paper" width="6" height="6"/><rect class="hot" width="3" height="6"/></pattern>` +
		`<pattern id="reduced" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">` +
		`<rect class="paper" width="8" height="8"/><rect class="ink2" width="1.5" height="8"/></pattern>`)
	return b.String()
}

// name is what a row is of, cut to the room there is.
func (p *picture) name(s string) {
	shown := []rune(printable.Line(s))
	if most := left/7 - 1; len(shown) > most {
		shown = append(shown[:most-1], '…')
	}
	p.put(`<text x="4" y="%d">%s<title>%s</title></text>`, p.y+16, text(string(shown)), text(s))
}

// begins are the times, where there is room for them.
func (p *picture) begins() {
	if !slices.ContainsFunc(p.sheet.Drawn, func(c evenkeel.Column) bool { return c.Known.For > 0 }) {
		return
	}
	free := 0.0
	for i, c := range p.sheet.Drawn {
		if c.Begins == "" || p.x[i] < free {
			continue
		}
		if end := p.x[i] + letter*float64(len(c.Begins)); end < p.x[len(p.x)-1]+12 {
			p.put(`<text class="small" x="%.1f" y="%d">%s</text>`, p.x[i], p.y+14, text(c.Begins))
			free = end + 8
		}
	}
	p.name("begins, expected")
	p.y += rowHeight
}

// hands are the steps by hand.
func (p *picture) hands() {
	if !slices.ContainsFunc(p.sheet.Drawn, func(c evenkeel.Column) bool { return c.ByHand }) {
		return
	}
	p.name("by hand")
	for i, c := range p.sheet.Drawn {
		if c.ByHand {
			p.put(`<path class="hand" d="M%.1f %dl7 7l-7 7l-7 -7z"><title>%s by hand: %s</title></path>`, (p.x[i]+p.x[i+1])/2, p.y+4,
				text("step "+number(c)), text(p.sheet.Steps[c.First-1].Title))
		}
	}
	p.y += rowHeight
}

// targets are bars, with gaps where nothing is served.
func (p *picture) targets() {
	if p.walk == nil {
		return
	}
	for i, target := range p.walk.Targets {
		p.name(target)
		p.put(`<path class="base" d="M%.1f %dH%.1f"/>`, p.x[0], p.y+rowHeight/2, p.x[len(p.x)-1])
		for _, s := range stretches(p.walk.states(p.sheet, i)) {
			from, to := p.at(s.from), p.at(s.to)
			tip := fmt.Sprintf("%s on %s, %s", target, s.where, p.span(s))
			if s.where == "" {
				p.put(`<rect class="down" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s</title></rect>`, from, p.y+3, to-from,
					rowHeight-6, text(fmt.Sprintf("%s is DOWN, %s", target, p.span(s))))
				continue
			}
			p.put(`<rect class="bar" fill="url(#place%d)" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s</title></rect>`,
				slices.Index(p.places, s.where)%len(patterns), from, p.y+3, to-from, rowHeight-6, text(tip))
			if need := letter * float64(len(s.where)); need+6 < to-from {
				p.put(`<rect class="paper" x="%.1f" y="%d" width="%.1f" height="12" rx="2"/><text class="small" x="%.1f" y="%d">%s</text>`,
					from+3, p.y+6, need+2, from+4, p.y+16, text(s.where))
			}
		}
		p.y += rowHeight
	}
}

// span is during which steps a stretch lasts.
func (p *picture) span(s stretch) string {
	first := p.sheet.Drawn[int(s.from)].First
	end := int(s.to)
	if float64(end) == s.to { //nolint:gocritic // it ends with a column
		end--
	}
	return steps(first, p.sheet.Drawn[min(end, len(p.sheet.Drawn)-1)].Last)
}

// steps are one step, or several.
func steps(first, last int) string {
	if first == last {
		return fmt.Sprintf("in step %d", first)
	}
	return fmt.Sprintf("steps %d to %d", first, last)
}

// windows are hatched.
func (p *picture) windows() {
	for i := range p.sheet.Steps {
		for _, w := range p.sheet.Steps[i].Opens {
			last := len(p.sheet.Steps) - 1
			for j := i; j < len(p.sheet.Steps); j++ {
				if slices.Contains(p.sheet.Steps[j].Closes, w.ID) {
					last = j
					break
				}
			}
			fill, kind := "outage", "outage window"
			if w.Stop == evenkeel.StopBetweenSteps {
				fill, kind = "reduced", "reduced redundancy"
			}
			p.name("window: " + w.ID)
			from, to := p.x[p.column(i+1)], p.x[p.column(last+1)+1]
			p.put(`<rect class="window" fill="url(#%s)" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s</title></rect>`, fill, from, p.y+5,
				to-from, rowHeight-10, text(fmt.Sprintf("%s %s, %s: %s is suspended for at most %s: %s", kind, w.ID, steps(i+1, last+1),
					w.Suspends, printable.Duration(w.Limit), w.Reason)))
			p.y += rowHeight
		}
	}
}

func (p *picture) column(step int) int {
	return slices.IndexFunc(p.sheet.Drawn, func(c evenkeel.Column) bool { return step <= c.Last })
}

// axis are the numbers of the steps, and a line between each two of them.
func (p *picture) axis(y int) {
	p.put(`<text x="4" y="%d">step</text>`, y)
	for i, c := range p.sheet.Drawn {
		p.put(`<path class="rule" d="M%.1f %dV%d"/>`, p.x[i], y+6, p.y)
		p.put(`<text class="small" text-anchor="middle" x="%.1f" y="%d">%s<title>%s</title></text>`, (p.x[i]+p.x[i+1])/2, y, number(c),
			text(p.sheet.Steps[c.First-1].Title))
	}
}

// noReturn are lines from top to bottom.
func (p *picture) noReturn() {
	free, row := 0.0, 0
	for i, c := range p.sheet.Drawn {
		if !c.NoReturn {
			continue
		}
		p.put(`<path class="noreturn" d="M%.1f 24V%d"><title>point of no return: step %d</title></path>`, p.x[i], p.y+8, c.First)
		if row = 1 - row; p.x[i]-letter*6 > free { // in two rows, where the one before is near
			row = 0
		}
		p.put(`<text class="small" text-anchor="middle" x="%.1f" y="%d">no return: %d</text>`, p.x[i], p.y+19+12*row, c.First)
		free = p.x[i] + letter*7
	}
}

// inWords is the picture for who does not see it.
func (p *picture) inWords() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d steps from left to right. ", len(p.sheet.Steps))
	if p.walk != nil {
		fmt.Fprintf(&b, "A bar each for %s shows where it is served; a gap is an outage. ", printable.Count(len(p.walk.Targets), "target"))
	}
	for _, c := range p.sheet.Drawn {
		if c.NoReturn {
			fmt.Fprintf(&b, "Step %d is a point of no return. ", c.First)
		}
	}
	b.WriteString("The table below says the same in words.")
	return b.String()
}
