package clitest

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

const module = "github.com/evenkeel-ha/evenkeel/"

// ConfiguredJob is a job of a binary with the Go type of its configuration.
type ConfiguredJob struct {
	app       *cli.App
	schema    func(cli.Comments) ([]byte, error)
	reference func(cli.Comments) string
}

// Configured is a job whose section of the configuration is a J.
func Configured[J any](app *cli.App) ConfiguredJob {
	return ConfiguredJob{app,
		func(c cli.Comments) ([]byte, error) { return cli.Schema[J]("Configuration of "+app.Name, c) }, cli.Reference[J]}
}

// Configuration holds the schemas of a binary's jobs (schema/WORD.json), and the page of its keys
// (docs/configuration-BINARY.md), against the Go structs and their comments; and the schemas against the parser: the
// parser takes each key of a schema, and what the parser takes the schema takes.
func Configuration(t *testing.T, binary string, jobs ...ConfiguredJob) {
	page := "# Configuration of " + binary + "\n\nMade from the source: `go test ./examples/" + binary + " -run TestConfiguration -update`. " +
		"Paths are relative to the file. A key that is not here is refused, with its line and the nearest one that is.\n\n" +
		"## Of every job\n\n" + cli.Reference[cli.Config](comments(t))
	for _, job := range jobs {
		t.Run(job.app.Name, func(t *testing.T) { job.check(t) })
		page += "\n## `job` of " + job.app.Name + "\n\n" + job.reference(comments(t))
	}
	golden.Check(t, filepath.Join("..", "..", "..", "docs", "configuration-"+binary+".md"), page)
}

func (j ConfiguredJob) check(t *testing.T) {
	want, err := j.schema(comments(t))
	require.NoError(t, err)
	word := strings.ReplaceAll(j.app.Name, " ", "-")
	golden.Check(t, filepath.Join("..", "schema", word+".json"), string(want))
	require.True(t, bytes.Equal(want, j.app.Schema), "the binary has another schema in it")
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(want))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("s.json", doc))
	schema, err := compiler.Compile("s.json")
	require.NoError(t, err, "it is no schema")
	undescribed(t, "", doc.(map[string]any)) //nolint:forcetypeassert // it compiled

	path := filepath.Join(t.TempDir(), "c.yaml")
	both := func(text string) (parsed, valid error) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, parsed = j.app.Read(path)
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			return parsed, err
		}
		return parsed, schema.Validate(plainly(value))
	}
	example, err := os.ReadFile(Example(t, func() *cli.App { return j.app }, ""))
	require.NoError(t, err)
	everything, err := yaml.Marshal(sample(doc.(map[string]any))) //nolint:forcetypeassert // it compiled
	require.NoError(t, err)
	for _, good := range []string{
		string(example), string(everything), "journal: j\njob: {}\n", "journal: 1\njob: {}\nhosts:\nattest:\nssh:\n",
		"journal: 2024-01-01\nholder: 0.10\njob: {}\nssh: {agent: true, keys: []}\n",
		"journal: &j a\nholder: *j\njob: {}\n",
	} {
		parsed, valid := both(good)
		require.NoError(t, parsed, "%s", good)
		require.NoError(t, valid, "%s", good)
	}
	for bad, at := range badFiles {
		parsed, valid := both(bad)
		require.ErrorContains(t, parsed, path+at, "%s", bad)
		require.Error(t, valid, "the schema takes it, and the parser does not: %s", bad)
	}
}

// badFiles are configurations that are none, and where the mistake is.
var badFiles = map[string]string{
	"journal: j\njob: {}\njurnal: x\n":                           `:3:1: there is no key "jurnal"; the nearest is "journal"`,
	"journal: j\njob: {}\nssh: {usr: x}\n":                       `:3:7: there is no key "usr"; the nearest is "user"`,
	"journal: j\njob: {nothing_like_it: 1}\n":                    `:2:7: there is no key "nothing_like_it"`,
	"journal: j\njob: []\n":                                      ":2:6: another kind of value is needed here: keys with their values",
	"journal: [j]\njob: {}\n":                                    ":1:10: another kind of value is needed here: a text",
	"journal:\njob: {}\n":                                        ":1:9: a value is missing: a text",
	"journal: \"\"\njob: {}\n":                                   ": journal: a run needs a file for its journal",
	"job: {}\n":                                                  ": journal: a run needs a file for its journal",
	"journal: j\n":                                               ": job: this section is missing",
	"journal: j\njob:\n":                                         ": job: this section is missing",
	"journal: j\njob: {}\nrequire_approval: yes\n":               ":3:19: another kind of value is needed here: true or false",
	"journal: j\njob: {}\nrequire_approval: 1\n":                 ":3:19: another kind of value is needed here: true or false",
	"journal: j\njob: {}\nssh: {keys: k}\n":                      ":3:13: another kind of value is needed here: a list",
	"journal: j\njob: {}\nssh: {keys: [k, ~]}\n":                 ":3:17: a value is missing: a text",
	"journal: j\njob: {}\nhosts: [a]\n":                          ":3:8: another kind of value is needed here: names with their values",
	"journal: j\njob: {}\nhosts: {a: {b: c}}\n":                  ":3:12: another kind of value is needed here: a text",
	"journal: j\njob: {}\nssh: {agent: \"true\"}\n":              ":3:14: another kind of value is needed here: true or false",
	"journal: j\njob: {}\nattest: {a/b: [who]}\n":                ":3:15: another kind of value is needed here: a text",
	"journal: j\njob: {}\nssh: &s {user: u}\nhosts: *s\nx: *s\n": `:5:1: there is no key "x"`,
}

// plainly is a value of YAML as one of JSON: a time is the text that it is written as.
func plainly(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return v
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return v
	}
	return out
}

// sample has every key that a schema knows.
func sample(schema map[string]any) any {
	if properties, ok := schema["properties"].(map[string]any); ok {
		out := map[string]any{}
		for key, of := range properties {
			out[key] = sample(of.(map[string]any)) //nolint:forcetypeassert // it is a schema
		}
		if _, is := out["lease_path"]; is {
			out["lease_path"] = "/var/lib/lease" // a path is wanted there
		}
		return out
	}
	if items, ok := schema["items"].(map[string]any); ok {
		return []any{sample(items)}
	}
	if of, ok := schema["additionalProperties"].(map[string]any); ok {
		return map[string]any{"name": sample(of)}
	}
	if words, ok := schema["enum"].([]any); ok {
		return words[len(words)-1]
	}
	types, _ := schema["type"].([]any)
	if one, ok := schema["type"].(string); ok {
		types = []any{one}
	}
	switch {
	case schema["pattern"] != nil:
		return "1h30m"
	case len(types) > 0 && types[0] == "boolean":
		return true
	case len(types) > 0 && (types[0] == "integer" || types[0] == "number"):
		return 2
	}
	return "text"
}

// undescribed finds keys without a description: a field without a comment.
func undescribed(t *testing.T, path string, schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	for key, of := range properties {
		is := of.(map[string]any) //nolint:forcetypeassert // it is a schema
		if is["description"] == nil {
			t.Errorf("%s%s has no comment in its Go struct", path, key)
		}
		undescribed(t, path+key+".", is)
	}
}

// comments reads the comments of the fields of this module's structs.
func comments(t *testing.T) cli.Comments {
	read := map[string]map[string]string{} // by package and type
	return func(in reflect.Type, name string) string {
		if in.Name() == "" {
			return ""
		}
		key := in.PkgPath() + "." + in.Name()
		if read[key] == nil {
			read[key] = fieldComments(t, in)
		}
		return read[key][name]
	}
}

// fieldComments are those of a struct: what stands before a field, or behind it.
func fieldComments(t *testing.T, in reflect.Type) map[string]string {
	dir := filepath.Join("..", "..", strings.TrimPrefix(in.PkgPath(), module))
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	found := map[string]string{}
	for _, name := range files {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != in.Name() {
				return true
			}
			if fields, ok := spec.Type.(*ast.StructType); ok {
				last, line := "", 0
				for _, field := range fields.Fields.List {
					text := field.Doc.Text() + field.Comment.Text()
					if text == "" && set.Position(field.Pos()).Line == line+1 {
						text = last // one comment for neighbours
					}
					last, line = text, set.Position(field.End()).Line
					for _, one := range field.Names {
						found[one.Name] = text
					}
				}
			}
			return false
		})
	}
	require.NotEmpty(t, found, "%s has no fields in %s", in, dir)
	return found
}

// Initialised has config init write a configuration for what is in a directory, and returns it. Where it must refuse, it says so in the
// given words, and nothing is written. Whatever holds the word "canary" is not shown.
func Initialised(t *testing.T, app func() *cli.App, name, dir, into, refused string) []byte {
	t.Helper()
	code, out := Here(app, "config", "init", "--dir", dir, "--into", into)
	require.NotContains(t, out, "canary", name)
	if refused != "" {
		require.Equal(t, cli.ExitInput, code, "%s: %s", name, out)
		require.Contains(t, out, refused, name)
		require.NoFileExists(t, into, name)
		return nil
	}
	require.Equal(t, cli.ExitDone, code, "%s: %s", name, out)
	text, err := os.ReadFile(into)
	require.NoError(t, err)
	return text
}
