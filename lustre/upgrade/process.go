package upgrade

import (
	"path"
	"slices"
	"strings"
)

// wrappers are programs that run another one, which is among their arguments.
var wrappers = []string{"sh", "bash", "dash", "ksh", "sudo", "su", "env", "nice", "ionice", "nohup", "setsid",
	"timeout", "flock", "strace", "xargs", "busybox", "systemd-run"}

// mounts tells whether a process mounts or unmounts something, by its arguments. What cannot be told is a yes.
func mounts(args []string) bool {
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
		if slices.Contains(ownAgents, path.Base(word)) && slices.Contains([]string{"start", "stop"}, args[i+1]) {
			return true // the resource agent: which target it is for is in its environment
		}
		if path.Base(word) == "zpool" && slices.Contains([]string{"import", "export"}, args[i+1]) {
			return true // an import that is under way imports the pool after it was seen not to be there
		}
	}
	return false
}

// ownAgents are the files of the agents that mount targets and import pools.
var ownAgents = []string{"Target", "Lustre", "ZFS"}

func mountProgram(word string) bool {
	name := path.Base(word)
	return slices.Contains([]string{"mount", "umount", "mount.lustre", "umount.lustre", "mount.lustre_tgt"}, name)
}

// meant are the targets that a process which mounts has to do with: those that it names. any is false where it has to
// do with none: a mount of something else, and no more.
func (d departure) meant(words []string, args string) (named map[string]bool, any bool) {
	named = map[string]bool{}
	elsewhere := elsewhere(words)
	for _, t := range d.Targets {
		for _, name := range []string{t.Mount, t.Device, t.Pool, t.UUID} {
			if name != "" && strings.Contains(args, name) {
				named[t.Resource] = true
			}
		}
		for _, dir := range elsewhere {
			if strings.HasPrefix(t.Mount, strings.TrimSuffix(dir, "/")+"/") { // -R unmounts what is mounted below, too
				named[t.Resource] = true
			}
		}
	}
	return named, len(named) > 0 || len(elsewhere) == 0
}

// elsewhere are the operands of a mount or an umount when it is certain what each is: a path that is no device, or a
// share of another host. Else there are none.
func elsewhere(words []string) []string {
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
