package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// secondHand is a clock that a test sets, in seconds.
type secondHand struct{ time.Time }

func (c *secondHand) Now() time.Time                                 { return c.Time }
func (c *secondHand) Sleep(_ context.Context, d time.Duration) error { c.Time = c.Add(d); return nil }
func (c *secondHand) at(seconds int)                                 { c.Time = time.Unix(int64(seconds), 0).UTC() }
func seconds(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return fmt.Sprint(t.Unix())
}

// looking is a life of which a test makes the looks.
type looking struct {
	t     *testing.T
	clock secondHand
	j     *MemJournal
	e     *engine
}

func newLooking(t *testing.T) *looking {
	t.Helper()
	l := &looking{t: t, j: &MemJournal{}}
	l.clock.at(0)
	e, _, err := newRun(t.Context(), &Runbook{Name: "r", Title: "A test", Steps: []Step{{ID: "s", Title: "Look", Host: "h", Harmless: "It looks.",
		Actions: []Action{{ID: "a", Change: Change{Title: "Look", Cmd: sshexec.Command(ReadOnly, "look")}}}}}}, HostMap{},
		Options{Journal: l.j, Clock: &l.clock, RunID: "r"})
	require.NoError(t, err)
	l.e = e
	return l
}

// do is a script of looks, each "INVARIANT BEGUN-OVER what=where what:state=where ..."; without a place it is down. "!" is a look that
// failed, "broken" one that found a violation. Other lines are a record of a kind: "resume 40".
func (l *looking) do(script string) {
	l.t.Helper()
	for line := range strings.Lines(script) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		var from, to int
		if n, _ := fmt.Sscanf(words[1], "%d-%d", &from, &to); n < 2 {
			l.clock.at(from)
			require.NoError(l.t, l.e.note(Record{Kind: Kind(words[0])}))
			continue
		}
		l.clock.at(from)
		ctx, cancel := context.WithCancel(l.t.Context())
		_ = l.e.observe(ctx, &Invariant{ID: words[0], Check: func(_ context.Context, at Site) (err error) {
			l.clock.at(to)
			var saw []Serving
			for _, word := range words[2:] {
				what, where, told := strings.Cut(word, "=")
				name, state, _ := strings.Cut(what, ":")
				switch {
				case told:
					saw = append(saw, Serving{What: name, Where: where, State: state})
				case word == ";": // it tells what comes next later
					at.Saw(saw...)
					saw = nil
					l.clock.at(to + 1)
				case word == "broken":
					err = Violated("it does not hold")
				case word == "cancelled":
					cancel()
					err = ctx.Err()
				default:
					err = errors.New("it cannot be seen")
				}
			}
			at.Saw(saw...)
			return err
		}})
		cancel()
	}
}

// told is what the journal tells of each thing.
func (l *looking) told() (list []string) {
	l.t.Helper()
	st, err := ReadState(l.j.Records())
	require.NoError(l.t, err)
	require.Equal(l.t, l.e.whole.Serving, st.Serving, "what the life knows is what the journal tells")
	for _, s := range st.Serving {
		text := fmt.Sprintf("%s=%s since %s seen %s", s.What, s.Where, seconds(s.Since), seconds(s.Last))
		if !s.Unseen.IsZero() {
			text += " unknown " + seconds(s.Unseen)
		}
		for _, o := range s.Outages {
			most := "?"
			if d, known := o.Most(); known {
				most = fmt.Sprint(d.Seconds())
			}
			text += fmt.Sprintf("; %s>%s served %s down %s again %s: %v to %s", o.From, o.To, seconds(o.Served), seconds(o.Down), seconds(o.Again), o.Least.Seconds(), most)
		}
		list = append(list, text)
	}
	return list
}

// What the looks of a run saw is what its journal tells, and an outage has the bounds that they allow.
func TestWhatLooksSaw(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   []string
	}{
		"nothing":       {"A 10-11", nil},
		"a first look":  {"A 10-11 x=n1 y=n2", []string{"x=n1 since 11 seen 10", "y=n2 since 11 seen 10"}},
		"nothing new":   {"A 10-11 x=n1\nA 20-21 x=n1\nstart 22", []string{"x=n1 since 11 seen 20"}},
		"not yet noted": {"A 10-11 x=n1\nA 20-21 x=n1", []string{"x=n1 since 11 seen 10"}},
		"an outage, from the last look before to the end of the first after": {
			"A 10-11 x=n1\nA 20-21 x=n1\nA 30-31 x=\nA 40-41 x=\nA 50-51 x=n2",
			[]string{"x=n2 since 51 seen 50; n1>n2 served 20 down 31 again 51: 9 to 31"},
		},
		"seen down once: at least is not known": {
			"A 10-11 x=n1\nA 30-31 x=\nA 50-51 x=n1", []string{"x=n1 since 51 seen 50; n1>n1 served 10 down 31 again 51: 0 to 41"},
		},
		"it lasts": {
			"A 10-11 x=n1\nA 30-31 x=\nA 50-51 x=\nstart 52", []string{"x= since 31 seen 50; n1> served 10 down 31 again -: 19 to ?"},
		},
		"down when it was first seen": {
			"A 10-11 x=\nA 20-21 x=\nA 30-31 x=n1", []string{"x=n1 since 31 seen 30; >n1 served - down 11 again 31: 9 to ?"},
		},
		"a move that no look saw": {
			"A 10-11 x=n1\nA 30-31 x=n2", []string{"x=n2 since 31 seen 30; n1>n2 served 10 down - again 31: 0 to 21"},
		},
		"twice": {
			"A 10-11 x=n1\nA 20-21 x=\nA 30-31 x=n2\nA 40-41 x=\nA 50-51 x=n1",
			[]string{"x=n1 since 51 seen 50; n1>n2 served 10 down 21 again 31: 0 to 21; n2>n1 served 30 down 41 again 51: 0 to 21"},
		},
		"another state is no other place": {
			"A 10-11 x:slow=n1\nA 20-21 x:fast=n1\nA 30-31 x:gone=\nA 40-41 x:lost=\nA 50-51 x:fast=n1",
			[]string{"x=n1 since 51 seen 50; n1>n1 served 20 down 31 again 51: 9 to 31"},
		},
		"a look that fails sees nothing": {
			"A 10-11 x=n1 y=n2\nA 20-22 y=n2 !\nA 30-32 y=n2 !\nstart 33", []string{"x=n1 since 11 seen 10 unknown 20", "y=n2 since 11 seen 30"},
		},
		"seen again where it was: no outage that anybody saw": {
			"A 10-11 x=n1\nA 20-22 !\nA 30-31 x=n1", []string{"x=n1 since 11 seen 30"},
		},
		"not seen while it was down: at least does not go on": {
			"A 10-11 x=n1\nA 20-21 x=\nA 30-31 x=\nA 40-41 !\nA 50-51 x=\nA 60-61 x=\nA 70-71 x=n1",
			[]string{"x=n1 since 71 seen 70; n1>n1 served 10 down 21 again 71: 18 to 61"},
		},
		"moved while it was not seen": {
			"A 10-11 x=n1\nA 20-22 !\nA 30-31 x=n2", []string{"x=n2 since 31 seen 30; n1>n2 served 10 down - again 31: 0 to 21"},
		},
		"a look that did not ask about it": {
			"A 10-11 x=n1 y=n1\nA 20-21 x=n1\nstart 22", []string{"x=n1 since 11 seen 10", "y=n1 since 11 seen 10"},
		},
		"a violation is an answer":      {"A 10-11 x=n1\nA 20-21 broken\nstart 22", []string{"x=n1 since 11 seen 10"}},
		"a cancelled look says nothing": {"A 10-11 x=n1\nA 20-21 cancelled\nstart 22", []string{"x=n1 since 11 seen 10"}},
		"another invariant sees it": {
			"A 10-11 x=n1\nB 12-13 x=n1\nA 20-21 !\nB 22-23 x=n1\nstart 24", []string{"x=n1 since 11 seen 22"},
		},
		"another invariant saw it before it could not be seen": {
			"A 10-11 x=n1\nB 12-13 x=n1\nB 18-19 x=n1\nA 20-21 !\nstart 24", []string{"x=n1 since 11 seen 18 unknown 20"},
		},
		"a life that ended while it was down": {
			"A 10-11 x=n1\nA 20-21 x=\nA 30-31 x=\nresume 1000\nA 1010-1011 x=\nstart 1012\nA 1020-1021 x=\nstart 1022\nA 1030-1031 x=n1",
			[]string{"x=n1 since 1031 seen 1030; n1>n1 served 10 down 21 again 1031: 17 to 1021"},
		},
		"down after a crash: by the last look of the life before": {
			"A 10-11 x=n1\nA 20-21 x=n1\nstart 22\nresume 1000\nA 1010-1011 x=\nA 1020-1021 x=n2",
			[]string{"x=n2 since 1021 seen 1020; n1>n2 served 20 down 1011 again 1021: 0 to 1001"},
		},
		"one look that tells little by little": {
			"A 10-11 x=n1 ; y=n1\nA 20-21 x= ; x=n1 y=n1\nstart 30", []string{"x=n1 since 22 seen 21; n1>n1 served 10 down 21 again 22: 0 to 12", "y=n1 since 12 seen 20"},
		},
		"two of one name": {"A 10-11 x=n1 x=n2\nA 20-21 x=n1 x=n2\nstart 22", []string{"x=n1 since 11 seen 20"}},
		"the clock is set back": {
			"A 10-11 x=n1\nA 50-51 x=\nA 5-6 x=n1", []string{"x=n1 since 6 seen 50; n1>n1 served 10 down 51 again 6: 0 to ?"},
		},
		"not of this life's telling": {"A 10-11 !\nA 20-21 broken", nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLooking(t)
			l.do(c.script)
			require.Equal(t, c.want, l.told())
		})
	}
}

// A journal that is read twice tells the same, whatever order its looks come in.
func TestAJournalTellsTheSameTwice(t *testing.T) {
	l := newLooking(t)
	l.do("A 10-11 x=n1\nB 12-13 x=n1\nC 14-15 x=n1\nC 20-21 x=n1\nA 30-31 x=n1\nB 50-51 x=n1\nstart 60")
	for range 100 {
		st, err := ReadState(l.j.Records())
		require.NoError(t, err)
		require.Equal(t, 20*time.Second, st.Serving[0].Gap)
	}
}

// A journal grows by what changes, and by nothing else, whoever looks and however often.
func TestAJournalGrowsByWhatChanges(t *testing.T) {
	l := newLooking(t)
	l.do("A 10-11 x=n1 y=n1\nB 12-13 y=n1 x=n1\nA 14-15 y=n1 !")
	n := len(l.j.Records())
	for range 100 {
		l.do("A 20-21 y=n1 !\nB 22-23 y=n1 x=n1")
	}
	require.Len(t, l.j.Records(), n)
	l.do("start 30")
	last := l.j.Records()[n]
	require.Equal(t, map[string]time.Time{"A": time.Unix(20, 0).UTC(), "B": time.Unix(22, 0).UTC()}, last.Looked)
	l.do("B 40-41 y=n1 x=")
	last = l.j.Records()[n+1]
	require.Equal(t, Record{Seq: n + 2, Time: l.clock.Time, Kind: KindSaw, By: "B", From: time.Unix(40, 0).UTC(), Saw: []Sight{{Serving: Serving{What: "x"}}},
		Sum: last.Sum}, last)
	l.do("start 50")
	require.Len(t, l.j.Records(), n+3)
}

// The chapter of a report has a row for each thing, with both bounds, and how sparse the looks were. What is not known is said to be so.
func TestWhatWasSeenDown(t *testing.T) {
	const day = "1970-01-01 00:"
	for script, want := range map[string][]string{
		"A 10-11 x:up=n1\nA 70-71 x:up=n1\nstart 72\nA 80-81 x:up=n1\nstart 82": {"x", "up, on n1, " + day + "01:20 UTC", "not seen down", "", "1 m"},
		"A 10-11 x=n1": {"x", "on n1, " + day + "00:10 UTC", "not seen down", "", "not known: one look saw it"},
		"A 10-11 x=n1\nA 20-21 x=\nA 30-31 x=\nA 40-41 x=n2": {"x", "on n2, " + day + "00:40 UTC", "at least 9 s, at most 31 s",
			"at most from " + day + "00:10 UTC (last seen on n1) to " + day + "00:41 UTC (first seen on n2), at least for 9 s", "11 s"},
		"A 10-11 x=n1\nA 20-21 x=n2": {"x", "on n2, " + day + "00:20 UTC", "at most 11 s; at least: not known",
			"at most from " + day + "00:10 UTC (last seen on n1) to " + day + "00:21 UTC (first seen on n2), not seen down between", "11 s"},
		"A 10-11 x=\nA 20-21 x=\nA 30-31 !": {"x", "on no machine, " + day + "00:20 UTC; NOT KNOWN since " + day + "00:30 UTC",
			"at least 9 s; at most: not known", "down when it was first looked at, " + day + "00:11 UTC: NOT SEEN TO SERVE AGAIN, at least for 9 s", "10 s"},
		"A 10-11 x=n1\nA 20-21 x=": {"x", "on no machine, " + day + "00:20 UTC", "not known",
			"at most from " + day + "00:10 UTC (last seen on n1): NOT SEEN TO SERVE AGAIN", "11 s"},
		"A 10-11 x=n1\nA 20-21 x=\nA 30-31 x=n1\nA 40-41 x=\nA 50-51 x=n1": {"x", "on n1, " + day + "00:50 UTC", "at most 42 s; at least: not known",
			"at most from " + day + "00:10 UTC (last seen on n1) to " + day + "00:31 UTC (first seen on n1); " +
				"at most from " + day + "00:30 UTC (last seen on n1) to " + day + "00:51 UTC (first seen on n1)", "11 s"},
	} {
		l := newLooking(t)
		l.do(script)
		require.Equal(t, [][]string{want}, l.chapter().Rows, script)
		require.Contains(t, l.chapter().Paras[0], "Between two looks nothing is known.")
	}
	l := newLooking(t)
	require.Empty(t, l.chapter(), "nothing is ever down, and nothing tells")
	l.e.rb.Steps[0].Opens = []Window{{ID: "w", Stop: StopAtClose}}
	require.Equal(t, []string{"The journal tells of no look that saw what serves: how long it was down is not known."}, l.chapter().Paras)
}

// chapter is what a report says of the looks.
func (l *looking) chapter() Chapter {
	l.t.Helper()
	st, err := ReadState(l.j.Records())
	require.NoError(l.t, err)
	c := (&sheeter{rb: l.e.rb, redact: l.e.redact, state: st}).seen()
	if len(c.Paras) == 0 {
		return Chapter{}
	}
	return c
}

// A lower bound is not rounded up.
func TestALeastTimeIsNotRoundedUp(t *testing.T) {
	at := time.Unix(0, 0)
	s := Seen{Outages: []Outage{{Served: at, Down: at, Again: at.Add(2500 * time.Millisecond), Least: 1900 * time.Millisecond}}}
	require.Equal(t, "at least 1 s, at most 3 s", s.down())
	s.Outages[0].Least = 900 * time.Millisecond
	require.Equal(t, "at most 3 s; at least: not known", s.down())
}
