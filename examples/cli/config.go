package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Config is the configuration file of both binaries. Paths in it are relative to the file.
type Config struct {
	Journal string `yaml:"journal"`          // the file that remembers the run
	Holder  string `yaml:"holder,omitempty"` // who runs it, as others see it in the lease; user@host when empty

	// LeasePath is where each machine keeps the lease: a path that survives a reboot and that the login user can write;
	// /var/lib/evenkeel.lease when empty. Every operator of a machine has to use the same path: two paths are two leases.
	LeasePath string `yaml:"lease_path,omitempty"`

	SSH   SSHConfig         `yaml:"ssh"`
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
// Beside the mistakes in a file that is YAML it returns what could be read, so that config check can look for more; Config.Job
// is nil where there is none.
func ReadConfig[J any](path string) (*Config, error) {
	if path == "" {
		return nil, errors.New("--config is needed: it names the configuration file")
	}
	raw, err := infile.Read(path, infile.Config)
	if err != nil {
		return nil, err
	}
	if err := isMapping(path, raw); err != nil {
		return nil, err
	}
	var file struct {
		Config `yaml:",inline"`
		Job    *J `yaml:"job"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	var errs []error
	if err := dec.Decode(&file); err != nil {
		errs = append(errs, placed(path, err, keysOf(reflect.TypeOf(file))))
		if types := (*yaml.TypeError)(nil); !errors.As(err, &types) {
			return nil, errs[0] // it ended in the middle: nobody knows what is missing
		}
	}
	if file.Journal == "" {
		errs = append(errs, fmt.Errorf("%s: journal: a run needs a file for its journal", path))
	}
	if err := sshexec.CheckLeasePath(file.LeasePath); file.LeasePath != "" && err != nil {
		errs = append(errs, fmt.Errorf("%s: lease_path: %w", path, err))
	}
	c := &file.Config
	c.dir = filepath.Dir(path)
	if file.Job == nil {
		errs = append(errs, fmt.Errorf("%s: job: there is none", path))
	} else {
		c.Job = file.Job
	}
	return c, errors.Join(errs...)
}

// isMapping refuses a file that is no configuration at all. It may be the password file, given by mistake: nothing of it is quoted.
func isMapping(path string, raw []byte) error {
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	err := dec.Decode(&doc)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return placed(path, err, nil)
	case len(doc.Content) == 0 || doc.Content[0].Tag == "!!null":
		return fmt.Errorf("%s: it is empty: write the configuration into it. README.md shows one, and simulate prints one", path)
	case doc.Content[0].Kind != yaml.MappingNode:
		return srcerr.Errorf(path, doc.Content[0].Line, 0, "", "this is no configuration: a mapping of keys was expected")
	}
	// What stands behind a line --- would be read by nobody, be it that an approval is required.
	switch err := dec.Decode(&more); {
	case err == nil:
		return srcerr.Errorf(path, more.Line, 0, "", "a second document begins here (---): a configuration is one")
	case !errors.Is(err, io.EOF):
		return placed(path, err, nil)
	}
	return nil
}

// What the YAML library says: where; that a key is unknown, or there twice; and what quotes a value.
var (
	yamlLine  = regexp.MustCompile(`(?s)^(?:yaml: )?line (\d+): (.*)`)
	noField   = regexp.MustCompile(`(?s)^field (\S+) not found in type (.*)$`)
	twice     = regexp.MustCompile(`(?s)^mapping key .* already defined at line (\d+)$`)
	twiceHere = regexp.MustCompile(`^field (\S+) already set in type .*`)
	wrongKind = regexp.MustCompile(`(?s)^cannot unmarshal .* into (.+)$`)
	anchor    = regexp.MustCompile(`(?s)^unknown anchor '.*`)
	itself    = regexp.MustCompile(`(?s)^anchor '.*' value contains itself$`)
	oddKey    = regexp.MustCompile(`(?s)^invalid map key: .*`)
	notAs     = regexp.MustCompile(`(?s)^cannot decode .* as a \S+$`)
)

// plain is what the YAML library says, in words of the file: without a type of Go, and without a value, which may be a
// secret that stands in the wrong place. Known are the keys of each type.
func plain(m string, known map[string][]string) string {
	if wrong := wrongKind.FindStringSubmatch(m); wrong != nil {
		return "another kind of value is needed here" + wanted(wrong[1])
	}
	if no := noField.FindStringSubmatch(m); no != nil {
		return fmt.Sprintf("there is no key %q", no[1]) + meant(no[1], known[no[2]])
	}
	m = twice.ReplaceAllString(m, "this key is there already, in line $1")
	m = twiceHere.ReplaceAllString(m, `the key "$1" is there already`)
	m = anchor.ReplaceAllString(m, "an alias (*) refers to an anchor (&) that is not there; a text that begins with * needs quotes")
	m = itself.ReplaceAllString(m, "an anchor (&) contains itself")
	m = oddKey.ReplaceAllString(m, "a key must be a text")
	return notAs.ReplaceAllString(m, "a value is not what its tag (!!) says")
}

// wanted is a type of Go in the words of YAML; empty where there is no word for it.
func wanted(goType string) string {
	switch {
	case goType == "string":
		return ": a text"
	case goType == "bool":
		return ": true or false"
	case goType == "time.Duration":
		return ": a duration such as 10m"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"):
		return ": a whole number"
	case strings.HasPrefix(goType, "[]"):
		return ": a list"
	case strings.HasPrefix(goType, "map["), strings.HasPrefix(goType, "struct"), strings.HasSuffix(strings.ToLower(goType), "config"):
		return ": keys with their values"
	}
	return ""
}

// meant names the key that may have been meant: the nearest one, where it is near.
func meant(key string, known []string) string {
	near := printable.Nearest(key, known)
	if near == "" || printable.Distance(key, near) > max(2, len(near)/3) {
		return ""
	}
	return fmt.Sprintf("; the nearest is %q", near)
}

// keysOf are the keys of a type of a configuration, and of those within it, by the names of the types.
func keysOf(t reflect.Type) map[string][]string {
	all := map[string][]string{}
	var visit func(t reflect.Type)
	visit = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			visit(t.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if _, seen := all[t.String()]; seen {
			return
		}
		all[t.String()] = []string{}
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name == "-" || !f.IsExported() {
				continue
			}
			visit(f.Type)
			if options == "inline" {
				all[t.String()] = append(all[t.String()], all[f.Type.String()]...)
				continue
			}
			all[t.String()] = append(all[t.String()], cmp.Or(name, strings.ToLower(f.Name)))
		}
	}
	visit(t)
	return all
}

// placed is a mistake in a YAML file as every other mistake in an input: file:line: what.
func placed(path string, err error, known map[string][]string) error {
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
		list = append(list, srcerr.Errorf(path, line, 0, "", "%s", plain(strings.TrimPrefix(m, "yaml: "), known)))
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

// Secret reads a secret out of a file of its own, which nobody but its owner may read.
func (c *Config) Secret(p string) (sshexec.Secret, error) {
	if p == "" {
		return "", errors.New("password_file: no file is named for the password")
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
	why := errors.New("it is not what it has to be")
	if errors.As(err, &at) {
		why = at.Err
	}
	return fmt.Errorf("%s: the file cannot be read: %w (its name is not shown: it may be the secret itself)", key, why)
}

// checkKeys says which private key cannot be read, by its place in the list.
func (c *Config) checkKeys() error {
	for i, name := range c.SSH.Keys {
		f, err := os.Open(c.Path(name))
		if err != nil {
			return unnamed(fmt.Sprintf("ssh: keys[%d]", i), err)
		}
		_ = f.Close()
	}
	return nil
}
