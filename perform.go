package evenkeel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// errJournal marks that the journal could not be written: from there on nothing may be done, not even an undo.
var errJournal = errors.New("the journal cannot be written")

// note journals a record; a failure is marked with errJournal.
func (e *engine) note(r Record) error {
	if err := e.append(r); err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	return nil
}

// runAction brings an action to its end, as decided.
func (e *engine) runAction(ctx context.Context, s *Step, a *Action, d Decision) error {
	phase := d.Phase
	if err := e.mayGoOn(ctx, s, phase, a); err != nil {
		return err
	}
	if a.effect() != ReadOnly {
		if err := e.watch(ctx, s, phase, false); err != nil {
			return err
		}
		if done, err := e.rejoin(ctx, s, phase, a); done || err != nil {
			return err
		}
		if d.Probe {
			if done, err := e.lookFirst(ctx, s, phase, a); done || err != nil {
				return err
			}
		}
		if err := e.beginAt(s, phase); err != nil {
			return err
		}
	}
	return e.perform(ctx, s, phase, a)
}

// beginAt begins a step at an action of it that may change something.
func (e *engine) beginAt(s *Step, phase Phase) error {
	if phase != PhaseDo {
		return nil
	}
	return e.begin(s)
}

// mayGoOn says no when the run was asked to stop and this is a safe point, when it was cancelled, and when an outage has
// lasted too long. An undo and a completion go on.
func (e *engine) mayGoOn(ctx context.Context, s *Step, phase Phase, a *Action) error {
	if phase == PhaseUndo || phase == PhaseCompletion {
		return nil
	}
	if e.stopHere(s, a.Manual != "") {
		return ErrStopped
	}
	if err := e.ended(); err != nil {
		return &StepError{Step: s.ID, Action: a.ID, Host: a.host(s), Err: fmt.Errorf("cancelled before it began: %w", err)}
	}
	return e.outlasted(ctx, s)
}

// lookFirst probes an action that may have run, or that wants to be looked at before it runs. It tells whether the action is done.
func (e *engine) lookFirst(ctx context.Context, s *Step, phase Phase, a *Action) (done bool, err error) {
	again := begunBefore(e.progress(s, phase, a))
	found, facts, err := e.probe(ctx, s, phase, a, again)
	if errors.Is(err, ErrStopped) {
		return false, ErrStopped
	}
	if err != nil {
		return false, e.stop(s, phase, a, fmt.Errorf("cannot tell whether it ran: %w", err))
	}
	if found == Done {
		if err := e.beginAt(s, phase); err != nil {
			return false, err
		}
	}
	if again || found == Done {
		rec := Record{Kind: KindProbed, Step: s.ID, Action: a.ID, Phase: phase, Host: a.host(s), Found: found.String(), Facts: facts}
		if err := e.note(rec); err != nil {
			return false, err
		}
	}
	switch {
	case found == Done:
		e.event(EventAlready, s, a, "%s", a.Title)
		return true, e.watch(ctx, s, phase, true)
	case !again, found == NotRun, found == Partial && a.Repeat == ProbeFirst:
		return false, nil
	}
	return false, e.stop(s, phase, a, &Pause{hidden: true, Reason: e.redact.Own(fmt.Sprintf(
		"%q on %s may have run, and the probe finds it %s (%s); it is never repeated by itself: "+
			"bring it to its end or undo it by hand, then resume",
		a.Title, a.host(s), found, a.Probe.Text))})
}

// probe asks what became of an action; sent tells that its command may have been sent just now.
func (e *engine) probe(ctx context.Context, s *Step, phase Phase, a *Action, sent bool) (ProbeResult, Facts, error) {
	host := a.Probe.Host
	if host == "" {
		host = a.host(s)
	}
	begin := e.opts.Clock.Now()
	limit := max(within(a), a.Probe.Settle) // an effect that takes its time is waited for
	for {
		obs, err := e.look(ctx, host, a.Probe.Cmd, a.Probe.Op)
		found, err := a.Probe.Judge(obs, err)
		waited := e.opts.Clock.Now().Sub(begin)
		if sent && err == nil && found == NotRun && waited < a.Probe.Settle {
			err = NotYet(0, "no sign of %q yet", a.Title)
		}
		var again *Retry
		switch {
		case err == nil && found == Done:
			facts, err := e.makeFacts(a.Probe.Makes, obs)
			return found, facts, err
		case err == nil:
			return found, nil, nil
		case !errors.As(err, &again):
			return Inconclusive, nil, err
		case waited >= limit:
			return Inconclusive, nil, fmt.Errorf("%w of %s: %w", ErrOverdue, printable.Duration(limit), err)
		}
		e.waits(s, a, again)
		e.alarms(s)
		if err := e.wait(ctx, s, phase, after(again)); err != nil {
			return Inconclusive, nil, err
		}
	}
}

func isCommandError(err error) bool { return sshexec.KnowsOutcome(err) }

func within(a *Action) time.Duration {
	if a.Limit > 0 {
		return a.Limit
	}
	return DefaultLimit
}

// waits tells of a wait, by its key.
func (e *engine) waits(s *Step, a *Action, r *Retry) {
	e.keyed(EventWait, s, a, waitKey(s, a, r.Key), "%s", r.Reason)
}

func waitKey(s *Step, a *Action, key string) string {
	if key != "" {
		key = "/" + key
	}
	return s.ID + "/" + a.ID + key
}

func after(r *Retry) time.Duration {
	if r != nil && r.After > 0 {
		return r.After
	}
	return DefaultRetry
}

// look runs a read-only command, or operation, for a probe.
func (e *engine) look(ctx context.Context, host string, cmd sshexec.Cmd, op *Op) (Observed, error) {
	facts := e.facts()
	if op != nil {
		res, err := op.Do(ctx, e.site(host, op, lookTimeout))
		return Observed{Result: res, Host: host, Facts: facts, Now: e.opts.Clock.Now()}, err
	}
	cmd, err := facts.ExpandCmd(cmd)
	if err != nil {
		return Observed{}, err
	}
	if cmd.Effect != ReadOnly {
		return Observed{}, fmt.Errorf("%w: %s", ErrNotInPlan, cmd)
	}
	res, err := e.exec(ctx, host, bounded(cmd))
	return Observed{Result: res, Host: host, Facts: facts, Now: e.opts.Clock.Now()}, err
}

// exec runs a command that has passed the gate. A read-only one whose connection was lost is sent once more: that does
// no harm, unless part of its output has been passed on already.
func (e *engine) exec(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error) {
	r, err := e.hosts.Runner(host)
	if err != nil {
		return sshexec.Result{}, err
	}
	if cmd.Effect != ReadOnly {
		return e.change(ctx, host, r, cmd)
	}
	res, err := r.Run(ctx, cmd)
	if cmd.Stdout != nil || ctx.Err() != nil || !isCommandError(err) || sshexec.OutcomeOf(err) != Unknown {
		return res, err
	}
	if serr := e.opts.Clock.Sleep(ctx, DefaultRetry); serr != nil {
		return res, errors.Join(err, serr)
	}
	return r.Run(ctx, cmd)
}

func (e *engine) facts() Facts {
	e.mu.Lock()
	defer e.mu.Unlock()
	facts := make(Facts, len(e.st.Facts))
	for k, v := range e.st.Facts {
		facts[k] = v
	}
	return facts
}

// makeFacts reads facts out of what was seen. They are journalled, so one that holds a secret is refused.
func (e *engine) makeFacts(makes []Make, obs Observed) (Facts, error) {
	facts := Facts{}
	for _, m := range makes {
		v, err := m.Read(obs)
		if err != nil {
			return nil, fmt.Errorf("cannot read fact %s (%s): %w", m.Key.Name(), m.Key.Doc(), err)
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("fact %s: %w", m.Key.Name(), err)
		}
		if e.redact.Finds(string(raw)) {
			return nil, fmt.Errorf("fact %s (%s) holds a secret, and facts are journalled", m.Key.Name(), m.Key.Doc())
		}
		facts[m.Key.Name()] = raw
	}
	return facts, nil
}

// perform runs an action and journals its beginning and its end.
func (e *engine) perform(ctx context.Context, s *Step, phase Phase, a *Action) error {
	host := a.host(s)
	start := Record{Kind: KindStart, Step: s.ID, Action: a.ID, Phase: phase, Host: host, Command: a.Describe(),
		Effect: a.shownEffect(), Job: e.jobOf(s, phase, a)}
	if phase == PhaseUndo || a.Manual != "" || s.undoes != "" {
		start.Reinstalls = s.Reinstalls // the operator may do it before the step has begun; an undo brings the system from before back
	}
	if err := e.note(start); err != nil {
		return err
	}
	e.event(EventAction, s, a, "%s", a.Title)
	obs, looks, answer, err := e.attempt(ctx, s, phase, a, start.Job)
	err = e.masked(err)

	var hold *Pause
	switch {
	case errors.Is(err, ErrStopped):
		return ErrStopped
	case errors.As(err, &hold):
		job := ""
		if obs.Outcome == Exited { // how it ended is known, and stays so: the next life asks the probe what there is then
			job = start.Job
		}
		return e.pause(s, phase, a, hold, job)
	}
	end := Record{Kind: KindEnd, Step: s.ID, Action: a.ID, Phase: phase, Host: host, Exit: obs.ExitCode, Looks: looks, Output: answer}
	outcome := obs.Outcome
	end.Outcome = &outcome
	makes := a.Makes
	runsOn := start.Job != "" && !errors.Is(err, sshexec.ErrJobLost)
	if runsOn && err != nil && outcome == Unknown { // what it has done so far says nothing
		err = &JobRunsError{Host: host, Job: start.Job, Err: err}
	}
	if err != nil && (outcome == Unknown || outcome == Signalled && a.DropsConnection) && a.effect() != ReadOnly && a.Probe != nil && !runsOn {
		// The connection was lost under the command: nobody repeats it, but a probe may tell how it ended.
		e.event(EventUnknown, s, a, "%v", err)
		found, facts, perr := e.probeAfter(ctx, s, phase, a)
		end.Found = found.String()
		if perr == nil && found == Done {
			err, makes, end.Facts = nil, nil, facts
		} else {
			err = errors.Join(fmt.Errorf("%w; the probe found it %s", err, found), e.masked(perr))
		}
	}
	if err == nil && len(makes) > 0 {
		end.Facts, err = e.makeFacts(makes, obs)
		err = e.masked(err)
	}
	if err != nil {
		end.Error = err.Error()
	} else if a.Expect.Tell != nil && end.Found == "" {
		for _, text := range a.Expect.Tell(obs) {
			end.Notes = append(end.Notes, e.shown(text))
		}
	}
	if jerr := e.note(end); jerr != nil {
		return jerr
	}
	if err != nil {
		e.event(EventFailed, s, a, "%v", err)
		if a.effect() != ReadOnly {
			err = errors.Join(err, graver(e.watch(ctx, s, phase, true)))
		}
		return &StepError{Step: s.ID, Action: a.ID, Host: host, Err: err}
	}
	e.mu.Lock()
	e.actions++
	e.mu.Unlock()
	for _, text := range end.Notes {
		e.event(EventNote, s, a, "%s", text)
	}
	e.event(EventDone, s, a, "%s", a.Title)
	if a.effect() != ReadOnly {
		return e.watch(ctx, s, phase, true)
	}
	return nil
}

// graver keeps of what the invariants said after a failure what is worse than the failure: a cancelled look says nothing.
func graver(err error) error {
	var v *Violation
	if errors.As(err, &v) {
		return v
	}
	if errors.Is(err, errJournal) {
		return err
	}
	return nil
}

// probeAfter asks what became of a command whose connection was just lost. When the run was cancelled it looks once
// more all the same: that is what the journal should say.
func (e *engine) probeAfter(ctx context.Context, s *Step, phase Phase, a *Action) (ProbeResult, Facts, error) {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
		defer cancel()
	}
	return e.probe(ctx, s, phase, a, true)
}

// stop ends the run at an action for the operator, or with an error, and journals it.
func (e *engine) stop(s *Step, phase Phase, a *Action, err error) error {
	err = e.masked(err)
	var hold *Pause
	if !errors.As(err, &hold) {
		e.event(EventFailed, s, a, "%v", err)
		return &StepError{Step: s.ID, Action: a.ID, Host: a.host(s), Err: err}
	}
	return e.pause(s, phase, a, hold, "")
}

// pause ends the run at an action for the operator, and journals it; job names the job of the action that has ended.
func (e *engine) pause(s *Step, phase Phase, a *Action, hold *Pause, job string) error {
	hold = &Pause{Step: s.ID, Action: a.ID, Reason: e.reason(a, hold), hidden: true}
	rec := Record{Kind: KindPause, Step: s.ID, Action: a.ID, Phase: phase, Host: a.host(s), Job: job, Error: hold.Reason}
	if jerr := e.note(rec); jerr != nil {
		return jerr
	}
	e.event(EventPause, s, a, "%s", hold.Reason)
	return hold
}

// attempt runs the action once, or, where its check says so and it does no harm, until the check is content.
func (e *engine) attempt(ctx context.Context, s *Step, phase Phase, a *Action, job string) (obs Observed, looks int,
	answer string, err error) {
	begin := e.opts.Clock.Now()
	for {
		looks++
		obs, answer, err = e.once(ctx, s, phase, a, job)
		var again *Retry
		switch {
		case err == nil:
			return obs, looks, answer, nil
		case !errors.As(err, &again):
			return obs, looks, answer, err
		case a.effect() != ReadOnly && (a.Repeat != Idempotent || job != ""):
			return obs, looks, answer, fmt.Errorf("%w (and it is not repeated by itself)", err)
		case e.opts.Clock.Now().Sub(begin) >= within(a) && again.Else != nil:
			return obs, looks, answer, again.Else
		case e.opts.Clock.Now().Sub(begin) >= within(a):
			return obs, looks, answer, fmt.Errorf("%w of %s: %s", ErrOverdue, printable.Duration(within(a)), again.Reason)
		}
		e.waits(s, a, again)
		e.alarms(s)
		if phase == PhaseDo || phase == PhaseVerify {
			if err := e.outlasted(ctx, s); err != nil {
				return obs, looks, answer, err
			}
		}
		if a.Manual != "" {
			if answer, err = e.ask(ctx, s, a, again.Reason); err != nil {
				return obs, looks, answer, err
			}
			begin = e.opts.Clock.Now() // the operator takes the time that it takes
			continue
		}
		if err := e.wait(ctx, s, phase, after(again)); err != nil {
			return obs, looks, answer, err
		}
	}
}

// once runs the action one time and checks what it showed.
func (e *engine) once(ctx context.Context, s *Step, phase Phase, a *Action, job string) (Observed, string, error) {
	host := a.host(s)
	obs := Observed{Host: host, Facts: e.facts()}
	if a.Op != nil {
		var err error
		obs.Result, err = a.Op.Do(ctx, e.site(host, a.Op, within(a)))
		obs.Now = e.opts.Clock.Now()
		if err != nil {
			if isCommandError(err) {
				obs.Outcome = sshexec.OutcomeOf(err)
			}
			return obs, "", err
		}
		obs.Outcome = Exited
		return obs, "", a.check(obs, nil)
	}
	if len(a.Cmd.Argv) == 0 {
		obs.Outcome = Exited
		answer, err := e.ask(ctx, s, a, "")
		return obs, answer, err
	}
	cmd, err := obs.Facts.ExpandCmd(a.Cmd)
	if err != nil {
		return obs, "", err
	}
	if job != "" {
		obs.Result, err = e.supervise(ctx, s, phase, host, bounded(cmd), job)
	} else {
		obs.Result, err = e.exec(ctx, host, bounded(cmd))
	}
	obs.Now = e.opts.Clock.Now()
	return obs, "", a.check(obs, err)
}

// check holds what an action showed against what was expected.
func (a *Action) check(obs Observed, err error) error {
	if err != nil && obs.Outcome != Exited { // what a killed command printed proves nothing
		lost := isCommandError(err) && a.effect() == ReadOnly
		if lost && (a.Expect.Awaits || a.Manual != "") {
			return NotYet(0, "%v", err)
		}
		return err
	}
	var verdict error
	if a.Expect.Check != nil {
		verdict = a.Expect.Check(obs)
	} else {
		verdict = err
	}
	var again *Retry
	var hold *Pause
	if verdict != nil && a.Manual != "" && !errors.As(verdict, &again) && !errors.As(verdict, &hold) {
		return NotYet(0, "%v", verdict) // evidence that is not there yet is no failure
	}
	return verdict
}

// ask asks the operator.
func (e *engine) ask(ctx context.Context, s *Step, a *Action, why string) (string, error) {
	instruction, err := e.facts().Expand(a.Manual)
	if err != nil {
		return "", err
	}
	if e.stopHere(s, true) {
		return "", ErrStopped
	}
	if answer, ok := e.confirmed(s, a); ok {
		return answer, nil
	}
	if err := e.takenAway(ctx); err != nil {
		return "", err
	}
	if e.opts.Operator == nil {
		if why != "" {
			return "", NeedsOperator("%s (not there yet: %s)", instruction, why)
		}
		return "", NeedsOperator("%s", instruction)
	}
	e.keyed(EventAsk, s, a, waitKey(s, a, ""), "%s", instruction)
	var answer string
	err = e.untilStop(ctx, s, true, func(ctx context.Context) (err error) {
		answer, err = e.opts.Operator.Prompt(ctx, Prompt{Step: s, Action: a, Instruction: e.own(instruction), Why: e.shown(why)})
		return err
	})
	return answer, err
}
