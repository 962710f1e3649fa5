package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// swatch is a line of the legend.
type swatch struct {
	Sign template.HTML
	Says string
}

func sign(inner string) template.HTML {
	if inner == "" {
		return ""
	}
	return template.HTML(`<svg aria-hidden="true" width="34" height="16" viewBox="0 0 34 16">` + inner + `</svg>`) //nolint:gosec // our own
}

// legend says in words what the picture shows.
func (p *picture) legend() (list []swatch) {
	add := func(inner, format string, args ...any) {
		list = append(list, swatch{sign(inner), fmt.Sprintf(format, args...)})
	}
	for i, place := range p.places {
		if i == len(patterns) {
			add("", "more places are drawn like the first ones; the name stands in the bar, and in the table below")
			break
		}
		add(fmt.Sprintf(`<rect class="bar" fill="url(#place%d)" x="1" y="1" width="32" height="14"/>`, i), "served on %s",
			printable.Line(place))
	}
	if p.walk != nil {
		add(`<path class="base" d="M0 8H34"/><rect class="bar place0" x="1" y="1" width="9" height="14"/>`+
			`<rect class="bar place0" x="24" y="1" width="9" height="14"/>`, "down: a gap in the bar")
	}
	outage, reduced, hand, noReturn := false, false, false, false
	for i := range p.sheet.Steps {
		for _, w := range p.sheet.Steps[i].Opens {
			outage = outage || w.Stop != evenkeel.StopBetweenSteps
			reduced = reduced || w.Stop == evenkeel.StopBetweenSteps
		}
	}
	for _, c := range p.sheet.Drawn {
		hand, noReturn = hand || c.ByHand, noReturn || c.NoReturn
	}
	if outage {
		add(`<rect class="window" fill="url(#outage)" x="1" y="3" width="32" height="10"/>`, "window in which users may feel an outage")
	}
	if reduced {
		add(`<rect class="window" fill="url(#reduced)" x="1" y="3" width="32" height="10"/>`,
			"window of reduced redundancy: one half serves alone")
	}
	if hand {
		add(`<path class="hand" d="M17 1l7 7l-7 7l-7 -7z"/>`, "a step that the operator does by hand")
	}
	if noReturn {
		add(`<path class="noreturn" d="M17 0V16"/>`, "point of no return: from here a rollback does not lead to the beginning")
	}
	add("", "A column is a step, or steps that run at the same time. It is as wide as its expected time, and never narrower than its "+
		"number; a time that is not known counts as nothing. Within a column the order is true, and the width is not.")
	return list
}

// table is the picture in words.
type table struct {
	Head []string
	Rows [][]string
}

// table has a row for each column in which something is served elsewhere than before.
func (p *picture) table() *table {
	if p.walk == nil {
		return nil
	}
	t := &table{Head: append([]string{"step", "title"}, lines(p.walk.Targets)...)}
	all := make([][][]string, len(p.walk.Targets))
	for i := range p.walk.Targets {
		all[i] = p.walk.states(p.sheet, i)
	}
	for c, col := range p.sheet.Drawn {
		row, news := []string{number(col), p.sheet.Steps[col.First-1].Title}, c == 0
		for i := range all {
			states := all[i][c]
			news = news || len(states) > 1 || c > 0 && !slices.Equal(states, all[i][c-1][max(0, len(all[i][c-1])-1):])
			var words []string
			for _, where := range states {
				if where == "" {
					where = "down"
				}
				words = append(words, printable.Line(where))
			}
			row = append(row, strings.Join(words, " → "))
		}
		if news {
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}
