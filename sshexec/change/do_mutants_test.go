package change_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// What internal/mutate found nobody to miss in Do and in Await.

// runner answers every command by a function, and counts the commands that change something.
type runner struct {
	lamp
	answer func(sshexec.Cmd) (sshexec.Result, error)
	ran    int
}

func (r *runner) Run(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	if cmd.Effect != sshexec.ReadOnly {
		r.ran++
	}
	return r.answer(cmd)
}

func (r *runner) site() change.Site {
	return change.Over(func(string) (sshexec.Runner, error) { return r, nil }, &r.lamp)
}

func ended(sshexec.Cmd) (sshexec.Result, error) { return sshexec.Result{Outcome: sshexec.Exited}, nil }

// proof is one whose check is given.
func proof(check func(change.Observed) error) change.Proof {
	return change.Proof{Host: "h", Text: "the lamp is lit", Cmd: sshexec.Command(sshexec.ReadOnly, "look"), Check: check}
}

func mutating(proofs ...change.Proof) change.Change {
	return change.Change{Title: "t", Host: "h", Cmd: sshexec.Command(sshexec.Mutating, "x"), Limit: 10 * time.Second, Proof: proofs}
}

// Where the first look at the proof cannot tell, nothing is sent, though all that is needed is there.
func TestNothingIsSentWhereTheProofCannotTell(t *testing.T) {
	r := &runner{answer: ended}
	torn := errors.New("the answer is torn")
	_, err := change.Do(t.Context(), r.site(), mutating(proof(func(change.Observed) error { return torn })))
	require.ErrorIs(t, err, torn)
	require.Zero(t, r.ran)
}

// A look that got no answer proves nothing, whatever its check would be content with.
func TestNoAnswerIsNoProof(t *testing.T) {
	lost := func(cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Unknown}
		return res, sshexec.Failure("h", cmd, res, errors.New("connection lost"))
	}
	content := proof(func(change.Observed) error { return nil })
	r := &runner{answer: lost}
	_, err := change.Do(t.Context(), r.site(), mutating(content))
	require.ErrorContains(t, err, "connection lost")
	require.Zero(t, r.ran)
	require.ErrorIs(t, change.Await(t.Context(), r.site(), time.Second, content), change.ErrNotSeen)
}

// Neither a command nor a question is sent with a hole in it.
func TestNothingIsSentWithAHole(t *testing.T) {
	r := &runner{answer: ended}
	c := mutating(proof(func(change.Observed) error { return change.NotYet(0, "dark") }))
	c.Cmd.Argv = append(c.Cmd.Argv, "⟪nobody knows⟫")
	_, err := change.Do(t.Context(), r.site(), c)
	require.ErrorContains(t, err, "not known yet")
	require.Zero(t, r.ran)

	c = mutating(proof(func(change.Observed) error { return nil }))
	c.Proof[0].Cmd.Argv = append(c.Proof[0].Cmd.Argv, "⟪nobody knows⟫")
	_, err = change.Do(t.Context(), r.site(), c)
	require.ErrorContains(t, err, "not known yet")
}

// A command that was never started is an error at once; it is not waited for, and nobody says that it may have run.
func TestACommandThatNeverStarted(t *testing.T) {
	r := &runner{answer: func(cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Exited}
		if cmd.Effect == sshexec.ReadOnly {
			return res, nil
		}
		res.Outcome = sshexec.NotStarted
		return res, sshexec.Failure("h", cmd, res, errors.New("no route"))
	}}
	got, err := change.Do(t.Context(), r.site(), mutating(proof(func(change.Observed) error { return change.NotYet(0, "dark") })))
	require.ErrorContains(t, err, "no route")
	require.NotErrorIs(t, err, change.ErrOutcomeUnknown)
	require.Equal(t, 1, got.Looks)
}

// An operation says how it failed: one that never started is an error, and of one that says nothing, or does not know,
// the proof tells.
func TestHowAnOperationFailed(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		outcome sshexec.Outcome
		seen    bool // the proof is looked for
	}{
		"never started":  {&sshexec.CommandError{Outcome: sshexec.NotStarted}, sshexec.NotStarted, false},
		"does not know":  {&sshexec.CommandError{Outcome: sshexec.Unknown}, sshexec.Unknown, true},
		"was killed":     {&sshexec.CommandError{Outcome: sshexec.Signalled}, sshexec.Signalled, true},
		"says nothing":   {errors.New("x"), sshexec.Unknown, true},
		"came to an end": {&sshexec.CommandError{Outcome: sshexec.Exited}, sshexec.Exited, false},
	} {
		done := false
		op := mutating(proof(func(change.Observed) error {
			if !done {
				return change.NotYet(0, "dark")
			}
			return nil
		}))
		op.Cmd = sshexec.Cmd{}
		op.Op = &change.Op{Effect: sshexec.Mutating, Do: func(context.Context, change.Site) (sshexec.Result, error) {
			done = true
			return sshexec.Result{}, c.err
		}}
		got, err := change.Do(t.Context(), (&runner{answer: ended}).site(), op)
		require.Equal(t, c.outcome, got.Outcome, name)
		require.Equal(t, c.seen, err == nil, "%s: %v", name, err)
	}
}

// The limit counts from the command: a first look that took long takes nothing away from it.
func TestTheLimitCountsFromTheCommand(t *testing.T) {
	r := &runner{answer: ended}
	looks := 0
	_, err := change.Do(t.Context(), r.site(), mutating(proof(func(change.Observed) error {
		if looks++; looks == 1 {
			r.now = r.now.Add(time.Hour)
		}
		if looks < 4 {
			return change.NotYet(0, "dark")
		}
		return nil
	})))
	require.NoError(t, err)
}

// Await looks as long as its limit, says what it waited for, and ends with its context and with its clock.
func TestAwait(t *testing.T) {
	dark := proof(func(change.Observed) error { return change.NotYet(0, "dark") })
	r := &runner{answer: ended}
	err := change.Await(t.Context(), r.site(), time.Minute, dark)
	require.ErrorIs(t, err, change.ErrNotSeen)
	require.ErrorContains(t, err, "the lamp is lit")
	require.Equal(t, time.Minute, r.now.Sub(time.Time{}))

	ctx, cancel := context.WithCancel(t.Context())
	torn := proof(func(change.Observed) error { cancel(); return errors.New("torn") })
	require.ErrorIs(t, change.Await(ctx, r.site(), time.Minute, torn), context.Canceled, "what is torn then is torn by that")

	seen := proof(func(change.Observed) error { return nil })
	require.NoError(t, change.Await(ctx, r.site(), time.Minute, seen), "what is seen is seen")

	site := r.site()
	site.Clock = stopped{&r.lamp}
	require.ErrorIs(t, change.Await(t.Context(), site, time.Minute, dark), errStopped)
}

var errStopped = errors.New("the clock has stopped")

// stopped is a clock on which nobody can wait.
type stopped struct{ *lamp }

func (stopped) Sleep(context.Context, time.Duration) error { return errStopped }

// Questions are asked once that are the same to the last letter, and looks are counted.
func TestQuestionsThatAreTheSameAreAskedOnce(t *testing.T) {
	dark := proof(func(change.Observed) error { return nil })
	alike := func(edit func(*change.Proof)) int {
		r, other := &runner{answer: ended}, dark
		edit(&other)
		got, err := change.Do(t.Context(), r.site(), mutating(dark, dark, other))
		require.NoError(t, err)
		require.True(t, got.Already)
		return got.Looks
	}
	require.Equal(t, 1, alike(func(*change.Proof) {}))
	for name, edit := range map[string]func(*change.Proof){
		"environment": func(p *change.Proof) { p.Cmd.Env = []string{"A=b"} },
		"directory":   func(p *change.Proof) { p.Cmd.Dir = "/x" },
		"user":        func(p *change.Proof) { p.Cmd.Sudo = &sshexec.Sudo{User: "u"} },
		"host":        func(p *change.Proof) { p.Host = "other" },
		"input":       func(p *change.Proof) { p.Cmd.Stdin = sshexec.Text("x") },
		"words":       func(p *change.Proof) { p.Cmd.Argv = []string{"look", "twice"} },
		"operation": func(p *change.Proof) {
			p.Op = &change.Op{Do: func(context.Context, change.Site) (sshexec.Result, error) { return sshexec.Result{}, nil }}
		},
	} {
		require.Equal(t, 2, alike(edit), name)
	}
}

// A proof by an operation is judged by what the operation found.
func TestAProofByAnOperation(t *testing.T) {
	p := change.Proof{Host: "h", Text: "x", Op: &change.Op{Do: func(context.Context, change.Site) (sshexec.Result, error) {
		return sshexec.Result{Stdout: []byte("lit")}, nil
	}}, Check: func(o change.Observed) error {
		if o.Text() != "lit" {
			return errors.New("it is " + o.Text())
		}
		return nil
	}}
	require.NoError(t, change.Await(t.Context(), (&runner{answer: ended}).site(), time.Second, p))
}

// A proof in its three forms: judged, at once, and in time.
func TestFormsOfAProof(t *testing.T) {
	answers := map[string]error{"yes": nil, "later": change.NotYet(0, "not lit"), "torn": errors.New("torn")}
	p := proof(func(o change.Observed) error { return answers[o.Host] })
	for host, want := range answers {
		p.Host = host
		require.Equal(t, want, p.Read(sshexec.Result{}), host)
	}
	var again *change.Retry
	require.NoError(t, p.AtOnce().Check(change.Observed{Host: "yes"}))
	require.EqualError(t, p.AtOnce().Check(change.Observed{Host: "later"}), "not lit")
	require.NotErrorAs(t, p.AtOnce().Check(change.Observed{Host: "later"}), &again)
	require.EqualError(t, p.AtOnce().Check(change.Observed{Host: "torn"}), "torn")
	require.NoError(t, p.InTime().Check(change.Observed{Host: "yes"}))
	require.ErrorAs(t, p.InTime().Check(change.Observed{Host: "later"}), &again)
	require.EqualError(t, p.InTime().Check(change.Observed{Host: "torn"}), "torn")
}
