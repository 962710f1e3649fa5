package evenkeel

import "fmt"

// way is what a rollback does from some steps on, each when it is done.
type way struct {
	from, to int // steps, as shown
	leads    string
	nothing  bool   // there is nothing to undo
	why      string // why there is none
}

func (w way) steps() string {
	if w.from == w.to {
		return fmt.Sprintf("step %d", w.from)
	}
	return fmt.Sprintf("steps %d to %d", w.from, w.to)
}

// brief is the way in some words.
func (w way) brief() string {
	switch {
	case w.nothing:
		return "after " + w.steps() + " nothing is to be undone"
	case w.leads == "":
		return "after " + w.steps() + " none"
	}
	return "after " + w.steps() + " to " + w.leads
}

// ways are the rollbacks of a run, the neighbours that lead to the same taken together.
func (b *sheeter) ways() (list []way) {
	if b.t == nil {
		return nil
	}
	for i, back := range b.t.TurnBacks {
		w := way{from: b.t.groups[i].first + 1, to: back.Number, leads: back.To, why: back.Why,
			nothing: back.To != "" && back.Takes == (Span{}) && back.AtMost == (Span{})}
		if n := len(list); n > 0 && list[n-1].leads == w.leads && list[n-1].nothing == w.nothing && list[n-1].why == w.why {
			list[n-1].to = w.to
			continue
		}
		list = append(list, w)
	}
	return list
}

// wayBack is the chapter of the rollback.
func (b *sheeter) wayBack() Chapter {
	c := Chapter{ID: "rollback", Title: "Rollback", Head: []string{"when this is done", "a rollback leads to", "it takes", "at most"}}
	for _, w := range b.ways() {
		row := []string{b.text(w.steps()), b.text(w.leads), "no time", "no time"}
		switch {
		case w.nothing:
			row[1] = "where it began: nothing is to be undone"
		case w.leads == "":
			row[1], row[2], row[3] = b.text("There is none: "+w.why), "", ""
		default:
			takes, most := b.longest(w)
			row[2], row[3] = takes.String(), most.limit()
		}
		c.Rows = append(c.Rows, row)
	}
	if len(c.Rows) == 0 {
		return Chapter{}
	}
	c.Paras = []string{"A rollback undoes the last step first, and ends where a step cannot be undone. How each step is undone stands in " +
		"that step. The times are those from the last of the steps."}
	for i, back := range b.t.TurnBacks {
		if g := b.t.groups[i]; back.While != "" {
			c.List = append(c.List, b.text(fmt.Sprintf("No rollback is possible during %s, only afterwards: %s",
				way{from: g.first + 1, to: g.first + g.n}.steps(), back.While)))
		}
	}
	return c
}

// longest is how long the rollback from the last step of a way takes.
func (b *sheeter) longest(w way) (takes, most Span) {
	for _, back := range b.t.TurnBacks {
		if back.Number == w.to {
			return back.Takes, back.AtMost
		}
	}
	return Span{AtLeast: true}, Span{AtLeast: true}
}
