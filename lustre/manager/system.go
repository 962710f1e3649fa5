package manager

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
)

// stopped wants a service to have stopped.
func stopped(o evenkeel.Observed) error {
	if o.ExitCode != 3 {
		return fmt.Errorf("exit status %d, and not 3: it has not stopped", o.ExitCode)
	}
	return nil
}

// stopAgents stops the agents of the servers for fewer warnings, which the guide leaves to choice (lustre:104).
func (m *Manager) stopAgents() evenkeel.Step {
	s := evenkeel.Step{
		ID: "stop-agents", Title: "Stop the management agents", Host: m.Config.Servers[0], Ref: "lustre:104",
		Why: "There are fewer warnings in the logs. Targets go on, and Pacemaker fails them over without the agents.",
	}
	for _, server := range m.Config.Servers {
		s.Actions = append(s.Actions, agent("stop", server))
		s.Verify = append(s.Verify, agentRuns("stopped-"+server, server, false))
		s.Undo = append(s.Undo, agent("start", server))
	}
	return s
}

// startAgents starts them again.
func (m *Manager) startAgents() evenkeel.Step {
	s := evenkeel.Step{
		ID: "start-agents", Title: "Start the management agents again", Host: m.Config.Servers[0], Ref: "lustre:104",
		Harmless: "an agent that runs harms nothing",
	}
	for _, server := range m.Config.Servers {
		s.Actions = append(s.Actions, agent("start", server))
		s.Verify = append(s.Verify, agentRuns("runs-"+server, server, true))
	}
	return s
}

func agent(verb, server string) evenkeel.Action {
	title := map[string]string{"start": "Start", "stop": "Stop"}[verb] + " chroma-agent on " + server
	return evenkeel.Do(verb+"-"+server, title, "service", "chroma-agent", verb).On(server).From("lustre:104")
}

// shutDown shuts the manager down. It is a step of its own, because up to the installation that follows the manager can
// be switched on again as it was.
func (m *Manager) shutDown() evenkeel.Step {
	c := m.Config
	down := evenkeel.Disrupt("shutdown", "Shut "+c.Host+" down", "shutdown", "-h", "now").Probed(steps.BootProbe(m.boot,
		evenkeel.Done)).
		From("lustre:105")
	down.DropsConnection, down.Limit = true, c.Install
	on := evenkeel.Look("switch-on", "Switch "+c.Host+" on again, as it was", "cat", "/etc/redhat-release")
	on.Manual = fmt.Sprintf("Switch %s on again if it is off, without installing anything, and wait until its old "+
		"system is up.", c.Host)
	return evenkeel.Step{
		ID: "shutdown", Title: "Shut the manager down", Host: c.Host, Ref: "lustre:105", Reinstalls: []string{c.Host},
		Needs: []evenkeel.FactKey{m.archivePath, m.archiveSum, m.lists}, Makes: []evenkeel.FactKey{m.boot},
		Actions: []evenkeel.Action{steps.Boot("boot-id", m.boot), m.stillSafe(), down},
		Undo: []evenkeel.Action{showsText(on.Expecting("the release is the old one: "+c.OldRelease,
			evenkeel.Contains(c.OldRelease)),
			c.OldRelease)},
		UndoVerify: []evenkeel.Action{m.listsAsBefore("lists", "Verify that IML lists what it listed before", lists,
			m.lists)},
	}
}

// installSystem has the operator install the new system (lustre:105-113).
func (m *Manager) installSystem() evenkeel.Step {
	c := m.Config
	install := evenkeel.Look("install", "Install the new operating system on "+c.Host, "cat", "/etc/redhat-release").
		From("lustre:105")
	install.Manual = "Install the new operating system on " + c.Host + " by the vendor's instructions. Restore the " +
		"network with the " +
		"system's tools (nmtui edit), with the host name " + c.Host + " (lustre:113). The raw files are in the backup, " +
		"below etc/sysconfig/network-scripts. Add the new system's host key to known_hosts; the old key comes back with " +
		"/etc/ssh. From the moment at which the disk is erased there is no rollback."
	return evenkeel.Step{
		ID: "install-system", Title: "Install the new operating system", Host: c.Host, Ref: "lustre:105",
		Reinstalls: []string{c.Host},
		Actions: []evenkeel.Action{showsText(install.Expecting("the release is the new one: "+c.NewRelease,
			evenkeel.Contains(c.NewRelease)), c.NewRelease)},
		Verify: []evenkeel.Action{m.named("name")}, Irreversible: m.gone(),
	}
}

// restore brings the backup onto the new system and restores the configuration from it (lustre:106-163).
func (m *Manager) restore() evenkeel.Step {
	all := func(backup.Group) bool { return true }
	target := m.tree() + ".tgz"
	actions := []evenkeel.Action{
		steps.Upload("upload", "Copy the backup onto the new system, whole", "backup", m.Config.Host, m.archivePath.Ref(),
			m.archiveSum.Ref(),
			target+".part").From("lustre:106"),
		steps.Rename("rename", "backup", target, m.archiveSum.Ref()).From("lustre:106"),
	}
	actions = append(actions, steps.Restore([]backup.Operation{backup.Extract(target, "/root")}, all)...)
	actions[len(actions)-1].Ref = "lustre:110"
	actions = append(actions, steps.Restore(m.restores(), all)...)
	return evenkeel.Step{
		ID: "restore", Title: "Restore the configuration of the system", Host: m.Config.Host, Ref: "lustre:106",
		Needs:   []evenkeel.FactKey{m.archiveName, m.archivePath, m.archiveSum},
		Actions: actions, Verify: []evenkeel.Action{m.named("name")}, Irreversible: m.gone(),
	}
}
