package evenkeel

// TakenToTheirEnds is a plan by which no schedule ends early.
func (p RehearsalPlan) TakenToTheirEnds() RehearsalPlan {
	p.apart = true
	return p
}

// Frozen is a copy that remembers its digests.
func (rb *Runbook) Frozen() *Runbook { return rb.frozen() }

// Changed is an error where a frozen runbook is not what it was.
func (rb *Runbook) Changed() error { return rb.changed() }
