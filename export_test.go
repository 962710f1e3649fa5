package evenkeel

// TakenToTheirEnds is a plan by which no schedule ends early.
func (p RehearsalPlan) TakenToTheirEnds() RehearsalPlan {
	p.apart = true
	return p
}
