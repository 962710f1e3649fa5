package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
)

// begin takes in where everything stands, and journals that a life of the fleet begins.
func (r *fleetRun) begin(m *fleetMemory, resume, changed, failed bool) error {
	f := r.fleet
	n := len(f.Pairs)
	r.now = fleetNow{Pairs: make([]pairNow, n), Waves: make([]waveNow, len(f.Waves))}
	r.open, r.giveUp, r.reason, r.resumes = make([]chan struct{}, n), make([]func(), n), make([]string, n), make([]bool, n)
	r.seen = make([]seen, n)
	r.poke = make(chan struct{}, 1)
	var errs []error
	f.was, f.noted = m.run, m.noted
	for i := range f.Pairs {
		r.see(i, "")
		is, err := f.look(i)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", f.Pairs[i].Name, err))
		case f.members[i].unread != nil && is.State != stateFinished:
			errs = append(errs, f.members[i].unread)
		case m.begun[f.Pairs[i].Name] && f.unwritten(i):
			errs = append(errs, fmt.Errorf("%s has begun, and its journal is gone: %s. Put it back; or look at its machines, take the pair "+
				"out of the fleet file and say so: %s", f.Pairs[i].Name, f.members[i].cfg.Path(f.members[i].cfg.Journal),
				r.app.fleetCommandLine("resume --without "+f.Pairs[i].Name, r.path)))
		case is.State == stateRunning:
			errs = append(errs, fmt.Errorf("%s: %w", f.Pairs[i].Name, evenkeel.ErrJournalInUse))
		case is.under() && !resume:
			errs = append(errs, fmt.Errorf("%s has begun before this fleet: bring it to its end first: %s", f.Pairs[i].Name,
				r.session(i).again("resume")))
		case is.State == stateFinished && !m.begun[f.Pairs[i].Name] && !r.finished:
			errs = append(errs, fmt.Errorf("%s is finished by %s, and not by this fleet. If that is this pair's own run: --finished",
				f.Pairs[i].Name, f.members[i].cfg.Path(f.members[i].cfg.Journal)))
		}
		is.Take = is.under() && (is.State != stateFailed || failed)
		if is.Take && is.Other {
			errs = append(errs, fmt.Errorf("%s: its configuration makes another runbook than the one that its run began: take that into the run: %s",
				f.Pairs[i].Name, r.session(i).again("resume --amend")))
		}
		r.now.Pairs[i] = is
		r.seen[i].state = is.State
	}
	for _, wave := range r.sure {
		at := slices.IndexFunc(f.Waves, func(w fleetWave) bool { return w.Name == wave && w.Confirm })
		switch {
		case at < 0:
			errs = append(errs, fmt.Errorf("--confirm %s: there is no such wave that is to be confirmed", wave))
		case m.done[wave].IsZero():
			errs = append(errs, fmt.Errorf("--confirm %s: that wave is not done yet, so nobody can know that it is well", wave))
		case time.Now().Before(m.done[wave].Add(f.Waves[at].Soak)):
			errs = append(errs, fmt.Errorf("--confirm %s: that wave soaks until %s: confirm it when it has been watched so long", wave,
				m.done[wave].Add(f.Waves[at].Soak).Format(time.RFC3339)))
		}
	}
	for _, name := range r.without {
		switch {
		case slices.Contains(r.names(), name):
			errs = append(errs, fmt.Errorf("--without %s: it is in the fleet file: take it out of that first", name))
		case m.run == nil || !slices.Contains(m.run.Steps, name):
			errs = append(errs, fmt.Errorf("--without %s: the fleet that was begun has no such pair", name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, w := range f.Waves {
		r.now.Waves[i] = waveNow{Done: m.done[w.Name], Confirmed: m.said[w.Name] != ""}
	}
	record := evenkeel.Record{Kind: evenkeel.KindBegin, Run: f.info()}
	if resume {
		list, barred := f.changes(m, r.now.Pairs, r.without)
		switch {
		case len(barred) > 0:
			return fmt.Errorf("the fleet file cannot be changed like that:\n  %s", strings.Join(barred, "\n  "))
		case len(list) > 0 && !changed:
			return fmt.Errorf("the fleet is not the one that was begun. If that is meant: fleet resume --changed. What differs:\n  %s",
				strings.Join(list, "\n  "))
		case len(list) > 0 || f.info().Digest != m.run.Digest: // what a pair's own amend has changed too
			amend := evenkeel.Record{Kind: evenkeel.KindAmend, Run: f.info()}
			if len(r.without) > 0 {
				amend.Output = fmt.Sprintf("without %s, by %s", strings.Join(r.without, ", "), holder(f.at))
			}
			if err := r.journal.Append(stamped(amend)); err != nil {
				return err
			}
		}
		record = evenkeel.Record{Kind: evenkeel.KindResume}
	}
	record.Process = &evenkeel.Process{Holder: holder(f.at), PID: os.Getpid()}
	if err := r.journal.Append(stamped(record)); err != nil {
		return err
	}
	return nil
}
