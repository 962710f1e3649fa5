package wire

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func change(at int, node string, event TargetEvent) Change {
	return Change{At: time.Duration(at) * time.Second, Target: "t", Node: node, Event: event}
}

func TestOutage(t *testing.T) {
	truth := Truth{Now: 100 * time.Second, Changes: []Change{
		change(1, "a", StartBegin), change(3, "a", Started), // the first start ends no outage
		change(10, "a", StopBegin), change(11, "a", Stopped), change(11, "b", StartBegin), change(13, "b", Started),
		{At: 14 * time.Second, Target: "other", Node: "b", Event: Lost},
		change(20, "b", Lost), change(26, "a", StartBegin), change(27, "a", StartFailed), change(30, "a", StartBegin), change(32, "a", Started),
		change(40, "a", StopBegin), change(41, "a", StopFailed), // it serves again
		change(90, "a", StopBegin),
	}}
	require.Equal(t, []Outage{
		{Target: "t", From: 10 * time.Second, To: 13 * time.Second, Before: "a", After: "b"},
		{Target: "t", From: 20 * time.Second, To: 32 * time.Second, Before: "b", After: "a"},
		{Target: "t", From: 40 * time.Second, To: 41 * time.Second, Before: "a", After: "a"},
		{Target: "t", From: 90 * time.Second, To: 100 * time.Second, Before: "a", Ongoing: true},
	}, truth.Outages("t"))
	require.Equal(t, 3*time.Second, truth.Outages("t")[0].Length())
	require.Empty(t, truth.Overlaps("t"))
	require.Empty(t, truth.Serving("t"))
	require.Equal(t, []string{"t", "other"}, truth.Targets())
}

func TestOverlap(t *testing.T) {
	truth := Truth{Now: 50 * time.Second, Changes: []Change{
		change(1, "a", StartBegin), change(3, "a", Started),
		change(5, "b", StartBegin), // the disk is touched from here on
		change(6, "a", StopBegin), change(7, "a", Stopped), change(8, "b", Started),
		change(9, "a", StartBegin), change(10, "b", Lost),
		change(12, "a", Started), change(40, "b", StartBegin),
	}}
	require.Equal(t, []Overlap{
		{Target: "t", From: 5 * time.Second, To: 7 * time.Second, Nodes: [2]string{"a", "b"}},
		{Target: "t", From: 9 * time.Second, To: 10 * time.Second, Nodes: [2]string{"b", "a"}},
		{Target: "t", From: 40 * time.Second, To: 50 * time.Second, Ongoing: true, Nodes: [2]string{"a", "b"}},
	}, truth.Overlaps("t"))
	require.Len(t, truth.Outages("t"), 2, "a stopped before b served, and b was lost before a served")
	require.Equal(t, []string{"a"}, truth.Serving("t"))
}

// A handover without a gap or an overlap, whatever its times, is one outage of exactly stop and start.
func TestOutageOfAnyHandover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := func(name string) int { return rapid.IntRange(0, 1000).Draw(t, name) }
		at, nodes := d("first"), [2]string{"a", "b"}
		truth := Truth{Changes: []Change{change(at, "a", StartBegin), change(at, "a", Started)}}
		var want []time.Duration
		for i := range rapid.IntRange(0, 5).Draw(t, "handovers") {
			from, to := nodes[i%2], nodes[(i+1)%2]
			begin := at + d("serves")
			stopped := begin + d("stop")
			started := stopped + d("start")
			truth.Changes = append(truth.Changes, change(begin, from, StopBegin), change(stopped, from, Stopped),
				change(stopped, to, StartBegin), change(started, to, Started))
			want = append(want, time.Duration(started-begin)*time.Second)
			at = started
		}
		var got []time.Duration
		for _, o := range truth.Outages("t") {
			got = append(got, o.Length())
		}
		require.Equal(t, want, got)
		require.Empty(t, truth.Overlaps("t"))
	})
}
