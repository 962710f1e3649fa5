package course

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// Window is an invariant that may not hold now.
type Window struct {
	ID        string        `json:"id"`
	Step      string        `json:"step"`
	Reason    string        `json:"reason"`
	Invariant string        `json:"invariant"`
	Since     time.Time     `json:"since"`
	Limit     time.Duration `json:"limit"`  // nanoseconds; it counts anew in each life
	Outage    bool          `json:"outage"` // a stop waits for its close; else it is reduced redundancy
}

func (w Window) String() string {
	what := "reduced redundancy"
	if w.Outage {
		what = "OUTAGE"
	}
	return fmt.Sprintf("%s %s (%s), open since %s, limit %s", what, w.ID, w.Reason, w.Since.UTC().Format(time.RFC3339), w.Limit)
}

// windows are those that are open, the oldest first: of the run, and of its rollback.
func windows(st *evenkeel.State) (list []Window) {
	if st == nil {
		return nil
	}
	open := slices.Collect(maps.Values(st.Windows))
	if st.RollingBack() {
		open = slices.AppendSeq(open, maps.Values(st.Rollback.Windows))
	}
	slices.SortFunc(open, func(a, b evenkeel.OpenWindow) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
	})
	for _, w := range open {
		list = append(list, Window{ID: w.ID, Step: w.Step, Reason: w.Reason, Invariant: w.Invariant, Since: w.Since, Limit: w.Limit,
			Outage: holdsStop(w)})
	}
	return list
}

// holdsStop tells whether a stop waits for the window's close. A rule that is not known is taken for the stricter one.
func holdsStop(w evenkeel.OpenWindow) bool { return w.Stop != evenkeel.StopBetweenSteps }

// inOutage tells whether the next life begins in an outage, and so takes a stop at its close only.
func (p *Place) inOutage(st *evenkeel.State) bool {
	at := st
	switch {
	case st == nil:
		return false
	case st.RollingBack():
		at = st.Rollback
	case p.Back != nil:
		return false // the life would begin a rollback, which takes a stop at once
	}
	return slices.ContainsFunc(slices.Collect(maps.Values(at.Windows)), holdsStop)
}

// stopped says why a pair that was stopped holds, and what that leaves open.
func stopped(st *evenkeel.State) string {
	text := "stopped as asked; its place is kept"
	for i, w := range windows(st) {
		if i == 0 {
			text += ". Left open:"
		} else {
			text += ";"
		}
		text += " " + w.String()
	}
	return text
}
