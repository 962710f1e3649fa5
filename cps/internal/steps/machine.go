package steps

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// What the runbooks read of a Linux machine. Each reading says what must be there, so that an output which is empty,
// cut off or another program's is an error and never an answer.

var sumForm = regexp.MustCompile(`^\\?([0-9a-f]{64}) [ *](.+)$`)

// Sums reads what sha256sum printed: the sum of each file. A line of another form is an error.
func Sums(res sshexec.Result) (map[string]string, error) {
	found := map[string]string{}
	for _, line := range outputLines(res) {
		m := sumForm.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("not a line of sha256sum, SUM  FILE: %.80q", line)
		}
		found[m[2]] = m[1]
	}
	return found, nil
}

// Digest is the sum of the one file that sha256sum was asked for.
func Digest(res sshexec.Result) (string, error) {
	found, err := Sums(res)
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%s where the sum of one file is expected", printable.Count(len(found), "sum"))
	}
	for _, sum := range found {
		return sum, nil
	}
	return "", nil
}

// outputLines are the lines of an output that are not blank.
func outputLines(res sshexec.Result) []string {
	return slices.DeleteFunc(strings.Split(string(res.Stdout), "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
}

// MountedOn reads /proc/mounts and gives the type of what is mounted on a directory, the last mount of several; empty
// for none. Every machine has / mounted: a list without it is not whole.
func MountedOn(res sshexec.Result, dir string) (string, error) {
	root, kind := false, ""
	if !strings.HasSuffix(string(res.Stdout), "\n") {
		return "", errors.New("the list of mounts is empty, or cut off in its last line")
	}
	for _, line := range outputLines(res) {
		fields := strings.Fields(line)
		if len(fields) != 6 || !strings.HasPrefix(fields[1], "/") {
			return "", fmt.Errorf("not a line of /proc/mounts: %.80q", line)
		}
		root = root || fields[1] == "/"
		if fields[1] == dir {
			kind = fields[2]
		}
	}
	if !root {
		return "", errors.New("the list of mounts is not whole: nothing is mounted on /")
	}
	return kind, nil
}

// Listed reads what "ls -1a" printed of a directory: . and .. are in every one, so that an empty list is not whole.
func Listed(list, dir string) ([]string, error) {
	lines := strings.Split(list, "\n")
	if !slices.Contains(lines, ".") || !slices.Contains(lines, "..") || !strings.HasSuffix(list, "\n") {
		return nil, fmt.Errorf("the list of %s is not whole: . and .. must be in it, and its last line must be ended", dir)
	}
	return lines, nil
}

var bootForm = regexp.MustCompile(`^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// ReadBootID prints the boot id of a machine.
var ReadBootID = sshexec.Command(sshexec.ReadOnly, "cat", "/proc/sys/kernel/random/boot_id")

// BootID reads the boot id; anything else than a UUID is none, and so never "another boot".
func BootID(o evenkeel.Observed) (string, error) {
	if err := o.Succeeded(); err != nil {
		return "", err
	}
	if !bootForm.MatchString(o.Text()) {
		return "", fmt.Errorf("not a boot id: %.80q", o.Text())
	}
	return o.Text(), nil
}

// monitStates are the words of "monit status" that say whether a process runs; "OK" is the later spelling of "Running".
var monitStates = map[string]bool{"Running": true, "OK": true, "Not monitored": false}

// MonitRuns reads "monit status SERVICE": whether monit runs the service. A state in between, or an unknown one, is an
// error that asks to look again.
func MonitRuns(res sshexec.Result, service string) (bool, error) {
	at := ""
	for _, line := range outputLines(res) {
		text := strings.TrimSpace(line)
		if quoted, ok := strings.CutPrefix(text, "Process '"); ok {
			at = strings.TrimSuffix(quoted, "'")
			continue
		}
		state, ok := strings.CutPrefix(text, "status ")
		if at != service || !ok {
			continue
		}
		state = strings.TrimSpace(state)
		runs, known := monitStates[state]
		if !known {
			return false, evenkeel.NotYet(0, "monit says of %s: %s", service, state)
		}
		return runs, nil
	}
	return false, fmt.Errorf("monit says nothing of %s: expected Process '%s' and its status", service, service)
}

// UnitActive reads "systemctl status": whether the unit is active and running.
func UnitActive(o evenkeel.Observed) (bool, error) {
	for _, line := range outputLines(o.Result) {
		state, ok := strings.CutPrefix(strings.TrimSpace(line), "Active: ")
		switch {
		case !ok:
		case o.ExitCode == 0 && strings.HasPrefix(state, "active (running)"):
			return true, nil
		case o.ExitCode == 3 && (strings.HasPrefix(state, "inactive ") || strings.HasPrefix(state, "failed ")):
			return false, nil
		default:
			return false, evenkeel.NotYet(0, "systemctl says %s, with exit status %d", state, o.ExitCode)
		}
	}
	return false, fmt.Errorf("systemctl says nothing of the unit's state: a line Active: is missing (exit status %d): %s",
		o.ExitCode, LastLine(o.Stderr))
}

// The users that adduser.sh makes have ids from FirstUserID to LastUserID; nobody and its like are above.
const (
	FirstUserID = 1000
	LastUserID  = 59999
)

// Users lists the people in a passwd file. Every machine has the user root: a list without it is not whole.
func Users(res sshexec.Result) ([]string, error) {
	var people []string
	root := false
	for _, line := range outputLines(res) {
		fields := strings.Split(line, ":")
		id := -1
		if len(fields) == 7 {
			if n, err := strconv.Atoi(fields[2]); err == nil {
				id = n
			}
		}
		switch {
		case id < 0:
			return nil, fmt.Errorf("not a line of /etc/passwd: %.40q", line)
		case fields[0] == "root" && id == 0:
			root = true
		case id >= FirstUserID && id <= LastUserID:
			people = append(people, fields[0])
		}
	}
	if !root {
		return nil, errors.New("the list of users is not whole: root is missing")
	}
	return people, nil
}

var (
	pingLost     = regexp.MustCompile(`(?m)^1 packets? transmitted, 0 (?:packets )?received\b`)
	pingAnswered = regexp.MustCompile(`(?m)^1 packets? transmitted, 1 (?:packets )?received\b`)
)

// gonePoll is how often it is asked whether a VM has gone.
const gonePoll = 30 * time.Second

// Gone is a check of ping: the packet was sent, and nothing came back.
func Gone(alias string) Checker {
	return func(o evenkeel.Observed) error {
		switch {
		case o.ExitCode == 1 && pingLost.Match(o.Stdout):
			return nil
		case o.ExitCode == 0 && pingAnswered.Match(o.Stdout):
			return evenkeel.NotYet(gonePoll, "%s still answers", alias)
		}
		return fmt.Errorf("cannot tell whether %s is gone: ping ended with status %d and does not say what became of its packet: %s",
			alias, o.ExitCode, LastLine(o.Stderr))
	}
}

// Skips reads /var/install.cfg, as cat printed it: whether each of these parameters is 1. A file without a parameter
// sets none.
func Skips(res sshexec.Result, parameters ...string) (bool, error) {
	c, err := cps.ParseInstallConfig(Output(cps.InstallConfigPath, res))
	if errors.Is(err, cps.ErrNoParameters) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(parameters, func(p string) bool { return !c.Skips(p) }), nil
}

// ListProcesses prints every process; see ProcessesOf.
var ListProcesses = sshexec.Command(sshexec.ReadOnly, "ps", "-ef")

// ProcessesOf reads what ps -ef printed.
func ProcessesOf(res sshexec.Result) ([]cps.Process, error) {
	return cps.ParseProcesses(Output("ps -ef", res))
}

// Quiet is a check of "ps -ef": none of these programs runs. One that was cut off from its terminal may run on for hours.
func Quiet(programs ...string) Checker {
	return evenkeel.Succeeding(func(o evenkeel.Observed) error {
		list, err := ProcessesOf(o.Result)
		if err != nil {
			return err
		}
		for _, p := range list {
			if slices.ContainsFunc(programs, p.Runs) {
				return evenkeel.NotYet(30*time.Second, "still running: process %d: %s", p.PID, p.Command)
			}
		}
		return nil
	})
}
