package steps

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// osgiScript types a command into an OSGi console on the VM itself and leaves it as one must, with disconnect and y (cps:1759-1781).
const osgiScript = `(sleep 1; echo "$2"; sleep 1; echo disconnect; echo y) | telnet localhost "$1"`

// Console is a command typed into the OSGi console on a port of the VM itself.
func Console(effect evenkeel.Effect, port int, command string) sshexec.Cmd {
	return WithTimeout(sshexec.Script(effect, osgiScript, strconv.Itoa(port), command), 5*time.Minute)
}

// Answered is a check that the console answered the command.
func Answered(o evenkeel.Observed) error {
	_, err := ConsoleAnswer(o)
	return err
}

// ConsoleAnswer is what a session of Console got: the text between the command at its prompt and the disconnect at the
// next one. A session without either, one that got no answer, and one whose command the console does not know are errors.
func ConsoleAnswer(o evenkeel.Observed) (string, error) {
	command, answer, err := session(o)
	if err == nil && answer == "" {
		// The terminal need not show the command as it is typed: then the line is the answer.
		if answer = command; len(strings.Fields(answer)) < 2 {
			return "", fmt.Errorf("the OSGi console did not answer %q", answer)
		}
		err = known(answer)
	}
	return answer, err
}

// Typed is a check that the console took a command that it answers with its next prompt alone (cps:1759-1773).
func Typed(o evenkeel.Observed) error {
	_, _, err := session(o)
	return err
}

// session is the command as the console shows it, and what it says to it.
func session(o evenkeel.Observed) (command, answer string, err error) {
	_, text, ok := strings.Cut(string(o.Stdout), "osgi>")
	if !ok {
		return "", "", fmt.Errorf("no OSGi console answered: %s", LastLine(o.Stderr))
	}
	between, _, ok := strings.Cut(text, "osgi>")
	if !ok {
		return "", "", fmt.Errorf("the session with the OSGi console broke off: %.80q", strings.TrimSpace(text))
	}
	command, answer, _ = strings.Cut(strings.TrimLeft(between, " "), "\n")
	command, answer = strings.TrimSpace(command), strings.TrimSpace(answer)
	return command, answer, known(answer)
}

// known finds the console's word for a command that it does not have.
func known(answer string) error {
	if strings.Contains(answer, "Exception") || strings.Contains(strings.ToLower(answer), "not found") {
		return fmt.Errorf("the console does not know the command: %s", LastLine([]byte(answer)))
	}
	return nil
}
