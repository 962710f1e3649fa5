package cps

import (
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Process is a row of ps -ef.
type Process struct {
	PID     int
	Command string // with its arguments
}

var (
	psHeading = regexp.MustCompile(`^UID\s+PID\s+PPID\s+C\s+STIME\s+TTY\s+TIME\s+CMD$`)
	psRow     = regexp.MustCompile(`^\S+\s+(\d+)\s+\d+\s+\d+\s+\S+\s+\S+\s+[\d:-]+\s(.*)$`)
)

// ParseProcesses reads ps -ef. What is absent from the list is taken to be absent from the machine, so the list must be
// whole: it has its heading, process 1, and ps itself.
func ParseProcesses(r io.Reader) ([]Process, error) {
	src, err := readSource(r, "ps -ef")
	if err != nil {
		return nil, err
	}
	var list []Process
	for i, l := range src.lines {
		m := psRow.FindStringSubmatch(l.text)
		switch {
		case i == 0 && psHeading.MatchString(strings.TrimSpace(l.text)):
		case i == 0:
			src.failf(l.no, 1, l.text, "expected the heading of ps -ef: UID PID PPID C STIME TTY TIME CMD")
			return nil, src.err()
		case m == nil:
			src.failf(l.no, 1, l.text, "not a row of ps -ef")
		case l.eol == "":
			src.failf(l.no, 1, l.text, "the list is cut off in this row")
		default:
			pid, err := strconv.Atoi(m[1])
			if err != nil {
				src.failAt(l, m[1], "not a process id")
			}
			list = append(list, Process{pid, strings.TrimSpace(m[2])})
		}
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	first := slices.ContainsFunc(list, func(p Process) bool { return p.PID == 1 })
	itself := slices.ContainsFunc(list, func(p Process) bool { return p.Runs("ps") })
	if !first || !itself {
		return nil, fmt.Errorf("the list of ps -ef is not whole: process 1 and ps itself must be in it")
	}
	return list, nil
}

// Runs tells whether a process is, or was started with, a program: under any path, by any interpreter, as .sh or as the .py that it calls.
func (p Process) Runs(program string) bool {
	name := stem(program)
	return slices.ContainsFunc(strings.FieldsFunc(p.Command,
		func(r rune) bool { return strings.ContainsRune(" \t'\"`;|&()", r) }), func(word string) bool { return stem(word) == name })
}

// stem is the name of a script without its directory and ending. A name without the ending of a script keeps its
// directory: /srv/deploy is no deploy.sh.
func stem(program string) string {
	base := path.Base(program)
	for _, ending := range []string{".sh", ".pyc", ".py"} {
		if name, ok := strings.CutSuffix(base, ending); ok {
			return name + ".script"
		}
	}
	return base
}

var numberForm = regexp.MustCompile(`\d+`)

// Listens tells whether a mongod of a port is among the processes (MON-034): the port stands in an option, or in the
// name of its configuration.
func Listens(list []Process, port int) bool {
	return slices.ContainsFunc(list, func(p Process) bool {
		return strings.Contains(strings.ToLower(p.Command), "mongo") &&
			slices.Contains(numberForm.FindAllString(p.Command, -1), strconv.Itoa(port))
	})
}
