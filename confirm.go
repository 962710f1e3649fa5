package evenkeel

import (
	"context"
	"errors"
	"fmt"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Confirmer is an Operator that can be asked for several confirmations at once, so that none costs a pause of its own.
type Confirmer interface {
	// Confirm is asked, before the first change of a life, for every confirmation without evidence that comes before it; but not in a
	// life that begins inside an outage, an undo, or between a change and its proof. An empty answer leaves that confirmation to its
	// turn; the others are journalled. The context ends when the run is asked to stop.
	Confirm(ctx context.Context, asks []Prompt) (answers []string, err error)
}

// Confirmation is something that no command can show and that only the operator can confirm.
type Confirmation struct {
	Step   *Step
	Action *Action
	// Ahead: nothing is changed before it, so that it can be confirmed before the run begins.
	Ahead bool
}

// Name is how a confirmation is called in a journal and in a configuration: step/action.
func (c Confirmation) Name() string { return confirmName(c.Step, c.Action) }

func confirmName(s *Step, a *Action) string { return s.ID + "/" + a.ID }

// Confirmations are all that the operator must confirm in a run from the given state on and has not confirmed yet; of
// the whole runbook without a state.
func (rb *Runbook) Confirmations(st *State) []Confirmation {
	var list []Confirmation
	ahead := true
	for i := range rb.Steps {
		s := &rb.Steps[i]
		ss := &StepState{Progress: Pending}
		if st != nil {
			ss = st.Step(s.ID)
		}
		if ss.Progress == Did {
			continue
		}
		for _, part := range []struct {
			phase   Phase
			actions []Action
		}{{PhaseDo, s.Actions}, {PhaseVerify, s.Verify}} {
			for j := range part.actions {
				a := &part.actions[j]
				switch {
				case ss.Action(part.phase, a.ID) == Did:
				case !a.attestation():
					ahead = ahead && a.effect() == ReadOnly && a.Manual == ""
				case st == nil || st.Confirmed[confirmName(s, a)] == "":
					list = append(list, Confirmation{s, a, ahead})
				}
			}
		}
	}
	return list
}

// confirmAhead asks for everything that can be confirmed before this life changes anything. Nobody is waited for while something is
// down, is being undone, or was changed and is not proven: then each is asked for at its turn.
func (e *engine) confirmAhead(ctx context.Context) error {
	c, ok := e.opts.Operator.(Confirmer)
	if !ok || e.stopRequested() || !e.atRest() {
		return nil
	}
	e.mu.Lock()
	list := e.rb.Confirmations(e.st)
	e.mu.Unlock()
	var asks []Prompt
	for _, one := range list {
		instruction, err := e.facts().Expand(one.Action.Manual)
		if !one.Ahead || err != nil { // a fact that is not known yet: at its turn
			continue
		}
		asks = append(asks, Prompt{Step: one.Step, Action: one.Action, Instruction: e.own(instruction)})
	}
	if len(asks) == 0 {
		return nil
	}
	if err := e.takenAway(ctx); err != nil {
		return err
	}
	var answers []string
	err := e.unlessStopped(ctx, func(ctx context.Context) (err error) {
		answers, err = c.Confirm(ctx, asks)
		return err
	})
	if err != nil {
		return err
	}
	if len(answers) != len(asks) {
		return fmt.Errorf("%d answers to %d confirmations", len(answers), len(asks))
	}
	for i, answer := range answers {
		if answer == "" {
			continue
		}
		if err := e.note(Record{Kind: KindConfirm, Step: asks[i].Step.ID, Action: asks[i].Action.ID, Output: answer}); err != nil {
			return err
		}
	}
	return nil
}

// confirmed is what the operator confirmed ahead of its turn.
func (e *engine) confirmed(s *Step, a *Action) (string, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	answer := e.st.Confirmed[confirmName(s, a)]
	return answer, answer != "" && a.attestation()
}

// byHand is the effect of a manual action: nobody knows what the operator does.
const byHand = "by hand"

// shownEffect is the action's effect for the journal.
func (a *Action) shownEffect() string {
	if a.Manual != "" {
		return byHand
	}
	return a.effect().String()
}

// UnreachableError says that a life ended before it began, because a machine could not be reached.
type UnreachableError struct {
	Host string
	Err  error // why

	cause error // what the life would have needed it for
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("cannot reach %s: %v. Nothing was done. Check that the machine is on, its address and port, its "+
		"host key and the login, and begin again", e.Host, e.Err)
}

func (e *UnreachableError) Unwrap() []error { return []error{e.Err, e.cause} }

// unreachable says first what the cause is, where a command did not even start.
func unreachable(err error) error {
	var ce *sshexec.CommandError
	if errors.As(err, &ce) && ce.Outcome == NotStarted && ce.Err != nil {
		return &UnreachableError{Host: ce.Host, Err: ce.Err, cause: err}
	}
	return err
}
