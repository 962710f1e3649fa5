package evenkeel

import (
	"slices"
	"time"
)

// RehearsalReport is what a rehearsal found.
type RehearsalReport struct {
	Records   int                 // that the straight run journalled
	Commands  int                 // that it ran
	Space     int                 // schedules of the wanted kinds, at every point and within the played rollbacks; also those left out
	Schedules int                 // that were tried
	Left      int                 // that were to be tried, as far as known, and were not: the context ended before
	Met       int                 // of those tried: not taken to their ends, since they came to a state in which another run was
	Coverage  []RehearsalCoverage // by step, and by kind there
	Failures  []RehearsalFailure
	Worst     RehearsalWorst // of all outages, those of the straight run included
	Rollbacks RehearsedRollbacks
	Pairs     RehearsedPairs
	Straight  *Report
	End       World // the world after the straight run
}

// RehearsedRollbacks is the part of a rehearsal that is rollbacks.
type RehearsedRollbacks struct {
	Played int           // without an interruption
	Apart  int           // of these, the ones that did not begin as one from an earlier record: what can happen within them was looked for
	Within int           // schedules within them
	Took   time.Duration // on this machine, summed over the workers
}

// RehearsedPairs is the part of a rehearsal in which two things go wrong in one run. It is counted apart: none of it is in Space,
// Schedules, Met and Coverage.
type RehearsedPairs struct {
	Firsts   int                 // first parts that they have
	Tried    int                 // pairs
	Broke    int                 // of these
	Coverage []RehearsalCoverage // by the step of the first part, and by both kinds
}

// RehearsalFailure is a schedule that broke an invariant, did not come to its end, or ended in another state than the straight run.
type RehearsalFailure struct {
	Schedule Schedule
	Step     string // in which it goes apart from the straight run; empty before the first one and after the last one
	Err      error
	From     Schedule // the pair that broke the same, from which it was found; the zero value where it was found as it is
}

func (f RehearsalFailure) Error() string { return f.Schedule.String() + ": " + f.Err.Error() }

// RehearsalCoverage is what became of the schedules of one kind that go apart within one step, or within the rollbacks from one step.
type RehearsalCoverage struct {
	Step     string // empty before the first one and after the last one
	Kind     ScheduleKind
	Then     ScheduleKind // what happens within the rollback, or second in a pair; empty where nothing does
	Explored int
	Broke    int
	Ends     map[RehearsalEnd]int // of those that broke nothing
	Down     int                  // of all: something was down at their end that is not at the end of the straight run
}

// RehearsalOutage is how long a world was without something.
type RehearsalOutage struct {
	What    string
	Longest time.Duration // at a stretch
	Down    bool          // it is down now
}

// RehearsalWorst is the longest outage, and where it was met first.
type RehearsalWorst struct {
	RehearsalOutage
	Schedule Schedule // the zero value: in the straight run
	Step     string   // in which the schedule goes apart from the straight run
	Host     string   // where a command met a fault; empty for other schedules
}

// tried is what a schedule came to.
type tried struct {
	Schedule
	step    string
	how     RehearsalEnd
	merged  bool
	host    string
	outages []RehearsalOutage
	down    bool
	err     error
}

// tried counts a schedule.
func (r *RehearsalReport) tried(t tried) {
	r.Schedules++
	if t.merged {
		r.Met++
	}
	r.Coverage = covered(r.Coverage, t)
	r.worst(t)
	if t.err != nil {
		r.Failures = append(r.Failures, RehearsalFailure{Schedule: t.Schedule, Step: t.step, Err: t.err})
	}
}

// covered counts a schedule by step and kind.
func covered(list []RehearsalCoverage, t tried) []RehearsalCoverage {
	at := slices.IndexFunc(list, func(c RehearsalCoverage) bool { return c.Step == t.step && c.Kind == t.Kind && c.Then == t.Then.Kind })
	if at < 0 {
		at = len(list)
		list = append(list, RehearsalCoverage{Step: t.step, Kind: t.Kind, Then: t.Then.Kind, Ends: map[RehearsalEnd]int{}})
	}
	c := &list[at]
	c.Explored++
	if t.down {
		c.Down++
	}
	if t.err != nil {
		c.Broke++
	} else {
		c.Ends[t.how]++
	}
	return list
}

// pair counts a pair. What breaks something by itself, or was found already, is told once.
func (r *RehearsalReport) pair(t tried, shrunk *smaller) {
	r.Pairs.Tried++
	r.Pairs.Coverage = covered(r.Pairs.Coverage, t)
	r.worst(t)
	if t.err == nil {
		return
	}
	r.Pairs.Broke++
	if shrunk == nil {
		r.also(RehearsalFailure{Schedule: t.Schedule, Step: t.step, Err: t.err})
		return
	}
	r.also(RehearsalFailure{shrunk.Schedule, shrunk.step, shrunk.err, t.Schedule})
}

// also adds a failure that was not found before.
func (r *RehearsalReport) also(f RehearsalFailure) {
	if !slices.ContainsFunc(r.Failures, func(was RehearsalFailure) bool { return was.Schedule == f.Schedule }) {
		r.Failures = append(r.Failures, f)
	}
}

// worst keeps the longest outage.
func (r *RehearsalReport) worst(t tried) {
	for _, o := range t.outages {
		if o.Longest > r.Worst.Longest {
			r.Worst = RehearsalWorst{o, t.Schedule, t.step, t.host}
		}
	}
}
