package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
)

// look is where a pair stands, as its journal tells.
func (f *loadedFleet) look(i int) (pairNow, error) {
	s, st, err := f.standing(i)
	if err != nil || s == nil {
		return pairNow{State: statePending}, err
	}
	if !st.Changed && s.State != stateRunning { // it began, and changed nothing: it may begin anew
		return pairNow{State: statePending}, nil
	}
	if err := f.own(i, st); err != nil {
		return pairNow{State: statePending}, err
	}
	var open []string
	for _, w := range openWindows(st) {
		open = append(open, w.ID)
	}
	return pairNow{State: s.State, Other: st.Run.Digest != f.members[i].digest(), Holds: f.Pairs[i].keys(open...)}, nil
}

// own refuses a journal that is there by mistake: of a run of another runbook than this fleet has had for the pair, or of a rehearsal in
// its place. What it tells would pass for what became of the pair.
func (f *loadedFleet) own(i int, st *evenkeel.State) error {
	m := &f.members[i]
	path := m.cfg.Path(m.cfg.Journal)
	machines := map[bool]string{true: "simulated machines", false: "real machines"}
	switch simulated := m.cfg.World != ""; {
	case st.Run.Simulated != simulated:
		return fmt.Errorf("%s is the journal of a run on %s, and the configuration is for %s: put it elsewhere", path,
			machines[st.Run.Simulated], machines[simulated])
	case st.Run.Digest != m.digest() && !slices.Contains(f.noted[m.Name], st.Run.Digest):
		return fmt.Errorf("%s is the journal of another runbook, of other inputs or of another version of the tool (digest %s): put it "+
			"elsewhere; if it is this pair's, take the pair's own resume --amend, or report", path, st.Run.Digest)
	}
	return nil
}

// digest is that of its runbook; empty where there is none at hand.
func (m *member) digest() string {
	if m.book == nil {
		return ""
	}
	return m.book.Digest()
}

// unwritten tells that a pair has no journal, or an empty one.
func (f *loadedFleet) unwritten(i int) bool {
	s, _, err := f.standing(i)
	return s == nil && err == nil
}

// standing is where a pair stands; nil where it has no journal, or an empty one.
func (f *loadedFleet) standing(i int) (*Standing, *evenkeel.State, error) {
	m := f.members[i]
	if m.unread != nil && m.cfg.Journal == "" {
		return nil, nil, m.unread
	}
	w := &watcher{observed: observed{journal: m.cfg.Path(m.cfg.Journal), book: m.book}}
	w.command = func(verb string) string { return f.tool + " " + verb + " --config " + shellescape.Quote(f.config(i)) }
	if _, err := os.Stat(w.journal); errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	s, err := w.look()
	if errors.Is(err, evenkeel.ErrJournalEmpty) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	st, err := evenkeel.ReadState(w.records)
	return s, st, err
}

// seen is what was seen of a pair's journal: nothing has happened there as long as it is the same.
type seen struct {
	state   string
	size    int64
	written time.Time
}

// see notes what a pair's journal is now.
func (r *fleetRun) see(i int, state string) {
	m := r.fleet.members[i]
	r.seen[i] = seen{state: state}
	if info, err := os.Stat(m.cfg.Path(m.cfg.Journal)); err == nil {
		r.seen[i].size, r.seen[i].written = info.Size(), info.ModTime()
	}
}

// lookAnew looks at the pairs on which nobody here works: their own commands, in another process, open and close windows too, bring them to
// their ends and roll them back, also those that were finished.
func (r *fleetRun) lookAnew() {
	for i := range r.now.Pairs {
		p, before := &r.now.Pairs[i], r.seen[i]
		if p.atWork() {
			continue
		}
		if r.see(i, before.state); r.seen[i] == before && before.state != stateRunning {
			continue
		}
		is, err := r.fleet.look(i)
		if err != nil { // what was known before holds
			r.seen[i] = before
			continue
		}
		r.seen[i].state = is.State
		switch p.Holds = is.Holds; {
		case is.State == stateRunning: // elsewhere
			p.Take = false
			if p.State == statePending {
				p.State = stateStopped
			}
		case is.State != before.state && is.State != statePending:
			p.State, p.Take = is.State, false
		}
	}
}
