package manager

import (
	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// setup brings the restored database up to the new release, which starts IML, and asks IML itself (lustre:223-231).
func (m *Manager) setup() evenkeel.Step {
	argv := []string{"chroma-config", "setup"}
	if m.Config.Verbose {
		argv = append(argv, "-v")
	}
	run := evenkeel.Do("setup", "Upgrade the restored database, and start IML", argv...).From("lustre:226").
		Noting("it asks for a time server where none is set; the tool answers " + m.Config.NTPServer)
	run.Cmd.Stdin = sshexec.Text(m.Config.NTPServer + "\n")
	return evenkeel.Step{
		ID: "setup", Title: "Bring the database up to IML " + m.Config.Version, Host: m.Config.Host, Ref: "lustre:223",
		Needs: []evenkeel.FactKey{m.lists}, Actions: []evenkeel.Action{run}, Irreversible: m.gone(),
		Verify: []evenkeel.Action{
			m.webUI("answers").From("lustre:231"),
			release("version", m.Config.Package, m.Config.Version).From("lustre:231"),
			m.listsAsBefore("lists", "Verify that IML lists the hosts, file systems and targets that it listed before", lists,
				m.lists),
		},
	}
}

// readdFencing has the operator look after power management, where the restore did not bring it back (lustre:1761).
func (m *Manager) readdFencing() evenkeel.Step {
	a := m.listsAsBefore("fencing", "Verify that IML lists the power control devices and outlets that it listed before",
		power, m.fencing).
		From("lustre:1761")
	a.Manual = "Open Configuration, Power Control in the web interface. Where devices or outlets are missing or show an " +
		"error, remove the configuration there and add it again, with every outlet assigned to its server. No server is " +
		"fenced by that."
	return evenkeel.Step{
		ID: "fencing", Title: "Add fencing again where it is missing", Host: m.Config.Host, Ref: "lustre:1761",
		Needs: []evenkeel.FactKey{m.fencing}, Actions: []evenkeel.Action{a},
	}
}
