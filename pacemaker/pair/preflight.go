package pair

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
)

// Preflight is what the upgrade looks at before it changes anything, as a runbook of its own that the operator can run any
// day. It changes nothing and takes no lease. Each check is a step, and they run at the same time: all that would stop
// the upgrade is said at once.
func (p *Pair) Preflight() (*evenkeel.Runbook, error) {
	first := p.preflight
	if p.rolling() {
		first = p.rollingPreflight
	}
	all, err := first()
	if err != nil {
		return nil, err
	}
	rb := &evenkeel.Runbook{
		Name:  "pacemaker-pair-preflight",
		Title: fmt.Sprintf("Look at the pair %s and %s before its upgrade", p.node(0).Name, p.node(1).Name),
		Intro: "It changes nothing. Run it days before the upgrade, mend what it finds, and run it again: the upgrade begins with the " +
			"same checks. Every check is carried out, whatever the others find.",
		Inputs: p.inputs(), Secrets: p.secrets(), Steps: steps.Apart(all),
	}
	return rb, rb.Validate()
}
