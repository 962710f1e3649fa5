package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type someJob struct {
	Files []string `yaml:"files"`
	Fast  bool     `yaml:"fast"`
}

// What was given for a configuration may be a password, and so may a value in a wrong place. A mistake is named by its
// line and in plain words: no value, no type of Go.
func TestAMistakeInAConfigurationQuotesNoValue(t *testing.T) {
	for text, want := range map[string]string{
		"hunter2\n":                         "c.yaml:1:1: this is no configuration: keys with their values were expected",
		"\n\nhunter2 hunter2\n":             "c.yaml:3:1: this is no configuration",
		"- hunter2\n":                       "c.yaml:1:1: this is no configuration",
		"*hunter2\n":                        "an alias (*) refers to an anchor (&) that is not there",
		"&hunter2 [*hunter2]\n":             "this is no configuration",
		"!hunter2 x\n":                      "this is no configuration",
		"job: {fast: !!bool hunter2}\n":     "a value is not what its tag (!!) says",
		"12345678\n":                        "this is no configuration",
		"":                                  "c.yaml: it is empty: write the configuration into it",
		"# nothing but this\n":              "it is empty",
		"---\n":                             "it is empty",
		"ssh: hunter2\n":                    "c.yaml:1:6: another kind of value is needed here: keys with their values",
		"ssh: [hunter2]\n":                  "keys with their values",
		"journal: {hunter2: hunter2}\n":     ": a text",
		"require_approval: hunter2\n":       ": true or false",
		"ssh: {keys: {a: hunter2}}\n":       ": a list",
		"job: hunter2\n":                    "c.yaml:1:6: another kind of value is needed here",
		"job:\n  fast: hunter2\n":           "c.yaml:2:9: another kind of value is needed here: true or false",
		"ssh: !!int hunter2\n":              "another kind of value",
		"ssh: &hunter2 {user: *hunter2}\n":  "another kind of value",
		"? {a: hunter2}\n: x\n":             "c.yaml:",
		"journal: a\njournal: hunter2\n":    "c.yaml:2:1: this key is there already, in line 1",
		"a: \"hunter2\n":                    "c.yaml:2: ",
		"job: {}\n\thunter2: 1\n":           "c.yaml:2: a tab (indent with spaces)",
		"holder: @hunter2\n":                "needs quotes",
		"ssh: {!!binary user: hunter2}\n":   "c.yaml:1:7: a key must be a text",
		"ssh:\n  !x user: hunter2\n":        "c.yaml:2:3: a key must be a text",
		"hosts: {!!binary YQ==: hunter2}\n": "c.yaml:1:9: a key must be a text",
		"hosts: {~: hunter2}\n":             "c.yaml:1:9: a key must be a text",
		bomb("hunter2"):                     "c.yaml:",
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := ReadConfig[someJob](path)
		require.ErrorContains(t, err, want, "%q", text)
		for _, never := range []string{"hunter2", "12345678", "struct", "cli.", "interface", "unmarshal"} {
			require.NotContains(t, err.Error(), never, "%q", text)
		}
	}
}

// A second document would be read by nobody, whatever it asks for: it is refused, with its line.
func TestAConfigurationIsOneDocument(t *testing.T) {
	const one = "journal: j\njob: {}\n"
	path := filepath.Join(t.TempDir(), "c.yaml")
	for text, want := range map[string]string{
		one + "---\nrequire_approval: true\n": "c.yaml:3: a second document begins here",
		"---\n" + one + "---\n":               "c.yaml:4: a second document begins here",
		one + "---\n]\n":                      "c.yaml:",
		"---\n" + one + "...\n# the end\n":    "",
		one:                                   "",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := ReadConfig[someJob](path)
		if want == "" {
			require.NoError(t, err, "%q", text)
			continue
		}
		require.ErrorContains(t, err, want, "%q", text)
	}
}

// bomb is a small file that would be very large if all its aliases were followed.
func bomb(word string) string {
	var b strings.Builder
	b.WriteString("a0: &a0 [" + word + "]\n")
	last := "a0"
	for _, name := range []string{"a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"} {
		b.WriteString(name + ": &" + name + " [" + strings.Repeat("*"+last+",", 9) + "*" + last + "]\n")
		last = name
	}
	return b.String() + "job: {files: *" + last + "}\n"
}

// What is missing in a configuration is said at once, and what could be read is there for more to be found in it.
func TestAllThatIsMissingIsSaidAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte("lease_path: x\nholder: me\ntypo: 1\n"), 0o600))
	cfg, err := ReadConfig[someJob](path)
	for _, want := range []string{`c.yaml:3:1: there is no key "typo"`, "journal: ", "lease_path: ", "job: this section is missing"} {
		require.ErrorContains(t, err, want)
	}
	require.Equal(t, "me", cfg.Holder)
	require.Nil(t, cfg.Job)
}

// A key that is misspelt is named with the one of its place that comes nearest; with none where nothing is near.
func TestAMisspeltKeyIsNamedWithTheNearest(t *testing.T) {
	for text, want := range map[string]string{
		"journl: j\n":                 `c.yaml:1:1: there is no key "journl"; the nearest is "journal"`,
		"job:\n  fats: true\n":        `c.yaml:2:3: there is no key "fats"; the nearest is "fast"`,
		"ssh:\n  know_hosts: [a]\n":   `c.yaml:2:3: there is no key "know_hosts"; the nearest is "known_hosts"`,
		"job:\n  known_hosts: [a]\n":  `c.yaml:2:3: there is no key "known_hosts"`,
		"completely_different: [a]\n": `c.yaml:1:1: there is no key "completely_different"`,
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := ReadConfig[someJob](path)
		require.ErrorContains(t, err, want, "%q", text)
		require.Equal(t, strings.Contains(want, "nearest"), strings.Contains(err.Error(), "nearest"), "%q: %v", text, err)
	}
}

// Whoever writes a secret in the place of its file's name does not read it in the error.
func TestASecretInThePlaceOfAFileIsNotShown(t *testing.T) {
	c := &Config{dir: t.TempDir(), SSH: SSHConfig{Keys: []string{"-----BEGIN KEY-----\nhunter2"}}}
	_, err := c.Secret("hunter2")
	require.ErrorContains(t, err, "password_file: the file cannot be read: no such file")
	require.NotContains(t, err.Error(), "hunter2")
	_, err = connect(c).client("h")
	require.ErrorContains(t, err, "ssh: keys[0]: the file cannot be read: no such file")
	for _, text := range append(c.problems(), err.Error()) {
		require.NotContains(t, text, "hunter2")
	}
}

// What was found in a plan is printed once where an operator sees both outputs.
func TestFindingsArePrintedOnceOnATerminal(t *testing.T) {
	for _, tc := range []struct {
		screen *os.File
		format string
		said   string
	}{{os.Stdout, "text", ""}, {os.Stdout, formatWindow, ""}, {os.Stdout, "json", "f"}, {os.Stdout, "markdown", "f"}, {nil, "text", "f"}} {
		var errs strings.Builder
		a := &App{Stderr: &errs, screen: tc.screen}
		a.find(tc.format, "f")
		require.Equal(t, tc.said, errs.String(), "%+v", tc)
	}
}

// Two machines of one address are refused before anything runs, whatever the command.
func TestTwoMachinesOfOneAddress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	for hosts, wrong := range map[string]bool{
		"{a: '10.0.0.1:22', b: '10.0.0.1:22'}":         true,
		"{a: 'Host.example:22', b: 'host.example:22'}": true,
		"{a: '10.0.0.1:22', b: '10.0.0.1:23'}":         false,
		"{a: '10.0.0.1:22', b: '10.0.0.2:22'}":         false,
		"{a: '', b: ''}":                               false, // each is dialled by its name
	} {
		require.NoError(t, os.WriteFile(path, []byte("journal: j\nhosts: "+hosts+"\njob: {}\n"), 0o600))
		_, err := ReadConfig[someJob](path)
		if !wrong {
			require.NoError(t, err, hosts)
			continue
		}
		require.ErrorContains(t, err, path+": hosts: a and b have the same address, ", hosts)
	}
}

// What is to be a directory may be missing, and may not be a file.
func TestADirectoryIsNoFile(t *testing.T) {
	c := &Config{dir: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "file"), nil, 0o600))
	for name, says := range map[string]string{"": "", ".": "", "later": "", "file/below": "archives: ",
		"file": "archives: " + filepath.Join(c.dir, "file") + " is a file: a directory is needed"} {
		dir, err := c.Directory("archives", name)
		require.Equal(t, c.Path(name), dir)
		if says == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, says, name)
	}
}

// A key that is there twice keeps a file from being read; that the others are missing would be a lie.
func TestATwiceGivenKeyHidesNoOther(t *testing.T) {
	name := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(name, []byte("journal: a\njob: {}\njournal: b\n"), 0o600))
	_, err := ReadConfig[struct{}](name)
	require.ErrorContains(t, err, "this key is there already")
	require.NotContains(t, err.Error(), "is missing")
	require.NotContains(t, err.Error(), "needs a file")
	require.NoError(t, os.WriteFile(name, []byte("holder: me\nlease_pth: x\n"), 0o600))
	_, err = ReadConfig[struct{}](name)
	require.ErrorContains(t, err, "is missing")
	require.ErrorContains(t, err, "needs a file")
}

// A description names other keys as the file has them, not as Go does.
func TestADescriptionHasNoNamesOfGo(t *testing.T) {
	type job struct {
		NoSSH  bool `yaml:"nossh"`
		Set1   bool `yaml:"set1"`
		UseCL  bool `yaml:"usecl"`
		Deploy bool `yaml:"deploy"`
	}
	comments := func(_ reflect.Type, field string) string {
		return map[string]string{
			"UseCL":  "UseCL is --usecl: needs NoSSH. None when nil",
			"Set1":   "NoSSH and UseCL are for OpenStack",
			"Deploy": "Deploy through vCenter by SSH",
		}[field]
	}
	var said []string
	for _, f := range shapeOf(reflect.TypeFor[job]()).fields {
		said = append(said, described(f, comments))
	}
	require.Equal(t, []string{
		"", "nossh and usecl are for OpenStack.", "--usecl: needs nossh. None when not given.", "Through vCenter by SSH.",
	}, said)
}

// A file that cannot be written whole is left as it was: a man page is never half a one.
func TestReplaceLeavesTheOldFileOrMakesTheNewOne(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.1")
	require.NoError(t, replace(name, []byte("old"), 0o644))
	require.NoError(t, os.MkdirAll(filepath.Join(name+".new", "in the way"), 0o755))
	require.Error(t, replace(name, []byte("new"), 0o644))
	raw, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "old", string(raw))
	require.NoError(t, os.RemoveAll(name+".new"))
	require.NoError(t, replace(name, []byte("new"), 0o644))
	require.NoFileExists(t, name+".new")
}
