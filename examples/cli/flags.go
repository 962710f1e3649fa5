package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configFlag declares --config.
func configFlag(c *cobra.Command, config *string) {
	ConfigFlag(c, config, "the configuration `FILE`")
}

// ConfigFlag declares --config, for a file of YAML.
func ConfigFlag(c *cobra.Command, config *string, usage string) {
	c.Flags().StringVar(config, "config", "", usage)
	_ = c.MarkFlagFilename("config", "yaml", "yml") // it is there
}

// dirFlag declares --dir.
func dirFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "dir", "", "take the input from this `DIR` instead of the built-in example")
	_ = c.MarkFlagDirname("dir") // it is there
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

// outputFlag declares --output, in one of some formats; the first is the default. Its old names stay, unseen.
func outputFlag(c *cobra.Command, format *string, formats ...string) {
	*format = formats[0]
	v := Parsed{strings.Join(formats, "|"), func(text string) error {
		if !slices.Contains(formats, text) {
			return fmt.Errorf("there is no format %q: it is one of %s", text, strings.Join(formats, ", "))
		}
		*format = text
		return nil
	}}
	c.Flags().VarP(v, "output", "o", "how it is printed; "+formats[0]+" by default")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

// formatFlag declares the old name of --output.
func formatFlag(fs *pflag.FlagSet) {
	fs.Var(fs.Lookup("output").Value, "format", "the old name of --output")
	_ = fs.MarkHidden("format")
}

// jsonFlag declares the old name of --output json.
func jsonFlag(fs *pflag.FlagSet) {
	fs.BoolFunc("json", "the old name of --output json", func(text string) error {
		if on, err := strconv.ParseBool(text); err != nil || !on {
			return err
		}
		return fs.Set("output", "json")
	})
	_ = fs.MarkHidden("json")
}
