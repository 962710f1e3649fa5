package flow

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/wave"
)

// many are pairs of small machines with the same runbook; the names of a plan.
func many(t *testing.T, text string, plan wave.Plan) (jobs, FleetIn) {
	t.Helper()
	j := jobs{map[string]*evenkeel.Runbook{}, map[string]*machine{}}
	in := FleetIn{Plan: plan, Pairs: map[string]In{}}
	for _, w := range plan.Waves {
		for _, name := range w {
			j.books[name], j.machines[name] = book(t, "test", text), newMachine()
			in.Pairs[name] = j.in(name)
		}
	}
	return j, in
}

func (j jobs) did() string {
	var list []string
	for _, name := range strings.Fields("p1 p2 p3 p4") {
		if m := j.machines[name]; m != nil && m.did() != "" {
			list = append(list, name+" "+m.did())
		}
	}
	return strings.Join(list, "; ")
}

func fleetStarted(t *testing.T, c client.Client, in FleetIn) client.WorkflowRun {
	t.Helper()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "f1", TaskQueue: "test"}, FleetWorkflow, in)
	require.NoError(t, err)
	return run
}

// fleetDoes waits until a fleet does something.
func fleetDoes(t *testing.T, c client.Client, kind wave.Kind) (s FleetStanding) {
	t.Helper()
	require.Eventually(t, func() bool {
		answer, err := c.QueryWorkflow(t.Context(), "f1", "", QueryStanding)
		return err == nil && answer.Get(&s) == nil && s.Does == kind
	}, timeLimit, pollTime, "the fleet does not come to %s", kind)
	return s
}

// The canary goes alone, soaks, and waits for an operator; then the next wave goes.
func TestAFleetInWaves(t *testing.T) {
	_, c := server(t)
	j, in := many(t, "s1[a] s2[b.never]", wave.Plan{Waves: [][]string{{"p1"}, {"p2", "p3"}, {"p4"}}, Limit: 1, Soak: time.Second, Ask: true})
	work(t, c, j, "w1")
	run := fleetStarted(t, c, in)
	s := fleetDoes(t, c, wave.Confirm)
	require.Equal(t, "p1 a b", j.did(), "nothing but the canary was begun")
	require.Equal(t, course.Finished, s.Pairs[0].State)
	ask(t, c, "f1", Ask{What: AskConfirm})
	var out FleetStanding
	require.NoError(t, run.Get(t.Context(), &out))
	require.Equal(t, "p1 a b; p2 a b; p3 a b; p4 a b", j.did())
	require.Equal(t, []string{"confirm, anna at 2026-03-01T02:00:00Z: I looked"}, out.Asked)
	for _, p := range out.Pairs {
		require.Equal(t, course.Finished, p.State, p.Pair)
	}
	require.Equal(t, 1, mostAtOnce(t, c, in), "and never two at once: the limit is one")
}

// mostAtOnce is how many pairs ran at the same time, as the server tells.
func mostAtOnce(t *testing.T, c client.Client, in FleetIn) (most int) {
	t.Helper()
	type extent struct{ from, to time.Time }
	var list []extent
	for name := range in.Pairs {
		is, err := c.DescribeWorkflowExecution(t.Context(), PairID("f1", name), "")
		require.NoError(t, err)
		info := is.GetWorkflowExecutionInfo()
		list = append(list, extent{info.GetStartTime().AsTime(), info.GetCloseTime().AsTime()})
	}
	for _, a := range list {
		n := 0
		for _, b := range list {
			if !b.from.After(a.from) && a.from.Before(b.to) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// A pair in trouble keeps the others from beginning. Mended and resumed, or left out by an operator's word, it lets them.
func TestAFleetStopsOnAFailure(t *testing.T) {
	_, c := server(t)
	j, in := many(t, "s1[a undo:u]", wave.Plan{Waves: [][]string{{"p1"}, {"p2"}, {"p3"}}})
	j.machines["p1"].fail["a"], j.machines["p2"].fail["a"] = true, true
	work(t, c, j, "w1")
	run := fleetStarted(t, c, in)
	s := fleetDoes(t, c, wave.Hold)
	require.Contains(t, s.Why, "p1")
	require.Equal(t, course.Failed, s.Pairs[0].State)
	time.Sleep(time.Second)
	require.Equal(t, "p1 a!", j.did(), "nothing more begins")

	j.machines["p1"].mend("a")
	ask(t, c, "f1/p1", Ask{What: AskResume})
	require.Eventually(t, func() bool { return strings.Contains(fleetDoes(t, c, wave.Hold).Why, "p2") }, timeLimit, pollTime)
	require.Equal(t, "p1 a! a; p2 a!", j.did())
	ask(t, c, "f1", Ask{What: AskResume, Name: "p2"})
	var out FleetStanding
	require.NoError(t, run.Get(t.Context(), &out))
	require.Equal(t, "p1 a! a; p2 a!; p3 a", j.did(), "and the pair that was left out is left as it is")
	require.Equal(t, course.Failed, where(t, c, "f1/p2").State, "its workflow outlives that of the fleet")
}

// A stop of the fleet stops the pairs that are under way, and nothing more begins before it is taken back.
func TestAFleetIsStopped(t *testing.T) {
	_, c := server(t)
	j, in := many(t, "s1[a] s2[b]", wave.Plan{Waves: [][]string{{"p1"}, {"p2"}}})
	reached, goOn := j.machines["p1"].holdBefore("a")
	work(t, c, j, "w1")
	run := fleetStarted(t, c, in)
	<-reached
	ask(t, c, "f1", Ask{What: AskStop})
	require.Eventually(t, func() bool { return len(where(t, c, "f1/p1").Asked) == 1 }, timeLimit, pollTime)
	time.Sleep(300 * time.Millisecond) // for the word to come to the life
	close(goOn)
	comesTo(t, c, "f1/p1", course.Stopped)
	fleetDoes(t, c, wave.Hold)
	require.Equal(t, "p1 a", j.did())
	ask(t, c, "f1/p1", Ask{What: AskResume})
	comesTo(t, c, "f1/p1", course.Finished)
	s := fleetDoes(t, c, wave.Hold)
	require.Contains(t, s.Why, "stopped as asked")
	ask(t, c, "f1", Ask{What: AskResume})
	require.NoError(t, run.Get(t.Context(), nil))
	require.Equal(t, "p1 a b; p2 a b", j.did())
}

// What a pair told on its way says nothing after its end, however late it comes.
func TestALateWordOfAPairThatHasEnded(t *testing.T) {
	f := &fleet{at: wave.Progress{Marks: map[string]wave.Mark{}}, told: map[string]course.Standing{}, ended: map[string]bool{}}
	f.hear(course.Standing{Pair: "p1", State: course.Running})
	require.Equal(t, wave.Going, f.at.Marks["p1"])
	f.end(course.Standing{Pair: "p1", State: course.Finished})
	f.hear(course.Standing{Pair: "p1", State: course.Running})
	require.Equal(t, wave.Passed, f.at.Marks["p1"])
	require.Equal(t, course.Finished, f.told["p1"].State)
}

// A fleet that is begun anew does not go over a pair whose workflow has ended, unless that is meant.
func TestAPairThatHasEndedIsNotBegunAnew(t *testing.T) {
	_, c := server(t)
	j, in := many(t, "s1[a]", wave.Plan{Waves: [][]string{{"p1"}}})
	work(t, c, j, "w1")
	require.NoError(t, fleetStarted(t, c, in).Get(t.Context(), nil))
	run := fleetStarted(t, c, in)
	s := fleetDoes(t, c, wave.Hold)
	require.Equal(t, course.KeptOut, s.Pairs[0].State)
	require.Equal(t, "p1 a", j.did())
	ask(t, c, "f1", Ask{What: AskResume, Name: "p1"})
	require.NoError(t, run.Get(t.Context(), nil))
	in.Again = true
	require.NoError(t, fleetStarted(t, c, in).Get(t.Context(), nil))
	require.Equal(t, "p1 a a", j.did())
}

// What a pair that was left out tells on its way does not bring it back, and only a pair in trouble is left out.
func TestAPairIsLeftOut(t *testing.T) {
	f := &fleet{at: wave.Progress{Marks: map[string]wave.Mark{}}, told: map[string]course.Standing{}, ended: map[string]bool{},
		left: map[string]bool{}}
	f.hear(course.Standing{Pair: "p1", State: course.Running})
	f.ask(nil, Ask{What: AskResume, Name: "p1"})
	require.Equal(t, wave.Going, f.at.Marks["p1"])
	require.Contains(t, f.asked[0], "NOT TAKEN: p1 is not in trouble")
	f.hear(course.Standing{Pair: "p1", State: course.Failed})
	f.ask(nil, Ask{What: AskResume, Name: "p1"})
	for _, state := range []course.State{course.Running, course.Failed} {
		f.hear(course.Standing{Pair: "p1", State: state})
		require.Equal(t, wave.Passed, f.at.Marks["p1"])
		require.Equal(t, state, f.told["p1"].State)
	}
	f.ask(nil, Ask{What: AskConfirm})
	require.False(t, f.at.Confirmed)
	require.Contains(t, f.asked[2], "NOT TAKEN")
}
