package evenkeel

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// bySight says what the bounds of an outage rest on.
const bySight = "This is what the looks at the invariants saw: before the first change, after each one, and until a window closes. " +
	"Between two looks nothing is known. Down is what is on no machine; what is on one may take a while until it answers. \"At most\" is " +
	"from the last look that saw it on a machine to the first that saw it on one again; \"at least\" is between looks of one life " +
	"of the tool that all saw it down."

// seen is the chapter of what the looks of a run saw serve where: how long each thing was down.
func (b *sheeter) seen() Chapter {
	c := Chapter{ID: "seen", Title: "What was seen down"}
	switch outage := func(s Step) bool { return slices.ContainsFunc(s.Opens, Window.holdsStop) }; {
	case b.state == nil:
		return c
	case len(b.state.Serving) > 0:
		c.Paras, c.Head = []string{bySight}, []string{"what", "last seen", "down in all", "when", "longest time between two looks"}
	case slices.ContainsFunc(b.rb.Steps, outage):
		c.Paras = []string{"The journal tells of no look that saw what serves: how long it was down is not known."}
	}
	for i := range b.state.Serving {
		s := &b.state.Serving[i]
		var when []string
		for j := range s.Outages {
			when = append(when, s.Outages[j].words())
		}
		gap := "not known: one look saw it"
		if s.Gap > 0 {
			gap = printable.Duration(s.Gap)
		}
		c.Rows = append(c.Rows, []string{b.said(s.What), b.said(s.words()), s.down(), b.said(strings.Join(when, "; ")), gap})
	}
	return c
}

// words are where it was seen last, and when.
func (s *Seen) words() string {
	text := "on no machine"
	if s.Where != "" {
		text = "on " + s.Where
	}
	if s.State != "" {
		text = s.State + ", " + text
	}
	text += ", " + inFull(s.Last)
	if !s.Unseen.IsZero() {
		text += "; NOT KNOWN since " + inFull(s.Unseen)
	}
	return text
}

// down is how long it was down in all, as far as that is known.
func (s *Seen) down() string {
	if len(s.Outages) == 0 {
		return "not seen down"
	}
	var least, most time.Duration
	bounded := true
	for i := range s.Outages {
		longest, known := s.Outages[i].Most()
		bounded = bounded && known
		least, most = least+s.Outages[i].Least, most+longest
	}
	least = least.Truncate(time.Second) // printable.Duration rounds up
	switch {
	case least > 0 && bounded:
		return fmt.Sprintf("at least %s, at most %s", printable.Duration(least), printable.Duration(most))
	case least > 0:
		return "at least " + printable.Duration(least) + "; at most: not known"
	case bounded:
		return "at most " + printable.Duration(most) + "; at least: not known"
	}
	return "not known"
}

// words are from when to when it was down, by the looks.
func (o *Outage) words() string {
	from, to := "down when it was first looked at, "+inFull(o.Down), ": NOT SEEN TO SERVE AGAIN"
	if !o.Served.IsZero() {
		from = fmt.Sprintf("at most from %s (last seen on %s)", inFull(o.Served), o.From)
	}
	if !o.Again.IsZero() {
		to = fmt.Sprintf(" to %s (first seen on %s)", inFull(o.Again), o.To)
	}
	switch least := o.Least.Truncate(time.Second); {
	case o.Down.IsZero():
		to += ", not seen down between"
	case least > 0:
		to += ", at least for " + printable.Duration(least)
	}
	return from + to
}

// inFull is a time for evidence.
func inFull(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") }
