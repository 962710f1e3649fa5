package evenkeel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

const canary = "c4n4ry-s3cr3t"

// SSH-005: a machine that repeats the secret, a check that quotes what it saw, a hold, a retry, an operation: none of it is journalled, told or returned.
func TestNoSecretIsJournalledToldOrReturned(t *testing.T) {
	echo := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte("password is " + canary)}
		return res, sshexec.Failure("h", cmd, res, nil)
	})
	setPassword := sshexec.Command(sshexec.Mutating, "chpasswd")
	setPassword.Stdin = sshexec.SecretText(canary + "\n")
	says := func(err func(string) error) evenkeel.Expect {
		return evenkeel.Expect{Check: func(o evenkeel.Observed) error { return err(o.Text()) }}
	}
	for name, mend := range map[string]func(*evenkeel.Runbook){
		"check": func(rb *evenkeel.Runbook) {
			rb.Steps[0].Actions[0].Expect = says(func(text string) error { return fmt.Errorf("unexpected: %s", text) })
		},
		"hold": func(rb *evenkeel.Runbook) {
			rb.Steps[0].Actions[0].Expect = says(func(text string) error { return evenkeel.NeedsPerson("look at %s", text) })
		},
		"retry": func(rb *evenkeel.Runbook) {
			rb.Steps[0].Actions[0].Expect = says(func(text string) error { return evenkeel.NotYet(0, "still %s", text) })
		},
		"operation": func(rb *evenkeel.Runbook) {
			rb.Steps[0].Actions[0].Cmd = sshexec.Cmd{}
			rb.Steps[0].Actions[0].Op = &evenkeel.Op{Effect: evenkeel.Mutating, Text: "set it", Cmds: evenkeel.Here(setPassword), Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				res, err := at.Run(ctx, at.Host, setPassword)
				return res, errors.Join(err, errors.New(res.Text()))
			}}
		},
		"fact": func(rb *evenkeel.Runbook) {
			rb.Steps[0].Makes = []evenkeel.FactKey{archive}
			rb.Steps[0].Actions[0].Makes = []evenkeel.Make{archive.From(func(o evenkeel.Observed) (string, error) { return o.Text(), nil })}
		},
		"invariant": func(rb *evenkeel.Runbook) {
			rb.Invariants = []evenkeel.Invariant{{ID: "x", Check: func(context.Context, evenkeel.Site) error { return evenkeel.Violated("it is %s", canary) }}}
		},
		"another action": func(rb *evenkeel.Runbook) {
			rb.Steps[0].Verify = []evenkeel.Action{{ID: "v", Title: "v", Cmd: sshexec.Command(sshexec.ReadOnly, "show"), Expect: says(func(text string) error { return errors.New(text) })}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			rb := &evenkeel.Runbook{Name: "canary", Title: "Canary", Steps: []evenkeel.Step{{ID: "s", Title: "s", Host: "h", Irreversible: "a test",
				Actions: []evenkeel.Action{{ID: "a", Title: "Set the password", Cmd: setPassword, Repeat: evenkeel.Safe}}}}}
			mend(rb)
			j := &evenkeel.MemJournal{}
			var seen strings.Builder
			_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": echo}, evenkeel.Options{Journal: j, Clock: &stepClock{},
				Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) { fmt.Fprintf(&seen, "%s %+v %+v\n", e.Text, e.Step, e.Action) })})
			require.Error(t, err)
			fmt.Fprintln(&seen, err)
			var step *evenkeel.StepError
			if errors.As(err, &step) {
				fmt.Fprintln(&seen, step, step.Err)
			}
			var v *evenkeel.Violation
			if errors.As(err, &v) {
				fmt.Fprintln(&seen, v)
			}
			require.NoError(t, json.NewEncoder(&seen).Encode(j.Records()))
			require.NoError(t, rb.Markdown(&seen))
			require.NoError(t, rb.Text(&seen))
			require.NotContains(t, seen.String(), canary)
		})
	}
}

func TestMessagesAreNotEndless(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe]")
	rb.Steps[0].Actions[0].Expect.Check = func(evenkeel.Observed) error { return errors.New(strings.Repeat("ä", 1<<20)) }
	j := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": newMachine("-")}, evenkeel.Options{Journal: j, Clock: &stepClock{},
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) { require.Less(t, len(e.Text), 5000) })})
	require.Error(t, err)
	for _, r := range j.Records() {
		require.Less(t, len(r.Error), 5000)
	}
}

func TestAFactIsNeverTakenForAReference(t *testing.T) {
	facts := evenkeel.Facts{"a": json.RawMessage(`"⟪b⟫ $(reboot)"`), "b": json.RawMessage(`7`)}
	got, err := facts.Expand("⟪a⟫ and ⟪b⟫ and ⟪")
	require.NoError(t, err)
	require.Equal(t, "⟪b⟫ $(reboot) and 7 and ⟪", got)
}
