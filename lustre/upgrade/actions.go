package upgrade

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// planned turns operations of the rebuild into actions: with a probe for those that need one, and the password where one is asked for.
func (p *Pair) planned(parts ...[]pcs.Operation) ([]evenkeel.Action, error) {
	ops := slices.Concat(parts...)
	actions := make([]evenkeel.Action, 0, len(ops))
	for _, o := range ops {
		run := o.Runs()
		if len(run.Secret) > 0 {
			return nil, fmt.Errorf("%s would put a secret into the arguments of a command", o)
		}
		a := evenkeel.Action{ID: strings.ReplaceAll(o.Name, " ", "-"),
			Change: evenkeel.Change{Title: titleOf(o), Host: o.Node, Ref: o.Ref, Note: o.Why, Cmd: o.Cmd(p.Config.Password), Repeat: o.Repeat}}
		if run.Hidden && strings.HasPrefix(run.Stdin, "<") { // XML with passwords: the operator types those, and not all of it
			a.Paper = []evenkeel.Block{{Cmd: a.Cmd, From: askedFor(run.Stdin)}}
		}
		if o.Effect != evenkeel.ReadOnly && o.Repeat != evenkeel.Idempotent {
			probe, ok := p.probeFor(o)
			if !ok {
				return nil, fmt.Errorf("there is no way to tell whether %q ran", o)
			}
			a.Probe = &probe
		}
		if slices.ContainsFunc(actions, func(before evenkeel.Action) bool { return before.ID == a.ID }) {
			a.ID += "-there" // the same on the other node
		}
		actions = append(actions, a)
		if o.Repeat == evenkeel.Never {
			actions = append(actions, p.showsConf(seeDone(a)))
		}
	}
	return actions, nil
}

// titleOf is the name of an operation as an imperative.
func titleOf(o pcs.Operation) string {
	kind, rest, _ := strings.Cut(o.Name, " ")
	switch kind {
	case "property", "resource", "defaults", "attribute", "stonith":
		return "Set " + o.Name
	case "constraint":
		return "Add " + o.Name
	case "maintenance-mode":
		return "Switch " + kind + " " + rest
	case "no":
		return "Remove " + rest
	case "the":
		return "Write " + o.Name
	}
	if target, node, ok := strings.Cut(o.Name, " prefers "); ok {
		return "Have " + target + " prefer " + node
	}
	return strings.ToUpper(o.Name[:1]) + o.Name[1:]
}

// seeDone looks at once whether an action that cannot simply be repeated has had its effect: exit status 0 alone proves
// nothing (H4), and what follows builds on it.
func seeDone(a evenkeel.Action) evenkeel.Action {
	return evenkeel.Action{ID: a.ID + "-done",
		Change: evenkeel.Change{Title: "Verify that it is done: " + a.Title, Cmd: a.Probe.Cmd}}.Expecting(a.Probe.Text,
		func(o evenkeel.Observed) error {
			found, err := a.Probe.Read(o)
			if err == nil && found != evenkeel.Done {
				err = fmt.Errorf("exit status 0, and yet it is %s (H4)", found)
			}
			return err
		}).On(a.Probe.Host)
}
