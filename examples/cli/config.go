package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Config is the configuration file of every binary. Paths in it are relative to the file.
type Config struct {
	Journal string `yaml:"journal"`          // the file that remembers the run
	Holder  string `yaml:"holder,omitempty"` // who runs it, as others see it in the lease; user@host when empty

	// LeasePath is where each machine keeps the lease: a path that survives a reboot and that the login user can write;
	// /var/lib/evenkeel.lease when empty. Every operator of a machine has to use the same path: two paths are two leases.
	LeasePath string `yaml:"lease_path,omitempty"`

	SSH   SSHConfig         `yaml:"ssh"`   // how to log in
	Hosts map[string]string `yaml:"hosts"` // how to reach each machine: name: address:port. One that is not here is dialled by its name

	// Attest holds, by step/action, what the operator confirms and no command can show: who, when, what.
	Attest map[string]string `yaml:"attest,omitempty"`

	// RequireApproval: run, resume and amend want --approved-digest, the digest of the plan that was signed.
	RequireApproval bool `yaml:"require_approval,omitempty"`

	// World names the host of a simulated world that answers for its clock. Only simulate writes it.
	World string `yaml:"world,omitempty"`

	// Job is the job itself, a section of its own for each binary.
	Job any `yaml:"-"`

	// Sources are the user's files behind those that the example made of them: made, source, made, source … An error
	// names the source.
	Sources []string `yaml:"-"`

	dir  string
	file string     // where it was read
	doc  *yaml.Node // as it was read
}

// configFile is the file with a job in it that is a J.
type configFile[J any] = struct {
	Config `yaml:",inline"`
	Job    *J `yaml:"job"`
}

// SSHConfig says how to log in.
type SSHConfig struct {
	User       string   `yaml:"user"`                  // who logs in
	KnownHosts []string `yaml:"known_hosts,omitempty"` // files; ~/.ssh/known_hosts when empty. The check is strict
	Keys       []string `yaml:"keys,omitempty"`        // private key files
	Agent      bool     `yaml:"agent,omitempty"`       // use the SSH agent
}

// ReadConfig reads a configuration file whose job is a J; Config.Job points to it. An unknown key is an error, with its line.
// Beside the mistakes in a file that is YAML it returns what could be read, so that config check can look for more; Config.Job
// is nil where there is none.
func ReadConfig[J any](path string) (*Config, error) {
	if path == "" {
		return nil, errors.New("--config is needed: it names the configuration file; config init writes one")
	}
	var file configFile[J]
	doc, wrong := decode(path, &file)
	if errors.Is(wrong, os.ErrNotExist) {
		wrong = fmt.Errorf("%w. A file of this machine is needed; config init writes one", wrong)
	}
	if doc == nil {
		return nil, wrong
	}
	errs := []error{wrong}
	unread := func(key string) bool { // it is there, and a mistake elsewhere kept it from being read
		return wrong != nil && slices.ContainsFunc(doc.Content, func(n *yaml.Node) bool { return n.Value == key })
	}
	if file.Journal == "" && !unread("journal") {
		errs = append(errs, fmt.Errorf("%s: journal: a run needs a file for its journal", path))
	}
	if err := sshexec.CheckLeasePath(file.LeasePath); file.LeasePath != "" && err != nil {
		errs = append(errs, fmt.Errorf("%s: lease_path: %w", path, err))
	}
	errs = append(errs, sameAddress(path, file.Hosts)...)
	c := &file.Config
	c.dir, c.file, c.doc = filepath.Dir(path), path, doc
	if file.Job != nil {
		c.Job = file.Job
	} else if !unread("job") {
		errs = append(errs, fmt.Errorf("%s: job: this section is missing: it says what is to be done", path))
	}
	return c, errors.Join(errs...)
}

// sameAddress refuses two machines of one address: what is done to the one would be done to the other.
func sameAddress(path string, hosts map[string]string) (errs []error) {
	first := map[string]string{}
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		address := strings.ToLower(hosts[host])
		if other := first[address]; other != "" && address != "" {
			errs = append(errs, fmt.Errorf("%s: hosts: %s and %s have the same address, %s: correct one of them",
				path, other, host, hosts[host]))
		}
		first[address] = host
	}
	return errs
}

// Directory is the path of the directory that a key of the job names, where what is written later is to go. One that is not there is
// made then; one that is there and is no directory is an error.
func (c *Config) Directory(key, name string) (string, error) {
	dir := c.Path(name)
	if info, err := os.Stat(dir); dir != "" && err == nil && !info.IsDir() {
		return dir, fmt.Errorf("%s: %s is a file: a directory is needed", key, dir)
	} else if dir != "" && err != nil && !errors.Is(err, os.ErrNotExist) {
		return dir, fmt.Errorf("%s: %w", key, err)
	}
	return dir, nil
}

// ReadYAML reads a file of YAML of a binary's own into a struct, as ReadConfig reads a configuration: all that is wrong is
// said at once, each with its place, and no value of the file is quoted.
func ReadYAML(path string, into any) error {
	_, err := decode(path, into)
	return err
}

// decode reads a file into a struct. Beside the mistakes in it the node of its keys is returned, and into has what could be
// read; where the file cannot be read to its end there is no node.
func decode(path string, into any) (*yaml.Node, error) {
	raw, err := infile.Read(path, infile.Config)
	if err != nil {
		return nil, err
	}
	doc, err := mapping(path, raw)
	if err != nil {
		return nil, err
	}
	check := checker{path: path, seen: map[checked]bool{}}
	check.check(doc, shapeOf(reflect.TypeOf(into).Elem()))
	if len(check.list) > 0 {
		err = check.list
	}
	if no := doc.Decode(into); no != nil {
		if err == nil { // else it says the same once more, without the place
			err = placed(path, no)
		}
		if types := (*yaml.TypeError)(nil); !errors.As(no, &types) {
			return nil, err // it ended in the middle: nobody knows what is missing
		}
	}
	return doc, err
}

// mapping reads a file as YAML. It refuses one that is no configuration at all, which may be the password file, given by
// mistake: nothing of it is quoted.
func mapping(path string, raw []byte) (*yaml.Node, error) {
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	err := dec.Decode(&doc)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, infile.Why(path, placed(path, err))
	case len(doc.Content) == 0 || doc.Content[0].Tag == "!!null":
		return nil, fmt.Errorf("%s: it is empty: write the configuration into it; README.md shows one", path)
	case doc.Content[0].Kind != yaml.MappingNode:
		return nil, infile.Why(path, srcerr.Errorf(path, doc.Content[0].Line, doc.Content[0].Column, "",
			"this is no configuration: keys with their values were expected"))
	}
	// What stands behind a line --- would be read by nobody, be it that an approval is required.
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, srcerr.Errorf(path, more.Line, 0, "", "a second document begins here (---): write one document")
	case !errors.Is(err, io.EOF):
		return nil, placed(path, err)
	}
	return doc.Content[0], nil
}

// What the YAML library says: where, and what quotes a value or a type of Go; and that in words of the file.
var (
	yamlLine = regexp.MustCompile(`(?s)^(?:yaml: )?line (\d+): (.*)`)
	quotes   = []struct {
		said *regexp.Regexp
		text string
	}{
		{regexp.MustCompile(`(?s)^(?:cannot unmarshal|field|mapping key) .*`), "another kind of value is needed here"}, // the checker says which
		{regexp.MustCompile(`(?s)^unknown anchor '.*`),
			"an alias (*) refers to an anchor (&) that is not there; a text that begins with * needs quotes"},
		{regexp.MustCompile(`^found character that cannot start any token`),
			"a tab (indent with spaces), or a text that begins with @, ` or % and needs quotes"},
		{regexp.MustCompile(`(?s)^anchor '.*`), "an anchor (&) contains itself"},
		{regexp.MustCompile(`(?s)^invalid map key: .*`), "a key must be a text"},
		{regexp.MustCompile(`(?s)^cannot decode .*`), "a value is not what its tag (!!) says"},
	}
)

// plain is what the YAML library says without a value, which may be a secret that stands in the wrong place.
func plain(m string) string {
	for _, q := range quotes {
		m = q.said.ReplaceAllString(m, q.text)
	}
	return m
}

// meant names the key that may have been meant: the nearest one, where it is near.
func meant(key string, known []string) string {
	near := printable.Nearest(key, known)
	if near == "" || printable.Distance(key, near) > max(2, len(near)/3) {
		return ""
	}
	return fmt.Sprintf("; the nearest is %q", near)
}

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
		list = append(list, srcerr.Errorf(path, line, 0, "", "%s", plain(strings.TrimPrefix(m, "yaml: "))))
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
	return replace(path, raw, 0o600)
}

// replace writes a file at once or not at all: on a full disk what was there stays as it was.
func replace(path string, raw []byte, mode os.FileMode) error {
	err := os.WriteFile(path+".new", raw, mode)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		_ = os.Remove(path + ".new")
	}
	return err
}

// Path is a path of the configuration, made absolute; ~/ is the home directory.
func (c *Config) Path(p string) string {
	if rest, ok := strings.CutPrefix(p, "~/"); ok {
		if home := homeDir(); home != "" {
			return filepath.Join(home, rest)
		}
	}
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.dir, p)
}

// homeDir is the home directory: of the user where the environment has none, as under cron.
func homeDir() string {
	if home, err := os.UserHomeDir(); err == nil {
		return home
	}
	if u, err := user.Current(); err == nil {
		return u.HomeDir
	}
	return ""
}

// Secret reads a secret out of a file of its own, which nobody but its owner may read.
func (c *Config) Secret(p string) (sshexec.Secret, error) {
	if p == "" {
		return "", errors.New("password_file: name the file that holds the password")
	}
	name := c.Path(p)
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("password_file: %s: others can read or change it (mode %04o): chmod 600 %s", name, info.Mode().Perm(), name)
	}
	raw, err := infile.Read(name, infile.Secret)
	if err != nil {
		return "", unnamed("password_file", err)
	}
	return sshexec.Secret(bytes.TrimRight(raw, "\r\n")), nil
}

// unnamed says why a file cannot be read, and not its name: somebody may have written the secret there in its place.
func unnamed(key string, err error) error {
	var at *fs.PathError
	why := errors.New("the reason is not shown")
	if errors.As(err, &at) {
		why = at.Err
	}
	return fmt.Errorf("%s: the file cannot be read: %w (its name is not shown: it may be the secret itself)", key, why)
}

// checkLogin says what is missing to log in, and which files of it cannot be read, by their places in the lists; a FIFO or a device
// would hang the run.
func (c *Config) checkLogin() error {
	var errs []error
	if len(c.SSH.Keys) == 0 && !c.SSH.Agent {
		errs = append(errs, errors.New("ssh: keys: name a private key, or set agent: true"))
	}
	for i, name := range c.SSH.Keys {
		if _, err := infile.Read(c.Path(name), infile.Secret); err != nil {
			errs = append(errs, unnamed(fmt.Sprintf("ssh: keys[%d]", i), err))
		}
	}
	for i, name := range c.SSH.KnownHosts {
		if _, err := infile.Read(c.Path(name), infile.Text); err != nil {
			errs = append(errs, fmt.Errorf("ssh: known_hosts[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}
