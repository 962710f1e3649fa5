package course

import "github.com/evenkeel-ha/evenkeel"

// mostLost is how many workers may be lost one after the other, with nothing done between, before an operator is asked.
const mostLost = 5

// Losses counts the workers that were lost one after the other.
type Losses struct {
	Row  int `json:"row,omitempty"`  // since something was done, or an operator took it up
	Done int `json:"done,omitempty"` // how much had been done when the last one was lost (Place.Done)
}

// Lose counts one. It is over where an operator is to look at the workers; the row begins anew then.
func (l *Losses) Lose(done int) (over bool) {
	l.Row++
	if done > l.Done {
		l.Row, l.Done = 1, done
	}
	if l.Row < mostLost {
		return false
	}
	l.Row = 0
	return true
}

// Done is how many actions and steps have ended well. What a life reads again counts once: each life writes records, also
// one that gets nowhere.
func (p *Place) Done() int {
	type one struct {
		kind         evenkeel.Kind
		step, action string
		phase        evenkeel.Phase
	}
	seen := map[one]bool{}
	for _, r := range p.Records() {
		switch r.Kind {
		case evenkeel.KindEnd, evenkeel.KindStepDone, evenkeel.KindStepUndone:
			if r.Error == "" {
				seen[one{r.Kind, r.Step, r.Action, r.Phase}] = true
			}
		default:
		}
	}
	return len(seen)
}
