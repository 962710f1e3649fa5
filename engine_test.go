package evenkeel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var archive = evenkeel.NewFact[string]("archive.set-1", "the archive of set 1")

// factBook makes a fact in one step and needs it in the next.
func factBook() *evenkeel.Runbook {
	first := parseActionT("a", "safe")
	first.Makes = []evenkeel.Make{archive.From(func(o evenkeel.Observed) (string, error) { return "/var/tmp/" + o.Text() + " 1.tgz", nil })}
	second := evenkeel.Action{ID: "b",
		Change: evenkeel.Change{Title: "Use it", Cmd: sshexec.Command(sshexec.Mutating, "do", "b", "--from", archive.Ref()),
			Repeat: evenkeel.Idempotent}}
	return &evenkeel.Runbook{Name: "facts", Title: "Facts", Steps: []evenkeel.Step{
		{ID: "s1", Title: "Make it", Host: "h", Makes: []evenkeel.FactKey{archive}, Actions: []evenkeel.Action{first}, Irreversible: "a test"},
		{ID: "s2", Title: "Need it", Host: "h", Needs: []evenkeel.FactKey{archive}, Actions: []evenkeel.Action{second}, Irreversible: "a test"},
	}}
}

func parseActionT(id, kind string) evenkeel.Action {
	return evenkeel.Action{ID: id,
		Change: evenkeel.Change{Title: id, Cmd: sshexec.Command(sshexec.Mutating, "do", id),
			Repeat: map[string]evenkeel.Repeat{"safe": evenkeel.Idempotent}[kind]}}
}

func TestFactsAreJournalledBeforeTheyAreReliedOn(t *testing.T) {
	var seen []string
	m := &machine{done: map[string]string{}}
	m.live("CRASH@before:b")
	j := &evenkeel.MemJournal{}
	require.Equal(t, "=died", m.life(t, evenkeel.Run, factBook(), j))
	m.live("-")
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		seen = append(seen, cmd.String())
		return m.Run(ctx, cmd)
	})
	report, err := evenkeel.Resume(t.Context(), factBook(), evenkeel.HostMap{"h": host}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Equal(t, []string{"do b --from '/var/tmp/done 1.tgz'"}, seen, "the fact comes from the journal of the life before")
	got, err := archive.Get(report.State.Facts)
	require.NoError(t, err)
	require.Equal(t, "/var/tmp/done 1.tgz", got)
}

func TestSecretsAreNoFacts(t *testing.T) {
	require.Panics(t, func() { evenkeel.NewFact[sshexec.Secret]("password", "a secret") })
	require.Panics(t, func() {
		evenkeel.NewFact[struct{ User, Password sshexec.Secret }]("login", "hidden in a struct")
	})
	require.Panics(t, func() { evenkeel.NewFact[map[string][]sshexec.Secret]("logins", "deeper") })
	require.NotPanics(t, func() { evenkeel.NewFact[[]string]("names", "none") })
}

func TestValidate(t *testing.T) {
	unknown := evenkeel.NewFact[string]("unknown", "nobody makes it")
	from := func(book string, mend func(*evenkeel.Step)) func(*evenkeel.Runbook) {
		return func(rb *evenkeel.Runbook) {
			*rb = *parseRunbook(t, book)
			rb.Known = evenkeel.Facts{}
			mend(&rb.Steps[0])
		}
	}
	detached := func(mend func(*evenkeel.Action)) func(*evenkeel.Runbook) {
		return from("s1[a.never]", func(s *evenkeel.Step) {
			s.Actions[0].Detached = true
			mend(&s.Actions[0])
		})
	}
	for _, tc := range []struct {
		name string
		mend func(*evenkeel.Runbook)
		want string
	}{
		{"sound", func(*evenkeel.Runbook) {}, ""},
		{"fact not made", func(rb *evenkeel.Runbook) { rb.Steps = rb.Steps[1:] }, "needs fact archive.set-1, which no earlier step makes"},
		{"fact not declared as needed", func(rb *evenkeel.Runbook) { rb.Steps[1].Needs = nil }, "does not declare as needed"},
		{"fact not declared as made", func(rb *evenkeel.Runbook) { rb.Steps[0].Makes = nil },
			"makes fact archive.set-1, which the step does not declare"},
		{"declared and not made", func(rb *evenkeel.Runbook) { rb.Steps[0].Actions[0].Makes = nil }, "which no action of it makes"},
		{"same step twice", func(rb *evenkeel.Runbook) { rb.Steps[1].ID = "s1" }, "an ID of its own"},
		{"same action twice", func(rb *evenkeel.Runbook) {
			rb.Steps[0].Actions = append(rb.Steps[0].Actions, rb.Steps[0].Actions[0])
		}, "an ID of its own"},
		{"no effect", func(rb *evenkeel.Runbook) { rb.Steps[1].Actions[0].Cmd.Effect = 0 }, "declares no effect"},
		{"no repeatability", func(rb *evenkeel.Runbook) { rb.Steps[1].Actions[0].Repeat = 0 }, "does not say whether it may be repeated"},
		{"no probe", func(rb *evenkeel.Runbook) { rb.Steps[1].Actions[0].Repeat = evenkeel.Never }, "no probe that could tell"},
		{"probe forgets the fact", func(rb *evenkeel.Runbook) {
			a := parseAction(t, "a.never")
			a.Makes = rb.Steps[0].Actions[0].Makes
			rb.Steps[0].Actions[0] = a
		}, "its probe cannot recover fact archive.set-1"},
		{"neither undo nor irreversible", func(rb *evenkeel.Runbook) { rb.Steps[0].Irreversible = "" },
			"neither how to undo it nor why it cannot or need not"},
		{"no host", func(rb *evenkeel.Runbook) { rb.Steps[0].Host = "" }, "has no host"},
		{"verification that changes",
			func(rb *evenkeel.Runbook) { rb.Steps[0].Verify = []evenkeel.Action{parseActionT("v", "safe")} }, "is not read-only"},
		{"guard that changes", func(rb *evenkeel.Runbook) { rb.Steps[1].Actions[0].Precondition = true }, "a precondition must be read-only"},
		{"guard through what stands before it", from("s1[a.safe g.guard b.safe]", func(s *evenkeel.Step) { s.Actions[1].Through = "a" }),
			"which is for a precondition and an action that follows it"},
		{"guard of an undo through nothing", from("s1[a.safe undo:g.guard undo:u.safe]", func(s *evenkeel.Step) { s.Undo[0].Through = "a" }),
			"which is for a precondition and an action that follows it"},
		{"reach of what is no guard", from("s1[a.safe b.safe]", func(s *evenkeel.Step) { s.Actions[0].Through = "b" }),
			"which is for a precondition and an action that follows it"},
		{"window without invariant", func(rb *evenkeel.Runbook) {
			rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "x", Reason: "r", Limit: 1, Stop: evenkeel.StopAtClose}}
		}, "which does not exist"},
		{"window never closed", func(rb *evenkeel.Runbook) {
			rb.Invariants = []evenkeel.Invariant{{ID: "x", Check: func(context.Context, evenkeel.Site) error { return nil }}}
			rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "x", Reason: "r", Limit: 1, Stop: evenkeel.StopAtClose}}
		}, "window w is never closed"},
		{"absolute invariant suspended", func(rb *evenkeel.Runbook) {
			rb.Invariants = []evenkeel.Invariant{{ID: "x", Absolute: true, Check: func(context.Context, evenkeel.Site) error { return nil }}}
			rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "x", Reason: "r", Limit: 1, Stop: evenkeel.StopAtClose}}
			rb.Steps[0].Closes = []string{"w"}
		}, "may never be suspended"},
		{"secret in an argument", func(rb *evenkeel.Runbook) { rb.Steps[1].Actions[0].Cmd.Mask = []sshexec.Secret{"b"} },
			"a secret stands in an argument"},
		{"undo needs a fact that nobody makes",
			from("s1[a.safe undo:u.safe]", func(s *evenkeel.Step) { s.Undo[0].Cmd.Argv[1] = unknown.Ref() }),
			"action u: refers to fact unknown"},
		{"verification needs a fact that nobody makes",
			from("s1[a.safe verify:v.read]", func(s *evenkeel.Step) { s.Verify[0].Cmd.Argv[1] = unknown.Ref() }),
			"action v: refers to fact unknown"},
		{"undo makes a fact",
			from("s1[a.safe undo:u.safe]", func(s *evenkeel.Step) { s.Undo[0].Makes = []evenkeel.Make{archive.From(nil)} }),
			"an undo or a completion makes no facts"},
		{"verification makes a fact in secret",
			from("s1[a.safe verify:v.read]", func(s *evenkeel.Step) { s.Verify[0].Makes = []evenkeel.Make{archive.From(nil)} }),
			"which the step does not declare"},
		{"probe of a safe action without a reader", from("s1[a.safe]", func(s *evenkeel.Step) {
			s.Actions[0].Probe = &evenkeel.Probe{Cmd: sshexec.Command(sshexec.ReadOnly, "look", "a")}
		}), "no probe that could tell"},
		{"probe without a host", from("s1[a.never]", func(s *evenkeel.Step) {
			s.Host, s.Actions[0].Cmd = "", sshexec.Cmd{}
			s.Actions[0].Op = &evenkeel.Op{Effect: evenkeel.Mutating, Text: "it",
				Do: func(context.Context, evenkeel.Site) (sshexec.Result, error) { return sshexec.Result{}, nil }}
		}), "its probe has no host"},
		{"operation graver than it says", from("s1[a.safe]", func(s *evenkeel.Step) {
			s.Actions[0].Cmd = sshexec.Cmd{}
			s.Actions[0].Op = &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "it",
				Cmds: evenkeel.Here(sshexec.Command(sshexec.Mutating, "do", "x")),
				Do:   func(context.Context, evenkeel.Site) (sshexec.Result, error) { return sshexec.Result{}, nil }}
		}), "declares a command that is mutating"},
		{"drops the connection without a probe",
			from("s1[a.safe]", func(s *evenkeel.Step) { s.Actions[0].DropsConnection = true }),
			"breaks its own connection"},
		{"fact in the text of a script", from("s1[a.safe]", func(s *evenkeel.Step) {
			s.Needs = []evenkeel.FactKey{archive}
			s.Actions[0].Cmd = sshexec.Script(sshexec.Mutating, "tar -xf "+archive.Ref())
		}), "pass it as an argument"},
		{"two facts with one name on paper", from("s1[a.safe]", func(s *evenkeel.Step) {
			other := evenkeel.NewFact[string]("archive.set.1", "another")
			s.Makes = []evenkeel.FactKey{archive, other}
			s.Actions[0].Makes = []evenkeel.Make{archive.From(nil), other.From(nil)}
		}), "are both $ARCHIVE_SET_1 on paper"},
		{"detached", detached(func(*evenkeel.Action) {}), ""},
		{"a detached look",
			detached(func(a *evenkeel.Action) { a.Cmd.Effect, a.Repeat, a.Probe = sshexec.ReadOnly, 0, nil }),
			"is detached"},
		{"a detached action by hand",
			detached(func(a *evenkeel.Action) { a.Cmd, a.Manual = sshexec.Cmd{}, "do it" }), "is detached"},
		{"a detached action whose name is too long",
			detached(func(a *evenkeel.Action) { a.ID = strings.Repeat("x", 100) }), "a job's ID"},
		{"a detached shutdown", detached(func(a *evenkeel.Action) { a.DropsConnection = true }), "is detached"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rb := factBook()
			tc.mend(rb)
			err := rb.Validate()
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			_, err = evenkeel.Run(t.Context(), rb, evenkeel.HostMap{}, evenkeel.Options{Journal: &evenkeel.MemJournal{}})
			require.ErrorContains(t, err, tc.want, "and it does not run")
		})
	}
}

// Only what changes something, and leaves its machine up, is marked as a job.
func TestMarkDetached(t *testing.T) {
	rb := parseRunbook(t, "s1[a.read b.safe c.never m.manual undo:u.safe]")
	actions := rb.Steps[0].Actions
	actions[2].DropsConnection = true
	rb.MarkDetached(func(sshexec.Cmd) bool { return true })
	require.NoError(t, rb.Validate())
	require.Equal(t, []bool{false, true, false, false, true}, []bool{actions[0].Detached, actions[1].Detached,
		actions[2].Detached, actions[3].Detached, rb.Steps[0].Undo[0].Detached})
}

// Invariants and windows.

func watched(broken *bool, steps string, t *testing.T) *evenkeel.Runbook {
	rb := parseRunbook(t, steps)
	rb.Invariants = []evenkeel.Invariant{{ID: "served", Title: "It is served.", Check: func(context.Context, evenkeel.Site) error {
		if *broken {
			return evenkeel.Violated("nobody serves")
		}
		return nil
	}}}
	return rb
}

func TestAViolationStopsTheRun(t *testing.T) {
	broken := false
	m := &machine{done: map[string]string{}}
	rb := watched(&broken, "s1[a.safe b.safe c.safe]", t)
	m.live("-")
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err := m.Run(ctx, cmd)
		broken = cmd.Argv[1] == "b"
		return res, err
	})
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": host}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	var v *evenkeel.Violation
	require.ErrorAs(t, err, &v)
	require.Equal(t, "served", v.Invariant)
	require.Equal(t, "a b", strings.Join(m.log, " "))
	require.True(t, slices.ContainsFunc(j.Records(), func(r evenkeel.Record) bool { return r.Kind == evenkeel.KindViolation }))
	// Resume does not run c while it still does not hold, and does when it does.
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.ErrorAs(t, err, &v)
	require.Equal(t, "a b", strings.Join(m.log, " "), "something was changed while it does not hold")
	broken = false
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Equal(t, "a b c", strings.Join(m.log, " "))
}

func TestAWindowSuspendsAndAnOverdueOneOfReducedRedundancyOnlyAlarms(t *testing.T) {
	broken := true
	m := &machine{done: map[string]string{}}
	m.live("-")
	rb := watched(&broken, "s1[a.safe] s2[b.safe]", t)
	rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "a test", Limit: time.Second,
		Stop: evenkeel.StopBetweenSteps}}
	rb.Steps[1].Closes = []string{"w"}
	var events []evenkeel.EventKind
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		broken = cmd.Argv[1] != "b"
		return m.Run(ctx, cmd)
	})
	report, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": host},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{},
			Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) { events = append(events, e.Kind) })})
	require.NoError(t, err)
	require.Len(t, report.State.Closed, 1)
	require.Greater(t, report.State.Closed[0].Lasted(), time.Second)
	alarms := slices.DeleteFunc(slices.Clone(events), func(k evenkeel.EventKind) bool { return k != evenkeel.EventAlarm })
	require.Len(t, alarms, 1, "one alarm a window, and no stop")
}

func TestWhatCannotBeObservedIsNoViolation(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe]")
	rb.Invariants = []evenkeel.Invariant{{ID: "x",
		Check: func(context.Context, evenkeel.Site) error { return errors.New("the machine is off") }}}
	m := &machine{done: map[string]string{}}
	m.live("-")
	report, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Positive(t, report.Unseen)
}

// The gate: what an operation did not declare does not run.
func TestTheGateRefusesWhatWasNotDeclared(t *testing.T) {
	m := &machine{done: map[string]string{}}
	m.live("-")
	declared := sshexec.Command(sshexec.Mutating, "do", "x")
	op := func(cmd sshexec.Cmd) *evenkeel.Runbook {
		return &evenkeel.Runbook{Name: "gate", Steps: []evenkeel.Step{{ID: "s", Host: "h", Irreversible: "a test", Actions: []evenkeel.Action{{
			ID: "op",
			Change: evenkeel.Change{
				Repeat: evenkeel.Idempotent, Op: &evenkeel.Op{Effect: evenkeel.Mutating, Text: "it", Cmds: evenkeel.Here(declared),
					Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) { return at.Run(ctx, at.Host, cmd) }},
			},
		}}}}}
	}
	run := func(cmd sshexec.Cmd) error {
		_, err := evenkeel.Run(t.Context(), op(cmd), evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: &evenkeel.MemJournal{}})
		return err
	}
	require.NoError(t, run(declared))
	require.NoError(t, run(sshexec.Command(sshexec.ReadOnly, "read", "y")))
	require.ErrorIs(t, run(sshexec.Command(sshexec.Mutating, "do", "y")), evenkeel.ErrNotInPlan)
	require.NotContains(t, m.log, "y")
}

func TestRetryLooksAgainWithinItsBound(t *testing.T) {
	looks := 0
	a := evenkeel.Action{
		ID: "r",
		Change: evenkeel.Change{
			Cmd: sshexec.Command(sshexec.ReadOnly, "read", "r"), Limit: time.Minute, Expect: evenkeel.Expect{Check: func(evenkeel.Observed) error {
				if looks++; looks < 4 {
					return evenkeel.NotYet(10*time.Second, "look %d", looks)
				}
				return nil
			}},
		},
	}
	rb := &evenkeel.Runbook{Name: "retry", Steps: []evenkeel.Step{{ID: "s", Host: "h", Actions: []evenkeel.Action{a}}}}
	m := &machine{done: map[string]string{}}
	m.live("-")
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Equal(t, 4, looks)
	require.Len(t, j.Records(), 6, "one record before and one after, however often it looked")
	looks = -1000
	_, err = evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.ErrorIs(t, err, evenkeel.ErrOverdue)
}

func TestStopEndsAfterTheCurrentStep(t *testing.T) {
	stop := make(chan struct{})
	m := &machine{done: map[string]string{}}
	m.live("-")
	host := m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[1] == "a" {
			close(stop)
		}
		return m.Run(ctx, cmd)
	})
	j := &evenkeel.MemJournal{}
	rb := parseRunbook(t, "s1[a.never] s2[b.safe]")
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": host}, evenkeel.Options{Journal: j, Stop: stop})
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: j})
	require.NoError(t, err)
	require.Equal(t, "a b", strings.Join(m.log, " "))
}

// CPS-204, SSH-011: two terminals.
func TestParallelStepsRunAtTheSameTime(t *testing.T) {
	both := make(chan struct{}, 2)
	meet := newMachine("-").under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		both <- struct{}{}
		for len(both) < 2 {
			if err := ctx.Err(); err != nil {
				return sshexec.Result{}, sshexec.Failure("h", cmd, sshexec.Result{}, err)
			}
			time.Sleep(time.Millisecond)
		}
		return sshexec.Result{Outcome: sshexec.Exited}, nil
	})
	rb := parseRunbook(t, "s1[a.safe] s2[b.safe]")
	rb.Steps[0].Parallel, rb.Steps[1].Parallel = "two terminals", "two terminals"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := evenkeel.Run(ctx, rb, evenkeel.HostMap{"h": meet}, evenkeel.Options{Journal: &evenkeel.MemJournal{}})
	require.NoError(t, err)
}

// Rendering.

func TestMarkdownGolden(t *testing.T) {
	rb := factBook()
	rb.Intro = "A runbook of everything that a reader may see."
	rb.Inputs = []evenkeel.Input{evenkeel.NewInput("Hosts.csv", []byte("x"))}
	rb.LeaseHosts = []string{"h"}
	rb.Invariants = []evenkeel.Invariant{
		{ID: "served", Title: "It is served.", Check: func(context.Context, evenkeel.Site) error { return nil }},
		{ID: "once", Title: "It is mounted once.", Absolute: true, Check: func(context.Context, evenkeel.Site) error { return nil }},
	}
	s := &rb.Steps[1]
	s.Ref, s.Why, s.Irreversible = "lustre:882", "The reason.", ""
	s.Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: 10 * time.Minute, Stop: evenkeel.StopBetweenSteps}}
	s.Closes = []string{"w"}
	secret := parseActionT("pw", "safe")
	secret.Cmd.Stdin, secret.Cmd.Mask = sshexec.SecretText("hunter2"), []sshexec.Secret{"hunter2"}
	manual := evenkeel.Action{ID: "m", Manual: "Look whether calls drop.", Change: evenkeel.Change{Title: "Judge the calls"}}
	never := parseAction(t, "n.never")
	never.Host, never.Note, never.Expect.Text = "other", "only once", "it says done"
	guard := parseAction(t, "g.guard")
	text := parseActionT("t", "safe")
	text.Cmd.Stdin = sshexec.Text("<xml/>\n")
	s.Actions = append(s.Actions, secret, manual, never, guard, text)
	s.Verify = []evenkeel.Action{parseAction(t, "v.read")}
	s.Undo = []evenkeel.Action{parseActionT("u", "safe")}
	s.UndoVerify = []evenkeel.Action{parseAction(t, "y.read")}
	move := parseActionT("move", "safe")
	move.Cmd.Effect = evenkeel.Disruptive
	rb.Steps = append(rb.Steps, evenkeel.Step{
		ID: "s3", Title: "Move it", Host: "h", Irreversible: "a test", Actions: []evenkeel.Action{move}, Closes: []string{"o"},
		Opens: []evenkeel.Window{{ID: "o", Invariant: "served", Reason: "it is down meanwhile", Limit: time.Minute,
			Stop: evenkeel.StopAtClose, Completion: []evenkeel.Action{parseActionT("finish", "safe")}}},
	})
	require.NoError(t, rb.Validate())
	var md, txt strings.Builder
	require.NoError(t, rb.Markdown(&md))
	require.NoError(t, rb.Text(&txt))
	golden.Check(t, "runbook.md", md.String())
	golden.Check(t, "runbook.txt", txt.String())
	require.NotContains(t, md.String()+txt.String(), "hunter2")
}

// Rehearsal: a world of one machine that keeps what was done.

type toyWorld struct {
	m     *machine
	clock *stepClock
	bad   bool // forget what a probe should see, so that a repeat shows
}

func newToyWorld() *toyWorld {
	return &toyWorld{m: &machine{done: map[string]string{}, faults: map[string]string{}}, clock: &stepClock{}}
}

func (w *toyWorld) Runner(string) (sshexec.Runner, error) {
	return w.m.under(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if w.bad && cmd.Argv[0] == "look" {
			return sshexec.Result{Outcome: sshexec.Exited}, nil
		}
		return w.m.Run(ctx, cmd)
	}), nil
}
func (w *toyWorld) Clock() evenkeel.Clock { return w.clock }
func (w *toyWorld) Clone() evenkeel.World {
	return &toyWorld{w.m.clone(), w.clock.clone(), w.bad}
}
func (w *toyWorld) Hash() string { return fmt.Sprint(w.m.done) }
func (w *toyWorld) Check() error {
	for i, what := range w.m.log {
		if what == "b" && slices.Contains(w.m.log[:i], "b") {
			return errors.New("b ran twice")
		}
	}
	return nil
}

func TestRehearse(t *testing.T) {
	rb := parseRunbook(t, "s1[r.read a.safe b.never] s2[c.probe verify:v.read]")
	w := newToyWorld()
	report, err := evenkeel.Rehearse(t.Context(), rb, w, evenkeel.RehearsalPlan{})
	require.NoError(t, err)
	require.Empty(t, report.Failures)
	require.GreaterOrEqual(t, report.Schedules, 4*report.Records+4*report.Commands, "a rollback from every point, too")
	w.bad = true // a probe that lies: the rehearsal must see b run twice
	report, err = evenkeel.Rehearse(t.Context(), rb, w, evenkeel.RehearsalPlan{})
	require.NoError(t, err)
	require.NotEmpty(t, report.Failures)
	require.ErrorContains(t, report.Failures[0], "b ran twice")
}

// Nothing is changed before every invariant that may never be broken was seen to hold, be it after steps that only look. Once a
// run has changed something a machine may be away for good reason: it goes on, and it can always be rolled back.
func TestAnAbsoluteInvariantIsSeenBeforeTheFirstChange(t *testing.T) {
	rb := parseRunbook(t, "s0[r.read] s1[a.safe undo:u.safe] s2[b.safe undo:v.safe]")
	away := errors.New("n1: no route to host")
	var unseen error
	rb.Invariants = []evenkeel.Invariant{{ID: "once", Title: "It is mounted once.", Absolute: true,
		Check: func(context.Context, evenkeel.Site) error { return unseen }}}
	m := newMachine("-")
	j := &evenkeel.MemJournal{}
	opts := evenkeel.Options{Journal: j, Clock: &stepClock{}}
	host := evenkeel.HostMap{"h": m}
	unseen = away
	_, err := evenkeel.Run(t.Context(), rb, host, opts)
	for range 2 {
		require.ErrorIs(t, err, evenkeel.ErrUnseen)
		require.ErrorIs(t, err, away)
		require.ErrorContains(t, err, "once (It is mounted once.)")
		require.Equal(t, "read:r", strings.Join(m.log, " "))
		_, err = evenkeel.Resume(t.Context(), rb, host, opts)
	}
	unseen = nil
	m.live("fail:b")
	_, err = evenkeel.Resume(t.Context(), rb, host, opts)
	require.Error(t, err)
	unseen = away
	report, err := evenkeel.Resume(t.Context(), rb, host, opts)
	require.NoError(t, err)
	require.Positive(t, report.Unseen)
	_, err = evenkeel.Rollback(t.Context(), rb, host, opts)
	require.NoError(t, err)
	require.Equal(t, "a b! b v u", strings.Join(m.log, " "))
	_, err = evenkeel.Resume(t.Context(), rb, host, opts)
	require.ErrorIs(t, err, evenkeel.ErrUnseen, "all was undone: it is a first change again")
}
