package evenkeel

// TakenToTheirEnds is a plan by which no schedule ends early.
func (p RehearsalPlan) TakenToTheirEnds() RehearsalPlan {
	p.apart = true
	return p
}

// LeftOpen are the IDs of the windows that a journal leaves open.
func LeftOpen(st *State) (ids []string) {
	for _, w := range st.leftOpen() {
		ids = append(ids, w.ID)
	}
	return ids
}
