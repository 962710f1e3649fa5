package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli/page"
)

// The sentence has the number of schedules, of how many, the violations and the worst outage with what made it.
func TestTheSentence(t *testing.T) {
	rb := &evenkeel.Runbook{Steps: []evenkeel.Step{{ID: "one"}, {ID: "two"}}}
	worst := evenkeel.RehearsalWorst{RehearsalOutage: evenkeel.RehearsalOutage{What: "MGS", Longest: 41 * time.Second},
		Schedule: evenkeel.Schedule{Kind: "power lost before effect", At: 3}, Step: "two", Host: "mds2"}
	for want, r := range map[string]evenkeel.RehearsalReport{
		"11,482 schedules, 0 violations, worst outage 41 s (MGS; power lost before effect on mds2, in step 2)": {
			Schedules: 11482, Space: 11482, Worst: worst},
		"7 of 11,482 schedules, 1 violation, no outage": {Schedules: 7, Space: 11482, Failures: make([]evenkeel.RehearsalFailure, 1)},
		"7 schedules, 0 violations, worst outage 2 s (x; nothing goes wrong)": {Schedules: 7, Space: 7,
			Worst: evenkeel.RehearsalWorst{RehearsalOutage: evenkeel.RehearsalOutage{What: "x", Longest: 2 * time.Second}}},
		"7 of 11,482 schedules and 500 pairs, 0 violations, no outage": {Schedules: 7, Space: 11482,
			Pairs: evenkeel.RehearsedPairs{Tried: 500}},
		"1 pair, 1 violation, no outage": {Pairs: evenkeel.RehearsedPairs{Tried: 1, Broke: 1}, Failures: make([]evenkeel.RehearsalFailure, 1)},
	} {
		require.Equal(t, want, sentence(rb, &r))
	}
	require.Equal(t, "nothing was tried", sentence(rb, &evenkeel.RehearsalReport{Space: 5}), "that is not: no violations")
	back := evenkeel.Schedule{Kind: evenkeel.RollbackFrom, At: 2, Then: evenkeel.Interruption{Kind: evenkeel.CrashLost, At: 1}}
	require.Equal(t, "the tool crashes, and the run is rolled back, and in the rollback the answer is lost, before the first step or after the last one",
		happens(rb, back, "", ""))
	pair := evenkeel.Schedule{Kind: "fails", At: 2, Then: evenkeel.Interruption{Kind: evenkeel.CrashLost, At: 9}}
	require.Equal(t, "fails, and later the answer is lost, in step 2", happens(rb, pair, "two", ""))
	require.Equal(t, "fails, and later the answer is lost, the last fault on mds2, in step 2", happens(rb, pair, "two", "mds2"))
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567"} {
		require.Equal(t, want, thousands(n))
	}
}

// The text of a rehearsal has the coverage by kind and by step, each finding as a story, and the command that repeats it.
func TestTextOfARehearsal(t *testing.T) {
	rb := &evenkeel.Runbook{Steps: []evenkeel.Step{{ID: "one", Title: "One"}, {ID: "two", Title: "Two"}}}
	r := &page.Rehearsal{Title: "Upgrade", Sentence: "the sentence", Tried: 5, Space: 9, Broke: 1, Notes: []string{"a note"}, Banner: "a banner",
		Findings: []page.Story{{What: "what", Schedule: "fails 3", Verdict: "verdict", From: "lost 1 then fails 3", Again: "tool rehearse --schedule 'fails 3'", Lines: []page.StoryLine{
			{After: 90 * time.Second, Step: 2, Who: "fault", Text: "it fails", Served: []string{"MGS: a → nowhere"}}}}}}
	report := &evenkeel.RehearsalReport{Coverage: []evenkeel.RehearsalCoverage{
		{Step: "two", Kind: "fails", Explored: 2, Broke: 1, Ends: map[evenkeel.RehearsalEnd]int{evenkeel.Held: 1}, Down: 1},
		{Step: "", Kind: evenkeel.CrashRecord, Explored: 3, Ends: map[evenkeel.RehearsalEnd]int{evenkeel.Resumed: 2, evenkeel.RolledBack: 1}},
	}, Pairs: evenkeel.RehearsedPairs{Firsts: 1, Tried: 4, Coverage: []evenkeel.RehearsalCoverage{
		{Step: "one", Kind: "fails", Then: evenkeel.CrashRecord, Explored: 4, Ends: map[evenkeel.RehearsalEnd]int{evenkeel.Resumed: 4}}}}}
	r.Pairs = page.RehearsedPairs{Firsts: 1, Tried: 4}
	cover(r, rb, report)
	text := rehearsalText(r)
	for _, want := range []string{
		`(?m)^schedules with .*: 5, of which broke something: 1$`, `(?m)^the sentence$`,
		`(?m)^  1 the tool crashes after a journal record +3 +0 +2 +1 +0 +0 +0 +0$`, `(?m)^  2 fails +2 +0 +0 +0 +1 +0 +1 +1$`,
		`(?m)^   0 begin, end +B·  3 schedules, 2 resumed, 1 rolled back$`, `(?m)^   1 one +··  not tried$`,
		`(?m)^   2 two +·X  2 schedules, 1 BROKE SOMETHING, 1 held, something down at the end of 1$`,
		`(?m)^FINDING 1: what \(fails 3\)\n  verdict\n +\+1 m 30 s  step 2   fault  it fails\n +MGS: a → nowhere\n  It was found from a longer schedule that broke the same: lost 1 then fails 3\n  To repeat exactly this: tool rehearse --schedule 'fails 3'$`,
		`(?m)^pairs: 4 tried, after 1 different first part; 0 of them broke something$`,
		`(?m)^Pairs, by the step of the first part and the kind of the second:\n   1 one +R·  4 schedules, 4 resumed$`,
		`(?m)^a note\na banner\n\z`,
	} {
		require.Regexp(t, want, text)
	}
}

// On a terminal the line is redrawn, not oftener than it can be read, and taken away in the end; elsewhere there is none.
func TestMeter(t *testing.T) {
	var out strings.Builder
	at := time.Unix(0, 0)
	m := &meter{w: &out, now: func() time.Time { return at }, begun: at}
	for i := range 40 {
		at = at.Add(100 * time.Millisecond)
		m.told(i+1, 1040)
	}
	require.Equal(t, 8, strings.Count(out.String(), "\r\x1b[K"))
	require.Contains(t, out.String(), "36 of 1,040 schedules, about 1 m 40 s left", "0.1 s each")
	m.clear()
	require.True(t, strings.HasSuffix(out.String(), "\r\x1b[K"))
	quiet := &meter{now: time.Now}
	quiet.told(1, 2)
	quiet.clear()
}

// What cannot be rehearsed is bad input.
func TestBadRehearsals(t *testing.T) {
	for flag, o := range map[string]rehearsalFlags{"--every": {every: 0}, "--budget": {every: 1, budget: -1}, "--pairs": {every: 1, pairs: -1}, "--schedule": {every: 1, schedule: "x"}} {
		_, err := o.plan()
		require.ErrorContains(t, err, flag)
	}
	plan, err := rehearsalFlags{every: 3, faults: true, pairs: 7, schedule: "fails 12"}.plan()
	require.NoError(t, err)
	require.Equal(t, 7, plan.Pairs)
	require.Equal(t, evenkeel.Schedule{Kind: "fails", At: 12}, plan.Only)
	require.Contains(t, plan.Kinds, evenkeel.AnyFault)
	require.Contains(t, plan.Kinds, evenkeel.RollbackFrom)
	plan, err = rehearsalFlags{every: 3}.plan()
	require.NoError(t, err)
	require.NotContains(t, plan.Kinds, evenkeel.AnyFault, "faults are asked for")
}

// A finding counts more than what was left out, and what was left out more than what was fine.
func TestHowARehearsalEnds(t *testing.T) {
	finding := make([]evenkeel.RehearsalFailure, 1)
	for _, tt := range []struct {
		report evenkeel.RehearsalReport
		code   int
	}{
		{evenkeel.RehearsalReport{Schedules: 3}, ExitDone},
		{evenkeel.RehearsalReport{Pairs: evenkeel.RehearsedPairs{Tried: 1}}, ExitDone},
		{evenkeel.RehearsalReport{Schedules: 3, Left: 1}, ExitStopped},
		{evenkeel.RehearsalReport{}, ExitStopped},
		{evenkeel.RehearsalReport{Schedules: 3, Left: 1, Failures: finding}, ExitFailed},
		{evenkeel.RehearsalReport{Schedules: 3, Failures: finding}, ExitFailed},
	} {
		code, err := rehearsalEnd(&tt.report)
		require.Equal(t, tt.code, code)
		require.Equal(t, tt.code != ExitDone, err != nil)
	}
}

// Only that the time is over ends a rehearsal like a stop. Who interrupts the last schedule has left none out.
func TestWhatEndedARehearsal(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	require.False(t, endedBy(ctx, context.Canceled), "of something else")
	stop()
	require.True(t, endedBy(ctx, fmt.Errorf("stopped: %w", context.Canceled)))
	require.False(t, endedBy(ctx, errors.New("the runbook was changed")))

	s := &stage{app: &App{Name: "tool"}, first: &play{runbook: &evenkeel.Runbook{}}}
	require.Empty(t, s.rehearsal(ctx, &evenkeel.RehearsalReport{Space: 3, Schedules: 3}, rehearsalFlags{}).Banner)
	require.Equal(t, "Stopped as asked: the other schedules were not tried (1).",
		s.rehearsal(ctx, &evenkeel.RehearsalReport{Space: 3, Schedules: 2, Left: 1}, rehearsalFlags{}).Banner)
}

// What is thinned out is said in points, and rollbacks in states.
func TestWordsOfARehearsal(t *testing.T) {
	require.Contains(t, restsOn(rehearsalFlags{every: 20}), "Thinned out by --every 20: a crash was tried at one point in 20, a stop request and a "+
		"rollback at one in 60, each kind of fault at one in 120. Within the rollbacks a crash was tried at one point in 60, each kind of "+
		"fault at one in 360.")
	require.Equal(t, "Rollbacks that nothing interrupted: 7, from 3 different states. Rollbacks in which something went wrong: 40.",
		page.RehearsedRollbacks{Played: 7, Apart: 3, Within: 40}.Words())
	require.Equal(t, "Rollbacks that nothing interrupted: 7. What can go wrong within them was not tried.",
		page.RehearsedRollbacks{Played: 7}.Words())
}

// The directories of a rehearsal are not told: they are others each time.
func TestNoDirectoryIsTold(t *testing.T) {
	s := &stage{plays: []*play{{dir: "/tmp/a-rehearsal-1", cfg: &Config{dir: "/tmp/a-2"}}, {dir: "/tmp/a-rehearsal-22", cfg: &Config{dir: "/tmp/a-3"}}}}
	text := "no /tmp/a-rehearsal-22/run/x, /tmp/a-rehearsal-1/y, /tmp/a-3/z"
	require.Equal(t, "no REHEARSAL/run/x, REHEARSAL/y, EXAMPLE/z", s.text(text))
	require.Equal(t, "no REHEARSAL/run/x, REHEARSAL/y, EXAMPLE/z", s.named(errors.New(text)).Error())
	s.config = "pair.yaml"
	require.Contains(t, s.text(text), "/tmp/a-3/z", "the user's own")
}

// telling is a world of which only the report counts.
type telling struct {
	SimWorld
	report WorldReport
}

func (s telling) Report() WorldReport { return s.report }

// What is down is what serves nowhere; what is told of a story is what moved.
func TestWhatIsDown(t *testing.T) {
	w := telling{report: WorldReport{Serving: []Serving{{"MGS", ""}, {"MDT", "mds2"}},
		Outages: []Outage{{What: "MGS", Total: time.Hour, Longest: time.Minute}, {What: "MDT", Longest: time.Second}}}}
	require.Equal(t, []evenkeel.RehearsalOutage{{What: "MGS", Longest: time.Minute, Down: true}, {What: "MDT", Longest: time.Second}}, outages(w))
	require.Empty(t, moves([]string{"MGS"}, nil, []string{"mds1"}), "nothing is before the beginning")
	require.Equal(t, []string{"MGS: mds1 → nowhere", "MDT: nowhere → mds2"},
		moves([]string{"MGS", "OST", "MDT"}, []string{"mds1", "oss1", ""}, []string{"", "oss1", "mds2"}))
}
