package page

import (
	"slices"

	"github.com/evenkeel-ha/evenkeel"
)

// Walk is what is served where at each step, as a walk of the runbook found it.
type Walk struct {
	World   string   // what it was walked on: "the simulated world of these backups"
	Targets []string // what is served
	Moments []Moment // in the order of time
	Outages []string // in words, for below the picture
}

// Moment is where everything is served at one time.
type Moment struct {
	Step  string   // the ID of the step that runs
	Where []string // for each target; empty: nowhere
}

// stretch is a part of a column during which a target is served at one place.
type stretch struct {
	where    string
	from, to float64 // in columns: 2.5 is the middle of the third
}

// states are the places of a target in each column, each change one entry. Where nothing was seen in a column, what was
// before goes on.
func (w *Walk) states(sheet *evenkeel.Sheet, target int) [][]string {
	columnOf := map[string]int{}
	for c, col := range sheet.Drawn {
		for n := col.First; n <= col.Last; n++ {
			columnOf[sheet.Steps[n-1].ID] = c
		}
	}
	out := make([][]string, len(sheet.Drawn))
	for _, m := range w.Moments {
		c, known := columnOf[m.Step]
		if !known || target >= len(m.Where) {
			continue
		}
		if n := len(out[c]); n == 0 || out[c][n-1] != m.Where[target] {
			out[c] = append(out[c], m.Where[target])
		}
	}
	var before []string
	for c := range out {
		if len(out[c]) == 0 && len(before) > 0 {
			out[c] = before[len(before)-1:]
		}
		before = out[c]
	}
	return out
}

// stretches are the states of a target from left to right. Within a column the order is true and the width is not.
func stretches(states [][]string) (list []stretch) {
	for c, column := range states {
		for i, where := range column {
			from, to := float64(c)+float64(i)/float64(len(column)), float64(c)+float64(i+1)/float64(len(column))
			if n := len(list); n > 0 && list[n-1].where == where && list[n-1].to == from { //nolint:gocritic // both are made of the same
				list[n-1].to = to
				continue
			}
			list = append(list, stretch{where, from, to})
		}
	}
	return list
}

// places are all places where anything is served, in the order in which they are first seen.
func (w *Walk) places() (list []string) {
	if w == nil {
		return nil
	}
	for _, m := range w.Moments {
		for _, where := range m.Where {
			if where != "" && !slices.Contains(list, where) {
				list = append(list, where)
			}
		}
	}
	return list
}
