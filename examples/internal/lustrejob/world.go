package lustrejob

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Private has a run write its archives below a directory.
func Private(cfg *cli.Config, dir string) { Of(cfg).Archives = filepath.Join(dir, "archives") }

// World is the pair that a configuration describes, simulated: its files are those in node 1's backup, its software and
// the repositories are those of the options.
func World(cfg *cli.Config) (cli.SimWorld, error) {
	pair := Of(cfg)
	site := &lustretest.Site{
		Node1: pair.Node1.Name, Node2: pair.Node2.Name, Targets: map[string]string{}, Manager: pair.Manager,
		AgentRepos: pair.AgentRepos, Kernel: pair.Kernel, Addresses: pair.Addresses, Network: map[string]map[string]string{},
	}
	oldPCS, err1 := Dialect("old_pcs", pair.OldPCS)
	newPCS, err2 := Dialect("new_pcs", pair.NewPCS)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	a, err := backup.OpenFile(cfg.Path(pair.Node1.Backup))
	if err != nil {
		return nil, err
	}
	raw, err := a.ClusterConfig()
	if err != nil {
		return nil, err
	}
	site.CIB = string(raw)
	if raw, err = a.ReadFile(pairfiles.CorosyncConf); err != nil {
		return nil, err
	}
	site.Corosync = string(raw)
	for _, name := range a.Glob(lustre.TargetStoreDir + "/*") {
		if raw, err = a.ReadFile(name); err != nil {
			return nil, err
		}
		site.Targets[filepath.Base(name)] = string(raw)
	}
	if err := site.Check(oldPCS); err != nil {
		return nil, fmt.Errorf("%s: %w", pair.Node1.Backup, err)
	}
	for _, server := range []pairfiles.Server{pair.Node1, pair.Node2} {
		if site.Network[server.Name], err = networkFiles(cfg.Path(server.Backup)); err != nil {
			return nil, err
		}
	}
	return Simulated{lustretest.NewPair(lustretest.Options{Site: site, OldPCS: oldPCS, NewPCS: newPCS})}, nil
}

// networkFiles are the files of interfaces and of LNet in a backup.
func networkFiles(path string) (map[string]string, error) {
	a, err := backup.OpenFile(path)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, name := range slices.Concat(
		a.Glob("/etc/sysconfig/network-scripts/ifcfg-*"), a.Glob(lustre.LNetDir+"/*"), a.Glob(lustre.LNetConfPath),
	) {
		raw, err := a.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[name] = string(raw)
	}
	return files, nil
}

// Simulated shows the simulated pair in the words of the command line.
type Simulated struct{ *lustretest.Pair }

// Clock is the pair's.
func (s Simulated) Clock() evenkeel.Clock { return s.World }

// Clone is a deep copy.
func (s Simulated) Clone() evenkeel.World { return Simulated{s.Pair.Clone()} }

// Hash is the state in which the pair ends by itself.
func (s Simulated) Hash() string { return s.Rehearsal().Hash() }

// Do does what the operator is prompted for.
func (s Simulated) Do(_ context.Context, deed string) error {
	action, host, _ := strings.Cut(deed, " ")
	return s.Attend(action, host)
}

// Seen is what an operator says on a host that has restarted, having found out why and seen that all is mounted: the pause
// of the run asks for it.
func (s Simulated) Seen(host string) {
	s.World.Do(func(w *simhost.State) {
		h := w.Host(host)
		h.MustWrite(w, "/root/evenkeel-seen", h.BootID()+"\n", 0o600)
	})
}

// Machines are the servers.
func (s Simulated) Machines() []string {
	var names []string
	for _, h := range s.Pair.Report().Hosts {
		names = append(names, h.Name)
	}
	return names
}

// Report is the truth about the pair.
func (s Simulated) Report() cli.WorldReport {
	r := s.Pair.Report()
	var targets []pairfiles.Service
	for _, t := range r.Targets {
		targets = append(targets, pairfiles.Service{What: t.Label, On: t.On, Down: t.Down, Longest: t.Longest})
	}
	return pairfiles.Account(r.Violations, targets, s.Log())
}
