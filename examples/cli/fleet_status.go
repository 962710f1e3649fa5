package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// stateUnreadable is a pair whose journal cannot be read: nobody knows where it stands.
const stateUnreadable = "unreadable"

// FleetStanding is where a fleet stands, as its journals tell. It is what fleet status prints: no machine was asked.
type FleetStanding struct {
	Title   string            `json:"title"`
	Journal string            `json:"journal"`
	State   string            `json:"state"`
	Process *evenkeel.Process `json:"process,omitempty"` // what lived the last life; it lives while the state is running
	Waves   []WaveStanding    `json:"waves"`
	Pairs   []PairStanding    `json:"pairs"`
	Counts  map[string]int    `json:"counts"` // of the pairs, by state
	Next    []Item            `json:"next,omitempty"`

	unread []error // why pairs cannot be told of
}

// WaveStanding is where a wave stands.
type WaveStanding struct {
	Name      string    `json:"name"`
	Done      time.Time `json:"done,omitzero"`
	Soaked    time.Time `json:"soaked,omitzero"` // when it has soaked, or will have
	Confirmed string    `json:"confirmed,omitempty"`
}

// PairStanding is where a pair stands.
type PairStanding struct {
	Name    string   `json:"name"`
	Wave    string   `json:"wave"`
	Site    string   `json:"site,omitempty"`
	State   string   `json:"state"`
	Journal string   `json:"journal"`
	Done    int      `json:"steps_done"`
	Steps   int      `json:"steps"`
	At      string   `json:"at,omitempty"`      // the step at which it stands
	Windows []string `json:"windows,omitempty"` // that are open
	Why     string   `json:"why,omitempty"`     // it does not begin, waits, is paused or failed
	Next    []Item   `json:"next,omitempty"`    // what can be typed, and what that does
}

// fleetCommandLine is a command for a fleet.
func (a *App) fleetCommandLine(verb, path string) string {
	return a.Name + " fleet " + verb + " " + shellescape.Quote(path)
}

// status is where a fleet stands, by its journals; and by what a life of it knows beyond them, where there is one: of a pair that was kept
// out before it did anything no journal tells.
func (f *loadedFleet) status(life *fleetRun) (*FleetStanding, error) {
	s := &FleetStanding{Title: f.title(), Journal: f.journal(), State: statePending, Counts: map[string]int{}}
	memory, err := f.readMemory(s)
	if err != nil {
		return nil, err
	}
	f.was, f.noted = memory.run, memory.noted
	now := fleetNow{At: time.Now(), Pairs: make([]pairNow, len(f.Pairs))}
	for _, w := range f.Waves {
		now.Waves = append(now.Waves, waveNow{Done: memory.done[w.Name], Confirmed: memory.said[w.Name] != ""})
		one := WaveStanding{Name: w.Name, Done: memory.done[w.Name], Confirmed: memory.said[w.Name]}
		if !one.Done.IsZero() && w.Soak > 0 {
			one.Soaked = one.Done.Add(w.Soak)
		}
		s.Waves = append(s.Waves, one)
	}
	for i := range f.Pairs {
		one, is, err := f.pairStatus(i)
		if err != nil { // the others can be told all the same
			one.State, one.Why = stateUnreadable, firstLine(err)
			s.unread = append(s.unread, err)
		} else if unread := f.members[i].unread; unread != nil {
			one.Why = cmp.Or(one.Why, firstLine(unread))
			s.unread = append(s.unread, unread)
		}
		if why := memory.waits[one.Name]; why != "" && one.State == stateRunning && s.State == stateRunning {
			one.State, one.Why = stateWaiting, why
		}
		if life != nil {
			is.State = life.now.Pairs[i].State
			if one.State != is.State || is.State == stateStopped {
				one.State, one.Why = is.State, life.reason[i]
			}
		}
		now.Pairs[i] = is
		s.Pairs = append(s.Pairs, one)
	}
	next := f.next(now)
	for i := range s.Pairs {
		if one := &s.Pairs[i]; one.Why == "" && one.State == statePending {
			one.Why = next.Why[i]
		}
		s.Counts[s.Pairs[i].State]++
	}
	if s.State == stateFinished && s.Counts[stateFinished] != len(s.Pairs) { // one was rolled back since
		s.State = stateStopped
	}
	s.next(f)
	return s, nil
}

// readMemory reads the journal of the fleet.
func (f *loadedFleet) readMemory(s *FleetStanding) (*fleetMemory, error) {
	inUse, err := evenkeel.JournalInUse(f.journal())
	if errors.Is(err, os.ErrNotExist) {
		return remember(nil)
	}
	if err != nil {
		return nil, err
	}
	records, err := readRecords(f.journal())
	if err != nil {
		return nil, err
	}
	m, err := remember(records)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.journal(), err)
	}
	switch {
	case inUse:
		s.State = stateRunning
	case m.over:
		s.State = stateFinished
	case len(records) > 0:
		s.State = stateStopped
	}
	for _, r := range records {
		if r.Process != nil {
			s.Process = r.Process
		}
	}
	return m, nil
}

// pairStatus is where a pair stands.
func (f *loadedFleet) pairStatus(i int) (PairStanding, pairNow, error) {
	m := f.members[i]
	one := PairStanding{Name: m.Name, Wave: f.Waves[f.Pairs[i].Wave].Name, Site: m.Site, State: statePending,
		Journal: m.cfg.Path(m.cfg.Journal)}
	if m.book != nil {
		one.Steps = len(m.book.Steps)
	}
	is, err := f.look(i)
	s, _, err2 := f.standing(i)
	if err := errors.Join(err, err2); err != nil {
		return one, is, fmt.Errorf("%s: %w", m.Name, err)
	}
	if s == nil {
		return one, is, nil
	}
	one.State, one.Done, one.Steps, one.Next = s.State, s.Done, len(s.Steps), s.Next
	if s.At > 0 && s.State != stateFinished {
		one.At = s.Steps[s.At-1].ID
	}
	for _, w := range s.Windows {
		one.Windows = append(one.Windows, w.ID)
	}
	switch {
	case s.Paused != nil:
		one.Why = s.Paused.What
	case s.Failed != nil:
		one.Why = s.Failed.What
	}
	if s.State == stateRunning || s.State == stateFinished {
		one.Next = nil
	}
	return one, is, nil
}

// next lists what can be typed for the fleet.
func (s *FleetStanding) next(f *loadedFleet) {
	tool := func(verb string) string { return f.tool + " fleet " + verb + " " + shellescape.Quote(f.at.file) }
	add := func(verb, what string) { s.Next = append(s.Next, Item{Name: tool(verb), Value: what}) }
	switch s.State {
	case statePending:
		add("run", "begin")
	case stateStopped:
		add("resume", "go on with every pair that has begun, and begin those that have not")
		if s.Counts[stateFailed] > 0 {
			add("resume --failed", "also go on with the pairs that failed, when the causes are mended")
		}
	}
}

// text is the table.
func (s *FleetStanding) text() string {
	var b strings.Builder
	process := ""
	if s.Process != nil && s.State == stateRunning {
		process = fmt.Sprintf(" (pid %d of %s)", s.Process.PID, s.Process.Holder)
	}
	fmt.Fprintf(&b, "%s: %s%s, %s\n", printable.Line(s.Title), s.State, printable.Line(process), s.counts())
	for _, w := range s.Waves {
		text := "not done"
		switch {
		case !w.Done.IsZero():
			text = "done " + w.Done.Format(time.RFC3339)
		case s.State == stateFinished: // nothing waits for the end of the last one
			text = "done"
		}
		if !w.Soaked.IsZero() {
			text += ", soaks until " + w.Soaked.Format(time.RFC3339)
		}
		if w.Confirmed != "" {
			text += ", confirmed: " + w.Confirmed
		}
		if len(s.Waves) > 1 {
			fmt.Fprintf(&b, "  wave %s: %s\n", w.Name, printable.Line(text))
		}
	}
	rows := [][]string{{"pair", "wave", "state", "steps", "at, and why"}}
	for _, p := range s.Pairs {
		about := strings.Trim(p.At+": "+inCell(p.Why), ": ")
		if len(p.Windows) > 0 {
			about += " [open: " + strings.Join(p.Windows, ", ") + "]"
		}
		rows = append(rows, []string{p.Name, p.Wave, p.State, fmt.Sprintf("%d/%d", p.Done, p.Steps), printable.Line(about)})
	}
	b.WriteString(columns(rows))
	for _, p := range s.Pairs {
		for _, n := range p.Next {
			fmt.Fprintf(&b, "  %s: %s    (%s)\n", p.Name, n.Name, n.Value)
		}
	}
	for _, n := range s.Next {
		fmt.Fprintf(&b, "  fleet: %s    (%s)\n", n.Name, n.Value)
	}
	return b.String()
}

// inCell is the beginning of a text, for a cell of the table; status of the pair alone has all of it.
func inCell(text string) string {
	const most = 100
	line, more, _ := strings.Cut(text, "\n")
	if runes := []rune(line); len(runes) > most {
		line, more = string(runes[:most]), "more"
	}
	if more != "" {
		line += " …"
	}
	return line
}

// counts says how many pairs are in each state.
func (s *FleetStanding) counts() string {
	var list []string
	for _, state := range []string{stateFinished, stateRunning, stateWaiting, statePaused, stateFailed, stateStopped, stateRolledBack,
		stateUnreadable,
		statePending} {
		if n := s.Counts[state]; n > 0 {
			list = append(list, fmt.Sprintf("%d %s", n, state))
		}
	}
	return counted(len(s.Pairs), "pair", "pairs") + ": " + strings.Join(list, ", ")
}

// columns lines up rows; the last column is as long as it is.
func columns(rows [][]string) string {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := " "
		for i, cell := range row {
			line += fmt.Sprintf(" %-*s ", width[i], cell)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// end prints what the fleet came to, and gives its exit code.
func (r *fleetRun) end() (int, error) {
	f := r.fleet
	states := map[string]int{}
	for _, p := range r.now.Pairs {
		states[p.State]++
	}
	finished := states[stateFinished] == len(f.Pairs)
	if finished && r.broken == nil {
		r.broken = r.journal.Append(stamped(evenkeel.Record{Kind: evenkeel.KindDone}))
	}
	lost := r.broken
	s, err := f.status(r)
	if err != nil {
		return ExitFailed, errors.Join(lost, err)
	}
	s.State, s.Next = stateStopped, nil
	if finished {
		s.State = stateFinished
	}
	s.next(f)
	if r.asked != "" {
		s.Next = append(s.Next, Item{Name: r.app.fleetCommandLine("resume --confirm "+r.asked, r.path),
			Value: "confirm wave " + r.asked + ", and begin the next one"})
	}
	if _, err := fmt.Fprint(r.app.told(), "\n"+s.text()); err != nil {
		return ExitFailed, err
	}
	failed := slices.ContainsFunc(r.now.Pairs, pairNow.failed)
	select {
	case <-r.stop:
		if !failed && lost == nil && !finished {
			return ExitStopped, nil
		}
	default:
	}
	switch {
	case lost != nil:
		return ExitFailed, fmt.Errorf("the journal of the fleet is lost, so nothing new was begun: %w", lost)
	case failed:
		return ExitFailed, nil
	case finished:
		return ExitDone, nil
	}
	return ExitHeld, nil
}
