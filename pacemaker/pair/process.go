package pair

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// ProcessTable lists the state and the arguments of every process; its own line is among them.
func ProcessTable() []string { return []string{"ps", "-e", "-o", "stat=", "-o", "args="} }

// ReadProcesses are the arguments of every process that has not ended, as [ProcessTable] prints them, a line each. A table in which
// not even ps itself stands is not whole.
func ReadProcesses(res sshexec.Result) ([]string, error) {
	if res.ExitCode != 0 {
		return nil, unknown(res)
	}
	own := false
	var list []string
	for line := range strings.Lines(string(res.Stdout)) {
		stat, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		args = strings.TrimSpace(args)
		own = own || slices.Equal(strings.Fields(args), ProcessTable())
		if args != "" && !strings.HasPrefix(stat, "Z") {
			list = append(list, args)
		}
	}
	if !own || !strings.HasSuffix(string(res.Stdout), "\n") {
		return nil, fmt.Errorf("the table of processes is not whole: not even ps itself stands in it: %w", ErrNotProven)
	}
	return list, nil
}

// Process is Present while a process runs of which match says so; it gets the arguments as words.
func Process(text string, match func(args []string) bool) Look { return process(text, Present, match) }

func process(text string, means Found, match func(args []string) bool) Look {
	return Look{Argv: ProcessTable(), Text: text, Read: func(res sshexec.Result) (Found, string, error) {
		list, err := ReadProcesses(res)
		if err != nil {
			return 0, "", err
		}
		for _, args := range list {
			if words := strings.Fields(args); match(words) {
				return means, fmt.Sprintf("%q runs: %s", words[0], text), nil // what follows may hold a password
			}
		}
		return Absent, "", nil
	}}
}

// ProcessTree lists every process with its number and that of its parent; its own line is among them.
func ProcessTree() []string { return []string{"ps", "-e", "-o", "pid=", "-o", "ppid=", "-o", "args="} }

// running is a process of the tree.
type running struct {
	pid, parent string
	words       []string
}

// readTree reads what [ProcessTree] printed. A process that has ended and is not yet waited for counts.
func readTree(res sshexec.Result) (list []running, _ error) {
	own := false
	for line := range strings.Lines(string(res.Stdout)) {
		f := strings.Fields(line)
		if len(f) < 3 || strings.Trim(f[0]+f[1], "0123456789") != "" {
			return nil, fmt.Errorf("%q is no line of the tree of processes: %w", clip([]byte(line)), ErrNotProven)
		}
		own = own || slices.Equal(f[2:], ProcessTree())
		list = append(list, running{f[0], f[1], f[2:]})
	}
	if res.ExitCode != 0 || !own {
		return nil, fmt.Errorf("the tree of processes is not whole: not even ps itself stands in it: %w", ErrNotProven)
	}
	return list, nil
}

// wrappers are programs that run another one, which is among their arguments.
var wrappers = []string{"sh", "bash", "dash", "ksh", "sudo", "su", "env", "nice", "ionice", "nohup", "setsid",
	"timeout", "flock", "strace", "xargs", "busybox", "systemd-run"}

// Mounting tells whether a process mounts or unmounts something, or imports or exports a pool, by its arguments. agents
// are the files of the resource agents that do. What cannot be told is a yes.
func Mounting(args []string, agents ...string) bool {
	if len(args) == 0 {
		return false
	}
	program := path.Base(strings.TrimPrefix(args[0], "-")) // a login shell has the dash
	if mountProgram(args[0]) {
		return true
	}
	wrapped := slices.Contains(wrappers, program) || strings.HasPrefix(program, "python")
	for i, word := range args {
		word = strings.Trim(word, `'";&|()`)
		if word == "mount_target" || word == "unmount_target" || wrapped && mountProgram(word) {
			return true
		}
		if i+1 >= len(args) {
			break
		}
		if slices.Contains(agents, path.Base(word)) && slices.Contains([]string{"start", "stop"}, args[i+1]) {
			return true // the resource agent: which resource it is for is in its environment
		}
		if path.Base(word) == "zpool" && slices.Contains([]string{"import", "export"}, args[i+1]) {
			return true // an import that is under way imports the pool after it was seen not to be there
		}
	}
	return false
}

func mountProgram(word string) bool {
	name := path.Base(word)
	return slices.Contains([]string{"mount", "umount", "mount.lustre", "umount.lustre", "mount.lustre_tgt"}, name)
}

// MountedElsewhere are the operands of a mount or an umount when it is certain what each is: a path that is no device, or
// a share of another host. Else there are none.
func MountedElsewhere(words []string) []string {
	if name := path.Base(words[0]); name != "mount" && name != "umount" {
		return nil
	}
	var operands []string
	for i := 1; i < len(words); i++ {
		switch w := words[i]; {
		case slices.Contains([]string{"-t", "-o", "-O"}, w) && i+1 < len(words):
			i++
			if strings.Contains(words[i], "lustre") {
				return nil
			}
		case strings.HasPrefix(w, "-"):
			if strings.Contains(w, "a") { // all of a kind
				return nil
			}
		case strings.HasPrefix(w, "/") && path.Clean(w) == strings.TrimSuffix(w, "/") && !strings.HasPrefix(w, "/dev/"),
			strings.Contains(w, ":/"):
			operands = append(operands, w)
		default:
			return nil
		}
	}
	return operands
}
