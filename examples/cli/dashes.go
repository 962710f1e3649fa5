package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// twoDashes gives long flags that are written with one dash, as they once were, their second one. A value stays as it
// is, and so does what stands behind --.
func twoDashes(root *cobra.Command, args []string) []string {
	c, _, _ := root.Find(args) // root where there is no such command, and that has no flags
	out := slices.Clone(args)
	for i := 0; i < len(out) && out[i] != "--"; i++ {
		bare := strings.TrimLeft(out[i], "-")
		name, _, valued := strings.Cut(bare, "=")
		f := c.Flags().Lookup(name)
		if len(name) == 1 {
			f = c.Flags().ShorthandLookup(name)
		}
		dashes := len(out[i]) - len(bare)
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
