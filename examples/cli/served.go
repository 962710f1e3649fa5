package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// Served is one thing that serves, as the looks of a run saw it: see evenkeel.Seen. Where is left out where it is on no machine.
type Served struct {
	evenkeel.Serving
	Since   time.Time    `json:"since"`
	Seen    time.Time    `json:"seen"`
	Unseen  time.Time    `json:"not_known_since,omitzero"`
	Gap     float64      `json:"longest_between_looks_seconds,omitempty"` // left out where one look saw it
	Outages []DownWindow `json:"outages,omitempty"`
}

// DownWindow is an outage, as far as looks saw it. What is left out is not known.
type DownWindow struct {
	From   string    `json:"from,omitempty"`
	To     string    `json:"to,omitempty"`
	Served time.Time `json:"last_served,omitzero"`
	Down   time.Time `json:"first_down,omitzero"` // left out where no look saw it down: it was elsewhere at the next one
	Again  time.Time `json:"first_served_again,omitzero"`
	Least  float64   `json:"at_least_seconds,omitempty"`
	Most   *float64  `json:"at_most_seconds,omitempty"`
}

func servedOf(st *evenkeel.State) (list []Served) {
	for _, s := range st.Serving {
		one := Served{Serving: s.Serving, Since: s.Since, Seen: s.Last, Unseen: s.Unseen, Gap: s.Gap.Seconds()}
		for _, o := range s.Outages {
			down := DownWindow{From: o.From, To: o.To, Served: o.Served, Down: o.Down, Again: o.Again, Least: o.Least.Seconds()}
			if most, known := o.Most(); known {
				seconds := most.Seconds()
				down.Most = &seconds
			}
			one.Outages = append(one.Outages, down)
		}
		list = append(list, one)
	}
	return list
}

// words are where it is, since when, and how old that is.
func (s Served) words() string {
	where := "DOWN"
	if s.Where != "" {
		where = "on " + s.Where
	}
	var more []string
	if s.State != "" {
		more = append(more, s.State)
	}
	if s.Where != "" && s.Home != "" && s.Where != s.Home {
		more = append(more, "away from "+s.Home)
	}
	more = append(more, "since "+s.Since.Format(time.RFC3339), "last seen "+s.Seen.Format(time.RFC3339))
	text := where + ", " + strings.Join(more, ", ")
	if !s.Unseen.IsZero() {
		text = fmt.Sprintf("NOT KNOWN since %s; before that %s", s.Unseen.Format(time.RFC3339), text)
	}
	return s.What + ": " + text
}

// servedText is what serves where, a line each. Of many those are counted that are where they belong.
func servedText(list []Served) (lines []string) {
	const many = 8
	var home []Served
	for _, s := range list {
		if len(list) > many && s.Where != "" && s.Where == cmp.Or(s.Home, s.Where) && s.Unseen.IsZero() {
			home = append(home, s)
		} else {
			lines = append(lines, s.words())
		}
	}
	if len(home) > 0 {
		oldest := slices.MinFunc(home, func(a, b Served) int { return a.Seen.Compare(b.Seen) }).Seen
		lines = append(lines, fmt.Sprintf("%d of %d in their normal place, each seen at %s or later",
			len(home), len(list), oldest.Format(time.RFC3339)))
	}
	return lines
}

// servedTold is what a look saw otherwise than the records before tell.
func servedTold(r evenkeel.Record, before []evenkeel.Record) string {
	const most = 4
	var list []string
	for _, s := range r.Saw {
		switch was := sightBefore(s.What, before); {
		case s == was: // another invariant saw the same
		case s.Unseen:
			list = append(list, s.What+" cannot be seen")
		case s.Where == "":
			list = append(list, s.What+" DOWN")
		default:
			list = append(list, s.What+" on "+s.Where)
		}
	}
	if len(list) == 0 {
		return ""
	}
	if more := len(list) - most; more > 0 {
		list = append(list[:most], fmt.Sprintf("and %d more", more))
	}
	return "serving: " + strings.Join(list, "; ")
}

func sightBefore(what string, before []evenkeel.Record) evenkeel.Sight {
	for _, r := range slices.Backward(before) {
		for _, s := range r.Saw {
			if s.What == what {
				return s
			}
		}
	}
	return evenkeel.Sight{}
}
