// Package lustrejob is the job of lustre-hapair: the keys of its configuration, the runbook that they ask for, and the simulated pair.
// The workers of examples/fleet carry it out, too.
package lustrejob

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// Config is the job in the configuration file.
type Config struct {
	Node1           pairfiles.Server    `yaml:"node1"`                                      // the server that is rebuilt first
	Node2           pairfiles.Server    `yaml:"node2"`                                      // the other server
	Manager         string              `yaml:"manager,omitempty"`                          // the full name of the manager (IML); none where it is not on the servers
	PasswordFile    string              `yaml:"password_file"`                              // a file of mode 0600 that holds the password for hacluster
	Archives        string              `yaml:"archives"`                                   // the directory for fresh backups
	Profile         string              `yaml:"profile,omitempty" oneof:"both,ldiskfs,zfs"` // both, ldiskfs or zfs; both when empty
	Kernel          string              `yaml:"kernel,omitempty"`                           // the exact kernel for ZFS-only servers; the newest when empty (lustre:733)
	AgentRepos      []string            `yaml:"agent_repos,omitempty"`                      // package definitions for the agent's dependencies, by their addresses (lustre:535-541)
	Cluster         string              `yaml:"cluster,omitempty"`                          // the new cluster's name; lustre-ha-cluster when empty
	OldPCS          string              `yaml:"old_pcs,omitempty"`                          // what pcs --version prints on the old system; 0.9 of EL6 when empty
	NewPCS          string              `yaml:"new_pcs,omitempty"`                          // and on the new one; 0.9 of EL7 when empty
	Atomic          bool                `yaml:"atomic,omitempty"`                           // make the cluster on node 1 of one CIB, in place before its first start, instead of by the guide's commands
	Knet            bool                `yaml:"knet,omitempty"`                             // make a cluster of knet of one of multicast rings: needed from pcs 0.10 on
	Addresses       map[string][]string `yaml:"addresses,omitempty"`                        // of each node, by its full name, one for each ring: for knet, unless corosync.conf has a node list
	PlainPCS        bool                `yaml:"plain_pcs_constraints,omitempty"`            // make constraints by pcs as the guide does; their IDs are then not IML's
	DisableFirewall bool                `yaml:"disable_firewall,omitempty"`                 // disable the firewall instead of opening its ports (lustre:844)
	NoAutostart     bool                `yaml:"no_autostart,omitempty"`                     // do not start the cluster at boot (lustre:1697)
	Unknown         bool                `yaml:"unknown_placement,omitempty"`                // go on where it cannot be computed whether every target would run on the other node: somebody has looked
	Offline         bool                `yaml:"offline,omitempty"`                          // stop every target, and rebuild both nodes at once
	SELinux         bool                `yaml:"selinux,omitempty"`                          // set labels, since SELinux is enabled on the new system
	Outage          time.Duration       `yaml:"outage,omitempty"`                           // how long a target may be down while it moves; 10m when empty
	// how long the recovery of a target may last before the operator is asked; 20m when empty
	Recovery time.Duration `yaml:"recovery,omitempty"`
	// how long it takes you to install the operating system on a node, for the plan alone; a guess when empty
	Reinstall time.Duration `yaml:"reinstall_takes,omitempty"`
}

// Of is the job of a configuration.
func Of(cfg *cli.Config) *Config { return cfg.Job.(*Config) } //nolint:forcetypeassert // App.Read and Example make no other

// Load makes the runbook that a configuration asks for.
func Load(cfg *cli.Config) (*evenkeel.Runbook, error) {
	pair, err := LoadPair(cfg)
	if err != nil {
		return nil, err
	}
	return pair.Runbook()
}

// LoadPair plans the pair of a configuration. All that is wrong with it is said at once.
func LoadPair(cfg *cli.Config) (*upgrade.Pair, error) {
	c := Of(cfg)
	password, err1 := cfg.Secret(c.PasswordFile)
	if err1 != nil {
		password = "unknown" // so that Load does not say once more that there is none: nothing is planned with it
	}
	oldPCS, err2 := Dialect("old_pcs", c.OldPCS)
	newPCS, err3 := Dialect("new_pcs", c.NewPCS)
	profile, err4 := lustre.BothOSDs, error(nil)
	if c.Profile != "" {
		if err4 = profile.UnmarshalText([]byte(c.Profile)); err4 != nil {
			err4 = fmt.Errorf("profile: %w", err4)
		}
	}
	archives, err5 := cfg.Directory("archives", c.Archives)
	pair, err := upgrade.Load(upgrade.Config{
		Node1:   upgrade.Server{Name: c.Node1.Name, Backup: cfg.Path(c.Node1.Backup)},
		Node2:   upgrade.Server{Name: c.Node2.Name, Backup: cfg.Path(c.Node2.Backup)},
		Manager: c.Manager, Password: password, ArchiveDir: archives, Profile: profile, Kernel: c.Kernel, AgentRepos: c.AgentRepos,
		OldPCS: oldPCS, NewPCS: newPCS, Atomic: c.Atomic, Knet: c.Knet, Addresses: c.Addresses,
		ClusterName: c.Cluster, PlainPCS: c.PlainPCS, DisableFirewall: c.DisableFirewall, NoAutostart: c.NoAutostart,
		UnknownPlacement: c.Unknown, Offline: c.Offline, SELinux: c.SELinux, Outage: c.Outage, Recovery: c.Recovery, Reinstall: c.Reinstall,
	})
	var unsupported *pacemaker.UnsupportedError
	if errors.As(err, &unsupported) {
		err = fmt.Errorf("%w (the configuration says which pcs each side has: old_pcs, new_pcs)", err)
	}
	if err := errors.Join(err1, err2, err3, err4, err5, err); err != nil { // all of them: config check promises it
		return nil, err
	}
	return pair, nil
}

// Manifest is what is backed up of a server: IML's state must be there where a manager is given.
func (c *Config) Manifest() backup.Manifest { return upgrade.Manifest(c.Manager != "") }

// Dialect is the pcs that a key of the configuration names; the guide's without one.
func Dialect(key, version string) (pcs.Dialect, error) {
	if version == "" {
		return pcs.V09, nil
	}
	v, err := pcs.ParseVersion(strings.NewReader(version))
	if err != nil {
		return pcs.Dialect{}, fmt.Errorf("%s: %q is no version of pcs, such as 0.11.5", key, version)
	}
	d, err := pcs.DialectOf(v)
	if err != nil {
		return d, fmt.Errorf("%s: %w", key, err)
	}
	return d, nil
}
