package lustretest

import (
	"github.com/evenkeel-ha/evenkeel"
)

// Rehearsal is the pair as the world that evenkeel.Rehearse takes.
func (p *Pair) Rehearsal() evenkeel.World { return rehearsal{p} }

type rehearsal struct{ *Pair }

func (r rehearsal) Clock() evenkeel.Clock { return r.World }
func (r rehearsal) Clone() evenkeel.World { return rehearsal{r.Pair.Clone()} }
func (r rehearsal) Hash() string          { return r.EndState() }
