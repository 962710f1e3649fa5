package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// twoDashes gives long flags that are written with one dash, as they once were, their second one. A value stays as it
// is, and so does what stands behind --.
func twoDashes(root *cobra.Command, args []string) []string {
	long := map[string]*pflag.Flag{}
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			long[f.Name] = f
			if f.Shorthand != "" {
				long[f.Shorthand] = f
			}
		})
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
	out := append([]string{}, args...)
	for i := 0; i < len(out); i++ {
		name, _, valued := strings.Cut(strings.TrimLeft(out[i], "-"), "=")
		dashes := len(out[i]) - len(strings.TrimLeft(out[i], "-"))
		if out[i] == "--" {
			break
		}
		f := long[name]
		if f == nil || dashes == 0 || dashes > 2 {
			continue
		}
		if dashes == 1 && len(name) > 1 {
			out[i] = "-" + out[i]
		}
		if !valued && f.NoOptDefVal == "" {
			i++ // its value
		}
	}
	return out
}
