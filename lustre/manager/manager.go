package manager

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Manager is the plan of an upgrade.
type Manager struct {
	Config Config

	bundle bundle

	// What is found out on the way.
	archiveName, archivePath, archiveSum evenkeel.Fact[string]
	dumpName, dumpSum, rows              evenkeel.Fact[string]
	lists, fencing                       evenkeel.Fact[string]
	bundlePath                           evenkeel.Fact[string]
	boot                                 evenkeel.Fact[string]
}

// New reads the installer's bundle and plans the upgrade. The error says everything that is wrong with the
// configuration.
func New(cfg Config) (*Manager, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("cannot plan the upgrade of the manager: %w", err)
	}
	m := &Manager{Config: cfg.withDefaults()}
	var err error
	if m.bundle, err = readBundle(cfg.Bundle); err != nil {
		return nil, fmt.Errorf("cannot plan the upgrade of the manager: %w", err)
	}
	fact := evenkeel.NewFact[string]
	m.archiveName = fact("archive.name", "the name of the fresh backup")
	m.archivePath = fact("archive.path", "the file, on the operator's machine, of the fresh backup")
	m.archiveSum = fact("archive.sha256", "the digest of the fresh backup")
	m.dumpName = fact("dump.name", "the file of the database in the backup")
	m.dumpSum = fact("dump.sha256", "the digest of that file")
	m.rows = fact("dump.rows", "the numbers of rows of tables in the dump")
	m.lists = fact("iml.lists", "how many hosts, file systems and targets IML lists")
	m.fencing = fact("iml.fencing", "how many power control devices and outlets IML lists")
	m.bundlePath = fact("bundle.path", "the file, on the operator's machine, of the installer")
	m.boot = fact("boot.old", "the boot id before the manager is shut down")
	return m, nil
}

// tree is where the backup lies extracted on the manager.
func (m *Manager) tree() string { return "/root/" + m.archiveName.Ref() }

// installer is the directory of the extracted bundle on the manager.
func (m *Manager) installer() string { return "/root/" + m.bundle.dir }

// restores are the operations of the restore of the system.
func (m *Manager) restores() []backup.Operation {
	opts := backup.RestoreOptions{SELinux: m.Config.SELinux}
	for _, s := range m.Config.Skip {
		opts.Skip = append(opts.Skip, backup.Group(s))
	}
	return backup.RestoreManager(m.tree(), opts)
}

// gone says why nothing can be rolled back once the new operating system is installed.
func (m *Manager) gone() string {
	return "the old system of " + m.Config.Host + " is erased, and there is no rollback any more: what is left is the backup on the " +
		"operator's machine. The file system serves without its manager, and its targets fail over: go on"
}

// Runbook is the upgrade (lustre:51-345).
func (m *Manager) Runbook() (*evenkeel.Runbook, error) {
	c := m.Config
	list := []evenkeel.Step{m.preflight(), m.backup()}
	if c.StopAgents {
		list = append(list, m.stopAgents())
	}
	list = append(list, m.shutDown(), m.installSystem(), m.restore(), m.install(), m.certificates(), m.database(),
		m.setup())
	list = append(list, m.repositories())
	if c.StopAgents {
		list = append(list, m.startAgents())
	}
	list = append(list, m.readdFencing())
	rb := &evenkeel.Runbook{
		Name: "lustre-manager", Title: "Upgrade of the manager " + c.Host, Intro: m.intro(),
		Inputs:     []evenkeel.Input{{Name: m.bundle.base, SHA256: m.bundle.sum}},
		LeaseHosts: []string{c.Host}, Secrets: []sshexec.Secret{c.Password}, Functions: paperFunctions, Steps: list,
		Compare: m.compare,
	}
	rb.MarkDetached(func(cmd sshexec.Cmd) bool {
		return slices.Contains([]string{"yum", "reposync", "chroma-config", m.installer() + "/install"}, cmd.Argv[0]) ||
			len(cmd.Argv) > 2 && cmd.Argv[2] == loadScript
	})
	limit(rb)
	rb.Estimate(m.takes)
	rb.Estimate(evenkeel.Guess)
	return rb, rb.Validate()
}

// limit bounds every command that changes something and has no bound of its own (H19).
func limit(rb *evenkeel.Runbook) {
	const long, anything = 6 * time.Hour, 30 * time.Minute
	for i := range rb.Steps {
		for _, actions := range [][]evenkeel.Action{rb.Steps[i].Actions, rb.Steps[i].Undo} {
			for j := range actions {
				a := &actions[j]
				switch {
				case len(a.Cmd.Argv) == 0, a.Cmd.Effect == evenkeel.ReadOnly, a.Cmd.Timeout != 0:
				case a.Detached:
					a.Cmd.Timeout = long
				default:
					a.Cmd.Timeout = anything
				}
			}
		}
	}
}

func (m *Manager) intro() string {
	c := m.Config
	var b strings.Builder
	fmt.Fprintf(&b, "The manager is upgraded before the pairs, and without any impact on the file system (lustre:53): "+
		"no target "+
		"is touched, and Pacemaker fails them over while the manager is away. IML %s becomes %s, and %q becomes %q. "+
		"lustre:N is a line of the guide.\n\n", c.OldVersion, c.Version, c.OldRelease, c.NewRelease)
	fmt.Fprintf(&b, "A rollback ends where the new operating system is installed: until then the old manager is "+
		"switched on again; "+
		"from then on %s.\n\n", m.gone())
	fmt.Fprintf(&b, "Lustre packages: %s. The account %s, which the installer makes, is replaced by those of the "+
		"restored database.",
		map[Repositories]string{
			Mirror:        "the manager mirrors them (lustre:241)",
			Direct:        "the servers take them from the download server (lustre:237)",
			StorageServer: "the servers use the definitions of storage_server.repo (lustre:239)",
		}[c.Repositories], c.Admin)
	return b.String()
}
