package pair

import (
	"context"
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// PackagingScript prints "lock INODE FILE" of the lock of rpm, /proc/locks, and "end".
//
//go:embed packaging.sh
var PackagingScript string

// packagers are programs that install packages, or may begin to. packagekitd waits for work for some minutes, and ends by itself.
var packagers = []string{"dnf", "dnf-3", "dnf5", "dnf5daemon-server", "dnf-automatic", "yum", "yum-cron", "microdnf", "rpm", "rpm-ostree",
	"packagekitd"}

// Packaging are the looks by which a package transaction is seen. Each is Present while one is under way: the list of packages is new
// before that has ended. A package manager may work before and after its transaction, so its process counts; one that is a library of
// another program, as Ansible has it, shows by its lock alone.
func Packaging() []Look {
	return []Look{Process("a package manager runs", packages), {
		Argv: []string{"/bin/sh", "-c", PackagingScript}, Text: "a transaction holds the lock of rpm", Read: func(res sshexec.Result) (Found,
			string, error) {
			held, err := rpmLocked(res)
			switch {
			case err != nil:
				return 0, "", err
			case held:
				return Present, "a transaction holds the lock of rpm", nil
			}
			return Absent, "", nil
		},
	}}
}

// packages tells a process that is a package manager, also as a script of Python.
func packages(args []string) bool {
	is := func(word string) bool { return slices.Contains(packagers, path.Base(word)) }
	program := strings.TrimPrefix(path.Base(args[0]), "platform-")
	return is(args[0]) || strings.HasPrefix(program, "python") && slices.ContainsFunc(args[1:], is)
}

// rpmLocked reads what PackagingScript printed. Two file systems may use one inode number: that is taken for the lock of rpm, too.
func rpmLocked(res sshexec.Result) (held bool, _ error) {
	lines := strings.Split(strings.TrimSuffix(string(res.Stdout), "\n"), "\n")
	first := strings.Fields(lines[0])
	if res.ExitCode != 0 || len(lines) < 2 || lines[len(lines)-1] != "end" || len(first) != 3 || first[0] != "lock" || !path.IsAbs(first[2]) {
		return false, unknown(res)
	}
	for _, line := range lines[1 : len(lines)-1] { // such as "1: POSIX  ADVISORY  WRITE 1234 fd:00:5678 0 EOF", and "1: -> …" of who waits
		f := slices.DeleteFunc(strings.Fields(line), func(word string) bool { return word == "->" })
		if len(f) != 8 || !strings.HasSuffix(f[0], ":") || !strings.Contains(f[5], ":") {
			return false, fmt.Errorf("%q is no line of /proc/locks: %w", clip([]byte(line)), ErrNotProven)
		}
		held = held || f[5][strings.LastIndexByte(f[5], ':')+1:] == first[1]
	}
	return held, nil
}

// packaged waits until no package transaction is under way on the node.
func (n *node) packaged(id string) evenkeel.Action {
	var texts []string
	for _, l := range Packaging() {
		text := l.Text
		if len(l.Argv) < 3 || l.Argv[2] != PackagingScript {
			text += " (`" + strings.Join(l.Argv, " ") + "`)"
		} else {
			text += " (the inode of `rpm --eval %{_rpmlock_path}` in /proc/locks)"
		}
		texts = append(texts, text)
	}
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Wait until no package transaction is under way on " + n.Name, Host: n.Name, Limit: n.Config.Install,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "On " + n.Name + ", none of this is so: " + strings.Join(texts, "; ") + ".",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				asked := answers{at: at, host: n.Name, got: map[string]sshexec.Result{}}
				for _, l := range Packaging() {
					switch found, seen, err := asked.ask(ctx, l); {
					case err != nil:
						return sshexec.Result{}, err
					case found != Absent:
						return sshexec.Result{}, evenkeel.NotYet(10*time.Second, "a package transaction may be under way on %s (%s): wait until "+
							"it has ended; do not cut it off", n.Name, seen)
					}
				}
				return sshexec.Result{}, nil
			}},
	}}
}
