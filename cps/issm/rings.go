package issm

import (
	"fmt"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"regexp"
	"strconv"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// ringsStep rebuilds the SkRings (cps:947-956,1313-1318).
func (m *Migration) ringsStep(n int) evenkeel.Step {
	console := func(effect evenkeel.Effect, command string) sshexec.Cmd {
		return steps.WithTimeout(sshexec.Script(effect, osgiScript, strconv.Itoa(m.cfg.OSGiPort), command), 5*time.Minute)
	}
	host := m.ofClass(n, "qns")[0]
	return evenkeel.Step{
		ID: setID("skrings-set", n), Title: "Rebuild the SkRings", Host: host, Ref: ref(n, "947-956", "1313-1318"),
		Why: "For memcache set-ups only (cps:952). The console listens on the VM itself; telnet's exit status says nothing.",
		Actions: []evenkeel.Action{
			{ID: "before", Paper: steps.Prints(console(evenkeel.ReadOnly, "skRingRebuildStatus"),
				"| grep -q 'osgi>' && echo the console has answered", "the console has answered"),
				Change: evenkeel.Change{Title: "Status of the SkRings", Cmd: console(evenkeel.ReadOnly, "skRingRebuildStatus"),
					Expect: evenkeel.Expect{Text: "an answer of the console", Check: osgiAnswer}}},
			{ID: "rebuild", Paper: []evenkeel.Block{{Cmd: console(evenkeel.Mutating, "rebuildAllSkRings"),
				Pipe: "| grep -q 'osgi>' && echo the console has answered", Shows: []string{"the console has answered"}}},
				Change: evenkeel.Change{Title: "Rebuild all SkRings", Cmd: console(evenkeel.Mutating, "rebuildAllSkRings"),
					Repeat: evenkeel.Idempotent, Expect: evenkeel.Expect{Text: "an answer of the console", Check: osgiAnswer}}},
			{
				ID: "after", Paper: steps.Again(m.ringsPaper(console(evenkeel.ReadOnly, "skRingRebuildStatus"))),
				Change: evenkeel.Change{
					Title: "The rebuild has ended", Cmd: console(evenkeel.ReadOnly, "skRingRebuildStatus"), Limit: time.Hour,
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

// osgiScript types a command into an OSGi console on the VM itself and leaves it as one must, with disconnect and y (cps:1759-1781).
const osgiScript = `(sleep 1; echo "$2"; sleep 1; echo disconnect; echo y) | telnet localhost "$1"`

// osgiAnswer is a check that the console answered the command.
func osgiAnswer(o evenkeel.Observed) error {
	_, err := consoleAnswer(o)
	return err
}

// consoleAnswer is what a session of osgiScript got from the console: the text between the command at its prompt and
// the disconnect at the next one. A session without either, one that got no answer, and one whose command the console
// does not know are errors.
func consoleAnswer(o evenkeel.Observed) (string, error) {
	_, session, ok := strings.Cut(string(o.Stdout), "osgi>")
	if !ok {
		return "", fmt.Errorf("no OSGi console answered: %s", steps.LastLine(o.Stderr))
	}
	text, _, ok := strings.Cut(session, "osgi>")
	if !ok {
		return "", fmt.Errorf("the session with the OSGi console broke off: %.80q", strings.TrimSpace(session))
	}
	echo, answer, _ := strings.Cut(strings.TrimLeft(text, " "), "\n") // the terminal shows the command as it is typed
	if answer = strings.TrimSpace(answer); answer == "" {
		answer = strings.TrimSpace(echo)
		if len(strings.Fields(answer)) < 2 {
			return "", fmt.Errorf("the OSGi console did not answer %q", answer)
		}
	}
	if strings.Contains(answer, "Exception") || strings.Contains(strings.ToLower(answer), "not found") {
		return "", fmt.Errorf("the console does not know the command: %s", steps.LastLine([]byte(answer)))
	}
	return answer, nil
}

var ringsAtWork = regexp.MustCompile(`(?i)\b(?:in progress|running|started|rebuilding)\b`)

// ringsDone is a check that the console says that the rebuild has ended; an answer that says neither that nor that it
// is at work is an error, with the answer in it.
func (m *Migration) ringsDone(o evenkeel.Observed) error {
	answer, err := consoleAnswer(o)
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
