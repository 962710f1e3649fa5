package cps

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// ringsStep rebuilds the SkRings (cps:947-956,1313-1318).
func (m *ISSM) ringsStep(n int) evenkeel.Step {
	console := func(effect evenkeel.Effect, command string) sshexec.Cmd {
		return withTimeout(sshexec.Script(effect, osgiScript, strconv.Itoa(m.cfg.OSGiPort), command), 5*time.Minute)
	}
	host := m.ofClass(n, "qns")[0]
	return evenkeel.Step{
		ID: setID("skrings-set", n), Title: "Rebuild the SkRings", Host: host, Ref: ref(n, "947-956", "1313-1318"),
		Why: "For memcache set-ups only (cps:952). The console listens on the VM itself; telnet's exit status says nothing.",
		Actions: []evenkeel.Action{
			{ID: "before", Title: "Status of the SkRings", Cmd: console(evenkeel.ReadOnly, "skRingRebuildStatus"), Paper: prints(console(evenkeel.ReadOnly, "skRingRebuildStatus"), ringsFilter, "the console has answered, nothing is in progress"), Expect: evenkeel.Expect{Text: "an answer of the console", Check: osgiAnswer}},
			{ID: "rebuild", Title: "Rebuild all SkRings", Cmd: console(evenkeel.Mutating, "rebuildAllSkRings"), Repeat: evenkeel.Safe, Paper: []evenkeel.Block{{Cmd: console(evenkeel.Mutating, "rebuildAllSkRings"), Pipe: "| grep -q 'osgi>' && echo the console has answered", Shows: []string{"the console has answered"}}}, Expect: evenkeel.Expect{Text: "an answer of the console", Check: osgiAnswer}},
			{ID: "after", Title: "The rebuild has ended", Cmd: console(evenkeel.ReadOnly, "skRingRebuildStatus"), Within: time.Hour, Paper: again(prints(console(evenkeel.ReadOnly, "skRingRebuildStatus"), ringsFilter, "the console has answered, nothing is in progress")), Expect: evenkeel.Expect{Text: "nothing in progress", Check: func(o observed) error {
				if err := osgiAnswer(o); err != nil {
					return err
				}
				if strings.Contains(strings.ToLower(string(o.Stdout)), "progress") {
					return evenkeel.NotYet(15*time.Second, "the SkRings are being rebuilt")
				}
				return nil
			}}},
		},
		Harmless: "the rings are made from the data, as often as one likes",
	}
}

// ringsFilter says in a line what the console answered.
const ringsFilter = `| awk '/osgi>/ { seen = 1 } /[Pp]rogress/ { busy = 1 } END { print seen ? "the console has answered, " (busy ? "the rings are being rebuilt" : "nothing is in progress") : "NO answer" }'`

// osgiScript types a command into an OSGi console on the VM itself and leaves it as one must, with disconnect and y (cps:1759-1781).
const osgiScript = `(sleep 1; echo "$2"; sleep 1; echo disconnect; echo y) | telnet localhost "$1"`

// osgiAnswer checks that the console was there and knew the command.
func osgiAnswer(o observed) error {
	text := string(o.Stdout)
	if i := strings.Index(text, "CommandNotFoundException"); i >= 0 {
		return fmt.Errorf("the console does not know the command: %s", lastLine([]byte(text[i:])))
	}
	if !strings.Contains(text, "osgi>") {
		return fmt.Errorf("no OSGi console answered: %s", lastLine(o.Stderr))
	}
	return nil
}
