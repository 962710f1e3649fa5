package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io/fs"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// Comments gives the comment of a field of a struct. It is read from the source: see clitest.Configuration.
type Comments func(in reflect.Type, field string) string

// Schema is the JSON schema (draft 2020-12) of the configuration of a job, a J: an editor that knows it completes and checks
// while one types. It takes what the parser takes.
func Schema[J any](title string, comments Comments) ([]byte, error) {
	s := shapeOf(reflect.TypeFor[configFile[J]]()).schema(comments)
	s.Properties["journal"].MinLength = 1
	job := s.Properties["job"]
	job.Type, job.Description = "object", "What is to be done."
	return s.text(title, "journal", "job")
}

// text is the schema of a whole file, in JSON.
func (s *schema) text(title string, required ...string) ([]byte, error) {
	s.Schema, s.Title, s.Type, s.Required = "https://json-schema.org/draft/2020-12/schema", title, "object", required
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(s)
	return b.Bytes(), err
}

// schema is a JSON schema.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        any                `json:"type,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	MinLength   int                `json:"minLength,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	// Additional is false where the keys are known, and else the schema of the values.
	Additional any `json:"additionalProperties,omitempty"`
}

// durationPattern is what time.ParseDuration takes.
const durationPattern = `^[-+]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`

func (s *shape) schema(comments Comments) *schema {
	out, types := &schema{}, s.kind.types
	switch s.kind {
	case kindDuration:
		out.Pattern = durationPattern
	case kindList:
		out.Items = s.elem.schema(comments)
	case kindTable:
		out.Additional = s.elem.schema(comments)
	case kindKeys:
		out.Additional, out.Properties = false, map[string]*schema{}
		for _, f := range s.fields {
			one := f.shape.schema(comments)
			one.Description = described(f, comments)
			out.Properties[f.key] = one
		}
	}
	if len(s.oneOf) > 0 {
		types, out.Enum = []string{"string"}, append([]string{""}, s.oneOf...)
	}
	if s.null && len(types) > 0 {
		types = append(slices.Clip(types), "null")
	}
	switch len(types) {
	case 0:
	case 1:
		out.Type = types[0]
	default:
		out.Type = types
	}
	return out
}

// described is the comment of a field as a sentence, without the name that it has in Go.
func described(f field, comments Comments) string {
	text := strings.Join(strings.Fields(comments(f.in, f.name)), " ")
	if rest, ok := strings.CutPrefix(text, f.name+" "); ok && !strings.HasPrefix(rest, "and ") {
		text = strings.TrimPrefix(strings.TrimPrefix(rest, "is "), "are ")
	}
	text = strings.TrimPrefix(text, f.name+": ")
	first, n := utf8.DecodeRuneInString(text)
	if n == 0 {
		return ""
	}
	if word, _, _ := strings.Cut(text, " "); word != text && !strings.ContainsAny(word, "._/-") { // else it is a name
		text = string(unicode.ToUpper(first)) + text[n:]
	}
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return asKeys(text, f)
}

var (
	goName  = regexp.MustCompile(`\b[A-Z]\w*[A-Z0-9]\w*\b`)
	noValue = regexp.MustCompile(`\bnil\b`)
)

// asKeys has the keys in the place of the names that the other fields of the struct have in Go.
func asKeys(text string, of field) string {
	keys := map[string]string{}
	for _, f := range fieldsOf(of.in) {
		keys[f.name] = f.key
	}
	if strings.EqualFold(of.name, of.key) {
		delete(keys, of.name) // a name in the world, too: SELinux
	}
	text = noValue.ReplaceAllString(text, "not given")
	return goName.ReplaceAllStringFunc(text, func(word string) string { return cmp.Or(keys[word], word) })
}

func (a *App) configSchemaCommand() *cobra.Command {
	return a.Command(&cobra.Command{
		Use: "schema", Short: "Print the JSON schema of the configuration, for editors",
		Long: `Print the JSON schema (draft 2020-12) of the configuration. An editor with the YAML language server completes and checks what
you type, where the first line of the configuration names the schema:

  # yaml-language-server: $schema=` + a.schemaName(),
		Example: "  TOOL config schema > " + a.schemaName(),
	}, func(context.Context, []string) (int, error) { return a.Say(string(a.Schema)) })
}

// schemaName is the file that config init writes the schema to.
func (a *App) schemaName() string { return a.word() + ".schema.json" }

// SchemaIn is the schema of a job in the folder schema of a binary's files: what Schema made, as the binary carries it. It panics
// where there is none: a binary's own test looks at each.
func SchemaIn(files fs.ReadFileFS, name string) []byte {
	raw, err := files.ReadFile("schema/" + strings.ReplaceAll(name, " ", "-") + ".json")
	if err != nil {
		panic(err)
	}
	return raw
}
