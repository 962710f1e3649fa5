package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Config is the configuration file of both binaries. Paths in it are relative to the file.
type Config struct {
	Journal string `yaml:"journal"`          // the file that remembers the run
	Holder  string `yaml:"holder,omitempty"` // who runs it, as others see it in the lease; user@host when empty

	SSH   SSHConfig         `yaml:"ssh"`
	Hosts map[string]string `yaml:"hosts"` // how to reach each machine: name: address:port. One that is not here is dialled by its name

	// Attest holds, by the IDs of the runbook's manual actions, what a person states that no command can show.
	Attest map[string]string `yaml:"attest,omitempty"`

	// World names the host of a simulated world that answers for its clock. Only simulate writes it.
	World string `yaml:"world,omitempty"`

	// The job: one of the two.
	Pair *PairConfig `yaml:"pair,omitempty"`
	CPS  *CPSConfig  `yaml:"cps,omitempty"`

	dir string
}

// SSHConfig says how to log in.
type SSHConfig struct {
	User       string   `yaml:"user"`
	KnownHosts []string `yaml:"known_hosts,omitempty"` // files; ~/.ssh/known_hosts when empty. The check is strict
	Keys       []string `yaml:"keys,omitempty"`        // private key files
	Agent      bool     `yaml:"agent,omitempty"`       // use the SSH agent
}

// PairConfig is a Lustre pair in the configuration file.
type PairConfig struct {
	Node1           ServerConfig `yaml:"node1"`
	Node2           ServerConfig `yaml:"node2"`
	Manager         string       `yaml:"manager"`
	PasswordFile    string       `yaml:"password_file"` // holds the password for hacluster
	Archives        string       `yaml:"archives"`      // the directory for fresh backups
	Profile         string       `yaml:"profile,omitempty"`
	Kernel          string       `yaml:"kernel,omitempty"`
	AgentRepos      []string     `yaml:"agent_repos,omitempty"`
	Cluster         string       `yaml:"cluster,omitempty"`
	PlainPCS        bool         `yaml:"plain_pcs_constraints,omitempty"`
	DisableFirewall bool         `yaml:"disable_firewall,omitempty"`
	NoAutostart     bool         `yaml:"no_autostart,omitempty"`
	SELinux         bool         `yaml:"selinux,omitempty"`
}

// ServerConfig is one server of a pair.
type ServerConfig struct {
	Name   string `yaml:"name"`
	Backup string `yaml:"backup"`
}

// CPSConfig is a CPS cluster in the configuration file.
type CPSConfig struct {
	HostsCSV    string         `yaml:"hosts_csv"`
	MongoConfig string         `yaml:"mongo_config"`
	Archives    string         `yaml:"archives"`
	Options     map[string]any `yaml:"options,omitempty"` // of the runbook; see cps.ISSMConfig
}

// ReadConfig reads a configuration file. An unknown key is an error, with its line.
func ReadConfig(path string) (*Config, error) {
	raw, err := os.ReadFile(path) // #nosec G304 -- the operator's configuration
	if err != nil {
		return nil, err
	}
	c := &Config{dir: filepath.Dir(path)}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if c.Journal == "" {
		return nil, fmt.Errorf("%s: journal: a run needs a file for its journal", path)
	}
	return c, nil
}

// Write writes the configuration.
func (c *Config) Write(path string) error {
	raw, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}

// Path is a path of the configuration, made absolute.
func (c *Config) Path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.dir, p)
}

// Secret reads a secret out of a file of its own.
func (c *Config) Secret(p string) (sshexec.Secret, error) {
	if p == "" {
		return "", errors.New("no file is named for the password")
	}
	raw, err := os.ReadFile(c.Path(p)) // #nosec G304 -- the operator's configuration
	return sshexec.Secret(bytes.TrimRight(raw, "\r\n")), err
}

// Missing is what is wrong with a configuration that lacks a section.
func Missing(section string) error {
	return fmt.Errorf("the configuration has no section %q", section)
}
