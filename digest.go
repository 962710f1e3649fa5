package evenkeel

import (
	"errors"
	"slices"
)

// sums are the digests of a runbook, made once.
type sums struct {
	of           *Runbook // whose they are; those of a copy are its own
	whole, frame string
	steps        []string
	sound        error // nil where Validate finds nothing
}

// frozen is a copy of a runbook that remembers its digests, and whether it is sound, for a rehearsal: each of its lives asks for all
// that. The copy shares what it is made of with the original; see changed.
func (rb *Runbook) frozen() *Runbook {
	c := *rb
	c.sums = &sums{of: &c, whole: rb.Digest(), frame: rb.frameDigest(), steps: rb.stepDigests(), sound: rb.Validate()}
	return &c
}

// remembered are the digests that a frozen runbook remembers; nil where this is none, such as a copy of one.
func (rb *Runbook) remembered() *sums {
	if rb.sums == nil || rb.sums.of != rb {
		return nil
	}
	return rb.sums
}

var errRunbookChanged = errors.New("the runbook was changed while it was rehearsed: what was found is of neither the one nor the other")

// changed is an error where a frozen runbook is no longer what it was: then its digests were not those of what ran.
func (rb *Runbook) changed() error {
	if s := rb.remembered(); s != nil && rb.digest() != s.whole {
		return errRunbookChanged
	}
	return nil
}

// frameDigest is the digest of all but the steps.
func (rb *Runbook) frameDigest() string {
	if s := rb.remembered(); s != nil {
		return s.frame
	}
	return (&Runbook{Name: rb.Name, Invariants: rb.Invariants, LeaseHosts: rb.LeaseHosts, Known: rb.Known, Functions: rb.Functions}).digest()
}

// stepDigests are the digests of the steps, each of a runbook of that step alone.
func (rb *Runbook) stepDigests() (list []string) {
	if s := rb.remembered(); s != nil {
		return slices.Clone(s.steps)
	}
	for i := range rb.Steps {
		list = append(list, (&Runbook{Steps: rb.Steps[i : i+1]}).digest())
	}
	return list
}
