package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// block is the fixed part of the screen: rows of at most width columns, and at most height of them.
func (m *model) block(width, height int, now time.Time) []string {
	if m.ended || m.last.IsZero() {
		return nil
	}
	p := &painter{width: width, g: m.opts.glyphs()}
	p.row(quiet, strings.Repeat(p.g.rule, width))
	m.head(p, now)
	m.acts(p, now)
	m.openWindows(p, now)
	top := p.rows

	p.rows = nil
	m.notices(p)
	journal := ""
	if m.opts.Journal != "" {
		journal = "journal: " + printable.Line(m.opts.Journal) + " "
	}
	p.between(strong, " "+m.foot(now), journal, "")
	bottom := p.rows

	p.rows = nil
	m.table(p, height-len(top)-len(bottom)-2, now)
	rows := slices.Concat(top, p.rows, bottom)
	if len(rows)+2 <= height && len(p.rows) > 0 {
		rows = slices.Concat(top, []string{""}, p.rows, []string{""}, bottom)
	}
	return rows[:min(len(rows), height)]
}

// painter paints rows.
type painter struct {
	width int
	g     *glyphs
	rows  []string
}

// row adds a row, cut where it is too long.
func (p *painter) row(s ansi.Style, text string) {
	p.rows = append(p.rows, paint(s, ansi.Truncate(text, p.width, p.g.dots)))
}

// paint styles a text; without a style it stays as it is.
func paint(s ansi.Style, text string) string {
	if len(s) == 0 {
		return text
	}
	return s.Styled(text)
}

// between adds a row with a text at each end. Of the right ones it takes the first that has room beside all of the left one, and else the
// last; then the left one is cut. Where there is hardly room for the left one, there is no right one.
func (p *painter) between(s ansi.Style, left string, rights ...string) {
	room := 0
	right := ""
	for _, right = range rights {
		if room = p.width - ansi.StringWidth(right) - 2; ansi.StringWidth(left) <= room {
			break
		}
	}
	if right == "" || room < p.width/3 {
		p.row(s, left)
		return
	}
	left = ansi.Truncate(left, room, p.g.dots)
	gap := strings.Repeat(" ", p.width-ansi.StringWidth(left)-ansi.StringWidth(right))
	p.rows = append(p.rows, paint(s, left)+gap+right)
}

// text adds text of several lines, wrapped and indented, in at most n rows.
func (p *painter) text(s ansi.Style, indent, text string, n int) {
	text = wrap(printable.Text(text), p.width-len(indent)-1)
	rows := strings.Split(strings.ReplaceAll(text, "\t", " "), "\n")
	if len(rows) > n {
		rows = rows[:n]
		rows[n-1] = ansi.Truncate(rows[n-1], p.width-len(indent)-5, "") + " " + p.g.dots
	}
	for _, r := range rows {
		p.row(s, indent+strings.TrimRight(r, " "))
	}
}

// head says where the run is.
func (m *model) head(p *painter, now time.Time) {
	title := fmt.Sprintf(" Step %d of %d  %s", m.number, m.total, m.title)
	if m.number == 0 {
		title = " Before the first step"
	}
	took := "elapsed " + words(m.elapsed+now.Sub(m.last))
	if left, atLeast, known := m.left(now); known && atLeast {
		took += ", " + words(left) + " or more left"
	} else if known {
		took += ", about " + words(left) + " left"
	}
	if p.width < 100 { // a row of its own
		p.row(strong, title)
		p.row(nil, "   "+took)
		return
	}
	p.between(strong, title, took+" ")
}

// acts are the actions that are under way, and what comes next.
func (m *model) acts(p *painter, now time.Time) {
	if len(m.doing) == 0 {
		p.row(nil, "   now    Verify what must hold throughout")
		p.row(nil, "")
	}
	for i, d := range m.doing {
		if i == 3 {
			p.row(nil, fmt.Sprintf("          and %d more beside these", len(m.doing)-i))
			break
		}
		took := words(now.Sub(d.since)) + " "
		limited := took
		if limit := d.limit(); limit > 0 {
			limited += "of at most " + words(limit) + " "
		}
		p.between(nil, "   now    "+d.title, limited, took)
		switch {
		case d.waits != "":
			p.between(quiet, "          waits: "+d.waits, "looked "+words(now.Sub(d.tried))+" ago ")
		case d.closed:
			p.row(quiet, "          the connection closed, as planned")
		case len(m.doing) == 1: // the block keeps its height
			p.row(nil, "")
		}
	}
	if next := m.next(); next != "" {
		p.row(quiet, "   next   "+next)
	} else {
		p.row(nil, "") // the block keeps its height
	}
}

// openWindows says what is suspended, and for how long it may be.
func (m *model) openWindows(p *painter, now time.Time) {
	for _, w := range m.windows {
		left := m.since[w.ID].Add(w.Limit).Sub(now)
		took := "open " + words(now.Sub(w.Since)) + ", " + words(left) + " left of " + words(w.Limit)
		if left < 0 {
			took = "OVERDUE by " + words(-left) + ", open " + words(now.Sub(w.Since))
		}
		text := " " + rule(&w) + "  " + printable.Line(w.Reason)
		if p.width < 100 {
			p.row(heed, text)
			p.row(heed, "         "+took)
			continue
		}
		p.between(heed, text, took+" ")
	}
}

// table is what serves where, in at most n rows.
func (m *model) table(p *painter, n int, now time.Time) {
	if len(m.serving) == 0 || n < 2 {
		return
	}
	list, rest := m.serving.few(n - 1)
	if rest > 0 {
		list, rest = m.serving.few(n - 2)
	}
	name, place := 7, 6
	for _, t := range list {
		name, place = max(name, ansi.StringWidth(t.what)), max(place, ansi.StringWidth(t.where))
	}
	name, place = min(name, p.width*2/5), min(place, p.width/3)
	cell := func(text string, width int) string {
		text = ansi.Truncate(text, width, p.g.dots)
		return text + strings.Repeat(" ", width-ansi.StringWidth(text))
	}
	if len(list) > 0 {
		p.row(quiet, "   "+cell("what", name)+"    "+cell("where", place)+"   state")
	}
	for _, t := range list {
		style, sign, where := good, p.g.up, t.where
		switch {
		case where == "":
			style, sign, where = bad, p.g.down, "nowhere"
		case t.away():
			style = heed
		}
		p.row(style, "   "+cell(t.what, name)+"  "+sign+" "+cell(where, max(place, 7))+"   "+t.says(now))
	}
	if rest > 0 {
		p.row(nil, "   "+m.serving.restText(list))
	}
}

// notices are what the operator is to read now.
func (m *model) notices(p *painter) {
	if m.asks != "" {
		p.row(heed, fmt.Sprintf(" BY HAND at step %d: %s", m.number, m.title))
		p.text(nil, "   ", m.asks, 12)
		if s := m.servedBy(); s != "" && len(m.doing) < 2 {
			p.text(nil, "   ", s+" Nothing else happens until this is done.", 2)
		}
	}
	if m.failed != "" {
		p.text(bad, " ", "FAILED: "+m.failed, 6)
	}
	if m.stops != "" {
		p.text(heed, " ", "STOPPING: "+m.stops, 4)
	}
}

// servedBy says in a sentence who serves everything; empty where that is not one machine.
func (m *model) servedBy() string {
	where := ""
	for _, t := range m.serving {
		if t.where == "" || where != "" && t.where != where {
			return ""
		}
		where = t.where
	}
	if where == "" {
		return ""
	}
	return "Everything is served by " + where + "."
}

// foot says what Ctrl-C does.
func (m *model) foot(now time.Time) string {
	if m.stops != "" {
		return "Ctrl-C again stops at once"
	}
	for _, w := range m.windows {
		if w.Stop == evenkeel.StopBetweenSteps {
			continue
		}
		about := "at most " + words(m.since[w.ID].Add(w.Limit).Sub(now))
		if left := m.expected(w) - now.Sub(w.Since); left > 0 {
			about = "about " + words(left)
		}
		return "Ctrl-C stops after this window (" + about + ")"
	}
	if m.asks != "" {
		return "Ctrl-C stops here: resume goes on from here"
	}
	if len(m.changed) == 0 {
		return "Ctrl-C stops before the next change"
	}
	if left := m.stepLeft(now); left > 0 {
		return "Ctrl-C stops after this step (about " + words(left) + ")"
	}
	return "Ctrl-C stops after this step"
}

// expected is how long a window is expected to be open; 0 where nobody knows.
func (m *model) expected(w evenkeel.OpenWindow) time.Duration {
	if m.opts.Plan == nil {
		return 0
	}
	for _, is := range m.opts.Plan.Windows {
		if is.ID == w.ID && !is.Lasts.AtLeast {
			return is.Lasts.For
		}
	}
	return 0
}
