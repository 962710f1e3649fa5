package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
)

// confirm asks for the confirmation of a wave.
func (r *fleetRun) confirm(ctx context.Context, stop <-chan struct{}, w int) {
	wave := r.fleet.Waves[w].Name
	answer := ""
	switch {
	case slices.Contains(r.sure, wave):
		answer = "on the command line, by " + holder(r.fleet.at)
	case r.simulated():
		answer = "by the operator of a simulated world"
	case r.app.terminal(r.noWait) != nil:
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-stop:
				cancel()
			case <-inner.Done():
			}
		}()
		answer = r.asks(inner, r.app.terminal(r.noWait), w)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.again()
	r.asking = false
	if answer == "" {
		now := r.now
		if now.Stop = false; r.fleet.next(now).Ask == w { // what happened meanwhile may have answered it
			r.asked = wave
		}
		r.now.Waves[w].Refused = true
		return
	}
	if r.noted(evenkeel.Record{Kind: evenkeel.KindConfirm, Step: wave, Output: answer}) == nil {
		r.now.Waves[w].Confirmed = true
		r.tell("wave %s is confirmed: %s", wave, answer)
	}
}

// asks asks at the terminal for the confirmation of a wave, until the answer is one. Empty: it is not confirmed.
func (r *fleetRun) asks(ctx context.Context, at *terminal, w int) string {
	r.mu.Lock()
	wave := r.fleet.Waves[w].Name
	question := fmt.Sprintf("wave %s is done (%s). May the next wave begin? Type yes and who says so (yes alice), or the name of the wave; "+
		"no, or nothing: not now: ", wave, r.fleet.counts(r.now, w))
	r.mu.Unlock()
	for {
		line, err := at.askAnew(ctx, r.lines.of(-1), question)
		if err != nil {
			return ""
		}
		if sure, clear := confirms(line, wave); clear {
			return sure
		}
		r.tell("that is neither yes with a name, nor %s, nor no", wave)
	}
}

// confirms reads an answer to whether a wave is confirmed: by whom, empty where it is not. It is clear where nobody has to be asked again.
func confirms(line, wave string) (sure string, clear bool) {
	word, who, _ := strings.Cut(line, " ")
	switch who = strings.TrimSpace(who); {
	case line == "" || strings.EqualFold(line, "n") || strings.EqualFold(line, "no"):
		return "", true
	case line == wave || strings.EqualFold(word, "yes") && who != "":
		return line, true
	}
	return "", false
}

// simulated tells whether every pair is.
func (r *fleetRun) simulated() bool {
	return !slices.ContainsFunc(r.fleet.members, func(m member) bool { return m.cfg.World == "" })
}

// counts says how the pairs of a wave stand.
func (f *fleet) counts(now fleetNow, wave int) string {
	var states []string
	n := map[string]int{}
	for i, p := range now.Pairs {
		if f.Pairs[i].Wave == wave {
			if n[p.State]++; n[p.State] == 1 {
				states = append(states, p.State)
			}
		}
	}
	for i, s := range states {
		states[i] = fmt.Sprintf("%d %s", n[s], s)
	}
	return strings.Join(states, ", ")
}
