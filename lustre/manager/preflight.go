package manager

import (
	"context"
	"fmt"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// preflight looks whether the manager is what the plan is for, and notes what IML answers; it changes nothing.
func (m *Manager) preflight() evenkeel.Step {
	c := m.Config
	actions := []evenkeel.Action{
		shows(evenkeel.Look("root", "Verify that commands run as root", "id", "-u").From("lustre:167").
			Expecting("0", evenkeel.Says("0")), "", "0"),
		showsText(evenkeel.Look("system", "Verify that the old operating system runs", "cat", "/etc/redhat-release").
			From("lustre:5").
			Expecting(c.OldRelease, evenkeel.Contains(c.OldRelease)), c.OldRelease),
		release("version", c.OldPackage, c.OldVersion).From("lustre:5"),
		m.named("name"),
		m.hasBundle(),
	}
	for _, s := range c.Servers {
		actions = append(actions, m.knownAs(s))
		if c.StopAgents {
			actions = append(actions, agentRuns("agent-"+s, s, true))
		}
	}
	actions = append(actions,
		m.notes("lists", "Note how many hosts, file systems and targets IML lists", lists, m.lists).
			Noting("without an account: where IML does not allow reading without one (ALLOW_ANONYMOUS_READ), allow it for "+
				"the upgrade"),
		m.notes("fencing", "Note how many power control devices and outlets IML lists", power, m.fencing))
	return evenkeel.Step{
		ID: "preflight", Title: "Check the manager, and note what it manages", Host: c.Host, Ref: "lustre:53",
		Makes: []evenkeel.FactKey{m.bundlePath, m.lists, m.fencing}, Actions: actions,
	}
}

// hasBundle wants the installer on the operator's machine to be the one that the plan was made with. It is needed when
// the manager's own system is gone.
func (m *Manager) hasBundle() evenkeel.Action {
	return evenkeel.Action{
		ID: "bundle", Paper: []evenkeel.Block{{Host: evenkeel.OperatorHost, Text: "In the directory that has the installer.",
			Script: fmt.Sprintf(`%[1]s=$PWD/%[2]s && [ "$(sha256sum < "$%[1]s")" = '%[3]s  -' ] && declare -p %[1]s`,
				m.bundlePath.Variable(), m.bundle.base, m.bundle.sum)}},
		Makes: []evenkeel.Make{m.bundlePath.From(made("bundle"))},
		Change: evenkeel.Change{
			Title: "Verify the installer on this machine", Ref: "lustre:169",
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text:   "Compare the sha256 of " + m.bundle.base + ", on this machine, with " + m.bundle.sum + ".",
				Do: func(context.Context, evenkeel.Site) (sshexec.Result, error) {
					sum, err := steps.Digest(m.bundle.file)
					if err == nil && sum != m.bundle.sum {
						err = fmt.Errorf("%s has changed since the plan was made: its sha256 is %s", m.bundle.file, sum)
					}
					if err != nil {
						return sshexec.Result{}, err
					}
					return says(map[string]string{"bundle": m.bundle.file})
				},
			},
		},
	}
}

// agentRuns wants the agent of a server to run, or not to.
func agentRuns(id, server string, runs bool) evenkeel.Action {
	status, title := "0", "Verify that chroma-agent runs on "+server
	if !runs {
		status, title = "3", "Verify that chroma-agent has stopped on "+server
	}
	a := evenkeel.Look(id, title, "service", "chroma-agent", "status").On(server).From("lustre:104").
		Expecting("exit status "+status, func(o evenkeel.Observed) error {
			if runs {
				return o.Succeeded()
			}
			return stopped(o)
		})
	return showsExit(a, status)
}
