package evenkeel

import (
	"maps"
	"slices"
	"time"
)

// Sight is what a look saw of one thing, where that differs from what the journal tells; Unseen: it could not see it any more, and of
// the rest only What is told.
type Sight struct {
	Serving
	Unseen bool `json:"unseen,omitempty"`
}

// Seen is one thing that serves, as the looks of a run saw it. A look is no moment: Last is when it began, and Since when it was over, so
// that no bound is too narrow.
type Seen struct {
	Serving
	Since   time.Time     // it was first seen there, or nowhere
	Last    time.Time     // it was last seen
	Unseen  time.Time     // the first look after Last that could not see it: what is told may be true no more. Zero: none
	Gap     time.Duration // the longest time between two looks that saw it
	Outages []Outage      // the oldest first

	by     map[string]bool // the invariants that look at it; false: the last look of that one could not see it
	streak time.Time       // until when Least of the last outage is counted; zero: it begins anew with the next look
}

// Outage is a time in which something did not serve, as far as looks saw it: between two of them nothing is known. Where Down is zero no
// look saw it down: it was served elsewhere at the next one.
type Outage struct {
	From, To string        // where it was served before and after
	Served   time.Time     // the last look before that saw it serve; zero: none did
	Down     time.Time     // the first look that saw it down
	Again    time.Time     // the first look that saw it serve again; zero: none did
	Least    time.Duration // it was down for so long, between looks of one life that all saw it down; 0: not known
}

// Most is how long it was down at most; known is false where it began before the first look, has not ended, or the clock was set back.
func (o *Outage) Most() (d time.Duration, known bool) {
	return o.Again.Sub(o.Served), !o.Again.IsZero() && !o.Served.IsZero() && !o.Again.Before(o.Served)
}

// sees takes in what a record tells of looks.
func (st *State) sees(r Record) {
	for _, by := range slices.SortedFunc(maps.Keys(r.Looked), func(a, b string) int { return r.Looked[a].Compare(r.Looked[b]) }) {
		at := r.Looked[by]
		for i := range st.Serving {
			s := &st.Serving[i]
			if !s.by[by] || !at.After(s.Last) {
				continue
			}
			if s.Where == "" && s.streak.IsZero() {
				s.streak = r.Time // when it was over is not told, but it was before this
			}
			s.look(at, at)
		}
	}
	if r.Kind == KindResume || r.Kind == KindRollback { // nobody looked meanwhile
		for i := range st.Serving {
			st.Serving[i].streak = time.Time{}
		}
	}
	for _, sight := range r.Saw {
		i := st.seen(sight.What)
		if i < 0 {
			st.Serving = append(st.Serving, Seen{Serving: Serving{What: sight.What}, by: map[string]bool{}})
			i = len(st.Serving) - 1
		}
		s := &st.Serving[i]
		s.by[r.By] = !sight.Unseen
		if sight.Unseen {
			s.Unseen, s.streak = r.From, time.Time{}
			continue
		}
		s.turn(sight.Serving, r.Time)
		s.look(r.From, r.Time)
	}
}

// look is a look at the thing, from its beginning to its end, that saw it as it is told.
func (s *Seen) look(begun, over time.Time) {
	if !s.Last.IsZero() {
		s.Gap = max(s.Gap, over.Sub(s.Last))
	}
	if begun.After(s.Last) {
		s.Last = begun
	}
	if !begun.Before(s.Unseen) {
		s.Unseen = time.Time{}
	}
	switch {
	case s.Where != "":
	case s.streak.IsZero():
		s.streak = over
	case begun.After(s.streak):
		s.Outages[len(s.Outages)-1].Least += begun.Sub(s.streak)
		s.streak = begun
	}
}

// turn is a look that saw the thing otherwise than it was told.
func (s *Seen) turn(is Serving, at time.Time) {
	was, first := s.Serving, s.Since.IsZero()
	s.Serving = is
	if !first && is.Where == was.Where {
		return
	}
	s.Since, s.streak = at, time.Time{}
	switch {
	case is.Where == "":
		s.Outages = append(s.Outages, Outage{From: was.Where, Served: s.Last, Down: at})
	case first:
	case was.Where == "":
		o := &s.Outages[len(s.Outages)-1]
		o.To, o.Again = is.Where, at
	default:
		s.Outages = append(s.Outages, Outage{From: was.Where, To: is.Where, Served: s.Last, Again: at})
	}
}

// seen is where a thing is in Serving; -1 where no look has told of it.
func (st *State) seen(what string) int {
	return slices.IndexFunc(st.Serving, func(s Seen) bool { return s.What == what })
}

// news is what the journal does not tell yet of what an invariant saw.
func (st *State) news(by string, saw []Serving) (list []Sight) {
	for _, is := range saw {
		if i := st.seen(is.What); i < 0 || st.Serving[i].Serving != is || !st.Serving[i].by[by] {
			list = append(list, Sight{Serving: is})
		}
	}
	return list
}

func cloneSeen(list []Seen) []Seen {
	list = slices.Clone(list)
	for i := range list {
		list[i].Outages, list[i].by = slices.Clone(list[i].Outages), maps.Clone(list[i].by)
	}
	return list
}
