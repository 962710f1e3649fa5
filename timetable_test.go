package evenkeel_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // a machine may have no time zones

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel"
)

// known is an estimate of somebody who knows.
func known(d time.Duration) evenkeel.Estimate { return evenkeel.Estimate{Most: d, From: "a test"} }

func exactly(d time.Duration) evenkeel.Span { return evenkeel.Span{For: d} }
func atLeast(d time.Duration) evenkeel.Span { return evenkeel.Span{For: d, AtLeast: true} }

// timedBook has a step that only looks, two that run at the same time, an outage, a point of no return, and an end.
func timedBook(t *testing.T) *evenkeel.Runbook {
	rb := parseRunbook(t, "look[a.read] left[b.safe undo:b.safe] right[c.safe undo:c.safe] out[d.safe undo:d.safe] "+
		"gone[e.safe] last[f.safe undo:f.safe]")
	rb.Invariants = []evenkeel.Invariant{{ID: "served", Check: func(context.Context, evenkeel.Site) error { return nil }}}
	for i, d := range []time.Duration{time.Minute, time.Hour, 2 * time.Hour, 5 * time.Minute, 3 * time.Hour, time.Minute} {
		rb.Steps[i].Takes = known(d)
	}
	rb.Steps[5].Undo[0].Cmd.Timeout = 30 * time.Minute
	rb.Steps[1].Parallel, rb.Steps[2].Parallel = "both", "both"
	rb.Steps[3].Opens = []evenkeel.Window{{ID: "down", Invariant: "served", Reason: "it moves", Limit: 10 * time.Minute,
		Stop: evenkeel.StopAtClose}}
	rb.Steps[3].Closes = []string{"down"}
	rb.Absences = []evenkeel.Absence{{What: "the members of set 1", From: "out", Until: "gone", Ref: "cps:1"}}
	require.NoError(t, rb.Validate())
	return rb
}

func timetable(t *testing.T, rb *evenkeel.Runbook, o evenkeel.TimetableOptions) (*evenkeel.Timetable, string) {
	t.Helper()
	table, err := rb.Timetable(o)
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, table.Text(&text))
	return table, text.String()
}

func TestTimetable(t *testing.T) {
	start := time.Date(2026, 11, 29, 22, 0, 0, 0, time.UTC)
	undo := map[string]time.Duration{"test-rollback/undo-left": time.Minute, "test-rollback/undo-right": 2 * time.Minute,
		"test-rollback/undo-out": 3 * time.Minute, "test-rollback/undo-last": 4 * time.Minute}
	table, text := timetable(t, timedBook(t), evenkeel.TimetableOptions{Start: start, Within: 6 * time.Hour, Stated: undo,
		Oplogs: []evenkeel.Oplog{{Name: "set01", Window: 4 * time.Hour}}})
	begins := []time.Duration{0, time.Minute, time.Minute, 2*time.Hour + time.Minute, 2*time.Hour + 6*time.Minute, 5*time.Hour + 6*time.Minute}
	for i, s := range table.Steps {
		require.Equal(t, exactly(begins[i]), s.Begins, s.ID)
		require.Equal(t, s.ID != "left", s.Critical, s.ID)
	}
	require.Equal(t, exactly(5*time.Hour+7*time.Minute), table.Total)
	require.Empty(t, table.Unknown)
	require.Empty(t, table.Findings)
	require.Equal(t, exactly(5*time.Minute), table.Windows[0].Lasts)
	require.Equal(t, exactly(3*time.Hour+5*time.Minute), table.Absences[0].Lasts)

	back := table.TurnBacks
	require.Equal(t, exactly(0), back[0].Takes, "a look leaves nothing behind")
	require.Equal(t, "right", back[1].Step)
	require.Equal(t, exactly(3*time.Minute), back[1].Takes, "the undo is one step after the other")
	require.Equal(t, "the beginning", back[2].To)
	require.Equal(t, exactly(6*time.Minute), back[2].Takes)
	require.Empty(t, back[3].To)
	require.Equal(t, "a test", back[3].Why)
	require.Equal(t, "the end of step 5", back[4].To)
	require.Equal(t, exactly(4*time.Minute), back[4].Takes)
	require.Len(t, table.NoReturns, 1)
	require.Equal(t, exactly(3*time.Hour+time.Minute), table.NoReturns[0].Ends)
	require.Equal(t, "last", table.NoReturns[0].Again)
	require.Equal(t, exactly(3*time.Hour+5*time.Minute), table.NoReturns[0].Back)

	for _, want := range []string{
		"From 2026-11-29 22:00 UTC to 2026-11-30 04:00 UTC, which is 6 h. Times of the day are in UTC, UTC+00:00.\n",
		"   2  2026-11-29 22:01  1 h [1]  no limit  tool  left: left\n",
		"|| in parallel: 2, 3\n",
		"\n\n[1] from: a test\n",
		"Begin the run at the latest: 2026-11-29 22:53.\n",
		"Critical path: 1, 3 to 6. These run in parallel:\n    2, 3, together 2 h\n",
		"[ window down opens, an outage: at most 10 m\n",
		"< away from here on: the members of set 1\n",
		"! POINT OF NO RETURN: a test\n",
		"Steps 2 to 3: turn back at the latest: 2026-11-30 03:57, to the beginning.\n",
		"Step 4: turn back at the latest: 2026-11-30 03:54, to the beginning.\n",
		"It takes: 4 m. By the tool's limits at most: 30 m; for these turn back at the latest: 2026-11-30 03:30.\n",
		"Step 5: no rollback: a test\n",
		"Step 6: turn back at the latest: 2026-11-30 03:56, to the end of step 5.\n",
		"Begin it at the latest: 2026-11-30 00:59. From there the run takes to its end: 3 h 1 m.\n",
		"To be able to take it, begin at the latest: 2026-11-30 00:55.",
	} {
		require.Contains(t, text, want)
	}
}

// A step has the limits of its commands, and of what they wait for. Who has none is waited for without an end.
func TestTheLimitOfAStep(t *testing.T) {
	check := func(evenkeel.Observed) error { return nil }
	for name, tc := range map[string]struct {
		action evenkeel.Action
		limit  evenkeel.Span
	}{
		"look":              {evenkeel.Look("a", "a", "true"), exactly(2 * time.Minute)},
		"look with a limit": {evenkeel.Look("a", "a", "true").Timeout(time.Hour), exactly(time.Hour)},
		"look again":        {evenkeel.Look("a", "a", "true").Until(5*time.Minute, "it", check), exactly(7 * time.Minute)},
		"change":            {evenkeel.Do("a", "a", "true"), atLeast(0)},
		"bounded change":    {evenkeel.Do("a", "a", "true").Timeout(time.Hour), exactly(time.Hour)},
		"repeated change":   {evenkeel.Do("a", "a", "true").Timeout(time.Hour).Until(time.Minute, "it", check), exactly(61 * time.Minute)},
		"by hand":           {evenkeel.ByHand("a", "a", "do it"), atLeast(0)},
		"rest":              {evenkeel.Rest("a", "a", time.Hour), exactly(time.Hour)},
	} {
		rb := &evenkeel.Runbook{Name: "x", Steps: []evenkeel.Step{{ID: "s", Host: "h", Irreversible: "a test",
			Actions: []evenkeel.Action{tc.action}}}}
		table, _ := timetable(t, rb, evenkeel.TimetableOptions{})
		require.Equal(t, tc.limit, table.Steps[0].AtMost, name)
		require.Equal(t, name == "by hand", table.Steps[0].Operator, name)
		require.Equal(t, name != "by hand", table.Steps[0].Tool, name)
	}
}

// What nobody knows is said to be unknown, is never nothing, and makes a lower bound of every time that it is part of.
func TestTimetableOfTheUnknown(t *testing.T) {
	rb := timedBook(t)
	rb.Steps[2].Takes, rb.Steps[3].Takes = evenkeel.Estimate{}, evenkeel.Estimate{Most: time.Minute, From: "half a test", Part: true}
	table, text := timetable(t, rb, evenkeel.TimetableOptions{Within: 5 * time.Hour,
		Oplogs: []evenkeel.Oplog{{Name: "set01", Window: 4 * time.Hour}}})
	require.Equal(t, []string{"right", "out"}, table.Unknown)
	require.Equal(t, atLeast(4*time.Hour+3*time.Minute), table.Total)
	require.Equal(t, exactly(time.Minute), table.Steps[2].Begins)
	require.Equal(t, atLeast(time.Hour+time.Minute), table.Steps[3].Begins)
	require.True(t, table.Steps[2].Critical, "it may be")
	require.Contains(t, text, "3  0:01:00     unknown")
	require.Contains(t, text, "4  >= 1:01:00  1 m and more")
	require.Contains(t, text, "The run takes: at least 4 h 3 m. By the tool's limits at most: no limit.")
	require.Contains(t, text, "The whole time of 2 of the 6 steps is not known: 3, 4.")
	require.Contains(t, text, "Begin the run at the latest: before 0:57:00.")
	require.Contains(t, text, "Steps 2 to 4: turn back at the latest: unknown, to the beginning.")
	require.Contains(t, text, "Not known in full: test-rollback/undo-out, test-rollback/undo-right, test-rollback/undo-left")
	require.Contains(t, strings.Join(table.Findings, "\n"), "it is not known whether the run fits into the maintenance window of 5 h")
	require.Contains(t, strings.Join(table.Findings, "\n"), "it is not known whether the members of set 1 come back in time")
	require.Contains(t, strings.Join(table.Findings, "\n"),
		"it is not known whether a rollback from these steps ends within the maintenance window: 3, 4, 6")
	_, text = timetable(t, parseRunbook(t, "a[a.safe] b[b.safe]"), evenkeel.TimetableOptions{})
	require.Contains(t, text, "The run takes: unknown.")
	require.Contains(t, text, "Begin it at the latest: unknown.")
	require.Contains(t, text, "Neither its start nor its length is given (start, end, within).")
}

// The summary names the steps of which nobody knows the time as a sentence does.
func TestTheSummaryNamesTheStepsOfUnknownTime(t *testing.T) {
	for unknown, words := range map[string]string{"2": "step 2", "23": "steps 2 and 3", "234": "steps 2 to 4", "135": "steps 1, 3 and 5",
		"1456": "steps 1 and 4 to 6", "12456": "steps 1, 2 and 4 to 6", "123456": "every step"} {
		rb := timedBook(t)
		for _, number := range unknown {
			rb.Steps[number-'1'].Takes = evenkeel.Estimate{}
		}
		var text strings.Builder
		require.NoError(t, rb.Markdown(&text))
		require.Contains(t, text.String(), "(not known in full: "+words+") |", unknown)
	}
}

func TestTimetableFindings(t *testing.T) {
	all := func(o evenkeel.TimetableOptions, mend func(*evenkeel.Runbook)) string {
		rb := timedBook(t)
		mend(rb)
		table, text := timetable(t, rb, o)
		for _, f := range table.Findings {
			require.Contains(t, text, "FINDING  "+f+"\n")
		}
		return strings.Join(table.Findings, "\n")
	}
	none := func(*evenkeel.Runbook) {}
	logs := []evenkeel.Oplog{{Name: "set01", Window: 3 * time.Hour}, {Name: "set02", Window: 3*time.Hour + 5*time.Minute}}
	require.Equal(t, "a member comes back too late: the members of set 1 are away for 3 h 5 m (step out to step gone), "+
		"and the oplog of set01 reaches back 3 h: make the oplog larger, or shorten the absence",
		all(evenkeel.TimetableOptions{Oplogs: logs}, none))
	require.Contains(t, all(evenkeel.TimetableOptions{Within: time.Hour}, none),
		"the run does not fit into the maintenance window: it takes 5 h 7 m, and the window has 1 h")
	require.Contains(t, all(evenkeel.TimetableOptions{Within: 5*time.Hour + 8*time.Minute,
		Stated: map[string]time.Duration{"test-rollback/undo-last": 2 * time.Minute}}, none),
		"when these steps are done as planned, a rollback from there ends after the maintenance window: 6")
	require.Contains(t, all(evenkeel.TimetableOptions{Stated: map[string]time.Duration{"out": 11 * time.Minute}}, none),
		"window down is expected to be open for 11 m, and its limit is 10 m")
	require.Contains(t, all(evenkeel.TimetableOptions{}, func(rb *evenkeel.Runbook) {
		rb.Steps[0].Takes = known(time.Hour)
	}), "step look is expected to take 1 h, and the tool gives it up after 2 m")
	_, text := timetable(t, timedBook(t), evenkeel.TimetableOptions{})
	require.Contains(t, text, "No oplog was given: it is not compared")
}

// All times of the day are in one time zone, that of the start, and it is named.
func TestTimesOfTheDayAreInOneZone(t *testing.T) {
	east, west := time.FixedZone("EAST", 5*3600+1800), time.FixedZone("WEST", -3*3600)
	start := time.Date(2026, 11, 29, 22, 0, 0, 0, east)
	_, text := timetable(t, timedBook(t), evenkeel.TimetableOptions{Start: start, End: start.Add(6 * time.Hour).In(west)})
	require.Contains(t, text, "From 2026-11-29 22:00 EAST to 2026-11-30 04:00 EAST, which is 6 h. Times of the day are in EAST, UTC+05:30.\n")
	require.Contains(t, text, "Begin the run at the latest: 2026-11-29 22:53.\n")
	_, text = timetable(t, timedBook(t), evenkeel.TimetableOptions{End: start})
	require.Contains(t, text, "Times of the day are in EAST, UTC+05:30.\n")
	_, text = timetable(t, timedBook(t), evenkeel.TimetableOptions{Within: time.Hour})
	require.NotContains(t, text, "Times of the day")
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	night := time.Date(2026, 10, 24, 22, 0, 0, 0, berlin) // the clocks change in it
	_, text = timetable(t, timedBook(t), evenkeel.TimetableOptions{Start: night, Within: 8 * time.Hour})
	require.Contains(t, text, "Times of the day are in CEST, UTC+02:00, and after the clocks change in CET, UTC+01:00.\n")
}

// A step that bars the rollback while it runs, and allows it again when it is done, is named.
func TestNoRollbackWhileAStepRuns(t *testing.T) {
	rb := timedBook(t)
	rb.Recover = func(st *evenkeel.State) (*evenkeel.Runbook, error) {
		if st.Step("out").Action(evenkeel.PhaseDo, "d") == evenkeel.Doing {
			return nil, &evenkeel.CannotRollBackError{Step: "out", Reason: "it moves"}
		}
		return rb.UndoPlan(st)
	}
	table, text := timetable(t, rb, evenkeel.TimetableOptions{})
	for _, back := range table.TurnBacks {
		require.Equal(t, back.Step == "out", back.While == "it moves", back.Step)
	}
	require.Contains(t, text, "No rollback is possible during step 4, only afterwards (the step begins: 2:01:00; it takes: 5 m): it moves\n")
	_, text = timetable(t, timedBook(t), evenkeel.TimetableOptions{})
	require.NotContains(t, text, "there is no rollback, only once")
	require.Contains(t, text, "Not in it: the wait for a window to close")
	require.Contains(t, text, "Counted from the beginning of the step that opens it")
}

func TestTimetableMistakes(t *testing.T) {
	start := time.Date(2026, 11, 29, 22, 0, 0, 0, time.UTC)
	for want, o := range map[string]evenkeel.TimetableOptions{
		"before it begins":         {Start: start, End: start},
		"one of the two is enough": {End: start, Within: time.Hour},
		"is none":                  {Within: -time.Hour},
		"an oplog that reaches back 0s (x) is none":         {Oplogs: []evenkeel.Oplog{{Name: "x"}}},
		"there is no step \"rigth\"":                        {Stated: map[string]time.Duration{"rigth": 1}},
		"how long step right of test takes is stated twice": {Stated: map[string]time.Duration{"right": 1, "test/right": 2}},
		"step right cannot take 0s":                         {Stated: map[string]time.Duration{"right": 0}},
		"no rollback has the step \"test-rollback/undo-gone\"; they have: test-rollback/undo-last, test-rollback/undo-left": {
			Stated: map[string]time.Duration{"test-rollback/undo-gone": 1}},
	} {
		_, err := timedBook(t).Timetable(o)
		require.ErrorContains(t, err, want)
	}
	_, err := (*evenkeel.Runbook)(nil).Timetable(evenkeel.TimetableOptions{})
	require.ErrorContains(t, err, "there is no runbook")
	for want, mend := range map[string]func(*evenkeel.Runbook){
		"says how long it takes, and not who says so": func(rb *evenkeel.Runbook) { rb.Steps[0].Takes = evenkeel.Estimate{Most: 1} },
		"which is no estimate": func(rb *evenkeel.Runbook) {
			rb.Steps[0].Takes = evenkeel.Estimate{Least: 2, Most: 1, From: "x"}
		},
		"the runbook does not have both":                 func(rb *evenkeel.Runbook) { rb.Absences[0].Until = "none" },
		"does not say what is away":                      func(rb *evenkeel.Runbook) { rb.Absences[0].What = "" },
		"ends with step look, before step out begins it": func(rb *evenkeel.Runbook) { rb.Absences[0].Until = "look" },
	} {
		rb := timedBook(t)
		mend(rb)
		require.ErrorContains(t, rb.Validate(), want)
	}
}

// An estimate changes nothing of what runs, so that it is no part of the digest; nor is an absence.
func TestTheDigestHoldsNoEstimate(t *testing.T) {
	rb := timedBook(t)
	want := rb.Digest()
	for i := range rb.Steps {
		rb.Steps[i].Takes = evenkeel.Estimate{}
	}
	rb.Absences = nil
	require.Equal(t, want, rb.Digest())
}

// TestTimetableIsTheLongestPath: no step begins before all have ended that come before it, and the whole takes as long
// as the longest way through it.
func TestTimetableIsTheLongestPath(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rb := &evenkeel.Runbook{Name: "test", Title: "Test"}
		for i := range rapid.IntRange(1, 8).Draw(rt, "steps") {
			s := evenkeel.Step{ID: fmt.Sprintf("s%d", i), Host: "h", Irreversible: "a test", Actions: []evenkeel.Action{parseActionT("a", "safe")},
				Parallel: rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "group")}
			if d := rapid.IntRange(0, 5).Draw(rt, "hours"); d > 0 {
				s.Takes = known(time.Duration(d) * time.Hour)
			}
			rb.Steps = append(rb.Steps, s)
		}
		table, err := rb.Timetable(evenkeel.TimetableOptions{})
		require.NoError(rt, err)
		var longest time.Duration // of the ways through the steps before this one
		unknown := false
		ends := make([]time.Duration, len(rb.Steps))
		for i, s := range table.Steps {
			var from time.Duration
			for j := range i { // every step before it is a predecessor, but its neighbours of the group
				beside := rb.Steps[i].Parallel != ""
				for k := j; k <= i; k++ {
					beside = beside && rb.Steps[k].Parallel == rb.Steps[i].Parallel
				}
				if !beside {
					from = max(from, ends[j])
				}
			}
			ends[i] = from + rb.Steps[i].Takes.Most
			require.Equal(rt, from, s.Begins.For)
			require.Equal(rt, ends[i], s.Ends.For)
			longest = max(longest, ends[i])
			unknown = unknown || rb.Steps[i].Takes.Most == 0
		}
		require.Equal(rt, evenkeel.Span{For: longest, AtLeast: unknown}, table.Total)
		for i, s := range table.Steps { // what is on the critical path makes the run longer, and nothing else does
			more := rb.Steps[i].Takes
			rb.Steps[i].Takes = known(more.Most + time.Minute)
			longer, err := rb.Timetable(evenkeel.TimetableOptions{})
			require.NoError(rt, err)
			rb.Steps[i].Takes = more
			if more.Most > 0 {
				require.Equal(rt, s.Critical, longer.Total.For > longest, s.ID)
			}
		}
	})
}

func TestTimetableAsPictureAndForPrograms(t *testing.T) {
	rb := timedBook(t)
	rb.Steps[0].Title = `<script>alert("x")</script> & more`
	rb.Steps[4].Takes = evenkeel.Estimate{}
	table, _ := timetable(t, rb, evenkeel.TimetableOptions{Within: time.Hour})
	var svg, js bytes.Buffer
	require.NoError(t, table.SVG(&svg, "a note"))
	texts := 0
	for dec := xml.NewDecoder(bytes.NewReader(svg.Bytes())); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, "it is XML")
		if start, ok := token.(xml.StartElement); ok {
			require.NotContains(t, []string{"script", "image", "a", "use"}, start.Name.Local, "it needs nothing else")
			texts++
		}
	}
	require.Greater(t, texts, 40)
	for _, want := range []string{"a note", "no rollback from step 5", "Window down, an outage: 5 m",
		"Away at least 5 m: the members of set 1",
		"FINDING: the run does not fit", "stroke-dasharray=\"3 2\"", "Dashed bar: the whole time is not known", "&lt;script&gt;"} {
		require.Contains(t, svg.String(), want)
	}
	require.NotContains(t, svg.String(), "NaN")
	require.NoError(t, table.JSON(&js))
	var read struct {
		Total struct {
			Seconds float64 `json:"seconds"`
			AtLeast bool    `json:"at_least"`
		} `json:"total"`
		Steps []struct {
			Takes *struct {
				Most float64 `json:"most_seconds"`
			} `json:"takes"`
		} `json:"steps"`
	}
	require.NoError(t, json.Unmarshal(js.Bytes(), &read))
	require.True(t, read.Total.AtLeast)
	require.Equal(t, 7620.0, read.Total.Seconds)
	require.Equal(t, 60.0, read.Steps[0].Takes.Most)
	require.Nil(t, read.Steps[4].Takes, "nobody knows")
}
