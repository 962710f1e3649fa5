package lustretest

import (
	"github.com/evenkeel-ha/evenkeel"
)

// Rehearsal is the pair as the world that evenkeel.Rehearse takes.
func (p *Pair) Rehearsal() evenkeel.World { return rehearsal{p} }

type rehearsal struct{ *Pair }

func (r rehearsal) Clock() evenkeel.Clock { return r.World }
func (r rehearsal) Clone() evenkeel.World { return rehearsal{r.Pair.Clone()} }

// Hash is the state in which the pair ends by itself: a cluster that was just started is no member yet.
func (r rehearsal) Hash() string {
	settled := r.Pair.Clone()
	settled.Advance(settleTime)
	return settled.EndState()
}
