package cli

import (
	"al.essio.dev/pkg/shellescape"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

var background = context.Background()

// operator is what the configuration attests, and for everything else waiting until the evidence is there.
// In a simulated world it also does what is to be done.
type operator struct {
	cfg    *Config
	clock  evenkeel.Clock
	noWait bool
	person func(ctx context.Context, ask evenkeel.Prompt) error
	asked  map[string]time.Time // in a simulated world: since when each action waits
	in     *terminal            // nil where nobody can be asked
	out    io.Writer
	watch  *watch // steps aside while a question is asked; nil where nothing is shown
}

func (a *App) operator(cfg *Config, hosts evenkeel.Hosts, clock evenkeel.Clock, noWait bool, w *watch) operator {
	at := operator{cfg: cfg, clock: clock, noWait: noWait, asked: map[string]time.Time{}, in: a.terminal(noWait), out: a.question(), watch: w}
	if cfg.World != "" && a.Person != nil {
		at.person = func(ctx context.Context, ask evenkeel.Prompt) error { return a.Person(ctx, hosts, ask) }
	}
	return at
}

// simulatedPatience is how long a simulated world may take for what the operator does there: its clock passes by
// itself, and a wait without an end would never be seen.
const simulatedPatience = 24 * time.Hour

// manualPoll is how often the evidence of a manual action is looked at.
const manualPoll = 30 * time.Second

// Prompt answers for a manual action.
func (at operator) Prompt(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	name := attestName(ask.Step, ask.Action)
	if ask.Why == "" {
		if at.cfg.World != "" && at.cfg.Attest[name] == "" {
			return "attested by the operator of a simulated world", nil
		}
		if answer, err := at.confirmation(ctx, ask); answer != "" || err != nil {
			return answer, err
		}
		return "", evenkeel.NeedsOperator("%s Then state it in the configuration, under attest, as %s: who and when; and "+
			"resume. (config check lists all that is missing.)", ask.Instruction, name)
	}
	if at.person != nil {
		if err := at.person(ctx, ask); err != nil {
			return "", err
		}
	}
	if at.noWait {
		return "", evenkeel.NeedsOperator("%s (not there yet: %s)", ask.Instruction, ask.Why)
	}
	if at.cfg.World != "" {
		since, ok := at.asked[name]
		if !ok {
			since = at.clock.Now()
			at.asked[name] = since
		}
		if at.clock.Now().Sub(since) > simulatedPatience {
			return "", evenkeel.NeedsOperator("nobody in the simulated world does this: %s (not there after %s: %s)",
				ask.Instruction, short(simulatedPatience), ask.Why)
		}
	}
	return "", at.clock.Sleep(ctx, manualPoll)
}

func attestName(s *evenkeel.Step, a *evenkeel.Action) string { return s.ID + "/" + a.ID }

// explain says what to do after a life ended before its end.
func (s session) explain(err error) {
	var hold *evenkeel.Pause
	var (
		held    *evenkeel.LeaseHeldError
		lost    *evenkeel.LeaseLostError
		stale   *evenkeel.StaleJournalError
		missing *evenkeel.LeaseMissingError
		away    *evenkeel.UnreachableError
		cannot  *evenkeel.CannotRollBackError
		at      *evenkeel.StepError
	)
	w := s.app.told()
	again := s.again
	on := again(s.onward())
	switch {
	case err == nil:
	case errors.As(err, &hold):
		_, _ = fmt.Fprintf(w, "\nThe operator is needed, at step %s, action %s:\n  %s\nThen: %s\n", hold.Step, hold.Action, hold.Reason, on)
	case errors.Is(err, evenkeel.ErrStopped):
		_, _ = fmt.Fprintf(w, "\nStopped as asked: %s. To go on: %s\n", left(err), on)
	case errors.As(err, &held):
		run := held.Lease.Run
		if !shellWord.MatchString(run) {
			run = "RUN, the name of that run" // somebody else chose it: it may be anything to a shell
		}
		_, _ = fmt.Fprintf(w, "\nIf that run is given up for good: %s --take-lease %s\n", again(s.verb), run)
	case errors.As(err, &lost), errors.As(err, &stale), errors.As(err, &cannot): // the error says what to do
	case errors.As(err, &missing), errors.As(err, &away):
		nothing := "Nothing was done"
		var open *evenkeel.OpenWindowsError
		if errors.As(err, &open) {
			nothing += " now, and what an earlier life left is as it was: " + left(err)
		}
		_, _ = fmt.Fprintf(w, "\n%s. When the cause is mended: %s\n", nothing, again(s.verb))
		if missing != nil {
			_, _ = fmt.Fprintf(w, "Or, when it is certain that nobody works there: %s --force-takeover\n", again(s.verb))
		}
	case s.app.Looks:
		_, _ = fmt.Fprintf(w, "\nNothing was changed. When what was found is mended, look at everything again: %s\n", on)
	case !errors.As(err, &at): // of a step that failed more is said: see failure
		_, _ = fmt.Fprintf(w, "\nIt stopped there; nothing is repeated by itself. When the cause is mended: %s\n", on)
	}
}

// shellWord is a word that a shell takes as it is.
var shellWord = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.-]*$`)

// again is a command that works on this run.
func (s session) again(verb string) string {
	return s.app.Name + " " + verb + " --config " + shellescape.Quote(s.config)
}

// onward is the command that takes up what this life leaves: a run is not resumed before a rollback of it has ended.
func (s session) onward() string {
	if s.app.Looks {
		return "run"
	}
	if s.verb == "rollback" {
		return "rollback"
	}
	return "resume"
}

// left says what a stop leaves open.
func left(err error) string {
	var open *evenkeel.OpenWindowsError
	var unproven *evenkeel.UnprovenError
	proof := "what was changed is verified"
	if errors.As(err, &unproven) {
		proof = "what was changed in step " + strings.Join(unproven.Steps, " and in step ") + " is not verified yet: it waits for the operator"
	}
	if !errors.As(err, &open) {
		return "nothing is down, and " + proof
	}
	var texts []string
	for _, w := range open.Windows {
		text := fmt.Sprintf("%s stays open, since %s and at most %s", w, w.Since.Format(time.RFC3339), short(w.Limit))
		if w.Stop == evenkeel.StopBetweenSteps { // an outage is ended, not extended
			text += " (resume --extend-window " + w.ID + "=DURATION gives it more time)"
		}
		texts = append(texts, text)
	}
	if unproven != nil {
		texts = append(texts, proof)
	}
	return strings.Join(texts, "; ")
}
