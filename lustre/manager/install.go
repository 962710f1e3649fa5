package manager

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// install runs the installer of the new release (lustre:165-198).
func (m *Manager) install() evenkeel.Step {
	c := m.Config
	file := "/root/" + m.bundle.base
	argv := []string{m.installer() + "/install"}
	for _, o := range []struct {
		flag string
		on   bool
	}{{"-r", c.NoRepoCheck}, {"-p", c.NoPlatformCheck}, {"-d", c.NoDBSpaceCheck}} {
		if o.on {
			argv = append(argv, o.flag)
		}
	}
	// Name, password twice, no mail address, time server.
	answers := fmt.Sprintf("%s\n%s\n%[2]s\n\n%s\n", c.Admin, string(c.Password), c.NTPServer)
	run := evenkeel.Do("install", "Run the installer", argv...).From("lustre:184").Probed(m.installed()).
		Noting("it asks for the name, the password (twice) and the mail address of an account, which the restored database " +
			"replaces, and for a time server; the tool answers through its standard input")
	run.Cmd.Dir, run.Cmd.Stdin = m.installer(), sshexec.SecretDocument(sshexec.Secret(answers), c.Password)
	run.Paper = []evenkeel.Block{{Cmd: run.Cmd, From: "read -rsp 'Password of the account: ' SECRET && " +
		"[ -n \"$SECRET\" ] && printf " +
		fmt.Sprintf(`'%s\n%%s\n%%s\n\n%s\n' "$SECRET" "$SECRET"`, c.Admin, c.NTPServer)}}
	return evenkeel.Step{
		ID: "install", Title: "Install IML " + c.Version, Host: c.Host, Ref: "lustre:165", Needs: []evenkeel.FactKey{m.bundlePath},
		Actions: []evenkeel.Action{
			steps.Upload("upload", "Copy the installer onto the manager, whole", "bundle", c.Host, m.bundlePath.Ref(),
				m.bundle.sum, file+".part").From("lustre:169"),
			steps.Rename("rename", "bundle", file, m.bundle.sum).From("lustre:169"),
			evenkeel.Do("extract", "Extract the installer", "tar", "zxf", file, "-C", "/root").From("lustre:177"),
			run,
		},
		Verify:       []evenkeel.Action{release("version", c.Package, c.Version), m.webUI("answers")},
		Irreversible: m.gone(),
	}
}

// installed tells whether the installer has put the manager's package on the machine. That it came to its end, the
// step's verification tells.
func (m *Manager) installed() evenkeel.Probe {
	cmd := release("", m.Config.Package, m.Config.Version).Cmd
	return evenkeel.Probe{
		Cmd: cmd, Text: m.Config.Package + " is installed in version " + m.Config.Version,
		Paper: []evenkeel.Block{{Script: evenkeel.Typed(cmd), Shows: []string{m.Config.Version}}},
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			switch {
			case o.ExitCode == 0 && o.Text() == m.Config.Version:
				return evenkeel.Done, nil
			case o.ExitCode == 1 && strings.Contains(o.Text(), "is not installed"):
				return evenkeel.NotRun, nil
			}
			return evenkeel.Inconclusive, fmt.Errorf("rpm says %q with exit status %d", o.Text(), o.ExitCode)
		},
	}
}
