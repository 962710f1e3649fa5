package sshexec

import (
	"fmt"
	"maps"
	"path"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec/internal/execline"
)

// SimJobs are the jobs of a simulated machine, by their directories: what [Supervise] and its kin mean to a machine
// that is none. Such a machine runs the command of a job to its end when it is started, so that a look finds a job that
// has ended, or one that was lost with the machine's power.
type SimJobs map[string]SimJob

// SimJob is one of them.
type SimJob struct {
	Dir    string // its directory
	Digest string // of its command
	Start  Cmd    // what started it
	Cmd    Cmd    // the command, with the fence and the time limit of the start; its input ends with the word of the start, see Input

	End  Result // how it ended
	Lost bool   // the machine went down under it

	word string
}

// SimJobStart reads a command that starts a job.
func SimJobStart(cmd Cmd) (SimJob, bool) {
	script, args := scriptOf(cmd)
	if script != jobStart || len(args) != 8 {
		return SimJob{}, false
	}
	line, err := execline.ParseScript(args[4])
	if err != nil {
		return SimJob{}, false
	}
	j := SimJob{Dir: path.Join(args[0], args[1]), Digest: args[2], Start: cmd, Cmd: cmd, word: args[5]}
	j.Cmd.Argv, j.Cmd.Dir, j.Cmd.Env = line.Argv, line.Dir, line.Env
	return j, true
}

// Input is what the command reads, of what the start was given; false where that was cut off.
func (j SimJob) Input(given string) (string, bool) { return strings.CutSuffix(given, j.word) }

// Clone is a copy that shares nothing.
func (s SimJobs) Clone() SimJobs { return maps.Clone(s) }

// Started is what a start says of a job that is there already; empty when it is not, and its command is to be run.
func (s SimJobs) Started(j SimJob) string {
	switch old, there := s[j.Dir]; {
	case !there:
		return ""
	case old.Digest != j.Digest:
		return "differs\n"
	}
	return "there\n"
}

// Look answers a look at a job, the end of one and its removal. Where it does not, handled is false.
func (s SimJobs) Look(cmd Cmd) (text string, handled bool) {
	script, args := scriptOf(cmd)
	switch {
	case script == jobCheck:
		return "ok\n", true
	case script == jobEnd && len(args) == 1:
		return "none\n", true // it has ended
	case len(cmd.Argv) == 4 && cmd.Argv[0] == "rm" && s[cmd.Argv[3]].Dir != "":
		delete(s, cmd.Argv[3])
		return "", true
	case script != jobLook || len(args) != 5:
		return "", false
	}
	j, there := s[args[0]]
	if !there {
		return "none\n", true
	}
	rest := func(out []byte, from string) string {
		n, err := strconv.Atoi(from)
		if err != nil || n < 0 || n > len(out) {
			return ""
		}
		return string(out[n:min(len(out), n+lookMost)])
	}
	state := fmt.Sprintf("ended %d -", j.End.ExitCode)
	if j.Lost {
		state = "lost - -"
	}
	out, errs := rest(j.End.Stdout, args[1]), rest(j.End.Stderr, args[2])
	return fmt.Sprintf("%s %d %d %s\n%s%s", state, len(out), len(errs), j.Digest, out, errs), true
}
