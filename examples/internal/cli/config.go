package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Config is the configuration file of both binaries. Paths in it are relative to the file.
type Config struct {
	Journal string `yaml:"journal"`          // the file that remembers the run
	Holder  string `yaml:"holder,omitempty"` // who runs it, as others see it in the lease; user@host when empty

	// LeasePath is where each machine keeps the lease: a path that survives a reboot and that the login user can write; /var/lib/evenkeel.lease when empty.
	// Every operator of a machine has to use the same path: two paths are two leases.
	LeasePath string `yaml:"lease_path,omitempty"`

	SSH   SSHConfig         `yaml:"ssh"`
	Hosts map[string]string `yaml:"hosts"` // how to reach each machine: name: address:port. One that is not here is dialled by its name

	// Attest holds, by step/action, what the operator confirms and no command can show: who, when, what.
	Attest map[string]string `yaml:"attest,omitempty"`

	// RequireApproval: run, resume and amend want -approved-digest, the digest of the plan that was signed.
	RequireApproval bool `yaml:"require_approval,omitempty"`

	// World names the host of a simulated world that answers for its clock. Only simulate writes it.
	World string `yaml:"world,omitempty"`

	// Job is the job itself, a section of its own for each binary.
	Job any `yaml:"-"`

	dir string
}

// SSHConfig says how to log in.
type SSHConfig struct {
	User       string   `yaml:"user"`
	KnownHosts []string `yaml:"known_hosts,omitempty"` // files; ~/.ssh/known_hosts when empty. The check is strict
	Keys       []string `yaml:"keys,omitempty"`        // private key files
	Agent      bool     `yaml:"agent,omitempty"`       // use the SSH agent
}

// ReadConfig reads a configuration file whose job is a J; Config.Job points to it. An unknown key is an error, with its line.
func ReadConfig[J any](path string) (*Config, error) {
	if path == "" {
		return nil, errors.New("-config is needed")
	}
	raw, err := infile.Read(path, infile.Config)
	if err != nil {
		return nil, err
	}
	var file struct {
		Config `yaml:",inline"`
		Job    *J `yaml:"job"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil {
		return nil, placed(path, err)
	}
	switch {
	case file.Journal == "":
		return nil, fmt.Errorf("%s: journal: a run needs a file for its journal", path)
	case file.LeasePath != "" && sshexec.CheckLeasePath(file.LeasePath) != nil:
		return nil, fmt.Errorf("%s: lease_path: %w", path, sshexec.CheckLeasePath(file.LeasePath))
	case file.Job == nil:
		return nil, fmt.Errorf("%s: job: there is none", path)
	}
	c := &file.Config
	c.Job, c.dir = file.Job, filepath.Dir(path)
	return c, nil
}

// yamlLine is how the YAML library says where; noField how it says that a key is unknown.
var (
	yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)`)
	noField  = regexp.MustCompile(`^field (\S+) not found in type .*`)
)

// placed is a mistake in a YAML file as every other mistake in an input: file:line: what.
func placed(path string, err error) error {
	mistakes := []string{err.Error()}
	var types *yaml.TypeError
	if errors.As(err, &types) {
		mistakes = types.Errors
	}
	var list srcerr.List
	for _, m := range mistakes {
		line := 0
		if at := yamlLine.FindStringSubmatch(m); at != nil {
			line, _ = strconv.Atoi(at[1])
			m = at[2]
		}
		m = noField.ReplaceAllString(m, `there is no key "$1"`)
		list = append(list, srcerr.Errorf(path, line, 0, "", "%s", m))
	}
	return list
}

// Write writes the configuration, at once or not at all: whoever waits for it never reads half of it.
func (c *Config) Write(path string) error {
	raw, err := yaml.Marshal(struct {
		*Config `yaml:",inline"`
		Job     any `yaml:"job"`
	}{c, c.Job})
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Path is a path of the configuration, made absolute; ~/ is the home directory.
func (c *Config) Path(p string) string {
	if rest, ok := strings.CutPrefix(p, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
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
	raw, err := infile.Read(c.Path(p), infile.Secret)
	return sshexec.Secret(bytes.TrimRight(raw, "\r\n")), err
}
