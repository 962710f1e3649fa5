package course

import "github.com/evenkeel-ha/evenkeel"

// Standing is where a pair stands, for status and for the table of a fleet.
type Standing struct {
	Pair     string              `json:"pair"`
	Title    string              `json:"title,omitempty"`
	State    State               `json:"state"`
	Rollback bool                `json:"rollback,omitempty"` // what runs, is stopped, pauses or failed is a rollback
	Why      string              `json:"why,omitempty"`
	Step     string              `json:"step,omitempty"`
	Doing    []evenkeel.Decision `json:"doing,omitempty"`
	Done     int                 `json:"steps_done"`
	Steps    int                 `json:"steps"`
	Records  int                 `json:"records"`
	Epoch    int                 `json:"epoch"`
	Lives    int                 `json:"lives"`
	Lost     int                 `json:"workers_lost"`
	Worker   string              `json:"worker,omitempty"`
	Windows  []Window            `json:"windows,omitempty"` // that are open: what may be down
	Asked    []string            `json:"asked,omitempty"`   // by operators: what, who, when
}

// Standing is where the pair stands.
func (p *Place) Standing() Standing {
	s := Standing{State: Running, Records: len(p.Records()), Title: p.book.Title, Steps: len(p.book.Steps)}
	st, err := p.State()
	if err != nil {
		s.State, s.Why = Failed, err.Error()
		return s
	}
	if st != nil {
		s.Epoch, s.Rollback, s.Windows = st.Life.Epoch, st.RollingBack(), windows(st)
		for i := range p.book.Steps {
			if st.Step(p.book.Steps[i].ID).Progress == evenkeel.Did {
				s.Done++
			}
		}
	}
	switch m, err := p.Next(); {
	case err != nil:
		s.State, s.Why = KeptOut, err.Error()
	case m.Kind == Hold || m.Kind == Over:
		s.State, s.Why = m.State, m.Why
		if p.Held != nil {
			s.Step = p.Held.Step
		}
	case m.Kind == Perform:
		s.Step = m.Decisions[0].Step
	}
	return s
}
