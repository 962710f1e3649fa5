package issm

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Alarms are the commands of a site that silence the alarms of a cluster, and let them sound again. An exit status is no
// proof: Check is asked before and after, and must print exactly one of the two texts, but for white space at its end.
type Alarms struct {
	Host       string   `yaml:"host,omitempty"` // control name of the machine that runs them; the Cluster Manager
	Silence    []string `yaml:"silence"`        // the program and its arguments; no password, as it is shown
	Unsilence  []string `yaml:"unsilence"`
	Check      []string `yaml:"check"`      // read-only
	Silenced   string   `yaml:"silenced"`   // what Check prints while the alarms are silenced
	Unsilenced string   `yaml:"unsilenced"` // what Check prints while they sound
}

func (a *Alarms) validate() []error {
	if a == nil {
		return nil
	}
	var errs []error
	for _, c := range []struct {
		key  string
		argv []string
	}{{"silence", a.Silence}, {"unsilence", a.Unsilence}, {"check", a.Check}} {
		if err := validArgv(c.argv); err != nil {
			errs = append(errs, fmt.Errorf("alarms.%s: %w", c.key, err))
		}
	}
	if len(a.Silence) > 0 && slices.Equal(a.Silence, a.Unsilence) {
		errs = append(errs, errors.New("alarms.silence and alarms.unsilence are the same command: it cannot do both"))
	}
	for _, c := range []struct{ key, text string }{{"silenced", a.Silenced}, {"unsilenced", a.Unsilenced}} {
		if c.text == "" || strings.TrimSpace(c.text) != c.text || strings.ContainsAny(c.text, "\r\n") {
			errs = append(errs, fmt.Errorf("alarms.%s %q: it must be one line, without white space at its ends", c.key, c.text))
		}
	}
	if a.Silenced == a.Unsilenced {
		errs = append(errs, errors.New("alarms.silenced and alarms.unsilenced are the same text: no answer could tell one from the other"))
	}
	return errs
}

// alarmHost is where the alarms are silenced.
func (m *Migration) alarmHost() string { return cmp.Or(m.cfg.Alarms.Host, m.cfg.ClusterManager) }

// alarmCheck reads whether the alarms are silenced.
func (m *Migration) alarmCheck() sshexec.Cmd {
	return sshexec.Command(sshexec.ReadOnly, m.cfg.Alarms.Check...)
}

// alarmAction silences the alarms, or lets them sound again: unless they are so already.
func (m *Migration) alarmAction(id, title string, argv []string, want, other string) evenkeel.Action {
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: title, Host: m.alarmHost(), Cmd: steps.Brief(sshexec.Command(sshexec.Mutating, argv...)), Repeat: evenkeel.ProbeFirst,
		Probe: &evenkeel.Probe{
			Cmd: m.alarmCheck(), Text: "done when it says " + want, Paper: steps.Prints(m.alarmCheck(), "", want),
			Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
				if err := evenkeel.Says(want, other)(o); err != nil {
					return evenkeel.Inconclusive, fmt.Errorf("cannot tell whether the alarms are silenced: %w", err)
				}
				return steps.DoneIf(o.Text() == want), nil
			},
		},
	}}
}

func (m *Migration) silence() evenkeel.Action {
	a := m.cfg.Alarms
	return m.alarmAction("silence", "Silence the alarms", a.Silence, a.Silenced, a.Unsilenced)
}

// factAlarms is what the alarms were before the run: what somebody else has silenced stays silenced.
var factAlarms = evenkeel.NewFact[string]("alarms.before", "state of the alarms before the run")

// unsilence lets the alarms sound again that the run has silenced.
func (m *Migration) unsilence() evenkeel.Action {
	a := m.cfg.Alarms
	act := m.alarmAction("unsilence", "Let the alarms sound again, unless they were silenced before the run", a.Unsilence, a.Unsilenced,
		a.Silenced)
	look := *act.Probe
	read := look.Read
	look.Text += ", and where they were silenced before the run: whoever did that lets them sound again"
	were := "[ " + factAlarms.Ref() + " = " + shellescape.Quote(a.Silenced) + " ]"
	look.Paper = []evenkeel.Block{{Script: fmt.Sprintf("if %s; then echo %s; else %s; fi", were, shellescape.Quote(a.Unsilenced),
		evenkeel.Typed(m.alarmCheck())), Shows: []string{a.Unsilenced}}}
	act.Paper = []evenkeel.Block{{Script: "if " + were + "; then echo silenced before; else echo ours; fi"}, {Cmd: act.Cmd, If: "ours"}}
	look.Read = func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
		result, err := read(o)
		before, unknown := factAlarms.Get(o.Facts)
		switch err = errors.Join(err, unknown); {
		case err != nil:
			return evenkeel.Inconclusive, err
		case before == a.Silenced:
			return evenkeel.Done, nil
		}
		return result, nil
	}
	act.Probe = &look
	return act
}

func (m *Migration) unsilenced() []evenkeel.Action {
	return []evenkeel.Action{steps.Proof(m.unsilence(), "unsilenced", "Verify that the alarms are as before the run")}
}

// alarmsReadable wants the state of the alarms to be understood before it is changed, and notes it.
func (m *Migration) alarmsReadable() []evenkeel.Action {
	a := m.cfg.Alarms
	if a == nil {
		return nil
	}
	return []evenkeel.Action{{
		ID: "alarms", Paper: steps.Prints(m.alarmCheck(), "| grep -cxF -e "+shellescape.Quote(a.Silenced)+" -e "+
			shellescape.Quote(a.Unsilenced), "1"),
		Makes: []evenkeel.Make{factAlarms.From(func(o evenkeel.Observed) (string, error) { return o.Text(), nil }).
			Typed(evenkeel.Typed(m.alarmCheck()))},
		Change: evenkeel.Change{
			Title: "Note whether the alarms are silenced", Host: m.alarmHost(), Ref: "cps:256", Cmd: m.alarmCheck(),
			Expect: evenkeel.Expect{Text: fmt.Sprintf("`%s` or `%s`", a.Silenced, a.Unsilenced), Check: evenkeel.Says(a.Silenced, a.Unsilenced)},
		},
	}}
}

// alarmFacts is what alarmsReadable notes.
func (m *Migration) alarmFacts() []evenkeel.FactKey {
	if m.cfg.Alarms == nil {
		return nil
	}
	return []evenkeel.FactKey{factAlarms}
}

// silenceStep silences the alarms before anything else is changed (cps:256).
func (m *Migration) silenceStep() []evenkeel.Step {
	if m.cfg.Alarms == nil {
		return nil
	}
	a := m.silence()
	return []evenkeel.Step{{
		ID: silenceAlarms, Title: "Silence the alarms", Host: m.alarmHost(), Ref: "cps:256",
		Needs:   []evenkeel.FactKey{factAlarms},
		Why:     "A migration raises alarms of its own. They stay silenced while a run is paused: watch the cluster yourself then.",
		Actions: []evenkeel.Action{a},
		Verify:  []evenkeel.Action{steps.Proof(a, "silenced", "Verify that the alarms are silenced")},
		Undo:    []evenkeel.Action{m.unsilence()}, UndoVerify: m.unsilenced(),
	}}
}

const silenceAlarms = "silence-alarms"

// unsilenceStep lets the alarms sound again, at the end of a migration or of its rollback.
func (m *Migration) unsilenceStep() []evenkeel.Step {
	if m.cfg.Alarms == nil {
		return nil
	}
	return []evenkeel.Step{{
		ID: "unsilence-alarms", Title: "Let the alarms sound again", Host: m.alarmHost(), Ref: "cps:256",
		Needs:   []evenkeel.FactKey{factAlarms},
		Actions: []evenkeel.Action{m.unsilence()}, Verify: m.unsilenced(),
		Harmless: "alarms that sound are what the cluster is to have",
	}}
}
