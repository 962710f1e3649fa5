package lustre

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The words from which the steps are put together.

func look(id, title string, argv ...string) evenkeel.Action {
	return evenkeel.Action{ID: id, Title: title, Cmd: sshexec.Command(sshexec.ReadOnly, argv...)}
}

func change(id, title string, argv ...string) evenkeel.Action {
	return evenkeel.Action{ID: id, Title: title, Cmd: sshexec.Command(sshexec.Mutating, argv...), Repeat: evenkeel.Safe}
}

func disrupt(id, title string, argv ...string) evenkeel.Action {
	return evenkeel.Action{ID: id, Title: title, Cmd: sshexec.Command(sshexec.Disruptive, argv...), Repeat: evenkeel.Safe}
}

// from names the place in the guide.
func from(ref string, a evenkeel.Action) evenkeel.Action {
	a.Ref = ref
	return a
}

func at(host string, a evenkeel.Action) evenkeel.Action {
	a.Host = host
	return a
}

func note(text string, a evenkeel.Action) evenkeel.Action {
	a.Note = text
	return a
}

// expect adds what must be seen.
func expect(a evenkeel.Action, text string, check func(evenkeel.Observed) error) evenkeel.Action {
	a.Expect = evenkeel.Expect{Text: text, Check: check}
	return a
}

// within bounds how long a check may look again.
func within(limit time.Duration, a evenkeel.Action) evenkeel.Action {
	a.Within = limit
	return a
}

// until is expect for something that takes its time.
func until(a evenkeel.Action, limit time.Duration, text string, check func(evenkeel.Observed) error) evenkeel.Action {
	return within(limit, expect(a, text, check))
}

// exited refuses an output that came with another exit status than 0.
func exited(check func(evenkeel.Observed) error) func(evenkeel.Observed) error {
	return func(o evenkeel.Observed) error {
		if o.ExitCode != 0 {
			return fmt.Errorf("exit status %d: %s", o.ExitCode, strings.TrimSpace(string(o.Stderr)))
		}
		return check(o)
	}
}

// contains wants a text in the output.
func contains(text string) func(evenkeel.Observed) error {
	return exited(func(o evenkeel.Observed) error {
		if !strings.Contains(string(o.Stdout), text) {
			return fmt.Errorf("it does not say %q: %q", text, o.Text())
		}
		return nil
	})
}

// probed gives an action a probe and makes it one that looks first.
func probed(a evenkeel.Action, probe evenkeel.Probe) evenkeel.Action {
	a.Repeat, a.Probe = evenkeel.ProbeFirst, &probe
	return a
}

// exitProbe is a probe whose exit status tells: 0 done, 1 absent.
func exitProbe(text string, cmd sshexec.Cmd) evenkeel.Probe {
	return evenkeel.Probe{Cmd: cmd, Text: text, Read: func(o evenkeel.Observed) (evenkeel.Trace, error) {
		switch o.ExitCode {
		case 0:
			return evenkeel.Done, nil
		case 1:
			return evenkeel.Absent, nil
		}
		return evenkeel.Undecided, fmt.Errorf("exit status %d: %s", o.ExitCode, strings.TrimSpace(string(o.Stderr)))
	}}
}

// readCIB reads what cibadmin --query printed.
func readCIB(o evenkeel.Observed) (*pacemaker.CIB, error) {
	if o.ExitCode != 0 {
		return nil, fmt.Errorf("cibadmin: exit status %d: %s", o.ExitCode, strings.TrimSpace(string(o.Stderr)))
	}
	return pacemaker.ParseCIB(bytes.NewReader(o.Stdout))
}

var queryCIB = []string{"cibadmin", "--query"}

// cibProbe is a probe that looks into the live CIB.
func cibProbe(text string, done func(*pacemaker.CIB) bool) evenkeel.Probe {
	return evenkeel.Probe{Cmd: sshexec.Command(sshexec.ReadOnly, queryCIB...), Text: text, Read: func(o evenkeel.Observed) (evenkeel.Trace, error) {
		cib, err := readCIB(o)
		switch {
		case err != nil:
			return evenkeel.Undecided, err
		case done(cib):
			return evenkeel.Done, nil
		}
		return evenkeel.Absent, nil
	}}
}

// seeCIB looks into the live CIB.
func seeCIB(id, title, text string, check func(*pacemaker.CIB) error) evenkeel.Action {
	return expect(look(id, title, queryCIB...), text, func(o evenkeel.Observed) error {
		cib, err := readCIB(o)
		if err != nil {
			return err
		}
		return check(cib)
	})
}

// seeMounts looks at what is mounted.
func seeMounts(id, title, text string, check func(mounted []string) error) evenkeel.Action {
	return expect(look(id, title, "cat", "/proc/mounts"), text, exited(func(o evenkeel.Observed) error {
		mounted, err := mountedTargets(o.Stdout)
		if err != nil {
			return err
		}
		return check(mounted)
	}))
}

// mountedTargets are the mount points of Lustre targets in a /proc/mounts.
func mountedTargets(raw []byte) ([]string, error) {
	mounts, err := ParseMounts(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	var points []string
	for _, m := range mounts.Lustre() {
		points = append(points, m.MountPoint)
	}
	return points, nil
}

// noneMounted wants no target.
func noneMounted(mounted []string) error {
	if len(mounted) > 0 {
		return evenkeel.NotYet(0, "still mounted: %s", strings.Join(mounted, ", "))
	}
	return nil
}

// allMounted wants every one of the targets.
func allMounted(targets []PairTarget) func([]string) error {
	return func(mounted []string) error {
		var missing []string
		for _, t := range targets {
			if !slices.Contains(mounted, t.Mount) {
				missing = append(missing, t.Resource+" on "+t.Mount)
			}
		}
		if len(missing) > 0 {
			return evenkeel.NotYet(0, "not mounted yet: %s", strings.Join(missing, ", "))
		}
		return nil
	}
}

// readStatus reads what crm_mon printed. A cluster that is not up yet is "not yet" (H19).
func readStatus(o evenkeel.Observed) (*pacemaker.Status, error) {
	if o.ExitCode != 0 {
		return nil, evenkeel.NotYet(0, "crm_mon: exit status %d: %s", o.ExitCode, strings.TrimSpace(string(o.Stderr)))
	}
	return pacemaker.ParseStatus(bytes.NewReader(o.Stdout))
}

var crmMon = []string{"crm_mon", "-1", "--as-xml"}

// online wants nodes to be members of the cluster: the state counts, not the exit status of the start (H4).
func online(nodes ...string) func(evenkeel.Observed) error {
	return func(o evenkeel.Observed) error {
		st, err := readStatus(o)
		if err != nil {
			return err
		}
		for _, name := range nodes {
			if n, ok := st.Node(name); !ok || !n.Online {
				return evenkeel.NotYet(0, "%s is not online yet", name)
			}
		}
		if !st.DC.Present {
			return evenkeel.NotYet(0, "the cluster has not elected a DC yet")
		}
		return nil
	}
}

// operations turns the operations of a rebuild into actions, with a probe for those that need one.
func operations(ops []pacemaker.Operation, probe func(pacemaker.Operation) (evenkeel.Probe, bool)) ([]evenkeel.Action, error) {
	actions := make([]evenkeel.Action, 0, len(ops))
	for _, o := range ops {
		if len(o.Secret) > 0 {
			return nil, fmt.Errorf("%s would put a secret into the arguments of a command", o)
		}
		cmd := sshexec.Command(o.Effect, o.Argv...)
		if o.Stdin != "" {
			cmd.Stdin = sshexec.Text(o.Stdin)
		}
		a := evenkeel.Action{ID: strings.ReplaceAll(o.Name, " ", "-"), Title: o.Name, Host: o.Node, Ref: o.Ref, Note: o.Why, Cmd: cmd, Repeat: o.Repeat}
		if o.Effect != evenkeel.ReadOnly && o.Repeat != evenkeel.Safe {
			p, ok := probe(o)
			if !ok {
				return nil, fmt.Errorf("there is no way to tell whether %q ran", o)
			}
			a.Probe = &p
		}
		actions = append(actions, a)
	}
	return actions, nil
}

// restoreActions turns the operations of a restore into actions.
func restoreActions(ops []backup.Operation, keep func(backup.Group) bool) []evenkeel.Action {
	var actions []evenkeel.Action
	for i, o := range ops {
		if !keep(o.Group) {
			continue
		}
		a := evenkeel.Action{ID: fmt.Sprintf("%s-%d", o.Group, i+1), Title: o.Title, Ref: o.Ref, Note: o.Note, Cmd: o.Cmd, Repeat: o.Repeat}
		if o.Probe != nil {
			p := exitProbe(o.ProbeMeans, *o.Probe)
			a.Probe = &p
		}
		actions = append(actions, a)
	}
	return actions
}

var errChanged = errors.New("the system is not as it was when the plan was made")
