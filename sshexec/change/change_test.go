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

// lamp is a machine with a switch: it follows after a while, and has a clock of its own.
type lamp struct {
	now      time.Time
	on       time.Time // zero: it was not switched
	ran      int
	asked    []string
	limits   []time.Duration
	dead     bool // nothing ever follows
	silent   error
	observed string // what every look shows, where it is not the switch
}

func (l *lamp) Now() time.Time { return l.now }

func (l *lamp) Sleep(ctx context.Context, d time.Duration) error {
	l.now = l.now.Add(d)
	return ctx.Err()
}

func (l *lamp) Run(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	l.limits = append(l.limits, cmd.Timeout)
	if cmd.Argv[0] == "switch" {
		l.ran++
		if !l.dead {
			l.on = l.now.Add(3 * time.Second)
		}
		if l.silent != nil {
			return sshexec.Result{Outcome: sshexec.Unknown}, sshexec.Failure("h", cmd, sshexec.Result{Outcome: sshexec.Unknown}, l.silent)
		}
		return sshexec.Result{Outcome: sshexec.Exited}, nil
	}
	l.asked = append(l.asked, cmd.Argv[1])
	out := "off"
	switch {
	case l.observed != "":
		out = l.observed
	case !l.on.IsZero() && !l.now.Before(l.on), cmd.Argv[1] == "power":
		out = "on"
	}
	return sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(out)}, nil
}

func (l *lamp) site() change.Site {
	return change.Over(func(string) (sshexec.Runner, error) { return l, nil }, l)
}

func shows(what string) change.Proof {
	return change.Proof{Host: "h", Cmd: sshexec.Command(sshexec.ReadOnly, "cat", what), Text: what + " says on",
		Check: func(o change.Observed) error {
			switch o.Text() {
			case "on":
				return nil
			case "off":
				return change.NotYet(0, "%s says off", what)
			}
			return errors.New("the answer says nothing")
		}}
}

func switchOn() change.Change {
	return change.Change{
		Title: "Switch it on", Host: "h", Cmd: sshexec.Command(sshexec.Mutating, "switch"), Limit: time.Minute,
		Needs: []change.Proof{shows("power")}, Proof: []change.Proof{shows("lamp")},
	}
}

// Do looks first, sees what is needed, sends the command once, and waits for the proof; done already, it sends nothing.
func TestDo(t *testing.T) {
	l := &lamp{}
	got, err := change.Do(t.Context(), l.site(), switchOn())
	require.NoError(t, err)
	require.False(t, got.Already)
	require.Equal(t, 1, l.ran)
	require.Equal(t, 3*time.Second, got.Took)
	require.Equal(t, []string{"lamp", "power", "lamp"}, l.asked[:3])
	require.NotContains(t, l.limits, time.Duration(0), "every command has a limit")

	got, err = change.Do(t.Context(), l.site(), switchOn())
	require.NoError(t, err)
	require.True(t, got.Already)
	require.Equal(t, 1, l.ran)
}

// What did not come in time is an error, and a lost command is told from one that ended.
func TestDoIsNotSeen(t *testing.T) {
	l := &lamp{dead: true}
	_, err := change.Do(t.Context(), l.site(), switchOn())
	require.ErrorIs(t, err, change.ErrNotSeen)
	require.NotErrorIs(t, err, change.ErrOutcomeUnknown)
	require.Equal(t, 1, l.ran)
	require.Equal(t, time.Minute, l.now.Sub(time.Time{}), "it is waited for as long as the limit")

	l = &lamp{dead: true, silent: errors.New("connection lost")}
	_, err = change.Do(t.Context(), l.site(), switchOn())
	require.ErrorIs(t, err, change.ErrOutcomeUnknown)
	require.Equal(t, 1, l.ran, "it is never sent again")

	l = &lamp{silent: errors.New("connection lost")}
	_, err = change.Do(t.Context(), l.site(), switchOn())
	require.NoError(t, err, "the proof says that it ran")
}

// Nothing runs where the answer does not tell, where a need is missing, or where nothing would prove it.
func TestDoRunsNothing(t *testing.T) {
	l := &lamp{observed: "?"}
	_, err := change.Do(t.Context(), l.site(), switchOn())
	require.ErrorContains(t, err, "the answer says nothing")

	l = &lamp{observed: "off"}
	c := switchOn()
	_, err = change.Do(t.Context(), l.site(), c)
	require.ErrorContains(t, err, "what it needs is not there: power says off")

	c.Proof = nil
	_, err = change.Do(t.Context(), l.site(), c)
	require.ErrorContains(t, err, "has no proof")
	require.Error(t, change.Await(t.Context(), l.site(), time.Minute))
	require.Zero(t, l.ran)
}

// An operation is carried out as a command is, and a check of the change's own decides on what it showed.
func TestDoOfAnOperation(t *testing.T) {
	l := &lamp{}
	c := switchOn()
	c.Op = &change.Op{Effect: sshexec.Mutating, Text: "switch, twice", Do: func(ctx context.Context, at change.Site) (sshexec.Result, error) {
		if _, err := at.Run(ctx, "h", sshexec.Command(sshexec.Mutating, "switch")); err != nil {
			return sshexec.Result{}, err
		}
		return at.Run(ctx, "h", sshexec.Command(sshexec.Mutating, "switch"))
	}}
	require.Equal(t, "switch, twice", c.String())
	_, err := change.Do(t.Context(), l.site(), c)
	require.NoError(t, err)
	require.Equal(t, 2, l.ran)

	l = &lamp{}
	c.Expect.Check = func(change.Observed) error { return errors.New("it complained") }
	_, err = change.Do(t.Context(), l.site(), c)
	require.ErrorContains(t, err, "it complained")
}

// An exit status of 1 is "not so", any other but 0 tells nothing.
func TestByExit(t *testing.T) {
	p := change.ByExit("it is there", sshexec.Command(sshexec.ReadOnly, "test", "-e", "/x")).Probe()
	for code, want := range map[int]change.ProbeResult{0: change.Done, 1: change.NotRun, 2: change.Inconclusive} {
		got, err := p.Read(change.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, ExitCode: code}})
		require.Equal(t, want, got)
		require.Equal(t, code == 2, err != nil, "%v", err)
	}
}

// An error of another package says by a method that looking again may show something else.
type starting struct{}

func (starting) Error() string { return "it is starting" }
func (starting) Passing() bool { return true }

func TestPassing(t *testing.T) {
	require.True(t, change.Passing(starting{}))
	require.True(t, change.Passing(change.NotYet(0, "x")))
	require.False(t, change.Passing(errors.New("x")))
	var later *change.Retry
	require.ErrorAs(t, change.Later(starting{}), &later)
	require.NotErrorAs(t, change.Later(errors.New("x")), &later)
	require.NoError(t, change.Later(nil))
}
