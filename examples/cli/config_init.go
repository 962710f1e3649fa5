package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"al.essio.dev/pkg/shellescape"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/examples/cli/view"
)

func (a *App) configInitCommand() *cobra.Command {
	var dir, into string
	c := a.Command(&cobra.Command{
		Use: "init", Short: "Write a configuration with comments, from your own files",
		Long: `Write a configuration with comments from what is in a directory. What can be read there is filled in, what only you can know
is marked with ` + onlyYou + `, and every other key is a comment. An existing file is never overwritten.`,
		Example: "  TOOL config init --dir ./backups --into config.yaml\n  TOOL config check --config config.yaml",
	}, func(context.Context, []string) (int, error) { return a.configInit(dir, into) })
	folderFlag(c, &dir, "dir", ".", "read your files from this `DIR`")
	c.Flags().StringVar(&into, "into", "config.yaml", "write the configuration to this `FILE`")
	return c
}

// onlyYou marks what the operator has to fill in.
const onlyYou = "FILL IN"

// configInit writes a configuration, and its schema beside it.
func (a *App) configInit(dir, into string) (int, error) {
	if err := noInput(dir); err != nil {
		return ExitInput, err
	}
	cfg, marks, err := a.Begin(dir)
	if err != nil {
		return ExitInput, err
	}
	text, err := a.commented(cfg, marks)
	if err != nil {
		return ExitFailed, err
	}
	if err := WriteNew(into, []byte(text)); err != nil {
		return ExitInput, err
	}
	beside := filepath.Join(filepath.Dir(into), a.schemaName())
	if _, err := os.Stat(beside); errors.Is(err, os.ErrNotExist) { // another one may be of another version, and does no harm
		if err := WriteNew(beside, a.Schema); err != nil {
			return ExitFailed, fmt.Errorf("%s is written, and its schema is not (config schema prints it): %w", into, err)
		}
	}
	return a.Say(fmt.Sprintf("%s is written. %s marked %q in it. Then: %s config check --config %s\n",
		into, counted(len(marks), "thing is", "things are"), onlyYou, a.Name, shellescape.Quote(into)))
}

// commented is a configuration as text, each key with its comment. What is not set is a comment itself.
func (a *App) commented(cfg *Config, marks map[string]string) (string, error) {
	var described schema
	if err := json.Unmarshal(a.Schema, &described); err != nil {
		return "", fmt.Errorf("the schema of the configuration: %w", err)
	}
	w := commenter{marks: marks}
	fmt.Fprintf(&w.b, "# yaml-language-server: $schema=%s\n# The configuration of %s. %s config check says what is wrong with it.\n",
		a.schemaName(), a.Name, a.Name)
	if err := w.keys("", "", shapeOf(reflect.TypeFor[Config]()), reflect.ValueOf(cfg).Elem(), &described); err != nil {
		return "", err
	}
	says := cmp.Or(described.Properties["job"], &schema{}) // a tool need not describe its job
	w.b.WriteString("\n")
	w.comment("", says.Description)
	w.b.WriteString("job:\n")
	job := reflect.ValueOf(cfg.Job)
	for job.Kind() == reflect.Pointer {
		job = job.Elem()
	}
	if !job.IsValid() {
		return w.b.String(), nil
	}
	err := w.keys("  ", "", shapeOf(job.Type()), job, says)
	return w.b.String(), err
}

type commenter struct {
	b     strings.Builder
	marks map[string]string
}

// keys writes keys with their comments. What is not set, and what simulate alone writes, is a comment.
func (w *commenter) keys(indent, path string, s *shape, v reflect.Value, described *schema) error {
	for _, f := range s.fields {
		value, says := v.FieldByIndex(f.index), cmp.Or(described.Properties[f.key], &schema{})
		if f.key == "world" {
			continue
		}
		w.comment(indent, says.Description)
		why, marked := w.marks[path+f.key]
		if marked {
			w.comment(indent, onlyYou+": "+why)
		}
		if f.shape.kind == kindKeys && (!value.IsZero() || f.shape.elem != nil) {
			fmt.Fprintf(&w.b, "%s%s:\n", indent, f.key)
			for value.Kind() == reflect.Pointer {
				value = value.Elem()
			}
			if err := w.keys(indent+"  ", path+f.key+".", f.shape, value, says); err != nil {
				return err
			}
			continue
		}
		raw, err := yaml.Marshal(map[string]any{f.key: value.Interface()})
		if err != nil {
			return err
		}
		off := ""
		if value.IsZero() && !marked {
			off = "# "
			raw = []byte(f.key + ": " + f.shape.sample() + "\n")
		}
		for line := range strings.Lines(string(raw)) {
			w.b.WriteString(indent + off + line)
		}
	}
	return nil
}

// sample is a value as it may look, in a key that is a comment.
func (s *shape) sample() string {
	if len(s.oneOf) > 0 {
		return s.oneOf[0]
	}
	return s.kind.sample
}

// commentWidth is where a comment is broken.
const commentWidth = 110

// comment writes a comment, and nothing for an empty one.
func (w *commenter) comment(indent, text string) {
	if text = strings.Join(strings.Fields(text), " "); text != "" {
		text = strings.ReplaceAll(view.Hang(text, commentWidth-len(indent)), "\n  ", "\n"+indent+"# ")
		fmt.Fprintf(&w.b, "%s# %s\n", indent, text)
	}
}
