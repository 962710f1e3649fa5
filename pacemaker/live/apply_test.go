package live_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// host is a machine on which one command sets a switch, and one look reads it.
type host struct {
	on      bool
	ran     int           // how often the command ran
	looked  int           // how often the switch was looked at
	now     time.Time     // virtual
	obeyed  time.Duration // when the switch follows the command
	due     time.Time
	do      func(h *host) (sshexec.Result, error)            // how the command ends; it sets the switch by obey
	look    func(h *host) (res sshexec.Result, ok bool)      // how a look ends, where it is not the switch
	refused func(ctx context.Context, cmd sshexec.Cmd) error // an error before anything is sent
}

func (h *host) obey() { h.due = h.now.Add(h.obeyed) }

func (h *host) Now() time.Time { return h.now }

func (h *host) Sleep(ctx context.Context, d time.Duration) error {
	h.now = h.now.Add(d)
	return ctx.Err()
}

func (h *host) Run(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	if err := cmd.Validate(); err != nil {
		return sshexec.Result{}, sshexec.Failure("host", cmd, sshexec.Result{}, err)
	}
	if h.refused != nil {
		if err := h.refused(ctx, cmd); err != nil {
			return sshexec.Result{}, sshexec.Failure("host", cmd, sshexec.Result{}, err)
		}
	}
	var res sshexec.Result
	var cause error
	if cmd.Argv[0] == "systemctl" {
		h.looked++
		if !h.due.IsZero() && !h.now.Before(h.due) {
			h.on = true
		}
		res = exited(map[bool]int{true: 0, false: 3}[h.on], map[bool]string{true: "active\nactive\n", false: "inactive\ninactive\n"}[h.on], "")
		if h.look != nil {
			if special, ok := h.look(h); ok {
				res = special
			}
		}
	} else {
		h.ran++
		res, cause = h.do(h)
	}
	return res, sshexec.Failure("host", cmd, res, cause)
}

func exited(code int, out, err string) sshexec.Result {
	return sshexec.Result{Outcome: sshexec.Exited, ExitCode: code, Stdout: []byte(out), Stderr: []byte(err)}
}

// by is a cluster of which only the password is known.
var by = live.Cluster{Password: "hush-hush"}

// start is a change of that machine, by a command that pcs is known for.
func start() change.Change {
	return by.Change(pcs.Operation{Name: "start", Node: "host", Argv: []string{"pcs", "cluster", "start"},
		Effect: sshexec.Disruptive}, change.Change{
		Proof: []change.Proof{{
			Host: "host", Cmd: sshexec.Command(sshexec.ReadOnly, "systemctl", "is-active", "corosync", "pacemaker"), Text: "both run",
			Check: func(o change.Observed) error {
				switch {
				case strings.HasPrefix(string(o.Stdout), "active"):
					return nil
				case strings.HasPrefix(string(o.Stdout), "inactive"):
					return change.NotYet(0, "it is inactive")
				}
				return errors.New("the answer says nothing")
			},
		}},
		Limit: time.Minute,
	})
}

func apply(t testing.TB, h *host, c change.Change) (change.Applied, error) {
	t.Helper()
	return change.Do(context.Background(), siteOf(h), c)
}

func siteOf(h *host) change.Site {
	h.now = time.Date(2018, 6, 12, 22, 0, 0, 0, time.UTC)
	return change.Over(func(string) (sshexec.Runner, error) { return h, nil }, h)
}

func TestApplyDoesNothingWhereItIsDone(t *testing.T) {
	h := &host{on: true}
	got, err := apply(t, h, start())
	require.NoError(t, err)
	require.True(t, got.Already)
	require.Zero(t, h.ran)

	// The machine's own clock is the default.
	_, err = change.Do(context.Background(), change.Over(func(string) (sshexec.Runner, error) { return h, nil }, nil), start())
	require.NoError(t, err)
}

func TestApplyWaitsForWhatTheCommandSetsGoing(t *testing.T) {
	h := &host{obeyed: 25 * time.Second, do: func(h *host) (sshexec.Result, error) { h.obey(); return exited(0, "", ""), nil }}
	got, err := apply(t, h, start())
	require.NoError(t, err)
	require.False(t, got.Already)
	require.Equal(t, 1, h.ran)
	require.Equal(t, 25*time.Second, got.Took)
}

// H4: pcs that starts nothing and exits 0 is caught by the state where its text is not known, and by the text where it is.
func TestApplyDoesNotTrustTheExitStatus(t *testing.T) {
	h := &host{do: func(*host) (sshexec.Result, error) { return exited(0, "all is well\n", ""), nil }}
	_, err := apply(t, h, start())
	require.ErrorIs(t, err, change.ErrNotSeen)
	require.ErrorContains(t, err, "it is inactive")
	require.ErrorContains(t, err, "both run")
	require.Equal(t, 1, h.ran)

	h = &host{do: func(*host) (sshexec.Result, error) {
		return exited(0, "", "Warning: Unable to detect init system. All actions related to system services will be skipped.\n"), nil
	}}
	_, err = apply(t, h, start())
	require.ErrorIs(t, err, pacemaker.ErrNothingDone)
	require.Equal(t, 1, h.looked, "there is nothing to wait for")
}

// What may have run is never run again: the state says whether it did.
func TestApplyAnswersAnUnknownOutcomeByLooking(t *testing.T) {
	lost := errors.New("connection lost")
	h := &host{obeyed: 3 * time.Second, do: func(h *host) (sshexec.Result, error) {
		h.obey()
		return sshexec.Result{Outcome: sshexec.Unknown}, lost
	}}
	got, err := apply(t, h, start())
	require.NoError(t, err)
	require.Equal(t, sshexec.Unknown, got.Outcome)
	require.Equal(t, 1, h.ran)

	h = &host{do: func(*host) (sshexec.Result, error) { return sshexec.Result{Outcome: sshexec.Unknown}, lost }}
	_, err = apply(t, h, start())
	require.ErrorIs(t, err, change.ErrOutcomeUnknown)
	require.ErrorIs(t, err, change.ErrNotSeen)
	require.ErrorIs(t, err, lost)
	require.Equal(t, 1, h.ran)
}

// A tool that hangs is ended by the limit of the change (H19), and the state looked at once more.
func TestApplyBoundsATaskThatHangs(t *testing.T) {
	h := &host{do: func(h *host) (sshexec.Result, error) {
		h.now = h.now.Add(2 * time.Minute)
		h.on = true
		return sshexec.Result{Outcome: sshexec.Signalled, Signal: "KILL"}, context.DeadlineExceeded
	}}
	got, err := apply(t, h, start())
	require.NoError(t, err)
	require.Equal(t, sshexec.Signalled, got.Outcome)

	var limits []time.Duration
	h = &host{refused: func(_ context.Context, cmd sshexec.Cmd) error { limits = append(limits, cmd.Timeout); return nil }}
	h.do = func(h *host) (sshexec.Result, error) { h.on = true; return exited(0, "", ""), nil }
	_, err = apply(t, h, start())
	require.NoError(t, err)
	require.Equal(t, []time.Duration{30 * time.Second, time.Minute, 30 * time.Second}, limits, "every command has a limit")
}

func TestApplyBeforeTheCommand(t *testing.T) {
	never := func(*host) (sshexec.Result, error) { panic("it must not run") }

	h := &host{do: never, look: func(*host) (sshexec.Result, bool) { return exited(1, "what?\n", ""), true }}
	_, err := apply(t, h, start())
	require.ErrorContains(t, err, "the answer says nothing", "an answer that does not tell stops the change before anything runs")

	h = &host{do: never, refused: func(context.Context, sshexec.Cmd) error { return errors.New("no route to host") }}
	_, err = apply(t, h, start())
	require.ErrorContains(t, err, "no route to host")

	h = &host{do: never}
	c := start()
	c.Needs = []change.Proof{{Host: "host", Cmd: c.Proof[0].Cmd,
		Check: func(change.Observed) error { return change.NotYet(0, "node 2 still serves") }}}
	_, err = apply(t, h, c)
	require.ErrorContains(t, err, "node 2 still serves")
	require.Equal(t, 2, h.looked)

	c.Proof = nil
	_, err = apply(t, h, c)
	require.ErrorContains(t, err, "no proof")

	// A command that is certain not to have started is an error at once, and nothing is looked at after it.
	h = &host{refused: func(_ context.Context, cmd sshexec.Cmd) error {
		if cmd.Argv[0] == "pcs" {
			return errors.New("no session")
		}
		return nil
	}}
	_, err = apply(t, h, start())
	require.ErrorContains(t, err, "no session")
	require.Equal(t, 1, h.looked)
}

// While it waits, a host that does not answer is passed over; what cannot come right is not waited for.
func TestApplyWhileItWaits(t *testing.T) {
	obey := func(h *host) (sshexec.Result, error) { h.obey(); return exited(0, "", ""), nil }
	h := &host{obeyed: 5 * time.Second, do: obey, look: func(h *host) (sshexec.Result, bool) {
		return sshexec.Result{Outcome: sshexec.Unknown}, h.looked == 3
	}}
	_, err := apply(t, h, start())
	require.NoError(t, err)

	h = &host{obeyed: 5 * time.Second, do: obey,
		look: func(h *host) (sshexec.Result, bool) { return exited(1, "broken\n", ""), h.looked == 3 }}
	_, err = apply(t, h, start())
	require.ErrorContains(t, err, "the answer says nothing")
	require.Equal(t, 3, h.looked)

	ctx, cancel := context.WithCancel(context.Background())
	h = &host{do: func(h *host) (sshexec.Result, error) { cancel(); return exited(0, "", ""), nil }}
	_, err = change.Do(ctx, siteOf(h), start())
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, h.ran)
}

// cibadmin prints the CIB that it refuses, with every password in it: none of that is shown.
func TestApplyShowsNoSecret(t *testing.T) {
	proof := change.Change{Proof: start().Proof, Limit: time.Minute}
	c := by.Change(pcs.Operation{
		Name: "set attributes", Node: "host", Argv: []string{"cibadmin", "--modify", "--xml-pipe"}, Effect: sshexec.Mutating, Hidden: true,
		Stdin: `<nvpair name="1_password" value="s3cret"/>`,
	}, proof)
	h := &host{do: func(*host) (sshexec.Result, error) {
		return exited(78, `<nvpair name="1_password" value="s3cret"/>`+"\n",
			"Call cib_modify failed: Update does not conform to the configured schema (hush-hush)\n"), nil
	}}
	_, err := apply(t, h, c)
	require.ErrorIs(t, err, pacemaker.ErrInvalid)
	require.ErrorContains(t, err, "does not conform")
	require.NotContains(t, err.Error(), "s3cret")
	require.NotContains(t, err.Error(), "hush-hush")

	// A secret in the arguments is refused by every Runner.
	c = by.Change(pcs.Operation{Name: "x", Node: "host", Argv: []string{"pcs", "stonith", "create", "password=s3cret"},
		Secret: []int{3}, Effect: sshexec.Mutating}, proof)
	_, err = apply(t, h, c)
	require.ErrorIs(t, err, sshexec.ErrSecretArg)
	require.NotContains(t, err.Error(), "s3cret")
}

// Of pcs all that it calls an error is told: its last line says no more than that there were some.
func TestApplyTellsWhatIsWrong(t *testing.T) {
	h := &host{do: func(*host) (sshexec.Result, error) {
		return exited(1, "", "Warning: a\nError: the first\nError: the second\nError: Errors have occurred, therefore pcs "+
			"is unable to continue\n"), nil
	}}
	_, err := apply(t, h, start())
	require.ErrorIs(t, err, pacemaker.ErrCommandFailed)
	require.ErrorContains(t, err, "the first; the second")
	require.NotContains(t, err.Error(), "unable to continue")
}
