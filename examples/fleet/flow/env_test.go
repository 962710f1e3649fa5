package flow

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
)

// stage is the workflow of a pair without a server and without a worker: time passes at once, and the activities answer as a test says.
type stage struct {
	*testsuite.TestWorkflowEnvironment
	in    In
	begin began   // what comes of a life that begins
	fails error   // what comes of it instead
	stops []error // what comes of asking a life to stop, one after the other; nil then

	begins, asked int
}

// staged is the stage of a run that was stopped after its first step. It takes so long to begin a life.
func staged(t *testing.T, takes time.Duration) *stage {
	t.Helper()
	j, m := one(t, "s1[a] s2[b]")
	journal, stop := &evenkeel.MemJournal{}, make(chan struct{})
	m.hold = func(when, _ string) {
		if when == "after" {
			close(stop)
		}
	}
	_, err := evenkeel.Run(t.Context(), j.books["p1"], m.hosts(), evenkeel.Options{Journal: journal, Stop: stop})
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	s := &stage{in: j.in("p1")}
	s.in.Journal, err = Pack(journal.Records())
	require.NoError(t, err)

	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(silent{})
	s.TestWorkflowEnvironment = suite.NewTestWorkflowEnvironment()
	s.SetTestTimeout(timeLimit)
	s.RegisterWorkflowWithOptions((&Flows{Books: j}).Pair, workflow.RegisterOptions{Name: PairWorkflow})
	begins := func(context.Context, start) (began, error) { s.begins++; return s.begin, s.fails }
	s.does(activityBegin, begins)
	ends := func(context.Context, task) (course.Ending, error) { return course.Ending{How: course.WasAsked}, nil }
	s.does(activityPerform, ends)
	s.does(activityEnd, ends)
	s.does(activityStop, func(context.Context, task) error {
		s.asked++
		if len(s.stops) == 0 {
			return nil
		}
		err := s.stops[0]
		s.stops = s.stops[1:]
		return err
	})
	s.OnActivity(activityBegin, mock.Anything, mock.Anything).After(takes).Return(begins)
	s.OnActivity(activityPerform, mock.Anything, mock.Anything).After(time.Minute).Return(ends)
	return s
}

func (s *stage) does(name string, activityFunc any) {
	s.RegisterActivityWithOptions(activityFunc, activity.RegisterOptions{Name: name})
}

// at has something happen so long after the workflow began.
func (s *stage) at(when time.Duration, what func()) { s.RegisterDelayedCallback(what, when) }

func (s *stage) asks(what string) {
	s.SignalWorkflow(SignalAsk, Ask{What: what, Word: course.Word{By: "anna"}})
}

// standing is where the pair stands.
func (s *stage) standing(t *testing.T) (at course.Standing) {
	t.Helper()
	answer, err := s.QueryWorkflow(QueryStanding)
	require.NoError(t, err)
	require.NoError(t, answer.Get(&at))
	return at
}

// A stop at once that is asked for while a life begins ends that life: no worker is lost for it, and nothing is performed.
func TestAStopAtOnceWhileALifeBegins(t *testing.T) {
	for name, resumed := range map[string]bool{"it is stopped": false, "and resumed before it has begun": true} {
		t.Run(name, func(t *testing.T) {
			s := staged(t, 10*time.Second)
			s.begin = began{Queue: "test@w1", Worker: "w1"}
			s.at(time.Second, func() { s.asks(AskStopNow) })
			if resumed {
				s.at(2*time.Second, func() { s.asks(AskResume) })
			}
			var at course.Standing
			s.at(15*time.Second, func() { at = s.standing(t); s.CancelWorkflow() })
			s.ExecuteWorkflow(PairWorkflow, s.in)
			require.Zero(t, at.Lost)
			require.Equal(t, 1, s.begins)
			if resumed {
				require.NotEmpty(t, at.Doing)
				return
			}
			require.Equal(t, course.Stopped, at.State)
			require.Empty(t, at.Doing)
		})
	}
}

// A life that goes on in a new history ends as any other where a step does not come to a good end.
func TestAStepThatDoesNotEndWellInANewHistory(t *testing.T) {
	s := staged(t, 0)
	s.begin = began{Queue: "test@w1", Worker: "w1"}
	s.in.Life, s.in.Lives, s.in.Queue = &course.Life{Verb: course.Resume}, 1, "test@w1"
	begins := 0
	s.at(90*time.Second, func() { begins = s.begins; s.CancelWorkflow() })
	s.ExecuteWorkflow(PairWorkflow, s.in)
	require.Equal(t, 1, begins, "the next life")
}

// A life that did not hear that it is to stop is asked again: what it performs goes on, and it would go on to its end.
func TestALifeThatDidNotHearIsAskedAgain(t *testing.T) {
	s := staged(t, 0)
	s.begin = began{Queue: "test@w1", Worker: "w1"}
	s.stops = []error{errors.New("it stands still"), errors.New("it stands still")}
	s.at(10*time.Second, func() { s.asks(AskStop) })
	var at course.Standing
	s.at(30*time.Second, func() { at = s.standing(t) })
	s.at(2*time.Minute, s.CancelWorkflow)
	s.ExecuteWorkflow(PairWorkflow, s.in)
	require.Equal(t, 3, s.asked)
	require.Zero(t, at.Lost)
	require.NotEmpty(t, at.Doing)
	require.Equal(t, course.Stopped, s.standing(t).State)
}

// While workers end and no other has come, lives begin less and less often; an operator is heard between.
func TestALifeThatNoWorkerBegins(t *testing.T) {
	s := staged(t, 0)
	s.begin = began{Queue: "test@w1", Worker: "w1", Ending: course.Ending{How: course.WasAsked}}
	tenMinutes, at := 0, course.Standing{}
	s.at(10*time.Minute, func() { tenMinutes = s.begins; s.asks(AskStop) })
	s.at(10*time.Minute+time.Second, func() { at = s.standing(t); s.CancelWorkflow() })
	s.ExecuteWorkflow(PairWorkflow, s.in)
	require.Greater(t, tenMinutes, 10)
	require.Less(t, tenMinutes, 30)
	require.Equal(t, course.Stopped, at.State)
	require.Zero(t, at.Lost)
}

// Where workers are lost in a row the operator hears of what the last one was lost.
func TestWhyWorkersAreLost(t *testing.T) {
	s := staged(t, 0)
	s.fails = temporal.NewNonRetryableApplicationError("its runbook has another digest", "Worker", nil)
	var at course.Standing
	s.at(time.Hour, func() { at = s.standing(t); s.CancelWorkflow() })
	s.ExecuteWorkflow(PairWorkflow, s.in)
	require.Equal(t, course.Failed, at.State)
	require.Equal(t, 5, at.Lost)
	require.Contains(t, at.Why, "its runbook has another digest")
}

// What a worker does not know it does not take: a newer command may have asked for it.
func TestWhatIsNotKnownIsNotTaken(t *testing.T) {
	j, _ := one(t, "s1[a]")
	p, err := (&Flows{Books: j}).newPair(j.in("p1"))
	require.NoError(t, err)
	p.hear(Ask{What: "hurry"})
	require.Contains(t, p.in.Asked[0], "NOT TAKEN")
	f := &fleet{}
	f.ask(nil, Ask{What: AskRollback})
	require.Contains(t, f.asked[0], "NOT TAKEN")
}
