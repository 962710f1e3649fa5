package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// The journal of a fleet is a journal as a run has it (docs/journal.md), of what no journal of a pair tells. In it a step is a wave, and an
// action is a pair:
//
//	begin, resume, amend   a life of the fleet: its pairs and rules by their digests (run), and who carries it out. An amend also
//	                       says which pairs that had begun were taken out, and by whom (output)
//	start                  the life of a pair has begun
//	pause                  a pair waits before a window, and why (error); its next start, or resume, says that it waits no more
//	step-done              a wave is done: it soaks from then on
//	confirm                a wave is confirmed, and by whom (output)
//	done                   every pair is finished

// fleetMemory is what the journal of a fleet tells.
type fleetMemory struct {
	run   *evenkeel.RunInfo
	noted map[string][]string  // the digests that runbooks of a pair have had
	begun map[string]bool      // pairs that have begun
	waits map[string]string    // why pairs wait
	done  map[string]time.Time // waves
	said  map[string]string    // who confirmed a wave
	over  bool
}

func remember(records []evenkeel.Record) (*fleetMemory, error) {
	m := &fleetMemory{noted: map[string][]string{}, begun: map[string]bool{},
		waits: map[string]string{}, done: map[string]time.Time{}, said: map[string]string{}}
	for _, r := range records {
		switch r.Kind {
		case evenkeel.KindBegin, evenkeel.KindAmend:
			m.run = r.Run
			m.note()
			maps.DeleteFunc(m.begun, func(name string, _ bool) bool { return r.Run != nil && !slices.Contains(r.Run.Steps, name) })
		case evenkeel.KindResume:
			clear(m.waits)
			m.over = false
		case evenkeel.KindStart:
			m.begun[r.Action] = true
			delete(m.waits, r.Action)
		case evenkeel.KindPause:
			m.waits[r.Action] = r.Error
		case evenkeel.KindStepDone:
			m.done[r.Step] = r.Time
		case evenkeel.KindConfirm:
			m.said[r.Step] = r.Output
		case evenkeel.KindDone:
			m.over = true
		default:
			return nil, fmt.Errorf("record %d (%s) is none of a fleet", r.Seq, r.Kind)
		}
	}
	if len(records) > 0 && (m.run == nil || m.run.Runbook != fleetRunbook) {
		return nil, errors.New("it is the journal of a run, and not of a fleet")
	}
	return m, nil
}

// note notes the digests of the runbooks.
func (m *fleetMemory) note() {
	if m.run == nil || len(m.run.Steps) != len(m.run.StepDigests) {
		return
	}
	for i, name := range m.run.Steps {
		if both := strings.Fields(m.run.StepDigests[i]); len(both) == 2 {
			m.noted[name] = append(m.noted[name], both[1])
		}
	}
}

// fleetRunbook is what the journal of a fleet names instead of a runbook.
const fleetRunbook = "fleet"

// info binds the journal to the fleet: the pairs, what each is, and the rules.
func (f *loadedFleet) info() *evenkeel.RunInfo {
	rules := f.file
	rules.Pairs = nil
	r := &evenkeel.RunInfo{ID: "fleet", Runbook: fleetRunbook, Title: f.title(), FrameDigest: digestOf(rules)}
	var all []string
	for i, m := range f.members {
		r.Steps = append(r.Steps, m.Name)
		r.StepDigests = append(r.StepDigests, f.stepDigest(i))
		all = append(all, r.StepDigests[i])
	}
	r.Digest = digestOf([]any{r.FrameDigest, r.Steps, all})
	return r
}

// stepDigest is what a pair is: its place, and its runbook. Where that cannot be made it is what it was.
func (f *loadedFleet) stepDigest(i int) string {
	m := f.members[i]
	if m.book != nil {
		return f.place(i) + " " + m.book.Digest()
	}
	if f.was != nil {
		if at := slices.Index(f.was.Steps, m.Name); at >= 0 {
			return f.was.StepDigests[at]
		}
	}
	return ""
}

// place is what must stay of a pair that has begun: its journal, and what it keeps from others.
func (f *loadedFleet) place(i int) string {
	m := f.members[i]
	path := place(m.cfg.Path(m.cfg.Journal))
	return digestOf([]any{path, f.Waves[f.Pairs[i].Wave].Name, m.Labels, f.Pairs[i].Keys})
}

func digestOf(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts, numbers, lists and tables of them
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])[:24]
}

// changes says what is not as the journal of the fleet knows it, in a line each; barred is what may not be so while a pair is under way.
// The operator goes on without some pairs that have begun.
func (f *loadedFleet) changes(m *fleetMemory, now []pairNow, without []string) (list, barred []string) {
	is := f.info()
	if is.FrameDigest != m.run.FrameDigest {
		list = append(list, "the rules: journals, limit, failures, waves, sites or apart")
	}
	for i, name := range is.Steps {
		was := slices.Index(m.run.Steps, name)
		if was < 0 {
			list = append(list, name+": it is new")
			continue
		}
		before, after := strings.Fields(m.run.StepDigests[was]), strings.Fields(is.StepDigests[i])
		switch under := now[i].under(); {
		case before[0] != after[0] && under:
			barred = append(barred, name+": its journal, its wave or its labels are changed, and it is under way")
		case before[0] != after[0]:
			list = append(list, name+": its journal, its wave or its labels")
		case before[1] != after[1] && now[i].State == statePending:
			list = append(list, name+": its configuration makes another runbook")
		}
	}
	for _, name := range m.run.Steps {
		switch {
		case slices.Contains(is.Steps, name) || slices.Contains(without, name):
		case m.begun[name]:
			barred = append(barred, fmt.Sprintf("%s: it is gone, and it has begun: put it back, or look at its machines and say --without %s",
				name, name))
		default:
			list = append(list, name+": it is gone")
		}
	}
	return list, barred
}

// openFleet opens the journal of a fleet, of which there is one or is none.
func (f *loadedFleet) openFleet(resume bool) (*evenkeel.FileJournal, *fleetMemory, error) {
	path := f.journal()
	if !resume {
		if err := os.MkdirAll(f.folder(), 0o700); err != nil {
			return nil, nil, err
		}
	} else if _, err := os.Stat(path); err != nil {
		return nil, nil, noRun(" of a fleet to resume", err)
	}
	j, err := evenkeel.OpenJournal(path)
	if err != nil {
		return nil, nil, err
	}
	m, err := remember(j.Records())
	switch begun := len(j.Records()) > 0; {
	case err != nil:
		err = fmt.Errorf("%s: %w", path, err)
	case begun && !resume:
		err = fmt.Errorf("%s: a fleet has begun in this folder: fleet resume goes on with it; another fleet needs another folder", path)
	case !begun && resume:
		err = fmt.Errorf("%s: it is empty: nothing has begun; fleet run begins", path)
	}
	if err != nil {
		return nil, nil, errors.Join(err, j.Close())
	}
	return j, m, nil
}
