package issm

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// ringsStep rebuilds the SkRings (cps:947-956,1313-1318).
func (m *Migration) ringsStep(n int) evenkeel.Step {
	console := func(effect evenkeel.Effect, command string) sshexec.Cmd {
		return steps.Console(effect, m.cfg.OSGiPort, command)
	}
	host := m.ofClass(n, "qns")[0]
	return evenkeel.Step{
		ID: setID("skrings-set", n), Title: "Rebuild the SkRings", Host: host, Ref: ref(n, "947-956", "1313-1318"),
		Why: "For memcache set-ups only (cps:952). The console listens on the VM itself; telnet's exit status says nothing.",
		Actions: []evenkeel.Action{
			{ID: "before", Paper: steps.Prints(console(evenkeel.ReadOnly, "skRingRebuildStatus"),
				"| grep -q 'osgi>' && echo the console has answered", "the console has answered"),
				Change: evenkeel.Change{Title: "Note the status of the SkRings", Cmd: console(evenkeel.ReadOnly, "skRingRebuildStatus"),
					Expect: evenkeel.Expect{Text: "an answer of the console", Check: steps.Answered}}},
			{ID: "rebuild", Paper: []evenkeel.Block{{Cmd: console(evenkeel.Mutating, "rebuildAllSkRings"),
				Pipe: "| grep -q 'osgi>' && echo the console has answered", Shows: []string{"the console has answered"}}},
				Change: evenkeel.Change{Title: "Rebuild all SkRings", Cmd: console(evenkeel.Mutating, "rebuildAllSkRings"),
					Repeat: evenkeel.Idempotent, Expect: evenkeel.Expect{Text: "an answer of the console", Check: steps.Answered}}},
			{
				ID: "after", Paper: steps.Again(m.ringsPaper(console(evenkeel.ReadOnly, "skRingRebuildStatus"))),
				Change: evenkeel.Change{
					Title: "Wait until the rebuild has ended", Cmd: console(evenkeel.ReadOnly, "skRingRebuildStatus"), Limit: time.Hour,
					Note: "The guide does not show what the console answers. Where it says that the rebuild has ended in other " +
						"words, give them as skrings_done in the configuration, and resume.",
					Expect: evenkeel.Expect{Text: "an answer that says that the rebuild has ended", Check: m.ringsDone},
				},
			},
		},
		Harmless: "the rings are made from the data, as often as one likes",
	}
}

// ringsPaper shows by hand that the console says that the rebuild has ended.
func (m *Migration) ringsPaper(status sshexec.Cmd) []evenkeel.Block {
	line := `(^|: *)` + regexp.QuoteMeta(m.cfg.SKRingsDone) + `\.?[[:space:]]*$` // the whole answer, or what stands behind a colon
	return steps.Prints(status, "| grep -qiE "+shellescape.Quote(line)+" && echo ended", "ended")
}

var ringsAtWork = regexp.MustCompile(`(?i)\b(?:in progress|running|started|rebuilding)\b`)

// ringsDone is a check that the console says that the rebuild has ended; an answer that says neither that nor that it
// is at work is an error, with the answer in it.
func (m *Migration) ringsDone(o evenkeel.Observed) error {
	answer, err := steps.ConsoleAnswer(o)
	if err != nil {
		return err
	}
	status := answer
	if _, after, ok := strings.Cut(answer, ":"); ok {
		status = after
	}
	switch status = strings.TrimRight(strings.TrimSpace(status), "."); {
	case strings.EqualFold(status, m.cfg.SKRingsDone) || strings.EqualFold(answer, m.cfg.SKRingsDone):
		return nil
	case ringsAtWork.MatchString(status):
		return evenkeel.NotYet(15*time.Second, "the SkRings are being rebuilt: %.200s", answer)
	}
	return fmt.Errorf("the console's answer is not known: %.200q; it is known to have ended when it says %q (skrings_done)",
		answer, m.cfg.SKRingsDone)
}
