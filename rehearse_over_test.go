package evenkeel_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// laxWorld is a trap world whose machines do not ask for a lease before they run a command.
type laxWorld struct{ *trapWorld }

func (w laxWorld) Clone() evenkeel.World { return laxWorld{w.trapWorld.Clone().(*trapWorld)} } //nolint:forcetypeassert // it is one

func (w laxWorld) Runner(host string) (sshexec.Runner, error) {
	r, err := w.trapWorld.Runner(host)
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[0] == "do" {
			cmd.Fence = nil
		}
		return r.Run(ctx, cmd)
	}), err
}

// A tool that is suspended before any of its commands, in the run or in a rollback, finds the run taken over and changes nothing any more.
func TestATakenOverToolIsRehearsed(t *testing.T) {
	over := evenkeel.RehearsalPlan{Kinds: []evenkeel.ScheduleKind{evenkeel.TakenOver}}
	report, err := evenkeel.Rehearse(t.Context(), undoable(t), fairWorld{newTrapWorld(nil)}, over)
	require.NoError(t, err)
	require.Empty(t, report.Failures)
	require.Equal(t, report.Commands-2, report.Schedules, "before each command, but those that look at the lease and take it")

	over.Kinds = append(over.Kinds, evenkeel.RollbackFrom)
	report, err = evenkeel.Rehearse(t.Context(), undoable(t), fairWorld{newTrapWorld(nil)}, over)
	require.NoError(t, err)
	require.Empty(t, report.Failures)
	require.Positive(t, report.Rollbacks.Within)

	for _, plan := range []evenkeel.RehearsalPlan{over, {Kinds: over.Kinds, Whole: true}} {
		report, err = evenkeel.Rehearse(t.Context(), undoable(t), laxWorld{newTrapWorld(nil)}, plan)
		require.NoError(t, err)
		require.NotEmpty(t, report.Failures)
		for _, f := range report.Failures {
			require.ErrorContains(t, f, "the run was taken over, and the tool that was suspended woke up and ran")
		}
		require.True(t, slices.ContainsFunc(report.Failures, func(f evenkeel.RehearsalFailure) bool {
			return f.Schedule.Kind == evenkeel.RollbackFrom && f.Schedule.Then.Kind == evenkeel.TakenOver
		}), "within a rollback, too: %v", report.Failures)
	}
}

// The story of such a schedule says who does what.
func TestTheStoryOfATakeOver(t *testing.T) {
	var told []string
	_, err := evenkeel.Rehearse(t.Context(), undoable(t), fairWorld{newTrapWorld(nil)}, evenkeel.RehearsalPlan{
		Only: evenkeel.Schedule{Kind: evenkeel.TakenOver, At: 6},
		Tell: func(m evenkeel.RehearsalMoment) {
			if m.Who != evenkeel.ActorTool {
				told = append(told, m.Text)
			}
		},
	})
	require.NoError(t, err)
	require.Equal(t, []string{
		"The tool is suspended before its command (taken-over 6).", "Another operator takes the run over.",
		"The tool that was suspended wakes up, and sends its command.", "The run stopped, and reached its end when it was taken up again.",
	}, told)
}

// handWorld is a world in which people do by hand what the tool asks for, each time that it asks.
type handWorld struct{ *trapWorld }

func (w handWorld) Clone() evenkeel.World { return handWorld{w.trapWorld.Clone().(*trapWorld)} } //nolint:forcetypeassert // it is one

type hand struct{ w handWorld }

func (h hand) Prompt(_ context.Context, p evenkeel.Prompt) (string, error) {
	h.w.ran["by hand"]++
	h.w.m.done["b"] = strings.Repeat("done ", h.w.ran["by hand"])
	return "done", nil
}

// A tool that was suspended right before it looks whether something was done by hand asks nobody when it wakes up: the run was taken over.
func TestATakenOverToolAsksNobody(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe b.read] s2[c.safe]")
	b := &rb.Steps[0].Actions[1]
	b.Manual, b.Change = "Do b.", looked("b", true).Change
	report, err := evenkeel.Rehearse(t.Context(), rb, handWorld{newTrapWorld(nil)}, evenkeel.RehearsalPlan{
		Kinds:    []evenkeel.ScheduleKind{evenkeel.TakenOver},
		Operator: func(w evenkeel.World) evenkeel.Operator { return hand{w.(handWorld)} }, //nolint:forcetypeassert // it is one
	})
	require.NoError(t, err)
	require.Empty(t, report.Failures)
	require.Equal(t, report.Commands-2, report.Schedules)
}
