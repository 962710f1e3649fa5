package evenkeel

// LeftOpen are the IDs of the windows that a journal leaves open.
func LeftOpen(st *State) (ids []string) {
	for _, w := range st.leftOpen() {
		ids = append(ids, w.ID)
	}
	return ids
}

// Frozen is a copy that remembers its digests.
func (rb *Runbook) Frozen() *Runbook { return rb.frozen() }

// Changed is an error where a frozen runbook is not what it was.
func (rb *Runbook) Changed() error { return rb.changed() }
