package evenkeel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ScheduleKind says what happens in a schedule: the tool crashes, a connection is lost, somebody asks to stop, or a command meets a fault
// of a Faulty world, by the fault's name.
type ScheduleKind string

// The kinds of schedules.
const (
	CrashRecord ScheduleKind = "after-record"  // the tool crashes right after a journal record was written
	CrashTorn   ScheduleKind = "torn-record"   // it crashes in the middle of writing a record
	CrashBefore ScheduleKind = "before-effect" // a command was sent and never arrived
	CrashAfter  ScheduleKind = "after-effect"  // a command took effect and its answer never arrived
	CrashLost   ScheduleKind = "lost"          // no crash: the connection breaks after the effect, and the tool lives on
	StopRecord  ScheduleKind = "stop-record"   // a stop is asked for when a journal record was written
	StopCommand ScheduleKind = "stop-command"  // a stop is asked for while a command runs
	// TakenOver is a second operator: the tool, which has its leases, is suspended right before it sends a command, and another one takes the
	// run over with a copy of the journal, to its end or to a state in which another run was. Then the first one wakes up, sends that
	// command, and goes on until it ends. It must change nothing.
	TakenOver ScheduleKind = "taken-over"
)

// scheduleKinds are all of them but RollbackFrom.
var scheduleKinds = []ScheduleKind{CrashRecord, CrashTorn, CrashBefore, CrashAfter, CrashLost, StopRecord, StopCommand, TakenOver}

// EveryKind are all kinds of schedules, faults included.
func EveryKind() []ScheduleKind { return append(slices.Clone(scheduleKinds), RollbackFrom, AnyFault) }

// atRecords tells whether the points of a kind are records; else they are commands.
func (k ScheduleKind) atRecords() bool {
	return k == CrashRecord || k == CrashTorn || k == StopRecord || k == RollbackFrom
}

// pairs tells whether something of a kind can be a part of a pair: a crash, a lost answer or a fault.
func (k ScheduleKind) pairs() bool {
	return !slices.Contains([]ScheduleKind{"", RollbackFrom, AnyFault, StopRecord, StopCommand, TakenOver}, k)
}

// fault tells whether a kind is one of the world's own.
func (k ScheduleKind) fault() bool {
	return k != "" && k != RollbackFrom && !slices.Contains(scheduleKinds, k)
}

// Words say what happens in a schedule of the kind, for the reader.
func (k ScheduleKind) Words() string {
	words := map[ScheduleKind]string{
		CrashRecord: "the tool crashes after a journal record", CrashTorn: "the tool crashes in the middle of a journal record",
		CrashBefore: "the tool crashes, and its command does not arrive", CrashAfter: "the tool crashes, and its command took effect",
		CrashLost: "the answer is lost", StopRecord: "a stop is asked for after a journal record",
		StopCommand:  "a stop is asked for while a command runs",
		TakenOver:    "the tool is suspended before a command, another operator takes the run over, and the tool wakes up",
		RollbackFrom: "the tool crashes, and the run is rolled back",
	}[k]
	if words == "" {
		return string(k)
	}
	return words
}

// Schedule is one way in which a run can go. Its text is its name: see ParseSchedule.
type Schedule struct {
	Kind ScheduleKind
	At   int // the number of the record or command
	// Then is what happens next; the zero value where nothing does: within the rollback, where the kind is RollbackFrom, else in the same
	// run, of which this is a pair then.
	Then Interruption
}

// Interruption is what happens after something else has.
type Interruption struct {
	Kind ScheduleKind
	// At is the number of the record or command: of the rollback, where it lies in one. In a pair the numbers go on from the first record or
	// command of the run through its resumes, and what never arrived counts, too.
	At int
}

// pair tells whether two things happen in the same run.
func (s Schedule) pair() bool { return s.Then != (Interruption{}) && s.Kind != RollbackFrom }

// canFollow tells whether a pair can have its second part: of a kind of pairs, and later than the first.
func (s Schedule) canFollow() bool {
	later := s.Kind.atRecords() != s.Then.Kind.atRecords() || s.Then.At > s.At
	return s.Kind.pairs() && s.Then.Kind.pairs() && later
}

// parts are what happens in one run or rollback, in its order.
func (s Schedule) parts() (list []Interruption) {
	if s != (Schedule{}) {
		list = append(list, Interruption{s.Kind, s.At})
	}
	if s.pair() {
		list = append(list, s.Then)
	}
	return list
}

const scheduleThen = " then "

func (s Schedule) String() string {
	text := fmt.Sprintf("%s %d", s.Kind, s.At)
	if s.Then != (Interruption{}) {
		text += fmt.Sprintf("%s%s %d", scheduleThen, s.Then.Kind, s.Then.At)
	}
	return text
}

// ParseSchedule reads the name of a schedule, such as "after-effect 12", or of a pair, such as "fails 12 then after-effect 15". Whether a
// run has it only a rehearsal can tell.
func ParseSchedule(text string) (Schedule, error) {
	bad := fmt.Errorf("%q names no schedule: it is a kind and a number, such as %q", text, Schedule{Kind: CrashAfter, At: 12})
	first, then, nested := strings.Cut(text, scheduleThen)
	one := func(text string) (ScheduleKind, int, bool) {
		i := strings.LastIndexByte(text, ' ')
		if i <= 0 {
			return "", 0, false
		}
		n, err := strconv.Atoi(text[i+1:])
		return ScheduleKind(text[:i]), n, err == nil && n > 0 && strings.TrimSpace(text[:i]) == text[:i]
	}
	var s Schedule
	var ok bool
	if s.Kind, s.At, ok = one(first); !ok {
		return Schedule{}, bad
	}
	if nested && strings.Contains(then, scheduleThen) {
		return Schedule{}, bad
	}
	if nested {
		s.Then.Kind, s.Then.At, ok = one(then)
		if !ok || s.Then.Kind == RollbackFrom || s.Then.Kind == AnyFault || s.pair() && !s.canFollow() {
			return Schedule{}, bad
		}
	}
	if s.String() != text { // one name, one schedule
		return Schedule{}, bad
	}
	return s, nil
}

// every thins a kind of schedule out. Stops are all taken at the same few points, rollbacks take two runs each, and faults are of many
// kinds, so one that is thinned out tries fewer of them.
func (p RehearsalPlan) every(kind ScheduleKind) int {
	switch fewer := kind == StopRecord || kind == StopCommand || kind == RollbackFrom; {
	case fewer && p.Every > 1:
		return 3 * p.Every
	case kind.fault() && p.Every > 1:
		return 6 * p.Every
	}
	return p.Every
}

// due tells whether a schedule is one of those that are tried.
func (p RehearsalPlan) due(kind ScheduleKind, at int) bool {
	if p.Only != (Schedule{}) {
		return !p.Only.pair() && p.Only.Kind == kind && p.Only.At == at
	}
	return p.tries(kind) && kind.nth(at, p.every(kind))
}

// nth tells whether a point is one of each so many. The kinds of faults begin at different ones.
func (k ScheduleKind) nth(at, every int) bool {
	shift := 0
	if k.fault() {
		for _, c := range []byte(k) {
			shift = (shift*31 + int(c)) % every
		}
	}
	return (at-1+shift)%every == 0
}

// tries tells whether schedules of a kind are wanted.
func (p RehearsalPlan) tries(kind ScheduleKind) bool {
	return slices.Contains(p.Kinds, kind) || kind.fault() && slices.Contains(p.Kinds, AnyFault)
}

// stops tells whether a request to stop is tried.
func (p RehearsalPlan) stops() bool {
	return slices.ContainsFunc([]ScheduleKind{StopRecord, StopCommand}, func(k ScheduleKind) bool {
		return p.tries(k) || p.triesWithin(k) || p.Only.Kind == k || p.Only.Then.Kind == k
	})
}

// triesWithin tells whether schedules of a kind are wanted within rollbacks.
func (p RehearsalPlan) triesWithin(kind ScheduleKind) bool {
	others := slices.ContainsFunc(p.Kinds, func(k ScheduleKind) bool { return k != RollbackFrom })
	return p.tries(kind) || !others && !kind.fault()
}

// dueWithin tells whether the n-th of all points at which something of a kind can happen within rollbacks is tried. What is thinned out is
// thinned out once more there, since each takes a rollback.
func (p RehearsalPlan) dueWithin(kind ScheduleKind, n int) bool {
	every := p.every(kind)
	if every > 1 {
		every *= 3
	}
	return p.triesWithin(kind) && kind.nth(n, every)
}

// passed is where a run stands before a decision.
type passed struct {
	step              string // of the decision
	records, commands int
}

// due is a schedule that is to be tried, and the step in which it goes apart from the straight run.
type due struct {
	Schedule
	step  string
	place int // the number of the decision after which it goes apart
}

// schedules are those that go apart from a run or a rollback behind a point of it, and are chosen, in its order. Each lies between two
// decisions, of which the places are given.
func (r *rehearsal) schedules(straight rehearsed, from passed, places []passed, choose func(kind ScheduleKind, at int) (counts, due bool),
) (list []due, space int) {
	for place, to := range places {
		add := func(kind ScheduleKind, at int) {
			counts, chosen := choose(kind, at)
			if counts {
				space++
			}
			if chosen {
				list = append(list, due{Schedule{Kind: kind, At: at}, from.step, place})
			}
		}
		for _, kind := range scheduleKinds {
			first, last := from.commands, to.commands
			if kind.atRecords() {
				first, last = from.records, to.records
			}
			if kind == TakenOver && from == (passed{}) {
				continue // the tool has no lease yet: nothing can be taken from it, and a run of the same name is another one
			}
			for at := first + 1; at <= last; at++ {
				add(kind, at)
			}
		}
		for at := from.commands + 1; at <= to.commands; at++ {
			for _, kind := range straight.faults(at) {
				add(kind, at)
			}
		}
		from = to
	}
	return list, space
}

// faults are the kinds of faults that a command of the straight run can meet.
func (r *rehearsed) faults(at int) (kinds []ScheduleKind) {
	w, ok := r.world.(Faulty)
	cmd := r.sent[at-1-r.before].cmd
	if !ok || len(cmd.Argv) == 0 {
		return nil
	}
	honest, lies := w.Faults(cmd)
	for _, name := range slices.Concat(honest, lies) {
		kinds = append(kinds, ScheduleKind(name))
	}
	return kinds
}

// has is an error where a kind of fault is wanted that no command of the straight run can meet.
func (r *rehearsed) has(wanted []ScheduleKind) error {
	met := map[ScheduleKind]bool{}
	for at := range r.sent {
		for _, kind := range r.faults(at + 1) {
			met[kind] = true
		}
	}
	for _, kind := range wanted {
		if kind.fault() && kind != AnyFault && !met[kind] {
			return fmt.Errorf("%w: the world knows no fault of the kind %q that one of its commands can meet", ErrNoSchedule, kind)
		}
	}
	return nil
}
