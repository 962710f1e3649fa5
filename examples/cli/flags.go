package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configFlag declares --config.
func configFlag(c *cobra.Command, config *string) {
	ConfigFlag(c, config, "the configuration `FILE`")
}

// ConfigFlag declares --config, for a file of YAML.
func ConfigFlag(c *cobra.Command, config *string, usage string) {
	fileFlag(c, config, "config", usage, "yaml", "yml")
}

// fileFlag declares a flag for a file, whose name a shell completes by these endings.
func fileFlag(c *cobra.Command, file *string, name, usage string, endings ...string) {
	c.Flags().StringVar(file, name, "", usage)
	_ = c.MarkFlagFilename(name, endings...) // it is there
}

// folderFlag declares a flag for a directory.
func folderFlag(c *cobra.Command, dir *string, name, value, usage string) {
	c.Flags().StringVar(dir, name, value, usage)
	_ = c.MarkFlagDirname(name) // it is there
}

// dirFlag declares --dir.
func dirFlag(c *cobra.Command, dir *string) {
	folderFlag(c, dir, "dir", "", "take the input from this `DIR` instead of the built-in example")
}

// noInput is a mistake in --dir.
func noInput(dir string) error {
	_, err := os.ReadDir(dir)
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return fmt.Errorf("--dir %s: a directory that can be read is needed: %w", dir, at.Err)
	}
	return err
}

// sourceFlags declare --config and --dir, of which one is given, or none.
func sourceFlags(c *cobra.Command, config, dir *string) {
	ConfigFlag(c, config, "the configuration `FILE`; the built-in example without one")
	dirFlag(c, dir)
}

// approvedFlag declares --approved-digest.
func approvedFlag(c *cobra.Command, digest *string) {
	c.Flags().StringVar(digest, "approved-digest", "", "refuse a runbook with another `DIGEST`: that of the plan that was signed")
}

// Parsed is a flag whose value a function reads; it may be repeated. Kind is what the value is, for the help.
type Parsed struct {
	Kind string
	Read func(string) error
}

// Set reads a value.
func (p Parsed) Set(text string) error { return p.Read(text) }

// Type is the kind of the value.
func (p Parsed) Type() string { return p.Kind }

// String is empty: there is no default.
func (Parsed) String() string { return "" }

// NamedDuration is a flag that takes NAME=DURATION, such as the one that is given here.
func NamedDuration(kind, such string, take func(name string, d time.Duration) error) Parsed {
	return Parsed{kind, func(text string) error {
		name, value, _ := strings.Cut(text, "=")
		d, err := time.ParseDuration(value)
		if err != nil || name == "" || d <= 0 {
			return fmt.Errorf("write it as %s, such as %s", kind, such)
		}
		return take(name, d)
	}}
}

// OutputFlag declares --output, in one of some formats; the first is the default.
func OutputFlag(c *cobra.Command, format *string, formats ...string) {
	oneOf(c, format, "output", "o", "how it is printed", formats...)
}

// oneOf declares a flag that takes one of some words; the first is the default.
func oneOf(c *cobra.Command, value *string, name, letter, usage string, words ...string) {
	*value = words[0]
	c.Flags().VarP(Parsed{"FORMAT", func(text string) error {
		if !slices.Contains(words, text) {
			return fmt.Errorf("there is no format %q: it is one of %s", text, strings.Join(words, ", "))
		}
		*value = text
		return nil
	}}, name, letter, usage+": "+words[0]+" (the default), "+strings.Join(words[1:], ", "))
	_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // it is there
}

// formatFlag declares the old name of --output.
func formatFlag(fs *pflag.FlagSet) {
	fs.Var(fs.Lookup("output").Value, "format", "the old name of --output")
	_ = fs.MarkHidden("format")
}

// JSONFlag declares the old name of --output json.
func JSONFlag(fs *pflag.FlagSet) {
	fs.BoolFunc("json", "the old name of --output json", func(text string) error {
		if on, err := strconv.ParseBool(text); err != nil || !on {
			return err
		}
		return fs.Set("output", "json")
	})
	_ = fs.MarkHidden("json")
}
