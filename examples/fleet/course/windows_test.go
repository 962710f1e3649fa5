package course

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// downBook opens a window in its first step and closes it in the second.
func downBook(t *testing.T, rule evenkeel.StopRule) *evenkeel.Runbook {
	t.Helper()
	step := func(id, does string) evenkeel.Step {
		return evenkeel.Step{ID: id, Title: "Step " + id, Host: "h", Harmless: "a test",
			Actions: []evenkeel.Action{evenkeel.Do(does, "Do "+does, "do", does)}}
	}
	rb := &evenkeel.Runbook{Name: "test", Title: "Test", Steps: []evenkeel.Step{step("s1", "a"), step("s2", "b"), step("s3", "c")},
		Invariants: []evenkeel.Invariant{{ID: "up", Title: "It serves", Check: func(context.Context, evenkeel.Site) error { return nil }}}}
	rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "up", Reason: "it moves", Limit: time.Hour, Stop: rule}}
	rb.Steps[1].Closes = []string{"w"}
	if rule == evenkeel.StopAtClose {
		rb.Steps[0].Opens[0].Completion = []evenkeel.Action{evenkeel.Do("up", "Bring it up", "do", "up")}
	}
	require.NoError(t, rb.Validate())
	return rb
}

// until is the journal of a run whose tool died just after a step was done.
func until(t *testing.T, rb *evenkeel.Runbook, step string) []evenkeel.Record {
	t.Helper()
	all := lived(t, rb, func(j *evenkeel.MemJournal, h evenkeel.Hosts) {
		_, err := evenkeel.Run(t.Context(), rb, h, evenkeel.Options{Journal: j})
		require.NoError(t, err)
	}, "")
	n := slices.IndexFunc(all, func(r evenkeel.Record) bool { return r.Kind == evenkeel.KindStepDone && r.Step == step })
	require.Positive(t, n)
	return all[:n+1]
}

// A stop of a pair whose worker was lost in an outage first brings the outage to its close; elsewhere, or at once, it is
// taken, and says what is left open.
func TestAStopInAnOutage(t *testing.T) {
	stop := func(p *Place) { p.Stop = true }
	for _, tc := range []struct {
		name, step string
		rule       evenkeel.StopRule
		do         func(*Place)
		want       string
		says       string // in Why
	}{
		{"in the outage", "s1", evenkeel.StopAtClose, stop, "begin resume", ""},
		{"its life is told", "s1", evenkeel.StopAtClose, func(p *Place) { p.Stop = true; p.Begun(Resume, false) }, "ask-stop", ""},
		{"and goes on to the close", "s1", evenkeel.StopAtClose, func(p *Place) {
			p.Stop = true
			p.Begun(Resume, false)
			p.Life.Told = true
		}, "perform act s2/b", ""},
		{"its life is lost too", "s1", evenkeel.StopAtClose,
			func(p *Place) { p.Stop = true; p.Begun(Resume, false); p.Lost() }, "begin resume", ""},
		{"its life stops all the same", "s1", evenkeel.StopAtClose, func(p *Place) {
			p.Stop = true
			p.Begun(Resume, false)
			p.Life.Told = true
			p.Ended(Ending{How: WasAsked})
		}, "hold failed a life stopped inside an outage", ""},
		{"a worker that ends did not begin it", "s1", evenkeel.StopAtClose, func(p *Place) {
			p.Stop = true
			p.Begun(Resume, false)
			p.Ended(Ending{How: WasAsked})
		}, "begin resume", ""},
		{"a failure in the outage waits", "s1", evenkeel.StopAtClose,
			func(p *Place) { p.Stop, p.Held = true, &Held{State: Failed, Why: "b"} }, "hold failed b", ""},
		{"at once", "s1", evenkeel.StopAtClose, func(p *Place) { p.StopNow() }, "hold stopped",
			"Left open: OUTAGE w (it moves), open since"},
		{"a life that was stopped at once", "s1", evenkeel.StopAtClose, func(p *Place) {
			p.Begun(Resume, false)
			p.StopNow()
			p.Life.Told = true
			p.Ended(Ending{How: WasAsked})
		}, "hold stopped", "Left open: OUTAGE w"},
		{"and was resumed before its end", "s1", evenkeel.StopAtClose, func(p *Place) {
			p.Begun(Resume, false)
			p.StopNow()
			p.Life.Told = true
			p.Go()
			p.Ended(Ending{How: WasAsked})
		}, "begin resume", ""},
		{"at once, and taken back", "s1", evenkeel.StopAtClose, func(p *Place) { p.StopNow(); p.Go() }, "begin resume", ""},
		{"at once, taken back, and stopped", "s1", evenkeel.StopAtClose,
			func(p *Place) { p.StopNow(); p.Go(); p.Stop = true }, "begin resume", ""},
		{"a rollback was asked for", "s1", evenkeel.StopAtClose,
			func(p *Place) { p.GoBack(); p.Stop = true }, "hold stopped", "Left open: OUTAGE w"},
		{"after the close", "s2", evenkeel.StopAtClose, stop, "hold stopped stopped as asked; its place is kept", ""},
		{"reduced redundancy", "s1", evenkeel.StopBetweenSteps, stop, "hold stopped", "Left open: reduced redundancy w (it moves)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rb := downBook(t, tc.rule)
			p := place(t, rb, until(t, rb, tc.step))
			tc.do(p)
			is := next(t, p)
			if tc.says == "" {
				require.Equal(t, tc.want, is)
			} else {
				require.Contains(t, is, tc.want)
				require.Contains(t, is, tc.says)
			}
		})
	}
}

// The standing has the windows, whatever the pair does.
func TestTheStandingHasTheWindows(t *testing.T) {
	rb := downBook(t, evenkeel.StopAtClose)
	s := place(t, rb, until(t, rb, "s1")).Standing()
	require.Len(t, s.Windows, 1)
	w := s.Windows[0]
	require.Equal(t, Window{ID: "w", Step: "s1", Reason: "it moves", Invariant: "up", Since: w.Since, Limit: time.Hour, Outage: true}, w)
	require.False(t, w.Since.IsZero())
	require.Empty(t, place(t, rb, until(t, rb, "s2")).Standing().Windows)
	require.Empty(t, place(t, rb, nil).Standing().Windows)
}
