package cpstest

import (
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// script is one run of migrate.sh: it logs in the guide's form (cps:430-434) and takes its time.
type script struct {
	*simhost.Call
	y      *system
	done   int    // stages gone through
	dead   bool   // it was killed
	failed string // why it cannot end well
}

// say writes a line of the log.
func (m *script) say(level, module, format string, args ...any) {
	m.Printf("%s\n", cps.NewLogEntry(m.Now(), level, module, fmt.Sprintf(format, args...)))
}

func (m *script) info(module, format string, args ...any) { m.say("INFO", module, format, args...) }

// bare writes a line that the guide prints without time and module (cps:911-915).
func (m *script) bare(level, format string, args ...any) {
	m.Printf("%s\n", cps.LogEntry{Level: level, Text: fmt.Sprintf(format, args...)})
}

// stage announces a stage of the installation and works on it for a while. It returns false when the script was killed meanwhile:
// then nothing more must be done.
func (m *script) stage(name string, d time.Duration) bool {
	m.info("__main__.run_recipe", "Performing installation stage: %s", name)
	return m.work(d)
}

// work lets time pass.
func (m *script) work(d time.Duration) bool {
	if m.y.dieAfter >= 0 && m.done >= m.y.dieAfter {
		m.y.dieAfter, m.dead = -1, true
	}
	m.done++
	if m.dead {
		return false
	}
	m.Sleep(d)
	m.y.sync(m.State)
	return true
}

const ruler = "====================================================================="

// banner tells the file that is being made (cps:690-693).
func (m *script) banner(path string) {
	m.info("__main__.extra_banner", "")
	m.Printf("%s\n| Backing up to file: %s\n%s\n\n", ruler, path, ruler)
}

// finish ends the log: with SUCCESS (cps:432-434), or as a script ends that was killed.
func (m *script) finish() int {
	if m.dead {
		return m.Fail(143, "Terminated")
	}
	if m.failed != "" {
		return m.refuse("%s", m.failed)
	}
	for _, text := range []string{"=====", "SUCCESS", "===== END ====="} {
		m.info("__main__.<module>", "%s", text)
	}
	return 0
}

// refuse ends the log with an error, and without SUCCESS.
func (m *script) refuse(format string, args ...any) int {
	m.say("ERROR", "__main__.<module>", format, args...)
	m.info("__main__.<module>", "===== END =====")
	return 1
}

// outOfTurn refuses what the stage does not allow, unless the deployment trusts its callers.
func (m *script) outOfTurn(when bool, format string, args ...any) (status int, refused bool) {
	if !when || m.y.opts.Trusting {
		return 0, false
	}
	return m.refuse(format, args...), true
}
