package evenkeel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

const canary = "c4n4ry-s3cr3t"

// SSH-005: a machine that repeats the secret, a check that quotes what it saw, a hold, a retry, an operation: none of
// it is journalled, told or returned.
func TestNoSecretIsJournalledToldOrReturned(t *testing.T) {
	echo := newMachine("-").under(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
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
			rb.Steps[0].Actions[0].Expect = says(func(text string) error { return evenkeel.NeedsOperator("look at %s", text) })
		},
		"retry": func(rb *evenkeel.Runbook) {
			rb.Steps[0].Actions[0].Expect = says(func(text string) error { return evenkeel.NotYet(0, "still %s", text) })
		},
		"operation": func(rb *evenkeel.Runbook) {
			rb.Steps[0].Actions[0].Cmd = sshexec.Cmd{}
			rb.Steps[0].Actions[0].Op = &evenkeel.Op{Effect: evenkeel.Mutating, Text: "set it", Cmds: evenkeel.Here(setPassword),
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					res, err := at.Run(ctx, at.Host, setPassword)
					return res, errors.Join(err, errors.New(res.Text()))
				}}
		},
		"fact": func(rb *evenkeel.Runbook) {
			rb.Steps[0].Makes = []evenkeel.FactKey{archive}
			rb.Steps[0].Actions[0].Makes = []evenkeel.Make{archive.From(func(o evenkeel.Observed) (string, error) { return o.Text(), nil })}
		},
		"invariant": func(rb *evenkeel.Runbook) {
			rb.Invariants = []evenkeel.Invariant{{ID: "x",
				Check: func(context.Context, evenkeel.Site) error { return evenkeel.Violated("it is %s", canary) }}}
		},
		"another action": func(rb *evenkeel.Runbook) {
			rb.Steps[0].Verify = []evenkeel.Action{{ID: "v",
				Change: evenkeel.Change{Title: "v", Cmd: sshexec.Command(sshexec.ReadOnly, "show"),
					Expect: says(func(text string) error { return errors.New(text) })}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			rb := &evenkeel.Runbook{Name: "canary", Title: "Canary", Steps: []evenkeel.Step{{ID: "s", Title: "s", Host: "h", Irreversible: "a test",
				Actions: []evenkeel.Action{{ID: "a",
					Change: evenkeel.Change{Title: "Set the password", Cmd: setPassword, Repeat: evenkeel.Idempotent}}}}}}
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

// oneManual is a runbook with one manual action that has evidence, and one attestation.
func oneManual(secrets ...sshexec.Secret) *evenkeel.Runbook {
	return &evenkeel.Runbook{Name: "canary", Title: "Upgrade of lustre (lustre:465)", Secrets: secrets,
		Steps: []evenkeel.Step{{ID: "s", Title: "Ask about lustre", Host: "h",
			Actions: []evenkeel.Action{
				{
					ID: "a", Manual: "Mount lustre by hand; the password is " + canary,
					Change: evenkeel.Change{
						Title: "Mount lustre", Cmd: sshexec.Command(sshexec.ReadOnly, "show"),
						Expect: evenkeel.Expect{Check: func(o evenkeel.Observed) error {
							if strings.HasSuffix(o.Text(), "done") {
								return nil
							}
							return fmt.Errorf("not yet: %s", o.Text())
						}},
					},
				},
				{ID: "b", Manual: "Confirm that lustre is well, not " + canary, Change: evenkeel.Change{Title: "Confirm"}},
			}}}}
}

type askedOf func(evenkeel.Prompt) (string, error)

func (f askedOf) Prompt(_ context.Context, ask evenkeel.Prompt) (string, error) { return f(ask) }

// What an operator is asked holds no secret, nor what is missing; a word of ours that is a weak secret too stays in the question.
func TestPromptsAreRedacted(t *testing.T) {
	var asks []evenkeel.Prompt
	echo := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte("password " + canary + " of lustre, " + strings.ToUpper(canary))}
		if len(asks) == 2 {
			res.Stdout = []byte("done")
		}
		return res, sshexec.Failure("h", cmd, res, nil)
	})
	j := &evenkeel.MemJournal{}
	clock := &stepClock{}
	_, err := evenkeel.Run(t.Context(), oneManual(canary, "lustre"), evenkeel.HostMap{"h": echo}, evenkeel.Options{Journal: j, Clock: clock,
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventAsk {
				require.Contains(t, e.Text, "lustre")
			}
		}),
		Operator: askedOf(func(a evenkeel.Prompt) (string, error) {
			asks = append(asks, a)
			if len(asks) < 3 {
				return "I say " + canary, clock.Sleep(t.Context(), time.Second)
			}
			return "", evenkeel.NeedsOperator("%s Then tell %s", a.Instruction, canary)
		})})
	require.Error(t, err)
	require.NotEmpty(t, asks)
	why := ""
	for _, a := range asks {
		require.NotContains(t, a.Instruction+a.Why, canary)
		require.NotContains(t, a.Why, strings.ToUpper(canary))
		require.Contains(t, a.Instruction, "lustre")
		why += a.Why
	}
	require.Contains(t, why, "password [redacted] of [redacted], [redacted]")
	raw, jerr := json.Marshal(j.Records())
	require.NoError(t, jerr)
	require.NotContains(t, string(raw)+err.Error(), canary)
}

// A run that holds at a manual action says what is to be done in its own words.
func TestAHoldKeepsTheWordsOfTheInstruction(t *testing.T) {
	rb := oneManual(canary, "lustre")
	rb.Steps[0].Actions = rb.Steps[0].Actions[1:]
	j := &evenkeel.MemJournal{}
	told := ""
	report, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{}, evenkeel.Options{Journal: j, Clock: &stepClock{},
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventPause {
				told = e.Text
			}
		})})
	var hold *evenkeel.Pause
	require.ErrorAs(t, err, &hold)
	const want = "Confirm that lustre is well, not [redacted]"
	require.Equal(t, want, hold.Reason)
	require.EqualError(t, err, "paused for the operator: "+want)
	require.Equal(t, want, told)
	require.Equal(t, want, report.State.Paused.Reason, "the journal's words")

	// An operator who is asked knows the instruction as it was asked.
	_, err = evenkeel.Resume(t.Context(), rb, evenkeel.HostMap{}, evenkeel.Options{Journal: j, Clock: &stepClock{},
		Operator: askedOf(func(a evenkeel.Prompt) (string, error) {
			return "", evenkeel.NeedsOperator("%s Then resume.", a.Instruction)
		})})
	require.EqualError(t, err, "paused for the operator: "+want+" Then resume.")
}

// What is asked ahead has the words of the instruction, as what is asked at its turn has: a word of it that is a weak secret is not
// masked, which would tell the secret, and nothing in it is obeyed by a terminal.
func TestWhatIsAskedAheadIsShownAsAtItsTurn(t *testing.T) {
	rb := oneManual(canary, "lustre")
	rb.Steps[0].Actions = rb.Steps[0].Actions[1:]
	rb.Steps[0].Actions[0].Manual += "\x1b[2J"
	var asked []string
	none := confirmFunc(func(_ context.Context, asks []evenkeel.Prompt) ([]string, error) {
		asked = append(asked, asks[0].Instruction)
		return []string{""}, nil
	})
	atTurn := askedOf(func(a evenkeel.Prompt) (string, error) {
		asked = append(asked, a.Instruction)
		return "yes", nil
	})
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{}, evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{},
		Operator: struct {
			askedOf
			evenkeel.Confirmer
		}{atTurn, none}})
	require.NoError(t, err)
	const want = `Confirm that lustre is well, not [redacted]\u001b[2J`
	require.Equal(t, []string{want, want}, asked)
}

// The error of a run masks a weak secret in what a program said, and in nothing that is ours: which step it was, what is left open,
// and what the operator has to look at. So it is in what is told of it.
func TestAnErrorMasksOnlyWhatAProgramSaid(t *testing.T) {
	broken := false
	rb := watched(&broken, "lustre[down.safe b.never]", t)
	rb.Secrets = []sshexec.Secret{"lustre"}
	rb.Steps[0].Actions[1].Title = "Stop lustre"
	rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "lustre moves", Limit: time.Hour, Stop: evenkeel.StopAtClose}}
	rb.Steps[0].Closes = []string{"w"}
	rb.Steps[0].Actions[1].Expect.Check = func(evenkeel.Observed) error { return errors.New("lustre is not well") }
	m := newMachine("half:b")
	j := &evenkeel.MemJournal{}
	var failed []string
	opts := evenkeel.Options{Journal: j, Clock: &stepClock{}, Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventFailed {
			failed = append(failed, e.Text)
		}
	})}
	serves := func(what string) { broken = broken || what == "down" }
	_, err := evenkeel.Run(t.Context(), rb, on(m, serves), opts)
	require.ErrorContains(t, err, "step lustre, action b on h: [redacted] is not well\n")
	require.ErrorContains(t, err, "window w (lustre moves) has no completion, and step lustre has no undo\n")
	require.ErrorContains(t, err, "left open: window w (lustre moves)")
	require.Equal(t, []string{"[redacted] is not well", "step lustre, action b on h: [redacted] is not well"}, failed)
	m.live("-")
	_, err = evenkeel.Resume(t.Context(), rb, on(m, serves), opts)
	var hold *evenkeel.Pause
	require.ErrorAs(t, err, &hold)
	require.ErrorContains(t, err, `paused for the operator: "Stop lustre" on h may have run`)
}

// Secrets of the inputs are hidden everywhere, and a weak one only in what programs print: the plan must not tell it by a gap.
func TestSecretsOfTheRunbook(t *testing.T) {
	bare := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1, Stderr: []byte("refused: " + canary + " on lustre")}
		return res, sshexec.Failure("h", cmd, res, nil)
	})
	echo := newMachine("-").under(bare)
	rb := &evenkeel.Runbook{Name: "canary", Title: "Upgrade of lustre", Secrets: []sshexec.Secret{canary, "lustre"},
		Steps: []evenkeel.Step{{ID: "s", Title: "Start lustre", Host: "h", Why: "see " + canary,
			Harmless: "a test", Actions: []evenkeel.Action{{ID: "a",
				Change: evenkeel.Change{Title: "Start lustre (lustre:465)",
					Cmd: sshexec.Command(sshexec.Mutating, "start", "lustre-ha"), Repeat: evenkeel.Idempotent}}}}}}
	var paper, seen strings.Builder
	require.NoError(t, rb.Markdown(&paper))
	require.NoError(t, rb.Text(&paper))
	require.NotContains(t, paper.String(), canary)
	require.Contains(t, paper.String(), "Start lustre (lustre:465)")
	require.Contains(t, paper.String(), "start lustre-ha")
	require.Equal(t, []string{"it is shorter than 8 characters"}, rb.WeakSecrets())
	require.Len(t, (&evenkeel.Runbook{Secrets: []sshexec.Secret{"x7!          \n"}}).WeakSecrets(), 1, "blanks make none strong")

	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": bare},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.ErrorContains(t, err, "refused: [redacted] on [redacted]", "where the lease is taken, too")

	j := &evenkeel.MemJournal{}
	_, err = evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": echo}, evenkeel.Options{Journal: j, Clock: &stepClock{},
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) { fmt.Fprintf(&seen, "%s: %s\n", e.Kind, e.Text) })})
	require.ErrorContains(t, err, "refused: [redacted] on [redacted]")
	raw, jerr := json.Marshal(j.Records())
	require.NoError(t, jerr)
	require.NotContains(t, string(raw)+seen.String()+err.Error(), canary)
	require.Contains(t, seen.String(), "action: Start lustre (lustre:465)\n")
	require.NotContains(t, seen.String(), "on lustre", "what a program prints tells a weak one")

	st, err := evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	back, err := rb.UndoPlan(st)
	require.NoError(t, err)
	require.Equal(t, rb.Secrets, back.Secrets, "a rollback hides what the run hides")
}

func TestASecretOfTheRunbookInACommandIsAMistake(t *testing.T) {
	for name, cmd := range map[string]sshexec.Cmd{
		"argument":    sshexec.Command(sshexec.Mutating, "set", "password="+canary),
		"environment": {Argv: []string{"set"}, Env: []string{"P=" + canary}, Effect: sshexec.Mutating},
		"input":       {Argv: []string{"set"}, Stdin: sshexec.Text("<p>" + canary + "</p>"), Effect: sshexec.Mutating},
	} {
		rb := &evenkeel.Runbook{Name: "n", Title: "t", Secrets: []sshexec.Secret{canary},
			Steps: []evenkeel.Step{{ID: "s", Title: "s", Host: "h", Harmless: "a test",
				Actions: []evenkeel.Action{{ID: "a", Change: evenkeel.Change{Title: "a", Cmd: cmd, Repeat: evenkeel.Idempotent}}}}}}
		err := rb.Validate()
		require.ErrorContains(t, err, "a secret of the runbook", name)
		require.NotContains(t, err.Error(), canary)
	}
}

// What an operator answers, and the password that sudo repeats, are no more journalled than what a machine prints; nor is what a
// terminal would obey, or the beginning of a secret where a long message is cut.
func TestWhatIsKeptOfAnswersAndOfLongMessages(t *testing.T) {
	filler := strings.Repeat("x", 4<<10-14)
	for name, says := range map[string]string{"secret": "sudo: " + canary, "terminal": "\x1b[2J\x07", "cut": filler + canary} {
		rb := parseRunbook(t, "s1[r.read a.safe]")
		rb.Steps[0].Actions[0] = evenkeel.Action{ID: "m", Manual: "say so", Change: evenkeel.Change{Title: "m"}}
		a := &rb.Steps[0].Actions[1]
		a.Cmd.Sudo = &sshexec.Sudo{Password: canary}
		a.Expect.Check = func(evenkeel.Observed) error { return errors.New(says) }
		j := &evenkeel.MemJournal{}
		var seen strings.Builder
		_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": newMachine("-")}, evenkeel.Options{Journal: j, Clock: &stepClock{},
			Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) { seen.WriteString(e.Text) }),
			Operator: askedOf(func(evenkeel.Prompt) (string, error) { return "I say " + canary, nil }),
		})
		require.Error(t, err)
		for _, r := range j.Records() {
			seen.WriteString(r.Output + r.Error)
		}
		require.NotContains(t, seen.String(), canary[:4], name)
		require.NotContains(t, seen.String(), "\x1b", name)
	}
}
